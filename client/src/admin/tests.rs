//! Calls against a broker that answers as each test has it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use milena_codec::ServerCodec;
use milena_protocol::messages::api_versions::ApiVersion;
use milena_protocol::messages::find_coordinator::Coordinator;
use milena_protocol::messages::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use milena_protocol::messages::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use milena_protocol::messages::offset_fetch::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use milena_protocol::messages::{
    ApiVersionsResponse, FindCoordinatorResponse, ListOffsetsResponse, MetadataResponse, OffsetFetchResponse,
};
use milena_protocol::{RequestBody, ResponseBody};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::Framed;

use super::*;
use crate::core::io::Offsets;
use crate::core::topic_partition::TopicPartition;

use milena_protocol::{Api, ErrorCode};

/// What a broker answers to the n-th request of an API, from 0; `None` is no answer at all.
type Script = Arc<dyn Fn(usize, &RequestBody) -> Option<ResponseBody> + Send + Sync>;

/// A cluster of one broker, and what it was asked but for its versions.
struct Broker {
    port: u16,
    asked: Arc<Mutex<Vec<Api>>>,
}

impl Broker {
    async fn start(
        versions: &'static [(Api, i16, i16)],
        script: impl Fn(usize, &RequestBody) -> Option<ResponseBody> + Send + Sync + 'static,
    ) -> Broker {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Script, _) = (Arc::new(script), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, port, versions, script.clone(), log.clone()));
            }
        });
        Broker { port, asked }
    }

    fn config(&self) -> Config {
        Config::new(&format!("127.0.0.1:{}", self.port))
            .unwrap()
            .retry_backoff(Duration::from_millis(1))
            .default_api_timeout(Duration::from_secs(60))
    }

    fn admin(&self) -> Admin {
        Admin::new(self.config()).unwrap()
    }

    fn count(&self, api: Api) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| **asked == api).count()
    }
}

async fn serve(
    stream: TcpStream,
    port: u16,
    versions: &[(Api, i16, i16)],
    script: Script,
    log: Arc<Mutex<Vec<Api>>>,
) {
    let mut client = Framed::new(stream, ServerCodec::default());
    while let Some(Ok(request)) = client.next().await {
        let api = Api::from_key(request.header.request_api_key).unwrap();
        let answer = match &request.body {
            RequestBody::ApiVersions(_) => Some(api_versions(versions).into()),
            body => {
                let nth = {
                    let mut log = log.lock().unwrap();
                    log.push(api);
                    log.iter().filter(|asked| **asked == api).count() - 1
                };
                script(nth, body).or_else(|| here(port, body))
            }
        };
        let Some(answer) = answer else { continue };
        client.send(request.pairing().answer(answer)).await.expect("the test's answer can be written");
    }
}

fn api_versions(versions: &[(Api, i16, i16)]) -> ApiVersionsResponse {
    let mut answer = ApiVersionsResponse::default();
    answer.api_keys = versions.iter().map(|(api, old, new)| ApiVersion::new(api.key(), *old, *new)).collect();
    answer
}

/// What a script leaves to the broker: it is everything itself, and has the topic `t` with two partitions.
fn here(port: u16, body: &RequestBody) -> Option<ResponseBody> {
    match body {
        RequestBody::FindCoordinator(request) => {
            let mut answer = FindCoordinatorResponse::default();
            if request.coordinator_keys.is_empty() {
                (answer.host, answer.port) = ("127.0.0.1".into(), port.into());
            }
            let coordinator = |key: &milena_protocol::Str| {
                let mut coordinator = Coordinator::default();
                coordinator.key = key.clone();
                (coordinator.host, coordinator.port) = ("127.0.0.1".into(), port.into());
                coordinator
            };
            answer.coordinators = request.coordinator_keys.iter().map(coordinator).collect();
            Some(answer.into())
        }
        RequestBody::Metadata(_) => {
            let mut broker = MetadataResponseBroker::default();
            (broker.node_id, broker.host, broker.port) = (1, "127.0.0.1".into(), port.into());
            let partition = |n| {
                let mut partition = MetadataResponsePartition::default();
                (partition.partition_index, partition.leader_id) = (n, 1);
                partition
            };
            let mut topic = MetadataResponseTopic::default();
            topic.name = Some("t".into());
            topic.partitions = [1, 0].map(partition).into();
            let mut answer = MetadataResponse::default();
            (answer.brokers, answer.topics) = (vec![broker], vec![topic]);
            Some(answer.into())
        }
        _ => None,
    }
}

const NEW: &[(Api, i16, i16)] = &[
    (Api::ApiVersions, 0, 4),
    (Api::Metadata, 0, 13),
    (Api::FindCoordinator, 0, 6),
    (Api::OffsetFetch, 1, 10),
    (Api::ListOffsets, 1, 11),
];

/// The answer of a group that has committed `offset` for a partition, or an error for it.
fn offset_fetched(error: ErrorCode, partition_error: ErrorCode, offset: i64) -> Option<ResponseBody> {
    let mut partition = OffsetFetchResponsePartition::default();
    (partition.error_code, partition.committed_offset) = (partition_error, offset);
    let mut topic = OffsetFetchResponseTopic::default();
    (topic.name, topic.partitions) = ("t".into(), vec![partition]);
    let mut group = OffsetFetchResponseGroup::default();
    (group.group_id, group.error_code) = ("g".into(), error);
    if error.is_none() {
        group.topics = vec![topic];
    }
    let mut answer = OffsetFetchResponse::default();
    answer.groups = vec![group];
    Some(answer.into())
}

fn listed(offsets: &[(i32, ErrorCode, i64)]) -> Option<ResponseBody> {
    let partition = |(index, error, offset): &(i32, ErrorCode, i64)| {
        let mut partition = ListOffsetsPartitionResponse::default();
        (partition.partition_index, partition.error_code, partition.offset) = (*index, *error, *offset);
        partition
    };
    let mut topic = ListOffsetsTopicResponse::default();
    topic.name = "t".into();
    topic.partitions = offsets.iter().map(partition).collect();
    let mut answer = ListOffsetsResponse::default();
    answer.topics = vec![topic];
    Some(answer.into())
}

fn one(offset: i64) -> Offsets {
    Offsets::from([(TopicPartition::new("t", 0), crate::OffsetAndMetadata::new(offset))])
}

#[tokio::test]
async fn a16_a_coordinator_that_is_none_any_more_is_looked_for_again() {
    let errors = [
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ];
    let broker = Broker::start(NEW, move |nth, request| match request {
        RequestBody::OffsetFetch(_) => {
            offset_fetched(errors.get(nth).copied().unwrap_or_default(), ErrorCode::NONE, 7)
        }
        _ => None,
    })
    .await;
    assert_eq!(broker.admin().group_offsets("g").await, Ok(one(7)));
    assert_eq!((broker.count(Api::FindCoordinator), broker.count(Api::OffsetFetch)), (4, 4));
}

#[tokio::test]
async fn a4_an_error_of_a_partition_is_not_that_nothing_is_committed() {
    let broker = Broker::start(NEW, |_, request| match request {
        RequestBody::OffsetFetch(_) => {
            offset_fetched(ErrorCode::NONE, ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1)
        }
        _ => None,
    })
    .await;
    let error = broker.admin().group_offsets("g").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!(broker.count(Api::OffsetFetch), 1, "asking again would not help");
}

#[tokio::test]
async fn an_error_that_lasts_is_the_error_of_the_call() {
    let broker = Broker::start(NEW, |_, request| match request {
        RequestBody::OffsetFetch(_) => {
            offset_fetched(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::NONE, 0)
        }
        _ => None,
    })
    .await;
    let config = broker.config().default_api_timeout(Duration::from_millis(300));
    let error = Admin::new(config).unwrap().group_offsets("g").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    assert!(broker.count(Api::OffsetFetch) > 1);
}

#[tokio::test]
async fn a_broker_that_knows_one_group_a_request_is_asked_so() {
    const OLD: &[(Api, i16, i16)] =
        &[(Api::ApiVersions, 0, 0), (Api::FindCoordinator, 0, 3), (Api::OffsetFetch, 0, 7)];
    let broker = Broker::start(OLD, |_, request| match request {
        RequestBody::OffsetFetch(request) => {
            assert_eq!((request.group_id.as_str(), &request.topics), ("g", &None));
            let Some(ResponseBody::OffsetFetch(mut answer)) =
                offset_fetched(ErrorCode::NONE, ErrorCode::NONE, 7)
            else {
                unreachable!()
            };
            answer.topics = answer.groups.remove(0).topics;
            Some(answer.into())
        }
        _ => None,
    })
    .await;
    assert_eq!(broker.admin().group_offsets("g").await, Ok(one(7)));
}

#[tokio::test]
async fn an_api_that_the_broker_does_not_speak_is_an_error_at_once() {
    let broker = Broker::start(NEW, |_, _| None).await;
    let error = broker.admin().list_groups().await.unwrap_err();
    assert_eq!(error, Error::Unsupported { api: "ListGroups" });
}

#[tokio::test]
async fn a15_a_broker_that_does_not_answer_is_told_of_and_a_call_that_is_dropped_leaves_nothing() {
    let broker = Broker::start(NEW, |nth, request| match request {
        // The first two never come.
        RequestBody::OffsetFetch(_) if nth > 1 => offset_fetched(ErrorCode::NONE, ErrorCode::NONE, 7),
        _ => None,
    })
    .await;
    let timeouts = |ms| {
        let config =
            broker.config().fetch_max_wait(Duration::ZERO).request_timeout(Duration::from_millis(ms));
        config.default_api_timeout(Duration::from_millis(ms))
    };
    let error = Admin::new(timeouts(200)).unwrap().group_offsets("g").await.unwrap_err();
    assert!(error.to_string().contains("no answer within"), "{error}");

    let mut admin = broker.admin();
    tokio::select! {
        offsets = admin.group_offsets("g") => panic!("nobody answered {offsets:?}"),
        () = async { while broker.count(Api::OffsetFetch) < 2 { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(admin.group_offsets("g").await, Ok(one(7)));
}

#[tokio::test]
async fn a_partition_whose_leader_moves_is_asked_for_again_and_the_others_are_not() {
    let broker = Broker::start(NEW, |nth, request| match (nth, request) {
        (0, RequestBody::ListOffsets(request)) => {
            assert_eq!(request.topics[0].partitions.len(), 2);
            listed(&[(0, ErrorCode::NONE, 3), (1, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1)])
        }
        (_, RequestBody::ListOffsets(request)) => {
            assert_eq!(request.topics[0].partitions.len(), 1);
            listed(&[(1, ErrorCode::NONE, -1)])
        }
        _ => None,
    })
    .await;
    let wanted = [0, 1, 2].map(|n| (TopicPartition::new("t", n), OffsetSpec::Timestamp(5)));
    let offsets = broker.admin().list_offsets(wanted).await.unwrap();
    let expected = [Ok(Some(3)), Ok(None), Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)];
    assert_eq!(offsets.into_values().collect::<Vec<_>>(), expected);
    assert_eq!(broker.count(Api::Metadata), 2);
}

#[tokio::test]
async fn trouble_of_a_partition_that_lasts_is_its_own() {
    let broker = Broker::start(NEW, |_, request| match request {
        RequestBody::ListOffsets(_) => {
            listed(&[(0, ErrorCode::NONE, 3), (1, ErrorCode::LEADER_NOT_AVAILABLE, -1)])
        }
        _ => None,
    })
    .await;
    let config = broker.config().default_api_timeout(Duration::from_secs(2));
    let wanted = [0, 1].map(|n| (TopicPartition::new("t", n), OffsetSpec::Latest));
    let offsets = Admin::new(config).unwrap().list_offsets(wanted).await.unwrap();
    let expected = [Ok(Some(3)), Err(ErrorCode::LEADER_NOT_AVAILABLE)];
    assert_eq!(offsets.into_values().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_wrong_address_is_told_with_its_cause() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let config = Config::new(&format!("127.0.0.1:{port}")).unwrap();
    let mut admin = Admin::new(config.default_api_timeout(Duration::from_millis(200))).unwrap();
    let Error::Unreachable { address, .. } = admin.list_groups().await.unwrap_err() else { panic!() };
    assert_eq!(address, format!("127.0.0.1:{port}"));
}

#[test]
fn calls_can_be_awaited_on_any_thread() {
    fn is_send<T: Send>(_: T) {}
    let mut admin = Admin::new(Config::new("localhost:1").unwrap()).unwrap();
    is_send(admin.list_groups());
    is_send(admin.describe_group("g"));
    is_send(admin.group_offsets("g"));
    is_send(admin.alter_group_offsets("g", &Offsets::new()));
    is_send(admin.list_offsets([(TopicPartition::new("t", 0), OffsetSpec::Latest)]));
    is_send(admin.partitions_for("t"));
    is_send(admin.delete_group("g"));
}
