//! IncrementalAlterConfigs (key 44): settings of topics change while they are used (KIP-339).
//!
//! Those of brokers are given when they start, and stay.

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig,
};
use milena_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use milena_protocol::{ErrorCode, Str};

use super::configs::{self, ApiError};
use super::describe_configs::TOPIC;
use crate::core::cluster::{Cluster, bad_topic_name};
use crate::settings::{Kind, Overrides, TopicSettings, topic_value};

/// What is to be done with a setting (Kafka's `AlterConfigOp.OpType`).
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub(super) fn handle(
    cluster: &mut Cluster,
    request: &IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let mut seen = BTreeMap::<(i8, &str), usize>::new();
    for resource in &request.resources {
        *seen.entry((resource.resource_type, &resource.resource_name)).or_default() += 1;
    }
    let mut response = IncrementalAlterConfigsResponse::default();
    for resource in &request.resources {
        let mut result = AlterConfigsResourceResponse::default();
        result.resource_type = resource.resource_type;
        result.resource_name = resource.resource_name.clone();
        result.error_message = None;
        let outcome = match seen[&(resource.resource_type, &*resource.resource_name)] {
            1 => alter(cluster, resource, request.validate_only),
            _ => Err((ErrorCode::INVALID_REQUEST, "each resource may be named once".to_owned())),
        };
        if let Err((code, message)) = outcome {
            let message = Some(message).filter(|message| !message.is_empty());
            (result.error_code, result.error_message) = (code, message.map(Str::from));
        }
        response.responses.push(result);
    }
    response
}

fn alter(cluster: &mut Cluster, resource: &AlterConfigsResource, only_check: bool) -> Result<(), ApiError> {
    let bad = |why: String| Err((ErrorCode::INVALID_REQUEST, why));
    let names: BTreeSet<&Str> = resource.configs.iter().map(|config| &config.name).collect();
    if names.len() < resource.configs.len() {
        return bad("each setting may be named once".to_owned());
    }
    for config in &resource.configs {
        if !(SET..=SUBTRACT).contains(&config.config_operation) {
            // Kafka's controller trips over it.
            return Err((ErrorCode::UNKNOWN_SERVER_ERROR, String::new()));
        }
        if config.config_operation != DELETE && config.value.is_none() {
            return bad(format!("{} has no value", config.name));
        }
    }
    if resource.resource_type != TOPIC {
        return bad("only the settings of topics can change while the brokers run".to_owned());
    }
    let name = &resource.resource_name;
    if name.is_empty() {
        return bad("the settings of all topics are those of the brokers".to_owned());
    }
    if let Some(why) = bad_topic_name(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why.to_owned()));
    }
    let id = cluster.catalog.topic(name).map(|topic| topic.id);
    let Some(state) = id.and_then(|id| cluster.topic_state(id)) else {
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("there is no topic {name}")));
    };
    let mut overrides = state.overrides.clone();
    for config in &resource.configs {
        apply(cluster, &mut overrides, config)?;
    }
    let settings = TopicSettings::new(&cluster.settings, &overrides).map_err(configs::invalid)?;
    if let Some(topic) = id.filter(|_| !only_check)
        && let Some((state, _)) = cluster.topic_state_mut(topic)
    {
        (state.overrides, state.settings, state.full_at) = (overrides, settings, None);
        // What was to stay for ever may have to go now.
        let partitions = state.logs.len();
        cluster.topic_changed(topic, partitions);
    }
    Ok(())
}

fn apply(cluster: &Cluster, overrides: &mut Overrides, config: &AlterableConfig) -> Result<(), ApiError> {
    let (name, value) = (&config.name, config.value.as_deref().unwrap_or_default());
    if config.config_operation == DELETE {
        overrides.remove(name);
        return Ok(());
    }
    if config.config_operation == SET {
        overrides.insert(name.detached(), value.into());
        return Ok(());
    }
    let is_list = |kind: Kind| matches!(kind, Kind::List(_));
    if !TopicSettings::properties().any(|property| property.topic == Some(name) && is_list(property.kind)) {
        return Err((ErrorCode::INVALID_CONFIG, format!("{name} is no list that could be added to")));
    }
    let before = topic_value(&cluster.settings, overrides, name);
    let mut parts: Vec<&str> = before.split(',').filter(|part| !part.is_empty()).collect();
    for part in value.split(',') {
        match config.config_operation {
            APPEND if !parts.contains(&part) => parts.push(part),
            APPEND => {}
            _ => parts.retain(|known| *known != part),
        }
    }
    let after = Str::from(parts.join(","));
    overrides.insert(name.detached(), after);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::test_support::Sim;

    /// Changes settings of topic `t`: the error, and what it goes by then.
    fn alter(sim: &mut Sim, topic: &str, changes: &[(&str, i8, Option<&str>)]) -> ErrorCode {
        let client = sim.connect(1);
        let change = |(name, operation, value): &(&str, i8, Option<&str>)| {
            let mut config = AlterableConfig::default();
            (config.name, config.config_operation) = ((*name).into(), *operation);
            config.value = value.map(Into::into);
            config
        };
        let mut resource = AlterConfigsResource::default();
        (resource.resource_type, resource.resource_name) = (TOPIC, topic.into());
        resource.configs = changes.iter().map(change).collect();
        let mut request = IncrementalAlterConfigsRequest::default();
        request.resources = vec![resource];
        let response: IncrementalAlterConfigsResponse = sim.ask(client, 1, request);
        response.responses[0].error_code
    }

    fn settings(sim: &Sim) -> &TopicSettings {
        let id = sim.core.catalog().topic("t").unwrap().id;
        &sim.core.cluster.topic_state(id).unwrap().settings
    }

    #[test]
    fn settings_are_set_added_to_taken_from_and_go_back_to_the_default() {
        let mut sim = Sim::new(&[]);
        sim.topic("t", 1, &[("retention.bytes", "7")]);
        let changes = [
            ("retention.ms", SET, Some("5")),
            ("cleanup.policy", APPEND, Some("compact")),
            ("retention.bytes", DELETE, None),
        ];
        assert_eq!(alter(&mut sim, "t", &changes), ErrorCode::NONE);
        let now = settings(&sim);
        assert_eq!((now.retention_ms, now.retention_bytes, now.compact, now.delete), (5, -1, true, true));
        assert_eq!(alter(&mut sim, "t", &[("cleanup.policy", SUBTRACT, Some("delete"))]), ErrorCode::NONE);
        assert!(settings(&sim).compact && !settings(&sim).delete);
    }

    #[test]
    fn what_is_wrong_changes_nothing() {
        let mut sim = Sim::new(&[]);
        sim.topic("t", 1, &[]);
        let before = settings(&sim).clone();
        let good = ("retention.ms", SET, Some("5"));
        let mut refused = |topic: &str, changes: &[(&str, i8, Option<&str>)]| alter(&mut sim, topic, changes);
        assert_eq!(refused("u", &[good]), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!(refused("t", &[good, ("retention.mss", SET, Some("5"))]), ErrorCode::INVALID_CONFIG);
        assert_eq!(refused("t", &[good, ("retention.bytes", APPEND, Some("5"))]), ErrorCode::INVALID_CONFIG);
        assert_eq!(refused("t", &[good, good]), ErrorCode::INVALID_REQUEST);
        assert_eq!(refused("t", &[good, ("retention.bytes", SET, None)]), ErrorCode::INVALID_REQUEST);
        assert_eq!(refused("t", &[good, ("retention.bytes", 4, Some("5"))]), ErrorCode::UNKNOWN_SERVER_ERROR);
        assert_eq!(refused("", &[good]), ErrorCode::INVALID_REQUEST);
        assert_eq!(*settings(&sim), before);
    }
}
