//! Members that leave or are silent.

use milena_protocol::messages::{HeartbeatRequest, ListGroupsRequest};

use super::*;

fn leaving(consumer: &Consumer) -> ConsumerGroupHeartbeatRequest {
    let mut request = consumer.request();
    request.member_epoch = -1;
    request
}

#[test]
fn what_was_theirs_is_free_at_once() {
    let mut bench = Bench::new();
    bench.topic("t", 2);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::new("b"));
    first.join(&mut bench, &["t"]);
    second.join(&mut bench, &["t"]);
    settle(&mut bench, &mut [&mut first, &mut second], 3);
    let left = bench.now(leaving(&first));
    assert_eq!(
        (left.error_code, left.member_id.as_deref(), left.member_epoch),
        (ErrorCode::NONE, Some("a"), -1)
    );
    bench.pass(1_000);
    second.beat(&mut bench);
    assert_eq!(second.count(), 2);
    assert_eq!(bench.now(leaving(&first)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    bench.now(leaving(&second));
    assert_eq!(state(&mut bench), "Empty");
    assert_eq!(bench.groups.shared.timers.next(), None);
}

#[test]
fn a_member_that_is_not_heard_of_for_a_session_is_gone() {
    let mut bench = Bench::new();
    bench.topic("t", 2);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::new("b"));
    first.join(&mut bench, &["t"]);
    second.join(&mut bench, &["t"]);
    settle(&mut bench, &mut [&mut first, &mut second], 3);
    settle(&mut bench, &mut [&mut second], 8); // 40 s; the session is 45 s
    assert_eq!(second.count(), 1);
    settle(&mut bench, &mut [&mut second], 1);
    assert_eq!(second.count(), 2);
    assert_eq!(first.beat(&mut bench).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn an_operator_takes_members_out_as_out_of_a_classic_group() {
    let mut bench = Bench::new();
    bench.topic("t", 1);
    Consumer::new("a").join(&mut bench, &["t"]);
    Consumer::named("b", "name").join(&mut bench, &["t"]);
    let left = bench.now(leave(&[("x", None), ("", Some("name")), ("", Some("other")), ("z", Some("name"))]));
    let outcomes: Vec<ErrorCode> = left.members.iter().map(|member| member.error_code).collect();
    let unknown = ErrorCode::UNKNOWN_MEMBER_ID;
    assert_eq!(outcomes, [unknown, ErrorCode::NONE, unknown, ErrorCode::FENCED_INSTANCE_ID]);
    assert_eq!(describe(&mut bench).members.len(), 1);
}

#[test]
fn consumer_groups_are_listed_by_their_type_and_state() {
    let mut bench = Bench::prompt();
    bench.topic("t", 1);
    Consumer::new("a").join(&mut bench, &["t"]);
    stable_group(&mut bench, "h", b"");
    let mut request = ListGroupsRequest::default();
    request.types_filter = vec!["CONSUMER".into()];
    let listed = bench.now(request.clone()).groups;
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].group_id[..], &listed[0].group_type[..]), ("g", "consumer"));
    assert_eq!((&listed[0].group_state[..], &listed[0].protocol_type[..]), ("Stable", "consumer"));
    request.states_filter = vec!["assigning".into()];
    assert_eq!(bench.now(request).groups.len(), 0);
}

#[test]
fn what_classic_members_ask_is_not_for_members_of_the_consumer_protocol() {
    let mut bench = Bench::new();
    bench.topic("t", 1);
    let mut consumer = Consumer::new("a");
    consumer.join(&mut bench, &["t"]);
    let mut beat = HeartbeatRequest::default();
    (beat.group_id, beat.member_id, beat.generation_id) = ("g".into(), "a".into(), consumer.epoch);
    assert_eq!(bench.now(beat).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.now(sync("a", consumer.epoch)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}
