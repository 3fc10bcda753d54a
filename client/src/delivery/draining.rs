//! The records of one partition in one answer: read batch by batch, as far as a poll has room.

use milena_protocol::records::{
    Batch, BatchCursor, BatchHeader, Compression, RecordCursor, RecordError, RecordSpan,
};

use super::CorruptRecords;
use super::fault::Fault;
use super::reader::Reader;
use super::transactions::Transactions;
use crate::core::completed_fetch::CompletedFetch;
use crate::core::fetch_settings::IsolationLevel;
use crate::core::topic_partition::TopicPartition;
use crate::records::{Chunk, Data, Shelf, Source};

/// An answer of a broker for one partition, and how far it was read.
#[derive(Debug)]
pub(super) struct Draining {
    pub(super) partition: TopicPartition,
    fetch: CompletedFetch,
    batches: BatchCursor,
    open: Option<Open>,
    transactions: Transactions,
    /// The offset of the next record.
    pub(super) next: i64,
    /// The leader epoch of the newest batch that was read; -1 where it is not known.
    pub(super) leader_epoch: i32,
}

/// A batch that is being read.
#[derive(Debug)]
struct Open {
    header: BatchHeader,
    data: Where,
    cursor: RecordCursor,
}

/// Where the records of a batch are.
#[derive(Clone, Debug)]
enum Where {
    /// In the blob, at these bytes.
    Blob(std::ops::Range<usize>),
    /// In this buffer.
    Buffer(usize),
}

/// What came of reading on.
pub(super) enum Drained {
    /// There is nothing left.
    Through,
    /// The poll is full.
    Stopped,
}

impl Draining {
    pub(super) fn new(partition: TopicPartition, fetch: CompletedFetch, check_crcs: bool) -> Self {
        Draining {
            partition,
            batches: BatchCursor::new().verify_crc(check_crcs),
            open: None,
            transactions: Transactions::new(&fetch.aborted),
            next: fetch.fetch_offset,
            leader_epoch: -1,
            fetch,
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.fetch.position_epoch
    }

    /// Puts records on the shelf until there are `max_records`, or no more to put.
    pub(super) fn drain(
        &mut self,
        shelf: &mut Shelf,
        reader: &mut Reader,
        max_records: usize,
    ) -> Result<Drained, CorruptRecords> {
        let source = shelf.sources.len();
        let before = shelf.spans.len();
        let outcome = self.read(shelf, reader, max_records, source);
        if shelf.spans.len() > before {
            let CompletedFetch { topic, partition, records, .. } = &self.fetch;
            let source = Source { topic: topic.clone(), partition: *partition, blob: records.clone() };
            shelf.sources.push(source);
        }
        outcome.map_err(|fault| self.corrupt(fault))
    }

    fn read(
        &mut self,
        shelf: &mut Shelf,
        reader: &mut Reader,
        max_records: usize,
        source: usize,
    ) -> Result<Drained, Fault> {
        loop {
            if let Some(open) = &mut self.open {
                let done = open.read(&self.fetch, &mut self.next, shelf, reader, max_records, source);
                self.leader_epoch = open.header.partition_leader_epoch;
                match done {
                    Ok(false) => return Ok(Drained::Stopped),
                    Ok(true) => {
                        let end = open.header.next_offset();
                        self.close(shelf, reader);
                        self.pass(end);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            // Without a record yet, there has to be room for one batch.
            if shelf.spans.len() >= max_records || !shelf.spans.is_empty() && reader.has_enough() {
                return Ok(Drained::Stopped);
            }
            let Some(batch) = self.batches.next(&self.fetch.records) else { return Ok(Drained::Through) };
            let batch = batch?;
            let is_hidden = match reader.settings.isolation_level {
                IsolationLevel::ReadUncommitted => false,
                IsolationLevel::ReadCommitted => self.transactions.hide(&batch, &mut reader.decompressor)?,
            };
            let is_empty = batch.count == Some(0) || batch.last_offset < self.next;
            if batch.is_control || is_hidden || is_empty {
                let end = batch.next_offset();
                self.leader_epoch = batch.partition_leader_epoch;
                self.pass(end);
            } else {
                self.open = Some(open(&batch, reader)?);
            }
        }
    }

    /// The position behind a batch. Never backwards, whatever a broker sends.
    fn pass(&mut self, end: i64) {
        self.next = self.next.max(end);
    }

    /// The batch that is open is through.
    fn close(&mut self, shelf: &Shelf, reader: &mut Reader) {
        if let Some(Open { data: Where::Buffer(index), .. }) = self.open.take() {
            match shelf.chunks.last() {
                Some(last) if last.data == Data::Buffer(index) => reader.give_back(index),
                _ => reader.release(index),
            }
        }
    }

    /// Reads no further. Records of the batch that is open may be on loan.
    pub(super) fn end(&mut self, reader: &mut Reader) {
        if let Some(Open { data: Where::Buffer(index), .. }) = self.open.take() {
            reader.give_back(index);
        }
    }

    /// Lets go of the memory that the open batch was decompressed into; it will be decompressed again. Not while records are
    /// on loan.
    pub(super) fn suspend(&mut self, reader: &mut Reader) {
        if let Some(Open { data: Where::Buffer(index), .. }) = self.open {
            reader.release(index);
            self.open = None;
            // What lies before `next` is passed by without being opened.
            self.batches = BatchCursor::new().verify_crc(reader.settings.check_crcs);
            self.transactions = Transactions::new(&self.fetch.aborted);
        }
    }

    #[cold]
    fn corrupt(&self, fault: Fault) -> CorruptRecords {
        let mut batches = BatchCursor::new().verify_crc(false);
        let broken = std::iter::from_fn(|| batches.next(&self.fetch.records))
            .map_while(Result::ok)
            .find(|batch| batch.position() == fault.batch_position);
        CorruptRecords {
            partition: self.partition.detached(),
            offset: self.next,
            skip_to: broken.map(|batch| batch.next_offset()).filter(|end| *end > self.next),
            kind: fault.kind,
        }
    }
}

fn open(batch: &Batch<'_>, reader: &mut Reader) -> Result<Open, RecordError> {
    let (data, cursor) = match batch.compression {
        Compression::None => (Where::Blob(batch.record_data_range()), batch.cursor()?),
        _ => {
            let (index, cursor) = reader.decompress(batch)?;
            (Where::Buffer(index), cursor)
        }
    };
    Ok(Open { header: batch.header(), data, cursor })
}

impl Open {
    /// Puts the batch's records on the shelf from offset `next` on; says whether it is through.
    fn read(
        &mut self,
        fetch: &CompletedFetch,
        next: &mut i64,
        shelf: &mut Shelf,
        reader: &Reader,
        max_records: usize,
        source: usize,
    ) -> Result<bool, RecordError> {
        // Spans in the blob count from its start, so that uncompressed batches in a row make one chunk.
        let (data, whole, kind) = match &self.data {
            Where::Blob(range) => (&fetch.records[range.clone()], &fetch.records[..], Data::Blob),
            Where::Buffer(index) => {
                let buffer = &reader.buffers[*index][..];
                (buffer, buffer, Data::Buffer(*index))
            }
        };
        let mut outcome = Ok(());
        while shelf.spans.len() < max_records {
            let record = match self.cursor.next(data) {
                None => break,
                Some(Ok(record)) => record,
                Some(Err(error)) => {
                    outcome = Err(error);
                    break;
                }
            };
            if record.offset < *next {
                continue;
            }
            let span = RecordSpan::new(&record, whole).expect("a record lies in the data it was read from");
            shelf.spans.push(span);
            *next = record.offset.saturating_add(1);
        }
        let BatchHeader { partition_leader_epoch: leader_epoch, timestamp_type, .. } = self.header;
        shelf.close_chunk(Chunk { source, data: kind, leader_epoch, timestamp_type, end: 0 });
        outcome.map(|()| self.cursor.remaining() == 0)
    }
}
