//! The end of a consumer.

use std::time::Duration;

use milena_protocol::messages::{FetchResponse, JoinGroupResponse, LeaveGroupResponse};
use milena_protocol::{Api, ErrorCode, RequestBody};

use super::sim::{Sim, config, coordinator, heartbeat, refused_commit, t};
use crate::core::io::{Answer, Command, Event};
use crate::core::test_support::T;
use crate::{Config, Error, GroupProtocol};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn closing_commits_then_leaves_then_finishes() {
    let mut sim = Sim::joined(config());
    let close = sim.close(30 * SECOND);
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::LeaveGroup]);
    assert_eq!(sim.answers[&close], Ok(Answer::Done));
    assert!(sim.is_finished);
}

#[test]
fn t12_a_static_member_does_not_leave() {
    let mut sim = Sim::joined(config().group_instance_id("i"));
    sim.close(30 * SECOND);
    assert_eq!(sim.group_story(), [Api::OffsetCommit]);
    assert!(sim.is_finished);
}

#[test]
fn a6_closing_ends_at_its_deadline_whoever_is_silent() {
    for silent in [Api::OffsetCommit, Api::LeaveGroup] {
        let mut sim = Sim::joined(config());
        for _ in 0..10 {
            sim.no_answer(silent);
        }
        let (close, since) = (sim.close(10 * SECOND), sim.now);
        assert!(!sim.is_finished);
        sim.pass_until_finished(11 * SECOND);
        assert_eq!(sim.now - since, 10 * SECOND);
        let in_time = silent == Api::LeaveGroup;
        assert_eq!(sim.answers[&close].is_ok(), in_time, "{:?}", sim.answers[&close]);
    }
}

#[test]
fn a_commit_that_fails_while_closing_is_told_and_the_group_is_left() {
    let mut sim = Sim::joined(config());
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    let close = sim.close(10 * SECOND);
    let code = ErrorCode::GROUP_AUTHORIZATION_FAILED;
    assert_eq!(sim.answers[&close], Err(Error::Broker { doing: "committing offsets", code }));
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::LeaveGroup]);
}

#[test]
fn t9_an_id_that_comes_while_closing_is_given_back() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.no_answer(Api::JoinGroup);
    sim.poll(T).unwrap();
    assert_eq!(sim.group_story(), [Api::JoinGroup]);
    sim.close(10 * SECOND);
    assert!(!sim.is_finished, "the answer is on its way");
    let mut response = JoinGroupResponse::default();
    (response.error_code, response.member_id) = (ErrorCode::MEMBER_ID_REQUIRED, "late".into());
    sim.answer_now(Api::JoinGroup, response);
    let left = sim.sent.iter().find_map(|sent| match &sent.body {
        RequestBody::LeaveGroup(leave) => Some(leave.members[0].member_id.to_string()),
        _ => None,
    });
    assert_eq!(left.as_deref(), Some("late"));
    assert!(sim.is_finished);
}

#[test]
fn a_member_that_closes_while_it_joins_does_not_wait_for_the_others() {
    let mut sim = Sim::joined(config());
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim.no_answer(Api::JoinGroup);
    sim.poll(T).unwrap();
    sim.close(10 * SECOND);
    assert!(sim.is_finished);
    let on = |api| sim.sent.iter().rev().find(|sent| sent.api == api).unwrap().connection;
    assert_ne!(on(Api::JoinGroup), on(Api::LeaveGroup), "on the same one it would wait its turn");
}

#[test]
fn a_consumer_that_is_dropped_leaves_but_does_not_commit() {
    let mut sim = Sim::joined(config());
    sim.core.handle(Event::Abandoned, sim.now);
    sim.pass_until_finished(T);
    assert_eq!(sim.now - sim.start, T);
    assert_eq!(sim.group_story(), [Api::LeaveGroup]);
}

#[test]
fn a_close_that_is_given_up_commits_and_leaves_without_the_listener() {
    let mut sim = Sim::joined(config());
    sim.has_quick_listener = false;
    sim.close(30 * SECOND);
    assert!(!sim.is_finished, "the listener has not answered");
    sim.core.handle(Event::Abandoned, sim.now);
    sim.pass_until_finished(T);
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::LeaveGroup]);
}

#[test]
fn a_consumer_that_closes_while_the_coordinator_moves_waits_for_it_and_leaves() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    for _ in 0..3 {
        sim.otherwise(Api::FindCoordinator, coordinator(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    }
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::NOT_COORDINATOR));
    sim.pass(4 * SECOND);
    let close = sim.close(30 * SECOND);
    assert!(!sim.is_finished, "the others would wait for the end of its session");
    sim.pass_until_finished(5 * SECOND);
    assert_eq!(sim.group_story(), [Api::LeaveGroup]);
    assert_eq!(sim.answers[&close], Ok(Answer::Done));
}

#[test]
fn leaving_is_tried_again_with_the_next_coordinator() {
    let left = |sim: &Sim| {
        let member = |sent: &super::sim::Sent| match &sent.body {
            RequestBody::LeaveGroup(leave) => Some(leave.members[0].member_id.to_string()),
            _ => None,
        };
        sim.sent.iter().filter_map(member).collect::<Vec<_>>()
    };
    for error in [ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS] {
        let mut sim = Sim::joined(config());
        let mut refused = LeaveGroupResponse::default();
        refused.error_code = error;
        sim.otherwise(Api::LeaveGroup, refused);
        sim.close(30 * SECOND);
        sim.pass_until_finished(5 * SECOND);
        assert_eq!(left(&sim), ["m", "m"]);
    }
    let mut sim = Sim::joined(config());
    sim.no_answer(Api::LeaveGroup);
    sim.close(30 * SECOND);
    sim.cut(Api::LeaveGroup);
    sim.pass_until_finished(5 * SECOND);
    assert_eq!(left(&sim), ["m", "m"]);
}

#[test]
fn closing_without_having_reached_anybody_ends_at_once() {
    let mut sim = Sim::new(config());
    sim.is_down = true;
    sim.subscribe(&["t"]);
    sim.poll(SECOND).unwrap();
    sim.close(30 * SECOND);
    assert!(sim.is_finished);
}

#[test]
fn t10_heartbeats_go_on_while_the_listener_is_told_for_the_last_time() {
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        let mut sim = Sim::joined(config().group_protocol(protocol));
        sim.has_quick_listener = false;
        sim.close(30 * SECOND);
        sim.pass(16 * SECOND);
        let sent = |sim: &Sim| sim.times(Api::Heartbeat).len() + sim.times(Api::ConsumerGroupHeartbeat).len();
        assert_eq!(sent(&sim), if protocol == GroupProtocol::Classic { 5 } else { 3 });
        sim.acknowledge();
        sim.pass_until_finished(SECOND);
    }
}

/// The broker opens a fetch session, and the consumer is closed while its next fetch is under way.
fn close_a_session(config: Config) -> Sim {
    let mut sim = Sim::new(config);
    let mut opened = FetchResponse::default();
    opened.session_id = 77;
    sim.otherwise(Api::Fetch, opened.clone());
    sim.otherwise(Api::Fetch, opened);
    sim.call(Command::Assign([t(0)].into()));
    sim.pass(700 * T);
    assert!(sim.times(Api::Fetch).len() > 1);
    let since = sim.now;
    sim.close(30 * SECOND);
    sim.pass_until_finished(30 * SECOND);
    assert!(sim.now - since <= SECOND);
    sim
}

#[test]
fn t16_fetch_sessions_are_closed_with_a_group_and_without() {
    let without = Config::new("seed:9092").unwrap().auto_offset_reset(crate::OffsetReset::Earliest);
    for config in [without, config(), config().group_instance_id("i")] {
        let mut sim = close_a_session(config);
        let Some(RequestBody::Fetch(last)) = sim.sent.pop().map(|sent| sent.body) else { panic!() };
        assert_eq!((last.session_id, last.session_epoch, last.topics.len()), (77, -1, 0));
    }
}

#[test]
fn a_broker_that_is_silent_about_fetch_sessions_is_not_waited_for() {
    let mut sim = Sim::joined(config());
    let mut opened = FetchResponse::default();
    opened.session_id = 77;
    for _ in 0..2 {
        sim.otherwise(Api::Fetch, opened.clone());
    }
    for _ in 0..10 {
        sim.no_answer(Api::Fetch);
    }
    sim.pass(3 * SECOND);
    let close = sim.close(30 * SECOND);
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::LeaveGroup], "the group is left before");
    let since = sim.now;
    sim.pass_until_finished(30 * SECOND);
    assert_eq!((sim.now - since, &sim.answers[&close]), (SECOND, &Ok(Answer::Done)));
}
