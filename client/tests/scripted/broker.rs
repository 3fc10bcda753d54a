//! A broker that answers as a test wants it to: it has one topic, `t`, which starts at offset 0.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use milena_codec::ServerCodec;
use milena_protocol::messages::api_versions::ApiVersion;
use milena_protocol::messages::fetch::{FetchRequest, FetchableTopicResponse, PartitionData};
use milena_protocol::messages::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use milena_protocol::messages::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use milena_protocol::messages::*;
use milena_protocol::{Api, Request, RequestBody, ResponseBody, Uuid};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::Framed;

const APIS: [Api; 4] = [Api::ApiVersions, Api::Metadata, Api::ListOffsets, Api::Fetch];
const ID: Uuid = Uuid([7; 16]);

/// What a Fetch is answered with.
pub enum Fetched {
    /// Records of partitions, by their numbers.
    Records(Vec<(i32, i64, Bytes)>),
    /// These bytes, on the wire as they are.
    Raw(Bytes),
}

/// Says what a Fetch of these partitions and offsets is answered with.
pub type Script = dyn Fn(Vec<(i32, i64)>) -> Fetched + Send + Sync;

/// Starts the broker, with so many partitions; says where it listens.
pub async fn start(partitions: i32, script: Box<Script>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script: Arc<Script> = script.into();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, address, partitions, script.clone()));
        }
    });
    address.to_string()
}

async fn serve(stream: TcpStream, address: SocketAddr, partitions: i32, script: Arc<Script>) {
    let mut client = Framed::new(stream, ServerCodec::default());
    while let Some(Ok(request)) = client.next().await {
        let pairing = request.pairing();
        let body = match answer(&request, address, partitions, &*script) {
            Ok(body) => body,
            Err(raw) => {
                let _ = client.get_mut().write_all(&raw).await;
                continue;
            }
        };
        if let ResponseBody::Fetch(response) = &body
            && response.responses.is_empty()
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        if client.send(pairing.answer(body)).await.is_err() {
            return;
        }
    }
}

fn answer(
    request: &Request,
    address: SocketAddr,
    partitions: i32,
    script: &Script,
) -> Result<ResponseBody, Bytes> {
    Ok(match &request.body {
        RequestBody::ApiVersions(_) => {
            let range =
                |api: &Api| ApiVersion::new(api.key(), *api.versions().start(), *api.versions().end());
            let mut response = ApiVersionsResponse::default();
            response.api_keys = APIS.iter().map(range).collect();
            response.into()
        }
        RequestBody::Metadata(_) => metadata(address, partitions).into(),
        RequestBody::ListOffsets(request) => at_zero(request).into(),
        RequestBody::Fetch(request) => match script(asked(request)) {
            Fetched::Raw(raw) => return Err(raw),
            Fetched::Records(records) => fetched(records).into(),
        },
        request => panic!("nobody asked for {request:?}"),
    })
}

fn metadata(address: SocketAddr, partitions: i32) -> MetadataResponse {
    let mut broker = MetadataResponseBroker::default();
    (broker.node_id, broker.host, broker.port) = (1, "127.0.0.1".into(), i32::from(address.port()));
    let partition = |index| {
        let mut partition = MetadataResponsePartition::default();
        (partition.partition_index, partition.leader_id, partition.leader_epoch) = (index, 1, 0);
        partition
    };
    let mut topic = MetadataResponseTopic::default();
    (topic.name, topic.topic_id) = (Some("t".into()), ID);
    topic.partitions = (0..partitions).map(partition).collect();
    let mut response = MetadataResponse::default();
    (response.brokers, response.topics) = (vec![broker], vec![topic]);
    response
}

fn at_zero(request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let mut response = ListOffsetsResponse::default();
    for topic in &request.topics {
        let mut answer = ListOffsetsTopicResponse::default();
        answer.name = topic.name.clone();
        for asked in &topic.partitions {
            let mut partition = ListOffsetsPartitionResponse::default();
            (partition.partition_index, partition.offset) = (asked.partition_index, 0);
            answer.partitions.push(partition);
        }
        response.topics.push(answer);
    }
    response
}

fn asked(request: &FetchRequest) -> Vec<(i32, i64)> {
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| (partition.partition, partition.fetch_offset)).collect()
}

/// Without a session: every request names all of its partitions.
fn fetched(records: Vec<(i32, i64, Bytes)>) -> FetchResponse {
    let mut topic = FetchableTopicResponse::default();
    topic.topic_id = ID;
    for (index, high_watermark, blob) in records {
        let mut data = PartitionData::default();
        (data.partition_index, data.high_watermark, data.records) = (index, high_watermark, Some(blob));
        (data.last_stable_offset, data.log_start_offset) = (high_watermark, 0);
        topic.partitions.push(data);
    }
    let mut response = FetchResponse::default();
    response.responses = if topic.partitions.is_empty() { vec![] } else { vec![topic] };
    response
}
