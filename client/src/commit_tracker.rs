//! How far a partition may be committed when its records are done in any order.
//!
//! ```text
//!   offsets       10  11  12  14  15  16          13 was compacted away
//!                  x   x       x   x              x: done
//!                          ^                   ^
//!                  committable: 12            end: 17
//! ```

use std::collections::VecDeque;

/// Below this many records it is not worth the while to take out those that are done.
const FEW: usize = 32;

/// Knows which records of a partition are done, and up to where all of them are: a contiguous commit tracker.
///
/// Records are [delivered](Self::delivered) in the order of their offsets, with gaps where there are none, and are
/// [done](Self::done) in any order. [`committable`](Self::committable) is then the highest offset that can be committed
/// without losing one: a consumer that starts from there gets every record that was not done, and maybe some that were.
///
/// Its memory is that of the records that are outstanding, however many are done behind them. Each call takes constant
/// time where offsets have few gaps, and otherwise that of a binary search.
///
/// ```
/// use milena_client::{CommitTracker, Done};
///
/// let mut tracker = CommitTracker::new();
/// for offset in [10, 11, 12, 14] {
///     tracker.delivered(offset);
/// }
/// assert_eq!(tracker.done(11), Done::Counted);
/// assert_eq!(tracker.committable(), Some(10));
/// assert_eq!(tracker.done(10), Done::Counted);
/// assert_eq!(tracker.committable(), Some(12));
/// assert_eq!(tracker.done(12), Done::Counted);
/// assert_eq!(tracker.done(14), Done::Counted);
/// assert_eq!(tracker.committable(), Some(15));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CommitTracker {
    /// In the order of their offsets. The first is not done; of the others those that are go when they are too many.
    records: VecDeque<Tracked>,
    /// How many of `records` are done.
    done: usize,
    /// Nothing below this is still to be delivered.
    end: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Tracked {
    offset: i64,
    is_done: bool,
}

/// What came of saying that a record is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was outstanding, and is not any more.
    Counted,
    /// It was not outstanding: it was done before, or it was not delivered though records behind it were.
    NotOutstanding,
    /// It has not been delivered yet. Nothing was counted: it is outstanding when it is.
    NotDelivered,
}

impl CommitTracker {
    /// With nothing delivered.
    pub fn new() -> Self {
        Self::default()
    }

    /// A record was delivered. Says whether it is counted: one at or below the last is not, for it was delivered or
    /// passed before.
    pub fn delivered(&mut self, offset: i64) -> bool {
        if self.end.is_some_and(|end| offset < end) {
            return false;
        }
        self.records.push_back(Tracked { offset, is_done: false });
        self.end = Some(offset.saturating_add(1));
        true
    }

    /// No record below `offset` is still to be delivered: what lies there are gaps. So the end of a log can be
    /// committed when its last offsets have no records. Never goes back.
    pub fn reached(&mut self, offset: i64) {
        self.end = self.end.max(Some(offset));
    }

    /// A record is done.
    pub fn done(&mut self, offset: i64) -> Done {
        if self.end.is_none_or(|end| offset >= end) {
            return Done::NotDelivered;
        }
        let Some(index) = self.find(offset) else { return Done::NotOutstanding };
        let record = &mut self.records[index];
        if record.is_done {
            return Done::NotOutstanding;
        }
        record.is_done = true;
        self.done += 1;
        while self.records.front().is_some_and(|record| record.is_done) {
            self.records.pop_front();
            self.done -= 1;
        }
        if self.records.len() > FEW && self.done > self.records.len() / 2 {
            self.records.retain(|record| !record.is_done);
            self.done = 0;
        }
        Done::Counted
    }

    fn find(&self, offset: i64) -> Option<usize> {
        // Without gaps it is as far from the first as their offsets are.
        let first = self.records.front()?.offset;
        let distance = usize::try_from(offset.saturating_sub(first)).ok()?;
        match self.records.get(distance) {
            Some(record) if record.offset == offset => Some(distance),
            _ => self.records.binary_search_by_key(&offset, |record| record.offset).ok(),
        }
    }

    /// The highest offset below which everything is done: that of the first record that is outstanding, or the one
    /// behind the last if none is. `None` before anything was delivered.
    pub fn committable(&self) -> Option<i64> {
        self.records.front().map(|record| record.offset).or(self.end)
    }

    /// The offset behind all that was delivered or [reached](Self::reached); `None` before anything was. No record below it
    /// is still to be delivered.
    pub fn end(&self) -> Option<i64> {
        self.end
    }

    /// How many records were delivered and are not done.
    pub fn outstanding(&self) -> usize {
        self.records.len() - self.done
    }

    /// Forgets everything: the position of the partition was set elsewhere. A record that was delivered before is unknown
    /// to [`done`](Self::done) until it is delivered again; then it counts, whichever delivery was meant.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::rng::Rng;

    fn tracker(offsets: impl IntoIterator<Item = i64>) -> CommitTracker {
        let mut tracker = CommitTracker::new();
        offsets.into_iter().for_each(|offset| assert!(tracker.delivered(offset)));
        tracker
    }

    #[test]
    fn nothing_is_committable_before_anything_was_delivered() {
        let mut tracker = CommitTracker::new();
        assert_eq!(tracker.committable(), None);
        assert_eq!(tracker.done(0), Done::NotDelivered);
        assert_eq!(tracker.committable(), None);
    }

    #[test]
    fn the_first_outstanding_record_holds_the_commit_back() {
        let mut tracker = tracker(5..10);
        for offset in [9, 6, 7, 8] {
            assert_eq!(tracker.done(offset), Done::Counted);
            assert_eq!(tracker.committable(), Some(5));
        }
        assert_eq!(tracker.outstanding(), 1);
        assert_eq!(tracker.done(5), Done::Counted);
        assert_eq!((tracker.committable(), tracker.outstanding()), (Some(10), 0));
    }

    #[test]
    fn gaps_are_passed_with_the_record_before_them() {
        let mut tracker = tracker([5, 8, 1_000_000_000_000]);
        assert_eq!(tracker.done(5), Done::Counted);
        assert_eq!(tracker.committable(), Some(8));
        assert_eq!(tracker.done(8), Done::Counted);
        assert_eq!(tracker.committable(), Some(1_000_000_000_000));
        assert_eq!(tracker.done(9), Done::NotOutstanding);
    }

    #[test]
    fn gaps_at_the_end_are_passed_when_they_are_known() {
        let mut tracker = tracker([5]);
        tracker.reached(9);
        assert_eq!(tracker.committable(), Some(5));
        assert_eq!(tracker.done(5), Done::Counted);
        assert_eq!(tracker.committable(), Some(9));
        tracker.reached(7);
        assert_eq!(tracker.committable(), Some(9));
        assert_eq!(tracker.done(9), Done::NotDelivered);
        assert!(!tracker.delivered(8));
        assert!(tracker.delivered(9));
    }

    #[test]
    fn a_record_counts_once() {
        let mut tracker = tracker(0..3);
        assert_eq!(tracker.done(1), Done::Counted);
        assert_eq!(tracker.done(1), Done::NotOutstanding);
        assert_eq!(tracker.done(0), Done::Counted);
        assert_eq!(tracker.done(0), Done::NotOutstanding);
        assert!(!tracker.delivered(1));
        assert_eq!((tracker.committable(), tracker.outstanding()), (Some(2), 1));
    }

    #[test]
    fn what_is_done_before_it_is_delivered_does_not_count() {
        let mut tracker = tracker([0]);
        assert_eq!(tracker.done(1), Done::NotDelivered);
        assert!(tracker.delivered(1));
        assert_eq!(tracker.done(0), Done::Counted);
        assert_eq!(tracker.committable(), Some(1));
    }

    #[test]
    fn a_restart_goes_back() {
        let mut tracker = tracker(100..200);
        tracker.restart();
        assert_eq!((tracker.committable(), tracker.outstanding()), (None, 0));
        assert!(tracker.delivered(50));
        assert_eq!(tracker.done(150), Done::NotDelivered);
        assert_eq!(tracker.done(50), Done::Counted);
        assert_eq!(tracker.committable(), Some(51));
    }

    #[test]
    fn one_record_that_is_never_done_costs_no_memory() {
        let mut tracker = tracker([0]);
        for offset in 1..100_000 {
            tracker.delivered(offset);
            assert_eq!(tracker.done(offset), Done::Counted);
            assert!(tracker.records.len() <= FEW + 2);
        }
        assert_eq!(tracker.committable(), Some(0));
        assert_eq!(tracker.done(0), Done::Counted);
        assert_eq!(tracker.committable(), Some(100_000));
    }

    #[test]
    fn the_largest_and_the_smallest_offsets_do_not_overflow() {
        let mut tracker = tracker([i64::MIN, 0, i64::MAX - 1]);
        assert_eq!(tracker.done(i64::MAX - 1), Done::Counted);
        assert_eq!(tracker.done(i64::MAX), Done::NotDelivered);
        assert_eq!(tracker.done(i64::MIN), Done::Counted);
        assert_eq!(tracker.done(0), Done::Counted);
        assert_eq!(tracker.committable(), Some(i64::MAX));
    }

    /// The same in the most obvious way.
    #[derive(Default)]
    struct Model {
        /// Whether each record that was delivered is done.
        records: BTreeMap<i64, bool>,
        end: Option<i64>,
    }

    impl Model {
        fn delivered(&mut self, offset: i64) -> bool {
            let is_new = self.end.is_none_or(|end| offset >= end);
            if is_new {
                self.records.insert(offset, false);
                self.end = Some(offset + 1);
            }
            is_new
        }

        fn done(&mut self, offset: i64) -> Done {
            if self.end.is_none_or(|end| offset >= end) {
                return Done::NotDelivered;
            }
            match self.records.insert(offset, true) {
                Some(false) => Done::Counted,
                _ => Done::NotOutstanding,
            }
        }

        fn outstanding(&self) -> impl Iterator<Item = i64> {
            self.records.iter().filter(|(_, is_done)| !**is_done).map(|(offset, _)| *offset)
        }
    }

    #[test]
    fn does_what_a_naive_model_does() {
        for seed in 0..300 {
            compare_with_model(seed);
        }
    }

    fn compare_with_model(seed: u64) {
        let mut rng = Rng::new(seed);
        let (mut tracker, mut model) = (CommitTracker::new(), Model::default());
        // Each seed has habits: how large gaps are, how much is done, and of what age.
        let (gap, doing, reach) = (1 + rng.below(5), 2 + rng.below(7), 1 + rng.below(200));
        let mut next = rng.below(1000) as i64;
        for step in 0..600 {
            let context = format!("seed {seed}, step {step}");
            match rng.below(10) {
                0 if rng.below(60) == 0 => {
                    tracker.restart();
                    model = Model::default();
                    next = rng.below(1000) as i64;
                }
                0 => {
                    // Anything: gaps, what is done, what is to come.
                    let offset = next + 5 - rng.below(reach) as i64;
                    assert_eq!(tracker.done(offset), model.done(offset), "{context}");
                }
                1 if rng.below(4) == 0 => {
                    next += rng.below(10) as i64;
                    tracker.reached(next);
                    model.end = model.end.max(Some(next));
                }
                1 => {
                    let offset = next - rng.below(5) as i64;
                    assert_eq!(tracker.delivered(offset), model.delivered(offset), "{context}");
                    next = next.max(offset + 1);
                }
                n if n < doing => {
                    let count = model.outstanding().count();
                    let Some(offset) = model.outstanding().nth(rng.below(count.min(reach))) else { continue };
                    assert_eq!(tracker.done(offset), Done::Counted, "{context}");
                    model.done(offset);
                }
                _ => {
                    next += rng.below(gap) as i64;
                    assert!(tracker.delivered(next) && model.delivered(next), "{context}");
                    next += 1;
                }
            }
            let outstanding = model.outstanding().count();
            assert_eq!(tracker.outstanding(), outstanding, "{context}");
            assert_eq!(tracker.committable(), model.outstanding().next().or(model.end), "{context}");
            assert!(tracker.records.len() <= FEW + 2 * outstanding, "{context}");
        }
    }
}
