//! The producer as one machine, composed of the machines beside it.
//!
//! ```text
//!   send(record)   handle(event, now)                        poll(now)
//!   application --------------------------->    Core    ------------------> action: connect, send, close, settled
//!   and driver                                   |                          records, answer a call, wait until
//!      admission.rs: records come in               <- Accumulator: Queue, Batch, Sticky, Waiting
//!      sending.rs:   batches go to their leaders   <- Network, Sequences
//!      answers.rs:   what the leaders say
//!      brokers.rs:   metadata, any broker, the producer's id   <- Metadata, ProducerId
//!      ending.rs:    flushing, closing
//! ```
//! `send` and `handle` take in one thing that happened; `poll` is called until it says to wait.
//!
//! A batch stays at its place in the queue of its partition from its first record until it is settled, and the queue's
//! order is that of its sequence numbers. A batch that failed is sent again from where it is, and only when all before it are
//! through; those behind it are not sent meanwhile, unless they are on their way already. Brokers refuse these as out of
//! order, so that order is kept with many requests in flight. They do so only once they know the producer: a broker takes any
//! number for the first, and so the first batch of a partition goes alone.

mod accumulator;
mod admission;
mod answers;
mod batch;
mod brokers;
mod ending;
pub mod io;
pub mod murmur2;
mod partitioner;
mod producer_id;
mod queue;
mod ratio;
mod sending;
mod sequences;
pub mod settings;
mod splitting;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use milena_protocol::Str;

use self::io::{Action, Event, SendId};
use super::connection::Lost;
use super::io as consumer_io;
use super::metadata::Metadata;
use super::network::{FailureKind, Network};
use super::report::Report;
use super::rng::Rng;
use super::wall_clock::WallClock;
use crate::{ConfigError, ProducerConfig};
use accumulator::Accumulator;
use ending::{Closing, Flush};
use producer_id::ProducerId;
use sending::InRequest;

/// The producer, without a clock and without sockets.
#[derive(Debug)]
pub struct Core {
    rng: Rng,
    wall_clock: WallClock,
    network: Network<Tag>,
    metadata: Metadata,
    /// The topics that the last answer about metadata was asked for.
    covered: BTreeSet<Str>,
    accumulator: Accumulator,
    producer_id: ProducerId,
    last_send: SendId,
    flushes: Vec<Flush>,
    closing: Option<Closing>,
    /// Records were given up because the producer was closed.
    has_failed_at_close: bool,
    started: Instant,
    /// Which partition goes first into a request: another one each time.
    turn: usize,
    outbox: VecDeque<Action>,
}

/// What a request was for.
#[derive(Debug)]
enum Tag {
    Metadata { topics: BTreeSet<Str> },
    ProducerId,
    Produce(Vec<InRequest>),
}

type Answered = Result<(i16, milena_protocol::ResponseBody), Lost>;

impl Core {
    /// A producer that does nothing yet. All that is random in it comes from `seed`; `now` is `unix_ms` milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// When properties contradict each other.
    pub fn new(config: &ProducerConfig, seed: u64, now: Instant, unix_ms: i64) -> Result<Self, ConfigError> {
        let config = &config.usable()?;
        let settings = config.producer_settings();
        let mut rng = Rng::new(seed);
        let network = Network::new(config.connection_settings(), Rng::new(rng.next_u64()));
        let backoff = super::backoff::Backoff::new(settings.retry_backoff, settings.retry_backoff_max);
        let accumulator = Accumulator::new(settings, Rng::new(rng.next_u64()))
            .map_err(|error| ConfigError::conflict(&format!("compression.type: {error}")))?;
        Ok(Core {
            wall_clock: WallClock::new(now, unix_ms),
            network,
            metadata: Metadata::new(config.bootstrap_servers.clone(), config.metadata_settings()),
            covered: BTreeSet::new(),
            accumulator,
            producer_id: ProducerId::new(backoff),
            last_send: SendId::default(),
            flushes: Vec::new(),
            closing: None,
            has_failed_at_close: false,
            started: now,
            turn: 0,
            outbox: VecDeque::new(),
            rng,
        })
    }

    /// Takes in what happened.
    pub fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected { connection } => self.network.connected(connection, now),
            Event::Lost { connection, reason, fault } => self.network.lost(connection, reason, fault, now),
            Event::Received { connection, response } => self.network.received(connection, *response, now),
            Event::Written { connection } => {
                if let Some(Tag::Produce(batches)) = self.network.written(connection, now) {
                    self.written(batches);
                }
            }
            Event::Called { call, command } => self.called(call, command, now),
            Event::Abandoned => self.abandoned(),
        }
    }

    /// What to do next.
    pub fn poll(&mut self, now: Instant) -> Action {
        if let Some(action) = self.next_action() {
            return action;
        }
        if !self.is_finished() {
            self.advance(now);
        }
        match self.next_action() {
            Some(action) => action,
            None if self.is_finished() => Action::Finish,
            None => Action::Wait(self.deadline(now)),
        }
    }

    fn next_action(&mut self) -> Option<Action> {
        if let Some(report) = self.network.next_report() {
            return Some(Action::Report(report));
        }
        let Some(action) = self.network.next_action() else { return self.outbox.pop_front() };
        match action {
            consumer_io::Action::Connect { connection, address } => {
                Some(Action::Connect { connection, address })
            }
            consumer_io::Action::Send { connection, request } => Some(Action::Send { connection, request }),
            consumer_io::Action::Close { connection } => Some(Action::Close { connection }),
            other => unreachable!("the network does nothing else: {other:?}"),
        }
    }

    /// Does all that is due.
    fn advance(&mut self, now: Instant) {
        self.network.advance(now);
        self.take_in(now);
        self.expire_waiting(now);
        self.expire_batches(now);
        self.admit(now);
        self.resolve_sequences();
        self.produce(now);
        // What is asked for is what all of these found to be missing.
        self.refresh_metadata(now);
        self.ask_for_producer_id(now);
        self.go_on_ending(now);
    }

    /// Hands what came back to what asked for it.
    fn take_in(&mut self, now: Instant) {
        while let Some((_, returned)) = self.network.next_returned() {
            let answer = returned.answer;
            let retry = answer.as_ref().ok().and_then(|(_, answer)| Report::retry(answer));
            self.outbox.extend(retry.map(Action::Report));
            match returned.tag {
                Tag::Metadata { topics } => self.metadata_answered(topics, answer, now),
                Tag::ProducerId => self.producer_id_answered(answer, now),
                Tag::Produce(batches) => self.produce_answered(batches, answer, now),
            }
        }
        while let Some(failure) = self.network.next_failed() {
            self.metadata.request_refresh();
            if failure.kind != FailureKind::Idle {
                let again = failure.kind == FailureKind::Again;
                let (address, reason) = (failure.address, failure.reason);
                self.outbox.push_back(Action::Disconnected { address, reason, again });
            }
        }
    }

    /// When something is due. What is due already waits for something else to happen, a connection as a rule.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let settings = &self.accumulator.settings;
        let deadlines = [
            self.network.deadline(now),
            self.metadata_due(now),
            self.metadata.rebootstrap_due(),
            self.producer_id_due(now),
            self.accumulator.topics.values().filter_map(|topic| topic.waiting.deadline()).min(),
            self.accumulator.queues().filter_map(|(_, _, queue)| queue.deadline(settings, now)).min(),
            self.closing.as_ref().and_then(|closing| closing.deadline),
        ];
        deadlines.into_iter().flatten().filter(|deadline| *deadline > now).min()
    }
}
