//! ConsumerGroupHeartbeat of those who join, and what is wrong with requests.

use super::*;
use crate::core::groups::settings::GroupSettings;

#[test]
fn the_first_member_gets_everything_at_once() {
    let mut bench = Bench::new();
    let topic = bench.topic("t", 3);
    let mut consumer = Consumer::new("m");
    let joined = consumer.join(&mut bench, &["t"]);
    assert_eq!(joined.error_code, ErrorCode::NONE);
    assert_eq!((joined.member_id.as_deref(), joined.member_epoch), (Some("m"), 2));
    assert_eq!(joined.heartbeat_interval_ms, 5_000);
    assert_eq!(consumer.has, [(topic, vec![0, 1, 2])].into());
    assert_eq!(state(&mut bench), "Stable");
    assert_eq!(consumer.beat(&mut bench).assignment, None, "t15: as before");
}

#[test]
fn in_v0_the_coordinator_may_make_the_id() {
    let mut bench = Bench::new();
    bench.topic("t", 1);
    bench.version = Some(0);
    let joined = bench.now(join_request("", &["t"]));
    assert_eq!(joined.member_id.map(|id| id.len()), Some(22), "a UUID as Kafka prints it");
    bench.version = None;
    assert_eq!(bench.now(join_request("", &["t"])).error_code, ErrorCode::INVALID_REQUEST);
}

#[test]
fn a_request_is_checked_by_itself() {
    let mut bench = Bench::new();
    let good = || join_request("m", &["t"]);
    type Spoil = fn(&mut ConsumerGroupHeartbeatRequest);
    let cases: [(&str, Spoil); 9] = [
        ("group", |request| request.group_id = "".into()),
        ("instance", |request| request.instance_id = Some("".into())),
        ("rack", |request| request.rack_id = Some(" ".into())),
        ("timeout", |request| request.rebalance_timeout_ms = -1),
        ("owned", |request| request.topic_partitions = None),
        ("owned some", |request| request.topic_partitions = Some(vec![TopicPartitions::default()])),
        ("topics", |request| request.subscribed_topic_names = None),
        ("leave for now", |request| request.member_epoch = -2),
        ("epoch", |request| request.member_epoch = -3),
    ];
    for (what, spoil) in cases {
        let mut request = good();
        spoil(&mut request);
        let response = bench.now(request);
        assert_eq!(response.error_code, ErrorCode::INVALID_REQUEST, "{what}");
        assert!(response.error_message.is_some() && response.member_id.is_none(), "{what}");
    }
    let mut request = good();
    request.server_assignor = Some("sticky".into());
    assert_eq!(bench.now(request).error_code, ErrorCode::UNSUPPORTED_ASSIGNOR);
    assert_eq!(describe(&mut bench).error_code, ErrorCode::GROUP_ID_NOT_FOUND, "nothing was made");
}

#[test]
fn who_is_not_there_cannot_go_on() {
    let mut bench = Bench::new();
    bench.topic("t", 1);
    let mut stranger = Consumer::new("x");
    stranger.epoch = 3;
    assert_eq!(stranger.beat(&mut bench).error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    Consumer::new("m").join(&mut bench, &["t"]);
    assert_eq!(stranger.beat(&mut bench).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_member_of_another_epoch_is_fenced_unless_it_has_missed_an_answer() {
    let mut bench = Bench::new();
    bench.topic("t", 2);
    let mut first = Consumer::new("a");
    first.join(&mut bench, &["t"]);
    let old = first.epoch;
    bench.pass(1_000);
    Consumer::new("b").join(&mut bench, &["t"]);
    let told = first.beat(&mut bench); // to give up one partition, in its old epoch
    assert_eq!((told.member_epoch, first.count()), (old, 1));
    let mut missed = first.request();
    assert!(first.beat(&mut bench).member_epoch > old);
    let again = bench.now(missed.clone());
    assert_eq!((again.error_code, again.member_epoch), (ErrorCode::NONE, first.epoch));
    missed.topic_partitions = None; // it does not say what it has
    assert_eq!(bench.now(missed.clone()).error_code, ErrorCode::FENCED_MEMBER_EPOCH);
    missed.member_epoch = first.epoch + 1;
    assert_eq!(bench.now(missed).error_code, ErrorCode::FENCED_MEMBER_EPOCH);
}

#[test]
fn a_full_request_brings_the_assignment_again() {
    let mut bench = Bench::new();
    bench.topic("t", 2);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    let mut request = consumer.request();
    request.rebalance_timeout_ms = 60_000;
    request.subscribed_topic_names = Some(vec!["t".into()]);
    let response = bench.now(request);
    assert_eq!(response.assignment.map(|assignment| partitions(&assignment)), Some(consumer.has));
}

#[test]
fn a_group_takes_no_more_members_than_group_consumer_max_size() {
    let mut bench = Bench::with(GroupSettings { group_consumer_max_size: 1, ..GroupSettings::default() });
    bench.topic("t", 1);
    Consumer::new("a").join(&mut bench, &["t"]);
    let refused = Consumer::new("b").join(&mut bench, &["t"]);
    assert_eq!(refused.error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(Consumer::new("a").join(&mut bench, &["t"]).error_code, ErrorCode::NONE);
}

#[test]
fn targets_are_not_worked_out_more_than_once_a_second() {
    let mut bench = Bench::new();
    bench.topic("t", 2);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::new("b"));
    first.join(&mut bench, &["t"]);
    bench.pass(999);
    let joined = second.join(&mut bench, &["t"]);
    assert_eq!((joined.member_epoch, second.count()), (first.epoch, 0), "KIP-1263: not yet");
    assert_eq!(state(&mut bench), "Assigning");
    bench.pass(1);
    second.beat(&mut bench);
    assert_eq!(state(&mut bench), "Reconciling");
    settle(&mut bench, &mut [&mut first, &mut second], 3);
    assert_eq!((first.count(), second.count()), (1, 1));
}

#[test]
fn the_assignor_is_that_of_the_majority() {
    let mut bench = Bench::new();
    bench.topic("t", 4);
    for (id, assignor) in [("a", Some("range")), ("b", Some("range")), ("c", Some("uniform")), ("d", None)] {
        let mut request = join_request(id, &["t"]);
        request.server_assignor = assignor.map(Str::from);
        bench.now(request);
    }
    assert_eq!(describe(&mut bench).assignor_name, "range");
}

#[test]
fn an_empty_classic_group_becomes_a_consumer_group_and_back() {
    let mut bench = Bench::prompt();
    bench.topic("t", 1);
    let (classic, _) = stable_group(&mut bench, "g", b"");
    bench.now(leave(&[(&classic, None)]));
    let mut consumer = Consumer::new("m");
    assert_eq!(consumer.join(&mut bench, &["t"]).error_code, ErrorCode::NONE);
    assert_eq!(describe(&mut bench).error_code, ErrorCode::NONE);
    let mut request = consumer.request();
    request.member_epoch = -1;
    bench.now(request);
    assert_eq!(state(&mut bench), "Empty");
    stable_group(&mut bench, "g", b"");
    let described = describe(&mut bench);
    assert_eq!(described.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(described.error_message.as_deref(), Some("Group g is not a consumer group."));
    assert_eq!(consumer.beat(&mut bench).error_code, ErrorCode::GROUP_ID_NOT_FOUND);
}

#[test]
fn the_first_of_the_assignors_that_there_are_is_the_default_and_others_there_are_not() {
    let settings =
        GroupSettings { group_consumer_assignors: vec!["range".into()], ..GroupSettings::default() };
    let mut bench = Bench::with(settings);
    bench.topic("t", 1);
    bench.topic("u", 1);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::new("b"));
    first.join(&mut bench, &["t", "u"]);
    second.join(&mut bench, &["t", "u"]);
    settle(&mut bench, &mut [&mut first, &mut second], 3);
    assert_eq!(describe(&mut bench).assignor_name, "range");
    assert_eq!((first.count(), second.count()), (2, 0), "each topic begins with the first member");
    let mut request = join_request("c", &["t"]);
    request.server_assignor = Some("uniform".into());
    assert_eq!(bench.now(request).error_code, ErrorCode::UNSUPPORTED_ASSIGNOR);
}
