//! DeleteRecords (key 21): gives up the oldest records of partitions (KIP-107).

use crate::ErrorCode;
use crate::wire::*;

/// Asks the leader of partitions to delete their records below an offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteRecordsRequest {
    /// The partitions, by topic.
    pub topics: Vec<DeleteRecordsTopic>,
    /// How long the leader may wait for its followers to do the same, in milliseconds.
    pub timeout_ms: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteRecordsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topics) = field("topics", .., array(DeleteRecordsTopic::decode))(i)?;
        let (i, timeout_ms) = field("timeoutMs", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteRecordsRequest { topics, timeout_ms, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topics", .., &self.topics);
        o.field("timeoutMs", .., &self.timeout_ms);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Partitions of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteRecordsTopic {
    /// The topic's name.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<DeleteRecordsPartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteRecordsTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(DeleteRecordsPartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteRecordsTopic { name, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// How much of one partition is to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteRecordsPartition {
    /// The partition.
    pub partition_index: i32,
    /// The first offset that stays; -1 for the high watermark.
    pub offset: i64,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteRecordsPartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, offset) = field("offset", .., int64)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteRecordsPartition { partition_index, offset, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("offset", .., &self.offset);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where the partitions begin now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteRecordsResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// The partitions, by topic.
    pub topics: Vec<DeleteRecordsTopicResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteRecordsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, topics) = field("topics", .., array(DeleteRecordsTopicResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteRecordsResponse { throttle_time_ms, topics, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where the partitions of one topic begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteRecordsTopicResult {
    /// The topic's name.
    pub name: Str,
    /// Its partitions.
    pub partitions: Vec<DeleteRecordsPartitionResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteRecordsTopicResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(DeleteRecordsPartitionResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteRecordsTopicResult { name, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where one partition begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteRecordsPartitionResult {
    /// The partition.
    pub partition_index: i32,
    /// The first offset that any of its replicas still has; -1 with an error.
    pub low_watermark: i64,
    /// What went wrong; OFFSET_OUT_OF_RANGE for an offset beyond the high watermark.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteRecordsPartitionResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, low_watermark) = field("lowWatermark", .., int64)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let result = DeleteRecordsPartitionResult {
            partition_index,
            low_watermark,
            error_code,
            unknown_tagged_fields,
        };
        Ok((i, result))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("lowWatermark", .., &self.low_watermark);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
