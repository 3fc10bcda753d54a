//! The buffer that batches are decompressed into, and the budget that bounds it.

use std::fmt;
use std::ops::Deref;

use crate::records::CodecFault;

/// What a codec that decompresses gives.
pub(super) type Decompressed = Result<(), CodecFault>;

/// Holds the decompressed records of one batch, and is used again for the next; see
/// [`Decompressor::decompress`](super::Decompressor::decompress). Dereferences to its bytes.
#[derive(Clone, Default)]
pub struct RecordBuffer {
    /// What was ever used stays filled, so that it is zeroed once and not for every batch.
    bytes: Vec<u8>,
    filled: usize,
}

impl RecordBuffer {
    /// Empty, and without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The memory that it holds, in bytes: what the largest batch so far took.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets its content, and gives back memory until it holds at most `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.clear();
        self.bytes.truncate(bytes);
        self.bytes.shrink_to(bytes);
    }

    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }
}

impl Deref for RecordBuffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl fmt::Debug for RecordBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBuffer").field("len", &self.filled).field("capacity", &self.capacity()).finish()
    }
}

/// A buffer being filled, within a budget.
pub(super) struct Output<'a> {
    buffer: &'a mut RecordBuffer,
    budget: usize,
}

impl<'a> Output<'a> {
    pub(super) fn new(buffer: &'a mut RecordBuffer, budget: usize) -> Self {
        Self { buffer, budget }
    }

    /// What was written so far.
    #[cfg(any(feature = "gzip", feature = "lz4"))]
    pub(super) fn written(&self) -> &[u8] {
        self.buffer
    }

    /// How many bytes may still be written.
    pub(super) fn allowed(&self) -> usize {
        self.budget - self.buffer.filled
    }

    pub(super) fn over_budget(&self) -> CodecFault {
        CodecFault::OverBudget { budget: self.budget }
    }

    /// All the memory there is behind what was written, and at least `wanted` bytes of it (or what the budget
    /// allows), zeroed or used before. [`advance`](Self::advance) says how much was written to it.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub(super) fn space(&mut self, wanted: usize) -> &mut [u8] {
        let allowed = self.allowed();
        let start = self.grow(wanted);
        let end = self.buffer.bytes.len().min(start + allowed);
        &mut self.buffer.bytes[start..end]
    }

    /// What was written so far, and `wanted` bytes behind it (or what the budget allows).
    #[cfg(any(feature = "snappy", feature = "lz4"))]
    pub(super) fn split(&mut self, wanted: usize) -> (&[u8], &mut [u8]) {
        let wanted = wanted.min(self.allowed());
        let start = self.grow(wanted);
        let (written, rest) = self.buffer.bytes.split_at_mut(start);
        (written, &mut rest[..wanted])
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.buffer.filled += bytes;
    }

    /// Appends bytes as they are.
    pub(super) fn write(&mut self, data: &[u8]) -> Decompressed {
        if data.len() > self.allowed() {
            return Err(self.over_budget());
        }
        let start = self.grow(data.len());
        self.buffer.bytes[start..start + data.len()].copy_from_slice(data);
        self.advance(data.len());
        Ok(())
    }

    /// Makes room for `wanted` bytes, within the budget, and says where they begin. Growth doubles the buffer, so that
    /// many small steps cost no more than one large one.
    fn grow(&mut self, wanted: usize) -> usize {
        let start = self.buffer.filled;
        let wanted = start + wanted.min(self.allowed());
        let bytes = &mut self.buffer.bytes;
        if wanted > bytes.len() {
            let target = wanted.max(bytes.len() * 2).min(self.budget);
            bytes.reserve_exact(target - bytes.len());
            bytes.resize(target, 0);
        }
        start
    }
}
