//! From what the broker sent to the application's records.
//!
//! [`CompletedFetch`]es queue here. [`fill`](Delivery::fill) takes out as many records as a poll may have, and stops
//! in the middle of a batch if it must: it goes on there next time, and nothing is decompressed or read twice (unless
//! partitions that are paused in the middle of their batches take too much memory for that). On the way it leaves out what is not for the application: records before the offset that was asked for, control batches,
//! and with `read_committed` those of aborted transactions.
//!
//! `take_consumed` says how far it got, gaps and all that was left out included.

mod draining;
mod fault;
mod reader;
#[cfg(test)]
mod tests;
mod transactions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use milena_protocol::records::{Decompressor, RecordErrorKind};

use crate::Config;
use crate::core::completed_fetch::{CompletedFetch, Consumed, Delivered, Refetch};
use crate::core::fetch_settings::IsolationLevel;
use crate::core::io::Update;
use crate::core::topic_partition::TopicPartition;
use crate::records::{Records, Shelf};
use draining::{Drained, Draining};
use reader::Reader;

/// How records are taken out of what the broker sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliverySettings {
    /// `isolation.level`.
    pub(crate) isolation_level: IsolationLevel,
    /// `check.crcs`.
    pub(crate) check_crcs: bool,
    /// The most bytes that one batch may decompress to.
    pub(crate) batch_bytes: usize,
    /// How much memory there is to decompress into. One batch may take more.
    pub(crate) decoded_bytes: usize,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        DeliverySettings {
            isolation_level: IsolationLevel::default(),
            check_crcs: true,
            batch_bytes: Decompressor::DEFAULT_BUDGET,
            decoded_bytes: 16 << 20,
        }
    }
}

/// A batch cannot be read. The records before it have been delivered; it is fetched again after a while, and when it
/// is no better then, the same error comes again. [`skip_to`](Self::skip_to) says where to seek to leave it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorruptRecords {
    partition: TopicPartition,
    offset: i64,
    skip_to: Option<i64>,
    kind: RecordErrorKind,
}

impl CorruptRecords {
    /// The partition.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The offset of the first record that cannot be delivered.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The offset behind the broken batch, as its header states it; `None` where that cannot be read either.
    pub fn skip_to(&self) -> Option<i64> {
        self.skip_to
    }

    /// What is wrong.
    pub fn kind(&self) -> RecordErrorKind {
        self.kind
    }

    /// Whether it may be better when it is fetched again: a wrong checksum may be the network's fault.
    pub fn is_retriable(&self) -> bool {
        matches!(self.kind, RecordErrorKind::Crc { .. })
    }
}

impl fmt::Display for CorruptRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {} from offset {} on: {}", self.partition, self.offset, self.kind)?;
        match self.skip_to {
            Some(end) => write!(f, "; the broken batch ends before offset {end}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CorruptRecords {}

/// What the broker sent and the application does not have yet; and the records that it has on loan.
#[derive(Debug)]
pub struct Delivery {
    queue: VecDeque<Draining>,
    /// Position epochs up to this one are out of date.
    outdated: BTreeMap<TopicPartition, u64>,
    paused: BTreeSet<TopicPartition>,
    /// About to go.
    withheld: BTreeSet<TopicPartition>,
    progress: BTreeMap<TopicPartition, Progress>,
    /// An error that has to wait until the application had the records before it.
    error: Option<CorruptRecords>,
    shelf: Shelf,
    reader: Reader,
}

/// How far a partition was handed out.
#[derive(Debug)]
struct Progress {
    consumed: Consumed,
    is_news: bool,
}

impl Delivery {
    pub(crate) fn new(settings: DeliverySettings) -> Self {
        Delivery {
            queue: VecDeque::new(),
            outdated: BTreeMap::new(),
            paused: BTreeSet::new(),
            withheld: BTreeSet::new(),
            progress: BTreeMap::new(),
            error: None,
            shelf: Shelf::default(),
            reader: Reader::new(settings),
        }
    }

    /// For a consumer with this configuration.
    pub fn of(config: &Config) -> Self {
        Delivery::new(config.delivery_settings())
    }

    /// Takes from what the core tells whatever is about records.
    pub fn take_in(&mut self, update: &Update) {
        match update {
            Update::Fetched(fetch) => self.accept(fetch.clone()),
            Update::Withheld(partitions) => self.withhold(partitions),
            Update::Assignment { removed, epoch, .. } => {
                removed.iter().for_each(|partition| self.remove(partition, *epoch));
            }
            Update::Paused { partitions, paused } => {
                partitions.iter().for_each(|partition| self.set_paused(partition, *paused));
            }
            Update::Shed(partitions) => self.shed(partitions),
            Update::Sought { partition, epoch } => self.forget(partition, *epoch),
            Update::Rebalance(_)
            | Update::Disconnected { .. }
            | Update::CommitFailed(_)
            | Update::Notice(_) => {}
        }
    }

    /// Queues what came, unless it is out of date. What it makes out of date goes.
    pub(crate) fn accept(&mut self, fetch: CompletedFetch) {
        let partition = fetch.topic_partition();
        let epoch = fetch.position_epoch;
        let outdated = self.outdated.get(&partition).copied().unwrap_or_default();
        if epoch <= outdated {
            return;
        }
        // Not to be found out in the queue, which may be long.
        let is_jump = self.progress.get(&partition).is_some_and(|p| p.consumed.position_epoch < epoch);
        if is_jump || outdated < epoch - 1 {
            self.forget(&partition, epoch - 1);
        }
        self.queue.push_back(Draining::new(partition, fetch, self.reader.settings.check_crcs));
    }

    /// Drops what was fetched for a partition under position epochs up to `epoch`, now and when it comes later: the
    /// partition is gone, or its position has jumped.
    pub(crate) fn forget(&mut self, partition: &TopicPartition, epoch: u64) {
        let outdated = self.outdated.entry(partition.detached()).or_default();
        *outdated = epoch.max(*outdated);
        let outdated = *outdated;
        let reader = &mut self.reader;
        self.queue.retain_mut(|draining| {
            let goes = draining.partition == *partition && draining.epoch() <= outdated;
            if goes {
                draining.end(reader);
            }
            !goes
        });
        if self.progress.get(partition).is_some_and(|p| p.consumed.position_epoch <= outdated) {
            self.progress.remove(partition);
        }
        self.error.take_if(|error| error.partition == *partition);
    }

    /// A paused partition keeps what it has, and delivers nothing.
    pub(crate) fn set_paused(&mut self, partition: &TopicPartition, paused: bool) {
        if paused {
            self.paused.insert(partition.detached());
        } else {
            self.paused.remove(partition);
        }
    }

    /// Delivers nothing more of these, which are about to go.
    pub(crate) fn withhold(&mut self, partitions: &[TopicPartition]) {
        self.withheld.extend(partitions.iter().map(TopicPartition::detached));
    }

    /// The partition is gone, and all that was fetched of it under position epochs up to `epoch`. When it comes back it is
    /// neither paused nor withheld.
    pub(crate) fn remove(&mut self, partition: &TopicPartition, epoch: u64) {
        self.forget(partition, epoch);
        self.paused.remove(partition);
        self.withheld.remove(partition);
    }

    fn is_silent(&self, partition: &TopicPartition) -> bool {
        self.paused.contains(partition) || self.withheld.contains(partition)
    }

    /// Whether [`fill`](Self::fill) has something to look at: not all of it need turn out to be records.
    pub fn has_more(&self) -> bool {
        self.error.is_some() || self.queue.iter().any(|draining| !self.is_silent(&draining.partition))
    }

    /// Takes back the records that were lent, and lends up to `max_records` new ones.
    ///
    /// # Errors
    /// When a batch cannot be read. Records before it are lent first, with the error at the next call; other
    /// partitions go on with the call after it.
    pub fn fill(&mut self, max_records: usize) -> Result<(), CorruptRecords> {
        self.take_back();
        self.suspend_others();
        let mut next = 0;
        while self.error.is_none() && self.shelf.spans.len() < max_records {
            let Some(draining) = self.queue.get_mut(next) else { break };
            if self.paused.contains(&draining.partition) || self.withheld.contains(&draining.partition) {
                next += 1;
                continue;
            }
            let outcome = draining.drain(&mut self.shelf, &mut self.reader, max_records);
            let refetch = if outcome.is_err() { Refetch::Later } else { Refetch::No };
            note(&mut self.progress, draining, refetch);
            match outcome {
                Ok(Drained::Through) => drop(self.queue.remove(next)),
                Ok(Drained::Stopped) => break,
                Err(error) => {
                    let (partition, epoch) = (draining.partition.clone(), draining.epoch());
                    self.stop_at(&partition, epoch);
                    self.error = Some(error);
                }
            }
        }
        match self.shelf.spans.is_empty() {
            true => self.error.take().map_or(Ok(()), Err),
            false => Ok(()),
        }
    }

    /// Takes back the records that were lent, and lends none.
    pub fn take_back(&mut self) {
        self.shelf.clear();
        self.reader.take_back();
    }

    /// Partitions that were left in the middle of a batch, to be paused as a rule, may keep what it was decompressed into
    /// only as long as that leaves room for the one whose turn it is.
    fn suspend_others(&mut self) {
        let most = self.reader.settings.decoded_bytes / 2;
        let turn = self.queue.iter().position(|draining| !self.is_silent(&draining.partition));
        if self.reader.bytes_in_use() > most {
            let others = self.queue.iter_mut().enumerate().filter(|(at, _)| Some(*at) != turn);
            others.for_each(|(_, draining)| draining.suspend(&mut self.reader));
        }
    }

    /// Throws away what has come of these partitions and was not delivered: it has to be fetched again.
    pub(crate) fn shed(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            let first = self.queue.iter().find(|draining| draining.partition == *partition);
            if let Some(first) = first {
                note(&mut self.progress, first, Refetch::AtOnce);
                let epoch = first.epoch();
                self.stop_at(partition, epoch);
            }
        }
    }

    /// The memory that was decompressed into, in bytes.
    #[cfg(test)]
    pub(crate) fn decoded_bytes(&self) -> usize {
        self.reader.bytes()
    }

    /// Nothing behind a broken batch may be delivered, until it was fetched again.
    fn stop_at(&mut self, partition: &TopicPartition, epoch: u64) {
        let progress = self.progress.remove_entry(partition);
        self.forget(partition, epoch);
        self.progress.extend(progress);
    }

    /// The records that the last [`fill`](Self::fill) took out.
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.shelf, &self.reader.buffers)
    }

    /// What the core has to know: how far each partition was handed out, where that is news since the last call, and how
    /// much memory that takes.
    pub fn take_delivered(&mut self) -> Delivered {
        Delivered { consumed: self.take_consumed(), decoded_bytes: self.reader.bytes() }
    }

    /// How far each partition was handed out, where that is news since the last call.
    pub(crate) fn take_consumed(&mut self) -> Vec<Consumed> {
        let news = self.progress.values_mut().filter(|progress| progress.is_news);
        let take = |progress: &mut Progress| {
            progress.is_news = false;
            let consumed = progress.consumed.clone();
            progress.consumed.refetch = Refetch::No;
            consumed
        };
        news.map(take).collect()
    }

    /// The offset of the next record of a partition; `None` when none of its records has come yet.
    #[cfg(test)]
    pub(crate) fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.progress.get(partition).map(|progress| progress.consumed.offset)
    }
}

/// Takes down how far a partition was handed out.
fn note(progress: &mut BTreeMap<TopicPartition, Progress>, draining: &Draining, refetch: Refetch) {
    let (offset, leader_epoch) = (draining.next, draining.leader_epoch);
    let position_epoch = draining.epoch();
    if let Some(Progress { consumed, is_news }) = progress.get_mut(&draining.partition) {
        consumed.refetch = consumed.refetch.max(refetch);
        *is_news |= refetch != Refetch::No;
        if consumed.offset != offset || consumed.position_epoch != position_epoch {
            *is_news = true;
            (consumed.offset, consumed.leader_epoch) = (offset, leader_epoch);
            consumed.position_epoch = position_epoch;
        }
        return;
    }
    let partition = draining.partition.detached();
    let consumed = Consumed { partition: partition.clone(), position_epoch, offset, leader_epoch, refetch };
    progress.insert(partition, Progress { consumed, is_news: true });
}
