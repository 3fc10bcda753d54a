//! SyncGroup.

use super::*;

/// Two members that have joined and not yet asked for their assignments; the first one leads.
fn joined(bench: &mut Bench) -> (Vec<Str>, i32) {
    let (ids, _) = stable(bench, 2);
    let leader = bench.ask(join(&ids[0], RANGE));
    let generation = bench.now(join(&ids[1], RANGE)).generation_id;
    bench.answer(leader).unwrap();
    (ids, generation)
}

#[test]
fn everybody_waits_for_the_leader_and_gets_what_it_has_assigned() {
    let mut bench = Bench::prompt();
    let (ids, generation) = joined(&mut bench);
    let follower = bench.ask(sync(&ids[1], generation));
    assert!(bench.answer(follower).is_none());
    let leader = bench.now(assign(&ids[0], generation, &[(&ids[0], b"zero"), (&ids[1], b"one")]));
    assert_eq!(&leader.assignment[..], b"zero");
    let follower = bench.answer(follower).unwrap();
    assert_eq!(&follower.assignment[..], b"one");
    assert_eq!(follower.protocol_name.as_deref(), Some("range"));
    assert_eq!(follower.protocol_type.as_deref(), Some("consumer"));
    let again = bench.now(sync(&ids[1], generation));
    assert_eq!(&again.assignment[..], b"one", "a stable group says it again");
}

#[test]
fn t13_whom_the_leader_leaves_out_gets_no_bytes() {
    let mut bench = Bench::prompt();
    let (ids, generation) = joined(&mut bench);
    bench.now(assign(&ids[0], generation, &[("stranger", b"x")]));
    let follower = bench.now(sync(&ids[1], generation));
    assert_eq!((follower.error_code, follower.assignment.len()), (ErrorCode::NONE, 0));
}

#[test]
fn a_rebalance_sends_those_who_wait_back_to_join() {
    let mut bench = Bench::prompt();
    let (ids, generation) = joined(&mut bench);
    let follower = bench.ask(sync(&ids[1], generation));
    enter(&mut bench, join("", RANGE));
    let told = bench.answer(follower).unwrap();
    assert_eq!(told.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(told.protocol_name, None);
    assert_eq!(bench.now(sync(&ids[0], generation)).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn only_members_of_this_generation_with_its_protocol_are_served() {
    let mut bench = Bench::prompt();
    assert_eq!(bench.now(sync("somebody", 1)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    let (ids, generation) = joined(&mut bench);
    assert_eq!(bench.now(sync("somebody", generation)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.now(sync(&ids[0], generation - 1)).error_code, ErrorCode::ILLEGAL_GENERATION);
    let mut other = sync(&ids[0], generation);
    other.protocol_name = Some("sticky".into());
    assert_eq!(bench.now(other.clone()).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    other.protocol_name = None; // KIP-559: mandatory from v5 on
    assert_eq!(bench.now(other.clone()).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    other.group_id = "".into();
    other.protocol_name = Some("range".into());
    assert_eq!(bench.now(other.clone()).error_code, ErrorCode::INVALID_GROUP_ID);
    (other.group_id, other.protocol_name, other.protocol_type) = ("g".into(), None, None);
    bench.version = Some(4);
    let asked = bench.ask(other);
    assert_eq!(bench.answer(asked).unwrap().error_code, ErrorCode::NONE, "the leader, in an old version");
}

#[test]
fn who_never_asks_for_its_assignment_is_left_behind() {
    let mut bench = Bench::prompt();
    let (ids, generation) = joined(&mut bench);
    bench.now(assign(&ids[0], generation, &[]));
    for _ in 0..6 {
        bench.pass(9_000);
        assert_eq!(bench.now(heartbeat(&ids[0], generation)).error_code, ErrorCode::NONE);
        assert_eq!(bench.now(heartbeat(&ids[1], generation)).error_code, ErrorCode::NONE);
    }
    bench.pass(6_000); // the rebalance timeout is 60 s
    assert_eq!(bench.now(heartbeat(&ids[1], generation)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.now(heartbeat(&ids[0], generation)).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_leader_that_never_assigns_is_left_behind() {
    let mut bench = Bench::prompt();
    let (ids, generation) = joined(&mut bench);
    let follower = bench.ask(sync(&ids[1], generation));
    for _ in 0..7 {
        bench.now(heartbeat(&ids[0], generation));
        bench.pass(9_000);
    }
    assert_eq!(bench.answer(follower).unwrap().error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    let joined = bench.now(join(&ids[1], RANGE));
    assert_eq!((joined.leader, joined.members.len()), (ids[1].clone(), 1));
}

#[test]
fn no_session_ends_while_the_group_is_what_the_member_waits_for() {
    let mut bench = Bench::prompt();
    let (ids, generation) = joined(&mut bench);
    let follower = bench.ask(sync(&ids[1], generation));
    for _ in 0..5 {
        bench.pass(9_000);
        bench.now(heartbeat(&ids[0], generation));
    }
    assert!(bench.answer(follower).is_none(), "its session is 10 s, and it has waited 45 s");
    bench.now(assign(&ids[0], generation, &[]));
    assert_eq!(bench.answer(follower).unwrap().error_code, ErrorCode::NONE);
    bench.pass(9_999);
    assert_eq!(bench.now(heartbeat(&ids[1], generation)).error_code, ErrorCode::NONE, "and begins anew then");
}
