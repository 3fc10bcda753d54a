//! Groups of the consumer protocol (KIP-848).

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::commits::{all, commit, wanted};
use crate::connection::Connection;
use crate::fetch::merge;
use crate::groups::text;
use crate::same_on_both;
use crate::side::Side;

/// The heartbeat with which a member joins.
pub fn first(group: &str, member: &str, topics: &[&str], fields: Value) -> Value {
    let mut asked = json!({
        "groupId": group, "memberId": member, "memberEpoch": 0, "rebalanceTimeoutMs": 60_000,
        "subscribedTopicNames": topics, "topicPartitions": [],
    });
    merge(&mut asked, &fields);
    asked
}

/// A heartbeat that says nothing new.
pub fn next(group: &str, member: &str, epoch: i64) -> Value {
    json!({ "groupId": group, "memberId": member, "memberEpoch": epoch })
}

/// One member of a group, and what it has.
pub struct Member<'s> {
    pub connection: Connection<'s>,
    pub group: String,
    pub id: String,
    pub epoch: i64,
    /// What it was told to have, as in the last assignment that came.
    pub owned: Value,
}

impl<'s> Member<'s> {
    /// Joins a group, with an id of its own.
    pub fn join(side: &'s Side, group: &str, id: &str, topics: &[&str], fields: Value) -> Self {
        let mut connection = side.connect();
        let answer = connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, first(group, id, topics, fields));
        assert_eq!(answer["errorCode"], 0, "{answer}");
        let mut member = Member {
            connection,
            group: group.to_owned(),
            id: text(&answer, "memberId").to_owned(),
            epoch: 0,
            owned: json!([]),
        };
        member.take(&answer);
        member
    }

    fn take(&mut self, answer: &Value) {
        self.epoch = answer["memberEpoch"].as_i64().unwrap();
        if !answer["assignment"].is_null() {
            self.owned = answer["assignment"]["topicPartitions"].clone();
        }
    }

    /// Says that it lives, and what it has.
    pub fn beat(&mut self) -> Value {
        let mut asked = next(&self.group, &self.id, self.epoch);
        asked["topicPartitions"] = self.owned.clone();
        let answer = self.connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked);
        assert_eq!(answer["errorCode"], 0, "{answer}");
        self.take(&answer);
        answer
    }

    pub fn partitions(&self) -> usize {
        let topics = self.owned.as_array().unwrap();
        topics.iter().map(|topic| topic["partitions"].as_array().unwrap().len()).sum()
    }
}

/// Lets all members beat until each has as many partitions, in one epoch, and the group is stable.
pub fn settle(side: &Side, members: &mut [Member<'_>], partitions: &[usize]) {
    for _ in 0..2000 {
        members.iter_mut().for_each(|member| drop(member.beat()));
        let epochs_agree = members.iter().all(|member| member.epoch == members[0].epoch);
        let have: Vec<usize> = members.iter().map(Member::partitions).collect();
        if epochs_agree && have == partitions && state(side, &members[0].group) == "Stable" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{:?}", members.iter().map(|member| (member.epoch, &member.owned)).collect::<Vec<_>>());
}

pub fn state(side: &Side, group: &str) -> String {
    let asked = json!({ "groupIds": [group] });
    let answer = side.connect().ask_quietly(Api::ConsumerGroupDescribe, 1, asked);
    answer["groups"][0]["groupState"].as_str().unwrap().to_owned()
}

pub fn describe(side: &Side, group: &str) {
    let answer = side.connect().ask_quietly(Api::ConsumerGroupDescribe, 1, json!({ "groupIds": [group] }));
    side.observe("described", &without_epochs(answer));
}

/// Epochs count how often a group's metadata was seen to change, which depends on when topics are heard of.
fn without_epochs(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields
                .retain(|name, _| !["groupEpoch", "assignmentEpoch", "memberEpoch"].contains(&name.as_str()));
            for (_, field) in fields.iter_mut() {
                *field = without_epochs(field.take());
            }
        }
        Value::Array(elements) => {
            elements.iter_mut().for_each(|element| *element = without_epochs(element.take()))
        }
        _ => {}
    }
    value
}

#[test]
fn t15_a_member_joins_and_is_told_its_partitions_once() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 3), side.name("g"));
        let mut members = [Member::join(side, &group, "m", &[&topic], json!({}))];
        settle(side, &mut members, &[3]);
        describe(side, &group);
        let member = &mut members[0];
        let mut asked = next(&group, "m", member.epoch);
        side.note("nothing new");
        let answer = member.connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked.clone());
        side.observe("heartbeat", &without_epochs(answer));
        side.note("the same subscription again");
        asked["subscribedTopicNames"] = json!([topic]);
        let answer = member.connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked.clone());
        side.observe("heartbeat", &without_epochs(answer));
        side.note("a full heartbeat is answered in full");
        (asked["rebalanceTimeoutMs"], asked["topicPartitions"]) = (60_000.into(), member.owned.clone());
        let answer = member.connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked);
        side.observe("heartbeat", &without_epochs(answer));
        side.note("it leaves");
        let mut asked = next(&group, "m", -1);
        member.connection.ask(Api::ConsumerGroupHeartbeat, 1, asked.clone());
        asked["memberEpoch"] = 1.into();
        member.connection.ask(Api::ConsumerGroupHeartbeat, 1, asked);
        side.note(state(side, &group));
    });
}

#[test]
fn t15_the_first_answers_to_a_member_of_a_new_group() {
    same_on_both(|side| {
        let group = side.name("g");
        let mut connection = side.connect();
        side.note("a topic that there is not");
        let unknown = side.name("unknown");
        connection.ask(Api::ConsumerGroupHeartbeat, 1, first(&group, "m", &[&unknown], json!({})));
        connection.ask(Api::ConsumerGroupHeartbeat, 1, next(&group, "m", 1));
        describe(side, &group);
        side.note("version 0 draws the id");
        let group = side.name("h");
        connection.ask(Api::ConsumerGroupHeartbeat, 0, first(&group, "", &[&unknown], json!({})));
    });
}

#[test]
fn t15_members_share_and_hand_over() {
    same_on_both(|side| {
        // (With topics of several ids, the uniform assignor takes them in any order.)
        for (assignor, topics) in [("uniform", vec![7]), ("range", vec![4, 3])] {
            let topics: Vec<String> = topics
                .iter()
                .map(|partitions| side.topic(&format!("{assignor}-{partitions}"), *partitions))
                .collect();
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            let group = side.name(assignor);
            let chosen = json!({ "serverAssignor": assignor });
            let mut members = vec![Member::join(side, &group, "a", &names, chosen.clone())];
            settle(side, &mut members, &[7]);
            members.push(Member::join(side, &group, "b", &names, chosen));
            settle(side, &mut members, &[4, 3]);
            describe(side, &group);
            side.note("the first leaves");
            let mut gone = members.remove(0);
            let asked = next(&group, "a", -1);
            gone.connection.ask(Api::ConsumerGroupHeartbeat, 1, asked);
            settle(side, &mut members, &[7]);
            describe(side, &group);
        }
    });
}

#[test]
fn t15_a_partition_is_given_when_the_other_has_let_it_go() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 2), side.name("g"));
        let mut members = vec![Member::join(side, &group, "a", &[&topic], json!({}))];
        settle(side, &mut members, &[2]);
        members.push(Member::join(side, &group, "b", &[&topic], json!({})));
        let second = &mut members[1];
        // However often it asks.
        for _ in 0..3 {
            second.beat();
        }
        side.note(format!("the second has {}, in the state {}", second.partitions(), state(side, &group)));
        let held = members[0].owned.clone();
        // The first is told, and goes on to hold both.
        let epoch = members[0].epoch;
        let mut asked = next(&group, "a", epoch);
        asked["topicPartitions"] = held;
        let answer = members[0]
            .connection
            .until(Api::ConsumerGroupHeartbeat, 1, asked, |answer| !answer["assignment"].is_null());
        side.observe("the first is told", &without_epochs(answer.clone()));
        side.note(format!("its epoch is as before: {}", answer["memberEpoch"] == epoch));
        side.note(format!("the group is {}", state(side, &group)));
        members[1].beat();
        side.note(format!("the second has {}", members[1].partitions()));
        members[0].owned = answer["assignment"]["topicPartitions"].clone();
        settle(side, &mut members, &[1, 1]);
        describe(side, &group);
    });
}

#[test]
fn t15_heartbeats_that_cannot_be() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 2), side.name("g"));
        let mut members = vec![Member::join(side, &group, "m", &[&topic], json!({}))];
        settle(side, &mut members, &[2]);
        let epoch = members[0].epoch;
        let mut connection = side.connect();
        let mut ask = |what: &str, asked: Value| {
            side.note(what);
            let answer = connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked);
            side.observe("heartbeat", &without_epochs(answer));
        };
        ask("no group", first("", "x", &[&topic], json!({})));
        ask("no member", first(&group, "", &[&topic], json!({})));
        ask("no rebalance timeout", first(&group, "x", &[&topic], json!({ "rebalanceTimeoutMs": -1 })));
        ask("no subscription", first(&group, "x", &[], json!({ "subscribedTopicNames": null })));
        ask("no partitions", first(&group, "x", &[&topic], json!({ "topicPartitions": null })));
        let some = json!([{ "topicId": side.topic_id(&topic), "partitions": [0] }]);
        ask("partitions of nobody", first(&group, "x", &[&topic], json!({ "topicPartitions": some })));
        ask("an unknown assignor", first(&group, "x", &[&topic], json!({ "serverAssignor": "best" })));
        ask("an empty instance", first(&group, "x", &[&topic], json!({ "instanceId": "" })));
        ask("an empty rack", first(&group, "x", &[&topic], json!({ "rackId": "" })));
        ask("a bad pattern", first(&group, "x", &[&topic], json!({ "subscribedTopicRegex": "(" })));
        ask("an epoch below -2", next(&group, "m", -3));
        ask("-2 without an instance", next(&group, "m", -2));
        ask("an unknown member", next(&group, "nobody", epoch));
        ask("an epoch that is to come", next(&group, "m", epoch + 1));
        ask("an unknown group", next(&side.name("unknown"), "m", 1));
        ask("an unknown member leaves", next(&group, "nobody", -1));
        ask("the member that is there", next(&group, "m", epoch));
        describe(side, &group);
    });
}

#[test]
fn a_group_has_only_so_many_members() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 2), side.name("g"));
        let mut connection = side.connect();
        for n in 0..6 {
            let asked = first(&group, &format!("m{n}"), &[&topic], json!({}));
            let answer = connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked);
            side.note(format!("{}", answer["errorCode"]));
        }
    });
}

#[test]
fn t12_static_members_come_back_and_are_fenced() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 2), side.name("g"));
        let instance = json!({ "instanceId": "one" });
        let mut members = vec![Member::join(side, &group, "old", &[&topic], instance.clone())];
        settle(side, &mut members, &[2]);
        side.note("another with its name, while it is there");
        let mut connection = side.connect();
        connection.ask(Api::ConsumerGroupHeartbeat, 1, first(&group, "new", &[&topic], instance.clone()));
        side.note("it leaves for a while");
        let mut asked = next(&group, "old", -2);
        asked["instanceId"] = "one".into();
        members[0].connection.ask(Api::ConsumerGroupHeartbeat, 1, asked);
        describe(side, &group);
        side.note("and comes back with another id");
        let renewed = Member::join(side, &group, "new", &[&topic], instance.clone());
        side.note(format!("it has {}", renewed.partitions()));
        let mut members = vec![renewed];
        settle(side, &mut members, &[2]);
        describe(side, &group);
        side.note("the older");
        let mut asked = next(&group, "old", members[0].epoch);
        connection.ask(Api::ConsumerGroupHeartbeat, 1, asked.clone());
        asked["instanceId"] = "one".into();
        let answer = connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked.clone());
        side.note(format!("{}", answer["errorCode"]));
        asked["memberEpoch"] = (-1).into();
        connection.ask(Api::ConsumerGroupHeartbeat, 1, asked);
        side.note("it leaves for good");
        let mut asked = next(&group, "new", -1);
        asked["instanceId"] = "one".into();
        connection.ask(Api::ConsumerGroupHeartbeat, 1, asked);
        describe(side, &group);
    });
}

#[test]
fn topics_are_subscribed_to_by_pattern() {
    same_on_both(|side| {
        let group = side.name("g");
        let (a, _b) = (side.topic("part-a", 2), side.topic("part-b", 1));
        side.topic("other", 4);
        let pattern =
            json!({ "subscribedTopicRegex": format!("{}.*", side.name("part-").replace('.', "\\.")) });
        let mut fields = pattern;
        fields["subscribedTopicNames"] = json!([]);
        let mut members = vec![Member::join(side, &group, "m", &[], fields)];
        settle(side, &mut members, &[3]);
        describe(side, &group);
        side.note("and by name");
        let mut asked = next(&group, "m", members[0].epoch);
        (asked["subscribedTopicRegex"], asked["subscribedTopicNames"]) = ("".into(), json!([a]));
        let answer = members[0].connection.ask_quietly(Api::ConsumerGroupHeartbeat, 1, asked);
        side.note(format!("{}", answer["errorCode"]));
        members[0].take(&answer);
        settle(side, &mut members, &[2]);
        describe(side, &group);
    });
}

#[test]
fn partitions_that_are_added_go_to_members_that_are_there() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 2), side.name("g"));
        let mut members = vec![
            Member::join(side, &group, "a", &[&topic], json!({})),
            Member::join(side, &group, "b", &[&topic], json!({})),
        ];
        settle(side, &mut members, &[1, 1]);
        let more = json!([{ "name": topic, "count": 6, "assignments": null }]);
        let asked = json!({ "topics": more, "timeoutMs": 60_000, "validateOnly": false });
        side.connect().ask(Api::CreatePartitions, 3, asked);
        settle(side, &mut members, &[3, 3]);
        describe(side, &group);
    });
}

#[test]
fn patterns_may_be_quoted() {
    same_on_both(|side| {
        let (group, mut connection) = (side.name("g"), side.connect());
        for (name, partitions) in [("part-a", 2), ("part-b", 1), ("other", 4)] {
            side.topic(name, partitions);
        }
        // As Java's Pattern.quote writes it: the dot is a dot.
        let pattern = |text: String| json!({ "subscribedTopicRegex": text, "subscribedTopicNames": null });
        let quoted = format!("\\Q{}\\E[a&&b]|{{", side.name("part-"));
        let mut members = vec![Member::join(side, &group, "m", &[], pattern(quoted))];
        settle(side, &mut members, &[3]);
        describe(side, &group);
        for wrong in ["\\E", "[\\Qa\\E]", "{2}", "a)|(b", "a||*"] {
            side.note(format!("with {wrong}"));
            let asked = first(&group, "x", &[], pattern(wrong.to_owned()));
            connection.ask(Api::ConsumerGroupHeartbeat, 1, asked);
        }
    });
}

#[test]
fn t7_commits_of_members_carry_their_epoch() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 2), side.name("g"));
        let mut members = vec![Member::join(side, &group, "m", &[&topic], json!({}))];
        settle(side, &mut members, &[2]);
        let epoch = members[0].epoch as i32;
        let mut connection = side.connect();
        for (epoch, id) in [(epoch, "m"), (epoch + 1, "m"), (0, "m"), (epoch, "nobody"), (-1, ""), (-1, "m")]
        {
            let answer = connection.ask_quietly(
                Api::OffsetCommit,
                9,
                commit(&group, epoch, id, &topic, &[(0, 5, "")]),
            );
            side.observe(&format!("commit of {id:?}"), &answer);
        }
        side.note("a version that knows no epochs");
        let asked = commit(&group, epoch + 1, "m", &topic, &[(0, 6, "")]);
        connection.ask(Api::OffsetCommit, 8, asked);
        all(&mut connection, &group);
        for (epoch, id) in [(epoch, "m"), (epoch + 1, "m"), (epoch, "nobody")] {
            let mut asked = wanted(&group, None);
            (asked["groups"][0]["memberId"], asked["groups"][0]["memberEpoch"]) = (id.into(), epoch.into());
            connection.ask(Api::OffsetFetch, 9, asked);
        }
    });
}

#[test]
fn a_member_that_says_nothing_is_fenced() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 2), side.name("g"));
        // It does not let go in time.
        let fields = json!({ "rebalanceTimeoutMs": 300 });
        let mut members = vec![Member::join(side, &group, "a", &[&topic], fields.clone())];
        settle(side, &mut members, &[2]);
        let mut first = members.remove(0);
        members.push(Member::join(side, &group, "b", &[&topic], fields));
        let mut asked = next(&group, "a", first.epoch);
        asked["topicPartitions"] = first.owned.clone();
        let answer =
            first.connection.until(Api::ConsumerGroupHeartbeat, 1, asked, |answer| answer["errorCode"] != 0);
        side.observe("in the end", &without_epochs(answer));
        settle(side, &mut members, &[2]);
        describe(side, &group);
    });
}

#[test]
fn groups_that_are_described_in_the_wrong_protocol() {
    same_on_both(|side| {
        let (topic, group, mut connection) = (side.topic("a", 1), side.name("g"), side.connect());
        let mut members = vec![Member::join(side, &group, "m", &[&topic], json!({}))];
        settle(side, &mut members, &[1]);
        for version in [5, 6] {
            connection.ask(Api::DescribeGroups, version, json!({ "groups": [group] }));
        }
        let classic = side.name("classic");
        crate::groups::enter(&mut connection, &classic, json!({ "protocolType": "connect" }));
        connection.receive();
        for version in [0, 1] {
            let ids = json!({ "groupIds": [classic, side.name("unknown"), ""] });
            connection.ask(Api::ConsumerGroupDescribe, version, ids);
        }
        connection.ask(Api::ConsumerGroupHeartbeat, 1, first(&classic, "m", &[&topic], json!({})));
        connection.ask(Api::DeleteGroups, 2, json!({ "groupsNames": [group] }));
        connection.ask(Api::Heartbeat, 4, crate::groups::heartbeat(&group, 1, "m"));
    });
}
