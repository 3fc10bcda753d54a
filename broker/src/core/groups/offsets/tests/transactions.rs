//! TxnOffsetCommit, and what becomes of it.

use super::*;

#[test]
fn t6_an_offset_in_a_transaction_counts_when_it_is_committed() {
    let mut bench = by_name();
    bench.now(commit());
    assert_eq!(in_transaction(&mut bench, commit_in_transaction()), ErrorCode::NONE);
    assert_eq!(committed(&mut bench).committed_offset, 5);
    let mut stable = fetch();
    stable.require_stable = true;
    let unstable = bench.now(stable.clone()).groups.remove(0).topics.remove(0);
    assert_eq!(unstable.partitions[0].error_code, ErrorCode::UNSTABLE_OFFSET_COMMIT);
    assert_eq!(unstable.partitions[0].committed_offset, -1);
    assert_eq!(unstable.partitions[1].error_code, ErrorCode::NONE);
    bench.groups.end_transaction(77, true, |_| true);
    let stable = bench.now(stable).groups.remove(0).topics.remove(0);
    assert_eq!(
        (stable.partitions[0].error_code, stable.partitions[0].committed_offset),
        (ErrorCode::NONE, 8)
    );
}

#[test]
fn an_aborted_transaction_leaves_what_was_there() {
    let mut bench = by_name();
    bench.now(commit());
    in_transaction(&mut bench, commit_in_transaction());
    bench.groups.end_transaction(77, false, |_| true);
    bench.groups.end_transaction(77, true, |_| true);
    assert_eq!(committed(&mut bench).committed_offset, 5);
}

#[test]
fn what_was_committed_later_outlasts_a_transaction_that_ends_later() {
    let mut bench = by_name();
    in_transaction(&mut bench, commit_in_transaction());
    bench.now(commit());
    bench.groups.end_transaction(77, true, |_| true);
    assert_eq!(committed(&mut bench).committed_offset, 5);
}

#[test]
fn transactions_of_two_producers_do_not_mix() {
    let mut bench = by_name();
    in_transaction(&mut bench, commit_in_transaction());
    let mut other = commit_in_transaction();
    (other.producer_id, other.topics[0].partitions[0].committed_offset) = (78, 9);
    in_transaction(&mut bench, other);
    bench.groups.end_transaction(78, true, |_| true);
    assert_eq!(committed(&mut bench).committed_offset, 9);
    bench.groups.end_transaction(77, true, |_| true);
    assert_eq!(committed(&mut bench).committed_offset, 9, "77 was earlier");
}

#[test]
fn a_transaction_that_names_a_member_is_checked_and_one_that_does_not_is_not() {
    let mut bench = by_name();
    let (id, generation) = stable_group(&mut bench, "g", b"");
    assert_eq!(in_transaction(&mut bench, commit_in_transaction()), ErrorCode::NONE);
    let mut request = commit_in_transaction();
    (request.member_id, request.generation_id) = (id.clone(), generation - 1);
    assert_eq!(in_transaction(&mut bench, request.clone()), ErrorCode::ILLEGAL_GENERATION);
    request.generation_id = generation;
    assert_eq!(in_transaction(&mut bench, request.clone()), ErrorCode::NONE);
    request.member_id = "somebody".into();
    assert_eq!(in_transaction(&mut bench, request.clone()), ErrorCode::UNKNOWN_MEMBER_ID);
    (request.member_id, request.group_instance_id) = (id, Some("name".into()));
    assert_eq!(in_transaction(&mut bench, request.clone()), ErrorCode::UNKNOWN_MEMBER_ID);
    request.group_id = "none".into();
    assert_eq!(in_transaction(&mut bench, request.clone()), ErrorCode::ILLEGAL_GENERATION);
    request.group_id = "".into();
    assert_eq!(in_transaction(&mut bench, request), ErrorCode::INVALID_GROUP_ID);
}

#[test]
fn a_transaction_commits_between_the_join_and_the_assignment_too() {
    let mut bench = by_name();
    let (id, _) = stable_group(&mut bench, "g", b"");
    let mut request = commit_in_transaction();
    request.generation_id = bench.now(join(&id, &[("range", b"")])).generation_id;
    request.member_id = id;
    assert_eq!(in_transaction(&mut bench, request), ErrorCode::NONE);
}

#[test]
fn what_does_not_exist_is_refused_in_a_transaction_too() {
    let mut bench = by_name();
    let mut request = commit_in_transaction();
    request.topics[0].name = "none".into();
    assert_eq!(in_transaction(&mut bench, request), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut request = commit_in_transaction();
    request.topics[0].partitions[0].committed_metadata = Some("x".repeat(5_000).into());
    assert_eq!(in_transaction(&mut bench, request), ErrorCode::OFFSET_METADATA_TOO_LARGE);
}
