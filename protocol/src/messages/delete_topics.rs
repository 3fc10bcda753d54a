//! DeleteTopics (key 20): deletes topics, and all that is in them.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const THROTTLE: i16 = 1;
const ERROR_MESSAGE: i16 = 5; // KIP-599
const TOPIC_IDS: i16 = 6; // KIP-516: `topics` replaces `topic_names`

/// Asks for the end of topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteTopicsRequest {
    /// The topics (v6+).
    pub topics: Vec<DeleteTopicState>,
    /// The topics, by name (v0-v5).
    pub topic_names: Vec<Str>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteTopicsRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topics) = field("topics", TOPIC_IDS.., array(DeleteTopicState::decode))(i)?;
        let (i, topic_names) = field("topicNames", ..TOPIC_IDS, array(string))(i)?;
        let (i, timeout_ms) = field("timeoutMs", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteTopicsRequest { topics, topic_names, timeout_ms, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("topics", TOPIC_IDS.., &self.topics);
        o.ignorable("topicNames", ..TOPIC_IDS, &self.topic_names);
        o.field("timeoutMs", .., &self.timeout_ms);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A topic, by its name or by its id (v6+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteTopicState {
    /// Its name; null where the id counts.
    pub name: Option<Str>,
    /// Its id; zero where the name counts.
    pub topic_id: Uuid,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteTopicState {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., nullable_string)(i)?;
        let (i, topic_id) = field("topicId", .., uuid)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteTopicState { name, topic_id, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("topicId", .., &self.topic_id);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of each topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteTopicsResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// The topics.
    pub responses: Vec<DeletableTopicResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for DeleteTopicsResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, responses) = field("responses", .., array(DeletableTopicResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeleteTopicsResponse { throttle_time_ms, responses, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("responses", .., &self.responses);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletableTopicResult {
    /// Its name; null, from v6, where the client asked by id and may not know the name.
    pub name: Option<Str>,
    /// Its id (v6+).
    pub topic_id: Uuid,
    /// What went wrong; from v3 TOPIC_DELETION_DISABLED where the brokers forbid it (`delete.topic.enable`).
    pub error_code: ErrorCode,
    /// What went wrong, in words, or null (v5+).
    pub error_message: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DeletableTopicResult {
    fn default() -> Self {
        DeletableTopicResult {
            name: Some(Str::default()),
            topic_id: Uuid::ZERO,
            error_code: ErrorCode::NONE,
            error_message: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for DeletableTopicResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., null_in(TOPIC_IDS.., nullable_string))(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, error_message) = field("errorMessage", ERROR_MESSAGE.., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, DeletableTopicResult { name, topic_id, error_code, error_message, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.null_in("name", TOPIC_IDS.., &self.name);
        o.field("name", .., &self.name);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("errorCode", .., &self.error_code);
        o.ignorable("errorMessage", ERROR_MESSAGE.., &self.error_message);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
