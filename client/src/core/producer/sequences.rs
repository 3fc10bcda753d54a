//! The sequence numbers of one partition, by which its leader keeps records in order and drops those it has (KIP-98).

use super::producer_id::ProducerIds;

#[derive(Debug, Default)]
pub(super) struct Sequences {
    /// What the numbers count under; `None` before the first.
    pub(super) ids: Option<ProducerIds>,
    next: i32,
    last_acked: Option<i32>,
    /// What follows a batch that failed: until it is known whether that is in the log, nothing new may be sent.
    pub(super) unresolved: Option<i32>,
    /// There is a gap: the numbers have to begin anew, in a new epoch, as soon as nothing is in flight.
    pub(super) bump: bool,
}

/// `count` behind a sequence number; they begin at 0 again behind the largest int.
pub(super) fn after(sequence: i32, count: usize) -> i32 {
    ((i64::from(sequence) + count as i64) % (i64::from(i32::MAX) + 1)) as i32
}

impl Sequences {
    /// Begins at 0, under these ids.
    pub(super) fn begin(&mut self, ids: ProducerIds) {
        *self = Sequences { ids: Some(ids), ..Sequences::default() };
    }

    /// The first number of a batch of so many records.
    pub(super) fn take(&mut self, count: usize) -> i32 {
        let first = self.next;
        self.next = after(first, count);
        first
    }

    pub(super) fn acked(&mut self, first: i32, count: usize) {
        let last = after(first, count.saturating_sub(1));
        // They wrap: what is far below is ahead.
        let is_ahead = |known: i32| last > known || known.wrapping_sub(last) > i32::MAX / 2;
        if self.last_acked.is_none_or(is_ahead) {
            self.last_acked = Some(last);
        }
    }

    /// Whether anything is known to be in the log.
    pub(super) fn has_acked(&self) -> bool {
        self.last_acked.is_some()
    }

    /// Whether this number follows the last one that is known to be in the log.
    pub(super) fn is_next(&self, sequence: i32) -> bool {
        self.last_acked.map_or(0, |last| after(last, 1)) == sequence
    }

    /// This batch failed. It may be in the log, whatever was said of its last attempt.
    pub(super) fn failed(&mut self, first: i32, count: usize) {
        let next = after(first, count);
        self.unresolved = Some(self.unresolved.map_or(next, |known| known.max(next)));
    }

    /// Nothing that has a number is left: what was not known is known now. A later batch would not be there without it.
    pub(super) fn resolve(&mut self) {
        if self.unresolved.take().is_some() {
            self.bump |= !self.is_next(self.next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_at_0_behind_the_largest() {
        assert_eq!(after(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(after(i32::MAX, 1), 0);
        assert_eq!(after(i32::MAX - 1, 4), 2);
        let mut sequences = Sequences::default();
        sequences.acked(i32::MAX - 1, 2);
        assert!(sequences.is_next(0));
        sequences.acked(0, 3);
        assert!(sequences.is_next(3));
    }

    #[test]
    fn what_was_not_known_is_a_gap_unless_it_was_acknowledged_after_all() {
        let mut sequences = Sequences::default();
        let batches = [0; 4].map(|_| sequences.take(5));
        assert_eq!(batches, [0, 5, 10, 15]);
        sequences.acked(0, 5);
        sequences.failed(5, 5);
        // This would not be there without the one before.
        sequences.acked(10, 5);
        sequences.acked(15, 5);
        sequences.resolve();
        assert!(!sequences.bump);
        let last = sequences.take(5);
        sequences.failed(last, 5);
        sequences.resolve();
        assert!(sequences.bump);
    }
}
