//! What the rebalance listener is told, and what waits for it.

use std::time::Duration;

use milena_protocol::{Api, ErrorCode};

use super::sim::{Sim, assigned, config, following, heartbeat, t};
use crate::core::io::RebalanceKind::{Assigned, Lost, Revoked};
use crate::core::io::{Answer, Command, Offsets, Update};
use crate::core::test_support::T;
use crate::{Config, Error, OffsetAndMetadata, Strategy};

const SECOND: Duration = Duration::from_secs(1);

fn cooperative() -> Config {
    config().partition_assignment_strategy(vec![Strategy::CooperativeSticky])
}

/// A member whose listener takes its time, and whose group begins to rebalance.
fn with_slow_listener(config: Config) -> Sim {
    let mut sim = Sim::joined(config);
    sim.has_quick_listener = false;
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim
}

#[test]
fn a7_the_group_is_joined_only_when_the_listener_is_done_and_it_can_commit_under_the_old_generation() {
    let mut sim = with_slow_listener(config());
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Revoked, vec![t(0), t(1)])]);
    assert_eq!(sim.group_story(), [Api::OffsetCommit], "its own commit, and no JoinGroup yet");
    assert_eq!(sim.updates, [Update::Withheld(vec![t(0), t(1)])], "they are still the consumer's");

    let offsets: Offsets = [(t(0), OffsetAndMetadata::new(3))].into();
    let commit = sim.call(Command::Commit { offsets: Some(offsets), deadline: Some(sim.now + SECOND) });
    assert_eq!(sim.answers[&commit], Ok(Answer::Done));
    assert_eq!(sim.commits().last(), Some(&(1, vec![3])));

    sim.acknowledge();
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.group_story()[2..], [Api::JoinGroup, Api::SyncGroup]);
    assert_eq!(sim.rebalances[1], (Assigned, vec![t(0), t(1)]));
}

#[test]
fn a_listener_that_is_never_done_is_out_of_the_group_after_max_poll_interval() {
    let mut sim = with_slow_listener(config());
    for _ in 0..310 {
        sim.poll(SECOND).unwrap();
    }
    assert_eq!(sim.times(Api::LeaveGroup), [304_000]);
    sim.acknowledge();
    sim.has_quick_listener = true;
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances[1..], [(Assigned, vec![t(0), t(1)])]);
}

#[test]
fn under_the_cooperative_protocol_only_what_moves_is_revoked_and_what_stays_is_read_on() {
    let mut sim = with_slow_listener(cooperative());
    for _ in 0..2 {
        sim.otherwise(Api::SyncGroup, assigned(&[0]));
    }
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Revoked, vec![t(1)])]);
    let fetches = sim.times(Api::Fetch).len();
    sim.poll(2 * SECOND).unwrap();
    assert!(sim.times(Api::Fetch).len() > fetches);
    assert_eq!(sim.times(Api::JoinGroup).len(), 1);

    sim.acknowledge();
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances[1..], [(Assigned, vec![])]);
    sim.acknowledge();
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.times(Api::JoinGroup).len(), 2, "what was revoked is for others");
    assert_eq!(sim.rebalances[2..], [(Assigned, vec![])]);
}

#[test]
fn partitions_whose_generation_is_over_are_lost_and_are_not_committed() {
    let mut sim = Sim::joined(config());
    sim.has_quick_listener = false;
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::UNKNOWN_MEMBER_ID));
    sim.pass(4 * SECOND);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Lost, vec![t(0), t(1)])]);
    assert_eq!(sim.group_story(), []);
    let commit = sim.commit(SECOND);
    assert_eq!(sim.answers[&commit], Err(Error::CommitFailed));
}

#[test]
fn an_eager_member_without_partitions_is_told_that_none_go_as_in_java() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.otherwise(Api::SyncGroup, assigned(&[]));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![])], "at first there is nothing to revoke");
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances[1..], [(Revoked, vec![]), (Assigned, vec![t(0), t(1)])]);
}

#[test]
fn leaving_waits_for_the_listener_whether_for_now_or_for_good() {
    for is_for_good in [false, true] {
        let mut sim = Sim::joined(config());
        sim.has_quick_listener = false;
        let call = match is_for_good {
            true => sim.close(30 * SECOND),
            false => sim.call(Command::Unsubscribe),
        };
        assert_eq!(sim.rebalances, [(Revoked, vec![t(0), t(1)])]);
        assert_eq!(sim.group_story(), [Api::OffsetCommit]);
        assert_eq!(sim.answers.get(&call), None);
        let commit = sim.commit(SECOND);
        assert_eq!(sim.answers[&commit], Ok(Answer::Done));
        sim.acknowledge();
        sim.run();
        assert_eq!(sim.answers[&call], Ok(Answer::Done));
        assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::OffsetCommit, Api::LeaveGroup]);
        assert_eq!(sim.is_finished, is_for_good);
    }
}

#[test]
fn a6_closing_does_not_wait_for_a_listener_past_its_deadline() {
    let mut sim = Sim::joined(config());
    sim.has_quick_listener = false;
    let (close, since) = (sim.close(10 * SECOND), sim.now);
    sim.pass_until_finished(11 * SECOND);
    assert_eq!(sim.now - since, 10 * SECOND);
    assert_eq!(sim.answers[&close], Ok(Answer::Done));
}

#[test]
fn a_subscription_that_comes_while_the_last_one_ends_is_the_next_one() {
    let mut sim = Sim::joined(config());
    sim.has_quick_listener = false;
    let call = sim.call(Command::Unsubscribe);
    sim.subscribe(&["t"]);
    sim.acknowledge();
    sim.has_quick_listener = true;
    sim.poll(T).unwrap();
    assert_eq!(sim.answers[&call], Ok(Answer::Done));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![t(0), t(1)])));
}

#[test]
fn t14_what_was_given_away_in_a_generation_that_a_member_has_missed_is_lost_and_not_committed() {
    let taken = |generation| {
        let mut sim = with_slow_listener(cooperative());
        sim.otherwise(Api::JoinGroup, following(generation));
        sim.otherwise(Api::SyncGroup, assigned(&[0]));
        sim.poll(T).unwrap();
        let all = sim.call(Command::Commit { offsets: None, deadline: Some(sim.now + SECOND) });
        assert_eq!(sim.answers[&all], Ok(Answer::Done), "the listener commits");
        sim
    };
    let before = (1, vec![0, 0]);
    let in_turn = taken(2);
    assert_eq!(in_turn.rebalances, [(Revoked, vec![t(1)])]);
    assert_eq!(in_turn.commits(), [before.clone(), (2, vec![0]), (2, vec![0, 0])]);

    let mut belated = taken(3);
    assert_eq!(belated.rebalances, [(Lost, vec![t(1)])]);
    assert_eq!(belated.commits(), [before, (3, vec![0])], "of the partition that it keeps");
    belated.has_quick_listener = true;
    belated.acknowledge();
    belated.poll(T).unwrap();
    assert_eq!(belated.rebalances[1], (Assigned, vec![]));
    assert_eq!(belated.times(Api::JoinGroup).len(), 2, "who gives up something says so");
}

#[test]
fn t14_a_generation_whose_coordinator_went_away_is_one_that_was_missed() {
    let taken = |error| {
        let mut sim = with_slow_listener(cooperative());
        sim.otherwise(Api::JoinGroup, following(2));
        let mut sync = assigned(&[0]);
        sync.error_code = error;
        sim.otherwise(Api::SyncGroup, sync);
        sim.otherwise(Api::JoinGroup, following(3));
        sim.otherwise(Api::SyncGroup, assigned(&[0]));
        sim.poll(SECOND).unwrap();
        sim.rebalances
    };
    assert_eq!(taken(ErrorCode::REBALANCE_IN_PROGRESS), [(Revoked, vec![t(1)])], "the next one knows of it");
    // Another coordinator gives the number again, and this member was not there.
    assert_eq!(taken(ErrorCode::NOT_COORDINATOR), [(Lost, vec![t(1)])]);
}

#[test]
fn t14_a_static_member_that_is_lost_while_it_owes_a_rebalance_still_asks_for_it() {
    let mut sim = with_slow_listener(cooperative().group_instance_id("i"));
    sim.otherwise(Api::JoinGroup, following(2));
    sim.otherwise(Api::SyncGroup, assigned(&[0]));
    for _ in 0..310 {
        sim.poll(SECOND).unwrap();
    }
    assert_eq!(sim.rebalances, [(Revoked, vec![t(1)])]);
    sim.has_quick_listener = true;
    sim.acknowledge();
    sim.sent.clear();
    // It is out by then, and the coordinator takes it back as if nothing had happened.
    for generation in [2, 3] {
        sim.otherwise(Api::JoinGroup, following(generation));
        sim.otherwise(Api::SyncGroup, assigned(&[0]));
    }
    sim.poll(SECOND).unwrap();
    let told = [(Assigned, vec![]), (Lost, vec![t(0)]), (Assigned, vec![t(0)]), (Assigned, vec![])];
    assert_eq!(sim.rebalances[1..], told);
    assert_eq!(sim.times(Api::JoinGroup).len(), 2);
    sim.pass(60 * SECOND);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.times(Api::JoinGroup).len(), 2);
}
