//! DescribeGroups (key 15): who is in a classic group, and what is whose.
//!
//! Groups whose coordinator assigns are described by [`consumer_group_describe`](super::consumer_group_describe).

use bytes::Bytes;

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const THROTTLE: i16 = 1;
const AUTHORIZED_OPERATIONS: i16 = 3; // KIP-430
const STATIC_MEMBERS: i16 = 4; // KIP-345
const ERROR_MESSAGE: i16 = 6; // KIP-1043; and a group that is not there is an error

/// Asks the coordinator of groups to describe them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeGroupsRequest {
    /// The groups.
    pub groups: Vec<Str>,
    /// Whether to say what the client may do with each group (v3+).
    pub include_authorized_operations: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DescribeGroupsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, groups) = field("groups", .., array(string))(i)?;
        let (i, include_authorized_operations) =
            field("includeAuthorizedOperations", AUTHORIZED_OPERATIONS.., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DescribeGroupsRequest { groups, include_authorized_operations, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groups", .., &self.groups);
        o.field("includeAuthorizedOperations", AUTHORIZED_OPERATIONS.., &self.include_authorized_operations);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The groups, as their coordinator sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeGroupsResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// The groups, in any order.
    pub groups: Vec<DescribedGroup>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DescribeGroupsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, groups) = field("groups", .., array(DescribedGroup::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DescribeGroupsResponse { throttle_time_ms, groups, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("groups", .., &self.groups);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribedGroup {
    /// What went wrong. A group that is not there is GROUP_ID_NOT_FOUND from v6 on; before, its state is "Dead".
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null (v6+).
    pub error_message: Option<Str>,
    /// Its id.
    pub group_id: Str,
    /// "Empty", "PreparingRebalance", "CompletingRebalance", "Stable" or "Dead"; empty with an error.
    pub group_state: Str,
    /// The kind of group; "consumer" for consumers, empty for a group that only keeps offsets.
    pub protocol_type: Str,
    /// The assignor that was chosen, as in "range"; empty unless the group is stable.
    pub protocol_data: Str,
    /// Its members.
    pub members: Vec<DescribedGroupMember>,
    /// What the client may do with the group, a bit for each operation; `i32::MIN` where it was not asked for (v3+).
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
            protocol_type: Str::default(),
            protocol_data: Str::default(),
            members: Vec::new(),
            authorized_operations: i32::MIN,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribedGroup {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) = field("errorMessage", ERROR_MESSAGE.., nullable_string)(i)?;
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, group_state) = field("groupState", .., string)(i)?;
        let (i, protocol_type) = field("protocolType", .., string)(i)?;
        let (i, protocol_data) = field("protocolData", .., string)(i)?;
        let (i, members) = field("members", .., array(DescribedGroupMember::decode))(i)?;
        let (i, authorized_operations) =
            field_or("authorizedOperations", AUTHORIZED_OPERATIONS.., i32::MIN, int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let group = DescribedGroup {
            error_code,
            error_message,
            group_id,
            group_state,
            protocol_type,
            protocol_data,
            members,
            authorized_operations,
            unknown_tagged_fields,
        };
        Ok((i, group))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("errorMessage", ERROR_MESSAGE.., &self.error_message);
        o.field("groupId", .., &self.group_id);
        o.field("groupState", .., &self.group_state);
        o.field("protocolType", .., &self.protocol_type);
        o.field("protocolData", .., &self.protocol_data);
        o.field("members", .., &self.members);
        o.field_or("authorizedOperations", AUTHORIZED_OPERATIONS.., i32::MIN, &self.authorized_operations);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribedGroupMember {
    /// Its id.
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null (v4+).
    pub group_instance_id: Option<Str>,
    /// Its `client.id`.
    pub client_id: Str,
    /// The address that it is connected from.
    pub client_host: Str,
    /// What it has sent for the assignor that was chosen, for consumers a
    /// [`ConsumerProtocolSubscription`](super::ConsumerProtocolSubscription); empty unless the group is stable.
    pub member_metadata: Bytes,
    /// What the leader has assigned to it, for consumers a
    /// [`ConsumerProtocolAssignment`](super::ConsumerProtocolAssignment); empty unless the group is stable.
    pub member_assignment: Bytes,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DescribedGroupMember {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, group_instance_id) = field("groupInstanceId", STATIC_MEMBERS.., nullable_string)(i)?;
        let (i, client_id) = field("clientId", .., string)(i)?;
        let (i, client_host) = field("clientHost", .., string)(i)?;
        let (i, member_metadata) = field("memberMetadata", .., bytes)(i)?;
        let (i, member_assignment) = field("memberAssignment", .., bytes)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let member = DescribedGroupMember {
            member_id,
            group_instance_id,
            client_id,
            client_host,
            member_metadata,
            member_assignment,
            unknown_tagged_fields,
        };
        Ok((i, member))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("memberId", .., &self.member_id);
        o.ignorable("groupInstanceId", STATIC_MEMBERS.., &self.group_instance_id);
        o.field("clientId", .., &self.client_id);
        o.field("clientHost", .., &self.client_host);
        o.field("memberMetadata", .., &self.member_metadata);
        o.field("memberAssignment", .., &self.member_assignment);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
