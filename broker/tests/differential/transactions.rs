//! Transactions: producers and their epochs, what they write, and who sees it (KIP-98, KIP-360, KIP-890).

use milena_protocol::Api;
use milena_protocol::records::Compression;
use serde_json::{Value, json};

use crate::produce::request;
use crate::producer::{CONCURRENT_TRANSACTIONS, Producer, init, offsets, read};
use crate::records::{base64, builder};
use crate::same_on_both;
use crate::side::Side;

#[test]
fn a_producer_gets_an_id_and_with_a_name_an_epoch() {
    same_on_both(|side| {
        let mut connection = side.connect();
        for version in 0..=5 {
            connection.ask(Api::InitProducerId, version, init(None, (-1, -1), 60_000, version));
        }
        connection.ask(Api::InitProducerId, 5, init(None, (7, 3), 60_000, 5));
        let mut producer = Producer::new(side, "a");
        for version in 0..=5 {
            producer.goes_on(version, (-1, -1));
        }
    });
}

#[test]
fn a_producer_that_makes_no_sense_is_refused() {
    same_on_both(|side| {
        let mut producer = Producer::new(side, "a");
        let id = producer.id.clone();
        let connection = &mut producer.connection;
        connection.ask(Api::InitProducerId, 4, init(Some(""), (-1, -1), 60_000, 4));
        for timeout_ms in [0, -1, 900_000, 900_001, i64::from(i32::MAX)] {
            connection.ask(Api::InitProducerId, 4, init(Some(&id), (-1, -1), timeout_ms, 4));
        }
        for was in [(-1, 0), (5, -1), (5, 0)] {
            connection.ask(Api::InitProducerId, 4, init(Some(&id), was, 60_000, 4));
        }
    });
}

#[test]
fn who_was_replaced_is_fenced_by_every_api_in_every_version() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 1), side.name("g"));
        let mut old = Producer::new(side, "a");
        let key = json!({ "key": group, "keyType": 0 });
        old.connection.until(Api::FindCoordinator, 1, key, |answer| answer["errorCode"] == 0);
        old.twin().begin();
        for version in 0..=3 {
            old.add(version, &topic, &[0]);
        }
        for version in 0..=4 {
            old.add_offsets(version, &group);
        }
        for version in 0..=5 {
            old.commit_offset(version, &group, &topic, 1);
            old.end(version, true);
            old.end(version, false);
        }
        for version in 9..=12 {
            old.write(version, &topic, 0, &["x"]);
        }
        let was = (old.producer_id, old.epoch);
        for version in 3..=5 {
            old.goes_on(version, was);
        }
    });
}

#[test]
fn who_is_not_known_is_told() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 1), side.name("g"));
        let known = Producer::new(side, "a");
        let mut connection = side.connect();
        let key = json!({ "key": group, "keyType": 0 });
        connection.until(Api::FindCoordinator, 1, key, |answer| answer["errorCode"] == 0);
        for (id, producer_id, epoch) in [
            (side.name("nobody"), known.producer_id, known.epoch),
            (String::new(), known.producer_id, known.epoch),
            (known.id.clone(), known.producer_id + 1_000_000, known.epoch),
            (known.id.clone(), known.producer_id, known.epoch + 1),
        ] {
            let mut other = Producer { side, connection: side.connect(), id, producer_id, epoch };
            other.add(3, &topic, &[0]);
            other.add_offsets(3, &group);
            other.commit_offset(3, &group, &topic, 1);
            other.commit_offset(5, &group, &topic, 1);
            other.end(4, true);
            other.end(5, true);
            other.write(9, &topic, 0, &["x"]);
            other.write(11, &topic, 0, &["x"]);
            other.write(12, &topic, 0, &["x"]);
        }
    });
}

#[test]
fn t5_new_clients_commit_and_abort() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, "a");
        for (n, committed) in [true, false, true].into_iter().enumerate() {
            producer.write(12, &topic, 0, &["x", "y"]);
            producer.write(12, &topic, 2, &["z"]);
            read(side, &topic, 0);
            side.note(format!("transaction {n}"));
            producer.finish(5, committed, &topic);
        }
        (0..12).for_each(|offset| read(side, &topic, offset));
    });
}

#[test]
fn t5_old_clients_commit_and_abort_with_one_epoch() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, "a");
        for (n, committed) in [true, false, true].into_iter().enumerate() {
            producer.add(n as i16 + 1, &topic, &[0]);
            producer.add(3, &topic, &[0]);
            producer.write(9 + n as i16, &topic, n as i32 * 2, &["x", "y"]);
            producer.finish(2 + n as i16, committed, &topic);
        }
        read(side, &topic, 0);
    });
}

#[test]
fn t4_transactions_that_overlap_are_told_apart() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producers = ["a", "b", "c"].map(|name| Producer::new(side, name));
        for round in 0..2 {
            for producer in &mut producers {
                producer.write(12, &topic, round, &["x"]);
            }
        }
        let [first, second, third] = &mut producers;
        second.finish(5, false, &topic);
        second.write(12, &topic, 0, &["again"]);
        first.finish(5, true, &topic);
        third.finish(5, false, &topic);
        read(side, &topic, 0);
        second.finish(5, true, &topic);
        (0..11).for_each(|offset| read(side, &topic, offset));
    });
}

#[test]
fn a_producer_goes_on_after_an_error() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, "a");
        let (id, epoch) = (producer.producer_id, producer.epoch);
        producer.goes_on(4, (id, epoch));
        producer.goes_on(4, (id, epoch));
        producer.goes_on(4, (id, epoch + 1));
        producer.goes_on(4, (id, epoch));
        producer.goes_on(3, (id, epoch + 9));
        producer.goes_on(4, (id + 1_000_000, epoch + 2));
        // With a transaction open it is aborted first.
        producer.epoch = epoch + 2;
        producer.write(12, &topic, 0, &["x"]);
        producer.goes_on(4, (id, epoch + 2));
        let again = init(Some(&producer.id), (id, epoch + 2), 60_000, 4);
        let done = |answer: &Value| answer["errorCode"] != CONCURRENT_TRANSACTIONS;
        let answer = producer.connection.until(Api::InitProducerId, 4, again, done);
        side.observe("when it is aborted", &answer);
        producer.begin();
        read(side, &topic, 0);
    });
}

#[test]
fn an_open_transaction_is_aborted_by_who_begins() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut old = Producer::new(side, "a");
        old.write(12, &topic, 0, &["x"]);
        let mut new = old.twin();
        new.goes_on(4, (-1, -1));
        new.begin();
        read(side, &topic, 0);
        old.write(12, &topic, 1, &["y"]);
        old.write(11, &topic, 1, &["y"]);
        new.write(12, &topic, 0, &["z"]);
        new.finish(5, true, &topic);
        read(side, &topic, 0);
    });
}

#[test]
fn an_end_that_is_asked_for_again_or_otherwise() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        for (name, first) in [("committed", true), ("aborted", false)] {
            for again in [true, false] {
                side.note(format!("{name}, then {again}"));
                let mut new = Producer::new(side, &format!("{name}-{again}-new"));
                new.write(12, &topic, 0, &["x"]);
                let mut before = new.twin();
                new.finish(5, first, &topic);
                before.end(5, again);
                new.end(5, again);
                new.settle(&topic);
                let mut old = Producer::new(side, &format!("{name}-{again}-old"));
                old.add(3, &topic, &[0]);
                old.finish(3, first, &topic);
                old.end(3, again);
            }
        }
    });
}

#[test]
fn an_end_of_nothing() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        for (name, committed) in [("committed", true), ("aborted", false)] {
            for version in [3, 4, 5] {
                let mut producer = Producer::new(side, &format!("{name}-{version}"));
                producer.end(version, committed);
                producer.settle(&topic);
                producer.end(version, committed);
                producer.settle(&topic);
                producer.begin();
            }
        }
        read(side, &topic, 0);
    });
}

#[test]
fn partitions_that_there_are_not_keep_the_others_out() {
    same_on_both(|side| {
        let topic = side.topic("a", 2);
        let mut producer = Producer::new(side, "a");
        producer.add(3, &topic, &[0, 2]);
        producer.add(3, &side.name("unknown"), &[0]);
        let asked = producer.as_broker(&topic, &[0, 1, 2], true);
        producer.connection.ask(Api::AddPartitionsToTxn, 4, asked);
        producer.add(3, &topic, &[0]);
        for (partitions, verify_only) in [(&[0, 1][..], true), (&[1], false), (&[0, 1], true)] {
            let asked = producer.as_broker(&topic, partitions, verify_only);
            producer.connection.ask(Api::AddPartitionsToTxn, 5, asked);
        }
        producer.finish(5, false, &topic);
        let asked = producer.as_broker(&topic, &[0, 1], true);
        producer.connection.ask(Api::AddPartitionsToTxn, 4, asked);
    });
}

#[test]
fn records_outside_a_transaction_are_refused() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, "a");
        for version in 3..=11 {
            producer.write(version, &topic, 0, &["x"]);
        }
        producer.write(12, &topic, 2, &["not the first"]);
        producer.write(12, &topic, 0, &["x"]);
        producer.write(12, &topic, 0, &["x"]);
        producer.write(12, &topic, 2, &["a gap"]);
        // Without the name of the transactions, and outside them.
        let plain = |transactional: bool, producer: &Producer<'_>| {
            let mut builder = builder(&["x"], Compression::None);
            builder.set_producer(producer.producer_id, producer.epoch as i16, 1);
            base64(&builder.set_transactional(transactional).build())
        };
        for transactional in [true, false] {
            let asked = request(&topic, 0, -1, plain(transactional, &producer).into());
            producer.connection.ask(Api::Produce, 12, asked);
        }
        producer.finish(5, true, &topic);
        read(side, &topic, 0);
    });
}

#[test]
fn t6_offsets_count_when_the_transaction_is_committed() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 1), side.name("g"));
        let mut producer = Producer::new(side, "a");
        let key = json!({ "key": group, "keyType": 0 });
        producer.connection.until(Api::FindCoordinator, 1, key, |answer| answer["errorCode"] == 0);
        for version in 0..=4 {
            side.note(format!("version {version}, outside a transaction"));
            producer.commit_offset(version, &group, &topic, 1);
        }
        for (n, committed) in [true, false].into_iter().enumerate() {
            producer.add_offsets(3, &group);
            producer.commit_offset(3, &group, &topic, 5 + n as i64);
            offsets(side, &group, &topic);
            producer.finish(4, committed, &topic);
            offsets_when_stable(side, &group, &topic);
        }
        for (n, committed) in [false, true].into_iter().enumerate() {
            producer.commit_offset(5, &group, &topic, 10 + n as i64);
            offsets(side, &group, &topic);
            producer.finish(5, committed, &topic);
            offsets_when_stable(side, &group, &topic);
        }
        producer.commit_offset(5, &group, &side.name("unknown"), 1);
        producer.commit_offset(5, "", &topic, 1);
        producer.end(5, true);
    });
}

/// What is committed, when no transaction is open.
fn offsets_when_stable(side: &Side, group: &str, topic: &str) {
    let topics = json!([{ "name": topic, "partitionIndexes": [0] }]);
    let asked = json!({ "groups": [{ "groupId": group, "topics": topics }], "requireStable": true });
    let is_stable = |answer: &Value| answer["groups"][0]["topics"][0]["partitions"][0]["errorCode"] == 0;
    let answer = side.connect().until(Api::OffsetFetch, 8, asked, is_stable);
    side.observe("when stable", &answer);
}

#[test]
fn a_commit_that_is_later_than_that_of_an_open_transaction_lasts() {
    same_on_both(|side| {
        let (topic, group) = (side.topic("a", 1), side.name("g"));
        let mut producer = Producer::new(side, "a");
        let key = json!({ "key": group, "keyType": 0 });
        producer.connection.until(Api::FindCoordinator, 1, key, |answer| answer["errorCode"] == 0);
        producer.commit_offset(5, &group, &topic, 5);
        let partition = json!({ "partitionIndex": 0, "committedOffset": 3, "committedMetadata": "plain" });
        let asked = json!({
            "groupId": group, "generationIdOrMemberEpoch": -1, "memberId": "",
            "topics": [{ "name": topic, "partitions": [partition] }],
        });
        side.connect().ask(Api::OffsetCommit, 8, asked);
        producer.finish(5, true, &topic);
        offsets_when_stable(side, &group, &topic);
    });
}

#[test]
fn a_transaction_that_stays_open_is_aborted() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let mut producer = Producer::new(side, "a");
        let asked = init(Some(&producer.id), (-1, -1), 1_000, 4);
        let answer = producer.connection.ask(Api::InitProducerId, 4, asked);
        producer.is_now(&answer);
        producer.write(12, &topic, 0, &["x"]);
        let end = json!({
            "replicaId": -1, "isolationLevel": 1,
            "topics": [{ "name": topic, "partitions": [{ "partitionIndex": 0, "timestamp": -1 }] }],
        });
        let mut connection = side.connect();
        connection
            .until(Api::ListOffsets, 7, end, |answer| answer["topics"][0]["partitions"][0]["offset"] == 2);
        let mut fenced = producer.twin();
        fenced.epoch += 1;
        fenced.settle(&topic);
        producer.write(12, &topic, 1, &["y"]);
        producer.write(11, &topic, 1, &["y"]);
        producer.twin().end(4, true);
        producer.twin().end(5, true);
        producer.twin().end(5, false);
        producer.begin();
        producer.write(12, &topic, 0, &["z"]);
        producer.finish(5, true, &topic);
        read(side, &topic, 0);
    });
}

#[test]
fn records_that_are_deleted_take_their_transactions_along() {
    same_on_both(|side| {
        let topic = side.topic("a", 1);
        let (mut first, mut second) = (Producer::new(side, "a"), Producer::new(side, "b"));
        first.write(12, &topic, 0, &["x"]);
        first.finish(5, false, &topic);
        second.write(12, &topic, 0, &["y", "z"]);
        second.finish(5, false, &topic);
        first.write(12, &topic, 0, &["open"]);
        let partition = json!({ "partitionIndex": 0, "offset": 3 });
        let asked = json!({ "topics": [{ "name": topic, "partitions": [partition] }], "timeoutMs": 30000 });
        side.connect().ask(Api::DeleteRecords, 2, asked);
        (2..6).for_each(|offset| read(side, &topic, offset));
        first.finish(5, true, &topic);
        read(side, &topic, 3);
    });
}
