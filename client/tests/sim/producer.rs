//! A producer: the core, and an application that sends a few records now and then and remembers what became of them.
//!
//! It is idempotent, so whatever happens, no record may be in the log twice, and those of a partition are there in the order
//! in which they were sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_client::core::producer::Core;
use milena_client::core::producer::io::{Outcome, SendId, Settled};
use milena_client::core::producer::settings::Acks;
use milena_client::{ProducerConfig, ProducerRecord, TopicPartition};

use crate::checks::Value;
use crate::history::bootstrap_servers;
use crate::network::ClientId;
use crate::rng::Rng;

#[derive(Debug)]
pub struct Producer {
    pub id: ClientId,
    pub core: Core,
    rng: Rng,
    every_ms: u64,
    last_value: Value,
    /// What has been sent and is not settled.
    under_way: BTreeMap<SendId, (TopicPartition, Value)>,
    /// What is in the log by what the core has told, and is to be looked at.
    pub appended: Vec<(TopicPartition, i64, Value)>,
    pub deadline: Option<Instant>,
    sends_at: Option<Instant>,
}

impl Producer {
    pub fn new(id: ClientId, mut rng: Rng, every_ms: u64, now: Instant, unix_ms: i64) -> Self {
        let config = ProducerConfig::new(&bootstrap_servers())
            .expect("these are addresses")
            .client_id(format!("p{id}"))
            .acks(Acks::All)
            .linger(Duration::from_millis(*rng.pick(&[0, 5, 50])))
            .batch_size(*rng.pick(&[0, 100, 16_384]))
            .request_timeout(Duration::from_millis(3_000))
            .delivery_timeout(Duration::from_millis(60_000))
            .socket_connection_setup_timeout(Duration::from_millis(2_000));
        let core = Core::new(&config, rng.next_u64(), now, unix_ms).expect("its properties go together");
        Producer {
            id,
            core,
            rng,
            every_ms,
            last_value: (id as Value) << 32,
            under_way: BTreeMap::new(),
            appended: Vec::new(),
            deadline: Some(now),
            sends_at: Some(now),
        }
    }

    pub fn wakes_at(&self) -> Option<Instant> {
        [self.deadline, self.sends_at].into_iter().flatten().min()
    }

    /// Sends, if it is time to.
    pub fn go_on(&mut self, partitions: &[TopicPartition], now: Instant) {
        if self.sends_at.is_some_and(|at| at <= now) {
            for _ in 0..self.rng.within(1..=8) {
                let partition = self.rng.pick(partitions).clone();
                self.send(partition, now);
            }
            self.sends_at = Some(now + self.rng.millis(1..=self.every_ms));
        }
    }

    fn send(&mut self, partition: TopicPartition, now: Instant) {
        self.last_value += 1;
        let value = self.last_value.to_be_bytes();
        let record = ProducerRecord::new(&partition.topic).value(&value).partition(partition.partition);
        let taken = self.core.send(&record, now).expect("there is room for few and small records");
        self.under_way.insert(taken.id, (partition, self.last_value));
    }

    /// It sends one more record to each of these partitions, and then no more.
    pub fn end(&mut self, partitions: Vec<TopicPartition>, now: Instant) {
        self.sends_at = None;
        partitions.into_iter().for_each(|partition| self.send(partition, now));
        self.deadline = Some(now);
    }

    pub fn is_done(&self) -> bool {
        self.sends_at.is_none() && self.under_way.is_empty()
    }

    /// The core tells what has become of records.
    pub fn settled(&mut self, settled: &Settled) {
        for (place, record) in (0..).zip(&settled.records) {
            let (partition, value) = self.under_way.remove(&record.id).expect("each record is settled once");
            match &settled.outcome {
                Outcome::Appended { base_offset, .. } => {
                    if let Some(base_offset) = base_offset {
                        self.appended.push((partition, base_offset + place, value));
                    }
                }
                Outcome::Failed { error, .. } => {
                    panic!("producer {}: {partition} has not got {value}: {error}", self.id);
                }
            }
        }
    }
}
