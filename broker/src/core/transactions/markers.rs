//! The ends of transactions: a marker goes into each partition, and what was committed in groups counts or is forgotten
//! (Kafka's `TransactionMarkerChannelManager`, WriteTxnMarkers).

use std::time::Instant;

use milena_protocol::records::ControlKind;

use super::transaction::{Outcome, State, TopicPartition};
use super::{Producer, Transactions};
use crate::core::cluster::{Asked, CONSUMER_OFFSETS, Cluster, TRANSACTION_STATE};
use crate::core::groups::Groups;
use crate::core::log::{Append, Marker};

/// How large a marker is: the header of a batch, and a record with a key of four bytes and a value of six.
const MARKER_BYTES: usize = 78;

/// The end of a transaction.
struct End {
    producer: Producer,
    outcome: Outcome,
    bumped: bool,
    coordinator_epoch: i32,
}

/// Writes what there is to be written. A partition that nobody leads is waited for, and so is the coordinator.
pub(in crate::core) fn write_markers(
    transactions: &mut Transactions,
    cluster: &mut Cluster,
    groups: &mut Groups,
    now: Instant,
    wall_ms: i64,
) {
    for id in transactions.ending() {
        let coordinator_epoch = cluster.coordinator_partition(TRANSACTION_STATE, &id).and_then(|index| {
            let partition = cluster.catalog.partition(TRANSACTION_STATE, index)?;
            partition.leader.map(|_| partition.leader_epoch)
        });
        let Some(coordinator_epoch) = coordinator_epoch else { continue };
        let Some(known) = transactions.known.get_mut(&id) else {
            transactions.ending.remove(&id);
            continue;
        };
        if let State::Ending(outcome) = known.state {
            let (producer, bumped) = (known.producer, known.bumps);
            let end = End { producer, outcome, bumped, coordinator_epoch };
            known.partitions.retain(|partition| !end.write(partition, cluster, groups, wall_ms));
            if !known.partitions.is_empty() {
                continue;
            }
            known.complete(now);
        }
        transactions.ending.remove(&id);
        transactions.note(&id);
    }
}

impl End {
    /// Writes the marker into a partition. Gives back false where it has to wait for a leader.
    fn write(
        &self,
        partition: &TopicPartition,
        cluster: &mut Cluster,
        groups: &mut Groups,
        wall_ms: i64,
    ) -> bool {
        let (topic, index) = partition;
        let leader = match cluster.catalog.partition(topic, *index) {
            // It was deleted since.
            None => return true,
            Some(known) => known.leader,
        };
        let Some(node_id) = leader else { return false };
        if topic == CONSUMER_OFFSETS {
            let is_here =
                |group: &str| cluster.coordinator_partition(CONSUMER_OFFSETS, group) == Some(*index);
            groups.end_transaction(self.producer.id, self.outcome == Outcome::Commit, is_here);
            return true;
        }
        let asked = Asked { node_id, topic, index: *index, current_leader_epoch: -1, only_leader: true };
        if let Some(topic) = cluster.catalog.topic(topic) {
            // Where there is none it is written all the same: it frees more than it takes.
            let _ = cluster.make_room(topic.id, MARKER_BYTES, wall_ms);
        }
        let Ok(mut replica) = cluster.replica(asked) else { return true };
        let to = Append {
            settings: replica.settings,
            leader_epoch: replica.partition.leader_epoch,
            wall_ms,
            decompressor: &mut *replica.decompressor,
        };
        let marker = Marker {
            producer_id: self.producer.id,
            producer_epoch: self.producer.epoch,
            kind: match self.outcome {
                Outcome::Commit => ControlKind::Commit,
                Outcome::Abort => ControlKind::Abort,
            },
            coordinator_epoch: self.coordinator_epoch,
            bumped: self.bumped,
        };
        // Kafka gives up on a marker that the log does not take: somebody else has ended the transaction there.
        if replica.log.append_marker(marker, &to).is_ok() {
            replica.changed();
        }
        true
    }
}
