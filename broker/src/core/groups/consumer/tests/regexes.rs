//! Subscriptions by regular expressions, which the broker evaluates.

use super::*;

fn join_by(bench: &mut Bench, consumer: &mut Consumer, regex: &str) -> ConsumerGroupHeartbeatResponse {
    let mut request = join_request(consumer.id, &[]);
    (request.subscribed_topic_names, request.subscribed_topic_regex) = (None, Some(regex.into()));
    consumer.take(bench.now(request))
}

#[test]
fn a_new_expression_brings_partitions_with_the_heartbeat_after() {
    let mut bench = Bench::new();
    let topic = bench.topic("foo", 2);
    bench.topic("foobar", 1);
    let mut consumer = Consumer::new("m");
    assert_eq!(join_by(&mut bench, &mut consumer, "fo+").error_code, ErrorCode::NONE);
    assert_eq!(consumer.count(), 0);
    settle(&mut bench, &mut [&mut consumer], 1);
    assert_eq!(consumer.has, [(topic, vec![0, 1])].into(), "it has to match the whole name");
    let described = describe(&mut bench);
    assert_eq!(described.members[0].subscribed_topic_regex.as_deref(), Some("fo+"));
    assert_eq!(described.group_state, "Stable");
}

#[test]
fn who_brings_a_known_expression_gets_partitions_at_once() {
    let mut bench = Bench::new();
    bench.topic("foo", 2);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::new("b"));
    join_by(&mut bench, &mut first, "f.*");
    settle(&mut bench, &mut [&mut first], 1);
    bench.pass(1_000);
    join_by(&mut bench, &mut second, "f.*");
    assert_eq!(state(&mut bench), "Reconciling");
    settle(&mut bench, &mut [&mut first, &mut second], 2);
    assert_eq!((first.count(), second.count()), (1, 1));
}

#[test]
fn a_topic_that_comes_to_match_is_found() {
    let mut bench = Bench::new();
    bench.topic("foo", 1);
    let mut consumer = Consumer::new("m");
    join_by(&mut bench, &mut consumer, "f.*");
    settle(&mut bench, &mut [&mut consumer], 1);
    bench.topic("fun", 1);
    settle(&mut bench, &mut [&mut consumer], 1);
    assert_eq!(consumer.count(), 1, "expressions are evaluated every ten seconds at most");
    settle(&mut bench, &mut [&mut consumer], 2);
    assert_eq!(consumer.count(), 2);
    bench.catalog.delete_topic("foo");
    settle(&mut bench, &mut [&mut consumer], 3);
    assert_eq!(consumer.count(), 1);
}

#[test]
fn an_expression_that_is_none_is_refused() {
    let mut bench = Bench::new();
    let mut consumer = Consumer::new("m");
    let refused = join_by(&mut bench, &mut consumer, "[");
    assert_eq!(refused.error_code, ErrorCode::INVALID_REGULAR_EXPRESSION);
    assert_eq!(describe(&mut bench).error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(join_by(&mut bench, &mut consumer, "a)|(b").error_code, ErrorCode::INVALID_REGULAR_EXPRESSION);
}

#[test]
fn an_expression_is_given_up_for_names() {
    let mut bench = Bench::new();
    bench.topic("foo", 1);
    let topic = bench.topic("bar", 1);
    let mut consumer = Consumer::new("m");
    join_by(&mut bench, &mut consumer, "f.*");
    settle(&mut bench, &mut [&mut consumer], 1);
    assert_eq!(consumer.count(), 1);
    bench.pass(1_000);
    let mut request = consumer.request();
    (request.subscribed_topic_names, request.subscribed_topic_regex) =
        (Some(vec!["bar".into()]), Some("".into()));
    let response = bench.now(request);
    consumer.take(response);
    settle(&mut bench, &mut [&mut consumer], 2);
    assert_eq!(consumer.has, [(topic, vec![0])].into());
}

#[test]
fn a_static_member_that_returns_with_its_expression_keeps_what_it_matched() {
    let mut bench = Bench::new();
    bench.topic("foo", 1);
    let join = |bench: &mut Bench, id: &str| {
        let mut request = join_request(id, &[]);
        (request.subscribed_topic_names, request.subscribed_topic_regex) = (None, Some("f.*".into()));
        request.instance_id = Some("name".into());
        bench.now(request)
    };
    let mut consumer = Consumer::named("a", "name");
    let joined = join(&mut bench, "a");
    consumer.take(joined);
    settle(&mut bench, &mut [&mut consumer], 1);
    assert_eq!(consumer.count(), 1);
    let mut request = consumer.request();
    request.member_epoch = -2;
    bench.now(request);
    let back = join(&mut bench, "b");
    assert_eq!(back.assignment.map(|assignment| partitions(&assignment)), Some(consumer.has));
}
