//! Records of one topic that have no batch yet, in the order in which they were sent.

use std::collections::VecDeque;
use std::time::Instant;

use milena_protocol::records::Header;

use super::io::{ProducerRecord, SendId, SentRecord};

#[derive(Debug, Default)]
pub(super) struct Waiting(VecDeque<WaitingRecord>);

/// A record with a copy of all it has.
#[derive(Debug)]
pub(super) struct WaitingRecord {
    pub(super) sent: SentRecord,
    pub(super) partition: Option<i32>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub(super) bytes: usize,
    /// When it fails if it has no batch by then.
    pub(super) deadline: Instant,
}

impl WaitingRecord {
    pub(super) fn new(sent: SentRecord, record: &ProducerRecord<'_>, deadline: Instant) -> Self {
        let header = |header: &Header<'_>| (header.key.to_vec(), header.value.map(<[u8]>::to_vec));
        WaitingRecord {
            sent,
            partition: record.partition,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.iter().map(header).collect(),
            bytes: record.upper_bound(),
            deadline,
        }
    }

    pub(super) fn record<'a>(&'a self, topic: &'a str) -> ProducerRecord<'a> {
        let header = |(key, value): &'a (Vec<u8>, Option<Vec<u8>>)| Header { key, value: value.as_deref() };
        ProducerRecord {
            topic,
            partition: self.partition,
            timestamp: Some(self.sent.timestamp),
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers.iter().map(header).collect(),
        }
    }
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, record: WaitingRecord) {
        self.0.push_back(record);
    }

    /// The first that waits.
    pub(super) fn first(&self) -> Option<SendId> {
        self.0.front().map(|record| record.sent.id)
    }

    /// When the first of them fails: all wait equally long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|record| record.deadline)
    }

    /// Whether one of them is for a partition that is not among the first `count`.
    pub(super) fn names_beyond(&self, count: usize) -> bool {
        self.0
            .iter()
            .any(|record| record.partition.is_some_and(|p| usize::try_from(p).is_ok_and(|p| p >= count)))
    }

    /// Takes out those whose time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<WaitingRecord> {
        let count = self.0.iter().take_while(|record| record.deadline <= now).count();
        self.0.drain(..count).collect()
    }

    /// Takes out all.
    pub(super) fn take(&mut self) -> VecDeque<WaitingRecord> {
        std::mem::take(&mut self.0)
    }

    /// Puts back those that were taken out and still wait, before all others.
    pub(super) fn put_back(&mut self, mut records: VecDeque<WaitingRecord>) {
        records.append(&mut self.0);
        self.0 = records;
    }
}
