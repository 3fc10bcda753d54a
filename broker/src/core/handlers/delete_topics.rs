//! DeleteTopics (key 20): by name, or by id (KIP-516).

use std::collections::BTreeMap;

use milena_protocol::messages::delete_topics::DeletableTopicResult;
use milena_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use milena_protocol::{ErrorCode, Str, Uuid};

use crate::core::cluster::Cluster;
use crate::core::requests::Context;

/// The version that knows that topics cannot be deleted.
const DELETION_DISABLED: i16 = 3;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let mut response = DeleteTopicsResponse::default();
    let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), Uuid::ZERO));
    let by_either = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
    let mut asked: BTreeMap<(Option<Str>, Uuid), usize> = BTreeMap::new();
    for topic in by_name.chain(by_either) {
        *asked.entry(topic).or_default() += 1;
    }
    // A topic that is asked for by its name and by its id too: one answer, and it stays.
    let known: Vec<(Str, Uuid)> = asked
        .keys()
        .filter_map(|(name, id)| Some((name.as_ref()?, id)))
        .filter(|(_, id)| id.is_zero())
        .filter_map(|(name, _)| cluster.catalog.topic(name).map(|topic| (topic.name.clone(), topic.id)))
        .collect();
    for (name, id) in known {
        if asked.remove(&(None, id)).is_some() {
            asked.remove(&(Some(name.clone()), Uuid::ZERO));
            asked.insert((Some(name), id), 2);
        }
    }
    let enabled = cluster.settings.bool("delete.topic.enable");
    for ((name, id), count) in asked {
        let outcome = match enabled {
            true => delete(cluster, name.as_ref(), id, count > 1),
            false if context.version < DELETION_DISABLED => Err(ErrorCode::INVALID_REQUEST),
            false => Err(ErrorCode::TOPIC_DELETION_DISABLED),
        };
        let mut result = DeletableTopicResult::default();
        match outcome {
            Ok((name, id)) => (result.name, result.topic_id) = (Some(name), id),
            Err(code) => {
                (result.name, result.topic_id, result.error_code) = (name, id, code);
                // Where none can be deleted, Kafka says no more than that.
                result.error_message = code.name().filter(|_| enabled).map(Str::from_static);
            }
        }
        response.responses.push(result);
    }
    response
}

fn delete(
    cluster: &mut Cluster,
    name: Option<&Str>,
    id: Uuid,
    is_twice: bool,
) -> Result<(Str, Uuid), ErrorCode> {
    let topic = match name {
        _ if is_twice => return Err(ErrorCode::INVALID_REQUEST),
        Some(name) if id.is_zero() => {
            cluster.catalog.topic(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?
        }
        None if !id.is_zero() => cluster.catalog.topic_by_id(id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?,
        _ => return Err(ErrorCode::INVALID_REQUEST),
    };
    let (name, id) = (topic.name.clone(), topic.id);
    cluster.delete_topic(&name);
    Ok((name, id))
}
