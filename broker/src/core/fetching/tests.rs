//! Fetch, from the outside.

use milena_protocol::ErrorCode;
use milena_protocol::messages::fetch::{ForgottenTopic, PartitionData};
use milena_protocol::messages::{FetchRequest, FetchResponse};

use crate::core::io::ConnectionId;
use crate::core::test_support::{Sim, batch, fetch_request, produce_request, values};

/// The last version with names.
const NAMES: i16 = 12;

fn sim() -> (Sim, ConnectionId) {
    let mut sim = Sim::new(&[]);
    sim.topic("t", 2, &[]);
    let connection = sim.connect(1);
    (sim, connection)
}

fn only(response: &FetchResponse) -> &PartitionData {
    assert_eq!(response.error_code, ErrorCode::NONE);
    assert_eq!(response.responses.len(), 1, "{response:?}");
    &response.responses[0].partitions[0]
}

fn session(mut request: FetchRequest, id: i32, epoch: i32) -> FetchRequest {
    (request.session_id, request.session_epoch) = (id, epoch);
    request
}

fn nothing_new(id: i32, epoch: i32) -> FetchRequest {
    let mut request = session(fetch_request("t", 0, 0), id, epoch);
    request.topics.clear();
    request
}

#[test]
fn what_is_there_is_answered_at_once() {
    let (mut sim, c) = sim();
    sim.produce(c, "t", 0, batch(&["a", "b"]));
    let response = sim.ask(c, NAMES, fetch_request("t", 0, 1));
    assert_eq!(values(&response), ["a", "b"], "whole batches are sent");
    let data = only(&response);
    assert_eq!((data.high_watermark, data.last_stable_offset, data.log_start_offset), (2, 2, 0));
    assert_eq!((sim.elapsed_ms(), &data.aborted_transactions), (0, &None));
}

#[test]
fn a_fetch_waits_until_something_comes() {
    let (mut sim, c) = sim();
    let producer = sim.connect(1);
    sim.send(c, NAMES, fetch_request("t", 0, 0));
    sim.pass(100);
    sim.produce(producer, "t", 1, batch(&["elsewhere"]));
    assert_eq!(sim.answer::<FetchResponse>(c), None);
    sim.produce(producer, "t", 0, batch(&["x"]));
    assert_eq!(values(&sim.answer(c).unwrap()), ["x"]);
}

#[test]
fn a_fetch_waits_no_longer_than_it_says() {
    let (mut sim, c) = sim();
    let response = sim.ask(c, NAMES, fetch_request("t", 0, 0));
    assert_eq!(sim.elapsed_ms(), 500);
    assert_eq!(only(&response).records.as_deref(), Some(&[][..]), "t27: empty, never null");
}

#[test]
fn a_fetch_waits_for_as_many_bytes_as_it_says() {
    let (mut sim, c) = sim();
    let producer = sim.connect(1);
    let size = batch(&["x"]).len();
    let mut request = fetch_request("t", 0, 0);
    request.min_bytes = size as i32 + 1;
    sim.send(c, NAMES, request);
    sim.produce(producer, "t", 0, batch(&["x"]));
    assert_eq!(sim.answer::<FetchResponse>(c), None);
    sim.produce(producer, "t", 0, batch(&["y"]));
    assert_eq!(values(&sim.answer(c).unwrap()), ["x", "y"]);
}

#[test]
fn the_next_request_of_a_connection_waits_for_the_answer_to_the_one_before() {
    let (mut sim, c) = sim();
    sim.send(c, NAMES, fetch_request("t", 0, 0));
    sim.send(c, 9, produce_request("t", 0, batch(&["x"]), 1));
    assert!(sim.answer::<FetchResponse>(c).is_none());
    sim.pass(500);
    let response: FetchResponse = sim.answer(c).unwrap();
    assert_eq!(only(&response).high_watermark, 0);
    let response: milena_protocol::messages::ProduceResponse = sim.answer(c).unwrap();
    assert_eq!(response.responses[0].partition_responses[0].base_offset, 0);
}

#[test]
fn t26_a_produce_with_acks_0_has_no_answer() {
    let (mut sim, c) = sim();
    sim.send(c, 9, produce_request("t", 0, batch(&["x"]), 0));
    assert!(sim.skipped(c));
    assert_eq!(values(&sim.ask(c, NAMES, fetch_request("t", 0, 0))), ["x"]);
    sim.send(c, 9, produce_request("nowhere", 0, batch(&["x"]), 0));
    assert_eq!(sim.closed, [c], "an error is told by cutting the client off");
}

#[test]
fn an_error_is_answered_at_once() {
    let (mut sim, c) = sim();
    let code = |sim: &mut Sim, request| {
        let response = sim.ask(c, NAMES, request);
        only(&response).error_code
    };
    assert_eq!(code(&mut sim, fetch_request("t", 0, 1)), ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(code(&mut sim, fetch_request("t", 2, 0)), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut fenced = fetch_request("t", 0, 0);
    fenced.topics[0].partitions[0].current_leader_epoch = 1;
    assert_eq!(code(&mut sim, fenced), ErrorCode::UNKNOWN_LEADER_EPOCH);
    assert_eq!(sim.elapsed_ms(), 0);
    let mut by_id = fetch_request("", 0, 0);
    by_id.topics[0].topic_id = milena_protocol::Uuid([7; 16]);
    let response = sim.ask(c, 13, by_id);
    assert_eq!(only(&response).error_code, ErrorCode::UNKNOWN_TOPIC_ID);
}

#[test]
fn one_batch_comes_however_large_it_is() {
    let (mut sim, c) = sim();
    sim.produce(c, "t", 0, batch(&["a"]));
    sim.produce(c, "t", 1, batch(&["b"]));
    let mut request = fetch_request("t", 0, 0);
    let mut second = request.topics[0].partitions[0].clone();
    second.partition = 1;
    request.topics[0].partitions.push(second);
    request.max_bytes = 1;
    let response = sim.ask(c, NAMES, request);
    let sizes: Vec<usize> =
        response.responses[0].partitions.iter().map(|p| p.records.as_ref().unwrap().len()).collect();
    assert_eq!(sizes, [batch(&["a"]).len(), 0]);
}

#[test]
fn t16_a_session_tells_what_is_new() {
    let (mut sim, c) = sim();
    let opened = sim.ask(c, NAMES, session(fetch_request("t", 0, 0), 0, 0));
    let id = opened.session_id;
    assert!(id > 0);
    assert_eq!(opened.responses.len(), 1);
    let response = sim.ask(c, NAMES, nothing_new(id, 1));
    assert_eq!((response.session_id, response.responses.len()), (id, 0));
    sim.produce(c, "t", 0, batch(&["x"]));
    let response = sim.ask(c, NAMES, nothing_new(id, 2));
    assert_eq!(values(&response), ["x"]);
    let response = sim.ask(c, NAMES, session(fetch_request("t", 0, 1), id, 3));
    assert_eq!(response.responses.len(), 0, "all is known");
    let stale = sim.ask(c, NAMES, nothing_new(id, 3));
    assert_eq!((stale.error_code, stale.session_id), (ErrorCode::INVALID_FETCH_SESSION_EPOCH, 0));
    let other = sim.ask(c, 13, nothing_new(id, 4));
    assert_eq!(other.error_code, ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
    let closed = sim.ask(c, NAMES, session(fetch_request("t", 0, 1), id, -1));
    assert_eq!((closed.session_id, closed.responses.len()), (0, 1));
    let gone = sim.ask(c, NAMES, nothing_new(id, 4));
    assert_eq!(gone.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn a_session_that_has_forgotten_everything_is_closed() {
    let (mut sim, c) = sim();
    let id = sim.ask(c, NAMES, session(fetch_request("t", 0, 0), 0, 0)).session_id;
    let mut request = nothing_new(id, 1);
    let mut forgotten = ForgottenTopic::default();
    (forgotten.topic, forgotten.partitions) = ("t".into(), vec![0]);
    request.forgotten_topics_data = vec![forgotten];
    let response = sim.ask(c, NAMES, request);
    assert_eq!((response.session_id, response.error_code), (0, ErrorCode::NONE));
}

#[test]
fn sessions_take_turns_in_a_small_cache() {
    let mut sim = Sim::new(&[("max.incremental.fetch.session.cache.slots", "1")]);
    sim.topic("t", 1, &[]);
    let c = sim.connect(1);
    let open = |sim: &mut Sim| sim.ask(c, NAMES, session(fetch_request("t", 0, 0), 0, 0)).session_id;
    let first = open(&mut sim);
    assert!(first > 0);
    assert_eq!(open(&mut sim), 0, "the first is in use");
    sim.pass(121_000);
    assert!(open(&mut sim) > 0);
    let gone = sim.ask(c, NAMES, nothing_new(first, 1));
    assert_eq!(gone.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn a_follower_in_the_clients_rack_is_preferred() {
    let mut sim = Sim::with_brokers(&[Some("a"), Some("b"), Some("b")], &[]);
    sim.topic("t", 1, &[]);
    let (leader, follower) = (sim.connect(1), sim.connect(3));
    sim.produce(leader, "t", 0, batch(&["x"]));
    let from = |rack: &str| {
        let mut request = fetch_request("t", 0, 0);
        request.rack_id = rack.into();
        request
    };
    let response = sim.ask(leader, NAMES, from("b"));
    let data = only(&response);
    assert_eq!((data.preferred_read_replica, data.records.as_ref().unwrap().len()), (3, 0));
    assert_eq!(values(&sim.ask(follower, NAMES, from("b"))), ["x"]);
    assert_eq!(values(&sim.ask(leader, NAMES, from("a"))), ["x"]);
    assert_eq!(values(&sim.ask(leader, NAMES, from("elsewhere"))), ["x"]);
    let old = sim.ask(follower, 10, fetch_request("t", 0, 0));
    assert_eq!(only(&old).error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
}

#[test]
fn a_topic_that_is_deleted_ends_the_waiting() {
    let (mut sim, c) = sim();
    sim.send(c, NAMES, fetch_request("t", 0, 0));
    let admin = sim.connect(1);
    let mut request = milena_protocol::messages::DeleteTopicsRequest::default();
    request.topic_names = vec!["t".into()];
    sim.ask(admin, 4, request);
    let response: FetchResponse = sim.answer(c).unwrap();
    assert_eq!(only(&response).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn t25_who_reads_too_much_is_told_when_to_come_again_and_held_back_until_then() {
    let mut sim = Sim::new(&[("consumer_byte_rate", "100")]);
    sim.topic("t", 1, &[]);
    let c = sim.connect(1);
    // A batch of nearly 600 bytes: two of them are more than 1000 in ten seconds.
    let value = "x".repeat(520);
    let size = batch(&[&value]).len();
    sim.produce(c, "t", 0, batch(&[&value]));
    let mut request = fetch_request("t", 0, 0);
    request.session_epoch = 0;
    let first = sim.ask(c, NAMES, request.clone());
    assert_eq!((first.throttle_time_ms, values(&first).len()), (0, 1));
    let throttled: FetchResponse = sim.ask(c, NAMES, request.clone());
    let expected = ((2 * size) as f64 / 1000.0 - 1.0) * 10_000.0;
    assert_eq!(throttled.throttle_time_ms, expected.round() as i32);
    assert_eq!((throttled.session_id, throttled.responses.len()), (0, 0));

    sim.send(c, 0, milena_protocol::messages::ApiVersionsRequest::default());
    sim.pass(throttled.throttle_time_ms as u64 - 1);
    let answer = sim.answer::<milena_protocol::messages::ApiVersionsResponse>(c);
    assert!(answer.is_none(), "its connection is not read");
    sim.pass(1);
    assert!(sim.answer::<milena_protocol::messages::ApiVersionsResponse>(c).is_some());
    sim.pass(11_000);
    let later = sim.ask(c, NAMES, request);
    assert_eq!((later.throttle_time_ms, values(&later).len()), (0, 1));
}

#[test]
fn a_session_lives_on_while_its_client_is_held_back() {
    let mut sim = Sim::new(&[("consumer_byte_rate", "100")]);
    sim.topic("t", 1, &[]);
    let c = sim.connect(1);
    let mut request = fetch_request("t", 0, 0);
    (request.session_epoch, request.max_wait_ms) = (0, 0);
    let opened = sim.ask(c, NAMES, request);
    sim.produce(c, "t", 0, batch(&[&"x".repeat(700)]));
    let next = |epoch| {
        let mut request = fetch_request("t", 0, 0);
        (request.session_id, request.session_epoch) = (opened.session_id, epoch);
        request
    };
    assert_eq!(values(&sim.ask(c, NAMES, next(1))).len(), 1);
    let throttled = sim.ask(c, NAMES, next(2));
    assert!(throttled.throttle_time_ms > 0 && throttled.session_id == opened.session_id);
    sim.pass(20_000);
    assert_eq!(values(&sim.ask(c, NAMES, next(3))).len(), 1);
}

#[test]
fn nothing_is_left_of_a_fetch_whose_topic_went_while_it_waited() {
    let mut sim = Sim::new(&[]);
    for topic in ["t", "u"] {
        sim.topic(topic, 1, &[]);
    }
    let (c, d) = (sim.connect(1), sim.connect(1));
    sim.send(c, NAMES, fetch_request("t", 0, 0));
    sim.send(d, NAMES, fetch_request("u", 0, 0));
    sim.core.cluster.delete_topic("t");
    sim.pass(10_000);
    assert!(sim.answer::<FetchResponse>(c).is_some() && sim.answer::<FetchResponse>(d).is_some());
    assert!(sim.core.fetching.watches_nothing());
}
