//! Moments at equal distances, at which Kafka looks whether there is something to be done. Here it is looked only when there
//! may be something, at the same moments: a broker that has nothing to do sleeps.

use std::time::{Duration, Instant};

/// Moments at equal distances.
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

    /// The first moment behind `now`.
    pub fn after(&self, now: Instant) -> Option<Instant> {
        self.at_or_after(now.checked_add(Duration::from_nanos(1))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_come_at_equal_distances_and_not_at_the_start() {
        let start = Instant::now();
        let ticks = Ticks::new(start, Duration::from_secs(10));
        let at = |ms: u64| ticks.at_or_after(start + Duration::from_millis(ms)).unwrap() - start;
        assert_eq!(at(0), Duration::from_secs(10));
        assert_eq!(at(10_000), Duration::from_secs(10));
        assert_eq!(at(10_001), Duration::from_secs(20));
        assert_eq!(ticks.after(start + Duration::from_secs(10)).unwrap() - start, Duration::from_secs(20));
    }
}
