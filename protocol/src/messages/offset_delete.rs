//! OffsetDelete (key 47): forgets committed offsets of a group (KIP-496).

use crate::ErrorCode;
use crate::wire::*;

/// Asks a group's coordinator to delete its offsets for some partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetDeleteRequest {
    /// The group.
    pub group_id: Str,
    /// The partitions, by topic.
    pub topics: Vec<OffsetDeleteRequestTopic>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetDeleteRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, topics) = field("topics", .., array(OffsetDeleteRequestTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetDeleteRequest { group_id, topics, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Partitions of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetDeleteRequestTopic {
    /// The topic's name.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<OffsetDeleteRequestPartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetDeleteRequestTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(OffsetDeleteRequestPartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetDeleteRequestTopic { name, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetDeleteRequestPartition {
    /// Its number.
    pub partition_index: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetDeleteRequestPartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetDeleteRequestPartition { partition_index, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Which offsets are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetDeleteResponse {
    /// What went wrong for the group as a whole: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP for a group that is not of
    /// consumers.
    pub error_code: ErrorCode,
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// What became of each partition, by topic.
    pub topics: Vec<OffsetDeleteResponseTopic>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetDeleteResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, topics) = field("topics", .., array(OffsetDeleteResponseTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetDeleteResponse { error_code, throttle_time_ms, topics, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of the offsets of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetDeleteResponseTopic {
    /// The topic's name.
    pub name: Str,
    /// Its partitions.
    pub partitions: Vec<OffsetDeleteResponsePartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetDeleteResponseTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(OffsetDeleteResponsePartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetDeleteResponseTopic { name, partitions, unknown_tagged_fields }))
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
pub struct OffsetDeleteResponsePartition {
    /// The partition.
    pub partition_index: i32,
    /// What went wrong: GROUP_SUBSCRIBED_TO_TOPIC while a member subscribes to the topic.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for OffsetDeleteResponsePartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, OffsetDeleteResponsePartition { partition_index, error_code, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
