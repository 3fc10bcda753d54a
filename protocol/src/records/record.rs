//! One record: its fields and headers, borrowed from the data of its batch.

use std::iter::FusedIterator;

use super::error::RecordErrorKind;
use super::parse::{Parsed, fail, int8, nullable_varbytes, take, varint, varlong, within};

/// One record. Key, value and headers are borrowed: from the blob, or from the buffer it was decompressed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// The record's place in its partition.
    pub offset: i64,
    /// Milliseconds since 1970; -1 for none. What it means is the batch's
    /// [`timestamp_type`](super::BatchHeader::timestamp_type).
    pub timestamp: i64,
    /// The key; `None` is null, which is not the same as empty.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null (in a compacted topic: the key is deleted), which is not the same as empty.
    pub value: Option<&'a [u8]>,
    /// The record's own attributes. Magic 2 uses none so far: 0.
    pub attributes: i8,
    headers: Headers<'a>,
}

impl<'a> Record<'a> {
    pub(super) fn plain(offset: i64, timestamp: i64, key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Self {
        Self { offset, timestamp, key, value, attributes: 0, headers: Headers::default() }
    }

    /// From parts that were a record's.
    #[inline]
    pub(super) fn with_headers(
        offset: i64,
        timestamp: i64,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        attributes: i8,
        headers: Headers<'a>,
    ) -> Self {
        Self { offset, timestamp, key, value, attributes, headers }
    }

    /// The record's headers in their order, duplicate keys included. Magic 0 and 1 have none.
    ///
    /// That they are well formed was checked when the record was read; they are taken apart only here.
    #[inline]
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }

    /// A copy that outlives the data it was read from.
    pub fn to_owned(&self) -> OwnedRecord {
        OwnedRecord {
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.map(<[u8]>::to_vec),
            value: self.value.map(<[u8]>::to_vec),
            headers: self
                .headers
                .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}

/// A record that owns its bytes; see [`Record`] for what the fields mean.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct OwnedRecord {
    /// The record's place in its partition.
    pub offset: i64,
    /// Milliseconds since 1970; -1 for none.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is null.
    pub value: Option<Vec<u8>>,
    /// Header keys and values; a value of `None` is null.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// A header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The key, UTF-8 in what Kafka's own clients write. See [`key_str`](Self::key_str).
    pub key: &'a [u8],
    /// The value; `None` is null, which is not the same as empty.
    pub value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// The key as a string; `None` when it is not UTF-8.
    pub fn key_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.key).ok()
    }
}

/// The headers of a record, one after the other. Copies start from where the original is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Headers<'a> {
    /// The bytes of the headers that are left, and how many they are.
    #[inline]
    pub(super) fn parts(&self) -> (&'a [u8], u32) {
        (self.rest, self.left)
    }

    /// From [`parts`](Self::parts).
    #[inline]
    pub(super) fn from_parts(rest: &'a [u8], left: u32) -> Self {
        Self { rest, left }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    #[inline]
    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        // Cannot fail: the same bytes were parsed when the record was.
        let (rest, header) = header(self.rest).ok()?;
        self.rest = rest;
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Headers<'_> {}

impl FusedIterator for Headers<'_> {}

/// What the records of a magic 2 batch count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Base {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    /// With log-append time, the timestamp of every record.
    pub(super) append_time: Option<i64>,
}

impl Base {
    /// Kafka's `DefaultRecord`, whole: its fields must end where it does.
    #[inline(always)]
    pub(super) fn record<'a>(&self, i: &'a [u8]) -> Parsed<'a, Record<'a>> {
        let (i, length) = varint(i)?;
        let Ok(length) = usize::try_from(length) else {
            return fail(i, RecordErrorKind::RecordLength(length));
        };
        let (rest, i) = take(i, length)?;
        match self.fields(i) {
            Ok((_, record)) => Ok((rest, record)),
            Err(error) => Err(within(error, rest)),
        }
    }

    #[inline(always)]
    fn fields<'a>(&self, i: &'a [u8]) -> Parsed<'a, Record<'a>> {
        let (i, attributes) = int8(i)?;
        let (i, timestamp_delta) = varlong(i)?;
        let (i, offset_delta) = varint(i)?;
        let (i, key) = nullable_varbytes(i)?;
        let (i, value) = nullable_varbytes(i)?;
        let (i, headers) = headers(i)?;
        let record = Record {
            offset: self.offset.wrapping_add(i64::from(offset_delta)),
            timestamp: match self.append_time {
                Some(time) => time,
                None => self.timestamp.wrapping_add(timestamp_delta),
            },
            key,
            value,
            attributes,
            headers,
        };
        Ok((i, record))
    }
}

/// The headers of a record, which end it: checked, not kept apart.
#[inline(always)]
fn headers(i: &[u8]) -> Parsed<'_, Headers<'_>> {
    if let [0] = i {
        return Ok((&[], Headers::default()));
    }
    counted_headers(i)
}

#[inline(never)]
fn counted_headers(i: &[u8]) -> Parsed<'_, Headers<'_>> {
    let (rest, count) = varint(i)?;
    let left = match u32::try_from(count) {
        Ok(left) if left as usize <= rest.len() => left,
        _ => return fail(i, RecordErrorKind::HeaderCount(count)),
    };
    let mut i = rest;
    for _ in 0..left {
        (i, _) = header(i)?;
    }
    if !i.is_empty() {
        return fail(i, RecordErrorKind::RecordUnderfilled { bytes: i.len() });
    }
    Ok((i, Headers { rest, left }))
}

#[inline(always)]
fn header(i: &[u8]) -> Parsed<'_, Header<'_>> {
    let (i, length) = varint(i)?;
    let Ok(length) = usize::try_from(length) else {
        return fail(i, RecordErrorKind::HeaderKeyLength(length));
    };
    let (i, key) = take(i, length)?;
    let (i, value) = nullable_varbytes(i)?;
    Ok((i, Header { key, value }))
}
