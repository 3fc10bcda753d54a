//! Static members (KIP-345): those with a `group.instance.id`.

use super::*;

fn named(member_id: &str, name: &str) -> JoinGroupRequest {
    let mut request = join(member_id, RANGE);
    request.group_instance_id = Some(name.into());
    request
}

/// A stable group of the static members "a", which leads, and "b".
fn stable_pair(bench: &mut Bench) -> (Str, Str, i32) {
    let first = bench.now(named("", "a"));
    let second = bench.ask(named("", "b"));
    let first = bench.now(named(&first.member_id, "a"));
    let second = bench.answer(second).unwrap();
    let generation = first.generation_id;
    bench.now(assign(&first.member_id, generation, &[(&first.member_id, b"A"), (&second.member_id, b"B")]));
    bench.now(sync(&second.member_id, generation));
    (first.member_id, second.member_id, generation)
}

#[test]
fn a_static_member_joins_at_once_and_its_id_carries_its_name() {
    let mut bench = Bench::prompt();
    let joined = bench.now(named("", "a"));
    assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 1));
    assert!(joined.member_id.starts_with("a-"), "{}", joined.member_id);
    assert_eq!(joined.members[0].group_instance_id.as_deref(), Some("a"));
}

#[test]
fn t12_a_static_member_that_returns_gets_its_assignment_without_a_rebalance() {
    let mut bench = Bench::prompt();
    let (leader, old, generation) = stable_pair(&mut bench);
    let back = bench.now(named("", "b"));
    assert_eq!((back.error_code, back.generation_id), (ErrorCode::NONE, generation));
    assert_ne!(back.member_id, old);
    assert_eq!((&back.leader, back.members.len(), back.skip_assignment), (&leader, 0, false));
    assert_eq!(&bench.now(sync(&back.member_id, generation)).assignment[..], b"B");
    assert_eq!(bench.now(heartbeat(&leader, generation)).error_code, ErrorCode::NONE);
}

#[test]
fn t13_a_static_leader_that_returns_is_told_not_to_assign() {
    let mut bench = Bench::prompt();
    let (_, _, generation) = stable_pair(&mut bench);
    let back = bench.now(named("", "a"));
    assert_eq!((back.generation_id, back.skip_assignment), (generation, true));
    assert_eq!(back.leader, back.member_id);
    assert_eq!(back.members.len(), 2, "it leads, and must know whom");
    assert_eq!(&bench.now(sync(&back.member_id, generation)).assignment[..], b"A");
}

#[test]
fn before_v9_a_static_leader_that_returns_does_not_learn_that_it_leads() {
    let mut bench = Bench::prompt();
    let (old, _, generation) = stable_pair(&mut bench);
    bench.version = Some(8);
    let back = bench.now(named("", "a"));
    assert_eq!((back.generation_id, &back.leader, back.members.len()), (generation, &old, 0));
}

#[test]
fn t12_the_older_of_two_with_one_name_is_fenced() {
    let mut bench = Bench::prompt();
    let (_, old, generation) = stable_pair(&mut bench);
    bench.now(named("", "b"));
    let mut beat = heartbeat(&old, generation);
    beat.group_instance_id = Some("b".into());
    assert_eq!(bench.now(beat).error_code, ErrorCode::FENCED_INSTANCE_ID);
    let mut asked = sync(&old, generation);
    asked.group_instance_id = Some("b".into());
    assert_eq!(bench.now(asked).error_code, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(bench.now(named(&old, "b")).error_code, ErrorCode::FENCED_INSTANCE_ID);
    let left = bench.now(leave(&[(&old, Some("b"))]));
    assert_eq!(left.members[0].error_code, ErrorCode::FENCED_INSTANCE_ID);
    let mut stranger = heartbeat(&old, generation);
    stranger.group_instance_id = Some("c".into());
    assert_eq!(bench.now(stranger).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn who_waits_under_a_name_is_fenced_when_another_one_takes_it() {
    let mut bench = Bench::prompt();
    let (leader, old, generation) = stable_pair(&mut bench);
    let waiting = bench.ask(named(&leader, "a"));
    let newer = bench.ask(named("", "a"));
    let fenced = bench.answer(waiting).unwrap();
    assert_eq!((fenced.error_code, fenced.member_id), (ErrorCode::FENCED_INSTANCE_ID, leader));
    bench.now(named(&old, "b"));
    assert_eq!(bench.answer(newer).unwrap().generation_id, generation + 1);

    let generation = generation + 1;
    let waiting = bench.ask(sync(&old, generation));
    let newer = bench.ask(named("", "b"));
    assert_eq!(bench.answer(waiting).unwrap().error_code, ErrorCode::FENCED_INSTANCE_ID);
    assert!(bench.answer(newer).is_none(), "the leader may be assigning to the old id: all join again");
}

#[test]
fn a_static_member_that_changes_what_is_chosen_starts_a_rebalance() {
    let mut bench = Bench::new();
    let both: &[(&str, &[u8])] = &[("a", b""), ("b", b"")];
    let request = |name: &str| {
        let mut request = join("", both);
        request.group_instance_id = Some(name.into());
        request
    };
    let (first, second) = (bench.ask(request("one")), bench.ask(request("two")));
    bench.pass(10_000);
    let (first, second) = (bench.answer(first).unwrap(), bench.answer(second).unwrap());
    let mut assign = assign(&first.leader, 1, &[]);
    assign.protocol_name = Some("a".into());
    bench.now(assign.clone());
    let follower = if first.leader == first.member_id { &second } else { &first };
    assign.member_id = follower.member_id.clone();
    bench.now(assign);
    let mut changed = request("two");
    changed.protocols.remove(0);
    let changed = bench.ask(changed);
    assert!(bench.answer(changed).is_none());
    let beat = bench.now(heartbeat(&first.member_id, 1));
    assert_eq!(beat.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_static_member_that_does_not_join_in_time_stays_until_it_does_not_ask_for_its_assignment_either() {
    let mut bench = Bench::prompt();
    let mut patient = named("", "a");
    patient.session_timeout_ms = 100_000;
    let first = bench.now(patient.clone());
    bench.now(assign(&first.member_id, 1, &[]));
    let mut second = named("", "b");
    second.session_timeout_ms = 100_000;
    let second = bench.ask(second);
    bench.pass(60_000);
    let joined = bench.answer(second).unwrap();
    assert_eq!(joined.leader, joined.member_id, "the old leader was not there to assign");
    assert_eq!(joined.members.len(), 2, "but it is still a member");
    bench.now(assign(&joined.member_id, 2, &[]));
    bench.pass(59_999);
    assert_eq!(bench.now(heartbeat(&joined.member_id, 2)).error_code, ErrorCode::NONE);
    bench.pass(1);
    assert_eq!(bench.now(heartbeat(&joined.member_id, 2)).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(bench.now(named(&joined.member_id, "b")).members.len(), 1);
}

#[test]
fn a_rebalance_in_which_no_static_member_joins_waits_for_their_sessions() {
    let mut bench = Bench::prompt();
    let (_, second, generation) = stable_pair(&mut bench);
    // The leader joins, which starts a rebalance, and is taken out again; the other one is silent.
    let leader = bench.ask(named("", "a"));
    bench.answer(leader).unwrap();
    bench.now(leave(&[("", Some("a"))]));
    bench.pass(9_999);
    let mut beat = heartbeat(&second, generation);
    beat.group_instance_id = Some("b".into());
    assert_eq!(bench.now(beat.clone()).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    bench.pass(10_000);
    assert_eq!(bench.now(beat).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.groups.shared.timers.next(), None);
}

#[test]
fn a_rebalance_timeout_of_nothing_does_not_keep_the_coordinator_busy_forever() {
    let mut bench = Bench::prompt();
    let (ids, _) = stable(&mut bench, 1);
    let mut hasty = named("", "a");
    hasty.rebalance_timeout_ms = 0;
    let asked = bench.ask(hasty);
    let generation = bench.now(join(&ids[0], RANGE)).generation_id;
    let id = bench.answer(asked).unwrap().member_id;
    bench.now(assign(&ids[0], generation, &[]));
    assert_eq!(bench.now(sync(&id, generation)).error_code, ErrorCode::NONE);
    bench.now(leave(&[(&ids[0], None)]));
    // Who is left has not joined, and the time for it is over at once, again and again until the session ends.
    bench.pass(60_000);
    assert_eq!(bench.now(heartbeat(&id, generation)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.groups.shared.timers.next(), None);
}

#[test]
fn an_operator_takes_static_members_out_by_their_names() {
    let mut bench = Bench::prompt();
    let (leader, _, generation) = stable_pair(&mut bench);
    let left = bench.now(leave(&[("", Some("b")), ("", Some("c"))]));
    let outcomes: Vec<ErrorCode> = left.members.iter().map(|member| member.error_code).collect();
    assert_eq!(outcomes, [ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID]);
    assert_eq!(left.members[0].group_instance_id.as_deref(), Some("b"));
    assert_eq!(bench.now(heartbeat(&leader, generation)).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}
