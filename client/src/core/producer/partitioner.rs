//! Which partition a record without key goes to: one for a batch's worth of bytes, then another (KIP-794).

use super::queue::{Queue, queue_index};
use super::settings::ProducerSettings;
use crate::core::metadata;
use crate::core::rng::Rng;
use std::time::Instant;

/// The partition that a topic's records without key go to at the moment.
#[derive(Debug, Default)]
pub(super) struct Sticky {
    partition: Option<i32>,
    bytes: usize,
}

impl Sticky {
    pub(super) fn partition(
        &mut self,
        topic: &metadata::Topic,
        queues: &[Queue],
        settings: &ProducerSettings,
        rng: &mut Rng,
        now: Instant,
    ) -> i32 {
        let known = self.partition.filter(|partition| queue_index(topic, *partition).is_some());
        let partition = known.unwrap_or_else(|| choose(topic, queues, settings, rng, now));
        self.partition = Some(partition);
        partition
    }

    /// So much went there. `is_between` batches: changing now leaves no batch half full.
    pub(super) fn appended(&mut self, bytes: usize, is_between: bool, batch_size: usize) {
        self.bytes += bytes;
        if self.bytes >= batch_size && is_between || self.bytes >= batch_size.saturating_mul(2) {
            *self = Sticky::default();
        }
    }
}

/// By chance; the less waits for a partition, the likelier it is, where that is wanted.
fn choose(
    topic: &metadata::Topic,
    queues: &[Queue],
    settings: &ProducerSettings,
    rng: &mut Rng,
    now: Instant,
) -> i32 {
    let all: Vec<i32> = topic
        .partitions
        .keys()
        .copied()
        .filter(|partition| queue_index(topic, *partition).is_some())
        .collect();
    let has_leader = |partition: &i32| topic.partitions[partition].leader.is_some();
    let mut available: Vec<i32> = all.iter().copied().filter(has_leader).collect();
    if all.is_empty() {
        return 0;
    }
    if available.is_empty() {
        return all[rng.below(all.len())];
    }
    let queue = |partition: i32| usize::try_from(partition).ok().and_then(|partition| queues.get(partition));
    if !settings.adaptive_partitioning || all.len() < 2 {
        return available[rng.below(available.len())];
    }
    if !settings.availability_timeout.is_zero() {
        let longest = settings.linger + settings.availability_timeout;
        let is_stuck = |partition: i32| queue(partition).is_some_and(|queue| queue.is_stuck(longest, now));
        let moving: Vec<i32> = available.iter().copied().filter(|partition| !is_stuck(*partition)).collect();
        if !moving.is_empty() {
            available = moving;
        }
    }
    let lengths: Vec<usize> =
        available.iter().map(|partition| queue(*partition).map_or(0, |queue| queue.batches.len())).collect();
    let most = lengths.iter().copied().max().unwrap_or(0) + 1;
    let mut rest = rng.below(lengths.iter().map(|length| most - length).sum());
    for (partition, length) in available.iter().zip(lengths) {
        match rest.checked_sub(most - length) {
            Some(left) => rest = left,
            None => return *partition,
        }
    }
    available[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::test_support::start;

    fn topic(leaders: &[Option<i32>]) -> metadata::Topic {
        let mut topic = metadata::Topic::default();
        for (i, leader) in leaders.iter().enumerate() {
            let partition = metadata::Partition { leader: *leader, ..Default::default() };
            topic.partitions.insert(i as i32, partition);
        }
        topic
    }

    #[test]
    fn a_partition_is_kept_for_a_batch_and_not_left_in_the_middle_of_one() {
        let (topic, settings, mut rng) = (topic(&[Some(1); 50]), ProducerSettings::default(), Rng::new(1));
        let mut sticky = Sticky::default();
        let mut next = |sticky: &mut Sticky| sticky.partition(&topic, &[], &settings, &mut rng, start());
        let first = next(&mut sticky);
        sticky.appended(900, true, 1000);
        assert_eq!(next(&mut sticky), first);
        sticky.appended(900, false, 1000);
        assert_eq!(next(&mut sticky), first);
        sticky.appended(100, true, 1000);
        let second = next(&mut sticky);
        assert_ne!(second, first);
        sticky.appended(2000, false, 1000);
        assert_ne!(next(&mut sticky), second);
    }

    #[test]
    fn partitions_without_leader_are_left_out_while_there_are_others() {
        let (settings, mut rng) = (ProducerSettings::default(), Rng::new(1));
        let mut chosen = |leaders: &[Option<i32>]| {
            let topic = topic(leaders);
            let mut all: Vec<i32> =
                (0..100).map(|_| choose(&topic, &[], &settings, &mut rng, start())).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        assert_eq!(chosen(&[None, Some(1), None, Some(2)]), [1, 3]);
        assert_eq!(chosen(&[None, None]), [0, 1]);
    }
}
