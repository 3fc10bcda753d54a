//! DescribeTopicPartitions (key 75): the partitions of topics, page by page (KIP-966).

use std::collections::BTreeSet;

use milena_protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use milena_protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
use milena_protocol::{ErrorCode, Str};

use super::{authorized, metadata::offline_replicas};
use crate::core::catalog::{Catalog, Topic};
use crate::core::cluster::{Cluster, bad_topic_name, is_internal};
use crate::core::requests::Outcome;

/// Kafka's `max.request.partition.size.limit`.
const MOST_PARTITIONS: i32 = 2000;

pub(super) fn handle(cluster: &Cluster, request: &DescribeTopicPartitionsRequest) -> Outcome {
    let all = request.topics.is_empty();
    let names: BTreeSet<Str> = match all {
        true => cluster.catalog.topics().map(|topic| topic.name.clone()).collect(),
        false => request.topics.iter().map(|topic| topic.name.clone()).collect(),
    };
    let cursor = request.cursor.as_ref();
    if let Some(cursor) = cursor
        && (cursor.partition_index < 0 || (!all && !names.contains(&cursor.topic_name)))
    {
        return invalid(request).into();
    }
    let from = cursor.map_or_else(Str::default, |cursor| cursor.topic_name.clone());
    let mut left = request.response_partition_limit.clamp(1, MOST_PARTITIONS) as usize;
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.range(from.clone()..) {
        if left == 0 {
            response.next_cursor = Some(at(name, 0));
            break;
        }
        let Some(known) = cluster.catalog.topic(name) else {
            if !all {
                response.topics.push(missing(name.clone()));
            }
            continue;
        };
        let first = match cursor {
            Some(cursor) if *name == cursor.topic_name => cursor.partition_index as usize,
            _ => 0,
        };
        let until = known.partitions.len().min(first.saturating_add(left));
        let described = topic(&cluster.catalog, known, first, until);
        left -= described.partitions.len();
        response.topics.push(described);
        if until < known.partitions.len() {
            response.next_cursor = Some(at(name, until as i32));
            break;
        }
    }
    response.into()
}

fn at(topic: &Str, partition: i32) -> Cursor {
    let mut cursor = Cursor::default();
    (cursor.topic_name, cursor.partition_index) = (topic.clone(), partition);
    cursor
}

fn topic(
    catalog: &Catalog,
    known: &Topic,
    first: usize,
    until: usize,
) -> DescribeTopicPartitionsResponseTopic {
    let mut topic = DescribeTopicPartitionsResponseTopic::default();
    topic.name = Some(known.name.clone());
    topic.topic_id = known.id;
    topic.is_internal = known.is_internal;
    topic.topic_authorized_operations = authorized::TOPIC;
    for index in first..until {
        let known = &known.partitions[index];
        let mut partition = DescribeTopicPartitionsResponsePartition::default();
        if known.leader.is_none() {
            partition.error_code = ErrorCode::LEADER_NOT_AVAILABLE;
        }
        partition.partition_index = index as i32;
        partition.leader_id = known.leader.unwrap_or(-1);
        partition.leader_epoch = known.leader_epoch;
        partition.replica_nodes = known.replicas.clone();
        partition.isr_nodes = known.isr.clone();
        partition.eligible_leader_replicas = Some(Vec::new());
        partition.last_known_elr = Some(Vec::new());
        partition.offline_replicas = offline_replicas(catalog, known);
        topic.partitions.push(partition);
    }
    topic
}

fn missing(name: Str) -> DescribeTopicPartitionsResponseTopic {
    let mut topic = DescribeTopicPartitionsResponseTopic::default();
    topic.error_code = match bad_topic_name(&name) {
        Some(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
        None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    };
    topic.is_internal = is_internal(&name);
    topic.topic_authorized_operations = authorized::TOPIC;
    topic.name = Some(name);
    topic
}

/// The answer to a request that makes no sense: the error, for each topic.
fn invalid(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let mut response = DescribeTopicPartitionsResponse::default();
    for asked in &request.topics {
        let mut topic = DescribeTopicPartitionsResponseTopic::default();
        topic.error_code = ErrorCode::INVALID_REQUEST;
        topic.name = Some(asked.name.clone());
        response.topics.push(topic);
    }
    response
}
