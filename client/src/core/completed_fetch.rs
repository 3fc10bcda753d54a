//! What a broker sent for one partition, on its way to the application; and what comes back from there.

use bytes::Bytes;
use milena_protocol::Str;

use super::topic_partition::TopicPartition;

/// Records of one partition as they came in one response: nothing is decompressed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedFetch {
    /// The topic's name.
    pub topic: Str,
    /// The partition.
    pub partition: i32,
    /// Which position the records continue. An assignment, a seek, a reset or a truncation makes a new one, with a
    /// higher number; what carries another number than its partition is out of date.
    pub position_epoch: u64,
    /// The offset that was asked for. The first batch may begin before it.
    pub fetch_offset: i64,
    /// Record batches, a slice of the response's frame.
    pub records: Bytes,
    /// The offset after the last record that all in-sync replicas have.
    pub high_watermark: i64,
    /// The offset before which all transactions are decided; -1 where it is not known.
    pub last_stable_offset: i64,
    /// The first offset of the log; -1 where it is not known.
    pub log_start_offset: i64,
    /// The aborted transactions among the records: producer id and first offset.
    pub aborted: Vec<(i64, i64)>,
}

impl CompletedFetch {
    /// The partition, as a key.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }
}

/// How far the records of a partition were handed to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumed {
    /// The partition.
    pub partition: TopicPartition,
    /// That of the [`CompletedFetch`]es.
    pub position_epoch: u64,
    /// The offset of the next record.
    pub offset: i64,
    /// The leader epoch of the last batch that was read; -1 where it is not known.
    pub leader_epoch: i32,
    /// Whether what came after that offset was thrown away.
    pub refetch: Refetch,
}

/// Whether records have to be fetched again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refetch {
    /// They are there.
    #[default]
    No,
    /// They had to make room.
    AtOnce,
    /// They cannot be read: after a while.
    Later,
}

/// What the application's side tells of what it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// How far the records of each partition were handed out, where that is news.
    pub consumed: Vec<Consumed>,
    /// The memory that records were decompressed into.
    pub decoded_bytes: usize,
}
