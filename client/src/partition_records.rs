//! The records of one poll, partition by partition.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::core::topic_partition::TopicPartition;
use crate::records::{Record, Records};

/// The records of one partition among those of a poll, in the order of their offsets.
#[derive(Clone)]
pub struct PartitionRecords<'a> {
    records: Records<'a>,
    partition: TopicPartition,
    /// Those that lie together: the index of their chunk, and the indices of the records.
    runs: Vec<(usize, Range<usize>)>,
}

impl<'a> Records<'a> {
    /// The records by partition, in the order of the partitions (Java's `partitions` and `records`). A poll can find those of
    /// one partition in several places: [`iter`](Self::iter) gives them as they came, this as they belong together.
    ///
    /// ```no_run
    /// # async fn example(consumer: &mut milena_client::Consumer) -> Result<(), milena_client::Error> {
    /// let records = consumer.poll(std::time::Duration::from_secs(1)).await?;
    /// for partition in records.by_partition() {
    ///     for record in partition.iter() {
    ///         println!("{} {:?}", record.offset(), record.value());
    ///     }
    ///     println!("up to here of {}", partition.topic_partition());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn by_partition(&self) -> impl Iterator<Item = PartitionRecords<'a>> + use<'a> {
        let records = *self;
        let mut by_partition: BTreeMap<TopicPartition, Vec<(usize, Range<usize>)>> = BTreeMap::new();
        for (chunk, range) in records.runs() {
            by_partition.entry(records.partition_of(chunk)).or_default().push((chunk, range));
        }
        by_partition.into_iter().map(move |(partition, runs)| PartitionRecords { records, partition, runs })
    }

    /// The records of one partition; none where there are none of it.
    pub fn of(&self, partition: &TopicPartition) -> PartitionRecords<'a> {
        let runs = self.runs().filter(|(chunk, _)| self.partition_of(*chunk) == *partition).collect();
        PartitionRecords { records: *self, partition: partition.clone(), runs }
    }
}

impl<'a> PartitionRecords<'a> {
    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|(_, range)| range.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The records, one after the other. The last one comes first with [`next_back`](DoubleEndedIterator::next_back).
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Record<'a>> + '_ {
        let records = self.records;
        self.runs
            .iter()
            .flat_map(move |(chunk, range)| range.clone().map(move |span| records.record(*chunk, span)))
    }
}

impl fmt::Debug for PartitionRecords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
