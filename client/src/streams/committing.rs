//! Commits from time to time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::hand_over::Lanes;
use crate::consumer::{Consumer, PendingCommit};
use crate::core::io::Offsets;
use crate::core::topic_partition::TopicPartition;

/// `auto.commit.interval.ms` may be 0.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// Commits what is acknowledged, one commit at a time.
#[derive(Debug)]
pub(super) struct Committing {
    interval: Duration,
    due: Instant,
    pending: Option<(Offsets, PendingCommit)>,
    /// What was committed last of each partition that is read.
    committed: BTreeMap<TopicPartition, i64>,
}

impl Committing {
    pub(super) fn new(interval: Duration) -> Self {
        let interval = interval.max(SHORTEST_INTERVAL);
        Committing { interval, due: Instant::now() + interval, pending: None, committed: BTreeMap::new() }
    }

    /// Commits if it is time to, and what came of the commit before is known.
    pub(super) fn commit_when_due(&mut self, consumer: &mut Consumer, lanes: &Lanes) {
        if self.pending.is_some() || Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + self.interval;
        let open = lanes.by_partition.iter().filter(|(_, lane)| lane.is_open());
        let mut offsets: Offsets =
            open.filter_map(|(tp, lane)| Some((tp.clone(), lane.committable()?))).collect();
        self.committed.retain(|partition, _| offsets.contains_key(partition));
        offsets.retain(|partition, offset| self.committed.get(partition) != Some(&offset.offset));
        if !offsets.is_empty() {
            let commit = consumer.commit_async_offsets(offsets.clone());
            self.pending = Some((offsets, commit));
        }
    }

    /// Waits until there is something to do.
    pub(super) async fn news(&mut self) {
        let Some((_, commit)) = &mut self.pending else { return sleep_until(self.due).await };
        let outcome = commit.await;
        // A failure is a notice of the consumer's; the same offsets are committed again when it is time.
        if let (Some((offsets, _)), Ok(())) = (self.pending.take(), outcome) {
            self.committed.extend(offsets.into_iter().map(|(partition, offset)| (partition, offset.offset)));
        }
    }
}
