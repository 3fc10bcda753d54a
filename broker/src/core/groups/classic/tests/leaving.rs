//! Heartbeat, LeaveGroup, sessions.

use milena_protocol::messages::LeaveGroupRequest;

use super::*;

#[test]
fn a_member_that_is_not_heard_of_for_a_session_is_gone() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 2);
    bench.pass(9_000);
    bench.now(heartbeat(&ids[0], generation));
    bench.pass(1_000);
    assert_eq!(bench.now(heartbeat(&ids[1], generation)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.now(heartbeat(&ids[0], generation)).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(bench.now(join(&ids[0], RANGE)).members.len(), 1);
}

#[test]
fn a_heartbeat_names_group_member_and_generation() {
    let mut bench = Bench::prompt();
    assert_eq!(bench.now(heartbeat("m", 1)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    let (ids, generation) = stable(&mut bench, 1);
    assert_eq!(bench.now(heartbeat("m", generation)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.now(heartbeat(&ids[0], generation + 1)).error_code, ErrorCode::ILLEGAL_GENERATION);
    let mut nameless = heartbeat(&ids[0], generation);
    nameless.group_id = "".into();
    assert_eq!(bench.now(nameless).error_code, ErrorCode::INVALID_GROUP_ID);
}

#[test]
fn a_heartbeat_before_the_assignment_keeps_the_member_alive() {
    let mut bench = Bench::prompt();
    let (id, asked) = enter(&mut bench, join("", RANGE));
    let generation = bench.answer(asked).unwrap().generation_id;
    for _ in 0..3 {
        bench.pass(9_000);
        assert_eq!(bench.now(heartbeat(&id, generation)).error_code, ErrorCode::NONE);
    }
}

#[test]
fn who_leaves_makes_the_others_join_again() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 2);
    let left = bench.now(leave(&[(&ids[0], None)]));
    assert_eq!((left.error_code, left.members[0].error_code), (ErrorCode::NONE, ErrorCode::NONE));
    assert_eq!(left.members[0].member_id, ids[0]);
    assert_eq!(bench.now(heartbeat(&ids[1], generation)).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    let joined = bench.now(join(&ids[1], RANGE));
    assert_eq!((joined.leader, joined.members.len()), (ids[1].clone(), 1));
}

#[test]
fn the_last_one_to_leave_leaves_an_empty_group_of_the_next_generation() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 1);
    bench.now(leave(&[(&ids[0], None)]));
    assert_eq!(bench.groups.shared.timers.next(), None, "nothing is left to wait for");
    assert_eq!(bench.now(heartbeat(&ids[0], generation)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    let (_, asked) = enter(&mut bench, join("", &[("sticky", b"")]));
    let joined = bench.answer(asked).unwrap();
    assert_eq!(joined.generation_id, generation + 2);
    assert_eq!(joined.protocol_name.as_deref(), Some("sticky"));
}

#[test]
fn many_leave_at_once_and_each_has_its_own_outcome() {
    let mut bench = Bench::prompt();
    let (ids, _) = stable(&mut bench, 3);
    let told = bench.now(join("", RANGE));
    let left =
        bench.now(leave(&[(&ids[0], None), ("somebody", None), (&told.member_id, None), ("", Some("name"))]));
    let outcomes: Vec<ErrorCode> = left.members.iter().map(|member| member.error_code).collect();
    let unknown = ErrorCode::UNKNOWN_MEMBER_ID;
    assert_eq!(outcomes, [ErrorCode::NONE, unknown, ErrorCode::NONE, unknown]);
    let one = bench.ask(join(&ids[1], RANGE));
    let other = bench.now(join(&ids[2], RANGE));
    assert_eq!(bench.answer(one).unwrap().members.len() + other.members.len(), 2, "the leader hears of both");
}

#[test]
fn before_v3_one_member_leaves_and_the_outcome_is_that_of_the_request() {
    let mut bench = Bench::prompt();
    let (ids, _) = stable(&mut bench, 1);
    for version in 0..3 {
        bench.version = Some(version);
        let mut request = LeaveGroupRequest::default();
        (request.group_id, request.member_id) = ("g".into(), "somebody".into());
        assert_eq!(bench.now(request.clone()).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
        request.group_id = "h".into();
        assert_eq!(bench.now(request.clone()).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
        request.group_id = "".into();
        assert_eq!(bench.now(request).error_code, ErrorCode::INVALID_GROUP_ID);
    }
    let mut request = LeaveGroupRequest::default();
    (request.group_id, request.member_id) = ("g".into(), ids[0].clone());
    assert_eq!(bench.now(request).error_code, ErrorCode::NONE);
}

#[test]
fn a_group_that_is_not_there_says_so_for_each_member() {
    let mut bench = Bench::prompt();
    let left = bench.now(leave(&[("a", None), ("", Some("b"))]));
    assert_eq!(left.error_code, ErrorCode::NONE);
    assert_eq!(left.members.len(), 2);
    assert!(left.members.iter().all(|member| member.error_code == ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn who_leaves_during_a_rebalance_is_not_waited_for() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 2);
    let leader = bench.ask(join(&ids[0], RANGE));
    assert!(bench.answer(leader).is_none());
    bench.now(leave(&[(&ids[1], None)]));
    assert_eq!(bench.answer(leader).unwrap().generation_id, generation + 1);
}

#[test]
fn who_is_taken_out_while_it_waits_is_told() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 2);
    let leader = bench.ask(join(&ids[0], RANGE));
    bench.now(leave(&[(&ids[0], None)]));
    assert_eq!(bench.answer(leader).unwrap().error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.now(join(&ids[1], RANGE)).generation_id, generation + 1);
}
