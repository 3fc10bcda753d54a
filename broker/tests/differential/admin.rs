//! Groups seen from outside: found, listed, described, deleted.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::commits::commit;
use crate::groups::{describe, enter, stable, sync};
use crate::same_on_both;

#[test]
fn every_version_finds_coordinators() {
    same_on_both(|side| {
        let mut connection = side.connect();
        for version in 0..=6 {
            let mut asked = json!({ "key": side.name("g") });
            if version >= 4 {
                asked = json!({ "coordinatorKeys": [side.name("g"), side.name("h"), ""] });
            }
            if version >= 1 {
                asked["keyType"] = 0.into();
            }
            connection.ask(Api::FindCoordinator, version, asked.clone());
            if version >= 1 {
                asked["keyType"] = 1.into();
                connection.ask(Api::FindCoordinator, version, asked.clone());
                asked["keyType"] = 7.into();
                side.connect().ask(Api::FindCoordinator, version, asked);
            }
        }
        connection.ask(Api::FindCoordinator, 4, json!({ "coordinatorKeys": [], "keyType": 0 }));
        connection.ask(Api::FindCoordinator, 1, json!({ "key": "", "keyType": 0 }));
    });
}

/// Leaves the groups of the scenario.
fn only_own(mut answer: Value, prefix: &str) -> Value {
    let is_own = |group: &Value| group["groupId"].as_str().is_some_and(|id| id.starts_with(prefix));
    answer["groups"].as_array_mut().unwrap().retain(is_own);
    answer
}

#[test]
fn groups_are_listed_by_state_and_type() {
    same_on_both(|side| {
        let (topic, mut a, mut b) = (side.topic("a", 1), side.connect(), side.connect());
        stable(side, &mut a, &side.name("stable"));
        b.ask(Api::OffsetCommit, 9, commit(&side.name("empty"), -1, "", &topic, &[(0, 1, "")]));
        let mut c = side.connect();
        let asked = json!({
            "groupId": side.name("consumer"), "memberId": "m", "memberEpoch": 0, "rebalanceTimeoutMs": 5000,
            "subscribedTopicNames": [topic], "topicPartitions": [],
        });
        c.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked);
        for version in 0..=5 {
            let answer = c.ask_quietly(Api::ListGroups, version, json!({}));
            side.observe(&format!("v{version}"), &only_own(answer, &side.name("")));
        }
        let filters = [
            json!({ "statesFilter": ["Stable"] }),
            json!({ "statesFilter": ["stable", "EMPTY"] }),
            json!({ "statesFilter": ["NoSuchState"] }),
            json!({ "typesFilter": ["classic"] }),
            json!({ "typesFilter": ["Consumer"] }),
            json!({ "typesFilter": ["nothing"] }),
            json!({ "typesFilter": ["classic"], "statesFilter": ["Empty"] }),
        ];
        for filter in filters {
            let answer = c.ask_quietly(Api::ListGroups, 5, filter.clone());
            side.observe(&filter.to_string(), &only_own(answer, &side.name("")));
        }
    });
}

#[test]
fn every_version_describes_groups() {
    same_on_both(|side| {
        let (group, mut connection) = (side.name("g"), side.connect_as("one"));
        stable(side, &mut connection, &group);
        for version in 0..=6 {
            let asked = json!({ "groups": [group, side.name("unknown"), ""] });
            connection.ask(Api::DescribeGroups, version, asked);
        }
        let asked = json!({ "groups": [group], "includeAuthorizedOperations": true });
        connection.ask(Api::DescribeGroups, 5, asked);
        connection.ask(Api::DescribeGroups, 5, json!({ "groups": [] }));
    });
}

#[test]
fn a_group_that_is_named_twice_is_answered_twice_but_deleted_once() {
    same_on_both(|side| {
        let (topic, group, mut connection) = (side.topic("a", 1), side.name("g"), side.connect());
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 5, "")]));
        let asked = json!({ "groupId": side.name("consumer"), "memberId": "m", "memberEpoch": 0,
            "rebalanceTimeoutMs": 5000, "subscribedTopicNames": [topic], "topicPartitions": [] });
        connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked);
        for version in [5, 6] {
            let ids = json!({ "groups": [group, side.name("unknown"), group, side.name("unknown")] });
            connection.ask(Api::DescribeGroups, version, ids);
        }
        let ids = json!({ "groupIds": [group, side.name("unknown"), side.name("unknown"), group] });
        connection.ask(Api::ConsumerGroupDescribe, 1, ids);
        let wanted = json!({ "groupId": group, "topics": null });
        connection.ask(Api::OffsetFetch, 8, json!({ "groups": [wanted, wanted] }));
        let ids = json!({ "groupsNames": [group, side.name("unknown"), group, side.name("unknown")] });
        connection.ask(Api::DeleteGroups, 2, ids);
    });
}

#[test]
fn groups_are_deleted_when_they_are_empty() {
    same_on_both(|side| {
        let (topic, group, mut connection) = (side.topic("a", 1), side.name("g"), side.connect());
        let member = stable(side, &mut connection, &group);
        connection.ask(Api::OffsetCommit, 9, commit(&group, 1, &member, &topic, &[(0, 5, "")]));
        for version in 0..=2 {
            let asked = json!({ "groupsNames": [group, side.name("unknown"), ""] });
            connection.ask(Api::DeleteGroups, version, asked);
        }
        connection.ask(Api::LeaveGroup, 5, json!({ "groupId": group, "members": [{ "memberId": member }] }));
        connection.ask(Api::DeleteGroups, 2, json!({ "groupsNames": [group] }));
        describe(side, &group);
        connection.ask(Api::OffsetFetch, 8, json!({ "groups": [{ "groupId": group, "topics": null }] }));
        connection.ask(Api::DeleteGroups, 2, json!({ "groupsNames": [group] }));
        side.note("it can be there again");
        let member = enter(&mut connection, &group, json!({}));
        connection.receive();
        connection.ask(Api::SyncGroup, 5, sync(&group, 1, &member, &[(&member, "all")]));
    });
}

#[test]
fn a_group_of_one_protocol_type_is_not_one_of_another() {
    same_on_both(|side| {
        let (group, mut connection) = (side.name("g"), side.connect());
        let fields = json!({ "protocolType": "connect" });
        let member = enter(&mut connection, &group, fields.clone());
        connection.receive();
        describe(side, &group);
        let topic = side.topic("a", 1);
        // Anybody may commit for it.
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 5, "")]));
        connection.ask(Api::OffsetCommit, 9, commit(&group, 1, &member, &topic, &[(0, 5, "")]));
        let partitions = json!([{ "partitionIndex": 0 }]);
        let asked = json!({ "groupId": group, "topics": [{ "name": topic, "partitions": partitions }] });
        connection.ask(Api::OffsetDelete, 0, asked);
    });
}
