//! What only a broker that can be steered can do to a consumer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_broker::{Broker, Builder, Control, Fault};
use milena_client::{Config, Consumer, OffsetReset};
use milena_protocol::{Api, ErrorCode};

use crate::stories::common::{PATIENCE, POLL};

const TOPIC: &str = "t";
const GROUP: &str = "g";

/// A broker, its control, and a consumer of the topic in a group.
struct Stage {
    _broker: Broker,
    control: Control,
    consumer: Consumer,
    /// What was read: values in the order in which they came, by partition.
    seen: BTreeMap<i32, Vec<(i64, String)>>,
}

impl Stage {
    async fn new(builder: Builder, configure: impl FnOnce(Config) -> Config) -> Stage {
        let broker = builder.start().await.unwrap();
        let config = Config::new(&broker.bootstrap_servers()).unwrap();
        let config = config
            .group_id(GROUP)
            .client_id("steered")
            .auto_offset_reset(OffsetReset::Earliest)
            .heartbeat_interval(Duration::from_millis(200));
        let mut consumer = Consumer::new(configure(config)).unwrap();
        consumer.subscribe([TOPIC]).await.unwrap();
        Stage { control: broker.control(), _broker: broker, consumer, seen: BTreeMap::new() }
    }

    /// Writes a record to a partition.
    fn write(&self, partition: i32, value: &str) {
        self.control.append(TOPIC, partition, [("key", value)]).unwrap();
    }

    /// Reads until this is so.
    async fn read_until(&mut self, what: &str, enough: impl Fn(&Stage) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !enough(self) {
            assert!(Instant::now() < deadline, "{what}: not yet, with {:?}", self.seen);
            for record in &self.consumer.poll(POLL).await.unwrap() {
                let value = String::from_utf8(record.value().unwrap().to_vec()).unwrap();
                self.seen.entry(record.partition()).or_default().push((record.offset(), value));
            }
        }
    }

    /// Writes one more record to each partition, and reads until all are there.
    async fn goes_on(&mut self, after: &str, partitions: i32) {
        (0..partitions).for_each(|partition| self.write(partition, after));
        let came = |stage: &Stage, partition| {
            stage.seen.get(&partition).is_some_and(|all| all.iter().any(|(_, value)| value == after))
        };
        self.read_until(after, |stage| (0..partitions).all(|partition| came(stage, partition))).await;
    }

    /// Every record that there is was read, once, in order.
    fn has_all(&self) {
        for (partition, seen) in &self.seen {
            let there = self.control.records(TOPIC, *partition).unwrap();
            let there: Vec<_> = there
                .iter()
                .map(|r| (r.offset, String::from_utf8(r.value.clone().unwrap().to_vec()).unwrap()))
                .collect();
            assert_eq!(*seen, there, "partition {partition}");
        }
    }
}

#[tokio::test]
async fn a_consumer_goes_on_whatever_happens_to_its_brokers() {
    let builder = Broker::builder().brokers(3).topic(TOPIC, 3);
    let mut stage = Stage::new(builder, |config| config).await;
    stage.goes_on("begin", 3).await;
    stage.control.evict_fetch_sessions().unwrap();
    stage.goes_on("sessions", 3).await;
    stage.control.disconnect("steered").unwrap();
    stage.goes_on("disconnected", 3).await;
    for partition in 0..3 {
        let leader = stage.control.leader(TOPIC, partition).unwrap().0.unwrap();
        stage.control.move_leader(TOPIC, partition, leader % 3 + 1).unwrap();
        stage.control.bump_leader_epoch(TOPIC, partition).unwrap();
    }
    stage.goes_on("leaders", 3).await;
    let coordinator = stage.control.group_coordinator(GROUP).unwrap().unwrap();
    stage.control.move_coordinator(GROUP, coordinator % 3 + 1).unwrap();
    stage.goes_on("coordinator", 3).await;
    stage.consumer.commit_sync().await.unwrap();
    for node_id in 1..=3 {
        stage.control.stop_broker(node_id).unwrap();
        stage.goes_on(&format!("without {node_id}"), 3).await;
        stage.consumer.commit_sync().await.unwrap();
        stage.control.start_broker(node_id).unwrap();
    }
    (1..=3).for_each(|node_id| stage.control.stop_broker(node_id).unwrap());
    (1..=3).for_each(|node_id| stage.control.start_broker(node_id).unwrap());
    stage.goes_on("all at once", 3).await;
    stage.consumer.commit_sync().await.unwrap();
    stage.has_all();
    let committed = stage.control.committed(GROUP).unwrap();
    for partition in 0..3 {
        let end = stage.control.log_end_offset(TOPIC, partition).unwrap();
        assert_eq!(committed[&(TOPIC.to_owned(), partition)], end);
    }
}

#[tokio::test]
async fn t18_a_consumer_notices_that_what_it_has_read_is_gone() {
    let mut stage = Stage::new(Broker::builder().topic(TOPIC, 1), |config| config).await;
    for n in 0..10 {
        stage.write(0, &format!("old {n}"));
    }
    stage.goes_on("end", 1).await;
    stage.control.truncate(TOPIC, 0, 6).unwrap();
    stage.goes_on("new", 1).await;
    assert_eq!(stage.seen[&0].last(), Some(&(6, "new".to_owned())), "it goes on where the logs part");
    assert_eq!(stage.seen[&0].len(), 12);
}

#[tokio::test]
async fn t21_a_consumer_reads_a_recreated_topic_from_its_beginning() {
    let mut stage = Stage::new(Broker::builder().topic(TOPIC, 1), |config| {
        config.metadata_max_age(Duration::from_millis(500))
    })
    .await;
    for n in 0..3 {
        stage.write(0, &format!("old {n}"));
    }
    stage.goes_on("end", 1).await;
    stage.consumer.commit_sync().await.unwrap();
    stage.control.recreate_topic(TOPIC).unwrap();
    stage.goes_on("new", 1).await;
    assert_eq!(stage.seen[&0].last(), Some(&(0, "new".to_owned())));
}

#[tokio::test]
async fn a_consumer_gets_over_requests_that_go_wrong() {
    let builder = Broker::builder().brokers(2).topic(TOPIC, 2);
    let broker_faults = |control: &Control| {
        let second = Duration::from_secs(1);
        [
            Fault::on(Api::FindCoordinator).times(2).fail(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            Fault::on(Api::JoinGroup).fail(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            Fault::on(Api::SyncGroup).disconnect(),
            Fault::on(Api::OffsetFetch).fail(ErrorCode::UNSTABLE_OFFSET_COMMIT),
            Fault::on(Api::OffsetFetch).disconnect_after(),
            Fault::on(Api::Metadata).nth(2).truncate(13),
            Fault::on(Api::ListOffsets).drop_request(),
            Fault::on(Api::Fetch).drop_answer(),
            Fault::on(Api::Fetch).nth(3).fail(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            Fault::on(Api::Fetch).nth(5).fail(ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
            Fault::on(Api::Fetch).nth(7).truncate(100),
            Fault::on(Api::Fetch).nth(9).delay(second),
            Fault::on(Api::Fetch).nth(11).throttle(second),
            Fault::on(Api::Heartbeat).throttle(second),
            Fault::on(Api::Heartbeat).nth(3).fail(ErrorCode::NOT_COORDINATOR),
            Fault::on(Api::OffsetCommit).disconnect_after(),
            Fault::on(Api::OffsetCommit).fail(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
        ]
        .map(|fault| control.fault(fault).unwrap())
    };
    let quick = |config: Config| config.request_timeout(Duration::from_secs(2));
    let mut stage = Stage::new(builder, quick).await;
    let faults = broker_faults(&stage.control);
    let deadline = Instant::now() + PATIENCE;
    let mut round = 0;
    while faults.iter().any(|fault| fault.fired() == 0) {
        let fired: Vec<_> = faults.iter().map(|fault| fault.fired()).collect();
        assert!(Instant::now() < deadline, "{fired:?}");
        round += 1;
        stage.goes_on(&format!("round {round}"), 2).await;
        stage.consumer.commit_sync().await.unwrap();
    }
    stage.has_all();
}

#[tokio::test]
async fn a_consumer_gets_along_with_a_broker_of_another_age() {
    let builder = Broker::builder().topic(TOPIC, 2);
    let mut stage = Stage::new(builder, |config| config).await;
    // As Kafka 1.0 had them, where that is offered by now.
    let old = [
        (Api::Fetch, 4..=6),
        (Api::ListOffsets, 1..=2),
        (Api::Metadata, 0..=5),
        (Api::OffsetCommit, 2..=3),
        (Api::OffsetFetch, 1..=3),
        (Api::FindCoordinator, 0..=1),
        (Api::JoinGroup, 0..=2),
        (Api::Heartbeat, 0..=1),
        (Api::LeaveGroup, 0..=1),
        (Api::SyncGroup, 0..=1),
        (Api::ApiVersions, 0..=1),
    ];
    for (api, versions) in old {
        stage.control.pin_versions(api, versions).unwrap();
    }
    stage.control.hide_api(Api::OffsetForLeaderEpoch).unwrap();
    stage.control.disconnect_everybody().unwrap();
    for round in ["one", "two"] {
        stage.goes_on(round, 2).await;
        stage.consumer.commit_sync().await.unwrap();
    }
    // The broker is upgraded while the consumer is connected.
    stage.control.unpin_versions().unwrap();
    stage.control.stop_broker(1).unwrap();
    stage.control.start_broker(1).unwrap();
    stage.goes_on("three", 2).await;
    stage.has_all();
}

#[tokio::test]
async fn t25_a_consumer_that_is_held_back_reads_everything_all_the_same() {
    let builder = Broker::builder()
        .topic(TOPIC, 1)
        .setting("consumer_byte_rate", 20_000)
        .setting("quota.window.num", 2);
    let mut stage = Stage::new(builder, |config| config.max_partition_fetch_bytes(10_000)).await;
    let large = "x".repeat(9_000);
    (0..8).for_each(|_| stage.write(0, &large));
    let start = Instant::now();
    stage.goes_on("end", 1).await;
    stage.has_all();
    assert!(start.elapsed() > Duration::from_secs(1), "72,000 bytes, at 20,000 a second");
}

#[tokio::test]
async fn a_member_that_is_thrown_out_comes_back() {
    let builder = Broker::builder().topic(TOPIC, 1);
    let mut stage = Stage::new(builder, |config| config).await;
    stage.goes_on("begin", 1).await;
    stage.consumer.commit_sync().await.unwrap();
    let members = stage.control.group_members(GROUP).unwrap();
    stage.control.end_session(GROUP, &members[0]).unwrap();
    stage.goes_on("back", 1).await;
    stage
        .read_until("a member again", |stage| {
            let now = stage.control.group_members(GROUP).unwrap();
            now.len() == 1 && now != members
        })
        .await;
}
