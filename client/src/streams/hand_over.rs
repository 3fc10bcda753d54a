//! What has to be done before partitions go: their streams end, work that has begun is waited for, and what is done is
//! committed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::timeout_at;

use super::lane::Lane;
use crate::consumer::{AnyListener, ConsumerHandle, Running, deadline_in};
use crate::core::io::{Offsets, Rebalance, RebalanceKind};
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

/// The partitions that are read, as the streams and their [`HandOver`] share them.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub(super) by_partition: BTreeMap<TopicPartition, Arc<Lane>>,
    /// Partitions went and have come back.
    pub(super) is_missing_some: bool,
    pub(super) hand_over_timeout: Duration,
}

/// Of which there is one for each [`PartitionStreams`](super::PartitionStreams).
pub(super) type SharedLanes = Arc<Mutex<Lanes>>;

pub(super) fn locked(lanes: &SharedLanes) -> MutexGuard<'_, Lanes> {
    // Nothing that runs under the lock panics.
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rebalance listener of the streams. The application's own comes behind it when partitions go, and so sees everything
/// committed.
pub(super) struct HandOver {
    pub(super) lanes: SharedLanes,
    pub(super) commits: bool,
    pub(super) inner: Option<Box<dyn AnyListener>>,
}

impl AnyListener for HandOver {
    fn call(mut self: Box<Self>, consumer: ConsumerHandle, rebalance: Rebalance) -> Running {
        Box::pin(async move {
            let ours = self.prepare(&consumer, &rebalance).await;
            let theirs = match self.inner.take() {
                Some(inner) => {
                    let (inner, outcome) = inner.call(consumer, rebalance).await;
                    self.inner = Some(inner);
                    outcome
                }
                None => Ok(()),
            };
            (self as Box<dyn AnyListener>, ours.and(theirs))
        })
    }
}

impl HandOver {
    async fn prepare(&mut self, consumer: &ConsumerHandle, rebalance: &Rebalance) -> Result<(), Error> {
        let (lanes, timeout): (Vec<Arc<Lane>>, Duration) = {
            let mut lanes = locked(&self.lanes);
            let ours = rebalance.partitions.iter().filter_map(|tp| lanes.by_partition.get(tp)).cloned();
            let ours = ours.collect();
            if rebalance.kind == RebalanceKind::Assigned {
                // They were gone in between: they get streams of their own.
                lanes.by_partition.retain(|_, lane| lane.is_open());
                lanes.is_missing_some = true;
            }
            (ours, lanes.hand_over_timeout)
        };
        match rebalance.kind {
            RebalanceKind::Assigned => Ok(()),
            RebalanceKind::Revoked => {
                let offsets = drain(&lanes, rebalance.deadline.min(deadline_in(timeout))).await;
                match self.commits && !offsets.is_empty() {
                    true => consumer.commit_sync_offsets(offsets).await,
                    false => Ok(()),
                }
            }
            RebalanceKind::Lost => {
                lanes.iter().for_each(|lane| drop(lane.finish()));
                Ok(())
            }
        }
    }
}

/// Ends these for good, after what was taken of them is acknowledged or the deadline has come; what to commit.
pub(super) async fn drain(lanes: &[Arc<Lane>], deadline: Instant) -> Offsets {
    lanes.iter().for_each(|lane| lane.end());
    // What is not acknowledged in time is read again by the next owner.
    let _ = timeout_at(deadline.into(), join_all(lanes.iter().map(|lane| lane.drained()))).await;
    lanes.iter().filter_map(|lane| Some((lane.partition.clone(), lane.finish()?))).collect()
}
