//! Metadata (key 3): brokers, topics, leaders. Topics that are not there may be created (`auto.create.topics.enable`).

use std::collections::BTreeSet;

use milena_protocol::messages::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use milena_protocol::messages::{MetadataRequest, MetadataResponse};
use milena_protocol::{ErrorCode, RequestMessage, Str, Uuid};

use super::authorized;
use crate::core::catalog::{Catalog, Partition, Topic};
use crate::core::cluster::{Cluster, bad_topic_name, is_internal};
use crate::core::requests::Context;

/// The version in which an empty list still asks for all topics, and replicas that do not run are an error.
const OLDEST: i16 = 0;
/// The last version that can say what a client may do with the cluster.
const CLUSTER_OPERATIONS: i16 = 10;
/// The version in which topics can be asked for by their ids.
const BY_ID: i16 = 12;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &MetadataRequest,
) -> MetadataResponse {
    let mut response = MetadataResponse::default();
    let version = context.version;
    let refused = |code| request.refuse(version, code);
    match &request.topics {
        Some(topics) if !(topics.is_empty() && version == OLDEST) => {
            let ids: BTreeSet<Uuid> = topics.iter().map(|topic| topic.topic_id).collect();
            let ids: Vec<Uuid> = ids.into_iter().filter(|id| !id.is_zero()).collect();
            let nameless = topics.iter().any(|topic| topic.name.is_none());
            if version < BY_ID && (nameless || !ids.is_empty()) {
                return refused(ErrorCode::INVALID_REQUEST);
            } else if nameless && ids.is_empty() {
                // Kafka trips over it.
                return refused(ErrorCode::UNKNOWN_SERVER_ERROR);
            } else if ids.is_empty() {
                let names: BTreeSet<&Str> = topics.iter().filter_map(|topic| topic.name.as_ref()).collect();
                let may_create =
                    request.allow_auto_topic_creation && cluster.settings.bool("auto.create.topics.enable");
                for name in names {
                    response.topics.push(by_name(cluster, context, name, may_create));
                }
            } else {
                response.topics = ids.into_iter().map(|id| by_id(cluster, version, id)).collect();
            }
        }
        _ => {
            response.topics = cluster.catalog.topics().map(|t| topic(&cluster.catalog, version, t)).collect()
        }
    }
    if request.include_topic_authorized_operations {
        for topic in response.topics.iter_mut().filter(|topic| topic.name.is_some()) {
            topic.topic_authorized_operations = authorized::TOPIC;
        }
    }
    if request.include_cluster_authorized_operations && version <= CLUSTER_OPERATIONS {
        response.cluster_authorized_operations = authorized::CLUSTER;
    }
    response.brokers = cluster.catalog.brokers().filter(|broker| broker.is_up).map(broker).collect();
    response.cluster_id = Some(cluster.catalog.cluster_id().clone());
    response.controller_id = response.brokers.first().map_or(-1, |broker| broker.node_id);
    response
}

fn broker(node: &crate::core::catalog::BrokerNode) -> MetadataResponseBroker {
    let mut broker = MetadataResponseBroker::default();
    broker.node_id = node.node_id;
    broker.host = node.host.clone();
    broker.port = i32::from(node.port);
    broker.rack = node.rack.clone();
    broker
}

fn by_name(
    cluster: &mut Cluster,
    context: &Context<'_>,
    name: &Str,
    may_create: bool,
) -> MetadataResponseTopic {
    if let Some(known) = cluster.catalog.topic(name) {
        return topic(&cluster.catalog, context.version, known);
    }
    if bad_topic_name(name).is_some() {
        return missing(name.clone(), ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let has_room = cluster.has_room_for(cluster.settings.int("num.partitions") as usize);
    if may_create && has_room && !cluster.catalog.collides(name) {
        // As in Kafka it is there the next time that somebody asks.
        cluster.auto_create(name, context.wall_ms);
    }
    missing(name.clone(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

fn by_id(cluster: &Cluster, version: i16, id: Uuid) -> MetadataResponseTopic {
    match cluster.catalog.topic_by_id(id) {
        Some(known) => topic(&cluster.catalog, version, known),
        None => {
            let mut topic = MetadataResponseTopic::default();
            topic.error_code = ErrorCode::UNKNOWN_TOPIC_ID;
            topic.name = None;
            topic.topic_id = id;
            topic
        }
    }
}

/// A topic that cannot be told of.
fn missing(name: Str, error_code: ErrorCode) -> MetadataResponseTopic {
    let mut topic = MetadataResponseTopic::default();
    topic.error_code = error_code;
    topic.is_internal = is_internal(&name);
    topic.name = Some(name);
    topic
}

fn topic(catalog: &Catalog, version: i16, known: &Topic) -> MetadataResponseTopic {
    let mut topic = MetadataResponseTopic::default();
    topic.name = Some(known.name.clone());
    topic.topic_id = known.id;
    topic.is_internal = known.is_internal;
    let partitions = known.partitions.iter().enumerate();
    topic.partitions = partitions.map(|(index, known)| partition(catalog, version, index, known)).collect();
    topic
}

fn partition(catalog: &Catalog, version: i16, index: usize, known: &Partition) -> MetadataResponsePartition {
    let offline = offline_replicas(catalog, known);
    let mut partition = MetadataResponsePartition::default();
    partition.error_code = match known.leader {
        None => ErrorCode::LEADER_NOT_AVAILABLE,
        Some(_) if version == OLDEST && !offline.is_empty() => ErrorCode::REPLICA_NOT_AVAILABLE,
        Some(_) => ErrorCode::NONE,
    };
    partition.partition_index = index as i32;
    partition.leader_id = known.leader.unwrap_or(-1);
    partition.leader_epoch = known.leader_epoch;
    partition.replica_nodes = known.replicas.clone();
    partition.isr_nodes = known.isr.clone();
    if version == OLDEST {
        partition.replica_nodes.retain(|id| !offline.contains(id));
        partition.isr_nodes.retain(|id| !offline.contains(id));
    }
    partition.offline_replicas = offline;
    partition
}

/// The replicas whose brokers do not run.
pub(super) fn offline_replicas(catalog: &Catalog, partition: &Partition) -> Vec<i32> {
    let is_down = |id: &&i32| catalog.broker(**id).is_none_or(|broker| !broker.is_up);
    partition.replicas.iter().filter(is_down).copied().collect()
}
