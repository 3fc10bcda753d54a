//! AddPartitionsToTxn (key 24): the partitions that a transaction is going to write to (KIP-98).
//!
//! Producers speak v0 to v3, to the coordinator of their transaction; v4 and later are for brokers, which check that
//! a producer has a transaction open (KIP-890).

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const BATCH: i16 = 4; // KIP-890: many transactions at once

/// Asks a coordinator to add partitions to transactions, or whether they are in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddPartitionsToTxnRequest {
    /// The transactions (v4+).
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    /// The transactional id (`transactional.id`; v0-v3).
    pub v3_and_below_transactional_id: Str,
    /// The producer's id, as InitProducerId gave it (v0-v3).
    pub v3_and_below_producer_id: i64,
    /// The producer's epoch, as InitProducerId gave it (v0-v3).
    pub v3_and_below_producer_epoch: i16,
    /// The partitions, by topic (v0-v3).
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AddPartitionsToTxnRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, transactions) =
            field("transactions", BATCH.., array(AddPartitionsToTxnTransaction::decode))(i)?;
        let (i, v3_and_below_transactional_id) = field("v3AndBelowTransactionalId", ..BATCH, string)(i)?;
        let (i, v3_and_below_producer_id) = field("v3AndBelowProducerId", ..BATCH, int64)(i)?;
        let (i, v3_and_below_producer_epoch) = field("v3AndBelowProducerEpoch", ..BATCH, int16)(i)?;
        let (i, v3_and_below_topics) =
            field("v3AndBelowTopics", ..BATCH, array(AddPartitionsToTxnTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = AddPartitionsToTxnRequest {
            transactions,
            v3_and_below_transactional_id,
            v3_and_below_producer_id,
            v3_and_below_producer_epoch,
            v3_and_below_topics,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("transactions", BATCH.., &self.transactions);
        o.field("v3AndBelowTransactionalId", ..BATCH, &self.v3_and_below_transactional_id);
        o.field("v3AndBelowProducerId", ..BATCH, &self.v3_and_below_producer_id);
        o.field("v3AndBelowProducerEpoch", ..BATCH, &self.v3_and_below_producer_epoch);
        o.field("v3AndBelowTopics", ..BATCH, &self.v3_and_below_topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Partitions of one transaction (v4+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddPartitionsToTxnTransaction {
    /// The transactional id (`transactional.id`).
    pub transactional_id: Str,
    /// The producer's id, as InitProducerId gave it.
    pub producer_id: i64,
    /// The producer's epoch, as InitProducerId gave it.
    pub producer_epoch: i16,
    /// Whether to see only if they are in the transaction.
    pub verify_only: bool,
    /// The partitions, by topic.
    pub topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AddPartitionsToTxnTransaction {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, transactional_id) = field("transactionalId", .., string)(i)?;
        let (i, producer_id) = field("producerId", .., int64)(i)?;
        let (i, producer_epoch) = field("producerEpoch", .., int16)(i)?;
        let (i, verify_only) = field("verifyOnly", .., bool)(i)?;
        let (i, topics) = field("topics", .., array(AddPartitionsToTxnTopic::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let transaction = AddPartitionsToTxnTransaction {
            transactional_id,
            producer_id,
            producer_epoch,
            verify_only,
            topics,
            unknown_tagged_fields,
        };
        Ok((i, transaction))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("transactionalId", .., &self.transactional_id);
        o.field("producerId", .., &self.producer_id);
        o.field("producerEpoch", .., &self.producer_epoch);
        o.field("verifyOnly", .., &self.verify_only);
        o.field("topics", .., &self.topics);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Partitions of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddPartitionsToTxnTopic {
    /// The topic's name.
    pub name: Str,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AddPartitionsToTxnTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, partitions) = field("partitions", .., array(int32))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, AddPartitionsToTxnTopic { name, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of each partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddPartitionsToTxnResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong with the request as a whole (v4+).
    pub error_code: ErrorCode,
    /// The partitions, by transaction (v4+).
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    /// The partitions, by topic (v0-v3).
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AddPartitionsToTxnResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, error_code) = field("errorCode", BATCH.., error_code)(i)?;
        let (i, results_by_transaction) =
            field("resultsByTransaction", BATCH.., array(AddPartitionsToTxnResult::decode))(i)?;
        let (i, results_by_topic_v3_and_below) =
            field("resultsByTopicV3AndBelow", ..BATCH, array(AddPartitionsToTxnTopicResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = AddPartitionsToTxnResponse {
            throttle_time_ms,
            error_code,
            results_by_transaction,
            results_by_topic_v3_and_below,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.ignorable("errorCode", BATCH.., &self.error_code);
        o.field("resultsByTransaction", BATCH.., &self.results_by_transaction);
        o.field("resultsByTopicV3AndBelow", ..BATCH, &self.results_by_topic_v3_and_below);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of the partitions of one transaction (v4+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddPartitionsToTxnResult {
    /// The transactional id (`transactional.id`).
    pub transactional_id: Str,
    /// The partitions, by topic.
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AddPartitionsToTxnResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, transactional_id) = field("transactionalId", .., string)(i)?;
        let (i, topic_results) = field("topicResults", .., array(AddPartitionsToTxnTopicResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, AddPartitionsToTxnResult { transactional_id, topic_results, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("transactionalId", .., &self.transactional_id);
        o.field("topicResults", .., &self.topic_results);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of the partitions of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddPartitionsToTxnTopicResult {
    /// The topic's name.
    pub name: Str,
    /// Its partitions.
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AddPartitionsToTxnTopicResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, name) = field("name", .., string)(i)?;
        let (i, results_by_partition) =
            field("resultsByPartition", .., array(AddPartitionsToTxnPartitionResult::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, AddPartitionsToTxnTopicResult { name, results_by_partition, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("name", .., &self.name);
        o.field("resultsByPartition", .., &self.results_by_partition);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What became of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddPartitionsToTxnPartitionResult {
    /// The partition.
    pub partition_index: i32,
    /// What went wrong; OPERATION_NOT_ATTEMPTED where it was for another partition.
    pub partition_error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AddPartitionsToTxnPartitionResult {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, partition_error_code) = field("partitionErrorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let result = AddPartitionsToTxnPartitionResult {
            partition_index,
            partition_error_code,
            unknown_tagged_fields,
        };
        Ok((i, result))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("partitionErrorCode", .., &self.partition_error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
