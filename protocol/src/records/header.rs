//! What a batch says about itself, before its records.

use super::Compression;
use super::error::RecordErrorKind;
use super::parse::{Parsed, int8, int16, int32, int64, uint32};

/// Offset and size, before what the size counts.
pub(super) const OVERHEAD: usize = 12;
/// Where the checksum of magic 2 is.
pub(super) const CRC_AT: usize = 17;
/// Where the bytes that a magic 2 checksum covers begin.
pub(super) const CHECKED_FROM: usize = 21;
/// The whole header of magic 2; record data follows.
pub(super) const HEADER_V2: usize = 61;

/// Attribute bits of magic 2; the lowest three bits are the compression.
pub(super) mod attribute {
    pub(in crate::records) const COMPRESSION: i16 = 0x07;
    pub(in crate::records) const LOG_APPEND_TIME: i16 = 0x08;
    pub(in crate::records) const TRANSACTIONAL: i16 = 0x10;
    pub(in crate::records) const CONTROL: i16 = 0x20;
    pub(in crate::records) const DELETE_HORIZON: i16 = 0x40;
}

/// Where the timestamps of a batch come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimestampType {
    /// Magic 0 has no timestamps: each reads as -1.
    None,
    /// Set by the producer, record by record.
    #[default]
    CreateTime,
    /// Set by the broker when it appended the batch: every record carries the batch's max timestamp.
    LogAppendTime,
}

impl TimestampType {
    /// Kafka's own name: `NoTimestampType`, `CreateTime` or `LogAppendTime`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NoTimestampType",
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }
}

/// What a batch says about itself. Plain values: it borrows nothing, so it can be kept after the blob is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchHeader {
    /// The offset of the first record that the batch was written with; compaction can have removed that record.
    ///
    /// A *compressed* batch of magic 0 or 1 does not state it: here it equals [`last_offset`](Self::last_offset), and
    /// [`RecordCursor::base_offset`](super::RecordCursor::base_offset) knows the true one once the batch is decompressed.
    pub base_offset: i64,
    /// The offset of the last record that the batch was written with, also when compaction has removed it.
    pub last_offset: i64,
    /// Bytes that the batch takes in the blob, header included.
    pub size: usize,
    /// The format: 0, 1 or 2.
    pub magic: i8,
    /// How the records are compressed.
    pub compression: Compression,
    /// Where the timestamps come from.
    pub timestamp_type: TimestampType,
    /// Milliseconds since 1970 from which the records' timestamps count, in magic 2. With
    /// [`delete_horizon_ms`](Self::delete_horizon_ms) it is that horizon; -1 where compaction left no record. In magic
    /// 0 and 1, equal to `max_timestamp`.
    pub base_timestamp: i64,
    /// The highest timestamp in the batch, or the time of the append with [`TimestampType::LogAppendTime`], in
    /// milliseconds since 1970; -1 for none.
    pub max_timestamp: i64,
    /// The idempotent or transactional producer; -1 for none.
    pub producer_id: i64,
    /// The producer's epoch, which fences older instances; -1 for none.
    pub producer_epoch: i16,
    /// The producer's sequence number of the first record; -1 for none.
    pub base_sequence: i32,
    /// The epoch of the leader that appended the batch; -1 when not known (KIP-101).
    pub partition_leader_epoch: i32,
    /// Whether the batch is part of a transaction (KIP-98).
    pub is_transactional: bool,
    /// Whether the batch holds control records (the end of a transaction), which are never for the application.
    pub is_control: bool,
    /// When compaction may remove the batch's tombstones, in milliseconds since 1970; `None` when not decided
    /// (KIP-534).
    pub delete_horizon_ms: Option<i64>,
    /// The checksum as stored: CRC-32C in magic 2, CRC-32 before.
    pub crc: u32,
    /// How many records the batch holds; 0 when compaction left none. `None` for magic 0 and 1, which do not say: there
    /// [`RecordCursor::remaining`](super::RecordCursor::remaining) tells, once the batch is decompressed.
    pub count: Option<i32>,
}

impl BatchHeader {
    /// The offset after this batch: what to ask for next, however many records compaction left in it.
    pub fn next_offset(&self) -> i64 {
        self.last_offset.wrapping_add(1)
    }
}

/// Kafka's `DefaultRecordBatch`. All but compression and size, which are the caller's.
pub(super) fn header_v2(i: &[u8]) -> Parsed<'_, BatchHeader> {
    let (i, base_offset) = int64(i)?;
    let (i, _size) = int32(i)?;
    let (i, partition_leader_epoch) = int32(i)?;
    let (i, magic) = int8(i)?;
    let (i, crc) = uint32(i)?;
    let (i, attributes) = int16(i)?;
    let (i, last_offset_delta) = int32(i)?;
    let (i, base_timestamp) = int64(i)?;
    let (i, max_timestamp) = int64(i)?;
    let (i, producer_id) = int64(i)?;
    let (i, producer_epoch) = int16(i)?;
    let (i, base_sequence) = int32(i)?;
    let (i, count) = int32(i)?;
    let flag = |bit| attributes & bit != 0;
    let header = BatchHeader {
        base_offset,
        last_offset: base_offset.wrapping_add(i64::from(last_offset_delta)),
        size: 0,
        magic,
        compression: Compression::None,
        timestamp_type: match flag(attribute::LOG_APPEND_TIME) {
            true => TimestampType::LogAppendTime,
            false => TimestampType::CreateTime,
        },
        base_timestamp,
        max_timestamp,
        producer_id,
        producer_epoch,
        base_sequence,
        partition_leader_epoch,
        is_transactional: flag(attribute::TRANSACTIONAL),
        is_control: flag(attribute::CONTROL),
        delete_horizon_ms: flag(attribute::DELETE_HORIZON).then_some(base_timestamp),
        crc,
        count: Some(count),
    };
    Ok((i, header))
}

/// The compression that a (lower) byte of attributes names.
pub(super) fn compression(attributes: u8) -> Result<Compression, RecordErrorKind> {
    let id = attributes & attribute::COMPRESSION as u8;
    Compression::from_id(id).ok_or(RecordErrorKind::UnknownCompression(id))
}
