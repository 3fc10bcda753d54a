//! What goes by itself: old segments, and more than there may be (Kafka's `UnifiedLog.deleteOldSegments`).

use super::Log;
use super::segment::{BESIDE_BYTES, Segment};
use crate::settings::TopicSettings;

impl Log {
    /// Removes the segments that are over `retention.bytes`, and those that are older than `retention.ms`. Gives back
    /// whether there were any.
    pub fn retain(&mut self, settings: &TopicSettings, wall_ms: i64) -> bool {
        if !settings.delete {
            return false;
        }
        let mut gone = 0;
        if let Ok(most) = usize::try_from(settings.retention_bytes) {
            let mut surplus = self.size_bytes().saturating_sub(most);
            for segment in &self.segments {
                let is_new = segment.size_bytes == 0 && gone + 1 == self.segments.len();
                if is_new || surplus < segment.size_bytes {
                    break;
                }
                surplus -= segment.size_bytes;
                gone += 1;
            }
        }
        if settings.retention_ms >= 0 {
            let is_over = |segment: &&Segment| segment.age_ms(wall_ms) > settings.retention_ms;
            let over = self.segments.iter().skip(gone).take_while(is_over).count();
            gone += over;
        }
        let next = self.segments.get(gone).map_or(self.end_offset, |segment| segment.base_offset);
        // The offset may be that of a gap which compaction has left.
        if gone == 0 || next <= self.start_offset {
            return false;
        }
        if gone == self.segments.len() {
            self.segments.push_back(Segment::new(self.end_offset, wall_ms));
        }
        self.trim(next)
    }

    /// When the oldest segment is over `retention.ms`, in milliseconds since 1970.
    pub fn over_ms(&self, settings: &TopicSettings) -> Option<i64> {
        let first = self.segments.front().filter(|first| settings.delete && first.size_bytes > 0)?;
        let retention_ms = Some(settings.retention_ms).filter(|ms| *ms >= 0)?;
        first.youngest_ms().checked_add(retention_ms)?.checked_add(1)
    }

    /// Removes the oldest batches, that take as much memory or some more.
    pub fn drop_oldest(&mut self, bytes: usize) {
        let mut dropped = 0;
        let mut batches = self.segments.iter().flat_map(|segment| &segment.batches);
        let last = batches.find(|batch| {
            dropped += batch.bytes.len() + BESIDE_BYTES;
            dropped >= bytes
        });
        let next = last.map_or(self.end_offset, |last| last.header.next_offset());
        self.trim(next);
    }
}
