//! What goes to the log.

use std::time::Duration;

use milena_protocol::{Api, ErrorCode};

use super::sim::{Sim, config, heartbeat};
use crate::core::io::Update;
use crate::core::report::{Peer, Report};
use crate::core::test_support::T;

const SECOND: Duration = Duration::from_secs(1);

fn idle_peers(sim: &Sim) -> Vec<Peer> {
    let idle = |report: &Report| match report {
        Report::Idle { peer, .. } => Some(*peer),
        _ => None,
    };
    sim.reports.iter().filter_map(idle).collect()
}

#[test]
fn the_coordinator_and_each_generation_are_reported_once() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["t"]);
    sim.poll(SECOND).unwrap();
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.poll(10 * SECOND).unwrap();
    let group: Vec<String> = sim
        .reports
        .iter()
        .filter_map(|report| match report {
            Report::CoordinatorFound { address } => Some(format!("coordinator {}", address.host)),
            Report::Joined { generation, member_id } => Some(format!("{member_id} in {generation}")),
            _ => None,
        })
        .collect();
    assert_eq!(group, ["coordinator host", "m in 1", "m in 2"]);
}

#[test]
fn a25_a_connection_that_is_closed_when_idle_is_nobodys_trouble() {
    let mut sim = Sim::joined(config().connections_max_idle(SECOND).heartbeat_interval(3 * SECOND));
    sim.reports.clear();
    sim.poll(2 * SECOND).unwrap();
    let idle = idle_peers(&sim);
    assert!(!idle.is_empty() && idle.iter().all(|peer| *peer == Peer::Coordinator), "{idle:?}");
    assert_eq!(sim.disconnected, 0);
}

#[test]
fn a25_a_broker_that_closes_an_idle_connection_is_nobodys_trouble() {
    let mut sim = Sim::joined(config());
    sim.pass(4 * SECOND);
    sim.reports.clear();
    sim.cut(Api::Heartbeat);
    assert_eq!(idle_peers(&sim), [Peer::Coordinator]);
    assert_eq!(sim.disconnected, 0);
    sim.pass(SECOND);
    assert!(
        sim.reports.iter().any(|report| matches!(report, Report::Connected { peer: Peer::Coordinator, .. }))
    );
}

#[test]
fn a_connection_that_is_in_use_is_broken_and_stays_so_until_it_works_again() {
    let mut sim = Sim::joined(config());
    sim.poll(SECOND).unwrap();
    sim.is_down = true;
    sim.updates.clear();
    sim.cut(Api::Fetch);
    sim.pass(SECOND);
    assert_eq!(sim.disconnected, sim.breaks.len());
    assert!(!sim.breaks[0] && sim.breaks.len() > 2, "{:?}", sim.breaks);
    assert!(!sim.updates.iter().any(|update| matches!(update, Update::CommitFailed(_))));
    assert!(idle_peers(&sim).is_empty());
}

#[test]
fn what_is_asked_again_is_reported() {
    let mut sim = Sim::joined(config());
    sim.reports.clear();
    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    sim.pass(4 * SECOND + T);
    let error = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    assert!(sim.reports.contains(&Report::Retry { api: Api::Heartbeat, partition: None, error }));
}

#[test]
fn a_consumer_that_is_not_polled_is_reported() {
    let mut sim = Sim::joined(config().max_poll_interval(60 * SECOND));
    sim.pass(59 * SECOND);
    assert!(!sim.reports.contains(&Report::NotPolled));
    sim.pass(60 * SECOND);
    assert_eq!(sim.reports.iter().filter(|report| **report == Report::NotPolled).count(), 1);
}
