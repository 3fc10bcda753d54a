//! The two sides: a real Kafka and the embedded broker, with the same settings.

use std::cell::RefCell;
use std::sync::OnceLock;

use milena_broker::Broker;
use milena_protocol::Api;
use milena_testdata::{Kafka, Version};
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

/// The addresses of the real Kafka's brokers.
pub fn kafka() -> &'static [String] {
    static KAFKA: OnceLock<(Kafka, Vec<String>)> = OnceLock::new();
    let (_, addresses) = KAFKA.get_or_init(|| {
        let options = Kafka::options(Version::V4_3_1);
        let options = SETTINGS.iter().fold(options, |options, (name, value)| options.property(name, value));
        let kafka = options.start().unwrap();
        let addresses = vec![kafka.address(0)];
        warm_up(&addresses);
        (kafka, addresses)
    });
    addresses
}

/// The address of the embedded broker.
pub fn embedded() -> &'static [String] {
    static EMBEDDED: OnceLock<(Broker, Vec<String>)> = OnceLock::new();
    let (_, addresses) = EMBEDDED.get_or_init(|| {
        let settings = SETTINGS.iter().chain(LAUNCHER);
        let builder = settings.fold(Broker::builder(), |builder, (name, value)| builder.setting(name, value));
        let broker = builder.start_blocking().unwrap();
        let addresses: Vec<String> = broker.addresses().iter().map(ToString::to_string).collect();
        warm_up(&addresses);
        (broker, addresses)
    });
    addresses
}

/// Waits until every group and every transaction has a coordinator that answers: their topics are created when they are
/// first asked for.
fn warm_up(addresses: &[String]) {
    let side = Side::new("warm-up", addresses);
    let mut connection = side.connect();
    for n in 0..16 {
        let group = format!("warm-up-{n}");
        let key = json!({ "key": group, "keyType": 0 });
        connection.until(Api::FindCoordinator, 1, key, |answer| answer["errorCode"] == 0);
        let group = json!({ "groups": [{ "groupId": group, "topics": null }] });
        connection.until(Api::OffsetFetch, 8, group, |answer| answer["groups"][0]["errorCode"] == 0);
        let key = json!({ "key": format!("warm-up-{n}"), "keyType": 1 });
        connection.until(Api::FindCoordinator, 1, key, |answer| answer["errorCode"] == 0);
        let producer = json!({ "transactionalId": format!("warm-up-{n}"), "transactionTimeoutMs": 1000 });
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

    /// Connects to the first broker.
    pub fn connect(&self) -> Connection<'_> {
        self.connect_as("client")
    }

    pub fn connect_as(&self, client_id: &'static str) -> Connection<'_> {
        Connection::new(self, &self.addresses[0], client_id)
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
