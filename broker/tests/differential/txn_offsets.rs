//! Transactions as KIP-890 has them (each has an epoch of its own), and offsets that are part of one.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::commits::{all, commit, wanted};
use crate::fencing::{Producer, wait_for_the_end};
use crate::fetch::request as fetch_request;
use crate::groups::stable;
use crate::same_on_both;

/// Offsets for a group, of the transaction of a producer.
fn offsets(producer: &Producer<'_>, group: &str, topic: &str, offset: i64) -> Value {
    json!({
        "transactionalId": producer.transactional_id, "groupId": group,
        "producerId": producer.id, "producerEpoch": producer.epoch,
        "topics": [{ "name": topic, "partitions": [{ "partitionIndex": 0, "committedOffset": offset }] }],
    })
}

/// Says that offsets for a group are to come.
fn adding(producer: &Producer<'_>, group: &str) -> Value {
    json!({
        "transactionalId": producer.transactional_id, "groupId": group,
        "producerId": producer.id, "producerEpoch": producer.epoch,
    })
}

#[test]
fn each_transaction_has_an_epoch_of_its_own() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, &side.name("t"));
        let id = side.topic_id(&topic);
        for (n, commit) in [true, false].into_iter().enumerate() {
            // Writing adds the partition.
            let mut asked = producer.writing(&topic, 0, &["a", "b"]);
            asked["topicData"][0].as_object_mut().unwrap().remove("name");
            asked["topicData"][0]["topicId"] = id.clone();
            let asked = asked.clone();
            let answer = producer.connection.until(Api::Produce, 13, asked, |answer| {
                answer["responses"][0]["partitionResponses"][0]["errorCode"] != 51
            });
            side.observe(&format!("transaction {n}"), &answer);
            let asked = producer.ending(commit);
            let answer = producer.connection.ask(Api::EndTxn, 5, asked.clone());
            side.note("the same again, as when the answer was lost");
            producer.connection.until(Api::EndTxn, 5, asked, |answer| answer["errorCode"] != 51);
            producer.epoch = answer["producerEpoch"].as_i64().unwrap() as i16;
            wait_for_the_end(side, &topic);
        }
        let mut asked = fetch_request(&topic, json!({}));
        asked["isolationLevel"] = 1.into();
        side.connect().ask(Api::Fetch, 12, asked);
        side.note("an end without a transaction: an abort only");
        let asked = producer.ending(true);
        producer.connection.ask(Api::EndTxn, 5, asked);
        let asked = producer.ending(false);
        producer.connection.ask(Api::EndTxn, 5, asked);
    });
}

#[test]
fn t6_offsets_of_a_transaction_are_unstable_until_it_ends() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 1), side.name("g"));
        let mut connection = side.connect();
        connection.ask(Api::OffsetCommit, 9, commit(&group, -1, "", &topic, &[(0, 5, "")]));
        let mut producer = Producer::new(side, &side.name("t"));
        for commit in [false, true] {
            let asked = adding(&producer, &group);
            let answer =
                producer.connection.until(Api::AddOffsetsToTxn, 3, asked, |answer| answer["errorCode"] != 51);
            side.observe("added", &answer);
            let asked = offsets(&producer, &group, &topic, 42);
            producer.connection.ask(Api::TxnOffsetCommit, 3, asked);
            all(&mut connection, &group);
            let mut stable = wanted(&group, Some((&topic, &[0])));
            stable["requireStable"] = true.into();
            connection.ask(Api::OffsetFetch, 8, stable.clone());
            let asked = json!({ "groupId": group, "topics": [{ "name": topic, "partitionIndexes": [0] }], "requireStable": true });
            connection.ask(Api::OffsetFetch, 7, asked);
            connection.ask(Api::DeleteGroups, 2, json!({ "groupsNames": [side.name("other")] }));
            producer.end(commit);
            let answer = connection.until(Api::OffsetFetch, 8, stable, |answer| {
                answer["groups"][0]["topics"][0]["partitions"][0]["errorCode"] == 0
            });
            side.observe("in the end", &answer);
        }
    });
}

#[test]
fn offsets_of_transactions_are_checked() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 1), side.name("g"));
        let mut connection = side.connect();
        let member = stable(side, &mut connection, &group);
        let mut producer = Producer::new(side, &side.name("t"));
        side.note("not added yet");
        let asked = offsets(&producer, &group, &topic, 1);
        producer.connection.ask(Api::TxnOffsetCommit, 3, asked);
        for version in 0..=3 {
            let asked = adding(&producer, &group);
            producer.connection.ask(Api::AddOffsetsToTxn, version, asked);
        }
        let mut asked = adding(&producer, &group);
        asked["producerEpoch"] = 9.into();
        producer.connection.ask(Api::AddOffsetsToTxn, 3, asked);
        let asked = adding(&producer, "");
        producer.connection.ask(Api::AddOffsetsToTxn, 3, asked);
        let mut ask = |what: &str, fields: Value| {
            let mut asked = offsets(&producer, &group, &topic, 7);
            crate::fetch::merge(&mut asked, &fields);
            side.note(what);
            producer.connection.ask(Api::TxnOffsetCommit, 3, asked);
        };
        ask("of nobody", json!({}));
        ask("of the member", json!({ "memberId": member, "generationId": 1 }));
        ask("of another generation", json!({ "memberId": member, "generationId": 2 }));
        ask("of another member", json!({ "memberId": "nobody", "generationId": 1 }));
        ask(
            "of another instance",
            json!({ "memberId": member, "generationId": 1, "groupInstanceId": "one" }),
        );
        ask("with another epoch", json!({ "producerEpoch": 9 }));
        ask(
            "with an unknown topic",
            json!({
                "topics": [{ "name": "unknown", "partitions": [{ "partitionIndex": 0, "committedOffset": 1 }] }],
            }),
        );
        ask("without a group", json!({ "groupId": "" }));
        producer.end(true);
    });
}

#[test]
fn partitions_are_added_to_many_transactions_by_brokers_only() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, &side.name("t"));
        for verify_only in [true, false] {
            let transaction = json!({
                "transactionalId": producer.transactional_id, "producerId": producer.id,
                "producerEpoch": producer.epoch, "verifyOnly": verify_only,
                "topics": [{ "name": topic, "partitions": [0] }],
            });
            let asked = json!({ "transactions": [transaction] });
            producer.connection.ask(Api::AddPartitionsToTxn, 4, asked.clone());
            producer.connection.ask(Api::AddPartitionsToTxn, 5, asked);
        }
    });
}
