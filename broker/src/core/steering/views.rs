//! What there is in a cluster, to be looked at by a test: no request is made for it.

use std::collections::BTreeMap;

use bytes::Bytes;

use milena_protocol::records::{BatchHeader, Batches, Decompressor, Header, Record};

use super::SteerError;
use crate::core::Core;
use crate::core::cluster::{CONSUMER_OFFSETS, TRANSACTION_STATE};
use crate::core::log::Log;

/// A record as it is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// Its offset.
    pub offset: i64,
    /// Its time in milliseconds since 1970, of the producer's choice or of its append; -1 for none.
    pub timestamp: i64,
    /// The leader epoch under which it was appended; -1 in old formats.
    pub leader_epoch: i32,
    /// The id of its producer; -1 where that is not idempotent.
    pub producer_id: i64,
    /// Whether it belongs to a transaction.
    pub is_transactional: bool,
    /// Whether it is the end of a transaction, not a record of the application.
    pub is_control: bool,
    /// The key, if it has one.
    pub key: Option<Bytes>,
    /// The value, if it has one.
    pub value: Option<Bytes>,
    /// The headers, in order.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl StoredRecord {
    fn new(batch: &BatchHeader, record: &Record<'_>) -> Self {
        let copy = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        let header =
            |header: Header<'_>| (String::from_utf8_lossy(header.key).into_owned(), copy(header.value));
        StoredRecord {
            offset: record.offset,
            timestamp: record.timestamp,
            leader_epoch: batch.partition_leader_epoch,
            producer_id: batch.producer_id,
            is_transactional: batch.is_transactional,
            is_control: batch.is_control,
            key: copy(record.key),
            value: copy(record.value),
            headers: record.headers().map(header).collect(),
        }
    }
}

impl Core {
    /// The offset of the first record of a partition.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn log_start_offset(&self, topic: &str, partition: i32) -> Result<i64, SteerError> {
        self.known_partition(topic, partition)?;
        Ok(self.cluster.log(topic, partition).map_or(0, |log| log.start_offset()))
    }

    /// The offset of the next record of a partition.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn log_end_offset(&self, topic: &str, partition: i32) -> Result<i64, SteerError> {
        self.known_partition(topic, partition)?;
        Ok(self.cluster.log(topic, partition).map_or(0, |log| log.end_offset()))
    }

    /// All that a partition holds, decompressed. A batch that cannot be read here, for want of a compression, is left out.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn records(&self, topic: &str, partition: i32) -> Result<Vec<StoredRecord>, SteerError> {
        let from = self.log_start_offset(topic, partition)?;
        let mut decompressor = Decompressor::new();
        let mut records = Vec::new();
        for stored in self.cluster.log(topic, partition).into_iter().flat_map(Log::stored) {
            let batch = Batches::new(&stored.bytes).verify_crc(false).next();
            let Some(Ok(batch)) = batch else { continue };
            let Ok(found) = batch.records(&mut decompressor) else { continue };
            let found = found.map_while(Result::ok).filter(|record| record.offset >= from);
            records.extend(found.map(|record| StoredRecord::new(&stored.header, &record)));
        }
        Ok(records)
    }

    /// Who leads a partition, `None` while none of its replicas runs; and the leader epoch.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<(Option<i32>, i32), SteerError> {
        let partition = self.known_partition(topic, partition)?;
        Ok((partition.leader, partition.leader_epoch))
    }

    /// Who coordinates a group; `None` while nobody does, or no client has asked for a coordinator yet.
    pub fn group_coordinator(&self, group_id: &str) -> Option<i32> {
        self.cluster.known_coordinator(CONSUMER_OFFSETS, group_id)
    }

    /// Who coordinates a producer's transactions; `None` while nobody does, or no client has asked yet.
    pub fn transaction_coordinator(&self, transactional_id: &str) -> Option<i32> {
        self.cluster.known_coordinator(TRANSACTION_STATE, transactional_id)
    }

    /// The offsets that a group has committed, by topic and partition; empty where there is no such group.
    pub fn committed(&self, group_id: &str) -> BTreeMap<(String, i32), i64> {
        self.groups.committed(group_id).collect()
    }

    /// A group's state, as `DescribeGroups` and `ConsumerGroupDescribe` have it (`Stable`); `None` where there is no such
    /// group.
    pub fn group_state(&self, group_id: &str) -> Option<String> {
        self.groups.state(group_id)
    }

    /// The ids of a group's members, in order.
    pub fn group_members(&self, group_id: &str) -> Vec<String> {
        self.groups.member_ids(group_id)
    }
}
