//! Where reading begins and ends: commits, resets, seeks.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use milena_client::{Config, Consumer, Error, FetchError, OffsetAndMetadata, OffsetReset, TopicPartition};

use super::common::{A_WHILE, PATIENCE, POLL, config, read, subscribed};
use crate::cluster::Cluster;

#[tokio::test]
async fn one_consumer_reads_every_record_once_and_commits_the_ends() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("once", 6);
    cluster.fill("once", 6_000);
    let mut consumer = subscribed(config(cluster, "once"), "once").await;

    let seen = read(&mut consumer, 6_000).await;

    assert_eq!(seen.repeated, 0);
    for (partition, offset, value) in seen.iter() {
        assert_eq!(value, format!("value-{}", offset * 6 + i64::from(partition)).as_bytes());
    }
    assert_eq!(consumer.lag().await.unwrap(), Some(0));
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("once"), [Some(1_000); 6]);
}

#[tokio::test]
async fn a_group_goes_on_where_it_committed_and_not_where_it_read() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("resume", 1);
    cluster.fill("resume", 100);
    let config = || config(cluster, "resume").enable_auto_commit(false).max_poll_records(10_usize);
    let partition = TopicPartition::new("resume", 0);

    let mut first = subscribed(config(), "resume").await;
    read(&mut first, 10).await;
    first.commit_sync().await.unwrap();
    read(&mut first, 20).await;
    first.close(PATIENCE).await.unwrap();

    let mut second = subscribed(config(), "resume").await;
    let seen = read(&mut second, 90).await;
    assert_eq!(seen.iter().next().map(|(_, offset, _)| offset), Some(10));
    let mut chosen = OffsetAndMetadata::new(50);
    chosen.metadata = "halfway".into();
    second.commit_sync_offsets([(partition.clone(), chosen.clone())].into()).await.unwrap();
    let found = second.committed([partition.clone()]).await.unwrap();
    assert_eq!(found[&partition], Some(chosen));
    second.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("resume"), [Some(50)]);
}

#[tokio::test]
async fn commits_in_the_background_arrive_with_those_that_are_waited_for_behind_them() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("background", 1);
    cluster.fill("background", 100);
    let config = config(cluster, "background").enable_auto_commit(false).max_poll_records(10_usize);
    let mut consumer = subscribed(config, "background").await;
    for _ in 0..3 {
        read(&mut consumer, 10).await;
        consumer.commit_async();
    }
    consumer.commit_sync_offsets([].into()).await.unwrap();
    consumer.commit_async().await.unwrap();
    assert_eq!(consumer.notices().filter(|notice| format!("{notice:?}").contains("Commit")).count(), 0);
    assert_eq!(cluster.committed("background"), [Some(30)]);
}

#[tokio::test]
async fn metadata_and_leader_epochs_are_committed_with_their_offsets() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("metadata", 1);
    cluster.fill("metadata", 100);
    let partition = TopicPartition::new("metadata", 0);
    let config = config(cluster, "metadata").enable_auto_commit(false);
    let mut consumer = subscribed(config, "metadata").await;
    read(&mut consumer, 100).await;
    for is_waited_for in [true, false] {
        let mut chosen = OffsetAndMetadata::new(50 + i64::from(is_waited_for));
        (chosen.leader_epoch, chosen.metadata) = (Some(0), format!("waited for: {is_waited_for}"));
        let offsets = [(partition.clone(), chosen.clone())].into();
        if is_waited_for {
            consumer.commit_sync_offsets(offsets).await.unwrap();
        } else {
            consumer.commit_async_offsets(offsets).await.unwrap();
        }
        let found = consumer.committed([partition.clone()]).await.unwrap().remove(&partition).flatten();
        assert_eq!(found.as_ref(), Some(&chosen));
        consumer.seek_to(&partition, &found.unwrap()).await.unwrap();
        assert_eq!(consumer.position(&partition).await.unwrap(), chosen.offset);
        let seen = read(&mut consumer, (100 - chosen.offset) as usize).await;
        assert_eq!(seen.iter().next().map(|(_, offset, _)| offset), Some(chosen.offset));
    }
    consumer.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn without_a_commit_the_reset_policy_decides() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("reset", 2);
    cluster.fill("reset", 100);

    let mut latest =
        subscribed(config(cluster, "reset-latest").auto_offset_reset(OffsetReset::Latest), "reset").await;
    let mut none =
        subscribed(config(cluster, "reset-none").auto_offset_reset(OffsetReset::None), "reset").await;
    let deadline = Instant::now() + PATIENCE;
    while latest.assignment().len() < 2 {
        assert!(Instant::now() < deadline);
        assert!(latest.poll(POLL).await.unwrap().is_empty());
    }
    assert_eq!(latest.position(&TopicPartition::new("reset", 1)).await.unwrap(), 50);
    let error = loop {
        assert!(Instant::now() < deadline);
        match none.poll(POLL).await {
            Ok(records) => assert!(records.is_empty()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Fetch(FetchError::NoOffset { .. })), "{error}");

    cluster.fill("reset", 10);
    let seen = read(&mut latest, 10).await;
    assert!(seen.iter().all(|(_, offset, _)| offset >= 50));
}

#[tokio::test]
async fn seek_goes_back_and_pause_holds_back() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("seek", 2);
    cluster.fill("seek", 100);
    let mut consumer = subscribed(config(cluster, "seek"), "seek").await;
    read(&mut consumer, 100).await;
    let [zero, one] = [0, 1].map(|partition| TopicPartition::new("seek", partition));

    consumer.pause([one.clone()]).await.unwrap();
    consumer.seek(&zero, 40).await.unwrap();
    consumer.seek(&one, 45).await.unwrap();
    assert_eq!(consumer.lag().await.unwrap(), Some(15));
    let seen = read(&mut consumer, 10).await;
    assert!(seen.iter().all(|(partition, offset, _)| partition == 0 && offset >= 40));
    assert!(consumer.poll(A_WHILE).await.unwrap().is_empty(), "the other one is paused");

    consumer.resume([one]).await.unwrap();
    let seen = read(&mut consumer, 5).await;
    let partitions: BTreeSet<i32> = seen.iter().map(|(partition, ..)| partition).collect();
    assert_eq!(partitions, [1].into());
    let stranger = consumer.seek(&TopicPartition::new("seek", 7), 0).await.unwrap_err();
    assert_eq!(stranger.to_string(), "seek-7 is not assigned to this consumer");
}

#[tokio::test]
async fn a15_a_poll_that_is_dropped_loses_nothing() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped", 3);
    cluster.fill("dropped", 3_000);
    let mut consumer = subscribed(config(cluster, "dropped"), "dropped").await;
    let mut offsets = BTreeSet::new();
    let deadline = Instant::now() + PATIENCE;
    let mut patience = Duration::from_micros(1);
    while offsets.len() < 3_000 {
        assert!(Instant::now() < deadline, "{} records", offsets.len());
        match tokio::time::timeout(patience, consumer.poll(POLL)).await {
            Err(_) => patience = (patience * 3 / 2).min(Duration::from_millis(20)),
            Ok(records) => {
                for record in &records.unwrap() {
                    assert!(offsets.insert((record.partition(), record.offset())), "a record came twice");
                }
            }
        }
    }
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("dropped"), [Some(1_000); 3]);
}

#[tokio::test]
async fn without_a_group_there_is_nothing_to_subscribe_with() {
    let mut consumer = Consumer::new(Config::new("127.0.0.1:1").unwrap()).unwrap();
    assert_eq!(consumer.subscribe(["t"]).await, Err(Error::NoGroup));
    assert_eq!(consumer.commit_sync().await, Err(Error::NoGroup));
}

#[tokio::test]
async fn a23_latest_loses_nothing_between_two_starts() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("pinned", 2);
    cluster.fill("pinned", 10);
    let config =
        || config(cluster, "pinned").auto_offset_reset(OffsetReset::Latest).enable_auto_commit(false);
    let mut first = subscribed(config(), "pinned").await;
    let deadline = Instant::now() + PATIENCE;
    while cluster.committed("pinned") != [Some(5), Some(5)] {
        assert!(Instant::now() < deadline, "{:?}", first.notices().collect::<Vec<_>>());
        assert!(first.poll(POLL).await.unwrap().is_empty());
    }
    first.close(PATIENCE).await.unwrap();

    cluster.fill("pinned", 10);
    let mut second = subscribed(config(), "pinned").await;
    let seen = read(&mut second, 10).await;
    assert!(seen.iter().all(|(_, offset, _)| offset >= 5));
}

#[tokio::test]
async fn by_duration_begins_with_what_is_young_enough() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("young", 2);
    // From 2023, and in one partition from now.
    cluster.fill("young", 10);
    cluster.transaction("young", "young", 0, 3, "commit");
    let reset = OffsetReset::ByDuration(Duration::from_secs(3_600));
    let mut consumer = subscribed(config(cluster, "young").auto_offset_reset(reset), "young").await;
    let seen = read(&mut consumer, 3).await;
    assert_eq!(seen.iter().map(|(partition, offset, _)| (partition, offset)).next(), Some((0, 5)));
    assert_eq!(consumer.position(&TopicPartition::new("young", 1)).await.unwrap(), 5, "the end");
}

#[tokio::test]
async fn a_lag_is_known_before_records_are_read() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("lag", 1);
    cluster.fill("lag", 100);
    let partition = TopicPartition::new("lag", 0);
    let mut consumer = Consumer::new(config(cluster, "lag")).unwrap();
    consumer.assign([partition.clone()]).await.unwrap();
    consumer.pause([partition.clone()]).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while consumer.current_lag(&partition).await.unwrap() != Some(100) {
        assert!(Instant::now() < deadline);
        assert!(consumer.poll(Duration::from_millis(50)).await.unwrap().is_empty());
    }
}
