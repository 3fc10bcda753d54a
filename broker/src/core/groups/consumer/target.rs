//! What is to be whose: worked out anew by the assignor that most members prefer, when the group has changed.

use std::collections::BTreeMap;
use std::time::Instant;

use milena_protocol::Str;

use super::ConsumerGroup;
use crate::core::catalog::Catalog;
use crate::core::groups::assignors::{self, GroupSpec, MemberSpec};
use crate::core::groups::settings::GroupSettings;
use crate::core::groups::timers::millis;

impl ConsumerGroup {
    /// Works out the target anew if the group has changed since, but not more often than
    /// `group.consumer.assignment.interval.ms` (KIP-1263).
    pub(super) fn update_target(&mut self, settings: &GroupSettings, catalog: &Catalog, now: Instant) {
        let interval = millis(settings.group_consumer_assignment_interval_ms);
        let is_too_soon = self.target_since.is_some_and(|since| now.duration_since(since) < interval);
        if self.target_epoch >= self.epoch || is_too_soon {
            return;
        }
        let mut group = GroupSpec::default();
        for (id, member) in &self.members {
            let topics = self.subscriptions.topics_of(member, catalog);
            for &topic in &topics {
                let count = catalog.topic_by_id(topic).map_or(0, |topic| topic.partitions.len());
                group.topics.insert(topic, count);
            }
            let target = self.target.get(id).cloned().unwrap_or_default();
            let instance_id = member.instance_id.clone();
            group.members.insert(id.clone(), MemberSpec { instance_id, topics, target });
        }
        if let Some(target) = assignors::assign(&self.assignor(settings), &group) {
            self.target = target;
            self.target_epoch = self.epoch;
            self.target_since = Some(now);
        }
    }

    /// The assignor that most members prefer; where none does, the first of `group.consumer.assignors`.
    pub(super) fn assignor(&self, settings: &GroupSettings) -> Str {
        let mut votes: BTreeMap<&Str, usize> = BTreeMap::new();
        for assignor in self.members.values().filter_map(|member| member.server_assignor.as_ref()) {
            *votes.entry(assignor).or_default() += 1;
        }
        let most = votes.values().max();
        let chosen = votes.iter().find(|(_, count)| Some(*count) == most).map(|(name, _)| (*name).clone());
        chosen.or_else(|| settings.group_consumer_assignors.first().cloned()).unwrap_or_default()
    }
}
