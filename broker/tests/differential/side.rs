//! The two sides: a real Kafka and the embedded broker, with the same settings.

use std::cell::RefCell;
use std::sync::OnceLock;

use milena_broker::{Broker, Builder, Control};
use milena_protocol::Api;
use milena_testdata::{Kafka, Options, Version};
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::moving;
use crate::observed::Observed;

/// What is not as it is by default, on both sides.
const SETTINGS: &[(&str, &str)] = &[
    ("group.consumer.max.size", "5"),
    ("group.max.session.timeout.ms", "300000"),
    ("group.max.size", "5"),
    ("log.cleaner.backoff.ms", "100"),
    ("log.retention.check.interval.ms", "200"),
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
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.num.partitions", "2"),
    ("transaction.state.log.replication.factor", "1"),
];

/// What only a real Kafka waits for: half a minute, before it looks at retention for the first time.
const PATIENCE: (&str, &str) = ("log.initial.task.delay.ms", "0");

/// What is only so where there are three brokers.
const CLUSTER: &[(&str, &str)] = &[("auto.create.topics.enable", "false"), ("delete.topic.enable", "false")];
const RACKS: [&str; 3] = ["a", "b", "c"];
/// Kafka's default is the leader for all.
const SELECTOR: &str = "replica.selector.class";

/// One that runs, until the tests end.
pub struct Cluster {
    pub addresses: Vec<String>,
    /// For what there is no request that milena has.
    control: Option<Control>,
    _kafka: Option<Kafka>,
    _embedded: Option<Broker>,
}

/// The real Kafka.
pub fn kafka() -> &'static Cluster {
    static KAFKA: OnceLock<Cluster> = OnceLock::new();
    KAFKA.get_or_init(|| start_kafka(Kafka::options(Version::V4_3_1), 1))
}

/// A real Kafka of three brokers, each in a rack.
pub fn kafka_cluster() -> &'static Cluster {
    static KAFKA: OnceLock<Cluster> = OnceLock::new();
    KAFKA.get_or_init(|| {
        let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
        let options = Kafka::options(Version::V4_3_1).brokers(3).racks(&RACKS).property(SELECTOR, selector);
        let settings = CLUSTER.iter();
        start_kafka(settings.fold(options, |options, (name, value)| options.property(name, value)), 3)
    })
}

fn start_kafka(options: Options, brokers: usize) -> Cluster {
    let options = SETTINGS
        .iter()
        .chain([&PATIENCE])
        .fold(options, |options, (name, value)| options.property(name, value));
    let kafka = options.start().unwrap();
    let addresses: Vec<String> = (0..brokers).map(|n| kafka.address(n)).collect();
    let cluster = Cluster { addresses, control: None, _kafka: Some(kafka), _embedded: None };
    warm_up(&cluster);
    cluster
}

/// The embedded broker.
pub fn embedded() -> &'static Cluster {
    static EMBEDDED: OnceLock<Cluster> = OnceLock::new();
    EMBEDDED.get_or_init(|| start_embedded(Broker::builder()))
}

/// An embedded cluster of three brokers, each in a rack.
pub fn embedded_cluster() -> &'static Cluster {
    static EMBEDDED: OnceLock<Cluster> = OnceLock::new();
    EMBEDDED.get_or_init(|| {
        let builder = Broker::builder().brokers(3).racks(RACKS);
        start_embedded(CLUSTER.iter().fold(builder, |builder, (name, value)| builder.setting(name, value)))
    })
}

fn start_embedded(builder: Builder) -> Cluster {
    let settings = SETTINGS.iter().chain(LAUNCHER);
    let builder = settings.fold(builder, |builder, (name, value)| builder.setting(name, value));
    let broker = builder.start_blocking().unwrap();
    let addresses: Vec<String> = broker.addresses().iter().map(ToString::to_string).collect();
    let control = Some(broker.control());
    let cluster = Cluster { addresses, control, _kafka: None, _embedded: Some(broker) };
    warm_up(&cluster);
    cluster
}

/// Waits until every group and every transaction has a coordinator that answers: their topics are created when they are
/// first asked for.
fn warm_up(cluster: &Cluster) {
    let side = Side::new("warm-up", cluster);
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
    control: Option<Control>,
    observed: RefCell<Observed>,
}

impl Side {
    pub fn new(scenario: &str, cluster: &Cluster) -> Self {
        let (addresses, control) = (cluster.addresses.clone(), cluster.control.clone());
        Side { scenario: scenario.to_owned(), addresses, control, observed: RefCell::default() }
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

    /// Lets another of the replicas of a partition lead, and waits until all brokers know.
    pub fn move_leader(&self, topic: &str, partition: i32, replicas: &[i32]) {
        match &self.control {
            Some(control) => control.move_leader(topic, partition, replicas[0]).unwrap(),
            None => moving::prefer(self, topic, partition, replicas),
        }
        for node_id in 1..=3 {
            let asked = json!({ "topics": [{ "name": topic }], "allowAutoTopicCreation": false });
            self.connect_to(node_id).until(Api::Metadata, 12, asked, |answer| {
                let partitions = answer["topics"][0]["partitions"].as_array().unwrap();
                partitions
                    .iter()
                    .any(|known| known["partitionIndex"] == partition && known["leaderId"] == replicas[0])
            });
        }
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
