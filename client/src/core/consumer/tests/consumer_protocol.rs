//! Taking part in a group under the consumer protocol (KIP-848).

use std::time::Duration;

use milena_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, OffsetFetchResponse,
};
use milena_protocol::{Api, ErrorCode, RequestBody, Uuid};

use super::sim::{Sim, T_ID, api_versions, assignment, refused_commit, t, told, topic_id};
use crate::core::io::RebalanceKind::{Assigned, Lost, Revoked};
use crate::core::io::{Answer, Command, Event, OffsetAndMetadata, Offsets};
use crate::core::subscription::Interest;
use crate::core::test_support::T;
use crate::core::topic_partition::TopicPartition;
use crate::{Config, Error, GroupProtocol};

const SECOND: Duration = Duration::from_secs(1);
const HEARTBEAT: Api = Api::ConsumerGroupHeartbeat;

fn config() -> Config {
    super::sim::config().group_protocol(GroupProtocol::Consumer)
}

fn heartbeats(sim: &Sim) -> Vec<&ConsumerGroupHeartbeatRequest> {
    let bodies = sim.sent.iter().filter_map(|sent| match &sent.body {
        RequestBody::ConsumerGroupHeartbeat(heartbeat) => Some(heartbeat),
        _ => None,
    });
    bodies.collect()
}

fn epochs(sim: &Sim) -> Vec<i32> {
    heartbeats(sim).iter().map(|heartbeat| heartbeat.member_epoch).collect()
}

/// What a heartbeat says that the member has of the topic `t`; `None` where it says nothing.
fn owned(heartbeat: &ConsumerGroupHeartbeatRequest) -> Option<Vec<i32>> {
    let topics = heartbeat.topic_partitions.as_ref()?;
    assert!(topics.iter().all(|topic| topic.topic_id == T_ID));
    Some(topics.iter().flat_map(|topic| topic.partitions.clone()).collect())
}

fn is_full(heartbeat: &ConsumerGroupHeartbeatRequest) -> bool {
    heartbeat.rebalance_timeout_ms >= 0
        && heartbeat.subscribed_topic_names.is_some()
        && heartbeat.topic_partitions.is_some()
}

fn refused(error: ErrorCode) -> ConsumerGroupHeartbeatResponse {
    let mut response = ConsumerGroupHeartbeatResponse::default();
    (response.error_code, response.error_message) = (error, Some("because".into()));
    response
}

#[test]
fn the_first_poll_joins_with_epoch_zero_and_says_everything_and_then_only_that_it_lives() {
    let mut sim = Sim::new(config().group_remote_assignor("uniform").client_rack("r1"));
    sim.subscribe(&["t"]);
    sim.pass(SECOND);
    assert_eq!(epochs(&sim), [0; 0], "joining waits for a poll");
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![t(0), t(1)])]);
    assert!(!sim.times(Api::Fetch).is_empty());

    sim.pass(10 * SECOND);
    assert_eq!(epochs(&sim), [0, 1, 1, 1]);
    let heartbeats = heartbeats(&sim);
    let first = heartbeats[0];
    assert_eq!((first.group_id.as_str(), first.instance_id.as_ref()), ("g", None));
    assert_eq!(first.rebalance_timeout_ms, 300_000);
    assert_eq!(first.subscribed_topic_names, Some(vec!["t".into()]));
    assert_eq!(first.subscribed_topic_regex, None);
    assert_eq!(first.server_assignor.as_deref(), Some("uniform"));
    assert_eq!(first.rack_id.as_deref(), Some("r1"));
    assert_eq!(owned(first), Some(vec![]));

    assert_eq!(owned(heartbeats[1]), Some(vec![0, 1]), "the acknowledgement");
    let mut bare = ConsumerGroupHeartbeatRequest::default();
    (bare.group_id, bare.member_id, bare.member_epoch) = ("g".into(), first.member_id.clone(), 1);
    assert_eq!(heartbeats[2..], [&bare, &bare]);
}

#[test]
fn a_member_makes_its_id_and_keeps_it_for_all_of_its_memberships() {
    let mut sim = Sim::joined(config());
    sim.otherwise(HEARTBEAT, refused(ErrorCode::UNKNOWN_MEMBER_ID));
    sim.pass(6 * SECOND);
    sim.poll(SECOND).unwrap();
    let heartbeats = heartbeats(&sim);
    let id: Uuid = heartbeats[0].member_id.parse().unwrap();
    assert_eq!((id.0[6] >> 4, id.0[8] >> 6), (4, 2), "a random one");
    assert!(heartbeats.iter().all(|heartbeat| heartbeat.member_id == heartbeats[0].member_id));
}

#[test]
fn a18_heartbeats_come_when_the_broker_wants_them_whether_or_not_the_application_polls() {
    let mut sim = Sim::joined(config());
    let mut sooner = told(1, None);
    sooner.heartbeat_interval_ms = 2_000;
    sim.otherwise(HEARTBEAT, sooner);
    sim.pass(12 * SECOND);
    assert_eq!(sim.times(HEARTBEAT), [5_000, 7_000, 12_000], "each answer says when the next is due");
}

#[test]
fn a_broker_that_wants_a_heartbeat_all_the_time_does_not_get_it() {
    let mut sim = Sim::joined(config());
    for _ in 0..20 {
        let mut at_once = told(1, None);
        at_once.heartbeat_interval_ms = 0;
        sim.otherwise(HEARTBEAT, at_once);
    }
    sim.pass(6 * SECOND);
    assert_eq!(sim.times(HEARTBEAT).len(), 11, "ten a second");
}

#[test]
fn t15_no_assignment_is_as_before_and_an_empty_one_is_nothing() {
    let mut sim = Sim::joined(config());
    sim.otherwise(HEARTBEAT, told(2, None));
    sim.pass(6 * SECOND);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, []);
    sim.otherwise(HEARTBEAT, told(2, Some(&[])));
    sim.pass(5 * SECOND);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Revoked, vec![t(0), t(1)]), (Assigned, vec![])]);
}

#[test]
fn t15_what_is_revoked_is_committed_told_gone_and_acknowledged_at_once() {
    let mut sim = Sim::joined(config());
    sim.has_quick_listener = false;
    sim.seek(t(1), 7);
    sim.otherwise(HEARTBEAT, told(1, Some(&[0])));
    sim.pass(5 * SECOND);
    assert_eq!(sim.rebalances, [], "within a poll only");
    sim.sent.clear();
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.commits(), [(1, vec![0, 7])]);
    assert_eq!(sim.rebalances, [(Revoked, vec![t(1)])]);
    let commit = sim.commit(SECOND);
    assert_eq!(sim.answers[&commit], Ok(Answer::Done), "a7: what goes can be committed in the hook");
    assert_eq!(epochs(&sim), [0; 0], "it is still the member's");

    sim.acknowledge();
    sim.poll(T).unwrap();
    assert_eq!(heartbeats(&sim).into_iter().map(owned).collect::<Vec<_>>(), [Some(vec![0])]);
    assert_eq!(sim.rebalances[1..], [(Assigned, vec![])], "told, and not waited for");
}

#[test]
fn a_target_that_comes_while_partitions_change_hands_is_the_next_one() {
    let mut sim = Sim::joined(config());
    sim.has_quick_listener = false;
    sim.otherwise(HEARTBEAT, told(1, Some(&[0])));
    sim.pass(5 * SECOND);
    sim.poll(SECOND).unwrap();
    sim.otherwise(HEARTBEAT, told(2, Some(&[])));
    sim.pass(5 * SECOND);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Revoked, vec![t(1)])], "one after another");
    sim.has_quick_listener = true;
    sim.acknowledge();
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances[1..], [(Assigned, vec![]), (Revoked, vec![t(0)]), (Assigned, vec![])]);
    let acknowledged: Vec<_> = heartbeats(&sim).into_iter().filter_map(owned).collect();
    assert_eq!(acknowledged, [vec![0], vec![]]);
    assert_eq!(epochs(&sim).last(), Some(&2));
}

/// A member that has one partition and is to have two, which it has not seen yet.
fn with_another_partition_to_come(config: Config) -> Sim {
    let mut sim = Sim::new(config);
    sim.subscribe(&["t"]);
    sim.otherwise(HEARTBEAT, told(1, Some(&[0])));
    sim.poll(SECOND).unwrap();
    sim.otherwise(HEARTBEAT, told(2, Some(&[0, 1])));
    sim.pass(5 * SECOND);
    sim
}

#[test]
fn what_is_about_to_be_taken_over_is_claimed_or_it_would_be_given_away() {
    let mut sim = with_another_partition_to_come(config());
    sim.no_answer(Api::OffsetCommit);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances.len(), 1, "what it has is being committed first");
    sim.break_unanswered();
    sim.pass(6 * SECOND);
    let last = *heartbeats(&sim).last().unwrap();
    assert!(is_full(last));
    assert_eq!(owned(last), Some(vec![0, 1]));
}

#[test]
fn nothing_is_taken_over_while_the_coordinator_may_be_giving_it_to_others() {
    let mut sim = with_another_partition_to_come(config().enable_auto_commit(false));
    sim.otherwise(HEARTBEAT, refused(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    sim.no_answer(HEARTBEAT);
    sim.pass(6 * SECOND);
    let last = *heartbeats(&sim).last().unwrap();
    assert_eq!(owned(last), Some(vec![0]), "so it does not want the other one, or does it?");
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![t(0)])]);
    sim.answer_now(HEARTBEAT, told(3, Some(&[0])));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![t(0)])], "it has gone to others");
}

#[test]
fn t15_a_target_that_came_and_went_is_acknowledged_though_nothing_changes() {
    let mut sim = Sim::joined(config());
    for partitions in [&[0, 1, 2][..], &[0, 1]] {
        sim.otherwise(HEARTBEAT, told(2, Some(partitions)));
        sim.pass(5 * SECOND);
    }
    sim.sent.clear();
    sim.poll(T).unwrap();
    assert_eq!(sim.rebalances, []);
    assert_eq!(heartbeats(&sim).into_iter().map(owned).collect::<Vec<_>>(), [Some(vec![0, 1])]);
    sim.poll(T).unwrap();
    assert_eq!(epochs(&sim).len(), 1, "once");
}

#[test]
fn a_topic_that_is_not_known_yet_is_asked_about_and_the_others_are_read_meanwhile() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t", "new"]);
    let mut both = told(1, None);
    both.assignment = Some(assignment(&[(T_ID, &[0]), (topic_id("new"), &[0])]));
    sim.otherwise(HEARTBEAT, both);
    sim.poll(10 * SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![t(0)])]);
    let asked = sim.times(Api::Metadata).len();
    assert!((8..=20).contains(&asked), "with a back-off: {asked}");
    let first: Vec<_> = heartbeats(&sim).into_iter().filter_map(owned).collect();
    assert_eq!(first, [vec![], vec![0]]);

    sim.topics.insert("new".into(), 1);
    sim.poll(2 * SECOND).unwrap();
    assert_eq!(sim.rebalances[1..], [(Assigned, vec![TopicPartition::new("new", 0)])]);
    let last = heartbeats(&sim).into_iter().rev().find_map(|heartbeat| heartbeat.topic_partitions.clone());
    assert_eq!(last.unwrap().len(), 2);
    let asked = sim.times(Api::Metadata).len();
    sim.poll(10 * SECOND).unwrap();
    assert_eq!(sim.times(Api::Metadata).len(), asked, "all is known");
}

#[test]
fn a_pattern_is_left_to_the_broker_and_its_topics_are_asked_about_by_id() {
    let mut sim = Sim::new(config());
    sim.topics.insert("u".into(), 1);
    let call = sim.call(Command::Subscribe(Interest::BrokerPattern("t|u".into())));
    assert_eq!(sim.answers[&call], Ok(Answer::Done));
    sim.otherwise(HEARTBEAT, told(1, Some(&[0, 1])));
    sim.poll(SECOND).unwrap();
    assert_eq!(heartbeats(&sim)[0].subscribed_topic_regex.as_deref(), Some("t|u"));
    assert_eq!(heartbeats(&sim)[0].subscribed_topic_names, Some(vec![]));
    assert_eq!(sim.rebalances, [(Assigned, vec![t(0), t(1)])]);

    // A broker may find the topics later than the member joins, and more of them at any time.
    let mut both = told(2, None);
    both.assignment = Some(assignment(&[(T_ID, &[0, 1]), (topic_id("u"), &[0])]));
    sim.otherwise(HEARTBEAT, both);
    sim.pass(5 * SECOND);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances[1..], [(Assigned, vec![TopicPartition::new("u", 0)])]);
    let asked = sim.sent.iter().rev().find_map(|sent| match &sent.body {
        RequestBody::Metadata(request) => request.topics.clone(),
        _ => None,
    });
    let by_id: Vec<Uuid> = asked.iter().flatten().map(|topic| topic.topic_id).collect();
    assert_eq!(by_id, [T_ID, topic_id("u")]);
    assert!(asked.iter().flatten().all(|topic| topic.name.is_none()), "not by name as well");

    sim.subscribe(&["t"]);
    sim.run();
    assert_eq!(heartbeats(&sim).last().unwrap().subscribed_topic_regex.as_deref(), Some(""));
    sim.pass(400 * SECOND);
}

#[test]
fn a_broker_that_knows_no_patterns_is_an_error() {
    let mut sim = Sim::new(config());
    for _ in 0..3 {
        let mut versions = api_versions();
        let heartbeat = versions.api_keys.iter_mut().find(|api| api.api_key == HEARTBEAT.key());
        heartbeat.unwrap().max_version = 0;
        sim.otherwise(Api::ApiVersions, versions);
    }
    sim.call(Command::Subscribe(Interest::BrokerPattern("t|u".into())));
    let error = sim.poll(SECOND).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[test]
fn t20_a_topic_without_an_id_is_none() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    let mut odd = told(1, None);
    odd.assignment = Some(assignment(&[(Uuid::ZERO, &[0]), (T_ID, &[1])]));
    sim.otherwise(HEARTBEAT, odd);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![t(1)])]);
}

#[test]
fn a_member_without_partitions_is_told_so_once() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.otherwise(HEARTBEAT, told(1, Some(&[])));
    sim.poll(SECOND).unwrap();
    sim.poll(20 * SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![])]);
}

#[test]
fn t7_a_fenced_member_has_lost_its_partitions_and_joins_again_with_epoch_zero() {
    for error in [ErrorCode::FENCED_MEMBER_EPOCH, ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::GROUP_ID_NOT_FOUND]
    {
        let mut sim = Sim::joined(config());
        sim.has_quick_listener = false;
        sim.otherwise(HEARTBEAT, refused(error));
        sim.pass(20 * SECOND);
        assert_eq!(epochs(&sim), [1], "nothing is said until the application knows");
        let commit = sim.commit(SECOND);
        assert_eq!(sim.answers[&commit], Err(Error::CommitFailed));
        sim.poll(SECOND).unwrap();
        assert_eq!(sim.rebalances, [(Lost, vec![t(0), t(1)])]);
        assert_eq!(epochs(&sim), [1]);

        sim.acknowledge();
        sim.poll(T).unwrap();
        assert_eq!(epochs(&sim)[1..2], [0]);
        assert!(is_full(heartbeats(&sim)[1]));
        assert_eq!(owned(heartbeats(&sim)[1]), Some(vec![]), "it claims nothing");
        assert_eq!(sim.rebalances[1..], [(Assigned, vec![t(0), t(1)])]);
        assert_eq!(sim.group_story(), []);
    }
}

#[test]
fn a_reconciliation_that_was_begun_before_the_member_was_fenced_is_not_finished() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.has_quick_listener = false;
    sim.otherwise(HEARTBEAT, told(1, Some(&[0, 5])));
    sim.pass(5 * SECOND);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Revoked, vec![t(1)])]);
    sim.otherwise(HEARTBEAT, refused(ErrorCode::FENCED_MEMBER_EPOCH));
    sim.pass(5 * SECOND);
    sim.has_quick_listener = true;
    sim.acknowledge();
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances[1..], [(Lost, vec![t(0)]), (Assigned, vec![t(0), t(1)])]);
}

#[test]
fn errors_that_joining_again_would_meet_again_end_the_membership_and_each_poll_says_why() {
    let said = |code| Error::Refused { doing: "taking part in the group", code, message: "because".into() };
    for (code, error) in [
        (ErrorCode::UNRELEASED_INSTANCE_ID, Error::InstanceIdInUse),
        (ErrorCode::FENCED_INSTANCE_ID, Error::Fenced),
        (ErrorCode::UNSUPPORTED_VERSION, Error::NoConsumerProtocol),
        (ErrorCode::UNSUPPORTED_ASSIGNOR, said(ErrorCode::UNSUPPORTED_ASSIGNOR)),
        (ErrorCode::GROUP_MAX_SIZE_REACHED, said(ErrorCode::GROUP_MAX_SIZE_REACHED)),
        (ErrorCode::INVALID_REGULAR_EXPRESSION, said(ErrorCode::INVALID_REGULAR_EXPRESSION)),
        (ErrorCode::GROUP_AUTHORIZATION_FAILED, said(ErrorCode::GROUP_AUTHORIZATION_FAILED)),
        (ErrorCode::INVALID_REQUEST, said(ErrorCode::INVALID_REQUEST)),
    ] {
        let mut sim = Sim::joined(config());
        sim.otherwise(HEARTBEAT, refused(code));
        sim.pass(6 * SECOND);
        for _ in 0..2 {
            assert_eq!(sim.poll(SECOND), Err(error.clone()), "{code}");
        }
        assert_eq!(sim.rebalances, [(Lost, vec![t(0), t(1)])]);
        sim.pass(60 * SECOND);
        assert_eq!(epochs(&sim), [1], "no more heartbeats");

        sim.subscribe(&["t"]);
        sim.poll(SECOND).unwrap();
        assert_eq!(sim.rebalances[1..], [(Assigned, vec![t(0), t(1)])], "another try, if it is wanted");
    }
}

#[test]
fn a_group_of_another_kind_is_no_reason_to_try_for_ever() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.otherwise(HEARTBEAT, refused(ErrorCode::GROUP_ID_NOT_FOUND));
    let error = sim.poll(SECOND).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    sim.pass(60 * SECOND);
    assert_eq!(epochs(&sim), [0]);
}

#[test]
fn a_broker_that_does_not_know_the_protocol_is_an_error_that_names_the_other_one() {
    let mut sim = Sim::new(config());
    for _ in 0..3 {
        let mut versions = api_versions();
        versions.api_keys.retain(|api| api.api_key != HEARTBEAT.key());
        sim.otherwise(Api::ApiVersions, versions);
    }
    sim.subscribe(&["t"]);
    let error = sim.poll(SECOND).unwrap_err();
    assert_eq!(error, Error::NoConsumerProtocol);
    assert!(error.to_string().contains("group.protocol=classic"));
    assert_eq!(epochs(&sim), [0; 0]);
}

#[test]
fn topics_that_may_not_be_read_are_told_and_tried_again_with_a_back_off() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    for _ in 0..3 {
        sim.otherwise(HEARTBEAT, refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    }
    let error = sim.poll(SECOND).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    sim.pass(5 * SECOND);
    let times = sim.times(HEARTBEAT);
    assert!(times[3] >= 500, "doubling from 100 ms: {times:?}");
    assert_eq!(epochs(&sim)[..4], [0; 4]);
}

#[test]
fn a_coordinator_that_still_loads_is_asked_again_after_a_back_off() {
    let mut sim = Sim::joined(config());
    for _ in 0..3 {
        sim.otherwise(HEARTBEAT, refused(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    }
    sim.pass(9 * SECOND);
    let times = sim.times(HEARTBEAT);
    assert_eq!(times.len(), 4);
    assert!(times[1] >= 5_080 && times[3] <= 5_900, "{times:?}");
    assert!(is_full(heartbeats(&sim)[3]));
    assert_eq!(owned(heartbeats(&sim)[3]), Some(vec![0, 1]));
    sim.poll(T).unwrap();
    assert_eq!(sim.rebalances, []);
}

#[test]
fn a16_another_coordinator_is_told_everything() {
    for error in [ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_NOT_AVAILABLE] {
        let mut sim = Sim::joined(config());
        sim.otherwise(HEARTBEAT, refused(error));
        sim.pass(6 * SECOND);
        assert_eq!(sim.times(Api::FindCoordinator), [5_000]);
        // Behind the Fetch of the only broker there is.
        assert_eq!(sim.times(HEARTBEAT), [5_000, 5_500], "as soon as it is found");
        assert!(is_full(heartbeats(&sim)[1]));
        assert_eq!(heartbeats(&sim)[1].member_epoch, 1);
    }
}

#[test]
fn an_answer_that_was_lost_is_made_up_for_with_everything() {
    let mut sim = Sim::joined(config());
    sim.no_answer(HEARTBEAT);
    sim.pass(5 * SECOND);
    sim.cut(HEARTBEAT);
    sim.pass(2 * SECOND);
    assert_eq!(epochs(&sim), [1, 1]);
    assert!(is_full(heartbeats(&sim)[1]));
    // The coordinator had gone on without the member; KIP-848 lets it catch up.
    assert_eq!(owned(heartbeats(&sim)[1]), Some(vec![0, 1]));
}

#[test]
fn one_heartbeat_is_in_flight_at_a_time() {
    let mut sim = Sim::joined(config());
    sim.no_answer(HEARTBEAT);
    sim.pass(20 * SECOND);
    sim.subscribe(&["t", "u"]);
    assert_eq!(epochs(&sim).len(), 1);
    sim.answer_now(HEARTBEAT, told(2, None));
    assert_eq!(epochs(&sim), [1, 2], "what was to be said is said now");
}

#[test]
fn other_topics_are_told_at_once_and_nothing_else_is() {
    let mut sim = Sim::joined(config());
    sim.subscribe(&["t", "u"]);
    sim.run();
    let heartbeats = heartbeats(&sim);
    assert_eq!(heartbeats.len(), 1);
    assert_eq!(heartbeats[0].subscribed_topic_names, Some(vec!["t".into(), "u".into()]));
    assert_eq!((heartbeats[0].rebalance_timeout_ms, owned(heartbeats[0])), (-1, None));
}

#[test]
fn t12_leaving_is_epoch_minus_one_and_for_a_static_member_minus_two() {
    for (instance, epoch) in [("", -1), ("i", -2)] {
        for how in ["unsubscribe", "close", "drop"] {
            let mut sim = Sim::joined(config().group_instance_id(instance));
            match how {
                "unsubscribe" => drop(sim.call(Command::Unsubscribe)),
                "close" => drop(sim.close(30 * SECOND)),
                _ => sim.core.handle(Event::Abandoned, sim.now),
            }
            sim.run();
            assert_eq!(epochs(&sim), [epoch], "{how}");
            let instance_id = heartbeats(&sim)[0].instance_id.as_deref();
            assert_eq!(instance_id, Some(instance).filter(|id| !id.is_empty()));
            let told = if how == "drop" { vec![] } else { vec![(Revoked, vec![t(0), t(1)])] };
            assert_eq!(sim.rebalances, told);
            assert_eq!(sim.times(Api::OffsetCommit).len(), usize::from(how != "drop"));
            assert_eq!(sim.times(Api::LeaveGroup), [0; 0]);
            assert_eq!(sim.is_finished, how != "unsubscribe");
        }
    }
}

#[test]
fn a_member_that_left_for_a_while_joins_again_when_it_subscribes() {
    let mut sim = Sim::joined(config());
    sim.call(Command::Unsubscribe);
    sim.pass(60 * SECOND);
    assert_eq!(epochs(&sim), [-1]);
    sim.subscribe(&["t"]);
    sim.poll(SECOND).unwrap();
    assert_eq!(epochs(&sim)[1..], [0, 1]);
    assert!(is_full(heartbeats(&sim)[1]));
}

#[test]
fn a_member_that_is_joining_when_it_is_closed_leaves_all_the_same() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.no_answer(HEARTBEAT);
    sim.poll(SECOND).unwrap();
    let close = sim.close(30 * SECOND);
    sim.pass_until_finished(SECOND);
    assert_eq!(sim.answers[&close], Ok(Answer::Done));
    assert_eq!(epochs(&sim), [0, -1], "in this order, on one connection");
}

#[test]
fn closing_without_having_joined_says_nothing() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.pass(SECOND);
    sim.close(30 * SECOND);
    sim.pass_until_finished(SECOND);
    assert_eq!(epochs(&sim), [0; 0]);
}

#[test]
fn a18_who_does_not_poll_leaves_is_stale_until_it_does_and_then_joins_again() {
    for (instance, epoch) in [("", -1), ("i", -2)] {
        let mut sim = Sim::joined(config().group_instance_id(instance));
        sim.pass(299 * SECOND);
        assert_eq!(epochs(&sim), [1; 59]);
        sim.pass(600 * SECOND);
        assert_eq!(epochs(&sim)[59..], [1, epoch], "at 300 s");
        assert_eq!(sim.rebalances, []);
        let commit = sim.commit(SECOND);
        assert_eq!(sim.answers[&commit], Err(Error::CommitFailed), "a late one");
        sim.poll(SECOND).unwrap();
        assert_eq!(sim.rebalances, [(Lost, vec![t(0), t(1)]), (Assigned, vec![t(0), t(1)])]);
        assert_eq!(epochs(&sim)[61..], [0, 1]);
    }
}

#[test]
fn an_answer_that_a_leave_has_overtaken_brings_nothing() {
    let mut sim = Sim::joined(config());
    sim.pass(298 * SECOND);
    (0..3).for_each(|_| sim.no_answer(HEARTBEAT));
    sim.pass(3 * SECOND);
    sim.poll(SECOND).unwrap();
    assert_eq!(epochs(&sim)[59..], [1, -1, 0]);
    assert_eq!(sim.rebalances, [(Lost, vec![t(0), t(1)])]);
    sim.answer_now(HEARTBEAT, told(9, Some(&[0])));
    sim.answer_now(HEARTBEAT, refused(ErrorCode::UNKNOWN_MEMBER_ID));
    sim.poll(SECOND).unwrap();
    assert_eq!(epochs(&sim).len(), 62, "it waits for the answer to its own");
    sim.answer_now(HEARTBEAT, told(10, Some(&[1])));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances[1..], [(Assigned, vec![t(1)])]);
    assert_eq!(epochs(&sim)[62..], [10]);
}

#[test]
fn t7_a_commit_with_an_old_epoch_is_tried_again_with_the_newest() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.pass(4_950 * T);
    sim.otherwise(HEARTBEAT, told(2, None));
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::STALE_MEMBER_EPOCH));
    let commit = sim.commit(60 * SECOND);
    assert_eq!(sim.answers.get(&commit), None);
    sim.pass(SECOND);
    assert_eq!(sim.answers[&commit], Ok(Answer::Done));
    assert_eq!(sim.commits(), [(1, vec![0, 0]), (2, vec![0, 0])]);
    assert_eq!(sim.rebalances, []);
}

#[test]
fn t7_a_commit_of_what_has_gone_is_not_tried_in_a_later_epoch() {
    for (told_later, expected) in [(None, Ok(Answer::Done)), (Some(2), Err(Error::RebalanceInProgress))] {
        let mut sim = Sim::joined(config().enable_auto_commit(false));
        sim.pass(4_950 * T);
        sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
        let commit = sim.commit(60 * SECOND);
        sim.otherwise(HEARTBEAT, told(1, Some(&[0])));
        // From the next epoch on another member may have t-1, and have committed.
        told_later.into_iter().for_each(|epoch| sim.otherwise(HEARTBEAT, told(epoch, None)));
        sim.pass(50 * T);
        sim.poll(T).unwrap();
        assert_eq!(sim.rebalances, [(Revoked, vec![t(1)]), (Assigned, vec![])]);
        assert_eq!((epochs(&sim), sim.commits().len()), (vec![1, 1], 1));
        sim.pass(SECOND);
        assert_eq!(sim.answers[&commit], expected);
        let again = sim.commit(60 * SECOND);
        sim.pass(SECOND);
        assert_eq!(sim.answers[&again], Ok(Answer::Done), "of what is left");
        let epoch = told_later.unwrap_or(1);
        assert_eq!(sim.commits().last(), Some(&(epoch, vec![0])));
        assert_eq!(sim.commits().len(), 2 + usize::from(told_later.is_none()));
    }
}

#[test]
fn t7_a_commit_that_nobody_waits_for_says_that_it_met_a_rebalance() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::STALE_MEMBER_EPOCH));
    let offsets: Offsets = [(t(0), OffsetAndMetadata::new(3))].into();
    let commit = sim.call(Command::Commit { offsets: Some(offsets), deadline: None });
    assert_eq!(sim.answers[&commit], Err(Error::RebalanceInProgress));
    assert_eq!(sim.commits().len(), 1);
}

#[test]
fn t7_a_member_whose_commit_is_refused_as_unknown_has_lost_its_partitions() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.otherwise(Api::OffsetCommit, refused_commit(ErrorCode::UNKNOWN_MEMBER_ID));
    let commit = sim.commit(60 * SECOND);
    assert_eq!(sim.answers[&commit], Err(Error::CommitFailed));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Lost, vec![t(0), t(1)]), (Assigned, vec![t(0), t(1)])]);
}

#[test]
fn a2_a_member_that_learns_from_a_commit_that_it_is_out_joins_again_whatever_is_in_flight() {
    let mut sim = Sim::joined(config().enable_auto_commit(false));
    sim.pass(4_950 * T);
    sim.no_answer(Api::OffsetCommit);
    let commit = sim.commit(60 * SECOND);
    sim.no_answer(HEARTBEAT);
    sim.pass(SECOND);
    sim.answer_now(Api::OffsetCommit, refused_commit(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(sim.answers[&commit], Err(Error::CommitFailed));
    sim.answer_now(HEARTBEAT, refused(ErrorCode::UNKNOWN_MEMBER_ID));
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Lost, vec![t(0), t(1)]), (Assigned, vec![t(0), t(1)])]);
}

#[test]
fn a4_who_asks_for_committed_offsets_says_who_it_is_and_asks_again_when_it_has_missed_something() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    let mut response = OffsetFetchResponse::default();
    let mut group = milena_protocol::messages::offset_fetch::OffsetFetchResponseGroup::default();
    (group.group_id, group.error_code) = ("g".into(), ErrorCode::STALE_MEMBER_EPOCH);
    response.groups = vec![group];
    sim.otherwise(Api::OffsetFetch, response);
    sim.poll(SECOND).unwrap();
    let members: Vec<_> = sim
        .sent
        .iter()
        .filter_map(|sent| match &sent.body {
            RequestBody::OffsetFetch(fetch) => Some(&fetch.groups[0]),
            _ => None,
        })
        .map(|group| (group.member_id.clone(), group.member_epoch))
        .collect();
    let member_id = heartbeats(&sim)[0].member_id.clone();
    assert_eq!(members, vec![(Some(member_id), 1); 2]);
    let times = sim.times(Api::OffsetFetch);
    assert!(times[1] >= times[0] + 80, "{times:?}");
    assert!(!sim.times(Api::Fetch).is_empty());
}
