//! The log of one partition, in memory.
//!
//! Batches are kept as they came; of what the leader writes into them only offset and epoch change, and with log-append
//! time the timestamp. All replicas of a partition share the one log, so that the high watermark is its end: what was
//! appended is replicated.
//!
//! | file | what |
//! |---|---|
//! | `segment.rs` | the parts of the log |
//! | `validate.rs` | whether a batch may be appended |
//! | `producers.rs` | idempotence, and the transactions that are going on |
//! | `epochs.rs` | where each leader began |
//! | `retention.rs` | what goes by itself |
//! | `compact.rs`, `filter.rs`, `ends.rs` | compaction |
//! | `read.rs` | records from an offset on, offsets by time |

mod compact;
mod ends;
mod epochs;
mod filter;
mod producers;
mod read;
mod retention;
mod segment;
mod validate;

use std::collections::VecDeque;

use bytes::Bytes;
use milena_protocol::ErrorCode;
use milena_protocol::records::{
    Batch, BatchBuilder, Batches, ControlKind, ControlRecord, Decompressor, TimestampType,
};

use crate::settings::TopicSettings;
use epochs::LeaderEpochs;
use producers::{Ended, Producers, Verdict};
pub(crate) use read::Found;
pub(super) use segment::BESIDE_BYTES;
use segment::Segment;
pub(crate) use segment::Stored;
use validate::Place;
pub(crate) use validate::{AppendError, only_batch};

/// What somebody may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Everything.
    Uncommitted,
    /// Up to the first transaction that is going on.
    Committed,
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AppendInfo {
    pub base_offset: i64,
    pub last_offset: i64,
    /// With log-append time, that; else -1.
    pub log_append_time_ms: i64,
    /// Whether it was there already.
    pub is_duplicate: bool,
}

/// An append, beside the batch.
pub(crate) struct Append<'a> {
    pub settings: &'a TopicSettings,
    pub leader_epoch: i32,
    pub wall_ms: i64,
    pub decompressor: &'a mut Decompressor,
}

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub producer_id: i64,
    pub first_offset: i64,
    pub last_offset: i64,
    /// The last stable offset when it had been aborted.
    last_stable_offset: i64,
}

/// The log of a partition.
#[derive(Debug)]
pub(crate) struct Log {
    /// There is always one, the last, which is appended to.
    segments: VecDeque<Segment>,
    start_offset: i64,
    end_offset: i64,
    epochs: LeaderEpochs,
    producers: Producers,
    /// By their last offsets.
    aborted: VecDeque<Aborted>,
    /// Up to here the log has been compacted.
    cleaned_to: i64,
}

impl Log {
    /// An empty log, of a leader's.
    pub fn new(leader_epoch: i32, wall_ms: i64) -> Self {
        let mut epochs = LeaderEpochs::default();
        epochs.assign(leader_epoch, 0);
        Log {
            segments: VecDeque::from([Segment::new(0, wall_ms)]),
            start_offset: 0,
            end_offset: 0,
            epochs,
            producers: Producers::default(),
            aborted: VecDeque::new(),
            cleaned_to: 0,
        }
    }

    /// The offset of the first record that can be read (`logStartOffset`).
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset of the next record (the high watermark, as all replicas are in sync).
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// The offset before which all transactions have ended.
    pub fn last_stable_offset(&self) -> i64 {
        match self.producers.first_ongoing() {
            Some(first) => first.max(self.start_offset),
            None => self.end_offset,
        }
    }

    /// Where readers have to stop.
    pub fn limit(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::Uncommitted => self.end_offset,
            Isolation::Committed => self.last_stable_offset(),
        }
    }

    /// Where leaders began.
    pub fn epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// Its producers.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// All batches that are kept, in order.
    pub fn stored(&self) -> impl Iterator<Item = &Stored> {
        self.segments.iter().flat_map(|segment| &segment.batches)
    }

    /// Bytes of all batches.
    pub fn size_bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.size_bytes).sum()
    }

    /// What all batches take in memory, or a little more.
    pub fn held_bytes(&self) -> usize {
        let held = |segment: &Segment| segment.size_bytes + segment.batches.len() * BESIDE_BYTES;
        self.segments.iter().map(held).sum()
    }

    /// From now on somebody else leads.
    pub fn led(&mut self, leader_epoch: i32) {
        self.epochs.assign(leader_epoch, self.end_offset);
    }

    /// Appends the batch of a client.
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn append(&mut self, batch: &Batch<'_>, to: &mut Append<'_>) -> Result<AppendInfo, AppendError> {
        validate::header(batch, to.settings)?;
        let place = Place { offset: self.end_offset, leader_epoch: to.leader_epoch, wall_ms: to.wall_ms };
        let stored = Stored::new(validate::records(batch, to.settings, place, to.decompressor)?);
        if stored.bytes.len() > to.settings.segment_bytes {
            return Err(ErrorCode::RECORD_LIST_TOO_LARGE.into());
        }
        let header = stored.header;
        if header.producer_id >= 0 {
            if let Verdict::Duplicate(kept) = self.producers.check(&header)? {
                return Ok(AppendInfo {
                    base_offset: kept.first_offset,
                    last_offset: kept.last_offset,
                    log_append_time_ms: kept.timestamp,
                    is_duplicate: true,
                });
            }
            self.producers.appended(&header);
        }
        self.push(stored, to.settings, to.wall_ms);
        let appended_at = header.timestamp_type == TimestampType::LogAppendTime;
        Ok(AppendInfo {
            base_offset: header.base_offset,
            last_offset: header.last_offset,
            log_append_time_ms: if appended_at { to.wall_ms } else { -1 },
            is_duplicate: false,
        })
    }

    /// Whether the transaction of these records, that a client has sent, has yet to be looked at.
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_PRODUCER_EPOCH`].
    pub fn begin_verification(
        &mut self,
        producer_id: i64,
        epoch: i16,
        sequence: i32,
        bumps: bool,
        wall_ms: i64,
    ) -> Result<bool, ErrorCode> {
        self.producers.begin_verification(producer_id, epoch, sequence, bumps, wall_ms)
    }

    /// Forgets producers that have written nothing since then (`producer.id.expiration.ms`).
    pub fn expire_producers(&mut self, before_ms: i64) {
        self.producers.expire(before_ms);
    }

    /// Writes the end of a producer's transaction.
    ///
    /// `bumped` says that the coordinator raised the producer's epoch before (transaction version 2, KIP-890).
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn append_marker(&mut self, marker: Marker, to: &Append<'_>) -> Result<AppendInfo, ErrorCode> {
        let Marker { producer_id, producer_epoch, kind, coordinator_epoch, bumped } = marker;
        self.producers.check_marker(producer_id, producer_epoch, coordinator_epoch, bumped)?;
        let stored = Stored::new(marker.batch(self.end_offset, to));
        let header = stored.header;
        self.push(stored, to.settings, to.wall_ms);
        if let Some(ended) = self.producers.marked(&header, kind, coordinator_epoch) {
            self.ended(ended);
        }
        Ok(AppendInfo {
            base_offset: header.base_offset,
            last_offset: header.last_offset,
            log_append_time_ms: -1,
            is_duplicate: false,
        })
    }

    /// Raises the first offset; what lies before is gone. Gives back whether it changed.
    pub fn trim(&mut self, start_offset: i64) -> bool {
        if start_offset <= self.start_offset {
            return false;
        }
        self.start_offset = start_offset;
        while self.segments.len() > 1 && self.segments[1].base_offset <= start_offset {
            self.segments.pop_front();
        }
        let first = &mut self.segments[0];
        let gone = first.position(start_offset);
        if gone > 0 {
            first.trim(gone);
        }
        self.epochs.truncate_start(start_offset);
        self.aborted.retain(|aborted| aborted.last_offset >= start_offset);
        true
    }

    /// Cuts the log off: the next record has this offset, unless the log ends before it.
    pub fn truncate(&mut self, end_offset: i64, wall_ms: i64) {
        if end_offset >= self.end_offset {
            return;
        }
        while self.segments.len() > 1 && self.segments.back().is_some_and(|s| s.base_offset >= end_offset) {
            self.segments.pop_back();
        }
        let last = self.segments.back_mut().expect("there is always one");
        let keep = last.position(end_offset);
        let mut batches = std::mem::take(&mut last.batches);
        batches.truncate(keep);
        last.replace(batches);
        self.end_offset = end_offset;
        self.cleaned_to = self.cleaned_to.min(end_offset);
        if end_offset < self.start_offset {
            self.start_offset = end_offset;
            self.segments = VecDeque::from([Segment::new(end_offset, wall_ms)]);
        }
        self.epochs.truncate_end(end_offset);
        self.reload_producers();
    }

    /// What is known of producers, from what the log has.
    fn reload_producers(&mut self) {
        self.producers = Producers::default();
        self.aborted.clear();
        let mut ends = Vec::new();
        for stored in self.segments.iter().flat_map(|segment| &segment.batches) {
            let header = &stored.header;
            if header.producer_id < 0 {
                continue;
            }
            match control(stored) {
                // Compaction has emptied it: nothing of its transaction is left.
                None if header.is_control => {}
                Some(record) => {
                    let epoch = record.coordinator_epoch.unwrap_or(-1);
                    if let Some(ended) = self.producers.marked(header, record.kind, epoch) {
                        ends.push((ended, self.producers.first_ongoing()));
                    }
                }
                None => self.producers.appended(header),
            }
        }
        for (ended, ongoing) in ends.into_iter().filter(|(ended, _)| ended.is_aborted) {
            self.aborted.push_back(Aborted::new(ended, ongoing));
        }
    }

    fn ended(&mut self, ended: Ended) {
        if ended.is_aborted {
            self.aborted.push_back(Aborted::new(ended, self.producers.first_ongoing()));
        }
    }

    /// Begins a new segment, so that what lies before `offset` is a whole number of segments.
    fn roll_at(&mut self, offset: i64, wall_ms: i64) {
        let Some(index) = self.segments.iter().rposition(|segment| segment.base_offset < offset) else {
            return;
        };
        let is_last = index + 1 == self.segments.len();
        let segment = &mut self.segments[index];
        let later = segment.batches.split_off(segment.position(offset));
        if later.is_empty() && !is_last {
            return;
        }
        let kept = std::mem::take(&mut segment.batches);
        segment.replace(kept);
        let mut next = Segment::new(offset, wall_ms);
        next.replace(later);
        self.segments.insert(index + 1, next);
    }

    fn push(&mut self, batch: Stored, settings: &TopicSettings, wall_ms: i64) {
        let header = batch.header;
        self.epochs.assign(header.partition_leader_epoch, header.base_offset);
        let last = self.segments.back().expect("there is always one");
        if last.is_full(&batch, settings, wall_ms) {
            self.segments.push_back(Segment::new(self.end_offset, wall_ms));
        }
        self.segments.back_mut().expect("there is always one").push(batch);
        self.end_offset = header.next_offset();
    }
}

impl Aborted {
    fn new(ended: Ended, first_ongoing: Option<i64>) -> Self {
        Aborted {
            producer_id: ended.producer_id,
            first_offset: ended.first_offset,
            last_offset: ended.last_offset,
            last_stable_offset: first_ongoing.unwrap_or(ended.last_offset + 1),
        }
    }
}

/// The end of a transaction, to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marker {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub kind: ControlKind,
    pub coordinator_epoch: i32,
    /// Whether the coordinator raised the producer's epoch first (transaction version 2, KIP-890).
    pub bumped: bool,
}

impl Marker {
    /// The batch that says it.
    fn batch(&self, offset: i64, to: &Append<'_>) -> Bytes {
        let mut builder = BatchBuilder::new();
        builder
            .set_base_offset(offset)
            .set_partition_leader_epoch(to.leader_epoch)
            .set_producer(self.producer_id, self.producer_epoch, -1)
            .set_transactional(true)
            .set_control(true);
        if to.settings.message_timestamp_type == TimestampType::LogAppendTime {
            builder.set_log_append_time(Some(to.wall_ms));
        }
        // Both begin with a version, 0.
        let key = [0, 0, 0, u8::from(self.kind == ControlKind::Commit)];
        let mut value = [0; 6];
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        builder.append(to.wall_ms, Some(&key), Some(&value), &[]).expect("it is small");
        builder.build()
    }
}

/// The control record of a control batch; `None` for any other batch.
fn control(stored: &Stored) -> Option<ControlRecord> {
    if !stored.header.is_control {
        return None;
    }
    let batch = Batches::new(&stored.bytes).verify_crc(false).next()?.ok()?;
    let mut cursor = batch.cursor().ok()?;
    let record = cursor.next(batch.record_data())?.ok()?;
    ControlRecord::parse(&record).ok()
}

#[cfg(test)]
mod tests;
