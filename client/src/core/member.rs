//! What a member of a consumer group is and goes through, whichever protocol it follows.

use std::collections::BTreeSet;
use std::time::Duration;

use milena_protocol::Str;

use super::topic_partition::TopicPartition;
use crate::Error;

/// Who this member is, by Kafka's names.
#[derive(Clone, Debug)]
pub struct MemberSettings {
    /// `group.id`.
    pub group_id: Str,
    /// `group.instance.id`, for a static member.
    pub group_instance_id: Option<Str>,
    /// `client.rack`; empty where it is not said.
    pub client_rack: Str,
    /// `max.poll.interval.ms`, which is also how long the group waits for its members.
    pub rebalance_timeout: Duration,
}

/// Under which number and name this consumer is known to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Classic: counts the rebalances of the group; -1 outside. Consumer protocol: the member epoch, which counts what
    /// the coordinator has told this member; 0 outside.
    pub id: i32,
    /// Classic: given by the coordinator, empty before. Consumer protocol: the member's own.
    pub member_id: Str,
}

impl Default for Generation {
    fn default() -> Self {
        Generation { id: -1, member_id: Str::default() }
    }
}

/// What a producer has to know of a consumer's group to commit its offsets in a transaction (Kafka's
/// `ConsumerGroupMetadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerGroupMetadata {
    /// `group.id`.
    pub group_id: String,
    /// The generation of the group, or under the consumer protocol the member's epoch; -1 outside of the group.
    pub generation_id: i32,
    /// The member's id; empty outside of the group.
    pub member_id: String,
    /// `group.instance.id`, for a static member.
    pub group_instance_id: Option<String>,
}

/// What becomes of a consumer's place in its group when it is closed (KIP-1092).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupMembershipOperation {
    /// Who has a `group.instance.id` remains, who has none leaves.
    #[default]
    Default,
    /// The partitions go to others at once.
    LeaveGroup,
    /// The group keeps the place until the end of the session (`session.timeout.ms`): for who is back by then with the same
    /// `group.instance.id`, or for fewer rebalances while many go.
    RemainInGroup,
}

/// What comes after an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Whatever the state says.
    GoOn,
    /// The coordinator is another one.
    FindCoordinator,
    /// The application has to know.
    Fail(Error),
}

/// What a new assignment changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) assigned: BTreeSet<TopicPartition>,
    pub(super) added: Vec<TopicPartition>,
    pub(super) revoked: Vec<TopicPartition>,
    /// Others may have had what is revoked already.
    pub(super) is_lost: bool,
}

impl Change {
    pub(super) fn new(owned: &BTreeSet<TopicPartition>, assigned: BTreeSet<TopicPartition>) -> Self {
        let added = assigned.difference(owned).cloned().collect();
        let revoked = owned.difference(&assigned).cloned().collect();
        Change { assigned, added, revoked, is_lost: false }
    }
}
