//! What the reading of all partitions shares: settings, and contexts and buffers to decompress with.

use milena_protocol::records::{Batch, Decompressor, RecordBuffer, RecordCursor, RecordError};

use super::DeliverySettings;

/// Settings, contexts and buffers. A buffer is free, or has the batch that a partition is at, or is on loan.
///
/// Together the buffers take no more than `decoded_bytes` and one batch: beyond that, those that are free give back their
/// memory, and a poll ends.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) settings: DeliverySettings,
    pub(super) decompressor: Decompressor,
    pub(super) buffers: Vec<RecordBuffer>,
    /// Buffers that nobody uses.
    free: Vec<usize>,
    /// Buffers whose batch is through, but whose records are on loan.
    lent: Vec<usize>,
    /// What all buffers take.
    bytes: usize,
    #[cfg(test)]
    pub(super) decompressions: usize,
}

impl Reader {
    pub(super) fn new(settings: DeliverySettings) -> Self {
        Reader {
            // Spans point into what is decompressed with 32 bits.
            decompressor: Decompressor::with_budget(settings.batch_bytes.min(u32::MAX as usize)),
            settings,
            buffers: Vec::new(),
            free: Vec::new(),
            lent: Vec::new(),
            bytes: 0,
            #[cfg(test)]
            decompressions: 0,
        }
    }

    /// What was lent is back.
    pub(super) fn take_back(&mut self) {
        self.free.append(&mut self.lent);
        self.shrink_free();
    }

    /// What all buffers take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the buffers take that are not free.
    pub(super) fn bytes_in_use(&self) -> usize {
        self.bytes - self.free.iter().map(|index| self.buffers[*index].capacity()).sum::<usize>()
    }

    /// Whether nothing more should be decompressed before something is given back.
    pub(super) fn has_enough(&self) -> bool {
        // The sum over the free ones is only worth its time where it can matter.
        let limit = self.settings.decoded_bytes.max(1);
        self.bytes >= limit && self.bytes_in_use() >= limit
    }

    pub(super) fn decompress(&mut self, batch: &Batch<'_>) -> Result<(usize, RecordCursor), RecordError> {
        let index = self.free.pop().unwrap_or_else(|| {
            self.buffers.push(RecordBuffer::new());
            self.buffers.len() - 1
        });
        #[cfg(test)]
        {
            self.decompressions += 1;
        }
        let before = self.buffers[index].capacity();
        let cursor = self.decompressor.decompress(batch, &mut self.buffers[index]);
        self.bytes = self.bytes - before + self.buffers[index].capacity();
        self.shrink_free();
        match cursor {
            Ok(cursor) => Ok((index, cursor)),
            Err(error) => {
                self.free.push(index);
                Err(error)
            }
        }
    }

    /// Gives back memory that is too much, as far as nobody uses it.
    fn shrink_free(&mut self) {
        for index in &self.free {
            if self.bytes <= self.settings.decoded_bytes {
                return;
            }
            let buffer = &mut self.buffers[*index];
            self.bytes -= buffer.capacity();
            buffer.shrink_to(0);
            self.bytes += buffer.capacity();
        }
    }

    /// The batch in this buffer is not read any further. Its records may be on loan until the next poll.
    pub(super) fn give_back(&mut self, index: usize) {
        self.lent.push(index);
    }

    /// The batch in this buffer is not read any further, and none of its records is on loan.
    pub(super) fn release(&mut self, index: usize) {
        self.free.push(index);
    }
}
