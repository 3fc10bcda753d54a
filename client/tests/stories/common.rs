//! What the stories share: consumers, and what was read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use milena_client::{Config, Consumer, OffsetReset, OwnedRecord};

use crate::cluster::Cluster;

/// How long anything may take here.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long one poll may: short, since a poll does not end when something else happens than that records come.
pub const POLL: Duration = Duration::from_millis(50);
/// How long nothing comes, where nothing is to come.
pub const A_WHILE: Duration = Duration::from_millis(500);
/// How long a broker holds back an answer without records. What is asked of it next has to wait: what is read after a seek.
pub const FETCH_MAX_WAIT: Duration = Duration::from_millis(100);

/// A member of a group that begins with the first record, and hears quickly of what happens in its group.
pub fn config(cluster: &Cluster, group: &str) -> Config {
    let config = Config::new(&cluster.bootstrap()).unwrap();
    config
        .group_id(group)
        .auto_offset_reset(OffsetReset::Earliest)
        .heartbeat_interval(Duration::from_millis(200))
        .fetch_max_wait(FETCH_MAX_WAIT)
}

pub async fn subscribed(config: Config, topic: &str) -> Consumer {
    let mut consumer = Consumer::new(config).unwrap();
    consumer.subscribe([topic]).await.unwrap();
    consumer
}

/// The records that were read: values by partition and offset.
#[derive(Default)]
pub struct Seen {
    values: BTreeMap<(i32, i64), Vec<u8>>,
    /// Records that came more than once.
    pub repeated: usize,
}

impl Seen {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (i32, i64, &[u8])> {
        self.values.iter().map(|((partition, offset), value)| (*partition, *offset, value.as_slice()))
    }

    pub fn add(&mut self, record: &OwnedRecord) {
        let value = record.value.as_ref().unwrap().to_vec();
        let before = self.values.insert((record.partition, record.offset), value);
        self.repeated += usize::from(before.is_some());
    }

    /// Polls a consumer once.
    pub async fn poll(&mut self, consumer: &mut Consumer) {
        for record in &consumer.poll(POLL).await.unwrap() {
            self.add(&record.to_owned());
        }
    }
}

/// Polls the consumers, all at a time, until `done` says so.
pub async fn poll_until(
    consumers: &mut [Consumer],
    seen: &mut Seen,
    what: &str,
    done: impl Fn(&[Consumer], &Seen) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    while !done(consumers, seen) {
        assert!(Instant::now() < deadline, "{what}: not yet, with {} records", seen.len());
        let polls = join_all(consumers.iter_mut().map(async |consumer| {
            let mut seen = Seen::default();
            seen.poll(consumer).await;
            seen
        }));
        for Seen { values, repeated } in polls.await {
            let (before, came) = (seen.values.len(), values.len());
            seen.values.extend(values);
            seen.repeated += repeated + before + came - seen.values.len();
        }
    }
}

/// Reads until there are so many different records.
pub async fn read(consumer: &mut Consumer, records: usize) -> Seen {
    let mut seen = Seen::default();
    read_on(consumer, &mut seen, records).await;
    seen
}

/// Reads on until there are so many different records.
pub async fn read_on(consumer: &mut Consumer, seen: &mut Seen, records: usize) {
    let consumers = std::slice::from_mut(consumer);
    poll_until(consumers, seen, "reading", |_, seen| seen.len() >= records).await;
}
