//! How long records wait for their consumer when the broker shuts down that coordinates its group and leads its partition.

use std::time::Duration;

use milena_broker::core::steering::Steer;
use milena_client::GroupProtocol;

use crate::history::{Commits, GROUP, History};
use crate::network::Weather;
use crate::trace::Trace;
use crate::world::World;

const SEEDS: u64 = 5;
/// The most that is good.
const GAP: Duration = Duration::from_millis(500);
/// How often the consumer commits.
const INTERVAL: Duration = Duration::from_secs(1);

/// Nothing goes wrong by itself, and one consumer reads one partition, of which something is written all the time.
fn history(seed: u64, protocol: GroupProtocol) -> History {
    History {
        topics: vec![1],
        weather: Weather { latency_ms: 5, ..Weather::default() },
        faults: Vec::new(),
        protocol,
        members: 1,
        static_percent: 0,
        commits: Commits::Automatic,
        pauses: false,
        seeks: false,
        from_latest: false,
        max_poll_records: 500,
        max_poll_interval: Duration::from_secs(300),
        session_timeout: Duration::from_secs(45),
        retry_backoff: Duration::from_millis(100),
        metadata_max_age: Duration::from_secs(300),
        fetch_bytes: 1 << 20,
        buffer_bytes: 64 << 20,
        work_ms: 1,
        producers: 0,
        writers: 1,
        produce_every_ms: 50,
        comes_late: false,
        message_max_bytes: None,
        versions: Vec::new(),
        ..History::of(seed)
    }
}

/// The longest for which there was a record that nobody had read, and for which nothing new was committed.
fn longest_waits(world: &mut World, lasts: Duration) -> (Duration, Duration) {
    let end = world.clock.now + lasts;
    let partition = world.partitions[0].clone();
    let (mut read_at, mut unread) = (world.clock.now, Duration::ZERO);
    let (mut committed_at, mut uncommitted, mut committed) = (world.clock.now, Duration::ZERO, None);
    while world.clock.now < end {
        world.step(end);
        let written = world.broker.log_end_offset(&partition.topic, partition.partition).unwrap_or_default();
        if (world.ledger.delivered - world.ledger.duplicates) as i64 >= written {
            read_at = world.clock.now;
        }
        if committed != world.ledger.last_committed(&partition) {
            (committed, committed_at) = (world.ledger.last_committed(&partition), world.clock.now);
        }
        unread = unread.max(world.clock.now - read_at);
        uncommitted = uncommitted.max(world.clock.now - committed_at);
    }
    (unread, uncommitted)
}

#[test]
fn a16_records_wait_less_than_half_a_second_when_the_coordinator_shuts_down() {
    for (protocol, seed) in [GroupProtocol::Classic, GroupProtocol::Consumer]
        .into_iter()
        .flat_map(|protocol| (0..SEEDS).map(move |seed| (protocol, seed)))
    {
        let mut world = World::new(history(seed, protocol), Trace::off());
        longest_waits(&mut world, Duration::from_secs(5));
        let node_id = world.broker.group_coordinator(GROUP).expect("there is a group");
        let (topic, partition) = (world.partitions[0].topic.to_string(), world.partitions[0].partition);
        // Where the coordinator has no replica, another broker goes on leading.
        let _ = world.broker.steer(Steer::MoveLeader { topic, partition, node_id }, world.clock.now);
        world.run_broker();
        longest_waits(&mut world, Duration::from_secs(2));
        let before = world.ledger.delivered;
        world.broker.steer(Steer::StopBroker { node_id }, world.clock.now).expect("it runs");
        world.run_broker();
        let (unread, uncommitted) = longest_waits(&mut world, Duration::from_secs(8));
        let what = format!("{protocol:?}, seed {seed}: {unread:?} unread, {uncommitted:?} uncommitted");
        assert!(unread < GAP && uncommitted < INTERVAL + GAP, "{what}");
        assert!(world.ledger.delivered > before + 100, "{what}");
        assert_ne!(world.broker.group_coordinator(GROUP), Some(node_id));
    }
}
