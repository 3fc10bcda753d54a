//! How a classic group with members becomes a consumer group, and the other way (`group.consumer.migration.policy`).
//!
//! The first member that speaks the consumer protocol turns a classic group; the last one that leaves turns it back. In
//! between members of both protocols are in one group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;
use milena_protocol::messages::consumer_protocol::TopicPartitions;
use milena_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use milena_protocol::{ErrorCode, Message, Str, Uuid};

use super::member::{ClassicSide, Epochs, Member, MemberState};
use super::{ConsumerGroup, Refusal};
use crate::core::catalog::Catalog;
use crate::core::groups::assignors::Partitions;
use crate::core::groups::classic::member::Member as ClassicMember;
use crate::core::groups::classic::{CONSUMER, ClassicGroup};
use crate::core::groups::settings::GroupSettings;
use crate::core::groups::shared::Shared;
use crate::core::groups::timers::{Timer, millis};

/// That the group is to become a classic one.
#[derive(Clone, Copy, Debug)]
pub(in crate::core::groups) struct Downgrade {
    /// Whether what members have is not what they are to have.
    pub(super) rebalances: bool,
}

impl ConsumerGroup {
    /// The consumer group with the members of a classic one, each with what it has. The classic group stays as it is until
    /// it is clear that the other takes its place.
    pub(in crate::core::groups) fn of_classic(
        classic: &ClassicGroup,
        id: &Str,
        settings: &GroupSettings,
        catalog: &Catalog,
    ) -> Result<Self, Refusal> {
        let refused = |why: &str| {
            let message = format!("the classic group {id} cannot become a consumer group: {why}");
            Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, message)
        };
        if !settings.group_consumer_migration_policy.upgrades() {
            return Err(refused("group.consumer.migration.policy does not allow it"));
        }
        if !classic.is_of_consumers() {
            return Err(refused("its members are no consumers"));
        }
        if classic.members().len() > usize::try_from(settings.group_consumer_max_size).unwrap_or(0) {
            return Err(refused("it has more members than group.consumer.max.size"));
        }
        let Some(protocol) = classic.protocol_name() else {
            // Kafka fails here too, as with a broken invariant.
            return Err(Refusal::new(
                ErrorCode::UNKNOWN_SERVER_ERROR,
                "the group has not had a generation yet",
            ));
        };
        let mut group = ConsumerGroup::new(id.detached());
        (group.epoch, group.target_epoch) = (classic.generation(), classic.generation());
        for member in classic.members() {
            let (_, assignment) = ConsumerProtocolAssignment::from_blob(&member.assignment)
                .map_err(|_| refused("an assignment cannot be read"))?;
            if assignment.user_data.is_some_and(|data| !data.is_empty()) {
                return Err(refused("an assignor of its own is in use"));
            }
            let (_, subscription) = ConsumerProtocolSubscription::from_blob(&member.metadata(protocol))
                .map_err(|_| refused("a subscription cannot be read"))?;
            let has = by_id(&assignment.assigned_partitions, catalog);
            let assigned = has.iter().map(|(topic, partitions)| {
                let epochs = partitions.iter().map(|partition| (*partition, classic.generation()));
                (*topic, epochs.collect::<BTreeMap<i32, i32>>())
            });
            group.put(Member {
                id: member.id.clone(),
                instance_id: member.instance_id.clone(),
                rack_id: subscription.rack_id.as_ref().map(Str::detached),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                epoch: classic.generation(),
                previous_epoch: classic.generation(),
                state: MemberState::Stable,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                topic_names: subscription.topics.iter().map(Str::detached).collect(),
                assigned: assigned.collect::<Epochs>(),
                classic: Some(ClassicSide {
                    session_timeout_ms: member.session_timeout_ms,
                    protocols: member.protocols.clone(),
                }),
                ..Member::default()
            });
            group.target.insert(member.id.clone(), has);
        }
        group.metadata = group.subscriptions.metadata(catalog);
        Ok(group)
    }

    /// Begins the sessions of those who have come from a classic group.
    pub(in crate::core::groups) fn begin_classic_sessions(&self, shared: &mut Shared, now: Instant) {
        for member in self.members.values() {
            if let Some(classic) = &member.classic {
                let end = now + millis(classic.session_timeout_ms);
                shared.timers.set(&self.id, Timer::Session(member.id.clone()), end);
            }
        }
    }

    /// Whether all members speak the classic protocol, and the group may become a classic one.
    pub(super) fn is_classic(&self, settings: &GroupSettings) -> bool {
        settings.group_consumer_migration_policy.downgrades()
            && !self.members.is_empty()
            && self.members.values().all(|member| member.classic.is_some())
            && self.members.len() <= usize::try_from(settings.group_max_size).unwrap_or(0)
    }

    /// The classic group that this one is to become, if it is. Members get what they are to have here.
    pub(in crate::core::groups) fn downgraded(
        &mut self,
        shared: &mut Shared,
        catalog: &Catalog,
        now: Instant,
    ) -> Option<ClassicGroup> {
        let Downgrade { rebalances } = self.downgrade.take()?;
        let classic = |member: &Member| {
            let side = member.classic.as_ref()?;
            Some(ClassicMember {
                id: member.id.clone(),
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                session_timeout_ms: side.session_timeout_ms,
                protocol_type: Str::from_static(CONSUMER),
                protocols: side.protocols.clone(),
                assignment: Bytes::new(),
                awaiting_join: None,
                awaiting_sync: None,
                is_new: false,
            })
        };
        let members = self.members.values().filter_map(classic).collect();
        shared.timers.stop_all(&self.id);
        let none = Partitions::new();
        let target = |member: &ClassicMember, version: i16| {
            assignment_blob(self.target.get(&member.id).unwrap_or(&none), version, catalog)
        };
        let mut group = ClassicGroup::of_members(self.id.clone(), self.epoch, members, target, shared, now);
        if rebalances {
            group.prepare_rebalance(shared, now);
        }
        Some(group)
    }
}

/// Partitions by the ids of their topics, those that exist.
pub(super) fn by_id(topics: &[TopicPartitions], catalog: &Catalog) -> Partitions {
    let mut partitions: BTreeMap<Uuid, BTreeSet<i32>> = BTreeMap::new();
    for topic in topics {
        if let Some(found) = catalog.topic(&topic.topic) {
            partitions.entry(found.id).or_default().extend(&topic.partitions);
        }
    }
    partitions
}

/// What SyncGroup says to a consumer, in the version of the consumer protocol that it has spoken itself.
pub(super) fn assignment_blob(partitions: &Partitions, version: i16, catalog: &Catalog) -> Bytes {
    let mut assignment = ConsumerProtocolAssignment::default();
    assignment.assigned_partitions = partitions
        .iter()
        .filter_map(|(id, partitions)| {
            let topic = catalog.topic_by_id(*id)?;
            Some(TopicPartitions::new(topic.name.clone(), partitions.iter().copied().collect()))
        })
        .collect();
    let versions = ConsumerProtocolAssignment::VERSIONS;
    assignment.to_blob(version.clamp(*versions.start(), *versions.end())).unwrap_or_default()
}
