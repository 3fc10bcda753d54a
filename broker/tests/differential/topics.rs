//! Topics: created, enlarged, deleted.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::same_on_both;
use crate::side::Side;

fn create(side: &Side, version: i16, topic: Value) -> Value {
    side.connect().ask(Api::CreateTopics, version, json!({ "topics": [topic], "timeoutMs": 60000 }))
}

#[test]
fn every_version_creates_topics() {
    same_on_both(|side| {
        for version in 2..=7 {
            let name = side.name(&format!("v{version}"));
            create(side, version, json!({ "name": name, "numPartitions": 3, "replicationFactor": 1 }));
            // Again.
            create(side, version, json!({ "name": name, "numPartitions": 3, "replicationFactor": 1 }));
            side.wait_for_topic(&name, 3);
        }
    });
}

#[test]
fn the_defaults_of_a_topic_are_the_brokers() {
    same_on_both(|side| {
        create(side, 7, json!({ "name": side.name("a"), "numPartitions": -1, "replicationFactor": -1 }));
        create(side, 4, json!({ "name": side.name("b"), "numPartitions": -1, "replicationFactor": -1 }));
        let answer =
            side.connect().ask_quietly(Api::Metadata, 9, json!({ "topics": [{ "name": side.name("a") }] }));
        side.note(format!("{} partitions", answer["topics"][0]["partitions"].as_array().unwrap().len()));
    });
}

#[test]
fn topics_that_cannot_be_are_told() {
    same_on_both(|side| {
        let n = |partitions: i32, replicas: i32| json!({ "name": side.name("a"), "numPartitions": partitions, "replicationFactor": replicas });
        create(side, 7, n(0, 1));
        create(side, 7, n(-2, 1));
        create(side, 7, n(1, 0));
        create(side, 7, n(1, -2));
        create(side, 7, n(1, 2));
        create(side, 7, n(10_001, 1));
        for name in ["", ".", "..", "a b", "ä", &"x".repeat(250), "__cluster_metadata"] {
            create(side, 7, json!({ "name": name, "numPartitions": 1, "replicationFactor": 1 }));
        }
    });
}

#[test]
fn names_that_differ_in_dots_only_collide() {
    same_on_both(|side| {
        side.topic("a.b", 1);
        create(side, 7, json!({ "name": side.name("a_b"), "numPartitions": 1, "replicationFactor": 1 }));
    });
}

#[test]
fn a_topic_named_twice_is_not_created() {
    same_on_both(|side| {
        let topic = json!({ "name": side.name("a"), "numPartitions": 1, "replicationFactor": 1 });
        let other = json!({ "name": side.name("b"), "numPartitions": 1, "replicationFactor": 1 });
        let asked = json!({ "topics": [topic, other, topic], "timeoutMs": 60000 });
        side.connect().ask(Api::CreateTopics, 7, asked);
    });
}

#[test]
fn replicas_can_be_assigned() {
    same_on_both(|side| {
        let topic = |name: &str, assignments: Value| {
            json!({
                "name": side.name(name), "numPartitions": -1, "replicationFactor": -1, "assignments": assignments,
            })
        };
        let on =
            |partition: i32, brokers: &[i32]| json!({ "partitionIndex": partition, "brokerIds": brokers });
        create(side, 7, topic("good", json!([on(0, &[1]), on(1, &[1])])));
        create(side, 7, topic("unknown", json!([on(0, &[9])])));
        create(side, 7, topic("gap", json!([on(0, &[1]), on(2, &[1])])));
        create(side, 7, topic("twice", json!([on(0, &[1]), on(0, &[1])])));
        create(side, 7, topic("none", json!([on(0, &[])])));
        create(side, 7, topic("same", json!([on(0, &[1, 1])])));
        create(side, 7, topic("uneven", json!([on(0, &[1]), on(1, &[1, 2])])));
        let mut both = topic("both", json!([on(0, &[1])]));
        both["numPartitions"] = 1.into();
        create(side, 7, both);
    });
}

#[test]
fn settings_of_topics_are_checked() {
    same_on_both(|side| {
        let with = |configs: Value| {
            let name = side.name("a");
            json!({ "name": name, "numPartitions": 1, "replicationFactor": 1, "configs": configs })
        };
        create(side, 7, with(json!([{ "name": "no.such.thing", "value": "1" }])));
        create(side, 7, with(json!([{ "name": "retention.ms", "value": "soon" }])));
        create(side, 7, with(json!([{ "name": "retention.ms", "value": "-2" }])));
        create(side, 7, with(json!([{ "name": "cleanup.policy", "value": "burn" }])));
        create(side, 7, with(json!([{ "name": "compression.type", "value": "rar" }])));
        create(side, 7, with(json!([{ "name": "retention.ms", "value": null }])));
        create(side, 7, with(json!([{ "name": "segment.bytes", "value": "1" }])));
        create(side, 7, with(json!([{ "name": "min.insync.replicas", "value": "0" }])));
        create(side, 7, with(json!([{ "name": "message.timestamp.type", "value": "Never" }])));
    });
}

#[test]
fn what_is_only_validated_is_not_created() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = json!({ "name": side.name("a"), "numPartitions": 2, "replicationFactor": 1 });
        for version in [4, 7] {
            let asked = json!({ "topics": [topic], "timeoutMs": 60000, "validateOnly": true });
            let mut answer = connection.ask_quietly(Api::CreateTopics, version, asked);
            answer["topics"][0].as_object_mut().unwrap().remove("configs");
            side.observe("validated", &answer);
        }
        let asked = json!({ "topics": [{ "name": side.name("a") }], "allowAutoTopicCreation": false });
        connection.ask(Api::Metadata, 9, asked);
    });
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    same_on_both(|side| {
        let mut connection = side.connect();
        for version in 1..=5 {
            let topic = side.topic(&format!("v{version}"), 1);
            let asked = json!({ "topicNames": [topic, side.name("unknown")], "timeoutMs": 60000 });
            connection.ask(Api::DeleteTopics, version, asked.clone());
            connection.until(Api::DeleteTopics, version, asked, |a| a["responses"][0]["errorCode"] == 3);
        }
        let topics = [side.topic("a", 1), side.topic("b", 1)];
        let id = side.topic_id(&topics[1]);
        let unknown = "AAAAAAAAAAAAAAAAAAAABQ";
        let asked = json!([
            { "name": topics[0] }, { "name": null, "topicId": id }, { "name": side.name("unknown") },
            { "name": null, "topicId": unknown },
        ]);
        connection.ask(Api::DeleteTopics, 6, json!({ "topics": asked, "timeoutMs": 60000 }));
        let topic = side.topic("c", 1);
        let id = side.topic_id(&topic);
        let both = json!([{ "name": topic, "topicId": id }, { "name": null }]);
        connection.ask(Api::DeleteTopics, 6, json!({ "topics": both, "timeoutMs": 60000 }));
        let twice = json!([{ "name": topic }, { "name": topic }]);
        connection.ask(Api::DeleteTopics, 6, json!({ "topics": twice, "timeoutMs": 60000 }));
        let twice = json!([{ "name": topic }, { "name": null, "topicId": id }]);
        connection.ask(Api::DeleteTopics, 6, json!({ "topics": twice, "timeoutMs": 60000 }));
    });
}

#[test]
fn a21_a_topic_created_again_is_another_topic() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = side.topic("a", 1);
        let first = side.topic_id(&topic);
        let asked = json!({ "topics": [{ "name": topic }], "timeoutMs": 60000 });
        connection.ask(Api::DeleteTopics, 6, asked.clone());
        connection.until(Api::DeleteTopics, 6, asked, |answer| answer["responses"][0]["errorCode"] == 3);
        let asked = json!({ "name": topic, "numPartitions": 1, "replicationFactor": 1 });
        let asked = json!({ "topics": [asked], "timeoutMs": 60000 });
        connection.until(Api::CreateTopics, 7, asked, |answer| answer["topics"][0]["errorCode"] == 0);
        side.wait_for_topic(&topic, 1);
        side.note(format!("the same id: {}", side.topic_id(&topic) == first));
        connection.ask(Api::Metadata, 12, json!({ "topics": [{ "name": null, "topicId": first }] }));
        connection.ask(Api::Metadata, 12, json!({ "topics": [{ "name": topic }] }));
    });
}

#[test]
fn partitions_are_added() {
    same_on_both(|side| {
        let topic = side.topic("a", 2);
        let add = |version: i16, topics: Value, validate_only: bool| {
            let asked = json!({ "topics": topics, "timeoutMs": 60000, "validateOnly": validate_only });
            side.connect().ask(Api::CreatePartitions, version, asked);
        };
        let to = |count: i32, assignments: Value| json!([{ "name": topic, "count": count, "assignments": assignments }]);
        for count in [-1, 0, 1, 2] {
            add(3, to(count, json!(null)), false);
        }
        add(3, to(3, json!(null)), true);
        add(3, to(3, json!(null)), false);
        add(0, to(4, json!([{ "brokerIds": [1] }])), false);
        side.wait_for_topic(&topic, 4);
        add(3, to(6, json!([{ "brokerIds": [1] }])), false);
        add(3, to(5, json!([{ "brokerIds": [9] }])), false);
        add(3, to(5, json!([{ "brokerIds": [] }])), false);
        add(3, to(5, json!([{ "brokerIds": [1, 1] }])), false);
        add(3, to(5, json!([])), false);
        add(3, json!([{ "name": side.name("unknown"), "count": 3, "assignments": null }]), false);
        add(3, to(20_000, json!(null)), true);
        let twice = json!({ "name": topic, "count": 5, "assignments": null });
        add(3, json!([twice, twice]), false);
        side.connect().ask(Api::Metadata, 9, json!({ "topics": [{ "name": topic }] }));
    });
}
