//! InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn (Kafka's `KafkaApis`).

use std::collections::BTreeSet;

use milena_protocol::messages::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopic,
    AddPartitionsToTxnTopicResult, AddPartitionsToTxnTransaction,
};
use milena_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse,
};
use milena_protocol::{ErrorCode, RequestBody, Str};

use super::transaction::{NOBODY, Outcome, Producer, TopicPartition};
use super::{Init, Transactions};
use crate::core::Core;
use crate::core::cluster::{CONSUMER_OFFSETS, Cluster, TRANSACTION_STATE};
use crate::core::requests::{self, Context};

/// The versions from which on clients know PRODUCER_FENCED (KIP-588).
const FENCED_INIT: i16 = 4;
const FENCED: i16 = 2;
/// AddPartitionsToTxn of other brokers, for many transactions.
const MANY: i16 = 4;
/// EndTxn with a new epoch for the next transaction (KIP-890).
const BUMP: i16 = 5;

/// Answers a request.
pub(in crate::core) fn handle(
    core: &mut Core,
    context: &Context<'_>,
    request: RequestBody,
) -> requests::Outcome {
    let (transactions, cluster) = (&mut core.transactions, &mut core.cluster);
    match request {
        RequestBody::InitProducerId(request) => {
            init_producer_id(transactions, cluster, context, &request).into()
        }
        RequestBody::AddPartitionsToTxn(request) => {
            add_partitions(transactions, cluster, context, request).into()
        }
        RequestBody::AddOffsetsToTxn(request) => add_offsets(transactions, cluster, context, &request).into(),
        RequestBody::EndTxn(request) => end(transactions, cluster, context, &request).into(),
        _ => requests::Outcome::Close,
    }
}

fn init_producer_id(
    transactions: &mut Transactions,
    cluster: &Cluster,
    context: &Context<'_>,
    request: &InitProducerIdRequest,
) -> InitProducerIdResponse {
    let was = match (request.producer_id, request.producer_epoch) {
        (-1, -1) => Ok(None),
        (-1, _) | (_, -1) => Err(ErrorCode::INVALID_REQUEST),
        (id, epoch) => Ok(Some(Producer { id, epoch })),
    };
    let id = request.transactional_id.as_ref();
    let outcome = was.and_then(|was| {
        id.map_or(Ok(()), |id| coordinates(cluster, context, id))?;
        let init = Init {
            timeout_ms: request.transaction_timeout_ms,
            was,
            enable_2pc: request.enable_2pc,
            keep_prepared: request.keep_prepared_txn,
        };
        transactions.init(id, init, context.now)
    });
    let mut response = InitProducerIdResponse::default();
    let producer = outcome.unwrap_or_else(|code| {
        response.error_code = fenced(code, context.version, FENCED_INIT);
        NOBODY
    });
    (response.producer_id, response.producer_epoch) = (producer.id, producer.epoch);
    response
}

fn add_partitions(
    transactions: &mut Transactions,
    cluster: &Cluster,
    context: &Context<'_>,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let mut response = AddPartitionsToTxnResponse::default();
    if context.version >= MANY {
        for asked in &request.transactions {
            let mut result = AddPartitionsToTxnResult::default();
            result.transactional_id = asked.transactional_id.clone();
            result.topic_results = add_to_one(transactions, cluster, context, asked);
            response.results_by_transaction.push(result);
        }
    } else {
        let mut asked = AddPartitionsToTxnTransaction::default();
        asked.transactional_id = request.v3_and_below_transactional_id;
        asked.producer_id = request.v3_and_below_producer_id;
        asked.producer_epoch = request.v3_and_below_producer_epoch;
        asked.topics = request.v3_and_below_topics;
        response.results_by_topic_v3_and_below = add_to_one(transactions, cluster, context, &asked);
    }
    response
}

/// Adds all partitions to a transaction, or none; or looks whether they are in it.
fn add_to_one(
    transactions: &mut Transactions,
    cluster: &Cluster,
    context: &Context<'_>,
    asked: &AddPartitionsToTxnTransaction,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let named = |topic: &AddPartitionsToTxnTopic| {
        let name = topic.name.clone();
        topic.partitions.clone().into_iter().map(move |index| (name.clone(), index))
    };
    let partitions: BTreeSet<TopicPartition> = asked.topics.iter().flat_map(named).collect();
    let exists = |(topic, index): &TopicPartition| cluster.catalog.partition(topic, *index).is_some();
    let id = &asked.transactional_id;
    let producer = Producer { id: asked.producer_id, epoch: asked.producer_epoch };
    if !partitions.iter().all(exists) {
        return results(asked, |partition| match exists(partition) {
            true => Err(ErrorCode::OPERATION_NOT_ATTEMPTED),
            false => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        });
    }
    let is_here = coordinates(cluster, context, id);
    if asked.verify_only {
        return results(asked, |partition| {
            is_here.and_then(|()| transactions.verify(id, producer, partition))
        });
    }
    let bumps = context.version >= MANY;
    let added = is_here.and_then(|()| transactions.add(id, producer, &partitions, bumps, context.now));
    results(asked, |_| added.map_err(|code| fenced(code, context.version, FENCED)))
}

/// The answer for each partition.
fn results(
    asked: &AddPartitionsToTxnTransaction,
    mut outcome: impl FnMut(&TopicPartition) -> Result<(), ErrorCode>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let mut topics = Vec::with_capacity(asked.topics.len());
    for topic in &asked.topics {
        let mut result = AddPartitionsToTxnTopicResult::default();
        result.name = topic.name.clone();
        for &index in &topic.partitions {
            let mut partition = AddPartitionsToTxnPartitionResult::default();
            partition.partition_index = index;
            if let Err(code) = outcome(&(topic.name.clone(), index)) {
                partition.partition_error_code = code;
            }
            result.results_by_partition.push(partition);
        }
        topics.push(result);
    }
    topics
}

fn add_offsets(
    transactions: &mut Transactions,
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let id = &request.transactional_id;
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let outcome = coordinates(cluster, context, id).and_then(|()| {
        cluster.coordinator(CONSUMER_OFFSETS, &request.group_id, context.wall_ms);
        let index = cluster.coordinator_partition(CONSUMER_OFFSETS, &request.group_id);
        let index = index.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let partitions = BTreeSet::from([(Str::from_static(CONSUMER_OFFSETS), index)]);
        // Who has transactions with epochs of their own does not ask this.
        transactions.add(id, producer, &partitions, false, context.now)
    });
    let mut response = AddOffsetsToTxnResponse::default();
    if let Err(code) = outcome {
        response.error_code = fenced(code, context.version, FENCED);
    }
    response
}

fn end(
    transactions: &mut Transactions,
    cluster: &Cluster,
    context: &Context<'_>,
    request: &EndTxnRequest,
) -> EndTxnResponse {
    let id = &request.transactional_id;
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let outcome = if request.committed { Outcome::Commit } else { Outcome::Abort };
    let bumps = context.version >= BUMP;
    let ended = coordinates(cluster, context, id)
        .and_then(|()| transactions.end(id, producer, outcome, bumps, context.now));
    let mut response = EndTxnResponse::default();
    match ended {
        Ok(next) => (response.producer_id, response.producer_epoch) = (next.id, next.epoch),
        Err(code) => response.error_code = fenced(code, context.version, FENCED),
    }
    response
}

/// Whether the broker that was asked coordinates the transactions of this id. Without an id none does, and it is said later
/// what is wrong.
fn coordinates(cluster: &Cluster, context: &Context<'_>, id: &str) -> Result<(), ErrorCode> {
    match id.is_empty() || cluster.known_coordinator(TRANSACTION_STATE, id) == Some(context.node_id) {
        true => Ok(()),
        false => Err(ErrorCode::NOT_COORDINATOR),
    }
}

/// The error, as clients of this version know it.
fn fenced(code: ErrorCode, version: i16, since: i16) -> ErrorCode {
    match code {
        ErrorCode::PRODUCER_FENCED if version < since => ErrorCode::INVALID_PRODUCER_EPOCH,
        other => other,
    }
}
