//! What an application sees of the producer.

use std::time::Duration;

use milena_client::{
    Acks, Config, Consumer, Delivery, OwnedRecord, Producer, ProducerConfig, ProducerRecord,
};
use milena_protocol::records::Compression;
use tokio::time::timeout;

use super::common::{PATIENCE, POLL};
use crate::cluster::Cluster;

pub fn config(cluster: &Cluster) -> ProducerConfig {
    ProducerConfig::new(&cluster.bootstrap()).unwrap()
}

/// Reads a topic from its beginning, until there are so many records.
pub async fn read_all(cluster: &Cluster, topic: &str, partitions: i32, records: usize) -> Vec<OwnedRecord> {
    let mut consumer = Consumer::new(Config::new(&cluster.bootstrap()).unwrap()).unwrap();
    let all: Vec<_> = (0..partitions).map(|n| milena_client::TopicPartition::new(topic, n)).collect();
    consumer.assign(all).await.unwrap();
    consumer.seek_to_beginning([]).await.unwrap();
    let mut read = Vec::new();
    let reading = async {
        while read.len() < records {
            read.extend(consumer.poll(POLL).await.unwrap().iter().map(|record| record.to_owned()));
        }
        // There is not one too many.
        read.extend(consumer.poll(POLL).await.unwrap().iter().map(|record| record.to_owned()));
    };
    timeout(PATIENCE, reading).await.expect("records are missing");
    read
}

async fn delivered(sent: Delivery) -> milena_client::RecordMetadata {
    timeout(PATIENCE, sent).await.expect("it takes too long").unwrap()
}

#[tokio::test]
async fn every_compression_and_every_acks_bring_records_as_they_are_and_in_order() {
    let cluster = &*Cluster::shared();
    for compression in Compression::ALL {
        for acks in [Acks::None, Acks::Leader, Acks::All] {
            let topic = format!("written-{compression}-{acks:?}");
            cluster.create_topic(&topic, 1);
            let producer = Producer::new(config(cluster).compression_type(compression).acks(acks)).unwrap();
            let mut last = None;
            for i in 0..500_i64 {
                let (key, value) = (format!("key-{i}"), format!("value-{i}").repeat(10));
                let mut record = ProducerRecord::new(&topic).timestamp(1_700_000_000_000 + i);
                if i % 7 != 0 {
                    record = record.key(&key);
                }
                if i % 5 != 0 {
                    record = record.value(&value).header("n", &key).header("empty", b"");
                }
                last = Some(producer.send(record));
            }
            let last = delivered(last.unwrap()).await;
            assert_eq!(last.offset, (acks != Acks::None).then_some(499), "{topic}");
            timeout(PATIENCE, producer.close(PATIENCE)).await.unwrap().unwrap();
            let read = read_all(cluster, &topic, 1, 500).await;
            assert_eq!(read.len(), 500, "{topic}");
            for (i, record) in read.iter().enumerate() {
                let (key, value) = (format!("key-{i}"), format!("value-{i}").repeat(10));
                assert_eq!((record.offset, record.timestamp), (i as i64, 1_700_000_000_000 + i as i64));
                assert_eq!(record.key.as_deref(), (i % 7 != 0).then_some(key.as_bytes()), "{topic} {i}");
                assert_eq!(record.value.as_deref(), (i % 5 != 0).then_some(value.as_bytes()), "{topic} {i}");
                assert_eq!(record.headers.len(), if i % 5 != 0 { 2 } else { 0 }, "{topic} {i}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_restarts_costs_no_record_and_brings_none_twice() {
    let mut cluster = Cluster::start();
    let topic = "restarted";
    cluster.create_topic(topic, 3);
    let producer = Producer::new(config(&cluster).batch_size(500)).unwrap();
    let writer = producer.clone();
    let writing = tokio::spawn(async move {
        let mut sent = Vec::new();
        for i in 0..3000_i32 {
            let record = ProducerRecord::new(topic).partition(i % 3);
            sent.push(writer.send(record.value(&i.to_string())));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for sent in sent {
            delivered(sent).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    tokio::task::block_in_place(|| {
        cluster.stop_broker(0);
        cluster.start_broker(0);
    });
    timeout(2 * PATIENCE, writing).await.unwrap().unwrap();
    let read = read_all(&cluster, topic, 3, 3000).await;
    for partition in 0..3 {
        let mine = read.iter().filter(|record| record.partition == partition);
        let values: Vec<String> =
            mine.map(|record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()).collect();
        let wanted: Vec<String> = (0..1000).map(|i| (3 * i + partition).to_string()).collect();
        assert_eq!(values, wanted);
    }
}
