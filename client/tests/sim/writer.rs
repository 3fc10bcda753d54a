//! A little producer without any wits: it writes one batch at a time to whoever leads the partition, until it is told that
//! the batch is there. A retry may make duplicates.

use std::time::{Duration, Instant};

use milena_broker::core::Core as Broker;
use milena_client::TopicPartition;
use milena_client::core::connection::ConnectionId as ClientEnd;
use milena_protocol::messages::ProduceRequest;
use milena_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use milena_protocol::records::{BatchBuilder, Compression};
use milena_protocol::{Request, Response, ResponseBody};

use crate::checks::Value;
use crate::clock::NOON;
use crate::network::ClientId;
use crate::rng::Rng;

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_millis(2_000);
const RETRY: Duration = Duration::from_millis(100);
pub const VERSION: i16 = 9;

/// What it wants done.
#[derive(Debug)]
pub enum Wish {
    Connect(ClientEnd, i32),
    Send(ClientEnd, Box<Request>),
    Close(ClientEnd),
}

#[derive(Debug)]
pub struct Writer {
    pub id: ClientId,
    rng: Rng,
    every_ms: u64,
    last_value: Value,
    /// What has to be written.
    batch: Option<(TopicPartition, bytes::Bytes)>,
    connection: Option<(ClientEnd, i32)>,
    is_connected: bool,
    last_end: u64,
    is_asking: bool,
    pub wakes_at: Instant,
    /// Partitions that are to get one more record, whatever happens.
    last_words: Vec<TopicPartition>,
    is_ending: bool,
}

impl Writer {
    pub fn new(id: ClientId, rng: Rng, every_ms: u64, now: Instant) -> Self {
        Writer {
            id,
            rng,
            every_ms,
            last_value: (id as u64) << 32,
            batch: None,
            connection: None,
            is_connected: false,
            last_end: 0,
            is_asking: false,
            wakes_at: now,
            last_words: Vec::new(),
            is_ending: false,
        }
    }

    /// It writes one more record to each of these partitions, and then no more.
    pub fn end(&mut self, partitions: Vec<TopicPartition>, now: Instant) {
        (self.is_ending, self.last_words) = (true, partitions);
        self.wakes_at = now;
    }

    pub fn is_done(&self) -> bool {
        self.is_ending && self.last_words.is_empty() && self.batch.is_none()
    }

    /// It is time for the next batch, or too late for an answer.
    pub fn woken(&mut self, broker: &Broker, now: Instant) -> Vec<Wish> {
        let mut wishes = Vec::new();
        if self.is_asking {
            // The answer has not come.
            wishes.extend(self.disconnect());
        }
        if self.batch.is_none() {
            self.batch = self.next_batch(broker);
        }
        let Some((partition, records)) = &self.batch else {
            self.wakes_at = now + Duration::from_secs(3600);
            return wishes;
        };
        let leader = broker.leader(&partition.topic, partition.partition).ok().and_then(|(leader, _)| leader);
        let Some(leader) = leader else {
            self.wakes_at = now + RETRY;
            return wishes;
        };
        self.wakes_at = now + PATIENCE;
        match self.connection {
            Some((end, node)) if node == leader && self.is_connected => {
                self.is_asking = true;
                let request = Box::new(produce(partition, records.clone()));
                wishes.push(Wish::Send(end, request));
            }
            Some((_, node)) if node == leader => {}
            _ => {
                wishes.extend(self.disconnect());
                self.last_end += 1;
                let end = ClientEnd(self.last_end);
                self.connection = Some((end, leader));
                wishes.push(Wish::Connect(end, leader));
            }
        }
        wishes
    }

    pub fn connected(&mut self, end: ClientEnd, now: Instant) {
        if self.connection.is_some_and(|(current, _)| current == end) {
            self.is_connected = true;
            self.wakes_at = now;
        }
    }

    pub fn lost(&mut self, end: ClientEnd, now: Instant) {
        if self.connection.is_some_and(|(current, _)| current == end) {
            (self.connection, self.is_connected, self.is_asking) = (None, false, false);
            self.wakes_at = now + RETRY;
        }
    }

    pub fn received(&mut self, end: ClientEnd, response: &Response, now: Instant) {
        let ResponseBody::Produce(answer) = &response.body else { return };
        if self.connection.is_none_or(|(current, _)| current != end) {
            return;
        }
        self.is_asking = false;
        let answer = &answer.responses[0].partition_responses[0];
        if answer.error_code.is_none() {
            self.batch = None;
            self.wakes_at = if self.is_ending { now } else { now + self.rng.millis(1..=self.every_ms) };
        } else {
            self.wakes_at = now + RETRY;
        }
    }

    fn disconnect(&mut self) -> Option<Wish> {
        (self.is_connected, self.is_asking) = (false, false);
        self.connection.take().map(|(end, _)| Wish::Close(end))
    }

    fn next_batch(&mut self, broker: &Broker) -> Option<(TopicPartition, bytes::Bytes)> {
        if self.is_ending {
            let partition = self.last_words.pop()?;
            let records = self.records(1);
            return Some((partition, records));
        }
        let topics: Vec<_> = broker.catalog().topics().filter(|topic| !topic.is_internal).collect();
        let topic = self.rng.pick(&topics);
        let partition = TopicPartition::new(&topic.name, self.rng.below(topic.partitions.len()) as i32);
        let count = self.rng.within(1..=8);
        let records = self.records(count);
        Some((partition, records))
    }

    fn records(&mut self, count: u64) -> bytes::Bytes {
        let compression = *self.rng.pick(&[Compression::None, Compression::None, Compression::Lz4]);
        let mut batch = BatchBuilder::with_compression(compression).expect("it is built in");
        for _ in 0..count {
            self.last_value += 1;
            batch.append(NOON, None, Some(&self.last_value.to_be_bytes()), &[]).expect("a record is small");
        }
        batch.build()
    }
}

fn produce(partition: &TopicPartition, records: bytes::Bytes) -> Request {
    let mut data = PartitionProduceData::default();
    (data.index, data.records) = (partition.partition, Some(records));
    let mut topic = TopicProduceData::default();
    (topic.name, topic.partition_data) = (partition.topic.clone(), vec![data]);
    let mut request = ProduceRequest::default();
    (request.acks, request.timeout_ms, request.topic_data) = (-1, 1_000, vec![topic]);
    Request::new(request, VERSION, 0, None)
}
