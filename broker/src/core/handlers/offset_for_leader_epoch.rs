//! OffsetForLeaderEpoch (key 23): where the records of a leader end (KIP-320).

use milena_protocol::messages::offset_for_leader_epoch::{EpochEndOffset, OffsetForLeaderTopicResult};
use milena_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use crate::core::cluster::{Asked, Cluster};
use crate::core::requests::Context;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let mut response = OffsetForLeaderEpochResponse::default();
    for topic in &request.topics {
        let mut results = OffsetForLeaderTopicResult::default();
        results.topic = topic.topic.clone();
        for partition in &topic.partitions {
            let mut result = EpochEndOffset::default();
            result.partition = partition.partition;
            let replica = cluster.replica(Asked {
                node_id: context.node_id,
                topic: &topic.topic,
                index: partition.partition,
                current_leader_epoch: partition.current_leader_epoch,
                only_leader: true,
            });
            match replica {
                Err(code) => result.error_code = code,
                Ok(replica) => {
                    let end = replica.log.end_offset();
                    if let Some(found) = replica.log.epochs().end_offset(partition.leader_epoch, end) {
                        (result.leader_epoch, result.end_offset) = found;
                    }
                }
            }
            results.partitions.push(result);
        }
        response.topics.push(results);
    }
    response
}
