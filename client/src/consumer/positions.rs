//! Where the consumer is in its partitions, and going elsewhere.

use std::collections::BTreeMap;

use super::Consumer;
use crate::core::io::{Answer, Command, OffsetAndMetadata};
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

impl Consumer {
    /// The offset of the next record that [`poll`](Self::poll) returns of this partition. Waits until it is known, for up to
    /// `default.api.timeout.ms`.
    ///
    /// # Errors
    /// [`Error::NotAssigned`], what keeps it from being known ([`Error::Fetch`]), and [`Error::Timeout`].
    pub async fn position(&mut self, partition: &TopicPartition) -> Result<i64, Error> {
        self.call(async |handle| handle.position(partition).await).await
    }

    /// Goes on at `offset` of a partition that is assigned, at the next [`poll`](Self::poll). An offset that the partition does
    /// not have is noticed then, and `auto.offset.reset` says what becomes of it.
    ///
    /// # Errors
    /// [`Error::NotAssigned`], and [`Error::Misuse`] for a negative offset.
    pub async fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), Error> {
        self.call(async |handle| handle.seek(partition, offset).await).await
    }

    /// Goes on at a committed offset of a partition that is assigned. With its leader epoch, a log that was cut off since is
    /// noticed (KIP-320).
    ///
    /// # Errors
    /// As those of [`seek`](Self::seek).
    pub async fn seek_to(&mut self, partition: &TopicPartition, to: &OffsetAndMetadata) -> Result<(), Error> {
        self.call(async |handle| handle.seek_to(partition, to).await).await
    }

    /// Goes on with the first record there is of these partitions; of all that are assigned, when none is given. The offset
    /// is looked up when it is needed.
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub async fn seek_to_beginning(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), Error> {
        self.call(async |handle| handle.seek_to_beginning(partitions).await).await
    }

    /// Goes on behind the last record of these partitions; of all that are assigned, when none is given. With
    /// `read_committed` that is the last stable offset. The offset is looked up when it is needed.
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub async fn seek_to_end(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), Error> {
        self.call(async |handle| handle.seek_to_end(partitions).await).await
    }

    /// Returns no records of these partitions until they are [resumed](Self::resume). What has been fetched of them is kept
    /// as long as others do not need the room: see [`buffer_bytes`](crate::Config::buffer_bytes). The consumer stays in its
    /// group as long as it is polled. A partition that goes and comes back is no longer paused.
    ///
    /// # Errors
    /// [`Error::NotAssigned`]; then none of them is paused.
    pub async fn pause(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) -> Result<(), Error> {
        self.call(async |handle| handle.pause(partitions).await).await
    }

    /// Goes on with partitions that were [paused](Self::pause); nothing happens to others.
    ///
    /// # Errors
    /// [`Error::NotAssigned`]; then none of them is resumed.
    pub async fn resume(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), Error> {
        self.call(async |handle| handle.resume(partitions).await).await
    }

    /// The partitions that are [paused](Self::pause), as of the last call. One that goes and comes back is not.
    pub fn paused(&self) -> impl ExactSizeIterator<Item = &TopicPartition> {
        self.paused.iter()
    }

    /// How many offsets lie between what was returned by [`poll`](Self::poll) and the end of an assigned partition; with
    /// `read_committed` the end is the last stable offset. `None` where the position or the end is not known yet: the end is
    /// then asked for in the background, so that a call a little later knows it, before any records have come.
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub async fn current_lag(&mut self, partition: &TopicPartition) -> Result<Option<i64>, Error> {
        let partition = partition.clone();
        match self.call(async |handle| handle.calls.call(Command::CurrentLag(partition)).await).await? {
            Answer::Lag(lag) => Ok(lag),
            answer => unreachable!("a lag was asked for, and {answer:?} came"),
        }
    }

    /// How many offsets lie between what was returned by [`poll`](Self::poll) and the end of each assigned partition;
    /// `None` where the end is not known yet. With `read_committed` the end is the last stable offset.
    ///
    /// # Errors
    /// [`Error::Closed`] only.
    pub async fn lags(&mut self) -> Result<BTreeMap<TopicPartition, Option<i64>>, Error> {
        match self.call(async |handle| handle.calls.call(Command::Lags).await).await? {
            Answer::Lags(lags) => Ok(lags),
            answer => unreachable!("lags were asked for, and {answer:?} came"),
        }
    }

    /// The sum of the [`lags`](Self::lags); `None` until all are known, and without an assignment.
    ///
    /// # Errors
    /// [`Error::Closed`] only.
    pub async fn lag(&mut self) -> Result<Option<i64>, Error> {
        let lags = self.lags().await?;
        if lags.is_empty() {
            return Ok(None);
        }
        Ok(lags.values().copied().sum())
    }
}
