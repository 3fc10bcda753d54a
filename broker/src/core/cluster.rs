//! What the brokers of a cluster share: the catalog, the logs, the settings.

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::records::Decompressor;
use milena_protocol::{ErrorCode, Str, Uuid};

use super::catalog::{Catalog, Partition};
use super::log::Log;
use super::rng::Rng;
use crate::settings::{Overrides, SettingError, Settings, TopicSettings};

/// Kafka's own topics, whose partitions' leaders coordinate groups and transactions. Here they have no records.
pub(crate) const CONSUMER_OFFSETS: &str = "__consumer_offsets";
pub(crate) const TRANSACTION_STATE: &str = "__transaction_state";

/// How many partitions clients can have created in all: each takes memory, used or not.
const MOST_PARTITIONS: usize = 100_000;

/// A partition's index in the topic of this id.
pub(crate) type PartitionKey = (Uuid, i32);

/// What the brokers share.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub settings: Settings,
    pub catalog: Catalog,
    pub rng: Rng,
    pub decompressor: Decompressor,
    topics: BTreeMap<Uuid, TopicState>,
    /// Partitions of which readers who wait should know that something has changed.
    changed: BTreeSet<PartitionKey>,
}

/// A topic, beside what the catalog says.
#[derive(Debug)]
pub(crate) struct TopicState {
    /// What was set for it.
    pub overrides: Overrides,
    /// What follows from that.
    pub settings: TopicSettings,
    /// By index.
    pub logs: Vec<Log>,
    /// Bytes that came since it was measured how much memory it takes.
    pub unmeasured: usize,
    /// How large it was when there was nothing more to free.
    pub full_at: Option<usize>,
}

/// A partition, as one of its replicas sees it.
pub(crate) struct Replica<'a> {
    pub log: &'a mut Log,
    pub settings: &'a TopicSettings,
    pub decompressor: &'a mut Decompressor,
    pub partition: &'a Partition,
    changed: &'a mut BTreeSet<PartitionKey>,
    key: PartitionKey,
}

impl Replica<'_> {
    /// The topic that it is of.
    pub fn topic_id(&self) -> Uuid {
        self.key.0
    }

    /// Readers who wait should look again.
    pub fn changed(&mut self) {
        self.changed.insert(self.key);
    }
}

/// Who asks for a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The broker that was asked.
    pub node_id: i32,
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub index: i32,
    /// The leader epoch that the client knows; -1 where it does not say.
    pub current_leader_epoch: i32,
    /// Whether a follower will not do.
    pub only_leader: bool,
}

impl Cluster {
    /// A cluster without topics.
    pub fn new(settings: Settings, catalog: Catalog, seed: u64) -> Self {
        Cluster {
            settings,
            catalog,
            rng: Rng::new(seed),
            decompressor: Decompressor::new(),
            topics: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// Whether clients can have so many more partitions.
    pub fn has_room_for(&self, partitions: usize) -> bool {
        self.catalog.partition_count().saturating_add(partitions) <= MOST_PARTITIONS
    }

    /// Creates a topic, and gives back its id.
    ///
    /// # Errors
    /// When a setting is not known, or cannot have its value. (That there is no such topic yet is for the caller to see.)
    pub fn create_topic(
        &mut self,
        name: &str,
        replicas: Vec<Vec<i32>>,
        overrides: Overrides,
        wall_ms: i64,
    ) -> Result<Uuid, SettingError> {
        let settings = TopicSettings::new(&self.settings, &overrides)?;
        let logs = replicas.iter().map(|_| Log::new(0, wall_ms)).collect();
        let is_internal = is_internal(name);
        let id = self.catalog.create_topic(name, replicas, is_internal, &mut self.rng);
        let id = id.expect("callers look whether there is one of this name");
        self.topics.insert(id, TopicState { overrides, settings, logs, unmeasured: 0, full_at: None });
        Ok(id)
    }

    /// Deletes a topic that exists.
    pub fn delete_topic(&mut self, name: &str) {
        if let Some(topic) = self.catalog.delete_topic(name) {
            self.topics.remove(&topic.id);
            self.changed.extend((0..topic.partitions.len()).map(|index| (topic.id, index as i32)));
        }
    }

    /// Appends partitions to a topic that exists.
    pub fn add_partitions(&mut self, name: &str, replicas: Vec<Vec<i32>>, wall_ms: i64) {
        let Some(topic) = self.catalog.topic(name) else { return };
        if let Some(state) = self.topics.get_mut(&topic.id) {
            state.logs.extend(replicas.iter().map(|_| Log::new(0, wall_ms)));
        }
        self.catalog.add_partitions(name, replicas);
    }

    /// A topic, beside what the catalog says.
    pub fn topic_state(&self, id: Uuid) -> Option<&TopicState> {
        self.topics.get(&id)
    }

    /// The log of a partition, for a broker that has a replica of it, if the client knows the right leader epoch.
    ///
    /// # Errors
    /// Those of Kafka's `ReplicaManager.getPartitionOrException` and `Partition.localLogWithEpochOrThrow`.
    pub fn replica(&mut self, asked: Asked<'_>) -> Result<Replica<'_>, ErrorCode> {
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let topic = self.catalog.topic(asked.topic).ok_or(unknown)?;
        let index = usize::try_from(asked.index).map_err(|_| unknown)?;
        let partition = topic.partitions.get(index).ok_or(unknown)?;
        if !partition.replicas.contains(&asked.node_id) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        if asked.current_leader_epoch >= 0 {
            if asked.current_leader_epoch < partition.leader_epoch {
                return Err(ErrorCode::FENCED_LEADER_EPOCH);
            }
            if asked.current_leader_epoch > partition.leader_epoch {
                return Err(ErrorCode::UNKNOWN_LEADER_EPOCH);
            }
        }
        if asked.only_leader && partition.leader != Some(asked.node_id) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        let state = self.topics.get_mut(&topic.id).ok_or(unknown)?;
        Ok(Replica {
            log: state.logs.get_mut(index).ok_or(unknown)?,
            settings: &state.settings,
            decompressor: &mut self.decompressor,
            partition,
            changed: &mut self.changed,
            key: (topic.id, asked.index),
        })
    }

    /// The log of a partition, whoever has it.
    pub fn log(&self, topic: &str, index: i32) -> Option<&Log> {
        let id = self.catalog.topic(topic)?.id;
        self.topics.get(&id)?.logs.get(usize::try_from(index).ok()?)
    }

    /// As [`log`](Self::log), to change it.
    pub fn log_mut(&mut self, topic: &str, index: i32) -> Option<&mut Log> {
        let id = self.catalog.topic(topic)?.id;
        self.topics.get_mut(&id)?.logs.get_mut(usize::try_from(index).ok()?)
    }

    /// Readers of a partition who wait should look again.
    pub fn partition_changed(&mut self, topic: &str, index: i32) {
        if let Some(topic) = self.catalog.topic(topic) {
            self.changed.insert((topic.id, index));
        }
    }

    /// Readers of all partitions of a topic who wait should look again.
    pub fn topic_changed(&mut self, topic: Uuid, partitions: usize) {
        self.changed.extend((0..partitions).map(|index| (topic, index as i32)));
    }

    /// A topic, to change it, and what decompresses its records.
    pub fn topic_state_mut(&mut self, id: Uuid) -> Option<(&mut TopicState, &mut Decompressor)> {
        Some((self.topics.get_mut(&id)?, &mut self.decompressor))
    }

    /// Does something to all logs; readers of those for which it gives back true look again.
    pub fn each_log(&mut self, mut act: impl FnMut(&mut Log, &TopicSettings, &mut Decompressor) -> bool) {
        for (id, state) in &mut self.topics {
            for (log, index) in state.logs.iter_mut().zip(0..) {
                if act(log, &state.settings, &mut self.decompressor) {
                    self.changed.insert((*id, index));
                }
            }
        }
    }

    /// Whether any partition has changed since it was asked which.
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Some partitions have other leaders, or their leaders began new epochs: as in Kafka's `Partition.makeLeader` the logs
    /// take note, and readers who wait look again.
    pub fn leaders_changed(&mut self) {
        for topic in self.catalog.topics() {
            let logs = self.topics.get_mut(&topic.id).map(|state| &mut state.logs);
            for ((index, partition), log) in
                topic.partitions.iter().enumerate().zip(logs.into_iter().flatten())
            {
                if partition.leader.is_some() && log.epochs().latest() != Some(partition.leader_epoch) {
                    log.led(partition.leader_epoch);
                }
                self.changed.insert((topic.id, index as i32));
            }
        }
    }

    /// The partitions that have changed since this was asked last.
    pub fn take_changed(&mut self) -> BTreeSet<PartitionKey> {
        std::mem::take(&mut self.changed)
    }

    /// How many replicas a topic of Kafka's own, or one that nobody said it of, can have here.
    pub fn replication_factor(&self, setting: &str) -> usize {
        (self.settings.int(setting) as usize).min(self.catalog.brokers().count())
    }

    /// Creates a topic as clients get it that just use it.
    pub fn auto_create(&mut self, name: &str, wall_ms: i64) {
        let (count, factor, overrides) = match name {
            CONSUMER_OFFSETS => (
                self.settings.int("offsets.topic.num.partitions"),
                self.replication_factor("offsets.topic.replication.factor"),
                internal_overrides(),
            ),
            TRANSACTION_STATE => (
                self.settings.int("transaction.state.log.num.partitions"),
                self.replication_factor("transaction.state.log.replication.factor"),
                internal_overrides(),
            ),
            _ => (
                self.settings.int("num.partitions"),
                self.replication_factor("default.replication.factor"),
                Overrides::new(),
            ),
        };
        let replicas = self.catalog.placement(0, count as usize, factor);
        self.create_topic(name, replicas, overrides, wall_ms).expect("no settings of its own are wrong");
    }

    /// The broker that coordinates the group, or the transactions, of this name; `None` while there is none. The topic
    /// that says so is created where it is not there.
    pub fn coordinator(&mut self, topic: &str, name: &str, wall_ms: i64) -> Option<i32> {
        if self.catalog.topic(topic).is_none() {
            self.auto_create(topic, wall_ms);
        }
        self.known_coordinator(topic, name)
    }

    /// As [`coordinator`](Self::coordinator), and creates nothing.
    pub fn known_coordinator(&self, topic: &str, name: &str) -> Option<i32> {
        let index = self.coordinator_partition(topic, name)?;
        self.catalog.partition(topic, index)?.leader
    }

    /// The partition whose leader is the coordinator.
    pub fn coordinator_partition(&self, topic: &str, name: &str) -> Option<i32> {
        let count = self.catalog.topic(topic)?.partitions.len();
        let hash = java_hash(name);
        Some((if hash == i32::MIN { 0 } else { hash.unsigned_abs() as usize } % count) as i32)
    }
}

/// Whether a topic is one of Kafka's own.
pub(crate) fn is_internal(name: &str) -> bool {
    matches!(name, CONSUMER_OFFSETS | TRANSACTION_STATE | "__share_group_state")
}

fn internal_overrides() -> Overrides {
    let pairs = [("cleanup.policy", "compact"), ("segment.bytes", "104857600")];
    pairs.into_iter().map(|(name, value)| (Str::from_static(name), Str::from_static(value))).collect()
}

/// Java's `String.hashCode`, by which groups and transactions find their partitions.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Why a text cannot be a topic's name, if it cannot (Kafka's `Topic.validate`).
pub(crate) fn bad_topic_name(name: &str) -> Option<&'static str> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Some("a topic's name cannot be empty"),
        "." | ".." => Some("a topic cannot be called . or .."),
        _ if name.len() > 249 => Some("a topic's name has 249 characters at most"),
        _ if !name.chars().all(is_legal) => {
            Some("a topic's name consists of ASCII letters, digits, '.', '_' and '-'")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_javas() {
        assert_eq!((java_hash(""), java_hash("abc")), (0, 96_354));
        assert_eq!(java_hash("my-group"), -1_906_497_762);
        assert_eq!(java_hash("grüße 🦀"), 347_378_987);
    }

    #[test]
    fn topics_have_names_that_kafka_allows() {
        assert_eq!(bad_topic_name("Orders_1.a-b"), None);
        for name in ["", ".", "..", "a b", "ä", &"a".repeat(250)] {
            assert!(bad_topic_name(name).is_some(), "{name}");
        }
    }
}
