//! Records of one partition that travel together.

use std::time::Instant;

use bytes::Bytes;
use milena_protocol::records::{BatchBuilder, Batches, BuildError};

use super::io::{BATCH_OVERHEAD, ProducerRecord, SendId, SentRecord};
use super::producer_id::ProducerIds;
use crate::core::backoff::Backoff;
use crate::core::metadata::Leader;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Takes records.
    Open,
    /// Takes no more, and can be sent.
    Ready,
    InFlight,
    /// Failed, and is not to be sent again before.
    BackingOff(Instant),
}

#[derive(Debug)]
pub(super) struct Batch {
    /// Later ones have higher numbers. A batch keeps its own until it is settled.
    pub(super) number: u64,
    pub(super) created: Instant,
    pub(super) state: State,
    /// While it is open; in a box, since it is large, and most batches that wait are closed.
    builder: Option<Box<BatchBuilder>>,
    /// Bytes, uncompressed, that it can take.
    room: usize,
    /// As it is sent, once it is closed.
    bytes: Bytes,
    pub(super) uncompressed: usize,
    pub(super) records: Vec<SentRecord>,
    /// What it takes of `buffer.memory`.
    pub(super) charged: usize,
    /// How often it was sent.
    pub(super) attempts: u32,
    pub(super) backoff: Backoff,
    /// The number of its first record, once it has been sent by an idempotent producer.
    pub(super) sequence: Option<i32>,
    /// The leader that it was sent to last.
    pub(super) leader: Option<Leader>,
    /// What went wrong when it was sent last, for people to read.
    pub(super) trouble: Option<String>,
}

impl Batch {
    /// What it takes besides its records. With a small `batch.size` that is most of it.
    const OVERHEAD: usize = size_of::<Batch>() + BATCH_OVERHEAD;

    pub(super) fn new(
        number: u64,
        builder: BatchBuilder,
        room: usize,
        backoff: Backoff,
        now: Instant,
    ) -> Self {
        Batch {
            number,
            created: now,
            state: State::Open,
            uncompressed: builder.estimated_size(),
            builder: Some(Box::new(builder)),
            room,
            bytes: Bytes::new(),
            records: Vec::new(),
            charged: Batch::OVERHEAD,
            attempts: 0,
            backoff,
            sequence: None,
            leader: None,
            trouble: None,
        }
    }

    /// Whether it is open and this one fits in.
    pub(super) fn has_room_for(&self, record: &ProducerRecord<'_>, timestamp: i64) -> bool {
        let Some(builder) = &self.builder else { return false };
        let ProducerRecord { key, value, headers, .. } = record;
        let size = builder.record_size(timestamp, *key, *value, headers);
        builder.is_empty() || builder.estimated_size() + size <= self.room
    }

    /// Appends to an open batch.
    pub(super) fn append(
        &mut self,
        id: SendId,
        record: &ProducerRecord<'_>,
        timestamp: i64,
    ) -> Result<(), BuildError> {
        let Some(builder) = &mut self.builder else { return Ok(()) };
        let before = builder.estimated_size();
        builder.append(timestamp, record.key, record.value, &record.headers)?;
        self.uncompressed = builder.estimated_size();
        self.charged += self.uncompressed - before;
        self.records.push(SentRecord { id, timestamp });
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.builder.as_ref().is_none_or(|builder| builder.estimated_size() >= self.room)
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.state == State::InFlight
    }

    /// Takes no more records; gives the builder back, for the next batch.
    pub(super) fn close(&mut self) -> Option<BatchBuilder> {
        let mut builder = self.builder.take()?;
        builder.set_producer(-1, -1, -1);
        self.bytes = builder.build();
        self.state = State::Ready;
        Some(*builder)
    }

    pub(super) fn size(&self) -> usize {
        if self.builder.is_some() { self.uncompressed } else { self.bytes.len() }
    }

    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Gives a closed batch its number in the sequence, or another one.
    pub(super) fn number_from(&mut self, ids: ProducerIds, sequence: i32) {
        self.sequence = Some(sequence);
        let stamped = Batches::new(&self.bytes)
            .verify_crc(false)
            .next()
            .and_then(Result::ok)
            .and_then(|batch| batch.with_producer(ids.id, ids.epoch, sequence));
        self.bytes = stamped.expect("a batch that was built can be read");
    }
}
