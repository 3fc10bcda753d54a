//! Stories about the fetch side as a whole: hand-built answers of brokers, a virtual clock.

mod budget;
mod errors;
mod lag;
mod offsets;
mod pins;
mod records;
mod simulation;

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use milena_protocol::messages::api_versions::ApiVersion;
use milena_protocol::messages::fetch::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use milena_protocol::messages::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use milena_protocol::messages::offset_for_leader_epoch::{EpochEndOffset, OffsetForLeaderTopicResult};
use milena_protocol::messages::{
    ApiVersionsResponse, FetchRequest, FetchResponse, ListOffsetsResponse, OffsetForLeaderEpochResponse,
};
use milena_protocol::records::BatchBuilder;
use milena_protocol::{Api, ErrorCode, RequestBody, ResponseBody, Str, Uuid};

use super::completed_fetch::{Consumed, Refetch};
use super::fetching::*;
use super::metadata::{Metadata, MetadataSettings};
use super::test_support::{self, T, metadata_response, partition_answer, topic_answer};
use super::topic_partition::TopicPartition;
use super::versions::Versions;
use super::wall_clock::WallClock;

const ID: Uuid = Uuid([1; 16]);
const SESSION: i32 = 77;
/// The time of day at the start.
const UNIX_MS: i64 = 1_800_000_000_000;
/// The epoch of every leader at the start.
const EPOCH: i32 = 5;

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn place(offset: i64, leader_epoch: i32) -> Place {
    Place { offset, leader_epoch }
}

/// The newest versions of the APIs, those of Kafka 4.3 unless set otherwise.
#[derive(Clone, Debug)]
struct Newest(BTreeMap<Api, i16>);

impl Newest {
    fn versions(&self) -> Versions {
        let mut answer = ApiVersionsResponse::default();
        answer.api_keys = self.0.iter().map(|(api, newest)| ApiVersion::new(api.key(), 0, *newest)).collect();
        Versions::new(&answer)
    }
}

/// Topic `t` on the brokers 1 and 2; broker 1 leads the even partitions, broker 2 the odd ones.
struct Rig {
    fetching: Fetching,
    metadata: Metadata,
    now: Instant,
    versions: Newest,
    /// Brokers that cannot be reached.
    down: Vec<i32>,
}

impl Rig {
    fn new(partitions: i32, settings: FetchSettings) -> Rig {
        let now = test_support::start();
        let mut rig = Rig {
            fetching: Fetching::new(settings, WallClock::new(now, UNIX_MS)),
            metadata: Metadata::new(Vec::new(), MetadataSettings::default()),
            now,
            versions: Newest([Api::Fetch, Api::ListOffsets, Api::OffsetForLeaderEpoch].map(newest).into()),
            down: Vec::new(),
        };
        let leaders: Vec<(i32, i32)> = (0..partitions).map(|n| (1 + n % 2, EPOCH)).collect();
        rig.learn(ID, &leaders);
        rig.fetching.assign(&(0..partitions).map(tp).collect());
        rig
    }

    /// At these offsets, without epochs.
    fn at(offsets: &[i64], settings: FetchSettings) -> Rig {
        let mut rig = Rig::new(offsets.len() as i32, settings);
        for (partition, offset) in (0..).zip(offsets) {
            rig.fetching.set_committed(&tp(partition), Some(place(*offset, -1)), rig.now);
        }
        rig
    }

    /// Metadata arrives: leader and epoch of each partition.
    fn learn(&mut self, id: Uuid, leaders: &[(i32, i32)]) {
        let partitions = (0..).zip(leaders).map(|(n, (leader, epoch))| partition_answer(n, *leader, *epoch));
        let answer = metadata_response(&[1, 2], vec![topic_answer("t", id, partitions.collect())]);
        self.metadata.update(&answer, 12, self.now).unwrap();
    }

    fn wants_metadata(&self) -> bool {
        self.metadata.due(self.now).is_some_and(|due| due <= self.now + 2000 * T)
    }

    /// All requests that can go out now.
    fn requests(&mut self) -> Vec<Outgoing> {
        let Rig { fetching, metadata, now, versions, down } = self;
        let can_send = |node: i32| (!down.contains(&node)).then(|| versions.versions());
        std::iter::from_fn(|| fetching.next_request(metadata, *now, can_send)).collect()
    }

    /// The only request that can go out now.
    fn request(&mut self) -> Outgoing {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    fn answer(&mut self, request: &Outgoing, body: impl Into<Answer>) {
        let Answer(answer) = body.into();
        let Rig { fetching, metadata, now, .. } = self;
        fetching.handle_response(request.node_id, request.token, answer, metadata, *now);
    }

    fn pass(&mut self, millis: u32) {
        self.now += millis * T;
    }

    fn consumed(&mut self, partition: i32, offset: i64) {
        let consumed = self.consumed_report(partition, offset);
        self.fetching.consumed(&[consumed], self.now);
    }

    fn consumed_report(&self, partition: i32, offset: i64) -> Consumed {
        let position_epoch = self.fetching.position_epoch(&tp(partition)).unwrap();
        Consumed {
            partition: tp(partition),
            position_epoch,
            offset,
            leader_epoch: EPOCH,
            refetch: Refetch::No,
        }
    }
}

fn newest(api: Api) -> (Api, i16) {
    (api, *api.versions().end())
}

struct Answer(Result<ResponseBody, ConnectionLost>);

impl From<ConnectionLost> for Answer {
    fn from(lost: ConnectionLost) -> Self {
        Answer(Err(lost))
    }
}

impl From<FetchResponse> for Answer {
    fn from(response: FetchResponse) -> Self {
        Answer(Ok(ResponseBody::Fetch(response)))
    }
}

/// An error for the Fetch as a whole.
impl From<ErrorCode> for Answer {
    fn from(error: ErrorCode) -> Self {
        let mut response = FetchResponse::default();
        response.error_code = error;
        response.into()
    }
}

impl From<ListOffsetsPartitionResponse> for Answer {
    fn from(partition: ListOffsetsPartitionResponse) -> Self {
        let mut topic = ListOffsetsTopicResponse::default();
        (topic.name, topic.partitions) = (Str::from("t"), vec![partition]);
        let mut response = ListOffsetsResponse::default();
        response.topics = vec![topic];
        Answer(Ok(ResponseBody::ListOffsets(response)))
    }
}

impl From<EpochEndOffset> for Answer {
    fn from(partition: EpochEndOffset) -> Self {
        let mut topic = OffsetForLeaderTopicResult::default();
        (topic.topic, topic.partitions) = (Str::from("t"), vec![partition]);
        let mut response = OffsetForLeaderEpochResponse::default();
        response.topics = vec![topic];
        Answer(Ok(ResponseBody::OffsetForLeaderEpoch(response)))
    }
}

fn fetched(partitions: Vec<PartitionData>) -> FetchResponse {
    let mut topic = FetchableTopicResponse::default();
    (topic.topic_id, topic.partitions) = (ID, partitions);
    let mut response = FetchResponse::default();
    response.session_id = SESSION;
    response.responses = if topic.partitions.is_empty() { vec![] } else { vec![topic] };
    response
}

/// Nothing new.
fn nothing(partition: i32) -> PartitionData {
    let mut data = PartitionData::default();
    (data.partition_index, data.high_watermark, data.last_stable_offset) = (partition, 100, 90);
    data.log_start_offset = 0;
    data.records = Some(Bytes::new());
    data
}

fn records(partition: i32, blob: Bytes) -> PartitionData {
    let mut data = nothing(partition);
    data.records = Some(blob);
    data
}

fn failed(partition: i32, error: ErrorCode) -> PartitionData {
    let mut data = PartitionData::default();
    (data.partition_index, data.error_code, data.high_watermark) = (partition, error, -1);
    data
}

/// A batch with records from one offset up to another.
fn batch(from: i64, to: i64) -> Bytes {
    batch_of_bytes(from, to, 10)
}

fn batch_of_bytes(from: i64, to: i64, value_bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.set_base_offset(from).set_partition_leader_epoch(EPOCH);
    for _ in from..to {
        builder.append(0, None, Some(&vec![b'x'; value_bytes]), &[]).unwrap();
    }
    builder.build()
}

fn found(partition: i32, offset: i64, leader_epoch: i32) -> ListOffsetsPartitionResponse {
    let mut answer = ListOffsetsPartitionResponse::default();
    (answer.partition_index, answer.offset, answer.leader_epoch) = (partition, offset, leader_epoch);
    answer
}

fn not_found(partition: i32, error: ErrorCode) -> ListOffsetsPartitionResponse {
    let mut answer = ListOffsetsPartitionResponse::default();
    (answer.partition_index, answer.error_code) = (partition, error);
    answer
}

fn epoch_end(partition: i32, leader_epoch: i32, end_offset: i64) -> EpochEndOffset {
    let mut answer = EpochEndOffset::default();
    (answer.partition, answer.leader_epoch, answer.end_offset) = (partition, leader_epoch, end_offset);
    answer
}

fn fetch_body(request: &Outgoing) -> &FetchRequest {
    match &request.body {
        RequestBody::Fetch(body) => body,
        body => panic!("not a Fetch: {body:?}"),
    }
}

/// Partitions and offsets that a Fetch names.
fn asked(request: &Outgoing) -> Vec<(i32, i64)> {
    let partitions = fetch_body(request).topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|part| (part.partition, part.fetch_offset)).collect()
}

/// Session id, session epoch, partitions that leave it.
fn session(request: &Outgoing) -> (i32, i32, Vec<i32>) {
    let body = fetch_body(request);
    let forgotten = body.forgotten_topics_data.iter().flat_map(|topic| topic.partitions.clone());
    (body.session_id, body.session_epoch, forgotten.collect())
}

/// Partition, current epoch, timestamp.
fn list_offsets(request: &Outgoing) -> (i32, i32, i64) {
    let RequestBody::ListOffsets(body) = &request.body else { panic!("not a ListOffsets: {request:?}") };
    let part = &body.topics[0].partitions[0];
    (part.partition_index, part.current_leader_epoch, part.timestamp)
}

/// Partition, current epoch, epoch that is asked about.
fn epoch_asked(request: &Outgoing) -> (i32, i32, i32) {
    let RequestBody::OffsetForLeaderEpoch(body) = &request.body else {
        panic!("not an OffsetForLeaderEpoch: {request:?}")
    };
    let part = &body.topics[0].partitions[0];
    (part.partition, part.current_leader_epoch, part.leader_epoch)
}

fn policy(auto_offset_reset: ResetPolicy) -> FetchSettings {
    FetchSettings { auto_offset_reset, ..FetchSettings::default() }
}
