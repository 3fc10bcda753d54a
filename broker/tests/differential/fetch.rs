//! Fetch without a session: places, sizes, waiting, epochs.

use milena_protocol::Api;
use milena_protocol::records::Compression;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::produce::produce;
use crate::records::{base64, batch, builder};
use crate::same_on_both;
use crate::side::Side;

/// A request for partition 0 of a topic, by its name.
pub fn request(topic: &str, partition: Value) -> Value {
    let mut asked = json!({ "partition": 0, "fetchOffset": 0, "partitionMaxBytes": 1 << 20 });
    merge(&mut asked, &partition);
    json!({
        "replicaId": -1, "maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 24,
        "topics": [{ "topic": topic, "partitions": [asked] }],
    })
}

/// Sets the fields of the second in the first.
pub fn merge(into: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        into[name] = value.clone();
    }
}

/// A topic with batches of one, two and three records, on one partition.
fn filled(side: &Side, connection: &mut Connection<'_>) -> String {
    let topic = side.topic("a", 1);
    for values in [&["a"] as &[&str], &["b", "c"], &["d", "e", "f"]] {
        produce(connection, &topic, batch(values));
    }
    topic
}

#[test]
fn every_version_reads() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        let id = side.topic_id(&topic);
        for version in 4..=18 {
            let mut asked = request(&topic, json!({}));
            if version >= 13 {
                asked["topics"][0] = json!({ "topicId": id, "partitions": asked["topics"][0]["partitions"] });
            }
            if version >= 15 {
                asked.as_object_mut().unwrap().remove("replicaId");
            }
            connection.ask(Api::Fetch, version, asked);
        }
    });
}

#[test]
fn t3_whole_batches_come_from_the_one_with_the_offset_on() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        for offset in 0..=6 {
            connection.ask(Api::Fetch, 12, request(&topic, json!({ "fetchOffset": offset })));
        }
    });
}

#[test]
fn t17_offsets_out_of_range() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        for offset in [-1, -2, 7, 100] {
            connection.ask(Api::Fetch, 12, request(&topic, json!({ "fetchOffset": offset })));
        }
        // Below the start, after records were deleted.
        let partition = json!({ "partitionIndex": 0, "offset": 3 });
        let asked = json!({ "topics": [{ "name": topic, "partitions": [partition] }], "timeoutMs": 30000 });
        connection.ask(Api::DeleteRecords, 2, asked);
        for offset in [0, 2, 3, 4] {
            connection.ask(Api::Fetch, 12, request(&topic, json!({ "fetchOffset": offset })));
        }
    });
}

#[test]
fn t21_at_least_one_batch_comes_however_large() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        let large = "x".repeat(5000);
        produce(&mut connection, &topic, batch(&[&large]));
        produce(&mut connection, &topic, batch(&["y"]));
        let size = builder(&["a"], Compression::None).build().len();
        for (offset, bytes) in
            [(0, 1), (0, 0), (0, size), (0, size + 1), (0, 2 * size), (6, 1), (6, 5000), (7, 10)]
        {
            side.note(format!("{bytes} bytes of the partition, from {offset}"));
            let asked = request(&topic, json!({ "fetchOffset": offset, "partitionMaxBytes": bytes }));
            connection.ask(Api::Fetch, 12, asked);
        }
        for bytes in [0, 1, 2 * size] {
            side.note(format!("{bytes} bytes of all"));
            let mut asked = request(&topic, json!({}));
            asked["maxBytes"] = bytes.into();
            connection.ask(Api::Fetch, 12, asked);
        }
    });
}

#[test]
fn the_limit_of_bytes_is_for_all_partitions() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 3), side.connect());
        let value = "x".repeat(1000);
        for partition in 0..3 {
            for _ in 0..2 {
                let asked = crate::produce::request(&topic, partition, -1, batch(&[&value]).into());
                connection.ask_quietly(Api::Produce, 9, asked);
            }
        }
        for bytes in [500, 1500, 2500, 10_000] {
            side.note(format!("{bytes} bytes"));
            let partitions: Vec<Value> = [1, 0, 2]
                .iter()
                .map(|n| json!({ "partition": n, "fetchOffset": 0, "partitionMaxBytes": 1200 }))
                .collect();
            let mut asked = request(&topic, json!({}));
            asked["maxBytes"] = bytes.into();
            asked["topics"][0]["partitions"] = partitions.into();
            connection.ask(Api::Fetch, 12, asked);
        }
    });
}

#[test]
fn a_fetch_waits_for_bytes_and_no_longer_than_it_says() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let mut asked = request(&topic, json!({}));
        // Nothing comes.
        (asked["minBytes"], asked["maxWaitMs"]) = (1.into(), 50.into());
        connection.ask(Api::Fetch, 12, asked.clone());
        // Something comes.
        asked["maxWaitMs"] = 50_000.into();
        connection.send(Api::Fetch, 12, asked.clone());
        produce(&mut side.connect(), &topic, batch(&["a"]));
        connection.receive();
        // Not enough comes in time.
        (asked["minBytes"], asked["maxWaitMs"]) = (10_000.into(), 50.into());
        connection.ask(Api::Fetch, 12, asked.clone());
        // Enough comes.
        asked["maxWaitMs"] = 50_000.into();
        connection.send(Api::Fetch, 12, asked.clone());
        let value = "x".repeat(10_000);
        produce(&mut side.connect(), &topic, batch(&[&value]));
        connection.receive();
    });
}

#[test]
fn a_fetch_that_waits_hears_of_errors_at_once() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let mut asked = request(&topic, json!({ "partition": 7 }));
        (asked["minBytes"], asked["maxWaitMs"]) = (1.into(), 50_000.into());
        connection.ask(Api::Fetch, 12, asked.clone());
        asked["topics"][0]["topic"] = side.name("unknown").into();
        connection.ask(Api::Fetch, 12, asked.clone());
        asked["topics"] = json!([]);
        connection.ask(Api::Fetch, 12, asked);
    });
}

#[test]
fn what_there_is_not_cannot_be_read() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        produce(&mut connection, &topic, batch(&["a"]));
        for (name, partition) in [(side.name("unknown"), 0), (topic.clone(), 1), (topic.clone(), -1)] {
            connection.ask(Api::Fetch, 12, request(&name, json!({ "partition": partition })));
        }
        let id = side.topic_id(&topic);
        for (id, partition) in
            [(id, 5), ("AAAAAAAAAAAAAAAAAAAABQ".into(), 0), ("AAAAAAAAAAAAAAAAAAAAAA".into(), 0)]
        {
            let mut asked = request(&topic, json!({ "partition": partition }));
            asked["topics"][0] = json!({ "topicId": id, "partitions": asked["topics"][0]["partitions"] });
            connection.ask(Api::Fetch, 13, asked);
        }
    });
}

#[test]
fn t18_epochs_too_old_and_too_new() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        for epoch in [-1, 0, 1, 5] {
            connection.ask(Api::Fetch, 12, request(&topic, json!({ "currentLeaderEpoch": epoch })));
            connection.ask(Api::Fetch, 9, request(&topic, json!({ "currentLeaderEpoch": epoch })));
        }
        // The epoch of the last record that was read (KIP-595).
        for epoch in [-1, 0, 1] {
            let asked = json!({ "fetchOffset": 3, "lastFetchedEpoch": epoch });
            connection.ask(Api::Fetch, 12, request(&topic, asked));
        }
    });
}

#[test]
fn a_client_that_says_it_is_a_replica() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        for replica in [-2, -3] {
            let mut asked = request(&topic, json!({}));
            asked["replicaId"] = replica.into();
            connection.ask(Api::Fetch, 12, asked);
        }
    });
}

#[test]
fn zstd_is_kept_from_clients_that_cannot_know_it() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        produce(&mut connection, &topic, base64(&builder(&["a"], Compression::Zstd).build()));
        for version in [9, 10] {
            connection.ask(Api::Fetch, version, request(&topic, json!({})));
        }
    });
}
