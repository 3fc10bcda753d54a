//! Committed offsets: OffsetCommit, OffsetFetch, OffsetDelete.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::groups::{enter, join, stable, sync, wait_for};
use crate::same_on_both;
use crate::side::Side;

/// A commit for some partitions of a topic: number, offset, metadata.
pub fn commit(
    group: &str,
    generation: i32,
    member: &str,
    topic: &str,
    offsets: &[(i32, i64, &str)],
) -> Value {
    let partitions: Vec<Value> = offsets
        .iter()
        .map(|(n, offset, text)| {
            json!({ "partitionIndex": n, "committedOffset": offset, "committedMetadata": text })
        })
        .collect();
    json!({
        "groupId": group, "generationIdOrMemberEpoch": generation, "memberId": member,
        "topics": [{ "name": topic, "partitions": partitions }],
    })
}

/// A request for all that a group has committed, or for some partitions of a topic.
pub fn wanted(group: &str, topic: Option<(&str, &[i32])>) -> Value {
    let topics = topic.map(|(name, partitions)| json!([{ "name": name, "partitionIndexes": partitions }]));
    json!({ "groups": [{ "groupId": group, "topics": topics }] })
}

pub fn all(connection: &mut Connection<'_>, group: &str) {
    connection.ask(Api::OffsetFetch, 8, wanted(group, None));
}

#[test]
fn every_version_commits() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 2), side.connect());
        let id = side.topic_id(&topic);
        for version in 2..=10 {
            let group = side.name(&format!("v{version}"));
            let mut asked = commit(&group, -1, "", &topic, &[(0, 5, "here"), (1, 7, "")]);
            if version >= 10 {
                asked["topics"][0] = json!({ "topicId": id, "partitions": asked["topics"][0]["partitions"] });
            }
            if version >= 6 {
                asked["topics"][0]["partitions"][0]["committedLeaderEpoch"] = 0.into();
            }
            if version <= 4 {
                asked["retentionTimeMs"] = 60_000.into();
            }
            connection.ask(Api::OffsetCommit, version, asked);
            all(&mut connection, &group);
        }
    });
}

#[test]
fn every_version_tells_what_was_committed() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 3), side.connect());
        let (group, id) = (side.name("g"), side.topic_id(&topic));
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 5, "here"), (1, 7, "")]));
        for version in 1..=10 {
            let mut asked = json!({
                "groupId": group, "topics": [{ "name": topic, "partitionIndexes": [0, 2, 9] }],
            });
            if version >= 8 {
                asked = wanted(&group, Some((&topic, &[0, 2, 9])));
            }
            if version >= 10 {
                asked["groups"][0]["topics"][0] = json!({ "topicId": id, "partitionIndexes": [0, 2, 9] });
            }
            connection.ask(Api::OffsetFetch, version, asked);
            if (2..8).contains(&version) {
                connection.ask(Api::OffsetFetch, version, json!({ "groupId": group, "topics": null }));
            }
        }
        connection.ask(Api::OffsetFetch, 10, wanted(&group, None));
    });
}

#[test]
fn t6_nothing_committed_is_no_error() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let group = side.name("g");
        connection.ask(Api::OffsetFetch, 8, wanted(&group, Some((&topic, &[0]))));
        connection.ask(Api::OffsetFetch, 8, wanted(&group, Some((&side.name("unknown"), &[0]))));
        all(&mut connection, &group);
        connection.ask(Api::OffsetFetch, 8, wanted("", None));
        let unknown = json!([{ "topicId": "AAAAAAAAAAAAAAAAAAAABQ", "partitionIndexes": [0] }]);
        let asked = json!({ "groups": [{ "groupId": group, "topics": unknown }] });
        connection.ask(Api::OffsetFetch, 10, asked);
        let groups =
            json!([{ "groupId": group, "topics": null }, { "groupId": side.name("h"), "topics": [] }]);
        connection.ask(Api::OffsetFetch, 8, json!({ "groups": groups, "requireStable": true }));
        connection.ask(Api::OffsetFetch, 8, json!({ "groups": [] }));
    });
}

#[test]
fn what_cannot_be_committed() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let group = side.name("g");
        let long = "x".repeat(101);
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 1, &long), (1, 1, "")]));
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 1, &long[1..])]));
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &side.name("unknown"), &[(0, 1, "")]));
        connection.ask(Api::OffsetCommit, 9, commit("", -1, "", &topic, &[(0, 1, "")]));
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, -5, "")]));
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[]));
        connection.ask(
            Api::OffsetCommit,
            9,
            json!({ "groupId": group, "generationIdOrMemberEpoch": -1, "topics": [] }),
        );
        let unknown = json!({ "topicId": "AAAAAAAAAAAAAAAAAAAABQ", "partitions": [{ "partitionIndex": 0, "committedOffset": 1 }] });
        let asked = json!({ "groupId": group, "generationIdOrMemberEpoch": -1, "topics": [unknown] });
        connection.ask(Api::OffsetCommit, 10, asked);
        all(&mut connection, &group);
        let mut null = commit(&group, -1, "", &topic, &[(0, 3, "")]);
        null["topics"][0]["partitions"][0]["committedMetadata"] = Value::Null;
        connection.ask(Api::OffsetCommit, 9, null);
        all(&mut connection, &group);
        // Twice in one request.
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 8, "a"), (0, 9, "b")]));
        all(&mut connection, &group);
    });
}

#[test]
fn t7_commits_of_members_are_checked() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        let group = side.name("g");
        side.note("no group yet");
        connection.ask(Api::OffsetCommit, 9, commit(&group, 0, "", &topic, &[(0, 1, "")]));
        connection.ask(Api::OffsetCommit, 9, commit(&group, 1, "nobody", &topic, &[(0, 1, "")]));
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "nobody", &topic, &[(0, 1, "")]));
        let member = stable(side, &mut connection, &group);
        for (generation, id) in
            [(1, member.as_str()), (0, &member), (2, &member), (1, "nobody"), (1, ""), (-1, "")]
        {
            side.note(format!("generation {generation}, a member: {}", id == member));
            connection.ask(Api::OffsetCommit, 9, commit(&group, generation, id, &topic, &[(0, 10, "")]));
        }
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, &member, &topic, &[(0, 11, "")]));
        let mut asked = commit(&group, 1, &member, &topic, &[(0, 12, "")]);
        asked["groupInstanceId"] = "one".into();
        connection.ask(Api::OffsetCommit, 9, asked);
        all(&mut connection, &group);
        side.note("a generation for who reads");
        for (epoch, id) in [(1, member.as_str()), (0, &member), (1, "nobody")] {
            let mut asked = wanted(&group, None);
            (asked["groups"][0]["memberId"], asked["groups"][0]["memberEpoch"]) = (id.into(), epoch.into());
            connection.ask(Api::OffsetFetch, 9, asked);
        }
    });
}

#[test]
fn t8_commits_while_the_group_rebalances() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let group = side.name("g");
        let (mut a, mut b) = (side.connect(), side.connect());
        let first = stable(side, &mut a, &group);
        enter(&mut b, &group, json!({}));
        wait_for(side, &group, "PreparingRebalance");
        side.note("while it prepares, under the generation before");
        a.ask(Api::OffsetCommit, 9, commit(&group, 1, &first, &topic, &[(0, 1, "")]));
        a.ask(Api::JoinGroup, 9, join(&group, &first, json!({})));
        b.receive();
        side.note("while it completes");
        for generation in [1, 2] {
            a.ask(Api::OffsetCommit, 9, commit(&group, generation, &first, &topic, &[(0, 2, "")]));
        }
        a.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 3, "")]));
        a.ask(Api::SyncGroup, 5, sync(&group, 2, &first, &[]));
        a.ask(Api::OffsetCommit, 9, commit(&group, 2, &first, &topic, &[(0, 4, "")]));
        all(&mut a, &group);
    });
}

#[test]
fn offsets_are_deleted() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 2), side.connect());
        let group = side.name("g");
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 5, ""), (1, 7, "")]));
        let delete = |group: &str, topic: &str, partitions: &[i32]| {
            let partitions: Vec<Value> = partitions.iter().map(|n| json!({ "partitionIndex": n })).collect();
            json!({ "groupId": group, "topics": [{ "name": topic, "partitions": partitions }] })
        };
        connection.ask(Api::OffsetDelete, 0, delete(&group, &topic, &[0, 9]));
        all(&mut connection, &group);
        connection.ask(Api::OffsetDelete, 0, delete(&group, &topic, &[0]));
        connection.ask(Api::OffsetDelete, 0, delete(&group, &side.name("unknown"), &[0]));
        connection.ask(Api::OffsetDelete, 0, delete(&side.name("no-group"), &topic, &[0]));
        connection.ask(Api::OffsetDelete, 0, delete("", &topic, &[0]));
        side.note("with the last offset the group goes");
        connection.ask(Api::OffsetDelete, 0, delete(&group, &topic, &[1]));
        connection.ask(Api::DescribeGroups, 5, json!({ "groups": [group] }));
    });
}

#[test]
fn offsets_of_a_topic_that_members_read_stay() {
    same_on_both(|side| {
        let (topic, other, mut connection) = (side.topic("a", 1), side.topic("b", 1), side.connect());
        let group = side.name("g");
        let metadata = subscription(&[&topic]);
        let fields = json!({ "protocols": [{ "name": "range", "metadata": metadata }] });
        let member = enter(&mut connection, &group, fields);
        connection.receive_quietly();
        connection.ask(Api::SyncGroup, 5, sync(&group, 1, &member, &[(&member, "all")]));
        for topic in [&topic, &other] {
            connection.ask(Api::OffsetCommit, 9, commit(&group, 1, &member, topic, &[(0, 5, "")]));
        }
        for topic in [&topic, &other] {
            let asked = json!({ "groupId": group, "topics": [{ "name": topic, "partitions": [{ "partitionIndex": 0 }] }] });
            connection.ask(Api::OffsetDelete, 0, asked);
        }
        all(&mut connection, &group);
    });
}

#[test]
fn offsets_of_a_deleted_topic_go() {
    same_on_both(|side: &Side| {
        let (topic, other, mut connection) = (side.topic("a", 1), side.topic("b", 1), side.connect());
        let group = side.name("g");
        for topic in [&topic, &other] {
            connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", topic, &[(0, 5, "")]));
        }
        connection.ask(Api::DeleteTopics, 6, json!({ "topics": [{ "name": topic }], "timeoutMs": 60000 }));
        connection.until(Api::OffsetFetch, 8, wanted(&group, None), |answer| {
            answer["groups"][0]["topics"].as_array().is_some_and(|topics| topics.len() == 1)
        });
        all(&mut connection, &group);
    });
}

/// What a consumer tells the leader of its group.
pub fn subscription(topics: &[&str]) -> String {
    use milena_protocol::messages::ConsumerProtocolSubscription;
    let mut subscription = ConsumerProtocolSubscription::default();
    subscription.topics = topics.iter().map(|name| (*name).into()).collect();
    crate::records::base64(&subscription.to_blob(1).unwrap())
}
