//! Hand-built answers and a virtual clock, for the tests of the core.

use std::time::{Duration, Instant};

use milena_protocol::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use milena_protocol::{Str, Uuid};

use super::connection::ConnectionSettings;

/// A millisecond: `now + 100 * T`.
pub(crate) const T: Duration = Duration::from_millis(1);

/// Where the virtual clock starts. No test looks at a real one.
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// Kafka's defaults, of a client called `me`.
pub(crate) fn connection_settings() -> ConnectionSettings {
    ConnectionSettings {
        client_id: Some(Str::from("me")),
        request_timeout: 30_000 * T,
        reconnect_backoff: 50 * T,
        reconnect_backoff_max: 1_000 * T,
        setup_timeout: 10_000 * T,
        setup_timeout_max: 30_000 * T,
        max_idle: 540_000 * T,
    }
}

pub(crate) fn metadata_response(nodes: &[i32], topics: Vec<MetadataResponseTopic>) -> MetadataResponse {
    let broker = |&node_id: &i32| {
        let mut broker = MetadataResponseBroker::default();
        (broker.node_id, broker.host, broker.port) = (node_id, Str::from("host"), 9000 + node_id);
        broker
    };
    let mut response = MetadataResponse::default();
    response.brokers = nodes.iter().map(broker).collect();
    response.topics = topics;
    response
}

pub(crate) fn topic_answer(
    name: &str,
    id: Uuid,
    partitions: Vec<MetadataResponsePartition>,
) -> MetadataResponseTopic {
    let mut topic = MetadataResponseTopic::default();
    (topic.name, topic.topic_id, topic.partitions) = (Some(Str::from(name)), id, partitions);
    topic
}

pub(crate) fn partition_answer(index: i32, leader: i32, epoch: i32) -> MetadataResponsePartition {
    let mut partition = MetadataResponsePartition::default();
    (partition.partition_index, partition.leader_id, partition.leader_epoch) = (index, leader, epoch);
    (partition.replica_nodes, partition.isr_nodes) = (vec![leader], vec![leader]);
    partition
}
