//! Kafka 3.9.2, the last release that answers the first versions of Fetch and has the formats of magic 0 and 1.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use milena_codec::ClientCodec;
use milena_protocol::messages::fetch::{FetchPartition, FetchTopic};
use milena_protocol::messages::{FetchRequest, FetchResponse};
use milena_protocol::records::{Batches, Compression, Decompressor, TimestampType};
use milena_protocol::{ErrorCode, Request, ResponseBody};
use milena_testdata::{Kafka, Version};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

const TOPIC: &str = "old";
const PARTITIONS: i64 = 2;
const RECORDS: i64 = 4_000;

#[tokio::test]
async fn a20_fetch_v0_to_v4_reads_magic_0_1_and_2() {
    let kafka = Kafka::start(Version::V3_9_2).unwrap();
    kafka.create_topic(TOPIC, PARTITIONS as u32).unwrap();
    // Brokers cannot convert zstd down to the old formats.
    kafka.fill_with(TOPIC, RECORDS as u64, 0, &["none", "gzip", "snappy", "lz4"]).unwrap();

    let stream = TcpStream::connect(kafka.bootstrap()).await.unwrap();
    let mut broker = Framed::new(stream, ClientCodec::default());
    for version in 0..=4 {
        let mut compressions = Vec::new();
        for partition in 0..PARTITIONS as i32 {
            let mut next = 0;
            while next < RECORDS / PARTITIONS {
                let records = fetch(&mut broker, version, partition, next).await;
                let read = read(&records, version, partition, next, &mut compressions);
                assert!(read > 0, "v{version}: no record at {partition}:{next}");
                next += read;
            }
        }
        for compression in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
            assert!(compressions.contains(&compression), "v{version}: no batch with {compression:?}");
        }
    }
}

async fn fetch(
    broker: &mut Framed<TcpStream, ClientCodec>,
    version: i16,
    partition: i32,
    offset: i64,
) -> Bytes {
    let mut wanted = FetchPartition::default();
    wanted.partition = partition;
    wanted.fetch_offset = offset;
    wanted.partition_max_bytes = 20_000;
    let mut topic = FetchTopic::default();
    topic.topic = TOPIC.into();
    topic.partitions = vec![wanted];
    let mut body = FetchRequest::default();
    body.max_wait_ms = 500;
    body.min_bytes = 1;
    body.topics = vec![topic];
    broker.send(Request::new(body, version, offset as i32, None)).await.unwrap();

    let response = broker.next().await.unwrap().unwrap();
    let ResponseBody::Fetch(FetchResponse { mut responses, .. }) = response.body else {
        panic!("not a Fetch response: {response:?}");
    };
    let partition = responses.remove(0).partitions.remove(0);
    assert_eq!(partition.error_code, ErrorCode::NONE, "v{version}");
    assert_eq!(partition.high_watermark, RECORDS / PARTITIONS);
    partition.records.unwrap()
}

/// Checks the records from `first` on; gives back how many there are.
fn read(blob: &[u8], version: i16, partition: i32, first: i64, compressions: &mut Vec<Compression>) -> i64 {
    let magic = [0, 0, 1, 1, 2][version as usize];
    let mut next = first;
    let mut decompressor = Decompressor::new();
    for batch in Batches::new(blob) {
        let batch = batch.unwrap();
        assert_eq!(batch.magic, magic, "v{version}");
        compressions.push(batch.compression);
        for record in batch.records(&mut decompressor).unwrap() {
            let record = record.unwrap();
            // A broker sends whole batches, from that which holds the offset on.
            if record.offset < first {
                continue;
            }
            assert_eq!(record.offset, next, "v{version}");
            let n = record.offset * PARTITIONS + i64::from(partition);
            assert_eq!(record.key, Some(format!("key-{n}").as_bytes()));
            assert_eq!(record.value, Some(format!("value-{n}").as_bytes()));
            match magic {
                0 => assert_eq!((record.timestamp, batch.timestamp_type), (-1, TimestampType::None)),
                _ => assert_eq!(
                    (record.timestamp, batch.timestamp_type),
                    (1_700_000_000_000 + n, TimestampType::CreateTime)
                ),
            }
            let headers: Vec<_> = record.headers().map(|header| (header.key, header.value)).collect();
            match magic {
                2 => assert_eq!(headers, [(&b"n"[..], Some(n.to_string().as_bytes()))]),
                _ => assert!(headers.is_empty()),
            }
            next += 1;
        }
    }
    next - first
}
