//! What a partition's leader changes in a batch that it appends: offset, epoch, and with log-append time the timestamp.

use bytes::{Bytes, BytesMut};

use super::header::{CHECKED_FROM, CRC_AT, attribute};
use super::{Batch, TimestampType};

const EPOCH_AT: usize = 12;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_AT: usize = 43;

/// What a partition's leader writes into a batch of magic 2 that it appends.
///
/// ```
/// use milena_protocol::records::{BatchBuilder, Batches, Stamp};
///
/// let mut builder = BatchBuilder::new();
/// builder.append(1_700_000_000_000, None, Some(b"value"), &[])?;
/// let produced = builder.build();
/// let batch = Batches::new(&produced).next().unwrap()?;
///
/// let appended = batch.stamped(&Stamp::new(77, 3)).unwrap();
/// let batch = Batches::new(&appended).next().unwrap()?;
/// assert_eq!((batch.base_offset, batch.partition_leader_epoch), (77, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamp {
    /// The offset of the first record.
    pub base_offset: i64,
    /// The leader's epoch.
    pub partition_leader_epoch: i32,
    /// Where the timestamps come from, and the highest of them; `None` leaves both. Changing them takes a new checksum,
    /// the rest does not.
    pub timestamp: Option<(TimestampType, i64)>,
}

impl Stamp {
    /// An offset and an epoch, and the timestamps as they are.
    pub fn new(base_offset: i64, partition_leader_epoch: i32) -> Self {
        Stamp { base_offset, partition_leader_epoch, timestamp: None }
    }
}

impl Batch<'_> {
    /// A copy of the batch with this in it; `None` for a batch of magic 0 or 1, which has other fields.
    pub fn stamped(&self, stamp: &Stamp) -> Option<Bytes> {
        if self.magic != 2 {
            return None;
        }
        let mut bytes = BytesMut::from(self.bytes());
        bytes[..8].copy_from_slice(&stamp.base_offset.to_be_bytes());
        bytes[EPOCH_AT..EPOCH_AT + 4].copy_from_slice(&stamp.partition_leader_epoch.to_be_bytes());
        if let Some((kind, max_timestamp)) = stamp.timestamp
            && (kind, max_timestamp) != (self.timestamp_type, self.max_timestamp)
        {
            let attributes = &mut bytes[CHECKED_FROM + 1];
            *attributes &= !(attribute::LOG_APPEND_TIME as u8);
            if kind == TimestampType::LogAppendTime {
                *attributes |= attribute::LOG_APPEND_TIME as u8;
            }
            bytes[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
            let crc = crc32c::crc32c(&bytes[CHECKED_FROM..]);
            bytes[CRC_AT..CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
        }
        Some(bytes.freeze())
    }

    /// A copy of the batch as another producer, epoch or sequence number: what an idempotent producer sends again after it
    /// began a new epoch (KIP-360). `None` for a batch of magic 0 or 1, which has none of them.
    pub fn with_producer(&self, id: i64, epoch: i16, base_sequence: i32) -> Option<Bytes> {
        if self.magic != 2 {
            return None;
        }
        let mut bytes = BytesMut::from(self.bytes());
        bytes[PRODUCER_AT..PRODUCER_AT + 8].copy_from_slice(&id.to_be_bytes());
        bytes[PRODUCER_AT + 8..PRODUCER_AT + 10].copy_from_slice(&epoch.to_be_bytes());
        bytes[PRODUCER_AT + 10..PRODUCER_AT + 14].copy_from_slice(&base_sequence.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[CHECKED_FROM..]);
        bytes[CRC_AT..CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
        Some(bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{BatchBuilder, Batches, Compression, LegacyBuilder};

    #[test]
    fn another_producer_leaves_the_rest_as_it_is() {
        let build = |id, epoch, sequence| {
            let mut builder = BatchBuilder::new();
            builder.set_producer(id, epoch, sequence);
            builder.append(1000, Some(b"k"), Some(b"v"), &[]).unwrap();
            builder.build()
        };
        let before = build(5, 6, 7);
        let batch = Batches::new(&before).next().unwrap().unwrap();
        assert_eq!(batch.with_producer(1 << 40, 8, 0).unwrap(), build(1 << 40, 8, 0));
    }

    #[test]
    fn a_new_timestamp_takes_a_new_checksum() {
        let mut builder = BatchBuilder::new();
        builder.set_producer(5, 6, 7).set_transactional(true);
        builder.append(1000, Some(b"k"), Some(b"v"), &[]).unwrap();
        let produced = builder.build();
        let batch = Batches::new(&produced).next().unwrap().unwrap();
        let stamp = Stamp { timestamp: Some((TimestampType::LogAppendTime, 2000)), ..Stamp::new(9, 1) };
        let appended = batch.stamped(&stamp).unwrap();
        let after = Batches::new(&appended).next().unwrap().unwrap();
        assert_eq!((after.timestamp_type, after.max_timestamp), (TimestampType::LogAppendTime, 2000));
        assert_eq!((after.base_offset, after.base_timestamp, after.base_sequence), (9, 1000, 7));
        assert!(after.is_transactional);
        let stamp = Stamp { timestamp: Some((TimestampType::CreateTime, 1000)), ..Stamp::new(0, -1) };
        assert_eq!(after.stamped(&stamp).unwrap(), produced);
    }

    #[test]
    fn the_old_formats_have_no_place_for_it() {
        let mut builder = LegacyBuilder::new(1, Compression::None).unwrap();
        builder.append(0, 1000, None, Some(b"v")).unwrap();
        let blob = builder.build();
        assert_eq!(Batches::new(&blob).next().unwrap().unwrap().stamped(&Stamp::new(1, 1)), None);
    }
}
