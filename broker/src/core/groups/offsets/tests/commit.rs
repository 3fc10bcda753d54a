//! OffsetCommit.

use super::*;
use crate::core::groups::settings::GroupSettings;

#[test]
fn what_is_committed_is_found_again() {
    let mut bench = by_name();
    assert_eq!(first(&bench.now(commit())), ErrorCode::NONE);
    let found = committed(&mut bench);
    assert_eq!((found.committed_offset, found.committed_leader_epoch), (5, 3));
    assert_eq!(found.metadata.as_deref(), Some("note"));
}

#[test]
fn from_v10_on_topics_have_ids() {
    let mut bench = Bench::prompt();
    let id = bench.topic("t", 2);
    let mut request = commit();
    (request.topics[0].name, request.topics[0].topic_id) = ("".into(), id);
    assert_eq!(first(&bench.now(request.clone())), ErrorCode::NONE);
    assert_eq!(committed(&mut bench).committed_offset, 5);
    request.topics[0].topic_id = Uuid([9; 16]);
    let unknown = bench.now(request);
    assert_eq!(first(&unknown), ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!(unknown.topics[0].topic_id, Uuid([9; 16]));
}

#[test]
fn what_does_not_exist_is_refused_by_itself() {
    let mut bench = by_name();
    let mut request = commit();
    let mut beyond = request.topics[0].partitions[0].clone();
    beyond.partition_index = 2;
    request.topics[0].partitions.push(beyond.clone());
    beyond.partition_index = -1;
    request.topics[0].partitions.push(beyond);
    let mut other = request.topics[0].clone();
    other.name = "none".into();
    request.topics.push(other);
    let response = bench.now(request);
    let outcome = |topic: usize| -> Vec<ErrorCode> {
        response.topics[topic].partitions.iter().map(|partition| partition.error_code).collect()
    };
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(outcome(0), [ErrorCode::NONE, unknown, unknown]);
    assert_eq!(outcome(1), [unknown; 3]);
}

#[test]
fn a_group_is_not_asked_where_no_partition_exists() {
    let mut bench = by_name();
    let mut request = commit_as("somebody", 1);
    request.topics[0].name = "none".into();
    assert_eq!(first(&bench.now(request)), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(bench.groups.deadline(), None, "nor is one made");
}

#[test]
fn metadata_has_a_limit_in_characters() {
    let mut bench = by_name();
    let max = GroupSettings::default().offset_metadata_max_bytes as usize;
    let mut request = commit();
    for (metadata, error) in [
        ("x".repeat(max), ErrorCode::NONE),
        ("x".repeat(max + 1), ErrorCode::OFFSET_METADATA_TOO_LARGE),
        ("ä".repeat(max), ErrorCode::NONE),
        ("𝄞".repeat(max / 2 + 1), ErrorCode::OFFSET_METADATA_TOO_LARGE),
    ] {
        request.topics[0].partitions[0].committed_metadata = Some(metadata.into());
        assert_eq!(first(&bench.now(request.clone())), error);
    }
}

#[test]
fn who_is_no_member_commits_while_the_group_is_empty() {
    let mut bench = by_name();
    assert_eq!(first(&bench.now(commit())), ErrorCode::NONE, "which makes the group");
    assert_eq!(first(&bench.now(commit())), ErrorCode::NONE);
    let (id, _) = stable_group(&mut bench, "g", b"");
    assert_eq!(first(&bench.now(commit())), ErrorCode::UNKNOWN_MEMBER_ID);
    bench.now(leave(&[(&id, None)]));
    assert_eq!(first(&bench.now(commit())), ErrorCode::NONE);
}

#[test]
fn who_says_that_it_is_a_member_must_be_one() {
    let mut bench = by_name();
    assert_eq!(first(&bench.now(commit_as("somebody", 1))), ErrorCode::GROUP_ID_NOT_FOUND);
    bench.version = Some(8);
    assert_eq!(first(&bench.now(commit_as("somebody", 1))), ErrorCode::ILLEGAL_GENERATION);
    bench.version = Some(9);
    let (id, generation) = stable_group(&mut bench, "g", b"");
    assert_eq!(first(&bench.now(commit_as("somebody", generation))), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(first(&bench.now(commit_as(&id, generation - 1))), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(first(&bench.now(commit_as(&id, -1))), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(first(&bench.now(commit_as(&id, generation))), ErrorCode::NONE);
    let mut named = commit_as(&id, generation);
    named.group_instance_id = Some("name".into());
    assert_eq!(first(&bench.now(named)), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn t12_a_static_member_that_was_replaced_commits_no_more() {
    let mut bench = by_name();
    let mut request = join("", &[("range", b"")]);
    request.group_instance_id = Some("name".into());
    let old = bench.now(request.clone()).member_id;
    let generation = bench.now(request).generation_id;
    let mut stale = commit_as(&old, generation);
    stale.group_instance_id = Some("name".into());
    assert_eq!(first(&bench.now(stale)), ErrorCode::FENCED_INSTANCE_ID);
}

#[test]
fn t11_a_member_commits_while_the_group_prepares_a_rebalance() {
    let mut bench = by_name();
    let (id, generation) = stable_group(&mut bench, "g", b"");
    let told = bench.now(join("", &[("range", b"")]));
    bench.ask(join(&told.member_id, &[("range", b"")]));
    assert_eq!(bench.now(heartbeat(&id, generation)).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(first(&bench.now(commit_as(&id, generation))), ErrorCode::NONE);
}

#[test]
fn t8_a_member_waits_with_its_commit_until_the_leader_has_assigned() {
    let mut bench = by_name();
    let (id, _) = stable_group(&mut bench, "g", b"");
    let generation = bench.now(join(&id, &[("range", b"")])).generation_id;
    assert_eq!(first(&bench.now(commit_as(&id, generation))), ErrorCode::REBALANCE_IN_PROGRESS);
    bench.now(assign(&id, generation, &[]));
    assert_eq!(first(&bench.now(commit_as(&id, generation))), ErrorCode::NONE);
}

#[test]
fn a_commit_keeps_a_member_alive() {
    let mut bench = by_name();
    let (id, generation) = stable_group(&mut bench, "g", b"");
    for _ in 0..4 {
        bench.pass(9_000);
        assert_eq!(first(&bench.now(commit_as(&id, generation))), ErrorCode::NONE);
    }
    assert_eq!(bench.now(heartbeat(&id, generation)).error_code, ErrorCode::NONE);
}
