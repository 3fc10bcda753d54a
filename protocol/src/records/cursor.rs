//! Going through the records of a batch: a cursor that borrows nothing, and the iterator made of it.

use std::iter::FusedIterator;

use super::error::{Origin, RecordError, RecordErrorKind};
use super::header::BatchHeader;
use super::parse::Fault;
use super::record::{Base, Record};
use super::{TimestampType, legacy};

/// How far the records of a batch have been read: where, how many are left, and what their deltas count from.
///
/// It is a small `Copy` value that borrows nothing, so that a consumer can stop after any record and go on in a later
/// call, without reading anything twice. It reads the data that it was made for: [`Batch::record_data`] of an
/// uncompressed batch ([`Batch::cursor`]), or the buffer that [`Decompressor::decompress`] filled. The default cursor
/// is at its end.
///
/// ```
/// use milena_protocol::records::{BatchCursor, Compression, Decompressor, RecordBuffer, RecordCursor};
///
/// /// A partition's answer, kept over several calls.
/// struct Pending {
///     blob: bytes::Bytes,
///     batches: BatchCursor,
///     /// Where the records of the current batch are: in the blob, or decompressed.
///     in_blob: Option<std::ops::Range<usize>>,
///     decompressed: RecordBuffer,
///     records: RecordCursor,
/// }
///
/// impl Pending {
///     /// Hands on at most `max` records; the next call goes on behind them.
///     fn poll(&mut self, max: usize, decompressor: &mut Decompressor) -> Result<usize, Box<dyn std::error::Error>> {
///         for taken in 0..max {
///             loop {
///                 let data = match &self.in_blob {
///                     Some(range) => &self.blob[range.clone()],
///                     None => &self.decompressed[..],
///                 };
///                 if let Some(record) = self.records.next(data) {
///                     println!("{}", record?.offset);
///                     break;
///                 }
///                 let Some(batch) = self.batches.next(&self.blob) else { return Ok(taken) };
///                 let batch = batch?;
///                 (self.records, self.in_blob) = match batch.compression {
///                     Compression::None => (batch.cursor()?, Some(batch.record_data_range())),
///                     _ => (decompressor.decompress(&batch, &mut self.decompressed)?, None),
///                 };
///             }
///         }
///         Ok(max)
///     }
/// }
/// ```
///
/// [`Batch::cursor`]: super::Batch::cursor
/// [`Batch::record_data`]: super::Batch::record_data
/// [`Decompressor::decompress`]: super::Decompressor::decompress
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordCursor {
    position: usize,
    remaining: u32,
    legacy: Option<legacy::Rules>,
    base: Base,
    origin: Origin,
}

impl RecordCursor {
    /// At the first record of `data`.
    pub(super) fn over(
        header: &BatchHeader,
        data: &[u8],
        origin: Origin,
        verify_crc: bool,
    ) -> Result<Self, RecordError> {
        let append_time =
            (header.timestamp_type == TimestampType::LogAppendTime).then_some(header.max_timestamp);
        let mut cursor = Self {
            position: 0,
            remaining: 0,
            legacy: None,
            base: Base { offset: header.base_offset, timestamp: header.base_timestamp, append_time },
            origin,
        };
        match header.count {
            Some(count) => {
                let remaining = u32::try_from(count).ok();
                let error = || RecordError::in_batch(RecordErrorKind::RecordCount(count), origin);
                cursor.remaining = remaining.ok_or_else(error)?;
            }
            None => {
                let messages = legacy::survey(header, data)
                    .map_err(|(kind, position)| RecordError::in_data(kind, origin, position))?;
                cursor.remaining = messages.count;
                cursor.base.offset = messages.base_offset;
                cursor.legacy = Some(messages.rules(header, verify_crc));
            }
        }
        Ok(cursor)
    }

    /// How many records are left.
    pub fn remaining(&self) -> usize {
        self.remaining as usize
    }

    /// The batch's base offset: that of its header, but for compressed batches of magic 0 and 1, whose header has
    /// only the last. There it is the offset of the first message.
    pub fn base_offset(&self) -> i64 {
        self.base.offset
    }

    /// The next record of `data`; `None` after the last, and after an error.
    ///
    /// # Errors
    /// When the record is malformed, is missing, or is the last and data is left after it. Other data than what the
    /// cursor was made for gives errors or nonsense, never a panic.
    #[inline]
    #[allow(clippy::should_implement_trait)] // An iterator could not be given the data.
    pub fn next<'a>(&mut self, data: &'a [u8]) -> Option<Result<Record<'a>, RecordError>> {
        if self.remaining == 0 {
            return None;
        }
        if self.legacy.is_some() {
            return Some(self.next_legacy(data));
        }
        let rest = data.get(self.position..).unwrap_or_default();
        match self.base.record(rest) {
            Ok((rest, record)) if self.remaining > 1 || rest.is_empty() => {
                self.position = data.len() - rest.len();
                self.remaining -= 1;
                Some(Ok(record))
            }
            Ok((rest, _)) => Some(Err(self.excess(data, rest))),
            Err(error) => Some(Err(self.failure(data, rest, error))),
        }
    }

    #[inline(never)]
    fn next_legacy<'a>(&mut self, data: &'a [u8]) -> Result<Record<'a>, RecordError> {
        let rest = data.get(self.position..).unwrap_or_default();
        let rules = self.legacy.unwrap_or_default();
        match rules.message(rest) {
            Ok((rest, record)) => {
                self.position = data.len() - rest.len();
                self.remaining -= 1;
                Ok(record)
            }
            Err(error) => Err(self.failure(data, rest, error)),
        }
    }

    #[cold]
    fn excess(&mut self, data: &[u8], rest: &[u8]) -> RecordError {
        self.remaining = 0;
        let kind = RecordErrorKind::ExcessData { bytes: rest.len() };
        RecordError::in_data(kind, self.origin, data.len() - rest.len())
    }

    #[cold]
    fn failure(&mut self, data: &[u8], rest: &[u8], error: nom::Err<Fault>) -> RecordError {
        let missing = std::mem::take(&mut self.remaining);
        let (kind, left) = match error {
            _ if rest.is_empty() => (RecordErrorKind::MissingRecords { missing }, 0),
            nom::Err::Error(fault) | nom::Err::Failure(fault) => (fault.kind, fault.left),
            nom::Err::Incomplete(_) => (RecordErrorKind::Truncated, 0),
        };
        RecordError::in_data(kind, self.origin, data.len().saturating_sub(left))
    }
}

/// The records of one batch, one after the other; made by [`Batch::records`](super::Batch::records).
#[derive(Debug, Clone)]
pub struct Records<'a> {
    data: &'a [u8],
    cursor: RecordCursor,
}

impl<'a> Records<'a> {
    /// Goes on where a cursor stopped, in the data that the cursor was made for.
    pub fn new(data: &'a [u8], cursor: RecordCursor) -> Self {
        Self { data, cursor }
    }

    /// Where the iteration is.
    pub fn cursor(&self) -> RecordCursor {
        self.cursor
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.next(self.data)
    }

    /// The number of records is the peer's claim: nothing is promised, so that nobody reserves memory for it.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.cursor.remaining()))
    }
}

impl FusedIterator for Records<'_> {}

#[cfg(all(test, feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
mod tests {
    use super::*;
    use crate::records::{
        BatchBuilder, BatchCursor, Batches, Compression, Decompressor, Header, OwnedRecord, RecordBuffer,
    };

    fn read(blob: &[u8]) -> Result<Vec<OwnedRecord>, RecordError> {
        let mut decompressor = Decompressor::new();
        let mut records = Vec::new();
        for batch in Batches::new(blob).verify_crc(false) {
            for record in batch?.records(&mut decompressor)? {
                records.push(record?.to_owned());
            }
        }
        Ok(records)
    }

    /// A batch around these very bytes of record data.
    fn batch_with(count: i32, data: &[u8]) -> Vec<u8> {
        let mut blob = BatchBuilder::new().build().to_vec();
        blob[57..61].copy_from_slice(&count.to_be_bytes());
        blob.extend_from_slice(data);
        let size = (blob.len() - 12) as i32;
        blob[8..12].copy_from_slice(&size.to_be_bytes());
        blob
    }

    fn kind(count: i32, data: &[u8]) -> RecordErrorKind {
        read(&batch_with(count, data)).unwrap_err().kind()
    }

    /// Attributes, deltas, null key, null value, no headers.
    const RECORD: [u8; 7] = [12, 0, 0, 0, 1, 1, 0];

    fn numbered(compression: Compression, count: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::with_compression(compression).unwrap();
        for n in 0..count {
            let key = n.to_be_bytes();
            builder.append(1000 + n, Some(&key), Some(b"some value"), &[]).unwrap();
        }
        builder.build().to_vec()
    }

    #[test]
    fn null_and_empty_stay_apart_and_duplicate_headers_stay_in_order() {
        let mut builder = BatchBuilder::new();
        let headers = [
            Header { key: b"twice", value: Some(b"1") },
            Header { key: b"", value: None },
            Header { key: b"twice", value: Some(b"") },
        ];
        builder.append(1, None, Some(b""), &headers).unwrap();
        builder.append(2, Some(b""), None, &[]).unwrap();
        let blob = builder.build();
        let mut decompressor = Decompressor::new();
        let batch = Batches::new(&blob).next().unwrap().unwrap();
        let records: Vec<_> = batch.records(&mut decompressor).unwrap().map(Result::unwrap).collect();
        assert_eq!((records[0].key, records[0].value), (None, Some(&b""[..])));
        assert_eq!((records[1].key, records[1].value), (Some(&b""[..]), None));
        assert!(records[0].headers().eq(headers));
        assert_eq!(records[0].headers().len(), 3);
        assert_eq!(headers[0].key_str(), Some("twice"));
        assert_eq!(records[1].headers().next(), None);
    }

    #[test]
    fn timestamps_count_from_the_base_and_may_go_back() {
        let mut builder = BatchBuilder::new();
        for timestamp in [1 << 41, 5, -1] {
            builder.append(timestamp, None, None, &[]).unwrap();
        }
        let records = read(&builder.build()).unwrap();
        let times: Vec<_> = records.iter().map(|record| record.timestamp).collect();
        assert_eq!(times, [1 << 41, 5, -1]);
    }

    #[test]
    fn the_time_of_the_append_is_every_records_timestamp() {
        let mut builder = BatchBuilder::new();
        builder.set_log_append_time(Some(5555));
        builder.append(1, None, None, &[]).unwrap();
        builder.append(2, None, None, &[]).unwrap();
        let blob = builder.build();
        assert!(read(&blob).unwrap().iter().all(|record| record.timestamp == 5555));
    }

    #[test]
    fn with_a_delete_horizon_timestamps_count_from_it() {
        let mut builder = BatchBuilder::new();
        builder.set_delete_horizon(Some(9_000));
        builder.append(1_000, None, None, &[]).unwrap();
        let blob = builder.build();
        let batch = Batches::new(&blob).next().unwrap().unwrap();
        assert_eq!((batch.delete_horizon_ms, batch.base_timestamp), (Some(9_000), 9_000));
        assert_eq!(read(&blob).unwrap()[0].timestamp, 1_000);
    }

    #[test]
    fn a_batch_that_compaction_emptied_has_no_records_and_keeps_its_offsets() {
        let mut builder = BatchBuilder::with_compression(Compression::Gzip).unwrap();
        builder.set_base_offset(10).set_last_offset_delta(4);
        let blob = builder.build();
        assert_eq!(read(&blob).unwrap(), []);
        assert_eq!(Batches::new(&blob).next().unwrap().unwrap().next_offset(), 15);
    }

    #[test]
    fn a_count_of_0_is_accepted_whatever_follows() {
        assert_eq!(read(&batch_with(0, b"anything")).unwrap(), []);
        let mut blob = batch_with(0, b"anything");
        blob[22] = Compression::Gzip.id();
        assert_eq!(read(&blob).unwrap(), []);
    }

    #[test]
    fn too_few_and_too_many_records_are_errors() {
        assert_eq!(read(&batch_with(1, &RECORD)).unwrap().len(), 1);
        assert_eq!(kind(3, &RECORD), RecordErrorKind::MissingRecords { missing: 2 });
        assert_eq!(kind(1, &[RECORD, RECORD].concat()), RecordErrorKind::ExcessData { bytes: 7 });
        assert_eq!(kind(-1, &RECORD), RecordErrorKind::RecordCount(-1));
        for compression in Compression::ALL {
            let blob = numbered(compression, 5);
            for (count, expected) in [(4, "ExcessData"), (6, "MissingRecords")] {
                let mut blob = blob.clone();
                blob[60] = count;
                let kind = read(&blob).unwrap_err().kind();
                assert!(format!("{kind:?}").starts_with(expected), "{compression} {kind:?}");
            }
        }
    }

    #[test]
    fn malformed_records_are_errors_of_their_kind() {
        assert_eq!(kind(1, &[1]), RecordErrorKind::RecordLength(-1));
        assert_eq!(kind(1, &[14, 0, 0, 0, 1, 1, 0]), RecordErrorKind::Truncated);
        assert_eq!(kind(1, &[14, 0, 0, 0, 1, 1, 0, 0]), RecordErrorKind::RecordUnderfilled { bytes: 1 });
        assert_eq!(kind(1, &[12, 0, 0, 0, 4, 1, 0]), RecordErrorKind::Truncated);
        assert_eq!(kind(1, &[12, 0, 0, 0, 1, 1, 1]), RecordErrorKind::HeaderCount(-1));
        assert_eq!(kind(1, &[14, 0, 0, 0, 1, 1, 4, 0]), RecordErrorKind::HeaderCount(2));
        assert_eq!(kind(1, &[16, 0, 0, 0, 1, 1, 2, 1, 1]), RecordErrorKind::HeaderKeyLength(-1));
        assert_eq!(kind(1, &[0x80; 9]), RecordErrorKind::Varint);
    }

    #[test]
    fn any_negative_length_of_key_and_value_is_null() {
        let records = read(&batch_with(1, &[12, 0, 0, 0, 5, 3, 0])).unwrap();
        assert_eq!((&records[0].key, &records[0].value), (&None, &None));
    }

    #[test]
    fn an_error_ends_the_records_and_says_where() {
        let blob = batch_with(3, &[&RECORD[..], &[1], &RECORD[..]].concat());
        let batch = Batches::new(&blob).verify_crc(false).next().unwrap().unwrap();
        let mut decompressor = Decompressor::new();
        let mut records = batch.records(&mut decompressor).unwrap();
        assert!(records.next().unwrap().is_ok());
        let error = records.next().unwrap().unwrap_err();
        assert_eq!((error.position(), error.kind()), (61 + 7 + 1, RecordErrorKind::RecordLength(-1)));
        assert!(records.next().is_none());
    }

    #[test]
    fn a_cursor_stops_after_any_record_and_goes_on_later() {
        for compression in Compression::ALL {
            let blob = numbered(compression, 20);
            let batch = BatchCursor::new().next(&blob).unwrap().unwrap();
            let mut buffer = RecordBuffer::new();
            let mut cursor = Decompressor::new().decompress(&batch, &mut buffer).unwrap();
            let mut seen = 0;
            while let Some(record) = cursor.next(&buffer) {
                assert_eq!(record.unwrap().offset, seen);
                seen += 1;
                // The copy reads the rest, and leaves the original where it is.
                let rest = Records::new(&buffer, cursor);
                assert_eq!(rest.map(Result::unwrap).count() as i64, 20 - seen);
            }
            assert_eq!(seen, 20);
        }
    }

    #[test]
    fn an_uncompressed_batch_is_read_where_it_lies_in_the_blob() {
        let blob = [numbered(Compression::None, 2), numbered(Compression::None, 3)].concat();
        let mut batches = BatchCursor::new();
        batches.next(&blob).unwrap().unwrap();
        let batch = batches.next(&blob).unwrap().unwrap();
        let mut cursor = batch.cursor().unwrap();
        let data = &blob[batch.record_data_range()];
        assert_eq!(std::iter::from_fn(|| cursor.next(data)).map(Result::unwrap).count(), 3);
    }

    #[test]
    fn a_compressed_batch_is_not_read_as_if_it_were_not() {
        let blob = numbered(Compression::Lz4, 2);
        let kind = Batches::new(&blob).next().unwrap().unwrap().cursor().unwrap_err().kind();
        assert_eq!(kind, RecordErrorKind::StillCompressed(Compression::Lz4));
    }

    #[test]
    fn a_cursor_over_other_data_fails_without_a_panic() {
        let blob = numbered(Compression::None, 9);
        let batch = Batches::new(&blob).next().unwrap().unwrap();
        let mut cursor = batch.cursor().unwrap();
        assert!(cursor.next(batch.record_data()).unwrap().is_ok());
        assert!(cursor.next(b"short").unwrap().is_err());
        assert!(cursor.next(batch.record_data()).is_none());
        assert!(RecordCursor::default().next(batch.record_data()).is_none());
    }
}
