//! Settings, as DescribeConfigs and CreateTopics show them.

use milena_protocol::ErrorCode;

use crate::settings::{Overrides, Property, SettingError, Settings, TopicSettings, topic_value};

/// An error code, and what to tell people.
pub(super) type ApiError = (ErrorCode, String);

/// A bad setting, as Kafka answers it.
pub(super) fn invalid(error: SettingError) -> ApiError {
    (ErrorCode::INVALID_CONFIG, error.to_string())
}

/// Where a value comes from (Kafka's `DescribeConfigsResponse.ConfigSource`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Topic = 1,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
}

impl Source {
    pub fn id(self) -> i8 {
        self as i8
    }
}

/// A setting and its value.
pub(super) struct Entry<'a> {
    pub name: &'static str,
    pub value: &'a str,
    pub source: Source,
    pub property: &'static Property,
}

/// Those of a topic, by name.
pub(super) fn topic<'a>(settings: &'a Settings, overrides: &'a Overrides) -> impl Iterator<Item = Entry<'a>> {
    let mut entries: Vec<Entry<'a>> = TopicSettings::properties()
        .filter_map(|property| {
            // What is for Kafka's own tests is shown to nobody.
            let name = property.topic.filter(|name| !name.starts_with("internal."))?;
            if is_ours(name) && !overrides.contains_key(name) {
                return None;
            }
            let source = match overrides.contains_key(name) {
                true => Source::Topic,
                false => broker_source(settings, property),
            };
            Some(Entry { name, value: topic_value(settings, overrides, name), source, property })
        })
        .collect();
    entries.sort_unstable_by_key(|entry| entry.name);
    entries.into_iter()
}

/// Those of a broker, by name.
pub(super) fn broker(settings: &Settings) -> impl Iterator<Item = Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Settings::properties()
        .filter(|property| !is_ours(property.name) || settings.explicit(property.name).is_some())
        .map(|property| Entry {
            name: property.name,
            value: settings.value(property.name).unwrap_or(property.default),
            source: broker_source(settings, property),
            property,
        })
        .collect();
    entries.sort_unstable_by_key(|entry| entry.name);
    entries.into_iter()
}

/// What Kafka does not have is shown to those who have set it.
fn is_ours(name: &str) -> bool {
    name.starts_with("milena.")
}

/// Where a broker's value comes from.
pub(super) fn broker_source(settings: &Settings, property: &Property) -> Source {
    match settings.explicit(property.name) {
        // KIP-966: a new cluster makes it a setting of the cluster.
        _ if property.name == "min.insync.replicas" => Source::DynamicDefaultBroker,
        Some(_) => Source::StaticBroker,
        None => Source::Default,
    }
}
