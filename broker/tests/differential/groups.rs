//! Classic groups: joining, staying, leaving.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::fetch::merge;
use crate::records::base64;
use crate::same_on_both;
use crate::side::Side;

/// A request to join, with one protocol.
pub fn join(group: &str, member: &str, fields: Value) -> Value {
    let mut asked = json!({
        "groupId": group, "sessionTimeoutMs": 60_000, "rebalanceTimeoutMs": 60_000, "memberId": member,
        "protocolType": "consumer", "protocols": [{ "name": "range", "metadata": base64(b"meta") }],
    });
    merge(&mut asked, &fields);
    asked
}

/// A request of the leader or, without assignments, of another member.
pub fn sync(group: &str, generation: i32, member: &str, assignments: &[(&str, &str)]) -> Value {
    let assignments: Vec<Value> = assignments
        .iter()
        .map(|(member, text)| json!({ "memberId": member, "assignment": base64(text.as_bytes()) }))
        .collect();
    json!({
        "groupId": group, "generationId": generation, "memberId": member, "assignments": assignments,
        "protocolType": "consumer", "protocolName": "range",
    })
}

pub fn heartbeat(group: &str, generation: i32, member: &str) -> Value {
    json!({ "groupId": group, "generationId": generation, "memberId": member })
}

/// The text in a field.
pub fn text<'v>(answer: &'v Value, field: &str) -> &'v str {
    answer[field].as_str().unwrap_or_else(|| panic!("no {field}: {answer}"))
}

/// Joins in two phases, and gives back the member's id. Nothing is written down until the group has come together.
pub fn enter(connection: &mut Connection<'_>, group: &str, fields: Value) -> String {
    let first = connection.ask_quietly(Api::JoinGroup, 9, join(group, "", fields.clone()));
    let member = text(&first, "memberId").to_owned();
    connection.send(Api::JoinGroup, 9, join(group, &member, fields));
    member
}

/// A group of one member that is stable, in its first generation.
pub fn stable(side: &Side, connection: &mut Connection<'_>, group: &str) -> String {
    let member = enter(connection, group, json!({}));
    connection.receive();
    connection.ask(Api::SyncGroup, 5, sync(group, 1, &member, &[(&member, "all")]));
    describe(side, group);
    member
}

/// A group of two members that is stable, in its second generation; the first leads it.
pub fn stable_pair(
    side: &Side,
    a: &mut Connection<'_>,
    b: &mut Connection<'_>,
    group: &str,
) -> (String, String) {
    let first = stable(side, a, group);
    let second = enter(b, group, json!({}));
    wait_for(side, group, "PreparingRebalance");
    a.ask(Api::JoinGroup, 9, join(group, &first, json!({})));
    b.receive();
    b.send(Api::SyncGroup, 5, sync(group, 2, &second, &[]));
    a.ask(Api::SyncGroup, 5, sync(group, 2, &first, &[(&first, "one"), (&second, "two")]));
    b.receive();
    (first, second)
}

pub fn describe(side: &Side, group: &str) {
    side.connect().ask(Api::DescribeGroups, 5, json!({ "groups": [group] }));
}

/// Waits until a group is in a state.
pub fn wait_for(side: &Side, group: &str, state: &str) {
    side.connect().until(Api::DescribeGroups, 5, json!({ "groups": [group] }), |answer| {
        answer["groups"][0]["groupState"] == state
    });
}

/// Waits until so many members have asked to join, or are in.
pub fn wait_for_members(side: &Side, group: &str, count: usize) {
    side.connect().until(Api::DescribeGroups, 5, json!({ "groups": [group] }), |answer| {
        answer["groups"][0]["members"].as_array().is_some_and(|members| members.len() == count)
    });
}

#[test]
fn t9_joining_is_two_phased_from_version_4_on() {
    same_on_both(|side| {
        for version in 2..=9 {
            let group = side.name(&format!("v{version}"));
            let mut connection = side.connect();
            let mut answer = connection.ask(Api::JoinGroup, version, join(&group, "", json!({})));
            if answer["errorCode"] == 79 {
                let member = text(&answer, "memberId").to_owned();
                answer = connection.ask(Api::JoinGroup, version, join(&group, &member, json!({})));
                side.note(format!("the same member: {}", answer["memberId"] == member));
            }
            let (generation, member) =
                (answer["generationId"].as_i64().unwrap() as i32, text(&answer, "memberId"));
            let mut asked = sync(&group, generation, member, &[(member, "all")]);
            asked.as_object_mut().unwrap().retain(|name, _| !name.starts_with("protocol"));
            connection.ask(Api::SyncGroup, 3, asked);
            connection.ask(Api::LeaveGroup, 2, json!({ "groupId": group, "memberId": member }));
            describe(side, &group);
        }
    });
}

#[test]
fn what_cannot_join_is_told_why() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let mut ask = |what: &str, group: &str, member: &str, fields: Value| {
            side.note(what);
            connection.ask(Api::JoinGroup, 9, join(group, member, fields));
        };
        let group = side.name("g");
        ask("no group", "", "", json!({}));
        ask("an unknown member", &group, "nobody", json!({}));
        ask("a short session", &group, "", json!({ "sessionTimeoutMs": 99 }));
        ask("a long session", &group, "", json!({ "sessionTimeoutMs": 300_001 }));
        ask("no protocols", &group, "", json!({ "protocols": [] }));
        ask("no type", &group, "", json!({ "protocolType": "" }));
        for (n, name) in ["", "a b", ".", &"x".repeat(250)].iter().enumerate() {
            let group = side.name(&format!("instance-{n}"));
            ask("a strange name of an instance", &group, "", json!({ "groupInstanceId": name }));
        }
        describe(side, &group);
    });
}

#[test]
fn protocols_have_to_agree() {
    same_on_both(|side| {
        let (group, mut first) = (side.name("g"), side.connect());
        stable(side, &mut first, &group);
        let mut second = side.connect();
        let named = |name: &str| json!({ "protocols": [{ "name": name, "metadata": base64(b"meta") }] });
        second.ask(Api::JoinGroup, 9, join(&group, "", named("other")));
        second.ask(Api::JoinGroup, 9, join(&group, "", json!({ "protocolType": "connect" })));
        let answer = second.ask(Api::JoinGroup, 9, join(&group, "", named("range")));
        let member = text(&answer, "memberId").to_owned();
        second.ask(Api::JoinGroup, 9, join(&group, &member, named("other")));
        describe(side, &group);
    });
}

#[test]
fn t11_a_rebalance_goes_through_its_states() {
    same_on_both(|side| {
        let group = side.name("g");
        let (mut a, mut b) = (side.connect(), side.connect());
        let first = stable(side, &mut a, &group);
        let second = enter(&mut b, &group, json!({}));
        wait_for(side, &group, "PreparingRebalance");
        describe(side, &group);
        side.note("the first is told, and is still a member");
        a.ask(Api::Heartbeat, 4, heartbeat(&group, 1, &first));
        a.ask(Api::SyncGroup, 5, sync(&group, 1, &first, &[]));
        a.send(Api::JoinGroup, 9, join(&group, &first, json!({})));
        a.receive();
        b.receive();
        wait_for(side, &group, "CompletingRebalance");
        describe(side, &group);
        a.ask(Api::Heartbeat, 4, heartbeat(&group, 2, &first));
        a.ask(Api::Heartbeat, 4, heartbeat(&group, 1, &first));
        side.note("who is no leader waits");
        b.send(Api::SyncGroup, 5, sync(&group, 2, &second, &[]));
        a.ask(Api::SyncGroup, 5, sync(&group, 2, &first, &[(&first, "one"), (&second, "two")]));
        b.receive();
        describe(side, &group);
        side.note("again");
        b.ask(Api::SyncGroup, 5, sync(&group, 2, &second, &[]));
        a.ask(Api::SyncGroup, 5, sync(&group, 2, &first, &[(&first, "other")]));
        b.ask(Api::Heartbeat, 4, heartbeat(&group, 2, &second));
    });
}

#[test]
fn generations_and_members_are_checked() {
    same_on_both(|side| {
        let (group, mut connection) = (side.name("g"), side.connect());
        let member = stable(side, &mut connection, &group);
        for (generation, id) in
            [(1, member.as_str()), (0, &member), (2, &member), (-1, &member), (1, "nobody"), (1, "")]
        {
            connection.ask(Api::Heartbeat, 4, heartbeat(&group, generation, id));
            connection.ask(Api::SyncGroup, 5, sync(&group, generation, id, &[]));
        }
        for group in ["", &side.name("unknown")] {
            connection.ask(Api::Heartbeat, 4, heartbeat(group, 1, &member));
            connection.ask(Api::SyncGroup, 5, sync(group, 1, &member, &[]));
            let asked = json!({ "groupId": group, "memberId": member });
            connection.ask(Api::LeaveGroup, 2, asked);
            let asked = json!({ "groupId": group, "members": [{ "memberId": member }] });
            connection.ask(Api::LeaveGroup, 5, asked);
        }
    });
}

#[test]
fn a_member_syncs_the_protocol_that_was_chosen() {
    same_on_both(|side| {
        let (group, mut connection) = (side.name("g"), side.connect());
        let member = stable(side, &mut connection, &group);
        let of = |kind: &str, name: &str| {
            let mut asked = sync(&group, 1, &member, &[]);
            (asked["protocolType"], asked["protocolName"]) = (kind.into(), name.into());
            asked
        };
        for (kind, name) in [("consumer", "range"), ("consumer", "other"), ("connect", "range")] {
            connection.ask(Api::SyncGroup, 5, of(kind, name));
        }
        let mut asked = of("consumer", "range");
        (asked["protocolType"], asked["protocolName"]) = (Value::Null, Value::Null);
        connection.ask(Api::SyncGroup, 5, asked);
    });
}

#[test]
fn the_protocol_that_most_want_is_chosen() {
    same_on_both(|side| {
        let group = side.name("g");
        let (mut a, mut b) = (side.connect(), side.connect());
        let wants = |names: &[&str]| {
            let protocols: Vec<Value> = names
                .iter()
                .map(|name| json!({ "name": name, "metadata": base64(name.as_bytes()) }))
                .collect();
            json!({ "protocols": protocols })
        };
        let first = enter(&mut a, &group, wants(&["x", "y", "z"]));
        a.receive();
        enter(&mut b, &group, wants(&["y", "z"]));
        wait_for(side, &group, "PreparingRebalance");
        a.ask(Api::JoinGroup, 9, join(&group, &first, wants(&["x", "y", "z"])));
        b.receive();
    });
}

#[test]
fn t13_who_is_left_out_of_the_assignments_has_nothing() {
    same_on_both(|side| {
        let (group, mut connection) = (side.name("g"), side.connect());
        let member = enter(&mut connection, &group, json!({}));
        connection.receive();
        connection.ask(Api::SyncGroup, 5, sync(&group, 1, &member, &[]));
        describe(side, &group);
        connection.ask(Api::Heartbeat, 4, heartbeat(&group, 1, &member));
    });
}

#[test]
fn a_member_that_joins_again_changes_nothing_unless_it_leads_or_has_changed() {
    same_on_both(|side| {
        let group = side.name("g");
        let (mut a, mut b) = (side.connect(), side.connect());
        let (first, second) = stable_pair(side, &mut a, &mut b, &group);
        side.note("as before");
        b.ask(Api::JoinGroup, 9, join(&group, &second, json!({})));
        b.ask(Api::Heartbeat, 4, heartbeat(&group, 2, &second));
        side.note("with something new");
        let changed = json!({ "protocols": [{ "name": "range", "metadata": base64(b"new") }] });
        b.send(Api::JoinGroup, 9, join(&group, &second, changed));
        wait_for(side, &group, "PreparingRebalance");
        a.ask(Api::JoinGroup, 9, join(&group, &first, json!({})));
        b.receive();
    });
}

#[test]
fn a_group_has_only_so_many_members() {
    same_on_both(|side| {
        let group = side.name("g");
        let mut connections: Vec<_> = (0..6).map(|_| side.connect()).collect();
        let first = enter(&mut connections[0], &group, json!({}));
        connections[0].receive();
        for (n, connection) in connections.iter_mut().enumerate().take(5).skip(1) {
            enter(connection, &group, json!({}));
            wait_for_members(side, &group, n + 1);
        }
        connections[0].send(Api::JoinGroup, 9, join(&group, &first, json!({})));
        for connection in connections.iter_mut().take(5) {
            let (_, answer) = connection.receive_quietly();
            side.note(format!("{} in generation {}", answer["errorCode"], answer["generationId"]));
        }
        let sixth = &mut connections[5];
        sixth.ask(Api::JoinGroup, 9, join(&group, "", json!({})));
        sixth.ask(Api::JoinGroup, 3, join(&group, "", json!({})));
    });
}
