//! What can be asked, and what the answers look like.

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::Str;

use crate::core::partition_info::PartitionInfo;
use crate::core::topic_partition::TopicPartition;

/// What the application wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Of each partition, the first record that is not older than this: milliseconds since 1970.
    OffsetsForTimes(BTreeMap<TopicPartition, i64>),
    /// The first offset of each partition.
    BeginningOffsets(BTreeSet<TopicPartition>),
    /// The offset behind the last record of each partition, or with `read_committed` the last stable offset.
    EndOffsets(BTreeSet<TopicPartition>),
    /// The partitions of a topic.
    PartitionsFor(Str),
    /// All topics and their partitions.
    ListTopics,
}

/// What came of a [`Question`].
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// By partition; `None` where no record is that young.
    Times(BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>),
    /// Ends by partition.
    Ends(BTreeMap<TopicPartition, i64>),
    /// Of one topic; none when there is no such topic.
    Partitions(Vec<PartitionInfo>),
    /// By topic.
    Topics(BTreeMap<Str, Vec<PartitionInfo>>),
}

/// A record that was found by its time (Kafka's `OffsetAndTimestamp`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetAndTimestamp {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// The epoch of the leader that appended it; `None` where it is not known.
    pub leader_epoch: Option<i32>,
}
