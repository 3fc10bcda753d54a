//! Beginning with the bootstrap servers again.

use std::time::Duration;

use milena_protocol::Api;

use super::sim::{Sim, config};
use crate::core::test_support::metadata_response;
use crate::{Config, MetadataRecoveryStrategy};

const SECOND: Duration = Duration::from_secs(1);

fn config_without_recovery() -> Config {
    config().metadata_recovery_strategy(MetadataRecoveryStrategy::None)
}

fn asks_the_seed(sim: &Sim) -> bool {
    sim.hosts.iter().any(|host| host == "seed")
}

/// All brokers are gone for ten seconds.
fn after_an_outage(config: Config) -> Sim {
    let mut sim = Sim::joined(config);
    sim.poll(SECOND).unwrap();
    sim.hosts.clear();
    sim.is_down = true;
    sim.cut(Api::Fetch);
    sim.pass(10 * SECOND);
    assert!(!sim.hosts.is_empty());
    sim
}

#[test]
fn when_no_broker_can_be_reached_the_bootstrap_servers_are_asked_again() {
    assert!(asks_the_seed(&after_an_outage(config())));
}

#[test]
fn without_the_recovery_strategy_the_known_brokers_are_tried_on_and_on() {
    let mut sim = after_an_outage(config_without_recovery());
    assert!(!asks_the_seed(&sim));
    sim.is_down = false;
    sim.hosts.clear();
    sim.pass(10 * SECOND);
    assert!(!sim.hosts.is_empty() && !asks_the_seed(&sim));
}

/// The broker can be reached, but from the next regular question on it knows nothing of the cluster.
fn without_metadata(config: Config) -> Sim {
    let five_minutes = 300 * SECOND;
    let mut sim = Sim::joined(config.metadata_recovery_rebootstrap_trigger(10 * SECOND));
    sim.hosts.clear();
    for _ in 0..20 {
        sim.otherwise(Api::Metadata, metadata_response(&[], vec![]));
    }
    sim.poll(five_minutes + 9 * SECOND).unwrap();
    assert!(!asks_the_seed(&sim));
    sim.poll(2 * SECOND).unwrap();
    sim
}

#[test]
fn when_metadata_does_not_come_for_too_long_the_bootstrap_servers_are_asked_again() {
    let mut sim = without_metadata(config());
    assert!(asks_the_seed(&sim));
    sim.hosts.clear();
    sim.poll(100 * SECOND).unwrap();
    assert!(!asks_the_seed(&sim), "it has got metadata, and is content");
}

#[test]
fn without_the_recovery_strategy_metadata_is_waited_for() {
    assert!(!asks_the_seed(&without_metadata(config_without_recovery())));
}
