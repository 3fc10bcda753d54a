//! JoinGroup.

use super::*;
use crate::core::groups::settings::GroupSettings;

#[test]
fn t9_a_new_member_is_told_its_id_and_joins_with_it() {
    let mut bench = Bench::prompt();
    let told = bench.now(join("", RANGE));
    assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(told.member_id.starts_with("app-"), "{}", told.member_id);
    let joined = bench.now(join(&told.member_id, RANGE));
    assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 1));
    assert_eq!(joined.leader, told.member_id);
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.members.len(), 1);
}

#[test]
fn before_v4_a_new_member_joins_at_once() {
    for version in 0..4 {
        let mut bench = Bench::prompt();
        bench.version = Some(version);
        let joined = bench.now(join("", RANGE));
        assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 1), "v{version}");
    }
}

#[test]
fn an_empty_group_waits_for_more_members_while_they_come() {
    let mut bench = Bench::new(); // group.initial.rebalance.delay.ms is 3 s
    let (_, first) = enter(&mut bench, join("", RANGE));
    bench.pass(2_900);
    let (_, second) = enter(&mut bench, join("", RANGE));
    bench.pass(200);
    assert!(bench.answer(first).is_none(), "somebody came within the first 3 s: 3 s more");
    bench.pass(2_800);
    assert!(bench.answer(first).is_none());
    bench.pass(100);
    let (first, second) = (bench.answer(first).unwrap(), bench.answer(second).unwrap());
    assert_eq!((first.generation_id, second.generation_id), (1, 1));
    let leaders = [&first, &second].into_iter().filter(|joined| joined.member_id == joined.leader);
    assert_eq!(leaders.map(|leader| leader.members.len()).collect::<Vec<_>>(), [2]);
}

#[test]
fn the_initial_delay_does_not_outlast_the_rebalance_timeout() {
    let mut bench = Bench::new();
    let mut request = join("", RANGE);
    request.rebalance_timeout_ms = 7_000;
    let (_, first) = enter(&mut bench, request.clone());
    for _ in 0..6 {
        bench.pass(1_000);
        enter(&mut bench, request.clone());
    }
    bench.pass(999);
    assert!(bench.answer(first).is_none());
    bench.pass(1);
    assert_eq!(bench.answer(first).unwrap().generation_id, 1, "3 s + 3 s + 1 s");
}

#[test]
fn a_second_member_makes_the_first_one_join_again() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 1);
    let (second, asked) = enter(&mut bench, join("", RANGE));
    assert!(bench.answer(asked).is_none());
    assert_eq!(bench.now(heartbeat(&ids[0], generation)).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    let leader = bench.now(join(&ids[0], RANGE));
    let follower = bench.answer(asked).unwrap();
    assert_eq!((leader.generation_id, follower.generation_id), (generation + 1, generation + 1));
    assert_eq!((&leader.leader, &follower.leader), (&ids[0], &ids[0]));
    assert_eq!(follower.member_id, second);
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
}

#[test]
fn a_dynamic_member_that_does_not_join_in_time_is_left_behind() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 2);
    let (_, newcomer) = enter(&mut bench, join("", RANGE));
    let first = bench.ask(join(&ids[0], RANGE));
    for _ in 0..6 {
        bench.pass(9_000);
        let beat = bench.now(heartbeat(&ids[1], generation)).error_code;
        assert_eq!(beat, ErrorCode::REBALANCE_IN_PROGRESS, "it is alive, and asked to join");
    }
    assert!(bench.answer(newcomer).is_none());
    bench.pass(6_000); // the rebalance timeout is 60 s
    assert_eq!(bench.answer(newcomer).unwrap().generation_id, generation + 1);
    assert_eq!(bench.answer(first).unwrap().members.len(), 2);
    assert_eq!(bench.now(heartbeat(&ids[1], generation)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_leader_that_does_not_join_in_time_loses_the_lead() {
    let mut bench = Bench::prompt();
    let (ids, _) = stable(&mut bench, 2);
    let mut request = join(&ids[1], &[("range", b"new")]);
    request.session_timeout_ms = 100_000;
    let asked = bench.ask(request);
    bench.pass(60_000);
    let joined = bench.answer(asked).unwrap();
    assert_eq!(joined.leader, ids[1]);
    assert_eq!(joined.members.len(), 1);
    assert_eq!(&joined.members[0].metadata[..], b"new");
}

#[test]
fn the_protocol_that_most_prefer_among_those_that_all_support_is_chosen() {
    let mut bench = Bench::new();
    let asked: Vec<_> = [
        &[("a", &b""[..]), ("b", b""), ("c", b"")][..],
        &[("b", b""), ("a", b"")],
        &[("c", b""), ("b", b""), ("a", b"")],
    ]
    .into_iter()
    .map(|protocols| enter(&mut bench, join("", protocols)).1)
    .collect();
    bench.pass(10_000);
    for asked in asked {
        assert_eq!(bench.answer(asked).unwrap().protocol_name.as_deref(), Some("b"));
    }
}

#[test]
fn who_shares_no_protocol_with_the_group_is_refused() {
    let mut bench = Bench::prompt();
    stable(&mut bench, 1);
    assert_eq!(bench.now(join("", &[("sticky", b"")])).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let mut connect = join("", RANGE);
    connect.protocol_type = "connect".into();
    assert_eq!(bench.now(connect).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let mut other = join("", &[]);
    other.group_id = "h".into();
    assert_eq!(bench.now(other.clone()).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    (other.protocols, other.protocol_type) = (join("", RANGE).protocols, "".into());
    assert_eq!(bench.now(other).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn a_follower_that_has_nothing_new_to_say_does_not_disturb_a_stable_group() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 2);
    let follower = bench.now(join(&ids[1], RANGE));
    assert_eq!((follower.generation_id, follower.members.len()), (generation, 0));
    assert_eq!(bench.now(heartbeat(&ids[0], generation)).error_code, ErrorCode::NONE);
}

#[test]
fn a_leader_that_joins_a_stable_group_starts_a_rebalance() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 2);
    let leader = bench.ask(join(&ids[0], RANGE));
    assert!(bench.answer(leader).is_none());
    assert_eq!(bench.now(heartbeat(&ids[1], generation)).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn who_missed_the_answer_gets_it_again_before_the_leader_has_assigned() {
    let mut bench = Bench::prompt();
    let (id, asked) = enter(&mut bench, join("", RANGE));
    let joined = bench.answer(asked).unwrap();
    let again = bench.now(join(&id, RANGE));
    assert_eq!((again.generation_id, &again.members), (joined.generation_id, &joined.members));
    let changed = bench.now(join(&id, &[("range", b"new")]));
    assert_eq!(changed.generation_id, joined.generation_id + 1);
}

#[test]
fn a_group_takes_no_more_members_than_group_max_size() {
    let settings =
        GroupSettings { group_max_size: 2, group_initial_rebalance_delay_ms: 0, ..GroupSettings::default() };
    let mut bench = Bench::with(settings);
    let (ids, _) = stable(&mut bench, 2);
    let refused = bench.now(join("", RANGE));
    assert_eq!(refused.error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(refused.member_id, "");
    let leader = bench.ask(join(&ids[0], RANGE)); // the members themselves still can
    assert_eq!(bench.now(join(&ids[1], RANGE)).error_code, ErrorCode::NONE);
    assert_eq!(bench.answer(leader).unwrap().error_code, ErrorCode::NONE);
}

#[test]
fn sessions_have_limits() {
    let mut bench = Bench::new();
    for (session_timeout_ms, error) in [
        (5_999, ErrorCode::INVALID_SESSION_TIMEOUT),
        (6_000, ErrorCode::MEMBER_ID_REQUIRED),
        (1_800_000, ErrorCode::MEMBER_ID_REQUIRED),
        (1_800_001, ErrorCode::INVALID_SESSION_TIMEOUT),
    ] {
        let mut request = join("", RANGE);
        request.session_timeout_ms = session_timeout_ms;
        assert_eq!(bench.now(request).error_code, error, "{session_timeout_ms} ms");
    }
}

#[test]
fn a_group_has_a_name_and_knows_its_members() {
    let mut bench = Bench::prompt();
    let mut nameless = join("", RANGE);
    nameless.group_id = "".into();
    assert_eq!(bench.now(nameless).error_code, ErrorCode::INVALID_GROUP_ID);
    let stranger = bench.now(join("somebody", RANGE));
    assert_eq!((stranger.error_code, &stranger.member_id[..]), (ErrorCode::UNKNOWN_MEMBER_ID, "somebody"));
    stable(&mut bench, 1);
    assert_eq!(bench.now(join("somebody", RANGE)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn who_was_told_its_id_and_never_joined_holds_up_nobody_after_its_session() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 1);
    let told = bench.now(join("", RANGE));
    assert_eq!(bench.now(heartbeat(&ids[0], generation)).error_code, ErrorCode::NONE, "only told");
    let leader = bench.ask(join(&ids[0], RANGE));
    assert!(bench.answer(leader).is_none(), "one is expected");
    bench.pass(10_000);
    assert_eq!(bench.answer(leader).unwrap().members.len(), 1);
    assert_eq!(bench.now(join(&told.member_id, RANGE)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_new_member_that_waits_five_minutes_for_a_rebalance_is_gone() {
    let mut bench = Bench::prompt();
    let mut patient = join("", RANGE);
    patient.rebalance_timeout_ms = 600_000;
    let (id, asked) = enter(&mut bench, patient.clone());
    let generation = bench.answer(asked).unwrap().generation_id;
    bench.now(assign(&id, generation, &[]));
    let (_, newcomer) = enter(&mut bench, join("", RANGE));
    for _ in 0..60 {
        assert!(bench.answer(newcomer).is_none());
        bench.now(heartbeat(&id, generation));
        bench.pass(5_000);
    }
    let told = bench.answer(newcomer).unwrap();
    assert_eq!((told.error_code, &told.member_id[..]), (ErrorCode::UNKNOWN_MEMBER_ID, ""));
}

#[test]
fn a_join_that_nobody_waits_for_counts_and_is_not_answered() {
    let mut bench = Bench::prompt();
    let (ids, generation) = stable(&mut bench, 1);
    let (gone, asked) = enter(&mut bench, join("", RANGE));
    bench.groups.given_up(asked.ticket);
    assert_eq!(bench.now(join(&ids[0], RANGE)).members.len(), 2);
    assert!(bench.answer(asked).is_none());
    // It comes again, over another connection, and finds the generation that it has missed.
    assert_eq!(bench.now(join(&gone, RANGE)).generation_id, generation + 1);
}

#[test]
fn the_older_of_two_joins_of_a_member_is_never_answered() {
    let mut bench = Bench::prompt();
    let (ids, _) = stable(&mut bench, 2);
    let older = bench.ask(join(&ids[0], RANGE));
    let newer = bench.ask(join(&ids[0], RANGE));
    bench.now(join(&ids[1], RANGE));
    assert!(bench.answer(older).is_none());
    assert!(bench.answer(newer).is_some());
}

#[test]
fn a_member_with_very_many_protocols_holds_up_nobody() {
    let began = std::time::Instant::now();
    let mut bench = Bench::prompt();
    let mut many = join("", RANGE);
    for n in 0..20_000 {
        let mut protocol = many.protocols[0].clone();
        protocol.name = format!("protocol-{n}").into();
        many.protocols.push(protocol);
    }
    many.protocols.remove(0); // and "range" comes last
    many.protocols.push(join("", RANGE).protocols.remove(0));
    let (id, asked) = enter(&mut bench, many.clone());
    assert_eq!(bench.answer(asked).unwrap().protocol_name.as_deref(), Some("protocol-0"));
    let (_, newcomer) = enter(&mut bench, join("", RANGE));
    many.member_id = id.clone();
    bench.now(many);
    assert_eq!(bench.answer(newcomer).unwrap().protocol_name.as_deref(), Some("range"));
    let mut disjoint = join("", &[("protocol-1", b"")]);
    assert_eq!(bench.now(disjoint.clone()).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    // Who joins anew with other protocols is counted with those.
    disjoint.member_id = id;
    assert_eq!(bench.now(disjoint).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    // Compared with one another they would take minutes.
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
}
