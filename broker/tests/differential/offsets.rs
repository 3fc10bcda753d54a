//! ListOffsets, OffsetForLeaderEpoch, DeleteRecords.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::produce::{produce, read};
use crate::records::{TIME, batch};
use crate::same_on_both;
use crate::side::Side;

fn request(topic: &str, timestamp: i64) -> Value {
    let partition = json!({ "partitionIndex": 0, "timestamp": timestamp });
    json!({ "replicaId": -1, "topics": [{ "name": topic, "partitions": [partition] }] })
}

fn filled(side: &Side, connection: &mut Connection<'_>) -> String {
    let topic = side.topic("a", 1);
    // Times begin anew in each batch.
    for values in [&["a"] as &[&str], &["b", "c"], &["d", "e", "f"], &["g"]] {
        produce(connection, &topic, batch(values));
    }
    topic
}

fn delete(connection: &mut Connection<'_>, topic: &str, partition: i32, offset: i64) -> Value {
    let partition = json!({ "partitionIndex": partition, "offset": offset });
    let asked = json!({ "topics": [{ "name": topic, "partitions": [partition] }], "timeoutMs": 30000 });
    connection.ask(Api::DeleteRecords, 2, asked)
}

#[test]
fn every_version_lists_offsets() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        for version in 1..=11 {
            for timestamp in [-1, -2] {
                connection.ask(Api::ListOffsets, version, request(&topic, timestamp));
            }
        }
    });
}

#[test]
fn special_times_are_for_versions_that_have_them() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        for version in [1, 6, 7, 8, 9, 10, 11] {
            for timestamp in [-3, -4, -5, -6, -7] {
                side.note(format!("{timestamp}"));
                connection.ask(Api::ListOffsets, version, request(&topic, timestamp));
            }
        }
    });
}

#[test]
fn a23_a_time_gives_the_first_record_that_is_not_older() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        for timestamp in [0, TIME - 1, TIME, TIME + 1, TIME + 2, TIME + 3, i64::MAX] {
            side.note(format!("{timestamp}"));
            let answer = connection.ask_quietly(Api::ListOffsets, 7, request(&topic, timestamp));
            side.note(answer["topics"].to_string());
        }
        delete(&mut connection, &topic, 0, 2);
        for timestamp in [0, TIME, TIME + 2] {
            let answer = connection.ask_quietly(Api::ListOffsets, 7, request(&topic, timestamp));
            side.note(answer["topics"].to_string());
        }
    });
}

#[test]
fn an_empty_partition_has_ends_too() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        for timestamp in [-1, -2, -3, 0, TIME] {
            connection.ask(Api::ListOffsets, 7, request(&topic, timestamp));
        }
    });
}

#[test]
fn offsets_of_what_there_is_not() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        connection.ask(Api::ListOffsets, 7, request(&side.name("unknown"), -1));
        let mut asked = request(&topic, -1);
        asked["topics"][0]["partitions"][0]["partitionIndex"] = 5.into();
        connection.ask(Api::ListOffsets, 7, asked);
        let mut asked = request(&topic, -1);
        let partition = asked["topics"][0]["partitions"][0].clone();
        asked["topics"][0]["partitions"] = json!([partition, partition]);
        connection.ask(Api::ListOffsets, 7, asked);
        for epoch in [-1, 0, 1] {
            let mut asked = request(&topic, -1);
            asked["topics"][0]["partitions"][0]["currentLeaderEpoch"] = epoch.into();
            connection.ask(Api::ListOffsets, 7, asked);
        }
        connection.ask(Api::ListOffsets, 7, json!({ "replicaId": -1, "topics": [] }));
    });
}

#[test]
fn t18_the_end_of_an_epoch() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        for version in [2, 3, 4] {
            for (epoch, current) in [(0, -1), (0, 0), (0, 5), (1, -1), (-1, -1), (7, 0)] {
                side.note(format!("epoch {epoch}, current {current}"));
                let partition =
                    json!({ "partition": 0, "leaderEpoch": epoch, "currentLeaderEpoch": current });
                let asked = json!({ "topics": [{ "topic": topic, "partitions": [partition] }] });
                connection.ask(Api::OffsetForLeaderEpoch, version, asked);
            }
        }
        for (name, partition) in [(side.name("unknown"), 0), (topic, 3)] {
            let partition = json!({ "partition": partition, "leaderEpoch": 0 });
            let asked = json!({ "topics": [{ "topic": name, "partitions": [partition] }] });
            connection.ask(Api::OffsetForLeaderEpoch, 4, asked);
        }
    });
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = filled(side, &mut connection);
        delete(&mut connection, &topic, 0, 2);
        read(side, &topic, 0, 2);
        connection.ask(Api::ListOffsets, 7, request(&topic, -2));
        for offset in [1, 0, -2, 8, 100] {
            side.note(format!("to {offset}"));
            delete(&mut connection, &topic, 0, offset);
        }
        side.note("all");
        delete(&mut connection, &topic, 0, -1);
        for timestamp in [-1, -2] {
            connection.ask(Api::ListOffsets, 7, request(&topic, timestamp));
        }
        produce(&mut connection, &topic, batch(&["x"]));
        delete(&mut connection, &topic, 3, 0);
        delete(&mut connection, &side.name("unknown"), 0, 0);
    });
}

#[test]
fn records_of_a_compacted_topic_are_not_deleted() {
    same_on_both(|side| {
        let mut connection = side.connect();
        for policy in ["compact", "compact,delete"] {
            let topic = side.topic_with(&policy.replace(',', "-"), 1, &[("cleanup.policy", policy)]);
            produce(&mut connection, &topic, batch(&["a", "b"]));
            delete(&mut connection, &topic, 0, 1);
        }
    });
}
