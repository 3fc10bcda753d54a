//! How many bytes of records the client holds, or has asked for.
//!
//! The records of a partition are a slice of their response's frame, so a frame stays in memory until all of its
//! partitions are through. It counts as a whole until then. What records were decompressed to is held by the application's
//! side, which tells how much it is; so that it may begin without asking, a part of the budget is left to it.

use std::collections::BTreeMap;

/// One part in so many is left for what records are decompressed to.
pub(crate) const DECODED_PART: usize = 4;
/// One part in so many may be held by partitions that are paused, when others need room.
const PAUSED_PART: usize = 4;

/// The bytes that are held and on their way.
#[derive(Debug)]
pub(super) struct FetchBudget {
    limit: usize,
    held: usize,
    reserved: usize,
    /// Decompressed, as far as the application's side has told.
    decoded: usize,
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
        FetchBudget { limit, held: 0, reserved: 0, decoded: 0, frames: BTreeMap::new(), next_frame: 0 }
    }

    /// Bytes that may still be asked for.
    pub(super) fn free(&self) -> usize {
        let decoded = self.decoded.max(self.limit / DECODED_PART);
        self.limit.saturating_sub(decoded).saturating_sub(self.held).saturating_sub(self.reserved)
    }

    /// Whether nothing is held and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.held == 0 && self.reserved == 0
    }

    /// How much memory the application's side has decompressed into.
    pub(super) fn set_decoded(&mut self, bytes: usize) {
        self.decoded = bytes;
    }

    /// What a frame takes that is held.
    pub(super) fn frame_bytes(&self, frame: u64) -> usize {
        self.frames.get(&frame).map_or(0, |frame| frame.bytes)
    }

    /// What partitions that are paused may hold, when others need room.
    pub(super) fn for_paused(&self) -> usize {
        self.limit / PAUSED_PART
    }

    /// What is held and on its way, in bytes.
    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.held + self.reserved
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
        assert_eq!(budget.free(), 45);
        budget.unreserve(30);
        let frame = budget.hold(70, 2);
        assert_eq!(budget.free(), 5);
        budget.release(frame);
        assert_eq!(budget.free(), 5);
        budget.release(frame);
        assert!(budget.is_idle());
        budget.hold(500, 0);
        assert!(budget.is_idle());
    }

    #[test]
    fn a12_what_was_decompressed_counts_from_where_it_is_more_than_its_part() {
        let mut budget = FetchBudget::new(100);
        for (decoded, free) in [(0, 75), (25, 75), (26, 74), (99, 1), (1_000, 0), (0, 75)] {
            budget.set_decoded(decoded);
            assert_eq!(budget.free(), free);
        }
    }
}
