//! Groups that change between the protocols while they have members (KIP-848's migrations).

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::commits::subscription;
use crate::connection::Connection;
use crate::consumer_groups::{Member, first, next, settle};
use crate::groups::{enter, heartbeat, join, sync, text, wait_for};
use crate::same_on_both;
use crate::side::Side;

/// A classic member of a consumer, which subscribes to a topic.
fn classic(topic: &str) -> Value {
    json!({ "protocols": [{ "name": "range", "metadata": subscription(&[topic]) }] })
}

/// A classic group with one member, in its first generation.
fn classic_group(connection: &mut Connection<'_>, group: &str, topic: &str) -> String {
    let member = enter(connection, group, classic(topic));
    connection.receive_quietly();
    let answer = connection.ask_quietly(
        Api::SyncGroup,
        5,
        sync(group, 1, &member, &[(&member, &assignment(topic, &[0, 1]))]),
    );
    assert_eq!(answer["errorCode"], 0, "{answer}");
    member
}

/// What a leader gives to a member, as text: it has no bytes above 127.
fn assignment(topic: &str, partitions: &[i32]) -> String {
    use milena_protocol::messages::ConsumerProtocolAssignment;
    use milena_protocol::messages::consumer_protocol::TopicPartitions;
    let mut assignment = ConsumerProtocolAssignment::default();
    assignment.assigned_partitions = vec![TopicPartitions::new(topic.into(), partitions.to_vec())];
    // Null would be bytes of 255.
    assignment.user_data = Some(bytes::Bytes::new());
    String::from_utf8(assignment.to_blob(1).unwrap().to_vec()).unwrap()
}

fn kind(side: &Side, group: &str) -> String {
    let answer = side.connect().ask_quietly(Api::ListGroups, 5, json!({}));
    let groups = answer["groups"].as_array().unwrap();
    let found = groups.iter().find(|known| known["groupId"] == group);
    found.map_or("none".to_owned(), |known| format!("{}, {}", known["groupType"], known["groupState"]))
}

#[test]
fn a_classic_group_becomes_a_consumer_group_with_its_members() {
    same_on_both(|side| {
        let (topic, group, mut old) = (side.topic("a", 2), side.name("g"), side.connect());
        let member = classic_group(&mut old, &group, &topic);
        side.note(kind(side, &group));
        let mut new = Member::join(side, &group, "new", &[&topic], json!({}));
        side.note(format!("{}, the new member has {}", kind(side, &group), new.partitions()));
        side.note("the classic member is asked to join again");
        old.until(Api::Heartbeat, 4, heartbeat(&group, 1, &member), |answer| answer["errorCode"] == 27);
        let answer = old.ask_quietly(Api::JoinGroup, 9, join(&group, &member, classic(&topic)));
        side.note(format!(
            "{} {} {}, {} members, skip the assignment: {}",
            answer["errorCode"],
            answer["protocolName"],
            answer["protocolType"],
            answer["members"].as_array().unwrap().len(),
            answer["skipAssignment"],
        ));
        let generation = answer["generationId"].as_i64().unwrap() as i32;
        old.ask(Api::SyncGroup, 5, sync(&group, generation, &member, &[]));
        side.note("and the new member gets its share");
        for _ in 0..3000 {
            new.beat();
            if new.partitions() == 1 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        side.note(format!("{} partitions", new.partitions()));
        old.ask(Api::Heartbeat, 4, heartbeat(&group, generation, "nobody"));
        side.note("the classic member leaves");
        old.ask(Api::LeaveGroup, 5, json!({ "groupId": group, "members": [{ "memberId": member }] }));
        settle(side, &mut [new], &[2]);
        side.note(kind(side, &group));
    });
}

#[test]
fn a_consumer_group_takes_in_classic_members_and_goes_back() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 2), side.name("g"));
        let mut members = vec![Member::join(side, &group, "new", &[&topic], json!({}))];
        settle(side, &mut members, &[2]);
        let mut old = side.connect();
        let answer = old.ask(Api::JoinGroup, 9, join(&group, "", classic(&topic)));
        let member = text(&answer, "memberId").to_owned();
        let answer = old.ask_quietly(Api::JoinGroup, 9, join(&group, &member, classic(&topic)));
        side.note(format!("{} {}", answer["errorCode"], kind(side, &group)));
        side.note("the last member of the new protocol leaves");
        let asked = next(&group, "new", -1);
        members[0].connection.ask(Api::ConsumerGroupHeartbeat, 1, asked);
        side.note(kind(side, &group));
        let generation = answer["generationId"].as_i64().unwrap() as i32;
        let answer = old.ask_quietly(Api::Heartbeat, 4, heartbeat(&group, generation, &member));
        side.note(format!("{}", answer["errorCode"]));
        let answer = old.ask_quietly(Api::JoinGroup, 9, join(&group, &member, classic(&topic)));
        side.note(format!("{} {}", answer["errorCode"], answer["members"].as_array().unwrap().len()));
    });
}

#[test]
fn classic_members_that_cannot_be_in_a_consumer_group() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 2), side.name("g"));
        let mut members = vec![Member::join(side, &group, "new", &[&topic], json!({}))];
        settle(side, &mut members, &[2]);
        let mut old = side.connect();
        let mut ask = |what: &str, fields: Value| {
            side.note(what);
            old.ask(Api::JoinGroup, 9, join(&group, "", fields));
        };
        ask("of another type", json!({ "protocolType": "connect" }));
        ask("with metadata that is no subscription", json!({}));
        ask("without protocols", json!({ "protocols": [] }));
        ask("with a session that is too short", json!({ "sessionTimeoutMs": 1 }));
        side.note("its requests, of somebody who is no classic member");
        old.ask(Api::Heartbeat, 4, heartbeat(&group, 1, "new"));
        old.ask(Api::SyncGroup, 5, sync(&group, 1, "new", &[]));
        old.ask(Api::LeaveGroup, 5, json!({ "groupId": group, "members": [{ "memberId": "nobody" }] }));
        old.ask(Api::LeaveGroup, 5, json!({ "groupId": group, "members": [{ "memberId": "new" }] }));
    });
}

#[test]
fn an_empty_group_changes_its_protocol() {
    same_on_both(|side| {
        let (topic, group, mut old) = (side.topic("a", 2), side.name("g"), side.connect());
        let member = classic_group(&mut old, &group, &topic);
        old.ask(Api::LeaveGroup, 5, json!({ "groupId": group, "members": [{ "memberId": member }] }));
        wait_for(side, &group, "Empty");
        side.note(kind(side, &group));
        let mut members = vec![Member::join(side, &group, "new", &[&topic], json!({}))];
        settle(side, &mut members, &[2]);
        side.note(kind(side, &group));
        let asked = next(&group, "new", -1);
        members[0].connection.ask(Api::ConsumerGroupHeartbeat, 1, asked);
        side.note(kind(side, &group));
        let member = enter(&mut old, &group, classic(&topic));
        let (_, answer) = old.receive_quietly();
        side.note(format!("{}, the same member: {}", answer["errorCode"], answer["memberId"] == member));
        side.note(kind(side, &group));
    });
}

#[test]
fn a_group_of_workers_stays_what_it_is() {
    same_on_both(|side| {
        let (topic, group, mut old) = (side.topic("a", 2), side.name("g"), side.connect());
        enter(&mut old, &group, json!({ "protocolType": "connect" }));
        old.receive_quietly();
        let mut new = side.connect();
        new.ask(Api::ConsumerGroupHeartbeat, 1, first(&group, "new", &[&topic], json!({})));
        side.note(kind(side, &group));
    });
}
