//! Fetch (key 1): what a request asks for, with the help of its session; reading it; waiting until there is enough.
//!
//! | file | what |
//! |---|---|
//! | `sessions.rs` | fetch sessions (KIP-227) |
//! | `reading.rs` | what there is for a request now |
//! | `waiting.rs` | requests that wait for more |

mod reading;
mod sessions;
mod waiting;

use std::time::{Duration, Instant};

use milena_protocol::messages::fetch::{FetchableTopicResponse, PartitionData};
use milena_protocol::messages::leader::NodeEndpoint;
use milena_protocol::messages::{FetchRequest, FetchResponse};
use milena_protocol::{ErrorCode, Str, Uuid};

use super::cluster::Cluster;
use super::log::Isolation;
use super::quota::Quota;
use super::requests::{Context, Outcome, Ticket};
use sessions::{Mode, Sessions};
pub(crate) use waiting::Waiting;

/// The first version with topic ids instead of names (KIP-516).
const TOPIC_IDS: i16 = 13;
/// The first version in which a follower may answer (KIP-392).
const FOLLOWERS: i16 = 11;
/// The first version that tells where a leader is (KIP-951).
const NODE_ENDPOINTS: i16 = 16;

/// The errors that partitions can have.
const OF_PARTITIONS: &[ErrorCode] = &[
    ErrorCode::CORRUPT_MESSAGE,
    ErrorCode::FENCED_LEADER_EPOCH,
    ErrorCode::INCONSISTENT_TOPIC_ID,
    ErrorCode::KAFKA_STORAGE_ERROR,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::OFFSET_NOT_AVAILABLE,
    ErrorCode::OFFSET_OUT_OF_RANGE,
    ErrorCode::REPLICA_NOT_AVAILABLE,
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    ErrorCode::UNKNOWN_LEADER_EPOCH,
    ErrorCode::UNKNOWN_SERVER_ERROR,
    ErrorCode::UNKNOWN_TOPIC_ID,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
];

/// A partition that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    /// `None` where the id is not known.
    topic: Option<Str>,
    /// All zero where names are used.
    topic_id: Uuid,
    partition: i32,
}

/// What is asked for of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    offset: i64,
    max_bytes: i32,
    current_leader_epoch: i32,
    last_fetched_epoch: i32,
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Fetch {
    ticket: Ticket,
    node_id: i32,
    client_id: Str,
    version: i16,
    deadline: Instant,
    waits: bool,
    min_bytes: usize,
    max_bytes: usize,
    isolation: Isolation,
    rack: Str,
    only_leader: bool,
    mode: Mode,
    /// What a new session will have.
    opens: Vec<(Target, Position)>,
    /// What can be read.
    targets: Vec<(Target, Position)>,
    /// What there is not.
    missing: Vec<(Target, ErrorCode)>,
}

/// The fetch side of one cluster: the sessions of its brokers, and the requests that wait.
#[derive(Debug)]
pub(crate) struct Fetching {
    sessions: std::collections::BTreeMap<i32, Sessions>,
    waiting: Waiting,
    quota: Option<Quota>,
}

impl Fetching {
    /// Of these brokers.
    pub fn new(cluster: &Cluster, seed: u64) -> Self {
        let slots = cluster.settings.int("max.incremental.fetch.session.cache.slots");
        let sessions = |node_id: i32| Sessions::new(slots as usize, seed ^ node_id as u64);
        let nodes = cluster.catalog.brokers().map(|broker| broker.node_id);
        Fetching {
            sessions: nodes.map(|node_id| (node_id, sessions(node_id))).collect(),
            waiting: Waiting::default(),
            quota: Quota::new(&cluster.settings, "consumer_byte_rate"),
        }
    }

    /// A request came.
    pub fn fetch(&mut self, cluster: &mut Cluster, context: &Context<'_>, request: FetchRequest) -> Outcome {
        let sessions = self.sessions.get_mut(&context.node_id).expect("every broker has them");
        let (mode, asked) = match sessions.enter(&cluster.catalog, context, &request) {
            Ok(entered) => entered,
            Err(code) => {
                let mut response = FetchResponse::default();
                response.error_code = code;
                return response.into();
            }
        };
        let mut fetch = Fetch::new(cluster, context, &request, mode, asked);
        if let Some(quota) = &self.quota {
            // More would be held back whenever it is asked for.
            fetch.max_bytes = fetch.max_bytes.min(quota.most_at_once());
            fetch.min_bytes = fetch.min_bytes.min(fetch.max_bytes);
        }
        if !fetch.targets.is_empty() {
            let reading = fetch.read(cluster);
            if !fetch.is_satisfied(&reading) {
                self.waiting.insert(cluster, fetch);
                return Outcome::Later;
            }
            return self.answer(cluster, fetch, reading, context.now).into();
        }
        self.answer(cluster, fetch, Vec::new(), context.now).into()
    }

    /// The answer to a request that fails: an error of partitions at each that is asked for, any other for the whole.
    pub fn fail(
        &mut self,
        cluster: &Cluster,
        context: &Context<'_>,
        request: &FetchRequest,
        code: ErrorCode,
    ) -> FetchResponse {
        let sessions = self.sessions.get_mut(&context.node_id).expect("every broker has them");
        let mut response = FetchResponse::default();
        response.session_id = request.session_id;
        if !OF_PARTITIONS.contains(&code) {
            response.error_code = code;
            return response;
        }
        let (mode, asked) = match sessions.enter(&cluster.catalog, context, request) {
            Ok(entered) => entered,
            Err(code) => {
                response.error_code = code;
                return response;
            }
        };
        let mut fetch = Fetch::new(cluster, context, request, mode, asked);
        fetch.missing.extend(fetch.targets.drain(..).map(|(target, _)| (target, code)));
        self.answer(cluster, fetch, Vec::new(), context.now)
    }

    /// Answers of requests that have waited for long enough, or for one of the partitions that have changed.
    pub fn take_answers(&mut self, cluster: &mut Cluster, now: Instant) -> Vec<(Ticket, FetchResponse)> {
        let changed = cluster.take_changed();
        let ready = self.waiting.take_ready(cluster, &changed, now);
        let answer = |fetch: Fetch| {
            let ticket = fetch.ticket;
            let reading = fetch.read(cluster);
            (ticket, self.answer(cluster, fetch, reading, now))
        };
        ready.into_iter().map(answer).collect()
    }

    /// The connection of a request is gone.
    pub fn given_up(&mut self, ticket: Ticket) {
        self.waiting.remove(ticket);
    }

    /// Forgets the sessions of a broker, or of all.
    pub fn evict_sessions(&mut self, node_id: Option<i32>) {
        let is_meant = |id: i32| node_id.is_none_or(|node_id| node_id == id);
        self.sessions.iter_mut().filter(|(id, _)| is_meant(**id)).for_each(|(_, sessions)| sessions.clear());
    }

    #[cfg(test)]
    fn watches_nothing(&self) -> bool {
        self.waiting.watches_nothing()
    }

    /// When to look again.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.deadline()
    }

    /// The answer to a client that is over its quota: nothing, and when to come again. It comes with what it has asked for
    /// now, so that a session does not open, and one that is there goes on.
    fn throttled(
        &mut self,
        fetch: &Fetch,
        reading: &[(Target, PartitionData)],
        now: Instant,
    ) -> Option<FetchResponse> {
        let quota = self.quota.as_mut()?;
        let size = |data: &PartitionData| data.records.as_ref().map_or(0, bytes::Bytes::len);
        let bytes = reading.iter().map(|(_, data)| size(data)).sum();
        let throttle_time_ms = quota.record(fetch.node_id, &fetch.client_id, bytes, now);
        if throttle_time_ms == 0 {
            return None;
        }
        quota.unrecord(fetch.node_id, &fetch.client_id, bytes, now);
        let mut response = FetchResponse::default();
        response.throttle_time_ms = throttle_time_ms;
        if let Mode::Incremental { session_id, epoch } = fetch.mode {
            response.session_id = session_id;
            let sessions = self.sessions.get(&fetch.node_id);
            if sessions.is_some_and(|sessions| !sessions.is_at(session_id, epoch)) {
                response.error_code = ErrorCode::INVALID_FETCH_SESSION_EPOCH;
            }
        }
        Some(response)
    }

    fn answer(
        &mut self,
        cluster: &Cluster,
        fetch: Fetch,
        reading: Vec<(Target, PartitionData)>,
        now: Instant,
    ) -> FetchResponse {
        if let Some(response) = self.throttled(&fetch, &reading, now) {
            return response;
        }
        let mut partitions = reading;
        for (target, code) in &fetch.missing {
            partitions.push((target.clone(), failed(code)));
        }
        let mut response = FetchResponse::default();
        if fetch.version >= NODE_ENDPOINTS {
            response.node_endpoints = tell_leaders(cluster, &mut partitions);
        }
        let sessions = self.sessions.get_mut(&fetch.node_id).expect("every broker has them");
        match sessions.leave(fetch.mode, &fetch.opens, &mut partitions, now) {
            Ok(session_id) => response.session_id = session_id,
            Err((session_id, code)) => {
                (response.session_id, response.error_code) = (session_id, code);
                partitions.clear();
            }
        }
        for (target, mut data) in partitions {
            data.partition_index = target.partition;
            // As in Kafka partitions of one topic stand together only where they come in a row.
            match response.responses.last_mut() {
                Some(last) if is_same_topic(last, &target) => last.partitions.push(data),
                _ => {
                    let mut topic = FetchableTopicResponse::default();
                    topic.topic = target.topic.unwrap_or_default();
                    topic.topic_id = target.topic_id;
                    topic.partitions.push(data);
                    response.responses.push(topic);
                }
            }
        }
        response
    }
}

impl Fetch {
    fn new(
        cluster: &Cluster,
        context: &Context<'_>,
        request: &FetchRequest,
        mode: Mode,
        asked: Vec<(Target, Position)>,
    ) -> Self {
        let opens = if matches!(mode, Mode::Full { .. }) { asked.clone() } else { Vec::new() };
        let (mut targets, mut missing) = (Vec::new(), Vec::new());
        for (target, position) in asked {
            match &target.topic {
                None => missing.push((target, ErrorCode::UNKNOWN_TOPIC_ID)),
                Some(name) if cluster.catalog.partition(name, target.partition).is_none() => {
                    missing.push((target, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
                }
                Some(_) => targets.push((target, position)),
            }
        }
        let limit = cluster.settings.int("fetch.max.bytes");
        let max_bytes = request.max_bytes.clamp(0, limit) as usize;
        let is_follower = request.replica_id >= 0 || request.replica_state.replica_id >= 0;
        let max_wait = Duration::from_millis(request.max_wait_ms.max(0) as u64);
        Fetch {
            ticket: context.ticket,
            node_id: context.node_id,
            client_id: context.client_id.into(),
            version: context.version,
            deadline: context.now + max_wait,
            waits: !max_wait.is_zero(),
            min_bytes: (request.min_bytes.max(0) as usize).min(max_bytes),
            max_bytes,
            isolation: match request.isolation_level {
                1 => Isolation::Committed,
                _ => Isolation::Uncommitted,
            },
            rack: request.rack_id.detached(),
            only_leader: is_follower || context.version < FOLLOWERS,
            mode,
            opens,
            targets,
            missing,
        }
    }
}

/// What is told of a partition that cannot be read.
fn failed(code: &ErrorCode) -> PartitionData {
    let mut data = PartitionData::default();
    data.error_code = *code;
    data.high_watermark = -1;
    // Kafka looks for the partition before it reads, and for that has an answer of its own.
    let not_found = [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::UNKNOWN_TOPIC_ID].contains(code);
    data.aborted_transactions = not_found.then(Vec::new);
    // T27: librdkafka cannot read null.
    data.records = Some(bytes::Bytes::new());
    data
}

fn is_same_topic(last: &FetchableTopicResponse, target: &Target) -> bool {
    match last.topic_id.is_zero() {
        true => target.topic.as_ref() == Some(&last.topic),
        false => last.topic_id == target.topic_id,
    }
}

/// Says of partitions that are led elsewhere where that is (KIP-951).
fn tell_leaders(cluster: &Cluster, partitions: &mut [(Target, PartitionData)]) -> Vec<NodeEndpoint> {
    let mut nodes = std::collections::BTreeSet::new();
    for (target, data) in partitions {
        let tells = [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::FENCED_LEADER_EPOCH];
        let Some(topic) = target.topic.as_ref().filter(|_| tells.contains(&data.error_code)) else {
            continue;
        };
        if let Some(partition) = cluster.catalog.partition(topic, target.partition) {
            data.current_leader.leader_id = partition.leader.unwrap_or(-1);
            data.current_leader.leader_epoch = partition.leader_epoch;
            nodes.extend(partition.leader);
        }
    }
    super::handlers::endpoints(cluster, nodes)
}

#[cfg(test)]
mod tests;
