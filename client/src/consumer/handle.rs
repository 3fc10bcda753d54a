//! What can be asked of a consumer besides polling.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::core::fetch_report::Place;
use crate::core::fetching::ResetTo;
use crate::core::io::{Answer, Command, OffsetAndMetadata, Offsets};
use crate::core::member::ConsumerGroupMetadata;
use crate::core::topic_partition::TopicPartition;
use crate::driver::Calls;
use crate::error::Error;

/// A consumer as its [`RebalanceListener`](super::RebalanceListener) has it: everything but polling and subscribing.
///
/// The methods mean what those of [`Consumer`](super::Consumer) mean, and fail for the same reasons. Once the consumer is
/// closed or dropped, all of them fail with [`Error::Closed`].
#[derive(Clone, Debug)]
pub struct ConsumerHandle {
    pub(super) calls: Calls,
    pub(super) default_api_timeout: Duration,
    pub(super) rebalance_deadline: Option<Instant>,
}

impl ConsumerHandle {
    /// Commits how far the records were returned by [`poll`](super::Consumer::poll), and waits until that is done; it is tried
    /// again for up to `default.api.timeout.ms`.
    pub async fn commit_sync(&self) -> Result<(), Error> {
        self.commit(None).await
    }

    /// Commits these offsets, each that of the next record to read, and waits until that is done.
    pub async fn commit_sync_offsets(&self, offsets: Offsets) -> Result<(), Error> {
        self.commit(Some(offsets)).await
    }

    async fn commit(&self, offsets: Option<Offsets>) -> Result<(), Error> {
        offsets.as_ref().map_or(Ok(()), check)?;
        let deadline = Some(self.deadline());
        self.calls.call(Command::Commit { offsets, deadline }).await.map(drop)
    }

    /// What the group has committed for these partitions; `None` where it has nothing.
    pub async fn committed(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>, Error> {
        let (partitions, deadline) = (partitions.into_iter().collect(), self.deadline());
        match self.calls.call(Command::Committed { partitions, deadline }).await? {
            Answer::Committed(offsets) => Ok(offsets),
            answer => unreachable!("committed offsets were asked for, and {answer:?} came"),
        }
    }

    /// The offset of the next record that [`poll`](super::Consumer::poll) returns of this partition. Waits until it is known.
    pub async fn position(&self, partition: &TopicPartition) -> Result<i64, Error> {
        let (partition, deadline) = (partition.clone(), self.deadline());
        match self.calls.call(Command::Position { partition, deadline }).await? {
            Answer::Position(offset) => Ok(offset),
            answer => unreachable!("a position was asked for, and {answer:?} came"),
        }
    }

    /// Goes on at `offset` of a partition that is assigned.
    pub async fn seek(&self, partition: &TopicPartition, offset: i64) -> Result<(), Error> {
        self.seek_to(partition, &OffsetAndMetadata::new(offset)).await
    }

    /// Goes on at a committed offset of a partition that is assigned. With its leader epoch, a log that was cut off since is
    /// noticed (KIP-320).
    pub async fn seek_to(&self, partition: &TopicPartition, to: &OffsetAndMetadata) -> Result<(), Error> {
        if to.offset < 0 {
            return Err(Error::Misuse("an offset to seek to cannot be negative"));
        }
        let place = Place { offset: to.offset, leader_epoch: to.leader_epoch.unwrap_or(-1) };
        self.calls.call(Command::Seek(partition.clone(), place)).await.map(drop)
    }

    /// Goes on with the first record there is of these partitions; of all that are assigned, when none is given. The offset
    /// is looked up when it is needed.
    pub async fn seek_to_beginning(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), Error> {
        self.seek_to_end_of_log(partitions, ResetTo::Earliest).await
    }

    /// Goes on behind the last record of these partitions; of all that are assigned, when none is given. With
    /// `read_committed` that is the last stable offset. The offset is looked up when it is needed.
    pub async fn seek_to_end(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), Error> {
        self.seek_to_end_of_log(partitions, ResetTo::Latest).await
    }

    async fn seek_to_end_of_log(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        end: ResetTo,
    ) -> Result<(), Error> {
        let partitions = partitions.into_iter().collect();
        self.calls.call(Command::SeekToEnd(partitions, end)).await.map(drop)
    }

    /// Returns no records of these partitions until they are [resumed](Self::resume). What has been fetched of them is kept
    /// as long as others do not need the room: see [`buffer_bytes`](crate::Config::buffer_bytes).
    pub async fn pause(&self, partitions: impl IntoIterator<Item = TopicPartition>) -> Result<(), Error> {
        self.calls.call(Command::Pause(partitions.into_iter().collect(), true)).await.map(drop)
    }

    /// Goes on with partitions that were [paused](Self::pause).
    pub async fn resume(&self, partitions: impl IntoIterator<Item = TopicPartition>) -> Result<(), Error> {
        self.calls.call(Command::Pause(partitions.into_iter().collect(), false)).await.map(drop)
    }

    /// The partitions that the consumer has.
    pub async fn assignment(&self) -> Result<BTreeSet<TopicPartition>, Error> {
        match self.calls.call(Command::Assignment).await? {
            Answer::Assignment(partitions) => Ok(partitions),
            answer => unreachable!("the assignment was asked for, and {answer:?} came"),
        }
    }

    /// As whom the group knows the consumer: see [`Consumer::group_metadata`](super::Consumer::group_metadata).
    pub async fn group_metadata(&self) -> Result<ConsumerGroupMetadata, Error> {
        match self.calls.call(Command::GroupMetadata).await? {
            Answer::GroupMetadata(metadata) => Ok(metadata),
            answer => unreachable!("the group's metadata was asked for, and {answer:?} came"),
        }
    }

    /// Has the group share out its partitions again: see
    /// [`Consumer::enforce_rebalance`](super::Consumer::enforce_rebalance).
    pub async fn enforce_rebalance(&self, reason: &str) -> Result<(), Error> {
        self.calls.call(Command::EnforceRebalance(reason.to_owned())).await.map(drop)
    }

    /// Until when the listener that was given this handle has to be done; after that the consumer may be out of its group.
    /// That is when the application will have to poll again, or when `close` ends.
    pub fn rebalance_deadline(&self) -> Option<Instant> {
        self.rebalance_deadline
    }

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.default_api_timeout
    }
}

/// Whether these can be committed.
pub(super) fn check(offsets: &Offsets) -> Result<(), Error> {
    // To a broker, -1 is what nothing was committed to: the group would begin anew, without a word.
    match offsets.values().any(|to| to.offset < 0) {
        true => Err(Error::Misuse("an offset to commit cannot be negative")),
        false => Ok(()),
    }
}
