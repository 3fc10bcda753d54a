//! FindCoordinator (key 10): which broker looks after a group or a transaction.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const KEY_TYPE: i16 = 1; // KIP-98
const ERROR_MESSAGE: i16 = 1;
const THROTTLE: i16 = 1; // KIP-124
const BATCH: i16 = 4; // KIP-699: several keys at once

/// Asks any broker for coordinators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FindCoordinatorRequest {
    /// The group, or the transactional id (v0-v3).
    pub key: Str,
    /// What the keys are: 0 for groups, 1 for transactional ids (v1+), 2 for the partitions of share groups, written as
    /// `group:topic id:partition` (v6+, KIP-932).
    pub key_type: i8,
    /// The groups, or the transactional ids (v4+).
    pub coordinator_keys: Vec<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for FindCoordinatorRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, key) = field("key", ..BATCH, string)(i)?;
        let (i, key_type) = field("keyType", KEY_TYPE.., int8)(i)?;
        let (i, coordinator_keys) = field("coordinatorKeys", BATCH.., array(string))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, FindCoordinatorRequest { key, key_type, coordinator_keys, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("key", ..BATCH, &self.key);
        o.field("keyType", KEY_TYPE.., &self.key_type);
        o.field("coordinatorKeys", BATCH.., &self.coordinator_keys);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where coordinators are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FindCoordinatorResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// What went wrong (v0-v3).
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null (v1-v3).
    pub error_message: Option<Str>,
    /// The node id of the coordinator (v0-v3).
    pub node_id: i32,
    /// Its host name or address (v0-v3).
    pub host: Str,
    /// Its port (v0-v3).
    pub port: i32,
    /// The coordinator of each key (v4+).
    pub coordinators: Vec<Coordinator>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for FindCoordinatorResponse {
    fn default() -> Self {
        FindCoordinatorResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::default()),
            node_id: 0,
            host: Str::default(),
            port: 0,
            coordinators: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for FindCoordinatorResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, error_code) = field("errorCode", ..BATCH, error_code)(i)?;
        let (i, error_message) =
            field_or("errorMessage", ERROR_MESSAGE..BATCH, Some(Str::default()), nullable_string)(i)?;
        let (i, node_id) = field("nodeId", ..BATCH, int32)(i)?;
        let (i, host) = field("host", ..BATCH, string)(i)?;
        let (i, port) = field("port", ..BATCH, int32)(i)?;
        let (i, coordinators) = field("coordinators", BATCH.., array(Coordinator::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = FindCoordinatorResponse {
            throttle_time_ms,
            error_code,
            error_message,
            node_id,
            host,
            port,
            coordinators,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("errorCode", ..BATCH, &self.error_code);
        o.ignorable("errorMessage", ERROR_MESSAGE..BATCH, &self.error_message);
        o.field("nodeId", ..BATCH, &self.node_id);
        o.field("host", ..BATCH, &self.host);
        o.field("port", ..BATCH, &self.port);
        o.field("coordinators", BATCH.., &self.coordinators);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The coordinator of one key (v4+).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coordinator {
    /// The key.
    pub key: Str,
    /// The node id of the coordinator; -1 with an error.
    pub node_id: i32,
    /// Its host name or address.
    pub host: Str,
    /// Its port.
    pub port: i32,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null.
    pub error_message: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for Coordinator {
    fn default() -> Self {
        Coordinator {
            key: Str::default(),
            node_id: 0,
            host: Str::default(),
            port: 0,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::default()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for Coordinator {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, key) = field("key", .., string)(i)?;
        let (i, node_id) = field("nodeId", .., int32)(i)?;
        let (i, host) = field("host", .., string)(i)?;
        let (i, port) = field("port", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) = field("errorMessage", .., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let coordinator =
            Coordinator { key, node_id, host, port, error_code, error_message, unknown_tagged_fields };
        Ok((i, coordinator))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("key", .., &self.key);
        o.field("nodeId", .., &self.node_id);
        o.field("host", .., &self.host);
        o.field("port", .., &self.port);
        o.field("errorCode", .., &self.error_code);
        o.field("errorMessage", .., &self.error_message);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
