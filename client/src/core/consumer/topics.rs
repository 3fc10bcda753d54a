//! Which topics the consumer has to know of, and whether it does.

use std::collections::BTreeSet;

use milena_protocol::Str;

use super::Core;

/// What is known of the topics that metadata is kept of.
#[derive(Debug, Default)]
pub(super) struct Topics {
    /// Those that the last answer about metadata was asked for.
    covered: BTreeSet<Str>,
    wanted: BTreeSet<Str>,
    /// Whether any that is wanted is not covered.
    is_lacking: bool,
    /// The changes of the subscription and of the assignment at which these were looked at, as long as nothing else has
    /// happened that could make a difference.
    as_of: Option<(u64, u64)>,
}

impl Topics {
    pub(super) fn covered(&self) -> &BTreeSet<Str> {
        &self.covered
    }

    pub(super) fn cover(&mut self, topics: BTreeSet<Str>) {
        self.covered = topics;
        self.as_of = None;
    }

    /// What the group wants to know of may have changed.
    pub(super) fn may_have_changed(&mut self) {
        self.as_of = None;
    }
}

impl Core {
    /// The topics whose metadata is kept: the subscription, what is read, and for the leader what the group reads.
    pub(super) fn wanted_topics(&self) -> BTreeSet<Str> {
        let watched = self.group.iter().flat_map(|group| group.membership.watched_topics());
        let read = self.fetching.assignment().map(|partition| &partition.topic);
        self.subscription.topics().iter().chain(watched).chain(read).cloned().collect()
    }

    /// Whether metadata of any of them has not been asked for yet. This is asked at every step, so it does not go through all
    /// partitions each time.
    pub(super) fn lacks_topics(&mut self) -> bool {
        let as_of = Some((self.subscription.changes(), self.fetching.assignments()));
        if self.topics.as_of != as_of {
            let wanted = self.wanted_topics();
            let Topics { covered, wanted: before, .. } = &self.topics;
            if wanted.iter().any(|topic| !before.contains(topic) && !covered.contains(topic)) {
                self.metadata.request_new_topics();
            }
            self.topics.is_lacking = !wanted.is_subset(&self.topics.covered);
            (self.topics.wanted, self.topics.as_of) = (wanted, as_of);
        }
        self.topics.is_lacking
    }

    /// Whether the application has asked for this topic, or for partitions of it.
    pub(super) fn reads(&self, topic: &Str) -> bool {
        self.subscription.topics().contains(topic)
            || self.fetching.assignment().any(|partition| partition.topic == *topic)
    }
}
