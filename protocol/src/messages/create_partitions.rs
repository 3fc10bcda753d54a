//! CreatePartitions (key 37): gives topics more partitions (KIP-195).

use crate::ErrorCode;
use crate::wire::*;

/// Asks for more partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatePartitionsRequest {
    /// The topics.
    pub topics: Vec<CreatePartitionsTopic>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: i32,
    /// Whether to see only if they could be made.
    pub validate_only: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for CreatePartitionsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topics) = field("topics", .., array(CreatePartitionsTopic::decode))(i)?;
        let (i, timeout_ms) = field("timeoutMs", .., int32)(i)?;
        let (i, validate_only) = field("validateOnly", .., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, CreatePartitionsRequest { topics, timeout_ms, validate_only, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topics", .., &self.topics);
        o.field("timeoutMs", .., &self.timeout_ms);
        o.field("validateOnly", .., &self.validate_only);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A topic that grows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatePartitionsTopic {
    /// Its name.
    pub name: Str,
    /// How many partitions it is to have, with those that it has.
    pub count: i32,
    /// Where each new partition is to be, in their order; null to leave it to the controller.
    pub assignments: Option<Vec<CreatePartitionsAssignment>>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for CreatePartitionsTopic {
    fn default() -> Self {
        CreatePartitionsTopic {
            name: Str::default(),
            count: 0,
            assignments: Some(Vec::new()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for CreatePartitionsTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, count) = field("count", .., int32)(i)?;
        let (i, assignments) =
            field("assignments", .., nullable_array(CreatePartitionsAssignment::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, CreatePartitionsTopic { name, count, assignments, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("count", .., &self.count);
        o.field("assignments", .., &self.assignments);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where a new partition is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatePartitionsAssignment {
    /// The node ids of its brokers, the preferred leader first.
    pub broker_ids: Vec<i32>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for CreatePartitionsAssignment {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, broker_ids) = field("brokerIds", .., array(int32))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, CreatePartitionsAssignment { broker_ids, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("brokerIds", .., &self.broker_ids);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of each topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatePartitionsResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// The topics.
    pub results: Vec<CreatePartitionsTopicResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for CreatePartitionsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, results) = field("results", .., array(CreatePartitionsTopicResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, CreatePartitionsResponse { throttle_time_ms, results, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("results", .., &self.results);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatePartitionsTopicResult {
    /// Its name.
    pub name: Str,
    /// What went wrong; INVALID_PARTITIONS where the topic has as many already, or more.
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null.
    pub error_message: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for CreatePartitionsTopicResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) = field("errorMessage", .., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, CreatePartitionsTopicResult { name, error_code, error_message, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("errorCode", .., &self.error_code);
        o.field("errorMessage", .., &self.error_message);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
