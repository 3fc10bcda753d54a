//! A batch that is too large for its topic goes in parts (KIP-126).

use milena_protocol::records::{BatchBuilder, Batches, Decompressor, Header};

use super::Core;
use super::answers::not_delivered;
use super::batch::Batch;
use super::io::{BATCH_OVERHEAD, ProducerRecord};
use super::producer_id::ProducerIds;
use super::sequences::after;
use crate::core::backoff::Backoff;
use crate::core::topic_partition::TopicPartition;

impl Core {
    /// Puts parts of a batch in its place: each half as large, or of `batch.size` where that is less. Their sequence numbers
    /// are those that their records had.
    pub(super) fn split(&mut self, at: &TopicPartition, number: u64) {
        let Some(queue) = self.accumulator.queue(&at.topic, at.partition) else { return };
        let Some(index) = queue.find(number) else { return };
        let Some(whole) = queue.batches.remove(index) else { return };
        let ids = queue.sequences.ids;
        self.accumulator.ratios.was_too_large(&at.topic);
        let parts = self.parts(at, &whole, ids);
        let Some(queue) = self.accumulator.queue(&at.topic, at.partition) else { return };
        let Some(parts) = parts else {
            queue.batches.insert(index, whole);
            let error = not_delivered(at, None, "the batch is too large, and cannot be split".into());
            return self.fail_batch(at, number, error, Vec::new());
        };
        let charged = parts.iter().map(|part| part.charged).sum();
        for part in parts.into_iter().rev() {
            queue.batches.insert(index, part);
        }
        self.accumulator.release(&whole);
        self.accumulator.charge(charged);
    }

    fn parts(&mut self, at: &TopicPartition, whole: &Batch, ids: Option<ProducerIds>) -> Option<Vec<Batch>> {
        let settings = &self.accumulator.settings;
        let data = whole.uncompressed.saturating_sub(BATCH_OVERHEAD);
        let room = (data / 2 + BATCH_OVERHEAD).min(settings.batch_size);
        let backoff = Backoff::new(settings.retry_backoff, settings.retry_backoff_max);
        let bytes = whole.bytes();
        let batch = Batches::new(&bytes).verify_crc(false).next()?.ok()?;
        let mut decompressor = Decompressor::with_budget(whole.uncompressed.saturating_mul(2));
        let records = batch.records(&mut decompressor).ok()?;
        let mut builder: BatchBuilder = self.accumulator.spare().ok()?;
        let mut parts: Vec<Batch> = Vec::new();
        let mut open: Option<Batch> = None;
        for (record, sent) in records.zip(&whole.records) {
            let record = record.ok()?;
            let headers: Vec<Header<'_>> = record.headers().collect();
            let (key, value) = (record.key, record.value);
            let record =
                ProducerRecord { topic: &at.topic, partition: None, timestamp: None, key, value, headers };
            if let Some(full) = open.take_if(|open| !open.has_room_for(&record, sent.timestamp)) {
                builder = finish(full, &mut parts)?;
            }
            if open.is_none() {
                let next = self.accumulator.next_number();
                let part =
                    Batch::new(next, std::mem::take(&mut builder), room, backoff.clone(), whole.created);
                open = Some(part);
            }
            open.as_mut()?.append(sent.id, &record, sent.timestamp).ok()?;
        }
        let builder = finish(open?, &mut parts)?;
        self.accumulator.put_back(builder);
        let mut sequence = whole.sequence;
        for part in &mut parts {
            (part.attempts, part.leader) = (whole.attempts, whole.leader);
            if let (Some(first), Some(ids)) = (sequence, ids) {
                part.number_from(ids, first);
                sequence = Some(after(first, part.records.len()));
            }
        }
        Some(parts)
    }
}

fn finish(mut part: Batch, parts: &mut Vec<Batch>) -> Option<BatchBuilder> {
    let builder = part.close()?;
    parts.push(part);
    Some(builder)
}
