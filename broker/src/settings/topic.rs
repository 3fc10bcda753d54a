//! The settings of one topic: its own, and for the rest the broker's.

use std::collections::BTreeMap;

use milena_protocol::Str;
use milena_protocol::records::{Compression, TimestampType};

use super::kind::list;
use super::{Property, SettingError, Settings, table};

/// What a topic's log goes by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TopicSettings {
    pub compact: bool,
    pub delete: bool,
    /// What batches are compressed with; `None` leaves them as the producer made them.
    pub compression: Option<Compression>,
    pub delete_retention_ms: i64,
    pub max_compaction_lag_ms: i64,
    pub max_message_bytes: i64,
    pub max_topic_bytes: usize,
    pub message_timestamp_after_max_ms: i64,
    pub message_timestamp_before_max_ms: i64,
    pub message_timestamp_type: TimestampType,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag_ms: i64,
    pub min_insync_replicas: usize,
    pub retention_bytes: i64,
    pub retention_ms: i64,
    pub segment_bytes: usize,
    pub segment_ms: i64,
}

/// What was set for a topic, by the topics' names.
pub(crate) type Overrides = BTreeMap<Str, Str>;

impl TopicSettings {
    /// Those of a topic for which `overrides` were set.
    ///
    /// # Errors
    /// When one of them is unknown, or cannot have its value.
    pub fn new(settings: &Settings, overrides: &Overrides) -> Result<Self, SettingError> {
        for (name, value) in overrides {
            let Some(property) = table::topic(name) else {
                return Err(SettingError::unknown(name, table::all_topic().filter_map(|p| p.topic)));
            };
            property.kind.check(value).map_err(|expected| SettingError::invalid(name, value, expected))?;
        }
        let text = |name: &str| value(settings, overrides, name);
        let long = |name: &str| -> i64 { text(name).parse().expect("it was checked") };
        let int = |name: &str| -> i32 { text(name).parse().expect("it was checked") };
        let policies = text("cleanup.policy");
        let segment_bytes = match int("internal.segment.bytes") {
            -1 => int("segment.bytes"),
            bytes => bytes,
        };
        Ok(TopicSettings {
            compact: list(policies).any(|policy| policy == "compact"),
            delete: list(policies).any(|policy| policy == "delete"),
            compression: match text("compression.type") {
                "producer" => None,
                "uncompressed" => Some(Compression::None),
                name => Compression::from_name(name),
            },
            delete_retention_ms: long("delete.retention.ms"),
            max_compaction_lag_ms: long("max.compaction.lag.ms"),
            max_message_bytes: long("max.message.bytes"),
            max_topic_bytes: usize::try_from(long("milena.topic.max.bytes")).unwrap_or(usize::MAX),
            message_timestamp_after_max_ms: long("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: long("message.timestamp.before.max.ms"),
            message_timestamp_type: match text("message.timestamp.type") {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            min_cleanable_dirty_ratio: text("min.cleanable.dirty.ratio").parse().expect("it was checked"),
            min_compaction_lag_ms: long("min.compaction.lag.ms"),
            min_insync_replicas: int("min.insync.replicas") as usize,
            retention_bytes: long("retention.bytes"),
            retention_ms: long("retention.ms"),
            segment_bytes: segment_bytes.max(0) as usize,
            segment_ms: long("segment.ms"),
        })
    }

    /// All settings that a topic can have.
    pub fn properties() -> impl Iterator<Item = &'static Property> {
        table::all_topic()
    }
}

/// The value of a topic's setting: its own, the broker's, or the default.
pub(crate) fn value<'a>(settings: &'a Settings, overrides: &'a Overrides, name: &str) -> &'a str {
    let property = table::topic(name).expect("the name is in the table");
    match overrides.get(name) {
        Some(value) => value.trim(),
        None => settings.value(property.name).unwrap_or(property.default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(pairs: &[(&str, &str)]) -> Overrides {
        pairs.iter().map(|(name, value)| (Str::from(*name), Str::from(*value))).collect()
    }

    #[test]
    fn a_topic_has_its_own_then_the_brokers_then_the_default() {
        let mut settings = Settings::default();
        settings.set("log.retention.ms", 5).unwrap().set("message.max.bytes", 6).unwrap();
        let own = overrides(&[("retention.ms", "4"), ("cleanup.policy", "compact, delete")]);
        let topic = TopicSettings::new(&settings, &own).unwrap();
        assert_eq!((topic.retention_ms, topic.max_message_bytes, topic.min_insync_replicas), (4, 6, 1));
        assert!(topic.compact && topic.delete);
    }

    #[test]
    fn segments_of_less_than_a_mebibyte_have_a_name_of_their_own() {
        let settings = Settings::default();
        assert!(TopicSettings::new(&settings, &overrides(&[("segment.bytes", "100")])).is_err());
        let topic = TopicSettings::new(&settings, &overrides(&[("internal.segment.bytes", "100")])).unwrap();
        assert_eq!(topic.segment_bytes, 100);
    }

    #[test]
    fn an_unknown_name_comes_with_the_nearest() {
        let error = TopicSettings::new(&Settings::default(), &overrides(&[("retention.mss", "1")]));
        let text = "there is no setting retention.mss; did you mean retention.ms?";
        assert_eq!(error.unwrap_err().to_string(), text);
    }
}
