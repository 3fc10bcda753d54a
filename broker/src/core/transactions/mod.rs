//! The transaction coordinator: transactional ids, their producers, and how far their transactions have come (KIP-98,
//! KIP-360, KIP-890).
//!
//! It knows no connection, and no log. What it decides about requests comes back at once; transactions whose markers have
//! to be written are [`Transactions::ending`]. The errors are those of Kafka's `TransactionCoordinator` in the same
//! situation.
//!
//! Kafka keeps all this in a topic, so that a coordinator that takes over finds it there. Here it is kept once for all
//! brokers, with the same effect.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | [`Transactions`]: all transactional ids of the cluster |
//! | `transaction.rs` | one of them |
//! | `timers.rs` | transactions that stay open for too long, ids that are not used any more |
//! | `requests.rs` | the requests: who may ask whom, and for what |
//! | `verify.rs` | whether what comes is part of a transaction |
//! | `markers.rs` | the ends of transactions, written to logs and groups |

mod markers;
mod requests;
mod timers;
mod transaction;
mod verify;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use milena_protocol::{ErrorCode, Str};

use super::ticks::Ticks;
use crate::settings::Settings;
pub(super) use markers::write_markers;
pub(super) use requests::handle;
use transaction::{NOBODY, ProducerIds, State, Transaction};
pub(crate) use transaction::{Outcome, Producer, TopicPartition};
pub(super) use verify::{FirstBatch, Way, verify_offsets, verify_records};

/// All transactional ids of the cluster.
#[derive(Debug)]
pub(super) struct Transactions {
    known: BTreeMap<Str, Transaction>,
    /// Those whose markers have yet to be written.
    ending: BTreeSet<Str>,
    ids: ProducerIds,
    max_timeout_ms: i32,
    /// `transaction.partition.verification.enable`.
    verifies: bool,
    /// How many transactional ids there may be.
    max_ids: usize,
    /// When open transactions are looked through.
    aborting: Ticks,
    /// When unused ids are looked for, and how long they are kept.
    expiring: Ticks,
    retention: Duration,
    /// When one of them may be due.
    next: Option<Instant>,
}

/// What InitProducerId says, beside the transactional id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Init {
    pub timeout_ms: i32,
    /// Who the producer was before an error.
    pub was: Option<Producer>,
    pub enable_2pc: bool,
    pub keep_prepared: bool,
}

impl Transactions {
    /// No transactional ids yet.
    pub fn new(settings: &Settings, now: Instant) -> Self {
        let ms = |name: &str| Duration::from_millis(settings.int(name).max(0) as u64);
        Transactions {
            known: BTreeMap::new(),
            ending: BTreeSet::new(),
            ids: ProducerIds::default(),
            max_timeout_ms: settings.int("transaction.max.timeout.ms"),
            verifies: settings.bool("transaction.partition.verification.enable"),
            max_ids: settings.int("milena.max.transactional.ids") as usize,
            aborting: Ticks::new(now, ms("transaction.abort.timed.out.transaction.cleanup.interval.ms")),
            expiring: Ticks::new(now, ms("transaction.remove.expired.transaction.cleanup.interval.ms")),
            retention: ms("transactional.id.expiration.ms"),
            next: None,
        }
    }

    /// A producer begins. Without a transactional id it just gets a number.
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn init(&mut self, id: Option<&Str>, init: Init, now: Instant) -> Result<Producer, ErrorCode> {
        let Some(id) = id else {
            return Ok(Producer { id: self.ids.next(), epoch: 0 });
        };
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if init.enable_2pc {
            return Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
        }
        if init.keep_prepared {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        if !(1..=self.max_timeout_ms).contains(&init.timeout_ms) {
            return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        }
        if !self.known.contains_key(id) {
            self.make_room(now)?;
            self.known.insert(id.detached(), Transaction::new(self.ids.next(), now));
        }
        let transaction = self.known.get_mut(id).ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let timeout = Duration::from_millis(init.timeout_ms as u64);
        let outcome = transaction.init(timeout, init.was, now, &mut self.ids);
        self.note(id);
        outcome
    }

    /// Adds partitions to a producer's transaction.
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn add(
        &mut self,
        id: &Str,
        producer: Producer,
        partitions: &BTreeSet<TopicPartition>,
        bumps: bool,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        self.find(id)?.add(producer, partitions, bumps, now)?;
        self.note(id);
        Ok(())
    }

    /// Whether a partition is in a producer's transaction.
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn verify(
        &mut self,
        id: &Str,
        producer: Producer,
        partition: &TopicPartition,
    ) -> Result<(), ErrorCode> {
        self.find(id)?.verify(producer, partition)
    }

    /// A producer ends its transaction, and is told who it is in the next: with `bumps` under another epoch, else
    /// nobody else.
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn end(
        &mut self,
        id: &Str,
        producer: Producer,
        outcome: Outcome,
        bumps: bool,
        now: Instant,
    ) -> Result<Producer, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let transaction = self.known.get_mut(id).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        let next = match bumps {
            true => transaction.end_and_bump(producer, outcome, now, &mut self.ids),
            false => transaction.end(producer, outcome, now, &mut self.ids).map(|()| NOBODY),
        };
        self.note(id);
        next
    }

    /// The transactional ids whose markers have to be written.
    pub fn ending(&self) -> Vec<Str> {
        self.ending.iter().cloned().collect()
    }

    fn find(&mut self, id: &Str) -> Result<&mut Transaction, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        self.known.get_mut(id).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)
    }

    /// Takes note of what is to be done about this one, and when.
    fn note(&mut self, id: &Str) {
        let Some(known) = self.known.get(id) else { return };
        if matches!(known.state, State::Ending(_)) {
            self.ending.insert(id.detached());
        }
        self.next = self.next.into_iter().chain(self.due(known)).min();
    }
}
