//! Offsets of consumer groups.

use milena_protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use milena_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic};
use milena_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest};

use super::*;

pub(super) fn commit(member_id: &str, epoch: i32, topic: Uuid, partitions: &[i32]) -> OffsetCommitRequest {
    let partition = |&index: &i32| {
        let mut partition = OffsetCommitRequestPartition::default();
        (partition.partition_index, partition.committed_offset) = (index, 5);
        partition
    };
    let mut committed = OffsetCommitRequestTopic::default();
    (committed.name, committed.topic_id) = ("t".into(), topic);
    committed.partitions = partitions.iter().map(partition).collect();
    let mut request = OffsetCommitRequest::default();
    (request.group_id, request.member_id, request.topics) = ("g".into(), member_id.into(), vec![committed]);
    request.generation_id_or_member_epoch = epoch;
    request
}

fn committed(bench: &mut Bench, request: OffsetCommitRequest) -> ErrorCode {
    bench.now(request).topics[0].partitions[0].error_code
}

#[test]
fn a_member_commits_in_its_epoch() {
    let mut bench = Bench::new();
    let topic = bench.topic("t", 2);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    let epoch = consumer.epoch;
    assert_eq!(committed(&mut bench, commit("m", epoch, topic, &[0])), ErrorCode::NONE);
    assert_eq!(committed(&mut bench, commit("m", epoch + 1, topic, &[0])), ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(committed(&mut bench, commit("x", epoch, topic, &[0])), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(committed(&mut bench, commit("", -1, topic, &[0])), ErrorCode::UNKNOWN_MEMBER_ID);
    bench.version = Some(8);
    assert_eq!(committed(&mut bench, commit("m", epoch, topic, &[0])), ErrorCode::UNSUPPORTED_VERSION);
}

#[test]
fn t7_an_older_epoch_may_commit_for_what_it_has_had_since() {
    let mut bench = Bench::new();
    let topic = bench.topic("t", 2);
    let (mut first, mut second) = (Consumer::new("a"), Consumer::new("b"));
    first.join(&mut bench, &["t"]);
    let old = first.epoch;
    second.join(&mut bench, &["t"]);
    settle(&mut bench, &mut [&mut first, &mut second], 3);
    assert!(first.epoch > old);
    let (kept, lost) = (first.has[&topic][0], second.has[&topic][0]);
    assert_eq!(committed(&mut bench, commit("a", old, topic, &[kept])), ErrorCode::NONE, "KIP-1251");
    assert_eq!(committed(&mut bench, commit("a", old, topic, &[lost])), ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(committed(&mut bench, commit("a", old, topic, &[kept, lost])), ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(committed(&mut bench, commit("b", old, topic, &[lost])), ErrorCode::STALE_MEMBER_EPOCH);
}

#[test]
fn who_says_who_it_is_fetches_in_its_epoch_only() {
    let mut bench = Bench::new();
    let topic = bench.topic("t", 1);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    let mut fetched = OffsetFetchRequestTopic::default();
    (fetched.topic_id, fetched.partition_indexes) = (topic, vec![0]);
    let mut ask = |member_id: Option<&str>, epoch| {
        let mut group = OffsetFetchRequestGroup::default();
        (group.group_id, group.topics) = ("g".into(), Some(vec![fetched.clone()]));
        (group.member_id, group.member_epoch) = (member_id.map(Str::from), epoch);
        let mut request = OffsetFetchRequest::default();
        request.groups = vec![group];
        bench.now(request).groups.remove(0).error_code
    };
    assert_eq!(ask(Some("m"), consumer.epoch), ErrorCode::NONE);
    assert_eq!(ask(None, -1), ErrorCode::NONE);
    assert_eq!(ask(Some("m"), consumer.epoch - 1), ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(ask(Some("x"), consumer.epoch), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn an_empty_group_takes_commits_from_operators_and_keeps_them_when_it_changes_sides() {
    let mut bench = Bench::prompt();
    let topic = bench.topic("t", 1);
    let mut consumer = Consumer::new("m");
    consumer.join(&mut bench, &["t"]);
    let mut request = consumer.request();
    request.member_epoch = -1;
    bench.now(request);
    assert_eq!(committed(&mut bench, commit("", -1, topic, &[0])), ErrorCode::NONE);
    stable_group(&mut bench, "g", b"");
    let mut all = OffsetFetchRequestGroup::default();
    (all.group_id, all.topics, all.member_epoch) = ("g".into(), None, -1);
    let mut request = OffsetFetchRequest::default();
    request.groups = vec![all];
    assert_eq!(bench.now(request).groups[0].topics[0].partitions[0].committed_offset, 5);
}
