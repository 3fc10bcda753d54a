//! The batches of one partition, in the order in which its log is to have them. A batch stays in its place until it is settled.
//!
//! They are sent in that order too: those that were sent come before all others, and are few. There may be very many others, and
//! nothing here looks at all of them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::batch::{Batch, State};
use super::producer_id::ProducerIds;
use super::sequences::Sequences;
use super::settings::ProducerSettings;
use crate::core::metadata;

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) batches: VecDeque<Batch>,
    pub(super) sequences: Sequences,
}

/// How batches may be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// By sequence number, many at a time.
    Numbered(ProducerIds),
    /// One after the other.
    Single,
    /// Many at a time, and no care taken.
    Any,
}

/// Where the queue of a partition is. Kafka numbers partitions from 0 on without gaps; whatever else a broker tells of takes no
/// memory, and no records.
pub(super) fn queue_index(topic: &metadata::Topic, partition: i32) -> Option<usize> {
    let index = usize::try_from(partition).ok()?;
    (index < topic.partitions.len() && topic.partitions.contains_key(&partition)).then_some(index)
}

impl Queue {
    /// The batch that is to be sent next, if one can be: full or not.
    pub(super) fn next_to_send(&self, order: Order, now: Instant) -> Option<usize> {
        let index = self.batches.iter().position(|batch| !batch.is_in_flight())?;
        let batch = &self.batches[index];
        if matches!(batch.state, State::BackingOff(until) if until > now) {
            return None;
        }
        let is_allowed = match order {
            Order::Any => true,
            Order::Single => index == 0,
            Order::Numbered(_) if self.sequences.bump => false,
            // What is sent again goes alone: those before it may have to be sent again too.
            Order::Numbered(_) if batch.sequence.is_some() => index == 0,
            Order::Numbered(ids) => {
                let is_current = self.sequences.ids == Some(ids) || !self.has_numbered();
                // Until a batch is known to be in the log, one that follows a refused one would get in before it.
                let is_first = !self.sequences.has_acked();
                let is_free = is_current && self.sequences.unresolved.is_none();
                is_free && !(is_first && self.has_in_flight()) && !self.is_sent_again()
            }
        };
        is_allowed.then_some(index)
    }

    /// Whether it has waited for more records long enough; `all`: none are waited for.
    pub(super) fn is_ready(
        &self,
        index: usize,
        settings: &ProducerSettings,
        all: bool,
        now: Instant,
    ) -> bool {
        let batch = &self.batches[index];
        let is_last = index + 1 == self.batches.len();
        let is_over = batch.created + settings.linger <= now;
        !batch.is_open() || all || !is_last || batch.is_full() || is_over
    }

    /// Those that were sent, be they in flight or to be sent again.
    fn sent(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().take_while(|batch| batch.attempts > 0)
    }

    pub(super) fn in_flight(&self) -> impl Iterator<Item = &Batch> {
        self.sent().filter(|batch| batch.is_in_flight())
    }

    /// Whether batches have numbers: those that were sent by an idempotent producer.
    pub(super) fn has_numbered(&self) -> bool {
        self.sent().any(|batch| batch.sequence.is_some())
    }

    /// Whether a batch has been sent more than once. Nothing new follows until that is settled: a broker knows the last five
    /// batches only, and would take it for one that is out of order were it in the log before these.
    fn is_sent_again(&self) -> bool {
        self.batches.front().is_some_and(|batch| batch.attempts > 1)
    }

    pub(super) fn has_in_flight(&self) -> bool {
        self.in_flight().next().is_some()
    }

    /// Numbers all batches that have numbers anew, from 0.
    pub(super) fn renumber(&mut self, ids: ProducerIds) {
        self.sequences.begin(ids);
        for batch in self.batches.iter_mut().take_while(|batch| batch.sequence.is_some()) {
            let sequence = self.sequences.take(batch.records.len());
            batch.number_from(ids, sequence);
        }
    }

    pub(super) fn find(&self, number: u64) -> Option<usize> {
        self.batches.iter().position(|batch| batch.number == number)
    }

    /// Whether records have waited here for longer than that without being sent.
    pub(super) fn is_stuck(&self, longest: Duration, now: Instant) -> bool {
        let first = self.batches.iter().find(|batch| !batch.is_in_flight());
        first.is_some_and(|batch| batch.created + longest < now)
    }

    /// When something about it is due by time alone.
    pub(super) fn deadline(&self, settings: &ProducerSettings, now: Instant) -> Option<Instant> {
        let first = self.batches.front()?;
        let waiting =
            self.batches.iter().find(|batch| !batch.is_in_flight()).and_then(|batch| match batch.state {
                State::BackingOff(until) => Some(until),
                State::Open => Some(batch.created + settings.linger),
                _ => None,
            });
        let expires = first.created + settings.delivery_timeout;
        waiting.into_iter().chain([expires]).filter(|deadline| *deadline > now).min()
    }
}
