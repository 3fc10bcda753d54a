//! Produce: what is appended, and what is refused.

use milena_protocol::Api;
use milena_protocol::records::{BatchBuilder, Compression, LegacyBuilder};
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::records::{TIME, base64, batch, builder};
use crate::same_on_both;
use crate::side::Side;

/// A request for one partition.
pub fn request(topic: &str, partition: i32, acks: i16, records: Value) -> Value {
    let data = json!([{ "index": partition, "records": records }]);
    json!({ "acks": acks, "timeoutMs": 30000, "topicData": [{ "name": topic, "partitionData": data }] })
}

pub fn produce(connection: &mut Connection<'_>, topic: &str, records: impl Into<Value>) -> Value {
    connection.ask(Api::Produce, 9, request(topic, 0, -1, records.into()))
}

/// Reads a partition from an offset on, and writes it down.
pub fn read(side: &Side, topic: &str, partition: i32, offset: i64) {
    let partition = json!({ "partition": partition, "fetchOffset": offset, "partitionMaxBytes": 1 << 20 });
    let asked = json!({
        "replicaId": -1, "maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 24,
        "topics": [{ "topic": topic, "partitions": [partition] }],
    });
    side.connect().ask(Api::Fetch, 12, asked);
}

#[test]
fn every_version_appends() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let id = side.topic_id(&topic);
        for version in 3..=13 {
            let mut asked = request(&topic, 0, -1, batch(&["a", "b"]).into());
            if version == 13 {
                asked["topicData"][0].as_object_mut().unwrap().remove("name");
                asked["topicData"][0]["topicId"] = id.clone();
            }
            connection.ask(Api::Produce, version, asked);
        }
        read(side, &topic, 0, 0);
    });
}

#[test]
fn acks_are_none_one_or_all() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        for acks in [1, -1, 2, -2] {
            side.note(format!("acks {acks}"));
            connection.ask(Api::Produce, 9, request(&topic, 0, acks, batch(&["x"]).into()));
        }
    });
}

#[test]
fn t26_acks_0_have_no_answer() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        connection.send(Api::Produce, 9, request(&topic, 0, 0, batch(&["x"]).into()));
        // The next answer is that to the next request.
        connection.ask(Api::Produce, 9, request(&topic, 0, 1, batch(&["y"]).into()));
        read(side, &topic, 0, 0);
        // What goes wrong closes the connection.
        connection.send(Api::Produce, 9, request(&side.name("unknown"), 0, 0, batch(&["x"]).into()));
        connection.send(Api::Metadata, 9, json!({ "topics": [] }));
        connection.receive();
    });
}

#[test]
fn topics_and_partitions_that_there_are_not() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        for (name, partition) in [(side.name("unknown"), 0), (topic.clone(), 1), (topic.clone(), -1)] {
            connection.ask(Api::Produce, 9, request(&name, partition, -1, batch(&["x"]).into()));
        }
        let unknown = json!({ "topicId": "AAAAAAAAAAAAAAAAAAAABQ", "partitionData": [{ "index": 0, "records": batch(&["x"]) }] });
        connection.ask(Api::Produce, 13, json!({ "acks": -1, "timeoutMs": 1000, "topicData": [unknown] }));
        let both =
            json!([{ "index": 0, "records": batch(&["x"]) }, { "index": 9, "records": batch(&["x"]) }]);
        let asked =
            json!({ "acks": -1, "timeoutMs": 1000, "topicData": [{ "name": topic, "partitionData": both }] });
        connection.ask(Api::Produce, 9, asked);
        connection.ask(Api::Produce, 9, json!({ "acks": -1, "timeoutMs": 1000, "topicData": [] }));
        // Internal topics belong to the brokers.
        connection.ask(Api::Produce, 9, request("__consumer_offsets", 0, -1, batch(&["x"]).into()));
    });
}

#[test]
fn a_missing_topic_is_not_created_by_a_producer() {
    same_on_both(|side| {
        let (name, mut connection) = (side.name("new"), side.connect());
        produce(&mut connection, &name, batch(&["x"]));
        let asked = json!({ "topics": [{ "name": name }], "allowAutoTopicCreation": false });
        connection.ask(Api::Metadata, 9, asked);
    });
}

#[test]
fn no_records() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        for version in [3, 9] {
            side.connect().ask(Api::Produce, version, request(&topic, 0, -1, "".into()));
        }
        // (Where records are null, Kafka never answers.)
        let no_records = BatchBuilder::new().build();
        produce(&mut side.connect(), &topic, base64(&no_records));
    });
}

#[test]
fn batches_that_are_damaged() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let good = builder(&["a", "b", "c"], Compression::None).build();
        let mut changed = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.to_vec();
            change(&mut bytes);
            side.note(what);
            produce(&mut connection, &topic, base64(&bytes));
        };
        changed("a wrong checksum", &|bytes| bytes[20] ^= 1);
        changed("a changed record", &|bytes| *bytes.last_mut().unwrap() ^= 1);
        changed("magic 3", &|bytes| bytes[16] = 3);
        changed("magic -1", &|bytes| bytes[16] = 0xff);
        changed("the end is missing", &|bytes| bytes.truncate(bytes.len() - 3));
        changed("a header only", &|bytes| bytes.truncate(61));
        changed("a part of the header", &|bytes| bytes.truncate(20));
        changed("a size that is too small", &|bytes| bytes[11] = 13);
        changed("a negative size", &|bytes| bytes[8] = 0xff);
        let mut damaged = good.to_vec();
        damaged[16] = 3;
        let two =
            json!([{ "index": 0, "records": base64(&good) }, { "index": 1, "records": base64(&damaged) }]);
        let asked =
            json!({ "acks": -1, "timeoutMs": 1000, "topicData": [{ "name": topic, "partitionData": two }] });
        connection.ask(Api::Produce, 9, asked);
        let mut changed = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.to_vec();
            change(&mut bytes);
            side.note(what);
            produce(&mut connection, &topic, base64(&bytes));
        };
        changed("a leader epoch, which the broker sets", &|bytes| bytes[15] = 9);
        changed("a base offset, which the broker sets", &|bytes| bytes[7] = 9);
        read(side, &topic, 0, 0);
    });
}

#[test]
fn batches_whose_header_does_not_fit_their_records() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let good = || builder(&["a", "b", "c"], Compression::None);
        let mut with = |what: &str, bytes: &[u8]| {
            side.note(what);
            produce(&mut connection, &topic, base64(bytes));
        };
        with("one offset more than records", &good().set_last_offset_delta(3).build());
        with("one offset less than records", &good().set_last_offset_delta(1).build());
        with("a control batch", &good().set_control(true).build());
        with("log append time", &good().set_log_append_time(Some(TIME)).build());
        with("a producer without epoch", &good().set_producer(1, -1, 0).build());
        with("a producer without sequence", &good().set_producer(1, 0, -1).build());
        with("a transaction without producer", &good().set_transactional(true).build());
        let mut two = good().build().to_vec();
        two.extend(good().build());
        with("two batches", &two);
        let mut gap = BatchBuilder::new();
        gap.append_at(0, TIME, None, Some(b"a"), &[]).unwrap();
        gap.append_at(2, TIME, None, Some(b"b"), &[]).unwrap();
        with("a gap between offsets", &gap.build());
        read(side, &topic, 0, 0);
    });
}

#[test]
fn t23_old_formats_are_for_old_requests() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        for magic in [0, 1] {
            let mut builder = LegacyBuilder::new(magic, Compression::None).unwrap();
            builder.append(0, TIME, Some(b"key"), Some(b"value")).unwrap();
            let records = base64(&builder.build());
            side.note(format!("magic {magic}"));
            for version in [3, 9] {
                side.connect().ask(Api::Produce, version, request(&topic, 0, -1, records.clone().into()));
            }
        }
    });
}

#[test]
fn a19_every_compression_is_kept_as_it_came() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            produce(&mut connection, &topic, base64(&builder(&["a", "b"], compression).build()));
        }
        // zstd came with version 7 (KIP-110).
        let zstd = base64(&builder(&["a"], Compression::Zstd).build());
        connection.ask(Api::Produce, 6, request(&topic, 0, -1, zstd.into()));
        let mut damaged = builder(&["a", "b"], Compression::Gzip).build().to_vec();
        damaged.truncate(damaged.len() - 5);
        let size = damaged.len() as i32 - 12;
        damaged[8..12].copy_from_slice(&size.to_be_bytes());
        produce(&mut connection, &topic, base64(&damaged));
        read(side, &topic, 0, 0);
    });
}

#[test]
fn a_topic_can_compress_anew() {
    same_on_both(|side| {
        let mut connection = side.connect();
        for to in ["gzip", "lz4", "uncompressed"] {
            let topic = side.topic_with(to, 1, &[("compression.type", to)]);
            for from in [Compression::None, Compression::Snappy] {
                produce(&mut connection, &topic, base64(&builder(&["a", "b"], from).build()));
            }
            read(side, &topic, 0, 0);
        }
    });
}

#[test]
fn oversized_batches_are_refused() {
    same_on_both(|side| {
        let (topic, mut connection) =
            (side.topic_with("a", 1, &[("max.message.bytes", "1000")]), side.connect());
        let large = "x".repeat(1000);
        produce(&mut connection, &topic, batch(&[&large]));
        produce(&mut connection, &topic, batch(&[&large[..800]]));
        // Compressed it is small enough.
        produce(&mut connection, &topic, base64(&builder(&[&large], Compression::Gzip).build()));
        read(side, &topic, 0, 0);
    });
}

#[test]
fn t23_log_append_time_is_the_brokers() {
    same_on_both(|side| {
        let settings = [("message.timestamp.type", "LogAppendTime")];
        let (topic, mut connection) = (side.topic_with("a", 1, &settings), side.connect());
        produce(&mut connection, &topic, batch(&["a", "b"]));
        produce(&mut connection, &topic, base64(&builder(&["c"], Compression::Gzip).build()));
        read(side, &topic, 0, 0);
    });
}

#[test]
fn timestamps_far_away_are_refused() {
    same_on_both(|side| {
        let settings = [("message.timestamp.before.max.ms", "1000")];
        let (topic, mut connection) = (side.topic_with("a", 1, &settings), side.connect());
        produce(&mut connection, &topic, batch(&["a", "b"]));
        let mut future = BatchBuilder::new();
        future.append(4_000_000_000_000, None, Some(b"a"), &[]).unwrap();
        let topic = side.topic("b", 1);
        produce(&mut connection, &topic, base64(&future.build()));
        let mut none = BatchBuilder::new();
        none.append(-1, None, Some(b"a"), &[]).unwrap();
        produce(&mut connection, &topic, base64(&none.build()));
        read(side, &topic, 0, 0);
    });
}

#[test]
fn a_compacted_topic_wants_keys() {
    same_on_both(|side| {
        let (topic, mut connection) =
            (side.topic_with("a", 1, &[("cleanup.policy", "compact")]), side.connect());
        produce(&mut connection, &topic, batch(&["a"]));
        let mut builder = BatchBuilder::new();
        builder.append(TIME, Some(b"k"), Some(b"a"), &[]).unwrap();
        builder.append(TIME, None, Some(b"b"), &[]).unwrap();
        produce(&mut connection, &topic, base64(&builder.build()));
        read(side, &topic, 0, 0);
    });
}

#[test]
fn too_few_replicas_in_sync_refuse_acks_all() {
    same_on_both(|side| {
        let (topic, mut connection) =
            (side.topic_with("a", 1, &[("min.insync.replicas", "2")]), side.connect());
        for acks in [-1, 1] {
            connection.ask(Api::Produce, 9, request(&topic, 0, acks, batch(&["x"]).into()));
        }
        read(side, &topic, 0, 0);
    });
}

#[test]
fn t23_null_and_empty_and_headers_stay() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let mut builder = BatchBuilder::new();
        builder.append(TIME, None, None, &[]).unwrap();
        builder.append(TIME - 5, Some(b""), Some(b""), &[]).unwrap();
        produce(&mut connection, &topic, base64(&builder.build()));
        read(side, &topic, 0, 0);
    });
}
