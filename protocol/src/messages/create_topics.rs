//! CreateTopics (key 19): makes topics.
//!
//! A broker hands the request on to the controller.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const VALIDATE_ONLY: i16 = 1;
const ERROR_MESSAGE: i16 = 1;
const THROTTLE: i16 = 2; // KIP-124
const CONFIGS: i16 = 5; // KIP-525
const TOPIC_ID: i16 = 7; // KIP-516

/// Asks for new topics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateTopicsRequest {
    /// The topics.
    pub topics: Vec<CreatableTopic>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: i32,
    /// Whether to see only if they could be made (v1+).
    pub validate_only: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreateTopicsRequest {
    fn default() -> Self {
        CreateTopicsRequest {
            topics: Vec::new(),
            timeout_ms: 60_000,
            validate_only: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for CreateTopicsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topics) = field("topics", .., array(CreatableTopic::decode))(i)?;
        let (i, timeout_ms) = field("timeoutMs", .., int32)(i)?;
        let (i, validate_only) = field("validateOnly", VALIDATE_ONLY.., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, CreateTopicsRequest { topics, timeout_ms, validate_only, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topics", .., &self.topics);
        o.field("timeoutMs", .., &self.timeout_ms);
        o.field("validateOnly", VALIDATE_ONLY.., &self.validate_only);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A topic that is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatableTopic {
    /// Its name.
    pub name: Str,
    /// How many partitions it has; -1 where `assignments` says it or, from v4, for the broker's default
    /// (`num.partitions`, KIP-464).
    pub num_partitions: i32,
    /// How many replicas each of them has; -1 where `assignments` says it or, from v4, for the broker's default
    /// (`default.replication.factor`, KIP-464).
    pub replication_factor: i16,
    /// Which brokers have which partitions; empty to leave it to the controller.
    pub assignments: Vec<CreatableReplicaAssignment>,
    /// Its own configuration; what is not here has the brokers' default.
    pub configs: Vec<CreatableTopicConfig>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for CreatableTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, num_partitions) = field("numPartitions", .., int32)(i)?;
        let (i, replication_factor) = field("replicationFactor", .., int16)(i)?;
        let (i, assignments) = field("assignments", .., array(CreatableReplicaAssignment::decode))(i)?;
        let (i, configs) = field("configs", .., array(CreatableTopicConfig::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let topic = CreatableTopic {
            name,
            num_partitions,
            replication_factor,
            assignments,
            configs,
            unknown_tagged_fields,
        };
        Ok((i, topic))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("numPartitions", .., &self.num_partitions);
        o.field("replicationFactor", .., &self.replication_factor);
        o.field("assignments", .., &self.assignments);
        o.field("configs", .., &self.configs);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where a partition is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatableReplicaAssignment {
    /// The partition. They are numbered from 0 without a gap.
    pub partition_index: i32,
    /// The node ids of its brokers, the preferred leader first.
    pub broker_ids: Vec<i32>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for CreatableReplicaAssignment {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, broker_ids) = field("brokerIds", .., array(int32))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, CreatableReplicaAssignment { partition_index, broker_ids, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("brokerIds", .., &self.broker_ids);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A setting of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatableTopicConfig {
    /// Its name, as in `cleanup.policy`.
    pub name: Str,
    /// Its value.
    pub value: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreatableTopicConfig {
    fn default() -> Self {
        CreatableTopicConfig {
            name: Str::default(),
            value: Some(Str::default()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for CreatableTopicConfig {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, value) = field("value", .., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, CreatableTopicConfig { name, value, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("value", .., &self.value);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of each topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateTopicsResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v2+).
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<CreatableTopicResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for CreateTopicsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, topics) = field("topics", .., array(CreatableTopicResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, CreateTopicsResponse { throttle_time_ms, topics, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatableTopicResult {
    /// Its name.
    pub name: Str,
    /// Its id; zero where it was not made (v7+).
    pub topic_id: Uuid,
    /// What went wrong; TOPIC_ALREADY_EXISTS where there was one of that name.
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null (v1+).
    pub error_message: Option<Str>,
    /// Why the three fields below are not there: TOPIC_AUTHORIZATION_FAILED where the client may not describe the
    /// topic's configuration (v5+).
    pub topic_config_error_code: ErrorCode,
    /// How many partitions it has, or -1 (v5+).
    pub num_partitions: i32,
    /// How many replicas each of them has, or -1 (v5+).
    pub replication_factor: i16,
    /// Its configuration, defaults included, or null (v5+).
    pub configs: Option<Vec<CreatableTopicConfigs>>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreatableTopicResult {
    fn default() -> Self {
        CreatableTopicResult {
            name: Str::default(),
            topic_id: Uuid::ZERO,
            error_code: ErrorCode::NONE,
            error_message: Some(Str::default()),
            topic_config_error_code: ErrorCode::NONE,
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(Vec::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for CreatableTopicResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_ID.., uuid)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) =
            field_or("errorMessage", ERROR_MESSAGE.., Some(Str::default()), nullable_string)(i)?;
        let (i, num_partitions) = field_or("numPartitions", CONFIGS.., -1, int32)(i)?;
        let (i, replication_factor) = field_or("replicationFactor", CONFIGS.., -1, int16)(i)?;
        let (i, configs) =
            field_or("configs", CONFIGS.., Some(Vec::new()), nullable_array(CreatableTopicConfigs::decode))(
                i,
            )?;
        let (i, mut tags) = tags(i)?;
        let topic_config_error_code = tags.take(0, "topicConfigErrorCode", CONFIGS.., ErrorCode::decode)?;
        let unknown_tagged_fields = tags.unknown();
        let result = CreatableTopicResult {
            name,
            topic_id,
            error_code,
            error_message,
            topic_config_error_code,
            num_partitions,
            replication_factor,
            configs,
            unknown_tagged_fields,
        };
        Ok((i, result))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.ignorable("topicId", TOPIC_ID.., &self.topic_id);
        o.field("errorCode", .., &self.error_code);
        o.ignorable("errorMessage", ERROR_MESSAGE.., &self.error_message);
        o.ignorable("numPartitions", CONFIGS.., &self.num_partitions);
        o.ignorable("replicationFactor", CONFIGS.., &self.replication_factor);
        o.ignorable("configs", CONFIGS.., &self.configs);
        o.tagged(&self.unknown_tagged_fields, |tags| {
            tags.ignorable(
                0,
                "topicConfigErrorCode",
                CONFIGS..,
                ErrorCode::NONE,
                &self.topic_config_error_code,
            );
        });
    }
}

/// A setting of a topic that was made (v5+).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatableTopicConfigs {
    /// Its name.
    pub name: Str,
    /// Its value; null where it is a secret.
    pub value: Option<Str>,
    /// Whether it cannot be changed.
    pub read_only: bool,
    /// Where it is from: see
    /// [`DescribeConfigsResourceResult`](super::describe_configs::DescribeConfigsResourceResult).
    pub config_source: i8,
    /// Whether it is a secret.
    pub is_sensitive: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreatableTopicConfigs {
    fn default() -> Self {
        CreatableTopicConfigs {
            name: Str::default(),
            value: Some(Str::default()),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for CreatableTopicConfigs {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, value) = field("value", .., nullable_string)(i)?;
        let (i, read_only) = field("readOnly", .., bool)(i)?;
        let (i, config_source) = field("configSource", .., int8)(i)?;
        let (i, is_sensitive) = field("isSensitive", .., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let configs = CreatableTopicConfigs {
            name,
            value,
            read_only,
            config_source,
            is_sensitive,
            unknown_tagged_fields,
        };
        Ok((i, configs))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("value", .., &self.value);
        o.field("readOnly", .., &self.read_only);
        o.field("configSource", .., &self.config_source);
        o.field("isSensitive", .., &self.is_sensitive);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
