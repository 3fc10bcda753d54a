//! What a classic group says about its offsets: who may commit, and how long they last.

use std::time::Instant;

use milena_protocol::{ErrorCode, Str};

use super::{CONSUMER, ClassicGroup, State};
use crate::core::groups::offsets::{Claim, Lasting};
use crate::core::groups::shared::Shared;

impl ClassicGroup {
    pub(in crate::core::groups) fn check_commit(&self, claim: &Claim<'_>) -> Result<(), ErrorCode> {
        if claim.generation < 0 && self.state == State::Empty {
            return Ok(()); // an operator, or a consumer that is in no group
        }
        if claim.generation >= 0 || !claim.member_id.is_empty() || claim.instance_id.is_some() {
            self.check_member(claim.member_id, claim.instance_id)?;
            if claim.generation != self.generation {
                return Err(ErrorCode::ILLEGAL_GENERATION);
            }
        } else if !claim.is_transactional {
            // A transaction need not say who it is: before KIP-447 it could not.
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if !claim.is_transactional && self.state == State::CompletingRebalance {
            // It knows the new generation, but nobody knows yet what is whose.
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }

    /// A commit counts as a heartbeat.
    pub(in crate::core::groups) fn has_committed(&self, member_id: &str, shared: &mut Shared, now: Instant) {
        if matches!(self.state, State::Stable | State::PreparingRebalance) {
            self.begin_session(&Str::from(member_id), shared, now);
        }
    }

    pub(in crate::core::groups) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        if self.state == State::Empty || self.is_of_consumers() {
            Ok(())
        } else {
            Err(ErrorCode::NON_EMPTY_GROUP)
        }
    }

    /// Whether members read this topic; a group of consumers whose subscriptions can't be read may read any.
    pub(in crate::core::groups) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.is_of_consumers(),
        }
    }

    pub(in crate::core::groups) fn offsets_last(&self) -> Lasting {
        match self.state {
            _ if self.protocol_type.is_none() => Lasting::SinceCommit, // only commits, has never had members
            State::Empty => Lasting::Since(self.state_since),
            State::Stable if self.is_of_consumers() && self.subscribed_topics.is_some() => {
                Lasting::SinceCommit
            }
            _ => Lasting::Forever,
        }
    }

    pub(in crate::core::groups) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }
}
