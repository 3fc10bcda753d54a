//! ListOffsets (key 2): the offset of a point in time, of the start or of the end of a partition.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought; v7, v8, v9 and v11 gave a meaning to one more timestamp, see `ListOffsetsPartition`.
const ONE_OFFSET: i16 = 1; // KIP-79: one offset and its timestamp instead of a list
const ISOLATION: i16 = 2; // KIP-98
const THROTTLE: i16 = 2; // KIP-124
const LEADER_EPOCH: i16 = 4; // KIP-320
const TIMEOUT: i16 = 10; // KIP-1075

/// Asks a leader for offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListOffsetsRequest {
    /// The node id of a follower, or -1 for a consumer.
    pub replica_id: i32,
    /// With 1 the end is the last stable offset, with 0 the high watermark (v2+).
    pub isolation_level: i8,
    /// The partitions that are asked for, by topic.
    pub topics: Vec<ListOffsetsTopic>,
    /// How long the broker may take to look into tiered storage, in milliseconds (v10+).
    pub timeout_ms: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ListOffsetsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, replica_id) = field("replicaId", .., int32)(i)?;
        let (i, isolation_level) = field("isolationLevel", ISOLATION.., int8)(i)?;
        let (i, topics) = field("topics", .., array(ListOffsetsTopic::decode))(i)?;
        let (i, timeout_ms) = field("timeoutMs", TIMEOUT.., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request =
            ListOffsetsRequest { replica_id, isolation_level, topics, timeout_ms, unknown_tagged_fields };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("replicaId", .., &self.replica_id);
        o.field("isolationLevel", ISOLATION.., &self.isolation_level);
        o.field("topics", .., &self.topics);
        o.ignorable("timeoutMs", TIMEOUT.., &self.timeout_ms);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The partitions of one topic that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListOffsetsTopic {
    /// The topic's name.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<ListOffsetsPartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ListOffsetsTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(ListOffsetsPartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ListOffsetsTopic { name, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// One partition and the time that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListOffsetsPartition {
    /// The partition.
    pub partition_index: i32,
    /// The leader epoch that the client knows, or -1; a broker that knows another says so (v4+).
    pub current_leader_epoch: i32,
    /// Milliseconds since 1970: the first record that is not older counts. Or a constant below.
    pub timestamp: i64,
    /// How many offsets to list at most (v0).
    pub max_num_offsets: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

/// Timestamps that stand for a place in the log.
impl ListOffsetsPartition {
    /// The end: the last stable offset or the high watermark, as the isolation level has it.
    pub const LATEST_TIMESTAMP: i64 = -1;
    /// The start.
    pub const EARLIEST_TIMESTAMP: i64 = -2;
    /// The record with the largest timestamp (v7+, KIP-734).
    pub const MAX_TIMESTAMP: i64 = -3;
    /// The start of what is on the broker's own disks (v8+, KIP-405).
    pub const EARLIEST_LOCAL_TIMESTAMP: i64 = -4;
    /// The last record in tiered storage (v9+, KIP-1005).
    pub const LATEST_TIERED_TIMESTAMP: i64 = -5;
    /// The first record that is still to be copied to tiered storage (v11+, KIP-1023).
    pub const EARLIEST_PENDING_UPLOAD_TIMESTAMP: i64 = -6;
}

impl Default for ListOffsetsPartition {
    fn default() -> Self {
        ListOffsetsPartition {
            partition_index: 0,
            current_leader_epoch: -1,
            timestamp: 0,
            max_num_offsets: 1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for ListOffsetsPartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, current_leader_epoch) = field_or("currentLeaderEpoch", LEADER_EPOCH.., -1, int32)(i)?;
        let (i, timestamp) = field("timestamp", .., int64)(i)?;
        let (i, max_num_offsets) = field_or("maxNumOffsets", ..ONE_OFFSET, 1, int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let partition = ListOffsetsPartition {
            partition_index,
            current_leader_epoch,
            timestamp,
            max_num_offsets,
            unknown_tagged_fields,
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.ignorable("currentLeaderEpoch", LEADER_EPOCH.., &self.current_leader_epoch);
        o.field("timestamp", .., &self.timestamp);
        o.field_or("maxNumOffsets", ..ONE_OFFSET, 1, &self.max_num_offsets);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListOffsetsResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v2+).
    pub throttle_time_ms: i32,
    /// The answers, by topic.
    pub topics: Vec<ListOffsetsTopicResponse>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ListOffsetsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, topics) = field("topics", .., array(ListOffsetsTopicResponse::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ListOffsetsResponse { throttle_time_ms, topics, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The answers for one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListOffsetsTopicResponse {
    /// The topic's name.
    pub name: Str,
    /// The answers for its partitions.
    pub partitions: Vec<ListOffsetsPartitionResponse>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ListOffsetsTopicResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(ListOffsetsPartitionResponse::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ListOffsetsTopicResponse { name, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The answer for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListOffsetsPartitionResponse {
    /// The partition.
    pub partition_index: i32,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// The offsets where segments begin, the newest first (v0).
    pub old_style_offsets: Vec<i64>,
    /// The timestamp of the record found, in milliseconds since 1970; -1 for a place in the log, or none (v1+).
    pub timestamp: i64,
    /// The offset; -1 where no record was found (v1+).
    pub offset: i64,
    /// The leader epoch of the record found, or -1 (v4+).
    pub leader_epoch: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ListOffsetsPartitionResponse {
    fn default() -> Self {
        ListOffsetsPartitionResponse {
            partition_index: 0,
            error_code: ErrorCode::NONE,
            old_style_offsets: Vec::new(),
            timestamp: -1,
            offset: -1,
            leader_epoch: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for ListOffsetsPartitionResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, old_style_offsets) = field("oldStyleOffsets", ..ONE_OFFSET, array(int64))(i)?;
        let (i, timestamp) = field_or("timestamp", ONE_OFFSET.., -1, int64)(i)?;
        let (i, offset) = field_or("offset", ONE_OFFSET.., -1, int64)(i)?;
        let (i, leader_epoch) = field_or("leaderEpoch", LEADER_EPOCH.., -1, int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let partition = ListOffsetsPartitionResponse {
            partition_index,
            error_code,
            old_style_offsets,
            timestamp,
            offset,
            leader_epoch,
            unknown_tagged_fields,
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("errorCode", .., &self.error_code);
        o.field("oldStyleOffsets", ..ONE_OFFSET, &self.old_style_offsets);
        o.field_or("timestamp", ONE_OFFSET.., -1, &self.timestamp);
        o.field_or("offset", ONE_OFFSET.., -1, &self.offset);
        o.field_or("leaderEpoch", LEADER_EPOCH.., -1, &self.leader_epoch);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
