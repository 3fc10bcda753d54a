//! Retention, compaction and bounds, in a cluster.

use milena_protocol::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use milena_protocol::messages::{
    FetchResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, ProduceResponse,
};

use super::*;
use crate::core::io::ConnectionId;
use crate::core::test_support::{NOON, Sim, batch, fetch_request, produce_request, values};

fn write(sim: &mut Sim, connection: ConnectionId, partition: i32, value: &str) -> ErrorCode {
    let request = produce_request("t", partition, batch(&[value]), -1);
    let response: ProduceResponse = sim.ask(connection, 9, request);
    response.responses[0].partition_responses[0].error_code
}

fn alter(sim: &mut Sim, connection: ConnectionId, name: &str, value: &str) {
    let mut config = AlterableConfig::default();
    (config.name, config.value) = (name.into(), Some(value.into()));
    let mut resource = AlterConfigsResource::default();
    (resource.resource_type, resource.resource_name, resource.configs) = (2, "t".into(), vec![config]);
    let mut request = IncrementalAlterConfigsRequest::default();
    request.resources = vec![resource];
    let response: IncrementalAlterConfigsResponse = sim.ask(connection, 1, request);
    assert_eq!(response.responses[0].error_code, ErrorCode::NONE);
}

fn start_offset(sim: &mut Sim, partition: i32) -> i64 {
    sim.core.cluster.log("t", partition).unwrap().start_offset()
}

#[test]
fn a_broker_without_anything_to_do_sleeps() {
    let mut sim = Sim::new(&[("log.retention.ms", "60000")]);
    sim.topic("t", 1, &[("cleanup.policy", "compact,delete")]);
    assert_eq!(sim.run(), None);
    let connection = sim.connect(1);
    assert_eq!(write(&mut sim, connection, 0, "x"), ErrorCode::NONE);
    sim.pass(5_000);
    let deadline = sim.run().unwrap();
    assert!(deadline - sim.now > Duration::from_secs(50), "{:?}", deadline - sim.now);
    sim.pass(100_000);
    assert_eq!(start_offset(&mut sim, 0), 1);
    sim.pass(600_000);
    assert_eq!(sim.run(), None);
}

#[test]
fn old_records_go_and_who_waits_for_them_is_told() {
    let mut sim = Sim::new(&[]);
    sim.topic("t", 1, &[("retention.ms", "10000")]);
    let connection = sim.connect(1);
    assert_eq!(write(&mut sim, connection, 0, "x"), ErrorCode::NONE);
    sim.pass(9_000);
    assert_eq!(start_offset(&mut sim, 0), 0);
    sim.pass(3_000);
    assert_eq!(start_offset(&mut sim, 0), 1);
    let response: FetchResponse = sim.ask(connection, 12, fetch_request("t", 0, 0));
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[test]
fn settings_that_are_altered_count_though_nobody_writes_any_more() {
    let mut sim = Sim::new(&[]);
    sim.topic("t", 1, &[("internal.segment.bytes", "200")]);
    let connection = sim.connect(1);
    for _ in 0..20 {
        assert_eq!(write(&mut sim, connection, 0, "x"), ErrorCode::NONE);
    }
    sim.pass(5_000);
    alter(&mut sim, connection, "cleanup.policy", "compact");
    sim.pass(5_000);
    let log = sim.core.cluster.log("t", 0).unwrap();
    assert!(log.stored().count() < 6, "{}", log.stored().count());
    assert_eq!(log.start_offset(), 0);
    alter(&mut sim, connection, "cleanup.policy", "delete");
    alter(&mut sim, connection, "retention.ms", "1000");
    sim.pass(5_000);
    assert_eq!(start_offset(&mut sim, 0), 20);
}

#[test]
fn a_compacted_topic_is_compacted_by_and_by() {
    let mut sim = Sim::new(&[]);
    let policy = [("cleanup.policy", "compact"), ("internal.segment.bytes", "200")];
    sim.topic("t", 1, &policy);
    let connection = sim.connect(1);
    for n in 0..20 {
        assert_eq!(write(&mut sim, connection, 0, &n.to_string()), ErrorCode::NONE);
    }
    sim.pass(2_000);
    let log = sim.core.cluster.log("t", 0).unwrap();
    assert!(log.stored().count() < 6, "{}", log.stored().count());
    assert_eq!((log.start_offset(), log.end_offset()), (0, 20));
    let response: FetchResponse = sim.ask(connection, 12, fetch_request("t", 0, 0));
    assert!(!values(&response).is_empty());
}

#[test]
fn compaction_can_be_switched_off() {
    let mut sim = Sim::new(&[("log.cleaner.enable", "false")]);
    sim.topic("t", 1, &[("cleanup.policy", "compact"), ("internal.segment.bytes", "200")]);
    let connection = sim.connect(1);
    (0..20).for_each(|_| assert_eq!(write(&mut sim, connection, 0, "x"), ErrorCode::NONE));
    sim.pass(10_000);
    assert_eq!(sim.core.cluster.log("t", 0).unwrap().stored().count(), 20);
}

#[test]
fn a_topic_takes_no_more_memory_than_it_may() {
    let mut sim = Sim::new(&[]);
    sim.topic("t", 2, &[("milena.topic.max.bytes", "10000")]);
    let connection = sim.connect(1);
    let value = "x".repeat(300);
    assert_eq!(write(&mut sim, connection, 1, &value), ErrorCode::NONE);
    for _ in 0..500 {
        assert_eq!(write(&mut sim, connection, 0, &value), ErrorCode::NONE);
        let size = |n| sim.core.cluster.log("t", n).unwrap().size_bytes();
        assert!(size(0) + size(1) <= 10_000, "{} {}", size(0), size(1));
    }
    assert!(start_offset(&mut sim, 0) > 450);
    assert_eq!(start_offset(&mut sim, 1), 0, "the largest gives");
    assert_eq!(write(&mut sim, connection, 0, &"x".repeat(10_000)), ErrorCode::KAFKA_STORAGE_ERROR);
}

#[test]
fn a_compacted_topic_that_is_full_takes_no_other_keys() {
    let mut sim = Sim::new(&[]);
    sim.topic("t", 1, &[("milena.topic.max.bytes", "10000"), ("cleanup.policy", "compact")]);
    let connection = sim.connect(1);
    let keyed = |key: &str| {
        let mut builder = milena_protocol::records::BatchBuilder::new();
        builder.append(NOON, Some(key.as_bytes()), Some(&[b'x'; 300]), &[]).unwrap();
        builder.build()
    };
    for n in 0..100 {
        let answer = sim.produce(connection, "t", 0, keyed(&(n % 3).to_string()));
        assert_eq!(answer.error_code, ErrorCode::NONE, "the same keys again");
    }
    let outcomes: Vec<ErrorCode> =
        (0..50).map(|n| sim.produce(connection, "t", 0, keyed(&format!("k{n}"))).error_code).collect();
    assert_eq!(outcomes.last(), Some(&ErrorCode::KAFKA_STORAGE_ERROR));
    assert!(sim.core.cluster.log("t", 0).unwrap().size_bytes() <= 10_000);
}

#[test]
fn producers_that_write_no_more_are_forgotten() {
    let mut sim = Sim::new(&[("producer.id.expiration.ms", "1000000")]);
    sim.topic("t", 1, &[]);
    let connection = sim.connect(1);
    let mut builder = milena_protocol::records::BatchBuilder::new();
    builder.set_producer(5, 0, 0).append(NOON, None, None, &[]).unwrap();
    assert_eq!(sim.produce(connection, "t", 0, builder.build()).error_code, ErrorCode::NONE);
    let knows = |sim: &Sim| sim.core.cluster.log("t", 0).unwrap().producers().oldest_ms().is_some();
    sim.pass(1_000_000);
    assert!(knows(&sim));
    sim.pass(200_000);
    assert!(!knows(&sim));
}
