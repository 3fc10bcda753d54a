//! An older Kafka, which cannot do all that the current one can.

use milena_client::Error;
use milena_protocol::ErrorCode;
use milena_testdata::{Kafka, Version};

use crate::cluster::Cluster;
use crate::stories::admin::{admin, offsets, stable};
use crate::stories::common::{PATIENCE, config, read, subscribed};

#[tokio::test]
async fn an_older_kafka_is_asked_in_its_own_versions() {
    let cluster = Cluster::from(Kafka::start(Version::V3_9_2).unwrap());
    cluster.create_topic("old", 2);
    cluster.fill("old", 20);
    let mut admin = admin(&cluster);
    admin.alter_group_offsets("g", &offsets("old", &[3, 4])).await.unwrap();
    assert_eq!(cluster.committed("g"), [Some(3), Some(4)]);
    let described = admin.describe_group("g").await.unwrap();
    assert_eq!((described.group_type, described.state.as_str()), ("classic", "Empty"));
    assert_eq!(admin.list_groups().await.unwrap()[0].state.as_deref(), Some("Empty"));

    let mut consumer = subscribed(config(&cluster, "g"), "old").await;
    assert_eq!(read(&mut consumer, 13).await.len(), 13);
    assert_eq!(stable(&mut admin, "g", 1).await.members[0].assignment.len(), 2);
    let refused = admin.delete_group("g").await;
    assert_eq!(refused, Err(Error::GroupNotEmpty { group: "g".to_owned() }));
    consumer.close(PATIENCE).await.unwrap();
    admin.delete_group("g").await.unwrap();
    let missing = admin.describe_group("g").await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
}
