//! DeleteRecords (key 21): logs begin later (KIP-107).

use milena_protocol::ErrorCode;
use milena_protocol::messages::delete_records::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use milena_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

use crate::core::cluster::{Asked, Cluster, is_internal};
use crate::core::requests::Context;

/// The offset that stands for the end of the log.
const HIGH_WATERMARK: i64 = -1;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let mut response = DeleteRecordsResponse::default();
    for topic in &request.topics {
        let mut results = DeleteRecordsTopicResult::default();
        results.name = topic.name.clone();
        for partition in &topic.partitions {
            let asked = Asked {
                node_id: context.node_id,
                topic: &topic.name,
                index: partition.partition_index,
                current_leader_epoch: -1,
                only_leader: true,
            };
            let mut result = DeleteRecordsPartitionResult::default();
            result.partition_index = partition.partition_index;
            match delete(cluster, asked, partition.offset) {
                Ok(low_watermark) => result.low_watermark = low_watermark,
                Err(code) => (result.low_watermark, result.error_code) = (-1, code),
            }
            results.partitions.push(result);
        }
        response.topics.push(results);
    }
    response
}

fn delete(cluster: &mut Cluster, asked: Asked<'_>, offset: i64) -> Result<i64, ErrorCode> {
    if cluster.catalog.partition(asked.topic, asked.index).is_none() {
        return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    if is_internal(asked.topic) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let mut replica = cluster.replica(asked)?;
    if replica.settings.compact && !replica.settings.delete {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let offset = if offset == HIGH_WATERMARK { replica.log.end_offset() } else { offset };
    if offset < 0 || offset > replica.log.end_offset() {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    if replica.log.trim(offset) {
        replica.changed();
    }
    Ok(replica.log.start_offset())
}
