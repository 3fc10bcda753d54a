//! What producers may rely on: which of their records are in a log, how often, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use milena_client::TopicPartition;

use crate::checks::Value;
use crate::network::ClientId;

/// What the settings of a producer promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Each record is there once, in the order in which they were sent (`enable.idempotence`).
    Once,
    /// They are in order, but one that is sent again may be there twice (`max.in.flight.requests.per.connection=1`).
    InOrder,
    /// They are there once at most (`acks=0`).
    AtMostOnce,
    /// What is acknowledged is there.
    AtLeastOnce,
}

/// The records of all producers. (Those who write by hand, and are promised nothing, are not among them.)
#[derive(Debug, Default)]
pub struct Promises {
    by_author: BTreeMap<ClientId, Promise>,
    /// What each log has got, be it there still or not.
    seen: BTreeMap<(ClientId, TopicPartition), BTreeSet<Value>>,
    /// Their producer was told that they have failed: they may be there, or not.
    given_up: BTreeSet<Value>,
    /// Never sent: not taken, or failed before they had a partition.
    unsent: BTreeSet<Value>,
}

/// Who wrote a record.
pub fn author(value: Value) -> ClientId {
    (value >> 32) as ClientId
}

impl Promises {
    pub fn make(&mut self, author: ClientId, promise: Promise) {
        self.by_author.insert(author, promise);
    }

    pub fn of(&self, author: ClientId) -> Option<Promise> {
        self.by_author.get(&author).copied()
    }

    /// A record comes into a log. `is_cut`: that has lost its end before, and with it what the leader knew of producers, so that
    /// nobody can promise order any more, or that nothing is there twice.
    pub fn appended(&mut self, partition: &TopicPartition, value: Value, is_cut: bool) {
        let author = author(value);
        let Some(promise) = self.of(author) else { return };
        assert!(!self.unsent.contains(&value), "{partition} gets {value}, which was never to be sent");
        let seen = self.seen.entry((author, partition.clone())).or_default();
        let last = seen.last().copied();
        let is_again = !seen.insert(value);
        let is_late = !is_again && last > Some(value);
        if is_cut {
            return;
        }
        let may_repeat = matches!(promise, Promise::InOrder | Promise::AtLeastOnce);
        assert!(may_repeat || !is_again, "{partition} gets {value} of client {author} a second time");
        let may_be_late = match promise {
            Promise::Once => false,
            // Only when nobody waits for it any more others are sent.
            Promise::InOrder => self.given_up.contains(&value),
            Promise::AtMostOnce | Promise::AtLeastOnce => true,
        };
        assert!(may_be_late || !is_late, "{partition} gets {value} of client {author} after {last:?}");
    }

    /// Whether a log has got this record.
    pub fn has_seen(&self, partition: &TopicPartition, value: Value) -> bool {
        let seen = self.seen.get(&(author(value), partition.clone()));
        seen.is_some_and(|seen| seen.contains(&value))
    }

    pub fn given_up(&mut self, value: Value) {
        self.given_up.insert(value);
    }

    pub fn unsent(&mut self, value: Value) {
        let author = author(value);
        let seen = self.seen.iter().find(|((other, _), seen)| *other == author && seen.contains(&value));
        assert!(seen.is_none(), "{value} is said not to have been sent, and is in {seen:?}");
        self.unsent.insert(value);
    }
}
