//! Offsets by time, ends of partitions, topics and their partitions.

use std::collections::BTreeMap;

use milena_client::{Config, Consumer, Error, IsolationLevel, TopicPartition};

use super::common::{PATIENCE, config, read, subscribed};
use crate::cluster::Cluster;

/// The timestamp of the first record that `Cluster::fill` writes; the next ones are a millisecond apart.
const FIRST: i64 = 1_700_000_000_000;

fn partitions(topic: &str, count: i32) -> Vec<TopicPartition> {
    (0..count).map(|partition| TopicPartition::new(topic, partition)).collect()
}

/// Without a group, and so without a subscription.
fn outsider(cluster: &Cluster) -> Consumer {
    Consumer::new(Config::new(&cluster.bootstrap()).unwrap()).unwrap()
}

fn offsets(ends: BTreeMap<TopicPartition, i64>) -> Vec<i64> {
    ends.into_values().collect()
}

#[tokio::test]
async fn ends_and_offsets_by_time_are_those_of_the_log() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("lookups", 3);
    cluster.fill("lookups", 300);
    let mut consumer = outsider(cluster);
    let all = partitions("lookups", 3);

    assert_eq!(offsets(consumer.beginning_offsets(all.clone()).await.unwrap()), [0, 0, 0]);
    assert_eq!(offsets(consumer.end_offsets(all.clone()).await.unwrap()), [100, 100, 100]);

    // Record i is in partition i % 3, at offset i / 3.
    let times = [FIRST + 150, 0, FIRST + 300];
    let found = consumer.offsets_for_times(all.iter().cloned().zip(times)).await.unwrap();
    let zero = found[&all[0]].unwrap();
    assert_eq!((zero.offset, zero.timestamp, zero.leader_epoch), (50, FIRST + 150, Some(0)));
    let one = found[&all[1]].unwrap();
    assert_eq!((one.offset, one.timestamp), (0, FIRST + 1));
    assert_eq!(found[&all[2]], None);

    let negative = consumer.offsets_for_times([(all[0].clone(), -1)]).await;
    assert!(matches!(negative, Err(Error::Misuse(_))), "{negative:?}");
}

#[tokio::test]
async fn t5_with_read_committed_the_end_is_before_the_first_open_transaction() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("lookups-open", 1);
    let only = partitions("lookups-open", 1);
    cluster.transaction("lookups", "lookups-open", 0, 3, "commit");
    cluster.transaction("lookups", "lookups-open", 0, 2, "open");
    // Three records, the marker, two records.
    let mut uncommitted = outsider(cluster);
    assert_eq!(offsets(uncommitted.end_offsets(only.clone()).await.unwrap()), [6]);
    let config = Config::new(&cluster.bootstrap()).unwrap().isolation_level(IsolationLevel::ReadCommitted);
    let mut committed = Consumer::new(config).unwrap();
    assert_eq!(offsets(committed.end_offsets(only.clone()).await.unwrap()), [4]);

    let all = uncommitted.offsets_for_times([(only[0].clone(), 0)]).await.unwrap();
    let time = all[&only[0]].unwrap().timestamp;
    cluster.transaction("lookups", "lookups-open", 0, 1, "open");
    // The one before has been aborted, and its marker counts.
    assert_eq!(offsets(committed.end_offsets(only.clone()).await.unwrap()), [7]);
    let in_future = time + 3_600_000;
    assert_eq!(committed.offsets_for_times([(only[0].clone(), in_future)]).await.unwrap()[&only[0]], None);
}

#[tokio::test]
async fn lookups_leave_what_is_read_alone() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("lookups-within", 2);
    cluster.fill("lookups-within", 100);
    cluster.create_topic("lookups-aside", 1);
    cluster.fill("lookups-aside", 10);
    let mut consumer =
        subscribed(config(cluster, "lookups").max_poll_records(10_usize), "lookups-within").await;
    read(&mut consumer, 30).await;

    let mut both = partitions("lookups-within", 2);
    both.extend(partitions("lookups-aside", 1));
    assert_eq!(offsets(consumer.end_offsets(both).await.unwrap()), [10, 50, 50]);

    let rest = read(&mut consumer, 70).await;
    assert_eq!(rest.repeated, 0);
    assert_eq!(consumer.assignment().len(), 2);
}

#[tokio::test]
async fn topics_are_listed_with_their_partitions() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("listed", 2);
    let mut consumer =
        Consumer::new(Config::new(&cluster.bootstrap()).unwrap().allow_auto_create_topics(false)).unwrap();

    let found = consumer.partitions_for("listed").await.unwrap();
    assert_eq!(found.iter().map(|info| info.partition).collect::<Vec<_>>(), [0, 1]);
    let leader = found[0].leader.as_ref().unwrap();
    assert_eq!(format!("{}:{}", leader.host, leader.port), cluster.bootstrap());
    assert_eq!(
        (&found[0].replicas, &found[0].in_sync_replicas),
        (&vec![leader.clone()], &vec![leader.clone()])
    );
    assert_eq!(found[0].offline_replicas, []);

    assert_eq!(consumer.partitions_for("no-such-topic").await.unwrap(), []);
    let topics = consumer.list_topics().await.unwrap();
    assert_eq!(topics["listed"], found);
    assert!(!topics.contains_key("no-such-topic"));
    assert!(!cluster.has_topic("no-such-topic"), "to ask for a topic does not make it");
    let impossible = consumer.partitions_for("no/such/topic").await;
    assert!(
        matches!(&impossible, Err(Error::Topic { topic, .. }) if topic == "no/such/topic"),
        "{impossible:?}"
    );
}

#[tokio::test]
async fn a_lookup_of_nothing_that_is_there_fails_in_time() {
    let cluster = &*Cluster::shared();
    let config = Config::new(&cluster.bootstrap()).unwrap().allow_auto_create_topics(false);
    let mut consumer = Consumer::new(config.default_api_timeout(std::time::Duration::from_secs(2))).unwrap();
    let nowhere = consumer.end_offsets(partitions("looked-for-in-vain", 1)).await;
    assert!(matches!(nowhere, Err(Error::Timeout { doing: "looking up offsets", .. })), "{nowhere:?}");
}

#[tokio::test]
async fn t18_a_lookup_follows_a_leader_that_moves() {
    let mut cluster = Cluster::options().brokers(3).start();
    cluster.create_topic("moving", 6);
    cluster.fill("moving", 60);
    let config = Config::new(&cluster.bootstrap()).unwrap().default_api_timeout(2 * PATIENCE);
    let mut consumer = Consumer::new(config).unwrap();
    assert_eq!(offsets(consumer.end_offsets(partitions("moving", 6)).await.unwrap()), [10; 6]);
    cluster.kill_broker(2);
    assert_eq!(offsets(consumer.end_offsets(partitions("moving", 6)).await.unwrap()), [10; 6]);
    let found = consumer.partitions_for("moving").await.unwrap();
    assert!(found.iter().all(|info| info.replicas.len() == 3 && info.leader.is_some()), "{found:?}");
}
