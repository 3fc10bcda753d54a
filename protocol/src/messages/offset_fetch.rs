//! OffsetFetch (key 9): where the members of a group left off.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const GROUP_ERROR: i16 = 2; // and null topics: "all of them"
const THROTTLE: i16 = 3;
const LEADER_EPOCH: i16 = 5; // KIP-320
const REQUIRE_STABLE: i16 = 7; // KIP-447
const MANY_GROUPS: i16 = 8; // KIP-709: `groups` replaces `group_id`, `topics` and `error_code`
const MEMBER: i16 = 9; // KIP-848
const TOPIC_IDS: i16 = 10; // KIP-848: ids replace names

/// Asks a group's coordinator for its committed offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetFetchRequest {
    /// The group (v0-v7).
    pub group_id: Str,
    /// The partitions that are asked for; null, from v2, for all that have an offset (v0-v7).
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// The groups (v8+).
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Whether a partition with an offset in an open transaction is answered with UNSTABLE_OFFSET_COMMIT instead of
    /// the offset before it (v7+).
    pub require_stable: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetFetchRequest {
    fn default() -> Self {
        OffsetFetchRequest {
            group_id: Str::default(),
            topics: Some(Vec::new()),
            groups: Vec::new(),
            require_stable: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for OffsetFetchRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let topics = null_in(GROUP_ERROR.., nullable_array(OffsetFetchRequestTopic::decode));

        let (i, group_id) = field("groupId", ..MANY_GROUPS, string)(i)?;
        let (i, topics) = field_or("topics", ..MANY_GROUPS, Some(Vec::new()), topics)(i)?;
        let (i, groups) = field("groups", MANY_GROUPS.., array(OffsetFetchRequestGroup::decode))(i)?;
        let (i, require_stable) = field("requireStable", REQUIRE_STABLE.., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetFetchRequest { group_id, topics, groups, require_stable, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", ..MANY_GROUPS, &self.group_id);
        o.null_in("topics", GROUP_ERROR.., &self.topics);
        o.field_or("topics", ..MANY_GROUPS, Some(Vec::new()), &self.topics);
        o.field("groups", MANY_GROUPS.., &self.groups);
        o.field("requireStable", REQUIRE_STABLE.., &self.require_stable);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// One group whose offsets are asked for (v8+).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetFetchRequestGroup {
    /// The group.
    pub group_id: Str,
    /// The member that asks, where the group runs the consumer protocol; else null (v9+).
    pub member_id: Option<Str>,
    /// The epoch of that member, or -1 (v9+).
    pub member_epoch: i32,
    /// The partitions that are asked for; null for all that have an offset.
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetFetchRequestGroup {
    fn default() -> Self {
        OffsetFetchRequestGroup {
            group_id: Str::default(),
            member_id: None,
            member_epoch: -1,
            topics: Some(Vec::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for OffsetFetchRequestGroup {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, member_id) = field("memberId", MEMBER.., nullable_string)(i)?;
        let (i, member_epoch) = field_or("memberEpoch", MEMBER.., -1, int32)(i)?;
        let (i, topics) = field("topics", .., nullable_array(OffsetFetchRequestTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetFetchRequestGroup { group_id, member_id, member_epoch, topics, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.ignorable("memberId", MEMBER.., &self.member_id);
        o.ignorable("memberEpoch", MEMBER.., &self.member_epoch);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The partitions of one topic that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetFetchRequestTopic {
    /// The topic's name (v0-v9).
    pub name: Str,
    /// The topic's id (v10+).
    pub topic_id: Uuid,
    /// The partitions.
    pub partition_indexes: Vec<i32>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetFetchRequestTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", ..TOPIC_IDS, string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, partition_indexes) = field("partitionIndexes", .., array(int32))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetFetchRequestTopic { name, topic_id, partition_indexes, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("name", ..TOPIC_IDS, &self.name);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("partitionIndexes", .., &self.partition_indexes);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The committed offsets of a group, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetFetchResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v3+).
    pub throttle_time_ms: i32,
    /// The offsets (v0-v7).
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// What went wrong for the group as a whole (v2-v7); v0 and v1 say it in each partition.
    pub error_code: ErrorCode,
    /// The offsets of each group (v8+).
    pub groups: Vec<OffsetFetchResponseGroup>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetFetchResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, topics) = field("topics", ..MANY_GROUPS, array(OffsetFetchResponseTopic::decode))(i)?;
        let (i, error_code) = field("errorCode", GROUP_ERROR..MANY_GROUPS, error_code)(i)?;
        let (i, groups) = field("groups", MANY_GROUPS.., array(OffsetFetchResponseGroup::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetFetchResponse { throttle_time_ms, topics, error_code, groups, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("topics", ..MANY_GROUPS, &self.topics);
        o.ignorable("errorCode", GROUP_ERROR..MANY_GROUPS, &self.error_code);
        o.field("groups", MANY_GROUPS.., &self.groups);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The committed offsets of one group (v8+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetFetchResponseGroup {
    /// The group.
    pub group_id: Str,
    /// The offsets.
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// What went wrong for the group as a whole.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetFetchResponseGroup {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, topics) = field("topics", .., array(OffsetFetchResponseTopic::decode))(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetFetchResponseGroup { group_id, topics, error_code, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.field("topics", .., &self.topics);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The committed offsets of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetFetchResponseTopic {
    /// The topic's name (v0-v9).
    pub name: Str,
    /// The topic's id (v10+).
    pub topic_id: Uuid,
    /// The offsets of its partitions. One that is missing here is unknown, not "nothing committed".
    pub partitions: Vec<OffsetFetchResponsePartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetFetchResponseTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", ..TOPIC_IDS, string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, partitions) = field("partitions", .., array(OffsetFetchResponsePartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetFetchResponseTopic { name, topic_id, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("name", ..TOPIC_IDS, &self.name);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The committed offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetFetchResponsePartition {
    /// The partition.
    pub partition_index: i32,
    /// The offset of the next record to read; -1 where nothing is committed, if `error_code` is 0.
    pub committed_offset: i64,
    /// The leader epoch of the record before it; -1 where none was committed (v5+).
    pub committed_leader_epoch: i32,
    /// What the committer left beside the offset.
    pub metadata: Option<Str>,
    /// What went wrong for this partition.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetFetchResponsePartition {
    fn default() -> Self {
        OffsetFetchResponsePartition {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(Str::default()),
            error_code: ErrorCode::NONE,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for OffsetFetchResponsePartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, committed_offset) = field("committedOffset", .., int64)(i)?;
        let (i, committed_leader_epoch) = field_or("committedLeaderEpoch", LEADER_EPOCH.., -1, int32)(i)?;
        let (i, metadata) = field("metadata", .., nullable_string)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let partition = OffsetFetchResponsePartition {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            metadata,
            error_code,
            unknown_tagged_fields,
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("committedOffset", .., &self.committed_offset);
        o.ignorable("committedLeaderEpoch", LEADER_EPOCH.., &self.committed_leader_epoch);
        o.field("metadata", .., &self.metadata);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
