//! What a transaction writes, and who sees it when.

use milena_protocol::messages::ListOffsetsRequest;
use milena_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};

use super::*;

#[test]
fn records_are_seen_when_they_are_committed() {
    let mut sim = sim(&[]);
    let mut client = Client::new(&mut sim, "a");
    for (produce, end) in [(12, 5), (11, 4)] {
        if produce < 12 {
            assert_eq!(client.add(&mut sim, 3, &[0]), [ErrorCode::NONE]);
        }
        let before = committed_values(&mut sim, 0).len();
        assert_eq!(client.write(&mut sim, produce, 0, &["x", "y"]), ErrorCode::NONE);
        assert_eq!(committed_values(&mut sim, 0).len(), before, "v{produce}");
        let epoch = client.producer.epoch;
        assert_eq!(client.end(&mut sim, end, true), ErrorCode::NONE);
        assert_eq!(committed_values(&mut sim, 0).len(), before + 2);
        assert_eq!(client.producer.epoch, if end == 5 { epoch + 1 } else { epoch });
    }
}

#[test]
fn t4_aborted_records_are_told_apart_by_a_list_that_is_empty_where_there_are_none() {
    let mut sim = sim(&[]);
    let (mut first, mut second) = (Client::new(&mut sim, "a"), Client::new(&mut sim, "b"));
    assert_eq!(first.write(&mut sim, 12, 0, &["a0"]), ErrorCode::NONE);
    assert_eq!(second.write(&mut sim, 12, 0, &["b0", "b1"]), ErrorCode::NONE);
    assert_eq!(first.end(&mut sim, 5, false), ErrorCode::NONE);
    assert_eq!(second.end(&mut sim, 5, true), ErrorCode::NONE);
    let all = fetch(&mut sim, 0, 0);
    let aborted = all.aborted_transactions.unwrap();
    assert_eq!(aborted.len(), 1);
    assert_eq!((aborted[0].producer_id, aborted[0].first_offset), (first.producer.id, 0));
    assert_eq!(committed_values(&mut sim, 0), ["b0", "b1"]);
    assert_eq!(fetch(&mut sim, 0, 4).aborted_transactions, Some(Vec::new()));
    let connection = sim.connect(1);
    let response: FetchResponse = sim.ask(connection, 12, fetch_request("t", 0, 0));
    assert_eq!(response.responses[0].partitions[0].aborted_transactions, None, "read_uncommitted");
}

#[test]
fn t5_the_last_stable_offset_is_where_the_first_open_transaction_begins() {
    let mut sim = sim(&[]);
    let (mut first, mut second) = (Client::new(&mut sim, "a"), Client::new(&mut sim, "b"));
    assert_eq!(first.write(&mut sim, 12, 0, &["a0"]), ErrorCode::NONE);
    assert_eq!(second.write(&mut sim, 12, 0, &["b0", "b1"]), ErrorCode::NONE);
    assert_eq!(second.end(&mut sim, 5, true), ErrorCode::NONE);
    let latest = |sim: &mut Sim, isolation_level| {
        let mut partition = ListOffsetsPartition::default();
        partition.timestamp = ListOffsetsPartition::LATEST_TIMESTAMP;
        let mut topic = ListOffsetsTopic::default();
        (topic.name, topic.partitions) = ("t".into(), vec![partition]);
        let mut request = ListOffsetsRequest::default();
        request.replica_id = -1;
        (request.isolation_level, request.topics) = (isolation_level, vec![topic]);
        let connection = sim.connect(1);
        sim.ask(connection, 7, request).topics[0].partitions[0].offset
    };
    assert_eq!((latest(&mut sim, 0), latest(&mut sim, 1)), (4, 0));
    let data = fetch(&mut sim, 0, 0);
    assert_eq!((data.high_watermark, data.last_stable_offset), (4, 0));
    assert!(data.records.unwrap().is_empty());
    assert_eq!(first.end(&mut sim, 5, true), ErrorCode::NONE);
    assert_eq!((latest(&mut sim, 0), latest(&mut sim, 1)), (5, 5));
    assert_eq!(committed_values(&mut sim, 0), ["a0", "b0", "b1"]);
}

#[test]
fn a_reader_who_waits_is_woken_by_the_end_of_a_transaction() {
    let mut sim = sim(&[]);
    let mut client = Client::new(&mut sim, "a");
    assert_eq!(client.write(&mut sim, 12, 0, &["x"]), ErrorCode::NONE);
    let reader = sim.connect(1);
    let mut request = committed_request(0, 0);
    request.max_wait_ms = 30_000;
    sim.send(reader, 12, request);
    sim.pass(100);
    assert!(sim.answer::<FetchResponse>(reader).is_none());
    assert_eq!(client.end(&mut sim, 5, true), ErrorCode::NONE);
    assert!(sim.answer::<FetchResponse>(reader).is_some());
}

#[test]
fn records_outside_a_transaction_are_refused_each_version_in_its_way() {
    let mut sim = sim(&[]);
    let mut client = Client::new(&mut sim, "a");
    assert_eq!(client.write(&mut sim, 10, 0, &["x"]), ErrorCode::INVALID_TXN_STATE);
    assert_eq!(client.write(&mut sim, 11, 0, &["x"]), ErrorCode::TRANSACTION_ABORTABLE);
    assert_eq!(client.ask_as_broker(&mut sim, true, 0), ErrorCode::TRANSACTION_ABORTABLE);
    assert_eq!(client.write(&mut sim, 12, 0, &["x"]), ErrorCode::NONE);
    assert_eq!(client.ask_as_broker(&mut sim, true, 0), ErrorCode::NONE);
    assert_eq!(client.ask_as_broker(&mut sim, true, 1), ErrorCode::TRANSACTION_ABORTABLE);
    assert_eq!(client.ask_as_broker(&mut sim, false, 1), ErrorCode::NONE);
    assert_eq!(client.ask_as_broker(&mut sim, true, 1), ErrorCode::NONE);
    let mut stranger = client.clone();
    stranger.id = "b".into();
    assert_eq!(stranger.write(&mut sim, 12, 1, &["x"]), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    let request = produce_request("t", 0, client.batch(0, &["y"]), -1);
    let response = sim.ask(client.connection, 12, request);
    let code = response.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
}

#[test]
fn without_verification_old_clients_just_write() {
    let mut sim = sim(&[("transaction.partition.verification.enable", "false")]);
    let mut client = Client::new(&mut sim, "a");
    assert_eq!(client.write(&mut sim, 11, 0, &["x"]), ErrorCode::NONE);
    assert_eq!(client.ask_as_broker(&mut sim, true, 0), ErrorCode::TRANSACTION_ABORTABLE);
}

#[test]
fn a_partition_that_there_is_not_keeps_the_others_out() {
    let mut sim = sim(&[]);
    let client = Client::new(&mut sim, "a");
    let codes = client.add(&mut sim, 3, &[0, 9]);
    assert_eq!(codes, [ErrorCode::OPERATION_NOT_ATTEMPTED, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    assert_eq!(client.ask_as_broker(&mut sim, true, 0), ErrorCode::TRANSACTION_ABORTABLE);
}

#[test]
fn a_batch_that_overtook_the_first_is_out_of_order() {
    let mut sim = sim(&[]);
    let mut client = Client::new(&mut sim, "a");
    client.sequences[0] = 2;
    assert_eq!(client.write(&mut sim, 12, 0, &["late"]), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    client.sequences[0] = 0;
    assert_eq!(client.write(&mut sim, 12, 0, &["first", "second"]), ErrorCode::NONE);
    assert_eq!(client.write(&mut sim, 12, 0, &["late"]), ErrorCode::NONE);
}

#[test]
fn a_marker_waits_for_a_leader_and_the_producer_with_it() {
    let mut sim = Sim::with_brokers(&[None, None], &[]);
    sim.topic("t", 1, &[]);
    let connections = [sim.connect(1), sim.connect(2)];
    let node = find(&mut sim, connections[0], "a", 1);
    let coordinator = connections[node as usize - 1];
    // The partition is on the other broker only.
    let other = 3 - node;
    sim.core.cluster.create_topic("lonely", vec![vec![other]], Default::default(), NOON).unwrap();
    let producer = init(&mut sim, coordinator, init_request(Some("a"), (-1, -1))).unwrap();
    let mut client = Client { id: "a".into(), connection: coordinator, producer, sequences: vec![0] };
    let mut request = produce_request("lonely", 0, client.batch(0, &["x"]), -1);
    request.transactional_id = Some("a".into());
    let response = sim.ask(connections[other as usize - 1], 12, request);
    assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    sim.core.cluster.catalog.set_up(other, false);
    assert_eq!(client.end(&mut sim, 5, true), ErrorCode::NONE, "the outcome is decided");
    let again = init(&mut sim, coordinator, init_request(Some("a"), (-1, -1)));
    assert_eq!(again, Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    sim.core.cluster.catalog.set_up(other, true);
    sim.pass(1);
    assert!(init(&mut sim, coordinator, init_request(Some("a"), (-1, -1))).is_ok());
}

#[test]
fn a_topic_that_is_gone_holds_up_no_transaction() {
    let mut sim = sim(&[]);
    let mut client = Client::new(&mut sim, "a");
    assert_eq!(client.write(&mut sim, 12, 0, &["x"]), ErrorCode::NONE);
    sim.core.cluster.delete_topic("t");
    assert_eq!(client.end(&mut sim, 5, true), ErrorCode::NONE);
    assert!(init(&mut sim, client.connection, init_request(Some("a"), (-1, -1))).is_ok());
}

#[test]
fn markers_count_among_what_a_topic_takes() {
    let mut sim = sim(&[("milena.topic.max.bytes", "20000")]);
    let mut client = Client::new(&mut sim, "x");
    for round in 0..300 {
        client.begin(&mut sim);
        assert_eq!(client.add(&mut sim, 3, &[0]), [ErrorCode::NONE]);
        assert_eq!(client.end(&mut sim, 3, round % 2 == 0), ErrorCode::NONE);
        let log = sim.core.cluster.log("t", 0).unwrap();
        assert!(log.held_bytes() <= 20_000 + 20_000 / 64, "{}", log.held_bytes()); // it is not measured each time
    }
    let log = sim.core.cluster.log("t", 0).unwrap();
    assert_eq!(log.end_offset(), 300);
    assert!(log.start_offset() > 200, "{}", log.start_offset());
}
