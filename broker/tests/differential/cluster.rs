//! A cluster of three: who leads, who coordinates, who may be read from.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::commits::{commit, wanted};
use crate::fetch::request as fetch_request;
use crate::groups::{heartbeat, join, sync};
use crate::moves::{STAYING, group_in};
use crate::produce::request as produce_request;
use crate::records::batch;
use crate::same_on_both_clusters;
use crate::side::Side;

/// Creates a topic with these replicas, the first of each the leader.
pub fn placed(side: &Side, name: &str, replicas: &[&[i32]]) -> String {
    let name = side.name(name);
    let assignments: Vec<Value> = replicas
        .iter()
        .enumerate()
        .map(|(n, brokers)| json!({ "partitionIndex": n, "brokerIds": brokers }))
        .collect();
    let topic = json!({
        "name": name, "numPartitions": -1, "replicationFactor": -1, "assignments": assignments,
    });
    let answer =
        side.connect().ask_quietly(Api::CreateTopics, 7, json!({ "topics": [topic], "timeoutMs": 60000 }));
    assert_eq!(answer["topics"][0]["errorCode"], 0, "{answer}");
    for (n, brokers) in replicas.iter().enumerate() {
        // Known to its leader, and all brokers know of it.
        let partition = json!({ "partitionIndex": n, "timestamp": -1 });
        let asked = json!({ "replicaId": -1, "topics": [{ "name": name, "partitions": [partition] }] });
        side.connect_to(brokers[0]).until(Api::ListOffsets, 5, asked, |answer| {
            answer["topics"][0]["partitions"][0]["errorCode"] == 0
        });
        for node in 1..=3 {
            let asked = json!({ "topics": [{ "name": name }], "allowAutoTopicCreation": false });
            side.connect_to(node).until(Api::Metadata, 12, asked, |answer| {
                let partitions = answer["topics"][0]["partitions"].as_array().unwrap();
                partitions.len() == replicas.len()
                    && partitions
                        .iter()
                        .all(|p| p["isrNodes"].as_array().unwrap().len() == replicas[n].len().max(1))
            });
        }
    }
    name
}

#[test]
fn all_brokers_tell_the_same_of_the_cluster() {
    same_on_both_clusters(|side| {
        let topic = placed(side, "a", &[&[2, 3, 1], &[3, 1, 2]]);
        for node in 1..=3 {
            let answer = side.connect_to(node).ask_quietly(
                Api::Metadata,
                12,
                json!({ "topics": [{ "name": topic }] }),
            );
            side.observe("topics", &json!({ "topics": answer["topics"] }));
            side.observe("brokers", &json!({ "brokers": answer["brokers"] }));
        }
        let topics = json!([{ "name": topic }]);
        side.connect_to(2).ask(Api::DescribeTopicPartitions, 0, json!({ "topics": topics }));
    });
}

#[test]
fn who_does_not_lead_says_who_does() {
    same_on_both_clusters(|side| {
        let topic = placed(side, "a", &[&[2, 3]]);
        let id = side.topic_id(&topic);
        for node in [2, 3, 1] {
            side.note(format!("to {node}"));
            let mut connection = side.connect_to(node);
            if node == 3 {
                // A follower hears a little later of what all have.
                let asked = fetch_request(&topic, json!({}));
                connection.until(Api::Fetch, 12, asked, |answer| {
                    answer["responses"][0]["partitions"][0]["highWatermark"] == 3
                });
            }
            for version in [9, 10, 12] {
                connection.ask(Api::Produce, version, produce_request(&topic, 0, -1, batch(&["a"]).into()));
            }
            for version in [4, 11, 12] {
                connection.ask(Api::Fetch, version, fetch_request(&topic, json!({})));
            }
            for epoch in [-1, 0, 5] {
                let mut asked = fetch_request(&topic, json!({ "currentLeaderEpoch": epoch }));
                asked["topics"][0] = json!({ "topicId": id, "partitions": asked["topics"][0]["partitions"] });
                asked.as_object_mut().unwrap().remove("replicaId");
                connection.ask(Api::Fetch, 16, asked);
            }
            let partition = json!({ "partitionIndex": 0, "timestamp": -1 });
            let asked = json!({ "replicaId": -1, "topics": [{ "name": topic, "partitions": [partition] }] });
            connection.ask(Api::ListOffsets, 7, asked);
            let partition = json!({ "partition": 0, "leaderEpoch": 0, "currentLeaderEpoch": -1 });
            let asked = json!({ "topics": [{ "topic": topic, "partitions": [partition] }] });
            connection.ask(Api::OffsetForLeaderEpoch, 4, asked);
            let partition = json!({ "partitionIndex": 0, "offset": 0 });
            let asked =
                json!({ "topics": [{ "name": topic, "partitions": [partition] }], "timeoutMs": 1000 });
            connection.ask(Api::DeleteRecords, 2, asked);
        }
    });
}

#[test]
fn t17_a_reader_in_a_rack_is_sent_to_the_replica_there() {
    same_on_both_clusters(|side| {
        let topic = placed(side, "a", &[&[1, 2, 3]]);
        let mut leader = side.connect_to(1);
        leader.ask(Api::Produce, 9, produce_request(&topic, 0, -1, batch(&["a"]).into()));
        let from = |rack: &str, offset: i64| {
            let mut asked = fetch_request(&topic, json!({ "fetchOffset": offset }));
            asked["rackId"] = rack.into();
            asked
        };
        // Until the leader has heard from all of them how far they are.
        for rack in ["b", "c"] {
            let asked = from(rack, 0);
            let answer = leader.until(Api::Fetch, 12, asked, |answer| {
                answer["responses"][0]["partitions"][0]["preferredReadReplica"] != -1
            });
            side.observe(rack, &answer);
        }
        for (rack, offset) in [("a", 0), ("nowhere", 0), ("", 0), ("b", 7)] {
            side.note(format!("rack {rack:?}, from {offset}"));
            leader.ask(Api::Fetch, 12, from(rack, offset));
        }
        side.note("from a follower");
        let mut follower = side.connect_to(2);
        let answer = follower.until(Api::Fetch, 12, from("b", 0), |answer| {
            answer["responses"][0]["partitions"][0]["highWatermark"] == 1
        });
        side.observe("follower", &answer);
        for (version, offset) in [(12, 1), (12, 2), (12, 70), (10, 0)] {
            side.note(format!("from {offset}"));
            let mut asked = from("b", offset);
            if version < 11 {
                asked.as_object_mut().unwrap().remove("rackId");
            }
            follower.ask(Api::Fetch, version, asked);
        }
    });
}

#[test]
fn who_does_not_coordinate_a_group_says_so() {
    same_on_both_clusters(|side| {
        let (topic, group) = (placed(side, "a", &[&[1]]), group_in(side, STAYING));
        let mut other = side.connect_to(side.coordinator(&group, 0) % 3 + 1);
        other.ask(Api::JoinGroup, 9, join(&group, "", json!({})));
        other.ask(Api::SyncGroup, 5, sync(&group, 1, "m", &[]));
        other.ask(Api::Heartbeat, 4, heartbeat(&group, 1, "m"));
        other.ask(Api::LeaveGroup, 5, json!({ "groupId": group, "members": [{ "memberId": "m" }] }));
        other.ask(Api::LeaveGroup, 2, json!({ "groupId": group, "memberId": "m" }));
        other.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 1, "")]));
        other.ask(Api::OffsetFetch, 8, wanted(&group, Some((&topic, &[0]))));
        let asked = json!({ "groupId": group, "topics": [{ "name": topic, "partitionIndexes": [0] }] });
        other.ask(Api::OffsetFetch, 7, asked.clone());
        other.ask(Api::OffsetFetch, 1, asked);
        other.ask(Api::DescribeGroups, 5, json!({ "groups": [group] }));
        other.ask(Api::DeleteGroups, 2, json!({ "groupsNames": [group] }));
        let asked = json!({ "groupId": group, "topics": [{ "name": topic, "partitions": [{ "partitionIndex": 0 }] }] });
        other.ask(Api::OffsetDelete, 0, asked);
        other.ask(Api::ConsumerGroupDescribe, 1, json!({ "groupIds": [group] }));
        let asked = crate::consumer_groups::first(&group, "m", &[&topic], json!({}));
        other.ask(Api::ConsumerGroupHeartbeat, 1, asked);
    });
}

#[test]
fn who_does_not_coordinate_a_transaction_says_so() {
    same_on_both_clusters(|side| {
        let (topic, id) = (placed(side, "a", &[&[1]]), side.name("t"));
        let mut other = side.connect_to(side.coordinator(&id, 1) % 3 + 1);
        other.ask(Api::InitProducerId, 4, json!({ "transactionalId": id, "transactionTimeoutMs": 1000 }));
        let asked = json!({
            "v3AndBelowTransactionalId": id, "v3AndBelowProducerId": 1, "v3AndBelowProducerEpoch": 0,
            "v3AndBelowTopics": [{ "name": topic, "partitions": [0] }],
        });
        other.ask(Api::AddPartitionsToTxn, 3, asked);
        let asked = json!({ "transactionalId": id, "groupId": "g", "producerId": 1, "producerEpoch": 0 });
        other.ask(Api::AddOffsetsToTxn, 3, asked);
        let asked = json!({ "transactionalId": id, "producerId": 1, "producerEpoch": 0, "committed": true });
        other.ask(Api::EndTxn, 3, asked);
    });
}

#[test]
fn topics_on_three_brokers() {
    same_on_both_clusters(|side| {
        let create = |name: &str, fields: Value| {
            let mut topic = json!({ "name": side.name(name) });
            crate::fetch::merge(&mut topic, &fields);
            let asked = json!({ "topics": [topic], "timeoutMs": 60000, "validateOnly": true });
            let mut answer = side.connect().ask_quietly(Api::CreateTopics, 7, asked);
            answer["topics"][0].as_object_mut().unwrap().remove("configs");
            side.observe(name, &answer);
        };
        create("four", json!({ "numPartitions": 1, "replicationFactor": 4 }));
        create("three", json!({ "numPartitions": 2, "replicationFactor": 3 }));
        let on =
            |partition: i32, brokers: &[i32]| json!({ "partitionIndex": partition, "brokerIds": brokers });
        let with = |assignments: Value| json!({ "numPartitions": -1, "replicationFactor": -1, "assignments": assignments });
        create("uneven", with(json!([on(0, &[1, 2]), on(1, &[3])])));
        create("same", with(json!([on(0, &[1, 1])])));
        create("unknown", with(json!([on(0, &[1, 9])])));
    });
}

#[test]
fn topics_are_neither_created_by_asking_nor_deleted_where_settings_say_so() {
    same_on_both_clusters(|side| {
        let topics = json!([{ "name": side.name("unknown") }]);
        side.connect().ask(Api::Metadata, 12, json!({ "topics": topics, "allowAutoTopicCreation": true }));
        let topic = placed(side, "a", &[&[1]]);
        for version in [1, 2, 3, 5] {
            let asked = json!({ "topicNames": [topic, side.name("unknown")], "timeoutMs": 1000 });
            side.connect().ask(Api::DeleteTopics, version, asked);
        }
        side.connect().ask(Api::DeleteTopics, 6, json!({ "topics": topics, "timeoutMs": 1000 }));
        side.connect().ask(Api::Metadata, 12, json!({ "topics": [{ "name": topic }] }));
    });
}
