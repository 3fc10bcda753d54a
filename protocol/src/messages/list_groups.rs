//! ListGroups (key 16): the groups that a broker coordinates.
//!
//! Each broker lists its own: whoever wants all groups asks all brokers.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const THROTTLE: i16 = 1;
const STATE: i16 = 4; // KIP-518
const TYPE: i16 = 5; // KIP-848

/// Asks a broker for its groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListGroupsRequest {
    /// Only groups in one of these states, as in "Stable"; empty for all (v4+).
    pub states_filter: Vec<Str>,
    /// Only groups of one of these types, as in "classic" or "consumer"; empty for all (v5+).
    pub types_filter: Vec<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ListGroupsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, states_filter) = field("statesFilter", STATE.., array(string))(i)?;
        let (i, types_filter) = field("typesFilter", TYPE.., array(string))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ListGroupsRequest { states_filter, types_filter, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("statesFilter", STATE.., &self.states_filter);
        o.field("typesFilter", TYPE.., &self.types_filter);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The groups of a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListGroupsResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// The groups that the client may see.
    pub groups: Vec<ListedGroup>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ListGroupsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, groups) = field("groups", .., array(ListedGroup::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ListGroupsResponse { throttle_time_ms, error_code, groups, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.field("groups", .., &self.groups);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedGroup {
    /// Its id.
    pub group_id: Str,
    /// What it is for; "consumer" for consumers, empty for a group that only keeps offsets.
    pub protocol_type: Str,
    /// Its state, as in "Stable" or "Empty" (v4+).
    pub group_state: Str,
    /// Which protocol it runs: "classic", "consumer", "share" or "streams" (v5+).
    pub group_type: Str,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ListedGroup {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, protocol_type) = field("protocolType", .., string)(i)?;
        let (i, group_state) = field("groupState", STATE.., string)(i)?;
        let (i, group_type) = field("groupType", TYPE.., string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ListedGroup { group_id, protocol_type, group_state, group_type, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.field("protocolType", .., &self.protocol_type);
        o.ignorable("groupState", STATE.., &self.group_state);
        o.ignorable("groupType", TYPE.., &self.group_type);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
