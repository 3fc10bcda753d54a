//! Batches go to the leaders of their partitions.

use std::collections::BTreeMap;
use std::time::Instant;

use milena_protocol::messages::ProduceRequest;
use milena_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use milena_protocol::records::Compression;
use milena_protocol::{Api, RequestBody, Str, Uuid};

use super::batch::State;
use super::queue::Order;
use super::settings::Acks;
use super::{Core, Tag};
use crate::Error;
use crate::core::network::Peer;
use crate::core::topic_partition::TopicPartition;
use crate::core::wire_millis::wire_millis;

/// The first version that takes batches of magic 2.
const MAGIC_2: i16 = 3;
/// The first version that knows Zstandard (KIP-110).
const ZSTD: i16 = 7;
/// The first version with topic ids in place of names (KIP-516).
const TOPIC_IDS: i16 = 13;

/// A batch in a request.
#[derive(Debug)]
pub(super) struct InRequest {
    pub(super) partition: TopicPartition,
    pub(super) topic_id: Uuid,
    /// The batch's number.
    pub(super) number: u64,
}

/// A request that is being put together.
struct Cargo {
    version: i16,
    topics: BTreeMap<Str, TopicProduceData>,
    batches: Vec<InRequest>,
    bytes: usize,
}

impl Core {
    /// How batches may be sent; `None` while that is not known.
    fn order(&self) -> Option<Order> {
        let settings = &self.accumulator.settings;
        match (settings.enable_idempotence, settings.max_in_flight) {
            (true, _) => self.producer_id.known().map(Order::Numbered),
            (false, 1) => Some(Order::Single),
            (false, _) => Some(Order::Any),
        }
    }

    /// Sends what is ready.
    pub(super) fn produce(&mut self, now: Instant) {
        let Some(order) = self.order() else { return };
        for (node_id, ready) in self.ready_by_node(order, now) {
            let peer = Peer::Node(node_id);
            loop {
                if self.network.usable(peer, now).is_none() {
                    self.open_node(node_id, now);
                    break;
                }
                if self.network.in_flight(peer) >= self.accumulator.settings.max_in_flight
                    || !self.send_one(node_id, &ready, order, now)
                {
                    break;
                }
            }
        }
    }

    /// Partitions with a batch that can be sent, by their leaders.
    fn ready_by_node(&mut self, order: Order, now: Instant) -> BTreeMap<i32, Vec<TopicPartition>> {
        let mut by_node: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        let mut lacks_leader = false;
        for (topic, partition, queue) in self.accumulator.queues() {
            if queue.batches.is_empty() || !self.can_send(queue, order, now) {
                continue;
            }
            let partition = TopicPartition { topic: topic.clone(), partition };
            match self.metadata.leader(&partition) {
                Some(leader) => by_node.entry(leader.node_id).or_default().push(partition),
                None => lacks_leader = true,
            }
        }
        if lacks_leader {
            self.metadata.request_refresh();
        }
        by_node
    }

    fn can_send(&self, queue: &super::queue::Queue, order: Order, now: Instant) -> bool {
        let all = self.is_hurried() || self.accumulator.lacks_room;
        let settings = &self.accumulator.settings;
        queue.next_to_send(order, now).is_some_and(|index| queue.is_ready(index, settings, all, now))
    }

    /// Sends a request with at most one batch of each partition. `false` when there is none.
    fn send_one(&mut self, node_id: i32, ready: &[TopicPartition], order: Order, now: Instant) -> bool {
        let Some(version) = self.produce_version(node_id, ready, now) else { return false };
        let mut cargo = Cargo { version, topics: BTreeMap::new(), batches: Vec::new(), bytes: 0 };
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn % ready.len().max(1);
        for partition in ready[first..].iter().chain(&ready[..first]) {
            if !self.load(&mut cargo, partition, order, now) {
                break;
            }
        }
        if cargo.batches.is_empty() {
            return false;
        }
        let settings = &self.accumulator.settings;
        let (acks, timeout) = (settings.acks, settings.request_timeout);
        let mut request = ProduceRequest::default();
        (request.acks, request.timeout_ms) = (acks.code(), wire_millis(timeout));
        request.topic_data = cargo.topics.into_values().collect();
        let (peer, api) = (Peer::Node(node_id), (Api::Produce, version));
        let (body, tag) = (RequestBody::Produce(request), Tag::Produce(cargo.batches));
        match acks {
            Acks::None => self.network.send_unanswered(peer, api, body, tag, timeout, now),
            _ => self.network.send(peer, api, body, tag, timeout, now),
        }
        true
    }

    /// Puts the next batch of a partition into a request. `false` when the request is full.
    fn load(&mut self, cargo: &mut Cargo, at: &TopicPartition, order: Order, now: Instant) -> bool {
        let (topic, partition) = (&at.topic, at.partition);
        let Some(leader) = self.metadata.leader(at) else { return true };
        let Some(queue) = self.accumulator.queue(topic, partition) else { return true };
        let Some(index) = queue.next_to_send(order, now) else { return true };
        let (settings, all) = (&self.accumulator.settings, self.is_hurried() || self.accumulator.lacks_room);
        let (limit, queue) =
            (settings.max_request_size, &self.accumulator.topics[topic].queues[partition as usize]);
        // A new leader that has nothing of this producer takes any number for the first. Should what is on its way to the old
        // one be refused there, it could never be told that those came before. Old brokers tell of no epochs.
        let is_elsewhere = queue.in_flight().any(|batch| batch.leader != Some(leader));
        if matches!(order, Order::Numbered(_)) && is_elsewhere || !queue.is_ready(index, settings, all, now) {
            return true;
        }
        if !cargo.batches.is_empty() && cargo.bytes + queue.batches[index].size() > limit {
            return false;
        }
        self.accumulator.close(topic, partition as usize, index);
        let Some(queue) = self.accumulator.queue(topic, partition) else { return true };
        if let Order::Numbered(ids) = order
            && queue.batches[index].sequence.is_none()
        {
            if queue.sequences.ids != Some(ids) {
                queue.sequences.begin(ids);
            }
            let sequence = queue.sequences.take(queue.batches[index].records.len());
            queue.batches[index].number_from(ids, sequence);
        }
        let batch = &mut queue.batches[index];
        batch.state = State::InFlight;
        batch.attempts += 1;
        batch.leader = Some(leader);
        let (bytes, number) = (batch.bytes(), batch.number);
        let topic_id = self.metadata.topic_id(topic);
        cargo.bytes += bytes.len();
        cargo.batches.push(InRequest { partition: at.clone(), topic_id, number });
        let mut data = PartitionProduceData::default();
        (data.index, data.records) = (partition, Some(bytes));
        let entry = cargo.topics.entry(topic.clone()).or_insert_with(|| {
            let mut entry = TopicProduceData::default();
            match cargo.version >= TOPIC_IDS {
                true => entry.topic_id = topic_id,
                false => entry.name = topic.clone(),
            }
            entry
        });
        entry.partition_data.push(data);
        true
    }

    /// The version to ask a broker in. Where there is none, the records fail.
    fn produce_version(&mut self, node_id: i32, ready: &[TopicPartition], now: Instant) -> Option<i16> {
        let versions = self.network.usable(Peer::Node(node_id), now)?;
        let has_ids = ready.iter().all(|partition| !self.metadata.topic_id(&partition.topic).is_zero());
        let limit = if has_ids { i16::MAX } else { TOPIC_IDS - 1 };
        let oldest = match self.accumulator.settings.compression {
            Compression::Zstd => ZSTD,
            _ => MAGIC_2,
        };
        if let Some(version) = versions.newest_up_to(Api::Produce, limit).filter(|version| *version >= oldest)
        {
            return Some(version);
        }
        let error = Error::Unsupported { api: Api::Produce.name() };
        for partition in ready {
            while let Some(queue) = self.accumulator.queue(&partition.topic, partition.partition)
                && let Some(batch) = queue.batches.iter().find(|batch| !batch.is_in_flight())
            {
                let number = batch.number;
                self.fail_batch(partition, number, error.clone(), Vec::new());
            }
        }
        None
    }
}
