//! A record without its data, for who keeps the data and hands records out later.

use super::record::{Headers, Record};

/// Where the fields of a record lie in the data that it was read from, with its offset and timestamp.
///
/// It borrows nothing, so that many can be kept beside their data, in a list that is used again; the
/// [`record`](Self::record) is put together again without reading it a second time.
///
/// ```
/// use milena_protocol::records::{BatchBuilder, Batches, RecordSpan};
///
/// let mut builder = BatchBuilder::new();
/// builder.append(1_700_000_000_000, Some(b"key"), None, &[])?;
/// let blob = builder.build();
///
/// let batch = Batches::new(&blob).next().unwrap()?;
/// let record = batch.cursor()?.next(batch.record_data()).unwrap()?;
/// let span = RecordSpan::new(&record, &blob).unwrap();
/// assert_eq!(span.record(&blob), record);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpan {
    offset: i64,
    timestamp: i64,
    key: Span,
    value: Span,
    headers: Span,
    header_count: u32,
    attributes: i8,
}

/// A slice of the data, or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    length: u32,
}

/// No slice is as long: lengths in records are int32.
const NULL: Span = Span { start: 0, length: u32::MAX };
const EMPTY: Span = Span { start: 0, length: 0 };

impl RecordSpan {
    /// The span of a record in `data`, which the record was read from, or which contains that. `None` when it does not,
    /// or is larger than 4 GiB.
    #[inline]
    pub fn new(record: &Record<'_>, data: &[u8]) -> Option<Self> {
        let (headers, header_count) = record.headers().parts();
        Some(Self {
            offset: record.offset,
            timestamp: record.timestamp,
            key: nullable(record.key, data)?,
            value: nullable(record.value, data)?,
            headers: if header_count == 0 { EMPTY } else { span(headers, data)? },
            header_count,
            attributes: record.attributes,
        })
    }

    /// The record's place in its partition.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The record's timestamp, in milliseconds since 1970; -1 for none.
    #[inline]
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// The key in `data`; `None` is null.
    #[inline]
    pub fn key<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        self.key.of(data)
    }

    /// The value in `data`; `None` is null.
    #[inline]
    pub fn value<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        self.value.of(data)
    }

    /// The headers in `data`.
    #[inline]
    pub fn headers<'a>(&self, data: &'a [u8]) -> Headers<'a> {
        Headers::from_parts(self.headers.of(data).unwrap_or_default(), self.header_count)
    }

    /// The record again, from the same data. Other data gives nonsense, never a panic.
    #[inline]
    pub fn record<'a>(&self, data: &'a [u8]) -> Record<'a> {
        Record::with_headers(
            self.offset,
            self.timestamp,
            self.key(data),
            self.value(data),
            self.attributes,
            self.headers(data),
        )
    }
}

impl Span {
    #[inline]
    fn of(self, data: &[u8]) -> Option<&[u8]> {
        if self == NULL {
            return None;
        }
        let start = self.start as usize;
        Some(data.get(start..start + self.length as usize).unwrap_or_default())
    }
}

#[inline]
fn nullable(slice: Option<&[u8]>, data: &[u8]) -> Option<Span> {
    match slice {
        Some(slice) => span(slice, data),
        None => Some(NULL),
    }
}

#[inline]
fn span(slice: &[u8], data: &[u8]) -> Option<Span> {
    let start = slice.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
    if start + slice.len() > data.len() {
        return None;
    }
    Some(Span { start: u32::try_from(start).ok()?, length: u32::try_from(slice.len()).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{BatchBuilder, Batches, Header};

    fn blob() -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        let headers = [Header { key: b"a", value: Some(b"1") }, Header { key: b"", value: None }];
        builder.append(1, Some(b"key"), Some(b"value"), &headers).unwrap();
        builder.append(2, None, Some(b""), &[]).unwrap();
        builder.append(3, Some(b""), None, &headers[1..]).unwrap();
        builder.build().to_vec()
    }

    fn spans(blob: &[u8]) -> Vec<(RecordSpan, Record<'_>)> {
        let batch = Batches::new(blob).next().unwrap().unwrap();
        let mut cursor = batch.cursor().unwrap();
        let records = std::iter::from_fn(|| cursor.next(batch.record_data()));
        records.map(Result::unwrap).map(|record| (RecordSpan::new(&record, blob).unwrap(), record)).collect()
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let blob = blob();
        let spans = spans(&blob);
        assert_eq!(spans.len(), 3);
        for (span, record) in spans {
            assert_eq!(span.record(&blob), record);
            assert!(span.headers(&blob).eq(record.headers()));
            assert_eq!((span.offset(), span.timestamp()), (record.offset, record.timestamp));
            assert_eq!((span.key(&blob), span.value(&blob)), (record.key, record.value));
        }
    }

    #[test]
    fn a_record_of_other_data_has_no_span_there() {
        let (blob, other) = (blob(), [0; 10]);
        let (_, record) = spans(&blob)[0];
        assert_eq!(RecordSpan::new(&record, &other), None);
        assert_eq!(RecordSpan::new(&record, &blob[..40]), None);
    }

    #[test]
    fn other_data_gives_nonsense_and_no_panic() {
        let blob = blob();
        for (span, _) in spans(&blob) {
            for length in 0..blob.len() {
                let record = span.record(&blob[..length]);
                assert!(record.headers().count() <= 2);
            }
        }
    }
}
