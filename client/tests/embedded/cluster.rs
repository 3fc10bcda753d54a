//! The cluster of the stories, as the embedded broker.

use std::sync::Arc;
use std::time::Duration;

use milena_broker::{Broker, Builder, Control};
use milena_protocol::messages::create_topics::{CreatableReplicaAssignment, CreatableTopic};
use milena_protocol::messages::delete_topics::DeleteTopicState;
use milena_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest};
use milena_protocol::{Api, ErrorCode, Str};

use crate::wire::{answer, ask};

const CREATE_TOPICS: i16 = 7;
const DELETE_TOPICS: i16 = 6;

/// What stories about time have for a second: long enough for a busy machine to send a few heartbeats.
pub const SECOND: Duration = Duration::from_millis(400);

/// Some brokers in this process.
pub struct Cluster {
    broker: Broker,
    control: Control,
    /// Where the log of a topic is to be cut, when its leader is lost.
    cut_at: Option<i64>,
}

impl Cluster {
    /// One broker, for stories that leave it as it is: a new one each time, as it is there at once.
    pub fn shared() -> Arc<Cluster> {
        Arc::new(Cluster::start())
    }

    /// The same, and a group there has a setting of its own, by Kafka's name for groups.
    pub fn shared_with(_group: &str, setting: &str, value: Duration) -> Arc<Cluster> {
        // Groups have no settings of their own here, and on this broker there is no other group.
        let options = Cluster::options();
        let setting = format!("group.{setting}");
        Arc::new(Options(options.0.setting(&setting, value.as_millis())).start())
    }

    /// One broker for one story.
    pub fn start() -> Cluster {
        Cluster::options().start()
    }

    /// One broker whose groups are classic ones only.
    pub fn without_consumer_protocol() -> Cluster {
        let cluster = Cluster::start();
        cluster.control.hide_api(Api::ConsumerGroupHeartbeat).unwrap();
        cluster
    }

    pub fn options() -> Options {
        let settings = [
            ("group.min.session.timeout.ms", 100),
            ("group.consumer.min.session.timeout.ms", 100),
            ("group.consumer.min.heartbeat.interval.ms", 100),
            ("group.consumer.heartbeat.interval.ms", 100),
            ("group.consumer.assignment.interval.ms", 0),
        ];
        let builder = Broker::builder();
        Options(settings.into_iter().fold(builder, |builder, (name, value)| builder.setting(name, value)))
    }

    /// The addresses of all brokers, as `bootstrap.servers` takes them.
    pub fn bootstrap(&self) -> String {
        self.broker.bootstrap_servers()
    }

    /// Where the n-th broker listens, from 0; its node id is one more.
    pub fn address(&self, n: usize) -> String {
        self.broker.addresses()[n].to_string()
    }

    pub fn create_topic(&self, topic: &str, partitions: u32) {
        let mut new = CreatableTopic::default();
        new.num_partitions = partitions as i32;
        new.replication_factor = self.broker.addresses().len().min(3) as i16;
        self.create(topic, new);
    }

    /// A topic of one partition, with replicas on these nodes; the first of them leads.
    pub fn create_topic_on(&self, topic: &str, nodes: &[i32]) {
        let mut replicas = CreatableReplicaAssignment::default();
        replicas.broker_ids = nodes.to_vec();
        let mut new = CreatableTopic::default();
        (new.num_partitions, new.replication_factor, new.assignments) = (-1, -1, vec![replicas]);
        self.create(topic, new);
    }

    fn create(&self, name: &str, mut topic: CreatableTopic) {
        topic.name = Str::from(name);
        let mut request = CreateTopicsRequest::default();
        (request.topics, request.timeout_ms) = (vec![topic], 30_000);
        let response = answer!(CreateTopics, ask(&self.address(0), CREATE_TOPICS, request));
        assert_eq!(response.topics[0].error_code, ErrorCode::NONE, "{:?}", response.topics[0]);
    }

    pub fn delete_topic(&self, topic: &str) {
        let mut state = DeleteTopicState::default();
        state.name = Some(Str::from(topic));
        let mut request = DeleteTopicsRequest::default();
        (request.topics, request.timeout_ms) = (vec![state], 30_000);
        let response = answer!(DeleteTopics, ask(&self.address(0), DELETE_TOPICS, request));
        assert_eq!(response.responses[0].error_code, ErrorCode::NONE, "{:?}", response.responses[0]);
    }

    /// Whether there is such a topic.
    pub fn has_topic(&self, topic: &str) -> bool {
        self.partitions(topic) > 0
    }

    /// From now on it has so many.
    pub fn add_partitions(&self, topic: &str, partitions: u32) {
        let more = u64::from(partitions) - self.partitions(topic);
        self.control.add_partitions(topic, more as usize).unwrap();
    }

    /// Takes away what is below an offset.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        self.control.trim(topic, partition, offset).unwrap();
    }

    /// The offsets that a group has committed, in the order of the partitions.
    pub fn committed(&self, group: &str) -> Vec<Option<i64>> {
        self.control.committed(group).unwrap().into_values().map(Some).collect()
    }

    /// Whether there is such a group.
    pub fn has_group(&self, group: &str) -> bool {
        self.control.group_state(group).unwrap().is_some()
    }

    /// How many members a group has.
    pub fn members(&self, group: &str) -> usize {
        self.control.group_members(group).unwrap().len()
    }

    /// Stops the n-th broker in an orderly way: what it leads moves first.
    pub fn stop_broker(&mut self, n: usize) {
        self.control.stop_broker(node_id(n)).unwrap();
    }

    /// The same: nobody has to notice anything here.
    pub fn kill_broker(&mut self, n: usize) {
        self.stop_broker(n);
    }

    /// Starts the n-th broker again, on the same port with the same data.
    pub fn start_broker(&mut self, n: usize) {
        self.control.start_broker(node_id(n)).unwrap();
    }

    /// Halts the n-th broker: its connections stay open, and nothing is answered on them.
    pub fn freeze_broker(&mut self, n: usize) {
        self.control.freeze_broker(node_id(n)).unwrap();
    }

    /// Lets a frozen broker go on.
    pub fn thaw_broker(&mut self, n: usize) {
        self.control.thaw_broker(node_id(n)).unwrap();
    }

    /// Something comes after so much time, and need not be waited for: it passes at once.
    pub fn hurry(&self, time: Duration) {
        self.control.advance_time(time).unwrap();
    }

    /// What is written to this topic from now on gets lost with its leader; its replicas are on nodes 1 and 2, and node 1
    /// leads.
    pub fn stop_replicating(&mut self, topic: &str) {
        self.cut_at = Some(self.control.log_end_offset(topic, 0).unwrap());
    }

    /// Its leader dies, and the other replica leads, without what it has not got.
    pub fn lose_leader(&mut self, topic: &str) {
        self.kill_broker(0);
        let end_offset = self.cut_at.take().expect("it has stopped to replicate");
        self.control.truncate(topic, 0, end_offset).unwrap();
    }

    /// How many partitions a topic has.
    pub fn partitions(&self, topic: &str) -> u64 {
        (0..).take_while(|partition| self.control.leader(topic, *partition).is_ok()).count() as u64
    }

    /// Where the leader of a partition listens.
    pub fn leader(&self, topic: &str, partition: i32) -> String {
        let (leader, _) = self.control.leader(topic, partition).unwrap();
        let leader = leader.expect("one of its replicas runs");
        self.address(leader as usize - 1)
    }
}

fn node_id(n: usize) -> i32 {
    n as i32 + 1
}

/// What a cluster is to be like.
pub struct Options(Builder);

impl Options {
    /// How many brokers; 1 unless said otherwise.
    pub fn brokers(self, brokers: usize) -> Self {
        Options(self.0.brokers(brokers))
    }

    /// Where each broker is. Consumers read from the replica that is near them, and a broker that is halted stays the leader.
    pub fn racks(self, racks: &[&str]) -> Self {
        Options(self.0.racks(racks.iter().copied()))
    }

    /// A replica may lead without having all records.
    pub fn unclean_elections(self) -> Self {
        Options(self.0.setting("unclean.leader.election.enable", true))
    }

    pub fn start(self) -> Cluster {
        let broker = self.0.start_blocking().unwrap();
        Cluster { control: broker.control(), broker, cut_at: None }
    }
}
