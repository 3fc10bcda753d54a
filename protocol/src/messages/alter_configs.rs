//! AlterConfigs (key 33): replaces the configuration of topics and brokers.
//!
//! Whatever is not in the request goes back to its default;
//! [`incremental_alter_configs`](super::incremental_alter_configs) is safer.

use crate::ErrorCode;
use crate::wire::*;

/// Asks for new configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterConfigsRequest {
    /// The configuration of each resource.
    pub resources: Vec<AlterConfigsResource>,
    /// Whether to see only if it could be done.
    pub validate_only: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AlterConfigsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, resources) = field("resources", .., array(AlterConfigsResource::decode))(i)?;
        let (i, validate_only) = field("validateOnly", .., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, AlterConfigsRequest { resources, validate_only, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("resources", .., &self.resources);
        o.field("validateOnly", .., &self.validate_only);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Something whose configuration is to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterConfigsResource {
    /// What it is: 2 for a topic, 4 for a broker, 8 for the loggers of a broker, 16 for client metrics (KIP-714), 32
    /// for a group.
    pub resource_type: i8,
    /// Its name: of a topic, a group or a subscription of metrics; the node id of a broker, empty for the default of
    /// all.
    pub resource_name: Str,
    /// All of its settings.
    pub configs: Vec<AlterableConfig>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AlterConfigsResource {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, resource_type) = field("resourceType", .., int8)(i)?;
        let (i, resource_name) = field("resourceName", .., string)(i)?;
        let (i, configs) = field("configs", .., array(AlterableConfig::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, AlterConfigsResource { resource_type, resource_name, configs, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("resourceType", .., &self.resource_type);
        o.field("resourceName", .., &self.resource_name);
        o.field("configs", .., &self.configs);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterableConfig {
    /// Its name.
    pub name: Str,
    /// Its value; null for the default.
    pub value: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for AlterableConfig {
    fn default() -> Self {
        AlterableConfig {
            name: Str::default(),
            value: Some(Str::default()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for AlterableConfig {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, value) = field("value", .., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, AlterableConfig { name, value, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("value", .., &self.value);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of each change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterConfigsResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// The resources.
    pub responses: Vec<AlterConfigsResourceResponse>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AlterConfigsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, responses) = field("responses", .., array(AlterConfigsResourceResponse::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, AlterConfigsResponse { throttle_time_ms, responses, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("responses", .., &self.responses);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of the changes to one resource: all were made, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlterConfigsResourceResponse {
    /// What went wrong; INVALID_CONFIG for a setting or a value that there is not.
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null.
    pub error_message: Option<Str>,
    /// What it is, as in the request.
    pub resource_type: i8,
    /// Its name, as in the request.
    pub resource_name: Str,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for AlterConfigsResourceResponse {
    fn default() -> Self {
        AlterConfigsResourceResponse {
            error_code: ErrorCode::NONE,
            error_message: Some(Str::default()),
            resource_type: 0,
            resource_name: Str::default(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for AlterConfigsResourceResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) = field("errorMessage", .., nullable_string)(i)?;
        let (i, resource_type) = field("resourceType", .., int8)(i)?;
        let (i, resource_name) = field("resourceName", .., string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type,
            resource_name,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("errorMessage", .., &self.error_message);
        o.field("resourceType", .., &self.resource_type);
        o.field("resourceName", .., &self.resource_name);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
