//! What the client knows of the cluster: brokers, topics, and who leads which partition.
//!
//! Brokers answer from what they know, and one can know less than another did before. So this view only moves forward:
//! an older leader epoch is ignored, unless the topic's id says that it is another topic under the same name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use milena_protocol::messages::leader::NodeEndpoint;
use milena_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};
use milena_protocol::{ErrorCode, Str, Uuid};

use super::recovery::{MetadataRecoveryStrategy, Recovery};
use super::topic_partition::TopicPartition;

/// From this version of the response on, leader epochs can be relied upon (KAFKA-9212).
pub(super) const RELIABLE_EPOCHS: i16 = 9;

/// The first version in which topics can be asked for by their ids (KIP-516).
pub const TOPIC_IDS: i16 = 12;

/// How often metadata is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataSettings {
    /// `metadata.max.age.ms`: fetch it anew after this long, even if nothing seems to have changed.
    pub max_age: Duration,
    /// `retry.backoff.ms`: the least time between two requests. It doubles while nothing new comes of them.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`: where the doubling ends.
    pub retry_backoff_max: Duration,
    /// `allow.auto.create.topics`: whether asking for a topic may create it.
    pub allow_auto_create_topics: bool,
    /// `metadata.recovery.strategy`: whether to begin with the bootstrap servers again.
    pub recovery_strategy: MetadataRecoveryStrategy,
    /// `metadata.recovery.rebootstrap.trigger.ms`: after how long without metadata.
    pub rebootstrap_trigger: Duration,
}

impl Default for MetadataSettings {
    fn default() -> Self {
        MetadataSettings {
            max_age: Duration::from_secs(300),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            allow_auto_create_topics: true,
            recovery_strategy: MetadataRecoveryStrategy::Rebootstrap,
            rebootstrap_trigger: Duration::from_secs(300),
        }
    }
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Host name or IP address.
    pub host: Str,
    /// TCP port.
    pub port: u16,
}

/// A broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its node id.
    pub node_id: i32,
    /// Where it listens.
    pub address: Address,
    /// Its `broker.rack`, if it has one.
    pub rack: Option<Str>,
}

/// A topic, as the cluster last described it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// Its id; zero where the broker is too old to tell.
    pub id: Uuid,
    /// Why the last answer said nothing about it; `NONE` when it did.
    pub error: ErrorCode,
    /// Whether it belongs to Kafka itself, as `__consumer_offsets` does.
    pub is_internal: bool,
    /// Its partitions by number; none while it is being created.
    pub partitions: BTreeMap<i32, Partition>,
}

/// A partition, as the cluster last described it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// The leader's node id; `None` while there is none.
    pub leader: Option<i32>,
    /// The epoch of that leadership; -1 where it is not known.
    pub leader_epoch: i32,
    /// The node ids of all replicas.
    pub replicas: Vec<i32>,
    /// The node ids of those that are in sync.
    pub isr: Vec<i32>,
    /// The node ids of those that are offline.
    pub offline: Vec<i32>,
    /// What is wrong with it, `LEADER_NOT_AVAILABLE` above all.
    pub error: ErrorCode,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The leader's node id.
    pub node_id: i32,
    /// The epoch of its leadership; -1 where it is not known.
    pub epoch: i32,
}

/// What the client knows of the cluster, and when to ask again.
#[derive(Debug)]
pub struct Metadata {
    settings: MetadataSettings,
    bootstrap: Vec<Address>,
    brokers: BTreeMap<i32, Broker>,
    topics: BTreeMap<Str, Topic>,
    cluster_id: Option<Str>,
    revision: u64,
    refresh: Refresh,
    recovery: Recovery,
}

/// When metadata was fetched and whether it has to be fetched again.
#[derive(Debug, Default)]
struct Refresh {
    wanted: bool,
    in_flight: bool,
    last_attempt: Option<Instant>,
    last_success: Option<Instant>,
    /// Requests in a row that brought nothing new although somebody waited for news.
    in_vain: u32,
    /// Nobody waits for what the request under way brings: it went out because of age.
    is_by_age: bool,
}

impl Metadata {
    /// Knows nothing but where to ask first.
    pub fn new(bootstrap: Vec<Address>, settings: MetadataSettings) -> Self {
        Metadata {
            recovery: Recovery::new(settings.recovery_strategy, settings.rebootstrap_trigger),
            settings,
            bootstrap,
            brokers: BTreeMap::new(),
            topics: BTreeMap::new(),
            cluster_id: None,
            revision: 0,
            refresh: Refresh::default(),
        }
    }

    /// Where to ask while no broker is known.
    pub fn bootstrap(&self) -> &[Address] {
        &self.bootstrap
    }

    /// The brokers, by node id. Empty: ask a [`bootstrap`](Self::bootstrap) server.
    pub fn brokers(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.values()
    }

    /// A broker.
    pub fn broker(&self, node_id: i32) -> Option<&Broker> {
        self.brokers.get(&node_id)
    }

    /// A topic; `None` when no answer has spoken of it yet.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// The topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = (&Str, &Topic)> {
        self.topics.iter()
    }

    /// A partition.
    pub fn partition(&self, partition: &TopicPartition) -> Option<&Partition> {
        self.topics.get(&partition.topic)?.partitions.get(&partition.partition)
    }

    /// Who leads a partition; `None` while nobody does, or when the leader's address is not known.
    pub fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        let Partition { leader, leader_epoch, .. } = self.partition(partition)?;
        let node_id = leader.filter(|id| self.brokers.contains_key(id))?;
        Some(Leader { node_id, epoch: *leader_epoch })
    }

    /// Whether a replica can be asked about a partition, as far as is known.
    pub(super) fn is_online(&self, partition: &TopicPartition, node_id: i32) -> bool {
        let is_offline = self.partition(partition).is_none_or(|known| known.offline.contains(&node_id));
        !is_offline && self.brokers.contains_key(&node_id)
    }

    /// The id of a topic; zero where it is not known.
    pub fn topic_id(&self, name: &str) -> Uuid {
        self.topics.get(name).map_or(Uuid::ZERO, |topic| topic.id)
    }

    /// The cluster's id, once a broker has told.
    pub fn cluster_id(&self) -> Option<&Str> {
        self.cluster_id.as_ref()
    }

    /// Another number whenever the brokers, a topic or a leader have changed.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How long a piece of it may be trusted: `metadata.max.age.ms`.
    pub fn max_age(&self) -> Duration {
        self.settings.max_age
    }

    /// Asks about these topics.
    pub fn request<'a>(&self, topics: impl IntoIterator<Item = &'a Str>) -> MetadataRequest {
        let topic = |name: &Str| {
            let mut topic = MetadataRequestTopic::default();
            topic.name = Some(name.clone());
            topic
        };
        let mut request = MetadataRequest::default();
        request.topics = Some(topics.into_iter().map(topic).collect());
        request.allow_auto_topic_creation = self.settings.allow_auto_create_topics;
        request
    }

    /// Asks about the topics with these ids, in a version from [`TOPIC_IDS`] on. One request cannot ask by name too.
    pub fn request_by_id(&self, topic_ids: impl IntoIterator<Item = Uuid>) -> MetadataRequest {
        let topic = |topic_id| {
            let mut topic = MetadataRequestTopic::default();
            (topic.topic_id, topic.name) = (topic_id, None);
            topic
        };
        let mut request = self.request([]);
        request.topics = Some(topic_ids.into_iter().map(topic).collect());
        request
    }

    /// When the next request is due, no earlier than `now`; `None` while one is under way.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let Refresh { wanted, in_flight, last_attempt, last_success, in_vain, .. } = &self.refresh;
        if *in_flight {
            return None;
        }
        let allowed = last_attempt.map(|last| last + self.backoff(*in_vain));
        let due = match last_success {
            Some(last) if !wanted => Some((*last + self.settings.max_age).max(allowed.unwrap_or(now))),
            _ => allowed,
        };
        Some(due.map_or(now, |due| due.max(now)))
    }

    fn backoff(&self, times: u32) -> Duration {
        let doubled = self.settings.retry_backoff.saturating_mul(1 << times.min(16));
        doubled.min(self.settings.retry_backoff_max).max(self.settings.retry_backoff)
    }

    /// Something shows that this view is out of date: the next request is due as soon as the back-off allows.
    pub fn request_refresh(&mut self) {
        self.refresh.wanted = true;
    }

    /// The same for topics that nobody has asked about yet, so that it is no matter what was asked in vain before.
    pub fn request_new_topics(&mut self) {
        (self.refresh.wanted, self.refresh.last_attempt, self.refresh.in_vain) = (true, None, 0);
    }

    /// A request went out.
    pub fn sent(&mut self, now: Instant) {
        self.refresh.in_flight = true;
        self.refresh.is_by_age = !self.refresh.wanted && self.refresh.last_success.is_some();
        self.refresh.wanted = false;
        self.refresh.last_attempt = Some(now);
    }

    /// The request that went out got no answer.
    pub fn failed(&mut self, now: Instant) {
        self.refresh.in_flight = false;
        self.refresh.wanted = true;
        self.refresh.last_attempt = Some(now);
        self.refresh.in_vain = self.refresh.in_vain.saturating_add(1);
    }

    /// A request is due, whether or not it can be sent.
    pub fn wait(&mut self, now: Instant) {
        self.recovery.wait(now);
    }

    /// When to [`rebootstrap`](Self::rebootstrap) because no answer came for too long (KIP-1102); `None` while none is
    /// waited for, and when the bootstrap servers are asked already.
    pub fn rebootstrap_due(&self) -> Option<Instant> {
        self.recovery.due().filter(|_| !self.brokers.is_empty())
    }

    /// Forgets all brokers, so that a bootstrap server is asked next (KIP-899). What is known of topics stays: it
    /// still may only move forward. Does nothing and is false where `metadata.recovery.strategy` is `none`.
    pub fn rebootstrap(&mut self, now: Instant) -> bool {
        if self.recovery.is_allowed() {
            self.brokers.clear();
            self.refresh.wanted = true;
            self.revision += 1;
            self.recovery.restart(now);
        }
        self.recovery.is_allowed()
    }

    /// Forgets all topics but these.
    pub fn retain_topics(&mut self, wanted: &BTreeSet<Str>) {
        let before = self.topics.len();
        self.topics.retain(|name, _| wanted.contains(name));
        if self.topics.len() != before {
            self.revision += 1;
        }
    }

    /// Takes in an answer, given in `version`.
    ///
    /// # Errors
    /// When the answer as a whole is an error. `REBOOTSTRAP_REQUIRED` has been obeyed then, where
    /// `metadata.recovery.strategy` is not `none`. An answer without brokers
    /// comes from one that is just starting, and counts as `BROKER_NOT_AVAILABLE`.
    pub fn update(
        &mut self,
        response: &MetadataResponse,
        version: i16,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        let error = match response.error_code {
            ErrorCode::NONE if response.brokers.is_empty() => ErrorCode::BROKER_NOT_AVAILABLE,
            error => error,
        };
        if !error.is_none() {
            self.failed(now);
            if error == ErrorCode::REBOOTSTRAP_REQUIRED {
                self.rebootstrap(now);
            }
            return Err(error);
        }
        let mut changed = self.update_brokers(response);
        let mut unsettled = false;
        for answer in &response.topics {
            let Some(name) = &answer.name else { continue };
            let mut topic = self.topics.get(name).cloned().unwrap_or_default();
            unsettled |= topic.update(answer, version >= RELIABLE_EPOCHS);
            if self.topics.get(name) != Some(&topic) {
                changed = true;
                self.topics.insert(name.detached(), topic);
            }
        }
        self.recovery.succeed();
        self.revision += u64::from(changed);
        let is_by_age = self.refresh.is_by_age;
        self.refresh = Refresh {
            wanted: self.refresh.wanted || unsettled,
            in_flight: false,
            last_attempt: Some(now),
            last_success: Some(now),
            in_vain: if changed || is_by_age { 0 } else { self.refresh.in_vain.saturating_add(1) },
            is_by_age: false,
        };
        Ok(())
    }

    /// Takes in what an answer to somebody else's question says of the brokers. Of topics and of when to ask again nothing
    /// changes.
    pub(super) fn learn_brokers(&mut self, response: &MetadataResponse, now: Instant) {
        if response.error_code == ErrorCode::REBOOTSTRAP_REQUIRED {
            self.rebootstrap(now);
        } else if response.error_code.is_none() && !response.brokers.is_empty() {
            self.revision += u64::from(self.update_brokers(response));
        }
    }

    fn update_brokers(&mut self, response: &MetadataResponse) -> bool {
        let found = response.brokers.iter();
        let brokers: BTreeMap<i32, Broker> = found
            .filter_map(|b| broker(b.node_id, &b.host, b.port, b.rack.as_ref()))
            .map(|broker| (broker.node_id, broker))
            .collect();
        let cluster_id = response.cluster_id.as_ref().map(Str::detached);
        let changed = brokers != self.brokers || cluster_id != self.cluster_id;
        self.brokers = brokers;
        self.cluster_id = cluster_id;
        changed
    }

    /// Takes in a hint that came with an error: another broker leads the partition (KIP-951). `false` when it is no
    /// news, or does not say where that broker is.
    pub fn update_leader(
        &mut self,
        partition: &TopicPartition,
        leader: Leader,
        endpoints: &[NodeEndpoint],
    ) -> bool {
        let endpoint = endpoints
            .iter()
            .filter(|endpoint| endpoint.node_id == leader.node_id)
            .find_map(|b| broker(b.node_id, &b.host, b.port, b.rack.as_ref()));
        let is_reachable = endpoint.is_some() || self.brokers.contains_key(&leader.node_id);
        let topic = self.topics.get_mut(&partition.topic);
        let Some(known) = topic.and_then(|topic| topic.partitions.get_mut(&partition.partition)) else {
            return false;
        };
        if !is_reachable || leader.node_id < 0 || leader.epoch <= known.leader_epoch {
            return false;
        }
        known.leader = Some(leader.node_id);
        known.leader_epoch = leader.epoch;
        if let Some(endpoint) = endpoint {
            self.brokers.insert(endpoint.node_id, endpoint);
        }
        self.revision += 1;
        true
    }
}

impl Topic {
    /// Takes in an answer; says whether it leaves something open, so that it is worth asking again.
    fn update(&mut self, answer: &MetadataResponseTopic, reliable_epochs: bool) -> bool {
        self.error = answer.error_code;
        if !answer.error_code.is_none() {
            // What was known stays: the broker may be behind, and nothing can be fetched if it is not.
            return answer.error_code.asks_for_metadata();
        }
        self.is_internal = answer.is_internal;
        let same = !self.id.is_zero() && self.id == answer.topic_id;
        let replaced = !self.id.is_zero() && !answer.topic_id.is_zero() && !same;
        let mut unsettled = answer.partitions.is_empty();
        if replaced || !(same || unsettled) {
            let named: BTreeSet<i32> = answer.partitions.iter().map(|p| p.partition_index).collect();
            self.partitions.retain(|index, _| !replaced && named.contains(index));
        }
        if !answer.topic_id.is_zero() {
            self.id = answer.topic_id;
        }
        for partition in &answer.partitions {
            unsettled |= partition.error_code.asks_for_metadata();
            let news = Partition::new(partition, reliable_epochs);
            let known = self.partitions.get(&partition.partition_index);
            let is_older =
                |known: &Partition| news.leader_epoch >= 0 && news.leader_epoch < known.leader_epoch;
            if !known.is_some_and(is_older) {
                self.partitions.insert(partition.partition_index, news);
            }
        }
        unsettled
    }
}

impl Partition {
    fn new(answer: &MetadataResponsePartition, reliable_epochs: bool) -> Self {
        Partition {
            leader: (answer.leader_id >= 0).then_some(answer.leader_id),
            leader_epoch: if reliable_epochs { answer.leader_epoch } else { -1 },
            replicas: answer.replica_nodes.clone(),
            isr: answer.isr_nodes.clone(),
            offline: answer.offline_replicas.clone(),
            error: answer.error_code,
        }
    }
}

/// `None` for a broker that nobody could connect to.
pub(super) fn broker(node_id: i32, host: &Str, port: i32, rack: Option<&Str>) -> Option<Broker> {
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    let is_usable = node_id >= 0 && !host.is_empty();
    is_usable.then(|| Broker {
        node_id,
        address: Address { host: host.detached(), port },
        rack: rack.map(Str::detached),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::test_support::{self, T, metadata_response, partition_answer, topic_answer};

    const ID: Uuid = Uuid([1; 16]);
    const OTHER_ID: Uuid = Uuid([2; 16]);

    fn metadata() -> Metadata {
        let bootstrap = Address { host: Str::from("seed"), port: 9092 };
        Metadata::new(vec![bootstrap], MetadataSettings::default())
    }

    fn answer(id: Uuid, leader: i32, epoch: i32) -> MetadataResponse {
        metadata_response(&[1, 2], vec![topic_answer("t", id, vec![partition_answer(0, leader, epoch)])])
    }

    fn leader_after(answers: &[(Uuid, i32, i32)]) -> Option<Leader> {
        let mut metadata = metadata();
        for &(id, leader, epoch) in answers {
            metadata.update(&answer(id, leader, epoch), 12, test_support::start()).unwrap();
        }
        metadata.leader(&TopicPartition::new("t", 0))
    }

    #[test]
    fn t19_an_older_leader_epoch_is_ignored() {
        assert_eq!(leader_after(&[(ID, 1, 5), (ID, 2, 4)]), Some(Leader { node_id: 1, epoch: 5 }));
        assert_eq!(leader_after(&[(ID, 1, 5), (ID, 2, 6)]), Some(Leader { node_id: 2, epoch: 6 }));
    }

    #[test]
    fn t19_a_topic_with_another_id_starts_anew() {
        let leader = leader_after(&[(ID, 1, 5), (OTHER_ID, 2, 0)]);
        assert_eq!(leader, Some(Leader { node_id: 2, epoch: 0 }));
    }

    #[test]
    fn t20_a_zero_id_says_nothing_about_the_topic() {
        let leader = leader_after(&[(ID, 1, 5), (Uuid::ZERO, 2, 4)]);
        assert_eq!(leader, Some(Leader { node_id: 1, epoch: 5 }));
    }

    #[test]
    fn t19_a_leader_that_is_missing_from_the_brokers_is_no_leader() {
        assert_eq!(leader_after(&[(ID, 7, 5)]), None);
        assert_eq!(leader_after(&[(ID, -1, 5)]), None);
    }

    #[test]
    fn t19_a_topic_without_partitions_is_being_created_and_asked_for_again() {
        let now = test_support::start();
        let mut metadata = metadata();
        let empty = metadata_response(&[1], vec![topic_answer("t", ID, vec![])]);
        metadata.update(&empty, 12, now).unwrap();
        assert_eq!(metadata.topic("t").unwrap().partitions.len(), 0);
        assert_eq!(metadata.due(now), Some(now + 100 * T));
    }

    #[test]
    fn epochs_of_old_brokers_are_not_relied_upon() {
        let mut metadata = metadata();
        metadata.update(&answer(ID, 1, 5), 8, test_support::start()).unwrap();
        metadata.update(&answer(ID, 2, 4), 8, test_support::start()).unwrap();
        let leader = metadata.leader(&TopicPartition::new("t", 0));
        assert_eq!(leader, Some(Leader { node_id: 2, epoch: -1 }));
    }

    #[test]
    fn an_error_for_a_topic_keeps_what_was_known_and_asks_again() {
        let now = test_support::start();
        let mut metadata = metadata();
        metadata.update(&answer(ID, 1, 5), 12, now).unwrap();
        let mut lost = topic_answer("t", Uuid::ZERO, vec![]);
        lost.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        metadata.update(&metadata_response(&[1], vec![lost]), 12, now).unwrap();
        assert_eq!(metadata.topic("t").unwrap().error, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert!(metadata.leader(&TopicPartition::new("t", 0)).is_some());
        assert_eq!(metadata.due(now), Some(now + 100 * T));
    }

    #[test]
    fn is_due_at_once_then_by_age_and_one_at_a_time() {
        let now = test_support::start();
        let mut metadata = metadata();
        assert_eq!(metadata.due(now), Some(now));
        metadata.sent(now);
        assert_eq!(metadata.due(now), None);
        metadata.update(&answer(ID, 1, 5), 12, now).unwrap();
        assert_eq!(metadata.due(now), Some(now + 300_000 * T));
    }

    #[test]
    fn a17_asking_again_waits_longer_while_nothing_changes() {
        let mut now = test_support::start();
        let mut metadata = metadata();
        let mut waits = Vec::new();
        for _ in 0..6 {
            metadata.sent(now);
            metadata.update(&answer(ID, 1, 5), 12, now).unwrap();
            metadata.request_refresh();
            let due = metadata.due(now).unwrap();
            waits.push((due - now).as_millis());
            now = due;
        }
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        metadata.update(&answer(ID, 2, 6), 12, now).unwrap();
        metadata.request_refresh();
        assert_eq!(metadata.due(now), Some(now + 100 * T));
    }

    #[test]
    fn what_is_asked_for_by_age_alone_is_not_in_vain() {
        let mut now = test_support::start();
        let mut metadata = metadata();
        for _ in 0..6 {
            metadata.sent(now);
            metadata.update(&answer(ID, 1, 5), 12, now).unwrap();
            now = metadata.due(now).unwrap();
        }
        metadata.request_refresh();
        assert_eq!(metadata.due(now), Some(now));
        metadata.sent(now);
        metadata.update(&answer(ID, 1, 5), 12, now).unwrap();
        metadata.request_refresh();
        assert_eq!(metadata.due(now), Some(now + 200 * T));
    }

    #[test]
    fn a_topic_that_is_new_does_not_wait_for_what_was_asked_in_vain() {
        let now = test_support::start();
        let mut metadata = metadata();
        for _ in 0..6 {
            metadata.sent(now);
            metadata.update(&answer(ID, 1, 5), 12, now).unwrap();
            metadata.request_refresh();
        }
        assert_eq!(metadata.due(now), Some(now + 1000 * T));
        metadata.request_new_topics();
        assert_eq!(metadata.due(now), Some(now));
    }

    #[test]
    fn an_answer_without_brokers_is_no_answer() {
        let now = test_support::start();
        let mut metadata = metadata();
        metadata.update(&answer(ID, 1, 5), 12, now).unwrap();
        let refused = metadata.update(&metadata_response(&[], vec![]), 12, now);
        assert_eq!(refused, Err(ErrorCode::BROKER_NOT_AVAILABLE));
        assert_eq!(metadata.brokers().count(), 2);
    }

    #[test]
    fn rebootstrap_is_obeyed_and_keeps_epochs() {
        let now = test_support::start();
        let mut metadata = metadata();
        metadata.update(&answer(ID, 1, 5), 13, now).unwrap();
        let mut order = metadata_response(&[1], vec![]);
        order.error_code = ErrorCode::REBOOTSTRAP_REQUIRED;
        assert_eq!(metadata.update(&order, 13, now), Err(ErrorCode::REBOOTSTRAP_REQUIRED));
        assert_eq!(metadata.brokers().count(), 0);
        metadata.update(&answer(ID, 2, 4), 13, now).unwrap();
        let leader = metadata.leader(&TopicPartition::new("t", 0));
        assert_eq!(leader, Some(Leader { node_id: 1, epoch: 5 }));
    }

    #[test]
    fn a_hint_moves_the_leader_only_forward_and_only_to_a_known_place() {
        let mut metadata = metadata();
        metadata.update(&answer(ID, 1, 5), 12, test_support::start()).unwrap();
        let tp = TopicPartition::new("t", 0);
        let revision = metadata.revision();
        assert!(!metadata.update_leader(&tp, Leader { node_id: 2, epoch: 5 }, &[]));
        assert!(!metadata.update_leader(&tp, Leader { node_id: 9, epoch: 6 }, &[]));
        assert!(!metadata.update_leader(&TopicPartition::new("u", 0), Leader { node_id: 2, epoch: 6 }, &[]));
        assert_eq!(metadata.revision(), revision);
        let mut endpoint = NodeEndpoint::default();
        (endpoint.node_id, endpoint.host, endpoint.port) = (9, Str::from("nine"), 9092);
        assert!(metadata.update_leader(&tp, Leader { node_id: 9, epoch: 6 }, &[endpoint]));
        assert_eq!(metadata.leader(&tp), Some(Leader { node_id: 9, epoch: 6 }));
        assert_eq!(metadata.broker(9).unwrap().address.port, 9092);
    }

    #[test]
    fn asks_for_topics_by_name_and_never_for_all() {
        let metadata = metadata();
        let request = metadata.request(&[Str::from("t")]);
        assert_eq!(request.topics.unwrap()[0].name, Some(Str::from("t")));
        assert_eq!(metadata.request(&[]).topics, Some(vec![]));
    }
}
