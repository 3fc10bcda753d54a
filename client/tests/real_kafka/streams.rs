//! Records as streams, of a real broker.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use milena_client::Consumer;

use crate::common::{PATIENCE, Seen, committed, config, shared_kafka, subscribed};

#[tokio::test]
async fn streams_that_are_dropped_anywhere_and_polls_between_them_read_each_record_once() {
    let kafka = shared_kafka();
    kafka.create_topic("stream", 3).unwrap();
    kafka.fill("stream", 3000).unwrap();
    let mut consumer: Consumer =
        subscribed(config(kafka, "stream").max_poll_records(7_usize), "stream").await;
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
    assert_eq!(committed(kafka, "stream"), [Some(1000); 3]);
}
