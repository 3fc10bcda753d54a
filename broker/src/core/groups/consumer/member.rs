//! A member of a consumer group.

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::{Str, Uuid};

use crate::core::groups::classic::protocols::Protocol;

/// What a static member that is to come back leaves behind as its epoch.
pub(super) const LEFT_FOR_NOW: i32 = -2;

/// Partitions by the id of their topic, each with the epoch in which the member got it.
pub(super) type Epochs = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// How far a member has come towards what it is to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum MemberState {
    /// It has what it is to have in its epoch.
    #[default]
    Stable,
    /// It has been told to give up partitions, and has not yet said that it did.
    UnrevokedPartitions,
    /// It waits for partitions that others have not yet given up.
    UnreleasedPartitions,
}

/// A member.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    pub(super) id: Str,
    /// `group.instance.id` (KIP-345).
    pub(super) instance_id: Option<Str>,
    pub(super) rack_id: Option<Str>,
    pub(super) client_id: Str,
    pub(super) client_host: Str,
    /// 0 for one that has just joined, [`LEFT_FOR_NOW`] for a static one that is away.
    pub(super) epoch: i32,
    /// The one before, which the member may still be in: the answer that told it may have been lost.
    pub(super) previous_epoch: i32,
    pub(super) state: MemberState,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) topic_names: BTreeSet<Str>,
    /// Empty for none.
    pub(super) topic_regex: Str,
    pub(super) server_assignor: Option<Str>,
    pub(super) assigned: Epochs,
    /// What it has been told to give up.
    pub(super) pending_revocation: Epochs,
    /// Where it speaks the classic protocol: what only that has.
    pub(super) classic: Option<ClassicSide>,
}

/// What a member that speaks the classic protocol has said in JoinGroup.
#[derive(Clone, Debug)]
pub(super) struct ClassicSide {
    pub(super) session_timeout_ms: i32,
    /// The assignors that it supports. It is told that the first one was chosen.
    pub(super) protocols: Vec<Protocol>,
}

impl Member {
    pub(super) fn new(id: Str) -> Self {
        Member { id, previous_epoch: -1, rebalance_timeout_ms: -1, ..Member::default() }
    }

    pub(super) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// Every partition that nobody else may have as long as this member has it.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (Uuid, i32)> {
        let both = self.assigned.iter().chain(&self.pending_revocation);
        both.flat_map(|(topic, partitions)| partitions.keys().map(|partition| (*topic, *partition)))
    }

    pub(super) fn regex(&self) -> Option<&Str> {
        Some(&self.topic_regex).filter(|regex| !regex.is_empty())
    }

    pub(super) fn enter(&mut self, epoch: i32) {
        self.previous_epoch = self.epoch;
        self.epoch = epoch;
    }
}

/// Whether a member has a partition.
pub(super) fn has(partitions: &Epochs, topic: Uuid, partition: i32) -> bool {
    partitions.get(&topic).is_some_and(|partitions| partitions.contains_key(&partition))
}
