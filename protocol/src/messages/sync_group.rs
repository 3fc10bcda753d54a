//! SyncGroup (key 14): the leader of a classic group hands out what each member is to do.

use bytes::Bytes;

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const THROTTLE: i16 = 1;
const STATIC_MEMBERS: i16 = 3; // KIP-345
const PROTOCOL: i16 = 5; // KIP-559

/// Asks for the assignment of a member; from the leader of the group, it brings those of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncGroupRequest {
    /// The group.
    pub group_id: Str,
    /// The generation of the group.
    pub generation_id: i32,
    /// The member, by the id that the coordinator gave it.
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null (v3+).
    pub group_instance_id: Option<Str>,
    /// The kind of group that the member believes to be in, or null (v5+).
    pub protocol_type: Option<Str>,
    /// The assignor that the member believes was chosen, or null (v5+).
    pub protocol_name: Option<Str>,
    /// From the leader, the assignments of all members; else empty.
    pub assignments: Vec<SyncGroupRequestAssignment>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for SyncGroupRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, generation_id) = field("generationId", .., int32)(i)?;
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, group_instance_id) = field("groupInstanceId", STATIC_MEMBERS.., nullable_string)(i)?;
        let (i, protocol_type) = field("protocolType", PROTOCOL.., nullable_string)(i)?;
        let (i, protocol_name) = field("protocolName", PROTOCOL.., nullable_string)(i)?;
        let (i, assignments) = field("assignments", .., array(SyncGroupRequestAssignment::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = SyncGroupRequest {
            group_id,
            generation_id,
            member_id,
            group_instance_id,
            protocol_type,
            protocol_name,
            assignments,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.field("generationId", .., &self.generation_id);
        o.field("memberId", .., &self.member_id);
        o.field("groupInstanceId", STATIC_MEMBERS.., &self.group_instance_id);
        o.ignorable("protocolType", PROTOCOL.., &self.protocol_type);
        o.ignorable("protocolName", PROTOCOL.., &self.protocol_name);
        o.field("assignments", .., &self.assignments);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The assignment of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncGroupRequestAssignment {
    /// The member.
    pub member_id: Str,
    /// What it is to do: for consumers a [`ConsumerProtocolAssignment`](super::ConsumerProtocolAssignment).
    pub assignment: Bytes,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for SyncGroupRequestAssignment {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, assignment) = field("assignment", .., bytes)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, SyncGroupRequestAssignment { member_id, assignment, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("memberId", .., &self.member_id);
        o.field("assignment", .., &self.assignment);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The assignment of the member that asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncGroupResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// The kind of group, or null (v5+).
    pub protocol_type: Option<Str>,
    /// The assignor that was chosen, or null (v5+).
    pub protocol_name: Option<Str>,
    /// What the member is to do: for consumers a
    /// [`ConsumerProtocolAssignment`](super::ConsumerProtocolAssignment); no bytes at all mean nothing to do.
    pub assignment: Bytes,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for SyncGroupResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, protocol_type) = field("protocolType", PROTOCOL.., nullable_string)(i)?;
        let (i, protocol_name) = field("protocolName", PROTOCOL.., nullable_string)(i)?;
        let (i, assignment) = field("assignment", .., bytes)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = SyncGroupResponse {
            throttle_time_ms,
            error_code,
            protocol_type,
            protocol_name,
            assignment,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.ignorable("protocolType", PROTOCOL.., &self.protocol_type);
        o.ignorable("protocolName", PROTOCOL.., &self.protocol_name);
        o.field("assignment", .., &self.assignment);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
