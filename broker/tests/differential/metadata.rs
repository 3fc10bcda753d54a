//! Metadata, DescribeCluster, DescribeTopicPartitions.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::same_on_both;

/// Leaves the topics of the scenario.
fn only_own(mut answer: Value, prefix: &str) -> Value {
    let is_own = |topic: &Value| topic["name"].as_str().is_some_and(|name| name.starts_with(prefix));
    answer["topics"].as_array_mut().unwrap().retain(is_own);
    answer
}

#[test]
fn every_version_tells_of_brokers_and_topics() {
    same_on_both(|side| {
        let topics = [side.topic("a", 3), side.topic("b", 1)];
        for version in 0..=13 {
            let asked: Vec<Value> = topics.iter().map(|name| json!({ "name": name })).collect();
            let mut asked = json!({ "topics": asked });
            if version >= 8 {
                asked["includeTopicAuthorizedOperations"] = true.into();
            }
            if (8..=10).contains(&version) {
                asked["includeClusterAuthorizedOperations"] = true.into();
            }
            side.connect().ask(Api::Metadata, version, asked);
        }
    });
}

#[test]
fn t27_no_topics_means_all_in_version_0_and_none_later() {
    same_on_both(|side| {
        side.topic("a", 1);
        for (version, topics) in
            [(0, json!([])), (1, json!([])), (1, json!(null)), (12, json!([])), (12, json!(null))]
        {
            let asked = json!({ "topics": topics });
            let answer = side.connect().ask_quietly(Api::Metadata, version, asked);
            side.observe(&format!("v{version} {topics}"), &only_own(answer, &side.name("")));
        }
    });
}

#[test]
fn an_unknown_topic_is_told_or_created() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let unknown = json!([{ "name": side.name("unknown") }]);
        for version in [4, 8, 12, 13] {
            let asked = json!({ "topics": unknown, "allowAutoTopicCreation": false });
            connection.ask(Api::Metadata, version, asked);
        }
        let topics = json!([{ "name": side.name("new") }]);
        let asked = json!({ "topics": topics, "allowAutoTopicCreation": true });
        connection.ask(Api::Metadata, 9, asked.clone());
        side.wait_for_topic(&side.name("new"), 2);
        connection.ask(Api::Metadata, 9, asked);
        // Before version 4 there is no choice.
        connection.ask(Api::Metadata, 3, json!({ "topics": [{ "name": side.name("old") }] }));
        side.wait_for_topic(&side.name("old"), 2);
    });
}

#[test]
fn names_that_cannot_be_are_told() {
    same_on_both(|side| {
        let mut connection = side.connect();
        for name in ["", ".", "..", "a b", "a/b", &"x".repeat(250), "ä"] {
            for create in [true, false] {
                let asked = json!({ "topics": [{ "name": name }], "allowAutoTopicCreation": create });
                connection.ask(Api::Metadata, 12, asked);
            }
        }
        side.topic("a.b", 1);
        let collides = side.name("a_b");
        connection.ask(Api::Metadata, 12, json!({ "topics": [{ "name": collides }] }));
    });
}

#[test]
fn t20_a_topic_is_found_by_its_id() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = side.topic("a", 1);
        let id = side.topic_id(&topic);
        connection.ask(Api::Metadata, 12, json!({ "topics": [{ "name": null, "topicId": id }] }));
        connection.ask(Api::Metadata, 13, json!({ "topics": [{ "name": null, "topicId": id }] }));
        // With a name too, the name is not asked.
        connection.ask(Api::Metadata, 12, json!({ "topics": [{ "name": "other", "topicId": id }] }));
        let unknown = "AAAAAAAAAAAAAAAAAAAABQ";
        connection.ask(Api::Metadata, 12, json!({ "topics": [{ "name": null, "topicId": unknown }] }));
        let both = json!([{ "name": null, "topicId": id }, { "name": topic }]);
        connection.ask(Api::Metadata, 12, json!({ "topics": both }));
    });
}

#[test]
fn ids_and_missing_names_are_for_versions_that_have_them() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let id = side.topic_id(&topic);
        for version in [10, 11] {
            side.connect().ask(
                Api::Metadata,
                version,
                json!({ "topics": [{ "name": topic, "topicId": id }] }),
            );
            side.connect().ask(
                Api::Metadata,
                version,
                json!({ "topics": [{ "name": null, "topicId": id }] }),
            );
        }
        side.connect().ask(Api::Metadata, 12, json!({ "topics": [{ "name": null }] }));
    });
}

#[test]
fn a_topic_that_is_asked_for_twice() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let twice = json!({ "topics": [{ "name": topic }, { "name": topic }] });
        side.connect().ask(Api::Metadata, 9, twice);
    });
}

#[test]
fn the_cluster_is_described() {
    same_on_both(|side| {
        for version in 0..=2 {
            side.connect().ask(Api::DescribeCluster, version, json!({}));
            let asked = json!({ "includeClusterAuthorizedOperations": true });
            side.connect().ask(Api::DescribeCluster, version, asked);
        }
        let controllers = side.connect().ask_quietly(Api::DescribeCluster, 1, json!({ "endpointType": 2 }));
        side.note(format!("controllers: {}", controllers["errorCode"]));
        side.connect().ask(Api::DescribeCluster, 1, json!({ "endpointType": 3 }));
    });
}

#[test]
fn partitions_are_described_page_by_page() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topics = [side.topic("a", 3), side.topic("b", 2), side.name("unknown")];
        let asked: Vec<Value> = topics.iter().map(|name| json!({ "name": name })).collect();
        connection.ask(
            Api::DescribeTopicPartitions,
            0,
            json!({ "topics": asked, "responsePartitionLimit": 100 }),
        );
        let first = json!({ "topics": asked, "responsePartitionLimit": 2 });
        let page = connection.ask(Api::DescribeTopicPartitions, 0, first);
        let next = json!({ "topics": asked, "responsePartitionLimit": 2, "cursor": page["nextCursor"] });
        let page = connection.ask(Api::DescribeTopicPartitions, 0, next);
        let next = json!({ "topics": asked, "responsePartitionLimit": 100, "cursor": page["nextCursor"] });
        connection.ask(Api::DescribeTopicPartitions, 0, next);
        let bad = json!({ "topicName": topics[0], "partitionIndex": -1 });
        let asked = json!({ "topics": asked, "responsePartitionLimit": 2, "cursor": bad });
        side.connect().ask(Api::DescribeTopicPartitions, 0, asked);
    });
}

#[test]
fn the_topics_behind_groups_and_transactions() {
    same_on_both(|side| {
        let topics = json!([{ "name": "__consumer_offsets" }, { "name": "__transaction_state" }]);
        side.connect().ask(Api::Metadata, 12, json!({ "topics": topics }));
        side.connect().ask(Api::DescribeTopicPartitions, 0, json!({ "topics": topics }));
    });
}
