//! Commits, whatever the group does meanwhile.

use std::time::Duration;

use milena_protocol::{Api, ErrorCode};

use super::sim::{Sim, committed, config, coordinator, heartbeat, refused_commit, t};
use crate::core::io::{Answer, Command, OffsetAndMetadata, RebalanceKind};
use crate::core::test_support::T;
use crate::core::topic_partition::TopicPartition;
use crate::{Error, FetchError};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn positions_are_committed_while_the_application_polls_and_the_interval_has_passed() {
    let mut sim = Sim::joined(config());
    sim.pass(20 * SECOND);
    assert_eq!(sim.commits(), []);
    sim.seek(t(0), 7);
    sim.poll(11 * SECOND).unwrap();
    assert_eq!(sim.commits(), [(1, vec![7, 0]), (1, vec![7, 0]), (1, vec![7, 0])]);
    assert_eq!(sim.times(Api::OffsetCommit), [20_000, 25_000, 30_000]);
}

#[test]
fn nothing_is_committed_by_itself_once_the_application_does_it_by_hand() {
    let mut sim = Sim::joined(config());
    sim.call(Command::CommitByHand);
    sim.seek(t(0), 7);
    sim.poll(11 * SECOND).unwrap();
    sim.close(SECOND);
    sim.pass_until_finished(SECOND);
    assert_eq!(sim.commits(), []);
}

#[test]
fn t28_a_commit_takes_its_offsets_when_it_is_called() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.seek(t(0), 1);
    sim.no_answer(Api::OffsetCommit);
    let first = sim.commit(60 * SECOND);
    sim.seek(t(0), 2);
    let second = sim.commit(60 * SECOND);
    sim.seek(t(0), 3);
    assert_eq!(sim.commits(), [(1, vec![1, 0])], "one at a time");
    sim.cut(Api::OffsetCommit);
    sim.pass(SECOND);
    assert_eq!(sim.commits(), [(1, vec![1, 0]), (1, vec![1, 0]), (1, vec![2, 0])], "in their order");
    assert_eq!([&sim.answers[&first], &sim.answers[&second]], [&Ok(Answer::Done); 2]);
}

#[test]
fn t7_a_commit_that_meets_a_rebalance_fails_and_the_membership_stays() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::REBALANCE_IN_PROGRESS));
    let commit = sim.commit(60 * SECOND);
    assert_eq!(sim.answers[&commit], Err(Error::RebalanceInProgress));
    sim.no_answer(Api::JoinGroup);
    sim.poll(T).unwrap();
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::JoinGroup]);
}

#[test]
fn t8_a_commit_between_join_and_sync_would_be_refused_and_is_not_even_sent() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim.no_answer(Api::SyncGroup);
    sim.poll(T).unwrap();
    assert_eq!(sim.group_story(), [Api::JoinGroup, Api::SyncGroup]);
    for is_waited_for in [true, false] {
        let offsets = Some([(t(0), OffsetAndMetadata::new(1))].into());
        let deadline = is_waited_for.then_some(sim.now + 60 * SECOND);
        let commit = sim.call(Command::Commit { offsets, deadline });
        assert_eq!(sim.answers[&commit], Err(Error::RebalanceInProgress));
    }
    assert_eq!(sim.times(Api::OffsetCommit).len(), 0);
}

#[test]
fn t7_a_commit_of_a_member_that_is_unknown_fails_for_good() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::UNKNOWN_MEMBER_ID));
    let commit = sim.commit(60 * SECOND);
    assert_eq!(sim.answers[&commit], Err(Error::CommitFailed));
    let again = sim.commit(60 * SECOND);
    assert_eq!(sim.answers[&again], Err(Error::CommitFailed));
    assert_eq!(sim.times(Api::OffsetCommit).len(), 1);
    sim.poll(T).unwrap();
    assert_eq!(sim.rebalances[0].0, RebalanceKind::Lost);
}

#[test]
fn a_commit_follows_the_coordinator() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::NOT_COORDINATOR));
    let commit = sim.commit(60 * SECOND);
    sim.pass(SECOND);
    assert_eq!(sim.answers[&commit], Ok(Answer::Done));
    assert_eq!(sim.times(Api::FindCoordinator).len(), 1);
    assert_eq!(sim.commits().len(), 2);
}

#[test]
fn a_commit_that_cannot_be_done_in_time_says_so() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    for _ in 0..1_000 {
        sim.otherwise(Api::FindCoordinator, coordinator(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    }
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::NOT_COORDINATOR));
    let commit = sim.commit(10 * SECOND);
    sim.pass(11 * SECOND);
    let error = Error::Timeout { doing: "committing offsets", after: 10 * SECOND };
    assert_eq!(sim.answers[&commit], Err(error));
    // A17: with a back-off of up to a second, not as fast as the broker answers.
    assert!(sim.times(Api::FindCoordinator).len() < 25, "{:?}", sim.times(Api::FindCoordinator));
}

#[test]
fn a_commit_that_is_on_its_way_at_its_deadline_says_so_and_the_late_answer_harms_nobody() {
    let mut sim = Sim::joined(config());
    sim.no_answer(Api::OffsetCommit);
    let (commit, later) = (sim.commit(2 * SECOND), sim.commit(60 * SECOND));
    sim.pass(SECOND);
    assert_eq!(sim.answers.get(&commit), None);
    sim.pass(SECOND);
    let after = 2 * SECOND;
    assert_eq!(sim.answers.remove(&commit), Some(Err(Error::Timeout { doing: "committing offsets", after })));
    assert_eq!(sim.answers.get(&later), None);
    sim.answer_now(Api::OffsetCommit, refused_commit(ErrorCode::NONE));
    assert_eq!(sim.answers.get(&commit), None);
    assert_eq!(sim.answers[&later], Ok(Answer::Done));
}

#[test]
fn a5_commits_in_the_background_fail_in_time_while_the_coordinator_is_away() {
    let mut sim = Sim::joined(config());
    sim.is_down = true;
    sim.pass(4 * SECOND);
    sim.cut(Api::Heartbeat);
    let calls: Vec<_> = (0..12)
        .map(|_| {
            sim.poll(10 * SECOND).unwrap();
            sim.call(Command::Commit { offsets: None, deadline: None })
        })
        .collect();
    let answered = calls.iter().filter(|call| sim.answers.contains_key(call)).count();
    assert_eq!(answered, 6, "those that are a minute old");
}

#[test]
fn a_rebalance_waits_for_the_commit_before_it() {
    let mut sim = Sim::joined(config());
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    sim.poll(T).unwrap();
    assert_eq!(sim.group_story(), [Api::OffsetCommit]);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::OffsetCommit, Api::JoinGroup, Api::SyncGroup]);
}

#[test]
fn committed_offsets_are_looked_up_for_the_application() {
    let mut sim = Sim::joined(config());
    let deadline = sim.now + SECOND;
    let asked = sim.call(Command::Committed { partitions: [t(1)].into(), deadline });
    assert_eq!(sim.answers[&asked], Ok(Answer::Committed([(t(1), None)].into())));
    sim.no_answer(Api::OffsetFetch);
    let asked = sim.call(Command::Committed { partitions: [t(1)].into(), deadline });
    sim.pass(2 * SECOND);
    let error = Error::Timeout { doing: "looking up committed offsets", after: SECOND };
    assert_eq!(sim.answers[&asked], Err(error));
}

#[test]
fn positions_are_told_when_they_are_known() {
    let mut sim = Sim::joined(config());
    let deadline = sim.now + SECOND;
    let asked = sim.call(Command::Position { partition: t(1), deadline });
    assert_eq!(sim.answers[&asked], Ok(Answer::Position(0)));
    let stranger = sim.call(Command::Position { partition: t(9), deadline });
    assert_eq!(sim.answers[&stranger], Err(Error::NotAssigned { topic: "t".into(), partition: 9 }));
}

#[test]
fn a_partition_that_may_not_be_asked_about_is_the_trouble_of_whoever_asks() {
    let mut sim = Sim::joined(config());
    let (deadline, forbidden) = (sim.now + 60 * SECOND, TopicPartition::new("u", 0));
    sim.no_answer(Api::OffsetFetch);
    sim.call(Command::Committed { partitions: [t(0)].into(), deadline });
    // These two are asked together.
    let partitions = [t(0), forbidden.clone()].into();
    let refused = sim.call(Command::Committed { partitions, deadline });
    let answered = sim.call(Command::Committed { partitions: [t(1)].into(), deadline });
    let error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let answer = [("t", 1, 7, ErrorCode::NONE), ("u", 0, -1, error)];
    sim.otherwise(Api::OffsetFetch, committed(&answer));
    sim.answer_now(Api::OffsetFetch, committed(&[("t", 0, 3, ErrorCode::NONE)]));
    let error = Error::Fetch(FetchError::Broker { partition: forbidden, offset: None, error });
    assert_eq!(sim.answers[&refused], Err(error));
    assert_eq!(
        sim.answers[&answered],
        Ok(Answer::Committed([(t(1), Some(OffsetAndMetadata::new(7)))].into()))
    );
    assert_eq!(sim.poll(SECOND), Ok(Answer::Done));
}

#[test]
fn t7_a_commit_of_a_member_that_another_has_taken_the_place_of_says_so() {
    let mut sim = Sim::joined(config().enable_auto_commit(false).group_instance_id("i"));
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::FENCED_INSTANCE_ID));
    let commit = sim.commit(60 * SECOND);
    assert_eq!(sim.answers[&commit], Err(Error::Fenced));
}

#[test]
fn t7_a_commit_after_max_poll_interval_fails_for_good_until_the_next_poll() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.pass(301 * SECOND);
    assert_eq!(sim.group_story(), [Api::LeaveGroup]);
    for _ in 0..2 {
        let commit = sim.commit(60 * SECOND);
        assert_eq!(sim.answers[&commit], Err(Error::CommitFailed));
    }
    assert_eq!(sim.times(Api::OffsetCommit).len(), 0);
    sim.poll(SECOND).unwrap();
    let commit = sim.commit(60 * SECOND);
    assert_eq!(sim.answers[&commit], Ok(Answer::Done));
}
