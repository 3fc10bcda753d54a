//! The ends of partitions, as `--partition-eof` tells them.

use std::collections::{BTreeMap, BTreeSet};

use milena_client::TopicPartition;

/// Which partitions have been read to their end. Each end is told once: again only after more has been read.
#[derive(Default)]
pub struct Ends(BTreeSet<TopicPartition>);

impl Ends {
    /// Notes that records of these partitions were read.
    pub fn left<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        for partition in partitions {
            self.0.remove(partition);
        }
    }

    /// The partitions whose ends are reached now and were not before.
    pub fn reached(&mut self, lags: &BTreeMap<TopicPartition, Option<i64>>) -> Vec<TopicPartition> {
        // A partition that went away and comes back is read anew.
        self.0.retain(|partition| lags.contains_key(partition));
        let at_end = lags.iter().filter(|(_, lag)| **lag == Some(0)).map(|(partition, _)| partition);
        at_end.filter(|partition| self.0.insert((*partition).clone())).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(n: i32) -> TopicPartition {
        TopicPartition::new("t", n)
    }

    #[test]
    fn an_end_is_told_once_until_more_is_read() {
        let mut ends = Ends::default();
        let behind = BTreeMap::from([(partition(0), Some(0)), (partition(1), Some(3)), (partition(2), None)]);
        assert_eq!(ends.reached(&behind), [partition(0)]);
        assert!(ends.reached(&behind).is_empty());

        let all = BTreeMap::from([(partition(0), Some(0)), (partition(1), Some(0))]);
        ends.left(&[partition(0)]);
        assert_eq!(ends.reached(&all), [partition(0), partition(1)]);
        // It is another member's for a while.
        assert!(ends.reached(&BTreeMap::from([(partition(0), Some(0))])).is_empty());
        assert_eq!(ends.reached(&all), [partition(1)]);
    }
}
