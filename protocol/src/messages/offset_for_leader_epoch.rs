//! OffsetForLeaderEpoch (key 23): where the records of a leader epoch end, to find out whether a log was truncated
//! (KIP-101, KIP-320).

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const EPOCH_OF_END: i16 = 1; // KIP-279
const CURRENT_EPOCH: i16 = 2; // KIP-320
const THROTTLE: i16 = 2;
const REPLICA: i16 = 3; // KIP-392

/// Asks where leader epochs end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetForLeaderEpochRequest {
    /// The node id of a follower, -1 for a consumer, -2 for a tool that may see what is not replicated yet (v3+).
    pub replica_id: i32,
    /// The partitions that are asked for, by topic.
    pub topics: Vec<OffsetForLeaderTopic>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetForLeaderEpochRequest {
    fn default() -> Self {
        OffsetForLeaderEpochRequest {
            replica_id: -2,
            topics: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for OffsetForLeaderEpochRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, replica_id) = field_or("replicaId", REPLICA.., -2, int32)(i)?;
        let (i, topics) = field("topics", .., array(OffsetForLeaderTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetForLeaderEpochRequest { replica_id, topics, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("replicaId", REPLICA.., &self.replica_id);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The partitions of one topic that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetForLeaderTopic {
    /// The topic's name.
    pub topic: Str,
    /// The partitions.
    pub partitions: Vec<OffsetForLeaderPartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetForLeaderTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic) = field("topic", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(OffsetForLeaderPartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetForLeaderTopic { topic, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topic", .., &self.topic);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// One partition and the epoch that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetForLeaderPartition {
    /// The partition.
    pub partition: i32,
    /// The leader epoch that the client knows, or -1; a broker that knows another says so (v2+).
    pub current_leader_epoch: i32,
    /// The epoch whose end is asked for.
    pub leader_epoch: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetForLeaderPartition {
    fn default() -> Self {
        OffsetForLeaderPartition {
            partition: 0,
            current_leader_epoch: -1,
            leader_epoch: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for OffsetForLeaderPartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition) = field("partition", .., int32)(i)?;
        let (i, current_leader_epoch) = field_or("currentLeaderEpoch", CURRENT_EPOCH.., -1, int32)(i)?;
        let (i, leader_epoch) = field("leaderEpoch", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let partition =
            OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch, unknown_tagged_fields };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partition", .., &self.partition);
        o.ignorable("currentLeaderEpoch", CURRENT_EPOCH.., &self.current_leader_epoch);
        o.field("leaderEpoch", .., &self.leader_epoch);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where leader epochs end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetForLeaderEpochResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v2+).
    pub throttle_time_ms: i32,
    /// The answers, by topic.
    pub topics: Vec<OffsetForLeaderTopicResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetForLeaderEpochResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, topics) = field("topics", .., array(OffsetForLeaderTopicResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetForLeaderEpochResponse { throttle_time_ms, topics, unknown_tagged_fields }))
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
pub struct OffsetForLeaderTopicResult {
    /// The topic's name.
    pub topic: Str,
    /// The answers for its partitions.
    pub partitions: Vec<EpochEndOffset>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetForLeaderTopicResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic) = field("topic", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(EpochEndOffset::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetForLeaderTopicResult { topic, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topic", .., &self.topic);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where an epoch ends in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EpochEndOffset {
    /// What went wrong.
    pub error_code: ErrorCode,
    /// The partition.
    pub partition: i32,
    /// The largest epoch that is not above the one asked for; -1 for none (v1+).
    pub leader_epoch: i32,
    /// The offset after the last record of that epoch; -1 where it is not known.
    pub end_offset: i64,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        EpochEndOffset {
            error_code: ErrorCode::NONE,
            partition: 0,
            leader_epoch: -1,
            end_offset: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for EpochEndOffset {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, partition) = field("partition", .., int32)(i)?;
        let (i, leader_epoch) = field_or("leaderEpoch", EPOCH_OF_END.., -1, int32)(i)?;
        let (i, end_offset) = field("endOffset", .., int64)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let partition =
            EpochEndOffset { error_code, partition, leader_epoch, end_offset, unknown_tagged_fields };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("partition", .., &self.partition);
        o.ignorable("leaderEpoch", EPOCH_OF_END.., &self.leader_epoch);
        o.field("endOffset", .., &self.end_offset);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
