//! Rebalance listeners, in groups of a real coordinator.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use milena_client::{
    Consumer, ConsumerHandle, Error, RebalanceKind, RebalanceListener, Rebalances, Strategy, TopicPartition,
};

use super::common::{A_WHILE, PATIENCE, POLL, Seen, config, poll_until, read};
use crate::cluster::Cluster;

/// What a listener was told, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Assigned(&'static str, usize),
    Revoked(&'static str, usize),
    Lost(&'static str, usize),
}

#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<Told>>>);

impl Diary {
    fn note(&self, told: Told) {
        self.0.lock().unwrap().push(told);
    }

    fn read(&self) -> Vec<Told> {
        self.0.lock().unwrap().clone()
    }
}

/// Commits by itself whatever goes.
struct Committing(&'static str, Diary);

impl RebalanceListener for Committing {
    async fn on_partitions_assigned(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        for partition in partitions {
            consumer.position(partition).await?;
        }
        self.1.note(Told::Assigned(self.0, partitions.len()));
        Ok(())
    }

    async fn on_partitions_revoked(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        consumer.commit_sync().await?;
        self.1.note(Told::Revoked(self.0, partitions.len()));
        Ok(())
    }

    async fn on_partitions_lost(
        &mut self,
        _: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.1.note(Told::Lost(self.0, partitions.len()));
        Ok(())
    }
}

#[tokio::test]
async fn a7_what_is_committed_in_the_hook_is_where_the_next_owner_goes_on() {
    for (strategy, group) in [(Strategy::Range, "hook-eager"), (Strategy::CooperativeSticky, "hook-coop")] {
        let cluster = &*Cluster::shared();
        cluster.create_topic(group, 4);
        cluster.fill(group, 4_000);
        let is_eager = strategy == Strategy::Range;
        let config = config(cluster, group)
            .enable_auto_commit(false)
            .partition_assignment_strategy(vec![strategy])
            .max_poll_records(100_usize);
        let diary = Diary::default();
        let mut first = Consumer::new(config.clone()).unwrap();
        first.subscribe_with([group], Committing("first", diary.clone())).await.unwrap();
        let mut seen = read(&mut first, 1_000).await;

        let mut second = Consumer::new(config).unwrap();
        second.subscribe_with([group], Committing("second", diary.clone())).await.unwrap();
        let mut members = [first, second];
        poll_until(&mut members, &mut seen, "sharing", |members, seen| {
            members.iter().all(|member| member.assignment().len() == 2) && seen.len() == 4_000
        })
        .await;
        assert_eq!(seen.repeated, 0, "the second goes on where the first has left off");
        let [first, second] = members;
        first.close(PATIENCE).await.unwrap();
        second.close(PATIENCE).await.unwrap();
        assert_eq!(cluster.committed(group).into_iter().flatten().sum::<i64>(), 4_000);

        let diary = diary.read();
        let of = |name| -> Vec<Told> {
            let its = |told: &&Told| match told {
                Told::Assigned(who, _) | Told::Revoked(who, _) | Told::Lost(who, _) => *who == name,
            };
            diary.iter().filter(its).cloned().collect()
        };
        use Told::{Assigned, Revoked};
        let first = of("first");
        if is_eager {
            let expected =
                [Assigned("first", 4), Revoked("first", 4), Assigned("first", 2), Revoked("first", 2)];
            assert_eq!(first, expected);
        } else {
            assert_eq!(first[0], Assigned("first", 4));
            assert_eq!(first[1..3], [Revoked("first", 2), Assigned("first", 0)]);
            assert_eq!(first.last(), Some(&Revoked("first", 2)));
        }
        assert!(of("second").contains(&Assigned("second", 2)), "{diary:?}");
    }
}

/// Begins in the midst of partition 0, and leaves the others for later.
struct Choosing;

impl RebalanceListener for Choosing {
    async fn on_partitions_assigned(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        for partition in partitions {
            // By now it is being read from there.
            assert_eq!(consumer.position(partition).await?, 0);
            match partition.partition {
                0 => consumer.seek(partition, 40).await?,
                _ => consumer.pause([partition.clone()]).await?,
            }
        }
        Ok(())
    }

    async fn on_partitions_revoked(&mut self, _: &ConsumerHandle, _: &[TopicPartition]) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test]
async fn a_listener_decides_where_reading_begins_and_what_is_paused() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("choosing-hook", 2);
    cluster.fill("choosing-hook", 200);
    let mut consumer = Consumer::new(config(cluster, "choosing-hook")).unwrap();
    consumer.subscribe_with(["choosing-hook"], Choosing).await.unwrap();
    let seen = read(&mut consumer, 60).await;
    let places: Vec<(i32, i64)> = seen.iter().map(|(partition, offset, _)| (partition, offset)).collect();
    assert_eq!(places, (40..100).map(|offset| (0, offset)).collect::<Vec<_>>());
    assert!(consumer.poll(A_WHILE).await.unwrap().is_empty());

    let other = TopicPartition::new("choosing-hook", 1);
    assert_eq!(consumer.paused().collect::<Vec<_>>(), [&other]);
    consumer.resume([other]).await.unwrap();
    let seen = read(&mut consumer, 100).await;
    assert!(seen.repeated == 0 && seen.iter().all(|(partition, ..)| partition == 1));
    consumer.close(PATIENCE).await.unwrap();
}

/// Takes longer than the call in which it was begun.
struct Slow(Diary);

impl RebalanceListener for Slow {
    async fn on_partitions_assigned(
        &mut self,
        _: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.note(Told::Assigned("slow", partitions.len()));
        Ok(())
    }

    async fn on_partitions_revoked(
        &mut self,
        _: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.0.note(Told::Revoked("slow", partitions.len()));
        Err(Error::Misuse("the listener's own trouble"))
    }
}

#[tokio::test]
async fn a_listener_outlives_the_polls_that_are_given_up_and_its_error_is_that_of_the_call() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("slow-hook", 1);
    cluster.fill("slow-hook", 10);
    let diary = Diary::default();
    let mut consumer = Consumer::new(config(cluster, "slow-hook")).unwrap();
    consumer.subscribe_with(["slow-hook"], Slow(diary.clone())).await.unwrap();
    let mut given_up = 0;
    let mut seen = Seen::default();
    while seen.len() < 10 {
        let poll = tokio::time::timeout(Duration::from_millis(50), seen.poll(&mut consumer));
        given_up += usize::from(poll.await.is_err());
    }
    assert!(given_up > 5, "the listener took longer than {given_up} polls");
    assert_eq!(diary.read(), [Told::Assigned("slow", 1)], "once");
    let closed = consumer.close(PATIENCE).await;
    assert_eq!(closed, Err(Error::Misuse("the listener's own trouble")));
    assert_eq!(cluster.committed("slow-hook"), [Some(10)]);
}

#[tokio::test]
async fn rebalances_can_be_received_as_values_and_the_group_waits_for_their_acknowledgement() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("values", 2);
    cluster.fill("values", 200);
    let config = config(cluster, "values").enable_auto_commit(false);
    let (listener, mut rebalances) = Rebalances::channel();
    let mut consumer = Consumer::new(config.clone()).unwrap();
    consumer.subscribe_with(["values"], listener).await.unwrap();
    let mut second = None;
    let mut read = 0;
    let mut told = Vec::new();
    // In one task: a poll is given up for each rebalance.
    while told.len() < 3 {
        tokio::select! {
            records = consumer.poll(POLL) => {
                read += records.unwrap().len();
                if read == 200 && second.is_none() {
                    let mut other = Consumer::new(config.clone()).unwrap();
                    other.subscribe(["values"]).await.unwrap();
                    second = Some(tokio::spawn(async move {
                        while other.assignment().len() == 0 {
                            other.poll(POLL).await.unwrap();
                        }
                        let partition = other.assignment().next().unwrap().clone();
                        let position = other.position(&partition).await.unwrap();
                        other.close(PATIENCE).await.unwrap();
                        position
                    }));
                }
            }
            Some(rebalance) = rebalances.next() => {
                told.push((rebalance.kind(), rebalance.partitions().len()));
                if rebalance.kind() == RebalanceKind::Revoked {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    assert!(!second.as_ref().unwrap().is_finished(), "the group waits");
                    rebalance.consumer().commit_sync().await.unwrap();
                }
                assert!(rebalance.acknowledge(), "in time");
            }
        }
    }
    use RebalanceKind::{Assigned, Revoked};
    assert_eq!(told, [(Assigned, 2), (Revoked, 2), (Assigned, 1)]);
    let mut second = second.unwrap();
    let position = loop {
        tokio::select! {
            position = &mut second => break position.unwrap(),
            records = consumer.poll(POLL) => drop(records.unwrap()),
            Some(rebalance) = rebalances.next() => drop(rebalance),
        }
    };
    assert_eq!(position, 100, "committed before it was handed over");
    drop(rebalances);
    consumer.close(PATIENCE).await.unwrap();
}
