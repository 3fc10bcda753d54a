//! Properties at the ends of what they can be: the consumer neither spins nor overflows.

use std::time::Duration;

use milena_protocol::Api;

use super::sim::{Sim, config};
use crate::core::io::Answer;

const SECOND: Duration = Duration::from_secs(1);

/// Joins, reads for a while, loses its brokers for a while, and goes on.
fn lives_with(name: &str, value: &str) {
    let mut config = config();
    config.set(name, value).unwrap();
    config.check().unwrap();
    let mut sim = Sim::new(config);
    sim.subscribe(&["t"]);
    for _ in 0..10 {
        assert_eq!(sim.poll(SECOND), Ok(Answer::Done), "{name}={value}");
    }
    assert!(sim.sent.iter().any(|sent| sent.api == Api::Fetch), "{name}={value}");
    sim.is_down = true;
    sim.cut(Api::Fetch);
    sim.poll(SECOND).unwrap();
    sim.is_down = false;
    for _ in 0..10 {
        assert_eq!(sim.poll(SECOND), Ok(Answer::Done), "{name}={value}");
    }
}

#[test]
fn the_longest_times_do_not_overflow() {
    for name in [
        "connections.max.idle.ms",
        "metadata.max.age.ms",
        "metadata.recovery.rebootstrap.trigger.ms",
        "reconnect.backoff.max.ms",
        "retry.backoff.max.ms",
        "socket.connection.setup.timeout.max.ms",
        "socket.connection.setup.timeout.ms",
    ] {
        lives_with(name, "9223372036854775807");
    }
    for name in
        ["auto.commit.interval.ms", "default.api.timeout.ms", "max.poll.interval.ms", "session.timeout.ms"]
    {
        lives_with(name, "2147483647");
    }
}

#[test]
fn no_time_at_all_does_not_make_it_spin() {
    for name in [
        "auto.commit.interval.ms",
        "default.api.timeout.ms",
        "fetch.max.wait.ms",
        "heartbeat.interval.ms",
        "metadata.max.age.ms",
        "metadata.recovery.rebootstrap.trigger.ms",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "retry.backoff.max.ms",
        "retry.backoff.ms",
    ] {
        lives_with(name, "0");
    }
}

#[test]
fn the_smallest_and_the_largest_numbers_are_lived_with() {
    for name in ["fetch.max.bytes", "fetch.min.bytes", "max.partition.fetch.bytes"] {
        lives_with(name, "0");
        lives_with(name, "2147483647");
    }
    lives_with("max.poll.records", "2147483647");
}
