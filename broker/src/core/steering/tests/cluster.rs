use milena_protocol::messages::join_group::JoinGroupRequestProtocol;
use milena_protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use milena_protocol::messages::*;
use milena_protocol::{ErrorCode, Str};

use super::*;
use crate::core::io::ConnectionId;

fn leader(sim: &Sim, partition: i32) -> (Option<i32>, i32) {
    sim.core.leader("t", partition).unwrap()
}

fn metadata(sim: &mut Sim, connection: ConnectionId) -> MetadataResponse {
    let mut request = MetadataRequest::default();
    request.topics = Some(vec![milena_protocol::messages::metadata::MetadataRequestTopic::new("t")]);
    sim.ask(connection, 12, request)
}

fn find_coordinator(sim: &mut Sim, connection: ConnectionId, group: &str) -> FindCoordinatorResponse {
    let mut request = FindCoordinatorRequest::default();
    request.key = group.into();
    sim.ask(connection, 3, request)
}

/// A member of the group "g", its only one, and its generation.
fn member(sim: &mut Sim, connection: ConnectionId) -> (Str, i32) {
    let mut protocol = JoinGroupRequestProtocol::default();
    protocol.name = "range".into();
    let mut request = JoinGroupRequest::default();
    (request.group_id, request.protocol_type) = ("g".into(), "consumer".into());
    (request.session_timeout_ms, request.rebalance_timeout_ms) = (10_000, 10_000);
    request.protocols = vec![protocol];
    request.member_id = sim.ask(connection, 5, request.clone()).member_id;
    let joined = sim.ask(connection, 5, request);
    assert_eq!(joined.error_code, ErrorCode::NONE);
    let mut request = SyncGroupRequest::default();
    (request.group_id, request.generation_id) = ("g".into(), joined.generation_id);
    request.member_id = joined.member_id.clone();
    assert_eq!(sim.ask(connection, 3, request).error_code, ErrorCode::NONE);
    (joined.member_id, joined.generation_id)
}

fn heartbeat(sim: &mut Sim, connection: ConnectionId, member: &(Str, i32)) -> ErrorCode {
    let mut request = HeartbeatRequest::default();
    (request.group_id, request.member_id, request.generation_id) = ("g".into(), member.0.clone(), member.1);
    sim.ask(connection, 3, request).error_code
}

#[test]
fn a_broker_that_stops_loses_its_clients_and_what_it_led() {
    let mut sim = three();
    let (stays, goes) = (sim.connect(2), sim.connect(1));
    sim.core.steer(Steer::StopBroker { node_id: 1 }, sim.now).unwrap();
    sim.run();
    assert_eq!(sim.closed, [goes]);
    assert_eq!((leader(&sim, 0), leader(&sim, 1)), ((Some(2), 1), (Some(2), 0)));
    let response = metadata(&mut sim, stays);
    assert_eq!(response.brokers.iter().map(|broker| broker.node_id).collect::<Vec<_>>(), [2, 3]);
    let refused = sim.connect(1);
    assert_eq!(sim.closed, [goes, refused]);

    sim.core.steer(Steer::StopBroker { node_id: 1 }, sim.now).unwrap();
    sim.core.steer(Steer::StartBroker { node_id: 1 }, sim.now).unwrap();
    assert_eq!(leader(&sim, 0), (Some(2), 1), "it does not take its leaderships back");
    let back = sim.connect(1);
    assert_eq!(metadata(&mut sim, back).brokers.len(), 3);
}

#[test]
fn memory_is_kept_while_all_brokers_are_down() {
    let mut sim = Sim::new(&[]);
    sim.topic("t", 1, &[]);
    let c = sim.connect(1);
    sim.produce(c, "t", 0, batch(&["a", "b"]));
    find_coordinator(&mut sim, c, "g");
    let member = member(&mut sim, c);
    sim.core.steer(Steer::StopBroker { node_id: 1 }, sim.now).unwrap();
    assert_eq!(leader(&sim, 0), (None, 1));
    assert_eq!(sim.core.group_coordinator("g"), None);
    sim.pass(60_000);
    sim.core.steer(Steer::StartBroker { node_id: 1 }, sim.now).unwrap();
    assert_eq!(leader(&sim, 0), (Some(1), 2));
    let c = sim.connect(1);
    assert_eq!(values(&sim.ask(c, 12, fetch_request("t", 0, 0))), ["a", "b"]);
    assert_eq!(heartbeat(&mut sim, c, &member), ErrorCode::NONE, "sessions begin anew with the coordinator");
}

#[test]
fn a_reader_that_waits_is_told_that_the_leader_has_moved() {
    let mut sim = three();
    let c = sim.connect(1);
    sim.send(c, 10, fetch_request("t", 0, 0));
    let steer = Steer::MoveLeader { topic: "t".into(), partition: 0, node_id: 3 };
    sim.core.steer(steer.clone(), sim.now).unwrap();
    sim.run();
    let response: FetchResponse = sim.answer(c).expect("at once");
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(leader(&sim, 0), (Some(3), 1));
    sim.core.steer(steer, sim.now).unwrap();
    assert_eq!(leader(&sim, 0), (Some(3), 1), "it leads already");
}

#[test]
fn an_old_leader_epoch_is_fenced() {
    let mut sim = three();
    sim.core.steer(Steer::BumpLeaderEpoch { topic: "t".into(), partition: 0 }, sim.now).unwrap();
    assert_eq!(leader(&sim, 0), (Some(1), 1));
    let c = sim.connect(1);
    let mut request = fetch_request("t", 0, 0);
    request.topics[0].partitions[0].current_leader_epoch = 0;
    let response = sim.ask(c, 12, request);
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::FENCED_LEADER_EPOCH);
}

#[test]
fn who_is_beyond_a_truncation_can_find_out() {
    let mut sim = three();
    let c = sim.connect(1);
    for value in ["a", "b", "c"] {
        sim.produce(c, "t", 0, batch(&[value]));
    }
    sim.core.steer(Steer::Truncate { topic: "t".into(), partition: 0, end_offset: 1 }, sim.now).unwrap();
    assert_eq!(sim.core.log_end_offset("t", 0), Ok(1));
    sim.produce(c, "t", 0, batch(&["B"]));
    sim.produce(c, "t", 0, batch(&["C"]));

    let mut partition = OffsetForLeaderPartition::default();
    (partition.partition, partition.current_leader_epoch, partition.leader_epoch) = (0, 1, 0);
    let mut topic = OffsetForLeaderTopic::default();
    (topic.topic, topic.partitions) = ("t".into(), vec![partition]);
    let mut request = OffsetForLeaderEpochRequest::default();
    request.topics = vec![topic];
    let response = sim.ask(c, 4, request);
    let end = &response.topics[0].partitions[0];
    assert_eq!((end.error_code, end.leader_epoch, end.end_offset), (ErrorCode::NONE, 0, 1));
    let records = sim.core.records("t", 0).unwrap();
    let seen: Vec<_> =
        records.iter().map(|r| (r.offset, r.leader_epoch, r.value.as_deref().unwrap())).collect();
    assert_eq!(seen, [(0, 0, &b"a"[..]), (1, 1, b"B"), (2, 1, b"C")]);

    let end_offset = 4;
    let error = sim.core.steer(Steer::Truncate { topic: "t".into(), partition: 0, end_offset }, sim.now);
    assert_eq!(error.unwrap_err().to_string(), "offset 4 is not in the log, which goes from 0 to 3");
}

#[test]
fn a_log_that_was_truncated_to_nothing_begins_a_new_epoch_there() {
    let mut sim = three();
    let c = sim.connect(1);
    sim.produce(c, "t", 0, batch(&["a"]));
    sim.core.steer(Steer::Truncate { topic: "t".into(), partition: 0, end_offset: 0 }, sim.now).unwrap();
    let epochs = sim.core.cluster.log("t", 0).unwrap().epochs();
    assert_eq!((epochs.latest(), epochs.end_offset(0, 0)), (Some(1), Some((0, 0))));
}

#[test]
fn a_trimmed_log_begins_later() {
    let mut sim = three();
    let c = sim.connect(1);
    for value in ["a", "b"] {
        sim.produce(c, "t", 0, batch(&[value]));
    }
    sim.core.steer(Steer::Trim { topic: "t".into(), partition: 0, start_offset: 1 }, sim.now).unwrap();
    assert_eq!(sim.core.log_start_offset("t", 0), Ok(1));
    let response = sim.ask(c, 12, fetch_request("t", 0, 0));
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[test]
fn a_topic_that_is_recreated_keeps_its_form_and_nothing_else() {
    let mut sim = three();
    let c = sim.connect(1);
    sim.produce(c, "t", 0, batch(&["a"]));
    let id = sim.core.catalog().topic("t").unwrap().id;
    sim.core.steer(Steer::BumpLeaderEpoch { topic: "t".into(), partition: 0 }, sim.now).unwrap();
    sim.core.steer(Steer::RecreateTopic { topic: "t".into() }, sim.now).unwrap();
    let topic = sim.core.catalog().topic("t").unwrap();
    assert!(topic.id != id && topic.partitions.len() == 2);
    assert_eq!((sim.core.log_end_offset("t", 0), leader(&sim, 0)), (Ok(0), (Some(1), 0)));
    sim.core.steer(Steer::AddPartitions { topic: "t".into(), count: 3 }, sim.now).unwrap();
    assert_eq!(sim.core.catalog().topic("t").unwrap().partitions.len(), 5);
    assert_eq!(sim.core.log_end_offset("t", 4), Ok(0));
    let error = sim.core.log_end_offset("t", 5).unwrap_err();
    assert_eq!(error.to_string(), "topic \"t\" has no partition 5: it has 5, counted from 0");
}

#[test]
fn a_coordinator_moves_with_its_groups() {
    let mut sim = three();
    let any = sim.connect(1);
    let old = find_coordinator(&mut sim, any, "g").node_id;
    let c = sim.connect(old);
    let member = member(&mut sim, c);
    let new = old % 3 + 1;
    let steer = Steer::MoveGroupCoordinator { group_id: "g".into(), node_id: new };
    sim.core.steer(steer, sim.now).unwrap();
    assert_eq!(find_coordinator(&mut sim, any, "g").node_id, new);
    assert_eq!(heartbeat(&mut sim, c, &member), ErrorCode::NOT_COORDINATOR);
    let c = sim.connect(new);
    assert_eq!(heartbeat(&mut sim, c, &member), ErrorCode::NONE);
    assert_eq!(sim.core.group_state("g").as_deref(), Some("Stable"));
    assert_eq!(sim.core.group_members("g"), [member.0.as_str()]);

    sim.core.steer(Steer::StopBroker { node_id: new }, sim.now).unwrap();
    let newest = sim.core.group_coordinator("g").unwrap();
    assert_ne!(newest, new);
    let c = sim.connect(newest);
    assert_eq!(heartbeat(&mut sim, c, &member), ErrorCode::NONE, "it moves when its broker stops, too");
}

#[test]
fn a_group_can_have_a_coordinator_before_anybody_asks() {
    let mut sim = three();
    for node_id in [3, 2, 1] {
        let group_id = "g".to_owned();
        sim.core.steer(Steer::MoveGroupCoordinator { group_id, node_id }, sim.now).unwrap();
        assert_eq!(sim.core.group_coordinator("g"), Some(node_id));
        let transactional_id = "x".to_owned();
        sim.core.steer(Steer::MoveTransactionCoordinator { transactional_id, node_id }, sim.now).unwrap();
        assert_eq!(sim.core.transaction_coordinator("x"), Some(node_id));
    }
}

#[test]
fn fetch_sessions_and_those_of_members_end() {
    let mut sim = three();
    let c = sim.connect(1);
    find_coordinator(&mut sim, c, "g");
    sim.core.steer(Steer::MoveGroupCoordinator { group_id: "g".into(), node_id: 1 }, sim.now).unwrap();
    let member = member(&mut sim, c);
    let mut request = fetch_request("t", 0, 0);
    request.session_epoch = 0;
    request.max_wait_ms = 0;
    let opened = sim.ask(c, 12, request);
    assert_ne!(opened.session_id, 0);
    sim.core.steer(Steer::EvictFetchSessions, sim.now).unwrap();
    let mut request = FetchRequest::default();
    (request.session_id, request.session_epoch) = (opened.session_id, 1);
    assert_eq!(sim.ask(c, 12, request).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);

    let end = |id: &str| Steer::EndSession { group_id: "g".into(), member_id: id.into() };
    let error = sim.core.steer(end("nobody"), sim.now).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("group \"g\" has no member \"nobody\", only [{:?}]", member.0.as_str())
    );
    sim.core.steer(end(&member.0), sim.now).unwrap();
    assert_eq!(heartbeat(&mut sim, c, &member), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn clients_are_thrown_out_by_name_or_by_broker() {
    let mut sim = three();
    let (silent, test, other) = (sim.connect(1), sim.connect(2), sim.connect(2));
    metadata(&mut sim, test);
    let mut closed = |whom| {
        let steered = sim.core.steer(Steer::Disconnect(whom), sim.now).unwrap();
        sim.run();
        (steered, std::mem::take(&mut sim.closed))
    };
    assert_eq!(closed(Whom::Client("nobody".into())), (Steered::Disconnected(0), vec![]));
    assert_eq!(closed(Whom::Client("test".into())), (Steered::Disconnected(1), vec![test]));
    assert_eq!(closed(Whom::Broker(2)), (Steered::Disconnected(1), vec![other]));
    assert_eq!(closed(Whom::All), (Steered::Disconnected(1), vec![silent]));
}

#[test]
fn what_is_not_there_is_named() {
    let mut sim = Sim::with_brokers(&[None, None], &[]);
    sim.core.create_topic("t", Some(1), Some(1), &[], sim.now).unwrap();
    let mut error = |steer| sim.core.steer(steer, sim.now).unwrap_err().to_string();
    assert_eq!(error(Steer::StopBroker { node_id: 9 }), "there is no broker 9, only [1, 2]");
    assert_eq!(error(Steer::RecreateTopic { topic: "u".into() }), "there is no topic \"u\"");
    let to = |node_id| Steer::MoveLeader { topic: "t".into(), partition: 0, node_id };
    assert_eq!(error(to(2)), "broker 2 has no replica of t-0: its replicas are on [1]");
    sim.core.steer(Steer::StopBroker { node_id: 1 }, sim.now).unwrap();
    let error = sim.core.steer(to(1), sim.now).unwrap_err();
    assert_eq!(error.to_string(), "broker 1 is stopped: start it before it can lead");
}

#[test]
fn records_are_there_without_a_producer() {
    let mut sim = three();
    let c = sim.connect(1);
    sim.send(c, 12, fetch_request("t", 0, 0));
    assert_eq!(sim.core.append("t", 0, &batch(&["a", "b"]), sim.now), Ok(0));
    assert_eq!(sim.core.append("t", 0, &batch(&["c"]), sim.now), Ok(2));
    sim.run();
    assert_eq!(values(&sim.answer::<FetchResponse>(c).expect("who waits is answered")), ["a", "b"]);
    let mut damaged = batch(&["d"]).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let error = sim.core.append("t", 0, &damaged.into(), sim.now).unwrap_err();
    assert_eq!(error, SteerError::Refused { code: ErrorCode::CORRUPT_MESSAGE });
    for node_id in 1..=3 {
        sim.core.steer(Steer::StopBroker { node_id }, sim.now).unwrap();
    }
    let error = sim.core.append("t", 0, &batch(&["e"]), sim.now).unwrap_err();
    assert_eq!(error.to_string(), "nobody leads t-0: all its replicas are stopped");
}

#[test]
fn t1_a_log_that_is_compacted_at_once_has_gaps_and_the_same_end() {
    let mut sim = three();
    let connection = sim.connect(1);
    for value in ["1", "2", "3"] {
        sim.produce(connection, "t", 0, batch(&[value]));
    }
    sim.core.steer(Steer::Compact { topic: "t".into(), partition: 0 }, sim.now).unwrap();
    let response: FetchResponse = sim.ask(connection, 12, fetch_request("t", 0, 0));
    assert_eq!(values(&response), ["3"]);
    assert_eq!(
        (sim.core.log_end_offset("t", 0), response.responses[0].partitions[0].high_watermark),
        (Ok(3), 3)
    );
    let unknown = sim.core.steer(Steer::Compact { topic: "t".into(), partition: 9 }, sim.now);
    assert!(unknown.is_err());
}
