//! Answers with errors in them, of the kinds that a coordinator or a leader gives while something is going on.
//!
//! What was asked for has been done all the same: as when an answer is lost.

use milena_protocol::{ErrorCode, ResponseBody};

use crate::rng::Rng;

const COORDINATOR: &[ErrorCode] = &[
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ErrorCode::NOT_COORDINATOR,
];
const COMMIT: &[ErrorCode] = &[
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ErrorCode::NOT_COORDINATOR,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
];
const LEADER: &[ErrorCode] = &[
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::REPLICA_NOT_AVAILABLE,
    ErrorCode::LEADER_NOT_AVAILABLE,
    ErrorCode::KAFKA_STORAGE_ERROR,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode::FENCED_LEADER_EPOCH,
    ErrorCode::UNKNOWN_LEADER_EPOCH,
    ErrorCode::OFFSET_NOT_AVAILABLE,
];
const FETCH: &[ErrorCode] = &[
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::REPLICA_NOT_AVAILABLE,
    ErrorCode::KAFKA_STORAGE_ERROR,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode::FENCED_LEADER_EPOCH,
    ErrorCode::UNKNOWN_LEADER_EPOCH,
    ErrorCode::OFFSET_NOT_AVAILABLE,
    ErrorCode::UNKNOWN_SERVER_ERROR,
];
const SESSION: &[ErrorCode] =
    &[ErrorCode::FETCH_SESSION_ID_NOT_FOUND, ErrorCode::INVALID_FETCH_SESSION_EPOCH];

/// Puts an error into an answer, where there is room for one; says whether it has.
pub fn spoil(body: &mut ResponseBody, rng: &mut Rng) -> bool {
    match body {
        ResponseBody::JoinGroup(answer) if answer.error_code.is_none() => {
            answer.error_code = *rng.pick(COORDINATOR);
            answer.members.clear();
        }
        ResponseBody::SyncGroup(answer) if answer.error_code.is_none() => {
            answer.error_code = *rng.pick(&[COORDINATOR, &[ErrorCode::REBALANCE_IN_PROGRESS]].concat());
            answer.assignment = bytes::Bytes::new();
        }
        ResponseBody::Heartbeat(answer) if answer.error_code.is_none() => {
            answer.error_code = *rng.pick(&[COORDINATOR, &[ErrorCode::REBALANCE_IN_PROGRESS]].concat());
        }
        ResponseBody::ConsumerGroupHeartbeat(answer) if answer.error_code.is_none() => {
            answer.error_code = *rng.pick(COORDINATOR);
            answer.assignment = None;
        }
        ResponseBody::OffsetCommit(answer) => {
            let error = *rng.pick(COMMIT);
            let partitions = answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| partition.error_code = error);
        }
        ResponseBody::OffsetFetch(answer) => {
            let Some(group) = answer.groups.first_mut() else { return false };
            if rng.percent(50) {
                group.error_code = *rng.pick(COORDINATOR);
                group.topics.clear();
            } else {
                let partitions = group.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                for partition in partitions.filter(|_| rng.percent(50)) {
                    partition.error_code = ErrorCode::UNSTABLE_OFFSET_COMMIT;
                    partition.committed_offset = -1;
                }
            }
        }
        ResponseBody::FindCoordinator(answer) => {
            let error = ErrorCode::COORDINATOR_NOT_AVAILABLE;
            // Before version 4 there is one, and no list.
            match answer.coordinators.first_mut() {
                Some(first) => (first.error_code, first.node_id, first.port) = (error, -1, -1),
                None => (answer.error_code, answer.node_id, answer.port) = (error, -1, -1),
            }
        }
        ResponseBody::ListOffsets(answer) => {
            let error = *rng.pick(LEADER);
            for partition in answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                (partition.error_code, partition.offset) = (error, -1);
            }
        }
        ResponseBody::OffsetForLeaderEpoch(answer) => {
            let error = *rng.pick(LEADER);
            for partition in answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                (partition.error_code, partition.end_offset) = (error, -1);
            }
        }
        ResponseBody::Fetch(answer) if answer.error_code.is_none() => {
            if rng.percent(30) {
                answer.error_code = *rng.pick(SESSION);
                answer.responses.clear();
                return true;
            }
            let mut any = false;
            for partition in answer.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
                if rng.percent(50) {
                    continue;
                }
                partition.error_code = *rng.pick(FETCH);
                partition.records = Some(bytes::Bytes::new());
                (partition.high_watermark, partition.last_stable_offset) = (-1, -1);
                any = true;
            }
            return any;
        }
        _ => return false,
    }
    true
}
