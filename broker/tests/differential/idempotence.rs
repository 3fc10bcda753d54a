//! Idempotent producers: sequences and epochs (KIP-98, KIP-360).

use milena_protocol::Api;
use serde_json::Value;

use crate::connection::Connection;
use crate::produce::{produce, read, request};
use crate::records::{batch, batch_of};
use crate::same_on_both;

/// A producer id that nobody was given; brokers do not ask.
const PRODUCER: i64 = 9_000_000;

fn send(connection: &mut Connection<'_>, topic: &str, epoch: i16, sequence: i32, values: &[&str]) -> Value {
    produce(connection, topic, batch_of(PRODUCER, epoch, sequence, values))
}

#[test]
fn a_batch_that_comes_twice_is_appended_once() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        for _ in 0..2 {
            send(&mut connection, &topic, 0, 0, &["a", "b"]);
        }
        send(&mut connection, &topic, 0, 2, &["c"]);
        // The last five are known.
        for sequence in 3..8 {
            send(&mut connection, &topic, 0, sequence, &["x"]);
        }
        send(&mut connection, &topic, 0, 3, &["x"]);
        send(&mut connection, &topic, 0, 2, &["c"]);
        send(&mut connection, &topic, 0, 0, &["a", "b"]);
        read(side, &topic, 0, 0);
    });
}

#[test]
fn a_gap_in_the_sequence_is_refused() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        send(&mut connection, &topic, 0, 0, &["a"]);
        send(&mut connection, &topic, 0, 2, &["c"]);
        // Not the batch that was there, though it begins where it began.
        send(&mut connection, &topic, 0, 0, &["a", "b"]);
        send(&mut connection, &topic, 0, 1, &["b"]);
        read(side, &topic, 0, 0);
    });
}

#[test]
fn a_producer_that_nobody_knows_may_begin_anywhere_but_not_with_a_higher_epoch() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = side.topic("a", 1);
        send(&mut connection, &topic, 0, 5, &["a"]);
        send(&mut connection, &topic, 0, 6, &["b"]);
        let topic = side.topic("b", 1);
        send(&mut connection, &topic, 3, 5, &["a"]);
        send(&mut connection, &topic, 3, 0, &["a"]);
    });
}

#[test]
fn an_epoch_only_rises_and_begins_anew() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        send(&mut connection, &topic, 1, 0, &["a"]);
        send(&mut connection, &topic, 0, 0, &["old"]);
        send(&mut connection, &topic, 0, 1, &["old"]);
        send(&mut connection, &topic, 2, 1, &["not from the beginning"]);
        send(&mut connection, &topic, 2, 0, &["b"]);
        send(&mut connection, &topic, 1, 1, &["old"]);
        read(side, &topic, 0, 0);
    });
}

#[test]
fn sequences_begin_again_behind_the_last() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        send(&mut connection, &topic, 0, i32::MAX - 1, &["a", "b"]);
        send(&mut connection, &topic, 0, 0, &["c"]);
        send(&mut connection, &topic, 0, i32::MAX, &["d"]);
        read(side, &topic, 0, 0);
    });
}

#[test]
fn other_producers_come_between() {
    same_on_both(|side| {
        let (topic, mut connection) = (side.topic("a", 1), side.connect());
        send(&mut connection, &topic, 0, 0, &["a"]);
        produce(&mut connection, &topic, batch(&["b"]));
        produce(&mut connection, &topic, batch_of(PRODUCER + 1, 5, 0, &["c"]));
        send(&mut connection, &topic, 0, 1, &["d"]);
        // Acks do not matter to sequences.
        connection.ask(Api::Produce, 9, request(&topic, 0, 1, batch_of(PRODUCER, 0, 1, &["d"]).into()));
        read(side, &topic, 0, 0);
    });
}
