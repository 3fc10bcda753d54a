//! Messages without records, decoded and encoded.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable};
use milena_protocol::Message;
use milena_protocol::messages::fetch::{FetchPartition, FetchTopic};
use milena_protocol::messages::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use milena_protocol::messages::offset_fetch::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use milena_protocol::messages::{FetchRequest, MetadataResponse, OffsetFetchResponse};

use crate::best;

pub fn measure(wanted: &str) {
    println!("message                 bytes | milena decode, encode (µs) | kafka-protocol decode, encode (µs) | times");
    let wanted = |row: &str| row.contains(wanted);
    for version in [7, 8] {
        let row = format!("OffsetFetch response v{version}");
        if wanted(&row) {
            compare::<_, kafka_protocol::messages::OffsetFetchResponse>(&row, &offset_fetch(version), version);
        }
    }
    for version in [8, 12] {
        let row = format!("Metadata response v{version}");
        if wanted(&row) {
            compare::<_, kafka_protocol::messages::MetadataResponse>(&row, &metadata(), version);
        }
    }
    for version in [11, 12] {
        let row = format!("Fetch request v{version}");
        if wanted(&row) {
            compare::<_, kafka_protocol::messages::FetchRequest>(&row, &fetch(), version);
        }
    }
}

fn compare<M: Message, K: Decodable + Encodable>(row: &str, message: &M, version: i16) {
    let bytes = message.to_bytes(version).unwrap();
    let decode = |bytes: &Bytes| K::decode(&mut bytes.clone(), version).unwrap();
    let theirs = decode(&bytes);
    let mut buffer = BytesMut::new();
    theirs.encode(&mut buffer, version).unwrap();
    assert_eq!(buffer, bytes, "both write the same");

    let our_decode = best(|| M::read(&bytes, version).unwrap());
    let their_decode = best(|| decode(&bytes));
    let our_encode = best(|| {
        buffer.clear();
        message.write(version, &mut buffer).unwrap();
    });
    let their_encode = best(|| {
        buffer.clear();
        theirs.encode(&mut buffer, version).unwrap();
    });
    println!(
        "{row:<23} {:>5} | {:>13.2} {:>12.2} | {:>18.2} {:>15.2} | {:>5.1} {:>5.1}",
        bytes.len(),
        our_decode * 1e6,
        our_encode * 1e6,
        their_decode * 1e6,
        their_encode * 1e6,
        their_decode / our_decode,
        their_encode / our_encode,
    );
}

fn offset_fetch(version: i16) -> OffsetFetchResponse {
    let mut topic = OffsetFetchResponseTopic::default();
    topic.name = "a-topic-of-some-length".into();
    for n in 0..100 {
        let mut partition = OffsetFetchResponsePartition::default();
        partition.partition_index = n;
        partition.committed_offset = 1_000_000 + i64::from(n);
        topic.partitions.push(partition);
    }
    let mut response = OffsetFetchResponse::default();
    if version < 8 {
        response.topics.push(topic);
    } else {
        let mut group = OffsetFetchResponseGroup::default();
        group.group_id = "a-group".into();
        group.topics.push(topic);
        response.groups.push(group);
    }
    response
}

fn metadata() -> MetadataResponse {
    let mut response = MetadataResponse::default();
    for n in 0..3 {
        let mut broker = MetadataResponseBroker::default();
        broker.node_id = n;
        broker.host = format!("broker-{n}.example.com").into();
        broker.port = 9092;
        response.brokers.push(broker);
    }
    for t in 0..100 {
        let mut topic = MetadataResponseTopic::default();
        topic.name = Some(format!("topic-{t}").into());
        for p in 0..10 {
            let mut partition = MetadataResponsePartition::default();
            partition.partition_index = p;
            partition.leader_id = p % 3;
            partition.leader_epoch = 5;
            partition.replica_nodes = vec![0, 1, 2];
            partition.isr_nodes = vec![0, 1, 2];
            topic.partitions.push(partition);
        }
        response.topics.push(topic);
    }
    response
}

fn fetch() -> FetchRequest {
    let mut topic = FetchTopic::default();
    topic.topic = "a-topic-of-some-length".into();
    for n in 0..100 {
        let mut partition = FetchPartition::default();
        partition.partition = n;
        partition.fetch_offset = 1_000_000 + i64::from(n);
        partition.partition_max_bytes = 1 << 20;
        topic.partitions.push(partition);
    }
    let mut request = FetchRequest::default();
    request.topics.push(topic);
    request
}
