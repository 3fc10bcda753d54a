//! OffsetDelete, and offsets that go by themselves: after their retention, and with their topics.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use milena_protocol::messages::offset_delete::{
    OffsetDeleteRequestTopic, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use milena_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use milena_protocol::{ErrorCode, Str, Uuid};

use super::PartitionKey;
use crate::core::catalog::Catalog;
use crate::core::groups::Groups;
use crate::core::requests::Context;

/// From when on the retention of offsets counts (KIP-211).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core::groups) enum Lasting {
    /// They stay.
    Forever,
    /// Each from when it was committed.
    SinceCommit,
    /// All from when the group lost its last member.
    Since(Instant),
}

impl Groups {
    /// Answers OffsetDelete (KIP-496).
    pub fn offset_delete(&mut self, context: &Context<'_>, request: OffsetDeleteRequest, catalog: &Catalog) {
        self.see(catalog);
        let mut response = OffsetDeleteResponse::default();
        let may_delete = match self.groups.get(&request.group_id) {
            _ if request.group_id.is_empty() => Err(ErrorCode::INVALID_GROUP_ID),
            None => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            Some(group) => group.check_offset_delete(),
        };
        match may_delete {
            Ok(()) => {
                let answer = |topic| self.delete_topic_offsets(&request.group_id, topic, catalog);
                response.topics = request.topics.iter().map(answer).collect();
            }
            Err(error) => response.error_code = error,
        }
        self.shared.answers.now(context, response);
    }

    fn delete_topic_offsets(
        &mut self,
        group_id: &Str,
        topic: &OffsetDeleteRequestTopic,
        catalog: &Catalog,
    ) -> OffsetDeleteResponseTopic {
        let is_subscribed =
            self.groups.get(group_id).is_some_and(|group| group.is_subscribed_to(&topic.name));
        let mut answer = OffsetDeleteResponseTopic::default();
        answer.name = topic.name.clone();
        for partition in &topic.partitions {
            let index = partition.partition_index;
            let error = if catalog.partition(&topic.name, index).is_none() {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            } else if is_subscribed {
                ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC
            } else {
                if let Some(offsets) = self.offsets.groups.get_mut(group_id) {
                    offsets.remove(&(topic.name.clone(), index));
                }
                ErrorCode::NONE
            };
            let mut outcome = OffsetDeleteResponsePartition::default();
            (outcome.partition_index, outcome.error_code) = (index, error);
            answer.partitions.push(outcome);
        }
        answer
    }

    /// Takes note of topics that are deleted, or created anew: their offsets go.
    pub(in crate::core::groups) fn see(&mut self, catalog: &Catalog) {
        let offsets = &mut self.offsets;
        if offsets.seen.replace(catalog.deletions()) == Some(catalog.deletions()) {
            return;
        }
        let is_there = |name: &Str, id: &Uuid| catalog.topic(name).is_some_and(|topic| topic.id == *id);
        let mut deleted = BTreeSet::new();
        offsets.topics.retain(|name, id| is_there(name, id) || !deleted.insert(name.clone()));
        if deleted.is_empty() {
            return;
        }
        let groups: Vec<Str> = offsets.groups.keys().cloned().collect();
        for group_id in groups {
            for partition in
                offsets.partitions(&group_id).into_iter().filter(|(topic, _)| deleted.contains(topic))
            {
                if let Some(group) = offsets.groups.get_mut(&group_id) {
                    group.remove(&partition);
                }
            }
        }
    }

    /// Forgets offsets whose retention is over, and groups that have neither members nor offsets
    /// (`offsets.retention.minutes`, every `offsets.retention.check.interval.ms`).
    pub(in crate::core::groups) fn expire_offsets(&mut self, now: Instant) {
        let minutes = u64::try_from(self.shared.settings.offsets_retention_minutes).unwrap_or(0);
        let retention = Duration::from_secs(60 * minutes);
        let ids: Vec<Str> = self.groups.keys().cloned().collect();
        for id in ids {
            let Some(group) = self.groups.get(&id) else { continue };
            if let Some(offsets) = self.offsets.groups.get_mut(&id) {
                let lasting = group.offsets_last();
                let expired: Vec<PartitionKey> = offsets
                    .committed
                    .iter()
                    .filter(|(partition, offset)| {
                        let is_over = match (lasting, offset.expires_at) {
                            (Lasting::Forever, _) => false,
                            (_, Some(end)) => end <= now,
                            (Lasting::SinceCommit, None) => {
                                now.duration_since(offset.committed_at) >= retention
                            }
                            (Lasting::Since(start), None) => now.duration_since(start) >= retention,
                        };
                        is_over && !group.is_subscribed_to(&partition.0) && !offsets.is_pending(partition)
                    })
                    .map(|(partition, _)| partition.clone())
                    .collect();
                expired.iter().for_each(|partition| offsets.remove(partition));
                if !offsets.is_empty() {
                    continue;
                }
                self.offsets.groups.remove(&id);
            }
            if group.is_empty() {
                self.forget_group(&id);
            }
        }
    }
}
