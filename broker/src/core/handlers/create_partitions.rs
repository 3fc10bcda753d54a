//! CreatePartitions (key 37): topics grow.

use std::collections::BTreeMap;

use milena_protocol::messages::create_partitions::{CreatePartitionsTopic, CreatePartitionsTopicResult};
use milena_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use milena_protocol::{ErrorCode, Str};

use super::configs::ApiError;
use super::create_topics::{check_assignment, no_room};
use crate::core::cluster::Cluster;
use crate::core::requests::Context;

/// How many partitions one request may create.
const MOST_PARTITIONS: usize = 10_000;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut response = CreatePartitionsResponse::default();
    let mut seen = BTreeMap::<&Str, usize>::new();
    for topic in &request.topics {
        *seen.entry(&topic.name).or_default() += 1;
    }
    let mut answer = |name: &Str, error: Option<ApiError>| {
        let mut result = CreatePartitionsTopicResult::default();
        result.name = name.clone();
        if let Some((code, message)) = error {
            result.error_code = code;
            result.error_message = (!message.is_empty()).then(|| message.into());
        }
        response.results.push(result);
    };
    for topic in request.topics.iter().filter(|topic| seen[&topic.name] == 1) {
        let outcome = replicas(cluster, topic);
        if let (Ok(replicas), false) = (&outcome, request.validate_only) {
            cluster.add_partitions(&topic.name, replicas.clone(), context.wall_ms);
        }
        answer(&topic.name, outcome.err());
    }
    for (name, _) in seen.into_iter().filter(|(_, count)| *count > 1) {
        answer(name, Some((ErrorCode::INVALID_REQUEST, "the topic is named twice".to_owned())));
    }
    response
}

/// Where the replicas of the new partitions go.
fn replicas(cluster: &Cluster, topic: &CreatePartitionsTopic) -> Result<Vec<Vec<i32>>, ApiError> {
    let Some(known) = cluster.catalog.topic(&topic.name) else {
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()));
    };
    let present = known.partitions.len();
    let wanted = usize::try_from(topic.count).unwrap_or(0);
    if wanted <= present {
        let why = format!("{} has {present} partitions already", topic.name);
        return Err((ErrorCode::INVALID_PARTITIONS, why));
    }
    let added = wanted - present;
    if added > MOST_PARTITIONS {
        // Where CreateTopics has POLICY_VIOLATION, here nobody catches Kafka's BoundedListTooLongException.
        return Err((ErrorCode::UNKNOWN_SERVER_ERROR, String::new()));
    }
    if !cluster.has_room_for(added) {
        return Err(no_room());
    }
    let factor = known.partitions.first().map_or(1, |partition| partition.replicas.len());
    let Some(assignments) = &topic.assignments else {
        let brokers = cluster.catalog.brokers().filter(|broker| broker.is_up).count();
        if factor > brokers {
            let why = format!("{factor} replicas need {factor} brokers, and {brokers} are running");
            return Err((ErrorCode::INVALID_REPLICATION_FACTOR, why));
        }
        return Ok(cluster.catalog.placement(present, added, factor));
    };
    if assignments.len() != added {
        let why = format!("{added} partitions are added, and {} are assigned", assignments.len());
        return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why));
    }
    for assignment in assignments {
        check_assignment(cluster, &assignment.broker_ids, factor)?;
    }
    Ok(assignments.iter().map(|assignment| assignment.broker_ids.clone()).collect())
}
