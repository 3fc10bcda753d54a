//! OffsetCommit (key 8): how far the members of a group have come.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const MEMBER: i16 = 1; // also the commit timestamp
const RETENTION: i16 = 2; // replaces the commit timestamp
const THROTTLE: i16 = 3;
const NO_RETENTION: i16 = 5; // KIP-211
const LEADER_EPOCH: i16 = 6; // KIP-320
const STATIC_MEMBERS: i16 = 7; // KIP-345
const TOPIC_IDS: i16 = 10; // KIP-848: ids replace names

/// Stores offsets for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetCommitRequest {
    /// The group.
    pub group_id: Str,
    /// The generation of the group, or the member's epoch in the consumer protocol; -1 from who is no member (v1+).
    pub generation_id_or_member_epoch: i32,
    /// The member; empty from who is none (v1+).
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null (v7+).
    pub group_instance_id: Option<Str>,
    /// For how long the offsets are kept, in milliseconds; -1 leaves it to the broker (v2-v4).
    pub retention_time_ms: i64,
    /// The offsets, by topic.
    pub topics: Vec<OffsetCommitRequestTopic>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetCommitRequest {
    fn default() -> Self {
        OffsetCommitRequest {
            group_id: Str::default(),
            generation_id_or_member_epoch: -1,
            member_id: Str::default(),
            group_instance_id: None,
            retention_time_ms: -1,
            topics: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for OffsetCommitRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, generation_id_or_member_epoch) =
            field_or("generationIdOrMemberEpoch", MEMBER.., -1, int32)(i)?;
        let (i, member_id) = field("memberId", MEMBER.., string)(i)?;
        let (i, group_instance_id) = field("groupInstanceId", STATIC_MEMBERS.., nullable_string)(i)?;
        let (i, retention_time_ms) = field_or("retentionTimeMs", RETENTION..NO_RETENTION, -1, int64)(i)?;
        let (i, topics) = field("topics", .., array(OffsetCommitRequestTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = OffsetCommitRequest {
            group_id,
            generation_id_or_member_epoch,
            member_id,
            group_instance_id,
            retention_time_ms,
            topics,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.ignorable("generationIdOrMemberEpoch", MEMBER.., &self.generation_id_or_member_epoch);
        o.ignorable("memberId", MEMBER.., &self.member_id);
        o.field("groupInstanceId", STATIC_MEMBERS.., &self.group_instance_id);
        o.ignorable("retentionTimeMs", RETENTION..NO_RETENTION, &self.retention_time_ms);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The offsets of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetCommitRequestTopic {
    /// The topic's name (v0-v9).
    pub name: Str,
    /// The topic's id (v10+).
    pub topic_id: Uuid,
    /// The offsets of its partitions.
    pub partitions: Vec<OffsetCommitRequestPartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetCommitRequestTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", ..TOPIC_IDS, string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, partitions) = field("partitions", .., array(OffsetCommitRequestPartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetCommitRequestTopic { name, topic_id, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("name", ..TOPIC_IDS, &self.name);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetCommitRequestPartition {
    /// The partition.
    pub partition_index: i32,
    /// The offset of the next record to read.
    pub committed_offset: i64,
    /// The leader epoch of the last record that was read, or -1 (v6+).
    pub committed_leader_epoch: i32,
    /// When the offset was committed, in milliseconds since 1970; -1 for now (v1).
    pub commit_timestamp: i64,
    /// Anything the committer wants to find again, or null.
    pub committed_metadata: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetCommitRequestPartition {
    fn default() -> Self {
        OffsetCommitRequestPartition {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            commit_timestamp: -1,
            committed_metadata: Some(Str::default()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for OffsetCommitRequestPartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, committed_offset) = field("committedOffset", .., int64)(i)?;
        let (i, committed_leader_epoch) = field_or("committedLeaderEpoch", LEADER_EPOCH.., -1, int32)(i)?;
        let (i, commit_timestamp) = field_or("commitTimestamp", MEMBER..RETENTION, -1, int64)(i)?;
        let (i, committed_metadata) = field("committedMetadata", .., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let partition = OffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            commit_timestamp,
            committed_metadata,
            unknown_tagged_fields,
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("committedOffset", .., &self.committed_offset);
        o.ignorable("committedLeaderEpoch", LEADER_EPOCH.., &self.committed_leader_epoch);
        o.field_or("commitTimestamp", MEMBER..RETENTION, -1, &self.commit_timestamp);
        o.field("committedMetadata", .., &self.committed_metadata);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Which offsets were stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetCommitResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v3+).
    pub throttle_time_ms: i32,
    /// The outcome, by topic.
    pub topics: Vec<OffsetCommitResponseTopic>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetCommitResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, topics) = field("topics", .., array(OffsetCommitResponseTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetCommitResponse { throttle_time_ms, topics, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The outcome for one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetCommitResponseTopic {
    /// The topic's name (v0-v9).
    pub name: Str,
    /// The topic's id (v10+).
    pub topic_id: Uuid,
    /// The outcome for its partitions.
    pub partitions: Vec<OffsetCommitResponsePartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetCommitResponseTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", ..TOPIC_IDS, string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, partitions) = field("partitions", .., array(OffsetCommitResponsePartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetCommitResponseTopic { name, topic_id, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("name", ..TOPIC_IDS, &self.name);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The outcome for one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetCommitResponsePartition {
    /// The partition.
    pub partition_index: i32,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetCommitResponsePartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetCommitResponsePartition { partition_index, error_code, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
