//! A ledger of what was moved from whom to whom while balancing.
//!
//! Its use: if a partition of topic t is about to move from B to A, and another partition of t was moved from
//! A to B before, moving that one back does as much for the balance, and leaves A with what it had. So the
//! ledger answers "which partition should really move?".

use std::collections::BTreeMap;

use super::super::group::Group;
use super::super::java_order::{JavaHashSet, partition_hash, string_hash};

/// A move between two members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    from: usize,
    to: usize,
}

#[derive(Debug)]
pub(super) struct Movements<'a> {
    group: &'a Group<'a>,
    topic_hashes: Vec<i32>,
    /// For each topic and way the partitions that went it. Java takes the first one that its `HashSet`
    /// yields.
    partitions: BTreeMap<(usize, Way), JavaHashSet<usize>>,
    /// For each moved partition its way from where it was at first to where it is.
    ways: BTreeMap<usize, Way>,
}

impl<'a> Movements<'a> {
    pub(super) fn new(group: &'a Group<'a>) -> Self {
        Self {
            group,
            topic_hashes: group.topics.iter().map(|topic| string_hash(topic)).collect(),
            partitions: BTreeMap::new(),
            ways: BTreeMap::new(),
        }
    }

    /// The partition to move if one like `partition` is to go from `from` to `to`.
    pub(super) fn best_to_move(&self, partition: usize, from: usize, to: usize) -> usize {
        let from = self.ways.get(&partition).map_or(from, |way| way.from);
        let back = Way { from: to, to: from };
        let topic = self.group.partitions[partition].topic;
        let candidates = self.partitions.get(&(topic, back));
        candidates.and_then(|partitions| partitions.iter().next()).unwrap_or(partition)
    }

    pub(super) fn record(&mut self, partition: usize, from: usize, to: usize) {
        let Some(before) = self.ways.remove(&partition) else {
            return self.add(partition, Way { from, to });
        };
        self.forget(partition, before);
        if before.from != to {
            let from = before.from;
            self.add(partition, Way { from, to });
        }
    }

    fn add(&mut self, partition: usize, way: Way) {
        let (topic, hash) = self.key(partition);
        let set = self.partitions.entry((topic, way));
        set.or_insert_with(JavaHashSet::new).insert(hash, partition);
        self.ways.insert(partition, way);
    }

    fn forget(&mut self, partition: usize, way: Way) {
        let (topic, hash) = self.key(partition);
        if let Some(set) = self.partitions.get_mut(&(topic, way)) {
            set.remove(hash, partition);
            if set.is_empty() {
                self.partitions.remove(&(topic, way));
            }
        }
    }

    fn key(&self, partition: usize) -> (usize, i32) {
        let partition = &self.group.partitions[partition];
        let hash = partition_hash(self.topic_hashes[partition.topic], partition.index);
        (partition.topic, hash)
    }
}
