//! What compaction leaves of a batch (Kafka's `MemoryRecords.filterTo`).

use std::collections::HashMap;

use milena_protocol::records::{
    Batch, BatchBuilder, Batches, Decompressor, Header, Record, Stamp, TimestampType,
};

use super::segment::Stored;

/// What to keep.
pub(super) struct Filter<'a> {
    /// All records go.
    pub discards: bool,
    /// The batch stays, if without records.
    pub keeps_empty: bool,
    /// It is the end of a transaction of which nothing else is left: from now on its time runs.
    pub is_lonely_marker: bool,
    /// Where the last record of a key is.
    pub latest: &'a HashMap<Box<[u8]>, i64>,
    /// From here on nothing is known of keys.
    pub latest_end: i64,
    /// Tombstones have been there for long enough.
    pub tombstones_are_over: bool,
    /// Until when tombstones stay that are met for the first time.
    pub new_horizon_ms: i64,
}

impl Filter<'_> {
    fn keeps(&self, record: &Record<'_>) -> bool {
        if record.offset >= self.latest_end {
            return true;
        }
        let Some(key) = record.key else { return false };
        let is_last = self.latest.get(key).is_none_or(|last| record.offset >= *last);
        is_last && (record.value.is_some() || !self.tombstones_are_over)
    }
}

/// What is left of a batch; `None` where nothing is. A batch that cannot be read here stays as it is.
pub(super) fn filtered(
    stored: Stored,
    filter: &Filter<'_>,
    decompressor: &mut Decompressor,
) -> Option<Stored> {
    let header = stored.header;
    let kept = {
        let batch = Batches::new(&stored.bytes).verify_crc(false).next()?.ok()?;
        rewritten(&batch, filter, decompressor)
    };
    match kept {
        Kept::All => Some(stored),
        Kept::Some(bytes) => Some(Stored::new(bytes)),
        Kept::None if filter.keeps_empty && header.count == Some(0) => Some(stored),
        Kept::None if filter.keeps_empty => Some(emptied(&stored)),
        Kept::None => None,
    }
}

enum Kept {
    All,
    Some(bytes::Bytes),
    None,
}

fn rewritten(batch: &Batch<'_>, filter: &Filter<'_>, decompressor: &mut Decompressor) -> Kept {
    if filter.discards {
        return Kept::None;
    }
    let Ok(records) = batch.records(decompressor) else { return Kept::All };
    let (mut all, mut any, mut has_tombstone) = (true, false, false);
    for record in records {
        let Ok(record) = record else { return Kept::All };
        match batch.is_control || filter.keeps(&record) {
            true => (any, has_tombstone) = (true, has_tombstone || record.value.is_none()),
            false => all = false,
        }
    }
    if !any {
        return Kept::None;
    }
    let is_new = batch.delete_horizon_ms.is_none();
    let needs_horizon = is_new && (filter.is_lonely_marker || has_tombstone && !batch.is_control);
    if all && !needs_horizon {
        return Kept::All;
    }
    let horizon = if needs_horizon { Some(filter.new_horizon_ms) } else { batch.delete_horizon_ms };
    rebuilt(batch, filter, horizon, decompressor).map_or(Kept::All, Kept::Some)
}

/// The batch with the records that are kept, at their offsets, compressed as before.
fn rebuilt(
    batch: &Batch<'_>,
    filter: &Filter<'_>,
    horizon_ms: Option<i64>,
    decompressor: &mut Decompressor,
) -> Option<bytes::Bytes> {
    let mut builder = BatchBuilder::with_compression(batch.compression).ok()?;
    set_head(&mut builder, batch);
    builder.set_delete_horizon(horizon_ms);
    if batch.timestamp_type == TimestampType::LogAppendTime {
        builder.set_log_append_time(Some(batch.max_timestamp));
    }
    for record in batch.records(decompressor).ok()? {
        let record = record.ok()?;
        if batch.is_control || filter.keeps(&record) {
            let delta = i32::try_from(record.offset - batch.base_offset).ok()?;
            let headers: Vec<Header<'_>> = record.headers().collect();
            builder.append_at(delta, record.timestamp, record.key, record.value, &headers).ok()?;
        }
    }
    builder.set_last_offset_delta(i32::try_from(batch.last_offset - batch.base_offset).ok()?);
    Some(builder.build())
}

/// The head of a batch, without records: what it says of its producer is still of use.
fn emptied(stored: &Stored) -> Stored {
    let batch = Batches::new(&stored.bytes).verify_crc(false).next();
    let batch = batch.and_then(Result::ok).expect("the log stores whole batches");
    let mut builder = BatchBuilder::new();
    set_head(&mut builder, &batch);
    builder.set_last_offset_delta((batch.last_offset - batch.base_offset) as i32);
    let bytes = builder.build();
    let empty = Batches::new(&bytes).verify_crc(false).next();
    let empty = empty.and_then(Result::ok).expect("it was just built");
    let mut stamp = Stamp::new(batch.base_offset, batch.partition_leader_epoch);
    stamp.timestamp = Some((batch.timestamp_type, batch.max_timestamp));
    Stored::new(empty.stamped(&stamp).expect("it was just built"))
}

fn set_head(builder: &mut BatchBuilder, batch: &Batch<'_>) {
    builder
        .set_base_offset(batch.base_offset)
        .set_partition_leader_epoch(batch.partition_leader_epoch)
        .set_producer(batch.producer_id, batch.producer_epoch, batch.base_sequence)
        .set_transactional(batch.is_transactional)
        .set_control(batch.is_control);
}
