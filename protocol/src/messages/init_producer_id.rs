//! InitProducerId (key 22): gives a producer its id, which makes it idempotent or transactional (KIP-98).
//!
//! Kafka 4.3.1 knows v6 and offers it to nobody yet.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const RESUME: i16 = 3; // KIP-360
const TWO_PHASES: i16 = 6; // KIP-939

/// Asks for a producer id; with a transactional id its coordinator, which ends what an earlier producer left open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InitProducerIdRequest {
    /// The transactional id (`transactional.id`); null for a producer that is only idempotent.
    pub transactional_id: Option<Str>,
    /// For how long a transaction may stay open before the coordinator aborts it, in milliseconds.
    pub transaction_timeout_ms: i32,
    /// The id that the producer had, to go on with it after an error; -1 at first (v3+).
    pub producer_id: i64,
    /// The epoch that it had; -1 at first (v3+).
    pub producer_epoch: i16,
    /// Whether its transactions take part in a commit of two phases, and so never time out (v6+).
    pub enable_2pc: bool,
    /// Whether an open transaction stays open, rather than being aborted (v6+).
    pub keep_prepared_txn: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for InitProducerIdRequest {
    fn default() -> Self {
        InitProducerIdRequest {
            transactional_id: Some(Str::default()),
            transaction_timeout_ms: 0,
            producer_id: -1,
            producer_epoch: -1,
            enable_2pc: false,
            keep_prepared_txn: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for InitProducerIdRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, transactional_id) = field("transactionalId", .., nullable_string)(i)?;
        let (i, transaction_timeout_ms) = field("transactionTimeoutMs", .., int32)(i)?;
        let (i, producer_id) = field_or("producerId", RESUME.., -1, int64)(i)?;
        let (i, producer_epoch) = field_or("producerEpoch", RESUME.., -1, int16)(i)?;
        let (i, enable_2pc) = field("enable2Pc", TWO_PHASES.., bool)(i)?;
        let (i, keep_prepared_txn) = field("keepPreparedTxn", TWO_PHASES.., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = InitProducerIdRequest {
            transactional_id,
            transaction_timeout_ms,
            producer_id,
            producer_epoch,
            enable_2pc,
            keep_prepared_txn,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("transactionalId", .., &self.transactional_id);
        o.field("transactionTimeoutMs", .., &self.transaction_timeout_ms);
        o.field_or("producerId", RESUME.., -1, &self.producer_id);
        o.field_or("producerEpoch", RESUME.., -1, &self.producer_epoch);
        o.field("enable2Pc", TWO_PHASES.., &self.enable_2pc);
        o.field("keepPreparedTxn", TWO_PHASES.., &self.keep_prepared_txn);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The id of a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InitProducerIdResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong: from v4 PRODUCER_FENCED where a newer producer has the transactional id (before,
    /// INVALID_PRODUCER_EPOCH), CONCURRENT_TRANSACTIONS while one is still ending.
    pub error_code: ErrorCode,
    /// The id, or -1.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The producer id of the transaction that was kept, or -1 (v6+).
    pub ongoing_txn_producer_id: i64,
    /// The epoch of the transaction that was kept, or -1 (v6+).
    pub ongoing_txn_producer_epoch: i16,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for InitProducerIdResponse {
    fn default() -> Self {
        InitProducerIdResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            producer_id: -1,
            producer_epoch: 0,
            ongoing_txn_producer_id: -1,
            ongoing_txn_producer_epoch: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for InitProducerIdResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, producer_id) = field("producerId", .., int64)(i)?;
        let (i, producer_epoch) = field("producerEpoch", .., int16)(i)?;
        let (i, ongoing_txn_producer_id) = field_or("ongoingTxnProducerId", TWO_PHASES.., -1, int64)(i)?;
        let (i, ongoing_txn_producer_epoch) =
            field_or("ongoingTxnProducerEpoch", TWO_PHASES.., -1, int16)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = InitProducerIdResponse {
            throttle_time_ms,
            error_code,
            producer_id,
            producer_epoch,
            ongoing_txn_producer_id,
            ongoing_txn_producer_epoch,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.field("producerId", .., &self.producer_id);
        o.field("producerEpoch", .., &self.producer_epoch);
        o.field_or("ongoingTxnProducerId", TWO_PHASES.., -1, &self.ongoing_txn_producer_id);
        o.field_or("ongoingTxnProducerEpoch", TWO_PHASES.., -1, &self.ongoing_txn_producer_epoch);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
