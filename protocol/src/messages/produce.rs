//! Produce (key 0): records for partitions.

use bytes::Bytes;

use super::leader::{LeaderIdAndEpoch, NodeEndpoint};
use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const THROTTLE: i16 = 1;
const LOG_APPEND_TIME: i16 = 2; // KIP-32
const TRANSACTIONS: i16 = 3; // KIP-98
const LOG_START: i16 = 5; // KIP-192
const RECORD_ERRORS: i16 = 8; // KIP-467
const LEADER: i16 = 10; // KIP-951
const TOPIC_IDS: i16 = 13; // KIP-516: ids replace names

/// Brings records to the leaders of their partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProduceRequest {
    /// The producer whose transaction the records belong to (`transactional.id`), or null (v3+).
    pub transactional_id: Option<Str>,
    /// Who must have the records before the broker answers: 1 the leader, -1 all replicas that are in sync. With 0
    /// there is no response at all.
    pub acks: i16,
    /// How long the broker may wait for those replicas, in milliseconds.
    pub timeout_ms: i32,
    /// The records, by topic.
    pub topic_data: Vec<TopicProduceData>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ProduceRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, transactional_id) = field("transactionalId", TRANSACTIONS.., nullable_string)(i)?;
        let (i, acks) = field("acks", .., int16)(i)?;
        let (i, timeout_ms) = field("timeoutMs", .., int32)(i)?;
        let (i, topic_data) = field("topicData", .., array(TopicProduceData::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ProduceRequest { transactional_id, acks, timeout_ms, topic_data, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("transactionalId", TRANSACTIONS.., &self.transactional_id);
        o.field("acks", .., &self.acks);
        o.field("timeoutMs", .., &self.timeout_ms);
        o.field("topicData", .., &self.topic_data);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The records of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicProduceData {
    /// The topic's name (v0-v12).
    pub name: Str,
    /// The topic's id (v13+).
    pub topic_id: Uuid,
    /// The records of its partitions.
    pub partition_data: Vec<PartitionProduceData>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for TopicProduceData {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", ..TOPIC_IDS, string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, partition_data) = field("partitionData", .., array(PartitionProduceData::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, TopicProduceData { name, topic_id, partition_data, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("name", ..TOPIC_IDS, &self.name);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("partitionData", .., &self.partition_data);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The records of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionProduceData {
    /// The partition.
    pub index: i32,
    /// A record batch, for [`records`](crate::records) to read; a slice of the frame.
    pub records: Option<Bytes>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for PartitionProduceData {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, index) = field("index", .., int32)(i)?;
        let (i, records) = field("records", .., nullable_bytes)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, PartitionProduceData { index, records, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("index", .., &self.index);
        o.field("records", .., &self.records);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Where the records went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProduceResponse {
    /// The outcome, by topic.
    pub responses: Vec<TopicProduceResponse>,
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// Where the leaders are that `current_leader` names (v10+).
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ProduceResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, responses) = field("responses", .., array(TopicProduceResponse::decode))(i)?;
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, mut tags) = tags(i)?;
        let value = ProduceResponse {
            responses,
            throttle_time_ms,
            node_endpoints: tags.take(0, "nodeEndpoints", LEADER.., array(NodeEndpoint::decode))?,
            unknown_tagged_fields: tags.unknown(),
        };
        Ok((i, value))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("responses", .., &self.responses);
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.tagged(&self.unknown_tagged_fields, |tags| {
            tags.field(0, "nodeEndpoints", LEADER.., &self.node_endpoints);
        });
    }
}

/// The outcome for one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicProduceResponse {
    /// The topic's name (v0-v12).
    pub name: Str,
    /// The topic's id (v13+).
    pub topic_id: Uuid,
    /// The outcome for its partitions.
    pub partition_responses: Vec<PartitionProduceResponse>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for TopicProduceResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", ..TOPIC_IDS, string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, partition_responses) =
            field("partitionResponses", .., array(PartitionProduceResponse::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, TopicProduceResponse { name, topic_id, partition_responses, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("name", ..TOPIC_IDS, &self.name);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("partitionResponses", .., &self.partition_responses);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The outcome for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionProduceResponse {
    /// The partition.
    pub index: i32,
    /// What went wrong.
    pub error_code: ErrorCode,
    /// The offset of the first record; -1 with an error.
    pub base_offset: i64,
    /// When the broker appended the records, in milliseconds since 1970; -1 where the topic keeps the time of their
    /// creation (v2+).
    pub log_append_time_ms: i64,
    /// The first offset of the log; -1 where it is not known (v5+).
    pub log_start_offset: i64,
    /// The records that are to blame for the error (v8+).
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// What went wrong, in words, or null (v8+).
    pub error_message: Option<Str>,
    /// The leader, in answer to a request that went to another broker (v10+).
    pub current_leader: LeaderIdAndEpoch,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PartitionProduceResponse {
    fn default() -> Self {
        PartitionProduceResponse {
            index: 0,
            error_code: ErrorCode::NONE,
            base_offset: 0,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: LeaderIdAndEpoch::default(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for PartitionProduceResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, index) = field("index", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, base_offset) = field("baseOffset", .., int64)(i)?;
        let (i, log_append_time_ms) = field_or("logAppendTimeMs", LOG_APPEND_TIME.., -1, int64)(i)?;
        let (i, log_start_offset) = field_or("logStartOffset", LOG_START.., -1, int64)(i)?;
        let (i, record_errors) =
            field("recordErrors", RECORD_ERRORS.., array(BatchIndexAndErrorMessage::decode))(i)?;
        let (i, error_message) = field("errorMessage", RECORD_ERRORS.., nullable_string)(i)?;
        let (i, mut tags) = tags(i)?;
        let partition = PartitionProduceResponse {
            index,
            error_code,
            base_offset,
            log_append_time_ms,
            log_start_offset,
            record_errors,
            error_message,
            current_leader: tags.take(0, "currentLeader", LEADER.., LeaderIdAndEpoch::decode)?,
            unknown_tagged_fields: tags.unknown(),
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("index", .., &self.index);
        o.field("errorCode", .., &self.error_code);
        o.field("baseOffset", .., &self.base_offset);
        o.ignorable("logAppendTimeMs", LOG_APPEND_TIME.., &self.log_append_time_ms);
        o.ignorable("logStartOffset", LOG_START.., &self.log_start_offset);
        o.ignorable("recordErrors", RECORD_ERRORS.., &self.record_errors);
        o.ignorable("errorMessage", RECORD_ERRORS.., &self.error_message);
        o.tagged(&self.unknown_tagged_fields, |tags| {
            tags.field(0, "currentLeader", LEADER.., &self.current_leader);
        });
    }
}

/// A record that is to blame for an error (v8+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchIndexAndErrorMessage {
    /// Which one of the batch, counted from 0.
    pub batch_index: i32,
    /// What is wrong with it, or null.
    pub batch_index_error_message: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for BatchIndexAndErrorMessage {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, batch_index) = field("batchIndex", .., int32)(i)?;
        let (i, batch_index_error_message) = field("batchIndexErrorMessage", .., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let value =
            BatchIndexAndErrorMessage { batch_index, batch_index_error_message, unknown_tagged_fields };
        Ok((i, value))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("batchIndex", .., &self.batch_index);
        o.field("batchIndexErrorMessage", .., &self.batch_index_error_message);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
