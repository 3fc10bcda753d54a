use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use futures_util::{FutureExt, StreamExt};
use milena_protocol::records::BatchBuilder;
use tokio::time::{Instant, timeout};

use super::*;
use crate::Config;
use crate::consumer::fake_core::{FakeCore, fetch, records, records_at, t};
use crate::core::io::{RebalanceId, RebalanceKind};
use crate::core::rng::Rng;

/// `auto.commit.interval.ms`.
const INTERVAL: Duration = Duration::from_secs(5);

/// Streams that read these partitions, and the worker's ends.
async fn reading(partitions: i32) -> (PartitionStreams, FakeCore, Vec<PartitionStream>) {
    let (consumer, core) = FakeCore::consumer();
    let mut streams = consumer.into_partition_streams();
    let assigned: Vec<_> = (0..partitions).map(t).collect();
    core.assignment(&assigned, &[]);
    let mut ends = Vec::new();
    for partition in &assigned {
        ends.push(streams.next().await.unwrap());
        assert_eq!(ends.last().unwrap().partition(), partition);
    }
    (streams, core, ends)
}

/// Lets the streams go on for a while. There is no new one, and no error.
async fn go_on(streams: &mut PartitionStreams) {
    go_on_for(streams, Duration::from_millis(250)).await;
}

async fn go_on_for(streams: &mut PartitionStreams, time: Duration) {
    if let Ok(next) = timeout(time, streams.next()).await {
        panic!("{next:?}");
    }
}

/// What a worker can take without waiting.
fn take(stream: &mut PartitionStream) -> Vec<i64> {
    std::iter::from_fn(|| stream.next().now_or_never().flatten()).map(|record| record.offset).collect()
}

fn is_over(stream: &mut PartitionStream) -> bool {
    stream.next().now_or_never() == Some(None)
}

fn ack(stream: &PartitionStream, offsets: impl IntoIterator<Item = i64>) {
    offsets.into_iter().for_each(|offset| assert!(stream.ack(offset), "{offset}"));
}

fn offsets<const N: usize>(offsets: [(i32, i64); N]) -> BTreeMap<TopicPartition, i64> {
    offsets.into_iter().map(|(partition, offset)| (t(partition), offset)).collect()
}

fn all(range: Range<i64>) -> Vec<i64> {
    range.collect()
}

#[tokio::test(start_paused = true)]
async fn each_partition_has_a_stream_of_its_own_records() {
    let (mut streams, core, mut ends) = reading(2).await;
    core.fetched(records(0, 0..700));
    core.fetched(records(1, 10..20));
    core.fetched(records(0, 700..800));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(0..800));
    assert_eq!(take(&mut ends[1]), all(10..20));
    core.assignment(&[t(2)], &[]);
    assert_eq!(streams.next().await.unwrap().partition(), &t(2));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_waits_is_woken() {
    let (mut streams, core, mut ends) = reading(1).await;
    let mut end = ends.remove(0);
    let worker = tokio::spawn(async move { (end.next().await, end.next().await) });
    go_on(&mut streams).await;
    core.fetched(records(0, 7..8));
    go_on(&mut streams).await;
    core.assignment(&[], &[t(0)]);
    go_on(&mut streams).await;
    let (record, end) = worker.await.unwrap();
    assert_eq!((record.map(|record| record.offset), end), (Some(7), None));
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_is_acknowledged_without_a_gap() {
    let (mut streams, core, mut ends) = reading(2).await;
    core.fetched(records(0, 0..10));
    core.fetched(records(1, 0..10));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(0..10));
    assert_eq!(take(&mut ends[1]), all(0..10));
    ack(&ends[0], [3, 2, 1, 9]);
    ack(&ends[1], 0..5);
    go_on_for(&mut streams, INTERVAL).await;
    assert_eq!(core.take_commits(), [offsets([(0, 0), (1, 5)])]);
    ack(&ends[0], [0]);
    go_on_for(&mut streams, INTERVAL).await;
    assert_eq!(core.take_commits(), [offsets([(0, 4)])], "only what has changed");
    go_on_for(&mut streams, INTERVAL * 3).await;
    assert_eq!(core.take_commits(), []);
    ack(&ends[0], 4..9);
    streams.commit_sync().await.unwrap();
    assert_eq!(core.take_commits(), [offsets([(0, 10), (1, 5)])]);
}

#[tokio::test(start_paused = true)]
async fn the_leader_epoch_of_the_last_record_is_committed_with_its_offset() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..3));
    let mut batch = BatchBuilder::new();
    batch.set_base_offset(3).set_partition_leader_epoch(4);
    batch.append(0, None, None, &[]).unwrap();
    core.fetched(fetch(1, 0, 3, batch.build()));
    go_on(&mut streams).await;
    take(&mut ends[0]);
    let mut epochs = vec![streams.committable()[&t(0)].leader_epoch];
    for offset in 0..4 {
        ack(&ends[0], [offset]);
        epochs.push(streams.committable()[&t(0)].leader_epoch);
    }
    // Of what was before offset 0 nothing is known.
    assert_eq!(epochs, [None, Some(3), Some(3), Some(3), Some(4)]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_worker_gets_no_more_than_it_may_have_and_holds_up_nobody() {
    let (streams, core, mut ends) = reading(2).await;
    let mut streams = streams.max_outstanding(10);
    core.fetched(records(0, 0..100));
    core.fetched(records(1, 0..100));
    let mut seen = Vec::new();
    for _ in 0..20 {
        go_on(&mut streams).await;
        for offset in take(&mut ends[1]) {
            ack(&ends[1], [offset]);
            seen.push(offset);
        }
    }
    assert_eq!(seen, all(0..100));
    let paused = core.take_paused();
    assert!(paused.contains(&(t(0), true)) && !paused.contains(&(t(0), false)), "{paused:?}");
    assert_eq!(take(&mut ends[0]), all(0..10));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(0..0), "taken is not done");
    ack(&ends[0], 0..4);
    go_on(&mut streams).await;
    assert_eq!(core.take_paused(), []);
    ack(&ends[0], [4]);
    go_on(&mut streams).await;
    assert_eq!(core.take_paused(), [(t(0), false), (t(0), true)]);
    assert_eq!(take(&mut ends[0]), all(10..15));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_resumes_the_partition_at_once() {
    let (streams, core, mut ends) = reading(1).await;
    let mut streams = streams.max_outstanding(1);
    core.fetched(records(0, 0..1000));
    let mut end = ends.remove(0);
    let started = Instant::now();
    let worker = tokio::spawn(async move {
        for expected in 0..1000 {
            let record = end.next().await.unwrap();
            assert_eq!(record.offset, expected);
            end.ack(expected);
        }
    });
    tokio::select! {
        next = streams.next() => panic!("{next:?}"),
        done = worker => done.unwrap(),
    }
    assert!(started.elapsed() < POLL_EVERY, "it never had to wait for a timer");
}

#[tokio::test(start_paused = true)]
async fn a_partition_goes_after_its_work_is_done_and_committed() {
    let (mut streams, core, mut ends) = reading(2).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    assert_eq!(ends[0].next().await.unwrap().offset, 0);
    assert_eq!(ends[0].next().await.unwrap().offset, 1);
    core.withheld(&[t(0)]);
    let id = core.rebalance(RebalanceKind::Revoked, &[t(0)]);
    go_on(&mut streams).await;
    assert!(is_over(&mut ends[0]) && ends[0].is_ended());
    ack(&ends[0], [1]);
    core.fetched(records(1, 0..3));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[1]), all(0..3), "the other one goes on meanwhile");
    assert_eq!((core.acknowledged(), core.take_commits()), (vec![], vec![]));
    ack(&ends[0], [0]);
    go_on(&mut streams).await;
    assert_eq!(core.take_commits(), [offsets([(0, 2)])]);
    assert_eq!(core.acknowledged(), [id]);
    assert!(!ends[0].ack(2), "it was not given out");
    core.assignment(&[], &[t(0)]);
    let id = core.rebalance(RebalanceKind::Assigned, &[]);
    go_on(&mut streams).await;
    assert_eq!(core.acknowledged().last(), Some(&id));
}

#[tokio::test(start_paused = true)]
async fn work_that_takes_too_long_is_not_waited_for_and_not_committed() {
    let (streams, core, mut ends) = reading(1).await;
    let mut streams = streams.hand_over_timeout(Duration::from_secs(2));
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(0..10));
    ack(&ends[0], [0, 1, 2, 4]);
    core.withheld(&[t(0)]);
    let id = core.rebalance(RebalanceKind::Revoked, &[t(0)]);
    go_on_for(&mut streams, Duration::from_millis(1_900)).await;
    assert_eq!(core.acknowledged(), []);
    go_on(&mut streams).await;
    assert_eq!((core.acknowledged(), core.take_commits()), (vec![id], vec![offsets([(0, 3)])]));
    assert!(!ends[0].ack(3), "the next owner reads it again");
    go_on_for(&mut streams, INTERVAL * 2).await;
    assert_eq!(core.take_commits(), []);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_waited_for_who_cannot_acknowledge() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    take(&mut ends[0]);
    let acker = ends[0].acker();
    drop(ends);
    core.withheld(&[t(0)]);
    let id = core.rebalance(RebalanceKind::Revoked, &[t(0)]);
    go_on(&mut streams).await;
    assert_eq!(core.acknowledged(), []);
    assert!(acker.ack(0));
    drop(acker);
    go_on(&mut streams).await;
    assert_eq!((core.acknowledged(), core.take_commits()), (vec![id], vec![offsets([(0, 1)])]));
}

#[tokio::test(start_paused = true)]
async fn of_a_partition_that_is_lost_nothing_is_committed() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    assert_eq!(ends[0].next().await.unwrap().offset, 0);
    ack(&ends[0], [0]);
    core.withheld(&[t(0)]);
    let id = core.rebalance(RebalanceKind::Lost, &[t(0)]);
    go_on(&mut streams).await;
    assert_eq!((core.acknowledged(), core.take_commits()), (vec![id], vec![]));
    assert!(is_over(&mut ends[0]) && !ends[0].ack(1));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_comes_back_has_another_stream() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    core.withheld(&[t(0)]);
    core.rebalance(RebalanceKind::Revoked, &[t(0)]);
    go_on(&mut streams).await;
    core.assignment(&[], &[t(0)]);
    core.assignment(&[t(0)], &[]);
    core.rebalance(RebalanceKind::Assigned, &[t(0)]);
    core.fetched(records_at(2, 0, 0..5));
    let mut end = streams.next().await.unwrap();
    go_on(&mut streams).await;
    assert_eq!(take(&mut end), all(0..5));
    assert!(is_over(&mut ends[0]) && !ends[0].ack(0));
    ack(&end, [0]);
}

/// A call to the consumer takes in what the core has told, also in the midst of a round of the streams.
#[tokio::test(start_paused = true)]
async fn records_that_come_with_their_partition_in_the_midst_of_a_round_wait_for_its_stream() {
    let (mut streams, core, _ends) = reading(1).await;
    core.assignment(&[t(1)], &[]);
    let id = core.rebalance(RebalanceKind::Assigned, &[t(1)]);
    core.fetched(records(1, 0..10));
    drop(streams.consumer.commit_async_offsets(Offsets::new()));
    streams.deliver().unwrap();
    assert_eq!(core.acknowledged(), [], "the listener comes first");
    let mut end = streams.next().await.unwrap();
    core.fetched(records(1, 10..20));
    go_on(&mut streams).await;
    assert_eq!((core.acknowledged(), take(&mut end)), (vec![id], all(0..20)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_is_given_out_again_from_the_first_record_not_acknowledged() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(0..10));
    ack(&ends[0], [0, 1, 3]);
    let acker = ends[0].acker();
    drop(ends);
    go_on(&mut streams).await;
    assert_eq!(core.take_sought(), [], "there is one who may acknowledge more");
    drop(acker);
    let mut end = streams.next().await.unwrap();
    assert_eq!(core.take_sought(), [(t(0), 2)]);
    core.fetched(records(0, 10..20));
    core.fetched(records_at(2, 0, 2..12));
    go_on(&mut streams).await;
    assert_eq!(take(&mut end), all(2..12));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_was_full_when_its_stream_was_dropped_goes_on() {
    let (streams, core, ends) = reading(1).await;
    let mut streams = streams.max_outstanding(3);
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    drop(ends);
    let mut end = streams.next().await.unwrap();
    go_on(&mut streams).await;
    assert_eq!(core.take_paused(), [(t(0), true), (t(0), false)]);
    core.fetched(records_at(2, 0, 0..10));
    go_on(&mut streams).await;
    assert_eq!(take(&mut end), all(0..3));
}

#[tokio::test(start_paused = true)]
async fn going_back_ends_the_stream_and_going_ahead_does_not() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(0..10));
    ack(&ends[0], 0..9);
    streams.seek(&t(0), 100).await.unwrap();
    core.fetched(records_at(2, 0, 100..110));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(100..110));
    assert_eq!(streams.committable()[&t(0)].offset, 9, "what was skipped ahead of is not forgotten");
    streams.seek(&t(0), 50).await.unwrap();
    assert!(is_over(&mut ends[0]) && !ends[0].ack(9));
    let mut end = streams.next().await.unwrap();
    core.fetched(records_at(3, 0, 50..60));
    go_on(&mut streams).await;
    assert_eq!(take(&mut end), all(50..60));
    assert_eq!(streams.committable()[&t(0)].offset, 50);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_jumps_back_by_itself_ends_the_stream_too() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 20..30));
    go_on(&mut streams).await;
    assert_eq!(ends[0].next().await.unwrap().offset, 20);
    // The log was cut off, or its topic was made anew.
    core.fetched(records_at(2, 0, 5..8));
    let mut end = streams.next().await.unwrap();
    assert!(is_over(&mut ends[0]));
    assert_eq!(take(&mut end), all(5..8));
    assert_eq!(streams.committable()[&t(0)].offset, 5);
}

#[tokio::test(start_paused = true)]
async fn t1_gaps_at_the_end_are_committed() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..2));
    // The end of a transaction: nothing for a worker.
    let mut marker = BatchBuilder::new();
    marker.set_base_offset(2).set_producer(1, 0, -1).set_transactional(true).set_control(true);
    marker.append(0, Some(&[0, 0, 0, 1]), Some(&[0, 0, 0, 0, 0, 1]), &[]).unwrap();
    core.fetched(fetch(1, 0, 2, marker.build()));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(0..2));
    ack(&ends[0], 0..2);
    assert_eq!(streams.committable()[&t(0)].offset, 3);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_failed_is_made_again() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    take(&mut ends[0]);
    ack(&ends[0], 0..10);
    core.fail_commits(Some(Error::RebalanceInProgress));
    go_on_for(&mut streams, INTERVAL).await;
    core.fail_commits(None);
    assert_eq!(core.take_commits(), []);
    go_on_for(&mut streams, INTERVAL).await;
    assert_eq!(core.take_commits(), [offsets([(0, 10)])]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_fails_while_a_partition_goes_is_an_error() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    take(&mut ends[0]);
    ack(&ends[0], 0..10);
    core.fail_commits(Some(Error::CommitFailed));
    core.withheld(&[t(0)]);
    let id = core.rebalance(RebalanceKind::Revoked, &[t(0)]);
    assert_eq!(streams.next().await.err(), Some(Error::CommitFailed));
    assert_eq!(core.acknowledged(), [id], "it goes all the same");
    go_on(&mut streams).await;
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_what_was_taken_and_commits() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    let mut end = ends.remove(0);
    assert_eq!(end.next().await.unwrap().offset, 0);
    let worker = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(end.ack(0));
        assert_eq!(end.next().await, None);
    });
    let since = Instant::now();
    streams.close(Duration::from_secs(60)).await.unwrap();
    worker.await.unwrap();
    assert_eq!(core.take_commits(), [offsets([(0, 1)])]);
    assert!(core.is_closed() && since.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn dropping_ends_the_streams_and_commits_nothing() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    assert_eq!(ends[0].next().await.unwrap().offset, 0);
    drop(streams);
    assert!(is_over(&mut ends[0]) && !ends[0].ack(0));
    assert_eq!(core.take_commits(), []);
}

#[tokio::test(start_paused = true)]
async fn without_a_group_nothing_is_committed() {
    let (consumer, core) = FakeCore::consumer_with(Config::new("host:1").unwrap());
    let mut streams = consumer.into_partition_streams();
    core.assignment(&[t(0)], &[]);
    let mut end = streams.next().await.unwrap();
    core.fetched(records(0, 0..10));
    go_on(&mut streams).await;
    take(&mut end);
    ack(&end, 0..10);
    go_on_for(&mut streams, INTERVAL * 2).await;
    streams.close(INTERVAL).await.unwrap();
    assert_eq!(core.take_commits(), []);
}

#[tokio::test(start_paused = true)]
async fn errors_are_given_out_and_the_streams_go_on() {
    let (mut streams, core, mut ends) = reading(1).await;
    core.fail_poll(Error::CommitFailed);
    assert_eq!(streams.next().await.err(), Some(Error::CommitFailed));
    core.fetched(records(0, 0..3));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(0..3));
}

#[tokio::test]
async fn a_thread_wakes_next_and_what_it_waited_for_comes_with_the_following_one() {
    let (mut streams, core, mut ends) = reading(1).await;
    let (wakeup, polls) = (streams.wakeup(), core.polls());
    let thread = std::thread::spawn(move || {
        while core.polls() == polls {
            std::thread::yield_now();
        }
        wakeup.wakeup();
        core
    });
    assert_eq!(streams.next().await.err(), Some(Error::Wakeup));
    let core = thread.join().unwrap();
    core.fetched(records(0, 0..3));
    go_on(&mut streams).await;
    assert_eq!(take(&mut ends[0]), all(0..3));
}

#[test]
fn streams_and_their_workers_can_move_to_other_threads() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    fn is_send_future<T: Send>(_: impl FnOnce(&'static mut PartitionStreams) -> T) {}
    is_send::<PartitionStreams>();
    is_send::<PartitionStream>();
    is_send::<Acker>();
    is_sync::<Acker>();
    is_send_future(PartitionStreams::next);
}

/// Workers that take and acknowledge in any order, crash, and lose partitions, for some time; `next` is dropped anywhere.
#[tokio::test(start_paused = true)]
async fn whatever_happens_no_commit_gets_ahead_of_a_record_that_is_not_acknowledged() {
    for seed in 0..100 {
        story(seed).await;
    }
}

/// What a partition is to the group, and to the one who reads it.
#[derive(Default)]
struct Log {
    committed: i64,
    /// By anybody.
    done: BTreeSet<i64>,
    is_assigned: bool,
    epoch: u64,
    fetched: i64,
}

impl Log {
    /// Compaction has left gaps.
    fn is_gap(offset: i64) -> bool {
        offset % 7 == 3
    }

    /// The broker has sent these many more records.
    fn fetch(&mut self, core: &FakeCore, partition: &TopicPartition, count: usize) {
        let mut batch = BatchBuilder::new();
        batch.set_base_offset(self.fetched).set_partition_leader_epoch(3);
        let offsets = (self.fetched..).filter(|offset| !Log::is_gap(*offset)).take(count);
        let mut end = self.fetched;
        for offset in offsets {
            batch.append_at((offset - self.fetched) as i32, 0, None, None, &[]).unwrap();
            end = offset + 1;
        }
        core.fetched(fetch(self.epoch, partition.partition, self.fetched, batch.build()));
        self.fetched = end;
    }
}

struct Story {
    core: FakeCore,
    streams: PartitionStreams,
    logs: BTreeMap<TopicPartition, Log>,
    /// With what they have taken and not acknowledged.
    workers: Vec<(PartitionStream, Vec<i64>)>,
    /// What the listener was told last.
    told: Option<RebalanceId>,
}

impl Story {
    async fn go_on_for(&mut self, time: Duration) {
        if let Ok(next) = timeout(time, self.streams.next()).await {
            self.workers.push((next.unwrap(), Vec::new()));
        }
    }

    fn acknowledge(&mut self, worker: usize, taken: usize) {
        let (stream, all) = &mut self.workers[worker];
        let offset = all.swap_remove(taken);
        self.logs.get_mut(stream.partition()).unwrap().done.insert(offset);
        stream.ack(offset);
    }

    /// The core tells one thing at a time.
    async fn until_acknowledged(&mut self) {
        while self.told.is_some_and(|id| !self.core.acknowledged().contains(&id)) {
            self.go_on_for(POLL_EVERY).await;
        }
    }

    async fn step(&mut self, rng: &mut Rng) {
        let (what, partition) = (rng.below(9), t(rng.below(3) as i32));
        if what < 2 {
            self.until_acknowledged().await;
            self.follow_seeks();
        }
        let (core, worker) = (&self.core, rng.below(self.workers.len()));
        let log = self.logs.get_mut(&partition).unwrap();
        match what {
            0 | 1 if !log.is_assigned => {
                (log.is_assigned, log.fetched, log.epoch) = (true, log.committed, core.epoch());
                core.assignment(std::slice::from_ref(&partition), &[]);
                self.told = Some(core.rebalance(RebalanceKind::Assigned, &[partition]));
            }
            0 if rng.below(2) == 0 => {
                let kind = if rng.below(2) == 0 { RebalanceKind::Revoked } else { RebalanceKind::Lost };
                log.is_assigned = false;
                core.withheld(std::slice::from_ref(&partition));
                self.told = Some(core.rebalance(kind, std::slice::from_ref(&partition)));
                self.until_acknowledged().await;
                self.core.assignment(&[], &[partition]);
            }
            2 if log.is_assigned => log.fetch(core, &partition, 1 + rng.below(10)),
            3 if rng.below(8) == 0 && !self.workers.is_empty() => drop(self.workers.remove(worker)),
            4 => {
                if rng.below(2) == 0 {
                    // News has come in the midst of a round.
                    drop(self.streams.consumer.take_news());
                    self.streams.deliver().unwrap();
                }
                // Dropped in the midst of whatever it does.
                if let Some(next) = self.streams.next().now_or_never() {
                    self.workers.push((next.unwrap(), Vec::new()));
                }
                tokio::task::yield_now().await;
            }
            5 => self.go_on_for(Duration::from_secs(rng.below(8) as u64)).await,
            6 if !self.workers.is_empty() => {
                let (stream, taken) = &mut self.workers[worker];
                taken.extend(take(stream));
            }
            7 | 8 if !self.workers.is_empty() && !self.workers[worker].1.is_empty() => {
                let taken = rng.below(self.workers[worker].1.len());
                self.acknowledge(worker, taken);
            }
            _ => {}
        }
        self.follow_seeks();
    }

    /// A stream that was dropped is read again.
    fn follow_seeks(&mut self) {
        for (partition, offset) in self.core.take_sought() {
            let log = self.logs.get_mut(&partition).unwrap();
            (log.fetched, log.epoch) = (offset, self.core.epoch());
        }
    }

    fn check_commits(&mut self, context: &str) {
        for (partition, offset) in self.core.take_commits().into_iter().flatten() {
            let log = self.logs.get_mut(&partition).unwrap();
            assert!(offset >= log.committed, "{context}: {partition} goes back to {offset}");
            log.committed = offset;
            let missing = (0..offset).find(|offset| !log.done.contains(offset) && !Log::is_gap(*offset));
            assert_eq!(missing, None, "{context}: {partition} is committed up to {offset}");
        }
    }
}

async fn story(seed: u64) {
    let mut rng = Rng::new(seed);
    let (consumer, core) = FakeCore::consumer();
    let streams = consumer.into_partition_streams().max_outstanding(1 + rng.below(20));
    let logs = (0..3).map(|n| (t(n), Log::default())).collect();
    let mut story = Story { core, streams, logs, workers: Vec::new(), told: None };
    for step in 0..200 {
        story.step(&mut rng).await;
        story.check_commits(&format!("seed {seed}, step {step}"));
    }
    // Whoever is there now does all there is.
    for _ in 0..10 {
        story.go_on_for(POLL_EVERY).await;
        story.follow_seeks();
    }
    for (partition, log) in story.logs.iter_mut().filter(|(_, log)| log.is_assigned) {
        log.fetch(&story.core, partition, 5);
    }
    for _ in 0..100 {
        story.go_on_for(POLL_EVERY).await;
        for worker in 0..story.workers.len() {
            let (stream, taken) = &mut story.workers[worker];
            taken.extend(take(stream));
            while !story.workers[worker].1.is_empty() {
                story.acknowledge(worker, 0);
            }
        }
    }
    let Story { core, streams, logs, workers, .. } = story;
    streams.close(INTERVAL).await.unwrap();
    let commits: BTreeMap<_, _> = core.take_commits().into_iter().flatten().collect();
    for (partition, log) in logs.into_iter().filter(|(_, log)| log.is_assigned) {
        let committed = commits.get(&partition).copied().unwrap_or(log.committed);
        assert_eq!(committed, log.fetched, "seed {seed}: {partition} at the end");
    }
    drop(workers);
}
