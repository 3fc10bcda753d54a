//! Brokers stop and start; leaders and coordinators move.

use std::collections::BTreeMap;
use std::time::Instant;

use milena_protocol::Str;

use super::{SteerError, Whom};
use crate::core::Core;
use crate::core::cluster::{CONSUMER_OFFSETS, Cluster, TRANSACTION_STATE};
use crate::core::io::Action;

impl Core {
    pub(super) fn stop_broker(&mut self, node_id: i32, now: Instant) -> Result<(), SteerError> {
        if !self.known_broker(node_id)? {
            return Ok(());
        }
        self.disconnect(&Whom::Broker(node_id))?;
        self.requests.thaw(node_id);
        self.actions.push_back(Action::Unlisten { node_id });
        // Its memory of sessions goes with the process.
        self.fetching.evict_sessions(Some(node_id));
        self.change_leaders(now, |cluster| cluster.catalog.set_up(node_id, false));
        Ok(())
    }

    pub(super) fn start_broker(&mut self, node_id: i32, now: Instant) -> Result<(), SteerError> {
        if self.known_broker(node_id)? {
            return Ok(());
        }
        self.change_leaders(now, |cluster| cluster.catalog.set_up(node_id, true));
        self.actions.push_back(Action::Listen { node_id });
        Ok(())
    }

    pub(super) fn move_leader(
        &mut self,
        topic: &str,
        index: i32,
        node_id: i32,
        now: Instant,
    ) -> Result<(), SteerError> {
        let is_up = self.known_broker(node_id)?;
        let partition = self.known_partition(topic, index)?;
        if !partition.replicas.contains(&node_id) {
            return Err(SteerError::NoReplica {
                topic: topic.to_owned(),
                partition: index,
                node_id,
                replicas: partition.replicas.clone(),
            });
        }
        if !is_up {
            return Err(SteerError::Stopped { node_id });
        }
        if partition.leader != Some(node_id) {
            self.change_leaders(now, |cluster| cluster.catalog.move_leader(topic, index, node_id));
        }
        Ok(())
    }

    pub(super) fn bump_leader_epoch(
        &mut self,
        topic: &str,
        index: i32,
        now: Instant,
    ) -> Result<(), SteerError> {
        self.known_partition(topic, index)?;
        self.change_leaders(now, |cluster| cluster.catalog.bump_leader_epoch(topic, index));
        Ok(())
    }

    pub(super) fn move_group_coordinator(
        &mut self,
        group_id: &str,
        node_id: i32,
        now: Instant,
    ) -> Result<(), SteerError> {
        self.move_coordinator(CONSUMER_OFFSETS, group_id, node_id, now)
    }

    pub(super) fn move_transaction_coordinator(
        &mut self,
        transactional_id: &str,
        node_id: i32,
        now: Instant,
    ) -> Result<(), SteerError> {
        self.move_coordinator(TRANSACTION_STATE, transactional_id, node_id, now)
    }

    fn move_coordinator(
        &mut self,
        topic: &str,
        name: &str,
        node_id: i32,
        now: Instant,
    ) -> Result<(), SteerError> {
        self.known_broker(node_id)?;
        let wall_ms = self.clock.unix_ms(now);
        self.cluster.coordinator(topic, name, wall_ms);
        let index = self.cluster.coordinator_partition(topic, name).expect("the topic has just been created");
        self.move_leader(topic, index, node_id, now)
    }

    /// Changes who leads what, and lets everybody know whom it concerns: logs begin new epochs, readers who wait look again,
    /// and groups learn that they have another coordinator, or none.
    fn change_leaders<T>(&mut self, now: Instant, change: impl FnOnce(&mut Cluster) -> T) {
        let before = self.group_coordinators();
        change(&mut self.cluster);
        self.cluster.leaders_changed();
        let after = self.group_coordinators();
        self.groups.coordinator_moved(|group| before.get(group) != after.get(group), now);
        // What nobody coordinates, nobody throws members out of.
        self.groups.coordinator_lost(|group| after.get(group).is_some_and(Option::is_none));
    }

    /// Who coordinates each group.
    fn group_coordinators(&self) -> BTreeMap<Str, Option<i32>> {
        let coordinator = |id: &Str| self.cluster.known_coordinator(CONSUMER_OFFSETS, id);
        self.groups.ids().map(|id| (id.clone(), coordinator(id))).collect()
    }

    /// Whether a broker runs.
    pub(super) fn known_broker(&self, node_id: i32) -> Result<bool, SteerError> {
        let catalog = &self.cluster.catalog;
        let broker = catalog.broker(node_id).ok_or_else(|| SteerError::NoBroker {
            node_id,
            brokers: catalog.brokers().map(|broker| broker.node_id).collect(),
        })?;
        Ok(broker.is_up)
    }

    pub(super) fn known_partition(
        &self,
        topic: &str,
        index: i32,
    ) -> Result<&crate::core::catalog::Partition, SteerError> {
        let name = topic.to_owned();
        let Some(topic) = self.cluster.catalog.topic(topic) else {
            return Err(SteerError::NoTopic { topic: name });
        };
        let count = topic.partitions.len();
        let partition = usize::try_from(index).ok().and_then(|index| topic.partitions.get(index));
        partition.ok_or(SteerError::NoPartition { topic: name, partition: index, count })
    }
}
