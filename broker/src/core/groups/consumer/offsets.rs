//! What a consumer group says about its offsets: who may commit, and who may fetch.

use milena_protocol::{ErrorCode, Uuid};

use super::ConsumerGroup;
use super::member::{Epochs, Member};
use crate::core::groups::offsets::Claim;

/// Members commit from here on: before, a commit had no epoch.
const EPOCHS: i16 = 9;

impl ConsumerGroup {
    /// A member commits in its own epoch. In an older one it may commit for a partition that it has had since (KIP-1251):
    /// so a commit that crosses a heartbeat is not lost.
    pub(in crate::core::groups) fn check_commit(
        &self,
        claim: &Claim<'_>,
        partitions: &[(Uuid, i32)],
    ) -> Result<(), ErrorCode> {
        if claim.generation < 0 && self.is_empty() {
            return Ok(()); // an operator, or a consumer that is in no group
        }
        let is_nobody = claim.generation == -1 && claim.member_id.is_empty() && claim.instance_id.is_none();
        if claim.is_transactional && is_nobody {
            return Ok(()); // before KIP-447 a transaction could not say who it is
        }
        let member = self.members.get(claim.member_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if !claim.is_transactional && claim.version < EPOCHS && member.classic.is_none() {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        if claim.generation == member.epoch {
            return Ok(());
        }
        let has_had = |&(topic, partition): &(Uuid, i32)| {
            epoch_of(member, topic, partition).is_some_and(|e| e <= claim.generation)
        };
        if claim.generation < member.epoch && partitions.iter().all(has_had) {
            Ok(())
        } else {
            Err(stale(member))
        }
    }

    /// Who says who it is must be right.
    pub(in crate::core::groups) fn check_fetch(
        &self,
        member_id: Option<&str>,
        member_epoch: i32,
    ) -> Result<(), ErrorCode> {
        if member_id.is_none() && member_epoch < 0 {
            return Ok(());
        }
        let member = member_id.and_then(|id| self.members.get(id)).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if member.epoch == member_epoch { Ok(()) } else { Err(stale(member)) }
    }

    pub(in crate::core::groups) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscriptions.contains(topic)
    }
}

/// That it is not the member's epoch, in the words of its protocol.
fn stale(member: &Member) -> ErrorCode {
    match member.classic {
        Some(_) => ErrorCode::ILLEGAL_GENERATION,
        None => ErrorCode::STALE_MEMBER_EPOCH,
    }
}

/// In which epoch the member got a partition that it has, or has to give up.
fn epoch_of(member: &Member, topic: Uuid, partition: i32) -> Option<i32> {
    let in_map =
        |partitions: &Epochs| partitions.get(&topic).and_then(|topic| topic.get(&partition)).copied();
    in_map(&member.assigned).or_else(|| in_map(&member.pending_revocation))
}
