//! Magic 0 and 1: messages, and compressed messages that hold messages.
//!
//! A message is a batch of its own: offset, size, CRC-32, magic, attributes, a timestamp (magic 1), key and value.
//! When compressed, its value is a row of such messages, and its own offset is that of the last of them. Offsets
//! inside are absolute in magic 0. In magic 1 they are relative (KIP-31): the first has the offset of the wrapper less
//! the relative offset of the last one. So all of them are passed over once before the first is read, which costs a
//! few reads per message and no memory.
//!
//! Kafka's `AbstractLegacyRecordBatch` is where the rules come from.

use super::error::RecordErrorKind;
use super::header::{BatchHeader, TimestampType, attribute, compression};
use super::parse::{Parsed, array, fail, int8, int32, int64, kind, nullable_bytes, take, uint32, within};
use super::{Compression, Record};

/// Magic and what follows; the checksum covers it.
const CHECKED_FROM: usize = 4;

/// A message's fields, as they are written.
#[derive(Debug)]
struct Message<'a> {
    crc: u32,
    magic: i8,
    attributes: u8,
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

impl Message<'_> {
    fn is_log_append_time(&self) -> bool {
        self.magic > 0 && i16::from(self.attributes) & attribute::LOG_APPEND_TIME != 0
    }
}

/// A message without its offset and size. Bytes after the value are ignored, as Kafka does.
#[inline(always)]
fn message(i: &[u8]) -> Parsed<'_, Message<'_>> {
    let (i, crc) = uint32(i)?;
    let (i, magic) = int8(i)?;
    let (i, [attributes]) = array(i)?;
    let (i, timestamp) = match magic {
        0 => (i, -1),
        1 => int64(i)?,
        _ => return fail(i, RecordErrorKind::Magic(magic)),
    };
    let (i, key) = nullable_bytes(i)?;
    let (i, value) = nullable_bytes(i)?;
    Ok((i, Message { crc, magic, attributes, timestamp, key, value }))
}

/// An offset, and the bytes of the message that has it.
#[inline(always)]
fn entry(i: &[u8]) -> Parsed<'_, (i64, &[u8])> {
    let (i, offset) = int64(i)?;
    let (after, size) = int32(i)?;
    match usize::try_from(size) {
        Ok(size) if size >= 14 => take(after, size).map(|(i, bytes)| (i, (offset, bytes))),
        _ => fail(i, RecordErrorKind::BatchSize { declared: size, least: 14 }),
    }
}

/// A whole message as a batch: its header, and where its record data lies (itself, or the value when it is
/// compressed; `None` when that is null).
#[allow(clippy::type_complexity)]
pub(super) fn header(bytes: &[u8]) -> Result<(BatchHeader, Option<(usize, usize)>), RecordErrorKind> {
    let (_, (offset, body)) = entry(bytes).map_err(kind)?;
    let (rest, message) = message(body).map_err(kind)?;
    let compression = compression(message.attributes)?;
    let data = match (compression, message.value) {
        (Compression::None, _) => Some((0, bytes.len())),
        (_, Some(value)) => {
            let end = bytes.len() - rest.len();
            Some((end - value.len(), end))
        }
        (_, None) => None,
    };
    let header = BatchHeader {
        base_offset: offset,
        last_offset: offset,
        size: bytes.len(),
        magic: message.magic,
        compression,
        timestamp_type: match message.magic {
            0 => TimestampType::None,
            _ if message.is_log_append_time() => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        },
        base_timestamp: message.timestamp,
        max_timestamp: message.timestamp,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        partition_leader_epoch: -1,
        is_transactional: false,
        is_control: false,
        delete_horizon_ms: None,
        crc: message.crc,
        count: None,
    };
    Ok((header, data))
}

/// What the first pass over a batch's messages finds out.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) count: u32,
    /// The absolute offset of the first message.
    pub(super) base_offset: i64,
    /// What to add to the offsets inside.
    shift: i64,
}

impl Survey {
    pub(super) fn rules(&self, wrapper: &BatchHeader, verify_crc: bool) -> Rules {
        let append_time = match wrapper.timestamp_type {
            TimestampType::LogAppendTime => Some(wrapper.max_timestamp),
            _ => None,
        };
        Rules { shift: self.shift, append_time, verify_crc }
    }
}

/// Counts the messages in a batch's data, and finds what their offsets count from. An error comes with its position.
pub(super) fn survey(wrapper: &BatchHeader, data: &[u8]) -> Result<Survey, (RecordErrorKind, usize)> {
    if wrapper.compression == Compression::None {
        return Ok(Survey { count: 1, base_offset: wrapper.base_offset, shift: 0 });
    }
    let (mut count, mut first, mut last) = (0, 0, 0);
    let mut i = data;
    while !i.is_empty() {
        let (rest, (offset, _)) = match entry(i).map_err(kind) {
            Ok(entry) => entry,
            // Kafka reads the inside of a wrapper as it reads a log: what is cut off ends it.
            Err(RecordErrorKind::Truncated) => break,
            Err(kind) => return Err((kind, data.len() - i.len())),
        };
        if count == 0 {
            first = offset;
        }
        last = offset;
        count += 1;
        i = rest;
    }
    if count == 0 {
        return Err((RecordErrorKind::EmptyWrapper, 0));
    }
    let shift = match (wrapper.magic, wrapper.last_offset) {
        (0, _) => 0,
        // Some versions of librdkafka write 0 into the wrapper.
        (_, 0) => 0,
        (_, offset) if offset < last => {
            return Err((RecordErrorKind::WrapperOffset { last_inner: last }, 0));
        }
        (_, offset) => offset.wrapping_sub(last),
    };
    Ok(Survey { count, base_offset: first.wrapping_add(shift), shift })
}

/// How the messages of one batch are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rules {
    shift: i64,
    append_time: Option<i64>,
    /// Each message has a checksum of its own. That of an uncompressed batch was the batch's.
    verify_crc: bool,
}

impl Rules {
    /// One message as a record.
    pub(super) fn message<'a>(&self, i: &'a [u8]) -> Parsed<'a, Record<'a>> {
        let (rest, (offset, body)) = entry(i)?;
        let (_, message) = message(body).map_err(|error| within(error, rest))?;
        if message.attributes & attribute::COMPRESSION as u8 != 0 {
            return fail(i, RecordErrorKind::NestedCompression);
        }
        if self.verify_crc {
            let computed = crc32fast::hash(&body[CHECKED_FROM..]);
            if computed != message.crc {
                return fail(i, RecordErrorKind::Crc { stored: message.crc, computed });
            }
        }
        let timestamp = match self.append_time {
            Some(time) if message.magic > 0 => time,
            _ => message.timestamp,
        };
        let offset = offset.wrapping_add(self.shift);
        let mut record = Record::plain(offset, timestamp, message.key, message.value);
        record.attributes = message.attributes as i8;
        Ok((rest, record))
    }
}

#[cfg(all(test, feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
mod tests {
    use super::*;
    use crate::records::{Batches, Decompressor, LegacyBuilder, OwnedRecord, RecordError};

    fn read(blob: &[u8]) -> Result<Vec<OwnedRecord>, RecordError> {
        let mut decompressor = Decompressor::new();
        let mut records = Vec::new();
        for batch in Batches::new(blob) {
            for record in batch?.records(&mut decompressor)? {
                records.push(record?.to_owned());
            }
        }
        Ok(records)
    }

    fn three(magic: i8, compression: Compression, append_time: Option<i64>) -> Vec<u8> {
        let mut builder = LegacyBuilder::new(magic, compression).unwrap();
        builder.set_log_append_time(append_time);
        builder.append(100, 5, Some(b"k"), Some(b"v")).unwrap();
        builder.append(101, 9, None, Some(b"")).unwrap();
        builder.append(104, 7, Some(b""), None).unwrap();
        builder.build().to_vec()
    }

    /// Recomputes the checksum of the one message in `blob`.
    fn seal(blob: &mut [u8]) {
        let crc = crc32fast::hash(&blob[16..]);
        blob[12..16].copy_from_slice(&crc.to_be_bytes());
    }

    const CODECS: [Compression; 4] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4];

    #[test]
    fn messages_come_back_with_absolute_offsets_from_every_codec() {
        for compression in CODECS {
            for (magic, timestamps) in [(0, [-1, -1, -1]), (1, [5, 9, 7])] {
                let records = read(&three(magic, compression, None)).unwrap();
                let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
                assert_eq!(offsets, [100, 101, 104], "{compression} {magic}");
                let times: Vec<_> = records.iter().map(|record| record.timestamp).collect();
                assert_eq!(times, timestamps, "{compression} {magic}");
                assert_eq!(records[0].key.as_deref(), Some(&b"k"[..]));
                assert_eq!((&records[1].key, records[1].value.as_deref()), (&None, Some(&b""[..])));
                assert_eq!((records[2].key.as_deref(), &records[2].value), (Some(&b""[..]), &None));
            }
        }
    }

    #[test]
    fn the_time_of_the_append_overrides_the_timestamps_inside() {
        for compression in CODECS {
            let records = read(&three(1, compression, Some(1234))).unwrap();
            assert!(records.iter().all(|record| record.timestamp == 1234));
        }
    }

    #[test]
    fn the_base_offset_of_a_wrapper_is_known_once_it_is_decompressed() {
        let blob = three(1, Compression::Lz4, None);
        let batch = Batches::new(&blob).next().unwrap().unwrap();
        assert_eq!((batch.base_offset, batch.last_offset, batch.next_offset()), (104, 104, 105));
        let mut decompressor = Decompressor::new();
        assert_eq!(batch.records(&mut decompressor).unwrap().cursor().base_offset(), 100);
    }

    #[test]
    fn a_wrapper_offset_of_0_means_that_offsets_are_absolute() {
        let mut blob = three(1, Compression::Gzip, None);
        blob[..8].fill(0);
        let offsets: Vec<_> = read(&blob).unwrap().iter().map(|record| record.offset).collect();
        assert_eq!(offsets, [0, 1, 4]);
    }

    #[test]
    fn a_wrapper_offset_below_the_last_one_inside_is_an_error() {
        let mut blob = three(1, Compression::Gzip, None);
        blob[..8].copy_from_slice(&3i64.to_be_bytes());
        let kind = read(&blob).unwrap_err().kind();
        assert_eq!(kind, RecordErrorKind::WrapperOffset { last_inner: 4 });
    }

    #[test]
    fn a_wrapper_without_messages_is_an_error() {
        let mut blob = Vec::new();
        let empty = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
        for (value, kind) in
            [(None, RecordErrorKind::NullWrapper), (Some(&empty[..]), RecordErrorKind::EmptyWrapper)]
        {
            blob.clear();
            blob.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 9]);
            let size = 14 + value.map_or(0, <[u8]>::len);
            blob.extend_from_slice(&(size as i32).to_be_bytes());
            blob.extend_from_slice(&[0, 0, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff]);
            blob.extend_from_slice(&value.map_or(-1, |value| value.len() as i32).to_be_bytes());
            blob.extend_from_slice(value.unwrap_or_default());
            seal(&mut blob);
            assert_eq!(read(&blob).unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn compression_inside_compression_is_an_error() {
        let inner = three(0, Compression::Gzip, None);
        let mut builder = LegacyBuilder::new(0, Compression::Snappy).unwrap();
        builder.append(0, 0, None, None).unwrap();
        let plain = builder.build();
        // The wrapper again, around what was built with the other codec.
        let mut value = vec![0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
        let packed = snap::raw::Encoder::new().compress_vec(&inner).unwrap();
        value.extend_from_slice(&(packed.len() as i32).to_be_bytes());
        value.extend_from_slice(&packed);
        let mut blob = plain[..22].to_vec();
        blob.extend_from_slice(&(value.len() as i32).to_be_bytes());
        blob.extend_from_slice(&value);
        let size = (blob.len() - 12) as i32;
        blob[8..12].copy_from_slice(&size.to_be_bytes());
        seal(&mut blob);
        assert_eq!(read(&blob).unwrap_err().kind(), RecordErrorKind::NestedCompression);
    }

    #[test]
    fn zstd_is_not_defined_here() {
        let mut blob = three(1, Compression::Gzip, None);
        blob[17] = 4;
        seal(&mut blob);
        let kind = RecordErrorKind::CompressionNotAllowed { compression: Compression::Zstd, magic: 1 };
        assert_eq!(read(&blob).unwrap_err().kind(), kind);
    }

    #[test]
    fn a_checksum_inside_a_wrapper_is_verified_unless_told_not_to() {
        let mut builder = LegacyBuilder::new(0, Compression::Snappy).unwrap();
        builder.append(0, 0, None, Some(b"x")).unwrap();
        let mut blob = builder.build().to_vec();
        // So short that snappy stores it as it is: the last byte is the value.
        *blob.last_mut().unwrap() = b'y';
        seal(&mut blob);
        assert!(matches!(read(&blob).unwrap_err().kind(), RecordErrorKind::Crc { .. }));
        let batch = Batches::new(&blob).verify_crc(false).next().unwrap().unwrap();
        let mut decompressor = Decompressor::new();
        let record = batch.records(&mut decompressor).unwrap().next().unwrap().unwrap();
        assert_eq!(record.value, Some(&b"y"[..]));
    }
}
