//! Classic groups: leaving, being left, static members.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::groups::{describe, enter, heartbeat, join, stable_pair, sync, text, wait_for};
use crate::same_on_both;

fn leave(group: &str, members: Value) -> Value {
    json!({ "groupId": group, "members": members })
}

#[test]
fn who_leaves_is_gone_and_the_others_rebalance() {
    same_on_both(|side| {
        let group = side.name("g");
        let (mut a, mut b) = (side.connect(), side.connect());
        let (first, second) = stable_pair(side, &mut a, &mut b, &group);
        side.note("the leader leaves");
        a.ask(Api::LeaveGroup, 5, leave(&group, json!([{ "memberId": first, "reason": "done" }])));
        a.ask(Api::Heartbeat, 4, heartbeat(&group, 2, &first));
        b.ask(Api::Heartbeat, 4, heartbeat(&group, 2, &second));
        b.ask(Api::JoinGroup, 9, join(&group, &second, json!({})));
        b.ask(Api::LeaveGroup, 5, leave(&group, json!([{ "memberId": "nobody" }, { "memberId": second }])));
        describe(side, &group);
        side.note("and comes again");
        b.ask(Api::JoinGroup, 9, join(&group, &second, json!({})));
        enter(&mut b, &group, json!({}));
        b.receive();
    });
}

#[test]
fn t9_an_id_that_was_given_can_leave_before_it_has_joined() {
    same_on_both(|side| {
        let (group, mut connection) = (side.name("g"), side.connect());
        let first = connection.ask(Api::JoinGroup, 9, join(&group, "", json!({})));
        let member = text(&first, "memberId").to_owned();
        describe(side, &group);
        connection.ask(Api::Heartbeat, 4, heartbeat(&group, 1, &member));
        connection.ask(Api::Heartbeat, 4, heartbeat(&group, -1, &member));
        connection.ask(Api::LeaveGroup, 5, leave(&group, json!([{ "memberId": member }])));
        connection.ask(Api::JoinGroup, 9, join(&group, &member, json!({})));
    });
}

#[test]
fn a_member_that_says_nothing_is_left_behind() {
    same_on_both(|side| {
        let (group, mut connection) = (side.name("g"), side.connect());
        let member = enter(&mut connection, &group, json!({ "sessionTimeoutMs": 300 }));
        connection.receive();
        connection.ask(Api::SyncGroup, 5, sync(&group, 1, &member, &[(&member, "all")]));
        wait_for(side, &group, "Empty");
        describe(side, &group);
        connection.ask(Api::Heartbeat, 4, heartbeat(&group, 1, &member));
        connection.ask(Api::SyncGroup, 5, sync(&group, 1, &member, &[]));
        connection.ask(Api::JoinGroup, 9, join(&group, &member, json!({})));
    });
}

#[test]
fn a_member_that_does_not_join_again_in_time_is_left_behind() {
    same_on_both(|side| {
        let group = side.name("g");
        let (mut a, mut b) = (side.connect(), side.connect());
        let first = enter(&mut a, &group, json!({ "rebalanceTimeoutMs": 500 }));
        a.receive();
        a.ask(Api::SyncGroup, 5, sync(&group, 1, &first, &[(&first, "all")]));
        enter(&mut b, &group, json!({ "rebalanceTimeoutMs": 500 }));
        side.note("without the first");
        b.receive();
        a.ask(Api::Heartbeat, 4, heartbeat(&group, 1, &first));
    });
}

#[test]
fn a_leader_that_does_not_sync_in_time_is_left_behind() {
    same_on_both(|side| {
        let (group, mut a) = (side.name("g"), side.connect());
        let first = enter(&mut a, &group, json!({ "rebalanceTimeoutMs": 300 }));
        a.receive();
        wait_for(side, &group, "Empty");
        describe(side, &group);
        a.ask(Api::SyncGroup, 5, sync(&group, 1, &first, &[(&first, "all")]));
    });
}

#[test]
fn t12_a_static_member_comes_back_without_a_rebalance() {
    same_on_both(|side| {
        let group = side.name("g");
        let (mut a, mut b) = (side.connect(), side.connect());
        let instance = json!({ "groupInstanceId": "one" });
        // There is no second phase.
        let first = a.ask(Api::JoinGroup, 9, join(&group, "", instance.clone()));
        let member = text(&first, "memberId").to_owned();
        let mut asked = sync(&group, 1, &member, &[(&member, "all")]);
        asked["groupInstanceId"] = "one".into();
        a.ask(Api::SyncGroup, 5, asked);
        describe(side, &group);
        side.note("it comes again");
        let again = b.ask(Api::JoinGroup, 9, join(&group, "", instance));
        let renewed = text(&again, "memberId").to_owned();
        let mut asked = sync(&group, 1, &renewed, &[]);
        asked["groupInstanceId"] = "one".into();
        b.ask(Api::SyncGroup, 5, asked);
        side.note("the older is fenced");
        let with = |mut asked: Value| {
            asked["groupInstanceId"] = "one".into();
            asked
        };
        a.ask(Api::Heartbeat, 4, with(heartbeat(&group, 1, &member)));
        a.ask(Api::Heartbeat, 4, heartbeat(&group, 1, &member));
        a.ask(Api::SyncGroup, 5, with(sync(&group, 1, &member, &[])));
        a.ask(Api::JoinGroup, 9, with(join(&group, &member, json!({}))));
        let gone = json!([{ "memberId": member, "groupInstanceId": "one" }]);
        a.ask(Api::LeaveGroup, 5, leave(&group, gone));
        b.ask(Api::Heartbeat, 4, with(heartbeat(&group, 1, &renewed)));
        b.ask(Api::Heartbeat, 4, heartbeat(&group, 1, &renewed));
        describe(side, &group);
    });
}

#[test]
fn t12_a_static_member_that_has_changed_makes_a_rebalance() {
    same_on_both(|side| {
        let group = side.name("g");
        let (mut a, mut b) = (side.connect(), side.connect());
        let instance = json!({ "groupInstanceId": "one" });
        let first = a.ask(Api::JoinGroup, 9, join(&group, "", instance));
        let member = text(&first, "memberId").to_owned();
        a.ask(Api::SyncGroup, 5, sync(&group, 1, &member, &[(&member, "all")]));
        let changed = json!({
            "groupInstanceId": "one", "protocols": [{ "name": "other", "metadata": "" }, { "name": "range", "metadata": "" }],
        });
        b.ask(Api::JoinGroup, 9, join(&group, "", changed));
        describe(side, &group);
    });
}

#[test]
fn t12_static_members_leave_by_the_name_of_their_instance() {
    same_on_both(|side| {
        let (group, mut a) = (side.name("g"), side.connect());
        let first = a.ask(Api::JoinGroup, 9, join(&group, "", json!({ "groupInstanceId": "one" })));
        let member = text(&first, "memberId").to_owned();
        a.ask(Api::SyncGroup, 5, sync(&group, 1, &member, &[(&member, "all")]));
        let by = |id: &str, instance: Value| {
            leave(&group, json!([{ "memberId": id, "groupInstanceId": instance }]))
        };
        a.ask(Api::LeaveGroup, 5, by("", json!("other")));
        a.ask(Api::LeaveGroup, 5, by("nobody", json!("one")));
        a.ask(Api::LeaveGroup, 5, by("", Value::Null));
        a.ask(Api::LeaveGroup, 5, by("", json!("one")));
        describe(side, &group);
        a.ask(Api::Heartbeat, 4, heartbeat(&group, 1, &member));
    });
}
