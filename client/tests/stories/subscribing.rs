//! What to read: names, patterns, and partitions of one's own choice.

use std::collections::BTreeSet;
use std::time::Duration;

use milena_client::{Config, Consumer, Error, OffsetReset, TopicPartition};

use super::common::{PATIENCE, Seen, config, poll_until, read, read_on};
use crate::cluster::Cluster;

#[tokio::test]
async fn topics_that_match_a_pattern_are_read_also_when_they_come_later() {
    let cluster = &*Cluster::shared();
    for topic in ["pattern-1", "pattern-2", "no-pattern-1"] {
        cluster.create_topic(topic, 1);
        cluster.fill(topic, 100);
    }
    let config = config(cluster, "pattern").metadata_max_age(Duration::from_secs(1));
    let mut consumer = Consumer::new(config).unwrap();
    assert!(matches!(consumer.subscribe_pattern("pattern-(").await, Err(Error::Pattern(_))));
    consumer.subscribe_pattern(r"pattern-\d").await.unwrap();
    let topics = async |consumer: &mut Consumer, wanted: &[&str]| {
        let mut seen = Seen::default();
        let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
        let members = std::slice::from_mut(consumer);
        poll_until(members, &mut seen, "following the pattern", |members, _| {
            members[0].assignment().map(|partition| &*partition.topic).collect::<BTreeSet<&str>>() == wanted
        })
        .await;
    };
    topics(&mut consumer, &["pattern-1", "pattern-2"]).await;
    cluster.create_topic("pattern-3", 1);
    topics(&mut consumer, &["pattern-1", "pattern-2", "pattern-3"]).await;
    cluster.delete_topic("pattern-1");
    topics(&mut consumer, &["pattern-2", "pattern-3"]).await;
    let subscribed = consumer.subscription().await.unwrap();
    assert_eq!(subscribed.iter().map(String::as_str).collect::<Vec<_>>(), ["pattern-2", "pattern-3"]);
    consumer.unsubscribe().await.unwrap();
    assert_eq!(consumer.assignment().len(), 0);
    consumer.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn partitions_are_read_without_a_group() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("assigned", 3);
    cluster.fill("assigned", 300);
    let config = Config::new(&cluster.bootstrap())
        .unwrap()
        .auto_offset_reset(OffsetReset::Earliest)
        .max_poll_records(7_usize);
    let mut consumer = Consumer::new(config).unwrap();
    let partitions = [0, 2].map(|partition| TopicPartition::new("assigned", partition));
    consumer.assign(partitions.clone()).await.unwrap();
    let mut seen = read(&mut consumer, 200).await;
    assert!(seen.iter().all(|(partition, ..)| partition != 1));
    assert!(matches!(consumer.subscribe(["assigned"]).await, Err(Error::NoGroup)));

    // One stays where it is, one goes, one comes.
    consumer.seek(&partitions[1], 40).await.unwrap();
    consumer.assign([1, 2].map(|partition| TopicPartition::new("assigned", partition))).await.unwrap();
    let before = seen.repeated;
    read_on(&mut consumer, &mut seen, 300).await;
    while seen.repeated < before + 60 {
        seen.poll(&mut consumer).await;
    }
    assert_eq!(seen.repeated, before + 60, "from the seek on, not from the start");
    consumer.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn partitions_of_ones_own_choice_go_on_where_their_group_has_committed() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("assigned-group", 2);
    cluster.fill("assigned-group", 200);
    let partitions = [0, 1].map(|partition| TopicPartition::new("assigned-group", partition));
    for first in [0, 60] {
        let mut consumer =
            Consumer::new(config(cluster, "assigned-group").max_poll_records(60_usize)).unwrap();
        consumer.assign(partitions[..1].to_vec()).await.unwrap();
        assert_eq!(consumer.position(&partitions[0]).await.unwrap(), first);
        let seen = read(&mut consumer, if first == 0 { 60 } else { 40 }).await;
        assert_eq!(seen.iter().next().map(|(_, offset, _)| offset), Some(first));
        consumer.close(PATIENCE).await.unwrap();
    }
    assert_eq!(cluster.committed("assigned-group")[0], Some(100));
}
