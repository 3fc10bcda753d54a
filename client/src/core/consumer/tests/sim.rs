//! A consumer's core against one obliging broker, under a virtual clock.
//!
//! The broker has the topic `t` of two empty partitions, unless a test gives it others, and coordinates a group of this one member, which leads it. It
//! answers at once, except Fetch, which takes half a second. A test can have any request answered otherwise, or not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use milena_protocol::messages::api_versions::ApiVersion;
use milena_protocol::messages::consumer_group_heartbeat::{Assignment, TopicPartitions};
use milena_protocol::messages::find_coordinator::Coordinator;
use milena_protocol::messages::join_group::{JoinGroupResponse, JoinGroupResponseMember};
use milena_protocol::messages::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use milena_protocol::messages::offset_commit::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use milena_protocol::messages::offset_fetch::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use milena_protocol::messages::*;
use milena_protocol::{
    Api, ErrorCode, Request, RequestBody, Response, ResponseBody, ResponseHeader, Str, Uuid,
};

use crate::core::connection::ConnectionId;
use crate::core::consumer::Core;
use crate::core::fetching::Place;
use crate::core::io::{
    Action, Answer, CallId, Command, Event, Fault, Offsets, RebalanceId, RebalanceKind, Update,
};
use crate::core::report::Report;
use crate::core::subscription::Interest;
use crate::core::test_support::{T, metadata_response, partition_answer, start, topic_answer};
use crate::core::topic_partition::TopicPartition;
use crate::{Config, Error};

/// The time of day at the start.
pub const UNIX_MS: i64 = 1_800_000_000_000;
/// The id of the topic `t`.
pub const T_ID: Uuid = Uuid([1; 16]);

/// The id of each topic.
pub fn topic_id(name: &str) -> Uuid {
    let mut id = T_ID;
    for (byte, letter) in id.0.iter_mut().zip(name.bytes().filter(|_| name != "t")) {
        *byte = letter;
    }
    id
}

const FETCH_TAKES: Duration = Duration::from_millis(500);

/// What the broker answers instead.
pub enum Otherwise {
    Body(ResponseBody),
    Nothing,
}

pub type AnswerHeartbeat = dyn FnMut(&ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse;

/// A request that the broker got.
pub struct Sent {
    /// Since the start.
    pub at: Duration,
    pub connection: ConnectionId,
    pub api: Api,
    pub body: RequestBody,
}

pub struct Sim {
    pub core: Core,
    pub start: Instant,
    pub now: Instant,
    /// The topics that there are, and how many partitions they have.
    pub topics: BTreeMap<String, i32>,
    /// Whether connections are refused.
    pub is_down: bool,
    /// The hosts that were connected to, or tried, in order.
    pub hosts: Vec<String>,
    open: BTreeSet<ConnectionId>,
    pub sent: Vec<Sent>,
    pub updates: Vec<Update>,
    /// What the rebalance listener was told.
    pub rebalances: Vec<(RebalanceKind, Vec<TopicPartition>)>,
    untold: Option<RebalanceId>,
    /// Whether the listener is done as soon as it is told.
    pub has_quick_listener: bool,
    pub reports: Vec<Report>,
    /// How many connections failed.
    pub disconnected: usize,
    /// Whether each was one of a series.
    pub breaks: Vec<bool>,
    pub answers: BTreeMap<CallId, Result<Answer, Error>>,
    pub is_finished: bool,
    last_call: u64,
    otherwise: VecDeque<(Api, Otherwise)>,
    /// Who answers the members of a group of the consumer protocol, if not this broker in its obliging way.
    pub coordinator: Option<Box<AnswerHeartbeat>>,
    /// How long those answers are on their way.
    pub heartbeats_take: Duration,
    unanswered: Vec<(ConnectionId, Response)>,
    later: Vec<(Instant, ConnectionId, Response)>,
    generation: i32,
}

pub fn config() -> Config {
    // What `latest` finds would be committed, which only some tests are about.
    Config::new("seed:9092").unwrap().group_id("g").auto_offset_reset(crate::OffsetReset::Earliest)
}

pub fn t(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

impl Sim {
    pub fn new(config: Config) -> Self {
        let now = start();
        Sim {
            core: Core::new(&config, 1, now, UNIX_MS).unwrap(),
            start: now,
            now,
            topics: [("t".to_owned(), 2)].into(),
            is_down: false,
            hosts: Vec::new(),
            open: BTreeSet::new(),
            sent: Vec::new(),
            updates: Vec::new(),
            rebalances: Vec::new(),
            untold: None,
            has_quick_listener: true,
            reports: Vec::new(),
            disconnected: 0,
            breaks: Vec::new(),
            answers: BTreeMap::new(),
            is_finished: false,
            last_call: 0,
            otherwise: VecDeque::new(),
            coordinator: None,
            heartbeats_take: Duration::ZERO,
            unanswered: Vec::new(),
            later: Vec::new(),
            generation: 0,
        }
    }

    /// A consumer that has joined, and reads both partitions from offset 0.
    pub fn joined(config: Config) -> Self {
        let mut sim = Sim::new(config);
        sim.subscribe(&["t"]);
        sim.poll(T).unwrap();
        assert_eq!(sim.rebalances, [(RebalanceKind::Assigned, vec![t(0), t(1)])]);
        sim.rebalances.clear();
        sim.start = sim.now - T;
        sim.sent.clear();
        sim.updates.clear();
        sim
    }

    pub fn otherwise(&mut self, api: Api, body: impl Into<ResponseBody>) {
        self.otherwise.push_back((api, Otherwise::Body(body.into())));
    }

    pub fn no_answer(&mut self, api: Api) {
        self.otherwise.push_back((api, Otherwise::Nothing));
    }

    pub fn call(&mut self, command: Command) -> CallId {
        self.last_call += 1;
        let call = CallId(self.last_call);
        self.core.handle(Event::Called { call, command }, self.now);
        self.settle();
        call
    }

    pub fn subscribe(&mut self, topics: &[&str]) {
        let call = self.call(Command::Subscribe(Interest::Topics(
            topics.iter().map(|topic| Str::from(*topic)).collect(),
        )));
        assert_eq!(self.answers[&call], Ok(Answer::Done));
    }

    /// Polls for that long. The broker has no records.
    pub fn poll(&mut self, time: Duration) -> Result<Answer, Error> {
        let deadline = self.now + time;
        let call = self.call(Command::Poll { deadline, has_records: false });
        self.run_until(deadline, |sim| sim.answers.contains_key(&call));
        self.answers.remove(&call).unwrap()
    }

    /// The listener is done.
    pub fn acknowledge(&mut self) {
        if let Some(id) = self.untold.take() {
            self.last_call += 1;
            let (call, command) = (CallId(self.last_call), Command::Acknowledge(id));
            self.core.handle(Event::Called { call, command }, self.now);
        }
    }

    pub fn seek(&mut self, partition: TopicPartition, offset: i64) {
        let place = Place { offset, leader_epoch: -1 };
        let call = self.call(Command::Seek(partition, place));
        assert_eq!(self.answers[&call], Ok(Answer::Done));
    }

    pub fn commit(&mut self, time: Duration) -> CallId {
        self.call(Command::Commit { offsets: None, deadline: Some(self.now + time) })
    }

    pub fn close(&mut self, time: Duration) -> CallId {
        self.call(Command::Close { deadline: self.now + time })
    }

    /// Lets happen what needs no time.
    pub fn run(&mut self) {
        self.settle();
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(end, |sim| sim.now >= end);
    }

    /// Lets time pass, for a consumer that is closing.
    pub fn pass_until_finished(&mut self, time: Duration) {
        let end = self.now + time;
        while !self.is_finished {
            let wait = self.settle().flatten();
            if self.is_finished {
                return;
            }
            assert!(self.now < end, "not finished");
            let response = self.later.iter().map(|(at, ..)| *at).min();
            self.now = wait.into_iter().chain(response).fold(end, Instant::min);
        }
    }

    /// Answers the first request of an API that was not answered, on a connection that is still there.
    pub fn answer_now(&mut self, api: Api, body: impl Into<ResponseBody>) {
        self.unanswered.retain(|(connection, _)| self.open.contains(connection));
        let first = self.unanswered.iter().position(|(_, response)| response.api_key == api.key()).unwrap();
        let (connection, mut response) = self.unanswered.remove(first);
        response.body = body.into();
        self.receive(connection, response);
        self.settle();
    }

    /// Breaks the connection on which a request of this API went last.
    pub fn cut(&mut self, api: Api) {
        self.end(api, None);
    }

    /// The same, for a reason.
    pub fn end(&mut self, api: Api, fault: Option<Fault>) {
        let connection = self.sent.iter().rev().find(|sent| sent.api == api).unwrap().connection;
        assert!(self.open.remove(&connection));
        self.core.handle(Event::Lost { connection, reason: "cut".into(), fault }, self.now);
        self.settle();
    }

    /// Breaks the connections on which requests were not answered.
    pub fn break_unanswered(&mut self) {
        for (connection, _) in std::mem::take(&mut self.unanswered) {
            if self.open.remove(&connection) {
                self.core.handle(Event::Lost { connection, reason: "broken".into(), fault: None }, self.now);
            }
        }
        self.settle();
    }

    /// When requests of this API went out, in milliseconds since the start; the few that short polls take are left out.
    pub fn times(&self, api: Api) -> Vec<u128> {
        self.sent.iter().filter(|sent| sent.api == api).map(|sent| sent.at.as_millis() / 10 * 10).collect()
    }

    /// The APIs of the group that were asked, in order.
    pub fn group_story(&self) -> Vec<Api> {
        let told = [Api::JoinGroup, Api::SyncGroup, Api::LeaveGroup, Api::OffsetCommit];
        self.sent.iter().map(|sent| sent.api).filter(|api| told.contains(api)).collect()
    }

    /// Each commit that was sent: generation, and offsets by partition of `t`.
    pub fn commits(&self) -> Vec<(i32, Vec<i64>)> {
        let commits = self.sent.iter().filter_map(|sent| match &sent.body {
            RequestBody::OffsetCommit(commit) => Some(commit),
            _ => None,
        });
        let offsets = |commit: &OffsetCommitRequest| {
            let partitions = commit.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.committed_offset).collect()
        };
        commits.map(|commit| (commit.generation_id_or_member_epoch, offsets(commit))).collect()
    }

    fn run_until(&mut self, end: Instant, done: impl Fn(&Sim) -> bool) {
        while !done(self) {
            let wait = self.settle().expect("it is not finished");
            let response = self.later.iter().map(|(at, ..)| *at).min();
            if !done(self) {
                self.now = wait.into_iter().chain(response).fold(end, Instant::min);
                self.settle();
            }
        }
    }

    /// Does what the core says, until it waits; until when, unless it is finished.
    fn settle(&mut self) -> Option<Option<Instant>> {
        for _ in 0..1_000 {
            let due = self.later.iter().position(|(at, ..)| *at <= self.now);
            if let Some((_, connection, response)) = due.map(|i| self.later.remove(i)) {
                self.receive(connection, response);
            }
            match self.core.poll(self.now) {
                Action::Wait(until) if self.later.iter().all(|(at, ..)| *at > self.now) => {
                    assert!(until.is_none_or(|until| until > self.now), "what was due is still due");
                    return Some(until);
                }
                Action::Wait(_) => {}
                Action::Finish => {
                    self.is_finished = true;
                    return None;
                }
                action => self.act(action),
            }
        }
        panic!("the core spins");
    }

    fn act(&mut self, action: Action) {
        if let Action::Connect { address, .. } = &action {
            self.hosts.push(address.host.to_string());
        }
        match action {
            Action::Connect { connection, .. } if self.is_down => {
                self.core.handle(Event::Lost { connection, reason: "refused".into(), fault: None }, self.now);
            }
            Action::Connect { connection, .. } => {
                self.open.insert(connection);
                self.core.handle(Event::Connected { connection }, self.now);
            }
            Action::Close { connection } => drop(self.open.remove(&connection)),
            Action::Send { connection, request } => self.asked(connection, *request),
            Action::Update(Update::Disconnected { again, .. }) => {
                self.disconnected += 1;
                self.breaks.push(again);
            }
            Action::Update(Update::Rebalance(rebalance)) => {
                self.rebalances.push((rebalance.kind, rebalance.partitions));
                self.untold = Some(rebalance.id);
                if self.has_quick_listener {
                    self.acknowledge();
                }
            }
            Action::Update(update) => self.updates.push(update),
            Action::Report(report) => self.reports.push(report),
            Action::Answer { call, answer } => drop(self.answers.insert(call, answer)),
            Action::Wait(_) | Action::Finish => unreachable!(),
        }
    }

    fn asked(&mut self, connection: ConnectionId, request: Request) {
        assert!(self.open.contains(&connection), "sent on a closed connection");
        let api = Api::from_key(request.header.request_api_key).unwrap();
        let (at, body) = (self.now - self.start, request.body.clone());
        self.sent.push(Sent { at, connection, api, body });
        // What cannot be written is found out here.
        request.encode(&mut bytes::BytesMut::new()).unwrap();
        let other = self.otherwise.iter().position(|(other, _)| *other == api);
        let other = other.and_then(|i| self.otherwise.remove(i)).map(|(_, other)| other);
        let is_silent = matches!(other, Some(Otherwise::Nothing));
        let body = match other {
            Some(Otherwise::Body(body)) => body,
            _ => self.oblige(&request.body),
        };
        let response = Response {
            api_key: api.key(),
            api_version: request.header.request_api_version,
            header: ResponseHeader::new(request.header.correlation_id),
            body,
        };
        if is_silent {
            self.unanswered.push((connection, response));
            return;
        }
        let takes = match api {
            Api::Fetch => FETCH_TAKES,
            Api::ConsumerGroupHeartbeat => self.heartbeats_take,
            _ => Duration::ZERO,
        };
        // A broker answers the requests of a connection in turn.
        let before = self.later.iter().filter(|(_, other, _)| *other == connection).map(|(at, ..)| *at);
        let at = before.fold(self.now + takes, Instant::max);
        self.later.push((at, connection, response));
    }

    fn receive(&mut self, connection: ConnectionId, response: Response) {
        if self.open.contains(&connection) {
            self.core.handle(Event::Received { connection, response: Box::new(response) }, self.now);
        }
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let named = |topic: &metadata::MetadataRequestTopic| match &topic.name {
            Some(name) => Some(name.to_string()),
            None => self.topics.keys().find(|name| topic_id(name) == topic.topic_id).cloned(),
        };
        let asked: Vec<String> = match &request.topics {
            Some(topics) => topics.iter().filter_map(named).collect(),
            None => self.topics.keys().cloned().collect(),
        };
        let topic = |name: &String| {
            let partitions = self.topics.get(name).copied().unwrap_or_default();
            let partitions = (0..partitions).map(|n| partition_answer(n, 1, 0)).collect();
            let mut topic = topic_answer(name, topic_id(name), partitions);
            if !self.topics.contains_key(name) {
                topic.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            }
            topic
        };
        metadata_response(&[1], asked.iter().map(topic).collect())
    }

    fn oblige(&mut self, request: &RequestBody) -> ResponseBody {
        match request {
            RequestBody::ApiVersions(_) => api_versions().into(),
            RequestBody::Metadata(request) => self.metadata(request).into(),
            RequestBody::FindCoordinator(_) => coordinator(ErrorCode::NONE).into(),
            RequestBody::JoinGroup(request) if request.member_id.is_empty() => {
                let mut response = JoinGroupResponse::default();
                (response.error_code, response.member_id) = (ErrorCode::MEMBER_ID_REQUIRED, "m".into());
                response.into()
            }
            RequestBody::JoinGroup(request) => {
                self.generation += 1;
                leading(request, self.generation).into()
            }
            RequestBody::SyncGroup(request) => {
                let mut response = SyncGroupResponse::default();
                let ours = request.assignments.iter().find(|ours| ours.member_id == request.member_id);
                response.assignment = ours.map(|ours| ours.assignment.clone()).unwrap_or_default();
                response.into()
            }
            RequestBody::Heartbeat(_) => HeartbeatResponse::default().into(),
            RequestBody::ConsumerGroupHeartbeat(request) => match &mut self.coordinator {
                Some(answer) => answer(request).into(),
                None => group_heartbeat(request).into(),
            },
            RequestBody::LeaveGroup(_) => LeaveGroupResponse::default().into(),
            RequestBody::OffsetCommit(request) => commit_answer(request, ErrorCode::NONE).into(),
            RequestBody::OffsetFetch(request) => nothing_committed(request).into(),
            RequestBody::ListOffsets(request) => at_zero(request).into(),
            RequestBody::Fetch(_) => FetchResponse::default().into(),
            request => panic!("nobody asked for {request:?}"),
        }
    }
}

pub fn api_versions() -> ApiVersionsResponse {
    let parsed = Api::ALL.iter().filter(|api| api.is_parsed());
    let range = |api: &Api| ApiVersion::new(api.key(), *api.versions().start(), *api.versions().end());
    let mut response = ApiVersionsResponse::default();
    response.api_keys = parsed.map(range).collect();
    response
}

pub fn coordinator(error: ErrorCode) -> FindCoordinatorResponse {
    let mut ours = Coordinator::default();
    (ours.key, ours.host, ours.port, ours.error_code) = ("g".into(), "host".into(), 9001, error);
    let mut response = FindCoordinatorResponse::default();
    response.coordinators = vec![ours];
    response
}

/// The answer to a member that leads a group of its own.
pub fn leading(request: &JoinGroupRequest, generation: i32) -> JoinGroupResponse {
    let protocol = request.protocols.first().cloned().unwrap_or_default();
    let mut ours = JoinGroupResponseMember::default();
    ours.member_id = request.member_id.clone();
    ours.metadata = protocol.metadata;
    let mut response = JoinGroupResponse::default();
    (response.leader, response.member_id) = (request.member_id.clone(), request.member_id.clone());
    (response.generation_id, response.members) = (generation, vec![ours]);
    response.protocol_name = Some(protocol.name);
    response
}

/// The answer to a member of a cooperative group that another one leads.
pub fn following(generation: i32) -> JoinGroupResponse {
    let mut response = JoinGroupResponse::default();
    (response.leader, response.member_id) = ("another".into(), "m".into());
    (response.generation_id, response.protocol_name) = (generation, Some("cooperative-sticky".into()));
    response
}

/// What the leader gives to this member.
pub fn assigned(partitions: &[i32]) -> SyncGroupResponse {
    let decision = vec![("m".to_owned(), vec![("t".to_owned(), partitions.to_vec())])];
    let mut response = SyncGroupResponse::default();
    response.assignment = crate::core::member_data::assignments(decision).remove(0).assignment;
    response
}

pub fn commit_answer(request: &OffsetCommitRequest, error: ErrorCode) -> OffsetCommitResponse {
    let topic = |topic: &milena_protocol::messages::offset_commit::OffsetCommitRequestTopic| {
        let mut answer = OffsetCommitResponseTopic::default();
        answer.name = topic.name.clone();
        for asked in &topic.partitions {
            let mut partition = OffsetCommitResponsePartition::default();
            (partition.partition_index, partition.error_code) = (asked.partition_index, error);
            answer.partitions.push(partition);
        }
        answer
    };
    let mut response = OffsetCommitResponse::default();
    response.topics = request.topics.iter().map(topic).collect();
    response
}

/// The answer to a commit of one partition.
pub fn refused_commit(error: ErrorCode) -> OffsetCommitResponse {
    let offsets: Offsets = [(t(0), crate::OffsetAndMetadata::new(0))].into();
    let request = crate::core::commits::request(&"g".into(), None, &Default::default(), &offsets);
    commit_answer(&request, error)
}

pub fn heartbeat(error: ErrorCode) -> HeartbeatResponse {
    let mut response = HeartbeatResponse::default();
    response.error_code = error;
    response
}

/// The answer to a member that is to have all of `t`, and has it once it has joined.
fn group_heartbeat(request: &ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
    match request.member_epoch {
        0 => told(1, Some(&[0, 1])),
        epoch => told(epoch, None),
    }
}

/// What the coordinator tells a member: its epoch, and which partitions of `t` it is to have if that is another matter.
pub fn told(epoch: i32, partitions: Option<&[i32]>) -> ConsumerGroupHeartbeatResponse {
    let mut response = ConsumerGroupHeartbeatResponse::default();
    (response.member_epoch, response.heartbeat_interval_ms) = (epoch, 5_000);
    response.assignment = partitions.map(|partitions| assignment(&[(T_ID, partitions)]));
    response
}

/// Partitions of topics by their ids.
pub fn assignment(topics: &[(Uuid, &[i32])]) -> Assignment {
    let mut assignment = Assignment::default();
    for (topic_id, partitions) in topics.iter().filter(|(_, partitions)| !partitions.is_empty()) {
        let mut topic = TopicPartitions::default();
        (topic.topic_id, topic.partitions) = (*topic_id, partitions.to_vec());
        assignment.topic_partitions.push(topic);
    }
    assignment
}

/// What the group has committed: topic, partition, offset, error.
pub fn committed(partitions: &[(&str, i32, i64, ErrorCode)]) -> OffsetFetchResponse {
    let mut group = OffsetFetchResponseGroup::default();
    group.group_id = "g".into();
    for &(name, index, offset, error) in partitions {
        let mut partition = OffsetFetchResponsePartition::default();
        (partition.partition_index, partition.committed_offset) = (index, offset);
        (partition.committed_leader_epoch, partition.error_code) = (-1, error);
        let mut topic = OffsetFetchResponseTopic::default();
        (topic.name, topic.partitions) = (name.into(), vec![partition]);
        group.topics.push(topic);
    }
    let mut response = OffsetFetchResponse::default();
    response.groups = vec![group];
    response
}

fn nothing_committed(request: &OffsetFetchRequest) -> OffsetFetchResponse {
    let topics = request.groups[0].topics.iter().flatten().map(|topic| {
        let mut answer = OffsetFetchResponseTopic::default();
        answer.name = topic.name.clone();
        for &index in &topic.partition_indexes {
            let mut partition = OffsetFetchResponsePartition::default();
            (partition.partition_index, partition.committed_offset) = (index, -1);
            answer.partitions.push(partition);
        }
        answer
    });
    let mut group = OffsetFetchResponseGroup::default();
    (group.group_id, group.topics) = (request.groups[0].group_id.clone(), topics.collect());
    let mut response = OffsetFetchResponse::default();
    response.groups = vec![group];
    response
}

fn at_zero(request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let mut answer = ListOffsetsTopicResponse::default();
        answer.name = topic.name.clone();
        for asked in &topic.partitions {
            let mut partition = ListOffsetsPartitionResponse::default();
            (partition.partition_index, partition.offset) = (asked.partition_index, 0);
            answer.partitions.push(partition);
        }
        answer
    });
    let mut response = ListOffsetsResponse::default();
    response.topics = topics.collect();
    response
}
