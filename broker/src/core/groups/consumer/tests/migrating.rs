//! Groups that change between the protocols while they have members, and members of both in one group.

use milena_protocol::messages::consumer_protocol::TopicPartitions as NamedPartitions;
use milena_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, DescribeGroupsRequest, JoinGroupRequest,
    JoinGroupResponse,
};

use super::*;
use crate::core::groups::settings::{GroupSettings, MigrationPolicy};

/// A consumer that speaks the classic protocol, and does what it is told to.
struct Classic {
    id: Str,
    instance_id: Option<&'static str>,
    generation: i32,
    has: Vec<(Str, Vec<i32>)>,
}

impl Classic {
    fn new() -> Self {
        Classic { id: Str::default(), instance_id: None, generation: -1, has: Vec::new() }
    }

    fn named(instance_id: &'static str) -> Self {
        Classic { instance_id: Some(instance_id), ..Classic::new() }
    }

    fn request(&self) -> JoinGroupRequest {
        let mut subscription = ConsumerProtocolSubscription::default();
        subscription.topics = vec!["t".into()];
        subscription.owned_partitions = self
            .has
            .iter()
            .map(|(topic, partitions)| {
                let (topic, partitions) = (topic.clone(), partitions.clone());
                NamedPartitions::new(topic, partitions)
            })
            .collect();
        let mut request = join(&self.id, &[("range", b"")]);
        request.group_instance_id = self.instance_id.map(Str::from);
        request.protocols[0].metadata = subscription.to_blob(1).unwrap();
        request
    }

    /// Joins, with the id that the coordinator gives, and gets what it is to have.
    fn join(&mut self, bench: &mut Bench) {
        let joined = self.ask_to_join(bench);
        assert_eq!((joined.error_code, &joined.leader[..]), (ErrorCode::NONE, ""), "nobody leads");
        assert_eq!(self.sync(bench), ErrorCode::NONE);
    }

    fn ask_to_join(&mut self, bench: &mut Bench) -> JoinGroupResponse {
        let mut joined = bench.now(self.request());
        if joined.error_code == ErrorCode::MEMBER_ID_REQUIRED {
            self.id = joined.member_id;
            joined = bench.now(self.request());
        }
        self.id = joined.member_id.clone();
        self.generation = joined.generation_id;
        joined
    }

    fn sync(&mut self, bench: &mut Bench) -> ErrorCode {
        let mut request = sync(&self.id, self.generation);
        request.group_instance_id = self.instance_id.map(Str::from);
        let response = bench.now(request);
        if response.error_code.is_none() {
            let (version, assignment) = ConsumerProtocolAssignment::from_blob(&response.assignment).unwrap();
            assert_eq!(version, 1, "in the version that it speaks itself");
            self.has = assignment
                .assigned_partitions
                .into_iter()
                .map(|topic| (topic.topic, topic.partitions))
                .collect();
        }
        response.error_code
    }

    fn beat(&mut self, bench: &mut Bench) -> ErrorCode {
        let mut request = heartbeat(&self.id, self.generation);
        request.group_instance_id = self.instance_id.map(Str::from);
        bench.now(request).error_code
    }

    /// Sends a heartbeat, and joins again when it is asked to.
    fn live(&mut self, bench: &mut Bench) {
        if self.beat(bench) == ErrorCode::REBALANCE_IN_PROGRESS {
            self.join(bench);
        }
    }

    fn count(&self) -> usize {
        self.has.iter().map(|(_, partitions)| partitions.len()).sum()
    }
}

/// A stable classic group with one member that has all of topic "t".
fn classic_group(bench: &mut Bench, partitions: usize) -> Classic {
    bench.topic("t", partitions);
    let mut classic = Classic::new();
    let joined = classic.ask_to_join(bench);
    assert_eq!(joined.leader, classic.id);
    let mut assignment = ConsumerProtocolAssignment::default();
    let all = (0..partitions as i32).collect();
    assignment.assigned_partitions = vec![NamedPartitions::new("t".into(), all)];
    let mut request = assign(&classic.id, classic.generation, &[(&classic.id, b"")]);
    request.assignments[0].assignment = assignment.to_blob(1).unwrap();
    bench.now(request);
    assert_eq!(classic.sync(bench), ErrorCode::NONE);
    classic
}

fn rounds(bench: &mut Bench, count: usize, classics: &mut [&mut Classic], consumers: &mut [&mut Consumer]) {
    for _ in 0..count {
        bench.pass(3_000);
        classics.iter_mut().for_each(|classic| classic.live(bench));
        for consumer in &mut *consumers {
            consumer.beat(bench);
        }
    }
}

#[test]
fn the_first_member_of_the_consumer_protocol_turns_a_classic_group() {
    let mut bench = Bench::prompt();
    let mut classic = classic_group(&mut bench, 4);
    let generation = classic.generation;
    let mut consumer = Consumer::new("m");
    let joined = consumer.join(&mut bench, &["t"]);
    assert_eq!((joined.error_code, joined.member_epoch), (ErrorCode::NONE, generation + 1));
    let described = describe(&mut bench);
    assert_eq!((&described.group_state[..], described.members.len()), ("Reconciling", 2));
    let types: Vec<i8> = described.members.iter().map(|member| member.member_type).collect();
    assert!(types.contains(&0) && types.contains(&1), "{types:?}");
    // The classic member is told by a heartbeat, gives up two partitions as it joins, and joins again for its epoch.
    assert_eq!(classic.beat(&mut bench), ErrorCode::REBALANCE_IN_PROGRESS);
    rounds(&mut bench, 4, &mut [&mut classic], &mut [&mut consumer]);
    assert_eq!((classic.count(), consumer.count()), (2, 2));
    assert_eq!(classic.generation, generation + 1);
    assert_eq!(state(&mut bench), "Stable");
}

#[test]
fn the_last_member_of_the_consumer_protocol_turns_the_group_back() {
    let mut bench = Bench::prompt();
    let mut classic = classic_group(&mut bench, 4);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    rounds(&mut bench, 4, &mut [&mut classic], &mut [&mut consumer]);
    let mut request = consumer.request();
    request.member_epoch = -1;
    assert_eq!(bench.now(request).error_code, ErrorCode::NONE);
    let mut request = DescribeGroupsRequest::default();
    request.groups = vec!["g".into()];
    let described = bench.now(request).groups.remove(0);
    assert_eq!((&described.group_state[..], described.members.len()), ("PreparingRebalance", 1));
    assert_eq!(classic.beat(&mut bench), ErrorCode::REBALANCE_IN_PROGRESS);
    let joined = classic.ask_to_join(&mut bench);
    assert_eq!((joined.error_code, joined.leader), (ErrorCode::NONE, classic.id.clone()), "it leads again");
}

#[test]
fn members_of_both_protocols_share_a_group() {
    let mut bench = Bench::new();
    bench.topic("t", 6);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    let (mut first, mut second) = (Classic::new(), Classic::new());
    bench.pass(1_000);
    first.join(&mut bench);
    bench.pass(1_000);
    second.join(&mut bench);
    rounds(&mut bench, 6, &mut [&mut first, &mut second], &mut [&mut consumer]);
    assert_eq!((first.count(), second.count(), consumer.count()), (2, 2, 2));
    bench.now(leave(&[(&first.id, None)]));
    rounds(&mut bench, 6, &mut [&mut second], &mut [&mut consumer]);
    assert_eq!((second.count(), consumer.count()), (3, 3));
}

#[test]
fn who_waits_in_a_classic_group_that_turns_joins_again() {
    let mut bench = Bench::prompt();
    classic_group(&mut bench, 2);
    let told = bench.now(Classic::new().request());
    let mut newcomer = Classic { id: told.member_id, ..Classic::new() };
    let waiting = bench.ask(newcomer.request());
    assert!(bench.answer(waiting).is_none());
    Consumer::new("m").join(&mut bench, &["t"]);
    assert_eq!(bench.answer(waiting).unwrap().error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(newcomer.ask_to_join(&mut bench).error_code, ErrorCode::NONE);
    assert_eq!(describe(&mut bench).members.len(), 3);
}

#[test]
fn classic_members_of_a_consumer_group_have_their_timeouts() {
    let mut bench = Bench::new();
    bench.topic("t", 2);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    let mut silent = Classic::new();
    silent.join(&mut bench);
    settle(&mut bench, &mut [&mut consumer], 1);
    assert_eq!(describe(&mut bench).members.len(), 2);
    settle(&mut bench, &mut [&mut consumer], 1); // its session is 10 s
    assert_eq!(describe(&mut bench).members.len(), 1);

    let mut unsynced = Classic::new();
    unsynced.ask_to_join(&mut bench);
    let mut stubborn = Classic::new();
    stubborn.join(&mut bench);
    for _ in 0..12 {
        assert_eq!(describe(&mut bench).members.len(), 3);
        bench.pass(5_000);
        consumer.beat(&mut bench);
        unsynced.beat(&mut bench);
        stubborn.beat(&mut bench);
    }
    // One has never asked for its assignment, the other one was asked to join, and did not, for a rebalance timeout.
    assert_eq!(unsynced.beat(&mut bench), ErrorCode::UNKNOWN_MEMBER_ID);
    settle(&mut bench, &mut [&mut consumer], 1);
    assert_eq!(stubborn.beat(&mut bench), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_static_member_changes_sides_and_keeps_its_partitions() {
    let mut bench = Bench::prompt();
    bench.topic("t", 2);
    let mut consumer = Consumer::named("m", "one");
    consumer.join(&mut bench, &["t"]);
    let mut other = Classic::named("two");
    bench.pass(1_000);
    other.join(&mut bench);
    rounds(&mut bench, 4, &mut [&mut other], &mut [&mut consumer]);
    assert_eq!((other.count(), consumer.count()), (1, 1));
    // The classic one comes back with the consumer protocol: it need not have left before.
    let mut changed = Consumer::named("n", "two");
    assert_eq!(changed.join(&mut bench, &["t"]).error_code, ErrorCode::NONE);
    assert_eq!(changed.count(), 1);
    assert_eq!(other.beat(&mut bench), ErrorCode::FENCED_INSTANCE_ID);
    // And back; and when the last one does so, the group is a classic one.
    let mut back = Classic::named("two");
    back.join(&mut bench);
    assert_eq!(back.count(), 1);
    assert_eq!(changed.beat(&mut bench).error_code, ErrorCode::FENCED_INSTANCE_ID);
    let mut last = Classic::named("one");
    let joined = last.ask_to_join(&mut bench);
    assert_eq!(joined.error_code, ErrorCode::NONE);
    assert_eq!(describe(&mut bench).error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(last.sync(&mut bench), ErrorCode::NONE);
    assert_eq!((last.count(), back.beat(&mut bench)), (1, ErrorCode::NONE), "nothing had to move");
}

#[test]
fn what_classic_members_ask_is_checked() {
    let mut bench = Bench::new();
    let topic = bench.topic("t", 2);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    let mut classic = Classic::new();
    bench.pass(1_000);
    classic.join(&mut bench);
    let mut request = sync(&classic.id, classic.generation - 1);
    assert_eq!(bench.now(request.clone()).error_code, ErrorCode::ILLEGAL_GENERATION);
    (request.generation_id, request.protocol_name) = (classic.generation, Some("sticky".into()));
    assert_eq!(bench.now(request).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(bench.now(heartbeat("m", consumer.epoch)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    let mut other = Classic::new().request();
    other.protocols[0].name = "sticky".into();
    assert_eq!(bench.now(other.clone()).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    other.protocol_type = "connect".into();
    assert_eq!(bench.now(other).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let mut spoilt = classic.request();
    spoilt.protocols[0].metadata = bytes::Bytes::from_static(b"\0");
    assert_eq!(bench.now(spoilt).error_code, ErrorCode::UNKNOWN_SERVER_ERROR);
    // A generation is wrong in the words of the classic protocol.
    let commit = super::offsets::commit(&classic.id, classic.generation + 1, topic, &[0]);
    assert_eq!(bench.now(commit).topics[0].partitions[0].error_code, ErrorCode::ILLEGAL_GENERATION);
}

#[test]
fn the_policy_forbids_either_way() {
    let with = |policy| {
        Bench::with(GroupSettings {
            group_consumer_migration_policy: policy,
            group_initial_rebalance_delay_ms: 0,
            ..GroupSettings::default()
        })
    };
    let mut bench = with(MigrationPolicy::Downgrade);
    classic_group(&mut bench, 1);
    let refused = Consumer::new("m").join(&mut bench, &["t"]);
    assert_eq!(refused.error_code, ErrorCode::GROUP_ID_NOT_FOUND);

    let mut bench = with(MigrationPolicy::Disabled);
    bench.topic("t", 1);
    Consumer::new("m").join(&mut bench, &["t"]);
    let refused = bench.now(Classic::new().request());
    assert_eq!((refused.error_code, &refused.member_id[..]), (ErrorCode::INCONSISTENT_GROUP_PROTOCOL, ""));

    let mut bench = with(MigrationPolicy::Upgrade);
    let mut classic = classic_group(&mut bench, 1);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    let mut request = consumer.request();
    request.member_epoch = -1;
    bench.now(request);
    assert_eq!(describe(&mut bench).members.len(), 1, "still a consumer group");
    rounds(&mut bench, 2, &mut [&mut classic], &mut []);
}

#[test]
fn a_classic_group_that_cannot_turn_stays_as_it_is() {
    let mut bench = Bench::prompt();
    bench.topic("t", 1);
    let (id, generation) = stable_group(&mut bench, "g", b"");
    let refused = Consumer::new("m").join(&mut bench, &["t"]); // its subscription is no subscription
    assert_eq!(refused.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(bench.now(heartbeat(&id, generation)).error_code, ErrorCode::NONE);
    let mut connect = join("", &[("x", b"")]);
    (connect.group_id, connect.protocol_type) = ("h".into(), "connect".into());
    connect.member_id = bench.now(connect.clone()).member_id;
    bench.now(connect);
    let mut request = join_request("m", &["t"]);
    request.group_id = "h".into();
    assert_eq!(bench.now(request).error_code, ErrorCode::GROUP_ID_NOT_FOUND);
}
