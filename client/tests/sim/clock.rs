//! Virtual time, and what will happen when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Milliseconds since 1970 at the beginning of each history.
pub const NOON: i64 = 1_700_000_000_000;

/// How much may happen without any time passing. A core that asks for more than this is in a busy loop.
const STEPS_AT_ONCE: usize = 20_000;

#[derive(Debug)]
pub struct Clock<T> {
    pub start: Instant,
    pub now: Instant,
    agenda: BTreeMap<(Instant, u64), T>,
    last: u64,
    steps: usize,
}

impl<T> Clock<T> {
    pub fn new() -> Self {
        let start = Instant::now();
        Clock { start, now: start, agenda: BTreeMap::new(), last: 0, steps: 0 }
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// What is put down for the same time happens in the order in which it was.
    pub fn put(&mut self, at: Instant, what: T) {
        self.last += 1;
        self.agenda.insert((at.max(self.now), self.last), what);
    }

    /// When the next thing will happen.
    pub fn next_at(&self) -> Option<Instant> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    /// What is due by now.
    pub fn due(&mut self) -> Option<T> {
        let entry = self.agenda.first_entry()?;
        if entry.key().0 > self.now { None } else { Some(entry.remove()) }
    }

    pub fn advance_to(&mut self, at: Instant) {
        if at > self.now {
            self.now = at;
            self.steps = 0;
        }
    }

    /// Counts that something was done.
    pub fn step(&mut self, by: &str) {
        self.steps += 1;
        assert!(self.steps <= STEPS_AT_ONCE, "a busy loop: time stands still, the last step was of {by}");
    }
}
