//! Whether records and offsets are part of a transaction that is open (KIP-890, Kafka's `AddPartitionsToTxnManager` and
//! `ReplicaManager.handleProduceAppend`).
//!
//! Newer clients do not say beforehand to which partitions they are going to write: what comes is added, rather than looked
//! for.

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::{ErrorCode, Str};

use super::{Producer, TopicPartition, Transactions};
use crate::core::cluster::{Asked, CONSUMER_OFFSETS, Cluster, TRANSACTION_STATE};
use crate::core::requests::Context;

/// How a version of a request goes about a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Way {
    /// Before clients knew TRANSACTION_ABORTABLE.
    Old,
    /// It has to be there.
    Verify,
    /// It is added (transaction version 2).
    Add,
}

impl Way {
    /// That of a version, where `verify` is the first that knows TRANSACTION_ABORTABLE, and the one behind it adds.
    pub fn of(version: i16, verify: i16) -> Self {
        match version {
            version if version > verify => Way::Add,
            version if version == verify => Way::Verify,
            _ => Way::Old,
        }
    }
}

/// The first batch for a partition.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct FirstBatch {
    pub producer: Producer,
    pub sequence: i32,
}

/// Whether these partitions are in the producer's transaction. What must not be appended is given back, with the answer.
///
/// # Errors
/// When the records are of several producers.
pub(in crate::core) fn verify_records(
    transactions: &mut Transactions,
    cluster: &mut Cluster,
    context: &Context<'_>,
    id: &Str,
    way: Way,
    partitions: &BTreeMap<TopicPartition, FirstBatch>,
) -> Result<BTreeMap<TopicPartition, ErrorCode>, ErrorCode> {
    let Some(&FirstBatch { producer, .. }) = partitions.values().next() else {
        return Ok(BTreeMap::new());
    };
    if partitions.values().any(|first| first.producer != producer) {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    let mut errors = BTreeMap::new();
    if way != Way::Add && !transactions.verifies {
        return Ok(errors);
    }
    let mut unknown = BTreeSet::new();
    for (partition, first) in partitions {
        let (topic, index) = partition;
        let asked = Asked {
            node_id: context.node_id,
            topic,
            index: *index,
            current_leader_epoch: -1,
            only_leader: true,
        };
        let needed = cluster.replica(asked).and_then(|replica| {
            let (Producer { id, epoch }, bumps) = (producer, way == Way::Add);
            replica.log.begin_verification(id, epoch, first.sequence, bumps, context.wall_ms)
        });
        match needed {
            Ok(true) => _ = unknown.insert(partition.clone()),
            Ok(false) => {}
            Err(code) => _ = errors.insert(partition.clone(), code),
        }
    }
    for (partition, error) in ask(transactions, cluster, context, id, producer, way, &unknown) {
        // Clients may not expect these here, and come again after this one.
        let error = match error {
            ErrorCode::COORDINATOR_NOT_AVAILABLE => ErrorCode::NOT_ENOUGH_REPLICAS,
            ErrorCode::CONCURRENT_TRANSACTIONS if way != Way::Add => ErrorCode::NOT_ENOUGH_REPLICAS,
            other => other,
        };
        errors.insert(partition, error);
    }
    Ok(errors)
}

/// Whether a group's offsets are in the producer's transaction.
///
/// # Errors
/// What Kafka answers.
pub(in crate::core) fn verify_offsets(
    transactions: &mut Transactions,
    cluster: &Cluster,
    context: &Context<'_>,
    id: &Str,
    producer: Producer,
    group_id: &str,
) -> Result<(), ErrorCode> {
    /// The version of TxnOffsetCommit that knows TRANSACTION_ABORTABLE.
    const VERIFY: i16 = 4;
    let way = Way::of(context.version, VERIFY);
    if way != Way::Add && !transactions.verifies {
        return Ok(());
    }
    let index =
        cluster.coordinator_partition(CONSUMER_OFFSETS, group_id).ok_or(ErrorCode::NOT_COORDINATOR)?;
    let partition = BTreeSet::from([(Str::from_static(CONSUMER_OFFSETS), index)]);
    let errors = ask(transactions, cluster, context, id, producer, way, &partition);
    errors.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
}

/// Asks the coordinator of the transaction, and gives back the partitions that are not in it.
fn ask(
    transactions: &mut Transactions,
    cluster: &Cluster,
    context: &Context<'_>,
    id: &Str,
    producer: Producer,
    way: Way,
    partitions: &BTreeSet<TopicPartition>,
) -> Vec<(TopicPartition, ErrorCode)> {
    if partitions.is_empty() {
        return Vec::new();
    }
    let has_coordinator = cluster.known_coordinator(TRANSACTION_STATE, id).is_some();
    let added = match has_coordinator {
        false => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        true if way == Way::Add => transactions.add(id, producer, partitions, true, context.now),
        true => Ok(()),
    };
    let mut errors = Vec::new();
    for partition in partitions {
        let outcome = match way {
            Way::Add => added,
            _ => added.and_then(|()| transactions.verify(id, producer, partition)),
        };
        let error = match outcome {
            Ok(()) => continue,
            Err(ErrorCode::PRODUCER_FENCED) => ErrorCode::INVALID_PRODUCER_EPOCH,
            Err(ErrorCode::TRANSACTION_ABORTABLE) if way == Way::Old => ErrorCode::INVALID_TXN_STATE,
            Err(other) => other,
        };
        errors.push((partition.clone(), error));
    }
    errors
}
