//! The broker's time, which can be frozen and advanced.

use std::time::{Duration, Instant};

/// Translates between the driver's time and the broker's: two moments that were the same, and whether both go on from
/// there.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct Time {
    outside: Instant,
    inside: Instant,
    is_frozen: bool,
}

impl Time {
    /// Both are the same.
    pub fn new(now: Instant) -> Self {
        Time { outside: now, inside: now, is_frozen: false }
    }

    /// What time it is for the broker.
    pub fn inside(&self, now: Instant) -> Instant {
        match self.is_frozen {
            true => self.inside,
            false => later(self.inside, now.saturating_duration_since(self.outside)),
        }
    }

    /// When a time of the broker's will have come; `None` for never, as far as is known.
    pub fn outside(&self, deadline: Instant) -> Option<Instant> {
        match self.is_frozen {
            true => None,
            false => self.outside.checked_add(deadline.saturating_duration_since(self.inside)),
        }
    }

    /// Whether time stands still.
    pub fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    /// Time stands still.
    pub fn freeze(&mut self, now: Instant) {
        *self = Time { outside: now, inside: self.inside(now), is_frozen: true };
    }

    /// So much time has passed all at once, frozen or not.
    pub fn advance(&mut self, by: Duration, now: Instant) {
        *self = Time { outside: now, inside: later(self.inside(now), by), ..*self };
    }

    /// Time goes on from where it stands.
    pub fn thaw(&mut self, now: Instant) {
        *self = Time { outside: now, inside: self.inside(now), is_frozen: false };
    }
}

/// As much later, or not at all where that is later than ever.
fn later(than: Instant, by: Duration) -> Instant {
    than.checked_add(by).unwrap_or(than)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn frozen_time_moves_only_when_it_is_told_to() {
        let start = Instant::now();
        let mut time = Time::new(start);
        assert_eq!(time.inside(start + SECOND), start + SECOND);
        time.freeze(start + SECOND);
        assert_eq!(time.inside(start + 9 * SECOND), start + SECOND);
        assert_eq!(time.outside(start + 2 * SECOND), None);
        time.advance(3 * SECOND, start + 9 * SECOND);
        assert_eq!(time.inside(start + 9 * SECOND), start + 4 * SECOND);
        time.thaw(start + 20 * SECOND);
        assert_eq!(
            time.inside(start + 21 * SECOND),
            start + 5 * SECOND,
            "what has passed outside is left out"
        );
        assert_eq!(time.outside(start + 6 * SECOND), Some(start + 22 * SECOND));
        time.advance(10 * SECOND, start + 21 * SECOND);
        assert_eq!(time.inside(start + 22 * SECOND), start + 16 * SECOND);
    }
}
