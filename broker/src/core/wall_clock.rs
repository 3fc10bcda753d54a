//! The time of day, for a core that has no clock: one pair of times, from which the rest follows until another one is told.

use std::time::Instant;

/// How far apart the real clock and this one may be: they need not agree to the millisecond.
const TOLERANCE_MS: u64 = 1_000;

/// What the wall clock showed at a moment of the monotonic one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    moment: Instant,
    unix_ms: i64,
}

impl WallClock {
    /// At `moment` it was `unix_ms` milliseconds since 1970.
    pub fn new(moment: Instant, unix_ms: i64) -> Self {
        WallClock { moment, unix_ms }
    }

    /// The milliseconds since 1970 at `moment`.
    pub fn unix_ms(&self, moment: Instant) -> i64 {
        let ms = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match moment.checked_duration_since(self.moment) {
            Some(later) => self.unix_ms.saturating_add(ms(later)),
            None => self.unix_ms.saturating_sub(ms(self.moment - moment)),
        }
    }

    /// The real clock shows `unix_ms` at `moment`. Where it has been set, or went on while the monotonic one stood still since
    /// the machine slept, this one follows. Gives back by how much.
    pub fn follow(&mut self, moment: Instant, unix_ms: i64) -> Option<i64> {
        let shown = self.unix_ms(moment);
        if shown.abs_diff(unix_ms) <= TOLERANCE_MS {
            return None;
        }
        *self = WallClock::new(moment, unix_ms);
        Some(unix_ms.saturating_sub(shown))
    }

    /// Sets it forward or back.
    pub fn step(&mut self, by_ms: i64) {
        self.unix_ms = self.unix_ms.saturating_add(by_ms);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_follows_the_real_clock_when_that_has_gone_another_way() {
        let start = Instant::now();
        let mut clock = WallClock::new(start, 1_000_000);
        let later = start + Duration::from_secs(60);
        assert_eq!(clock.follow(later, 1_061_000), None, "a second is nothing");
        assert_eq!(clock.unix_ms(later), 1_060_000);
        assert_eq!(clock.follow(later, 8_260_000), Some(7_200_000), "it slept for two hours");
        assert_eq!(clock.unix_ms(later), 8_260_000);
        assert_eq!(clock.follow(later, 1_060_000), Some(-7_200_000), "it was set back");
        assert_eq!(clock.unix_ms(start), 1_000_000);
    }
}
