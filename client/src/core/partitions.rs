//! The consumer's partitions, which of them are worth a look, and which broker each is read from.
//!
//! There can be thousands of them, and most want nothing most of the time but records that are asked for already. So what is
//! done at every step goes through the *restless* ones alone. Whoever changes a partition makes it restless, since there is no
//! other way to change one; it is [at rest](Partitions::rest) again once it was looked at and neither time nor another look
//! would make a difference.

use std::collections::{BTreeMap, BTreeSet};

use super::assigned::Assigned;
use super::topic_partition::TopicPartition;

#[derive(Debug, Default)]
pub(super) struct Partitions {
    all: BTreeMap<TopicPartition, Assigned>,
    restless: BTreeSet<TopicPartition>,
    /// By node id, those that are read from a broker.
    sources: BTreeMap<i32, BTreeSet<TopicPartition>>,
}

impl Partitions {
    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&Assigned> {
        self.all.get(partition)
    }

    /// To change it: it is restless from now on.
    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Assigned> {
        if !self.restless.contains(partition) {
            let (partition, _) = self.all.get_key_value(partition)?;
            self.restless.insert(partition.clone());
        }
        self.all.get_mut(partition)
    }

    /// With a key that keeps no frame alive.
    pub(super) fn get_key_value(&self, partition: &TopicPartition) -> Option<(&TopicPartition, &Assigned)> {
        self.all.get_key_value(partition)
    }

    pub(super) fn contains(&self, partition: &TopicPartition) -> bool {
        self.all.contains_key(partition)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Assigned)> {
        self.all.iter()
    }

    pub(super) fn insert(&mut self, partition: TopicPartition, assigned: Assigned) {
        self.restless.insert(partition.clone());
        self.all.insert(partition, assigned);
    }

    /// Lets go of all but these, which makes none of them restless.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&TopicPartition, &Assigned) -> bool) {
        let Partitions { all, restless, sources } = self;
        all.retain(|partition, assigned| {
            let stays = stays(partition, assigned);
            if !stays {
                restless.remove(partition);
                leave(sources, assigned.source, partition);
            }
            stays
        });
    }

    /// Those that are worth a look.
    pub(super) fn restless(&self) -> impl Iterator<Item = (&TopicPartition, &Assigned)> {
        self.restless.iter().filter_map(|partition| Some((partition, self.all.get(partition)?)))
    }

    /// Something has changed that concerns all of them.
    pub(super) fn wake_all(&mut self) {
        self.restless = self.all.keys().cloned().collect();
    }

    /// Nothing comes of looking at it again before it changes.
    pub(super) fn rest(&mut self, partition: &TopicPartition) {
        self.restless.remove(partition);
    }

    /// From now on it is read from this broker, or from none.
    pub(super) fn read_from(&mut self, partition: &TopicPartition, node: Option<i32>) {
        let Some(assigned) = self.all.get_mut(partition) else { return };
        if assigned.source == node {
            return;
        }
        leave(&mut self.sources, std::mem::replace(&mut assigned.source, node), partition);
        if let Some(node) = node {
            self.sources.entry(node).or_default().insert(partition.clone());
        }
    }

    /// The brokers from which any is read.
    pub(super) fn nodes(&self) -> impl Iterator<Item = i32> {
        self.sources.keys().copied()
    }

    /// Those that are read from this broker, in their order.
    pub(super) fn of_node(&self, node: i32) -> impl Iterator<Item = (&TopicPartition, &Assigned)> {
        let partitions = self.sources.get(&node).into_iter().flatten();
        partitions.filter_map(|partition| Some((partition, self.all.get(partition)?)))
    }
}

fn leave(
    sources: &mut BTreeMap<i32, BTreeSet<TopicPartition>>,
    node: Option<i32>,
    partition: &TopicPartition,
) {
    let Some(node) = node else { return };
    if let Some(partitions) = sources.get_mut(&node) {
        partitions.remove(partition);
        if partitions.is_empty() {
            sources.remove(&node);
        }
    }
}
