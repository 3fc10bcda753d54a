//! ListOffsets (key 2): offsets by time, and the ends of logs.

use std::collections::BTreeMap;

use milena_protocol::ErrorCode;
use milena_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use milena_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use crate::core::cluster::{Asked, Cluster};
use crate::core::log::{Found, Isolation};
use crate::core::requests::Context;

/// The version from which on the leader's epoch is told.
const LEADER_EPOCH: i16 = 4;
/// Times that stand for something else, and since which version: the ends of the log, the youngest record (KIP-734), the local log's start (KIP-405), the end of what
/// was moved to other storage (KIP-1005), the first that has yet to be moved (KIP-1023).
const FIRST_VERSIONS: [(i64, i16); 6] = [
    (ListOffsetsPartition::LATEST_TIMESTAMP, 1),
    (ListOffsetsPartition::EARLIEST_TIMESTAMP, 1),
    (ListOffsetsPartition::MAX_TIMESTAMP, 7),
    (ListOffsetsPartition::EARLIEST_LOCAL_TIMESTAMP, 8),
    (ListOffsetsPartition::LATEST_TIERED_TIMESTAMP, 9),
    (ListOffsetsPartition::EARLIEST_PENDING_UPLOAD_TIMESTAMP, 11),
];

/// Who asks: a consumer, or somebody who looks for what is wrong and may ask any replica.
const CONSUMER: i32 = -1;
const DEBUGGING: i32 = -2;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &ListOffsetsRequest,
) -> ListOffsetsResponse {
    let mut seen = BTreeMap::<(&str, i32), usize>::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            *seen.entry((&*topic.name, partition.partition_index)).or_default() += 1;
        }
    }
    let mut response = ListOffsetsResponse::default();
    for topic in &request.topics {
        let mut results = ListOffsetsTopicResponse::default();
        results.name = topic.name.clone();
        for partition in &topic.partitions {
            let count = seen.get_mut(&(&*topic.name, partition.partition_index)).expect("it was counted");
            let is_twice = *count > 1;
            if *count == 0 {
                continue;
            } else if is_twice {
                // One answer for all.
                *count = 0;
            }
            let found = match is_twice {
                true => Err(ErrorCode::INVALID_REQUEST),
                false => find(cluster, context, request, &topic.name, partition),
            };
            let mut result = ListOffsetsPartitionResponse::default();
            result.partition_index = partition.partition_index;
            match found {
                Err(code) => result.error_code = code,
                Ok(None) => {}
                Ok(Some(found)) => {
                    (result.timestamp, result.offset) = (found.timestamp, found.offset);
                    if context.version >= LEADER_EPOCH {
                        result.leader_epoch = found.leader_epoch;
                    }
                }
            }
            results.partitions.push(result);
        }
        response.topics.push(results);
    }
    response
}

fn find(
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &ListOffsetsRequest,
    topic: &str,
    partition: &ListOffsetsPartition,
) -> Result<Option<Found>, ErrorCode> {
    let time = partition.timestamp;
    let first_version = FIRST_VERSIONS.iter().find(|(special, _)| *special == time);
    if time < 0 && first_version.is_none_or(|(_, version)| context.version < *version) {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let replica = cluster.replica(Asked {
        node_id: context.node_id,
        topic,
        index: partition.partition_index,
        current_leader_epoch: partition.current_leader_epoch,
        only_leader: request.replica_id != DEBUGGING,
    })?;
    let isolation = match request.isolation_level {
        1 if request.replica_id == CONSUMER => Isolation::Committed,
        _ => Isolation::Uncommitted,
    };
    let limit = replica.log.limit(isolation);
    let nothing = Found { timestamp: -1, offset: -1, leader_epoch: -1 };
    Ok(match time {
        ListOffsetsPartition::LATEST_TIMESTAMP => {
            let leader_epoch = replica.partition.leader_epoch;
            Some(Found { offset: limit, leader_epoch, ..nothing })
        }
        ListOffsetsPartition::EARLIEST_TIMESTAMP | ListOffsetsPartition::EARLIEST_LOCAL_TIMESTAMP => {
            let offset = replica.log.start_offset();
            let first = replica.log.epochs().earliest().filter(|first| first.start_offset <= offset);
            let leader_epoch = first.map_or(-1, |first| first.epoch);
            Some(Found { offset, leader_epoch, ..nothing })
        }
        // Nothing was moved to other storage.
        ListOffsetsPartition::LATEST_TIERED_TIMESTAMP
        | ListOffsetsPartition::EARLIEST_PENDING_UPLOAD_TIMESTAMP => Some(nothing),
        ListOffsetsPartition::MAX_TIMESTAMP => {
            replica.log.youngest(replica.decompressor).filter(|found| found.offset < limit)
        }
        time => replica.log.at_time(time, replica.decompressor).filter(|found| found.offset < limit),
    })
}
