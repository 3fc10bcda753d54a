//! Clients of the coordinator under a virtual clock, for its tests.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use milena_protocol::messages::*;
use milena_protocol::{RequestBody, RequestMessage, ResponseBody, Str, Uuid};

use super::Groups;
use super::settings::GroupSettings;
use crate::core::catalog::{BrokerNode, Catalog};
use crate::core::requests::{Context, Ticket};
use crate::core::rng::Rng;

/// A coordinator, and the answers that it has given so far.
pub(crate) struct Bench {
    pub(crate) groups: Groups,
    pub(crate) catalog: Catalog,
    rng: Rng,
    pub(crate) now: Instant,
    /// The version of the requests; the newest where there is none, or no such one.
    pub(crate) version: Option<i16>,
    pub(crate) client_id: &'static str,
    /// Which groups the broker coordinates.
    pub(crate) coordinates: fn(&str) -> bool,
    versions: BTreeMap<Ticket, i16>,
    answers: BTreeMap<Ticket, ResponseBody>,
}

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Asked<R> {
    pub(crate) ticket: Ticket,
    answer: fn(ResponseBody) -> R,
}

impl<R> Clone for Asked<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Asked<R> {}

/// How a request reaches the coordinator, and how its answer is taken out of the body.
pub(crate) trait Ask: RequestMessage {
    fn answer(body: ResponseBody) -> Self::Response;
}

macro_rules! asks {
    ($($request:ident $api:ident,)*) => {$(
        impl Ask for $request {
            fn answer(body: ResponseBody) -> Self::Response {
                match body {
                    ResponseBody::$api(response) => response,
                    other => panic!("{other:?} answers another request"),
                }
            }
        }
    )*};
}

asks! {
    ConsumerGroupDescribeRequest ConsumerGroupDescribe,
    ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeat,
    DeleteGroupsRequest DeleteGroups,
    DescribeGroupsRequest DescribeGroups,
    HeartbeatRequest Heartbeat,
    JoinGroupRequest JoinGroup,
    LeaveGroupRequest LeaveGroup,
    ListGroupsRequest ListGroups,
    OffsetCommitRequest OffsetCommit,
    OffsetDeleteRequest OffsetDelete,
    OffsetFetchRequest OffsetFetch,
    SyncGroupRequest SyncGroup,
    TxnOffsetCommitRequest TxnOffsetCommit,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Bench::with(GroupSettings::default())
    }

    /// Groups that do not wait for more members at first.
    pub(crate) fn prompt() -> Self {
        Bench::with(GroupSettings { group_initial_rebalance_delay_ms: 0, ..GroupSettings::default() })
    }

    pub(crate) fn with(settings: GroupSettings) -> Self {
        Bench {
            groups: Groups::new(settings, 7),
            catalog: Catalog::new("cluster", [BrokerNode::new(1, "localhost", 9092, None)]),
            rng: Rng::new(7),
            now: Instant::now(), // the start of the virtual clock; no test looks at the real one
            version: None,
            client_id: "app",
            coordinates: |_| true,
            versions: BTreeMap::new(),
            answers: BTreeMap::new(),
        }
    }

    /// Makes a topic, and gives back its id.
    pub(crate) fn topic(&mut self, name: &str, partitions: usize) -> Uuid {
        let replicas = vec![vec![1]; partitions];
        self.catalog.create_topic(name, replicas, false, &mut self.rng).expect("a new topic")
    }

    /// Sends a request.
    pub(crate) fn ask<R: Ask>(&mut self, request: R) -> Asked<R::Response> {
        let newest = *R::VERSIONS.end();
        let version = self.version.map_or(newest, |version| version.min(newest));
        let ticket = Ticket(self.versions.len() as u64);
        self.versions.insert(ticket, version);
        let context = Context {
            ticket,
            node_id: 1,
            client_id: self.client_id,
            client_host: "127.0.0.1",
            version,
            now: self.now,
            wall_ms: 0,
        };
        match request.into() {
            RequestBody::ConsumerGroupDescribe(request) => {
                self.groups.consumer_group_describe(&context, request, &self.catalog)
            }
            RequestBody::ConsumerGroupHeartbeat(request) => {
                self.groups.consumer_group_heartbeat(&context, request, &self.catalog)
            }
            RequestBody::DeleteGroups(request) => self.groups.delete_groups(&context, request),
            RequestBody::DescribeGroups(request) => self.groups.describe_groups(&context, request),
            RequestBody::ListGroups(request) => self.groups.list_groups(&context, request, self.coordinates),
            RequestBody::Heartbeat(request) => self.groups.heartbeat(&context, request),
            RequestBody::JoinGroup(request) => self.groups.join_group(&context, request, &self.catalog),
            RequestBody::LeaveGroup(request) => self.groups.leave_group(&context, request, &self.catalog),
            RequestBody::OffsetCommit(request) => self.groups.offset_commit(&context, request, &self.catalog),
            RequestBody::OffsetDelete(request) => self.groups.offset_delete(&context, request, &self.catalog),
            RequestBody::OffsetFetch(request) => self.groups.offset_fetch(&context, request, &self.catalog),
            RequestBody::TxnOffsetCommit(request) => {
                self.groups.txn_offset_commit(&context, request, &self.catalog, || Ok(()))
            }
            RequestBody::SyncGroup(request) => self.groups.sync_group(&context, request, &self.catalog),
            other => panic!("{other:?} is none of the coordinator's"),
        }
        self.collect();
        self.pass(0); // what is due at once
        Asked { ticket, answer: R::answer }
    }

    /// Sends a request that is answered at once.
    pub(crate) fn now<R: Ask>(&mut self, request: R) -> R::Response {
        let asked = self.ask(request);
        self.answer(asked).expect("an answer at once")
    }

    /// The answer, if it has come.
    pub(crate) fn answer<R>(&mut self, asked: Asked<R>) -> Option<R> {
        self.answers.remove(&asked.ticket).map(asked.answer)
    }

    /// The answer, if it has come by something else than a request or a timer.
    pub(crate) fn later<R>(&mut self, asked: Asked<R>) -> Option<R> {
        self.collect();
        self.answer(asked)
    }

    /// Lets time pass, from one deadline to the next.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(deadline) = self.groups.deadline().filter(|deadline| *deadline <= end) {
            self.now = deadline.max(self.now);
            self.groups.advance(&self.catalog, self.now);
            self.collect();
        }
        self.now = end;
    }

    fn collect(&mut self) {
        for (ticket, body) in self.groups.take_answers() {
            // Every answer can be written in the version that was asked in.
            body.write(self.versions[&ticket], &mut BytesMut::new()).expect("an answer of its version");
            assert!(self.answers.insert(ticket, body).is_none(), "a second answer");
        }
    }
}

/// A consumer that joins group "g" with the protocols.
pub(crate) fn join(member_id: &str, protocols: &[(&str, &'static [u8])]) -> JoinGroupRequest {
    let protocol = |&(name, metadata): &(&str, &'static [u8])| {
        let mut protocol = join_group::JoinGroupRequestProtocol::default();
        (protocol.name, protocol.metadata) = (name.into(), Bytes::from_static(metadata));
        protocol
    };
    let mut request = JoinGroupRequest::default();
    request.group_id = "g".into();
    request.session_timeout_ms = 10_000;
    request.rebalance_timeout_ms = 60_000;
    request.member_id = member_id.into();
    request.protocol_type = "consumer".into();
    request.protocols = protocols.iter().map(protocol).collect();
    request
}

/// A stable classic group with one member; gives back the member's id and the generation.
pub(crate) fn stable_group(bench: &mut Bench, group_id: &str, assignment: &'static [u8]) -> (Str, i32) {
    let mut request = join("", &[("range", b"")]);
    request.group_id = group_id.into();
    request.member_id = bench.now(request.clone()).member_id;
    let joined = bench.now(request);
    let mut assigned = assign(&joined.member_id, joined.generation_id, &[(&joined.member_id, assignment)]);
    assigned.group_id = group_id.into();
    bench.now(assigned);
    (joined.member_id, joined.generation_id)
}

/// A member that asks for its assignment.
pub(crate) fn sync(member_id: &str, generation_id: i32) -> SyncGroupRequest {
    let mut request = SyncGroupRequest::default();
    request.group_id = "g".into();
    request.generation_id = generation_id;
    request.member_id = member_id.into();
    request.protocol_type = Some("consumer".into());
    request.protocol_name = Some("range".into());
    request
}

/// A leader that brings the assignments.
pub(crate) fn assign(
    leader: &str,
    generation_id: i32,
    assignments: &[(&str, &'static [u8])],
) -> SyncGroupRequest {
    let assigned = |&(member_id, assignment): &(&str, &'static [u8])| {
        let mut assigned = sync_group::SyncGroupRequestAssignment::default();
        (assigned.member_id, assigned.assignment) = (member_id.into(), Bytes::from_static(assignment));
        assigned
    };
    let mut request = sync(leader, generation_id);
    request.assignments = assignments.iter().map(assigned).collect();
    request
}

pub(crate) fn heartbeat(member_id: &str, generation_id: i32) -> HeartbeatRequest {
    let mut request = HeartbeatRequest::default();
    (request.group_id, request.member_id, request.generation_id) =
        ("g".into(), member_id.into(), generation_id);
    request
}

/// Members, each by its id or by its `group.instance.id`, that leave.
pub(crate) fn leave(members: &[(&str, Option<&str>)]) -> LeaveGroupRequest {
    let leaving = |&(member_id, instance_id): &(&str, Option<&str>)| {
        let mut member = leave_group::MemberIdentity::default();
        (member.member_id, member.group_instance_id) = (member_id.into(), instance_id.map(Str::from));
        member
    };
    let mut request = LeaveGroupRequest::default();
    request.group_id = "g".into();
    request.members = members.iter().map(leaving).collect();
    request
}
