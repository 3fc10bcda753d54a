//! Lookups under a virtual clock, with hand-built answers.

use std::time::Instant;

use milena_protocol::messages::ListOffsetsResponse;
use milena_protocol::messages::api_versions::ApiVersion;
use milena_protocol::messages::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use milena_protocol::messages::metadata::MetadataResponseTopic;
use milena_protocol::messages::{ApiVersionsResponse, MetadataResponse};
use milena_protocol::{ErrorCode, Uuid};

use super::*;
use crate::core::fetch_report::FetchError;
use crate::core::metadata::MetadataSettings;
use crate::core::test_support::{self, T, metadata_response, partition_answer, topic_answer};
use crate::core::topic_partition::TopicPartition;

const SECOND: Duration = Duration::from_secs(1);
const VERSION: i16 = 12;
/// The longest first wait: 100 ms, and a fifth.
const BACKOFF: Duration = Duration::from_millis(120);

struct Rig {
    lookups: Lookups,
    main: Metadata,
    rng: Rng,
    now: Instant,
    /// Brokers that can be sent to, and their newest version of ListOffsets.
    ready: BTreeMap<i32, i16>,
    last_call: u64,
}

impl Rig {
    fn new() -> Self {
        Rig::with(IsolationLevel::ReadUncommitted)
    }

    fn with(isolation_level: IsolationLevel) -> Self {
        let settings = LookupSettings {
            isolation_level,
            request_timeout: 30 * SECOND,
            retry_backoff: 100 * T,
            retry_backoff_max: SECOND,
            allow_auto_create_topics: true,
        };
        Rig {
            lookups: Lookups::new(settings),
            main: Metadata::new(Vec::new(), MetadataSettings::default()),
            rng: Rng::new(3),
            now: test_support::start(),
            ready: [(1, 11), (2, 11)].into(),
            last_call: 0,
        }
    }

    /// With leaders that the subscription knows already.
    fn knowing(leaders: &[(i32, i32)]) -> Self {
        let mut rig = Rig::new();
        rig.main.update(&cluster(leaders), VERSION, rig.now).unwrap();
        rig
    }

    fn ask(&mut self, question: Question) -> CallId {
        self.last_call += 1;
        let call = CallId(self.last_call);
        self.lookups.ask(call, question, &self.main, self.now, self.now + 60 * SECOND);
        call
    }

    fn metadata_request(&mut self) -> (MetadataRequest, LookupToken) {
        assert!(self.lookups.wants_metadata(self.now));
        self.lookups.next_metadata(VERSION, self.now).unwrap()
    }

    fn requests(&mut self) -> Vec<Asking> {
        let Rig { lookups, ready, .. } = self;
        let can_send = |node: i32| ready.get(&node).map(|newest| versions(*newest));
        std::iter::from_fn(|| lookups.next_offsets(can_send)).collect()
    }

    fn request(&mut self) -> Asking {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    fn tell(&mut self, token: LookupToken, answer: &MetadataResponse) {
        self.lookups.metadata_answered(token, Some((answer, VERSION)), &mut self.rng, self.now);
    }

    fn answer(&mut self, asking: &Asking, partitions: Vec<ListOffsetsPartitionResponse>) {
        let mut topic = ListOffsetsTopicResponse::default();
        (topic.name, topic.partitions) = ("t".into(), partitions);
        let mut response = ListOffsetsResponse::default();
        response.topics = vec![topic];
        self.lookups.offsets_answered(asking.token, Some(&response), &mut self.rng, self.now);
    }

    fn lose(&mut self, asking: &Asking) {
        self.lookups.unanswered(asking.token, &mut self.rng, self.now);
    }

    fn finished(&mut self) -> Vec<(CallId, Result<Found, Error>)> {
        self.lookups.take_finished(self.now)
    }

    /// What came of the only lookup that is finished.
    fn result(&mut self) -> Result<Found, Error> {
        let mut finished = self.finished();
        assert_eq!(finished.len(), 1, "{finished:?}");
        finished.remove(0).1
    }

    fn is_waiting(&mut self) -> bool {
        self.finished().is_empty() && self.requests().is_empty() && !self.lookups.wants_metadata(self.now)
    }
}

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn versions(newest: i16) -> Versions {
    let mut answer = ApiVersionsResponse::default();
    answer.api_keys = vec![ApiVersion::new(Api::ListOffsets.key(), 0, newest)];
    Versions::new(&answer)
}

fn topic(leaders: &[(i32, i32)]) -> MetadataResponseTopic {
    let partitions = (0..).zip(leaders).map(|(n, (leader, epoch))| partition_answer(n, *leader, *epoch));
    topic_answer("t", Uuid([1; 16]), partitions.collect())
}

/// Brokers 1 and 2, and the topic `t` with these leaders and their epochs.
fn cluster(leaders: &[(i32, i32)]) -> MetadataResponse {
    metadata_response(&[1, 2], vec![topic(leaders)])
}

fn refusing(error: ErrorCode) -> MetadataResponse {
    let mut topic = topic(&[]);
    topic.error_code = error;
    metadata_response(&[1], vec![topic])
}

fn at(partition: i32, offset: i64, timestamp: i64) -> ListOffsetsPartitionResponse {
    let mut answer = ListOffsetsPartitionResponse::default();
    (answer.partition_index, answer.offset) = (partition, offset);
    (answer.timestamp, answer.leader_epoch) = (timestamp, 5);
    answer
}

fn failed(partition: i32, error: ErrorCode) -> ListOffsetsPartitionResponse {
    let mut answer = at(partition, -1, -1);
    answer.error_code = error;
    answer
}

/// Partition, leader epoch, timestamp of each partition that is asked about.
fn asked(asking: &Asking) -> Vec<(i32, i32, i64)> {
    let partitions = asking.request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|p| (p.partition_index, p.current_leader_epoch, p.timestamp)).collect()
}

fn end_of(partitions: &[i32]) -> Question {
    Question::EndOffsets(partitions.iter().map(|partition| tp(*partition)).collect())
}

fn ends(ends: &[(i32, i64)]) -> Result<Found, Error> {
    Ok(Found::Ends(ends.iter().map(|(partition, offset)| (tp(*partition), *offset)).collect()))
}

#[test]
fn leaders_are_asked_for_what_they_lead_once_they_are_known() {
    let mut rig = Rig::new();
    rig.ask(end_of(&[0, 1, 2]));
    assert!(rig.requests().is_empty());
    let (request, token) = rig.metadata_request();
    let names: Vec<_> = request.topics.unwrap().into_iter().map(|topic| topic.name.unwrap()).collect();
    assert_eq!(names, ["t"]);
    assert!(!rig.lookups.wants_metadata(rig.now), "one at a time");

    rig.tell(token, &cluster(&[(1, 5), (2, 6), (1, 7)]));
    let requests = rig.requests();
    assert_eq!(requests.iter().map(|asking| asking.node_id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(asked(&requests[0]), [(0, 5, -1), (2, 7, -1)]);
    assert_eq!(asked(&requests[1]), [(1, 6, -1)]);
    assert_eq!(requests[0].request.replica_id, -1);

    rig.answer(&requests[1], vec![at(1, 11, -1)]);
    assert!(rig.finished().is_empty());
    rig.answer(&requests[0], vec![at(0, 10, -1), at(2, 12, -1)]);
    assert_eq!(rig.result(), ends(&[(0, 10), (1, 11), (2, 12)]));
}

#[test]
fn leaders_that_the_subscription_knows_are_asked_at_once() {
    let mut rig = Rig::knowing(&[(1, 5), (2, 6)]);
    rig.ask(Question::BeginningOffsets([tp(0), tp(1)].into()));
    assert!(!rig.lookups.wants_metadata(rig.now));
    let requests = rig.requests();
    assert_eq!([asked(&requests[0]), asked(&requests[1])], [[(0, 5, -2)], [(1, 6, -2)]]);

    // Of a partition that it does not know, somebody else has to tell.
    rig.ask(end_of(&[1, 7]));
    let (_, token) = rig.metadata_request();
    rig.tell(token, &cluster(&[(1, 5), (2, 6), (1, 0), (1, 0), (1, 0), (1, 0), (1, 0), (2, 3)]));
    assert_eq!(asked(&rig.request()), [(1, 6, -1), (7, 3, -1)]);
}

#[test]
fn by_time_a_record_is_told_with_its_timestamp_and_epoch_or_there_is_none() {
    let mut rig = Rig::knowing(&[(1, 5), (1, 5)]);
    rig.ask(Question::OffsetsForTimes([(tp(0), 1_000), (tp(1), 2_000)].into()));
    let asking = rig.request();
    assert_eq!(asked(&asking), [(0, 5, 1_000), (1, 5, 2_000)]);
    rig.answer(&asking, vec![at(0, 33, 1_004), at(1, -1, -1)]);
    let found = OffsetAndTimestamp { offset: 33, timestamp: 1_004, leader_epoch: Some(5) };
    assert_eq!(rig.result(), Ok(Found::Times([(tp(0), Some(found)), (tp(1), None)].into())));
}

#[test]
fn t5_with_read_committed_the_end_is_the_last_stable_offset() {
    for (level, code) in [(IsolationLevel::ReadUncommitted, 0), (IsolationLevel::ReadCommitted, 1)] {
        let mut rig = Rig::with(level);
        rig.main.update(&cluster(&[(1, 5)]), VERSION, rig.now).unwrap();
        rig.ask(end_of(&[0]));
        assert_eq!(rig.request().request.isolation_level, code);
    }
}

#[test]
fn t18_a_leader_that_is_none_any_more_is_looked_for_again_and_the_others_stay_found() {
    for error in [
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::UNKNOWN_LEADER_EPOCH,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::OFFSET_NOT_AVAILABLE,
        ErrorCode::KAFKA_STORAGE_ERROR,
    ] {
        let mut rig = Rig::knowing(&[(1, 5), (1, 5)]);
        rig.ask(end_of(&[0, 1]));
        let asking = rig.request();
        rig.answer(&asking, vec![at(0, 10, -1), failed(1, error)]);
        assert!(rig.is_waiting(), "{error}");
        assert!(rig.lookups.deadline(rig.now).unwrap() <= rig.now + BACKOFF);
        rig.now += BACKOFF;
        let (_, token) = rig.metadata_request();
        rig.tell(token, &cluster(&[(1, 5), (2, 6)]));
        let asking = rig.request();
        assert_eq!((asking.node_id, asked(&asking)), (2, vec![(1, 6, -1)]));
        rig.answer(&asking, vec![at(1, 11, -1)]);
        assert_eq!(rig.result(), ends(&[(0, 10), (1, 11)]), "{error}");
    }
}

#[test]
fn a_partition_that_an_answer_leaves_out_and_an_end_that_is_none_are_asked_for_again() {
    let mut rig = Rig::knowing(&[(1, 5), (1, 5)]);
    rig.ask(end_of(&[0, 1]));
    let asking = rig.request();
    rig.answer(&asking, vec![at(0, -1, -1), at(7, 3, -1)]);
    rig.now += BACKOFF;
    let (_, token) = rig.metadata_request();
    rig.tell(token, &cluster(&[(1, 5), (1, 5)]));
    assert_eq!(asked(&rig.request()), [(0, 5, -1), (1, 5, -1)]);
}

#[test]
fn a_broker_that_is_lost_or_cannot_be_reached_is_not_waited_for() {
    let mut rig = Rig::knowing(&[(1, 5), (2, 6)]);
    rig.ready.remove(&2);
    rig.ask(end_of(&[0, 1]));
    let asking = rig.request();
    rig.lose(&asking);
    assert!(rig.is_waiting(), "for a connection to the other");
    assert!(rig.lookups.deadline(rig.now).unwrap() > rig.now + SECOND);
    rig.lookups.broker_failed(2, &mut rig.rng, rig.now);
    rig.now += BACKOFF;
    let (_, token) = rig.metadata_request();
    rig.tell(token, &cluster(&[(1, 5), (1, 7)]));
    assert_eq!(asked(&rig.request()), [(0, 5, -1), (1, 7, -1)]);
}

#[test]
fn a17_rounds_wait_longer_and_longer_and_end_at_the_deadline() {
    let mut rig = Rig::new();
    let start = rig.now;
    let call = rig.ask(end_of(&[0]));
    let mut rounds = 0;
    while rig.now < start + 60 * SECOND {
        let (_, token) = rig.metadata_request();
        // No leader, or no such topic.
        let answer = if rounds % 2 == 0 {
            cluster(&[(-1, 5)])
        } else {
            refusing(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        };
        rig.tell(token, &answer);
        assert!(rig.is_waiting());
        rig.now = rig.lookups.deadline(rig.now).unwrap();
        rounds += 1;
    }
    assert!((50..80).contains(&rounds), "{rounds}");
    let error = Error::Timeout { doing: "looking up offsets", after: 60 * SECOND };
    assert_eq!(rig.finished(), [(call, Err(error))]);
    assert_eq!(rig.lookups.deadline(rig.now), None);
}

#[test]
fn an_answer_that_comes_after_the_deadline_is_for_nobody() {
    let mut rig = Rig::knowing(&[(1, 5)]);
    rig.ask(end_of(&[0]));
    let asking = rig.request();
    rig.now += 60 * SECOND;
    assert!(matches!(rig.result(), Err(Error::Timeout { .. })));
    rig.answer(&asking, vec![at(0, 10, -1)]);
    assert_eq!(rig.finished(), []);
}

#[test]
fn what_will_not_be_told_is_an_error_that_names_it() {
    for error in [ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, ErrorCode::TOPIC_AUTHORIZATION_FAILED] {
        let mut rig = Rig::knowing(&[(1, 5), (1, 5)]);
        rig.ask(Question::OffsetsForTimes([(tp(0), 1), (tp(1), 1)].into()));
        let asking = rig.request();
        rig.answer(&asking, vec![at(0, 10, 1), failed(1, error)]);
        let expected = FetchError::Broker { partition: tp(1), offset: None, error };
        assert_eq!(rig.result(), Err(Error::Fetch(expected)));
    }
    for question in [end_of(&[0]), Question::PartitionsFor("t".into()), Question::ListTopics] {
        let mut rig = Rig::new();
        rig.ask(question);
        let (_, token) = rig.metadata_request();
        let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
        rig.tell(token, &refusing(code));
        assert_eq!(rig.result(), Err(Error::Topic { topic: "t".into(), code }));
    }
}

#[test]
fn a_broker_that_is_too_old_to_search_by_time_is_an_error() {
    let mut rig = Rig::knowing(&[(1, 5)]);
    rig.ready.insert(1, 0);
    rig.ask(end_of(&[0]));
    assert!(rig.requests().is_empty());
    assert_eq!(rig.result(), Err(Error::Unsupported { api: "ListOffsets" }));
}

#[test]
fn lookups_do_not_wait_for_each_other_and_there_is_a_limit_to_them() {
    let mut rig = Rig::knowing(&[(1, 5)]);
    let first = rig.ask(end_of(&[0]));
    let second = rig.ask(Question::OffsetsForTimes([(tp(0), 7)].into()));
    let requests = rig.requests();
    assert_eq!([asked(&requests[0]), asked(&requests[1])], [[(0, 5, -1)], [(0, 5, 7)]]);
    rig.answer(&requests[1], vec![at(0, 4, 8)]);
    assert_eq!(rig.finished()[0].0, second);
    rig.answer(&requests[0], vec![at(0, 9, -1)]);
    assert_eq!(rig.finished()[0].0, first);

    let calls: Vec<CallId> = (0..=LOOKUPS).map(|_| rig.ask(end_of(&[0]))).collect();
    assert_eq!(rig.finished(), [(calls[LOOKUPS], Err(Error::TooManyLookups))]);
    rig.now += 60 * SECOND;
    assert_eq!(rig.finished().into_iter().map(|(call, _)| call).collect::<Vec<_>>(), calls[..LOOKUPS]);
}

#[test]
fn nothing_is_found_at_once() {
    let mut rig = Rig::new();
    rig.ask(end_of(&[]));
    assert_eq!(rig.result(), ends(&[]));
    rig.ask(Question::OffsetsForTimes([].into()));
    assert_eq!(rig.result(), Ok(Found::Times([].into())));
}

#[test]
fn partitions_are_told_with_their_brokers() {
    let mut rig = Rig::new();
    rig.ask(Question::PartitionsFor("t".into()));
    let (request, token) = rig.metadata_request();
    assert!(request.allow_auto_topic_creation);
    let mut answer = cluster(&[(2, 5), (-1, 5)]);
    answer.topics[0].partitions[0].replica_nodes = vec![2, 9];
    answer.topics[0].partitions[0].offline_replicas = vec![9];
    rig.tell(token, &answer);
    let Ok(Found::Partitions(partitions)) = rig.result() else { panic!() };
    assert_eq!(partitions.iter().map(|info| info.partition).collect::<Vec<_>>(), [0, 1]);
    let leader = partitions[0].leader.as_ref().unwrap();
    assert_eq!((leader.id, leader.host.as_str(), leader.port), (2, "host", 9002));
    assert_eq!(partitions[0].replicas.iter().map(|node| node.id).collect::<Vec<_>>(), [2, 9]);
    let offline = &partitions[0].offline_replicas[0];
    assert_eq!((offline.id, offline.host.as_str(), offline.port), (9, "", 0));
    assert_eq!(partitions[1].leader, None);
}

#[test]
fn a_topic_that_does_not_exist_has_no_partitions() {
    let mut rig = Rig::new();
    rig.lookups.settings.allow_auto_create_topics = false;
    rig.ask(Question::PartitionsFor("t".into()));
    let (request, token) = rig.metadata_request();
    assert!(!request.allow_auto_topic_creation);
    rig.tell(token, &refusing(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(rig.result(), Ok(Found::Partitions(vec![])));
}

#[test]
fn all_topics_are_asked_for_until_the_cluster_can_tell() {
    let mut rig = Rig::new();
    rig.ask(Question::ListTopics);
    let (request, token) = rig.metadata_request();
    assert_eq!(request.topics, None);
    rig.tell(token, &refusing(ErrorCode::LEADER_NOT_AVAILABLE));
    assert!(rig.is_waiting());
    rig.now += BACKOFF;
    let (_, token) = rig.metadata_request();
    rig.tell(token, &metadata_response(&[], vec![]));
    assert!(rig.is_waiting(), "a broker that has just started");
    rig.now += 2 * BACKOFF;
    let (_, token) = rig.metadata_request();
    let gone = refusing(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION).topics.remove(0);
    let other = topic_answer("u", Uuid([2; 16]), vec![partition_answer(0, 1, 0)]);
    rig.tell(token, &metadata_response(&[1], vec![gone, other]));
    let Ok(Found::Topics(topics)) = rig.result() else { panic!() };
    assert_eq!(topics.keys().map(Str::as_str).collect::<Vec<_>>(), ["u"]);

    // The oldest brokers know no null.
    rig.ask(Question::ListTopics);
    assert_eq!(rig.lookups.next_metadata(0, rig.now).unwrap().0.topics, Some(vec![]));
}
