//! Groups under the consumer protocol (KIP-848), with a real coordinator.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use milena_client::{
    Admin, Config, Consumer, ConsumerHandle, Error, GroupProtocol, Notice, OffsetReset, RebalanceListener,
    Strategy, TopicPartition,
};
use milena_protocol::ErrorCode;

use super::common::{FETCH_MAX_WAIT, PATIENCE, POLL, Seen, poll_until, read, read_on, subscribed};
use crate::cluster::{Cluster, SECOND};

/// A member of a group that begins with the first record.
pub fn config(cluster: &Cluster, group: &str) -> Config {
    let config = Config::new(&cluster.bootstrap()).unwrap().group_id(group);
    let config = config.group_protocol(GroupProtocol::Consumer).auto_offset_reset(OffsetReset::Earliest);
    config.fetch_max_wait(FETCH_MAX_WAIT)
}

/// A member of the same group under the classic protocol.
fn classic(cluster: &Cluster, group: &str) -> Config {
    let config = super::common::config(cluster, group);
    config.partition_assignment_strategy([Strategy::CooperativeSticky, Strategy::Range])
}

fn shares(consumers: &[Consumer]) -> Vec<usize> {
    consumers.iter().map(|consumer| consumer.assignment().len()).collect()
}

/// Whether each has so many partitions, and no two have the same.
pub fn have_shared(expected: &[usize]) -> impl Fn(&[Consumer], &Seen) -> bool {
    move |consumers, _| {
        let all: BTreeSet<&TopicPartition> = consumers.iter().flat_map(|c| c.assignment()).collect();
        shares(consumers) == expected && all.len() == expected.iter().sum::<usize>()
    }
}

fn partitions(consumer: &Consumer) -> Vec<i32> {
    consumer.assignment().map(|partition| partition.partition).collect()
}

async fn close_all(consumers: Vec<Consumer>) {
    for consumer in consumers {
        consumer.close(PATIENCE).await.unwrap();
    }
}

/// One to three consumers share a topic of six partitions; all that is written is read by one of them, once.
async fn consumers_share(cluster: &Cluster, topic: &str, assignor: &str) -> Vec<Consumer> {
    cluster.create_topic(topic, 6);
    let (mut consumers, mut seen) = (Vec::new(), Seen::default());
    for (n, expected) in [&[6][..], &[3, 3], &[2, 2, 2]].into_iter().enumerate() {
        consumers.push(subscribed(config(cluster, topic).group_remote_assignor(assignor), topic).await);
        poll_until(&mut consumers, &mut seen, "sharing", have_shared(expected)).await;
        cluster.fill(topic, 600);
        poll_until(&mut consumers, &mut seen, "reading", |_, seen| seen.len() == 600 * (n + 1)).await;
    }
    assert_eq!(seen.repeated, 0, "what moves is committed before it moves");
    consumers
}

#[tokio::test]
async fn three_members_share_as_the_uniform_assignor_of_the_broker_says() {
    let cluster = &*Cluster::shared();
    let mut consumers = consumers_share(cluster, "kip848-uniform", "uniform").await;
    let revoked = consumers[0].notices().filter_map(|notice| match notice {
        Notice::Revoked(partitions) => Some(partitions.len()),
        _ => None,
    });
    assert_eq!(revoked.sum::<usize>(), 4, "six, then three, then two: nothing is taken that need not move");
    close_all(consumers).await;
    assert_eq!(cluster.committed("kip848-uniform"), [Some(300); 6]);
}

#[tokio::test]
async fn three_members_share_as_the_range_assignor_of_the_broker_says() {
    let cluster = &*Cluster::shared();
    let consumers = consumers_share(cluster, "kip848-range", "range").await;
    let runs: Vec<Vec<i32>> = consumers.iter().map(partitions).collect();
    assert!(runs.iter().all(|owned| owned[1] == owned[0] + 1), "runs of neighbours: {runs:?}");
    close_all(consumers).await;
    assert_eq!(cluster.committed("kip848-range"), [Some(300); 6]);
}

#[tokio::test]
async fn an_assignor_that_the_broker_does_not_have_is_an_error_that_names_those_it_has() {
    let cluster = &*Cluster::shared();
    let mut consumer =
        subscribed(config(cluster, "kip848-nonesuch").group_remote_assignor("sticky"), "nowhere").await;
    let error = consumer.poll(PATIENCE).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UNSUPPORTED_ASSIGNOR));
    assert!(error.to_string().contains("uniform, range"), "{error}");
}

#[tokio::test]
async fn a_broker_without_the_protocol_is_an_error_that_names_the_other_one() {
    let cluster = Cluster::without_consumer_protocol();
    let mut consumer = subscribed(config(&cluster, "g"), "t").await;
    let error = consumer.poll(PATIENCE).await.unwrap_err();
    assert_eq!(error, Error::NoConsumerProtocol);
    assert!(error.to_string().contains("group.protocol=classic"), "{error}");
}

#[tokio::test]
async fn a_member_that_closes_or_is_dropped_leaves_at_once() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("kip848-leaving", 3);
    let mut consumers = Vec::new();
    for _ in 0..3 {
        consumers.push(subscribed(config(cluster, "kip848-leaving"), "kip848-leaving").await);
    }
    let mut seen = Seen::default();
    poll_until(&mut consumers, &mut seen, "sharing", have_shared(&[1, 1, 1])).await;
    // Sessions last for 45 s here: had it to wait for their ends, the test would fail.
    consumers.remove(0).close(PATIENCE).await.unwrap();
    drop(consumers.remove(0));
    let since = Instant::now();
    poll_until(&mut consumers, &mut seen, "taking over", have_shared(&[3])).await;
    assert!(since.elapsed() < Duration::from_secs(40));
    consumers[0].unsubscribe().await.unwrap();
    assert_eq!(shares(&consumers), [0]);
    consumers[0].subscribe(["kip848-leaving"]).await.unwrap();
    poll_until(&mut consumers, &mut seen, "coming back", have_shared(&[3])).await;
}

/// A consumer in a runtime that stands still unless the test lets it run, heartbeats included.
struct Frozen {
    runtime: tokio::runtime::Runtime,
    consumer: Consumer,
}

impl Frozen {
    fn joined(config: Config, topic: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let consumer = runtime.block_on(async {
            let mut consumer = subscribed(config, topic).await;
            read(&mut consumer, 1).await;
            consumer
        });
        Frozen { runtime, consumer }
    }
}

#[test]
fn the_partitions_of_a_member_that_died_move_after_its_session_and_nothing_is_lost() {
    let cluster = &*Cluster::shared_with("kip848-dying", "consumer.session.timeout.ms", 3 * SECOND);
    cluster.create_topic("kip848-dying", 2);
    cluster.fill("kip848-dying", 200);
    let mut dead = Frozen::joined(config(cluster, "kip848-dying"), "kip848-dying");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut survivor = runtime.block_on(async {
        let mut survivor = subscribed(config(cluster, "kip848-dying"), "kip848-dying").await;
        let seen = read(&mut survivor, 200).await;
        assert_eq!(seen.repeated, 0);
        survivor
    });
    // It was not dead after all: it has lost what it had, and takes part again.
    let commit = dead.runtime.block_on(async {
        let commit = dead.consumer.commit_sync().await;
        let deadline = Instant::now() + PATIENCE;
        while !dead.consumer.notices().any(|notice| matches!(notice, Notice::Lost(lost) if lost.len() == 2)) {
            assert!(Instant::now() < deadline, "it was never told");
            let _ = dead.consumer.poll(POLL).await.unwrap();
        }
        commit
    });
    assert_eq!(commit, Err(Error::CommitFailed));
    // Each runs for itself, so that the other's heartbeats stop meanwhile: long enough for both to be told.
    let deadline = Instant::now() + PATIENCE;
    while shares(std::slice::from_ref(&dead.consumer)) != [1] {
        assert!(Instant::now() < deadline, "not shared: {:?}", [&dead.consumer, &survivor].map(partitions));
        runtime.block_on(survivor.poll(POLL)).unwrap();
        dead.runtime.block_on(dead.consumer.poll(POLL)).unwrap();
    }
}

#[tokio::test]
async fn a18_a_member_that_does_not_poll_leaves_after_max_poll_interval_and_comes_back() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("kip848-stuck", 2);
    cluster.fill("kip848-stuck", 20);
    let config = || config(cluster, "kip848-stuck").max_poll_interval(5 * SECOND);
    let mut stuck = subscribed(config(), "kip848-stuck").await;
    let mut seen = read(&mut stuck, 20).await;
    let mut other = vec![subscribed(config(), "kip848-stuck").await];
    poll_until(&mut other, &mut seen, "taking over", have_shared(&[2])).await;
    assert_eq!(stuck.commit_sync().await, Err(Error::CommitFailed), "too late");
    let mut both = vec![stuck, other.remove(0)];
    poll_until(&mut both, &mut seen, "sharing", have_shared(&[1, 1])).await;
    assert!(both[0].notices().any(|notice| matches!(notice, Notice::Lost(lost) if lost.len() == 2)));
}

#[tokio::test]
async fn t12_a_static_member_keeps_its_partitions_over_a_restart_and_its_name_is_its_own() {
    let cluster = &*Cluster::shared();
    let topic = "kip848-static";
    cluster.create_topic(topic, 4);
    let config = |instance: &str| config(cluster, topic).group_instance_id(instance);
    let mut seen = Seen::default();
    let mut consumers = vec![subscribed(config("a"), topic).await, subscribed(config("b"), topic).await];
    poll_until(&mut consumers, &mut seen, "sharing", have_shared(&[2, 2])).await;
    let owned = partitions(&consumers[0]);
    let _ = consumers[1].notices().count();

    let mut impostor = subscribed(config("a"), topic).await;
    assert_eq!(impostor.poll(PATIENCE).await.unwrap_err(), Error::InstanceIdInUse);
    assert_eq!(impostor.poll(POLL).await.unwrap_err(), Error::InstanceIdInUse, "said again");

    consumers.remove(0).close(PATIENCE).await.unwrap();
    // The one who was turned away may have it now, if it asks again.
    impostor.subscribe([topic]).await.unwrap();
    consumers.insert(0, impostor);
    poll_until(&mut consumers, &mut seen, "coming back", have_shared(&[2, 2])).await;
    assert_eq!(partitions(&consumers[0]), owned);
    assert_eq!(consumers[1].notices().collect::<Vec<_>>(), [], "the other one was not disturbed");
}

#[test]
fn t12_of_two_consumers_with_one_instance_id_the_one_that_was_silent_for_too_long_is_fenced() {
    let topic = "kip848-fenced";
    let cluster = &*Cluster::shared_with(topic, "consumer.session.timeout.ms", 2 * SECOND);
    cluster.create_topic(topic, 1);
    cluster.fill(topic, 10);
    let config = || config(cluster, topic).group_instance_id("i");
    let mut older = Frozen::joined(config(), topic);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let newer = runtime.block_on(async {
        let mut newer = subscribed(config(), topic).await;
        let deadline = Instant::now() + PATIENCE;
        // The name is free when the session of the older one is over.
        while newer.assignment().len() == 0 {
            assert!(Instant::now() < deadline, "it never got in");
            match newer.poll(POLL).await {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error, Error::InstanceIdInUse);
                    newer.subscribe([topic]).await.unwrap();
                }
            }
        }
        newer
    });
    let error = older.runtime.block_on(async {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "it was never told");
            if let Err(error) = older.consumer.poll(POLL).await {
                return error;
            }
        }
    });
    assert_eq!(error, Error::Fenced);
    assert_eq!(newer.assignment().len(), 1);
}

#[tokio::test]
async fn partitions_that_are_added_are_shared_out_and_a_topic_that_is_created_late_is_read() {
    let cluster = &*Cluster::shared();
    let topic = "kip848-growing";
    cluster.create_topic(topic, 2);
    let config = || config(cluster, topic).allow_auto_create_topics(false);
    let mut seen = Seen::default();
    let mut consumers = Vec::new();
    for _ in 0..2 {
        let mut consumer = Consumer::new(config()).unwrap();
        consumer.subscribe([topic, "kip848-late"]).await.unwrap();
        consumers.push(consumer);
    }
    poll_until(&mut consumers, &mut seen, "sharing", have_shared(&[1, 1])).await;
    cluster.add_partitions(topic, 4);
    poll_until(&mut consumers, &mut seen, "growing", have_shared(&[2, 2])).await;
    cluster.fill(topic, 400);
    poll_until(&mut consumers, &mut seen, "reading", |_, seen| seen.len() == 400).await;
    cluster.create_topic("kip848-late", 2);
    poll_until(&mut consumers, &mut seen, "one more topic", have_shared(&[3, 3])).await;
}

#[tokio::test]
async fn a_pattern_is_evaluated_by_the_broker_as_topics_come() {
    let cluster = &*Cluster::shared();
    let create = |topic: &str| cluster.create_topic(topic, 1);
    create("kip848-pattern-a");
    create("kip848-other");
    let mut consumer = Consumer::new(config(cluster, "kip848-pattern")).unwrap();
    consumer.subscribe_broker_pattern("kip848-pattern-[ab]").await.unwrap();
    let mut consumers = vec![consumer];
    let mut seen = Seen::default();
    poll_until(&mut consumers, &mut seen, "the first", have_shared(&[1])).await;
    create("kip848-pattern-b");
    // A coordinator evaluates patterns anew every ten seconds at most.
    cluster.hurry(Duration::from_secs(10));
    poll_until(&mut consumers, &mut seen, "the second", have_shared(&[2])).await;
    let topics: Vec<String> = consumers[0].assignment().map(|tp| tp.topic.to_string()).collect();
    assert_eq!(topics, ["kip848-pattern-a", "kip848-pattern-b"]);
    cluster.fill("kip848-pattern-b", 10);
    read_on(&mut consumers[0], &mut seen, 10).await;

    let mut bad = Consumer::new(config(cluster, "kip848-bad-pattern")).unwrap();
    bad.subscribe_broker_pattern("(").await.unwrap();
    let error = bad.poll(PATIENCE).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::INVALID_REGULAR_EXPRESSION), "{error}");
    bad.subscribe(["kip848-other"]).await.unwrap();
    poll_until(std::slice::from_mut(&mut bad), &mut seen, "a good one", have_shared(&[1])).await;
}

#[tokio::test]
async fn a_group_moves_from_classic_to_consumer_and_back_by_rolling_restarts() {
    let cluster = &*Cluster::shared();
    let topic = "kip848-rolling";
    cluster.create_topic(topic, 4);
    let (mut seen, mut records) = (Seen::default(), 0);
    let mut members = vec![
        subscribed(classic(cluster, topic), topic).await,
        subscribed(classic(cluster, topic), topic).await,
    ];
    poll_until(&mut members, &mut seen, "sharing", have_shared(&[2, 2])).await;
    let mut admin = Admin::new(Config::new(&cluster.bootstrap()).unwrap()).unwrap();
    type ConfigOf = fn(&Cluster, &str) -> Config;
    let steps: [(ConfigOf, &str); 4] =
        [(config, "consumer"), (config, "consumer"), (classic, "consumer"), (classic, "classic")];
    for (config, group_type) in steps {
        members.remove(0).close(PATIENCE).await.unwrap();
        members.push(subscribed(config(cluster, topic), topic).await);
        poll_until(&mut members, &mut seen, "sharing", have_shared(&[2, 2])).await;
        // One member is enough to make it a group of the consumer protocol, and the last one that goes to end that.
        assert_eq!(admin.describe_group(topic).await.unwrap().group_type, group_type);
        cluster.fill(topic, 400);
        records += 400;
        poll_until(&mut members, &mut seen, "reading", |_, seen| seen.len() == records).await;
    }
    assert_eq!(seen.repeated, 0);
    close_all(members).await;
    assert_eq!(cluster.committed(topic), [Some(400); 4]);
}

#[tokio::test]
async fn members_stay_members_when_their_coordinator_is_restarted() {
    let mut cluster = Cluster::start();
    cluster.create_topic("restart", 4);
    cluster.fill("restart", 400);
    let mut members = vec![
        subscribed(config(&cluster, "restart"), "restart").await,
        subscribed(config(&cluster, "restart"), "restart").await,
    ];
    let mut seen = Seen::default();
    poll_until(&mut members, &mut seen, "sharing", have_shared(&[2, 2])).await;
    poll_until(&mut members, &mut seen, "reading", |_, seen| seen.len() == 400).await;
    for member in &mut members {
        member.commit_sync().await.unwrap();
        let _ = member.notices().count();
    }
    cluster.stop_broker(0);
    cluster.start_broker(0);
    cluster.fill("restart", 400);
    poll_until(&mut members, &mut seen, "reading on", |_, seen| seen.len() == 800).await;
    assert_eq!(seen.repeated, 0);
    for member in &mut members {
        member.commit_sync().await.unwrap();
        let moved = member
            .notices()
            .find(|notice| matches!(notice, Notice::Assigned(_) | Notice::Revoked(_) | Notice::Lost(_)));
        assert_eq!(moved, None);
    }
}

#[tokio::test]
async fn a16_a_coordinator_that_moves_takes_its_members_along() {
    let mut cluster = Cluster::options().brokers(3).start();
    cluster.create_topic("moving", 6);
    cluster.fill("moving", 600);
    let mut consumer = subscribed(config(&cluster, "moving"), "moving").await;
    let mut seen = read(&mut consumer, 600).await;
    // Each broker in turn: one of them is the coordinator.
    for n in 0..3 {
        cluster.stop_broker(n);
        cluster.fill("moving", 600);
        read_on(&mut consumer, &mut seen, 600 * (n + 2)).await;
        cluster.start_broker(n);
    }
    assert_eq!(seen.repeated, 0);
    consumer.commit_sync().await.unwrap();
    let moved = consumer.notices().filter(|notice| matches!(notice, Notice::Revoked(_) | Notice::Lost(_)));
    assert_eq!(moved.count(), 0);
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("moving"), [Some(400); 6]);
}

#[tokio::test]
async fn latest_begins_with_what_comes_after_the_member_and_earliest_with_the_first_record() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("kip848-ends", 2);
    cluster.fill("kip848-ends", 20);
    let config = |group: &str, reset| config(cluster, group).auto_offset_reset(reset);
    let mut late = subscribed(config("kip848-latest", OffsetReset::Latest), "kip848-ends").await;
    let early = subscribed(config("kip848-earliest", OffsetReset::Earliest), "kip848-ends").await;
    let mut seen = Seen::default();
    poll_until(std::slice::from_mut(&mut late), &mut seen, "joining", have_shared(&[2])).await;
    for partition in 0..2 {
        assert_eq!(late.position(&TopicPartition::new("kip848-ends", partition)).await, Ok(10));
    }
    cluster.fill("kip848-ends", 20);
    read_on(&mut late, &mut seen, 20).await;
    assert!(seen.iter().all(|(_, offset, _)| offset >= 10));
    let mut early = vec![early];
    let mut all = Seen::default();
    poll_until(&mut early, &mut all, "reading all", |_, seen| seen.len() == 40).await;
}

/// What a listener was told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Assigned(usize),
    Revoked(usize),
    Lost(usize),
}

/// Commits by itself whatever goes.
struct Committing(Arc<Mutex<Vec<Told>>>);

impl RebalanceListener for Committing {
    async fn on_partitions_assigned(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        for partition in partitions {
            consumer.position(partition).await?;
        }
        self.0.lock().unwrap().push(Told::Assigned(partitions.len()));
        Ok(())
    }

    async fn on_partitions_revoked(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        consumer.commit_sync().await?;
        self.0.lock().unwrap().push(Told::Revoked(partitions.len()));
        Ok(())
    }

    async fn on_partitions_lost(
        &mut self,
        _: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.0.lock().unwrap().push(Told::Lost(partitions.len()));
        Ok(())
    }
}

#[tokio::test]
async fn a7_what_is_committed_in_the_hook_is_where_the_next_owner_goes_on() {
    let cluster = &*Cluster::shared();
    let topic = "kip848-hook";
    cluster.create_topic(topic, 4);
    cluster.fill(topic, 4_000);
    let config = config(cluster, topic).enable_auto_commit(false).max_poll_records(100_usize);
    let diaries: Vec<Arc<Mutex<Vec<Told>>>> = vec![Arc::default(), Arc::default()];
    let mut members = Vec::new();
    let mut seen = Seen::default();
    for (n, diary) in diaries.iter().enumerate() {
        let mut member = Consumer::new(config.clone()).unwrap();
        member.subscribe_with([topic], Committing(diary.clone())).await.unwrap();
        members.push(member);
        // The second comes in the middle.
        poll_until(&mut members, &mut seen, "reading", |_, seen| seen.len() >= 1_000 * (n + 1)).await;
    }
    poll_until(&mut members, &mut seen, "sharing", |members, seen| {
        have_shared(&[2, 2])(members, seen) && seen.len() == 4_000
    })
    .await;
    assert_eq!(seen.repeated, 0, "the second goes on where the first has left off");
    close_all(members).await;
    assert_eq!(cluster.committed(topic).into_iter().flatten().sum::<i64>(), 4_000);

    use Told::{Assigned, Revoked};
    let [first, second] = [0, 1].map(|n| diaries[n].lock().unwrap().clone());
    assert_eq!(first, [Assigned(4), Revoked(2), Assigned(0), Revoked(2)]);
    // What it has to wait for comes when the first has given it up.
    assert!(second.ends_with(&[Assigned(2), Revoked(2)]), "{second:?}");
}
