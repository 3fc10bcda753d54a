//! Records of one topic that have no batch yet, in the order in which they were sent.

use std::collections::VecDeque;
use std::time::Instant;

use milena_protocol::records::Header;

use super::io::{ProducerRecord, SendId, SentRecord};

#[derive(Debug, Default)]
pub(super) struct Waiting {
    records: VecDeque<WaitingRecord>,
    /// Those for partitions that there are not, all older than the others for the same ones. Nobody tries to find a place for
    /// them before there are other partitions.
    aside: VecDeque<WaitingRecord>,
    /// How many partitions there are.
    count: usize,
}

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
        self.records.is_empty() && self.aside.is_empty()
    }

    /// Whether a record that comes now has to wait behind others, where there are so many partitions.
    pub(super) fn is_before_others(&self, count: usize) -> bool {
        !self.records.is_empty() || !self.aside.is_empty() && self.count != count
    }

    pub(super) fn push(&mut self, record: WaitingRecord) {
        self.records.push_back(record);
    }

    /// The first that waits.
    pub(super) fn first(&self) -> Option<SendId> {
        [&self.records, &self.aside]
            .into_iter()
            .filter_map(|some| some.front())
            .map(|first| first.sent.id)
            .min()
    }

    /// When the first of them fails: all wait equally long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [&self.records, &self.aside]
            .into_iter()
            .filter_map(|some| some.front())
            .map(|first| first.deadline)
            .min()
    }

    /// Whether one of them is for a partition that there is not.
    pub(super) fn lacks_partition(&self) -> bool {
        !self.aside.is_empty()
    }

    /// There are so many partitions: a place may be found for what was put aside.
    pub(super) fn partitions_are(&mut self, count: usize) {
        if std::mem::replace(&mut self.count, count) != count {
            for record in std::mem::take(&mut self.aside).into_iter().rev() {
                self.records.push_front(record);
            }
        }
    }

    /// Takes the next one out, to find a place for it.
    pub(super) fn pop(&mut self) -> Option<WaitingRecord> {
        let next = self.records.pop_front();
        if self.records.is_empty() {
            // It may have been long.
            self.records = VecDeque::new();
        }
        next
    }

    /// Puts it back, before all others.
    pub(super) fn put_back(&mut self, record: WaitingRecord) {
        self.records.push_front(record);
    }

    /// Its partition is not among those that there are.
    pub(super) fn put_aside(&mut self, record: WaitingRecord) {
        self.aside.push_back(record);
    }

    /// Takes out those whose time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<WaitingRecord> {
        let mut expired = Vec::new();
        for records in [&mut self.aside, &mut self.records] {
            let count = records.iter().take_while(|record| record.deadline <= now).count();
            expired.extend(records.drain(..count));
        }
        expired.sort_by_key(|record| record.sent.id);
        expired
    }

    /// Takes out all.
    pub(super) fn take(&mut self) -> Vec<WaitingRecord> {
        let mut all: Vec<_> = std::mem::take(&mut self.aside).into();
        all.extend(std::mem::take(&mut self.records));
        all.sort_by_key(|record| record.sent.id);
        all
    }
}
