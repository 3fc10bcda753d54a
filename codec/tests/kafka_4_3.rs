//! Kafka 4.3.1: it accepts what milena writes, and its own consumer reads it.

use futures_util::{SinkExt, StreamExt};
use milena_codec::ClientCodec;
use milena_protocol::messages::ProduceRequest;
use milena_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use milena_protocol::records::{BatchBuilder, Compression, Header};
use milena_protocol::{ErrorCode, Request, ResponseBody};
use milena_testdata::{Kafka, Version};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

const TOPIC: &str = "written";

/// Produce requests of these versions carry batches of magic 2 and name topics.
const VERSIONS: std::ops::RangeInclusive<i16> = 3..=12;

#[tokio::test]
async fn kafka_reads_the_batches_that_milena_writes() {
    let kafka = Kafka::start(Version::V4_3_1).unwrap();
    kafka.create_topic(TOPIC, 1).unwrap();
    let stream = TcpStream::connect(kafka.bootstrap()).await.unwrap();
    let mut broker = Framed::new(stream, ClientCodec::default());

    let mut expected = Vec::new();
    for version in VERSIONS {
        for compression in Compression::ALL {
            // zstd came with Produce v7 (KIP-110).
            if compression == Compression::Zstd && version < 7 {
                continue;
            }
            let base = expected.len();
            let values: Vec<String> =
                (0..100).map(|n| format!("{}-{version}-{n}", compression.name())).collect();
            let mut batch = BatchBuilder::with_compression(compression).unwrap();
            for (n, value) in values.iter().enumerate() {
                let header = Header { key: b"h", value: Some(value.as_bytes()) };
                let timestamp = 1_700_000_000_000 + n as i64;
                batch.append(timestamp, Some(b"k"), Some(value.as_bytes()), &[header]).unwrap();
            }
            let offset = produce(&mut broker, version, batch.build()).await;
            assert_eq!(offset, base as i64, "{compression:?} v{version}");
            for (n, value) in values.iter().enumerate() {
                let timestamp = 1_700_000_000_000 + n as i64;
                expected.push(format!("CreateTime:{timestamp}\th:{value}\tk\t{value}"));
            }
        }
    }

    let count = expected.len().to_string();
    let arguments = ["--topic", TOPIC, "--from-beginning", "--max-messages", &count, "--timeout-ms", "30000"];
    let mut arguments = arguments.to_vec();
    for property in ["print.timestamp=true", "print.headers=true", "print.key=true"] {
        arguments.extend(["--formatter-property", property]);
    }
    let printed = kafka.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &arguments).unwrap();
    assert!(printed.lines().eq(expected), "{printed}");
}

async fn produce(broker: &mut Framed<TcpStream, ClientCodec>, version: i16, records: bytes::Bytes) -> i64 {
    let mut partition = PartitionProduceData::default();
    partition.records = Some(records);
    let mut topic = TopicProduceData::default();
    topic.name = TOPIC.into();
    topic.partition_data = vec![partition];
    let mut body = ProduceRequest::default();
    body.acks = -1;
    body.timeout_ms = 10_000;
    body.topic_data = vec![topic];
    broker.send(Request::new(body, version, 1, Some("milena".into()))).await.unwrap();

    let response = broker.next().await.unwrap().unwrap();
    let ResponseBody::Produce(mut body) = response.body else { panic!("no Produce response: {response:?}") };
    let partition = body.responses.remove(0).partition_responses.remove(0);
    assert_eq!(partition.error_code, ErrorCode::NONE, "v{version}: {:?}", partition.error_message);
    partition.base_offset
}
