//! AddOffsetsToTxn (key 25): a transaction is going to commit offsets of a group (KIP-98).
//!
//! Then the offsets go to the group's coordinator: [`txn_offset_commit`](super::txn_offset_commit).

use crate::ErrorCode;
use crate::wire::*;

/// Asks the coordinator of a transaction to add the offsets of a group to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddOffsetsToTxnRequest {
    /// The transactional id (`transactional.id`).
    pub transactional_id: Str,
    /// The producer's id, as InitProducerId gave it.
    pub producer_id: i64,
    /// The producer's epoch, as InitProducerId gave it.
    pub producer_epoch: i16,
    /// The group.
    pub group_id: Str,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AddOffsetsToTxnRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, transactional_id) = field("transactionalId", .., string)(i)?;
        let (i, producer_id) = field("producerId", .., int64)(i)?;
        let (i, producer_epoch) = field("producerEpoch", .., int16)(i)?;
        let (i, group_id) = field("groupId", .., string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = AddOffsetsToTxnRequest {
            transactional_id,
            producer_id,
            producer_epoch,
            group_id,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("transactionalId", .., &self.transactional_id);
        o.field("producerId", .., &self.producer_id);
        o.field("producerEpoch", .., &self.producer_epoch);
        o.field("groupId", .., &self.group_id);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// Whether the group is in the transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddOffsetsToTxnResponse {
    /// How long the client must hold back because of a quota, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong; from v2 PRODUCER_FENCED where a newer producer has the transactional id.
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AddOffsetsToTxnResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, AddOffsetsToTxnResponse { throttle_time_ms, error_code, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("throttleTimeMs", .., &self.throttle_time_ms);
        o.field("errorCode", .., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
