//! What of a classic group outlasts its coordinator.
//!
//! Kafka writes a group to its log when the leader has assigned, when a static member takes another's place without a
//! rebalance, and when the group is empty. Whoever takes the group over finds that, and members whose sessions begin anew;
//! what was under way is not there (`GroupMetadataManager.onUnloaded` and `onLoaded`).

use std::time::Instant;

use milena_protocol::{ErrorCode, Str};

use super::join::refusal;
use super::member::Member;
use super::{ClassicGroup, State};
use crate::core::groups::shared::Shared;

/// A group as it was last written.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    since: Instant,
    generation: i32,
    protocol_type: Option<Str>,
    protocol_name: Option<Str>,
    leader: Option<Str>,
    members: Vec<Member>,
}

impl Stored {
    /// An empty group.
    pub(super) fn new(now: Instant) -> Self {
        Stored {
            since: now,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: Vec::new(),
        }
    }
}

impl ClassicGroup {
    pub(super) fn store(&mut self) {
        let name = self.protocol_name.clone().unwrap_or_default();
        let stored = |member: &Member| {
            let mut member = member.clone();
            member.protocols.retain(|protocol| protocol.name == name); // of the others nothing is written
            (member.awaiting_join, member.awaiting_sync, member.is_new) = (None, None, false);
            member
        };
        self.stored = Stored {
            since: self.state_since,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            members: self.members.values().map(stored).collect(),
        };
    }

    /// Another broker coordinates the group from now on, and finds what was stored. Who waits is sent to it.
    pub(in crate::core::groups) fn coordinator_moved(&mut self, shared: &mut Shared, now: Instant) {
        for id in self.member_ids() {
            self.answer_join(&id, refusal(&id, ErrorCode::NOT_COORDINATOR), shared);
            self.answer_sync(&id, ErrorCode::NOT_COORDINATOR, shared, now);
        }
        shared.timers.stop_all(&self.id);
        let stored = self.stored.clone();
        let mut group = ClassicGroup::new(self.id.clone(), stored.since);
        stored.members.iter().cloned().for_each(|member| group.add(member));
        group.state = if group.members.is_empty() { State::Empty } else { State::Stable };
        (group.generation, group.leader) = (stored.generation, stored.leader.clone());
        (group.protocol_type, group.protocol_name) =
            (stored.protocol_type.clone(), stored.protocol_name.clone());
        group.subscribed_topics = group.read_subscriptions();
        group.stored = stored;
        *self = group;
        for id in self.member_ids() {
            self.begin_session(&id, shared, now);
        }
    }

    /// Whether somebody is a member, or was told how to become one.
    pub(in crate::core::groups) fn knows(&self, member_id: &str) -> bool {
        self.members.contains_key(member_id) || self.pending_members.contains(member_id)
    }
}
