//! Each future is dropped at each of its await points, and the next call works.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use milena_client::{
    Config, Consumer, ConsumerHandle, Error, OffsetAndMetadata, OffsetSpec, PartitionStream,
    PartitionStreams, RebalanceKind, RebalanceListener, Rebalances, TopicPartition,
};

use super::admin::{admin, offsets};
use super::common::{PATIENCE, POLL, Seen, config, subscribed};
use super::consumer_protocol;
use crate::cluster::Cluster;

/// Polls a future so many times that it waits, and drops it where it would go on. `None` when it was dropped.
async fn dropped_at<F: Future>(await_point: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = await_point;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Drops a call at its first await point, its second, and so on, until it ends before it is dropped. Each time `$check`
/// must find what the call was made for.
macro_rules! drop_everywhere {
    ($consumer:ident, $call:expr, $check:expr) => {{
        let mut await_points = 1;
        loop {
            let outcome = dropped_at(await_points, $call).await;
            $check;
            match outcome {
                Some(outcome) => break outcome.map(drop).unwrap(),
                None => await_points += 1,
            }
        }
        assert!(await_points > 1, "it never waits");
    }};
}

/// Waits several times whenever it is called, and counts how often it was called.
#[derive(Default)]
struct Waiting {
    calls: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl RebalanceListener for Waiting {
    async fn on_partitions_assigned(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        for partition in partitions {
            tokio::task::yield_now().await;
            consumer.position(partition).await?;
        }
        Ok(())
    }

    async fn on_partitions_revoked(
        &mut self,
        consumer: &ConsumerHandle,
        _: &[TopicPartition],
    ) -> Result<(), Error> {
        tokio::task::yield_now().await;
        consumer.commit_sync().await
    }
}

#[tokio::test]
async fn a15_a_poll_that_is_dropped_anywhere_loses_nothing_also_within_the_rebalance_listener() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-polls", 2);
    cluster.fill("dropped-polls", 2_000);
    let config = config(cluster, "dropped-polls").max_poll_records(50_usize);
    let mut consumer = Consumer::new(config).unwrap();
    let listener = Waiting::default();
    let calls = listener.calls.clone();
    consumer.subscribe_with(["dropped-polls"], listener).await.unwrap();
    let mut seen = Seen::default();
    let mut dropped = 0;
    for await_point in (0..8).cycle() {
        dropped += usize::from(dropped_at(await_point, seen.poll(&mut consumer)).await.is_none());
        if seen.len() == 2_000 {
            break;
        }
    }
    assert!(dropped > 0);
    assert_eq!(seen.repeated, 0);
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 1);
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("dropped-polls"), [Some(1_000); 2]);
}

#[tokio::test]
async fn a15_any_call_can_be_dropped_anywhere_and_the_next_one_works() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-calls", 2);
    cluster.fill("dropped-calls", 200);
    let partitions = [0, 1].map(|partition| TopicPartition::new("dropped-calls", partition));
    let first = &partitions[0];
    let mut consumer = Consumer::new(config(cluster, "dropped-calls")).unwrap();

    drop_everywhere!(consumer, consumer.subscribe(["dropped-calls"]), {
        assert_eq!(consumer.subscription().await.unwrap().len(), 1);
    });
    let mut seen = Seen::default();
    while seen.len() < 200 {
        seen.poll(&mut consumer).await;
    }
    drop_everywhere!(consumer, consumer.commit_sync(), {
        consumer.commit_sync().await.unwrap();
        let committed = consumer.committed(partitions.clone()).await.unwrap();
        assert!(committed.values().all(|offset| offset.as_ref().unwrap().offset == 100));
    });
    drop_everywhere!(consumer, consumer.commit_async(), consumer.commit_sync().await.unwrap());
    drop_everywhere!(consumer, consumer.committed(partitions.clone()), {
        assert_eq!(consumer.committed(partitions.clone()).await.unwrap().len(), 2);
    });
    drop_everywhere!(consumer, consumer.position(first), {
        assert_eq!(consumer.position(first).await.unwrap(), 100);
    });
    drop_everywhere!(consumer, consumer.lags(), assert_eq!(consumer.lag().await.unwrap(), Some(0)));
    drop_everywhere!(consumer, consumer.pause(partitions.clone()), {
        consumer.resume(partitions.clone()).await.unwrap();
        assert_eq!(consumer.paused().len(), 0);
    });
    drop_everywhere!(consumer, consumer.resume(partitions.clone()), assert_eq!(consumer.paused().len(), 0));
    drop_everywhere!(consumer, consumer.seek_to_end([]), {
        assert_eq!(consumer.position(first).await.unwrap(), 100);
    });
    drop_everywhere!(consumer, consumer.seek_to_beginning([]), {
        assert_eq!(consumer.position(first).await.unwrap(), 0);
    });
    drop_everywhere!(consumer, consumer.seek(first, 99), {
        assert_eq!(consumer.position(first).await.unwrap(), 99);
        assert!(!consumer.poll(PATIENCE).await.unwrap().is_empty());
    });
    drop_everywhere!(consumer, consumer.unsubscribe(), {
        consumer.unsubscribe().await.unwrap();
        assert_eq!(consumer.assignment().len(), 0);
        consumer.subscribe(["dropped-calls"]).await.unwrap();
        while consumer.assignment().len() < 2 {
            consumer.poll(POLL).await.unwrap();
        }
    });
    consumer.unsubscribe().await.unwrap();
    drop_everywhere!(consumer, consumer.assign(partitions.clone()), {
        assert_eq!(consumer.position(first).await.unwrap(), 100);
        consumer.unsubscribe().await.unwrap();
    });
    drop_everywhere!(consumer, consumer.subscribe_pattern("dropped-calls"), {
        while consumer.assignment().len() < 2 {
            consumer.poll(POLL).await.unwrap();
        }
        consumer.unsubscribe().await.unwrap();
    });
    consumer.close(PATIENCE).await.unwrap();
}

/// Drops such a call at each of its await points. Each time the consumer gets both partitions, and the listener is told.
async fn subscribe_everywhere(
    consumer: &mut Consumer,
    subscribe: impl AsyncFn(&mut Consumer, Waiting) -> Result<(), Error>,
) {
    let mut await_points = 1;
    loop {
        let listener = Waiting::default();
        let calls = listener.calls.clone();
        let outcome = dropped_at(await_points, subscribe(consumer, listener)).await;
        let deadline = Instant::now() + PATIENCE;
        while consumer.assignment().len() < 2 {
            consumer.poll(POLL).await.unwrap();
            assert!(Instant::now() < deadline, "dropped at {await_points}, and nothing is read");
        }
        assert!(calls.load(std::sync::atomic::Ordering::Relaxed) > 0, "the listener is not told");
        consumer.unsubscribe().await.unwrap();
        match outcome {
            Some(outcome) => break outcome.unwrap(),
            None => await_points += 1,
        }
    }
    assert!(await_points > 1, "it never waits");
}

#[tokio::test]
async fn a15_to_subscribe_with_a_listener_can_be_dropped_anywhere_and_it_is_told() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-subscriptions", 2);
    let mut consumer = Consumer::new(config(cluster, "dropped-subscriptions")).unwrap();
    subscribe_everywhere(&mut consumer, async |consumer, listener| {
        consumer.subscribe_with(["dropped-subscriptions"], listener).await
    })
    .await;
    subscribe_everywhere(&mut consumer, async |consumer, listener| {
        consumer.subscribe_pattern_with("dropped-subscrip.*", listener).await
    })
    .await;
    consumer.close(PATIENCE).await.unwrap();

    let config = consumer_protocol::config(cluster, "dropped-broker-patterns");
    let mut consumer = Consumer::new(config).unwrap();
    subscribe_everywhere(&mut consumer, async |consumer, listener| {
        consumer.subscribe_broker_pattern_with("dropped-subscrip.*", listener).await
    })
    .await;
    drop_everywhere!(consumer, consumer.subscribe_broker_pattern("dropped-subscrip.*"), {
        while consumer.assignment().len() < 2 {
            consumer.poll(POLL).await.unwrap();
        }
        consumer.unsubscribe().await.unwrap();
    });
    consumer.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a15_to_wait_for_rebalances_can_be_dropped_anywhere_and_none_is_lost() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-rebalances", 2);
    let (listener, mut rebalances) = Rebalances::channel();
    let mut consumer = Consumer::new(config(cluster, "dropped-rebalances")).unwrap();
    consumer.subscribe_with(["dropped-rebalances"], listener).await.unwrap();
    let mut kinds = Vec::new();
    let mut next = async || {
        for await_point in (0..4).cycle() {
            if let Some(rebalance) = dropped_at(await_point, rebalances.next()).await {
                return rebalance;
            }
            tokio::task::yield_now().await;
        }
        None
    };
    loop {
        tokio::select! {
            polled = consumer.poll(POLL) => drop(polled.unwrap()),
            Some(rebalance) = next() => {
                kinds.push(rebalance.kind());
                assert!(rebalance.acknowledge());
            }
        }
        if kinds.len() == 1 && consumer.assignment().len() == 2 {
            drop_everywhere!(consumer, consumer.enforce_rebalance("a test"), {
                assert_eq!(consumer.group_metadata().await.unwrap().generation_id, 1);
            });
        }
        if kinds.len() == 3 && consumer.assignment().len() == 2 {
            break;
        }
    }
    assert_eq!(kinds, [RebalanceKind::Assigned, RebalanceKind::Revoked, RebalanceKind::Assigned]);
    drop_everywhere!(consumer, consumer.group_metadata(), {
        assert_eq!(consumer.group_metadata().await.unwrap().generation_id, 2);
    });
    drop(rebalances);
    consumer.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a15_the_calls_of_an_admin_can_be_dropped_anywhere_and_the_next_one_works() {
    let cluster = &*Cluster::shared();
    let group = "dropped-admin";
    cluster.create_topic(group, 2);
    cluster.fill(group, 200);
    let partitions = [0, 1].map(|partition| TopicPartition::new(group, partition));
    let first = &partitions[0];
    let (mut admin, reset) = (admin(cluster), offsets(group, &[10, 20]));
    drop_everywhere!(admin, admin.partitions_for(group), {
        assert_eq!(admin.partitions_for(group).await.unwrap(), [0, 1]);
    });
    let ends = || partitions.clone().map(|partition| (partition, OffsetSpec::Latest));
    drop_everywhere!(admin, admin.list_offsets(ends()), {
        assert_eq!(admin.list_offsets(ends()).await.unwrap()[first], Ok(Some(100)));
    });
    drop_everywhere!(admin, admin.alter_group_offsets(group, &reset), {
        admin.alter_group_offsets(group, &reset).await.unwrap();
    });
    drop_everywhere!(admin, admin.group_offsets(group), {
        assert_eq!(admin.group_offsets(group).await.unwrap()[first].offset, 10);
    });
    drop_everywhere!(admin, admin.describe_group(group), {
        assert_eq!(admin.describe_group(group).await.unwrap().state, "Empty");
    });
    drop_everywhere!(admin, admin.list_groups(), {
        assert!(admin.list_groups().await.unwrap().iter().any(|listing| listing.group_id == group));
    });
    // Where it was dropped too late to be stopped, there is nothing left to delete.
    let mut await_points = 1;
    while dropped_at(await_points, admin.delete_group(group)).await.is_none() {
        let there = admin.group_offsets(group).await.unwrap();
        assert!(there.is_empty() || there[first].offset == 10);
        await_points += 1;
    }
    assert!(await_points > 1 && admin.group_offsets(group).await.unwrap().is_empty());
}

#[tokio::test]
async fn a6_closing_can_be_dropped_anywhere_and_the_group_is_left() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-close", 1);
    for await_point in 0.. {
        // A member that stayed behind would keep the partition until its session ends, after 45 s.
        let config: Config = config(cluster, "dropped-close");
        let mut consumer = Consumer::new(config).unwrap();
        consumer.subscribe(["dropped-close"]).await.unwrap();
        let since = Instant::now();
        while consumer.assignment().len() == 0 {
            consumer.poll(POLL).await.unwrap();
            assert!(since.elapsed() < Duration::from_secs(30), "the one before has not left");
        }
        if dropped_at(await_point, consumer.close(PATIENCE)).await.is_some() {
            assert!(await_point > 0, "it never waits");
            break;
        }
    }
}

#[tokio::test]
async fn a15_lookups_can_be_dropped_anywhere_and_the_next_one_works() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-lookups", 2);
    cluster.fill("dropped-lookups", 200);
    let partitions = [0, 1].map(|partition| TopicPartition::new("dropped-lookups", partition));
    let first = &partitions[0];
    let times = || partitions.clone().map(|partition| (partition, 0));
    let mut consumer = Consumer::new(config(cluster, "dropped-lookups")).unwrap();
    consumer.assign(partitions.clone()).await.unwrap();
    let mut seen = Seen::default();
    while seen.len() < 200 {
        seen.poll(&mut consumer).await;
    }
    drop_everywhere!(consumer, consumer.offsets_for_times(times()), {
        let found = consumer.offsets_for_times(times()).await.unwrap();
        assert!(found.values().all(|found| found.as_ref().unwrap().offset == 0));
    });
    drop_everywhere!(consumer, consumer.beginning_offsets(partitions.clone()), {
        assert_eq!(consumer.beginning_offsets(partitions.clone()).await.unwrap()[first], 0);
    });
    drop_everywhere!(consumer, consumer.end_offsets(partitions.clone()), {
        assert_eq!(consumer.end_offsets(partitions.clone()).await.unwrap()[first], 100);
    });
    drop_everywhere!(consumer, consumer.partitions_for("dropped-lookups"), {
        assert_eq!(consumer.partitions_for("dropped-lookups").await.unwrap().len(), 2);
    });
    drop_everywhere!(consumer, consumer.list_topics(), {
        assert!(consumer.list_topics().await.unwrap().contains_key("dropped-lookups"));
    });
    drop_everywhere!(consumer, consumer.current_lag(first), {
        assert_eq!(consumer.current_lag(first).await.unwrap(), Some(0));
    });
    drop_everywhere!(consumer, consumer.lag(), assert_eq!(consumer.lag().await.unwrap(), Some(0)));
    drop_everywhere!(consumer, consumer.subscription(), {
        assert_eq!(consumer.subscription().await.unwrap().len(), 0);
    });
    let place = OffsetAndMetadata::new(50);
    let offsets = || [(first.clone(), place.clone())].into();
    drop_everywhere!(consumer, consumer.commit_sync_offsets(offsets()), {
        let committed = consumer.committed([first.clone()]).await.unwrap();
        assert_eq!(committed[first], Some(place.clone()));
    });
    drop_everywhere!(consumer, consumer.commit_async_offsets(offsets()), {
        consumer.commit_sync_offsets([].into()).await.unwrap();
    });
    drop_everywhere!(consumer, consumer.seek_to(first, &place), {
        assert_eq!(consumer.position(first).await.unwrap(), 50);
    });
    consumer.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a15_the_calls_of_a_listener_can_be_dropped_anywhere_and_the_next_one_works() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-handles", 2);
    cluster.fill("dropped-handles", 200);
    let partitions = [0, 1].map(|partition| TopicPartition::new("dropped-handles", partition));
    let first = &partitions[0];
    let times = || partitions.clone().map(|partition| (partition, 0));
    let (listener, mut rebalances) = Rebalances::channel();
    let mut consumer = Consumer::new(config(cluster, "dropped-handles")).unwrap();
    consumer.subscribe_with(["dropped-handles"], listener).await.unwrap();
    let rebalance = loop {
        tokio::select! {
            polled = consumer.poll(POLL) => drop(polled.unwrap()),
            Some(rebalance) = rebalances.next() => break rebalance,
        }
    };
    let handle = rebalance.consumer();
    drop_everywhere!(handle, handle.assignment(), {
        assert_eq!(handle.assignment().await.unwrap().len(), 2);
    });
    drop_everywhere!(handle, handle.position(first), {
        assert_eq!(handle.position(first).await.unwrap(), 0);
    });
    drop_everywhere!(handle, handle.offsets_for_times(times()), {
        assert_eq!(handle.offsets_for_times(times()).await.unwrap().len(), 2);
    });
    drop_everywhere!(handle, handle.beginning_offsets(partitions.clone()), {
        assert_eq!(handle.beginning_offsets(partitions.clone()).await.unwrap()[first], 0);
    });
    drop_everywhere!(handle, handle.end_offsets(partitions.clone()), {
        assert_eq!(handle.end_offsets(partitions.clone()).await.unwrap()[first], 100);
    });
    drop_everywhere!(handle, handle.partitions_for("dropped-handles"), {
        assert_eq!(handle.partitions_for("dropped-handles").await.unwrap().len(), 2);
    });
    drop_everywhere!(handle, handle.list_topics(), {
        assert!(handle.list_topics().await.unwrap().contains_key("dropped-handles"));
    });
    drop_everywhere!(handle, handle.pause(partitions.clone()), {
        handle.resume(partitions.clone()).await.unwrap();
    });
    drop_everywhere!(handle, handle.resume(partitions.clone()), {
        assert_eq!(handle.position(first).await.unwrap(), 0);
    });
    drop_everywhere!(handle, handle.seek_to_end([]), {
        assert_eq!(handle.position(first).await.unwrap(), 100);
    });
    drop_everywhere!(handle, handle.seek_to_beginning([]), {
        assert_eq!(handle.position(first).await.unwrap(), 0);
    });
    let place = OffsetAndMetadata::new(70);
    drop_everywhere!(handle, handle.seek_to(first, &place), {
        assert_eq!(handle.position(first).await.unwrap(), 70);
    });
    drop_everywhere!(handle, handle.seek(first, 60), {
        assert_eq!(handle.position(first).await.unwrap(), 60);
    });
    drop_everywhere!(handle, handle.commit_sync(), {
        handle.commit_sync().await.unwrap();
        let committed = handle.committed([first.clone()]).await.unwrap();
        assert_eq!(committed[first], Some(OffsetAndMetadata::new(60)));
    });
    let offsets = || [(first.clone(), place.clone())].into();
    drop_everywhere!(handle, handle.commit_sync_offsets(offsets()), {
        let committed = handle.committed([first.clone()]).await.unwrap();
        assert_eq!(committed[first], Some(place.clone()));
    });
    drop_everywhere!(handle, handle.committed([first.clone()]), {
        assert_eq!(handle.committed([first.clone()]).await.unwrap().len(), 1);
    });
    assert!(rebalance.acknowledge());
    let mut seen = Seen::default();
    while seen.len() < 140 {
        seen.poll(&mut consumer).await;
    }
    assert_eq!(seen.iter().next().map(|(partition, offset, _)| (partition, offset)), Some((0, 60)));
    drop(rebalances);
    consumer.close(PATIENCE).await.unwrap();
}

/// Lets the streams go on, dropping `next` at one await point after the other, until there are so many different records. All
/// that comes is done at once. How often it was dropped.
async fn work(
    streams: &mut PartitionStreams,
    workers: &mut Vec<PartitionStream>,
    seen: &mut Seen,
    records: usize,
) -> usize {
    let (mut dropped, deadline) = (0, Instant::now() + PATIENCE);
    for await_point in (0..8).cycle() {
        assert!(Instant::now() < deadline, "{} records", seen.len());
        match dropped_at(await_point, streams.next()).await {
            Some(stream) => workers.push(stream.unwrap()),
            None => dropped += 1,
        }
        for worker in workers.iter_mut() {
            while let Some(Some(record)) = worker.next().now_or_never() {
                seen.add(&record);
                worker.ack(record.offset);
            }
        }
        if seen.len() >= records {
            break;
        }
    }
    dropped
}

#[tokio::test]
async fn a15_the_calls_of_partition_streams_can_be_dropped_anywhere_and_nothing_is_lost() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-streams", 2);
    cluster.fill("dropped-streams", 2_000);
    let first = TopicPartition::new("dropped-streams", 0);
    let consumer = subscribed(config(cluster, "dropped-streams"), "dropped-streams").await;
    let mut streams = consumer.into_partition_streams().max_outstanding(50);
    let (mut workers, mut seen) = (Vec::new(), Seen::default());
    assert!(work(&mut streams, &mut workers, &mut seen, 2_000).await > 0);
    assert_eq!((seen.repeated, workers.len()), (0, 2));
    drop_everywhere!(streams, streams.commit_sync(), {
        streams.commit_sync().await.unwrap();
        assert_eq!(cluster.committed("dropped-streams"), [Some(1_000); 2]);
    });
    drop_everywhere!(streams, streams.lags(), assert_eq!(streams.lags().await.unwrap()[&first], Some(0)));
    drop_everywhere!(streams, streams.seek(&first, 900), {
        let mut again = Seen::default();
        work(&mut streams, &mut workers, &mut again, 100).await;
        assert!(
            again.repeated == 0 && again.iter().all(|(partition, offset, _)| partition == 0 && offset >= 900)
        );
    });
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("dropped-streams"), [Some(1_000); 2]);
}

#[tokio::test]
async fn a6_closing_partition_streams_can_be_dropped_anywhere_and_the_group_is_left() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-stream-close", 1);
    for await_point in 0.. {
        cluster.fill("dropped-stream-close", 10);
        // What was not committed comes again, so that there are ten records at least.
        let consumer = subscribed(config(cluster, "dropped-stream-close"), "dropped-stream-close").await;
        let mut streams = consumer.into_partition_streams();
        let (mut workers, mut seen, since) = (Vec::new(), Seen::default(), Instant::now());
        work(&mut streams, &mut workers, &mut seen, 10).await;
        assert!(since.elapsed() < Duration::from_secs(30), "the one before has not left");
        if dropped_at(await_point, streams.close(PATIENCE)).await.is_some() {
            assert!(await_point > 0, "it never waits");
            break;
        }
        assert!(
            workers.iter_mut().all(|worker| worker.next().now_or_never() == Some(None)),
            "they have ended"
        );
    }
}
