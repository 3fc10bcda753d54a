//! What is read, whatever became of the log: transactions, deleted topics, large records, other replicas.

use std::time::{Duration, Instant};

use milena_client::{Config, Consumer, FetchNotice, IsolationLevel, Notice, OffsetReset, TopicPartition};
use milena_testdata::{Kafka, Version};

use crate::common::{PATIENCE, POLL, config, read, read_on, shared_kafka, subscribed};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";

/// A consumer of partition 0 of a topic, without a group, from its beginning on.
async fn reader(config: Config, topic: &str) -> (Consumer, TopicPartition) {
    let mut consumer = Consumer::new(config.auto_offset_reset(OffsetReset::Earliest)).unwrap();
    let partition = TopicPartition::new(topic, 0);
    consumer.assign([partition.clone()]).await.unwrap();
    (consumer, partition)
}

fn plain(kafka: &Kafka) -> Config {
    Config::new(&kafka.bootstrap()).unwrap()
}

#[tokio::test]
async fn t4_t5_transactions_are_read_as_the_isolation_level_says_and_lag_ends_where_reading_does() {
    let kafka = shared_kafka();
    kafka.create_topic("transactions", 1).unwrap();
    kafka
        .transact("transactions", &[("commit", 10), ("abort", 10), ("commit", 5), ("abort", 1), ("open", 7)])
        .unwrap();
    // Each of the first four has a marker behind it.
    for (level, ends, records, end) in [
        (IsolationLevel::ReadCommitted, &["commit"][..], 15, 30),
        (IsolationLevel::ReadUncommitted, &["commit", "abort", "open"], 33, 37),
    ] {
        let (mut consumer, partition) = reader(plain(kafka).isolation_level(level), "transactions").await;
        let seen = read(&mut consumer, records).await;
        assert!(seen.iter().all(|(.., value)| ends.iter().any(|end| value.starts_with(end.as_bytes()))));
        let since = Instant::now();
        while consumer.position(&partition).await.unwrap() < end {
            assert!(consumer.poll(POLL).await.unwrap().is_empty(), "{level:?}: nothing more");
            assert!(since.elapsed() < PATIENCE);
        }
        assert_eq!(consumer.lag().await.unwrap(), Some(0), "{level:?}");
        consumer.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn a21_a_topic_that_is_deleted_and_made_again_is_read_from_its_start() {
    let kafka = shared_kafka();
    kafka.create_topic("again", 1).unwrap();
    kafka.fill("again", 100).unwrap();
    let config = config(kafka, "again").metadata_max_age(Duration::from_secs(1));
    let mut consumer = subscribed(config, "again").await;
    read(&mut consumer, 100).await;
    kafka.tool(TOPICS, &["--delete", "--topic", "again"]).unwrap();
    kafka.create_topic("again", 1).unwrap();
    kafka.fill("again", 30).unwrap();
    let seen = read(&mut consumer, 30).await;
    assert_eq!(seen.iter().map(|(_, offset, _)| offset).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    consumer.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn t21_a_record_that_is_larger_than_all_limits_comes_whole() {
    let kafka = shared_kafka();
    kafka.create_topic("large", 1).unwrap();
    kafka.fill_with("large", 20, 200_000, &["none"]).unwrap();
    let config = plain(kafka).fetch_max_bytes(1_000).max_partition_fetch_bytes(1_000);
    let (mut consumer, _) = reader(config, "large").await;
    let seen = read(&mut consumer, 20).await;
    assert!(seen.iter().all(|(.., value)| value.len() >= 200_000));
}

#[tokio::test]
async fn a2_fetch_min_bytes_is_waited_for_no_longer_than_fetch_max_wait() {
    let kafka = shared_kafka();
    kafka.create_topic("little", 1).unwrap();
    kafka.fill("little", 1).unwrap();
    let config = plain(kafka).fetch_min_bytes(1 << 20).fetch_max_wait(Duration::from_millis(700));
    let (mut consumer, _) = reader(config, "little").await;
    let since = Instant::now();
    read(&mut consumer, 1).await;
    assert!(since.elapsed() > Duration::from_millis(600), "it came after {:?}", since.elapsed());
}

#[tokio::test]
async fn t17_what_retention_has_taken_is_skipped_and_told() {
    let kafka = shared_kafka();
    kafka.create_topic("trimmed", 1).unwrap();
    kafka.fill("trimmed", 100).unwrap();
    let (mut consumer, partition) = reader(plain(kafka).max_poll_records(10_usize), "trimmed").await;
    read(&mut consumer, 10).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offsets.json");
    let json = r#"{"partitions":[{"topic":"trimmed","partition":0,"offset":60}],"version":1}"#;
    std::fs::write(&file, json).unwrap();
    let delete = "org.apache.kafka.tools.DeleteRecordsCommand";
    kafka.tool(delete, &["--offset-json-file", &file.display().to_string()]).unwrap();
    consumer.seek(&partition, 20).await.unwrap();
    let seen = read(&mut consumer, 40).await;
    assert_eq!(seen.iter().next().map(|(_, offset, _)| offset), Some(60));
    let told = consumer.notices().any(|notice| {
        notice == Notice::Fetch(FetchNotice::Reset { partition: partition.clone(), from: 20, to: 60 })
    });
    assert!(told);
}

#[tokio::test]
async fn t18_a_log_that_was_cut_by_an_unclean_election_is_read_on_where_it_was_cut() {
    let mut kafka = Kafka::options(Version::V4_3_1)
        .brokers(3)
        .property("replica.lag.time.max.ms", "2000")
        .property("unclean.leader.election.enable", "true")
        .start()
        .unwrap();
    // The first broker leads, the second follows; the third is there for the controllers' majority.
    kafka.tool(TOPICS, &["--create", "--topic", "cut", "--replica-assignment", "1:2"]).unwrap();
    kafka.fill("cut", 100).unwrap();
    let (mut consumer, partition) = reader(plain(&kafka), "cut").await;
    let mut seen = read(&mut consumer, 100).await;
    kafka.freeze_broker(1).unwrap();
    kafka.fill("cut", 100).unwrap();
    read_on(&mut consumer, &mut seen, 200).await;
    kafka.kill_broker(0).unwrap();
    kafka.thaw_broker(1).unwrap();

    let since = Instant::now();
    let cut = loop {
        let _ = consumer.poll(POLL).await;
        let cut = consumer.notices().find_map(|notice| match notice {
            Notice::Fetch(FetchNotice::Truncated { partition, from, to }) => Some((partition, from, to)),
            _ => None,
        });
        if let Some(cut) = cut {
            break cut;
        }
        assert!(since.elapsed() < 2 * PATIENCE, "it was not noticed");
    };
    assert_eq!(cut, (partition, 200, 100));
    kafka.fill("cut", 10).unwrap();
    let seen = read(&mut consumer, 10).await;
    assert_eq!(seen.iter().next().map(|(_, offset, _)| offset), Some(100));
}

#[tokio::test]
async fn t17_a_consumer_with_a_rack_reads_from_the_replica_there_and_goes_back_when_that_one_is_gone() {
    let mut kafka = Kafka::options(Version::V4_3_1)
        .brokers(3)
        .property("replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector")
        // Nobody else is made the leader while the first broker stands still.
        .property("broker.session.timeout.ms", "90000")
        .property("replica.lag.time.max.ms", "120000")
        .racks(&["a", "b", "c"])
        .start()
        .unwrap();
    kafka.tool(TOPICS, &["--create", "--topic", "near", "--replica-assignment", "1:2"]).unwrap();
    kafka.fill("near", 2_000).unwrap();
    let config = plain(&kafka).client_rack("b").max_poll_records(10_usize).max_partition_fetch_bytes(2_000);
    let (mut consumer, _) = reader(config, "near").await;
    let mut seen = read(&mut consumer, 200).await;
    // What has been fetched ahead is two answers at most; the rest can only come from the follower. (Of the very last
    // records it may not know yet that the leader knows that it has them.)
    kafka.freeze_broker(0).unwrap();
    let since = Instant::now();
    read_on(&mut consumer, &mut seen, 1_500).await;
    assert!(since.elapsed() < Duration::from_secs(45), "the leader had to be waited for");
    assert_eq!(seen.repeated, 0);

    kafka.thaw_broker(0).unwrap();
    kafka.kill_broker(1).unwrap();
    kafka.fill("near", 100).unwrap();
    read_on(&mut consumer, &mut seen, 2_100).await;
    assert_eq!(seen.repeated, 0);
}
