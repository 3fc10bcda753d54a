//! Transactional producers step by step: how they begin, who is fenced, what holds readers back.

use milena_protocol::Api;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::fetch::request as fetch_request;
use crate::produce::{produce, request as produce_request};
use crate::records::{batch, batch_in_transaction};
use crate::same_on_both;
use crate::side::Side;

/// A producer in transactions.
pub struct Producer<'s> {
    pub connection: Connection<'s>,
    pub transactional_id: String,
    pub id: i64,
    pub epoch: i16,
}

impl<'s> Producer<'s> {
    /// Begins, or takes over from one that was before.
    pub fn new(side: &'s Side, transactional_id: &str) -> Self {
        let mut producer = Producer {
            connection: side.connect(),
            transactional_id: transactional_id.to_owned(),
            id: -1,
            epoch: -1,
        };
        let asked = init(transactional_id, 60_000);
        // 51 while the transaction before is being ended.
        let answer =
            producer.connection.until(Api::InitProducerId, 4, asked, |answer| answer["errorCode"] != 51);
        assert_eq!(answer["errorCode"], 0, "{answer}");
        producer.id = answer["producerId"].as_i64().unwrap();
        producer.epoch = answer["producerEpoch"].as_i64().unwrap() as i16;
        producer
    }

    /// Adds partitions of a topic to the transaction, when the one before has been ended.
    pub fn add(&mut self, topic: &str, partitions: &[i32]) -> Value {
        let asked = self.adding(topic, partitions);
        self.connection.until(Api::AddPartitionsToTxn, 3, asked, |answer| {
            answer["resultsByTopicV3AndBelow"][0]["resultsByPartition"][0]["partitionErrorCode"] != 51
        })
    }

    pub fn adding(&self, topic: &str, partitions: &[i32]) -> Value {
        json!({
            "v3AndBelowTransactionalId": self.transactional_id, "v3AndBelowProducerId": self.id,
            "v3AndBelowProducerEpoch": self.epoch,
            "v3AndBelowTopics": [{ "name": topic, "partitions": partitions }],
        })
    }

    /// Writes in the transaction, as clients did before KIP-890.
    pub fn write(&mut self, topic: &str, sequence: i32, values: &[&str]) -> Value {
        let asked = self.writing(topic, sequence, values);
        self.connection.ask(Api::Produce, 9, asked)
    }

    pub fn writing(&self, topic: &str, sequence: i32, values: &[&str]) -> Value {
        let records = batch_in_transaction(self.id, self.epoch, sequence, values);
        let mut asked = produce_request(topic, 0, -1, records.into());
        asked["transactionalId"] = self.transactional_id.clone().into();
        asked
    }

    pub fn ending(&self, commit: bool) -> Value {
        json!({
            "transactionalId": self.transactional_id, "producerId": self.id, "producerEpoch": self.epoch,
            "committed": commit,
        })
    }

    pub fn end(&mut self, commit: bool) -> Value {
        let asked = self.ending(commit);
        self.connection.ask(Api::EndTxn, 3, asked)
    }
}

pub fn init(transactional_id: &str, timeout_ms: i32) -> Value {
    json!({ "transactionalId": transactional_id, "transactionTimeoutMs": timeout_ms })
}

/// Waits until no transaction is open in partition 0.
pub fn wait_for_the_end(side: &Side, topic: &str) {
    let asked = committed(topic, 0);
    side.connect().until(Api::Fetch, 12, asked, |answer| {
        let partition = &answer["responses"][0]["partitions"][0];
        partition["lastStableOffset"] == partition["highWatermark"]
    });
}

/// A request for what is committed.
fn committed(topic: &str, offset: i64) -> Value {
    let mut asked = fetch_request(topic, json!({ "fetchOffset": offset }));
    asked["isolationLevel"] = 1.into();
    asked
}

fn read_both(side: &Side, topic: &str, offset: i64) {
    side.connect().ask(Api::Fetch, 12, committed(topic, offset));
    side.connect().ask(Api::Fetch, 12, fetch_request(topic, json!({ "fetchOffset": offset })));
}

#[test]
fn producers_are_given_ids_and_epochs() {
    same_on_both(|side| {
        let mut connection = side.connect();
        for version in 0..=5 {
            let id = side.name(&format!("v{version}"));
            connection.ask(Api::InitProducerId, version, init(&id, 60_000));
            connection.ask(Api::InitProducerId, version, init(&id, 60_000));
            let none = json!({ "transactionalId": null, "transactionTimeoutMs": 60_000 });
            connection.ask(Api::InitProducerId, version, none);
        }
        connection.ask(Api::InitProducerId, 4, init("", 60_000));
        let id = side.name("t");
        connection.ask(Api::InitProducerId, 4, init(&id, 0));
        connection.ask(Api::InitProducerId, 4, init(&id, -1));
        connection.ask(Api::InitProducerId, 4, init(&id, 900_001));
        connection.ask(Api::InitProducerId, 4, init(&id, 900_000));
    });
}

#[test]
fn a_producer_goes_on_with_its_id_and_epoch() {
    same_on_both(|side| {
        let (id, mut connection) = (side.name("t"), side.connect());
        let first = connection.ask(Api::InitProducerId, 4, init(&id, 60_000));
        let mut ask = |producer: Value, epoch: i64| {
            let mut asked = init(&id, 60_000);
            (asked["producerId"], asked["producerEpoch"]) = (producer, epoch.into());
            connection.ask(Api::InitProducerId, 4, asked)
        };
        let producer = first["producerId"].clone();
        ask(producer.clone(), 0);
        side.note("the epoch before, as when an answer was lost");
        ask(producer.clone(), 0);
        ask(producer.clone(), 1);
        side.note("older and newer ones, and others");
        ask(producer.clone(), 0);
        ask(producer.clone(), 7);
        ask(json!(999_999_999), 0);
        ask(json!(-1), 0);
        ask(producer, -1);
    });
}

#[test]
fn t2_the_last_stable_offset_holds_readers_back() {
    same_on_both(|side| {
        let (topic, mut plain) = (side.topic("a", 1), side.connect());
        produce(&mut plain, &topic, batch(&["before"]));
        let mut first = Producer::new(side, &side.name("first"));
        let mut second = Producer::new(side, &side.name("second"));
        first.add(&topic, &[0]);
        second.add(&topic, &[0]);
        first.write(&topic, 0, &["1a", "1b"]);
        second.write(&topic, 0, &["2a"]);
        produce(&mut plain, &topic, batch(&["after"]));
        read_both(side, &topic, 0);
        side.note("at the last stable offset there is nothing, and no error");
        side.connect().ask(Api::Fetch, 12, committed(&topic, 1));
        side.connect().ask(Api::Fetch, 12, committed(&topic, 3));
        ends(side, &topic);
        side.note("the second ends, the first holds back");
        second.end(true);
        side.connect().until(Api::Fetch, 12, fetch_request(&topic, json!({})), |answer| {
            answer["responses"][0]["partitions"][0]["highWatermark"] == 6
        });
        read_both(side, &topic, 0);
        side.note("the first ends");
        first.end(false);
        wait_for_the_end(side, &topic);
        read_both(side, &topic, 0);
        ends(side, &topic);
    });
}

/// T5: for who reads what is committed, a partition ends at the last stable offset.
fn ends(side: &Side, topic: &str) {
    for isolation in [0, 1] {
        let partition = json!({ "partitionIndex": 0, "timestamp": -1 });
        let topics = json!([{ "name": topic, "partitions": [partition] }]);
        let asked = json!({ "replicaId": -1, "isolationLevel": isolation, "topics": topics });
        side.connect().ask(Api::ListOffsets, 7, asked);
    }
}

#[test]
fn t5_an_empty_transaction_leaves_no_mark() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, &side.name("t"));
        side.note("nothing was added");
        producer.end(true);
        producer.end(false);
        side.note("added, and nothing written");
        producer.add(&topic, &[0]);
        producer.end(true);
        side.connect().until(Api::Fetch, 12, fetch_request(&topic, json!({})), |answer| {
            answer["responses"][0]["partitions"][0]["highWatermark"] == 1
        });
        read_both(side, &topic, 0);
        side.note("again, and the other way round");
        let asked = producer.ending(true);
        producer.connection.until(Api::EndTxn, 3, asked, |answer| answer["errorCode"] != 51);
        producer.end(true);
        producer.end(false);
    });
}

#[test]
fn partitions_are_added_to_transactions() {
    same_on_both(|side| {
        let topic = side.topic("a", 2);
        let mut producer = Producer::new(side, &side.name("t"));
        for version in 0..=3 {
            let asked = producer.adding(&topic, &[0, 1]);
            producer.connection.ask(Api::AddPartitionsToTxn, version, asked);
        }
        let asked = producer.adding(&topic, &[0, 7]);
        producer.connection.ask(Api::AddPartitionsToTxn, 3, asked);
        let asked = producer.adding(&side.name("unknown"), &[0]);
        producer.connection.ask(Api::AddPartitionsToTxn, 3, asked);
        for (field, value) in [
            ("v3AndBelowProducerEpoch", json!(5)),
            ("v3AndBelowProducerId", json!(999_999_999)),
            ("v3AndBelowTransactionalId", json!("nobody")),
            ("v3AndBelowTransactionalId", json!("")),
        ] {
            let mut asked = producer.adding(&topic, &[0]);
            asked[field] = value;
            side.note(field);
            producer.connection.ask(Api::AddPartitionsToTxn, 3, asked);
        }
        producer.end(false);
    });
}

#[test]
fn records_outside_a_transaction_are_refused() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, &side.name("t"));
        side.note("the partition was not added");
        producer.write(&topic, 0, &["a"]);
        side.note("without a transactional id in the request");
        let mut asked = producer.writing(&topic, 0, &["a"]);
        asked["transactionalId"] = Value::Null;
        producer.connection.ask(Api::Produce, 9, asked);
        side.note("an old epoch");
        producer.add(&topic, &[0]);
        producer.epoch -= 1;
        producer.write(&topic, 0, &["a"]);
        producer.epoch += 1;
        side.note("in it");
        producer.write(&topic, 0, &["a"]);
        producer.write(&topic, 1, &["b"]);
        producer.write(&topic, 1, &["b"]);
        producer.write(&topic, 7, &["gap"]);
        producer.end(true);
        wait_for_the_end(side, &topic);
        side.note("after it");
        producer.write(&topic, 2, &["c"]);
        read_both(side, &topic, 0);
    });
}

#[test]
fn a_new_instance_fences_the_old_and_aborts_its_transaction() {
    same_on_both(|side| {
        let (topic, id) = (side.topic("a", 1), side.name("t"));
        let mut old = Producer::new(side, &id);
        old.add(&topic, &[0]);
        old.write(&topic, 0, &["lost"]);
        let mut new = Producer::new(side, &id);
        side.note(format!("the same id: {}, epochs later: {}", new.id == old.id, new.epoch - old.epoch));
        wait_for_the_end(side, &topic);
        read_both(side, &topic, 0);
        side.note("the old one");
        old.write(&topic, 1, &["lost"]);
        let asked = old.adding(&topic, &[0]);
        old.connection.ask(Api::AddPartitionsToTxn, 3, asked.clone());
        old.connection.ask(Api::AddPartitionsToTxn, 1, asked);
        old.end(true);
        let asked = old.ending(true);
        old.connection.ask(Api::EndTxn, 1, asked);
        side.note("the new one");
        new.add(&topic, &[0]);
        new.write(&topic, 0, &["kept"]);
        new.end(true);
        wait_for_the_end(side, &topic);
        read_both(side, &topic, 0);
    });
}

#[test]
fn ends_that_cannot_be() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, &side.name("t"));
        producer.add(&topic, &[0]);
        for (field, value) in [
            ("producerEpoch", json!(9)),
            ("producerId", json!(999_999_999)),
            ("transactionalId", json!("nobody")),
            ("transactionalId", json!("")),
        ] {
            let mut asked = producer.ending(true);
            asked[field] = value;
            side.note(field);
            for version in [1, 3] {
                producer.connection.ask(Api::EndTxn, version, asked.clone());
            }
        }
        producer.end(true);
    });
}
