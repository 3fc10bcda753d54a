//! JoinGroup (key 11): a member enters a classic group, or takes part in its next rebalance.
//!
//! From v4 on a new member that is not static is turned away once, with MEMBER_ID_REQUIRED and the id to join with
//! (KIP-394).

use bytes::Bytes;

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const REBALANCE_TIMEOUT: i16 = 1; // KIP-62
const THROTTLE: i16 = 2;
const STATIC_MEMBERS: i16 = 5; // KIP-345
const PROTOCOL_TYPE: i16 = 7; // KIP-559
const REASON: i16 = 8; // KIP-800
const SKIP_ASSIGNMENT: i16 = 9; // KIP-814

/// Asks to become, or to stay, a member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinGroupRequest {
    /// The group.
    pub group_id: Str,
    /// For how long the coordinator waits for a heartbeat before it takes the member for dead, in milliseconds.
    pub session_timeout_ms: i32,
    /// For how long it waits for all members to join again, in milliseconds; in v0 the session timeout serves (v1+).
    pub rebalance_timeout_ms: i32,
    /// The id that the coordinator gave to the member; empty at first.
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null (v5+).
    pub group_instance_id: Option<Str>,
    /// The kind of group; "consumer" for consumers.
    pub protocol_type: Str,
    /// The assignors that the member supports, the preferred one first.
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// Why it joins, for the log of the coordinator, or null (v8+).
    pub reason: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for JoinGroupRequest {
    fn default() -> Self {
        JoinGroupRequest {
            group_id: Str::default(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: -1,
            member_id: Str::default(),
            group_instance_id: None,
            protocol_type: Str::default(),
            protocols: Vec::new(),
            reason: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for JoinGroupRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, session_timeout_ms) = field("sessionTimeoutMs", .., int32)(i)?;
        let (i, rebalance_timeout_ms) = field_or("rebalanceTimeoutMs", REBALANCE_TIMEOUT.., -1, int32)(i)?;
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, group_instance_id) = field("groupInstanceId", STATIC_MEMBERS.., nullable_string)(i)?;
        let (i, protocol_type) = field("protocolType", .., string)(i)?;
        let (i, protocols) = field("protocols", .., array(JoinGroupRequestProtocol::decode))(i)?;
        let (i, reason) = field("reason", REASON.., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = JoinGroupRequest {
            group_id,
            session_timeout_ms,
            rebalance_timeout_ms,
            member_id,
            group_instance_id,
            protocol_type,
            protocols,
            reason,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.field("sessionTimeoutMs", .., &self.session_timeout_ms);
        o.ignorable("rebalanceTimeoutMs", REBALANCE_TIMEOUT.., &self.rebalance_timeout_ms);
        o.field("memberId", .., &self.member_id);
        o.field("groupInstanceId", STATIC_MEMBERS.., &self.group_instance_id);
        o.field("protocolType", .., &self.protocol_type);
        o.field("protocols", .., &self.protocols);
        o.ignorable("reason", REASON.., &self.reason);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// An assignor that the member supports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinGroupRequestProtocol {
    /// Its name, as in "range".
    pub name: Str,
    /// What the assignor needs to know of the member: for consumers a
    /// [`ConsumerProtocolSubscription`](super::ConsumerProtocolSubscription).
    pub metadata: Bytes,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for JoinGroupRequestProtocol {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, metadata) = field("metadata", .., bytes)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, JoinGroupRequestProtocol { name, metadata, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("metadata", .., &self.metadata);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The generation of the group that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinGroupResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v2+).
    pub throttle_time_ms: i32,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// The generation of the group, or -1.
    pub generation_id: i32,
    /// The kind of group, or null (v7+).
    pub protocol_type: Option<Str>,
    /// The assignor that all members support; null, from v7, where there is none.
    pub protocol_name: Option<Str>,
    /// The member that is to assign.
    pub leader: Str,
    /// Whether the leader is not to assign: a static leader that has returned finds the assignment as it was (v9+).
    pub skip_assignment: bool,
    /// The id of the member that asked; with MEMBER_ID_REQUIRED the one to join with.
    pub member_id: Str,
    /// For the leader, all members; else empty.
    pub members: Vec<JoinGroupResponseMember>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for JoinGroupResponse {
    fn default() -> Self {
        JoinGroupResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            generation_id: -1,
            protocol_type: None,
            protocol_name: Some(Str::default()),
            leader: Str::default(),
            skip_assignment: false,
            member_id: Str::default(),
            members: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for JoinGroupResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, generation_id) = field("generationId", .., int32)(i)?;
        let (i, protocol_type) = field("protocolType", PROTOCOL_TYPE.., nullable_string)(i)?;
        let (i, protocol_name) = field("protocolName", .., null_in(PROTOCOL_TYPE.., nullable_string))(i)?;
        let (i, leader) = field("leader", .., string)(i)?;
        let (i, skip_assignment) = field("skipAssignment", SKIP_ASSIGNMENT.., bool)(i)?;
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, members) = field("members", .., array(JoinGroupResponseMember::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = JoinGroupResponse {
            throttle_time_ms,
            error_code,
            generation_id,
            protocol_type,
            protocol_name,
            leader,
            skip_assignment,
            member_id,
            members,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.field("generationId", .., &self.generation_id);
        o.ignorable("protocolType", PROTOCOL_TYPE.., &self.protocol_type);
        o.null_in("protocolName", PROTOCOL_TYPE.., &self.protocol_name);
        o.field("protocolName", .., &self.protocol_name);
        o.field("leader", .., &self.leader);
        o.field("skipAssignment", SKIP_ASSIGNMENT.., &self.skip_assignment);
        o.field("memberId", .., &self.member_id);
        o.field("members", .., &self.members);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A member, as its leader sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinGroupResponseMember {
    /// Its id.
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null (v5+).
    pub group_instance_id: Option<Str>,
    /// What it has sent for the assignor that was chosen.
    pub metadata: Bytes,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for JoinGroupResponseMember {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, group_instance_id) = field("groupInstanceId", STATIC_MEMBERS.., nullable_string)(i)?;
        let (i, metadata) = field("metadata", .., bytes)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let value = JoinGroupResponseMember { member_id, group_instance_id, metadata, unknown_tagged_fields };
        Ok((i, value))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("memberId", .., &self.member_id);
        o.ignorable("groupInstanceId", STATIC_MEMBERS.., &self.group_instance_id);
        o.field("metadata", .., &self.metadata);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
