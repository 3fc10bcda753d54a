//! Requests that wait for more than there is (Kafka's `DelayedFetch`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::Fetch;
use crate::core::cluster::{Cluster, PartitionKey};
use crate::core::requests::Ticket;

/// Requests that wait, and what for.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Each with the partitions that it watches: a topic can go meanwhile, and its partitions could not be had again.
    fetches: BTreeMap<Ticket, (Fetch, Vec<PartitionKey>)>,
    watched: BTreeMap<PartitionKey, BTreeSet<Ticket>>,
    deadlines: BTreeSet<(Instant, Ticket)>,
}

impl Waiting {
    /// Lets a request wait.
    pub fn insert(&mut self, cluster: &Cluster, fetch: Fetch) {
        let keys = keys(cluster, &fetch);
        for key in &keys {
            self.watched.entry(*key).or_default().insert(fetch.ticket);
        }
        self.deadlines.insert((fetch.deadline, fetch.ticket));
        self.fetches.insert(fetch.ticket, (fetch, keys));
    }

    /// Forgets a request.
    pub fn remove(&mut self, ticket: Ticket) -> Option<Fetch> {
        let (fetch, keys) = self.fetches.remove(&ticket)?;
        self.deadlines.remove(&(fetch.deadline, ticket));
        for key in keys {
            if let Some(tickets) = self.watched.get_mut(&key) {
                tickets.remove(&ticket);
                if tickets.is_empty() {
                    self.watched.remove(&key);
                }
            }
        }
        Some(fetch)
    }

    /// The requests that wait no longer: their time is up, or what they wait for is there.
    pub fn take_ready(
        &mut self,
        cluster: &mut Cluster,
        changed: &BTreeSet<PartitionKey>,
        now: Instant,
    ) -> Vec<Fetch> {
        let mut ready = BTreeSet::new();
        ready.extend(self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, ticket)| *ticket));
        let concerned: BTreeSet<Ticket> =
            changed.iter().filter_map(|key| self.watched.get(key)).flatten().copied().collect();
        for ticket in concerned {
            if !ready.contains(&ticket) && self.fetches[&ticket].0.is_ready(cluster) {
                ready.insert(ticket);
            }
        }
        ready.into_iter().filter_map(|ticket| self.remove(ticket)).collect()
    }

    #[cfg(test)]
    pub fn watches_nothing(&self) -> bool {
        self.watched.is_empty()
    }

    /// When the first of them has waited for long enough.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }
}

/// The partitions that a request waits for.
fn keys(cluster: &Cluster, fetch: &Fetch) -> Vec<PartitionKey> {
    let key = |topic: &str, index| cluster.catalog.topic(topic).map(|topic| (topic.id, index));
    let targets = fetch.targets.iter().filter_map(|(target, _)| target.topic.as_ref().map(|t| (t, target)));
    targets.filter_map(|(topic, target)| key(topic, target.partition)).collect()
}
