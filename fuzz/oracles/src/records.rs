//! Blobs of record batches, and compressed data.

use bytes::BytesMut;
use milena_protocol::records::{
    Batch, BatchBuilder, BatchCursor, BatchHeader, Batches, Compression, ControlRecord, Decompressor, Header,
    OwnedRecord, RecordBuffer, RecordError, TimestampType,
};

use crate::memory;

/// What a batch may decompress to, in bytes.
const BUDGET: usize = 1 << 20;
/// The buffer while it grows, and the contexts of the codecs.
const ALLOWED: usize = 2 * BUDGET + (512 << 10);

/// A blob as a Fetch response holds it. Checksums are not verified: no mutation would keep them right.
pub fn record_batch(data: &[u8]) {
    let _ = memory::within(ALLOWED, || walk(data, true));
    let walked = memory::within(ALLOWED, || walk(data, false));
    let batches = by_iterators(data);
    assert_eq!(walked, batches.iter().map(|batch| batch.records.len()).sum::<usize>());
    assert_eq!(by_cursors(data), batches);
    for batch in batches.iter().filter(|batch| batch.error.is_none() && batch.header.magic == 2) {
        assert_rewritten(batch);
    }
}

/// What was read of a batch.
#[derive(Debug, PartialEq)]
struct Read {
    header: BatchHeader,
    records: Vec<OwnedRecord>,
    error: Option<RecordError>,
}

/// Looks at every record, and keeps none; gives back how many there were.
fn walk(blob: &[u8], verify_crc: bool) -> usize {
    let mut decompressor = Decompressor::with_budget(BUDGET);
    let mut count = 0;
    for batch in Batches::new(blob).verify_crc(verify_crc).flatten() {
        let Ok(records) = batch.records(&mut decompressor) else { continue };
        for record in records.flatten() {
            let _ = ControlRecord::parse(&record);
            assert_eq!(record.headers().len(), record.headers().count());
            count += 1;
        }
    }
    count
}

fn by_iterators(blob: &[u8]) -> Vec<Read> {
    let mut decompressor = Decompressor::with_budget(BUDGET);
    let read = |batch: Batch<'_>| {
        let mut read = Read { header: batch.header(), records: Vec::new(), error: None };
        match batch.records(&mut decompressor) {
            Err(error) => read.error = Some(error),
            Ok(records) => {
                for record in records {
                    match record {
                        Ok(record) => read.records.push(record.to_owned()),
                        Err(error) => read.error = Some(error),
                    }
                }
            }
        }
        read
    };
    Batches::new(blob).verify_crc(false).flatten().map(read).collect()
}

/// The same with plain values that are kept between the calls, and every batch through a buffer.
fn by_cursors(blob: &[u8]) -> Vec<Read> {
    let (mut decompressor, mut buffer) = (Decompressor::with_budget(BUDGET), RecordBuffer::new());
    let (mut cursor, mut batches) = (BatchCursor::new().verify_crc(false), Vec::new());
    while let Some(batch) = cursor.next(blob) {
        let Ok(batch) = batch else { continue };
        let mut read = Read { header: batch.header(), records: Vec::new(), error: None };
        match decompressor.decompress(&batch, &mut buffer) {
            Err(error) => read.error = Some(error),
            Ok(mut cursor) => {
                while let Some(record) = cursor.next(&buffer) {
                    match record {
                        Ok(record) => read.records.push(record.to_owned()),
                        Err(error) => read.error = Some(error),
                    }
                }
            }
        }
        batches.push(read);
    }
    batches
}

/// Writes the batch again, uncompressed, and reads it.
fn assert_rewritten(batch: &Read) {
    let header = &batch.header;
    let mut builder = BatchBuilder::new();
    builder
        .set_base_offset(header.base_offset)
        .set_partition_leader_epoch(header.partition_leader_epoch)
        .set_producer(header.producer_id, header.producer_epoch, header.base_sequence)
        .set_transactional(header.is_transactional)
        .set_control(header.is_control)
        .set_delete_horizon(header.delete_horizon_ms);
    if header.timestamp_type == TimestampType::LogAppendTime {
        builder.set_log_append_time(Some(header.max_timestamp));
    }
    for record in &batch.records {
        let headers = record.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() });
        let headers = headers.collect::<Vec<_>>();
        let delta = record.offset.wrapping_sub(header.base_offset) as i32;
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder
            .append_at(delta, record.timestamp, key, value, &headers)
            .expect("it has been in a batch before");
    }
    builder.set_last_offset_delta(header.last_offset.wrapping_sub(header.base_offset) as i32);
    let mut written = BytesMut::new();
    builder.build_into(&mut written);

    // Checksums are right this time.
    let again = Batches::new(&written).next().expect("a batch").expect("a good one");
    let mut decompressor = Decompressor::with_budget(BUDGET);
    let records = again.records(&mut decompressor).expect("they are not compressed");
    let records = records.map(|record| record.expect("a good record").to_owned()).collect::<Vec<_>>();
    assert_eq!(records, batch.records);
    assert_eq!(facts(&again.header()), facts(header));
}

/// What a batch says that does not depend on how its records are written.
fn facts(header: &BatchHeader) -> impl PartialEq + std::fmt::Debug {
    (
        (header.base_offset, header.last_offset, header.count, header.partition_leader_epoch),
        (header.producer_id, header.producer_epoch, header.base_sequence),
        (header.is_transactional, header.is_control, header.timestamp_type, header.delete_horizon_ms),
    )
}

/// A byte that says which codec and magic, and compressed data.
pub fn decompress(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else { return };
    let Some(compression) = Compression::from_id(kind & 7) else { return };
    let blob = match (kind >> 3) % 3 {
        2 => batch_of_magic_2(compression, data),
        magic => wrapper(magic, compression, data),
    };
    let batch = Batches::new(&blob).verify_crc(false).next().expect("a batch").expect("a good one");

    let (mut used, mut buffer) = (Decompressor::with_budget(BUDGET), RecordBuffer::new());
    let first = memory::within(ALLOWED, || used.decompress(&batch, &mut buffer));
    assert!(buffer.len() <= BUDGET);
    let first = (first, buffer.to_vec());
    let again = (used.decompress(&batch, &mut buffer), buffer.to_vec());
    assert_eq!(again, first);

    let mut builder = BatchBuilder::with_compression(compression).expect("all codecs are there");
    builder.append(0, None, Some(data), &[]).expect("a small record");
    let compressed = builder.build();
    let batch = Batches::new(&compressed).next().expect("a batch").expect("a good one");
    let record = batch.records(&mut used).expect("our own").next().expect("a record").expect("a good one");
    assert_eq!(record.value, Some(data));
}

/// A batch that claims to hold a record.
fn batch_of_magic_2(compression: Compression, data: &[u8]) -> Vec<u8> {
    let mut batch = BatchBuilder::new().build().to_vec();
    batch.extend_from_slice(data);
    let size = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&size.to_be_bytes());
    batch[22] = compression.id();
    batch[57..61].copy_from_slice(&1_i32.to_be_bytes());
    batch
}

/// A message of magic 0 or 1 that holds others.
fn wrapper(magic: u8, compression: Compression, data: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 12]; // Offset and size, and four bytes of checksum.
    message.extend([0, 0, 0, 0, magic, compression.id()]);
    if magic == 1 {
        message.extend([0; 8]); // The timestamp.
    }
    message.extend((-1_i32).to_be_bytes()); // No key.
    message.extend((data.len() as i32).to_be_bytes());
    message.extend_from_slice(data);
    let size = message.len() as i32 - 12;
    message[8..12].copy_from_slice(&size.to_be_bytes());
    message
}
