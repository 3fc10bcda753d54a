//! A cluster under a virtual clock, for tests.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use milena_protocol::messages::fetch::{FetchPartition, FetchTopic};
use milena_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use milena_protocol::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse};
use milena_protocol::records::{BatchBuilder, Batches};
use milena_protocol::{Request, RequestMessage, ResponseBody, Str};

use super::Core;
use super::catalog::BrokerNode;
use super::io::{Action, ConnectionId, Event};
use crate::settings::Settings;

/// The time of day when a test begins.
pub const NOON: i64 = 1_700_000_000_000;

/// A cluster and its clients.
pub struct Sim {
    pub core: Core,
    pub now: Instant,
    start: Instant,
    /// What has come, by connection; `None` for a request without an answer.
    answers: BTreeMap<ConnectionId, VecDeque<Option<ResponseBody>>>,
    pub closed: Vec<ConnectionId>,
    /// Answers of which only the first bytes were to be sent.
    pub cut: Vec<(ResponseBody, usize)>,
    next_connection: u64,
    next_correlation: i32,
}

impl Sim {
    /// With one broker, number 1.
    pub fn new(settings: &[(&str, &str)]) -> Self {
        Sim::with_brokers(&[None], settings)
    }

    /// With brokers in these racks, numbered from 1 on.
    pub fn with_brokers(racks: &[Option<&str>], settings: &[(&str, &str)]) -> Self {
        let mut all = Settings::default();
        for (name, value) in settings {
            all.set(name, value).unwrap();
        }
        let now = Instant::now();
        let broker = |(n, rack): (usize, &Option<&str>)| {
            BrokerNode::new(n as i32 + 1, "localhost", 9092 + n as u16, *rack)
        };
        Sim {
            core: Core::new(all, "test-cluster", racks.iter().enumerate().map(broker), 1, now, NOON),
            now,
            start: now,
            answers: BTreeMap::new(),
            closed: Vec::new(),
            cut: Vec::new(),
            next_connection: 0,
            next_correlation: 0,
        }
    }

    /// Creates a topic.
    pub fn topic(&mut self, name: &str, partitions: usize, settings: &[(&str, &str)]) {
        let replicas = self.core.catalog().brokers().count();
        self.core.create_topic(name, Some(partitions), Some(replicas), settings, self.now).unwrap();
    }

    /// A client connects.
    pub fn connect(&mut self, node_id: i32) -> ConnectionId {
        self.next_connection += 1;
        let connection = ConnectionId(self.next_connection);
        let client_host = "127.0.0.1".to_owned();
        self.core.handle(Event::Connected { connection, node_id, client_host }, self.now);
        self.run();
        connection
    }

    /// Sends a request, and does not wait.
    pub fn send<M: RequestMessage>(&mut self, connection: ConnectionId, version: i16, message: M) {
        self.next_correlation += 1;
        let client = Some(Str::from_static("test"));
        let request = Box::new(Request::new(message, version, self.next_correlation, client));
        self.core.handle(Event::Received { connection, request }, self.now);
        self.run();
    }

    /// The next answer on a connection, if it has come.
    pub fn answer<M>(&mut self, connection: ConnectionId) -> Option<M>
    where
        M: TryFromBody,
    {
        let answer = self.answers.get_mut(&connection)?.pop_front()?;
        Some(M::try_from_body(answer.expect("this request has an answer")))
    }

    /// Whether a request on a connection turned out to have no answer.
    pub fn skipped(&mut self, connection: ConnectionId) -> bool {
        let answers = self.answers.get_mut(&connection);
        matches!(answers.and_then(VecDeque::pop_front), Some(None))
    }

    /// Sends a request, and waits for its answer as long as it takes.
    pub fn ask<M: RequestMessage>(
        &mut self,
        connection: ConnectionId,
        version: i16,
        message: M,
    ) -> M::Response
    where
        M::Response: TryFromBody,
    {
        self.send(connection, version, message);
        loop {
            let deadline = self.run();
            if let Some(answer) = self.answer(connection) {
                return answer;
            }
            self.now = self.now.max(deadline.expect("something will happen"));
        }
    }

    /// Time passes.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(deadline) = self.run().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
        }
        self.now = until;
        self.run();
    }

    /// The milliseconds since the test began.
    pub fn elapsed_ms(&self) -> u128 {
        (self.now - self.start).as_millis()
    }

    /// Does what the core says, until it says to wait.
    pub fn run(&mut self) -> Option<Instant> {
        loop {
            match self.core.poll(self.now) {
                Action::Send { connection, response } => {
                    let encoded = response.encode(&mut BytesMut::new());
                    encoded.unwrap_or_else(|error| panic!("{error}: {response:?}"));
                    self.answers.entry(connection).or_default().push_back(Some(response.body));
                }
                Action::Skip { connection } => {
                    self.answers.entry(connection).or_default().push_back(None);
                }
                Action::Close { connection } => self.closed.push(connection),
                Action::SendCut { connection, response, bytes } => {
                    self.cut.push((response.body, bytes));
                    self.closed.push(connection);
                }
                Action::Wait(deadline) => return deadline,
                Action::Listen { .. } | Action::Unlisten { .. } => {}
            }
        }
    }

    /// Writes values to a partition of a topic, and gives back the answer for it.
    pub fn produce(
        &mut self,
        connection: ConnectionId,
        topic: &str,
        partition: i32,
        records: Bytes,
    ) -> milena_protocol::messages::produce::PartitionProduceResponse {
        let request = produce_request(topic, partition, records, -1);
        let response: ProduceResponse = self.ask(connection, 9, request);
        response.responses[0].partition_responses[0].clone()
    }
}

/// A Produce request for one partition.
pub fn produce_request(topic: &str, partition: i32, records: Bytes, acks: i16) -> ProduceRequest {
    let mut data = PartitionProduceData::default();
    (data.index, data.records) = (partition, Some(records));
    let mut topic_data = TopicProduceData::default();
    (topic_data.name, topic_data.partition_data) = (topic.into(), vec![data]);
    let mut request = ProduceRequest::default();
    (request.acks, request.timeout_ms, request.topic_data) = (acks, 1000, vec![topic_data]);
    request
}

/// A Fetch request without a session, that waits for half a second.
pub fn fetch_request(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    let mut asked = FetchPartition::default();
    (asked.partition, asked.fetch_offset, asked.partition_max_bytes) = (partition, offset, 1 << 20);
    let mut asked_topic = FetchTopic::default();
    (asked_topic.topic, asked_topic.partitions) = (topic.into(), vec![asked]);
    let mut request = FetchRequest::default();
    (request.max_wait_ms, request.min_bytes, request.max_bytes) = (500, 1, 50 << 20);
    request.topics = vec![asked_topic];
    request
}

/// A batch of these values.
pub fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(NOON, Some(b"key"), Some(value.as_bytes()), &[]).unwrap();
    }
    builder.build()
}

/// The values of the first partition in an answer.
pub fn values(response: &FetchResponse) -> Vec<String> {
    let records = response.responses[0].partitions[0].records.clone().unwrap();
    let mut decompressor = milena_protocol::records::Decompressor::new();
    let mut values = Vec::new();
    for batch in Batches::new(&records) {
        for record in batch.unwrap().records(&mut decompressor).unwrap() {
            values.push(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
        }
    }
    values
}

/// An answer of the kind that was expected.
pub trait TryFromBody {
    fn try_from_body(body: ResponseBody) -> Self;
}

macro_rules! bodies {
    ($($api:ident $response:ident,)*) => {
        $(
            impl TryFromBody for milena_protocol::messages::$response {
                fn try_from_body(body: ResponseBody) -> Self {
                    match body {
                        ResponseBody::$api(body) => body,
                        other => panic!("not what was asked for: {other:?}"),
                    }
                }
            }
        )*
    };
}

bodies! {
    Produce ProduceResponse,
    Fetch FetchResponse,
    ListOffsets ListOffsetsResponse,
    Metadata MetadataResponse,
    FindCoordinator FindCoordinatorResponse,
    ApiVersions ApiVersionsResponse,
    CreateTopics CreateTopicsResponse,
    DeleteTopics DeleteTopicsResponse,
    DeleteRecords DeleteRecordsResponse,
    InitProducerId InitProducerIdResponse,
    OffsetForLeaderEpoch OffsetForLeaderEpochResponse,
    AddPartitionsToTxn AddPartitionsToTxnResponse,
    AddOffsetsToTxn AddOffsetsToTxnResponse,
    EndTxn EndTxnResponse,
    TxnOffsetCommit TxnOffsetCommitResponse,
    OffsetFetch OffsetFetchResponse,
    DescribeConfigs DescribeConfigsResponse,
    IncrementalAlterConfigs IncrementalAlterConfigsResponse,
    CreatePartitions CreatePartitionsResponse,
    DescribeCluster DescribeClusterResponse,
    DescribeTopicPartitions DescribeTopicPartitionsResponse,
    JoinGroup JoinGroupResponse,
    SyncGroup SyncGroupResponse,
    Heartbeat HeartbeatResponse,
    OffsetCommit OffsetCommitResponse,
}
