//! OffsetDelete, retention, deleted topics.

use bytes::Bytes;
use milena_protocol::messages::list_groups::ListGroupsRequest;
use milena_protocol::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use milena_protocol::messages::{ConsumerProtocolSubscription, DeleteGroupsRequest, OffsetDeleteRequest};

use super::*;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

fn delete(topic: &str) -> OffsetDeleteRequest {
    let partition = |index| {
        let mut partition = OffsetDeleteRequestPartition::default();
        partition.partition_index = index;
        partition
    };
    let mut deleted = OffsetDeleteRequestTopic::default();
    (deleted.name, deleted.partitions) = (topic.into(), vec![partition(0), partition(5)]);
    let mut request = OffsetDeleteRequest::default();
    (request.group_id, request.topics) = ("g".into(), vec![deleted]);
    request
}

/// Deletes, and gives back the error of the group and those of the partitions.
fn deleted(bench: &mut Bench, request: OffsetDeleteRequest) -> (ErrorCode, Vec<ErrorCode>) {
    let response = bench.now(request);
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    (response.error_code, partitions.map(|partition| partition.error_code).collect())
}

/// A consumer of these topics joins group "g", alone, and is given nothing.
fn consume(bench: &mut Bench, topics: &[&str]) -> (milena_protocol::Str, i32) {
    let mut subscription = ConsumerProtocolSubscription::default();
    subscription.topics = topics.iter().map(|&topic| topic.into()).collect();
    let metadata: Bytes = subscription.to_blob(3).unwrap();
    let mut request = join("", &[("range", b"")]);
    request.protocols[0].metadata = metadata;
    request.member_id = bench.now(request.clone()).member_id;
    let joined = bench.now(request);
    bench.now(assign(&joined.member_id, joined.generation_id, &[]));
    (joined.member_id, joined.generation_id)
}

fn groups(bench: &mut Bench) -> usize {
    bench.now(ListGroupsRequest::default()).groups.len()
}

/// Lets time pass while a member stays alive.
fn pass_alive(bench: &mut Bench, ms: u64, member: &(milena_protocol::Str, i32)) {
    for _ in 0..ms.div_ceil(9_000) {
        bench.now(heartbeat(&member.0, member.1));
        bench.pass(9_000);
    }
}

#[test]
fn deleted_offsets_are_gone_those_in_transactions_too() {
    let mut bench = by_name();
    bench.now(commit());
    in_transaction(&mut bench, commit_in_transaction());
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(deleted(&mut bench, delete("t")), (ErrorCode::NONE, vec![ErrorCode::NONE, unknown]));
    bench.groups.end_transaction(77, true, |_| true);
    assert_eq!(committed(&mut bench).committed_offset, -1);
    assert_eq!(deleted(&mut bench, delete("none")).1, [unknown; 2]);
}

#[test]
fn offsets_of_a_topic_that_members_read_are_not_deleted() {
    let mut bench = by_name();
    bench.topic("u", 1);
    consume(&mut bench, &["u"]);
    assert_eq!(deleted(&mut bench, delete("t")).1[0], ErrorCode::NONE);
    assert_eq!(deleted(&mut bench, delete("u")).1[0], ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC);
}

#[test]
fn groups_of_others_delete_offsets_only_while_they_are_empty() {
    let mut bench = by_name();
    assert_eq!(deleted(&mut bench, delete("t")).0, ErrorCode::GROUP_ID_NOT_FOUND);
    let mut nameless = delete("t");
    nameless.group_id = "".into();
    assert_eq!(deleted(&mut bench, nameless).0, ErrorCode::INVALID_GROUP_ID);
    let mut request = join("", &[("x", b"")]);
    request.protocol_type = "connect".into();
    request.member_id = bench.now(request.clone()).member_id;
    bench.now(request.clone());
    assert_eq!(deleted(&mut bench, delete("t")).0, ErrorCode::NON_EMPTY_GROUP);
    bench.now(leave(&[(&request.member_id, None)]));
    assert_eq!(deleted(&mut bench, delete("t")).0, ErrorCode::NONE);
}

#[test]
fn a_deleted_group_takes_its_offsets_along() {
    let mut bench = by_name();
    bench.now(commit());
    let mut request = DeleteGroupsRequest::default();
    request.groups_names = vec!["g".into()];
    assert_eq!(bench.now(request).results[0].error_code, ErrorCode::NONE);
    assert_eq!(committed(&mut bench).committed_offset, -1);
}

#[test]
fn offsets_without_members_go_seven_days_after_they_were_committed() {
    let mut bench = by_name();
    bench.now(commit());
    bench.pass(7 * DAY_MS - MINUTE_MS);
    assert_eq!(committed(&mut bench).committed_offset, 5);
    bench.pass(11 * MINUTE_MS);
    assert_eq!(committed(&mut bench).committed_offset, -1);
    assert_eq!(groups(&mut bench), 0, "and the group with them");
    assert_eq!(bench.groups.deadline(), None);
}

#[test]
fn offsets_of_a_group_go_seven_days_after_its_last_member() {
    let mut bench = by_name();
    let member = consume(&mut bench, &["t"]);
    let mut request = commit_as(&member.0, member.1);
    request.topics[0].name = "t".into();
    assert_eq!(first(&bench.now(request)), ErrorCode::NONE);
    pass_alive(&mut bench, 8 * DAY_MS, &member);
    assert_eq!(committed(&mut bench).committed_offset, 5, "its topic is read");
    bench.now(leave(&[(&member.0, None)]));
    bench.pass(7 * DAY_MS - MINUTE_MS);
    assert_eq!(committed(&mut bench).committed_offset, 5);
    bench.pass(11 * MINUTE_MS);
    assert_eq!(committed(&mut bench).committed_offset, -1);
}

#[test]
fn offsets_of_a_topic_that_members_have_left_behind_go_too() {
    let mut bench = by_name();
    bench.topic("u", 1);
    bench.now(commit());
    let member = consume(&mut bench, &["u"]);
    pass_alive(&mut bench, 7 * DAY_MS + 11 * MINUTE_MS, &member);
    assert_eq!(committed(&mut bench).committed_offset, -1);
    assert_eq!(groups(&mut bench), 1);
}

#[test]
fn before_v5_the_committer_may_say_how_long() {
    let mut bench = by_name();
    bench.version = Some(4);
    let mut request = commit();
    request.retention_time_ms = 20 * MINUTE_MS as i64;
    bench.now(request);
    bench.pass(19 * MINUTE_MS);
    assert_eq!(committed(&mut bench).committed_offset, 5);
    bench.pass(11 * MINUTE_MS);
    assert_eq!(committed(&mut bench).committed_offset, -1);
}

#[test]
fn an_offset_that_a_transaction_is_about_to_replace_stays() {
    let mut bench = by_name();
    bench.now(commit());
    in_transaction(&mut bench, commit_in_transaction());
    bench.pass(8 * DAY_MS);
    assert_eq!(committed(&mut bench).committed_offset, 5);
}

#[test]
fn a21_offsets_go_with_their_topic_also_when_it_is_made_anew() {
    let mut bench = by_name();
    bench.now(commit());
    in_transaction(&mut bench, commit_in_transaction());
    bench.catalog.delete_topic("t");
    bench.topic("t", 2);
    assert_eq!(committed(&mut bench).committed_offset, -1);
    bench.groups.end_transaction(77, true, |_| true);
    assert_eq!(committed(&mut bench).committed_offset, -1);
}

#[test]
fn a_new_topic_and_more_partitions_leave_offsets_alone() {
    let mut bench = by_name();
    bench.now(commit());
    bench.topic("u", 1);
    bench.catalog.add_partitions("t", vec![vec![1]]);
    bench.pass(0);
    assert_eq!(committed(&mut bench).committed_offset, 5);
}
