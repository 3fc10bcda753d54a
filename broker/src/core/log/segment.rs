//! A part of a log: what retention frees, and compaction rewrites, as a whole.

use bytes::Bytes;
use milena_protocol::records::{BatchHeader, Batches};

use crate::settings::TopicSettings;

/// A batch in the log.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub header: BatchHeader,
    /// The whole batch.
    pub bytes: Bytes,
}

impl Stored {
    /// A batch that the log itself made, or has checked.
    pub fn new(bytes: Bytes) -> Self {
        let first = Batches::new(&bytes).verify_crc(false).next();
        let header = first.and_then(Result::ok).expect("the log stores whole batches").header();
        Stored { header, bytes }
    }
}

/// What a batch takes in memory beside its bytes: what is known of it, and an allocation of its own.
pub(in crate::core) const BESIDE_BYTES: usize = 192;

/// A row of batches.
#[derive(Debug)]
pub(crate) struct Segment {
    /// No batch of it begins before.
    pub base_offset: i64,
    pub batches: Vec<Stored>,
    pub size_bytes: usize,
    /// When it was made, in milliseconds since 1970.
    created_ms: i64,
    /// The highest timestamp in it; -1 for none.
    pub largest_timestamp: i64,
    /// The timestamp of the first batch that was put into it, whether it is still there or not; -1 for none.
    first_timestamp: i64,
}

impl Segment {
    /// An empty one.
    pub fn new(base_offset: i64, wall_ms: i64) -> Self {
        Segment {
            base_offset,
            batches: Vec::new(),
            size_bytes: 0,
            created_ms: wall_ms,
            largest_timestamp: -1,
            first_timestamp: -1,
        }
    }

    /// Appends a batch.
    pub fn push(&mut self, batch: Stored) {
        if self.batches.is_empty() && self.first_timestamp < 0 {
            self.first_timestamp = batch.header.max_timestamp;
        }
        self.size_bytes += batch.bytes.len();
        self.largest_timestamp = self.largest_timestamp.max(batch.header.max_timestamp);
        self.batches.push(batch);
    }

    /// Puts other batches in the place of those it has.
    pub fn replace(&mut self, batches: Vec<Stored>) {
        (self.size_bytes, self.largest_timestamp, self.first_timestamp) = (0, -1, -1);
        self.batches.clear();
        batches.into_iter().for_each(|batch| self.push(batch));
    }

    /// Removes as many batches from its beginning.
    pub fn trim(&mut self, count: usize) {
        let (left, first_timestamp) = (self.batches.split_off(count), self.first_timestamp);
        self.replace(left);
        self.first_timestamp = first_timestamp;
    }

    /// Where the first batch is that ends at `offset` or behind it.
    pub fn position(&self, offset: i64) -> usize {
        self.batches.partition_point(|batch| batch.header.last_offset < offset)
    }

    /// Whether the next batch belongs into a new segment (`segment.bytes`, `segment.ms`).
    pub fn is_full(&self, next: &Stored, settings: &TopicSettings, wall_ms: i64) -> bool {
        if self.batches.is_empty() {
            return false;
        }
        // From the first record's timestamp on, so that a segment holds the same whenever it is written.
        let waited = match self.first_timestamp {
            -1 => wall_ms.saturating_sub(self.created_ms),
            first => next.header.max_timestamp.saturating_sub(first),
        };
        // What is to be compacted soon must not stay in the segment that is appended to.
        let longest = match settings.compact {
            true => settings.segment_ms.min(settings.max_compaction_lag_ms.max(0)),
            false => settings.segment_ms,
        };
        self.size_bytes + next.bytes.len() > settings.segment_bytes || waited > longest
    }

    /// The time by which its age is counted: the highest timestamp, or when it was made where it has none.
    pub fn youngest_ms(&self) -> i64 {
        if self.largest_timestamp >= 0 { self.largest_timestamp } else { self.created_ms }
    }

    /// How old it is.
    pub fn age_ms(&self, wall_ms: i64) -> i64 {
        wall_ms.saturating_sub(self.youngest_ms())
    }
}
