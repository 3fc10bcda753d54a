//! What the reading of all partitions shares: settings, and contexts and buffers to decompress with.

use milena_protocol::records::{Batch, Decompressor, RecordBuffer, RecordCursor, RecordError};

use super::DeliverySettings;

/// Settings, contexts and buffers. A buffer is free, or has the batch that a partition is at, or is on loan.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) settings: DeliverySettings,
    pub(super) decompressor: Decompressor,
    pub(super) buffers: Vec<RecordBuffer>,
    /// Buffers that nobody uses.
    free: Vec<usize>,
    /// Buffers whose batch is through, but whose records are on loan.
    lent: Vec<usize>,
    /// Bytes that were decompressed for this poll.
    pub(super) decompressed: usize,
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
            decompressed: 0,
            #[cfg(test)]
            decompressions: 0,
        }
    }

    /// A new poll: what was lent is back.
    pub(super) fn start(&mut self) {
        self.decompressed = 0;
        self.free.append(&mut self.lent);
        let held: usize = self.free.iter().map(|index| self.buffers[*index].capacity()).sum();
        if held > self.settings.poll_bytes {
            self.free.iter().for_each(|index| self.buffers[*index].shrink_to(0));
        }
    }

    pub(super) fn has_enough(&self) -> bool {
        self.decompressed >= self.settings.poll_bytes
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
        match self.decompressor.decompress(batch, &mut self.buffers[index]) {
            Ok(cursor) => {
                self.decompressed += self.buffers[index].len();
                Ok((index, cursor))
            }
            Err(error) => {
                self.free.push(index);
                Err(error)
            }
        }
    }

    /// The batch in this buffer is not read any further. Its records may be on loan until the next poll.
    pub(super) fn give_back(&mut self, index: usize) {
        self.lent.push(index);
    }
}
