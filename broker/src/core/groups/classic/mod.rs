//! A classic group: its members choose an assignor, and one of them, the leader, assigns.
//!
//! ```text
//!            first member joins                 all have joined, or time is up
//!   Empty ------------------------> Preparing ---------------------------------> Completing
//!     ^                             Rebalance <--------------------------------- Rebalance
//!     |                              |  ^       a member joins, leaves, fails        |
//!     +------------------------------+  |                                            | the leader brings
//!         no members are left           +------------------- Stable <----------------+ the assignments
//!                                         a member joins,
//!                                         leaves, fails
//! ```
//!
//! A group that was deleted is not there: what Kafka calls Dead.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | the group, its members, what they have in common |
//! | `member.rs`, `protocols.rs` | a member, and the protocols that it supports |
//! | `join.rs` | JoinGroup |
//! | `rebalance.rs` | from one generation to the next |
//! | `sync.rs` | SyncGroup |
//! | `offsets.rs` | who may commit offsets, and how long they last |
//! | `stored.rs` | what outlasts its coordinator |
//! | `migrate.rs` | how it becomes a consumer group, and how one becomes it |
//! | `describe.rs` | what operators see of it |
//! | `stay.rs` | Heartbeat, LeaveGroup, and what happens to those who send neither |
//!
//! After Kafka's `ClassicGroup` and the `classicGroup...` methods of `GroupMetadataManager`.

mod describe;
mod join;
pub(super) mod member;
mod migrate;
mod offsets;
pub(super) mod protocols;
mod rebalance;
mod stay;
mod stored;
mod sync;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use milena_protocol::messages::ConsumerProtocolSubscription;
use milena_protocol::messages::join_group::{JoinGroupRequestProtocol, JoinGroupResponseMember};
use milena_protocol::{ErrorCode, Str};

pub(super) use self::join::{answer_join_now, refuse_join};
use self::member::Member;
use self::protocols::Supported;
use self::rebalance::InitialDelay;
use self::stored::Stored;
pub(super) use self::sync::refuse_sync;

/// The protocol type of groups of consumers.
pub(super) const CONSUMER: &str = "consumer";

/// Where a group stands, see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A classic group.
#[derive(Clone, Debug)]
pub(super) struct ClassicGroup {
    id: Str,
    state: State,
    /// The state before this one: from Empty on, more members are waited for than those that are known.
    previous_state: State,
    state_since: Instant,
    generation: i32,
    protocol_type: Option<Str>,
    protocol_name: Option<Str>,
    leader: Option<Str>,
    members: BTreeMap<Str, Member>,
    supported: Supported,
    /// The ids of static members, by their `group.instance.id` (KIP-345).
    static_members: BTreeMap<Str, Str>,
    /// Those that were told to join with an id, and have not yet done so (KIP-394).
    pending_members: BTreeSet<Str>,
    /// Those that have joined this generation, and not yet asked for their assignments.
    pending_sync: BTreeSet<Str>,
    /// How much longer an initial rebalance can be put off, while there is one.
    initial_delay: Option<InitialDelay>,
    /// Whether somebody has joined since it was last put off.
    new_member_added: bool,
    /// What another coordinator would find of the group.
    stored: Stored,
    /// What the members of a consumer group subscribe to, where it can be read.
    subscribed_topics: Option<BTreeSet<Str>>,
}

impl ClassicGroup {
    pub(super) fn new(id: Str, now: Instant) -> Self {
        ClassicGroup {
            id,
            state: State::Empty,
            previous_state: State::Empty,
            state_since: now,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            supported: Supported::default(),
            static_members: BTreeMap::new(),
            pending_members: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            initial_delay: None,
            new_member_added: false,
            stored: Stored::new(now),
            subscribed_topics: None,
        }
    }

    fn enter(&mut self, state: State, now: Instant) {
        self.previous_state = self.state;
        self.state = state;
        self.state_since = now;
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Whether somebody with these protocols could be a member.
    fn supports(&self, protocol_type: &str, protocols: &[JoinGroupRequestProtocol]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.supported.by_all(&protocol.name))
    }

    /// That the member is one, under this `group.instance.id` if it has one.
    fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(id) if id != member_id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    fn add(&mut self, member: Member) {
        let id = member.id.clone();
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), id.clone());
        }
        if self.members.is_empty() {
            self.protocol_type = Some(member.protocol_type.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.pending_members.remove(&id);
        self.supported.add(&member.protocols);
        if let Some(old) = self.members.insert(id, member) {
            self.supported.remove(&old.protocols);
        }
    }

    /// Forgets a member, also one that was only told its id.
    fn remove(&mut self, member_id: &str) -> Option<Member> {
        let removed = self.members.remove(member_id);
        if let Some(removed) = &removed {
            self.supported.remove(&removed.protocols);
        }
        if let Some(instance_id) = removed.as_ref().and_then(|member| member.instance_id.as_ref()) {
            self.static_members.remove(instance_id);
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_members.remove(member_id);
        self.pending_sync.remove(member_id);
        removed
    }

    fn awaiting_join(&self) -> usize {
        self.members.values().filter(|member| member.awaiting_join.is_some()).count()
    }

    fn all_have_joined(&self) -> bool {
        self.pending_members.is_empty() && self.members.values().all(|member| member.awaiting_join.is_some())
    }

    /// The longest time that a member wants to have for joining.
    fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// The protocol that all members support and most prefer; the first by name where several are level (Kafka's order
    /// is that of a hash map).
    fn select_protocol(&self) -> Option<Str> {
        let mut votes: BTreeMap<&Str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let mut names = member.protocols.iter().map(|protocol| &protocol.name);
            if let Some(preferred) = names.find(|name| self.supported.by_all(name)) {
                *votes.entry(preferred).or_default() += 1;
            }
        }
        let most = votes.values().max()?;
        votes.iter().find(|(_, count)| *count == most).map(|(name, _)| (*name).clone())
    }

    /// The members, for the one that assigns.
    fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        let name = self.protocol_name.as_deref().unwrap_or_default();
        let described = |member: &Member| {
            let mut described = JoinGroupResponseMember::default();
            described.member_id = member.id.clone();
            described.group_instance_id = member.instance_id.clone();
            described.metadata = member.metadata(name);
            described
        };
        self.members.values().map(described).collect()
    }

    /// What consumers subscribe to; `None` where the group is of others, or where a subscription can't be read.
    fn read_subscriptions(&self) -> Option<BTreeSet<Str>> {
        if self.protocol_type.as_deref() != Some(CONSUMER) {
            return None;
        }
        let Some(name) = self.protocol_name.as_deref() else {
            return self.members.is_empty().then(BTreeSet::new);
        };
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let (_, subscription) = ConsumerProtocolSubscription::from_blob(&member.metadata(name)).ok()?;
            topics.extend(subscription.topics.iter().map(Str::detached));
        }
        Some(topics)
    }
}
