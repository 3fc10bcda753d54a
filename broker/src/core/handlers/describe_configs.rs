//! DescribeConfigs (key 32): the settings of topics and brokers.

use milena_protocol::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use milena_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use milena_protocol::{ErrorCode, Str};

use super::configs::{self, ApiError, Entry, Source};
use crate::core::catalog::BrokerNode;
use crate::core::cluster::{Cluster, bad_topic_name};

/// Kinds of resources (Kafka's `ConfigResource.Type`).
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;

const RACK: &str = "broker.rack";

pub(super) fn handle(cluster: &Cluster, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    let mut response = DescribeConfigsResponse::default();
    for resource in &request.resources {
        let mut result = DescribeConfigsResult::default();
        result.resource_type = resource.resource_type;
        result.resource_name = resource.resource_name.clone();
        match describe(cluster, resource, request.include_synonyms) {
            Ok(configs) => result.configs = configs,
            Err((code, message)) => {
                result.error_code = code;
                result.error_message = Some(message.into());
            }
        }
        response.results.push(result);
    }
    response
}

fn describe(
    cluster: &Cluster,
    resource: &DescribeConfigsResource,
    synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, ApiError> {
    let name = &resource.resource_name;
    let is_wanted = |entry: &Entry<'_>| match &resource.configuration_keys {
        // Kafka's admin client says "all" with an empty list in old versions.
        Some(keys) if !keys.is_empty() => keys.iter().any(|key| **key == *entry.name),
        _ => true,
    };
    match resource.resource_type {
        TOPIC => {
            if let Some(why) = bad_topic_name(name) {
                return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why.to_owned()));
            }
            let state = cluster.catalog.topic(name).and_then(|topic| cluster.topic_state(topic.id));
            let Some(state) = state else {
                return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("there is no topic {name}")));
            };
            let entries = configs::topic(&cluster.settings, &state.overrides).filter(is_wanted);
            Ok(entries.map(|entry| result(cluster, &entry, false, synonyms)).collect())
        }
        BROKER => {
            // The empty name stands for what all brokers were told while they ran: nothing.
            if name.is_empty() {
                return Ok(Vec::new());
            }
            let Some(broker) = name.parse().ok().and_then(|id| cluster.catalog.broker(id)) else {
                let why = format!("there is no broker {name}");
                return Err((ErrorCode::INVALID_REQUEST, why));
            };
            let entries = configs::broker(&cluster.settings).filter(is_wanted);
            let described = |entry: Entry<'_>| match entry.name {
                RACK => rack(broker, &entry, synonyms),
                _ => result(cluster, &entry, true, synonyms),
            };
            Ok(entries.map(described).collect())
        }
        BROKER_LOGGER => Ok(Vec::new()),
        other => Err((ErrorCode::INVALID_REQUEST, format!("there are no resources of type {other}"))),
    }
}

fn result(
    cluster: &Cluster,
    entry: &Entry<'_>,
    read_only: bool,
    with_synonyms: bool,
) -> DescribeConfigsResourceResult {
    let mut result = DescribeConfigsResourceResult::default();
    result.name = entry.name.into();
    result.value = Some(entry.value.into());
    result.read_only = read_only;
    // `is_default` is what version 0 had instead, which nobody asks for any more.
    result.config_source = entry.source.id();
    result.config_type = entry.property.kind.id();
    result.documentation = None;
    if with_synonyms {
        let settings = &cluster.settings;
        let of_broker = settings.explicit(entry.property.name);
        if entry.source == Source::Topic {
            result.synonyms.push(synonym(entry.name, entry.value, Source::Topic));
        }
        if let Some(value) = of_broker {
            result.synonyms.push(synonym(entry.property.name, value, Source::StaticBroker));
        }
        result.synonyms.push(synonym(entry.property.name, entry.property.default, Source::Default));
    }
    result
}

/// Where a broker stands: each may stand elsewhere, and some nowhere.
fn rack(broker: &BrokerNode, entry: &Entry<'_>, with_synonyms: bool) -> DescribeConfigsResourceResult {
    let mut result = DescribeConfigsResourceResult::default();
    result.name = entry.name.into();
    result.value = broker.rack.clone();
    result.read_only = true;
    result.config_source = if broker.rack.is_some() { Source::StaticBroker } else { Source::Default }.id();
    result.config_type = entry.property.kind.id();
    result.documentation = None;
    let own = broker.rack.as_deref().filter(|_| with_synonyms);
    result.synonyms.extend(own.map(|rack| synonym(entry.name, rack, Source::StaticBroker)));
    result
}

fn synonym(name: &'static str, value: &str, source: Source) -> DescribeConfigsSynonym {
    let mut synonym = DescribeConfigsSynonym::default();
    synonym.name = Str::from_static(name);
    synonym.value = Some(value.into());
    synonym.source = source.id();
    synonym
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::test_support::Sim;

    #[test]
    fn a_topics_settings_are_told_in_every_version() {
        let mut sim = Sim::new(&[]);
        sim.topic("t", 1, &[("retention.ms", "5")]);
        let client = sim.connect(1);
        for version in 1..=4 {
            let mut resource = DescribeConfigsResource::default();
            (resource.resource_type, resource.resource_name) = (TOPIC, "t".into());
            let mut request = DescribeConfigsRequest::default();
            (request.resources, request.include_synonyms) = (vec![resource], true);
            let response: DescribeConfigsResponse = sim.ask(client, version, request);
            let source = |name: &str| {
                let found = response.results[0].configs.iter().find(|config| *config.name == *name).unwrap();
                (found.config_source, found.value.as_deref().unwrap().to_owned(), found.synonyms.len())
            };
            assert_eq!(source("retention.ms"), (Source::Topic.id(), "5".to_owned(), 2));
            assert_eq!(source("cleanup.policy"), (Source::Default.id(), "delete".to_owned(), 1));
        }
    }

    #[test]
    fn a_broker_stands_where_the_setting_says_unless_it_has_a_rack_of_its_own() {
        let mut sim = Sim::with_brokers(&[None, Some("b")], &[("broker.rack", "a")]);
        let client = sim.connect(1);
        for (broker, rack) in [("1", "a"), ("2", "b")] {
            let mut resource = DescribeConfigsResource::default();
            (resource.resource_type, resource.resource_name) = (BROKER, broker.into());
            resource.configuration_keys = Some(vec![RACK.into()]);
            let mut request = DescribeConfigsRequest::default();
            request.resources = vec![resource];
            let response: DescribeConfigsResponse = sim.ask(client, 4, request);
            assert_eq!(response.results[0].configs[0].value.as_deref(), Some(rack));
            assert_eq!(
                sim.core.catalog().broker(broker.parse().unwrap()).unwrap().rack.as_deref(),
                Some(rack)
            );
        }
    }
}
