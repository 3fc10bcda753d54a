//! Leaders and coordinators move.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::cluster::placed;
use crate::commits::{all, commit, wanted};
use crate::fetch::request as fetch_request;
use crate::groups::{enter, heartbeat, sync};
use crate::produce::request as produce_request;
use crate::records::batch;
use crate::same_on_both_clusters;
use crate::side::Side;

fn end_of_epoch(topic: &str, epoch: i32, current: i32) -> Value {
    let partition = json!({ "partition": 0, "leaderEpoch": epoch, "currentLeaderEpoch": current });
    json!({ "topics": [{ "topic": topic, "partitions": [partition] }] })
}

fn latest(topic: &str) -> Value {
    json!({ "replicaId": -1, "topics": [{ "name": topic, "partitions": [{ "partitionIndex": 0, "timestamp": -1 }] }] })
}

/// Waits until a broker leads partition 0.
fn wait_until_it_leads(side: &Side, node_id: i32, topic: &str) {
    side.connect_to(node_id).until(Api::ListOffsets, 7, latest(topic), |answer| {
        answer["topics"][0]["partitions"][0]["errorCode"] == 0
    });
}

fn move_to(side: &Side, topic: &str, replicas: &[i32]) {
    side.move_leader(topic, 0, replicas);
    wait_until_it_leads(side, replicas[0], topic);
}

#[test]
fn t18_a_new_leader_begins_a_new_epoch() {
    same_on_both_clusters(|side| {
        let topic = placed(side, "a", &[&[1, 2]]);
        let produce = |node: i32, value: &str| {
            let asked = produce_request(&topic, 0, -1, batch(&[value]).into());
            side.connect_to(node).ask(Api::Produce, 9, asked);
        };
        produce(1, "a");
        produce(1, "b");
        move_to(side, &topic, &[2, 1]);
        produce(2, "c");
        let mut new = side.connect_to(2);
        side.note("what the new leader says");
        new.ask(Api::Fetch, 12, fetch_request(&topic, json!({})));
        for epoch in [0, 1, 2] {
            new.ask(Api::Fetch, 12, fetch_request(&topic, json!({ "currentLeaderEpoch": epoch })));
            new.ask(Api::OffsetForLeaderEpoch, 4, end_of_epoch(&topic, epoch, -1));
            new.ask(Api::OffsetForLeaderEpoch, 4, end_of_epoch(&topic, 0, epoch));
            let mut asked = latest(&topic);
            asked["topics"][0]["partitions"][0]["currentLeaderEpoch"] = epoch.into();
            new.ask(Api::ListOffsets, 7, asked);
        }
        side.note("where a log that was read has another end");
        for (offset, epoch) in [(2, 0), (3, 0), (3, 1), (3, 7)] {
            let asked = json!({ "fetchOffset": offset, "lastFetchedEpoch": epoch, "currentLeaderEpoch": 1 });
            new.ask(Api::Fetch, 12, fetch_request(&topic, asked));
        }
        side.note("what the old leader says");
        let mut old = side.connect_to(1);
        old.ask(Api::OffsetForLeaderEpoch, 4, end_of_epoch(&topic, 0, -1));
        old.ask(Api::ListOffsets, 7, latest(&topic));
        old.ask(Api::Produce, 10, produce_request(&topic, 0, -1, batch(&["x"]).into()));
        for epoch in [0, 2] {
            old.ask(Api::Fetch, 12, fetch_request(&topic, json!({ "currentLeaderEpoch": epoch })));
        }
    });
}

#[test]
fn t16_a_session_hears_that_the_leader_has_moved() {
    same_on_both_clusters(|side| {
        let topic = placed(side, "a", &[&[1, 2]]);
        let id = side.topic_id(&topic);
        let request = |session: &Value, epoch: i32| {
            let mut asked = fetch_request(&topic, json!({ "currentLeaderEpoch": 0 }));
            asked.as_object_mut().unwrap().remove("replicaId");
            (asked["sessionId"], asked["sessionEpoch"]) = (session.clone(), epoch.into());
            asked["topics"][0] = json!({ "topicId": id, "partitions": asked["topics"][0]["partitions"] });
            asked
        };
        let mut connection = side.connect_to(1);
        let session = connection.ask(Api::Fetch, 16, request(&json!(0), 0))["sessionId"].clone();
        let mut quiet = request(&session, 1);
        quiet["topics"] = json!([]);
        connection.ask(Api::Fetch, 16, quiet.clone());
        move_to(side, &topic, &[2, 1]);
        quiet["sessionEpoch"] = 2.into();
        // The old leader may still have to hear of it, and says so with another epoch each time.
        let answer = connection.ask(Api::Fetch, 16, quiet);
        side.note(format!("{} topics", answer["responses"].as_array().unwrap().len()));
    });
}

#[test]
fn a_fetch_that_waits_ends_when_the_leader_moves() {
    same_on_both_clusters(|side| {
        let topic = placed(side, "a", &[&[1, 2]]);
        let mut asked = fetch_request(&topic, json!({ "currentLeaderEpoch": 0 }));
        (asked["minBytes"], asked["maxWaitMs"]) = (1.into(), 25_000.into());
        let mut connection = side.connect_to(1);
        connection.send(Api::Fetch, 12, asked);
        move_to(side, &topic, &[2, 1]);
        connection.receive();
    });
}

/// A name whose hash (that of Java's `String`) gives this partition of `__consumer_offsets`.
fn in_offsets_partition(side: &Side, partition: i32) -> String {
    let hash =
        |name: &str| name.bytes().fold(0i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let mut names = (0..).map(|n| side.name(&format!("g{n}")));
    names.find(|name| hash(name).wrapping_abs() % 4 == partition).expect("some name will do")
}

/// The partition that moves; no other scenario of the cluster has groups there.
const MOVING: i32 = 3;
/// Where groups stay where they are.
pub const STAYING: i32 = 0;

pub fn group_in(side: &Side, partition: i32) -> String {
    in_offsets_partition(side, partition)
}

#[test]
fn a16_a_group_moves_with_its_coordinator() {
    same_on_both_clusters(|side| {
        let (topic, group) = (placed(side, "a", &[&[1]]), group_in(side, MOVING));
        let from = side.coordinator(&group, 0);
        let mut old = side.connect_to(from);
        let member = enter(&mut old, &group, json!({}));
        old.receive();
        old.ask(Api::SyncGroup, 5, sync(&group, 1, &member, &[(&member, "all")]));
        old.ask(Api::OffsetCommit, 9, commit(&group, 1, &member, &topic, &[(0, 5, "here")]));
        let to = from % 3 + 1;
        let third = to % 3 + 1;
        side.move_leader("__consumer_offsets", MOVING, &[to, from, third]);
        let mut new = side.connect_to(to);
        // (Heartbeats are good already while the group is being loaded.)
        new.until(Api::DescribeGroups, 5, json!({ "groups": [group] }), |answer| {
            answer["groups"][0]["groupState"] == "Stable"
        });
        // A4: until it knows what its followers have, Kafka's new coordinator says that nothing was committed.
        new.until(Api::OffsetFetch, 8, wanted(&group, None), |answer| {
            answer["groups"][0]["topics"].as_array().is_some_and(|topics| topics.len() == 1)
        });
        side.note(format!("found at the new one: {}", side.coordinator(&group, 0) == to));
        side.note("the old one");
        old.until(Api::Heartbeat, 4, heartbeat(&group, 1, &member), |answer| answer["errorCode"] == 16);
        old.ask(Api::OffsetCommit, 9, commit(&group, 1, &member, &topic, &[(0, 6, "")]));
        all(&mut old, &group);
        side.note("the new one");
        new.ask(Api::DescribeGroups, 5, json!({ "groups": [group] }));
        all(&mut new, &group);
        new.ask(Api::SyncGroup, 5, sync(&group, 1, &member, &[]));
        new.ask(Api::OffsetCommit, 9, commit(&group, 1, &member, &topic, &[(0, 7, "")]));
        all(&mut new, &group);
    });
}
