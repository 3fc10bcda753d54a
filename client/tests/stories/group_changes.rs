//! What makes a group rebalance, and what must not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_client::assignors::{Assignor, ClusterTopics, GroupAssignment, Member};
use milena_client::{Consumer, Error, Notice, Strategy};

use super::common::{PATIENCE, POLL, Seen, config, poll_until, read_on, subscribed};
use crate::cluster::{Cluster, SECOND};

fn shares(consumers: &[Consumer]) -> Vec<usize> {
    consumers.iter().map(|consumer| consumer.assignment().len()).collect()
}

fn have_shared(expected: &[usize]) -> impl Fn(&[Consumer], &Seen) -> bool {
    move |consumers, _| {
        let mut shares = shares(consumers);
        shares.sort_unstable();
        shares == expected
    }
}

#[tokio::test]
async fn a_group_moves_from_eager_to_cooperative_by_rolling_restarts() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("rolling", 4);
    let config = |strategies: &[Strategy]| {
        config(cluster, "rolling").partition_assignment_strategy(strategies.to_vec())
    };
    let eager = [Strategy::Range];
    let both = [Strategy::CooperativeSticky, Strategy::Range];
    let cooperative = [Strategy::CooperativeSticky];
    let mut consumers =
        vec![subscribed(config(&eager), "rolling").await, subscribed(config(&eager), "rolling").await];
    let mut seen = Seen::default();
    poll_until(&mut consumers, &mut seen, "sharing", have_shared(&[2, 2])).await;
    let mut written = 0;
    for strategies in [&both[..], &cooperative] {
        for _ in 0..2 {
            consumers.remove(0).close(PATIENCE).await.unwrap();
            consumers.push(subscribed(config(strategies), "rolling").await);
            poll_until(&mut consumers, &mut seen, "sharing", have_shared(&[2, 2])).await;
            cluster.fill("rolling", 40);
            written += 40;
            poll_until(&mut consumers, &mut seen, "reading", |_, seen| seen.len() == written).await;
        }
    }
    assert_eq!(seen.repeated, 0);
    // Now a third one takes nothing from the others that stays with them.
    consumers.iter_mut().for_each(|consumer| drop(consumer.notices()));
    consumers.push(subscribed(config(&cooperative), "rolling").await);
    poll_until(&mut consumers, &mut seen, "sharing", have_shared(&[1, 1, 2])).await;
    let revoked: usize = consumers[..2]
        .iter_mut()
        .flat_map(|consumer| consumer.notices().collect::<Vec<_>>())
        .map(|notice| if let Notice::Revoked(partitions) = notice { partitions.len() } else { 0 })
        .sum();
    assert_eq!(revoked, 1);
}

#[tokio::test]
async fn t12_of_two_consumers_with_one_instance_id_the_older_is_fenced_and_told_so() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("fenced", 1);
    let config = || config(cluster, "fenced").group_instance_id("one");
    let mut seen = Seen::default();
    let mut older = vec![subscribed(config(), "fenced").await];
    poll_until(&mut older, &mut seen, "joining", have_shared(&[1])).await;
    let mut newer = vec![subscribed(config(), "fenced").await];
    poll_until(&mut newer, &mut seen, "taking over", have_shared(&[1])).await;
    let since = Instant::now();
    let error = loop {
        match older[0].poll(POLL).await {
            Ok(_) => assert!(since.elapsed() < PATIENCE),
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::Fenced);
    assert_eq!(error.to_string(), "another consumer has the same group.instance.id");
    cluster.fill("fenced", 10);
    read_on(&mut newer[0], &mut seen, 10).await;
    newer.remove(0).close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn partitions_that_are_added_are_shared_out_within_metadata_max_age() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("growing", 2);
    let config = || config(cluster, "growing").metadata_max_age(Duration::from_secs(1));
    let mut seen = Seen::default();
    let mut consumers = vec![subscribed(config(), "growing").await, subscribed(config(), "growing").await];
    poll_until(&mut consumers, &mut seen, "sharing", have_shared(&[1, 1])).await;
    cluster.add_partitions("growing", 4);
    poll_until(&mut consumers, &mut seen, "growing", have_shared(&[2, 2])).await;
    cluster.fill("growing", 400);
    poll_until(&mut consumers, &mut seen, "reading", |_, seen| seen.len() == 400).await;
}

#[tokio::test]
async fn a_subscription_that_changes_makes_the_group_share_out_anew() {
    let cluster = &*Cluster::shared();
    for topic in ["changing-1", "changing-2"] {
        cluster.create_topic(topic, 2);
    }
    let mut seen = Seen::default();
    let mut consumers = vec![
        subscribed(config(cluster, "changing"), "changing-1").await,
        subscribed(config(cluster, "changing"), "changing-1").await,
    ];
    poll_until(&mut consumers, &mut seen, "sharing", have_shared(&[1, 1])).await;
    consumers[0].subscribe(["changing-2"]).await.unwrap();
    poll_until(&mut consumers, &mut seen, "changing", have_shared(&[2, 2])).await;
    assert!(consumers[0].assignment().all(|partition| &*partition.topic == "changing-2"));
}

/// Gives everything to the member whose id is the last in the alphabet.
#[derive(Debug, Default)]
struct LastTakesAll;

impl Assignor for LastTakesAll {
    fn name(&self) -> &str {
        "last-takes-all"
    }

    fn assign(&self, cluster: &ClusterTopics, members: &[Member]) -> GroupAssignment {
        let mut assignment: BTreeMap<String, Vec<(String, Vec<i32>)>> =
            members.iter().map(|member| (member.member_id.clone(), Vec::new())).collect();
        if let Some(mut last) = assignment.last_entry() {
            for (topic, partitions) in cluster {
                let indexes = partitions.iter().map(|partition| partition.index).collect();
                last.get_mut().push((topic.clone(), indexes));
            }
        }
        assignment.into_iter().collect()
    }
}

#[tokio::test]
async fn an_assignor_of_the_applications_own_shares_out() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("own-assignor", 3);
    let config = |id: &str| {
        let own = Strategy::custom(LastTakesAll::default);
        config(cluster, "own-assignor").client_id(id).partition_assignment_strategy([own])
    };
    let mut consumers = vec![
        subscribed(config("a"), "own-assignor").await,
        subscribed(config("b"), "own-assignor").await,
        subscribed(config("c"), "own-assignor").await,
    ];
    // A member's id begins with its client.id.
    poll_until(&mut consumers, &mut Seen::default(), "sharing", |consumers, _| {
        shares(consumers) == [0, 0, 3]
    })
    .await;
}

// Heartbeats go on while the tool runs.
#[tokio::test(flavor = "multi_thread")]
async fn t10_a_join_that_takes_longer_than_a_session_leaves_no_ghost_behind() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("long-join", 2);
    let config = || {
        let config = config(cluster, "long-join").session_timeout(2 * SECOND);
        config.max_poll_interval(8 * SECOND)
    };
    let mut seen = Seen::default();
    let mut first = vec![subscribed(config(), "long-join").await];
    poll_until(&mut first, &mut seen, "joining", have_shared(&[2])).await;
    // The first one is busy, and the group waits for it: for up to eight of its seconds.
    let since = Instant::now();
    let mut second = vec![subscribed(config(), "long-join").await];
    while since.elapsed() < 6 * SECOND {
        assert!(second[0].poll(POLL).await.unwrap().is_empty());
    }
    assert_eq!(shares(&second), [0]);
    let mut both = vec![first.remove(0), second.remove(0)];
    poll_until(&mut both, &mut seen, "sharing", have_shared(&[1, 1])).await;
    let lost = both.iter_mut().flat_map(|consumer| consumer.notices().collect::<Vec<_>>());
    assert_eq!(lost.filter(|notice| matches!(notice, Notice::Lost(_))).count(), 0);
    // Where a busy machine has made a session end meanwhile, its member comes back.
    let deadline = Instant::now() + PATIENCE;
    loop {
        match cluster.members("long-join") {
            2 => break,
            fewer => assert!(fewer < 2, "{fewer}: two members, and nobody else"),
        }
        assert!(Instant::now() < deadline, "two members");
        for consumer in &mut both {
            seen.poll(consumer).await;
        }
        poll_until(&mut both, &mut seen, "sharing again", have_shared(&[1, 1])).await;
    }
}
