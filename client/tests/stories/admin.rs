//! What an admin sees of groups and offsets, beside what the cluster says itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_client::{
    Admin, Config, Consumer, Error, GroupDescription, OffsetAndMetadata, OffsetSpec, Offsets, TopicPartition,
};
use milena_protocol::ErrorCode;

use super::common::{PATIENCE, Seen, config, poll_until, read, subscribed};
use crate::cluster::{Cluster, SECOND};

pub fn admin(cluster: &Cluster) -> Admin {
    Admin::new(Config::new(&cluster.bootstrap()).unwrap()).unwrap()
}

pub fn offsets(topic: &str, offsets: &[i64]) -> Offsets {
    let offset = |(n, offset): (usize, &i64)| {
        (TopicPartition::new(topic, i32::try_from(n).unwrap()), OffsetAndMetadata::new(*offset))
    };
    offsets.iter().enumerate().map(offset).collect()
}

/// Asks until the group is `Stable` and has so many members.
pub async fn stable(admin: &mut Admin, group: &str, members: usize) -> GroupDescription {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match admin.describe_group(group).await {
            Ok(group) if group.state == "Stable" && group.members.len() == members => return group,
            Ok(_) => {}
            Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < deadline, "the group was never stable");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_group_is_listed_described_and_set_only_when_it_is_empty() {
    let cluster = &*Cluster::shared();
    let (topic, group) = ("administered", "administered-group");
    cluster.create_topic(topic, 3);
    cluster.fill(topic, 300);
    let mut admin = admin(cluster);
    assert_eq!(admin.partitions_for(topic).await.unwrap(), [0, 1, 2]);
    let missing = admin.describe_group(group).await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    assert_eq!(admin.group_offsets(group).await.unwrap(), Offsets::new());

    let config = config(cluster, group).session_timeout(3 * SECOND);
    let config = config.client_id("reads").group_instance_id("first");
    let mut consumer = subscribed(config, topic).await;
    read(&mut consumer, 300).await;
    consumer.commit_sync().await.unwrap();
    let described = stable(&mut admin, group, 1).await;
    assert_eq!((described.group_type, described.assignor.as_str()), ("classic", "range"));
    assert_eq!(described.coordinator, cluster.bootstrap());
    let member = &described.members[0];
    assert_eq!((member.client_id.as_str(), member.host.as_str()), ("reads", "/127.0.0.1"));
    assert_eq!(member.instance_id.as_deref(), Some("first"));
    assert!(member.assignment.iter().eq(consumer.assignment()), "{member:?}");

    let listing = admin.list_groups().await.unwrap();
    let listing = listing.iter().find(|listing| listing.group_id == group).unwrap();
    assert_eq!(
        (listing.protocol_type.as_str(), listing.state.as_deref(), listing.group_type.as_deref()),
        ("consumer", Some("Stable"), Some("classic"))
    );

    let reset = offsets(topic, &[10, 20, 30]);
    let refused = Err(Error::GroupNotEmpty { group: group.to_owned() });
    assert_eq!(admin.alter_group_offsets(group, &reset).await, refused);
    assert_eq!(admin.delete_group(group).await, refused);
    let committed_before: Vec<i64> =
        admin.group_offsets(group).await.unwrap().values().map(|committed| committed.offset).collect();
    assert_eq!(committed_before, [100; 3]);

    // A static member that closes stays in its group until its session has run out.
    consumer.close(PATIENCE).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while admin.describe_group(group).await.unwrap().state != "Empty" {
        assert!(Instant::now() < deadline, "the static member stayed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    admin.alter_group_offsets(group, &reset).await.unwrap();
    assert_eq!(cluster.committed(group), [Some(10), Some(20), Some(30)]);
    admin.delete_group(group).await.unwrap();
    assert!(!cluster.has_group(group));
    let gone = admin.delete_group(group).await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
}

#[tokio::test]
async fn a_group_of_the_consumer_protocol_is_described_and_kept_from_being_set() {
    let cluster = &*Cluster::shared();
    let (topic, group) = ("described", "described-group");
    cluster.create_topic(topic, 2);
    let config = super::consumer_protocol::config(cluster, group).client_id("reads");
    let mut consumers = [subscribed(config, topic).await];
    poll_until(&mut consumers, &mut Seen::default(), "joining", |consumers, _| {
        consumers[0].assignment().len() == 2
    })
    .await;
    let mut admin = admin(cluster);
    let described = stable(&mut admin, group, 1).await;
    let refused = admin.alter_group_offsets(group, &offsets(topic, &[0, 0])).await;

    assert_eq!((described.group_type, described.assignor.as_str()), ("consumer", "uniform"));
    assert_eq!(described.members[0].client_id, "reads");
    let assignment: Vec<String> = described.members[0].assignment.iter().map(|tp| tp.to_string()).collect();
    assert_eq!(assignment, ["described-0", "described-1"]);
    assert_eq!(refused, Err(Error::GroupNotEmpty { group: group.to_owned() }));
}

#[tokio::test]
async fn offsets_are_listed_by_place_and_by_time() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("admin-listed", 2);
    cluster.fill("admin-listed", 100);
    let mut admin = admin(cluster);
    let mut listed = async |spec| {
        let wanted = [0, 1, 2].map(|n| (TopicPartition::new("admin-listed", n), spec));
        admin.list_offsets(wanted).await.unwrap().into_values().collect::<Vec<_>>()
    };
    let missing = Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(listed(OffsetSpec::Earliest).await, [Ok(Some(0)), Ok(Some(0)), missing]);
    assert_eq!(listed(OffsetSpec::Latest).await, [Ok(Some(50)), Ok(Some(50)), missing]);
    // Record i is in partition i % 2, and its time is 1700000000000 + i.
    let at = OffsetSpec::Timestamp(1_700_000_000_011);
    assert_eq!(listed(at).await, [Ok(Some(6)), Ok(Some(5)), missing]);
    let later = OffsetSpec::Timestamp(1_800_000_000_000);
    assert_eq!(listed(later).await, [Ok(None), Ok(None), missing]);
    let error = admin.partitions_for("not-there").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

#[tokio::test]
async fn goes_on_when_the_broker_that_was_asked_is_gone() {
    let mut cluster = Cluster::options().brokers(3).start();
    cluster.create_topic("moving", 6);
    cluster.fill("moving", 600);
    let mut consumers = [subscribed(config(&cluster, "movers"), "moving").await];
    poll_until(&mut consumers, &mut Default::default(), "reading", |_, seen| seen.len() == 600).await;
    let [consumer]: [Consumer; 1] = consumers;
    consumer.close(PATIENCE).await.unwrap();

    let mut admin =
        Admin::new(Config::new(&cluster.bootstrap()).unwrap().default_api_timeout(PATIENCE)).unwrap();
    let before = admin.group_offsets("movers").await.unwrap();
    assert_eq!(before.len(), 6);
    let ends: BTreeMap<_, _> = before.keys().map(|partition| (partition.clone(), Ok(Some(100)))).collect();
    let coordinator = admin.describe_group("movers").await.unwrap().coordinator;
    let broker = (0..3).find(|n| cluster.address(*n) == coordinator).unwrap();
    cluster.stop_broker(broker);

    assert_eq!(admin.group_offsets("movers").await.unwrap(), before);
    assert_ne!(admin.describe_group("movers").await.unwrap().coordinator, coordinator);
    let latest = before.keys().map(|partition| (partition.clone(), OffsetSpec::Latest));
    assert_eq!(admin.list_offsets(latest).await.unwrap(), ends);
    assert!(admin.list_groups().await.unwrap().iter().any(|group| group.group_id == "movers"));
}
