//! What a poll costs.

use std::time::Duration;

use super::sim::{Sim, config};
use crate::core::io::Command;

const SECOND: Duration = Duration::from_secs(1);

/// Allocations of a poll that finds nothing, by a member that has all partitions of a topic.
fn allocations(partitions: i32) -> u64 {
    let mut sim = Sim::new(config());
    sim.topics = [("t".to_owned(), partitions)].into();
    sim.subscribe(&["t"]);
    sim.poll(SECOND).unwrap();
    let poll = |sim: &mut Sim| {
        sim.call(Command::Poll { deadline: sim.now, has_records: false });
    };
    poll(&mut sim);
    allocation_counter::measure(|| poll(&mut sim)).count_total
}

#[test]
fn a_poll_costs_the_same_with_a_thousand_idle_partitions() {
    assert_eq!(allocations(1_000), allocations(1));
}
