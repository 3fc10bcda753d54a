//! Records as streams, of a real broker.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use milena_client::{
    Config, Consumer, Error, GroupProtocol, OffsetReset, PartitionStream, Strategy, TopicPartition,
};
use tokio::sync::oneshot;

use super::common::{PATIENCE, Seen, config, subscribed};
use crate::cluster::Cluster;

#[tokio::test]
async fn streams_that_are_dropped_anywhere_and_polls_between_them_read_each_record_once() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("stream", 3);
    cluster.fill("stream", 3000);
    let mut consumer: Consumer =
        subscribed(config(cluster, "stream").max_poll_records(7_usize), "stream").await;
    let mut seen = Seen::default();
    let deadline = Instant::now() + PATIENCE;
    for round in 0.. {
        assert!(Instant::now() < deadline, "{} records", seen.len());
        let mut stream = consumer.stream();
        for _ in 0..round % 200 {
            // Dropped in the middle, as often as not.
            let next = tokio::time::timeout(Duration::from_millis(round % 3), stream.next());
            let Ok(record) = next.await else { break };
            seen.add(&record.unwrap().unwrap());
        }
        drop(stream);
        seen.poll(&mut consumer).await;
        if seen.len() == 3000 {
            break;
        }
    }
    assert_eq!(seen.repeated, 0);
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("stream"), [Some(1000); 3]);
}

/// What all workers have done.
#[derive(Default)]
struct Work {
    done: BTreeSet<(i32, i64)>,
    /// Not acknowledged when it comes for the first time.
    stuck: Option<(i32, i64)>,
    /// Their worker crashes when they come for the first time.
    crashes: BTreeSet<(i32, i64)>,
}

type Shared = Arc<Mutex<Work>>;

/// Takes records in small lots, and acknowledges each lot in another order, after it is done.
async fn work(stream: PartitionStream, work: Shared) {
    let (acker, mut lots) = (stream.acker(), stream.ready_chunks(7));
    while let Some(lot) = lots.next().await {
        for record in lot.iter().rev() {
            let place = (record.partition, record.offset);
            {
                let mut work = work.lock().unwrap();
                if work.stuck.take_if(|stuck| *stuck == place).is_some() {
                    continue;
                }
                if work.crashes.remove(&place) {
                    return;
                }
                work.done.insert(place);
            }
            tokio::task::yield_now().await;
            acker.ack(record.offset);
        }
    }
}

/// Hands out partitions to workers until it is told to close.
async fn run(config: Config, topic: &str, work_of_all: Shared, mut close: oneshot::Receiver<()>) {
    let mut streams = subscribed(config, topic).await.into_partition_streams();
    streams = streams.max_outstanding(50).hand_over_timeout(Duration::from_millis(500));
    loop {
        tokio::select! {
            next = streams.next() => match next {
                Ok(stream) => drop(tokio::spawn(work(stream, work_of_all.clone()))),
                Err(Error::RebalanceInProgress) => {}
                Err(error) => assert!(error.is_retriable(), "{error}"),
            },
            _ = &mut close => match streams.close(PATIENCE).await {
                // A group that is changing hands takes no commits: what was done last is read again.
                Ok(()) | Err(Error::RebalanceInProgress) => return,
                Err(error) => panic!("{error}"),
            },
        }
    }
}

/// Waits until the group has committed these, and checks at all times that nothing is committed that is not done.
async fn until_committed(observer: &mut Consumer, topic: &str, work: &Shared, offsets: &[i64]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let partitions = (0..offsets.len() as i32).map(|partition| TopicPartition::new(topic, partition));
        let committed = observer.committed(partitions).await.unwrap();
        let committed: Vec<i64> =
            committed.values().map(|offset| offset.as_ref().map_or(0, |o| o.offset)).collect();
        {
            let work = work.lock().unwrap();
            for (partition, end) in (0..).zip(&committed) {
                let missing = (0..*end).find(|offset| !work.done.contains(&(partition, *offset)));
                assert_eq!(missing, None, "partition {partition} is committed up to {end}");
            }
        }
        if committed == offsets {
            return;
        }
        assert!(Instant::now() < deadline, "committed are {committed:?}, not {offsets:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One member with workers; then a second one, too; then both close. What is committed of the four partitions is this much,
/// before the second one comes.
async fn workers_share(
    cluster: &Cluster,
    topic: &'static str,
    config: Config,
    work: Work,
    first_committed: &[i64],
) {
    cluster.create_topic(topic, 4);
    cluster.fill(topic, 4000);
    let config = config.auto_commit_interval(Duration::from_millis(50));
    let mut observer = Consumer::new(config.clone()).unwrap();
    let work = Shared::new(Mutex::new(work));
    let start = |close| tokio::spawn(run(config.clone(), topic, work.clone(), close));
    let (close_first, first_closes) = oneshot::channel();
    let (close_second, second_closes) = oneshot::channel();
    let first = start(first_closes);
    until_committed(&mut observer, topic, &work, first_committed).await;
    let second = start(second_closes);
    cluster.fill(topic, 4000);
    until_committed(&mut observer, topic, &work, &[2000; 4]).await;
    close_first.send(()).unwrap();
    first.await.unwrap();
    cluster.fill(topic, 4000);
    until_committed(&mut observer, topic, &work, &[3000; 4]).await;
    close_second.send(()).unwrap();
    second.await.unwrap();
    assert_eq!(work.lock().unwrap().done.len(), 12_000);
}

#[tokio::test]
async fn a_record_that_is_not_acknowledged_holds_up_its_partition_until_another_reads_it() {
    let work = Work { stuck: Some((0, 500)), ..Work::default() };
    let cluster = &*Cluster::shared();
    // Under the eager protocol all partitions go, and are read again, when the second member comes.
    let config = config(cluster, "stuck-worker").partition_assignment_strategy(vec![Strategy::Range]);
    workers_share(cluster, "stuck-worker", config, work, &[500, 1000, 1000, 1000]).await;
}

fn crashing() -> Work {
    Work { crashes: [(0, 0), (0, 500), (2, 1000), (3, 1999)].into(), ..Work::default() }
}

#[tokio::test]
async fn what_a_worker_leaves_behind_goes_to_the_next_and_to_other_members() {
    let cluster = &*Cluster::shared();
    let config = config(cluster, "crashing-workers");
    let config = config.partition_assignment_strategy(vec![Strategy::CooperativeSticky]);
    workers_share(cluster, "crashing-workers", config, crashing(), &[1000; 4]).await;
}

#[tokio::test]
async fn workers_share_under_the_consumer_protocol_too() {
    let cluster = &*Cluster::shared();
    let config = Config::new(&cluster.bootstrap()).unwrap().group_id("crashing-workers-848");
    let config = config.auto_offset_reset(OffsetReset::Earliest).group_protocol(GroupProtocol::Consumer);
    workers_share(cluster, "crashing-workers-848", config, crashing(), &[1000; 4]).await;
}
