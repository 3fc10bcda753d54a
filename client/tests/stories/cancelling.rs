//! Each future is dropped at each of its await points, and the next call works.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use milena_client::{Config, Consumer, ConsumerHandle, Error, RebalanceListener, TopicPartition};

use super::common::{PATIENCE, POLL, Seen, config};
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

#[tokio::test]
async fn a6_closing_can_be_dropped_anywhere_and_the_group_is_left() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("dropped-close", 1);
    for await_point in 0.. {
        // A member that stayed behind would keep the partition until its session ends, after 45 s.
        let config: Config = config(cluster, "dropped-close");
        let mut consumer = Consumer::new(config).unwrap();
        consumer.subscribe(["dropped-close"]).await.unwrap();
        let since = std::time::Instant::now();
        while consumer.assignment().len() == 0 {
            consumer.poll(POLL).await.unwrap();
            assert!(since.elapsed() < std::time::Duration::from_secs(30), "the one before has not left");
        }
        if dropped_at(await_point, consumer.close(PATIENCE)).await.is_some() {
            assert!(await_point > 0, "it never waits");
            break;
        }
    }
}
