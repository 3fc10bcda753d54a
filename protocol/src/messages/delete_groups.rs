//! DeleteGroups (key 42): forgets groups, and their committed offsets.

use crate::ErrorCode;
use crate::wire::*;

/// Asks the coordinator of groups to delete them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteGroupsRequest {
    /// The groups.
    pub groups_names: Vec<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteGroupsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, groups_names) = field("groupsNames", .., array(string))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteGroupsRequest { groups_names, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupsNames", .., &self.groups_names);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Which groups are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteGroupsResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// What became of each group.
    pub results: Vec<DeletableGroupResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteGroupsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, results) = field("results", .., array(DeletableGroupResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteGroupsResponse { throttle_time_ms, results, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("results", .., &self.results);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletableGroupResult {
    /// The group.
    pub group_id: Str,
    /// What went wrong: NON_EMPTY_GROUP while it has members, GROUP_ID_NOT_FOUND where there is no such group.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeletableGroupResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeletableGroupResult { group_id, error_code, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("groupId", .., &self.group_id);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
