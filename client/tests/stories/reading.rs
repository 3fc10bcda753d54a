//! What is read, whatever became of the log: transactions, deleted topics, large records, other replicas.

use std::time::{Duration, Instant};

use milena_client::{Config, Consumer, FetchNotice, IsolationLevel, Notice, OffsetReset, TopicPartition};

use super::common::{PATIENCE, POLL, config, read, read_on, subscribed};
use crate::cluster::Cluster;

/// A consumer of partition 0 of a topic, without a group, from its beginning on.
async fn reader(config: Config, topic: &str) -> (Consumer, TopicPartition) {
    let mut consumer = Consumer::new(config.auto_offset_reset(OffsetReset::Earliest)).unwrap();
    let partition = TopicPartition::new(topic, 0);
    consumer.assign([partition.clone()]).await.unwrap();
    (consumer, partition)
}

fn plain(cluster: &Cluster) -> Config {
    Config::new(&cluster.bootstrap()).unwrap()
}

#[tokio::test]
async fn t4_t5_transactions_are_read_as_the_isolation_level_says_and_lag_ends_where_reading_does() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("transactions", 1);
    let transactions = [("commit", 10), ("abort", 10), ("commit", 5), ("abort", 1), ("open", 7)];
    cluster.transact("transactions", &transactions);
    // Each of the first four has a marker behind it.
    for (level, ends, records, end) in [
        (IsolationLevel::ReadCommitted, &["commit"][..], 15, 30),
        (IsolationLevel::ReadUncommitted, &["commit", "abort", "open"], 33, 37),
    ] {
        let (mut consumer, partition) = reader(plain(cluster).isolation_level(level), "transactions").await;
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
    let cluster = &*Cluster::shared();
    cluster.create_topic("again", 1);
    cluster.fill("again", 100);
    let config = config(cluster, "again").metadata_max_age(Duration::from_secs(1));
    let mut consumer = subscribed(config, "again").await;
    read(&mut consumer, 100).await;
    cluster.delete_topic("again");
    cluster.create_topic("again", 1);
    cluster.fill("again", 30);
    let seen = read(&mut consumer, 30).await;
    assert_eq!(seen.iter().map(|(_, offset, _)| offset).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    consumer.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn t21_a_record_that_is_larger_than_all_limits_comes_whole() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("large", 1);
    cluster.fill_with("large", 20, 200_000, &["none"]);
    let config = plain(cluster).fetch_max_bytes(1_000).max_partition_fetch_bytes(1_000);
    let (mut consumer, _) = reader(config, "large").await;
    let seen = read(&mut consumer, 20).await;
    assert!(seen.iter().all(|(.., value)| value.len() >= 200_000));
}

#[tokio::test]
async fn a2_fetch_min_bytes_is_waited_for_no_longer_than_fetch_max_wait() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("little", 1);
    cluster.fill("little", 1);
    let config = plain(cluster).fetch_min_bytes(1 << 20).fetch_max_wait(Duration::from_millis(700));
    let (mut consumer, _) = reader(config, "little").await;
    let since = Instant::now();
    read(&mut consumer, 1).await;
    assert!(since.elapsed() > Duration::from_millis(600), "it came after {:?}", since.elapsed());
}

#[tokio::test]
async fn t17_what_retention_has_taken_is_skipped_and_told() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("trimmed", 1);
    cluster.fill("trimmed", 100);
    let (mut consumer, partition) = reader(plain(cluster).max_poll_records(10_usize), "trimmed").await;
    read(&mut consumer, 10).await;
    cluster.delete_records("trimmed", 0, 60);
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
    let mut cluster = Cluster::options().brokers(3).unclean_elections().start();
    // The first broker leads, the second follows; the third is there for the controllers' majority.
    cluster.create_topic_on("cut", &[1, 2]);
    cluster.fill("cut", 100);
    let (mut consumer, partition) = reader(plain(&cluster), "cut").await;
    let mut seen = read(&mut consumer, 100).await;
    cluster.stop_replicating("cut");
    cluster.fill("cut", 100);
    read_on(&mut consumer, &mut seen, 200).await;
    cluster.lose_leader("cut");

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
    cluster.fill("cut", 10);
    let seen = read(&mut consumer, 10).await;
    assert_eq!(seen.iter().next().map(|(_, offset, _)| offset), Some(100));
}

#[tokio::test]
async fn t17_a_consumer_with_a_rack_reads_from_the_replica_there_and_goes_back_when_that_one_is_gone() {
    let mut cluster = Cluster::options().brokers(3).racks(&["a", "b", "c"]).start();
    cluster.create_topic_on("near", &[1, 2]);
    cluster.fill("near", 2_000);
    let config = plain(&cluster).client_rack("b").max_poll_records(10_usize).max_partition_fetch_bytes(2_000);
    let (mut consumer, _) = reader(config, "near").await;
    let mut seen = read(&mut consumer, 200).await;
    // What has been fetched ahead is two answers at most; the rest can only come from the follower. (Of the very last
    // records it may not know yet that the leader knows that it has them.)
    cluster.freeze_broker(0);
    let since = Instant::now();
    read_on(&mut consumer, &mut seen, 1_500).await;
    assert!(since.elapsed() < Duration::from_secs(45), "the leader had to be waited for");
    assert_eq!(seen.repeated, 0);

    cluster.thaw_broker(0);
    cluster.kill_broker(1);
    cluster.fill("near", 100);
    read_on(&mut consumer, &mut seen, 2_100).await;
    assert_eq!(seen.repeated, 0);
}
