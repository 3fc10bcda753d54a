//! Several consumers in one group.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use milena_client::{Consumer, Notice, Strategy, TopicPartition};

use super::common::{A_WHILE, PATIENCE, Seen, config, poll_until, read, subscribed};
use crate::cluster::{Cluster, SECOND};

fn shares(consumers: &[Consumer]) -> Vec<usize> {
    consumers.iter().map(|consumer| consumer.assignment().len()).collect()
}

/// Whether each partition belongs to exactly one of them.
fn have_all_once(consumers: &[Consumer], partitions: usize) -> bool {
    let all: Vec<&TopicPartition> = consumers.iter().flat_map(|consumer| consumer.assignment()).collect();
    let different: BTreeSet<&TopicPartition> = all.iter().copied().collect();
    all.len() == partitions && different.len() == partitions
}

/// Three consumers join one after another; all that is written is read by one of them, once.
async fn consumers_share(cluster: &Cluster, topic: &str, strategy: Strategy) -> Vec<Consumer> {
    cluster.create_topic(topic, 6);
    let config = || config(cluster, topic).partition_assignment_strategy([strategy.clone()]);
    let (mut consumers, mut seen) = (Vec::new(), Seen::default());
    for (n, each) in [(1, 6), (2, 3), (3, 2)] {
        consumers.push(subscribed(config(), topic).await);
        poll_until(&mut consumers, &mut seen, "sharing", |consumers, _| {
            shares(consumers) == vec![each; n] && have_all_once(consumers, 6)
        })
        .await;
        cluster.fill(topic, 600);
        poll_until(&mut consumers, &mut seen, "reading", |_, seen| seen.len() == 600 * n).await;
    }
    assert_eq!(seen.repeated, 0);
    consumers
}

async fn close_all(consumers: Vec<Consumer>) {
    for consumer in consumers {
        consumer.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn three_consumers_share_with_range() {
    let cluster = &*Cluster::shared();
    let consumers = consumers_share(cluster, "range", Strategy::Range).await;
    let first: Vec<Vec<i32>> =
        consumers.iter().map(|c| c.assignment().map(|tp| tp.partition).collect()).collect();
    assert!(first.iter().all(|owned| owned[1] == owned[0] + 1), "runs of neighbours: {first:?}");
    close_all(consumers).await;
    assert_eq!(cluster.committed("range"), [Some(300); 6]);
}

#[tokio::test]
async fn three_consumers_share_with_cooperative_sticky_and_keep_what_need_not_move() {
    let cluster = &*Cluster::shared();
    let mut consumers = consumers_share(cluster, "cooperative", Strategy::CooperativeSticky).await;
    let mut revoked = 0;
    for notice in consumers[0].notices() {
        match notice {
            Notice::Revoked(partitions) => revoked += partitions.len(),
            // A busy machine may be slow to connect.
            Notice::Assigned(_) | Notice::Disconnected { .. } => {}
            notice => panic!("{notice:?}"),
        }
    }
    assert_eq!(revoked, 4, "six, then three, then two");
    close_all(consumers).await;
    assert_eq!(cluster.committed("cooperative"), [Some(300); 6]);
}

#[tokio::test]
async fn a_consumer_that_closes_or_is_dropped_leaves_at_once() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("leaving", 3);
    cluster.fill("leaving", 300);
    // Had it to wait for the end of a session, the test would fail.
    let config = || config(cluster, "leaving").session_timeout(PATIENCE * 3);
    let mut consumers = vec![];
    for _ in 0..3 {
        consumers.push(subscribed(config(), "leaving").await);
    }
    let mut seen = Seen::default();
    poll_until(&mut consumers, &mut seen, "sharing", |consumers, seen| {
        shares(consumers) == [1; 3] && seen.len() == 300
    })
    .await;
    consumers.remove(0).close(PATIENCE).await.unwrap();
    let dropping = Instant::now();
    drop(consumers.remove(0));
    assert!(dropping.elapsed() < Duration::from_millis(500), "drop took {:?}", dropping.elapsed());
    poll_until(&mut consumers, &mut seen, "taking over", |consumers, _| shares(consumers) == [3]).await;
}

#[test]
fn the_partitions_of_a_consumer_that_died_move_after_its_session_and_nothing_is_lost() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dying", 2);
    cluster.fill("dying", 200);
    let config = || config(cluster, "dying").session_timeout(SECOND);
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (doomed, survivors) = (runtime(), runtime());
    let mut victim = doomed.block_on(async {
        let mut victim = subscribed(config(), "dying").await;
        read(&mut victim, 1).await;
        victim
    });
    // Its task ends in the middle of whatever it does, as with SIGKILL.
    doomed.shutdown_background();
    let seen = survivors.block_on(async {
        let mut survivor = subscribed(config(), "dying").await;
        read(&mut survivor, 200).await
    });
    assert_eq!(seen.len(), 200, "nothing was committed, so all of it comes again");
    assert_eq!(survivors.block_on(victim.commit_sync()), Err(milena_client::Error::Closed));
}

#[tokio::test]
async fn a18_a_consumer_that_does_not_poll_stays_until_max_poll_interval_and_comes_back() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("stuck", 2);
    let config = || {
        let config = config(cluster, "stuck").session_timeout(SECOND);
        config.max_poll_interval(3 * SECOND)
    };
    let mut seen = Seen::default();
    let mut stuck = vec![subscribed(config(), "stuck").await];
    poll_until(&mut stuck, &mut seen, "joining", |consumers, _| shares(consumers) == [2]).await;
    let since = Instant::now();
    let mut other = vec![subscribed(config(), "stuck").await];
    poll_until(&mut other, &mut seen, "taking over", |consumers, _| shares(consumers) == [2]).await;
    // Heartbeats have kept it in the group for longer than a session; the group waited for it to join again.
    assert!(since.elapsed() > 2 * SECOND, "gone after {:?}", since.elapsed());

    let mut both = vec![stuck.remove(0), other.remove(0)];
    poll_until(&mut both, &mut seen, "sharing", |consumers, _| shares(consumers) == [1, 1]).await;
    let notices: Vec<Notice> = both[0].notices().collect();
    assert!(
        notices.iter().any(|notice| matches!(notice, Notice::Lost(lost) if lost.len() == 2)),
        "{notices:?}"
    );
}

#[tokio::test]
async fn a_static_member_keeps_its_partitions_over_a_restart() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("static", 2);
    let config = |instance: &str| config(cluster, "static").group_instance_id(instance);
    let mut seen = Seen::default();
    let mut consumers =
        vec![subscribed(config("a"), "static").await, subscribed(config("b"), "static").await];
    poll_until(&mut consumers, &mut seen, "sharing", |consumers, _| shares(consumers) == [1, 1]).await;
    let owned: Vec<TopicPartition> = consumers[0].assignment().cloned().collect();
    let _ = consumers[1].notices().count();
    consumers.remove(0).close(PATIENCE).await.unwrap();
    consumers.insert(0, subscribed(config("a"), "static").await);
    poll_until(&mut consumers, &mut seen, "coming back", |consumers, _| shares(consumers) == [1, 1]).await;
    assert_eq!(consumers[0].assignment().cloned().collect::<Vec<_>>(), owned);
    let _ = consumers[1].poll(A_WHILE).await.unwrap();
    assert_eq!(consumers[1].notices().collect::<Vec<_>>(), [], "the other one was not disturbed");
}
