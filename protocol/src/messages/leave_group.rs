//! LeaveGroup (key 13): members leave a classic group.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const THROTTLE: i16 = 1;
const BATCH: i16 = 3; // KIP-345: `members` replaces `member_id`
const REASON: i16 = 5; // KIP-800

/// Takes members out of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaveGroupRequest {
    /// The group.
    pub group_id: Str,
    /// The member that leaves (v0-v2).
    pub member_id: Str,
    /// The members that leave (v3+).
    pub members: Vec<MemberIdentity>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for LeaveGroupRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, member_id) = field("memberId", ..BATCH, string)(i)?;
        let (i, members) = field("members", BATCH.., array(MemberIdentity::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, LeaveGroupRequest { group_id, member_id, members, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.field("memberId", ..BATCH, &self.member_id);
        o.field("members", BATCH.., &self.members);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A member that leaves (v3+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberIdentity {
    /// The member, by the id that the coordinator gave it; empty where only the name of a static member is known.
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null.
    pub group_instance_id: Option<Str>,
    /// Why it leaves, for the log of the coordinator, or null (v5+).
    pub reason: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for MemberIdentity {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, group_instance_id) = field("groupInstanceId", .., nullable_string)(i)?;
        let (i, reason) = field("reason", REASON.., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, MemberIdentity { member_id, group_instance_id, reason, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("memberId", .., &self.member_id);
        o.field("groupInstanceId", .., &self.group_instance_id);
        o.ignorable("reason", REASON.., &self.reason);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Who has left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaveGroupResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// What went wrong for the request as a whole.
    pub error_code: ErrorCode,
    /// What became of each member (v3+).
    pub members: Vec<MemberResponse>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for LeaveGroupResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, members) = field("members", BATCH.., array(MemberResponse::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, LeaveGroupResponse { throttle_time_ms, error_code, members, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.field("members", BATCH.., &self.members);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of one member (v3+).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberResponse {
    /// The member, by the id that the coordinator gave it.
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null.
    pub group_instance_id: Option<Str>,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MemberResponse {
    fn default() -> Self {
        MemberResponse {
            member_id: Str::default(),
            group_instance_id: Some(Str::default()),
            error_code: ErrorCode::NONE,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for MemberResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, group_instance_id) = field("groupInstanceId", .., nullable_string)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, MemberResponse { member_id, group_instance_id, error_code, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("memberId", .., &self.member_id);
        o.field("groupInstanceId", .., &self.group_instance_id);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
