//! Writing batches of magic 2.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::compression::Compressor;
use super::header::{CHECKED_FROM, CRC_AT, HEADER_V2, OVERHEAD, attribute};
use super::parse::{varlong_size, write_varint, write_varlong};
use super::{Compression, Header, TimestampType};

/// The largest batch that its int32 size can state, less what compression could add to it.
pub(super) const LARGEST: usize = 0x7000_0000;

/// Builds batches of magic 2, one after the other, with one set of compression contexts and buffers.
///
/// What is set stays set for the batches that follow; the records go with each [`build`](Self::build).
///
/// ```
/// use milena_protocol::records::{BatchBuilder, Batches, Compression, Header};
///
/// let mut builder = BatchBuilder::with_compression(Compression::Lz4)?;
/// builder.set_base_offset(42).set_producer(7, 0, 100);
/// builder.append(1_700_000_000_000, None, Some(b"first"), &[])?;
/// builder.append(1_700_000_000_005, Some(b"k"), None, &[Header { key: b"h", value: Some(b"v") }])?;
/// let bytes = builder.build();
///
/// let batch = Batches::new(&bytes).next().unwrap()?;
/// assert_eq!((batch.base_offset, batch.last_offset, batch.count), (42, 43, Some(2)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BatchBuilder {
    base_offset: i64,
    partition_leader_epoch: i32,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    flags: i16,
    append_time: Option<i64>,
    delete_horizon_ms: Option<i64>,
    compressor: Compressor,
    /// The records so far, uncompressed.
    records: Vec<u8>,
    count: i32,
    /// That of the last record.
    offset_delta: Option<i32>,
    /// What was set in its place.
    last_offset_delta: Option<i32>,
    base_timestamp: i64,
    max_timestamp: i64,
    compressed: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// Uncompressed, from offset 0, without a producer.
    pub fn new() -> Self {
        Self::with(Compressor::new(Compression::None, None).expect("no compression is always there"))
    }

    /// Compressed at the codec's default level.
    ///
    /// # Errors
    /// When the codec's cargo feature was not built in.
    pub fn with_compression(compression: Compression) -> Result<Self, BuildError> {
        Compressor::new(compression, None).map(Self::with)
    }

    /// Compressed at a level within [`Compression::levels`].
    ///
    /// # Errors
    /// When the level is out of the codec's range, the codec has no levels, or its cargo feature was not built in.
    pub fn with_level(compression: Compression, level: i32) -> Result<Self, BuildError> {
        Compressor::new(compression, Some(level)).map(Self::with)
    }

    fn with(compressor: Compressor) -> Self {
        Self {
            base_offset: 0,
            partition_leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            flags: 0,
            append_time: None,
            delete_horizon_ms: None,
            compressor,
            records: Vec::new(),
            count: 0,
            offset_delta: None,
            last_offset_delta: None,
            base_timestamp: -1,
            max_timestamp: -1,
            compressed: Vec::new(),
        }
    }

    /// The offset of the first record. Producers write 0; the broker puts in the real one.
    pub fn set_base_offset(&mut self, offset: i64) -> &mut Self {
        self.base_offset = offset;
        self
    }

    /// The epoch of the partition's leader, which the broker puts in; -1 for none.
    pub fn set_partition_leader_epoch(&mut self, epoch: i32) -> &mut Self {
        self.partition_leader_epoch = epoch;
        self
    }

    /// The idempotent or transactional producer, its epoch, and the sequence number of the first record; -1 for none.
    pub fn set_producer(&mut self, id: i64, epoch: i16, base_sequence: i32) -> &mut Self {
        (self.producer_id, self.producer_epoch, self.base_sequence) = (id, epoch, base_sequence);
        self
    }

    /// Whether the batch is part of a transaction.
    pub fn set_transactional(&mut self, transactional: bool) -> &mut Self {
        self.set_flag(attribute::TRANSACTIONAL, transactional)
    }

    /// Whether the records are control records.
    pub fn set_control(&mut self, control: bool) -> &mut Self {
        self.set_flag(attribute::CONTROL, control)
    }

    /// With a time in milliseconds since 1970, every record reads as appended then
    /// ([`TimestampType::LogAppendTime`](super::TimestampType)); with `None`, records have their own timestamps.
    pub fn set_log_append_time(&mut self, time_ms: Option<i64>) -> &mut Self {
        self.append_time = time_ms;
        self
    }

    /// When compaction may remove the batch's tombstones, in milliseconds since 1970. The records' timestamps count
    /// from it, so that it has to be set before the first record.
    ///
    /// # Panics
    /// When the batch has records.
    pub fn set_delete_horizon(&mut self, horizon_ms: Option<i64>) -> &mut Self {
        assert!(self.is_empty(), "the delete horizon is set before the first record");
        self.delete_horizon_ms = horizon_ms;
        self
    }

    /// How far the last offset is from the base offset, for a batch whose last record compaction removed. Goes with
    /// the next [`build`](Self::build); unless set, the last record decides.
    pub fn set_last_offset_delta(&mut self, delta: i32) -> &mut Self {
        self.last_offset_delta = Some(delta);
        self
    }

    fn set_flag(&mut self, flag: i16, on: bool) -> &mut Self {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
        self
    }

    /// How the records will be compressed.
    pub fn compression(&self) -> Compression {
        self.compressor.compression()
    }

    /// Where the records' timestamps come from.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.append_time.is_some() { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }

    /// How many records were appended.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether no record was appended.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends a record at the next offset. The timestamp is in milliseconds since 1970, -1 for none.
    ///
    /// # Errors
    /// [`BuildError::TooLarge`] when the batch would pass what its size field can say (some 1.8 GB here).
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), BuildError> {
        self.append_at(self.next_delta(), timestamp, key, value, headers)
    }

    /// Appends a record `offset_delta` behind the base offset: that leaves a gap, as compaction does.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_at(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), BuildError> {
        let base = self.base_timestamp(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(base);
        let body = body_size(offset_delta, timestamp_delta, key, value, headers);
        if body > LARGEST || self.records.len() + body > LARGEST {
            return Err(BuildError::TooLarge);
        }
        let out = &mut self.records;
        write_varint(out, body as i32);
        out.push(0); // No attributes are defined.
        write_varlong(out, timestamp_delta);
        write_varint(out, offset_delta);
        write_bytes(out, key);
        write_bytes(out, value);
        write_varint(out, headers.len() as i32);
        for header in headers {
            write_bytes(out, Some(header.key));
            write_bytes(out, header.value);
        }
        self.base_timestamp = base;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.offset_delta = Some(offset_delta);
        self.count += 1;
        Ok(())
    }

    /// Bytes that the batch takes so far, were it uncompressed. Compressed it is smaller, or at most a few bytes in a
    /// thousand larger where the data does not compress.
    pub fn estimated_size(&self) -> usize {
        HEADER_V2 + self.records.len()
    }

    /// Bytes by which [`append`](Self::append) of the same would make [`estimated_size`](Self::estimated_size) grow.
    pub fn record_size(
        &self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> usize {
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp(timestamp));
        let body = body_size(self.next_delta(), timestamp_delta, key, value, headers);
        varlong_size(body as i64) + body
    }

    /// The batch, as bytes of their own.
    pub fn build(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        self.build_into(&mut out);
        out.freeze()
    }

    /// Appends the batch to `out`. Without records it is what compaction leaves: a header with a count of 0.
    pub fn build_into(&mut self, out: &mut BytesMut) {
        let start = out.len();
        let payload = if self.compression() == Compression::None || self.is_empty() {
            &self.records
        } else {
            self.compressed.clear();
            self.compressor.compress(&self.records, false, &mut self.compressed);
            &self.compressed
        };
        let mut attributes = self.flags | i16::from(self.compression().id());
        attributes |= self.append_time.map_or(0, |_| attribute::LOG_APPEND_TIME);
        attributes |= self.delete_horizon_ms.map_or(0, |_| attribute::DELETE_HORIZON);

        out.reserve(HEADER_V2 + payload.len());
        out.put_i64(self.base_offset);
        out.put_i32((HEADER_V2 - OVERHEAD + payload.len()) as i32);
        out.put_i32(self.partition_leader_epoch);
        out.put_i8(2);
        out.put_u32(0); // The checksum, when the rest is there.
        out.put_i16(attributes);
        out.put_i32(self.last_offset_delta.or(self.offset_delta).unwrap_or(0));
        out.put_i64(self.delete_horizon_ms.unwrap_or(self.base_timestamp));
        out.put_i64(self.append_time.unwrap_or(self.max_timestamp));
        out.put_i64(self.producer_id);
        out.put_i16(self.producer_epoch);
        out.put_i32(self.base_sequence);
        out.put_i32(self.count);
        out.put_slice(payload);
        let crc = crc32c::crc32c(&out[start + CHECKED_FROM..]);
        out[start + CRC_AT..start + CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
        self.clear();
    }

    /// Forgets the records.
    pub fn clear(&mut self) {
        self.records.clear();
        self.count = 0;
        self.offset_delta = None;
        self.last_offset_delta = None;
        self.base_timestamp = -1;
        self.max_timestamp = -1;
    }

    fn next_delta(&self) -> i32 {
        self.offset_delta.map_or(0, |delta| delta.wrapping_add(1))
    }

    /// What the timestamps of the batch count from, when a record with `timestamp` comes next.
    fn base_timestamp(&self, timestamp: i64) -> i64 {
        match (self.delete_horizon_ms, self.count) {
            (Some(horizon), _) => horizon,
            (None, 0) => timestamp,
            (None, _) => self.base_timestamp,
        }
    }
}

/// A record without its leading length.
fn body_size(
    offset_delta: i32,
    timestamp_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[Header<'_>],
) -> usize {
    let headers_size: usize = headers.iter().map(|h| bytes_size(Some(h.key)) + bytes_size(h.value)).sum();
    1 + varlong_size(timestamp_delta)
        + varlong_size(i64::from(offset_delta))
        + bytes_size(key)
        + bytes_size(value)
        + varlong_size(headers.len() as i64)
        + headers_size
}

fn bytes_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varlong_size(bytes.len() as i64) + bytes.len())
}

/// Bytes behind their length; null is a length of -1. (The caller has checked that lengths fit.)
fn write_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            write_varint(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
        None => write_varint(out, -1),
    }
}

/// Why a batch cannot be built: the caller's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The codec's cargo feature was not built in.
    FeatureDisabled(Compression),
    /// The codec has no such level.
    Level {
        /// The codec.
        compression: Compression,
        /// What was asked for.
        level: i32,
        /// The lowest level there is.
        min: i32,
        /// The highest level there is.
        max: i32,
    },
    /// The codec has no levels.
    NoLevels(Compression),
    /// The compression is not defined for this magic: zstd in magic 0 and 1.
    NotAllowed {
        /// The codec.
        compression: Compression,
        /// The format.
        magic: i8,
    },
    /// No such format is built here: this magic.
    Magic(i8),
    /// The batch would be larger than its size field can say.
    TooLarge,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FeatureDisabled(compression) => {
                write!(f, "built without the cargo feature `{compression}`")
            }
            Self::Level { compression, level, min, max } => {
                write!(f, "{compression} has no level {level}: levels are {min} to {max}")
            }
            Self::NoLevels(compression) => write!(f, "{compression} has no levels"),
            Self::NotAllowed { compression, magic } => {
                write!(f, "{compression} is not defined for magic {magic}")
            }
            Self::Magic(magic) => write!(f, "there are no messages of magic {magic}"),
            Self::TooLarge => f.write_str("batch is too large"),
        }
    }
}

impl std::error::Error for BuildError {}

#[cfg(all(test, feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
mod tests {
    use super::*;
    use crate::records::{Batches, Decompressor};

    fn fill(builder: &mut BatchBuilder) -> Bytes {
        for n in 0..2000 {
            let value = format!("value {n} of a batch that compresses");
            let header = Header { key: b"h", value: Some(b"v") };
            builder.append(1_700_000_000_000 + n, Some(b"key"), Some(value.as_bytes()), &[header]).unwrap();
        }
        builder.build()
    }

    #[test]
    fn every_codec_writes_what_is_read_batch_after_batch() {
        let mut decompressor = Decompressor::new();
        for compression in Compression::ALL {
            let mut builder = BatchBuilder::with_compression(compression).unwrap();
            let first = fill(&mut builder);
            assert_eq!(first, fill(&mut builder), "a context carries nothing over");
            let batch = Batches::new(&first).next().unwrap().unwrap();
            assert_eq!((batch.compression, batch.count), (compression, Some(2000)));
            let records: Vec<_> = batch.records(&mut decompressor).unwrap().map(Result::unwrap).collect();
            assert_eq!(records.len(), 2000);
            assert_eq!((records[7].offset, records[7].timestamp), (7, 1_700_000_000_007));
            assert_eq!(records[7].value, Some(&b"value 7 of a batch that compresses"[..]));
        }
    }

    #[test]
    fn the_estimate_is_exact_without_compression() {
        let mut builder = BatchBuilder::new();
        let mut expected = builder.estimated_size();
        for (timestamp, size) in [(5, 10), (1 << 40, 100), (0, 70_000)] {
            let value = vec![0; size];
            expected += builder.record_size(timestamp, None, Some(&value), &[]);
            builder.append(timestamp, None, Some(&value), &[]).unwrap();
            assert_eq!(builder.estimated_size(), expected);
        }
        assert_eq!(builder.build().len(), expected);
    }

    #[test]
    fn a_last_offset_that_is_set_stays_and_moves_no_record() {
        let mut builder = BatchBuilder::new();
        builder.set_last_offset_delta(9);
        builder.append(1, None, None, &[]).unwrap();
        builder.append(1, None, None, &[]).unwrap();
        let bytes = builder.build();
        let batch = Batches::new(&bytes).next().unwrap().unwrap();
        assert_eq!(batch.last_offset, 9);
        let offsets: Vec<i64> =
            batch.records(&mut Decompressor::new()).unwrap().map(|record| record.unwrap().offset).collect();
        assert_eq!(offsets, [0, 1]);
        builder.append(1, None, None, &[]).unwrap();
        let bytes = builder.build();
        assert_eq!(Batches::new(&bytes).next().unwrap().unwrap().last_offset, 0, "for one batch only");
    }

    #[test]
    fn a_level_out_of_range_is_an_error_that_says_the_range() {
        let error = BatchBuilder::with_level(Compression::Gzip, 10).unwrap_err();
        assert_eq!(error.to_string(), "gzip has no level 10: levels are 1 to 9");
        let error = BatchBuilder::with_level(Compression::Zstd, 23).unwrap_err();
        assert_eq!(error.to_string(), "zstd has no level 23: levels are -131072 to 22");
        assert!(BatchBuilder::with_level(Compression::Zstd, -7).is_ok());
        assert_eq!(
            BatchBuilder::with_level(Compression::Lz4, 1).unwrap_err(),
            BuildError::NoLevels(Compression::Lz4)
        );
    }

    #[test]
    fn batches_are_appended_to_what_is_there() {
        let mut builder = BatchBuilder::new();
        let mut out = BytesMut::new();
        for offset in [0, 5] {
            builder.set_base_offset(offset);
            builder.append(0, None, None, &[]).unwrap();
            builder.build_into(&mut out);
        }
        let offsets: Vec<_> = Batches::new(&out).map(|batch| batch.unwrap().base_offset).collect();
        assert_eq!(offsets, [0, 5]);
    }
}
