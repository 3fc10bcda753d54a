mod cluster;
mod faults;
mod time;
mod versions;

use super::*;
use crate::core::test_support::*;

/// Three brokers, and the topic "t" with two partitions that all of them have, led by 1 and 2.
fn three() -> Sim {
    let mut sim = Sim::with_brokers(&[None, None, None], &[]);
    sim.topic("t", 2, &[]);
    sim
}
