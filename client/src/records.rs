//! Records, as the application sees them: lent by a poll, and given back with the next one.
//!
//! Keys, values and headers are slices of what the broker sent, or of what that was decompressed to; nothing is copied
//! unless [`Record::to_owned`] is called.

use std::collections::BTreeSet;
use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;

use bytes::Bytes;
use milena_protocol::Str;
pub use milena_protocol::records::{Header, Headers, TimestampType};
use milena_protocol::records::{RecordBuffer, RecordSpan};

use crate::core::topic_partition::TopicPartition;

/// The records of one poll, in the order of their offsets within each partition;
/// [`by_partition`](Records::by_partition) keeps those of a partition together.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    shelf: &'a Shelf,
    buffers: &'a [RecordBuffer],
}

/// One record.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    source: &'a Source,
    chunk: &'a Chunk,
    data: &'a [u8],
    span: &'a RecordSpan,
}

/// A record that owns its bytes; see the methods of [`Record`] for what the fields mean.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedRecord {
    /// The topic's name.
    pub topic: Str,
    /// The partition.
    pub partition: i32,
    /// The record's place in its partition.
    pub offset: i64,
    /// The epoch of the leader that appended the record; `None` where it is not known.
    pub leader_epoch: Option<i32>,
    /// Milliseconds since 1970; -1 for none.
    pub timestamp: i64,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
    /// Header keys and values; a value of `None` is null.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(shelf: &'a Shelf, buffers: &'a [RecordBuffer]) -> Self {
        Records { shelf, buffers }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.shelf.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shelf.spans.is_empty()
    }

    /// The records, one after the other.
    pub fn iter(&self) -> Iter<'a> {
        Iter {
            shelf: self.shelf,
            buffers: self.buffers,
            chunks: self.shelf.chunks.iter(),
            current: None,
            next: 0,
        }
    }

    /// The partitions that the records are of.
    pub fn partitions(&self) -> BTreeSet<TopicPartition> {
        let sources = self.shelf.sources.iter();
        sources.map(Source::topic_partition).collect()
    }

    /// By the index of their chunk, the indices of the records that it has.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (usize, Range<usize>)> + use<'a> {
        let mut start = 0;
        let chunks = self.shelf.chunks.iter().enumerate();
        chunks.map(move |(chunk, Chunk { end, .. })| (chunk, std::mem::replace(&mut start, *end)..*end))
    }

    /// The partition that the records of a chunk are of.
    pub(crate) fn partition_of(&self, chunk: usize) -> TopicPartition {
        self.shelf.sources[self.shelf.chunks[chunk].source].topic_partition()
    }

    /// A record of a chunk, by its index.
    pub(crate) fn record(&self, chunk: usize, span: usize) -> Record<'a> {
        let chunk = &self.shelf.chunks[chunk];
        let (source, data) = chunk.place(self.shelf, self.buffers);
        Record { source, chunk, data, span: &self.shelf.spans[span] }
    }
}

impl<'a> IntoIterator for Records<'a> {
    type Item = Record<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Records<'a> {
    type Item = Record<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Record<'a> {
    /// The topic's name.
    pub fn topic(&self) -> &'a str {
        &self.source.topic
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.source.partition
    }

    /// The record's place in its partition.
    pub fn offset(&self) -> i64 {
        self.span.offset()
    }

    /// The epoch of the leader that appended the record (KIP-320); `None` where it is not known.
    pub fn leader_epoch(&self) -> Option<i32> {
        (self.chunk.leader_epoch >= 0).then_some(self.chunk.leader_epoch)
    }

    /// Milliseconds since 1970; -1 for none. With [`TimestampType::LogAppendTime`], when the broker appended it.
    pub fn timestamp(&self) -> i64 {
        self.span.timestamp()
    }

    /// Who set the timestamp.
    pub fn timestamp_type(&self) -> TimestampType {
        self.chunk.timestamp_type
    }

    /// The key; `None` is null, which is not the same as empty.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.span.key(self.data)
    }

    /// The value; `None` is null, which is not the same as empty.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.span.value(self.data)
    }

    /// The headers in their order, duplicate keys included.
    pub fn headers(&self) -> Headers<'a> {
        self.span.headers(self.data)
    }

    /// A copy that outlives the poll, and shares no memory with what the broker sent.
    pub fn to_owned(&self) -> OwnedRecord {
        OwnedRecord {
            topic: self.source.topic.clone(),
            partition: self.partition(),
            offset: self.offset(),
            leader_epoch: self.leader_epoch(),
            timestamp: self.timestamp(),
            timestamp_type: self.timestamp_type(),
            key: self.key().map(Bytes::copy_from_slice),
            value: self.value().map(Bytes::copy_from_slice),
            headers: self
                .headers()
                .map(|header| (Bytes::copy_from_slice(header.key), header.value.map(Bytes::copy_from_slice)))
                .collect(),
        }
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("timestamp", &self.timestamp())
            .field("key", &self.key().map(<[u8]>::escape_ascii).map(|key| key.to_string()))
            .field("value", &self.value().map(<[u8]>::escape_ascii).map(|value| value.to_string()))
            .finish_non_exhaustive()
    }
}

/// Goes through [`Records`].
#[derive(Clone)]
pub struct Iter<'a> {
    shelf: &'a Shelf,
    buffers: &'a [RecordBuffer],
    chunks: std::slice::Iter<'a, Chunk>,
    current: Option<(&'a Source, &'a Chunk, &'a [u8])>,
    next: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            if let Some((source, chunk, data)) = self.current
                && self.next < chunk.end
            {
                let span = &self.shelf.spans[self.next];
                self.next += 1;
                return Some(Record { source, chunk, data, span });
            }
            let chunk = self.chunks.next()?;
            let (source, data) = chunk.place(self.shelf, self.buffers);
            self.current = Some((source, chunk, data));
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.shelf.spans.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl FusedIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// What is lent: spans, and where their data is. The lists are used again for every poll.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) sources: Vec<Source>,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) spans: Vec<RecordSpan>,
}

/// An answer of a broker for one partition.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) topic: Str,
    pub(crate) partition: i32,
    pub(crate) blob: Bytes,
}

/// Records in a row that have all in common but themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    /// Index of the source.
    pub(crate) source: usize,
    pub(crate) data: Data,
    pub(crate) leader_epoch: i32,
    pub(crate) timestamp_type: TimestampType,
    /// Index of the span behind the chunk's last.
    pub(crate) end: usize,
}

/// What the spans of a chunk point into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// The source's blob.
    Blob,
    /// A buffer with decompressed records.
    Buffer(usize),
}

impl Shelf {
    pub(crate) fn clear(&mut self) {
        self.sources.clear();
        self.chunks.clear();
        self.spans.clear();
    }

    /// Whatever spans were added since the last chunk are this one's; its `end` is set here.
    pub(crate) fn close_chunk(&mut self, chunk: Chunk) {
        let end = self.spans.len();
        if self.chunks.last().map_or(0, |last| last.end) == end {
            return;
        }
        match self.chunks.last_mut() {
            Some(last) if last.is_continued_by(&chunk) => last.end = end,
            _ => self.chunks.push(Chunk { end, ..chunk }),
        }
    }
}

impl Source {
    fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }
}

impl Chunk {
    /// Where its records come from, and where their bytes are.
    fn place<'a>(&self, shelf: &'a Shelf, buffers: &'a [RecordBuffer]) -> (&'a Source, &'a [u8]) {
        let source = &shelf.sources[self.source];
        let data = match self.data {
            Data::Blob => &source.blob[..],
            Data::Buffer(index) => &buffers[index][..],
        };
        (source, data)
    }

    fn is_continued_by(&self, next: &Chunk) -> bool {
        self.source == next.source
            && self.data == next.data
            && self.leader_epoch == next.leader_epoch
            && self.timestamp_type == next.timestamp_type
    }
}
