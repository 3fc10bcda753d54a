//! DescribeTopicPartitions (key 75): the partitions of topics, a page at a time (KIP-966).

use crate::ErrorCode;
use crate::wire::*;

/// Asks any broker for topics and their partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeTopicPartitionsRequest {
    /// The topics; empty for all.
    pub topics: Vec<TopicRequest>,
    /// How many partitions the answer may have; the broker may set a lower limit
    /// (`max.request.partition.size.limit`).
    pub response_partition_limit: i32,
    /// Where to begin, as the last answer says: in one of the topics above, if there are any; null for the first
    /// topic.
    pub cursor: Option<Cursor>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeTopicPartitionsRequest {
    fn default() -> Self {
        DescribeTopicPartitionsRequest {
            topics: Vec::new(),
            response_partition_limit: 2000,
            cursor: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribeTopicPartitionsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topics) = field("topics", .., array(TopicRequest::decode))(i)?;
        let (i, response_partition_limit) = field("responsePartitionLimit", .., int32)(i)?;
        let (i, cursor) = field("cursor", .., nullable_struct(Cursor::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = DescribeTopicPartitionsRequest {
            topics,
            response_partition_limit,
            cursor,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topics", .., &self.topics);
        o.field("responsePartitionLimit", .., &self.response_partition_limit);
        o.field("cursor", .., &self.cursor);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A topic that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicRequest {
    /// Its name.
    pub name: Str,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for TopicRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, TopicRequest { name, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where a page begins. Topics are in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cursor {
    /// The first topic.
    pub topic_name: Str,
    /// Its first partition.
    pub partition_index: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Nullable for Cursor {}

impl Wire for Cursor {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic_name) = field("topicName", .., string)(i)?;
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, Cursor { topic_name, partition_index, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topicName", .., &self.topic_name);
        o.field("partitionIndex", .., &self.partition_index);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Topics and their partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeTopicPartitionsResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// The topics, in the order of their names.
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// Where the next page begins; null where this is the last.
    pub next_cursor: Option<Cursor>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DescribeTopicPartitionsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, topics) = field("topics", .., array(DescribeTopicPartitionsResponseTopic::decode))(i)?;
        let (i, next_cursor) = field("nextCursor", .., nullable_struct(Cursor::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response =
            DescribeTopicPartitionsResponse { throttle_time_ms, topics, next_cursor, unknown_tagged_fields };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("topics", .., &self.topics);
        o.field("nextCursor", .., &self.next_cursor);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeTopicPartitionsResponseTopic {
    /// What went wrong.
    pub error_code: ErrorCode,
    /// Its name.
    pub name: Option<Str>,
    /// Its id.
    pub topic_id: Uuid,
    /// Whether it is one of Kafka's own, as `__consumer_offsets`.
    pub is_internal: bool,
    /// Its partitions, or some of them.
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// What the client may do with the topic, a bit for each operation.
    pub topic_authorized_operations: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeTopicPartitionsResponseTopic {
    fn default() -> Self {
        DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::NONE,
            name: Some(Str::default()),
            topic_id: Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: i32::MIN,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribeTopicPartitionsResponseTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, name) = field("name", .., nullable_string)(i)?;
        let (i, topic_id) = field("topicId", .., uuid)(i)?;
        let (i, is_internal) = field("isInternal", .., bool)(i)?;
        let (i, partitions) =
            field("partitions", .., array(DescribeTopicPartitionsResponsePartition::decode))(i)?;
        let (i, topic_authorized_operations) = field("topicAuthorizedOperations", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let topic = DescribeTopicPartitionsResponseTopic {
            error_code,
            name,
            topic_id,
            is_internal,
            partitions,
            topic_authorized_operations,
            unknown_tagged_fields,
        };
        Ok((i, topic))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("name", .., &self.name);
        o.field("topicId", .., &self.topic_id);
        o.field("isInternal", .., &self.is_internal);
        o.field("partitions", .., &self.partitions);
        o.field("topicAuthorizedOperations", .., &self.topic_authorized_operations);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeTopicPartitionsResponsePartition {
    /// What went wrong, as LEADER_NOT_AVAILABLE.
    pub error_code: ErrorCode,
    /// Its number.
    pub partition_index: i32,
    /// The node id of its leader, or -1.
    pub leader_id: i32,
    /// The leader's epoch, or -1.
    pub leader_epoch: i32,
    /// The node ids of all its replicas.
    pub replica_nodes: Vec<i32>,
    /// Those that are in sync with the leader.
    pub isr_nodes: Vec<i32>,
    /// Those that are not, but have all that is committed and may lead when no other is left, or null.
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// Those that were among these until their broker ended uncleanly, or null.
    pub last_known_elr: Option<Vec<i32>>,
    /// Those whose broker or disk is offline.
    pub offline_replicas: Vec<i32>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeTopicPartitionsResponsePartition {
    fn default() -> Self {
        DescribeTopicPartitionsResponsePartition {
            error_code: ErrorCode::NONE,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            eligible_leader_replicas: None,
            last_known_elr: None,
            offline_replicas: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribeTopicPartitionsResponsePartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, leader_id) = field("leaderId", .., int32)(i)?;
        let (i, leader_epoch) = field("leaderEpoch", .., int32)(i)?;
        let (i, replica_nodes) = field("replicaNodes", .., array(int32))(i)?;
        let (i, isr_nodes) = field("isrNodes", .., array(int32))(i)?;
        let (i, eligible_leader_replicas) = field("eligibleLeaderReplicas", .., nullable_array(int32))(i)?;
        let (i, last_known_elr) = field("lastKnownElr", .., nullable_array(int32))(i)?;
        let (i, offline_replicas) = field("offlineReplicas", .., array(int32))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let partition = DescribeTopicPartitionsResponsePartition {
            error_code,
            partition_index,
            leader_id,
            leader_epoch,
            replica_nodes,
            isr_nodes,
            eligible_leader_replicas,
            last_known_elr,
            offline_replicas,
            unknown_tagged_fields,
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("partitionIndex", .., &self.partition_index);
        o.field("leaderId", .., &self.leader_id);
        o.field("leaderEpoch", .., &self.leader_epoch);
        o.field("replicaNodes", .., &self.replica_nodes);
        o.field("isrNodes", .., &self.isr_nodes);
        o.field("eligibleLeaderReplicas", .., &self.eligible_leader_replicas);
        o.field("lastKnownElr", .., &self.last_known_elr);
        o.field("offlineReplicas", .., &self.offline_replicas);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
