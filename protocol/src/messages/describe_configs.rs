//! DescribeConfigs (key 32): the configuration of topics, brokers and groups.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const SYNONYMS: i16 = 1; // KIP-226: `config_source` replaces `is_default`
const DOCUMENTATION: i16 = 3; // KIP-569

/// Asks for configurations; for that of a broker, that broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeConfigsRequest {
    /// Whose they are.
    pub resources: Vec<DescribeConfigsResource>,
    /// Whether to say what else could set each value (v1+).
    pub include_synonyms: bool,
    /// Whether to say what each setting is good for (v3+).
    pub include_documentation: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DescribeConfigsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, resources) = field("resources", .., array(DescribeConfigsResource::decode))(i)?;
        let (i, include_synonyms) = field("includeSynonyms", SYNONYMS.., bool)(i)?;
        let (i, include_documentation) = field("includeDocumentation", DOCUMENTATION.., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = DescribeConfigsRequest {
            resources,
            include_synonyms,
            include_documentation,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("resources", .., &self.resources);
        o.field("includeSynonyms", SYNONYMS.., &self.include_synonyms);
        o.field("includeDocumentation", DOCUMENTATION.., &self.include_documentation);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Something that has a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeConfigsResource {
    /// What it is: 2 for a topic, 4 for a broker, 8 for the loggers of a broker, 16 for client metrics (KIP-714), 32
    /// for a group.
    pub resource_type: i8,
    /// Its name: of a topic, a group or a subscription of metrics; the node id of a broker, empty for the default of
    /// all.
    pub resource_name: Str,
    /// The settings that are asked for; null for all.
    pub configuration_keys: Option<Vec<Str>>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeConfigsResource {
    fn default() -> Self {
        DescribeConfigsResource {
            resource_type: 0,
            resource_name: Str::default(),
            configuration_keys: Some(Vec::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribeConfigsResource {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, resource_type) = field("resourceType", .., int8)(i)?;
        let (i, resource_name) = field("resourceName", .., string)(i)?;
        let (i, configuration_keys) = field("configurationKeys", .., nullable_array(string))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let resource = DescribeConfigsResource {
            resource_type,
            resource_name,
            configuration_keys,
            unknown_tagged_fields,
        };
        Ok((i, resource))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("resourceType", .., &self.resource_type);
        o.field("resourceName", .., &self.resource_name);
        o.field("configurationKeys", .., &self.configuration_keys);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeConfigsResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// The configuration of each resource.
    pub results: Vec<DescribeConfigsResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DescribeConfigsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, results) = field("results", .., array(DescribeConfigsResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DescribeConfigsResponse { throttle_time_ms, results, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("results", .., &self.results);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The configuration of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeConfigsResult {
    /// What went wrong.
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null.
    pub error_message: Option<Str>,
    /// What it is, as in the request.
    pub resource_type: i8,
    /// Its name, as in the request.
    pub resource_name: Str,
    /// Its settings.
    pub configs: Vec<DescribeConfigsResourceResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeConfigsResult {
    fn default() -> Self {
        DescribeConfigsResult {
            error_code: ErrorCode::NONE,
            error_message: Some(Str::default()),
            resource_type: 0,
            resource_name: Str::default(),
            configs: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribeConfigsResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) = field("errorMessage", .., nullable_string)(i)?;
        let (i, resource_type) = field("resourceType", .., int8)(i)?;
        let (i, resource_name) = field("resourceName", .., string)(i)?;
        let (i, configs) = field("configs", .., array(DescribeConfigsResourceResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let result = DescribeConfigsResult {
            error_code,
            error_message,
            resource_type,
            resource_name,
            configs,
            unknown_tagged_fields,
        };
        Ok((i, result))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("errorMessage", .., &self.error_message);
        o.field("resourceType", .., &self.resource_type);
        o.field("resourceName", .., &self.resource_name);
        o.field("configs", .., &self.configs);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeConfigsResourceResult {
    /// Its name, as in `cleanup.policy`.
    pub name: Str,
    /// Its value; null where it has none, or is a secret.
    pub value: Option<Str>,
    /// Whether it can be changed only in the broker's file, followed by a restart.
    pub read_only: bool,
    /// Whether nobody has set it (v0).
    pub is_default: bool,
    /// Where its value is from: 1 set on the topic, 2 on this broker, 3 on all brokers, 4 the broker's file, 5
    /// Kafka's default, 6 set on a logger, 7 on a subscription of metrics, 8 on the group; -1 for unknown (v1+).
    pub config_source: i8,
    /// Whether it is a secret.
    pub is_sensitive: bool,
    /// What could set it, the value that counts first; empty where it was not asked for (v1+).
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// The type of its value: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password; 0
    /// for unknown (v3+).
    pub config_type: i8,
    /// What it is good for; null where it was not asked for (v3+).
    pub documentation: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeConfigsResourceResult {
    fn default() -> Self {
        DescribeConfigsResourceResult {
            name: Str::default(),
            value: Some(Str::default()),
            read_only: false,
            is_default: false,
            config_source: -1,
            is_sensitive: false,
            synonyms: Vec::new(),
            config_type: 0,
            documentation: Some(Str::default()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribeConfigsResourceResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, value) = field("value", .., nullable_string)(i)?;
        let (i, read_only) = field("readOnly", .., bool)(i)?;
        let (i, is_default) = field("isDefault", ..SYNONYMS, bool)(i)?;
        let (i, config_source) = field_or("configSource", SYNONYMS.., -1, int8)(i)?;
        let (i, is_sensitive) = field("isSensitive", .., bool)(i)?;
        let (i, synonyms) = field("synonyms", SYNONYMS.., array(DescribeConfigsSynonym::decode))(i)?;
        let (i, config_type) = field("configType", DOCUMENTATION.., int8)(i)?;
        let (i, documentation) =
            field_or("documentation", DOCUMENTATION.., Some(Str::default()), nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let result = DescribeConfigsResourceResult {
            name,
            value,
            read_only,
            is_default,
            config_source,
            is_sensitive,
            synonyms,
            config_type,
            documentation,
            unknown_tagged_fields,
        };
        Ok((i, result))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("value", .., &self.value);
        o.field("readOnly", .., &self.read_only);
        o.field("isDefault", ..SYNONYMS, &self.is_default);
        o.ignorable("configSource", SYNONYMS.., &self.config_source);
        o.field("isSensitive", .., &self.is_sensitive);
        o.ignorable("synonyms", SYNONYMS.., &self.synonyms);
        o.ignorable("configType", DOCUMENTATION.., &self.config_type);
        o.ignorable("documentation", DOCUMENTATION.., &self.documentation);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Something that could set a value (v1+).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribeConfigsSynonym {
    /// The name of the setting there, as in `log.cleanup.policy`.
    pub name: Str,
    /// The value there; null where it is a secret.
    pub value: Option<Str>,
    /// Where that is, by the numbers of `config_source`.
    pub source: i8,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeConfigsSynonym {
    fn default() -> Self {
        DescribeConfigsSynonym {
            name: Str::default(),
            value: Some(Str::default()),
            source: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DescribeConfigsSynonym {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, value) = field("value", .., nullable_string)(i)?;
        let (i, source) = field("source", .., int8)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DescribeConfigsSynonym { name, value, source, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("value", .., &self.value);
        o.field("source", .., &self.source);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
