//! Heartbeat (key 12): a member of a classic group is alive.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const THROTTLE: i16 = 1;
const STATIC_MEMBERS: i16 = 3; // KIP-345

/// Tells a group's coordinator that a member is alive, and asks whether the group is stable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeartbeatRequest {
    /// The group.
    pub group_id: Str,
    /// The generation of the group.
    pub generation_id: i32,
    /// The member, by the id that the coordinator gave it.
    pub member_id: Str,
    /// The name of a static member (`group.instance.id`, KIP-345), or null (v3+).
    pub group_instance_id: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for HeartbeatRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, generation_id) = field("generationId", .., int32)(i)?;
        let (i, member_id) = field("memberId", .., string)(i)?;
        let (i, group_instance_id) = field("groupInstanceId", STATIC_MEMBERS.., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request =
            HeartbeatRequest { group_id, generation_id, member_id, group_instance_id, unknown_tagged_fields };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.field("generationId", .., &self.generation_id);
        o.field("memberId", .., &self.member_id);
        o.field("groupInstanceId", STATIC_MEMBERS.., &self.group_instance_id);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Whether the member still belongs to the group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeartbeatResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// REBALANCE_IN_PROGRESS asks the member to join again.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for HeartbeatResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, HeartbeatResponse { throttle_time_ms, error_code, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
