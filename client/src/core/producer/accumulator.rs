//! Records on their way: in batches, or waiting until their topic is known or there is room.
//!
//! `buffer.memory` is for what is in batches. Once as much waits, nothing more may.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_protocol::Str;
use milena_protocol::records::{BatchBuilder, BuildError, Compression};

use super::batch::Batch;
use super::io::{ProducerRecord, SendId};
use super::murmur2::partition_for_key;
use super::partitioner::Sticky;
use super::queue::{Queue, queue_index};
use super::ratio::CompressionRatios;
use super::settings::ProducerSettings;
use super::waiting::Waiting;
use crate::core::backoff::Backoff;
use crate::core::metadata::Metadata;
use crate::core::rng::Rng;

/// Builders that have nothing to do, kept for their buffers and contexts.
const SPARE_BUILDERS: usize = 64;

#[derive(Debug)]
pub(super) struct Accumulator {
    pub(super) settings: ProducerSettings,
    pub(super) topics: BTreeMap<Str, Topic>,
    /// Bytes in batches.
    used: usize,
    /// Bytes that wait.
    pub(super) waiting_bytes: usize,
    /// Something waits for room.
    pub(super) lacks_room: bool,
    pub(super) ratios: CompressionRatios,
    spare: Vec<BatchBuilder>,
    last_number: u64,
    rng: Rng,
}

#[derive(Debug)]
pub(super) struct Topic {
    /// By their numbers.
    pub(super) queues: Vec<Queue>,
    sticky: Sticky,
    pub(super) waiting: Waiting,
    /// When something was sent to it; `None` when nothing was since the cluster said no.
    pub(super) last_used: Option<Instant>,
    /// Its metadata was asked for since it was new, or came to be used again.
    pub(super) is_asked_for: bool,
}

/// What has come of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Append {
    /// It has its batch; whether there may be something to do now.
    Done { wakes: bool },
    /// Its partition is not known yet.
    Unknown,
    /// There is no room.
    Full,
    /// It cannot be written: a batch cannot be so large.
    TooLarge,
}

impl Accumulator {
    /// # Errors
    /// When the compression was not built in, or does not have that level.
    pub(super) fn new(settings: ProducerSettings, rng: Rng) -> Result<Self, BuildError> {
        let first = builder(&settings)?;
        Ok(Accumulator {
            settings,
            topics: BTreeMap::new(),
            used: 0,
            waiting_bytes: 0,
            lacks_room: false,
            ratios: CompressionRatios::default(),
            spare: vec![first],
            last_number: 0,
            rng,
        })
    }

    /// The topic, from now on.
    pub(super) fn topic(&mut self, name: &str, now: Instant) -> &mut Topic {
        if !self.topics.contains_key(name) {
            let topic = Topic {
                queues: Vec::new(),
                sticky: Sticky::default(),
                waiting: Waiting::default(),
                last_used: None,
                is_asked_for: false,
            };
            self.topics.insert(Str::from(name), topic);
        }
        let topic = self.topics.get_mut(name).expect("it was put there");
        topic.last_used = Some(now);
        topic
    }

    /// What waits for a topic that is there.
    pub(super) fn waiting(&mut self, topic: &str) -> &mut Waiting {
        &mut self.topics.get_mut(topic).expect("the topic is there").waiting
    }

    /// Puts a record in its batch, if that can be done now. Its topic has to be there.
    pub(super) fn append(
        &mut self,
        id: SendId,
        record: &ProducerRecord<'_>,
        timestamp: i64,
        metadata: &Metadata,
        now: Instant,
    ) -> Append {
        let settings = &self.settings;
        let known = metadata.topic(record.topic).filter(|known| !known.partitions.is_empty());
        let (Some(known), Some(topic)) = (known, self.topics.get_mut(record.topic)) else {
            return Append::Unknown;
        };
        let by_key = record.key.filter(|_| !settings.ignore_keys);
        let (partition, is_sticky) = match (record.partition, by_key) {
            (Some(partition), _) => (partition, false),
            (None, Some(key)) => (partition_for_key(key, known.partitions.len()), false),
            (None, None) => {
                (topic.sticky.partition(known, &topic.queues, settings, &mut self.rng, now), true)
            }
        };
        let Some(index) = queue_index(known, partition) else { return Append::Unknown };
        let size = record.upper_bound();
        if self.used > 0 && self.used + size > settings.buffer_memory {
            self.lacks_room = true;
            return Append::Full;
        }
        if topic.queues.len() <= index {
            topic.queues.resize_with(index + 1, Queue::default);
        }
        let queue = &mut topic.queues[index];
        let fits = queue.batches.back().is_some_and(|batch| batch.has_room_for(record, timestamp));
        if !fits {
            if let Some(batch) = queue.batches.back_mut() {
                close(batch, record.topic, &mut self.ratios, &mut self.spare, settings);
            }
            let builder = self.spare.pop().map_or_else(|| builder(settings), Ok);
            let Ok(builder) = builder else { return Append::TooLarge };
            let room = match settings.compression {
                Compression::None => settings.batch_size,
                _ => self.ratios.room_for(record.topic, settings.batch_size),
            };
            self.last_number += 1;
            let backoff = Backoff::new(settings.retry_backoff, settings.retry_backoff_max);
            let batch = Batch::new(self.last_number, builder, room, backoff, now);
            self.used += batch.charged;
            queue.batches.push_back(batch);
        }
        let Some(batch) = queue.batches.back_mut() else { return Append::Full };
        let before = batch.charged;
        if batch.append(id, record, timestamp).is_err() {
            return Append::TooLarge;
        }
        let bytes = batch.charged - before;
        let is_full = batch.is_full();
        self.used += bytes;
        if is_sticky {
            topic.sticky.appended(bytes, is_full, settings.batch_size);
        }
        Append::Done { wakes: !fits || is_full }
    }

    /// Takes what batches take that were not made here.
    pub(super) fn charge(&mut self, bytes: usize) {
        self.used += bytes;
    }

    /// Gives back what a batch took.
    pub(super) fn release(&mut self, batch: &Batch) {
        self.used = self.used.saturating_sub(batch.charged);
    }

    /// Takes no more records into a batch.
    pub(super) fn close(&mut self, topic: &str, partition: usize, index: usize) {
        let queue = self.topics.get_mut(topic).and_then(|topic| topic.queues.get_mut(partition));
        let Some(batch) = queue.and_then(|queue| queue.batches.get_mut(index)) else { return };
        close(batch, topic, &mut self.ratios, &mut self.spare, &self.settings);
    }

    /// A number for one batch more.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A builder that has nothing to do, and where it goes afterwards.
    pub(super) fn spare(&mut self) -> Result<BatchBuilder, BuildError> {
        self.spare.pop().map_or_else(|| builder(&self.settings), Ok)
    }

    pub(super) fn put_back(&mut self, builder: BatchBuilder) {
        if self.spare.len() < SPARE_BUILDERS {
            self.spare.push(builder);
        }
    }

    /// Whether one more record may wait, however large it is: whoever finds that there is room is not refused.
    pub(super) fn may_wait(&self) -> bool {
        self.waiting_bytes < self.settings.buffer_memory.max(1)
    }

    /// Whether there is room, and nothing that waits for it. What waits for its topic or its partition holds nobody up.
    pub(super) fn has_room(&self) -> bool {
        !self.lacks_room && self.used < self.settings.buffer_memory.max(1) && self.may_wait()
    }

    /// The queue of a partition.
    pub(super) fn queue(&mut self, topic: &str, partition: i32) -> Option<&mut Queue> {
        let index = usize::try_from(partition).ok()?;
        self.topics.get_mut(topic)?.queues.get_mut(index)
    }

    /// All queues, each with its topic and its number.
    pub(super) fn queues(&self) -> impl Iterator<Item = (&Str, i32, &Queue)> {
        self.topics
            .iter()
            .flat_map(|(name, topic)| topic.queues.iter().enumerate().map(move |(i, q)| (name, i as i32, q)))
    }

    /// The same, to be changed.
    pub(super) fn queues_mut(&mut self) -> impl Iterator<Item = &mut Queue> {
        self.topics.values_mut().flat_map(|topic| topic.queues.iter_mut())
    }

    /// The oldest record that is not settled.
    pub(super) fn oldest(&self) -> Option<SendId> {
        let batches = self.queues().filter_map(|(_, _, queue)| queue.batches.front());
        let in_batches = batches.filter_map(|batch| batch.records.first().map(|record| record.id));
        let waiting = self.topics.values().filter_map(|topic| topic.waiting.first());
        in_batches.chain(waiting).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.topics.values().all(|topic| topic.is_unused())
    }
}

impl Topic {
    pub(super) fn is_unused(&self) -> bool {
        self.waiting.is_empty() && self.queues.iter().all(|queue| queue.batches.is_empty())
    }

    /// Whether its metadata is of no use: nothing was sent to it within `metadata.max.idle.ms`.
    pub(super) fn is_idle(&self, idle: Duration, now: Instant) -> bool {
        self.last_used.is_none_or(|used| used + idle <= now) && self.is_unused()
    }

    /// Whether nothing of it is needed. Sequence numbers are, for the time when the application comes back to it.
    pub(super) fn is_forgettable(&self) -> bool {
        self.is_unused() && self.queues.iter().all(|queue| queue.sequences.ids.is_none())
    }
}

fn builder(settings: &ProducerSettings) -> Result<BatchBuilder, BuildError> {
    match settings.compression_level {
        Some(level) => BatchBuilder::with_level(settings.compression, level),
        None => BatchBuilder::with_compression(settings.compression),
    }
}

fn close(
    batch: &mut Batch,
    topic: &str,
    ratios: &mut CompressionRatios,
    spare: &mut Vec<BatchBuilder>,
    settings: &ProducerSettings,
) {
    let Some(builder) = batch.close() else { return };
    if settings.compression != Compression::None {
        ratios.learn(topic, batch.uncompressed, batch.size());
    }
    if spare.len() < SPARE_BUILDERS {
        spare.push(builder);
    }
}
