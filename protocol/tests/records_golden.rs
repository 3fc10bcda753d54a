//! Reads every blob of `testdata/records`, and compares each field with what Kafka's own classes read.
#![cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use milena_protocol::records::{BatchHeader, Batches, Decompressor, Record, RecordCursor, RecordError};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/records")
}

/// The blobs whose names do, or do not, begin with `broken-`.
fn blobs(broken: bool) -> Vec<PathBuf> {
    let mut blobs: Vec<_> = fs::read_dir(folder())
        .expect("testdata/records is there")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("broken-") == broken)
        .collect();
    blobs.sort();
    blobs
}

/// The expected lines of a blob; none when it has no such file.
fn lines(blob: &Path) -> Vec<Value> {
    let text = fs::read_to_string(blob.with_extension("jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What `milena records` prints for a blob, and the error that ends it.
fn read(blob: &[u8]) -> (Vec<Value>, Option<RecordError>) {
    let mut lines = Vec::new();
    let error = read_into(blob, &mut lines).err();
    (lines, error)
}

fn read_into(blob: &[u8], lines: &mut Vec<Value>) -> Result<(), RecordError> {
    let mut decompressor = Decompressor::new();
    for batch in Batches::new(blob) {
        let batch = batch?;
        let records = batch.records(&mut decompressor)?;
        lines.push(batch_line(&batch, &records.cursor()));
        for record in records {
            lines.push(record_line(&record?));
        }
    }
    Ok(())
}

/// The cursor is at the batch's start. It knows two things that the headers of magic 0 and 1 do not say.
fn batch_line(batch: &BatchHeader, start: &RecordCursor) -> Value {
    json!({"batch": {
        "baseOffset": start.base_offset(),
        "lastOffset": batch.last_offset,
        "magic": batch.magic,
        "compression": batch.compression.name(),
        "timestampType": batch.timestamp_type.name(),
        "producerId": batch.producer_id,
        "producerEpoch": batch.producer_epoch,
        "baseSequence": batch.base_sequence,
        "partitionLeaderEpoch": batch.partition_leader_epoch,
        "isTransactional": batch.is_transactional,
        "isControl": batch.is_control,
        "deleteHorizonMs": batch.delete_horizon_ms,
        "crc": batch.crc,
        "count": batch.count.map_or(start.remaining(), |count| count as usize),
    }})
}

fn record_line(record: &Record<'_>) -> Value {
    let bytes = |bytes: Option<&[u8]>| bytes.map(|bytes| BASE64.encode(bytes));
    let headers: Vec<_> = record
        .headers()
        .map(|header| json!([header.key_str().expect("Kafka's header keys are UTF-8"), bytes(header.value)]))
        .collect();
    json!({
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": bytes(record.key),
        "value": bytes(record.value),
        "headers": headers,
    })
}

#[test]
fn every_blob_reads_as_kafka_reads_it() {
    let blobs = blobs(false);
    assert!(blobs.len() > 50, "testdata/records has {} blobs", blobs.len());
    for path in blobs {
        let name = path.display();
        assert!(path.with_extension("jsonl").exists(), "{name} has no expected lines");
        let (found, error) = read(&fs::read(&path).unwrap());
        assert_eq!(error.map(|error| error.to_string()), None, "{name}");
        let expected = lines(&path);
        for (line, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "{name}, line {}", line + 1);
        }
        assert_eq!(found.len(), expected.len(), "{name}");
    }
}

#[test]
fn every_broken_blob_is_an_error_behind_what_came_before_the_break() {
    let blobs = blobs(true);
    assert!(blobs.len() > 20, "testdata/records has {} broken blobs", blobs.len());
    for path in blobs {
        let name = path.display();
        let (found, error) = read(&fs::read(&path).unwrap());
        assert!(error.is_some(), "{name} reads without an error");
        let expected = lines(&path);
        assert_eq!(found.get(..expected.len()), Some(&expected[..]), "{name}");
    }
}
