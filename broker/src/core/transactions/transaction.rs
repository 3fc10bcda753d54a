//! The state of one transactional id (Kafka's `TransactionMetadata`).
//!
//! ```text
//!            add              end
//!   Empty ---------> Ongoing -----> Ending(outcome) --> Ended(outcome)
//!     ^                 ^                                  |      |
//!     |                 '------------ add -----------------'      |
//!     '---------------------- InitProducerId ---------------------'
//! ```
//! `Ending` lasts until the markers are written to all partitions. Aborting what is not there goes straight to `Ending`
//! (KIP-890). Kafka has `PrepareCommit`, `PrepareAbort`, `CompleteCommit` and `CompleteAbort` for the last two.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use milena_protocol::{ErrorCode, Str};

/// A partition, by the name of its topic.
pub(crate) type TopicPartition = (Str, i32);

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Commit,
    Abort,
}

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Empty,
    Ongoing,
    Ending(Outcome),
    Ended(Outcome),
}

/// A producer, as it calls itself in its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    pub id: i64,
    pub epoch: i16,
}

/// No producer.
pub(super) const NOBODY: Producer = Producer { id: -1, epoch: -1 };

/// Numbers for producers, each given once.
#[derive(Debug, Default)]
pub(super) struct ProducerIds(i64);

impl ProducerIds {
    /// The next.
    pub fn next(&mut self) -> i64 {
        self.0 += 1;
        self.0 - 1
    }
}

/// What is known of a transactional id.
#[derive(Debug)]
pub(super) struct Transaction {
    pub producer: Producer,
    /// The id that the producer had before the last change of state.
    previous_id: i64,
    /// The id that follows when the epochs of this one are used up.
    next_id: Option<i64>,
    /// The epoch before the last one that was given; -1 where there is no going back to it.
    last_epoch: i16,
    timeout: Duration,
    pub state: State,
    pub partitions: BTreeSet<TopicPartition>,
    started: Instant,
    pub updated: Instant,
    /// Whether each transaction has an epoch of its own (transaction version 2, KIP-890).
    pub bumps: bool,
}

/// The last epoch is for fencing: who has the one before gets a new id.
fn is_used_up(epoch: i16) -> bool {
    epoch >= i16::MAX - 1
}

impl Transaction {
    /// A new one; it has no epoch before [`init`](Self::init).
    pub fn new(producer_id: i64, now: Instant) -> Self {
        Transaction {
            producer: Producer { id: producer_id, epoch: -1 },
            previous_id: -1,
            next_id: None,
            last_epoch: -1,
            timeout: Duration::ZERO,
            state: State::Empty,
            partitions: BTreeSet::new(),
            started: now,
            updated: now,
            bumps: false,
        }
    }

    /// A producer begins, or goes on after an error as whom it says it was (KIP-360). An open transaction is aborted first,
    /// and the producer has to come again.
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn init(
        &mut self,
        timeout: Duration,
        was: Option<Producer>,
        now: Instant,
        ids: &mut ProducerIds,
    ) -> Result<Producer, ErrorCode> {
        let is_ours = |was: Producer| {
            self.producer.epoch == -1
                || was.id == self.producer.id
                || (was.id == self.previous_id && is_used_up(was.epoch))
        };
        if !was.is_none_or(is_ours) {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        match self.state {
            State::Ending(_) => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            State::Ongoing => {
                self.prepare(Outcome::Abort, true, now, ids);
                return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
            }
            State::Empty | State::Ended(_) => {}
        }
        let Producer { id, epoch } = self.producer;
        if is_used_up(epoch) && was.is_none_or(|was| was.epoch == epoch) {
            self.producer = Producer { id: ids.next(), epoch: 0 };
            self.last_epoch = if was.is_some() { epoch } else { -1 };
        } else if is_used_up(epoch) {
            // Kafka has no answer to this but that it has gone wrong.
            return Err(ErrorCode::UNKNOWN_SERVER_ERROR);
        } else {
            match was {
                None => (self.producer.epoch, self.last_epoch) = (epoch + 1, -1),
                Some(was) if epoch == -1 || was.epoch == epoch => {
                    (self.producer.epoch, self.last_epoch) = (epoch + 1, epoch);
                }
                // It asks again, since it did not get the answer.
                Some(was) if was.epoch == self.last_epoch => {}
                Some(_) => return Err(ErrorCode::PRODUCER_FENCED),
            }
        }
        self.previous_id = id;
        self.timeout = timeout;
        self.partitions.clear();
        (self.state, self.updated) = (State::Empty, now);
        Ok(self.producer)
    }

    /// Adds partitions; the first begin a transaction.
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn add(
        &mut self,
        producer: Producer,
        partitions: &BTreeSet<TopicPartition>,
        bumps: bool,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        self.check(producer)?;
        let is_open = self.state == State::Ongoing;
        if is_open && partitions.is_subset(&self.partitions) {
            return Ok(());
        }
        if !is_open {
            self.started = now;
        }
        self.partitions.extend(partitions.iter().map(|(topic, index)| (topic.detached(), *index)));
        self.previous_id = self.producer.id;
        (self.state, self.updated, self.bumps) = (State::Ongoing, now, bumps);
        Ok(())
    }

    /// Whether the producer has these partitions in its transaction.
    ///
    /// # Errors
    /// What Kafka answers, for each partition.
    pub fn verify(&self, producer: Producer, partition: &TopicPartition) -> Result<(), ErrorCode> {
        self.check(producer)?;
        match self.partitions.contains(partition) {
            true => Ok(()),
            false => Err(ErrorCode::TRANSACTION_ABORTABLE),
        }
    }

    fn check(&self, producer: Producer) -> Result<(), ErrorCode> {
        if self.producer.id != producer.id {
            Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING)
        } else if self.producer.epoch != producer.epoch {
            Err(ErrorCode::PRODUCER_FENCED)
        } else if matches!(self.state, State::Ending(_)) {
            Err(ErrorCode::CONCURRENT_TRANSACTIONS)
        } else {
            Ok(())
        }
    }

    /// The producer ends its transaction, and keeps its epoch (before EndTxn v5).
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn end(
        &mut self,
        producer: Producer,
        outcome: Outcome,
        now: Instant,
        ids: &mut ProducerIds,
    ) -> Result<(), ErrorCode> {
        if self.producer.id != producer.id {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        if self.producer.epoch != producer.epoch {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        match self.state {
            State::Ongoing => self.prepare(outcome, false, now, ids),
            State::Ended(before) if before == outcome => {}
            State::Ending(before) if before == outcome => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            _ => return Err(ErrorCode::INVALID_TXN_STATE),
        }
        Ok(())
    }

    /// The producer ends its transaction, and gets another epoch for the next (EndTxn v5, KIP-890).
    ///
    /// | | abort again | abort | commit again | commit |
    /// |---|---|---|---|---|
    /// | `Empty` | fenced | goes on | fenced | invalid |
    /// | `Ended(Abort)` | the same answer | goes on | invalid | invalid |
    /// | `Ended(Commit)` | invalid | goes on | the same answer | invalid |
    ///
    /// "Again" is with the epoch before.
    ///
    /// # Errors
    /// What Kafka answers.
    pub fn end_and_bump(
        &mut self,
        producer: Producer,
        outcome: Outcome,
        now: Instant,
        ids: &mut ProducerIds,
    ) -> Result<Producer, ErrorCode> {
        let is_next_id =
            producer.id == self.previous_id && producer.epoch == i16::MAX - 1 && self.producer.epoch == 0;
        let is_next_epoch = i32::from(self.producer.epoch) == i32::from(producer.epoch) + 1;
        let is_again = is_next_epoch || is_next_id;
        let is_same = producer.epoch == self.producer.epoch;
        let is_valid = match self.state {
            State::Ongoing | State::Empty => is_same,
            State::Ending(_) => is_next_epoch,
            State::Ended(_) => is_again || is_same,
        };
        if self.producer.id != producer.id && !is_next_id {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        if !is_valid {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        match (self.state, outcome) {
            (State::Ongoing, _) | (State::Empty, Outcome::Abort) => {}
            (State::Ended(before), _) if is_again && before == outcome => return Ok(self.producer),
            (State::Ended(_), Outcome::Abort) if !is_again => {}
            (State::Ending(before), _) if before == outcome => {
                return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
            }
            _ => return Err(ErrorCode::INVALID_TXN_STATE),
        }
        self.prepare(outcome, true, now, ids);
        Ok(self.following())
    }

    /// Aborts an open transaction, and fences its producer.
    pub fn fence(&mut self, now: Instant, ids: &mut ProducerIds) {
        if self.state == State::Ongoing {
            self.prepare(Outcome::Abort, true, now, ids);
        }
    }

    /// The outcome is decided; the markers are still to be written.
    fn prepare(&mut self, outcome: Outcome, bumps: bool, now: Instant, ids: &mut ProducerIds) {
        if self.state != State::Ongoing {
            self.started = now;
        }
        self.next_id = None;
        if bumps {
            self.next_id = is_used_up(self.producer.epoch).then(|| ids.next());
            self.last_epoch = self.producer.epoch;
            self.producer.epoch = self.producer.epoch.saturating_add(1);
        }
        self.previous_id = self.producer.id;
        (self.state, self.updated, self.bumps) = (State::Ending(outcome), now, bumps);
    }

    /// Who the producer is when the markers are written.
    fn following(&self) -> Producer {
        match self.next_id {
            Some(id) if self.bumps => Producer { id, epoch: 0 },
            _ => self.producer,
        }
    }

    /// All markers are written.
    pub fn complete(&mut self, now: Instant) {
        let State::Ending(outcome) = self.state else { return };
        self.previous_id = self.producer.id;
        self.producer = self.following();
        self.next_id = None;
        self.partitions.clear();
        (self.state, self.updated) = (State::Ended(outcome), now);
    }

    /// When an open transaction has been open for too long.
    pub fn times_out(&self) -> Option<Instant> {
        let is_open = self.state == State::Ongoing;
        is_open.then(|| self.started.checked_add(self.timeout)).flatten()
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Empty | State::Ended(_))
    }
}
