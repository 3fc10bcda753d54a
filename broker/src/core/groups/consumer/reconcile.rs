//! From what a member has to what it is to have, one heartbeat after the other (KIP-848).
//!
//! ```text
//!                           it has more than it is to have
//!   Stable ------------------------------------------------------> UnrevokedPartitions
//!     ^  \                                                              |
//!     |   \ others have what it is to have                              | it says that it has
//!     |    v                                                            | given them up
//!     |  UnreleasedPartitions <-----------------------------------------+
//!     |         | the others have given up                              |
//!     +---------+-------------------------------------------------------+
//! ```
//!
//! It enters the epoch of the target once it has given up what it is not to have, and before it has all that it is to
//! have. After Kafka's `CurrentAssignmentBuilder`.

use std::collections::BTreeSet;

use milena_protocol::Uuid;
use milena_protocol::messages::consumer_group_heartbeat::TopicPartitions;

use super::member::{Epochs, Member, MemberState, has};
use crate::core::groups::assignors::Partitions;

/// What a member is to have, and what is known when it asks.
pub(super) struct Target<'a> {
    pub(super) epoch: i32,
    pub(super) partitions: &'a Partitions,
    /// The topics that it subscribes to and that exist.
    pub(super) topics: &'a BTreeSet<Uuid>,
    pub(super) has_subscription_changed: bool,
    /// What it says that it has; `None` where it says nothing.
    pub(super) owned: Option<&'a [TopicPartitions]>,
}

impl Target<'_> {
    /// Takes the member one step further. `is_free` says whether a partition is nobody's.
    pub(super) fn reconcile(&self, member: &mut Member, is_free: impl Fn(Uuid, i32) -> bool) {
        match member.state {
            MemberState::Stable if member.epoch != self.epoch => self.next(member, is_free),
            MemberState::UnrevokedPartitions if self.still_has(&member.pending_revocation) => {
                self.shrink(member)
            }
            MemberState::Stable => self.shrink(member),
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => {
                self.next(member, is_free)
            }
        }
    }

    /// Whether the member may still have some of these. Silence says that it may.
    fn still_has(&self, revoked: &Epochs) -> bool {
        let Some(owned) = self.owned else { return true };
        let mut owned = owned.iter().flat_map(|topic| topic.partitions.iter().map(|p| (topic.topic_id, *p)));
        owned.any(|(topic, partition)| has(revoked, topic, partition))
    }

    /// Takes away topics that the member has just ceased to subscribe to.
    fn shrink(&self, member: &mut Member) {
        let is_left = |topic: &Uuid| !self.topics.contains(topic);
        if !self.has_subscription_changed || !member.assigned.keys().any(is_left) {
            return;
        }
        let (left, kept): (Epochs, Epochs) =
            std::mem::take(&mut member.assigned).into_iter().partition(|(topic, _)| is_left(topic));
        let mut pending = member.pending_revocation.clone();
        for (topic, partitions) in left {
            pending.entry(topic).or_default().extend(partitions);
        }
        member.assigned = kept;
        if self.still_has(&pending) {
            member.state = MemberState::UnrevokedPartitions;
            member.pending_revocation = pending;
        }
        member.enter(member.epoch);
    }

    fn next(&self, member: &mut Member, is_free: impl Fn(Uuid, i32) -> bool) {
        let (mut assigned, mut revoked) = (Epochs::new(), Epochs::new());
        for (&topic, partitions) in &member.assigned {
            let wanted = self.partitions.get(&topic).filter(|_| self.topics.contains(&topic));
            for (&partition, &epoch) in partitions {
                let stays = wanted.is_some_and(|wanted| wanted.contains(&partition));
                let into = if stays { &mut assigned } else { &mut revoked };
                into.entry(topic).or_default().insert(partition, epoch);
            }
        }
        if !revoked.is_empty() && self.still_has(&revoked) {
            member.state = MemberState::UnrevokedPartitions;
            member.assigned = assigned;
            member.pending_revocation = revoked;
            return member.enter(member.epoch);
        }
        let mut waits = false;
        for (&topic, partitions) in self.partitions.iter().filter(|(topic, _)| self.topics.contains(*topic)) {
            for &partition in partitions {
                if has(&assigned, topic, partition) {
                    continue;
                }
                // What it has just given up itself is free for it.
                if is_free(topic, partition) || has(&member.pending_revocation, topic, partition) {
                    assigned.entry(topic).or_default().insert(partition, self.epoch);
                } else {
                    waits = true;
                }
            }
        }
        member.state = if waits { MemberState::UnreleasedPartitions } else { MemberState::Stable };
        member.assigned = assigned;
        member.pending_revocation = Epochs::new();
        member.enter(self.epoch);
    }
}
