//! How far records of a topic compress, learnt from those that did: a batch that will be compressed takes more of them.

use std::collections::BTreeMap;

use milena_protocol::Str;

/// What a guess is better by than it need be, so that few batches come out too large.
const MARGIN: f32 = 1.05;
/// How fast a guess follows batches that compress better, and worse.
const BETTER: f32 = 0.005;
const WORSE: f32 = 0.05;

/// What is left of a batch after compression, by topic; 1 where nothing is known.
#[derive(Clone, Debug, Default)]
pub(super) struct CompressionRatios(BTreeMap<Str, f32>);

impl CompressionRatios {
    fn ratio(&self, topic: &str) -> f32 {
        self.0.get(topic).copied().unwrap_or(1.0)
    }

    /// How many bytes, uncompressed, come to a batch of this size.
    pub(super) fn room_for(&self, topic: &str, batch_size: usize) -> usize {
        (batch_size as f32 / (self.ratio(topic) * MARGIN).max(0.01)) as usize
    }

    /// A batch came out so.
    pub(super) fn learn(&mut self, topic: &str, uncompressed: usize, compressed: usize) {
        let seen = compressed as f32 / uncompressed.max(1) as f32;
        let guess = self.ratio(topic);
        let next = if seen > guess { (guess + WORSE).max(seen) } else { (guess - BETTER).max(seen) };
        self.set(topic, next);
    }

    /// A batch of this topic was too large.
    pub(super) fn was_too_large(&mut self, topic: &str) {
        let ratio = self.ratio(topic).max(1.0);
        self.set(topic, ratio);
    }

    fn set(&mut self, topic: &str, ratio: f32) {
        match self.0.get_mut(topic) {
            Some(known) => *known = ratio,
            None => drop(self.0.insert(Str::from(topic), ratio)),
        }
    }

    pub(super) fn forget(&mut self, topic: &str) {
        self.0.remove(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_slowly_and_shrink_at_once() {
        let mut ratios = CompressionRatios::default();
        let topic = "t";
        let room = |ratios: &CompressionRatios| ratios.room_for("t", 10_000);
        assert!(room(&ratios) < 10_000);
        (0..100).for_each(|_| ratios.learn(topic, 1_000, 200));
        assert!((18_000..20_000).contains(&room(&ratios)), "{}", room(&ratios));
        ratios.learn(topic, 1_000, 900);
        assert!(room(&ratios) < 11_000);
        ratios.learn(topic, 1_000, 10);
        ratios.was_too_large(topic);
        assert!(room(&ratios) < 10_000);
    }
}
