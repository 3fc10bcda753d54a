//! The coordinator's timers: a table of deadlines, each with a name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use milena_protocol::Str;

/// What ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The time that members of a classic group have to join.
    Join,
    /// The time that they have to ask for their assignments.
    Sync,
    /// The session of a member, or the patience with one that was told to join with its id.
    Session(Str),
    /// The time that a member of a consumer group has to give up partitions.
    Rebalance(Str),
    /// The time that a member of a consumer group that speaks the classic protocol has to join again.
    MemberJoin(Str),
    /// The time that it has to ask for its assignment.
    MemberSync(Str),
}

type Key = (Str, Timer);

/// The timers of all groups.
#[derive(Debug, Default)]
pub(super) struct Timers {
    ends: BTreeMap<Key, Instant>,
    queue: BTreeSet<(Instant, Key)>,
}

impl Timers {
    /// Sets the timer anew.
    pub(super) fn set(&mut self, group: &Str, timer: Timer, end: Instant) {
        let key = (group.clone(), timer);
        if let Some(old) = self.ends.insert(key.clone(), end) {
            self.queue.remove(&(old, key.clone()));
        }
        self.queue.insert((end, key));
    }

    /// Sets the timer, unless it is set.
    pub(super) fn set_if_none(&mut self, group: &Str, timer: Timer, end: Instant) {
        if !self.ends.contains_key(&(group.clone(), timer.clone())) {
            self.set(group, timer, end);
        }
    }

    pub(super) fn stop(&mut self, group: &Str, timer: Timer) {
        let key = (group.clone(), timer);
        if let Some(end) = self.ends.remove(&key) {
            self.queue.remove(&(end, key));
        }
    }

    /// Stops all timers of a group.
    pub(super) fn stop_all(&mut self, group: &Str) {
        let first = (group.clone(), Timer::Join);
        let keys: Vec<Key> =
            self.ends.range(first..).map(|(key, _)| key.clone()).take_while(|(of, _)| of == group).collect();
        keys.into_iter().for_each(|(group, timer)| self.stop(&group, timer));
    }

    /// The next timer that has ended, and when it did; it is set no more.
    pub(super) fn ended(&mut self, now: Instant) -> Option<(Instant, Str, Timer)> {
        let (end, _) = self.queue.first()?;
        if *end > now {
            return None;
        }
        let (end, key) = self.queue.pop_first()?;
        self.ends.remove(&key);
        Some((end, key.0, key.1))
    }

    /// When the next one ends.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(end, _)| *end)
    }
}

/// A time of the protocol; a negative one is none at all.
pub(super) fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_end_in_the_order_of_time_and_only_once() {
        let start = Instant::now();
        let (group, other) = (Str::from("g"), Str::from("h"));
        let at = |ms| start + millis(ms);
        let mut timers = Timers::default();
        timers.set(&group, Timer::Session("m".into()), at(30));
        timers.set(&group, Timer::Join, at(20));
        timers.set(&other, Timer::Join, at(10));
        timers.set(&group, Timer::Session("m".into()), at(5)); // anew: the old end is forgotten
        assert_eq!(timers.next(), Some(at(5)));
        let ended: Vec<_> = std::iter::from_fn(|| timers.ended(at(30))).map(|(end, ..)| end).collect();
        assert_eq!(ended, [at(5), at(10), at(20)]);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_group_that_is_gone_leaves_no_timer() {
        let start = Instant::now();
        let mut timers = Timers::default();
        for group in ["a", "b", "c"] {
            timers.set(&group.into(), Timer::Join, start);
            timers.set(&group.into(), Timer::Session("m".into()), start);
        }
        timers.stop_all(&"b".into());
        let left: Vec<_> = std::iter::from_fn(|| timers.ended(start)).map(|(_, group, _)| group).collect();
        assert_eq!(left, ["a", "a", "c", "c"]);
    }
}
