//! Produce (key 0): records for partitions.

use std::collections::BTreeMap;

use milena_protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, TopicProduceData,
    TopicProduceResponse,
};
use milena_protocol::messages::{ProduceRequest, ProduceResponse};
use milena_protocol::records::Batches;
use milena_protocol::{ErrorCode, Str};

use super::endpoints;
use crate::core::cluster::{Asked, Cluster, is_internal};
use crate::core::log::{Append, AppendError, only_batch};
use crate::core::requests::{Context, Outcome};
use crate::core::transactions::{self, FirstBatch, Producer, TopicPartition, Transactions, Way};

/// The first version with topic ids instead of names (KIP-516).
const TOPIC_IDS: i16 = 13;
/// The first version that tells where a leader is (KIP-951).
const LEADER: i16 = 10;
/// The version that knows TRANSACTION_ABORTABLE; the next adds partitions to transactions (KIP-890).
const VERIFY: i16 = 11;

/// Who may write to Kafka's own topics.
const ADMIN_CLIENT: &str = "__admin_client";
const DAMAGED: &str = "a batch is damaged";

pub(super) fn handle(
    cluster: &mut Cluster,
    transactions: &mut Transactions,
    context: &Context<'_>,
    request: &ProduceRequest,
) -> Outcome {
    let mut response = ProduceResponse::default();
    let mut nodes = std::collections::BTreeSet::new();
    let mut failed = false;
    let verdicts = verify(cluster, transactions, context, request);
    for topic in &request.topic_data {
        let mut results = TopicProduceResponse::default();
        (results.name, results.topic_id) = (topic.name.clone(), topic.topic_id);
        for partition in &topic.partition_data {
            let appended = match &verdicts {
                Err(error) => Err(error.clone()),
                Ok(verdicts) => append(cluster, context, request, topic, partition, verdicts),
            };
            let mut result = PartitionProduceResponse::default();
            result.index = partition.index;
            match appended {
                Ok((base_offset, log_append_time_ms, log_start_offset)) => {
                    (result.base_offset, result.log_append_time_ms) = (base_offset, log_append_time_ms);
                    result.log_start_offset = log_start_offset;
                }
                Err(error) => {
                    failed = true;
                    if error.code == ErrorCode::NOT_LEADER_OR_FOLLOWER && context.version >= LEADER {
                        let name = name(cluster, context, topic).unwrap_or_default();
                        if let Some(known) = cluster.catalog.partition(&name, partition.index) {
                            result.current_leader.leader_id = known.leader.unwrap_or(-1);
                            result.current_leader.leader_epoch = known.leader_epoch;
                            nodes.extend(known.leader);
                        }
                    }
                    fail(&mut result, error);
                }
            }
            results.partition_responses.push(result);
        }
        response.responses.push(results);
    }
    response.node_endpoints = endpoints(cluster, nodes);
    match request.acks {
        // Who waits for no answer learns of an error by being cut off.
        0 if failed => Outcome::Close,
        0 => Outcome::Silence,
        _ => response.into(),
    }
}

fn fail(result: &mut PartitionProduceResponse, error: AppendError) {
    result.error_code = error.code;
    result.base_offset = -1;
    result.log_start_offset = error.log_start_offset;
    result.error_message = error.message.map(Str::from);
    for (index, why) in error.records {
        let mut record = BatchIndexAndErrorMessage::default();
        record.batch_index = index;
        record.batch_index_error_message = Some(Str::from_static(why));
        result.record_errors.push(record);
    }
}

/// The topic's name; `None` where the id is not known.
fn name(cluster: &Cluster, context: &Context<'_>, topic: &TopicProduceData) -> Option<Str> {
    match context.version >= TOPIC_IDS {
        true => cluster.catalog.topic_by_id(topic.topic_id).map(|topic| topic.name.clone()),
        false => Some(topic.name.clone()),
    }
}

/// What must not be appended, since it is in no transaction.
type Verdicts = BTreeMap<TopicPartition, ErrorCode>;

/// Looks whether transactional records are in a transaction, before anything is appended.
fn verify(
    cluster: &mut Cluster,
    transactions: &mut Transactions,
    context: &Context<'_>,
    request: &ProduceRequest,
) -> Result<Verdicts, AppendError> {
    let mut partitions = BTreeMap::new();
    if request.topic_data.iter().flat_map(|topic| &topic.partition_data).any(is_damaged) {
        return Err(AppendError::new(ErrorCode::CORRUPT_MESSAGE, DAMAGED));
    }
    for topic in &request.topic_data {
        for partition in &topic.partition_data {
            let records = partition.records.as_deref().unwrap_or_default();
            let mut batches = Batches::new(records).verify_crc(false).map_while(Result::ok);
            let Some(batch) = batches.find(|batch| batch.is_transactional) else { continue };
            if request.transactional_id.is_none() {
                return Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED.into());
            }
            let name = name(cluster, context, topic);
            let known = name.filter(|name| cluster.catalog.partition(name, partition.index).is_some());
            // What is wrong by itself is told when it is to be appended.
            let is_sound = only_batch(partition.records.as_ref(), context.version).is_ok();
            if let Some(name) = known.filter(|_| is_sound && batch.producer_id >= 0) {
                let producer = Producer { id: batch.producer_id, epoch: batch.producer_epoch };
                let first = FirstBatch { producer, sequence: batch.base_sequence };
                partitions.insert((name, partition.index), first);
            }
        }
    }
    let Some(id) = request.transactional_id.as_ref().filter(|_| !partitions.is_empty()) else {
        return Ok(Verdicts::new());
    };
    let way = Way::of(context.version, VERIFY);
    Ok(transactions::verify_records(transactions, cluster, context, id, way, &partitions)?)
}

/// Whether a batch cannot be made out. Kafka looks at the first of each partition before anything else, and refuses the whole
/// request then.
fn is_damaged(partition: &PartitionProduceData) -> bool {
    only_batch(partition.records.as_ref(), i16::MAX).err() == Some(ErrorCode::CORRUPT_MESSAGE)
}

/// Base offset, log-append time, log start offset.
type Appended = (i64, i64, i64);

fn append(
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &ProduceRequest,
    topic: &TopicProduceData,
    partition: &PartitionProduceData,
    verdicts: &Verdicts,
) -> Result<Appended, AppendError> {
    let name = name(cluster, context, topic).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
    let known = cluster.catalog.partition(&name, partition.index);
    let in_sync = known.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?.isr.len();
    let batch = only_batch(partition.records.as_ref(), context.version)?;
    if let Some(code) = verdicts.get(&(name.clone(), partition.index)) {
        // As in Kafka only these come with words.
        return Err(match *code {
            code @ (ErrorCode::INVALID_TXN_STATE | ErrorCode::NOT_ENOUGH_REPLICAS) => {
                AppendError::new(code, "the partition is not known to be in the transaction")
            }
            code => code.into(),
        });
    }
    if !(-1..=1).contains(&request.acks) {
        return Err(ErrorCode::INVALID_REQUIRED_ACKS.into());
    }
    if is_internal(&name) && context.client_id != ADMIN_CLIENT {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION.into());
    }
    let asked = Asked {
        node_id: context.node_id,
        topic: &name,
        index: partition.index,
        current_leader_epoch: -1,
        only_leader: true,
    };
    let replica = cluster.replica(asked)?;
    let log_start_offset = replica.log.start_offset();
    // A topic with fewer replicas than that asks for all of them.
    let least = replica.settings.min_insync_replicas.min(replica.partition.replicas.len());
    if request.acks == -1 && in_sync < least {
        return Err(AppendError::from(ErrorCode::NOT_ENOUGH_REPLICAS).in_log(log_start_offset));
    }
    let topic_id = replica.topic_id();
    let room = cluster.make_room(topic_id, batch.size, context.wall_ms);
    room.map_err(|code| AppendError::from(code).in_log(log_start_offset))?;
    let mut replica = cluster.replica(asked)?;
    let log_start_offset = replica.log.start_offset();
    let mut to = Append {
        settings: replica.settings,
        leader_epoch: replica.partition.leader_epoch,
        wall_ms: context.wall_ms,
        decompressor: &mut *replica.decompressor,
    };
    let info = replica.log.append(&batch, &mut to).map_err(|error| error.in_log(log_start_offset))?;
    if !info.is_duplicate {
        replica.changed();
    }
    Ok((info.base_offset, info.log_append_time_ms, log_start_offset))
}

#[cfg(test)]
mod tests {
    use milena_protocol::ErrorCode;
    use milena_protocol::messages::ProduceResponse;
    use milena_protocol::messages::produce::PartitionProduceData;

    use crate::core::test_support::{Sim, batch, produce_request};

    #[test]
    fn a_topic_with_few_replicas_needs_no_more_than_these() {
        let mut sim = Sim::new(&[("min.insync.replicas", "2")]);
        sim.topic("t", 1, &[]);
        let client = sim.connect(1);
        assert_eq!(sim.produce(client, "t", 0, batch(&["a"])).error_code, ErrorCode::NONE);
    }

    #[test]
    fn a_batch_that_cannot_be_made_out_refuses_the_whole_request() {
        let mut sim = Sim::new(&[]);
        sim.topic("t", 2, &[]);
        let client = sim.connect(1);
        let mut damaged = batch(&["b"]).to_vec();
        damaged[16] = 3; // the magic
        let mut second = PartitionProduceData::default();
        (second.index, second.records) = (1, Some(damaged.into()));
        let mut request = produce_request("t", 0, batch(&["a"]), -1);
        request.topic_data[0].partition_data.push(second);
        let response: ProduceResponse = sim.ask(client, 9, request);
        for partition in &response.responses[0].partition_responses {
            assert_eq!(partition.error_code, ErrorCode::CORRUPT_MESSAGE);
        }
        assert_eq!(sim.produce(client, "t", 0, batch(&["c"])).base_offset, 0);
    }
}
