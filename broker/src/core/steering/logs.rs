//! Logs lose their ends or their beginnings; topics are recreated and enlarged.

use std::time::Instant;

use bytes::Bytes;

use super::SteerError;
use crate::core::Core;
use crate::core::cluster::Asked;
use crate::core::log::{Append, only_batch};

/// How many partitions a topic may get at once, as in CreatePartitions.
const MOST_PARTITIONS: usize = 10_000;

impl Core {
    /// Appends a batch to a partition, as if its leader had got it from a producer, and gives back the offset of its first
    /// record.
    ///
    /// # Errors
    /// When there is no such partition, nobody leads it, or it does not take the batch.
    pub fn append(
        &mut self,
        topic: &str,
        partition: i32,
        batch: &Bytes,
        now: Instant,
    ) -> Result<i64, SteerError> {
        let now = self.time.inside(now);
        let leader = self.known_partition(topic, partition)?.leader;
        let no_leader = || SteerError::NoLeader { topic: topic.to_owned(), partition };
        let node_id = leader.ok_or_else(no_leader)?;
        let refused = |code| SteerError::Refused { code };
        let batch = only_batch(Some(batch), i16::MAX).map_err(refused)?;
        let wall_ms = self.clock.unix_ms(now);
        let asked = Asked { node_id, topic, index: partition, current_leader_epoch: -1, only_leader: true };
        let topic_id = self.cluster.replica(asked).map_err(refused)?.topic_id();
        self.cluster.make_room(topic_id, batch.size, wall_ms).map_err(refused)?;
        let mut replica = self.cluster.replica(asked).map_err(refused)?;
        let mut to = Append {
            settings: replica.settings,
            leader_epoch: replica.partition.leader_epoch,
            wall_ms,
            decompressor: &mut *replica.decompressor,
        };
        let info = replica.log.append(&batch, &mut to).map_err(|error| refused(error.code))?;
        replica.changed();
        self.settle(now);
        Ok(info.base_offset)
    }

    /// What time of day it is for the brokers, in milliseconds since 1970.
    pub fn unix_ms(&self, now: Instant) -> i64 {
        self.clock.unix_ms(self.time.inside(now))
    }

    pub(super) fn truncate(
        &mut self,
        topic: &str,
        index: i32,
        end_offset: i64,
        now: Instant,
    ) -> Result<(), SteerError> {
        self.check_offset(topic, index, end_offset)?;
        let wall_ms = self.clock.unix_ms(now);
        if let Some(log) = self.cluster.log_mut(topic, index) {
            log.truncate(end_offset, wall_ms);
        }
        // The new epoch begins at the new end: clients that are beyond it find out where the old one ended (KIP-320).
        self.bump_leader_epoch(topic, index, now)
    }

    pub(super) fn trim(&mut self, topic: &str, index: i32, start_offset: i64) -> Result<(), SteerError> {
        self.check_offset(topic, index, start_offset)?;
        if let Some(log) = self.cluster.log_mut(topic, index) {
            log.trim(start_offset);
        }
        self.cluster.partition_changed(topic, index);
        Ok(())
    }

    pub(super) fn compact(&mut self, topic: &str, index: i32, now: Instant) -> Result<(), SteerError> {
        self.known_partition(topic, index)?;
        self.cluster.compact_now(topic, index, self.clock.unix_ms(now));
        Ok(())
    }

    fn check_offset(&self, topic: &str, index: i32, offset: i64) -> Result<(), SteerError> {
        self.known_partition(topic, index)?;
        let (start_offset, end_offset) =
            self.cluster.log(topic, index).map_or((0, 0), |log| (log.start_offset(), log.end_offset()));
        match (start_offset..=end_offset).contains(&offset) {
            true => Ok(()),
            false => Err(SteerError::OffsetOutOfRange { offset, start_offset, end_offset }),
        }
    }

    pub(super) fn recreate_topic(&mut self, topic: &str, now: Instant) -> Result<(), SteerError> {
        let Some(known) = self.cluster.catalog.topic(topic) else {
            return Err(SteerError::NoTopic { topic: topic.to_owned() });
        };
        let replicas = known.partitions.iter().map(|partition| partition.replicas.clone()).collect();
        let overrides =
            self.cluster.topic_state(known.id).map(|state| state.overrides.clone()).unwrap_or_default();
        self.cluster.delete_topic(topic);
        let wall_ms = self.clock.unix_ms(now);
        self.cluster.create_topic(topic, replicas, overrides, wall_ms).expect("it had these settings before");
        Ok(())
    }

    pub(super) fn add_partitions(
        &mut self,
        topic: &str,
        count: usize,
        now: Instant,
    ) -> Result<(), SteerError> {
        let Some(known) = self.cluster.catalog.topic(topic) else {
            return Err(SteerError::NoTopic { topic: topic.to_owned() });
        };
        if count > MOST_PARTITIONS {
            return Err(SteerError::TooMany { count, most: MOST_PARTITIONS });
        }
        let present = known.partitions.len();
        let factor = known.partitions.first().map_or(1, |partition| partition.replicas.len());
        let replicas = self.cluster.catalog.placement(present, count, factor);
        let wall_ms = self.clock.unix_ms(now);
        self.cluster.add_partitions(topic, replicas, wall_ms);
        Ok(())
    }
}
