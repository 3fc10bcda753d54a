//! The cluster of the stories, as a real Kafka.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use milena_testdata::{Kafka, Tools, Version};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const RECORDS: &str = "org.apache.kafka.tools.DeleteRecordsCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
const RACK_AWARE: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// What stories about time have for a second. Where a JVM shares the machine it has to be a whole one.
pub const SECOND: Duration = Duration::from_secs(1);

/// A running Kafka. What it can do that only Kafka can is on [`Tools`].
pub struct Cluster(Kafka);

impl Deref for Cluster {
    type Target = Tools;

    fn deref(&self) -> &Tools {
        &self.0
    }
}

impl From<Kafka> for Cluster {
    fn from(kafka: Kafka) -> Self {
        Cluster(kafka)
    }
}

impl Cluster {
    /// One broker, for stories that leave it as it is: the same for all of them, as a Kafka takes its time to start.
    pub fn shared() -> Arc<Cluster> {
        static SHARED: OnceLock<Arc<Cluster>> = OnceLock::new();
        SHARED.get_or_init(|| Arc::new(Cluster::start())).clone()
    }

    /// The same, and a group there has a setting of its own, by Kafka's name for groups.
    pub fn shared_with(group: &str, setting: &str, value: Duration) -> Arc<Cluster> {
        let cluster = Cluster::shared();
        let setting = format!("{setting}={}", value.as_millis());
        let whose = ["--entity-type", "groups", "--entity-name", group];
        let arguments = [&["--alter"][..], &whose, &["--add-config", &setting]].concat();
        cluster.tool(CONFIGS, &arguments).unwrap();
        cluster
    }

    /// One broker for one story.
    pub fn start() -> Cluster {
        Cluster::options().start()
    }

    /// One broker whose groups are classic ones only.
    pub fn without_consumer_protocol() -> Cluster {
        let options = Kafka::options(Version::V3_9_2);
        Options(options.property("group.coordinator.rebalance.protocols", "classic")).start()
    }

    pub fn options() -> Options {
        Options(Kafka::options(Version::V4_3_1))
    }

    /// Where the n-th broker listens, from 0; its node id is one more.
    pub fn address(&self, n: usize) -> String {
        self.0.address(n)
    }

    pub fn create_topic(&self, topic: &str, partitions: u32) {
        self.0.create_topic(topic, partitions).unwrap();
    }

    /// A topic of one partition, with replicas on these nodes; the first of them leads.
    pub fn create_topic_on(&self, topic: &str, nodes: &[i32]) {
        let nodes = nodes.iter().map(i32::to_string).collect::<Vec<_>>().join(":");
        self.tool(TOPICS, &["--create", "--topic", topic, "--replica-assignment", &nodes]).unwrap();
    }

    pub fn delete_topic(&self, topic: &str) {
        self.tool(TOPICS, &["--delete", "--topic", topic]).unwrap();
    }

    /// Whether there is such a topic.
    pub fn has_topic(&self, topic: &str) -> bool {
        self.tool(TOPICS, &["--list"]).unwrap().lines().any(|listed| listed == topic)
    }

    /// From now on it has so many.
    pub fn add_partitions(&self, topic: &str, partitions: u32) {
        let partitions = partitions.to_string();
        self.tool(TOPICS, &["--alter", "--topic", topic, "--partitions", &partitions]).unwrap();
    }

    /// See [`Tools::fill`].
    pub fn fill(&self, topic: &str, records: u64) {
        self.0.fill(topic, records).unwrap();
    }

    /// See [`Tools::fill_with`].
    pub fn fill_with(&self, topic: &str, records: u64, value_bytes: usize, compressions: &[&str]) {
        self.0.fill_with(topic, records, value_bytes, compressions).unwrap();
    }

    /// See [`Tools::fill_typed`].
    pub fn fill_typed(&self, topic: &str) {
        self.0.fill_typed(topic).unwrap();
    }

    /// See [`Tools::transaction`].
    pub fn transaction(&self, id: &str, topic: &str, partition: i32, records: u32, end: &str) {
        self.0.transaction(id, topic, partition, records, end).unwrap();
    }

    /// See [`Tools::transact`].
    pub fn transact(&self, topic: &str, transactions: &[(&str, u64)]) {
        self.0.transact(topic, transactions).unwrap();
    }

    /// Takes away what is below an offset.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("offsets.json");
        let place = format!(r#"{{"topic":"{topic}","partition":{partition},"offset":{offset}}}"#);
        std::fs::write(&file, format!(r#"{{"partitions":[{place}],"version":1}}"#)).unwrap();
        self.tool(RECORDS, &["--offset-json-file", &file.display().to_string()]).unwrap();
    }

    /// The offsets that a group has committed, in the order of the partitions; `None` where it has members and no offset.
    pub fn committed(&self, group: &str) -> Vec<Option<i64>> {
        self.group_offsets(group).unwrap().iter().map(|offset| offset.committed).collect()
    }

    /// Whether there is such a group.
    pub fn has_group(&self, group: &str) -> bool {
        self.tool(GROUPS, &["--list"]).unwrap().lines().any(|listed| listed == group)
    }

    /// How many members a group has.
    pub fn members(&self, group: &str) -> usize {
        self.0.members(group).unwrap()
    }

    /// Stops the n-th broker in an orderly way: what it leads moves first.
    pub fn stop_broker(&mut self, n: usize) {
        self.0.stop_broker(n).unwrap();
    }

    /// Ends the n-th broker at once; the others have to notice.
    pub fn kill_broker(&mut self, n: usize) {
        self.0.kill_broker(n).unwrap();
    }

    /// Starts the n-th broker again, on the same port with the same data.
    pub fn start_broker(&mut self, n: usize) {
        self.0.start_broker(n).unwrap();
    }

    /// Halts the n-th broker: its connections stay open, and nothing is answered on them.
    pub fn freeze_broker(&mut self, n: usize) {
        self.0.freeze_broker(n).unwrap();
    }

    /// Lets a frozen broker go on.
    pub fn thaw_broker(&mut self, n: usize) {
        self.0.thaw_broker(n).unwrap();
    }

    /// Something comes after so much time, and need not be waited for where time can be made to pass. A real Kafka takes its
    /// time.
    pub fn hurry(&self, _time: Duration) {}

    /// What is written to this topic from now on gets lost with its leader; its replicas are on nodes 1 and 2, and node 1
    /// leads.
    pub fn stop_replicating(&mut self, _topic: &str) {
        self.freeze_broker(1);
    }

    /// Its leader dies, and the other replica leads, without what it has not got.
    pub fn lose_leader(&mut self, _topic: &str) {
        self.kill_broker(0);
        self.thaw_broker(1);
    }
}

/// What a cluster is to be like.
pub struct Options(milena_testdata::Options);

impl Options {
    /// How many brokers; 1 unless said otherwise.
    pub fn brokers(self, brokers: usize) -> Self {
        Options(self.0.brokers(brokers))
    }

    /// Where each broker is. Consumers read from the replica that is near them, and a broker that is halted stays the leader.
    pub fn racks(self, racks: &[&str]) -> Self {
        let options = self.0.racks(racks).property("replica.selector.class", RACK_AWARE);
        let options = options.property("broker.session.timeout.ms", "90000");
        Options(options.property("replica.lag.time.max.ms", "120000"))
    }

    /// A replica may lead without having all records.
    pub fn unclean_elections(self) -> Self {
        let options = self.0.property("replica.lag.time.max.ms", "2000");
        Options(options.property("unclean.leader.election.enable", "true"))
    }

    pub fn start(self) -> Cluster {
        Cluster(self.0.start().unwrap())
    }
}
