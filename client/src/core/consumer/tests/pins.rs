//! Where the reset policy leads is committed at once, so that the next start begins there too.

use std::time::Duration;

use milena_protocol::{Api, ErrorCode};

use super::sim::{Sim, config, heartbeat, refused_commit, t};
use crate::core::io::{Answer, Command, OffsetAndMetadata, Update};
use crate::core::test_support::T;
use crate::{Config, Error, OffsetReset};

const SECOND: Duration = Duration::from_secs(1);

fn latest() -> Config {
    config().auto_offset_reset(OffsetReset::Latest).enable_auto_commit(false)
}

/// A new member of a group that has committed nothing, after its first poll.
fn started(config: Config) -> Sim {
    let mut sim = Sim::new(config);
    sim.subscribe(&["t"]);
    sim.poll(T).unwrap();
    sim
}

#[test]
fn a23_where_latest_leads_is_committed_at_once() {
    let sim = started(latest());
    assert_eq!(sim.commits(), [(1, vec![0, 0])]);
    let sim = started(latest().auto_offset_reset(OffsetReset::ByDuration(60 * SECOND)));
    assert_eq!(sim.commits(), [(1, vec![0, 0])]);
    let sim = started(latest().auto_offset_reset(OffsetReset::Earliest));
    assert_eq!(sim.commits(), []);
}

#[test]
fn who_assigns_partitions_to_itself_keeps_its_own_books() {
    let mut sim = Sim::new(latest());
    sim.call(Command::Assign([t(0)].into()));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.times(Api::ListOffsets).len(), 1);
    assert_eq!(sim.commits(), []);
}

#[test]
fn a_first_commit_that_fails_is_made_all_the_same() {
    for error in [ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::NOT_COORDINATOR] {
        let mut sim = Sim::new(latest());
        sim.subscribe(&["t"]);
        sim.otherwise(Api::OffsetCommit, refused_commit(error));
        sim.poll(SECOND).unwrap();
        assert_eq!(sim.commits(), [(1, vec![0, 0]), (1, vec![0, 0])], "{error}");
    }
    let mut sim = Sim::new(latest());
    sim.subscribe(&["t"]);
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.commits().len(), 1);
    let code = ErrorCode::GROUP_AUTHORIZATION_FAILED;
    let error = Error::Broker { doing: "committing offsets", code };
    assert!(sim.updates.contains(&Update::CommitFailed(error)));
}

#[test]
fn a_first_commit_waits_longer_and_longer_for_a_topic_that_the_coordinator_does_not_know_yet() {
    let mut sim = Sim::new(latest());
    sim.subscribe(&["t"]);
    for _ in 0..20 {
        sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    }
    sim.poll(SECOND).unwrap();
    sim.pass(9 * SECOND);
    let commits = sim.times(Api::OffsetCommit).len();
    assert!((8..=14).contains(&commits), "{commits}");
    let failures = sim.updates.iter().filter(|update| matches!(update, Update::CommitFailed(_)));
    assert_eq!(failures.count(), 1, "once is enough");
    sim.pass(20 * SECOND);
    assert_eq!(sim.commits().len(), 21);
}

#[test]
fn a_rebalance_waits_for_the_first_commit() {
    let mut sim = Sim::new(latest());
    sim.subscribe(&["t"]);
    for _ in 0..20 {
        sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    }
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.poll(60 * SECOND).unwrap();
    let story = sim.group_story();
    let joined = [Api::JoinGroup, Api::JoinGroup, Api::SyncGroup];
    assert_eq!(story[..3], joined);
    assert_eq!(story[3..24], [Api::OffsetCommit; 21]);
    assert_eq!(story[24..26], joined[1..]);
}

#[test]
fn a_first_commit_that_meets_a_rebalance_is_made_after_it() {
    let cooperative = latest().partition_assignment_strategy(vec![crate::Strategy::CooperativeSticky]);
    let mut sim = Sim::new(cooperative);
    sim.subscribe(&["t"]);
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.commits(), [(1, vec![0, 0]), (2, vec![0, 0])]);
}

#[test]
fn a8_what_the_application_commits_is_not_outdone_by_where_it_began() {
    let mut sim = Sim::new(latest());
    sim.subscribe(&["t"]);
    sim.no_answer(Api::ListOffsets);
    sim.poll(T).unwrap();
    let offsets = Some([(t(0), OffsetAndMetadata::new(77)), (t(1), OffsetAndMetadata::new(77))].into());
    let commit = sim.call(Command::Commit { offsets, deadline: Some(sim.now + 60 * SECOND) });
    assert_eq!(sim.answers[&commit], Ok(Answer::Done));
    sim.cut(Api::ListOffsets);
    sim.pass(5 * SECOND);
    assert_eq!(sim.times(Api::ListOffsets).len(), 2);
    assert_eq!(sim.commits(), [(1, vec![77, 77])]);
}

#[test]
fn a_lag_is_known_before_the_first_records() {
    let mut sim = started(config());
    let lag = |sim: &mut Sim, partition| {
        let call = sim.call(Command::CurrentLag(partition));
        sim.answers.remove(&call).unwrap()
    };
    assert_eq!(lag(&mut sim, t(0)), Ok(Answer::Lag(None)));
    sim.pass(SECOND);
    assert_eq!(lag(&mut sim, t(0)), Ok(Answer::Lag(Some(0))));
    assert_eq!(lag(&mut sim, t(7)), Err(Error::NotAssigned { topic: "t".into(), partition: 7 }));
}
