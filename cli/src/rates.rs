//! How fast numbers grow: so much a second, over the last seconds.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What several numbers were in the last seconds.
pub struct Rates<K> {
    window: Duration,
    samples: VecDeque<(Instant, BTreeMap<K, i64>)>,
}

impl<K: Ord> Rates<K> {
    /// Rates over this time.
    pub fn over(window: Duration) -> Self {
        Rates { window, samples: VecDeque::new() }
    }

    /// Takes in what the numbers are now.
    pub fn note(&mut self, numbers: impl IntoIterator<Item = (K, i64)>, now: Instant) {
        self.samples.push_back((now, numbers.into_iter().collect()));
        // The oldest is as old as the window, or a little older.
        while self.samples.get(1).is_some_and(|(then, _)| now - *then >= self.window) {
            self.samples.pop_front();
        }
    }

    /// Of one number, from the first time in the window that there was one; None before the second.
    pub fn of(&self, key: &K) -> Option<f64> {
        let mut seen = self.samples.iter().filter_map(|(at, numbers)| Some((*at, *numbers.get(key)?)));
        let (then, before) = seen.next()?;
        let (now, after) = seen.last()?;
        Some((after - before) as f64 / (now - then).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let (mut rates, start) = (Rates::over(Duration::from_secs(10)), Instant::now());
        let mut at = |seconds, offset| {
            rates.note([("t", offset)], start + Duration::from_secs(seconds));
            rates.of(&"t")
        };
        assert_eq!(at(0, 1_000), None);
        assert_eq!(at(1, 1_000), Some(0.0));
        assert_eq!(at(5, 1_500), Some(100.0));
        assert_eq!(at(10, 1_500), Some(50.0));
        // What happened before 1 s has left the window.
        assert_eq!(at(11, 1_500), Some(50.0));
        assert_eq!(at(20, 1_500), Some(0.0));
        assert_eq!(at(100, 1_500), Some(0.0));
    }
}
