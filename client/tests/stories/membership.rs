//! A consumer's place in its group, as the application asks about it and disposes of it.

use milena_client::{Admin, CloseOptions, Consumer, Error, GroupMembershipOperation, GroupProtocol};

use super::admin::admin;
use super::common::{PATIENCE, POLL, Seen, config, poll_until, subscribed};
use super::consumer_protocol;
use crate::cluster::Cluster;

async fn with_partitions(consumer: &mut Consumer) {
    let consumers = std::slice::from_mut(consumer);
    poll_until(consumers, &mut Seen::default(), "joining", |consumers, _| {
        consumers[0].assignment().next().is_some()
    })
    .await;
}

async fn members(admin: &mut Admin, group: &str) -> usize {
    admin.describe_group(group).await.unwrap().members.len()
}

#[tokio::test]
async fn a_consumer_leaves_its_group_or_remains_in_it_as_it_is_closed() {
    use GroupMembershipOperation::{Default, LeaveGroup, RemainInGroup};
    let cluster = &*Cluster::shared();
    cluster.create_topic("closed", 1);
    let mut admin = admin(cluster);
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        for (instance, operation, remaining) in [
            ("", Default, 0),
            ("", LeaveGroup, 0),
            ("", RemainInGroup, 1),
            ("i", Default, 1),
            ("i", LeaveGroup, 0),
            ("i", RemainInGroup, 1),
        ] {
            let group = format!("closed-{protocol:?}-{instance}-{operation:?}");
            let config = match protocol {
                GroupProtocol::Consumer => consumer_protocol::config(cluster, &group),
                _ => config(cluster, &group),
            };
            let mut consumer = subscribed(config.group_instance_id(instance), "closed").await;
            with_partitions(&mut consumer).await;
            assert_eq!(members(&mut admin, &group).await, 1, "{group}");
            let options = CloseOptions::default().group_membership_operation(operation);
            consumer.close_with(options).await.unwrap();
            assert_eq!(members(&mut admin, &group).await, remaining, "{group}");
        }
    }
}

#[tokio::test]
async fn a_rebalance_that_is_enforced_is_the_next_generation_of_the_same_member() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("enforced", 1);
    let mut consumer = subscribed(config(cluster, "enforced"), "enforced").await;
    let outside = consumer.group_metadata().await.unwrap();
    assert_eq!((outside.generation_id, outside.member_id.as_str()), (-1, ""));
    with_partitions(&mut consumer).await;
    let before = consumer.group_metadata().await.unwrap();
    assert_eq!(before.group_id, "enforced");
    consumer.enforce_rebalance("to see whether it can be").await.unwrap();
    let polling = async {
        while consumer.group_metadata().await.unwrap() == before {
            let _ = consumer.poll(POLL).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.unwrap();
    let after = consumer.group_metadata().await.unwrap();
    assert_eq!(after.generation_id, before.generation_id + 1);
    assert_eq!(after.member_id, before.member_id);

    let mut alone = Consumer::new(config(cluster, "")).unwrap();
    assert_eq!(alone.group_metadata().await, Err(Error::NoGroup));
    assert_eq!(alone.enforce_rebalance("").await, Err(Error::NoGroup));
}
