//! TxnOffsetCommit (key 28): commits offsets of a group as part of a transaction (KIP-98).
//!
//! From v5 on the coordinator of the group adds it to the transaction by itself, without AddOffsetsToTxn (KIP-890).

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const LEADER_EPOCH: i16 = 2; // KIP-320
const MEMBER: i16 = 3; // KIP-447

/// Brings offsets to the coordinator of a group, where they count once the transaction is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TxnOffsetCommitRequest {
    /// The transactional id (`transactional.id`).
    pub transactional_id: Str,
    /// The group.
    pub group_id: Str,
    /// The producer's id, as InitProducerId gave it.
    pub producer_id: i64,
    /// The producer's epoch, as InitProducerId gave it.
    pub producer_epoch: i16,
    /// The generation of the member that has read the records, or its epoch; -1 outside of a group (v3+).
    pub generation_id: i32,
    /// The member; empty outside of a group (v3+).
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null (v3+).
    pub group_instance_id: Option<Str>,
    /// The offsets, by topic.
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for TxnOffsetCommitRequest {
    fn default() -> Self {
        TxnOffsetCommitRequest {
            transactional_id: Str::default(),
            group_id: Str::default(),
            producer_id: 0,
            producer_epoch: 0,
            generation_id: -1,
            member_id: Str::default(),
            group_instance_id: None,
            topics: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for TxnOffsetCommitRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, transactional_id) = field("transactionalId", .., string)(i)?;
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, producer_id) = field("producerId", .., int64)(i)?;
        let (i, producer_epoch) = field("producerEpoch", .., int16)(i)?;
        let (i, generation_id) = field_or("generationId", MEMBER.., -1, int32)(i)?;
        let (i, member_id) = field("memberId", MEMBER.., string)(i)?;
        let (i, group_instance_id) = field("groupInstanceId", MEMBER.., nullable_string)(i)?;
        let (i, topics) = field("topics", .., array(TxnOffsetCommitRequestTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = TxnOffsetCommitRequest {
            transactional_id,
            group_id,
            producer_id,
            producer_epoch,
            generation_id,
            member_id,
            group_instance_id,
            topics,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("transactionalId", .., &self.transactional_id);
        o.field("groupId", .., &self.group_id);
        o.field("producerId", .., &self.producer_id);
        o.field("producerEpoch", .., &self.producer_epoch);
        o.field_or("generationId", MEMBER.., -1, &self.generation_id);
        o.field("memberId", MEMBER.., &self.member_id);
        o.field("groupInstanceId", MEMBER.., &self.group_instance_id);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Offsets of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TxnOffsetCommitRequestTopic {
    /// The topic's name.
    pub name: Str,
    /// The offsets of its partitions.
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for TxnOffsetCommitRequestTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(TxnOffsetCommitRequestPartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, TxnOffsetCommitRequestTopic { name, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TxnOffsetCommitRequestPartition {
    /// The partition.
    pub partition_index: i32,
    /// The offset of the next record to read.
    pub committed_offset: i64,
    /// The leader epoch of the record before it; -1 for unknown (v2+).
    pub committed_leader_epoch: i32,
    /// What to keep beside the offset, or null.
    pub committed_metadata: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for TxnOffsetCommitRequestPartition {
    fn default() -> Self {
        TxnOffsetCommitRequestPartition {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(Str::default()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for TxnOffsetCommitRequestPartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, committed_offset) = field("committedOffset", .., int64)(i)?;
        let (i, committed_leader_epoch) = field_or("committedLeaderEpoch", LEADER_EPOCH.., -1, int32)(i)?;
        let (i, committed_metadata) = field("committedMetadata", .., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let partition = TxnOffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            committed_metadata,
            unknown_tagged_fields,
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("committedOffset", .., &self.committed_offset);
        o.ignorable("committedLeaderEpoch", LEADER_EPOCH.., &self.committed_leader_epoch);
        o.field("committedMetadata", .., &self.committed_metadata);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of each offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TxnOffsetCommitResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// The offsets, by topic.
    pub topics: Vec<TxnOffsetCommitResponseTopic>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for TxnOffsetCommitResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, topics) = field("topics", .., array(TxnOffsetCommitResponseTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, TxnOffsetCommitResponse { throttle_time_ms, topics, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of the offsets of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TxnOffsetCommitResponseTopic {
    /// The topic's name.
    pub name: Str,
    /// Its partitions.
    pub partitions: Vec<TxnOffsetCommitResponsePartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for TxnOffsetCommitResponseTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(TxnOffsetCommitResponsePartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, TxnOffsetCommitResponseTopic { name, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of the offset of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TxnOffsetCommitResponsePartition {
    /// The partition.
    pub partition_index: i32,
    /// What went wrong; from v3 ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID where the member is no
    /// longer one.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for TxnOffsetCommitResponsePartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, TxnOffsetCommitResponsePartition { partition_index, error_code, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
