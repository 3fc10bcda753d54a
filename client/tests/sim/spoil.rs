//! Answers with errors in them, of the kinds that a coordinator or a leader gives while something is going on.
//!
//! What was asked for has been done all the same, as when an answer is lost ([`spoil`]); or it has not been done
//! ([`refusal`]).

use milena_broker::core::steering::{Fault, FaultId, Steer, Steered};
use milena_client::TopicPartition;
use milena_protocol::{ErrorCode, Request, RequestBody, Response, ResponseBody};

use crate::checks::Value;
use crate::history::Kind;
use crate::network::{ClientId, LinkId};
use crate::promises::Promise;
use crate::rng::Rng;
use crate::trace::{brief, short};
use crate::world::World;

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
const METADATA: &[ErrorCode] = &[ErrorCode::LEADER_NOT_AVAILABLE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION];
const PRODUCER_ID: &[ErrorCode] =
    &[ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::COORDINATOR_NOT_AVAILABLE];
/// Whoever asks for a producer's id is not allowed to have one.
pub const NO_ID: ErrorCode = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
/// How often requests and answers get errors, in per mille; those about records are the most delicate.
const OFTEN: (u64, u64) = (20, 50);
/// Records are in the log, and that was not told.
const APPENDED: &[ErrorCode] = &[
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::KAFKA_STORAGE_ERROR,
];
/// Records are not in the log, and may be sent again.
const NOT_NOW: &[ErrorCode] = &[
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::LEADER_NOT_AVAILABLE,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode::NOT_ENOUGH_REPLICAS,
    ErrorCode::KAFKA_STORAGE_ERROR,
    ErrorCode::CORRUPT_MESSAGE,
];
/// Records are not in the log, and never will be.
const NEVER: &[ErrorCode] =
    &[ErrorCode::INVALID_RECORD, ErrorCode::TOPIC_AUTHORIZATION_FAILED, ErrorCode::MESSAGE_TOO_LARGE];
/// Records are not in the log, and their sequence numbers are not those that the leader expects.
const UNNUMBERED: &[ErrorCode] = &[
    ErrorCode::UNKNOWN_PRODUCER_ID,
    ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode::INVALID_PRODUCER_EPOCH,
];

fn often(is_of_records: bool) -> u64 {
    if is_of_records { OFTEN.1 } else { OFTEN.0 }
}

/// Whether records fail at once with this error.
pub fn is_final(code: ErrorCode) -> bool {
    NEVER.contains(&code)
}

/// Whether this error says that a sequence number is not the one that is expected.
pub fn is_about_numbers(code: ErrorCode) -> bool {
    UNNUMBERED.contains(&code)
}

/// An error in the place of doing what a request asks for, if there is one.
///
/// `is_for_good`: records that are refused for good will not turn up in the log all the same. `is_numbered`: they have sequence
/// numbers.
fn refusal(body: &RequestBody, is_for_good: bool, is_numbered: bool, rng: &mut Rng) -> Option<ErrorCode> {
    let codes = match body {
        RequestBody::JoinGroup(_)
        | RequestBody::SyncGroup(_)
        | RequestBody::Heartbeat(_)
        | RequestBody::LeaveGroup(_)
        | RequestBody::ConsumerGroupHeartbeat(_)
        | RequestBody::OffsetFetch(_) => COORDINATOR,
        RequestBody::OffsetCommit(_) => COMMIT,
        RequestBody::FindCoordinator(_) => &[ErrorCode::COORDINATOR_NOT_AVAILABLE],
        RequestBody::ListOffsets(_) | RequestBody::OffsetForLeaderEpoch(_) => LEADER,
        RequestBody::Fetch(_) => FETCH,
        RequestBody::Metadata(_) => METADATA,
        RequestBody::InitProducerId(_) if rng.percent(20) => &[NO_ID],
        RequestBody::InitProducerId(_) => PRODUCER_ID,
        RequestBody::Produce(_) if is_for_good && rng.percent(30) => NEVER,
        RequestBody::Produce(_) if is_for_good && is_numbered && rng.percent(50) => UNNUMBERED,
        RequestBody::Produce(_) => NOT_NOW,
        _ => return None,
    };
    Some(*rng.pick(codes))
}

/// Puts an error into an answer, where there is room for one; says whether it has.
fn spoil(body: &mut ResponseBody, rng: &mut Rng) -> bool {
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
        ResponseBody::Metadata(answer) => {
            let mut any = false;
            for topic in &mut answer.topics {
                if rng.percent(50) {
                    continue;
                }
                any = true;
                if rng.percent(30) {
                    topic.error_code = *rng.pick(METADATA);
                    topic.partitions.clear();
                }
                for partition in &mut topic.partitions {
                    if rng.percent(50) {
                        partition.error_code = ErrorCode::LEADER_NOT_AVAILABLE;
                        partition.leader_id = -1;
                    }
                }
            }
            return any;
        }
        ResponseBody::InitProducerId(answer) if answer.error_code.is_none() => {
            answer.error_code = *rng.pick(PRODUCER_ID);
            (answer.producer_id, answer.producer_epoch) = (-1, -1);
        }
        ResponseBody::LeaveGroup(answer) => answer.error_code = *rng.pick(COORDINATOR),
        ResponseBody::Produce(answer) => {
            let mut any = false;
            let partitions = answer.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses);
            for partition in partitions.filter(|partition| partition.error_code.is_none()) {
                if rng.percent(70) {
                    partition.error_code = *rng.pick(APPENDED);
                    (partition.base_offset, partition.log_append_time_ms) = (-1, -1);
                    any = true;
                }
            }
            return any;
        }
        _ => return false,
    }
    true
}

impl World {
    /// Lets the broker refuse a request that it is about to get, now and then, and not do it.
    pub fn refuse(&mut self, link: LinkId, request: &Request) -> Option<FaultId> {
        let client = self.network.client_of(link)?;
        if !self.may_err(client)
            || !self.rng.per_mille(often(matches!(request.body, RequestBody::Produce(_))))
        {
            return None;
        }
        let produced = self.produced(&request.body);
        // Of what may be there already, or may still come, nobody can say that it will never be there.
        let is_new = |(at, values): &(TopicPartition, Vec<Value>)| {
            !values.iter().any(|value| self.ledger.promises.has_seen(at, *value))
        };
        let is_for_good = !self.network.may_come_late(client) && produced.iter().all(is_new);
        let is_numbered = self.producers.get(&client).is_some_and(|p| p.habits.promise() == Promise::Once);
        let code = refusal(&request.body, is_for_good, is_numbered, &mut self.rng)?;
        let steered = self.broker.steer(Steer::Fault(Fault::on_any().fail(code)), self.clock.now);
        self.trace.note("fault", || format!("refused with {code}: {}", brief(&request.body)));
        match steered {
            Ok(Steered::Fault(fault)) => Some(fault),
            other => panic!("a fault is not taken: {other:?}"),
        }
    }

    /// Puts an error in the place of an answer, now and then; gives back what was to be answered.
    pub fn spoil(&mut self, link: LinkId, response: &mut Box<Response>) -> Option<Box<Response>> {
        let client = self.network.client_of(link)?;
        if !self.may_err(client)
            || !self.rng.per_mille(often(matches!(response.body, ResponseBody::Produce(_))))
        {
            return None;
        }
        let truth = response.clone();
        if !spoil(&mut response.body, &mut self.rng) {
            return None;
        }
        self.trace.note("fault", || format!("an answer is spoilt: {}", short(&response.body)));
        Some(truth)
    }

    /// Whether a client may get errors that have no cause.
    fn may_err(&self, client: ClientId) -> bool {
        let is_theirs = self.members.contains_key(&client) || self.producers.contains_key(&client);
        is_theirs && !self.is_healed && self.history.has(Kind::Errors)
    }
}
