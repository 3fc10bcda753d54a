//! Brokers that stop, move and are not there.

use std::time::{Duration, Instant};

use milena_client::{Config, Consumer, Error, Notice};

use super::common::{A_WHILE, PATIENCE, Seen, config, read, read_on, subscribed};
use crate::cluster::Cluster;

#[tokio::test]
async fn a_broker_that_is_restarted_is_found_again() {
    let mut cluster = Cluster::start();
    cluster.create_topic("restart", 3);
    cluster.fill("restart", 300);
    let mut consumer = subscribed(config(&cluster, "restart"), "restart").await;
    let mut seen = read(&mut consumer, 300).await;

    cluster.stop_broker(0);
    seen.poll(&mut consumer).await;
    cluster.start_broker(0);
    cluster.fill("restart", 300);
    read_on(&mut consumer, &mut seen, 600).await;

    assert_eq!(seen.repeated, 0);
    let address = cluster.address(0);
    assert!(
        consumer
            .notices()
            .any(|n| matches!(n, Notice::Disconnected { address: lost, .. } if lost == address))
    );
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("restart"), [Some(200); 3]);
}

#[tokio::test]
async fn leaders_and_the_coordinator_move_and_reading_goes_on() {
    let mut cluster = Cluster::options().brokers(3).start();
    cluster.create_topic("moving", 6);
    cluster.fill("moving", 600);
    let mut consumer = subscribed(config(&cluster, "moving"), "moving").await;
    let mut seen = read(&mut consumer, 600).await;

    // Each broker in turn: one of them is the coordinator, and each leads a third of the partitions.
    for n in 0..3 {
        cluster.stop_broker(n);
        cluster.fill("moving", 600);
        let since = Instant::now();
        read_on(&mut consumer, &mut seen, 600 * (n + 2)).await;
        assert!(since.elapsed() < Duration::from_secs(20), "it took {:?}", since.elapsed());
        cluster.start_broker(n);
    }

    assert_eq!(seen.repeated, 0);
    consumer.commit_sync().await.unwrap();
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("moving"), [Some(400); 6]);
}

#[tokio::test]
async fn when_no_broker_can_be_reached_poll_says_so_and_nothing_blocks() {
    // A port that nobody listens on: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = Config::new(&format!("127.0.0.1:{port}")).unwrap();
    let config = config.group_id("g").default_api_timeout(Duration::from_millis(300));
    let mut consumer = subscribed(config.clone(), "t").await;
    assert!(consumer.poll(Duration::from_millis(10)).await.unwrap().is_empty(), "it might still come up");
    let error = consumer.poll(PATIENCE).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}: Connection refused")), "{error}");
    let error = consumer.commit_sync().await;
    assert_eq!(error, Ok(()), "there is nothing to commit");

    let closing = Instant::now();
    consumer.close(PATIENCE).await.unwrap();
    let dropped = Consumer::new(config).unwrap();
    drop(dropped);
    assert!(closing.elapsed() < Duration::from_secs(1), "it took {:?}", closing.elapsed());
}

#[tokio::test]
async fn a_broker_that_stays_silent_is_given_up() {
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = Config::new(&silent.local_addr().unwrap().to_string()).unwrap();
    let config = config
        .group_id("g")
        .request_timeout(Duration::from_millis(600))
        .default_api_timeout(Duration::from_millis(300));
    let mut consumer = subscribed(config, "t").await;
    let error = consumer.poll(PATIENCE).await.unwrap_err();
    assert!(error.to_string().contains("did not answer ApiVersions in time"), "{error}");
    let dropping = Instant::now();
    drop(consumer);
    assert!(dropping.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn a6_drop_and_close_with_a_frozen_broker_keep_their_time() {
    let mut cluster = Cluster::start();
    cluster.create_topic("frozen", 1);
    cluster.fill("frozen", 100);
    let mut first = subscribed(config(&cluster, "frozen-1"), "frozen").await;
    let mut second = subscribed(config(&cluster, "frozen-2"), "frozen").await;
    read(&mut first, 100).await;
    read(&mut second, 100).await;
    cluster.freeze_broker(0);

    let dropping = Instant::now();
    drop(first);
    assert!(dropping.elapsed() < Duration::from_millis(500), "drop took {:?}", dropping.elapsed());
    let closing = Instant::now();
    let closed = second.close(Duration::from_secs(1)).await;
    assert!(closing.elapsed() < Duration::from_secs(10), "close took {:?}", closing.elapsed());
    assert!(matches!(closed, Err(Error::Timeout { .. })), "{closed:?}");

    cluster.thaw_broker(0);
    let mut third = subscribed(config(&cluster, "frozen-3"), "frozen").await;
    let mut seen = Seen::default();
    read_on(&mut third, &mut seen, 100).await;
    assert!(third.poll(A_WHILE).await.unwrap().is_empty());
}
