//! How members get what they are to have.

use super::*;

#[test]
fn a_newcomer_gets_its_partitions_when_the_other_has_given_them_up() {
    let mut bench = Bench::new();
    let topic = bench.topic("t", 4);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::new("b"));
    first.join(&mut bench, &["t"]);
    bench.pass(1_000);
    let joined = second.join(&mut bench, &["t"]);
    assert_eq!((joined.error_code, second.count()), (ErrorCode::NONE, 0));
    assert!(second.epoch > first.epoch, "it has nothing to give up");
    let epoch = first.epoch;
    // The first one is told, stays in its epoch, and says nothing about what it has.
    let mut request = first.request();
    request.topic_partitions = None;
    let told = bench.now(request.clone());
    assert_eq!(
        (told.member_epoch, partitions(&told.assignment.unwrap())),
        (epoch, [(topic, vec![0, 1])].into())
    );
    assert_eq!(bench.now(request).assignment, None, "it was told once");
    second.beat(&mut bench);
    assert_eq!(second.count(), 0, "nobody has given up anything");
    assert_eq!(describe(&mut bench).members[0].assignment.topic_partitions[0].partitions, [0, 1, 2, 3]);
    first.has = [(topic, vec![0, 1])].into();
    first.beat(&mut bench);
    assert_eq!(first.epoch, second.epoch);
    second.beat(&mut bench);
    assert_eq!(second.has, [(topic, vec![2, 3])].into());
    assert_eq!(state(&mut bench), "Stable");
}

#[test]
fn who_does_not_give_up_its_partitions_in_time_is_fenced() {
    let mut bench = Bench::new();
    bench.topic("t", 2);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::new("b"));
    first.join(&mut bench, &["t"]);
    bench.pass(1_000);
    second.join(&mut bench, &["t"]);
    let mut stubborn = first.request();
    for _ in 0..12 {
        assert_eq!(bench.now(stubborn.clone()).error_code, ErrorCode::NONE);
        second.beat(&mut bench);
        assert_eq!(second.count(), 0);
        bench.pass(5_000);
    }
    // The rebalance timeout is 60 s, counted from when it was first told.
    assert_eq!(bench.now(stubborn.clone()).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    second.beat(&mut bench);
    assert_eq!(second.count(), 2);
    stubborn.member_epoch = 0;
    first.join(&mut bench, &["t"]);
    settle(&mut bench, &mut [&mut first, &mut second], 3);
    assert_eq!((first.count(), second.count()), (1, 1));
}

#[test]
fn many_members_come_and_go_and_no_partition_has_two_owners() {
    let mut bench = Bench::new();
    bench.topic("t", 7);
    bench.topic("u", 3);
    let (mut a, mut b, mut c) = (Consumer::new("a"), Consumer::new("b"), Consumer::new("c"));
    a.join(&mut bench, &["t", "u"]);
    b.join(&mut bench, &["t"]);
    settle(&mut bench, &mut [&mut a, &mut b], 4);
    assert_eq!((a.count(), b.count()), (5, 5));
    c.join(&mut bench, &["t", "u"]);
    settle(&mut bench, &mut [&mut a, &mut b, &mut c], 6);
    let mut counts = [a.count(), b.count(), c.count()];
    counts.sort_unstable();
    assert_eq!(counts, [3, 3, 4]);
    let mut request = b.request();
    request.member_epoch = -1;
    bench.now(request);
    settle(&mut bench, &mut [&mut a, &mut c], 4);
    assert_eq!((a.count(), c.count()), (5, 5));
    assert_eq!(state(&mut bench), "Stable");
}

#[test]
fn a_topic_that_a_member_drops_is_taken_away_at_once() {
    let mut bench = Bench::new();
    let topic = bench.topic("t", 2);
    bench.topic("u", 2);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t", "u"]);
    assert_eq!(consumer.count(), 4);
    let mut request = consumer.request();
    request.subscribed_topic_names = Some(vec!["t".into()]);
    let response = bench.now(request);
    assert_eq!(partitions(&response.assignment.clone().unwrap()), [(topic, vec![0, 1])].into());
    consumer.take(response);
    bench.pass(1_000);
    settle(&mut bench, &mut [&mut consumer], 2);
    assert_eq!(state(&mut bench), "Stable");
    assert_eq!(consumer.has, [(topic, vec![0, 1])].into());
}

#[test]
fn new_partitions_new_topics_and_deleted_ones_are_seen_with_the_next_heartbeat() {
    let mut bench = Bench::new();
    bench.topic("t", 1);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t", "later"]);
    assert_eq!(consumer.count(), 1);
    bench.catalog.add_partitions("t", vec![vec![1]]);
    settle(&mut bench, &mut [&mut consumer], 1);
    assert_eq!(consumer.count(), 2);
    bench.topic("later", 3);
    settle(&mut bench, &mut [&mut consumer], 1);
    assert_eq!(consumer.count(), 5);
    bench.catalog.delete_topic("t");
    settle(&mut bench, &mut [&mut consumer], 2);
    assert_eq!(consumer.count(), 3);
    let epoch = consumer.epoch;
    bench.topic("other", 3);
    settle(&mut bench, &mut [&mut consumer], 1);
    assert_eq!(consumer.epoch, epoch, "a topic that nobody wants is nothing to the group");
}

#[test]
fn a21_a_topic_that_is_made_anew_is_another_one() {
    let mut bench = Bench::new();
    let old = bench.topic("t", 1);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    assert_eq!(consumer.has, [(old, vec![0])].into());
    bench.catalog.delete_topic("t");
    let new = bench.topic("t", 1);
    settle(&mut bench, &mut [&mut consumer], 2);
    assert_eq!(consumer.has, [(new, vec![0])].into());
}

#[test]
fn a_group_is_described_with_what_members_have_and_are_to_have() {
    let mut bench = Bench::new();
    let topic = bench.topic("t", 2);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::named("b", "name"));
    first.join(&mut bench, &["t"]);
    bench.pass(1_000);
    second.join(&mut bench, &["t"]);
    let mut request = ConsumerGroupDescribeRequest::default();
    (request.group_ids, request.include_authorized_operations) = (vec!["g".into(), "".into()], true);
    let response = bench.now(request);
    let [group, nameless] = &response.groups[..] else { panic!("{response:?}") };
    assert_eq!(nameless.error_code, ErrorCode::INVALID_GROUP_ID);
    assert_eq!((&group.group_state[..], group.group_epoch, group.assignment_epoch), ("Reconciling", 3, 3));
    assert_eq!((&group.assignor_name[..], group.authorized_operations), ("uniform", 3400));
    let [a, b] = &group.members[..] else { panic!("{group:?}") };
    assert_eq!((&a.client_id[..], &a.client_host[..], a.member_type), ("app", "/127.0.0.1", 1));
    assert_eq!((&a.subscribed_topic_names[..], a.member_epoch), (&["t".into()][..], 2));
    assert_eq!(a.assignment.topic_partitions[0].partitions, [0, 1]);
    assert_eq!(a.target_assignment.topic_partitions[0].partitions, [0]);
    assert_eq!((b.instance_id.as_deref(), b.assignment.topic_partitions.len()), (Some("name"), 0));
    let target = &b.target_assignment.topic_partitions[0];
    assert_eq!((target.topic_id, &target.topic_name[..], &target.partitions[..]), (topic, "t", &[1][..]));
}

#[test]
fn a_group_goes_on_with_another_coordinator() {
    let mut bench = Bench::new();
    bench.topic("t", 2);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::new("b"));
    first.join(&mut bench, &["t"]);
    bench.pass(1_000);
    second.join(&mut bench, &["t"]);
    let mut silent = first.request();
    silent.topic_partitions = None;
    bench.now(silent); // it is told to give up one partition
    bench.pass(40_000);
    second.beat(&mut bench);
    bench.groups.coordinator_moved(|_| true, bench.now);
    bench.pass(40_000);
    assert_eq!(
        first.beat(&mut bench).error_code,
        ErrorCode::NONE,
        "session and rebalance timeout have begun anew"
    );
    second.beat(&mut bench);
    bench.pass(20_000);
    assert_eq!(
        first.beat(&mut bench).error_code,
        ErrorCode::UNKNOWN_MEMBER_ID,
        "it has given up nothing in 60 s"
    );
}
