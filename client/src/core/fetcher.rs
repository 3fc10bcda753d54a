//! Fetching records: what to ask of which broker, and what to make of the answer.
//!
//! Each broker has one request at a time, for all partitions that are read from it and of which the client does not
//! hold enough already. What comes is cut by partition and queued for the application, and the next request asks for
//! what lies behind it, so that the network is at work while the application is.
//!
//! A request that leaves out a partition, as the client holds enough of it or it is paused, must not keep that one waiting
//! when it is wanted again. So it is to be answered within the time for which the partition has not been asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use milena_protocol::messages::fetch::{FetchRequest, FetchResponse, PartitionData};
use milena_protocol::records::BatchCursor;
use milena_protocol::{Api, ErrorCode};

use super::assigned::{Assigned, Held, Phase};
use super::completed_fetch::CompletedFetch;
use super::fetch_budget::FetchBudget;
use super::fetch_report::{FetchError, Place};
use super::fetch_session::{Asked, Change, Entry, FetchSession};
use super::fetch_settings::FetchSettings;
use super::metadata::{Leader, Metadata};
use super::positions::Positions;
use super::topic_partition::TopicPartition;
use super::versions::Versions;
use super::wire_millis::wire_millis;

/// The first version that names topics by their ids.
const TOPIC_IDS: i16 = 13;
/// The first version whose answer as a whole has a limit.
const MAX_BYTES: i16 = 3;
/// What records take in memory besides their bytes, for each partition of an answer.
const BOOKKEEPING: usize = 512;
/// It is not worth asking for less than this, unless so little is all that may ever be asked for.
const LEAST_SHARE: usize = 64 << 10;
/// A broker is given at least so long for its answer, unless `fetch.max.wait.ms` is less.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// The requests under way, the sessions that they belong to, and what came of them.
#[derive(Debug)]
pub(super) struct Fetcher {
    nodes: BTreeMap<i32, Node>,
    budget: FetchBudget,
    completed: VecDeque<CompletedFetch>,
    /// The broker that was asked last: the next one is asked first.
    last_asked: Option<i32>,
    /// Whether there was too little room to ask for more.
    is_short: bool,
}

/// What there is to know about fetching from one broker.
#[derive(Debug)]
struct Node {
    session: FetchSession,
    /// The bytes that the request under way may bring.
    in_flight: Option<usize>,
    /// The partitions that were asked for not long ago, and are not now; and since when.
    left_out: BTreeMap<TopicPartition, Instant>,
    /// The partition that was answered last: a request for all begins behind it, so that each gets its turn.
    last_answered: Option<TopicPartition>,
    failures: u32,
    retry_at: Option<Instant>,
}

/// A request that has to go out.
pub(super) struct Fetch {
    pub(super) node_id: i32,
    pub(super) api_version: i16,
    pub(super) request: FetchRequest,
}

/// Records that can be handed on, and where they end.
struct Usable {
    partition: TopicPartition,
    fetch: CompletedFetch,
    end: Place,
}

impl Fetcher {
    pub(super) fn new(settings: &FetchSettings) -> Self {
        Fetcher {
            nodes: BTreeMap::new(),
            budget: FetchBudget::new(settings.buffer_bytes),
            completed: VecDeque::new(),
            last_asked: None,
            is_short: false,
        }
    }

    /// The next records that nobody has taken and that still are of use.
    pub(super) fn take_completed(&mut self, positions: &Positions) -> Option<CompletedFetch> {
        std::iter::from_fn(|| self.completed.pop_front()).find(|fetch| is_current(fetch, positions))
    }

    /// Frames that are no longer held. What nobody has taken of them is of no use any more.
    pub(super) fn release(&mut self, frames: Vec<u64>, positions: &Positions) {
        if frames.is_empty() {
            return;
        }
        frames.into_iter().for_each(|frame| self.budget.release(frame));
        self.completed.retain(|fetch| is_current(fetch, positions));
    }

    /// How much memory the application's side has decompressed into.
    pub(super) fn set_decoded(&mut self, bytes: usize) {
        self.budget.set_decoded(bytes);
    }

    /// The paused partitions whose records are to go, because they take the room that others need.
    pub(super) fn to_shed(&self, positions: &Positions) -> Vec<TopicPartition> {
        if !self.is_short {
            return Vec::new();
        }
        let mut paused: Vec<_> =
            positions.iter().filter(|(_, assigned)| assigned.holds_while_paused()).collect();
        // Who has been paused for long will be for long, as far as anybody can tell.
        paused.sort_by_key(|(_, assigned)| std::cmp::Reverse(assigned.paused));
        let (mut frames, mut bytes) = (BTreeSet::new(), 0);
        paused.retain(|(_, assigned)| {
            let more = assigned.held_frames().filter(|frame| frames.insert(*frame));
            bytes += more.map(|frame| self.budget.frame_bytes(frame)).sum::<usize>();
            bytes > self.budget.for_paused()
        });
        paused.into_iter().map(|(partition, _)| partition.clone()).collect()
    }

    /// What is held and on its way, in bytes.
    #[cfg(test)]
    pub(super) fn used_bytes(&self) -> usize {
        self.budget.used()
    }

    /// The end of the first back-off of a broker.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.nodes.values().filter_map(|node| node.retry_at).filter(|at| *at > now).min()
    }

    /// The next request to a broker that can take one.
    pub(super) fn next_request(
        &mut self,
        positions: &mut Positions,
        metadata: &mut Metadata,
        now: Instant,
        can_send: &mut impl FnMut(i32) -> Option<Versions>,
    ) -> Option<Fetch> {
        let may_send = |id: &i32| self.nodes.get(id).is_none_or(|node| node.may_send(now));
        let mut nodes: Vec<i32> = positions.nodes().filter(may_send).collect();
        let brokers = nodes.len();
        self.is_short = false;
        // Where there is room for one only, it is not always the same one.
        let behind = nodes.partition_point(|id| self.last_asked.is_some_and(|last| *id <= last));
        nodes.rotate_left(behind);
        for node_id in nodes {
            let settings = positions.settings();
            let share = (self.budget.free() / brokers).min(positive(settings.fetch_max_bytes));
            let least = settings.max_partition_fetch_bytes.min(settings.fetch_max_bytes);
            if share < LEAST_SHARE.min(positive(least)) && !self.budget.is_idle() {
                self.is_short = true;
                return None;
            }
            let Some(versions) = can_send(node_id) else { continue };
            let mut wanted = wanted(positions, metadata, node_id);
            let Some(api_version) = version(&versions, &mut wanted, metadata) else {
                for (partition, _) in &wanted {
                    positions.fail(partition, now);
                    let partition = partition.clone();
                    positions.reports.error(FetchError::Unsupported { partition, api: Api::Fetch.name() });
                }
                continue;
            };
            if wanted.is_empty() {
                continue;
            }
            let node = self.nodes.entry(node_id).or_insert_with(Node::new);
            if node.session.is_full() {
                node.take_turns(&mut wanted);
            }
            let asked_for: usize = wanted.iter().map(|(_, entry)| positive(entry.asked.max_bytes)).sum();
            let reserved = if api_version >= MAX_BYTES { asked_for.min(share) } else { asked_for };
            let mut change = node.session.next(&wanted, api_version >= TOPIC_IDS);
            let wait = node.wait(std::mem::take(&mut change.left), settings.fetch_max_wait, now);
            node.in_flight = Some(reserved);
            self.budget.reserve(reserved);
            self.last_asked = Some(node_id);
            return Some(Fetch { node_id, api_version, request: request(settings, change, share, wait) });
        }
        None
    }

    /// The request that closes the next session that is still open; none for brokers with a request under way.
    pub(super) fn next_close(
        &mut self,
        settings: &FetchSettings,
        can_send: &mut impl FnMut(i32) -> Option<Versions>,
    ) -> Option<Fetch> {
        while let Some((node_id, node)) = self.nodes.pop_first() {
            // What is under way is answered before, and nobody wants it.
            self.budget.unreserve(node.in_flight.unwrap_or(0));
            let limit = if node.session.uses_ids() { i16::MAX } else { TOPIC_IDS - 1 };
            let version = can_send(node_id).and_then(|versions| versions.newest_up_to(Api::Fetch, limit));
            if let (Some(change), Some(api_version)) = (node.session.close(), version) {
                let request = request(settings, change, 0, Duration::ZERO);
                return Some(Fetch { node_id, api_version, request });
            }
        }
        None
    }

    /// A request got no answer.
    pub(super) fn lost(&mut self, node_id: i32, positions: &mut Positions, metadata: &mut Metadata) {
        let Some(node) = self.nodes.get_mut(&node_id) else { return };
        self.budget.unreserve(node.in_flight.take().unwrap_or(0));
        node.session.lost();
        for (partition, _) in node.session.partitions() {
            positions.get_mut(partition).map(Assigned::forget_preferred);
        }
        metadata.request_refresh();
    }

    /// A request was answered.
    pub(super) fn handle_response(
        &mut self,
        node_id: i32,
        response: FetchResponse,
        positions: &mut Positions,
        metadata: &mut Metadata,
        now: Instant,
    ) {
        let Some(node) = self.nodes.get_mut(&node_id) else { return };
        self.budget.unreserve(node.in_flight.take().unwrap_or(0));
        let error = response.error_code;
        if !error.is_none() {
            node.session.answered(error, response.session_id, true);
            node.fail(error, positions.settings(), now);
            if error.asks_for_metadata() || error == ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR {
                metadata.request_refresh();
            }
            return;
        }
        node.failures = 0;
        node.retry_at = None;
        let mut answer =
            Answer { response: &response, positions, metadata, now, bytes: 0, is_consistent: true };
        let usable = answer.read(&node.session);
        let (bytes, is_consistent) = (answer.bytes, answer.is_consistent);
        node.session.answered(error, response.session_id, is_consistent);
        if let Some(last) = usable.last() {
            node.last_answered = Some(last.partition.detached());
        }
        let frame = self.budget.hold(bytes + usable.len() * BOOKKEEPING, usable.len());
        for Usable { partition, fetch, end } in usable {
            let held = Held { end: end.offset, frame, bytes: fetch.records.len() + BOOKKEEPING };
            if let Some(assigned) = positions.get_mut(&partition) {
                assigned.hold(held);
            }
            self.completed.push_back(fetch);
        }
    }
}

/// Whether what came still is what its partition wants.
fn is_current(fetch: &CompletedFetch, positions: &Positions) -> bool {
    let assigned = positions.get(&fetch.topic_partition());
    assigned.is_some_and(|assigned| assigned.position_epoch == fetch.position_epoch)
}

/// What is to be read from a broker, and from where on.
fn wanted(positions: &Positions, metadata: &Metadata, node_id: i32) -> Vec<(TopicPartition, Entry)> {
    let usual_bytes = positions.settings().max_partition_fetch_bytes;
    let entry = |assigned: &Assigned, topic_id| Entry {
        asked: Asked {
            topic_id,
            offset: assigned.fetched.offset,
            leader_epoch: assigned.leader.map_or(-1, |leader| leader.epoch),
            max_bytes: assigned.batch_bytes.unwrap_or(usual_bytes),
        },
        position_epoch: assigned.position_epoch,
    };
    let partitions = positions.of_node(node_id);
    partitions.map(|(p, assigned)| (p.clone(), entry(assigned, metadata.topic_id(&p.topic)))).collect()
}

/// The version to ask in. By names if a topic has no id; where the broker takes ids only, such a topic has to wait.
/// `None`: the broker does not know the API in any version that would do.
fn version(
    versions: &Versions,
    wanted: &mut Vec<(TopicPartition, Entry)>,
    metadata: &mut Metadata,
) -> Option<i16> {
    let newest = versions.newest(Api::Fetch)?;
    let has_no_id = |(_, entry): &(TopicPartition, Entry)| entry.asked.topic_id.is_zero();
    if newest < TOPIC_IDS || !wanted.iter().any(has_no_id) {
        return Some(newest);
    }
    metadata.request_refresh();
    if let Some(by_name) = versions.newest_up_to(Api::Fetch, TOPIC_IDS - 1) {
        return Some(by_name);
    }
    wanted.retain(|partition| !has_no_id(partition));
    Some(newest)
}

fn request(settings: &FetchSettings, change: Change, max_bytes: usize, wait: Duration) -> FetchRequest {
    let mut request = FetchRequest::default();
    request.max_wait_ms = wire_millis(wait);
    request.min_bytes = settings.fetch_min_bytes;
    request.max_bytes = i32::try_from(max_bytes).unwrap_or(i32::MAX);
    request.isolation_level = settings.isolation_level.code();
    request.session_id = change.session_id;
    request.session_epoch = change.session_epoch;
    request.topics = change.topics;
    request.forgotten_topics_data = change.forgotten;
    request.rack_id = settings.client_rack.clone();
    request
}

impl Node {
    fn new() -> Self {
        Node {
            session: FetchSession::new(),
            in_flight: None,
            left_out: BTreeMap::new(),
            last_answered: None,
            failures: 0,
            retry_at: None,
        }
    }

    fn may_send(&self, now: Instant) -> bool {
        self.in_flight.is_none() && self.retry_at.is_none_or(|at| at <= now)
    }

    /// How long the broker may wait for records, at most so long; `left` is what its session asked for up to now.
    fn wait(&mut self, left: Vec<TopicPartition>, most: Duration, now: Instant) -> Duration {
        self.left_out.extend(left.into_iter().map(|partition| (partition, now)));
        self.left_out
            .retain(|partition, since| now - *since < most && self.session.entry(partition).is_none());
        let last = self.left_out.values().max();
        last.map_or(most, |since| (now - *since).max(LEAST_WAIT)).min(most)
    }

    fn take_turns(&self, wanted: &mut [(TopicPartition, Entry)]) {
        let Some(last) = &self.last_answered else { return };
        let behind = wanted.partition_point(|(partition, _)| partition <= last);
        wanted.rotate_left(behind);
    }

    /// The answer as a whole is an error. A session that the broker forgot is opened anew at once, the first time.
    fn fail(&mut self, error: ErrorCode, settings: &FetchSettings, now: Instant) {
        let session_errors = [ErrorCode::FETCH_SESSION_ID_NOT_FOUND, ErrorCode::INVALID_FETCH_SESSION_EPOCH];
        self.failures = self.failures.saturating_add(1);
        let at_once = self.failures == 1 && session_errors.contains(&error);
        self.retry_at = (!at_once).then(|| now + settings.backoff(self.failures));
    }
}

/// The answer to one request, while it is looked through.
struct Answer<'a> {
    response: &'a FetchResponse,
    positions: &'a mut Positions,
    metadata: &'a mut Metadata,
    now: Instant,
    /// Bytes of records in the whole answer.
    bytes: usize,
    /// Whether it speaks of the session's partitions: of no other, and of all when the session opens.
    is_consistent: bool,
}

impl Answer<'_> {
    fn read(&mut self, session: &FetchSession) -> Vec<Usable> {
        let mut usable = Vec::new();
        let mut seen = 0;
        for topic in &self.response.responses {
            let name =
                if topic.topic_id.is_zero() { Some(&topic.topic) } else { session.name(&topic.topic_id) };
            for data in &topic.partitions {
                self.bytes += data.records.as_ref().map_or(0, Bytes::len);
                let key =
                    name.map(|name| TopicPartition { topic: name.clone(), partition: data.partition_index });
                let Some((partition, entry)) = key.and_then(|key| session.entry(&key)) else {
                    self.is_consistent = false;
                    self.metadata.request_refresh();
                    continue;
                };
                seen += 1;
                usable.extend(self.partition(partition, entry, data));
            }
        }
        let names_all = seen >= session.len();
        self.is_consistent &= names_all || !session.is_full();
        usable
    }

    fn partition(
        &mut self,
        partition: &TopicPartition,
        entry: &Entry,
        data: &PartitionData,
    ) -> Option<Usable> {
        let assigned = self.positions.get_mut(partition)?;
        // A seek, an assignment, a new leader: whatever the answer says, it is about another position.
        let is_current = assigned.position_epoch == entry.position_epoch
            && assigned.phase == Phase::Fetching
            && assigned.fetched.offset == entry.asked.offset;
        if !is_current {
            return None;
        }
        if !data.error_code.is_none() {
            self.error(partition, entry, data);
            return None;
        }
        let known = |offset: i64, before| if offset >= 0 { Some(offset) } else { before };
        assigned.high_watermark = known(data.high_watermark, assigned.high_watermark);
        assigned.last_stable_offset = known(data.last_stable_offset, assigned.last_stable_offset);
        assigned.log_start_offset = known(data.log_start_offset, assigned.log_start_offset);
        if data.preferred_read_replica >= 0 {
            let until = self.now + self.metadata.max_age();
            assigned.prefer(data.preferred_read_replica, until, self.now);
        }
        let records = data.records.as_ref().filter(|records| !records.is_empty());
        let Some(records) = records else {
            // Nothing new, or nothing that is decided yet: the position stays.
            assigned.succeed();
            return None;
        };
        self.records(partition, entry, data, records)
    }

    fn records(
        &mut self,
        partition: &TopicPartition,
        entry: &Entry,
        data: &PartitionData,
        records: &Bytes,
    ) -> Option<Usable> {
        let assigned = self.positions.get_mut(partition)?;
        let survey = Survey::of(records, assigned.fetched);
        if survey.is_only_part_of_a_batch {
            self.too_small(partition, entry, survey.batch_bytes);
            return None;
        }
        if survey.end.offset == entry.asked.offset && !survey.is_broken {
            // Whole batches, all from before what was asked: asking again at once would not help.
            self.positions.fail(partition, self.now);
            return None;
        }
        assigned.succeed();
        // At once: if the answer names the partition once more, that is about another position.
        assigned.fetched = survey.end;
        assigned.batch_bytes = None;
        assigned.blocked = survey.is_broken;
        let aborted = data.aborted_transactions.iter().flatten();
        let fetch = CompletedFetch {
            topic: partition.topic.clone(),
            partition: partition.partition,
            position_epoch: entry.position_epoch,
            fetch_offset: entry.asked.offset,
            records: records.clone(),
            high_watermark: data.high_watermark,
            last_stable_offset: data.last_stable_offset,
            log_start_offset: data.log_start_offset,
            aborted: aborted.map(|aborted| (aborted.producer_id, aborted.first_offset)).collect(),
        };
        Some(Usable { partition: partition.clone(), fetch, end: survey.end })
    }

    /// The answer was too small for the first batch (before Fetch v3): ask for the whole of it.
    fn too_small(&mut self, partition: &TopicPartition, entry: &Entry, batch_bytes: Option<usize>) {
        let asked_bytes = entry.asked.max_bytes;
        let needed = batch_bytes.and_then(|bytes| i32::try_from(bytes).ok());
        let needed = needed.unwrap_or_else(|| asked_bytes.saturating_mul(2));
        if needed > asked_bytes {
            if let Some(assigned) = self.positions.get_mut(partition) {
                assigned.batch_bytes = Some(needed);
            }
            return;
        }
        self.positions.fail(partition, self.now);
        let (partition, offset) = (partition.clone(), entry.asked.offset);
        self.positions.reports.error(FetchError::BatchTooLarge { partition, offset, asked_bytes });
    }

    fn error(&mut self, partition: &TopicPartition, entry: &Entry, data: &PartitionData) {
        let error = data.error_code;
        match error {
            ErrorCode::OFFSET_OUT_OF_RANGE => return self.positions.out_of_range(partition, self.now),
            ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH => {
                let leader = Leader {
                    node_id: data.current_leader.leader_id,
                    epoch: data.current_leader.leader_epoch,
                };
                let endpoints = &self.response.node_endpoints;
                self.positions.get_mut(partition).map(Assigned::forget_preferred);
                if self.metadata.update_leader(partition, leader, endpoints) {
                    return;
                }
                self.metadata.request_refresh();
            }
            // The broker is behind what we know: it needs a moment, and metadata would not help.
            ErrorCode::UNKNOWN_LEADER_EPOCH | ErrorCode::UNKNOWN_SERVER_ERROR => {}
            ErrorCode::INCONSISTENT_TOPIC_ID => {
                self.is_consistent = false;
                self.look_elsewhere(partition);
            }
            error if error.asks_for_metadata() || error == ErrorCode::OFFSET_NOT_AVAILABLE => {
                self.look_elsewhere(partition);
            }
            error => {
                let (partition, offset) = (partition.clone(), Some(entry.asked.offset));
                self.positions.reports.error(FetchError::Broker { partition, offset, error });
            }
        }
        self.positions.fail(partition, self.now);
    }

    fn look_elsewhere(&mut self, partition: &TopicPartition) {
        self.metadata.request_refresh();
        self.positions.get_mut(partition).map(Assigned::forget_preferred);
    }
}

/// What the headers of an answer's batches say.
struct Survey {
    /// Where the next answer has to begin.
    end: Place,
    /// The batches cannot be told apart to the end.
    is_broken: bool,
    /// There is not one whole batch.
    is_only_part_of_a_batch: bool,
    /// The bytes that the batch at the end takes, if that is known.
    batch_bytes: Option<usize>,
}

impl Survey {
    fn of(records: &[u8], from: Place) -> Survey {
        let mut cursor = BatchCursor::new().verify_crc(false);
        let (mut end, mut whole, mut is_broken) = (from, 0, false);
        while let Some(batch) = cursor.next(records) {
            let Ok(batch) = batch else {
                is_broken = true;
                break;
            };
            whole += 1;
            if batch.next_offset() > end.offset {
                end = Place { offset: batch.next_offset(), leader_epoch: batch.partition_leader_epoch };
            }
        }
        Survey {
            end,
            is_broken,
            is_only_part_of_a_batch: whole == 0 && !is_broken,
            batch_bytes: cursor.trailing().and_then(|trailing| trailing.total),
        }
    }
}

fn positive(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}
