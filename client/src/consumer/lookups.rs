//! Looking up offsets and topics, assigned to the consumer or not.

use std::collections::BTreeMap;

use milena_protocol::Str;

use super::{Consumer, ConsumerHandle};
use crate::core::io::{Answer, Command};
use crate::core::lookups::{Found, OffsetAndTimestamp, Question};
use crate::core::partition_info::PartitionInfo;
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

/// Lookups ask the cluster anew each time, any partitions of any topics. What fails for a reason that may pass, as a leader
/// that is just moving or a topic that does not exist yet, is asked again until `default.api.timeout.ms` is over; then the
/// call fails with [`Error::Timeout`], or [`Error::Unreachable`] where no broker was ever reached. Positions, and what is fetched, stay as they are.
impl Consumer {
    /// Of each partition, the first record that is not older than its time, in milliseconds since 1970; `None` where all
    /// are older. With `read_committed`, only records before the last stable offset count.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a time before 1970. [`Error::Fetch`], naming the partition, where the broker refuses, or where
    /// the log is so old that its records have no timestamps (Kafka's consumer then says that all records are older).
    pub async fn offsets_for_times(
        &mut self,
        times: impl IntoIterator<Item = (TopicPartition, i64)>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>, Error> {
        self.call(async |handle| handle.offsets_for_times(times).await).await
    }

    /// The offset of the first record there is of each of these partitions.
    ///
    /// # Errors
    /// [`Error::Fetch`], naming the partition, where the broker refuses.
    pub async fn beginning_offsets(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        self.call(async |handle| handle.beginning_offsets(partitions).await).await
    }

    /// The offset behind the last record of each of these partitions that all in-sync replicas have (the high watermark).
    /// With `read_committed`, the last stable offset: that of the first record of an open transaction, if there is one.
    ///
    /// # Errors
    /// [`Error::Fetch`], naming the partition, where the broker refuses.
    pub async fn end_offsets(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        self.call(async |handle| handle.end_offsets(partitions).await).await
    }

    /// The partitions of a topic, in their order; none when there is no such topic. It may be created by being asked for:
    /// see [`allow_auto_create_topics`](crate::Config::allow_auto_create_topics).
    ///
    /// # Errors
    /// [`Error::Topic`] when the broker will not tell, or when no topic can have that name.
    pub async fn partitions_for(&mut self, topic: &str) -> Result<Vec<PartitionInfo>, Error> {
        self.call(async |handle| handle.partitions_for(topic).await).await
    }

    /// All topics that this client may see, by name, Kafka's own included; with their partitions in their order.
    ///
    /// # Errors
    /// [`Error::Topic`] when the broker will not tell of one.
    pub async fn list_topics(&mut self) -> Result<BTreeMap<Str, Vec<PartitionInfo>>, Error> {
        self.call(async |handle| handle.list_topics().await).await
    }
}

/// Lookups, as [`Consumer`] has them.
impl ConsumerHandle {
    /// See [`Consumer::offsets_for_times`].
    pub async fn offsets_for_times(
        &self,
        times: impl IntoIterator<Item = (TopicPartition, i64)>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>, Error> {
        let times: BTreeMap<TopicPartition, i64> = times.into_iter().collect();
        // Negative ones stand for ends of the log, on the wire.
        if times.values().any(|time| *time < 0) {
            return Err(Error::Misuse("a time to look for cannot be negative"));
        }
        match self.look_up(Question::OffsetsForTimes(times)).await? {
            Found::Times(found) => Ok(found),
            found => unreachable!("offsets by time were asked for, and {found:?} came"),
        }
    }

    /// See [`Consumer::beginning_offsets`].
    pub async fn beginning_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        self.ends(Question::BeginningOffsets(partitions.into_iter().collect())).await
    }

    /// See [`Consumer::end_offsets`].
    pub async fn end_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        self.ends(Question::EndOffsets(partitions.into_iter().collect())).await
    }

    async fn ends(&self, question: Question) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        match self.look_up(question).await? {
            Found::Ends(ends) => Ok(ends),
            found => unreachable!("ends were asked for, and {found:?} came"),
        }
    }

    /// See [`Consumer::partitions_for`].
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, Error> {
        match self.look_up(Question::PartitionsFor(topic.into())).await? {
            Found::Partitions(partitions) => Ok(partitions),
            found => unreachable!("partitions were asked for, and {found:?} came"),
        }
    }

    /// See [`Consumer::list_topics`].
    pub async fn list_topics(&self) -> Result<BTreeMap<Str, Vec<PartitionInfo>>, Error> {
        match self.look_up(Question::ListTopics).await? {
            Found::Topics(topics) => Ok(topics),
            found => unreachable!("topics were asked for, and {found:?} came"),
        }
    }

    async fn look_up(&self, question: Question) -> Result<Found, Error> {
        let deadline = self.deadline();
        match self.calls.call(Command::LookUp { question, deadline }).await? {
            Answer::Found(found) => Ok(found),
            answer => unreachable!("something was looked up, and {answer:?} came"),
        }
    }
}
