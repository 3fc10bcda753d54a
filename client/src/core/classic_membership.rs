//! Being a member of a consumer group, under the classic protocol.
//!
//! ```text
//!                JoinGroup             leader: JoinGroup's answer lists all members
//!   Outside ---------------> Joining ------------------------------------> Leading
//!      ^                     |  ^ |                                           | assigned, SyncGroup
//!      |     79: again with  +--+ |  follower: SyncGroup                      v
//!      |     the given id (T9)    +-------------------------------------> Syncing
//!      |                                                                      | SyncGroup's answer
//!      | left, or membership lost:                 taken over in a poll       v
//!      | 22, 25                           Member <----------------------- Assigned
//!      +----------------------------------  |
//!                                           +--> Joining: the group changes hands (27), the subscription or, for the
//!                                                leader, the topics have changed, partitions were given up (KIP-429)
//! ```
//! A step that fails leads to `Rejoining`: the same as `Member` or `Outside` in that a JoinGroup comes next, but partitions
//! were given up already where they must be. A new generation begins with every JoinGroup that is answered. Where another
//! has taken the `group.instance.id` (82), `Fenced` is the end, until the application subscribes anew: to join would be to
//! take it back (T12).
//!
//! This machine decides; the [consumer](super::consumer) sends what it says, and only starts to join within a poll.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use milena_protocol::messages::leave_group::MemberIdentity;
use milena_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
    SyncGroupResponse,
};
use milena_protocol::{ErrorCode, Str};

use super::assignors::{
    Assignor, ClusterTopics, GroupAssignment, Member, RebalanceProtocol, TopicPartitions,
};
use super::member::{Change, Generation, GroupMembershipOperation, MemberSettings, Next};
use super::member_data;
use super::subscription::Subscription;
use super::topic_partition::TopicPartition;
use super::wire_millis::wire_millis;
use crate::Error;

const PROTOCOL_TYPE: &str = "consumer";
const COOPERATIVE_STICKY: &str = "cooperative-sticky";
/// The first LeaveGroup that can name several members (KIP-345).
const LEAVE_BATCH: i16 = 3;
/// The broker cuts reasons off here.
const REASON_LIMIT: usize = 255;

#[derive(Debug)]
enum State {
    Outside,
    Rejoining,
    Joining,
    Leading { members: Vec<Member>, topics: BTreeSet<Str>, skip: bool },
    Syncing,
    Assigned(Bytes),
    Member,
    Fenced,
}

#[derive(Debug)]
pub(super) struct ClassicMembership {
    settings: MemberSettings,
    session_timeout: Duration,
    retry_backoff: Duration,
    assignors: Vec<Box<dyn Assignor>>,
    protocol: RebalanceProtocol,
    generation: Generation,
    /// The assignor that the group agreed on.
    agreed: Str,
    state: State,
    /// Why to join, if there is a reason.
    rejoin: Option<String>,
    /// Whether what has to go before a JoinGroup has gone.
    pub(super) prepared: bool,
    /// The topics of the last JoinGroup.
    joined_topics: Option<BTreeSet<Str>>,
    /// For the leader: what its assignment was based on.
    led: Option<Led>,
    retry_at: Option<Instant>,
    /// A JoinGroup is on its way. There is no second one before its answer, which may bring an id that nobody else knows.
    awaits_join: bool,
    /// The last generation whose coordinator has answered the SyncGroup. A coordinator that goes down before that takes the
    /// generation with it, and the next one gives its number to another, without this member.
    reached: i32,
    /// The group went through a generation without this member. It can have given away what this one still has: the leader
    /// knows of an absent static member what it said when it joined last.
    missed_a_generation: bool,
    /// The generation in which this member gave up partitions that are nobody's until the group is joined again.
    owes_a_join: Option<i32>,
}

#[derive(Debug)]
struct Led {
    topics: BTreeSet<Str>,
    cluster: ClusterTopics,
}

impl ClassicMembership {
    /// Outside of the group.
    pub(super) fn new(
        settings: MemberSettings,
        assignors: Vec<Box<dyn Assignor>>,
        session_timeout: Duration,
        retry_backoff: Duration,
    ) -> Self {
        let protocol = [RebalanceProtocol::Cooperative, RebalanceProtocol::Eager]
            .into_iter()
            .find(|wanted| assignors.iter().all(|assignor| assignor.supported_protocols().contains(wanted)));
        ClassicMembership {
            settings,
            session_timeout,
            retry_backoff,
            assignors,
            protocol: protocol.unwrap_or(RebalanceProtocol::Eager),
            generation: Generation::default(),
            agreed: Str::default(),
            state: State::Outside,
            rejoin: Some("a new consumer".into()),
            prepared: false,
            joined_topics: None,
            led: None,
            retry_at: None,
            awaits_join: false,
            reached: Generation::default().id,
            missed_a_generation: false,
            owes_a_join: None,
        }
    }

    pub(super) fn settings(&self) -> &MemberSettings {
        &self.settings
    }

    pub(super) fn generation(&self) -> &Generation {
        &self.generation
    }

    pub(super) fn is_eager(&self) -> bool {
        self.protocol == RebalanceProtocol::Eager
    }

    fn is_static(&self) -> bool {
        self.settings.group_instance_id.is_some()
    }

    /// Whether it can commit (Kafka's `STABLE`).
    pub(super) fn is_stable(&self) -> bool {
        matches!(self.state, State::Member | State::Assigned(_))
    }

    /// Whether the group is changing hands.
    pub(super) fn is_rebalancing(&self) -> bool {
        !matches!(self.state, State::Outside | State::Member | State::Assigned(_) | State::Fenced)
    }

    /// Whether another has the `group.instance.id`, so that this member does not join again by itself.
    pub(super) fn is_fenced(&self) -> bool {
        matches!(self.state, State::Fenced)
    }

    /// The application wants other topics, and is to have its way.
    pub(super) fn resubscribed(&mut self) {
        if self.is_fenced() {
            self.state = State::Outside;
        }
    }

    /// Whether the coordinator expects to hear from this member.
    pub(super) fn needs_heartbeat(&self) -> bool {
        !matches!(self.state, State::Outside | State::Rejoining | State::Joining | State::Fenced)
    }

    /// Whether the coordinator has to be told. A static member keeps its place as a rule, and comes back or not.
    pub(super) fn has_to_leave(&self, operation: GroupMembershipOperation) -> bool {
        let leaves = match operation {
            GroupMembershipOperation::Default => !self.is_static(),
            GroupMembershipOperation::LeaveGroup => true,
            GroupMembershipOperation::RemainInGroup => false,
        };
        // The coordinator may know a static member before that knows its id.
        let has_asked = self.awaits_join || self.is_static() && matches!(self.state, State::Rejoining);
        leaves && (has_asked || !self.generation.member_id.is_empty())
    }

    /// Whether a JoinGroup is under way for this membership.
    fn is_joining(&self) -> bool {
        matches!(self.state, State::Joining)
    }

    /// T9: whether the coordinator is about to give an id, which would stay behind if nobody knew of it.
    pub(super) fn awaits_id(&self) -> bool {
        self.awaits_join && !self.is_static() && self.generation.member_id.is_empty()
    }

    /// Whether an answer is awaited that may be long in coming, and is not needed to leave.
    pub(super) fn awaits_others(&self) -> bool {
        self.awaits_join && !self.awaits_id() || self.is_syncing()
    }

    /// The topics that the leader needs to know of; `None` for all others.
    pub(super) fn topics_to_lead(&self) -> Option<&BTreeSet<Str>> {
        match &self.state {
            State::Leading { topics, .. } => Some(topics),
            _ => None,
        }
    }

    /// All topics whose changes this member has to watch for the group.
    pub(super) fn watched_topics(&self) -> impl Iterator<Item = &Str> {
        self.topics_to_lead().into_iter().chain(self.led.as_ref().map(|led| &led.topics)).flatten()
    }

    /// For the leader: whether the topics of the group have changed since they were shared out.
    pub(super) fn watch(&mut self, cluster: impl FnOnce(&BTreeSet<Str>) -> ClusterTopics) {
        if let Some(led) = &self.led
            && self.is_stable()
            && cluster(&led.topics) != led.cluster
        {
            self.request_rejoin("cached metadata has changed");
        }
    }

    /// Joins again at the next occasion.
    pub(super) fn request_rejoin(&mut self, reason: &str) {
        self.rejoin.get_or_insert_with(|| reason.to_owned());
    }

    /// Whether a JoinGroup, and what comes before it, is due.
    pub(super) fn wants_to_join(&mut self, topics: &BTreeSet<Str>, now: Instant) -> bool {
        let waits = self.awaits_join || self.retry_at.is_some_and(|at| at > now);
        if waits || !matches!(self.state, State::Outside | State::Rejoining | State::Member) {
            return false;
        }
        if self.joined_topics.as_ref().is_some_and(|joined| joined != topics) {
            self.request_rejoin("subscription has changed");
        }
        self.rejoin.is_some() || !matches!(self.state, State::Member)
    }

    /// When a back-off ends.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.retry_at.filter(|at| *at > now)
    }

    /// Which of the `owned` partitions go before this member joins again, and whether they are lost: others may have
    /// them already.
    pub(super) fn prepare(
        &mut self,
        owned: &BTreeSet<TopicPartition>,
        topics: &BTreeSet<Str>,
    ) -> (Vec<TopicPartition>, bool) {
        self.prepared = true;
        self.led = None;
        let lost = self.generation.id < 0 || self.generation.member_id.is_empty();
        let goes =
            |partition: &&TopicPartition| lost || self.is_eager() || !topics.contains(&partition.topic);
        (owned.iter().filter(goes).cloned().collect(), lost)
    }

    /// The request to join with these topics, still owning these partitions. It goes out now.
    pub(super) fn join(
        &mut self,
        topics: &BTreeSet<Str>,
        owned: &BTreeSet<TopicPartition>,
    ) -> JoinGroupRequest {
        self.state = State::Joining;
        self.awaits_join = true;
        self.retry_at = None;
        self.joined_topics = Some(topics.clone());
        let rack = Some(&self.settings.client_rack).filter(|rack| !rack.is_empty());
        let protocols = member_data::protocols(&self.assignors, topics, owned, self.generation.id, rack);
        let mut request = JoinGroupRequest::default();
        request.protocols = protocols;
        request.group_id = self.settings.group_id.clone();
        request.session_timeout_ms = wire_millis(self.session_timeout);
        request.rebalance_timeout_ms = wire_millis(self.settings.rebalance_timeout);
        request.member_id = self.generation.member_id.clone();
        request.group_instance_id = self.settings.group_instance_id.clone();
        request.protocol_type = Str::from_static(PROTOCOL_TYPE);
        request.reason = self.rejoin.as_deref().map(|reason| truncated(reason).into());
        request
    }

    /// The answer to JoinGroup.
    pub(super) fn joined(&mut self, response: JoinGroupResponse, now: Instant) -> Next {
        let was_awaited_id = self.awaits_id();
        self.awaits_join = false;
        if !self.is_joining() {
            // Meanwhile it was to leave, or was refused. But it has the id: to leave by, or to join with.
            let gives_id = matches!(response.error_code, ErrorCode::NONE | ErrorCode::MEMBER_ID_REQUIRED);
            if was_awaited_id && gives_id {
                self.generation.member_id = response.member_id.detached();
            }
            return Next::GoOn;
        }
        let Err(error) = response.error_code.ok() else { return self.accepted(response, now) };
        match error {
            ErrorCode::MEMBER_ID_REQUIRED => {
                // KIP-394: a phase of its own, so that clients which give up leave no members behind.
                let member_id = response.member_id.detached();
                self.generation = Generation { member_id, ..Generation::default() };
                self.rejoin = Some("need to re-join with the given member-id".into());
                self.state = State::Rejoining;
                Next::GoOn
            }
            ErrorCode::UNKNOWN_MEMBER_ID => {
                self.reset(true, "the coordinator does not know this member");
                Next::GoOn
            }
            ErrorCode::ILLEGAL_GENERATION => {
                self.reset(false, "the generation is over");
                Next::GoOn
            }
            _ => self.failed("joining the group", error, now),
        }
    }

    fn accepted(&mut self, response: JoinGroupResponse, now: Instant) -> Next {
        let wrong_type = response.protocol_type.as_ref().is_some_and(|found| *found != PROTOCOL_TYPE);
        let protocol = response.protocol_name.as_ref().map(Str::detached).unwrap_or_default();
        if wrong_type || self.assignor(&protocol).is_none() {
            return self.failed("joining the group", ErrorCode::INCONSISTENT_GROUP_PROTOCOL, now);
        }
        let reached = self.reached;
        self.missed_a_generation |= reached >= 0 && response.generation_id > reached.saturating_add(1);
        self.generation = Generation { id: response.generation_id, member_id: response.member_id.detached() };
        self.agreed = protocol;
        if response.leader != response.member_id {
            self.led = None;
            self.state = State::Syncing;
            return Next::GoOn;
        }
        let Ok(members) = response.members.iter().map(member_data::member).collect::<Result<Vec<_>, _>>()
        else {
            return self.failed("joining the group", ErrorCode::INCONSISTENT_GROUP_PROTOCOL, now);
        };
        let topics = members.iter().flat_map(|member| &member.topics);
        let topics = topics.map(|topic| Str::from(topic.as_str())).collect();
        self.state = State::Leading { members, topics, skip: response.skip_assignment };
        Next::GoOn
    }

    /// The leader's SyncGroup: who reads what, given these topics. `watched` is what [`watch`](Self::watch) compares.
    ///
    /// # Errors
    /// When the assignor breaks the rules of the cooperative protocol.
    pub(super) fn lead(
        &mut self,
        cluster: &ClusterTopics,
        watched: ClusterTopics,
        now: Instant,
    ) -> Result<SyncGroupRequest, Error> {
        let mut request = self.sync();
        let State::Leading { members, topics, skip } = std::mem::replace(&mut self.state, State::Syncing)
        else {
            return Ok(request);
        };
        // KIP-814: a static leader that comes back leaves everything as it is, and says nothing.
        if !skip && let Some(assignor) = self.assignor(&self.agreed) {
            let decision = assignor.assign(cluster, &members);
            // Kafka's own looks at generations too, and knows which claims are out of date.
            if !self.is_eager()
                && self.agreed != COOPERATIVE_STICKY
                && let Some((topic, partition)) = given_too_soon(&members, &decision)
            {
                let (assignor, topic) = (self.agreed.to_string(), topic.to_owned());
                self.retry(now);
                return Err(Error::UnsafeAssignment { assignor, topic, partition });
            }
            request.assignments = member_data::assignments(decision);
        }
        self.led = Some(Led { topics, cluster: watched });
        Ok(request)
    }

    /// A follower's SyncGroup: what am I to read?
    pub(super) fn sync(&self) -> SyncGroupRequest {
        let mut request = SyncGroupRequest::default();
        request.group_id = self.settings.group_id.clone();
        request.generation_id = self.generation.id;
        request.member_id = self.generation.member_id.clone();
        request.group_instance_id = self.settings.group_instance_id.clone();
        request.protocol_type = Some(Str::from_static(PROTOCOL_TYPE));
        request.protocol_name = Some(self.agreed.clone());
        request
    }

    /// Whether a follower has to send its SyncGroup, or a leader that has assigned.
    pub(super) fn is_syncing(&self) -> bool {
        matches!(self.state, State::Syncing)
    }

    /// The answer to SyncGroup.
    pub(super) fn synced(&mut self, response: SyncGroupResponse, now: Instant) -> Next {
        if !self.is_syncing() {
            return Next::GoOn;
        }
        let Err(error) = response.error_code.ok() else {
            let wrong = |found: &Option<Str>, expected: &str| found.as_ref().is_some_and(|s| *s != expected);
            if wrong(&response.protocol_type, PROTOCOL_TYPE) || wrong(&response.protocol_name, &self.agreed) {
                return self.failed("syncing the group", ErrorCode::INCONSISTENT_GROUP_PROTOCOL, now);
            }
            self.state = State::Assigned(response.assignment);
            self.rejoin = None;
            self.reached = self.generation.id;
            return Next::GoOn;
        };
        if error == ErrorCode::REBALANCE_IN_PROGRESS {
            self.reached = self.generation.id;
        }
        match error {
            ErrorCode::UNKNOWN_MEMBER_ID => {
                self.reset(true, "the coordinator does not know this member");
                Next::GoOn
            }
            ErrorCode::ILLEGAL_GENERATION => {
                self.reset(false, "the generation is over");
                Next::GoOn
            }
            _ => self.failed("syncing the group", error, now),
        }
    }

    /// Whether an assignment has come that was not taken over yet.
    pub(super) fn has_assignment(&self) -> bool {
        matches!(self.state, State::Assigned(_))
    }

    /// Takes over the assignment that came, if one did. `None` too when it does not fit the subscription any more.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn take_assignment(
        &mut self,
        subscription: &mut Subscription,
        owned: &BTreeSet<TopicPartition>,
    ) -> Result<Option<Change>, Error> {
        let State::Assigned(blob) = &self.state else { return Ok(None) };
        let read = member_data::assigned(blob);
        self.state = State::Member;
        self.prepared = false;
        let Ok(told) = read else {
            self.request_rejoin("the assignment cannot be read");
            let code = ErrorCode::INCONSISTENT_GROUP_PROTOCOL;
            return Err(Error::Broker { doing: "reading the group's assignment", code });
        };
        let mut assigned = BTreeSet::new();
        for (topic, partitions) in &told {
            let topic = Str::from(topic.as_str());
            let keys = partitions.iter().map(|&partition| TopicPartition { topic: topic.clone(), partition });
            assigned.extend(keys);
        }
        if !assigned.iter().all(|partition| subscription.accepts(&partition.topic)) {
            self.request_rejoin("received assignment does not match the current subscription");
            return Ok(None);
        }
        // What else the subscription has gained since it was joined with is still to be joined with.
        for partition in &assigned {
            subscription.given(&partition.topic);
            let joined = self.joined_topics.get_or_insert_default();
            if !joined.contains(&partition.topic) {
                joined.insert(partition.topic.clone());
            }
        }
        let mut change = Change::new(owned, assigned);
        change.is_lost = std::mem::take(&mut self.missed_a_generation);
        if !self.is_eager() && !change.revoked.is_empty() {
            self.owes_a_join = Some(self.generation.id);
        }
        // A static member that was lost on the way is taken back into the same generation, without a rebalance.
        self.owes_a_join.take_if(|generation| *generation != self.generation.id);
        if self.owes_a_join.is_some() {
            self.request_rejoin("need to revoke partitions and re-join");
        }
        let (id, agreed) = (self.generation.id, &self.agreed);
        let assignor = self.assignors.iter_mut().find(|assignor| agreed == assignor.name());
        assignor.into_iter().for_each(|assignor| assignor.on_assignment(&told, id));
        Ok(Some(change))
    }

    /// The JoinGroup got no answer.
    pub(super) fn join_unanswered(&mut self, now: Instant) {
        self.awaits_join = false;
        self.unanswered(now);
    }

    /// A JoinGroup or SyncGroup got no answer, or could not be sent.
    pub(super) fn unanswered(&mut self, now: Instant) {
        if matches!(self.state, State::Joining | State::Syncing) {
            self.retry(now);
        }
    }

    pub(super) fn heartbeat(&self) -> HeartbeatRequest {
        let mut request = HeartbeatRequest::default();
        request.group_id = self.settings.group_id.clone();
        request.generation_id = self.generation.id;
        request.member_id = self.generation.member_id.clone();
        request.group_instance_id = self.settings.group_instance_id.clone();
        request
    }

    /// What a heartbeat of the generation `sent` brought to light.
    pub(super) fn heard(&mut self, sent: &Generation, error: ErrorCode) -> Next {
        match error {
            ErrorCode::NONE => Next::GoOn,
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => Next::FindCoordinator,
            ErrorCode::REBALANCE_IN_PROGRESS => {
                if self.is_stable() {
                    self.request_rejoin("group is already rebalancing");
                }
                Next::GoOn
            }
            ErrorCode::ILLEGAL_GENERATION | ErrorCode::UNKNOWN_MEMBER_ID => {
                self.fenced(sent, error);
                Next::GoOn
            }
            ErrorCode::FENCED_INSTANCE_ID => {
                self.instance_fenced(sent);
                Next::GoOn
            }
            error if error.is_retriable() => Next::GoOn,
            error => Next::Fail(Error::Broker { doing: "sending a heartbeat", code: error }),
        }
    }

    /// The coordinator refused a request of the generation `sent`: it knows no such generation, or no such member.
    /// Says whether that was news.
    pub(super) fn fenced(&mut self, sent: &Generation, error: ErrorCode) -> bool {
        let is_current = *sent == self.generation;
        if is_current {
            // T7: another generation may still know the member by its id.
            self.reset(error != ErrorCode::ILLEGAL_GENERATION, "the coordinator refused this generation");
        }
        is_current
    }

    /// A request of the generation `sent` has met another member with the same `group.instance.id`.
    pub(super) fn instance_fenced(&mut self, sent: &Generation) {
        if *sent == self.generation {
            self.reset(true, "the instance id was taken");
            self.state = State::Fenced;
        }
    }

    /// The request to leave, in its newest form; `None` when there is nothing to leave, or when the group is to keep the
    /// place. The consumer is outside from now on.
    pub(super) fn leave(
        &mut self,
        operation: GroupMembershipOperation,
        reason: &str,
    ) -> Option<LeaveGroupRequest> {
        let has_to_leave = self.has_to_leave(operation) && !self.awaits_id();
        let member_id = self.generation.member_id.clone();
        self.reset(true, "left the group");
        if !has_to_leave {
            return None;
        }
        let mut request = LeaveGroupRequest::default();
        request.group_id = self.settings.group_id.clone();
        let mut member = MemberIdentity::default();
        (member.member_id, member.reason) = (member_id, Some(truncated(reason).into()));
        // While it joins a static member has no other name; with both, one that was replaced meanwhile removes nobody.
        member.group_instance_id = self.settings.group_instance_id.clone();
        request.members = vec![member];
        Some(request)
    }

    /// Outside, and on the way in again.
    fn reset(&mut self, forget_member_id: bool, reason: &str) {
        let member_id = if forget_member_id { Str::default() } else { self.generation.member_id.clone() };
        self.generation = Generation { member_id, ..Generation::default() };
        self.state = State::Outside;
        self.rejoin = Some(reason.to_owned());
        self.prepared = false;
        self.led = None;
        self.reached = self.generation.id;
        self.missed_a_generation = false;
    }

    fn failed(&mut self, doing: &'static str, error: ErrorCode, now: Instant) -> Next {
        match error {
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.state = State::Rejoining;
                self.rejoin = Some("another rebalance began".into());
                Next::GoOn
            }
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                // No back-off here: finding the coordinator has its own.
                self.state = State::Rejoining;
                self.rejoin = Some("the coordinator has moved".into());
                Next::FindCoordinator
            }
            ErrorCode::FENCED_INSTANCE_ID => {
                self.instance_fenced(&self.generation.clone());
                Next::GoOn
            }
            error => {
                self.retry(now);
                match error {
                    error if error.is_retriable() => Next::GoOn,
                    code => Next::Fail(Error::Broker { doing, code }),
                }
            }
        }
    }

    fn retry(&mut self, now: Instant) {
        self.state = State::Rejoining;
        self.rejoin = Some("the last attempt to join failed".into());
        self.retry_at = Some(now + self.retry_backoff);
    }

    fn assignor(&self, name: &str) -> Option<&dyn Assignor> {
        self.assignors.iter().find(|assignor| assignor.name() == name).map(|assignor| &**assignor)
    }
}

/// A partition that is given to one member while another, which is to give it up, still has it.
fn given_too_soon<'a>(members: &'a [Member], decision: &'a GroupAssignment) -> Option<(&'a str, i32)> {
    fn flat(topics: &TopicPartitions) -> impl Iterator<Item = (&str, i32)> {
        topics.iter().flat_map(|(topic, partitions)| partitions.iter().map(|n| (topic.as_str(), *n)))
    }
    let given: BTreeMap<&str, BTreeSet<(&str, i32)>> =
        decision.iter().map(|(member_id, topics)| (member_id.as_str(), flat(topics).collect())).collect();
    let owned: BTreeMap<&str, BTreeSet<(&str, i32)>> = members
        .iter()
        .map(|member| (member.member_id.as_str(), flat(&member.owned_partitions).collect()))
        .collect();
    let none = BTreeSet::new();
    let added: BTreeSet<(&str, i32)> = given
        .iter()
        .flat_map(|(member_id, given)| given.difference(owned.get(member_id).unwrap_or(&none)))
        .copied()
        .collect();
    let mut revoked =
        owned.iter().flat_map(|(member_id, owned)| owned.difference(given.get(member_id).unwrap_or(&none)));
    revoked.find(|partition| added.contains(partition)).copied()
}

/// The request to leave, in the form that this version has.
pub(super) fn leave_request(mut request: LeaveGroupRequest, version: i16) -> LeaveGroupRequest {
    if version < LEAVE_BATCH {
        let members = std::mem::take(&mut request.members).into_iter();
        members.for_each(|member| request.member_id = member.member_id);
    }
    request
}

fn truncated(reason: &str) -> &str {
    let end = (0..=reason.len().min(REASON_LIMIT)).rev().find(|end| reason.is_char_boundary(*end));
    &reason[..end.unwrap_or(0)]
}
