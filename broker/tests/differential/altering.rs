//! IncrementalAlterConfigs, and what retention makes of settings that are altered while nobody writes.

use std::time::{SystemTime, UNIX_EPOCH};

use milena_protocol::Api;
use milena_protocol::records::BatchBuilder;
use serde_json::{Value, json};

use crate::produce::{read, request};
use crate::records::base64;
use crate::same_on_both;
use crate::side::{Side, embedded, kafka};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

type Change<'a> = (&'a str, i8, Option<&'a str>);

fn resource(name: &str, changes: &[Change<'_>]) -> Value {
    let configs = changes.iter().map(
        |(name, operation, value)| json!({ "name": name, "configOperation": operation, "value": value }),
    );
    json!({ "resourceType": 2, "resourceName": name, "configs": configs.collect::<Vec<_>>() })
}

fn alter(side: &Side, version: i16, resources: Value, validate_only: bool) {
    let asked = json!({ "resources": resources, "validateOnly": validate_only });
    side.connect().ask(Api::IncrementalAlterConfigs, version, asked);
}

/// Waits until a topic's setting has a value, and writes it down.
fn is_now(side: &Side, topic: &str, name: &str, value: &str) {
    let resource = json!({ "resourceType": 2, "resourceName": topic, "configurationKeys": [name] });
    let asked = json!({ "resources": [resource], "includeSynonyms": false });
    let is_there = |answer: &Value| answer["results"][0]["configs"][0]["value"] == value;
    let answer = side.connect().until(Api::DescribeConfigs, 4, asked, is_there);
    side.observe(name, &answer);
}

#[test]
fn settings_are_set_added_to_taken_from_and_go_back_to_the_default() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let now = |name: &str, value: &str| is_now(side, &topic, name, value);
        alter(side, 0, json!([resource(&topic, &[("retention.ms", SET, Some("5000"))])]), false);
        now("retention.ms", "5000");
        alter(side, 1, json!([resource(&topic, &[("cleanup.policy", APPEND, Some("compact"))])]), false);
        now("cleanup.policy", "delete,compact");
        let changes = [("cleanup.policy", SUBTRACT, Some("delete")), ("retention.ms", DELETE, None)];
        alter(side, 1, json!([resource(&topic, &changes)]), false);
        now("cleanup.policy", "compact");
        now("retention.ms", "-1");
        side.note("what is only checked");
        alter(side, 1, json!([resource(&topic, &[("retention.ms", SET, Some("7"))])]), true);
        now("retention.ms", "-1");
        side.note("what is taken from a list, and was not in it");
        alter(side, 1, json!([resource(&topic, &[("cleanup.policy", SUBTRACT, Some("delete"))])]), false);
        alter(side, 1, json!([resource(&topic, &[("cleanup.policy", APPEND, Some("compact"))])]), false);
        now("cleanup.policy", "compact");
    });
}

#[test]
fn alterations_that_are_refused() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let refused = |what: &str, resources: Value| {
            side.note(what);
            alter(side, 1, resources, false);
        };
        let one = |change: Change<'_>| json!([resource(&topic, &[change])]);
        refused("a name that there is not", one(("retention", SET, Some("1"))));
        refused("a value that it cannot have", one(("retention.ms", SET, Some("x"))));
        refused("a value out of range", one(("retention.ms", SET, Some("-2"))));
        refused("no value", one(("retention.ms", SET, None)));
        refused("an operation that there is not", one(("retention.ms", 4, Some("1"))));
        refused("an addition to what is no list", one(("retention.ms", APPEND, Some("1"))));
        refused("an addition that is not possible", one(("cleanup.policy", APPEND, Some("shred"))));
        let both = [("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))];
        refused("a name that comes twice", json!([resource(&topic, &both)]));
        let half = [("retention.ms", SET, Some("1")), ("segment.bytes", SET, Some("x"))];
        refused("one good and one bad", json!([resource(&topic, &half)]));
        let change = [("retention.ms", SET, Some("1"))];
        refused("a topic that there is not", json!([resource(&side.name("unknown"), &change)]));
        refused("no topic's name", json!([resource("a b", &change)]));
        refused("no name", json!([resource("", &change)]));
        let twice = [resource(&topic, &change), resource(&topic, &[("segment.bytes", SET, Some("1048576"))])];
        refused("a topic that comes twice", json!(twice));
        refused("nothing", json!([]));
        refused("no changes", json!([resource(&topic, &[])]));
        is_now(side, &topic, "retention.ms", "-1");
    });
}

/// The time at which both sides are there.
fn start_ms() -> i64 {
    kafka();
    embedded();
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A topic of small segments, in which batches of the same size are, each in a segment of its own.
fn written(side: &Side, time_ms: i64, ages_ms: &[i64]) -> String {
    let (topic, mut connection) =
        (side.topic_with("a", 1, &[("internal.segment.bytes", "600")]), side.connect());
    for age_ms in ages_ms {
        let mut builder = BatchBuilder::new();
        builder.append(time_ms - age_ms, None, Some(&[b'x'; 500]), &[]).unwrap();
        let asked = request(&topic, 0, -1, base64(&builder.build()).into());
        let answer = connection.ask_quietly(Api::Produce, 9, asked);
        assert_eq!(answer["responses"][0]["partitionResponses"][0]["errorCode"], 0, "{answer}");
    }
    topic
}

/// Waits until a partition begins at this offset, and writes down where it begins and ends, and what is read there.
fn begins_at(side: &Side, topic: &str, offset: i64) {
    let bound = |timestamp: i64| {
        let partition = json!({ "partitionIndex": 0, "timestamp": timestamp });
        json!({ "replicaId": -1, "isolationLevel": 0, "topics": [{ "name": topic, "partitions": [partition] }] })
    };
    let is_there = |answer: &Value| answer["topics"][0]["partitions"][0]["offset"] == offset;
    let mut connection = side.connect();
    connection.until(Api::ListOffsets, 7, bound(-2), is_there);
    connection.ask(Api::ListOffsets, 7, bound(-2));
    connection.ask(Api::ListOffsets, 7, bound(-1));
    read(side, topic, 0, 0);
    if offset > 0 {
        read(side, topic, 0, offset);
    }
}

const HOUR_MS: i64 = 3_600_000;

#[test]
fn a_topic_is_emptied_by_a_setting_that_is_altered() {
    let now = start_ms();
    same_on_both(|side| {
        let topic = written(side, now, &[2 * HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS]);
        begins_at(side, &topic, 0);
        alter(side, 1, json!([resource(&topic, &[("retention.ms", SET, Some("60000"))])]), false);
        begins_at(side, &topic, 3);
    });
}

#[test]
fn records_that_are_young_enough_stay() {
    let now = start_ms();
    same_on_both(|side| {
        let ages = [3 * HOUR_MS, 2 * HOUR_MS, 0, 2 * HOUR_MS, 0];
        let topic = written(side, now, &ages);
        alter(side, 1, json!([resource(&topic, &[("retention.ms", SET, Some("3600000"))])]), false);
        begins_at(side, &topic, 2);
    });
}

#[test]
fn the_oldest_segments_go_where_there_are_too_many_bytes() {
    let now = start_ms();
    same_on_both(|side| {
        let topic = written(side, now, &[0; 8]);
        alter(side, 1, json!([resource(&topic, &[("retention.bytes", SET, Some("2000"))])]), false);
        // Each batch has 573 bytes, and what is left must not be less than 2000.
        begins_at(side, &topic, 4);
        side.note("nothing may be left");
        alter(side, 1, json!([resource(&topic, &[("retention.bytes", SET, Some("0"))])]), false);
        begins_at(side, &topic, 8);
    });
}
