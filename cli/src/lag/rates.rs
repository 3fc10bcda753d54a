//! How fast a group goes on: offsets a second, over the last seconds.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use milena_client::TopicPartition;

use super::sample::Sample;

/// Commits come every few seconds (`auto.commit.interval.ms`); between two of them, nothing seems to happen.
const WINDOW: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Rates(VecDeque<(Instant, BTreeMap<TopicPartition, i64>)>);

impl Rates {
    /// Takes in where the group is now.
    pub fn note(&mut self, sample: &Sample, now: Instant) {
        let committed = sample.partitions.iter().filter_map(|p| Some((p.partition.clone(), p.committed?)));
        self.push(committed.collect(), now);
    }

    fn push(&mut self, committed: BTreeMap<TopicPartition, i64>, now: Instant) {
        self.0.push_back((now, committed));
        // The oldest is as old as the window, or a little older.
        while self.0.get(1).is_some_and(|(then, _)| now - *then >= WINDOW) {
            self.0.pop_front();
        }
    }

    /// Of one partition, from the first time in the window that something was committed; None before the second.
    pub fn of(&self, partition: &TopicPartition) -> Option<f64> {
        let mut seen = self.0.iter().filter_map(|(at, offsets)| Some((*at, *offsets.get(partition)?)));
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
        let partition = TopicPartition::new("t", 0);
        let (mut rates, start) = (Rates::default(), Instant::now());
        let mut at = |seconds, offset| {
            rates.push(BTreeMap::from([(partition.clone(), offset)]), start + Duration::from_secs(seconds));
            rates.of(&partition)
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
