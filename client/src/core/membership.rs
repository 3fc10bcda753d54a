//! Being a member of a consumer group: what its two protocols have in common.
//!
//! Under the classic one all members join together, and one of them shares out the
//! partitions. Under the consumer one (KIP-848) the coordinator tells each member by itself
//! what it is to have. Which one a consumer follows is its `group.protocol`.

use std::time::{Duration, Instant};

use milena_protocol::{ErrorCode, Str};

use super::classic_membership::ClassicMembership;
use super::consumer_membership::ConsumerMembership;
use super::member::{Generation, GroupMembershipOperation, MemberSettings};

/// Under one protocol or the other.
#[derive(Debug)]
pub(super) enum Membership {
    Classic(ClassicMembership),
    Consumer(ConsumerMembership),
}

impl Membership {
    pub(super) fn classic(&mut self) -> Option<&mut ClassicMembership> {
        match self {
            Membership::Classic(classic) => Some(classic),
            Membership::Consumer(_) => None,
        }
    }

    pub(super) fn consumer(&mut self) -> Option<&mut ConsumerMembership> {
        match self {
            Membership::Classic(_) => None,
            Membership::Consumer(consumer) => Some(consumer),
        }
    }

    fn settings(&self) -> &MemberSettings {
        match self {
            Membership::Classic(classic) => classic.settings(),
            Membership::Consumer(consumer) => consumer.settings(),
        }
    }

    pub(super) fn generation(&self) -> &Generation {
        match self {
            Membership::Classic(classic) => classic.generation(),
            Membership::Consumer(consumer) => consumer.generation(),
        }
    }

    /// The generation that it has joined, if it has joined any.
    pub(super) fn joined(&self) -> Option<&Generation> {
        let has_joined = match self {
            Membership::Classic(classic) => classic.generation().id >= 0,
            Membership::Consumer(consumer) => consumer.is_member(),
        };
        has_joined.then(|| self.generation())
    }

    /// Who asks for committed offsets. Under the consumer protocol the coordinator then says when this member has missed
    /// something.
    pub(super) fn who_asks(&self) -> Option<&Generation> {
        match self {
            Membership::Classic(_) => None,
            Membership::Consumer(consumer) => Some(consumer.generation()).filter(|_| consumer.is_member()),
        }
    }

    pub(super) fn is_static(&self) -> bool {
        self.instance_id().is_some()
    }

    pub(super) fn instance_id(&self) -> Option<&Str> {
        self.settings().group_instance_id.as_ref()
    }

    /// How long the group waits for this member to give up partitions.
    pub(super) fn rebalance_timeout(&self) -> Duration {
        self.settings().rebalance_timeout
    }

    /// Whether it can commit.
    pub(super) fn is_stable(&self) -> bool {
        match self {
            Membership::Classic(classic) => classic.is_stable(),
            Membership::Consumer(consumer) => consumer.is_member(),
        }
    }

    /// Whether it can commit again when the group is through with what it does. Under the consumer protocol nothing stops
    /// for the others.
    pub(super) fn is_rebalancing(&self) -> bool {
        match self {
            Membership::Classic(classic) => classic.is_rebalancing(),
            Membership::Consumer(_) => false,
        }
    }

    /// Whether the coordinator expects to hear from this member.
    pub(super) fn needs_heartbeat(&self) -> bool {
        match self {
            Membership::Classic(classic) => classic.needs_heartbeat(),
            Membership::Consumer(consumer) => consumer.needs_heartbeat(),
        }
    }

    /// Whether leaving in this way is more than to stop.
    pub(super) fn has_to_leave(&self, operation: GroupMembershipOperation) -> bool {
        match self {
            Membership::Classic(classic) => classic.has_to_leave(operation),
            Membership::Consumer(consumer) => consumer.has_to_leave(operation),
        }
    }

    /// The topics, beside those of the subscription, of which this member has to know.
    pub(super) fn watched_topics(&self) -> Box<dyn Iterator<Item = &Str> + '_> {
        match self {
            Membership::Classic(classic) => Box::new(classic.watched_topics()),
            Membership::Consumer(consumer) => Box::new(consumer.topics()),
        }
    }

    /// When a back-off ends.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        match self {
            Membership::Classic(classic) => classic.deadline(now),
            Membership::Consumer(_) => None,
        }
    }

    /// The application wants other topics.
    pub(super) fn resubscribed(&mut self) {
        match self {
            Membership::Classic(classic) => classic.resubscribed(),
            Membership::Consumer(consumer) => consumer.resubscribed(),
        }
    }

    /// The topics of the subscription have changed by themselves.
    pub(super) fn topics_changed(&mut self) {
        if let Membership::Consumer(consumer) = self {
            consumer.topics_changed();
        }
    }

    /// The group is changing hands, or is to.
    pub(super) fn rebalance_in_progress(&mut self, reason: &str) {
        if let Membership::Classic(classic) = self {
            classic.request_rejoin(reason);
        }
    }

    /// A request of the generation `sent` has met another member with the same `group.instance.id`. Under the consumer
    /// protocol a heartbeat says so.
    pub(super) fn instance_fenced(&mut self, sent: &Generation) {
        if let Membership::Classic(classic) = self {
            classic.instance_fenced(sent);
        }
    }

    /// The coordinator refused a request of the generation `sent`: it knows no such generation, or no such member.
    /// Says whether that was news.
    pub(super) fn fenced(&mut self, sent: &Generation, error: ErrorCode) -> bool {
        match self {
            Membership::Classic(classic) => classic.fenced(sent, error),
            Membership::Consumer(consumer) => consumer.fenced(sent),
        }
    }
}
