//! The budget of bytes, and partitions that are paused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use milena_client::{Config, Consumer, OffsetReset, TopicPartition};
use milena_protocol::records::BatchBuilder;
use tokio::time::timeout;

use crate::broker::{self, Fetched};

const PATIENCE: Duration = Duration::from_secs(60);
const RECORDS: i64 = 100;
const VALUE_BYTES: usize = 50 << 10;
const BUDGET: usize = 1 << 20;
/// With two records consumed, the offset of the last one that there is room for: it takes three quarters, less what is not
/// worth a request.
const FULL: i64 = 15;

/// Reads until there are so many records of a partition, which come each once and in order.
async fn read(consumer: &mut Consumer, next: &mut BTreeMap<i32, i64>, partition: i32, records: i64) {
    while next.get(&partition).is_none_or(|next| *next < records) {
        // As long as the test may take: nothing but records ends a poll.
        for record in &consumer.poll(2 * PATIENCE).await.unwrap() {
            let next = next.entry(record.partition()).or_default();
            assert_eq!(record.offset(), *next);
            *next += 1;
        }
    }
}

#[tokio::test]
async fn a12_a_paused_partition_makes_room_and_goes_on_where_it_was() {
    let has_both = Arc::new(AtomicBool::new(false));
    let is_there = has_both.clone();
    let furthest = Arc::new(AtomicI64::new(0));
    let asked_for = furthest.clone();
    let script = move |asked: Vec<(i32, i64)>| {
        for (_, offset) in asked.iter().filter(|(partition, _)| *partition == 0) {
            asked_for.fetch_max(*offset, Ordering::Relaxed);
        }
        let there = |partition: i32| partition == 0 || is_there.load(Ordering::Relaxed);
        let asked = asked.into_iter().filter(|(partition, next)| there(*partition) && *next < RECORDS);
        let records = asked.map(|(partition, offset)| {
            let mut batch = BatchBuilder::new();
            batch.set_base_offset(offset);
            batch.append(0, None, Some(&[b'x'; VALUE_BYTES]), &[]).unwrap();
            (partition, RECORDS, batch.build())
        });
        Fetched::Records(records.collect())
    };
    let address = broker::start(2, Box::new(script)).await;
    let config = Config::new(&address).unwrap().auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = Consumer::new(config.buffer_bytes(BUDGET).max_poll_records(1_usize)).unwrap();
    let [zero, one] = [0, 1].map(|partition| TopicPartition::new("t", partition));
    consumer.assign([zero.clone(), one]).await.unwrap();

    let mut next = BTreeMap::new();
    timeout(PATIENCE, async {
        // All room is taken by one of them.
        read(&mut consumer, &mut next, 0, 3).await;
        while furthest.load(Ordering::Relaxed) < FULL {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        consumer.pause([zero.clone()]).await.unwrap();
        has_both.store(true, Ordering::Relaxed);
        read(&mut consumer, &mut next, 1, RECORDS).await;
        assert_eq!(next[&0], 3);
        consumer.resume([zero]).await.unwrap();
        read(&mut consumer, &mut next, 0, RECORDS).await;
    })
    .await
    .unwrap_or_else(|_| panic!("stuck at {next:?}"));
}
