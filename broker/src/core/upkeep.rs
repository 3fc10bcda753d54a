//! What is seen to from time to time: retention, compaction, producers that write no more; and how much memory a topic
//! takes.

use std::time::{Duration, Instant};

use milena_protocol::{ErrorCode, Uuid};

use super::cluster::Cluster;
use super::log::{BESIDE_BYTES, Log};
use super::ticks::Ticks;
use crate::settings::{Settings, TopicSettings};

/// How often it is looked whether producers are to be forgotten: Kafka's `producer.id.expiration.check.interval.ms`, which
/// nobody sets.
const PRODUCERS_EVERY: Duration = Duration::from_secs(600);

/// How much of the bound may be written before a topic is measured again.
const UNMEASURED: usize = 64;
/// How much of the bound is freed at once, so that it is not done for each batch.
const FREED: usize = 16;

/// Something that is done at some moments, if there is anything to do.
#[derive(Debug)]
struct Job {
    ticks: Ticks,
    next: Option<Instant>,
}

impl Job {
    fn new(start: Instant, every: Duration) -> Self {
        Job { ticks: Ticks::new(start, every), next: None }
    }

    /// Something has changed: it is time at the next moment.
    fn wake(&mut self, now: Instant) {
        self.next = self.next.into_iter().chain(self.ticks.after(now)).min();
    }

    /// It was done, and has to be done again when it is `due`.
    fn sleep(&mut self, due: Option<Instant>) {
        self.next = due.and_then(|due| self.ticks.at_or_after(due));
    }

    fn is_due(&self, now: Instant) -> bool {
        self.next.is_some_and(|next| next <= now)
    }
}

/// What is seen to from time to time.
#[derive(Debug)]
pub(super) struct Upkeep {
    retention: Job,
    /// Unless it is switched off (`log.cleaner.enable`).
    compaction: Option<Job>,
    producers: Job,
    /// `producer.id.expiration.ms`.
    expiration_ms: i64,
}

impl Upkeep {
    /// Nothing to do yet.
    pub fn new(settings: &Settings, now: Instant) -> Self {
        let ms = |name: &str| Duration::from_millis(settings.long(name).max(1) as u64);
        let compacts = settings.bool("log.cleaner.enable");
        Upkeep {
            retention: Job::new(now, ms("log.retention.check.interval.ms")),
            compaction: compacts.then(|| Job::new(now, ms("log.cleaner.backoff.ms"))),
            producers: Job::new(now, PRODUCERS_EVERY),
            expiration_ms: i64::from(settings.int("producer.id.expiration.ms")),
        }
    }

    /// When there may be something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let compaction = self.compaction.as_ref().and_then(|job| job.next);
        [self.retention.next, compaction, self.producers.next].into_iter().flatten().min()
    }

    /// Looks at everything at the next moment.
    pub fn wake(&mut self, now: Instant) {
        self.retention.wake(now);
        self.producers.wake(now);
        self.compaction.iter_mut().for_each(|job| job.wake(now));
    }

    /// Does what is due.
    pub fn advance(&mut self, cluster: &mut Cluster, now: Instant, wall_ms: i64) {
        if cluster.has_changed() {
            self.wake(now);
        }
        let moment = |due_ms: Option<i64>| {
            let wait = u64::try_from(due_ms?.saturating_sub(wall_ms)).unwrap_or(0);
            now.checked_add(Duration::from_millis(wait))
        };
        if self.retention.is_due(now) {
            let mut due = None;
            cluster.each_log(|log, settings, _| {
                let changed = log.retain(settings, wall_ms);
                due = due.into_iter().chain(log.over_ms(settings)).min();
                changed
            });
            self.retention.sleep(moment(due));
        }
        if let Some(job) = self.compaction.as_mut().filter(|job| job.is_due(now)) {
            let mut due = None;
            cluster.each_log(|log, settings, decompressor| {
                if !settings.compact {
                    return false;
                }
                let changed = log.is_dirty(settings, wall_ms) && log.compact(settings, wall_ms, decompressor);
                due = due.into_iter().chain(log.dirty_later_ms(settings, wall_ms)).min();
                changed
            });
            job.sleep(moment(due));
        }
        if self.producers.is_due(now) {
            let mut oldest = None;
            let before_ms = wall_ms.saturating_sub(self.expiration_ms);
            cluster.each_log(|log, _, _| {
                log.expire_producers(before_ms);
                oldest = oldest.into_iter().chain(log.producers().oldest_ms()).min();
                false
            });
            self.producers.sleep(moment(oldest.map(|oldest| oldest.saturating_add(self.expiration_ms))));
        }
    }
}

impl Cluster {
    /// Compacts a partition at once, whatever the settings of its topic say.
    pub fn compact_now(&mut self, topic: &str, index: i32, wall_ms: i64) {
        let Some(id) = self.catalog.topic(topic).map(|topic| topic.id) else { return };
        let Some((state, decompressor)) = self.topic_state_mut(id) else { return };
        let log = usize::try_from(index).ok().and_then(|index| state.logs.get_mut(index));
        if let Some(log) = log {
            log.compact_now(&state.settings, wall_ms, decompressor);
        }
        self.partition_changed(topic, index);
    }

    /// Sees to it that there is room for a batch of so many bytes in a topic (`milena.topic.max.bytes`). Where there is none, the
    /// oldest batches go, those of the largest partition first; of a topic that is only compacted nothing can go but what
    /// compaction removes.
    ///
    /// # Errors
    /// [`ErrorCode::KAFKA_STORAGE_ERROR`], as when a disk is full.
    pub fn make_room(&mut self, topic: Uuid, bytes: usize, wall_ms: i64) -> Result<(), ErrorCode> {
        let Some((state, decompressor)) = self.topic_state_mut(topic) else { return Ok(()) };
        let most = state.settings.max_topic_bytes;
        let bytes = bytes.saturating_add(BESIDE_BYTES);
        state.unmeasured = state.unmeasured.saturating_add(bytes);
        if state.unmeasured <= most / UNMEASURED {
            return Ok(());
        }
        let size = |logs: &[Log]| logs.iter().map(Log::held_bytes).sum::<usize>();
        let mut total = size(&state.logs);
        if total.saturating_add(bytes) <= most {
            state.unmeasured = 0;
            return Ok(());
        }
        let TopicSettings { compact, delete, .. } = state.settings;
        if bytes > most || !delete && state.full_at == Some(total) {
            return Err(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        if compact {
            for log in &mut state.logs {
                log.compact_now(&state.settings, wall_ms, decompressor);
            }
            total = size(&state.logs);
        }
        let target = (most - most / FREED).max(bytes);
        while delete && total.saturating_add(bytes) > target {
            let Some(largest) = state.logs.iter_mut().max_by_key(|log| log.held_bytes()) else { break };
            let surplus = total.saturating_add(bytes) - target;
            largest.drop_oldest(surplus.min(largest.held_bytes().div_ceil(2)));
            total = size(&state.logs);
        }
        state.unmeasured = 0;
        state.full_at = Some(total);
        let is_full = total.saturating_add(bytes) > most;
        let partitions = state.logs.len();
        self.topic_changed(topic, partitions);
        if is_full { Err(ErrorCode::KAFKA_STORAGE_ERROR) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
