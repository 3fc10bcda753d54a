//! Whether a batch that a client produced may be appended (Kafka's `ProduceRequest.validateRecords` and `LogValidator`).

use bytes::Bytes;
use milena_protocol::ErrorCode;
use milena_protocol::records::{
    Batch, BatchBuilder, Batches, CodecFault, Compression, Decompressor, Header, Record, RecordErrorKind,
    Stamp, TimestampType,
};

use crate::settings::TopicSettings;

/// Why something is not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AppendError {
    pub code: ErrorCode,
    /// For people to read; `None` where the code says it all.
    pub message: Option<String>,
    /// Which records are to blame, by their index in the batch, and why.
    pub records: Vec<(i32, &'static str)>,
    /// Where the log begins; -1 where Kafka does not say it.
    pub log_start_offset: i64,
}

impl AppendError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        AppendError { message: Some(message.into()), ..code.into() }
    }

    /// An error of a log that begins there.
    ///
    /// Kafka's `ReplicaManager.appendToLocalLog` tells of the log with errors that it does not expect, and of the error itself
    /// only where records are to blame.
    pub fn in_log(self, start_offset: i64) -> Self {
        const EXPECTED: &[ErrorCode] = &[
            ErrorCode::CORRUPT_MESSAGE,
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::RECORD_LIST_TOO_LARGE,
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ];
        match EXPECTED.contains(&self.code) {
            true => self,
            false => AppendError { log_start_offset: start_offset, ..self },
        }
    }
}

impl From<ErrorCode> for AppendError {
    fn from(code: ErrorCode) -> Self {
        AppendError { code, message: None, records: Vec::new(), log_start_offset: -1 }
    }
}

/// The one batch that a Produce request may have for a partition. Its checksum is not looked at yet.
pub(crate) fn only_batch(records: Option<&Bytes>, version: i16) -> Result<Batch<'_>, ErrorCode> {
    let mut batches = Batches::new(records.ok_or(ErrorCode::INVALID_RECORD)?).verify_crc(false);
    let batch = match batches.next() {
        None => return Err(ErrorCode::INVALID_RECORD),
        Some(Err(error)) => {
            return Err(match error.kind() {
                RecordErrorKind::UnknownCompression(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
                _ => ErrorCode::CORRUPT_MESSAGE,
            });
        }
        Some(Ok(batch)) => batch,
    };
    if batch.magic != 2 {
        return Err(ErrorCode::INVALID_RECORD);
    }
    // KIP-110: clients that speak older versions cannot know zstd.
    if version < 7 && batch.compression == Compression::Zstd {
        return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    }
    match batches.next() {
        None => Ok(batch),
        Some(_) => Err(ErrorCode::INVALID_RECORD),
    }
}

/// Checks the header of a batch from a client, and its checksum.
pub(super) fn header(batch: &Batch<'_>, settings: &TopicSettings) -> Result<(), AppendError> {
    if batch.base_offset != 0 {
        return Err(ErrorCode::INVALID_RECORD.into());
    }
    if batch.size as i64 > settings.max_message_bytes {
        return Err(ErrorCode::MESSAGE_TOO_LARGE.into());
    }
    if batch.check_crc().is_err() {
        return Err(ErrorCode::CORRUPT_MESSAGE.into());
    }
    let count = i64::from(batch.count.unwrap_or(0));
    let fits = count > 0 && count == batch.last_offset.wrapping_sub(batch.base_offset).wrapping_add(1);
    // Control records are the broker's to write, and a batch with a producer id has sequence numbers.
    if !fits || batch.is_control || (batch.producer_id >= 0 && batch.base_sequence < 0) {
        return Err(ErrorCode::INVALID_RECORD.into());
    }
    Ok(())
}

/// Where and when a batch is appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub offset: i64,
    pub leader_epoch: i32,
    pub wall_ms: i64,
}

/// Reads the records of a batch, and gives back the batch as it goes into the log.
pub(super) fn records(
    batch: &Batch<'_>,
    settings: &TopicSettings,
    place: Place,
    decompressor: &mut Decompressor,
) -> Result<Bytes, AppendError> {
    let target = settings.compression.unwrap_or(batch.compression);
    let mut max_timestamp = -1;
    let mut in_sequence = true;
    let mut bad = Vec::new();
    let mut bad_time = false;
    for (index, record) in batch.records(decompressor).map_err(|e| unreadable(e.kind()))?.enumerate() {
        let record = record.map_err(|e| unreadable(e.kind()))?;
        let index = index as i32;
        if settings.compact && record.key.is_none() {
            bad.push((index, "a compacted topic needs keys"));
        } else if let Some(why) = bad_timestamp(batch, &record, settings, place.wall_ms) {
            bad_time = true;
            bad.push((index, why));
        }
        max_timestamp = max_timestamp.max(record.timestamp);
        in_sequence &= record.offset == i64::from(index);
    }
    if !bad.is_empty() {
        let (code, what) = match bad_time {
            true => (ErrorCode::INVALID_TIMESTAMP, "timestamps"),
            false => (ErrorCode::INVALID_RECORD, "records"),
        };
        let message = Some(format!("{} of the {what} are invalid, the first at {}", bad.len(), bad[0].0));
        return Err(AppendError { code, message, records: bad, log_start_offset: -1 });
    }
    // Old clients got the offsets inside compressed batches wrong, and Kafka writes such batches anew.
    let is_compressed = batch.compression != Compression::None;
    if target != batch.compression || (is_compressed && !in_sequence) {
        return rebuilt(batch, target, settings, place, decompressor);
    }
    let timestamp = match settings.message_timestamp_type {
        TimestampType::LogAppendTime => (TimestampType::LogAppendTime, place.wall_ms),
        _ => (TimestampType::CreateTime, max_timestamp),
    };
    let mut stamp = Stamp::new(place.offset, place.leader_epoch);
    stamp.timestamp = Some(timestamp);
    Ok(batch.stamped(&stamp).expect("older formats have been refused"))
}

/// Why a record's timestamp is not good, if it is not.
fn bad_timestamp(
    batch: &Batch<'_>,
    record: &Record<'_>,
    settings: &TopicSettings,
    wall_ms: i64,
) -> Option<&'static str> {
    let by_producer = settings.message_timestamp_type == TimestampType::CreateTime;
    if by_producer && record.timestamp != -1 {
        let age = wall_ms.wrapping_sub(record.timestamp);
        let is_out = age > settings.message_timestamp_before_max_ms
            || age.wrapping_neg() > settings.message_timestamp_after_max_ms;
        is_out.then_some("the timestamp is too far from the broker's time")
    } else if batch.timestamp_type == TimestampType::LogAppendTime {
        Some("log-append time is the broker's to set")
    } else {
        None
    }
}

/// The batch with another compression.
fn rebuilt(
    batch: &Batch<'_>,
    target: Compression,
    settings: &TopicSettings,
    place: Place,
    decompressor: &mut Decompressor,
) -> Result<Bytes, AppendError> {
    let failed = |_| AppendError::from(ErrorCode::UNKNOWN_SERVER_ERROR);
    let mut builder = BatchBuilder::with_compression(target)
        .map_err(|_| AppendError::from(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE))?;
    builder
        .set_base_offset(place.offset)
        .set_partition_leader_epoch(place.leader_epoch)
        .set_producer(batch.producer_id, batch.producer_epoch, batch.base_sequence)
        .set_transactional(batch.is_transactional);
    if settings.message_timestamp_type == TimestampType::LogAppendTime {
        builder.set_log_append_time(Some(place.wall_ms));
    }
    for record in batch.records(decompressor).map_err(|e| unreadable(e.kind()))? {
        let record = record.map_err(|e| unreadable(e.kind()))?;
        let headers: Vec<Header<'_>> = record.headers().collect();
        builder.append(record.timestamp, record.key, record.value, &headers).map_err(failed)?;
    }
    let bytes = builder.build();
    if bytes.len() as i64 > settings.max_message_bytes {
        return Err(ErrorCode::MESSAGE_TOO_LARGE.into());
    }
    Ok(bytes)
}

/// The code for records that cannot be read.
fn unreadable(kind: RecordErrorKind) -> AppendError {
    match kind {
        RecordErrorKind::FeatureDisabled(compression) => AppendError::new(
            ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            format!("this broker was built without {compression}"),
        ),
        // Producers split such a batch, if they can.
        RecordErrorKind::Decompression { fault: CodecFault::OverBudget { budget }, .. } => AppendError::new(
            ErrorCode::MESSAGE_TOO_LARGE,
            format!("decompressed, the batch is larger than {budget} bytes"),
        ),
        // Java's codecs throw what Kafka has no code for.
        RecordErrorKind::Decompression { .. } => ErrorCode::UNKNOWN_SERVER_ERROR.into(),
        _ => ErrorCode::INVALID_RECORD.into(),
    }
}
