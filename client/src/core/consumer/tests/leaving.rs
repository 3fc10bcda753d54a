//! Leaving a group that is being joined.

use std::time::Duration;

use milena_protocol::messages::JoinGroupResponse;
use milena_protocol::{Api, ErrorCode, RequestBody};

use super::sim::{Sim, config, coordinator, heartbeat, t};
use crate::core::io::RebalanceKind::Assigned;
use crate::core::io::{Answer, Command};
use crate::core::test_support::T;
use crate::{Config, ConsumerGroupMetadata, Error, GroupMembershipOperation, GroupProtocol, Strategy};

const SECOND: Duration = Duration::from_secs(1);

/// Closes a consumer in one of the three ways.
fn close_with(sim: &mut Sim, operation: GroupMembershipOperation) {
    sim.call(Command::OnClose(operation));
    sim.sent.clear();
    sim.close(10 * SECOND);
    assert!(sim.is_finished);
}

/// The member ids that were joined with, and those that were given back.
fn ids(sim: &Sim) -> [Vec<&str>; 2] {
    let joined = sim.sent.iter().filter_map(|sent| match &sent.body {
        RequestBody::JoinGroup(join) => Some(join.member_id.as_str()),
        _ => None,
    });
    let left = sim.sent.iter().filter_map(|sent| match &sent.body {
        RequestBody::LeaveGroup(leave) => Some(leave.members[0].member_id.as_str()),
        _ => None,
    });
    [joined.collect(), left.collect()]
}

/// The answer to the first JoinGroup of a new member.
fn named(member_id: &str) -> JoinGroupResponse {
    let mut response = JoinGroupResponse::default();
    (response.error_code, response.member_id) = (ErrorCode::MEMBER_ID_REQUIRED, member_id.into());
    response
}

fn cooperative() -> Config {
    config().enable_auto_commit(false).partition_assignment_strategy(vec![Strategy::CooperativeSticky])
}

/// A new member whose first JoinGroup has no answer yet.
fn nameless() -> Sim {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.no_answer(Api::JoinGroup);
    sim.poll(T).unwrap();
    sim
}

/// A member whose request of this API waits for the others in its group.
fn waiting_for_others(config: Config, api: Api) -> Sim {
    let mut sim = Sim::joined(config);
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim.no_answer(api);
    sim.poll(T).unwrap();
    assert_eq!(sim.group_story().last(), Some(&api));
    sim
}

fn unsubscribe(sim: &mut Sim) {
    let call = sim.call(Command::Unsubscribe);
    assert_eq!(sim.answers[&call], Ok(Answer::Done));
}

#[test]
fn t9_an_id_that_comes_after_unsubscribing_is_given_back() {
    let mut sim = nameless();
    unsubscribe(&mut sim);
    sim.answer_now(Api::JoinGroup, named("late"));
    assert_eq!(ids(&sim), [vec![""], vec!["late"]]);
}

#[test]
fn t9_an_id_that_comes_after_subscribing_again_is_joined_with() {
    let mut sim = nameless();
    unsubscribe(&mut sim);
    sim.subscribe(&["t"]);
    sim.poll(T).unwrap();
    assert_eq!(ids(&sim), [vec![""], vec![]], "a second id would be one too many");
    sim.answer_now(Api::JoinGroup, named("late"));
    sim.poll(SECOND).unwrap();
    assert_eq!(ids(&sim), [vec!["", "late"], vec![]]);
    assert!(!sim.times(Api::SyncGroup).is_empty());
}

#[test]
fn t9_an_id_that_comes_while_closing_after_unsubscribing_is_given_back() {
    let mut sim = nameless();
    unsubscribe(&mut sim);
    sim.close(10 * SECOND);
    assert!(!sim.is_finished, "the answer is on its way");
    sim.answer_now(Api::JoinGroup, named("late"));
    assert_eq!(ids(&sim), [vec![""], vec!["late"]]);
    assert!(sim.is_finished);
}

#[test]
fn whoever_leaves_does_not_wait_for_those_who_join() {
    for api in [Api::JoinGroup, Api::SyncGroup] {
        for is_for_good in [false, true] {
            let mut sim = waiting_for_others(config(), api);
            match is_for_good {
                true => drop(sim.close(10 * SECOND)),
                false => unsubscribe(&mut sim),
            }
            assert_eq!(sim.is_finished, is_for_good);
            assert_eq!(ids(&sim), [vec!["m"], vec!["m"]]);
            let on = |api| sim.sent.iter().rev().find(|sent| sent.api == api).unwrap().connection;
            assert_ne!(on(api), on(Api::LeaveGroup), "on the same one it would wait its turn");
        }
    }
}

#[test]
fn whoever_leaves_and_comes_back_is_a_new_member_and_the_old_one_is_gone() {
    let mut sim = waiting_for_others(config(), Api::JoinGroup);
    unsubscribe(&mut sim);
    sim.subscribe(&["t"]);
    sim.poll(SECOND).unwrap();
    assert_eq!(ids(&sim), [vec!["m", "", "m"], vec!["m"]]);
    let story = sim.group_story();
    let left = story.iter().position(|api| *api == Api::LeaveGroup).unwrap();
    assert_eq!(story[left..], [Api::LeaveGroup, Api::JoinGroup, Api::JoinGroup, Api::SyncGroup]);
    assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![t(0), t(1)])));
}

#[test]
fn a_heartbeat_that_comes_back_refused_while_joining_does_not_make_a_second_member() {
    for (error, next) in [(ErrorCode::UNKNOWN_MEMBER_ID, ""), (ErrorCode::ILLEGAL_GENERATION, "m")] {
        let mut sim = Sim::joined(cooperative());
        sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
        sim.pass(4 * SECOND);
        sim.no_answer(Api::Heartbeat);
        sim.pass(3 * SECOND);
        sim.no_answer(Api::JoinGroup);
        sim.poll(T).unwrap();
        sim.answer_now(Api::Heartbeat, heartbeat(error));
        sim.poll(T).unwrap();
        assert_eq!(ids(&sim)[0], ["m"], "{error}: the first one is not answered");
        let mut refused = JoinGroupResponse::default();
        refused.error_code = error;
        sim.answer_now(Api::JoinGroup, refused);
        sim.poll(SECOND).unwrap();
        assert_eq!(ids(&sim)[0][..2], ["m", next]);
        assert_eq!(ids(&sim)[1], [""; 0]);
        assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![t(0), t(1)])));
    }
}

#[test]
fn whoever_unsubscribes_while_the_coordinator_moves_leaves_when_it_is_found() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.otherwise(Api::FindCoordinator, coordinator(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::NOT_COORDINATOR));
    sim.pass(3 * SECOND);
    unsubscribe(&mut sim);
    assert_eq!(sim.group_story(), []);
    sim.pass(SECOND);
    assert_eq!(ids(&sim), [vec![], vec!["m"]]);
}

#[test]
fn a_coordinator_that_is_away_for_a_whole_session_need_not_be_told_any_more() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.is_down = true;
    sim.pass(4 * SECOND);
    sim.cut(Api::Heartbeat);
    unsubscribe(&mut sim);
    sim.pass(50 * SECOND);
    sim.is_down = false;
    sim.pass(10 * SECOND);
    assert_eq!(sim.group_story(), []);
}

#[test]
fn whether_a_consumer_leaves_when_it_is_closed_depends_on_who_it_is_and_on_what_it_was_told() {
    use GroupMembershipOperation::{Default, LeaveGroup, RemainInGroup};
    let classic = |instance: &str, operation| {
        let mut sim = Sim::joined(config().group_instance_id(instance));
        close_with(&mut sim, operation);
        !sim.times(Api::LeaveGroup).is_empty()
    };
    assert_eq!([Default, LeaveGroup, RemainInGroup].map(|how| classic("", how)), [true, true, false]);
    assert_eq!([Default, LeaveGroup, RemainInGroup].map(|how| classic("i", how)), [false, true, false]);

    let consumer = |instance: &str, operation| {
        let config = config().group_instance_id(instance).group_protocol(GroupProtocol::Consumer);
        let mut sim = Sim::joined(config);
        close_with(&mut sim, operation);
        sim.sent.iter().find_map(|sent| match &sent.body {
            RequestBody::ConsumerGroupHeartbeat(heartbeat) => Some(heartbeat.member_epoch),
            _ => None,
        })
    };
    let dynamic = [Default, LeaveGroup, RemainInGroup].map(|how| consumer("", how));
    assert_eq!(dynamic, [Some(-1), Some(-1), None]);
    let is_static = [Default, LeaveGroup, RemainInGroup].map(|how| consumer("i", how));
    assert_eq!(is_static, [Some(-2), Some(-1), Some(-2)]);
}

#[test]
fn a_static_member_that_leaves_while_it_joins_leaves_by_its_instance_id() {
    let mut sim = Sim::new(config().group_instance_id("i"));
    sim.subscribe(&["t"]);
    sim.no_answer(Api::JoinGroup);
    sim.poll(T).unwrap();
    close_with(&mut sim, GroupMembershipOperation::LeaveGroup);
    let left = sim.sent.iter().find_map(|sent| match &sent.body {
        RequestBody::LeaveGroup(leave) => Some(leave.members[0].group_instance_id.clone()),
        _ => None,
    });
    assert_eq!(left, Some(Some("i".into())));
}

#[test]
fn t12_a_member_that_was_fenced_does_not_remove_the_other_whatever_it_is_told() {
    let mut sim = Sim::joined(config().group_instance_id("i"));
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::FENCED_INSTANCE_ID));
    sim.pass(4 * SECOND);
    close_with(&mut sim, GroupMembershipOperation::LeaveGroup);
    assert_eq!(sim.group_story(), []);
}

#[test]
fn a_rebalance_is_enforced_at_the_next_poll_and_the_reason_told() {
    let mut sim = Sim::joined(config());
    sim.call(Command::EnforceRebalance("more disks".into()));
    sim.pass(SECOND);
    assert_eq!(sim.group_story(), []);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::JoinGroup, Api::SyncGroup]);
    let reason = sim.sent.iter().find_map(|sent| match &sent.body {
        RequestBody::JoinGroup(join) => join.reason.clone(),
        _ => None,
    });
    assert_eq!(reason.as_deref(), Some("more disks"));

    let mut sim = Sim::joined(config().group_protocol(GroupProtocol::Consumer));
    let call = sim.call(Command::EnforceRebalance(String::new()));
    assert!(matches!(sim.answers[&call], Err(Error::Misuse(_))));
}

#[test]
fn the_group_knows_a_consumer_by_its_generation_and_its_id() {
    let metadata = |sim: &mut Sim| {
        let call = sim.call(Command::GroupMetadata);
        match sim.answers.remove(&call) {
            Some(Ok(Answer::GroupMetadata(metadata))) => metadata,
            answer => panic!("{answer:?}"),
        }
    };
    let told = |generation_id, member_id: &str| ConsumerGroupMetadata {
        group_id: "g".into(),
        generation_id,
        member_id: member_id.into(),
        group_instance_id: Some("i".into()),
    };
    let mut sim = Sim::new(config().group_instance_id("i"));
    assert_eq!(metadata(&mut sim), told(-1, ""));
    sim.subscribe(&["t"]);
    sim.poll(T).unwrap();
    assert_eq!(metadata(&mut sim), told(1, "m"));
    unsubscribe(&mut sim);
    assert_eq!(metadata(&mut sim), told(-1, ""));

    let mut sim = Sim::new(config().group_id(""));
    let call = sim.call(Command::GroupMetadata);
    assert_eq!(sim.answers[&call], Err(Error::NoGroup));
}
