//! Reading a log: records from an offset on, offsets by time, aborted transactions.

use bytes::{Bytes, BytesMut};
use milena_protocol::ErrorCode;
use milena_protocol::records::{Batches, Decompressor};

use super::segment::{Segment, Stored};
use super::{Aborted, Isolation, Log};

/// Records that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// Batches; the last one may be cut off at the limit of bytes, as in Kafka.
    pub records: Bytes,
    /// The offset behind the last of them.
    next_offset: i64,
}

/// A record that was looked for by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub timestamp: i64,
    pub offset: i64,
    /// The epoch of the leader that wrote it; -1 where that is not known.
    pub leader_epoch: i32,
}

impl Log {
    /// Reads from `offset` on, `max_bytes` at most; with `at_least_one` the first batch whatever its size.
    ///
    /// # Errors
    /// [`ErrorCode::OFFSET_OUT_OF_RANGE`].
    pub fn read(
        &self,
        offset: i64,
        max_bytes: usize,
        isolation: Isolation,
        at_least_one: bool,
    ) -> Result<Read, ErrorCode> {
        if offset < self.start_offset || offset > self.end_offset {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let limit = self.limit(isolation);
        let nothing = Read { records: Bytes::new(), next_offset: offset };
        // As in Kafka a read stays within a segment.
        let Some(batches) = self.batches_from(offset) else {
            return Ok(nothing);
        };
        let mut readable = batches.iter().take_while(|batch| batch.header.base_offset < limit).peekable();
        let Some(first) = readable.peek() else {
            return Ok(nothing);
        };
        let max_bytes = match first.bytes.len() {
            size if size <= max_bytes => max_bytes,
            size if at_least_one => size,
            _ => return Ok(nothing),
        };
        let first = first.bytes.clone();
        let mut next_offset = offset;
        let mut total = 0;
        let mut chosen = 0;
        for batch in readable {
            if total >= max_bytes {
                break;
            }
            total += batch.bytes.len();
            next_offset = batch.header.next_offset();
            chosen += 1;
        }
        let total = total.min(max_bytes);
        let records = match chosen {
            1 => first,
            _ => concatenated(&batches[..chosen], total),
        };
        Ok(Read { records, next_offset })
    }

    /// Bytes that can be read from `offset` on, counted up to `enough`; `None` where the offset lies on an older segment
    /// than the end, so that there is no sense in waiting.
    pub fn available(&self, offset: i64, isolation: Isolation, enough: usize) -> Option<usize> {
        let limit = self.limit(isolation);
        if offset >= limit {
            return Some(0);
        }
        let last = self.segments.back().expect("there is always one");
        if offset < last.base_offset && !last.batches.is_empty() {
            return None;
        }
        let mut total = 0;
        for batch in self.batches_from(offset)? {
            if total >= enough || batch.header.base_offset >= limit {
                break;
            }
            total += batch.bytes.len();
        }
        Some(total)
    }

    /// The transactions that were aborted, of which records were read.
    pub fn aborted(&self, offset: i64, read: &Read) -> Vec<Aborted> {
        let from = self.aborted.partition_point(|aborted| aborted.last_offset < offset);
        let mut found = Vec::new();
        for aborted in self.aborted.range(from..) {
            if aborted.first_offset < read.next_offset {
                found.push(*aborted);
            }
            // All that began before this had ended by then.
            if aborted.last_stable_offset >= read.next_offset {
                break;
            }
        }
        found
    }

    /// The first record that is not older than this.
    pub fn at_time(&self, timestamp: i64, decompressor: &mut Decompressor) -> Option<Found> {
        let is_younger = |segment: &&Segment| segment.largest_timestamp >= timestamp;
        let segment = self.segments.iter().find(is_younger)?;
        let batches = segment.batches.iter().filter(|batch| batch.header.max_timestamp >= timestamp);
        let wanted = |time: i64, offset: i64| time >= timestamp && offset >= self.start_offset;
        batches.filter_map(|batch| first_record(batch, decompressor, wanted)).next()
    }

    /// The first of the youngest records (KIP-734).
    pub fn youngest(&self, decompressor: &mut Decompressor) -> Option<Found> {
        // Compaction may have emptied a batch, and left its timestamp.
        let batches = || self.stored().filter(|batch| batch.header.count != Some(0));
        let largest = batches().map(|batch| batch.header.max_timestamp).max()?;
        let batch = batches().find(|batch| batch.header.max_timestamp == largest)?;
        first_record(batch, decompressor, |time, _| time == largest)
    }

    /// The batches of the segment that has `offset`, from there on; `None` behind the last.
    fn batches_from(&self, offset: i64) -> Option<&[Stored]> {
        let next = self.segments.partition_point(|segment| segment.base_offset <= offset);
        // Compaction may have left nothing of the segment's end.
        self.segments.range(next.saturating_sub(1)..).find_map(|segment| {
            let from = segment.position(offset);
            (from < segment.batches.len()).then(|| &segment.batches[from..])
        })
    }
}

/// One blob of several batches, cut off at `size`.
fn concatenated(batches: &[Stored], size: usize) -> Bytes {
    let mut blob = BytesMut::with_capacity(size);
    for batch in batches {
        let left = size - blob.len();
        blob.extend_from_slice(&batch.bytes[..left.min(batch.bytes.len())]);
    }
    blob.freeze()
}

/// The first record of a batch that is `wanted`, by its timestamp and offset. A batch that cannot be decompressed here
/// stands for its first record.
fn first_record(
    stored: &Stored,
    decompressor: &mut Decompressor,
    wanted: impl Fn(i64, i64) -> bool,
) -> Option<Found> {
    let leader_epoch = stored.header.partition_leader_epoch;
    let batch = Batches::new(&stored.bytes).verify_crc(false).next()?.ok()?;
    let Ok(records) = batch.records(decompressor) else {
        let (timestamp, offset) = (batch.max_timestamp, batch.base_offset);
        return Some(Found { timestamp, offset, leader_epoch });
    };
    records.map_while(Result::ok).find(|record| wanted(record.timestamp, record.offset)).map(|record| Found {
        timestamp: record.timestamp,
        offset: record.offset,
        leader_epoch,
    })
}
