//! CreateTopics (key 19), as Kafka's `ControllerApis` and `ReplicationControlManager` have it.

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfigs, CreatableTopicResult,
};
use milena_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use milena_protocol::{ErrorCode, Str};

use super::configs::{self, ApiError};
use crate::core::cluster::{Cluster, bad_topic_name};
use crate::core::requests::{Context, Outcome};
use crate::settings::{Overrides, TopicSettings};

/// How many partitions one request may create.
const MOST_PARTITIONS: i64 = 10_000;

pub(super) fn handle(cluster: &mut Cluster, context: &Context<'_>, request: &CreateTopicsRequest) -> Outcome {
    let mut response = CreateTopicsResponse::default();
    let mut seen = BTreeMap::<&Str, usize>::new();
    for topic in &request.topics {
        *seen.entry(&topic.name).or_default() += 1;
    }
    if total_partitions(cluster, request) > MOST_PARTITIONS {
        let error = (ErrorCode::POLICY_VIOLATION, "one request creates 10000 partitions at most".to_owned());
        response.topics = request.topics.iter().map(|topic| failed(topic, error.clone())).collect();
        return response.into();
    }
    for topic in request.topics.iter().filter(|topic| seen[&topic.name] == 1) {
        let created = create(cluster, context, topic, request.validate_only);
        response.topics.push(created.unwrap_or_else(|error| failed(topic, error)));
    }
    for (name, _) in seen.into_iter().filter(|(_, count)| *count > 1) {
        let mut topic = CreatableTopic::default();
        topic.name = name.clone();
        let error = (ErrorCode::INVALID_REQUEST, "the topic is named twice".to_owned());
        response.topics.push(failed(&topic, error));
    }
    response.into()
}

fn total_partitions(cluster: &Cluster, request: &CreateTopicsRequest) -> i64 {
    let default = i64::from(cluster.settings.int("num.partitions"));
    let count = |topic: &CreatableTopic| match topic.num_partitions {
        _ if !topic.assignments.is_empty() => topic.assignments.len() as i64,
        -1 => default,
        count => i64::from(count.max(0)),
    };
    request.topics.iter().map(count).sum()
}

fn failed(topic: &CreatableTopic, (code, message): ApiError) -> CreatableTopicResult {
    let mut result = CreatableTopicResult::default();
    result.name = topic.name.clone();
    result.error_code = code;
    result.error_message = Some(message.into());
    result
}

fn create(
    cluster: &mut Cluster,
    context: &Context<'_>,
    topic: &CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, ApiError> {
    let name = &topic.name;
    if let Some(why) = bad_topic_name(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why.to_owned()));
    }
    if &**name == "__cluster_metadata" {
        return Err((ErrorCode::INVALID_REQUEST, "this topic is the controllers'".to_owned()));
    }
    if cluster.catalog.topic(name).is_some() {
        return Err((ErrorCode::TOPIC_ALREADY_EXISTS, format!("there is a topic {name}")));
    }
    if cluster.catalog.collides(name) {
        let why = "a topic exists whose name differs in '.' and '_' only".to_owned();
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why));
    }
    let mut overrides = Overrides::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            return Err((ErrorCode::INVALID_CONFIG, format!("{} has no value", config.name)));
        };
        overrides.insert(config.name.detached(), value.detached());
    }
    TopicSettings::new(&cluster.settings, &overrides).map_err(configs::invalid)?;
    let replicas = replicas(cluster, topic)?;
    if !cluster.has_room_for(replicas.len()) {
        return Err(no_room());
    }

    let mut result = CreatableTopicResult::default();
    result.name = name.clone();
    result.error_message = None;
    result.num_partitions = replicas.len() as i32;
    result.replication_factor = replicas.first().map_or(-1, |first| first.len() as i16);
    result.configs = Some(described(cluster, &overrides));
    result.topic_id = match validate_only {
        // As in Kafka, where the id is drawn and thrown away.
        true => cluster.rng.uuid(),
        false => {
            cluster.create_topic(name, replicas, overrides, context.wall_ms).map_err(configs::invalid)?
        }
    };
    Ok(result)
}

/// There are as many partitions as there can be. Kafka has no bound, and so no error of its own.
pub(super) fn no_room() -> ApiError {
    let why = "this broker has as many partitions as it can hold; delete topics that are not needed";
    (ErrorCode::POLICY_VIOLATION, why.to_owned())
}

/// Where the replicas go: where the request says, or in turn.
fn replicas(cluster: &Cluster, topic: &CreatableTopic) -> Result<Vec<Vec<i32>>, ApiError> {
    if !topic.assignments.is_empty() {
        if topic.replication_factor != -1 || topic.num_partitions != -1 {
            let why = "with assignments, the numbers of partitions and replicas have to be -1".to_owned();
            return Err((ErrorCode::INVALID_REQUEST, why));
        }
        return assigned(cluster, &topic.assignments);
    }
    let brokers = cluster.catalog.brokers().filter(|broker| broker.is_up).count();
    let factor = match topic.replication_factor {
        -1 => cluster.replication_factor("default.replication.factor"),
        factor if factor > 0 => factor as usize,
        _ => {
            let why = "a replication factor is larger than 0, or -1 for the default".to_owned();
            return Err((ErrorCode::INVALID_REPLICATION_FACTOR, why));
        }
    };
    let count = match topic.num_partitions {
        -1 => cluster.settings.int("num.partitions"),
        count if count > 0 => count,
        _ => {
            let why = "a number of partitions is larger than 0, or -1 for the default".to_owned();
            return Err((ErrorCode::INVALID_PARTITIONS, why));
        }
    };
    if factor > brokers {
        let why = format!("{factor} replicas need {factor} brokers, and {brokers} are running");
        return Err((ErrorCode::INVALID_REPLICATION_FACTOR, why));
    }
    Ok(cluster.catalog.placement(0, count as usize, factor))
}

fn assigned(
    cluster: &Cluster,
    assignments: &[CreatableReplicaAssignment],
) -> Result<Vec<Vec<i32>>, ApiError> {
    let bad = |why: &str| Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why.to_owned()));
    let mut replicas = BTreeMap::new();
    for assignment in assignments {
        check_assignment(cluster, &assignment.broker_ids, assignments[0].broker_ids.len())?;
        if replicas.insert(assignment.partition_index, assignment.broker_ids.clone()).is_some() {
            return bad("a partition is assigned twice");
        }
    }
    if replicas.keys().enumerate().any(|(n, index)| n as i32 != *index) {
        return bad("partitions are numbered from 0 on, without gaps");
    }
    Ok(replicas.into_values().collect())
}

/// Whether replicas of a partition can be on these brokers.
pub(super) fn check_assignment(
    cluster: &Cluster,
    brokers: &[i32],
    replication_factor: usize,
) -> Result<(), ApiError> {
    let bad = |why: &str| Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why.to_owned()));
    if brokers.is_empty() {
        return bad("a partition is assigned to no broker");
    }
    if brokers.len() != replication_factor {
        return bad("not all partitions have the same number of replicas");
    }
    if brokers.iter().any(|id| cluster.catalog.broker(*id).is_none()) {
        return bad("a partition is assigned to a broker that there is not");
    }
    if brokers.iter().collect::<BTreeSet<_>>().len() != brokers.len() {
        return bad("a partition is assigned to a broker twice");
    }
    if !brokers.iter().any(|id| cluster.catalog.broker(*id).is_some_and(|broker| broker.is_up)) {
        return bad("a partition is assigned to brokers that do not run");
    }
    Ok(())
}

/// What a topic with these settings goes by.
fn described(cluster: &Cluster, overrides: &Overrides) -> Vec<CreatableTopicConfigs> {
    let entries = configs::topic(&cluster.settings, overrides).map(|entry| {
        let mut config = CreatableTopicConfigs::default();
        config.name = entry.name.into();
        config.value = Some(entry.value.into());
        config.config_source = entry.source.id();
        config
    });
    entries.collect()
}
