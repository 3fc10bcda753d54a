//! Which batches belong to transactions that were aborted, and which ends of transactions are ends of nothing
//! (Kafka's `CleanedTransactionMetadata`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use milena_protocol::records::ControlKind;

use super::segment::Stored;
use super::{Aborted, control};

/// What a batch is, in view of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Data {
        is_aborted: bool,
    },
    /// The end of a transaction; `is_empty` where nothing of the transaction is left before it.
    Marker {
        is_empty: bool,
    },
}

/// A transaction that was aborted, and is being read.
#[derive(Clone, Copy, Debug)]
struct Reading {
    first_offset: i64,
    has_data: bool,
}

/// The transactions of a log, while its batches are read one after the other.
#[derive(Debug)]
pub(super) struct Ends {
    /// Those that were aborted, by where they begin.
    ahead: VecDeque<Aborted>,
    aborted: BTreeMap<i64, Reading>,
    committed: BTreeSet<i64>,
    /// Those of which only the end was left.
    gone: BTreeSet<(i64, i64)>,
}

impl Ends {
    /// With the transactions that were aborted.
    pub fn new(aborted: impl Iterator<Item = Aborted>) -> Self {
        let mut ahead: Vec<Aborted> = aborted.collect();
        ahead.sort_by_key(|aborted| aborted.first_offset);
        Ends {
            ahead: ahead.into(),
            aborted: BTreeMap::new(),
            committed: BTreeSet::new(),
            gone: BTreeSet::new(),
        }
    }

    /// The next batch.
    pub fn read(&mut self, stored: &Stored) -> Part {
        let header = &stored.header;
        while self.ahead.front().is_some_and(|next| next.first_offset <= header.last_offset) {
            let Some(next) = self.ahead.pop_front() else { break };
            let reading = Reading { first_offset: next.first_offset, has_data: false };
            self.aborted.entry(next.producer_id).or_insert(reading);
        }
        let producer_id = header.producer_id;
        if !header.is_control {
            let is_aborted = match self.aborted.get_mut(&producer_id).filter(|_| header.is_transactional) {
                Some(reading) => {
                    reading.has_data = true;
                    true
                }
                None => {
                    if header.is_transactional {
                        self.committed.insert(producer_id);
                    }
                    false
                }
            };
            return Part::Data { is_aborted };
        }
        let is_empty = match control(stored).map(|record| record.kind) {
            Some(ControlKind::Abort) => match self.aborted.remove(&producer_id) {
                Some(reading) if reading.has_data => false,
                Some(reading) => {
                    self.gone.insert((producer_id, reading.first_offset));
                    true
                }
                None => true,
            },
            Some(ControlKind::Commit) => !self.committed.remove(&producer_id),
            Some(_) => false,
            // It was emptied before.
            None => true,
        };
        Part::Marker { is_empty }
    }

    /// The transactions of which nothing is left but the end: producer and first offset.
    pub fn gone(self) -> BTreeSet<(i64, i64)> {
        self.gone
    }
}
