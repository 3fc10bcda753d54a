//! Compaction: of each key only the last value is kept (Kafka's `LogCleanerManager` and `Cleaner`).
//!
//! Offsets stay what they are, so that gaps appear. Whole segments are compacted, up to the last stable offset; never the
//! one that is appended to. A record without a value, a tombstone, removes its key, and stays itself for
//! `delete.retention.ms` from when it was compacted first, so that readers learn of it; so do the ends of transactions of
//! which nothing else is left.

use std::collections::{BTreeMap, HashMap};

use milena_protocol::records::{Batches, Decompressor};

use super::ends::{Ends, Part};
use super::filter::{Filter, filtered};
use super::producers::LastRecord;
use super::segment::{Segment, Stored};
use super::{Aborted, Log};
use crate::settings::TopicSettings;

/// What can be compacted.
struct Cleanable {
    /// How many segments.
    count: usize,
    /// From here on nothing was compacted yet.
    first_dirty: i64,
    /// Where the segments end.
    end: i64,
}

impl Log {
    /// Whether so much of the log has not been compacted yet that it is time (`min.cleanable.dirty.ratio`), or something has
    /// waited for too long (`max.compaction.lag.ms`).
    pub fn is_dirty(&self, settings: &TopicSettings, wall_ms: i64) -> bool {
        let cleanable = self.cleanable(settings, wall_ms);
        let (mut clean, mut dirty) = (0, 0);
        for segment in self.segments.iter().take(cleanable.count) {
            match segment.base_offset < cleanable.first_dirty {
                true => clean += segment.size_bytes,
                false => dirty += segment.size_bytes,
            }
        }
        let is_late = self
            .first_waiting_ms(&cleanable)
            .is_some_and(|first| first < wall_ms.saturating_sub(settings.max_compaction_lag_ms.max(0)));
        let ratio = dirty as f64 / (clean + dirty).max(1) as f64;
        dirty > 0 && (is_late || ratio > settings.min_cleanable_dirty_ratio)
    }

    /// When [`is_dirty`](Self::is_dirty) may change its mind though nothing is appended, in milliseconds since 1970.
    pub fn dirty_later_ms(&self, settings: &TopicSettings, wall_ms: i64) -> Option<i64> {
        let first_dirty = self.first_dirty();
        let mut times = Vec::new();
        let waiting = self.inactive().filter(|segment| segment.base_offset >= first_dirty);
        for segment in waiting.filter(|segment| segment.size_bytes > 0) {
            times.push(segment.largest_timestamp.saturating_add(settings.min_compaction_lag_ms));
            let first = segment.batches.first().map_or(-1, |batch| batch.header.max_timestamp);
            times.push(first.saturating_add(settings.max_compaction_lag_ms).saturating_add(1));
        }
        times.into_iter().filter(|time| *time > wall_ms && *time < i64::MAX).min()
    }

    /// Compacts what can be compacted. Gives back whether anything was removed.
    pub fn compact(
        &mut self,
        settings: &TopicSettings,
        wall_ms: i64,
        decompressor: &mut Decompressor,
    ) -> bool {
        let cleanable = self.cleanable(settings, wall_ms);
        self.clean(&cleanable, settings, wall_ms, decompressor)
    }

    /// Compacts all that there is up to the last stable offset, at once: also what was just appended, and what has been
    /// compacted before. Gives back whether anything was removed.
    pub fn compact_now(
        &mut self,
        settings: &TopicSettings,
        wall_ms: i64,
        decompressor: &mut Decompressor,
    ) -> bool {
        self.roll_at(self.last_stable_offset(), wall_ms);
        self.cleaned_to = 0;
        let count = self.count_before(self.last_stable_offset());
        let end = self.segments.get(count).map_or(self.end_offset, |segment| segment.base_offset);
        let cleanable = Cleanable { count, first_dirty: self.start_offset, end };
        self.clean(&cleanable, settings, wall_ms, decompressor)
    }

    fn first_dirty(&self) -> i64 {
        match self.cleaned_to {
            offset if offset < self.start_offset || offset > self.end_offset => self.start_offset,
            offset => offset,
        }
    }

    /// The segments that are not appended to any more.
    fn inactive(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().take(self.segments.len() - 1)
    }

    /// How many segments lie before an offset, as a whole; without the one that is appended to.
    fn count_before(&self, offset: i64) -> usize {
        self.segments.iter().skip(1).take_while(|next| next.base_offset <= offset).count()
    }

    fn cleanable(&self, settings: &TopicSettings, wall_ms: i64) -> Cleanable {
        let first_dirty = self.first_dirty();
        let mut limit = self.last_stable_offset();
        if settings.min_compaction_lag_ms > 0 {
            let youngest = wall_ms.saturating_sub(settings.min_compaction_lag_ms);
            let mut dirty = self.inactive().filter(|segment| segment.base_offset >= first_dirty);
            if let Some(segment) = dirty.find(|segment| segment.largest_timestamp > youngest) {
                limit = limit.min(segment.base_offset);
            }
        }
        let count = self.count_before(limit.max(first_dirty));
        let end = self.segments[count].base_offset;
        Cleanable { count, first_dirty, end }
    }

    /// The earliest timestamp that waits for compaction.
    fn first_waiting_ms(&self, cleanable: &Cleanable) -> Option<i64> {
        let dirty = self.inactive().filter(|segment| segment.base_offset >= cleanable.first_dirty);
        let firsts = dirty.filter_map(|segment| segment.batches.first());
        firsts.map(|batch| batch.header.max_timestamp).filter(|time| *time > 0).min()
    }

    fn clean(
        &mut self,
        cleanable: &Cleanable,
        settings: &TopicSettings,
        wall_ms: i64,
        decompressor: &mut Decompressor,
    ) -> bool {
        if cleanable.count == 0 {
            return false;
        }
        let latest = self.latest_offsets(cleanable, decompressor);
        let before = self.size_bytes();
        let active = self.segments.split_off(cleanable.count);
        let last_records = self.producers.last_records();
        let mut ends = Ends::new(self.aborted.iter().copied());
        let mut cleaned: Vec<(Segment, usize)> = Vec::new();
        for segment in std::mem::take(&mut self.segments) {
            let (base_offset, size) = (segment.base_offset, segment.size_bytes);
            let mut kept = Vec::new();
            for stored in segment.batches {
                let is_last = is_last_of_producer(&stored, &last_records);
                let part = ends.read(&stored);
                let horizon_ms = stored.header.delete_horizon_ms;
                let is_over = horizon_ms.is_some_and(|horizon| horizon <= wall_ms);
                let filter = Filter {
                    discards: match part {
                        Part::Data { is_aborted } => is_aborted,
                        Part::Marker { is_empty } => is_empty && is_over,
                    },
                    keeps_empty: is_last || stored.header.next_offset() == cleanable.end,
                    is_lonely_marker: part == Part::Marker { is_empty: true },
                    latest: &latest,
                    latest_end: cleanable.end,
                    tombstones_are_over: is_over,
                    new_horizon_ms: wall_ms.saturating_add(settings.delete_retention_ms),
                };
                kept.extend(filtered(stored, &filter, decompressor));
            }
            // Small segments grow together.
            match cleaned.last_mut() {
                Some((into, sizes)) if *sizes + size <= settings.segment_bytes => {
                    kept.into_iter().for_each(|batch| into.push(batch));
                    *sizes += size;
                }
                _ => {
                    let mut into = Segment::new(base_offset, wall_ms);
                    kept.into_iter().for_each(|batch| into.push(batch));
                    cleaned.push((into, size));
                }
            }
        }
        let cleaned = cleaned.into_iter().map(|(segment, _)| segment);
        let cleaned = cleaned.filter(|segment| !segment.batches.is_empty());
        self.segments = cleaned.chain(active).collect();
        let gone = ends.gone();
        self.aborted.retain(|aborted| !gone.contains(&(aborted.producer_id, aborted.first_offset)));
        self.cleaned_to = cleanable.end;
        self.size_bytes() != before
    }

    /// The last offset of each key in what was not compacted yet, without what was aborted.
    fn latest_offsets(
        &self,
        cleanable: &Cleanable,
        decompressor: &mut Decompressor,
    ) -> HashMap<Box<[u8]>, i64> {
        let mut latest = HashMap::new();
        let reaches = |aborted: &&Aborted| aborted.last_offset >= cleanable.first_dirty;
        let mut ends = Ends::new(self.aborted.iter().filter(reaches).copied());
        let segments = self.segments.iter().take(cleanable.count);
        for stored in segments.flat_map(|segment| &segment.batches) {
            if stored.header.last_offset < cleanable.first_dirty {
                continue;
            }
            if ends.read(stored) != (Part::Data { is_aborted: false }) {
                continue;
            }
            let Some(Ok(batch)) = Batches::new(&stored.bytes).verify_crc(false).next() else { continue };
            let Ok(records) = batch.records(decompressor) else { continue };
            for record in records.map_while(Result::ok) {
                if let Some(key) = record.key.filter(|_| record.offset >= cleanable.first_dirty) {
                    latest.insert(key.into(), record.offset);
                }
            }
        }
        latest
    }
}

/// Whether a batch says where its producer stands: it is the last with data, or where there is none, the last marker.
fn is_last_of_producer(stored: &Stored, last_records: &BTreeMap<i64, LastRecord>) -> bool {
    let header = &stored.header;
    match last_records.get(&header.producer_id) {
        None => false,
        Some(LastRecord::Data { offset }) => header.last_offset == *offset,
        Some(LastRecord::Marker { epoch }) => header.is_control && header.producer_epoch == *epoch,
    }
}
