//! What time brings: transactions that stay open for too long are aborted, ids that nobody uses are forgotten.

use std::time::{Duration, Instant};

use milena_protocol::{ErrorCode, Str};

use super::Transactions;
use super::transaction::Transaction;

/// Moments at equal distances, at which Kafka looks at something. Here it is looked at only when there is something to be
/// seen, at the same moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks {
    start: Instant,
    every: Duration,
}

impl Ticks {
    /// The first comes when `every` has passed.
    pub fn new(start: Instant, every: Duration) -> Self {
        Ticks { start, every: every.max(Duration::from_millis(1)) }
    }

    /// The first moment that is not before `due`; `None` where time does not reach that far.
    pub fn at_or_after(&self, due: Instant) -> Option<Instant> {
        let passed = due.saturating_duration_since(self.start).as_nanos();
        let count = passed.div_ceil(self.every.as_nanos()).max(1);
        self.start.checked_add(self.every.checked_mul(u32::try_from(count).ok()?)?)
    }
}

impl Transactions {
    /// When something may be due.
    pub fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Aborts the transactions that have been open for too long (`transaction.timeout.ms`, every
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`), and forgets the ids that have not been used for
    /// `transactional.id.expiration.ms`.
    pub fn advance(&mut self, now: Instant) {
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        let is_due = |known: &Transaction| self.due(known).is_some_and(|due| due <= now);
        let due = self.known.iter().filter(|(_, known)| is_due(known));
        let due: Vec<Str> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            match self.known.get_mut(&id) {
                Some(known) if known.is_idle() => _ = self.known.remove(&id),
                Some(known) => known.fence(now, &mut self.ids),
                None => {}
            }
            self.note(&id);
        }
        self.next = self.known.values().filter_map(|known| self.due(known)).min();
    }

    /// When it is time for one of them: to be aborted, or to be forgotten.
    pub(super) fn due(&self, known: &Transaction) -> Option<Instant> {
        if known.is_idle() {
            return self.expiring.at_or_after(known.updated.checked_add(self.retention)?);
        }
        // As in Kafka what ends at this very moment is not late.
        self.aborting.at_or_after(known.times_out()?.checked_add(Duration::from_nanos(1))?)
    }

    /// Sees to it that there is room for another id: where there are too many, the one that has been idle for longest goes,
    /// as it would have gone by itself.
    ///
    /// # Errors
    /// [`ErrorCode::COORDINATOR_NOT_AVAILABLE`] when all have transactions open.
    pub(super) fn make_room(&mut self, now: Instant) -> Result<(), ErrorCode> {
        if self.known.len() < self.max_ids {
            return Ok(());
        }
        let idle = self.known.iter().filter(|(_, known)| known.is_idle() && known.updated <= now);
        let oldest = idle.min_by_key(|(_, known)| known.updated).map(|(id, _)| id.clone());
        let oldest = oldest.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        self.known.remove(&oldest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_come_at_equal_distances_and_not_at_the_start() {
        let start = Instant::now();
        let ticks = Ticks::new(start, Duration::from_secs(10));
        let after = |ms: u64| ticks.at_or_after(start + Duration::from_millis(ms)).unwrap() - start;
        assert_eq!(after(0), Duration::from_secs(10));
        assert_eq!(after(10_000), Duration::from_secs(10));
        assert_eq!(after(10_001), Duration::from_secs(20));
    }
}
