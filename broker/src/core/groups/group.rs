//! A group of either kind.

use std::time::Instant;

use milena_protocol::{ErrorCode, Str, Uuid};

use super::classic::{CONSUMER, ClassicGroup};
use super::consumer::ConsumerGroup;
use super::offsets::{Claim, Lasting};
use super::shared::Shared;
use super::timers::Timer;
use crate::core::catalog::Catalog;

/// A group.
#[derive(Debug)]
pub(super) enum Group {
    /// One whose leader assigns.
    Classic(ClassicGroup),
    /// One whose coordinator assigns (KIP-848).
    Consumer(ConsumerGroup),
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Group::Classic(group) => group.is_empty(),
            Group::Consumer(group) => group.is_empty(),
        }
    }

    pub(super) fn state_name(&self) -> Str {
        match self {
            Group::Classic(group) => group.state_name(),
            Group::Consumer(group) => group.state_name(),
        }
    }

    pub(super) fn type_name(&self) -> Str {
        Str::from_static(match self {
            Group::Classic(_) => "classic",
            Group::Consumer(_) => "consumer",
        })
    }

    pub(super) fn protocol_type(&self) -> Str {
        match self {
            Group::Classic(group) => group.protocol_type(),
            Group::Consumer(_) => Str::from_static(CONSUMER),
        }
    }

    /// Whether this is a member, or somebody who was told how to become one.
    pub(super) fn knows(&self, member_id: &str) -> bool {
        match self {
            Group::Classic(group) => group.knows(member_id),
            Group::Consumer(group) => group.knows(member_id),
        }
    }

    pub(super) fn member_ids(&self) -> Vec<Str> {
        match self {
            Group::Classic(group) => group.member_ids(),
            Group::Consumer(group) => group.member_ids(),
        }
    }

    pub(super) fn timer_ended(
        &mut self,
        timer: &Timer,
        shared: &mut Shared,
        catalog: &Catalog,
        now: Instant,
    ) {
        match self {
            Group::Classic(group) => group.timer_ended(timer, shared, now),
            Group::Consumer(group) => group.timer_ended(timer, shared, catalog),
        }
    }

    /// Whether the claimant may commit for these partitions.
    pub(super) fn check_commit(
        &self,
        claim: &Claim<'_>,
        partitions: &[(Uuid, i32)],
    ) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(group) => group.check_commit(claim),
            Group::Consumer(group) => group.check_commit(claim, partitions),
        }
    }

    /// In a classic group a commit counts as a heartbeat.
    pub(super) fn has_committed(&self, member_id: &str, shared: &mut Shared, now: Instant) {
        if let Group::Classic(group) = self {
            group.has_committed(member_id, shared, now);
        }
    }

    /// Whether a member, or nobody's member, may fetch offsets: in a classic group anybody may.
    pub(super) fn check_fetch(&self, member_id: Option<&str>, member_epoch: i32) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(_) => Ok(()),
            Group::Consumer(group) => group.check_fetch(member_id, member_epoch),
        }
    }

    pub(super) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(group) => group.check_offset_delete(),
            Group::Consumer(_) => Ok(()),
        }
    }

    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            Group::Classic(group) => group.is_subscribed_to(topic),
            Group::Consumer(group) => group.is_subscribed_to(topic),
        }
    }

    pub(super) fn offsets_last(&self) -> Lasting {
        match self {
            Group::Classic(group) => group.offsets_last(),
            Group::Consumer(_) => Lasting::SinceCommit,
        }
    }
}
