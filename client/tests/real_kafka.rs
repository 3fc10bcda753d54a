//! The consumer against a real Kafka: what an application sees.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_client::{Config, Consumer, OffsetReset};
use milena_testdata::{Kafka, Version};

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one poll may.
const POLL: Duration = Duration::from_secs(1);

/// The values by partition and offset.
type Seen = BTreeMap<(i32, i64), Vec<u8>>;

fn config(kafka: &Kafka, group: &str) -> Config {
    Config::new(&kafka.bootstrap()).unwrap().group_id(group).auto_offset_reset(OffsetReset::Earliest)
}

async fn subscribed(config: Config, topic: &str) -> Consumer {
    let mut consumer = Consumer::new(config).unwrap();
    consumer.subscribe([topic]).await.unwrap();
    consumer
}

/// Polls once. A record that comes twice is a failure.
async fn read_on(consumer: &mut Consumer, seen: &mut Seen) {
    for record in &consumer.poll(POLL).await.unwrap() {
        let value = record.value().unwrap().to_vec();
        assert_eq!(seen.insert((record.partition(), record.offset()), value), None, "a record came twice");
    }
}

async fn read(consumer: &mut Consumer, records: usize) -> Seen {
    let (mut seen, deadline) = (Seen::new(), Instant::now() + PATIENCE);
    while seen.len() < records {
        assert!(Instant::now() < deadline, "{} of {records} records came", seen.len());
        read_on(consumer, &mut seen).await;
    }
    seen
}

/// The offsets that the group has committed, as Kafka's own tool shows them; partitions are in order.
fn committed(kafka: &Kafka, group: &str) -> Vec<Option<i64>> {
    kafka.group_offsets(group).unwrap().iter().map(|offset| offset.committed).collect()
}

#[tokio::test]
async fn one_consumer_reads_every_record_once_and_commits_the_ends() {
    let kafka = Kafka::start(Version::V4_3_1).unwrap();
    kafka.create_topic("numbers", 6).unwrap();
    kafka.fill("numbers", 6_000).unwrap();
    let mut consumer = subscribed(config(&kafka, "g"), "numbers").await;

    let seen = read(&mut consumer, 6_000).await;

    for ((partition, offset), value) in &seen {
        assert_eq!(*value, format!("value-{}", offset * 6 + i64::from(*partition)).into_bytes());
    }
    assert_eq!(consumer.lag().await.unwrap(), Some(0));
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(committed(&kafka, "g"), [Some(1_000); 6]);
}
