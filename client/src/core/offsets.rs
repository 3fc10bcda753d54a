//! Looking up offsets: where to start when nothing says so (ListOffsets), and whether the log still is what was read
//! (OffsetForLeaderEpoch, KIP-320).
//!
//! Questions go to the leader of each partition, one request for all that one broker leads. A partition that is not
//! answered, or with an error, is asked again after its back-off, with the leader and the epoch that are known then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use milena_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use milena_protocol::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use milena_protocol::{Api, ErrorCode, RequestBody, Str};

use super::assigned::{EndQuestion, Phase, ResetTo};
use super::fetch_report::{FetchError, Place};
use super::fetch_settings::FetchSettings;
use super::metadata::{Leader, Metadata};
use super::positions::Positions;
use super::topic_partition::TopicPartition;
use super::versions::Versions;
use super::wire_millis::wire_millis;

/// The version of OffsetForLeaderEpoch that consumers may use: before, it needs rights over the whole cluster.
const CONSUMERS_MAY_ASK: i16 = 3;
/// The version of ListOffsets that answers with one offset.
const ONE_OFFSET: i16 = 1;

/// Questions under way to one broker.
#[derive(Debug)]
pub(super) enum Questions {
    /// Where an end of the log is.
    Resets(BTreeMap<TopicPartition, Question>),
    /// Where the position's leader epoch ends.
    Validations(BTreeMap<TopicPartition, Question>),
    /// Where the log ends, for the lag alone.
    Ends(BTreeSet<TopicPartition>),
}

/// The position that a question is about, and the leader that it was put to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    position_epoch: u64,
    leader: Leader,
    end: Option<ResetTo>,
    /// The question of a reset by time for the end of the log, which comes first.
    is_first: bool,
}

impl Question {
    fn asks_for_the_end(&self) -> bool {
        self.is_first || self.end == Some(ResetTo::Latest)
    }
}

/// A request that has to go out.
pub(super) struct Asking {
    pub(super) node_id: i32,
    pub(super) api: Api,
    pub(super) api_version: i16,
    pub(super) body: RequestBody,
    pub(super) questions: Questions,
}

/// The next request for offsets to a broker that can take one.
pub(super) fn next_request(
    positions: &mut Positions,
    metadata: &mut Metadata,
    now: Instant,
    can_send: &mut impl FnMut(i32) -> Option<Versions>,
) -> Option<Asking> {
    let mut by_node: BTreeMap<i32, Wanted> = BTreeMap::new();
    for (partition, assigned) in positions.restless() {
        let may_ask = !assigned.asking && assigned.may_try(now);
        let is_reset = matches!(assigned.phase, Phase::NeedsReset(_)) && may_ask;
        let is_validation = matches!(assigned.phase, Phase::NeedsValidation { .. }) && may_ask;
        let wants_end = assigned.wants_end(now);
        if !is_reset && !is_validation && !wants_end {
            continue;
        }
        let Some(leader) = metadata.leader(partition) else {
            metadata.request_refresh();
            continue;
        };
        let wanted = by_node.entry(leader.node_id).or_default();
        let lists = [
            (is_reset, &mut wanted.resets),
            (is_validation, &mut wanted.validations),
            (wants_end, &mut wanted.ends),
        ];
        lists.into_iter().filter(|(is_wanted, _)| *is_wanted).for_each(|(_, l)| l.push(partition.clone()));
    }
    for (node_id, Wanted { resets, validations, ends }) in by_node {
        let Some(versions) = can_send(node_id) else { continue };
        let list_offsets = versions.newest(Api::ListOffsets).filter(|version| *version >= ONE_OFFSET);
        if !resets.is_empty() {
            match list_offsets {
                Some(version) => return Some(ask_resets(positions, metadata, node_id, version, &resets)),
                None => resets.into_iter().for_each(|partition| {
                    positions.fail(&partition, now);
                    let error = FetchError::Unsupported { partition, api: Api::ListOffsets.name() };
                    positions.reports.error(error);
                }),
            }
        }
        if !validations.is_empty() {
            let version = versions.newest(Api::OffsetForLeaderEpoch);
            match version.filter(|version| *version >= CONSUMERS_MAY_ASK) {
                Some(version) => {
                    return Some(ask_validations(positions, metadata, node_id, version, &validations));
                }
                None => validations.iter().for_each(|p| positions.validation_is_impossible(p, now)),
            }
        }
        if let Some(version) = list_offsets.filter(|_| !ends.is_empty()) {
            return Some(ask_ends(positions, metadata, node_id, version, &ends));
        }
    }
    None
}

/// What one broker is to be asked about.
#[derive(Default)]
struct Wanted {
    resets: Vec<TopicPartition>,
    validations: Vec<TopicPartition>,
    ends: Vec<TopicPartition>,
}

/// A request for offsets that lists nothing yet.
fn list_offsets(settings: &FetchSettings) -> ListOffsetsRequest {
    let mut request = ListOffsetsRequest::default();
    request.replica_id = -1;
    request.isolation_level = settings.isolation_level.code();
    request.timeout_ms = wire_millis(settings.request_timeout);
    request
}

fn list(request: &mut ListOffsetsRequest, partition: &TopicPartition, leader: Leader, timestamp: i64) {
    if request.topics.last().is_none_or(|topic| topic.name != partition.topic) {
        let mut topic = ListOffsetsTopic::default();
        topic.name = partition.topic.clone();
        request.topics.push(topic);
    }
    let mut entry = ListOffsetsPartition::default();
    entry.partition_index = partition.partition;
    entry.current_leader_epoch = leader.epoch;
    entry.timestamp = timestamp;
    request.topics.last_mut().into_iter().for_each(|topic| topic.partitions.push(entry.clone()));
}

fn ask_resets(
    positions: &mut Positions,
    metadata: &Metadata,
    node_id: i32,
    api_version: i16,
    partitions: &[TopicPartition],
) -> Asking {
    let mut request = list_offsets(positions.settings());
    let mut questions = BTreeMap::new();
    for partition in partitions {
        let Some(leader) = metadata.leader(partition) else { continue };
        let Some(assigned) = positions.get_mut(partition) else { continue };
        let Phase::NeedsReset(end) = assigned.phase else { continue };
        assigned.asking = true;
        let is_first = matches!(end, ResetTo::Timestamp(_)) && assigned.or_else.is_none();
        let timestamp = match end {
            ResetTo::Earliest => ListOffsetsPartition::EARLIEST_TIMESTAMP,
            ResetTo::Timestamp(timestamp) if !is_first => timestamp,
            ResetTo::Latest | ResetTo::Timestamp(_) => ListOffsetsPartition::LATEST_TIMESTAMP,
        };
        list(&mut request, partition, leader, timestamp);
        let position_epoch = assigned.position_epoch;
        let question = Question { position_epoch, leader, end: Some(end), is_first };
        questions.insert(partition.clone(), question);
    }
    Asking {
        node_id,
        api: Api::ListOffsets,
        api_version,
        body: RequestBody::ListOffsets(request),
        questions: Questions::Resets(questions),
    }
}

fn ask_ends(
    positions: &mut Positions,
    metadata: &Metadata,
    node_id: i32,
    api_version: i16,
    partitions: &[TopicPartition],
) -> Asking {
    let mut request = list_offsets(positions.settings());
    let mut asked = BTreeSet::new();
    for partition in partitions {
        let Some(leader) = metadata.leader(partition) else { continue };
        let Some(assigned) = positions.get_mut(partition) else { continue };
        assigned.end = EndQuestion::Asked;
        list(&mut request, partition, leader, ListOffsetsPartition::LATEST_TIMESTAMP);
        asked.insert(partition.clone());
    }
    Asking {
        node_id,
        api: Api::ListOffsets,
        api_version,
        body: RequestBody::ListOffsets(request),
        questions: Questions::Ends(asked),
    }
}

fn ask_validations(
    positions: &mut Positions,
    metadata: &Metadata,
    node_id: i32,
    api_version: i16,
    partitions: &[TopicPartition],
) -> Asking {
    let mut request = OffsetForLeaderEpochRequest::default();
    request.replica_id = -1;
    let mut questions = BTreeMap::new();
    for partition in partitions {
        let Some(leader) = metadata.leader(partition) else { continue };
        let Some(assigned) = positions.get_mut(partition) else { continue };
        assigned.asking = true;
        if request.topics.last().is_none_or(|topic| topic.topic != partition.topic) {
            let mut topic = OffsetForLeaderTopic::default();
            topic.topic = partition.topic.clone();
            request.topics.push(topic);
        }
        let mut part = OffsetForLeaderPartition::default();
        part.partition = partition.partition;
        part.current_leader_epoch = leader.epoch;
        part.leader_epoch = assigned.position.leader_epoch;
        request.topics.last_mut().into_iter().for_each(|topic| topic.partitions.push(part.clone()));
        let position_epoch = assigned.position_epoch;
        let question = Question { position_epoch, leader, end: None, is_first: false };
        questions.insert(partition.clone(), question);
    }
    Asking {
        node_id,
        api: Api::OffsetForLeaderEpoch,
        api_version,
        body: RequestBody::OffsetForLeaderEpoch(request),
        questions: Questions::Validations(questions),
    }
}

/// The answer to [`Questions::Resets`].
pub(super) fn handle_list_offsets(
    mut questions: BTreeMap<TopicPartition, Question>,
    response: &ListOffsetsResponse,
    positions: &mut Positions,
    metadata: &mut Metadata,
    now: Instant,
) {
    for topic in &response.topics {
        for answer in &topic.partitions {
            let partition = key(&topic.name, answer.partition_index);
            let Some((partition, question)) = questions.remove_entry(&partition) else { continue };
            let place = Place { offset: answer.offset, leader_epoch: answer.leader_epoch };
            let place = Some(place).filter(|place| place.offset >= 0);
            let assigned = positions.get(&partition);
            let is_stale = assigned.is_some_and(
                |assigned| !matches!(assigned.phase, Phase::NeedsReset(end) if Some(end) == question.end),
            );
            let or_else = assigned.and_then(|assigned| assigned.or_else);
            let epoch = question.position_epoch;
            match (answer.error_code, place) {
                _ if is_stale => release(positions, &partition, question),
                (ErrorCode::NONE, Some(place)) => {
                    if question.asks_for_the_end() {
                        positions.end_found(&partition, epoch, place);
                    }
                    if !question.is_first {
                        positions.found(&partition, epoch, place);
                    }
                }
                (ErrorCode::NONE, None) if or_else.is_some() => {
                    or_else.into_iter().for_each(|end| positions.found(&partition, epoch, end));
                }
                (error, _) => failed(positions, metadata, &partition, question, error, now),
            }
        }
    }
    unanswered(questions, positions, metadata, now);
}

/// The answer to [`Questions::Ends`]; `None`: there is none.
pub(super) fn handle_ends(
    mut asked: BTreeSet<TopicPartition>,
    response: Option<&ListOffsetsResponse>,
    positions: &mut Positions,
    metadata: &mut Metadata,
    now: Instant,
) {
    for topic in response.into_iter().flat_map(|response| &response.topics) {
        for answer in &topic.partitions {
            let partition = key(&topic.name, answer.partition_index);
            let is_found = answer.error_code.is_none() && answer.offset >= 0;
            if is_found && asked.remove(&partition) {
                positions.lag_answered(&partition, Some(answer.offset), now);
            }
        }
    }
    for partition in asked {
        metadata.request_refresh();
        positions.lag_answered(&partition, None, now);
    }
}

/// The answer to [`Questions::Validations`].
pub(super) fn handle_epochs(
    mut questions: BTreeMap<TopicPartition, Question>,
    response: &OffsetForLeaderEpochResponse,
    positions: &mut Positions,
    metadata: &mut Metadata,
    now: Instant,
) {
    for topic in &response.topics {
        for answer in &topic.partitions {
            let partition = key(&topic.topic, answer.partition);
            let Some((partition, question)) = questions.remove_entry(&partition) else { continue };
            let Question { position_epoch, leader, .. } = question;
            if !answer.error_code.is_none() {
                failed(positions, metadata, &partition, question, answer.error_code, now);
                continue;
            }
            let is_known = answer.end_offset >= 0 && answer.leader_epoch >= 0;
            let end =
                is_known.then_some(Place { offset: answer.end_offset, leader_epoch: answer.leader_epoch });
            positions.validated(&partition, position_epoch, leader, end, now);
        }
    }
    unanswered(questions, positions, metadata, now);
}

/// Questions without an answer: the connection was lost, or the broker left them out.
pub(super) fn unanswered(
    questions: BTreeMap<TopicPartition, Question>,
    positions: &mut Positions,
    metadata: &mut Metadata,
    now: Instant,
) {
    for (partition, question) in questions {
        metadata.request_refresh();
        positions.offset_request_failed(&partition, question.position_epoch, None, now);
    }
}

fn failed(
    positions: &mut Positions,
    metadata: &mut Metadata,
    partition: &TopicPartition,
    question: Question,
    error: ErrorCode,
    now: Instant,
) {
    // Kafka's consumer asks again whatever the error is, but for a missing authorization. It also waits for records that
    // have timestamps, in a log that has none.
    let fatal = [ErrorCode::TOPIC_AUTHORIZATION_FAILED, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT];
    let is_fatal = fatal.contains(&error);
    if error != ErrorCode::UNKNOWN_LEADER_EPOCH && !is_fatal {
        metadata.request_refresh();
    }
    positions.offset_request_failed(partition, question.position_epoch, is_fatal.then_some(error), now);
}

fn release(positions: &mut Positions, partition: &TopicPartition, question: Question) {
    let assigned = positions.get_mut(partition);
    if let Some(assigned) = assigned.filter(|assigned| assigned.position_epoch == question.position_epoch) {
        assigned.asking = false;
    }
}

fn key(topic: &Str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.clone(), partition }
}
