//! Batches: a blob of records, cut into batches.
//!
//! A blob is a row of batches. Each says its size and its magic (format 0, 1 or 2), and one blob can mix the three.
//! Only the headers are read here; the records of a batch are read by [`Batch::records`].

use std::iter::FusedIterator;
use std::ops::{Deref, Range};

use super::error::{Origin, RecordError, RecordErrorKind};
use super::header::{BatchHeader, CHECKED_FROM, HEADER_V2, OVERHEAD, compression, header_v2};
use super::parse::{int64, kind};
use super::{Compression, Decompressor, RecordCursor, Records, legacy};

/// Where the magic is, in every format.
const MAGIC_AT: usize = 16;

/// The smallest declared size of each magic: what its header takes after the size field.
const LEAST_SIZE: [i32; 3] = [14, 22, (HEADER_V2 - OVERHEAD) as i32];

/// One batch of a blob: its header, and its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
    /// Record data within `bytes`: where records start, or compressed data does. `None` is a wrapper without a value.
    data: Option<(usize, usize)>,
    position: usize,
    verify_crc: bool,
}

/// A batch has the fields of its header: `batch.base_offset`, `batch.is_control`.
impl Deref for Batch<'_> {
    type Target = BatchHeader;

    fn deref(&self) -> &BatchHeader {
        &self.header
    }
}

impl<'a> Batch<'a> {
    /// The batch's fields, to keep.
    pub fn header(&self) -> BatchHeader {
        self.header
    }

    /// The whole batch as it came, header included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes from the start of the blob to the batch.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What a [`RecordCursor`] reads, as it came: the records, or what has to be decompressed to get them.
    pub fn record_data(&self) -> &'a [u8] {
        self.data.map_or(&[], |(start, end)| &self.bytes[start..end])
    }

    /// Where [`record_data`](Self::record_data) lies in the blob, for who keeps the blob and not a borrow of it.
    pub fn record_data_range(&self) -> Range<usize> {
        let (start, end) = self.data.unwrap_or((self.bytes.len(), self.bytes.len()));
        self.position + start..self.position + end
    }

    /// The batch's records, one after the other. A compressed batch is decompressed once, into the decompressor's own
    /// buffer.
    ///
    /// # Errors
    /// When the batch cannot be decompressed, or declares an impossible number of records.
    pub fn records<'r>(&self, decompressor: &'r mut Decompressor) -> Result<Records<'r>, RecordError>
    where
        'a: 'r,
    {
        if self.compression == Compression::None {
            return Ok(Records::new(self.record_data(), self.cursor()?));
        }
        let (data, cursor) = decompressor.decompressed(self)?;
        Ok(Records::new(data, cursor))
    }

    /// A cursor over the records of an uncompressed batch; it reads [`record_data`](Self::record_data). (That of a
    /// compressed batch comes from [`Decompressor::decompress`].)
    ///
    /// # Errors
    /// When the batch declares a negative number of records, or is compressed.
    pub fn cursor(&self) -> Result<RecordCursor, RecordError> {
        if self.compression != Compression::None {
            return Err(self.error(RecordErrorKind::StillCompressed(self.compression)));
        }
        let data_start = self.data.map(|(start, _)| self.position + start);
        RecordCursor::over(&self.header, self.record_data(), Origin { data_start, ..self.origin() }, false)
    }

    /// Compares the batch's checksum with its bytes. [`Batches`] has done so already, unless told not to.
    ///
    /// # Errors
    /// [`RecordErrorKind::Crc`] when they differ.
    pub fn check_crc(&self) -> Result<(), RecordError> {
        let computed = match self.magic {
            2 => crc32c::crc32c(&self.bytes[CHECKED_FROM..]),
            _ => crc32fast::hash(&self.bytes[MAGIC_AT..]),
        };
        if computed == self.crc {
            return Ok(());
        }
        Err(self.error(RecordErrorKind::Crc { stored: self.crc, computed }))
    }

    pub(super) fn verify_crc(&self) -> bool {
        self.verify_crc
    }

    /// For errors about the batch, or about data that was decompressed from it.
    pub(super) fn origin(&self) -> Origin {
        Origin { batch_position: self.position, base_offset: Some(self.base_offset), data_start: None }
    }

    pub(super) fn error(&self, kind: RecordErrorKind) -> RecordError {
        RecordError::in_batch(kind, self.origin())
    }

    pub(super) fn has_data(&self) -> bool {
        self.data.is_some()
    }
}

/// The batches of a blob, one after the other: the `records` field of a Fetch response or a Produce request.
///
/// A broker cuts its answer at a byte limit, so that the last batch of a blob can be incomplete. That is normal and
/// ends the iteration in silence; [`trailing`](Self::trailing) tells. Whatever is complete but malformed is an error:
/// a checksum or a format that is wrong concerns one batch, and the iteration goes on behind it; a size that is
/// impossible ends it, since nothing says where the next batch begins.
///
/// ```
/// use milena_protocol::records::{BatchBuilder, Batches, Decompressor};
///
/// let mut builder = BatchBuilder::new();
/// builder.append(1_700_000_000_000, Some(b"key"), Some(b"value"), &[])?;
/// let blob = builder.build();
///
/// let mut decompressor = Decompressor::new();
/// for batch in Batches::new(&blob) {
///     let batch = batch?;
///     if batch.is_control {
///         continue;
///     }
///     for record in batch.records(&mut decompressor)? {
///         let record = record?;
///         assert_eq!((record.offset, record.key), (0, Some(&b"key"[..])));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    blob: &'a [u8],
    cursor: BatchCursor,
}

impl<'a> Batches<'a> {
    /// Reads a blob. Every checksum is verified.
    pub fn new(blob: &'a [u8]) -> Self {
        Self { blob, cursor: BatchCursor::new() }
    }

    /// Whether checksums are verified: those of the batches, and those of the messages inside the compressed batches
    /// of magic 0 and 1. On by default; turn it off to read headers only, or what was verified before.
    pub fn verify_crc(mut self, verify: bool) -> Self {
        self.cursor = self.cursor.verify_crc(verify);
        self
    }

    /// The incomplete batch at the blob's end, once the iteration has met it.
    pub fn trailing(&self) -> Option<Trailing> {
        self.cursor.trailing
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.next(self.blob)
    }
}

impl FusedIterator for Batches<'_> {}

/// An incomplete batch at the end of a blob.
///
/// When it is the *only* thing in the answer to a Fetch, `total` is the number of bytes to ask for (brokers from
/// Fetch v3 on send at least one whole batch).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trailing {
    /// Where the batch starts in the blob.
    pub position: usize,
    /// How many of its bytes are there.
    pub available: usize,
    /// How many bytes it has in all; `None` when it is cut within its first 12 bytes, before its size.
    pub total: Option<usize>,
}

/// How far a blob has been read: what [`Batches`] is made of, for who keeps the blob and not a borrow of it.
///
/// It is a small `Copy` value. Give it the same blob at each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchCursor {
    position: usize,
    verify_crc: bool,
    ended: bool,
    trailing: Option<Trailing>,
}

impl Default for BatchCursor {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchCursor {
    /// At the start of a blob. Every checksum is verified.
    pub fn new() -> Self {
        Self { position: 0, verify_crc: true, ended: false, trailing: None }
    }

    /// As [`Batches::verify_crc`].
    pub fn verify_crc(mut self, verify: bool) -> Self {
        self.verify_crc = verify;
        self
    }

    /// As [`Batches::trailing`].
    pub fn trailing(&self) -> Option<Trailing> {
        self.trailing
    }

    /// The next batch of the blob; `None` at its end.
    #[allow(clippy::should_implement_trait)] // An iterator could not be given the blob.
    pub fn next<'a>(&mut self, blob: &'a [u8]) -> Option<Result<Batch<'a>, RecordError>> {
        let rest = blob.get(self.position..)?;
        if self.ended || rest.is_empty() {
            return None;
        }
        let position = self.position;
        let total = match total_size(rest) {
            Ok(total) => total,
            Err(kind) => {
                self.ended = true;
                let base_offset = int64(rest).ok().map(|(_, offset)| offset);
                let origin = Origin { batch_position: position, base_offset, data_start: None };
                return Some(Err(RecordError::in_batch(kind, origin)));
            }
        };
        let Some(bytes) = total.and_then(|total| rest.get(..total)) else {
            self.ended = true;
            self.trailing = Some(Trailing { position, available: rest.len(), total });
            return None;
        };
        self.position += bytes.len();
        Some(batch(bytes, position, self.verify_crc))
    }
}

/// How many bytes the batch at the front takes in all. `None` when there are too few bytes to tell, or to be sure of
/// its magic: then the batch is incomplete.
fn total_size(i: &[u8]) -> Result<Option<usize>, RecordErrorKind> {
    let Some(&[a, b, c, d]) = i.get(8..OVERHEAD).and_then(|size| size.first_chunk()) else {
        return Ok(None);
    };
    let declared = i32::from_be_bytes([a, b, c, d]);
    if declared < LEAST_SIZE[0] {
        return Err(RecordErrorKind::BatchSize { declared, least: LEAST_SIZE[0] });
    }
    // A wrong magic is known to be wrong before the batch is complete.
    match i.get(MAGIC_AT) {
        Some(&magic) if magic > 2 => Err(RecordErrorKind::Magic(magic as i8)),
        _ => Ok(Some(OVERHEAD + declared as usize)),
    }
}

/// A complete batch; at least 26 bytes, of magic 0, 1 or 2, are there.
fn batch(bytes: &[u8], position: usize, verify_crc: bool) -> Result<Batch<'_>, RecordError> {
    let magic = bytes[MAGIC_AT];
    let declared = (bytes.len() - OVERHEAD) as i32;
    let least = LEAST_SIZE[usize::from(magic)];
    let parsed = if declared < least {
        Err(RecordErrorKind::BatchSize { declared, least })
    } else if magic == 2 {
        header_v2(bytes).map_err(kind).and_then(|(_, header)| {
            let compression = compression(bytes[CHECKED_FROM + 1])?;
            Ok((BatchHeader { compression, size: bytes.len(), ..header }, Some((HEADER_V2, bytes.len()))))
        })
    } else {
        legacy::header(bytes)
    };
    let (header, data) = parsed.map_err(|kind| {
        let base_offset = int64(bytes).ok().map(|(_, offset)| offset);
        RecordError::in_batch(kind, Origin { batch_position: position, base_offset, data_start: None })
    })?;
    let batch = Batch { header, bytes, data, position, verify_crc };
    if verify_crc {
        batch.check_crc()?;
    }
    Ok(batch)
}

#[cfg(all(test, feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
mod tests {
    use super::*;
    use crate::records::{BatchBuilder, LegacyBuilder, TimestampType};

    fn batch_of(values: &[&[u8]]) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        builder.set_base_offset(77);
        for value in values {
            builder.append(1000, None, Some(value), &[]).unwrap();
        }
        builder.build().to_vec()
    }

    fn kinds(blob: &[u8]) -> Vec<Result<i64, RecordErrorKind>> {
        let kind = |error: RecordError| error.kind();
        Batches::new(blob).map(|batch| batch.map(|batch| batch.base_offset).map_err(kind)).collect()
    }

    #[test]
    fn every_field_of_the_header_is_read() {
        let mut builder = BatchBuilder::new();
        builder.set_base_offset(1 << 40).set_partition_leader_epoch(12).set_producer(34, 5, 678);
        builder.set_transactional(true).set_control(true);
        builder.append(1000, None, None, &[]).unwrap();
        builder.append_at(6, 900, None, None, &[]).unwrap();
        let blob = builder.build();
        let batch = Batches::new(&blob).next().unwrap().unwrap();
        let expected = BatchHeader {
            base_offset: 1 << 40,
            last_offset: (1 << 40) + 6,
            size: blob.len(),
            magic: 2,
            compression: Compression::None,
            timestamp_type: TimestampType::CreateTime,
            base_timestamp: 1000,
            max_timestamp: 1000,
            producer_id: 34,
            producer_epoch: 5,
            base_sequence: 678,
            partition_leader_epoch: 12,
            is_transactional: true,
            is_control: true,
            delete_horizon_ms: None,
            crc: crc32c::crc32c(&blob[21..]),
            count: Some(2),
        };
        assert_eq!(batch.header(), expected);
        assert_eq!(batch.bytes(), &blob[..]);
    }

    #[test]
    fn the_three_formats_can_be_mixed() {
        let mut blob = Vec::new();
        for magic in [0, 1] {
            let mut builder = LegacyBuilder::new(magic, Compression::Gzip).unwrap();
            builder.append(magic.into(), 0, None, None).unwrap();
            blob.extend_from_slice(&builder.build());
        }
        blob.extend_from_slice(&batch_of(&[b"two"]));
        let magics: Vec<_> = Batches::new(&blob).map(|batch| batch.unwrap().magic).collect();
        assert_eq!(magics, [0, 1, 2]);
    }

    #[test]
    fn an_incomplete_last_batch_ends_in_silence_and_tells_its_size() {
        let whole = batch_of(&[b"value"]);
        let blob = [&whole[..], &whole[..]].concat();
        let mut batches = Batches::new(&blob);
        assert_eq!(batches.by_ref().count(), 2);
        assert_eq!(batches.trailing(), None);
        for cut in whole.len() + 1..blob.len() {
            let mut batches = Batches::new(&blob[..cut]);
            assert!(batches.next().unwrap().is_ok());
            assert!(batches.next().is_none());
            let available = cut - whole.len();
            let total = (available >= 12).then_some(whole.len());
            assert_eq!(batches.trailing(), Some(Trailing { position: whole.len(), available, total }));
        }
    }

    #[test]
    fn a_size_under_14_ends_the_iteration_with_an_error() {
        let mut blob = batch_of(&[b"value"]);
        let good = blob.clone();
        blob[8..12].copy_from_slice(&13i32.to_be_bytes());
        blob.extend_from_slice(&good);
        assert_eq!(kinds(&blob), [Err(RecordErrorKind::BatchSize { declared: 13, least: 14 })]);
        blob[8..12].copy_from_slice(&(-1i32).to_be_bytes());
        assert_eq!(kinds(&blob), [Err(RecordErrorKind::BatchSize { declared: -1, least: 14 })]);
    }

    #[test]
    fn a_size_too_small_for_the_magic_is_an_error() {
        let mut blob = batch_of(&[]);
        blob.truncate(60);
        blob[8..12].copy_from_slice(&48i32.to_be_bytes());
        assert_eq!(kinds(&blob), [Err(RecordErrorKind::BatchSize { declared: 48, least: 49 })]);
    }

    #[test]
    fn an_unknown_magic_is_an_error_even_before_the_batch_is_complete() {
        let mut blob = batch_of(&[b"value"]);
        blob[16] = 3;
        assert_eq!(kinds(&blob), [Err(RecordErrorKind::Magic(3))]);
        assert_eq!(kinds(&blob[..17]), [Err(RecordErrorKind::Magic(3))]);
        blob[16] = 0xff;
        assert_eq!(kinds(&blob), [Err(RecordErrorKind::Magic(-1))]);
    }

    #[test]
    fn a_wrong_checksum_is_an_error_once_and_the_next_batch_is_read() {
        let good = batch_of(&[b"value"]);
        let mut blob = good.clone();
        *blob.last_mut().unwrap() ^= 1;
        blob.extend_from_slice(&good);
        let found = kinds(&blob);
        assert!(matches!(found[..], [Err(RecordErrorKind::Crc { .. }), Ok(77)]), "{found:?}");
        assert!(Batches::new(&blob).verify_crc(false).all(|batch| batch.is_ok()));
        let error = Batches::new(&blob).next().unwrap().unwrap_err();
        assert_eq!((error.position(), error.base_offset()), (0, Some(77)));
    }

    #[test]
    fn an_unknown_compression_is_an_error() {
        let mut blob = batch_of(&[b"value"]);
        blob[22] = 5;
        assert_eq!(kinds(&blob), [Err(RecordErrorKind::UnknownCompression(5))]);
    }
}
