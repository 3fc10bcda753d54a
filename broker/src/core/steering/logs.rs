//! Logs lose their ends or their beginnings; topics are recreated and enlarged.

use std::time::Instant;

use super::SteerError;
use crate::core::Core;

/// How many partitions a topic may get at once, as in CreatePartitions.
const MOST_PARTITIONS: usize = 10_000;

impl Core {
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
