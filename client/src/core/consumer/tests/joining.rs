//! Joining, staying, and being thrown out.

use std::time::Duration;

use milena_protocol::messages::{JoinGroupRequest, JoinGroupResponse, SyncGroupResponse};
use milena_protocol::{Api, ErrorCode, RequestBody, ResponseBody, Uuid};

use super::sim::{Sim, assigned, config, coordinator, following, heartbeat, leading, refused_commit, t};
use crate::core::io::RebalanceKind::{Assigned, Lost, Revoked};
use crate::core::io::{Answer, Command, Update};
use crate::core::member_data;
use crate::core::subscription::{Interest, TopicPattern};
use crate::core::test_support::{T, metadata_response, partition_answer, topic_answer};
use crate::core::topic_partition::TopicPartition;
use crate::{Error, Strategy};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn t9_the_first_poll_joins_in_two_phases_and_the_group_leader_assigns() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    assert_eq!(sim.poll(SECOND), Ok(Answer::Done));
    assert_eq!(sim.group_story(), [Api::JoinGroup, Api::JoinGroup, Api::SyncGroup]);
    let ids: Vec<String> = sim
        .sent
        .iter()
        .filter_map(|sent| match &sent.body {
            RequestBody::JoinGroup(join) => Some(join.member_id.to_string()),
            RequestBody::SyncGroup(sync) => Some(sync.member_id.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["", "m", "m"]);
    assert_eq!(sim.rebalances, [(Assigned, vec![t(0), t(1)])]);
    assert!(!sim.times(Api::Fetch).is_empty());
}

#[test]
fn joining_waits_for_a_poll() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.pass(60 * SECOND);
    assert_eq!(sim.group_story(), []);
    sim.poll(T).unwrap();
    assert_eq!(sim.group_story(), [Api::JoinGroup, Api::JoinGroup, Api::SyncGroup]);
}

#[test]
fn the_coordinator_has_a_connection_of_its_own() {
    let mut sim = Sim::joined(config());
    sim.pass(4 * SECOND);
    let of = |api| sim.sent.iter().find(|sent| sent.api == api).unwrap().connection;
    assert_ne!(of(Api::Fetch), of(Api::Heartbeat));
}

#[test]
fn a18_heartbeats_and_fetching_go_on_without_polls_until_max_poll_interval() {
    let mut sim = Sim::joined(config());
    sim.pass(299 * SECOND);
    assert_eq!(sim.times(Api::Heartbeat).len(), 99);
    assert!(sim.times(Api::Fetch).len() > 500);
    assert_eq!(sim.times(Api::LeaveGroup), [0; 0]);
    sim.pass(60 * SECOND);
    assert_eq!(sim.times(Api::LeaveGroup), [300_000]);
    assert_eq!(sim.times(Api::Heartbeat).last(), Some(&300_000));
    assert_eq!(sim.rebalances, []);

    sim.poll(T).unwrap();
    assert_eq!(sim.rebalances[0], (Lost, vec![t(0), t(1)]));
    assert_eq!(sim.rebalances[1], (Assigned, vec![t(0), t(1)]));
}

#[test]
fn a_long_poll_is_no_absence() {
    let mut sim = Sim::joined(config());
    sim.poll(1_000 * SECOND).unwrap();
    assert_eq!(sim.times(Api::LeaveGroup), [0; 0]);
}

#[test]
fn a18_a_poll_that_is_given_up_is_one() {
    let mut sim = Sim::joined(config());
    let poll = sim.call(Command::Poll { deadline: sim.now + 1_000 * SECOND, has_records: false });
    sim.pass(100 * SECOND);
    sim.call(Command::StopPolling);
    assert_eq!(sim.answers[&poll], Ok(Answer::Done));
    sim.pass(301 * SECOND);
    assert_eq!(sim.times(Api::LeaveGroup), [400_000]);
}

#[test]
fn t11_a_rebalance_is_joined_within_a_poll_after_a_commit_under_the_old_generation() {
    let mut sim = Sim::joined(config());
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(60 * SECOND);
    assert_eq!(sim.group_story(), [], "the application is busy");
    assert_eq!(sim.times(Api::Heartbeat).len(), 20, "and is known to live");

    sim.poll(T).unwrap();
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::JoinGroup, Api::SyncGroup]);
    assert_eq!(sim.commits(), [(1, vec![0, 0])]);
    assert_eq!(sim.rebalances[0], (Revoked, vec![t(0), t(1)]));
    assert_eq!(sim.rebalances[1], (Assigned, vec![t(0), t(1)]));
}

#[test]
fn t14_under_the_cooperative_protocol_partitions_are_kept_over_a_rebalance() {
    let cooperative = vec![Strategy::CooperativeSticky];
    let mut sim = Sim::joined(config().partition_assignment_strategy(cooperative));
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim.poll(T).unwrap();
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::JoinGroup, Api::SyncGroup]);
    assert_eq!(sim.rebalances, [(Assigned, vec![])]);
}

#[test]
fn t14_a_partition_that_moves_is_committed_once_more_given_up_and_the_group_joined_again() {
    let cooperative = vec![Strategy::CooperativeSticky];
    let mut sim = Sim::joined(config().partition_assignment_strategy(cooperative));
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim.no_answer(Api::JoinGroup);
    sim.poll(T).unwrap();
    sim.seek(t(1), 5);
    sim.cut(Api::JoinGroup);
    sim.rebalances.clear();
    sim.otherwise(Api::JoinGroup, following(2));
    for _ in 0..2 {
        sim.otherwise(Api::SyncGroup, assigned(&[0]));
    }
    sim.poll(SECOND).unwrap();
    // What was read while the group rebalanced is not read again by the next owner.
    let before = (1, vec![0, 0]);
    assert_eq!(sim.commits(), [before, (2, vec![5]), (2, vec![0])]);
    assert_eq!(sim.rebalances[0], (Revoked, vec![t(1)]));
    assert_eq!(sim.rebalances[1..], [(Assigned, vec![]), (Assigned, vec![])]);
    assert_eq!(sim.times(Api::JoinGroup).len(), 3);
}

#[test]
fn t14_what_is_lost_on_the_way_into_a_rebalance_is_delivered_no_more() {
    let cooperative = vec![Strategy::CooperativeSticky];
    let mut sim = Sim::joined(config().partition_assignment_strategy(cooperative));
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    // All of it was to stay, until the commit before the rebalance finds that the member is not known any more.
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::UNKNOWN_MEMBER_ID));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances[0], (Lost, vec![t(0), t(1)]));
    assert!(sim.updates.contains(&Update::Withheld(vec![t(0), t(1)])));
}

#[test]
fn t13_a_static_leader_that_comes_back_keeps_quiet_about_the_assignment() {
    let mut sim = Sim::new(config().group_instance_id("i"));
    sim.subscribe(&["t"]);
    let mut back = leading(&JoinGroupRequest::default(), 7);
    (back.leader, back.member_id, back.skip_assignment) = ("m".into(), "m".into(), true);
    (back.members, back.protocol_name) = (vec![], Some("range".into()));
    sim.otherwise(Api::JoinGroup, back);
    sim.otherwise(Api::SyncGroup, assigned(&[1]));
    sim.poll(SECOND).unwrap();
    let told = sim.sent.iter().find_map(|sent| match &sent.body {
        RequestBody::SyncGroup(sync) => Some(sync.assignments.len()),
        _ => None,
    });
    assert_eq!(told, Some(0));
    assert_eq!(sim.rebalances, [(Assigned, vec![t(1)])]);
}

#[test]
fn t13_a_member_that_the_leader_left_out_has_no_partitions_and_stays() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.otherwise(Api::SyncGroup, SyncGroupResponse::default());
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![])]);
    sim.pass(9 * SECOND);
    assert!(!sim.times(Api::Heartbeat).is_empty());
}

#[test]
fn a_group_of_another_kind_is_an_error_of_poll() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    let mut other = JoinGroupResponse::default();
    other.error_code = ErrorCode::INCONSISTENT_GROUP_PROTOCOL;
    sim.otherwise(Api::JoinGroup, other);
    let error = sim.poll(SECOND).unwrap_err();
    assert_eq!(error.to_string(), "joining the group: INCONSISTENT_GROUP_PROTOCOL (23)");
}

#[test]
fn a_subscription_that_changes_is_joined_with() {
    let mut sim = Sim::joined(config());
    sim.subscribe(&["t", "u"]);
    assert_eq!(sim.group_story(), []);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::JoinGroup, Api::SyncGroup]);
    sim.sent.clear();
    let call = sim.call(Command::Unsubscribe);
    assert_eq!(sim.answers[&call], Ok(Answer::Done));
    assert_eq!(sim.group_story(), [Api::OffsetCommit, Api::LeaveGroup]);
}

/// The topics that each JoinGroup named.
fn joined_with(sim: &Sim) -> Vec<Vec<String>> {
    let joins = sim.sent.iter().filter_map(|sent| match &sent.body {
        RequestBody::JoinGroup(join) => Some(leading(join, 1)),
        _ => None,
    });
    joins.map(|response| member_data::member(&response.members[0]).unwrap().topics).collect()
}

#[test]
fn a_subscription_that_changes_while_the_group_is_joined_is_joined_with_afterwards() {
    let mut sim = Sim::new(config());
    sim.topics.insert("u".into(), 1);
    sim.subscribe(&["t"]);
    sim.no_answer(Api::SyncGroup);
    sim.poll(T).unwrap();
    sim.subscribe(&["t", "u"]);
    sim.answer_now(Api::SyncGroup, assigned(&[0, 1]));
    sim.poll(SECOND).unwrap();
    assert_eq!(joined_with(&sim)[2..], [["t", "u"]]);
    assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![t(0), t(1), TopicPartition::new("u", 0)])));
}

#[test]
fn a_topic_that_a_pattern_finds_while_the_group_is_joined_is_joined_with_afterwards() {
    let mut sim = Sim::new(config().metadata_max_age(SECOND));
    sim.call(Command::Subscribe(Interest::Pattern(TopicPattern::new("t|u").unwrap())));
    sim.no_answer(Api::SyncGroup);
    sim.poll(T).unwrap();
    sim.topics.insert("u".into(), 1);
    sim.pass(2 * SECOND);
    sim.answer_now(Api::SyncGroup, assigned(&[0, 1]));
    sim.poll(SECOND).unwrap();
    assert_eq!(joined_with(&sim)[2..], [["t", "u"]]);
}

#[test]
fn a_topic_of_a_pattern_that_the_group_gives_first_is_no_reason_to_join_again() {
    let mut sim = Sim::new(config());
    sim.call(Command::Subscribe(Interest::Pattern(TopicPattern::new("t|u").unwrap())));
    let decision = vec![("m".to_owned(), vec![("u".to_owned(), vec![0])])];
    let mut given = SyncGroupResponse::default();
    given.assignment = member_data::assignments(decision).remove(0).assignment;
    sim.no_answer(Api::SyncGroup);
    sim.poll(T).unwrap();
    sim.topics.insert("u".into(), 1);
    sim.answer_now(Api::SyncGroup, given);
    sim.poll(SECOND).unwrap();
    assert_eq!(joined_with(&sim).len(), 2);
}

#[test]
fn t7_a_member_that_is_unknown_has_lost_its_partitions_and_joins_as_a_new_one() {
    for (error, phases) in [(ErrorCode::UNKNOWN_MEMBER_ID, 2), (ErrorCode::ILLEGAL_GENERATION, 1)] {
        let mut sim = Sim::joined(config());
        sim.otherwise(Api::Heartbeat, heartbeat(error));
        sim.pass(4 * SECOND);
        assert_eq!(sim.rebalances, []);
        sim.poll(T).unwrap();
        assert_eq!(sim.rebalances[0], (Lost, vec![t(0), t(1)]));
        assert_eq!(sim.times(Api::JoinGroup).len(), phases, "{error}");
        assert_eq!(sim.commits(), [], "others may have them already");
    }
}

#[test]
fn t12_an_instance_id_that_is_taken_is_told() {
    let mut sim = Sim::joined(config().group_instance_id("i"));
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::FENCED_INSTANCE_ID));
    sim.pass(4 * SECOND);
    for _ in 0..3 {
        assert_eq!(sim.poll(SECOND), Err(Error::Fenced));
        sim.pass(SECOND);
    }
    assert_eq!(sim.rebalances, [(Lost, vec![t(0), t(1)])]);
    assert_eq!(sim.group_story(), [], "whoever has the id now is not thrown out in turn");
    sim.subscribe(&["t"]);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![t(0), t(1)])), "the application insists");
}

#[test]
fn t12_a_static_member_without_partitions_does_not_take_the_id_back_either() {
    let mut sim = Sim::new(config().group_instance_id("i"));
    sim.subscribe(&["t"]);
    sim.otherwise(Api::SyncGroup, assigned(&[]));
    sim.poll(SECOND).unwrap();
    sim.sent.clear();
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::FENCED_INSTANCE_ID));
    assert_eq!(sim.poll(10 * SECOND), Err(Error::Fenced));
    assert_eq!(sim.poll(10 * SECOND), Err(Error::Fenced));
    assert_eq!(sim.group_story(), []);
    sim.call(Command::Unsubscribe);
    assert!(matches!(sim.poll(SECOND), Err(Error::Misuse(_))), "there is nothing to poll for any more");
    sim.close(SECOND);
    assert_eq!(sim.group_story(), []);
}

#[test]
fn t12_an_instance_id_is_taken_whichever_request_finds_out() {
    let mut join = JoinGroupResponse::default();
    let mut sync = SyncGroupResponse::default();
    (join.error_code, sync.error_code) = (ErrorCode::FENCED_INSTANCE_ID, ErrorCode::FENCED_INSTANCE_ID);
    let commit = refused_commit(ErrorCode::FENCED_INSTANCE_ID);
    let answers: [(Api, ResponseBody); 3] =
        [(Api::JoinGroup, join.into()), (Api::SyncGroup, sync.into()), (Api::OffsetCommit, commit.into())];
    for (api, answer) in answers {
        let mut sim = Sim::joined(config().group_instance_id("i"));
        sim.otherwise(api, answer);
        sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
        sim.pass(4 * SECOND);
        for _ in 0..3 {
            assert_eq!(sim.poll(SECOND), Err(Error::Fenced), "{api:?}");
        }
        assert_eq!(sim.group_story().last(), Some(&api));
        assert_eq!(sim.times(Api::FindCoordinator), [0; 0]);
    }
}

#[test]
fn a16_the_coordinator_is_looked_for_at_once_when_it_has_moved_or_its_connection_is_lost() {
    let mut sim = Sim::joined(config());
    sim.pass(SECOND);
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::NOT_COORDINATOR));
    sim.pass(3 * SECOND);
    assert_eq!(sim.times(Api::FindCoordinator), [3_000]);
    sim.pass(2 * SECOND);
    sim.cut(Api::Heartbeat);
    sim.pass(3 * SECOND);
    assert_eq!(sim.times(Api::FindCoordinator), [3_000, 6_000]);
    assert!(sim.times(Api::Heartbeat).iter().filter(|at| **at > 6_000).count() > 0);
    assert_eq!(sim.group_story(), [], "nothing of it concerns the membership");
}

#[test]
fn a2_a_coordinator_that_says_nothing_is_given_up_after_request_timeout() {
    let mut sim = Sim::joined(config());
    for _ in 0..20 {
        sim.no_answer(Api::Heartbeat);
    }
    sim.pass(40 * SECOND);
    assert_eq!(sim.times(Api::Heartbeat)[..1], [3_000]);
    assert_eq!(sim.times(Api::FindCoordinator)[..1], [33_000]);
}

#[test]
fn a_join_whose_coordinator_is_lost_is_tried_again_with_the_same_id() {
    let mut sim = Sim::joined(config());
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim.no_answer(Api::JoinGroup);
    sim.poll(T).unwrap();
    sim.cut(Api::JoinGroup);
    sim.poll(SECOND).unwrap();
    let joins = sim.sent.iter().filter_map(|sent| match &sent.body {
        RequestBody::JoinGroup(join) => Some(join.member_id.as_str()),
        _ => None,
    });
    assert_eq!(joins.collect::<Vec<_>>(), ["m", "m"]);
    assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![t(0), t(1)])));
    assert_eq!(sim.commits().len(), 1, "what was to be committed was, once");
}

#[test]
fn t10_a_join_may_take_as_long_as_the_group_waits_for_its_members() {
    let mut sim = Sim::joined(config());
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4 * SECOND);
    sim.no_answer(Api::JoinGroup);
    sim.poll(304 * SECOND).unwrap();
    assert_eq!(sim.times(Api::JoinGroup), [4_000]);
    sim.poll(10 * SECOND).unwrap();
    assert_eq!(sim.times(Api::JoinGroup).len(), 2);
}

#[test]
fn the_leader_watches_the_topics_of_its_group() {
    let mut sim = Sim::joined(config());
    let partitions = (0..3).map(|n| partition_answer(n, 1, 0)).collect();
    let topic = topic_answer("t", Uuid([1; 16]), partitions);
    sim.otherwise(Api::Metadata, metadata_response(&[1], vec![topic]));
    for _ in 0..301 {
        sim.poll(SECOND).unwrap();
    }
    assert!(sim.group_story().contains(&Api::JoinGroup), "{:?}", sim.group_story());
    assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![t(0), t(1), t(2)])));
}

#[test]
fn the_leader_misses_nothing_that_changes_while_the_group_syncs() {
    let mut sim = Sim::new(config().metadata_max_age(SECOND));
    sim.subscribe(&["t"]);
    sim.no_answer(Api::SyncGroup);
    sim.poll(T).unwrap();
    sim.topics.insert("t".into(), 3);
    sim.pass(2 * SECOND);
    sim.answer_now(Api::SyncGroup, assigned(&[0, 1]));
    sim.poll(SECOND / 2).unwrap();
    assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![t(0), t(1), t(2)])));
}

#[test]
fn a_group_that_may_not_be_joined_is_an_error_of_poll() {
    let mut sim = Sim::new(config());
    sim.otherwise(Api::FindCoordinator, coordinator(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    sim.subscribe(&["t"]);
    let error = sim.poll(SECOND).unwrap_err();
    assert_eq!(error.to_string(), "finding the group's coordinator: GROUP_AUTHORIZATION_FAILED (30)");
    assert_eq!(sim.poll(SECOND), Ok(Answer::Done), "it is allowed by now");
}

#[test]
fn nobody_there_is_told_after_default_api_timeout_and_connecting_goes_on() {
    let mut sim = Sim::new(config());
    sim.is_down = true;
    sim.subscribe(&["t"]);
    assert_eq!(sim.poll(59 * SECOND), Ok(Answer::Done));
    let error = sim.poll(59 * SECOND).unwrap_err();
    assert_eq!(error, Error::Unreachable { address: "seed:9092".into(), cause: "refused".into() });
    assert!(sim.now - sim.start <= 61 * SECOND);
    sim.is_down = false;
    sim.poll(2 * SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![t(0), t(1)])]);
}
