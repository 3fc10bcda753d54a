//! Static members: those with a `group.instance.id`.

use super::*;

/// Two static members with a partition each.
fn pair(bench: &mut Bench) -> (Consumer, Consumer) {
    bench.topic("t", 2);
    let (mut first, mut second) = (Consumer::named("a", "one"), Consumer::named("b", "two"));
    first.join(bench, &["t"]);
    second.join(bench, &["t"]);
    settle(bench, &mut [&mut first, &mut second], 3);
    assert_eq!((first.count(), second.count()), (1, 1));
    (first, second)
}

fn leave_for_now(bench: &mut Bench, consumer: &Consumer) -> ConsumerGroupHeartbeatResponse {
    let mut request = consumer.request();
    request.member_epoch = -2;
    bench.now(request)
}

#[test]
fn t12_a_static_member_that_leaves_for_now_finds_its_partitions_again() {
    let mut bench = Bench::new();
    let (mut first, mut second) = pair(&mut bench);
    let had = first.has.clone();
    let left = leave_for_now(&mut bench, &first);
    assert_eq!((left.error_code, left.member_epoch), (ErrorCode::NONE, -2));
    settle(&mut bench, &mut [&mut second], 3);
    assert_eq!(second.count(), 1);
    let epoch = describe(&mut bench).group_epoch;
    let mut back = Consumer::named("c", "one");
    assert_eq!(back.join(&mut bench, &["t"]).error_code, ErrorCode::NONE);
    assert_eq!((back.has.clone(), describe(&mut bench).group_epoch), (had, epoch));
    assert_eq!(state(&mut bench), "Stable");
    assert_eq!(first.beat(&mut bench).error_code, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(leave_for_now(&mut bench, &first).error_code, ErrorCode::FENCED_INSTANCE_ID);
    // The old one's session ends, and nobody misses it.
    settle(&mut bench, &mut [&mut back, &mut second], 10);
    assert_eq!((back.count(), second.count()), (1, 1));
}

#[test]
fn t12_a_name_is_not_free_until_its_member_has_left() {
    let mut bench = Bench::new();
    let (first, _) = pair(&mut bench);
    let mut other = Consumer::named("c", "one");
    assert_eq!(other.join(&mut bench, &["t"]).error_code, ErrorCode::UNRELEASED_INSTANCE_ID);
    leave_for_now(&mut bench, &first);
    assert_eq!(other.join(&mut bench, &["t"]).error_code, ErrorCode::NONE);
}

#[test]
fn a_static_member_may_come_back_under_its_old_id() {
    let mut bench = Bench::new();
    let (mut first, _) = pair(&mut bench);
    let had = first.has.clone();
    leave_for_now(&mut bench, &first);
    assert_eq!(first.join(&mut bench, &["t"]).error_code, ErrorCode::NONE);
    assert_eq!((first.has.clone(), describe(&mut bench).members.len()), (had, 2));
}

#[test]
fn a_static_member_that_does_not_come_back_is_gone_after_its_session() {
    let mut bench = Bench::new();
    let (first, mut second) = pair(&mut bench);
    leave_for_now(&mut bench, &first);
    settle(&mut bench, &mut [&mut second], 10);
    assert_eq!(second.count(), 2);
    assert_eq!(Consumer::named("c", "one").join(&mut bench, &["t"]).error_code, ErrorCode::NONE);
}

#[test]
fn a_static_member_may_leave_for_good() {
    let mut bench = Bench::new();
    let (first, mut second) = pair(&mut bench);
    let mut request = first.request();
    request.member_epoch = -1;
    assert_eq!(bench.now(request).error_code, ErrorCode::NONE);
    settle(&mut bench, &mut [&mut second], 1);
    assert_eq!(second.count(), 2);
    let mut unknown = Consumer::named("x", "nobody").request();
    unknown.member_epoch = 3;
    assert_eq!(bench.now(unknown).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_static_member_comes_back_with_another_subscription() {
    let mut bench = Bench::new();
    let (first, mut second) = pair(&mut bench);
    let topic = bench.topic("u", 1);
    leave_for_now(&mut bench, &first);
    let mut back = Consumer::named("c", "one");
    back.join(&mut bench, &["u"]);
    settle(&mut bench, &mut [&mut back, &mut second], 3);
    assert_eq!(back.has, [(topic, vec![0])].into());
    assert_eq!(second.count(), 2);
}
