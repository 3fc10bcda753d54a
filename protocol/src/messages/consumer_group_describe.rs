//! ConsumerGroupDescribe (key 69): who is in a group whose coordinator assigns, and what is whose (KIP-848).
//!
//! Classic groups are described by [`describe_groups`](super::describe_groups).

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const MEMBER_TYPE: i16 = 1; // KIP-1099

/// Asks the coordinator of groups to describe them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerGroupDescribeRequest {
    /// The groups.
    pub group_ids: Vec<Str>,
    /// Whether to say what the client may do with each group.
    pub include_authorized_operations: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ConsumerGroupDescribeRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_ids) = field("groupIds", .., array(string))(i)?;
        let (i, include_authorized_operations) = field("includeAuthorizedOperations", .., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request =
            ConsumerGroupDescribeRequest { group_ids, include_authorized_operations, unknown_tagged_fields };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupIds", .., &self.group_ids);
        o.field("includeAuthorizedOperations", .., &self.include_authorized_operations);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The groups, as their coordinator sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerGroupDescribeResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// The groups, in any order.
    pub groups: Vec<DescribedGroup>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ConsumerGroupDescribeResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, groups) = field("groups", .., array(DescribedGroup::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ConsumerGroupDescribeResponse { throttle_time_ms, groups, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("groups", .., &self.groups);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribedGroup {
    /// What went wrong; GROUP_ID_NOT_FOUND for a classic group too.
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null.
    pub error_message: Option<Str>,
    /// Its id.
    pub group_id: Str,
    /// "Empty", "Assigning", "Reconciling", "Stable" or "Dead"; empty with an error.
    pub group_state: Str,
    /// Its epoch, which rises when members, their subscriptions or the topics change.
    pub group_epoch: i32,
    /// The group's epoch for which the target assignments below were made.
    pub assignment_epoch: i32,
    /// The assignor that made them.
    pub assignor_name: Str,
    /// Its members.
    pub members: Vec<Member>,
    /// What the client may do with the group, a bit for each operation; `i32::MIN` where it was not asked for.
    pub authorized_operations: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        DescribedGroup {
            error_code: ErrorCode::NONE,
            error_message: None,
            group_id: Str::default(),
            group_state: Str::default(),
            group_epoch: 0,
            assignment_epoch: 0,
            assignor_name: Str::default(),
            members: Vec::new(),
            authorized_operations: i32::MIN,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribedGroup {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) = field("errorMessage", .., nullable_string)(i)?;
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, group_state) = field("groupState", .., string)(i)?;
        let (i, group_epoch) = field("groupEpoch", .., int32)(i)?;
        let (i, assignment_epoch) = field("assignmentEpoch", .., int32)(i)?;
        let (i, assignor_name) = field("assignorName", .., string)(i)?;
        let (i, members) = field("members", .., array(Member::decode))(i)?;
        let (i, authorized_operations) = field("authorizedOperations", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let group = DescribedGroup {
            error_code,
            error_message,
            group_id,
            group_state,
            group_epoch,
            assignment_epoch,
            assignor_name,
            members,
            authorized_operations,
            unknown_tagged_fields,
        };
        Ok((i, group))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("errorMessage", .., &self.error_message);
        o.field("groupId", .., &self.group_id);
        o.field("groupState", .., &self.group_state);
        o.field("groupEpoch", .., &self.group_epoch);
        o.field("assignmentEpoch", .., &self.assignment_epoch);
        o.field("assignorName", .., &self.assignor_name);
        o.field("members", .., &self.members);
        o.field("authorizedOperations", .., &self.authorized_operations);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its id.
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null.
    pub instance_id: Option<Str>,
    /// Its rack (`client.rack`), or null.
    pub rack_id: Option<Str>,
    /// The epoch that it has reached.
    pub member_epoch: i32,
    /// Its `client.id`.
    pub client_id: Str,
    /// The address that it is connected from.
    pub client_host: Str,
    /// The topics that it subscribes to by name.
    pub subscribed_topic_names: Vec<Str>,
    /// The regular expression that it subscribes to topics by, or null.
    pub subscribed_topic_regex: Option<Str>,
    /// The partitions that it has.
    pub assignment: Assignment,
    /// The partitions that it is to have, once other members have given them up.
    pub target_assignment: Assignment,
    /// Which protocol it speaks: 0 for the classic one, 1 for the consumer protocol, -1 for unknown (v1+).
    pub member_type: i8,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for Member {
    fn default() -> Self {
        Member {
            member_id: Str::default(),
            instance_id: None,
            rack_id: None,
            member_epoch: 0,
            client_id: Str::default(),
            client_host: Str::default(),
            subscribed_topic_names: Vec::new(),
            subscribed_topic_regex: None,
            assignment: Assignment::default(),
            target_assignment: Assignment::default(),
            member_type: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for Member {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, instance_id) = field("instanceId", .., nullable_string)(i)?;
        let (i, rack_id) = field("rackId", .., nullable_string)(i)?;
        let (i, member_epoch) = field("memberEpoch", .., int32)(i)?;
        let (i, client_id) = field("clientId", .., string)(i)?;
        let (i, client_host) = field("clientHost", .., string)(i)?;
        let (i, subscribed_topic_names) = field("subscribedTopicNames", .., array(string))(i)?;
        let (i, subscribed_topic_regex) = field("subscribedTopicRegex", .., nullable_string)(i)?;
        let (i, assignment) = field("assignment", .., Assignment::decode)(i)?;
        let (i, target_assignment) = field("targetAssignment", .., Assignment::decode)(i)?;
        let (i, member_type) = field_or("memberType", MEMBER_TYPE.., -1, int8)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let member = Member {
            member_id,
            instance_id,
            rack_id,
            member_epoch,
            client_id,
            client_host,
            subscribed_topic_names,
            subscribed_topic_regex,
            assignment,
            target_assignment,
            member_type,
            unknown_tagged_fields,
        };
        Ok((i, member))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("memberId", .., &self.member_id);
        o.field("instanceId", .., &self.instance_id);
        o.field("rackId", .., &self.rack_id);
        o.field("memberEpoch", .., &self.member_epoch);
        o.field("clientId", .., &self.client_id);
        o.field("clientHost", .., &self.client_host);
        o.field("subscribedTopicNames", .., &self.subscribed_topic_names);
        o.field("subscribedTopicRegex", .., &self.subscribed_topic_regex);
        o.field("assignment", .., &self.assignment);
        o.field("targetAssignment", .., &self.target_assignment);
        o.ignorable("memberType", MEMBER_TYPE.., &self.member_type);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Partitions of several topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assignment {
    /// The partitions, by topic.
    pub topic_partitions: Vec<TopicPartitions>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

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

/// Partitions of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicPartitions {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The topic's name.
    pub topic_name: Str,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for TopicPartitions {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic_id) = field("topicId", .., uuid)(i)?;
        let (i, topic_name) = field("topicName", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(int32))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, TopicPartitions { topic_id, topic_name, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topicId", .., &self.topic_id);
        o.field("topicName", .., &self.topic_name);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
