//! The two sides: a real Kafka and the embedded broker, with the same settings.

use std::cell::RefCell;
use std::sync::OnceLock;

use milena_broker::{Broker, Builder};
use milena_protocol::Api;
use milena_testdata::{Kafka, Options, Version};
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::observed::Observed;

/// What is not as it is by default, on both sides.
const SETTINGS: &[(&str, &str)] = &[
    ("group.consumer.max.size", "5"),
    ("group.max.session.timeout.ms", "300000"),
    ("group.max.size", "5"),
    ("log.cleaner.backoff.ms", "100"),
    ("log.segment.bytes", "16777216"),
    ("num.partitions", "2"),
    ("offset.metadata.max.bytes", "100"),
    ("producer.id.expiration.ms", "600000"),
];
/// What the launcher of real brokers sets.
const LAUNCHER: &[(&str, &str)] = &[
    ("group.consumer.heartbeat.interval.ms", "200"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
    ("group.consumer.min.session.timeout.ms", "100"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "100"),
    ("log.retention.ms", "-1"),
    ("offsets.topic.num.partitions", "4"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.num.partitions", "2"),
    ("transaction.state.log.replication.factor", "1"),
];

const RACKS: [&str; 3] = ["a", "b", "c"];
/// Kafka's default is the leader for all.
const SELECTOR: &str = "replica.selector.class";

/// The address of the real Kafka.
pub fn kafka() -> &'static [String] {
    static KAFKA: OnceLock<(Kafka, Vec<String>)> = OnceLock::new();
    &KAFKA.get_or_init(|| start_kafka(Kafka::options(Version::V4_3_1), 1)).1
}

/// The addresses of a real Kafka of three brokers, each in a rack.
pub fn kafka_cluster() -> &'static [String] {
    static KAFKA: OnceLock<(Kafka, Vec<String>)> = OnceLock::new();
    let options = || {
        let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
        Kafka::options(Version::V4_3_1).brokers(3).racks(&RACKS).property(SELECTOR, selector)
    };
    &KAFKA.get_or_init(|| start_kafka(options(), 3)).1
}

fn start_kafka(options: Options, brokers: usize) -> (Kafka, Vec<String>) {
    let options = SETTINGS.iter().fold(options, |options, (name, value)| options.property(name, value));
    let kafka = options.start().unwrap();
    let addresses: Vec<String> = (0..brokers).map(|n| kafka.address(n)).collect();
    warm_up(&addresses);
    (kafka, addresses)
}

/// The address of the embedded broker.
pub fn embedded() -> &'static [String] {
    static EMBEDDED: OnceLock<(Broker, Vec<String>)> = OnceLock::new();
    &EMBEDDED.get_or_init(|| start_embedded(Broker::builder())).1
}

/// The addresses of an embedded cluster of three brokers, each in a rack.
pub fn embedded_cluster() -> &'static [String] {
    static EMBEDDED: OnceLock<(Broker, Vec<String>)> = OnceLock::new();
    &EMBEDDED.get_or_init(|| start_embedded(Broker::builder().brokers(3).racks(RACKS))).1
}

fn start_embedded(builder: Builder) -> (Broker, Vec<String>) {
    let settings = SETTINGS.iter().chain(LAUNCHER);
    let builder = settings.fold(builder, |builder, (name, value)| builder.setting(name, value));
    let broker = builder.start_blocking().unwrap();
    let addresses: Vec<String> = broker.addresses().iter().map(ToString::to_string).collect();
    warm_up(&addresses);
    (broker, addresses)
}

/// Waits until every group and every transaction has a coordinator that answers: their topics are created when they are
/// first asked for.
fn warm_up(addresses: &[String]) {
    let side = Side::new("warm-up", addresses);
    for n in 0..16 {
        let name = format!("warm-up-{n}");
        let group = json!({ "groups": [{ "groupId": name, "topics": null }] });
        let mut connection = side.connect_to(side.coordinator(&name, 0));
        connection.until(Api::OffsetFetch, 8, group, |answer| answer["groups"][0]["errorCode"] == 0);
        let producer = json!({ "transactionalId": name, "transactionTimeoutMs": 1000 });
        let mut connection = side.connect_to(side.coordinator(&name, 1));
        connection.until(Api::InitProducerId, 2, producer, |answer| answer["errorCode"] == 0);
    }
}

/// One side, on which a scenario runs.
pub struct Side {
    scenario: String,
    addresses: Vec<String>,
    observed: RefCell<Observed>,
}

impl Side {
    pub fn new(scenario: &str, addresses: &[String]) -> Self {
        Side { scenario: scenario.to_owned(), addresses: addresses.to_vec(), observed: RefCell::default() }
    }

    pub fn into_lines(self) -> Vec<String> {
        self.observed.into_inner().lines
    }

    /// Connects to a broker.
    pub fn connect_to(&self, node_id: i32) -> Connection<'_> {
        Connection::new(self, &self.addresses[node_id as usize - 1], "client")
    }

    /// Connects to the first broker.
    pub fn connect(&self) -> Connection<'_> {
        self.connect_as("client")
    }

    pub fn connect_as(&self, client_id: &'static str) -> Connection<'_> {
        Connection::new(self, &self.addresses[0], client_id)
    }

    /// The broker that coordinates a group (type 0), or transactions (type 1).
    pub fn coordinator(&self, key: &str, key_type: i8) -> i32 {
        let asked = json!({ "key": key, "keyType": key_type });
        let answer = self.connect().until(Api::FindCoordinator, 3, asked, |answer| answer["errorCode"] == 0);
        answer["nodeId"].as_i64().unwrap() as i32
    }

    /// Writes an answer down.
    pub fn observe(&self, title: &str, answer: &Value) {
        self.observed.borrow_mut().answer(title, answer);
    }

    /// Writes down what comes next.
    pub fn note(&self, line: impl Into<String>) {
        self.observed.borrow_mut().note(line);
    }

    /// A name for a topic, a group or anything else that no other scenario has.
    pub fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.scenario)
    }

    /// Creates a topic, and waits until it can be used. Gives back its name.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        self.topic_with(name, partitions, &[])
    }

    pub fn topic_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> String {
        let (name, mut connection) = (self.name(name), self.connect());
        let configs: Vec<Value> =
            settings.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let topic = json!({
            "name": name, "numPartitions": partitions, "replicationFactor": 1, "configs": configs,
        });
        let answer =
            connection.ask_quietly(Api::CreateTopics, 7, json!({ "topics": [topic], "timeoutMs": 60000 }));
        assert_eq!(answer["topics"][0]["errorCode"], 0, "{answer}");
        self.wait_for_topic(&name, partitions);
        name
    }

    /// Waits until a topic can be used.
    pub fn wait_for_topic(&self, name: &str, partitions: i32) {
        let mut connection = self.connect();
        let asked: Vec<Value> =
            (0..partitions).map(|n| json!({ "partitionIndex": n, "timestamp": -1 })).collect();
        let asked = json!({ "replicaId": -1, "topics": [{ "name": name, "partitions": asked }] });
        connection.until(Api::ListOffsets, 5, asked, |answer| {
            let partitions = answer["topics"][0]["partitions"].as_array().unwrap();
            partitions.iter().all(|partition| partition["errorCode"] == 0)
        });
    }

    /// The id of a topic.
    pub fn topic_id(&self, name: &str) -> Value {
        let asked = json!({ "topics": [{ "name": name }], "allowAutoTopicCreation": false });
        let answer =
            self.connect().until(Api::Metadata, 12, asked, |answer| answer["topics"][0]["errorCode"] == 0);
        answer["topics"][0]["topicId"].clone()
    }
}
