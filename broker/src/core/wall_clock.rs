//! The time of day, for a core that has no clock: one pair of times, told at the start, from which the rest follows.

use std::time::Instant;

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
}
