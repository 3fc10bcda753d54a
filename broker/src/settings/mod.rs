//! The broker's settings, by Kafka's own names.
//!
//! | file | what |
//! |---|---|
//! | `table.rs` | every setting: name, type, default |
//! | `topic.rs` | those of one topic, as values |
//! | `kind.rs` | types of values, and which values are good |

mod kind;
mod table;
mod topic;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use kind::{Kind, list};
pub(crate) use table::Property;
pub(crate) use topic::{Overrides, TopicSettings, value as topic_value};

/// The settings of the brokers of a cluster, by the names that Kafka's `server.properties` has for them.
///
/// Defaults are Kafka's, but for those where a broker that lives in memory, and for a test, has reason for others:
///
/// | name | default | why |
/// |---|---|---|
/// | `log.segment.bytes` | 16 MiB | a segment is the least that retention can free |
/// | `log.retention.ms` | -1 | records with old timestamps stay |
/// | `log.retention.check.interval.ms` | 1000 | tests wait for it |
/// | `log.cleaner.backoff.ms` | 1000 | the same |
/// | `group.initial.rebalance.delay.ms` | 0 | the same |
/// | `default.replication.factor`, `offsets.topic.replication.factor`, `transaction.state.log.replication.factor` | 1, 3, 3 | at most one for each broker there is |
/// | `replica.selector.class` | rack-aware | brokers have racks for a reason (KIP-392) |
///
/// What lives in memory has bounds, where Kafka has a disk:
///
/// | name | default | what |
/// |---|---|---|
/// | `milena.topic.max.bytes` (a topic can have its own) | 1 GiB | all records of a topic, as they are compressed, and 192 bytes for each batch. Where there is no room, its oldest records go; of a topic that is only compacted, what compaction removes, and if that is not enough producers get KAFKA_STORAGE_ERROR |
/// | `milena.max.groups` | 10000 | where there are more, a group without members goes: one without offsets, else the one that nobody has used for longest. When all have members, a new one gets COORDINATOR_NOT_AVAILABLE |
/// | `milena.max.transactional.ids` | 10000 | where there are more, the id goes that has been idle for longest |
///
/// ```
/// use milena_broker::Settings;
///
/// let mut settings = Settings::default();
/// settings.set("num.partitions", "3")?;
/// let error = settings.set("num.partition", "3").unwrap_err();
/// assert_eq!(error.to_string(), "there is no setting num.partition; did you mean num.partitions?");
/// # Ok::<(), milena_broker::SettingError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What was set; all else has its default.
    values: BTreeMap<&'static str, String>,
}

impl Settings {
    /// Sets one; unlike in a file of properties, the later one wins.
    ///
    /// # Errors
    /// When there is no setting of this name, or it cannot have this value.
    pub fn set(&mut self, name: &str, value: impl ToString) -> Result<&mut Self, SettingError> {
        let Some(property) = table::broker(name) else {
            return Err(SettingError::unknown(name, table::broker_names()));
        };
        let value = value.to_string();
        property.kind.check(&value).map_err(|expected| SettingError::invalid(name, &value, expected))?;
        self.values.insert(property.name, value.trim().to_owned());
        Ok(self)
    }

    /// The value of a setting, as it was set or by default; `None` where there is no setting of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let property = table::broker(name)?;
        Some(self.values.get(property.name).map_or(property.default, String::as_str))
    }

    /// What was set, if it was.
    pub(crate) fn explicit(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// All settings.
    pub(crate) fn properties() -> impl Iterator<Item = &'static Property> {
        table::all_broker()
    }

    /// A number.
    pub(crate) fn int(&self, name: &str) -> i32 {
        self.parsed(name)
    }

    /// A large number.
    pub(crate) fn long(&self, name: &str) -> i64 {
        self.parsed(name)
    }

    /// Yes or no.
    pub(crate) fn bool(&self, name: &str) -> bool {
        kind::boolean(self.text(name)).expect("it was checked when it was set")
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.value(name).expect("the name is in the table")
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str) -> T {
        let value = self.text(name).parse().ok();
        value.expect("it was checked when it was set")
    }
}

/// A setting that there is not, or a value that it cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    text: String,
    unknown: bool,
}

impl SettingError {
    pub(crate) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let mut text = format!("there is no setting {name}");
        if let Some(nearest) = nearest(name, known) {
            text += &format!("; did you mean {nearest}?");
        }
        SettingError { text, unknown: true }
    }

    pub(crate) fn invalid(name: &str, value: &str, expected: impl fmt::Display) -> Self {
        SettingError { text: format!("{name} cannot be {value:?}: it is {expected}"), unknown: false }
    }

    /// Whether the name is the trouble, not the value.
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for SettingError {}

/// The nearest of the known names, if one is near enough.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) = known.map(|known| (distance(name, known), known)).min()?;
    (distance <= nearest.len() / 2).then_some(nearest)
}

/// How many letters have to be put in, taken out or exchanged to make one text of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, a) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = n + 1;
        for (m, b) in b.bytes().enumerate() {
            let exchanged = diagonal + usize::from(a != b);
            diagonal = row[m + 1];
            row[m + 1] = exchanged.min(row[m] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::table::TOPIC_ONLY;
    use super::*;

    #[test]
    fn defaults_are_good_values() {
        for property in Settings::properties().chain(TOPIC_ONLY) {
            assert_eq!(property.kind.check(property.default), Ok(()), "{}", property.name);
        }
    }

    #[test]
    fn a_bad_value_is_told_with_what_is_expected() {
        let mut settings = Settings::default();
        let error = settings.set("num.partitions", "0").unwrap_err();
        assert_eq!(error.to_string(), "num.partitions cannot be \"0\": it is a number from 1 to 2147483647");
        let error = settings.set("log.cleanup.policy", "compacted").unwrap_err();
        assert_eq!(
            error.to_string(),
            "log.cleanup.policy cannot be \"compacted\": it is a list of compact, delete"
        );
        for list in ["", "uniform,", "range,range", "sticky"] {
            assert!(settings.set("group.consumer.assignors", list).is_err(), "{list:?}");
        }
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn what_was_set_is_what_is_read() {
        let mut settings = Settings::default();
        settings.set("num.partitions", 7).unwrap().set("auto.create.topics.enable", "FALSE").unwrap();
        assert_eq!(settings.int("num.partitions"), 7);
        assert!(!settings.bool("auto.create.topics.enable"));
        assert_eq!(settings.value("message.max.bytes"), Some("1048588"));
        assert_eq!(settings.value("nonsense"), None);
    }
}
