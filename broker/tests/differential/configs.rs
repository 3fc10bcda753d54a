//! DescribeConfigs.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::side::Side;
use crate::{same_on_both, same_on_both_clusters};

fn describe(side: &Side, version: i16, resource: Value) -> Value {
    side.connect().ask(Api::DescribeConfigs, version, json!({ "resources": [resource] }))
}

#[test]
fn the_settings_of_a_topic_are_described() {
    same_on_both(|side| {
        let topic = side.topic_with("a", 1, &[("retention.ms", "5000"), ("cleanup.policy", "compact")]);
        for version in 1..=4 {
            describe(
                side,
                version,
                json!({ "resourceType": 2, "resourceName": topic, "configurationKeys": null }),
            );
        }
    });
}

#[test]
fn settings_can_be_asked_for_by_name() {
    same_on_both(|side| {
        let topic = side.topic_with("a", 1, &[("retention.ms", "5000")]);
        let keys = json!(["retention.ms", "segment.bytes", "no.such.thing", "retention.ms"]);
        describe(side, 4, json!({ "resourceType": 2, "resourceName": topic, "configurationKeys": keys }));
        describe(side, 4, json!({ "resourceType": 2, "resourceName": topic, "configurationKeys": [] }));
        describe(side, 1, json!({ "resourceType": 2, "resourceName": topic, "configurationKeys": [] }));
    });
}

#[test]
fn the_settings_of_a_broker_are_described() {
    same_on_both(|side| {
        let keys = json!([
            "num.partitions",
            "log.retention.ms",
            "message.max.bytes",
            "auto.create.topics.enable",
            "offsets.retention.minutes",
            "group.max.size",
            "delete.topic.enable",
            "no.such.thing",
        ]);
        let resource = json!({ "resourceType": 4, "resourceName": "1", "configurationKeys": keys });
        let mut answer =
            side.connect().ask_quietly(Api::DescribeConfigs, 4, json!({ "resources": [resource] }));
        for config in answer["results"][0]["configs"].as_array_mut().unwrap() {
            // Nothing can be altered in the embedded broker.
            config.as_object_mut().unwrap().remove("readOnly");
        }
        side.observe("of a broker", &answer);
    });
}

#[test]
fn what_has_no_settings_is_told() {
    same_on_both(|side| {
        let all = |kind: i8, name: &str| json!({ "resourceType": kind, "resourceName": name, "configurationKeys": null });
        describe(side, 4, all(2, &side.name("unknown")));
        describe(side, 4, all(2, "a b"));
        describe(side, 4, all(2, ""));
        describe(side, 4, all(4, "9"));
        describe(side, 4, all(4, "x"));
        describe(side, 4, all(0, "x"));
        describe(side, 4, all(3, "x"));
        describe(side, 4, all(99, "x"));
        side.connect().ask(Api::DescribeConfigs, 4, json!({ "resources": [] }));
    });
}

#[test]
fn where_brokers_stand_is_among_their_settings() {
    let rack = |side: &Side, broker: &str| {
        let keys = json!(["broker.rack"]);
        let resource = json!({ "resourceType": 4, "resourceName": broker, "configurationKeys": keys });
        side.connect_to(broker.parse().unwrap()).ask(
            Api::DescribeConfigs,
            4,
            json!({ "resources": [resource], "includeSynonyms": true }),
        );
    };
    same_on_both(|side| rack(side, "1"));
    same_on_both_clusters(|side| {
        rack(side, "1");
        rack(side, "3");
    });
}
