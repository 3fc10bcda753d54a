//! What operators see of a consumer group.

use std::collections::BTreeMap;

use milena_protocol::messages::consumer_group_describe::{
    Assignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};
use milena_protocol::{Str, Uuid};

use super::ConsumerGroup;
use super::member::Member;
use crate::core::catalog::Catalog;
use crate::core::groups::settings::GroupSettings;

// Which protocol a member speaks (KIP-1099).
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

impl ConsumerGroup {
    pub(in crate::core::groups) fn state_name(&self) -> Str {
        Str::from_static(if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.target_epoch {
            "Assigning"
        } else if self.members.values().all(|member| member.is_reconciled_to(self.target_epoch)) {
            "Stable"
        } else {
            "Reconciling"
        })
    }

    pub(in crate::core::groups) fn describe(
        &self,
        settings: &GroupSettings,
        catalog: &Catalog,
    ) -> DescribedGroup {
        let mut described = DescribedGroup::default();
        described.group_id = self.id.clone();
        described.group_state = self.state_name();
        described.group_epoch = self.epoch;
        described.assignment_epoch = self.target_epoch;
        described.assignor_name = self.assignor(settings);
        described.members =
            self.members.values().map(|member| self.describe_member(member, catalog)).collect();
        described
    }

    fn describe_member(&self, member: &Member, catalog: &Catalog) -> DescribedMember {
        let target = self.target.get(&member.id).into_iter().flatten();
        let target =
            target.flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)));
        let mut described = DescribedMember::default();
        described.member_id = member.id.clone();
        described.instance_id = member.instance_id.clone();
        described.rack_id = member.rack_id.clone();
        described.member_epoch = member.epoch;
        described.client_id = member.client_id.clone();
        described.client_host = member.client_host.clone();
        described.subscribed_topic_names = member.topic_names.iter().cloned().collect();
        described.subscribed_topic_regex = Some(member.topic_regex.clone());
        // What it has to give up is its own until it has done so.
        described.assignment = by_topic(member.partitions(), catalog);
        described.target_assignment = by_topic(target, catalog);
        described.member_type = if member.classic.is_some() { CLASSIC } else { CONSUMER };
        described
    }
}

/// The partitions of topics that exist.
fn by_topic(partitions: impl Iterator<Item = (Uuid, i32)>, catalog: &Catalog) -> Assignment {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    partitions.for_each(|(topic, partition)| topics.entry(topic).or_default().push(partition));
    let described = |(id, partitions): (Uuid, Vec<i32>)| {
        let mut described = TopicPartitions::default();
        described.topic_name = catalog.topic_by_id(id)?.name.clone();
        (described.topic_id, described.partitions) = (id, partitions);
        Some(described)
    };
    let mut assignment = Assignment::default();
    assignment.topic_partitions = topics.into_iter().filter_map(described).collect();
    assignment
}
