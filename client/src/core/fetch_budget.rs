//! How many bytes of records the client holds, or has asked for.
//!
//! The records of a partition are a slice of their response's frame, so a frame stays in memory until all of its
//! partitions are through. It counts as a whole until then.

use std::collections::BTreeMap;

/// The bytes that are held and on their way.
#[derive(Debug)]
pub(super) struct FetchBudget {
    limit: usize,
    held: usize,
    reserved: usize,
    frames: BTreeMap<u64, Frame>,
    next_frame: u64,
}

#[derive(Debug)]
struct Frame {
    bytes: usize,
    holders: usize,
}

impl FetchBudget {
    pub(super) fn new(limit: usize) -> Self {
        FetchBudget { limit, held: 0, reserved: 0, frames: BTreeMap::new(), next_frame: 0 }
    }

    /// Bytes that may still be asked for.
    pub(super) fn free(&self) -> usize {
        self.limit.saturating_sub(self.held).saturating_sub(self.reserved)
    }

    /// Whether nothing is held and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.held == 0 && self.reserved == 0
    }

    /// A request went out that may bring so many bytes.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.reserved += bytes;
    }

    /// That request is through.
    pub(super) fn unreserve(&mut self, bytes: usize) {
        self.reserved -= bytes;
    }

    /// A frame came, which will be held so many times; says by what name to release it.
    pub(super) fn hold(&mut self, bytes: usize, holders: usize) -> u64 {
        self.next_frame += 1;
        if holders > 0 {
            self.held += bytes;
            self.frames.insert(self.next_frame, Frame { bytes, holders });
        }
        self.next_frame
    }

    /// One of those who held a frame is through with it.
    pub(super) fn release(&mut self, frame: u64) {
        let Some(held) = self.frames.get_mut(&frame) else { return };
        held.holders -= 1;
        if held.holders == 0 {
            self.held -= held.bytes;
            self.frames.remove(&frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a12_a_frame_counts_until_the_last_of_its_partitions_is_through() {
        let mut budget = FetchBudget::new(100);
        budget.reserve(30);
        assert_eq!(budget.free(), 70);
        budget.unreserve(30);
        let frame = budget.hold(80, 2);
        assert_eq!(budget.free(), 20);
        budget.release(frame);
        assert_eq!(budget.free(), 20);
        budget.release(frame);
        assert!(budget.is_idle());
        budget.hold(500, 0);
        assert!(budget.is_idle());
    }
}
