//! Record batches, to send and to read in what was observed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use milena_protocol::records::{
    BatchBuilder, Batches, Compression, ControlRecord, Decompressor, TimestampType,
};

/// The time of the first record of each batch; each of the others is one millisecond later.
pub const TIME: i64 = 1_700_000_000_000;

/// A builder with these values.
pub fn builder(values: &[&str], compression: Compression) -> BatchBuilder {
    let mut builder = BatchBuilder::with_compression(compression).unwrap();
    for (n, value) in values.iter().enumerate() {
        builder.append(TIME + n as i64, Some(b"key"), Some(value.as_bytes()), &[]).unwrap();
    }
    builder
}

/// A batch of these values, as base64.
pub fn batch(values: &[&str]) -> String {
    base64(&builder(values, Compression::None).build())
}

/// A batch of an idempotent producer.
pub fn batch_of(producer_id: i64, epoch: i16, sequence: i32, values: &[&str]) -> String {
    base64(&builder(values, Compression::None).set_producer(producer_id, epoch, sequence).build())
}

/// A batch of a transaction.
pub fn batch_in_transaction(producer_id: i64, epoch: i16, sequence: i32, values: &[&str]) -> String {
    let mut builder = builder(values, Compression::None);
    base64(&builder.set_producer(producer_id, epoch, sequence).set_transactional(true).build())
}

pub fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Batches and their records, a line for each. `producer` names a producer.
pub fn described(blob: &[u8], mut producer: impl FnMut(i64) -> String) -> String {
    if blob.is_empty() {
        return "no records".to_owned();
    }
    let blob = Bytes::copy_from_slice(blob);
    let (mut text, mut decompressor) = (String::new(), Decompressor::new());
    let mut batches = Batches::new(&blob);
    for batch in batches.by_ref() {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return text + &format!("\nbad: {:?}", error.kind()),
        };
        let header = batch.header();
        let (first, last) = (header.base_offset, header.last_offset);
        text += &format!("\nbatch {first}..={last}, magic {}, {:?}", header.magic, header.compression);
        text += &format!(", epoch {}, {}", header.partition_leader_epoch, header.timestamp_type.name());
        if header.producer_id >= 0 {
            let name = producer(header.producer_id);
            text += &format!(", {name} epoch {} from {}", header.producer_epoch, header.base_sequence);
        }
        if header.is_transactional {
            text += ", transactional";
        }
        let time = |time: i64| match header.timestamp_type {
            TimestampType::CreateTime if !header.is_control => time.to_string(),
            _ => "a time".to_owned(),
        };
        for record in batch.records(&mut decompressor).unwrap() {
            let record = record.unwrap();
            if header.is_control {
                let control = ControlRecord::parse(&record).unwrap();
                text += &format!("\n  {}: {:?} version {}", record.offset, control.kind, control.version);
                continue;
            }
            let shown = |bytes: Option<&[u8]>| match bytes {
                Some(bytes) if bytes.len() > 40 => format!("{} bytes", bytes.len()),
                Some(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
                None => "null".to_owned(),
            };
            let (key, value) = (shown(record.key), shown(record.value));
            text += &format!("\n  {}: {key} = {value} at {}", record.offset, time(record.timestamp));
        }
    }
    if let Some(trailing) = batches.trailing() {
        text += &format!("\nand {trailing:?}");
    }
    text
}
