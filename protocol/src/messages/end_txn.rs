//! EndTxn (key 26): commits or aborts a transaction (KIP-98).

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const NEW_EPOCH: i16 = 5; // KIP-890: an epoch is good for one transaction

/// Asks the coordinator of a transaction to end it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndTxnRequest {
    /// The transactional id (`transactional.id`).
    pub transactional_id: Str,
    /// The producer's id, as InitProducerId gave it.
    pub producer_id: i64,
    /// The producer's epoch, as InitProducerId gave it.
    pub producer_epoch: i16,
    /// Whether to commit it; if not, it is aborted.
    pub committed: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for EndTxnRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, transactional_id) = field("transactionalId", .., string)(i)?;
        let (i, producer_id) = field("producerId", .., int64)(i)?;
        let (i, producer_epoch) = field("producerEpoch", .., int16)(i)?;
        let (i, committed) = field("committed", .., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request =
            EndTxnRequest { transactional_id, producer_id, producer_epoch, committed, unknown_tagged_fields };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("transactionalId", .., &self.transactional_id);
        o.field("producerId", .., &self.producer_id);
        o.field("producerEpoch", .., &self.producer_epoch);
        o.field("committed", .., &self.committed);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Whether the transaction ends: its outcome is written, and markers are on their way to the partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndTxnResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong; from v2 PRODUCER_FENCED where a newer producer has the transactional id.
    pub error_code: ErrorCode,
    /// The id for the next transaction, or -1 (v5+).
    pub producer_id: i64,
    /// The epoch for the next transaction, or -1 (v5+).
    pub producer_epoch: i16,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for EndTxnResponse {
    fn default() -> Self {
        EndTxnResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            producer_id: -1,
            producer_epoch: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for EndTxnResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, producer_id) = field_or("producerId", NEW_EPOCH.., -1, int64)(i)?;
        let (i, producer_epoch) = field_or("producerEpoch", NEW_EPOCH.., -1, int16)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = EndTxnResponse {
            throttle_time_ms,
            error_code,
            producer_id,
            producer_epoch,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.ignorable("producerId", NEW_EPOCH.., &self.producer_id);
        o.ignorable("producerEpoch", NEW_EPOCH.., &self.producer_epoch);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
