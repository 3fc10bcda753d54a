//! Being a member of a consumer group, under the consumer protocol (KIP-848).
//!
//! ```text
//!            within a poll            answered: an epoch
//!   Outside ---------------> Joining --------------------> Member ---+ a new target: see below
//!      ^                     epoch 0                       epoch > 0 |
//!      |                        ^                           |        |
//!      | left: epoch -1,        | what was lost was         |  ^-----+
//!      | -2 for a static        | given up within a poll    |
//!      | member                 |                           | fenced (25, 110), or left
//!      |                    Expelled <----------------------+ for lack of polls
//!      |
//!      +---- Failed: an error that joining again would meet again
//! ```
//! Heartbeats carry everything, in both directions. The coordinator decides what each member is to have, its target,
//! and tells it in an answer. The member makes it true within its polls:
//!
//! ```text
//!              names of topics known,             committed, told,
//!              something differs                  gone, taken over
//!   told a target ------------------> reconciling ------------------> acknowledged in a heartbeat, at once
//! ```
//! A target that comes meanwhile is the next one. What is to go to this member is only told when all others have
//! acknowledged that it is gone; so whatever is told can be read at once.
//!
//! This machine decides; the [consumer](super::consumer) sends what it says, and lets partitions change hands.

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::messages::consumer_group_heartbeat::{Assignment, TopicPartitions};
use milena_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use milena_protocol::{ErrorCode, Str, Uuid};

use super::member::{Change, Generation, GroupMembershipOperation, MemberSettings, Next};
use super::rng::Rng;
use super::topic_partition::TopicPartition;
use super::wire_millis::wire_millis;
use crate::Error;

// What a heartbeat says in place of an epoch.
const JOIN: i32 = 0;
const LEAVE: i32 = -1;
/// A static member leaves, and will be back: its partitions wait for it (T12).
const LEAVE_STATIC: i32 = -2;

/// Partitions by the ids of their topics.
type ByTopicId = BTreeMap<Uuid, BTreeSet<i32>>;

#[derive(Debug, PartialEq)]
enum State {
    Outside,
    Joining,
    Member,
    Expelled,
    Failed(Error),
}

/// What the coordinator has been told that the member subscribes to.
#[derive(Debug, Default)]
struct Told {
    topics: BTreeSet<Str>,
    regex: Option<Str>,
}

#[derive(Debug)]
pub(super) struct ConsumerMembership {
    settings: MemberSettings,
    /// `group.remote.assignor`.
    server_assignor: Option<Str>,
    generation: Generation,
    state: State,
    /// Counts heartbeats, so that answers to earlier ones can be told apart.
    attempt: u64,
    /// Whether a heartbeat has gone out that can have made it a member.
    has_asked: bool,
    /// What the coordinator has been told; `None` when it has to be told everything.
    told: Option<Told>,
    /// Whether the coordinator may know a regular expression of this member.
    has_told_regex: bool,
    /// There is something to tell that does not wait for the next heartbeat.
    has_news: bool,
    /// What it is to have; `None` before it was told.
    target: Option<ByTopicId>,
    /// Whether the target has to be acknowledged even where it changes nothing.
    is_target_new: bool,
    /// What is being taken over.
    reconciling: Option<ByTopicId>,
    /// What it has; `None` before it has taken over anything.
    current: Option<ByTopicId>,
    /// What it has is to be told.
    acknowledge: bool,
    /// What it has was told, and there is no answer yet: the coordinator may have given on what was not named, even where
    /// it belongs to the target that this member knows.
    is_claim_open: bool,
    /// Of the topics in all of these, as far as they are known.
    names: BTreeMap<Uuid, Str>,
}

impl ConsumerMembership {
    /// Outside of the group, with an id that nobody else has.
    pub(super) fn new(settings: MemberSettings, server_assignor: Option<Str>, rng: &mut Rng) -> Self {
        let member_id = random_uuid(rng).to_string().into();
        ConsumerMembership {
            settings,
            server_assignor,
            generation: Generation { id: JOIN, member_id },
            state: State::Outside,
            attempt: 0,
            has_asked: false,
            told: None,
            has_told_regex: false,
            has_news: false,
            target: None,
            is_target_new: false,
            reconciling: None,
            current: None,
            acknowledge: false,
            is_claim_open: false,
            names: BTreeMap::new(),
        }
    }

    pub(super) fn settings(&self) -> &MemberSettings {
        &self.settings
    }

    pub(super) fn generation(&self) -> &Generation {
        &self.generation
    }

    pub(super) fn is_member(&self) -> bool {
        self.state == State::Member
    }

    pub(super) fn needs_heartbeat(&self) -> bool {
        matches!(self.state, State::Joining | State::Member)
    }

    /// Whether the coordinator has to be told. For a static member that is to remain too, unlike under the classic
    /// protocol: others could not take its place before.
    pub(super) fn has_to_leave(&self, operation: GroupMembershipOperation) -> bool {
        self.has_asked && (self.is_static() || operation != GroupMembershipOperation::RemainInGroup)
    }

    fn is_static(&self) -> bool {
        self.settings.group_instance_id.is_some()
    }

    /// Whether what it has is no longer its own.
    pub(super) fn has_lost_all(&self) -> bool {
        matches!(self.state, State::Expelled | State::Failed(_))
    }

    /// Why it will not join again by itself.
    pub(super) fn failure(&self) -> Option<&Error> {
        match &self.state {
            State::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Whether there is something to tell the coordinator that does not wait for the next heartbeat.
    pub(super) fn wants_heartbeat(&self) -> bool {
        match self.state {
            State::Joining => true,
            State::Member => self.has_news || self.acknowledge,
            _ => false,
        }
    }

    /// The topics of what it has and is to have, as far as they are known.
    pub(super) fn topics(&self) -> impl Iterator<Item = &Str> {
        self.names.values()
    }

    /// The topics of what it has and is to have.
    pub(super) fn topic_ids(&self) -> impl Iterator<Item = Uuid> {
        let partitions = [&self.target, &self.reconciling, &self.current].into_iter().flatten();
        partitions.flat_map(|partitions| partitions.keys()).copied()
    }

    /// The topics of what it is to have whose names it does not know yet.
    pub(super) fn unnamed_topics(&self) -> impl Iterator<Item = Uuid> {
        let topic_ids = self.target.iter().flat_map(|target| target.keys());
        topic_ids.filter(|topic_id| !self.names.contains_key(topic_id)).copied()
    }

    /// Joins, if it is outside. What it had must have been given up.
    pub(super) fn join(&mut self) {
        if matches!(self.state, State::Outside | State::Expelled) {
            self.end(State::Joining);
        }
    }

    /// The application wants other topics, and perhaps they can be had.
    pub(super) fn resubscribed(&mut self) {
        self.topics_changed();
        if self.failure().is_some() {
            self.state = State::Expelled;
        }
    }

    /// The topics of its subscription are others.
    pub(super) fn topics_changed(&mut self) {
        self.has_news = true;
    }

    /// A heartbeat, which goes out now, and a number to know its answer by. The member subscribes to these topics, or to
    /// those that match a pattern which the broker evaluates.
    pub(super) fn heartbeat(
        &mut self,
        topics: &BTreeSet<Str>,
        regex: Option<&Str>,
    ) -> (u64, ConsumerGroupHeartbeatRequest) {
        let mut request = self.message(self.generation.id);
        let told = self.told.take();
        let is_full = told.is_none();
        let told = told.unwrap_or_default();
        if is_full {
            request.rebalance_timeout_ms = wire_millis(self.settings.rebalance_timeout);
            request.rack_id = Some(&self.settings.client_rack).filter(|rack| !rack.is_empty()).cloned();
            request.server_assignor = self.server_assignor.clone();
        }
        if is_full || told.topics != *topics {
            request.subscribed_topic_names = Some(topics.iter().cloned().collect());
        }
        if is_full || told.regex.as_ref() != regex {
            // What was said before stays until it is taken back, in an answer that was lost too.
            let nothing = self.has_told_regex.then(Str::default);
            request.subscribed_topic_regex = regex.cloned().or(nothing);
            self.has_told_regex |= regex.is_some();
        }
        if is_full || self.acknowledge {
            request.topic_partitions = Some(self.claim());
            self.is_claim_open = true;
        }
        self.told = Some(Told { topics: topics.clone(), regex: regex.cloned() });
        (self.has_news, self.acknowledge, self.has_asked) = (false, false, true);
        self.attempt += 1;
        (self.attempt, request)
    }

    /// What it has, and what it is about to have. Unlike in Java: what it did not name would be given to others meanwhile.
    fn claim(&self) -> Vec<TopicPartitions> {
        let mut claim = self.current.clone().unwrap_or_default();
        for (topic_id, partitions) in self.reconciling.iter().flatten() {
            claim.entry(*topic_id).or_default().extend(partitions);
        }
        claim.iter().map(by_topic).collect()
    }

    fn message(&self, epoch: i32) -> ConsumerGroupHeartbeatRequest {
        let mut request = ConsumerGroupHeartbeatRequest::default();
        request.group_id = self.settings.group_id.clone();
        request.member_id = self.generation.member_id.clone();
        request.member_epoch = epoch;
        request.instance_id = self.settings.group_instance_id.clone();
        request
    }

    /// Whether this is the answer to the newest heartbeat. Others were overtaken by a leave.
    pub(super) fn is_newest(&self, attempt: u64) -> bool {
        self.attempt == attempt && self.needs_heartbeat()
    }

    /// The newest heartbeat got no answer, or the coordinator may be another one: the next heartbeat says everything.
    pub(super) fn tell_all(&mut self) {
        self.told = None;
    }

    /// What the answer to the newest heartbeat has brought. One without an error and without an epoch is no answer.
    pub(super) fn heard(&mut self, response: ConsumerGroupHeartbeatResponse) -> Next {
        let code = response.error_code;
        if code.is_none() {
            if response.member_epoch <= 0 {
                self.tell_all();
                return Next::GoOn;
            }
            self.is_claim_open = false;
            self.state = State::Member;
            self.generation.id = response.member_epoch;
            response.assignment.into_iter().for_each(|assignment| self.aim_at(assignment));
            return Next::GoOn;
        }
        self.tell_all();
        let message = response.error_message.as_ref().map_or("", Str::as_str);
        match code {
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => Next::FindCoordinator,
            ErrorCode::FENCED_MEMBER_EPOCH | ErrorCode::UNKNOWN_MEMBER_ID => self.expelled(),
            // A group that is gone knows nobody. One that does not let anybody in is of another kind.
            ErrorCode::GROUP_ID_NOT_FOUND if self.is_member() => self.expelled(),
            // It may be allowed later, and nothing was lost.
            ErrorCode::TOPIC_AUTHORIZATION_FAILED => Next::Fail(refusal(code, message)),
            ErrorCode::UNSUPPORTED_VERSION => self.failed(Error::NoConsumerProtocol),
            ErrorCode::UNRELEASED_INSTANCE_ID => self.failed(Error::InstanceIdInUse),
            ErrorCode::FENCED_INSTANCE_ID => self.failed(Error::Fenced),
            code if code.is_retriable() => Next::GoOn,
            code => self.failed(refusal(code, message)),
        }
    }

    /// T15: an assignment is all of what this member is to have; where none is told, nothing has changed.
    fn aim_at(&mut self, assignment: Assignment) {
        let mut target = ByTopicId::new();
        for TopicPartitions { topic_id, partitions, .. } in assignment.topic_partitions {
            // T20: no id, no topic.
            if !topic_id.is_zero() {
                target.entry(topic_id).or_default().extend(partitions);
            }
        }
        if self.target.as_ref() != Some(&target) {
            self.target = Some(target);
            self.is_target_new = true;
        }
    }

    /// Whether what it is to have is not what it has, or was not looked at yet.
    pub(super) fn has_something_to_reconcile(&self) -> bool {
        let is_busy = self.reconciling.is_some() || self.is_claim_open;
        let is_free = self.is_member() && !is_busy && self.target.is_some();
        is_free && (self.is_target_new || self.current != self.target)
    }

    /// Begins to take over what it is to have, as far as the names of the topics are known. `None` when there is nothing
    /// to be done, or nothing more.
    pub(super) fn reconcile(
        &mut self,
        name: impl Fn(Uuid) -> Option<Str>,
        owned: &BTreeSet<TopicPartition>,
    ) -> Option<Change> {
        if !self.has_something_to_reconcile() {
            return None;
        }
        let target = self.target.as_ref()?;
        for &topic_id in target.keys() {
            if let Some(name) = name(topic_id) {
                self.names.insert(topic_id, name);
            }
        }
        let known = target.iter().filter(|(topic_id, _)| self.names.contains_key(*topic_id));
        let known: ByTopicId = known.map(|(topic_id, partitions)| (*topic_id, partitions.clone())).collect();
        if self.current.is_none() && known.is_empty() && !target.is_empty() {
            // The first answer about the topics is on its way.
            return None;
        }
        let is_new = std::mem::take(&mut self.is_target_new);
        if self.current.as_ref() == Some(&known) {
            // Something was to come that goes again, or that is not known yet. The coordinator waits for an answer.
            self.acknowledge |= is_new;
            return None;
        }
        let assigned = known.iter().flat_map(|(topic_id, partitions)| {
            let topic = &self.names[topic_id];
            partitions.iter().map(|&partition| TopicPartition { topic: topic.clone(), partition })
        });
        let change = Change::new(owned, assigned.collect());
        self.reconciling = Some(known);
        Some(change)
    }

    /// Whether what it began to take over is still meant for it.
    pub(super) fn is_reconciling(&self) -> bool {
        self.reconciling.is_some()
    }

    /// What it began to take over is taken over.
    pub(super) fn reconciled(&mut self) {
        let Some(taken) = self.reconciling.take() else { return };
        let target = &self.target;
        self.names.retain(|topic_id, _| {
            taken.contains_key(topic_id) || target.iter().any(|target| target.contains_key(topic_id))
        });
        self.current = Some(taken);
        self.acknowledge = true;
    }

    /// A commit as this generation was refused because the coordinator does not know the member. Says whether that was
    /// news.
    pub(super) fn fenced(&mut self, sent: &Generation) -> bool {
        let is_news = self.is_member() && *sent == self.generation;
        if is_news {
            self.expelled();
        }
        is_news
    }

    fn expelled(&mut self) -> Next {
        self.end(State::Expelled);
        Next::GoOn
    }

    pub(super) fn failed(&mut self, error: Error) -> Next {
        self.end(State::Failed(error));
        Next::GoOn
    }

    /// The request to leave; `None` when there is nothing to leave. The member is outside from now on.
    pub(super) fn leave(
        &mut self,
        operation: GroupMembershipOperation,
    ) -> Option<ConsumerGroupHeartbeatRequest> {
        self.leave_for(State::Outside, operation)
    }

    /// The same, because the application does not poll. What it has counts as lost.
    pub(super) fn leave_unpolled(&mut self) -> Option<ConsumerGroupHeartbeatRequest> {
        self.leave_for(State::Expelled, GroupMembershipOperation::Default)
    }

    fn leave_for(
        &mut self,
        state: State,
        operation: GroupMembershipOperation,
    ) -> Option<ConsumerGroupHeartbeatRequest> {
        let is_for_good = !self.is_static() || operation == GroupMembershipOperation::LeaveGroup;
        let epoch = if is_for_good { LEAVE } else { LEAVE_STATIC };
        let request = self.has_to_leave(operation).then(|| self.message(epoch));
        self.end(state);
        request
    }

    /// This membership is over. The id stays.
    fn end(&mut self, state: State) {
        self.state = state;
        self.generation.id = JOIN;
        self.attempt += 1;
        self.told = None;
        (self.has_asked, self.has_news) = (false, false);
        (self.acknowledge, self.is_claim_open, self.is_target_new) = (false, false, false);
        (self.target, self.reconciling, self.current) = (None, None, None);
        self.names.clear();
    }
}

fn by_topic((topic_id, partitions): (&Uuid, &BTreeSet<i32>)) -> TopicPartitions {
    let mut topic = TopicPartitions::default();
    topic.topic_id = *topic_id;
    topic.partitions = partitions.iter().copied().collect();
    topic
}

fn refusal(code: ErrorCode, message: &str) -> Error {
    Error::Refused { doing: "taking part in the group", code, message: message.to_owned() }
}

/// A random UUID (RFC 9562, version 4), without the leading dash that Kafka avoids for the sake of command lines.
fn random_uuid(rng: &mut Rng) -> Uuid {
    loop {
        let mut bits = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
        bits = bits & !(0xf << 76) | 0x4 << 76;
        bits = bits & !(0x3 << 62) | 0x2 << 62;
        let uuid = Uuid(bits.to_be_bytes());
        if !uuid.to_string().starts_with('-') {
            return uuid;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::test_support::T;

    fn membership(seed: u64) -> ConsumerMembership {
        let settings = MemberSettings {
            group_id: "g".into(),
            group_instance_id: None,
            client_rack: Str::default(),
            rebalance_timeout: 300_000 * T,
        };
        ConsumerMembership::new(settings, None, &mut Rng::new(seed))
    }

    fn said(membership: &mut ConsumerMembership, regex: Option<&str>) -> Option<String> {
        let (_, request) = membership.heartbeat(&BTreeSet::new(), regex.map(Str::from).as_ref());
        request.subscribed_topic_regex.map(|regex| regex.to_string())
    }

    #[test]
    fn a_regular_expression_is_told_once_and_taken_back_with_an_empty_one() {
        let mut membership = membership(1);
        membership.join();
        assert_eq!(said(&mut membership, Some("a.*")).as_deref(), Some("a.*"));
        assert_eq!(said(&mut membership, Some("a.*")), None);
        assert_eq!(said(&mut membership, Some("b.*")).as_deref(), Some("b.*"));
        assert_eq!(said(&mut membership, None).as_deref(), Some(""));
        assert_eq!(said(&mut membership, None), None);
        // That may have been lost, and another membership of the same id may find the old one.
        membership.tell_all();
        assert_eq!(said(&mut membership, None).as_deref(), Some(""));
    }

    #[test]
    fn a_member_that_never_had_a_regular_expression_says_nothing_of_one() {
        let mut membership = membership(1);
        membership.join();
        assert_eq!(said(&mut membership, None), None);
    }

    #[test]
    fn ids_are_random_and_have_no_leading_dash() {
        let ids: BTreeSet<String> =
            (0..1_000).map(|seed| membership(seed).generation.member_id.to_string()).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| id.len() == 22 && !id.starts_with('-')));
    }
}
