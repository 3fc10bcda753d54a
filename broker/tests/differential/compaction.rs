//! Compaction: what is left of a log, batch by batch.
//!
//! Records are as old as the test, and `min.compaction.lag.ms` keeps them from being compacted before all are written: so
//! both sides compact the same in one go.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use milena_protocol::Api;
use milena_protocol::records::{BatchBuilder, Batches, Compression, Decompressor};
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::produce::request;
use crate::records::base64;
use crate::same_on_both;
use crate::side::{Side, embedded, kafka};

/// Longer than it takes to write everything, even on a busy machine.
const LAG_MS: i64 = 12_000;

/// The time at which both sides are there.
fn start_ms() -> i64 {
    kafka();
    embedded();
    now_ms()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn topic(side: &Side, more: &[(&str, &str)]) -> String {
    let lag = LAG_MS.to_string();
    let settings = [
        ("cleanup.policy", "compact"),
        ("internal.segment.bytes", "600"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("min.compaction.lag.ms", lag.as_str()),
    ];
    side.topic_with("a", 1, &[&settings[..], more].concat())
}

/// A key and its value, by their names; `-` is none.
fn batch(mut builder: BatchBuilder, time_ms: i64, records: &str) -> String {
    for record in records.split(' ') {
        let (key, value) = record.split_once('=').unwrap();
        let value = Some(value.as_bytes()).filter(|value| *value != b"-");
        builder.append(time_ms, Some(key.as_bytes()), value, &[]).unwrap();
    }
    base64(&builder.build())
}

fn write(connection: &mut Connection<'_>, topic: &str, batch: String) {
    let answer = connection.ask_quietly(Api::Produce, 9, request(topic, 0, -1, batch.into()));
    let code = &answer["responses"][0]["partitionResponses"][0]["errorCode"];
    assert_eq!(*code, 0, "{answer}");
}

fn plain() -> BatchBuilder {
    BatchBuilder::new()
}

/// Ends the segment that is written to, so that all before it can be compacted.
fn roll(connection: &mut Connection<'_>, topic: &str, time_ms: i64) {
    let value = "x".repeat(500);
    for _ in 0..2 {
        write(connection, topic, batch(plain(), time_ms, &format!("last={value}")));
    }
}

fn fetch(topic: &str, offset: i64) -> Value {
    let partition = json!({ "partition": 0, "fetchOffset": offset, "partitionMaxBytes": 1 << 20 });
    json!({
        "replicaId": -1, "maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 24, "isolationLevel": 1,
        "topics": [{ "topic": topic, "partitions": [partition] }],
    })
}

/// All keys, with the offsets of their records.
fn keys(connection: &mut Connection<'_>, topic: &str) -> Vec<String> {
    let (mut offset, mut keys, mut decompressor) = (0, Vec::new(), Decompressor::new());
    loop {
        let answer = connection.ask_quietly(Api::Fetch, 12, fetch(topic, offset));
        let records = &answer["responses"][0]["partitions"][0]["records"];
        let blob = BASE64.decode(records.as_str().unwrap_or_default()).unwrap();
        if blob.is_empty() {
            return keys;
        }
        for batch in Batches::new(&blob) {
            let batch = batch.unwrap();
            offset = batch.last_offset + 1;
            if batch.is_control {
                continue;
            }
            for record in batch.records(&mut decompressor).unwrap() {
                let record = record.unwrap();
                keys.push(format!("{} at {}", String::from_utf8_lossy(record.key.unwrap()), record.offset));
            }
        }
    }
}

/// Waits until these records are left before the last two, and writes down what is read from every offset on.
fn compacted(side: &Side, topic: &str, expected: &[&str]) {
    let mut connection = side.connect();
    let deadline = std::time::Instant::now() + crate::connection::PATIENCE;
    loop {
        let keys = keys(&mut connection, topic);
        let left: Vec<&String> = keys.iter().filter(|key| !key.starts_with("last")).collect();
        if left == expected {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{left:?} are left, not {expected:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let end = json!({
        "replicaId": -1, "isolationLevel": 0,
        "topics": [{ "name": topic, "partitions": [{ "partitionIndex": 0, "timestamp": -1 }] }],
    });
    let end = connection.ask(Api::ListOffsets, 7, end)["topics"][0]["partitions"][0]["offset"].as_i64();
    for offset in 0..end.unwrap() {
        side.note(format!("from {offset} on"));
        let mut answer = connection.ask_quietly(Api::Fetch, 12, fetch(topic, offset));
        // Whether an aborted transaction without records is still known depends on how often Kafka's cleaner has been there.
        answer["responses"][0]["partitions"][0].as_object_mut().unwrap().remove("abortedTransactions");
        side.observe("Fetch", &answer);
    }
}

#[test]
fn t1_the_last_value_of_each_key_stays_where_it_was() {
    let now = start_ms();
    same_on_both(|side| {
        let (topic, mut connection) = (topic(side, &[]), side.connect());
        for records in ["a=1 b=1 c=1", "a=2 c=2", "d=1", "d=2", "e=1 e=2 a=3", "b=2"] {
            write(&mut connection, &topic, batch(plain(), now, records));
        }
        for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let builder = BatchBuilder::with_compression(compression).unwrap();
            let name = compression.name();
            write(&mut connection, &topic, batch(builder, now, &format!("z=1 {name}=1 z=2 {name}=2 z=3")));
        }
        roll(&mut connection, &topic, now);
        let expected = [
            "c at 4",
            "d at 6",
            "e at 8",
            "a at 9",
            "b at 10",
            "gzip at 14",
            "snappy at 19",
            "lz4 at 24",
            "zstd at 29",
            "z at 30",
        ];
        compacted(side, &topic, &expected);
    });
}

#[test]
fn a_tombstone_stays_for_a_while() {
    let now = start_ms();
    same_on_both(|side| {
        let (topic, mut connection) = (topic(side, &[("delete.retention.ms", "1")]), side.connect());
        for records in ["a=1 b=1", "a=- b=2", "c=-", "d=1"] {
            write(&mut connection, &topic, batch(plain(), now, records));
        }
        roll(&mut connection, &topic, now);
        compacted(side, &topic, &["a at 2", "b at 3", "c at 4", "d at 5"]);
        // Something has to be dirty before it is compacted again.
        let later = now_ms();
        write(&mut connection, &topic, batch(plain(), later, "d=2"));
        roll(&mut connection, &topic, later);
        let mut connection = side.connect();
        let deadline = std::time::Instant::now() + crate::connection::PATIENCE;
        loop {
            let keys = keys(&mut connection, &topic);
            let left: Vec<&String> = keys.iter().filter(|key| !key.starts_with("last")).collect();
            if left == ["b at 3", "d at 8"] {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{left:?} are left");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
}

#[test]
fn t4_aborted_records_go_and_producers_stay_known() {
    let now = start_ms();
    same_on_both(|side| {
        let (topic, mut connection) = (topic(side, &[]), side.connect());
        let id = side.name("p");
        let key = json!({ "key": id, "keyType": 1 });
        connection.until(Api::FindCoordinator, 1, key, |answer| answer["errorCode"] == 0);
        let asked = json!({ "transactionalId": id, "transactionTimeoutMs": 60000 });
        let begun = connection.until(Api::InitProducerId, 2, asked, |answer| answer["errorCode"] == 0);
        let (producer_id, mut epoch) = (begun["producerId"].as_i64().unwrap(), 0);
        write(&mut connection, &topic, batch(plain(), now, "a=kept b=old"));
        for (records, committed) in
            [("a=lost c=lost", false), ("b=new d=1", true), ("d=2", true), ("c=1", false)]
        {
            let mut builder = plain();
            builder.set_producer(producer_id, epoch, 0).set_transactional(true);
            let mut asked = request(&topic, 0, -1, batch(builder, now, records).into());
            asked["transactionalId"] = id.as_str().into();
            // The transaction before may not be over yet.
            connection.until(Api::Produce, 12, asked, |answer| {
                answer["responses"][0]["partitionResponses"][0]["errorCode"] == 0
            });
            let asked = json!({
                "transactionalId": id, "producerId": producer_id, "producerEpoch": epoch, "committed": committed,
            });
            let ended = connection.ask_quietly(Api::EndTxn, 5, asked);
            assert_eq!(ended["errorCode"], 0, "{ended}");
            epoch = ended["producerEpoch"].as_i64().unwrap() as i16;
            // Until the marker is there.
            let end = json!({
                "replicaId": -1, "isolationLevel": 1,
                "topics": [{ "name": topic, "partitions": [{ "partitionIndex": 0, "timestamp": -1 }] }],
            });
            let mut high = end.clone();
            high["isolationLevel"] = 0.into();
            let offset = |answer: &Value| answer["topics"][0]["partitions"][0]["offset"].clone();
            let high = offset(&connection.ask_quietly(Api::ListOffsets, 7, high));
            connection.until(Api::ListOffsets, 7, end, |answer| offset(answer).as_i64() >= high.as_i64());
        }
        let mut builder = plain();
        builder.set_producer(9_000_000, 3, 7);
        write(&mut connection, &topic, batch(builder, now, "e=1 f=1"));
        write(&mut connection, &topic, batch(plain(), now, "e=2 f=2"));
        roll(&mut connection, &topic, now);
        compacted(side, &topic, &["a at 0", "b at 5", "d at 8", "e at 14", "f at 15"]);
    });
}
