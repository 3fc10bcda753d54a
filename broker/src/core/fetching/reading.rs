//! What there is for a request now (Kafka's `ReplicaManager.readFromLog`).

use milena_protocol::ErrorCode;
use milena_protocol::messages::fetch::{AbortedTransaction, PartitionData};

use super::{Fetch, Position, Target, failed};
use crate::core::catalog::{Catalog, Partition};
use crate::core::cluster::{Asked, Cluster};
use crate::core::log::{Isolation, Log};

impl Fetch {
    /// Reads what there is, all partitions in turn, until the bytes are used up.
    pub(super) fn read(&self, cluster: &mut Cluster) -> Vec<(Target, PartitionData)> {
        let mut left = self.max_bytes;
        let mut at_least_one = true;
        let mut readings = Vec::with_capacity(self.targets.len());
        for (target, position) in &self.targets {
            let read = self.read_one(cluster, target, *position, left, at_least_one);
            let data = read.unwrap_or_else(|code| failed(&code));
            let size = data.records.as_ref().map_or(0, bytes::Bytes::len);
            // The first partition that has something gives a whole batch, however large it is (KIP-74).
            at_least_one &= size == 0;
            left = left.saturating_sub(size);
            readings.push((target.clone(), data));
        }
        readings
    }

    /// Whether this is to be answered now, or has to wait.
    pub(super) fn is_satisfied(&self, readings: &[(Target, PartitionData)]) -> bool {
        let speaks = |data: &PartitionData| {
            !data.error_code.is_none() || data.diverging_epoch.epoch >= 0 || data.preferred_read_replica >= 0
        };
        let size = |data: &PartitionData| data.records.as_ref().map_or(0, bytes::Bytes::len);
        let bytes: usize = readings.iter().map(|(_, data)| size(data)).sum();
        !self.waits || bytes >= self.min_bytes || readings.iter().any(|(_, data)| speaks(data))
    }

    fn asked<'a>(&self, target: &'a Target, position: Position) -> Asked<'a> {
        Asked {
            node_id: self.node_id,
            topic: target.topic.as_deref().unwrap_or_default(),
            index: target.partition,
            current_leader_epoch: position.current_leader_epoch,
            only_leader: self.only_leader,
        }
    }

    fn read_one(
        &self,
        cluster: &mut Cluster,
        target: &Target,
        position: Position,
        left: usize,
        at_least_one: bool,
    ) -> Result<PartitionData, ErrorCode> {
        let asked = self.asked(target, position);
        let any_epoch = cluster.replica(Asked { current_leader_epoch: -1, only_leader: false, ..asked })?;
        let (start, end) = (any_epoch.log.start_offset(), any_epoch.log.end_offset());
        let topic = cluster.catalog.topic(asked.topic).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if !target.topic_id.is_zero() && target.topic_id != topic.id {
            return Err(ErrorCode::INCONSISTENT_TOPIC_ID);
        }
        let partition = &topic.partitions[asked.index as usize];
        let is_in_range = (start..=end).contains(&position.offset);
        let elsewhere = match is_in_range {
            true => self.preferred_replica(cluster, partition),
            false => None,
        };
        let only_leader = asked.only_leader && elsewhere.is_none();
        let replica = cluster.replica(Asked { only_leader, ..asked })?;
        let log = &*replica.log;
        let mut data = PartitionData::default();
        data.high_watermark = log.end_offset();
        data.last_stable_offset = log.last_stable_offset();
        data.log_start_offset = log.start_offset();
        data.aborted_transactions = None;
        data.records = Some(bytes::Bytes::new());
        if let Some(node_id) = elsewhere {
            data.preferred_read_replica = node_id;
            return Ok(data);
        }
        if position.last_fetched_epoch >= 0
            && let Some((epoch, end_offset)) = divergence(log, position)?
        {
            (data.diverging_epoch.epoch, data.diverging_epoch.end_offset) = (epoch, end_offset);
            return Ok(data);
        }
        let max_bytes = left.min(position.max_bytes.max(0) as usize);
        let read = log.read(position.offset, max_bytes, self.isolation, at_least_one)?;
        if self.isolation == Isolation::Committed {
            let aborted = log.aborted(position.offset, &read).into_iter().map(|aborted| {
                let mut transaction = AbortedTransaction::default();
                transaction.producer_id = aborted.producer_id;
                transaction.first_offset = aborted.first_offset;
                transaction
            });
            data.aborted_transactions = Some(aborted.collect());
        }
        data.records = Some(read.records);
        Ok(data)
    }

    /// The follower that the client had better read from, since it is in the client's rack and the leader is not
    /// (KIP-392).
    fn preferred_replica(&self, cluster: &Cluster, partition: &Partition) -> Option<i32> {
        let is_leader = partition.leader == Some(self.node_id);
        let selector = cluster.settings.text("replica.selector.class");
        if self.only_leader
            || !is_leader
            || self.rack.is_empty()
            || !selector.ends_with("RackAwareReplicaSelector")
        {
            return None;
        }
        let is_near = |id: &i32| rack_of(&cluster.catalog, *id).is_some_and(|rack| *rack == *self.rack);
        if is_near(&self.node_id) {
            return None;
        }
        partition.isr.iter().copied().filter(is_near).max()
    }

    /// Whether a request that waits need not wait any more.
    pub(super) fn is_ready(&self, cluster: &mut Cluster) -> bool {
        let mut available = 0;
        for (target, position) in &self.targets {
            let topic_id = target.topic_id;
            let Ok(replica) = cluster.replica(self.asked(target, *position)) else {
                return true;
            };
            let log = &*replica.log;
            if position.offset > log.limit(self.isolation) || position.offset < log.start_offset() {
                return true;
            }
            let enough = (position.max_bytes.max(0) as usize).min(self.min_bytes - available);
            match log.available(position.offset, self.isolation, enough) {
                None => return true,
                Some(bytes) => available += bytes.min(enough),
            }
            if position.last_fetched_epoch >= 0 && !matches!(divergence(log, *position), Ok(None)) {
                return true;
            }
            if available >= self.min_bytes {
                return true;
            }
            let topic = target.topic.as_deref().and_then(|name| cluster.catalog.topic(name));
            if !topic_id.is_zero() && topic.is_none_or(|topic| topic.id != topic_id) {
                return true;
            }
        }
        false
    }
}

/// Where the client's log and this one part, if they do (KIP-595).
fn divergence(log: &Log, position: Position) -> Result<Option<(i32, i64)>, ErrorCode> {
    let found = log.epochs().end_offset(position.last_fetched_epoch, log.end_offset());
    let (epoch, end_offset) = found.ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
    if position.offset < log.start_offset() {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    let parts = epoch < position.last_fetched_epoch || end_offset < position.offset;
    Ok(parts.then_some((epoch, end_offset)))
}

fn rack_of(catalog: &Catalog, node_id: i32) -> Option<&str> {
    catalog.broker(node_id)?.rack.as_deref()
}
