//! ConsumerGroupHeartbeat (key 68): how a member of a group joins, stays and leaves where the coordinator assigns
//! (KIP-848).
//!
//! A field whose absence means "as before" is sent when it changes, and when the member joins: then all are.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const REGEX: i16 = 1; // KIP-848; and the member makes its own id (KIP-1082)

/// Tells the coordinator of a group that a member is alive, and what has changed since it last did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerGroupHeartbeatRequest {
    /// The group.
    pub group_id: Str,
    /// The member's id. It makes one for itself, and keeps it for as long as it lives; in v0 it may also leave this
    /// empty, and the answer to its first heartbeat says its id.
    pub member_id: Str,
    /// The epoch that the member has reached; 0 to join, -1 to leave, -2 for a static member to leave and come back.
    pub member_epoch: i32,
    /// The name of a static member (`group.instance.id`, KIP-345); null where it has none, or as before.
    pub instance_id: Option<Str>,
    /// The rack of the member (`client.rack`); null where it has none, or as before.
    pub rack_id: Option<Str>,
    /// For how long the coordinator waits for the member to give up partitions, in milliseconds; -1 for as before.
    pub rebalance_timeout_ms: i32,
    /// The topics that the member subscribes to by name; null for as before.
    pub subscribed_topic_names: Option<Vec<Str>>,
    /// The regular expression that it subscribes to topics by, which the broker evaluates (RE2/J); empty for none,
    /// null for as before (v1+).
    pub subscribed_topic_regex: Option<Str>,
    /// The assignor that it prefers, by its name at the broker, as in "uniform"; null for none, or as before.
    pub server_assignor: Option<Str>,
    /// The partitions that it has; null for as before.
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ConsumerGroupHeartbeatRequest {
    fn default() -> Self {
        ConsumerGroupHeartbeatRequest {
            group_id: Str::default(),
            member_id: Str::default(),
            member_epoch: 0,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            subscribed_topic_names: None,
            subscribed_topic_regex: None,
            server_assignor: None,
            topic_partitions: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for ConsumerGroupHeartbeatRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, member_epoch) = field("memberEpoch", .., int32)(i)?;
        let (i, instance_id) = field("instanceId", .., nullable_string)(i)?;
        let (i, rack_id) = field("rackId", .., nullable_string)(i)?;
        let (i, rebalance_timeout_ms) = field("rebalanceTimeoutMs", .., int32)(i)?;
        let (i, subscribed_topic_names) = field("subscribedTopicNames", .., nullable_array(string))(i)?;
        let (i, subscribed_topic_regex) = field("subscribedTopicRegex", REGEX.., nullable_string)(i)?;
        let (i, server_assignor) = field("serverAssignor", .., nullable_string)(i)?;
        let (i, topic_partitions) = field("topicPartitions", .., nullable_array(TopicPartitions::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = ConsumerGroupHeartbeatRequest {
            group_id,
            member_id,
            member_epoch,
            instance_id,
            rack_id,
            rebalance_timeout_ms,
            subscribed_topic_names,
            subscribed_topic_regex,
            server_assignor,
            topic_partitions,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.field("memberId", .., &self.member_id);
        o.field("memberEpoch", .., &self.member_epoch);
        o.field("instanceId", .., &self.instance_id);
        o.field("rackId", .., &self.rack_id);
        o.field("rebalanceTimeoutMs", .., &self.rebalance_timeout_ms);
        o.field("subscribedTopicNames", .., &self.subscribed_topic_names);
        o.field("subscribedTopicRegex", REGEX.., &self.subscribed_topic_regex);
        o.field("serverAssignor", .., &self.server_assignor);
        o.field("topicPartitions", .., &self.topic_partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Partitions of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicPartitions {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for TopicPartitions {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic_id) = field("topicId", .., uuid)(i)?;
        let (i, partitions) = field("partitions", .., array(int32))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, TopicPartitions { topic_id, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topicId", .., &self.topic_id);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The coordinator's answer, which may bring a new assignment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerGroupHeartbeatResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong. UNKNOWN_MEMBER_ID and FENCED_MEMBER_EPOCH: the member has lost its partitions, and joins
    /// again with epoch 0. UNRELEASED_INSTANCE_ID: another member has its instance id.
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null.
    pub error_message: Option<Str>,
    /// The id of the member; null with an error.
    pub member_id: Option<Str>,
    /// The epoch of the member from now on.
    pub member_epoch: i32,
    /// How long the member is to wait until its next heartbeat, in milliseconds.
    pub heartbeat_interval_ms: i32,
    /// What the member is to have, all of it; null for as before.
    pub assignment: Option<Assignment>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ConsumerGroupHeartbeatResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) = field("errorMessage", .., nullable_string)(i)?;
        let (i, member_id) = field("memberId", .., nullable_string)(i)?;
        let (i, member_epoch) = field("memberEpoch", .., int32)(i)?;
        let (i, heartbeat_interval_ms) = field("heartbeatIntervalMs", .., int32)(i)?;
        let (i, assignment) = field("assignment", .., nullable_struct(Assignment::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = ConsumerGroupHeartbeatResponse {
            throttle_time_ms,
            error_code,
            error_message,
            member_id,
            member_epoch,
            heartbeat_interval_ms,
            assignment,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.field("errorMessage", .., &self.error_message);
        o.field("memberId", .., &self.member_id);
        o.field("memberEpoch", .., &self.member_epoch);
        o.field("heartbeatIntervalMs", .., &self.heartbeat_interval_ms);
        o.field("assignment", .., &self.assignment);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Partitions of several topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assignment {
    /// The partitions, by topic. They can be read at once: no other member has them.
    pub topic_partitions: Vec<TopicPartitions>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Nullable for Assignment {}

impl Wire for Assignment {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic_partitions) = field("topicPartitions", .., array(TopicPartitions::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, Assignment { topic_partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topicPartitions", .., &self.topic_partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
