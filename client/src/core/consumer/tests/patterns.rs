//! A pattern that the consumer itself evaluates, under the consumer protocol.

use std::time::Duration;

use milena_protocol::{Api, RequestBody};

use super::sim::{Sim, config};
use crate::GroupProtocol;
use crate::core::io::Command;
use crate::core::subscription::{Interest, TopicPattern};
use crate::core::test_support::T;

const SECOND: Duration = Duration::from_secs(1);

fn subscribe(sim: &mut Sim, pattern: &str) {
    sim.call(Command::Subscribe(Interest::Pattern(TopicPattern::new(pattern).unwrap())));
}

/// The topics that heartbeats have named, each time that they have named any.
fn told(sim: &Sim) -> Vec<Vec<&str>> {
    let named = sim.sent.iter().filter_map(|sent| match &sent.body {
        RequestBody::ConsumerGroupHeartbeat(heartbeat) => heartbeat.subscribed_topic_names.as_ref(),
        _ => None,
    });
    named.map(|names| names.iter().map(|name| name.as_str()).collect()).collect()
}

/// A member that reads the topics `t` and `u`, which its pattern has found.
fn reading_t_and_u() -> Sim {
    let config = config().group_protocol(GroupProtocol::Consumer).metadata_max_age(SECOND);
    let mut sim = Sim::new(config);
    sim.topics.insert("u".into(), 1);
    sim.topics.insert("v".into(), 1);
    subscribe(&mut sim, "t|u");
    sim.poll(T).unwrap();
    sim
}

#[test]
fn the_group_is_joined_when_it_is_known_which_topics_there_are() {
    let mut sim = reading_t_and_u();
    sim.call(Command::Unsubscribe);
    sim.pass(SECOND);
    sim.sent.clear();
    sim.no_answer(Api::Metadata);
    subscribe(&mut sim, "t|v");
    sim.poll(T).unwrap();
    assert_eq!(told(&sim), [[""; 0]; 0]);
    sim.cut(Api::Metadata);
    sim.poll(SECOND).unwrap();
    assert_eq!(told(&sim), [["t", "v"]]);
}

#[test]
fn another_pattern_does_not_take_away_what_it_finds_again() {
    let mut sim = reading_t_and_u();
    sim.sent.clear();
    sim.no_answer(Api::Metadata);
    subscribe(&mut sim, "t|v");
    sim.poll(200 * T).unwrap();
    assert_eq!(told(&sim), [["t"]], "what is known already that it matches");
    sim.cut(Api::Metadata);
    sim.poll(SECOND).unwrap();
    assert_eq!(told(&sim), [vec!["t"], vec!["t", "v"]]);
}

#[test]
fn a_topic_that_a_pattern_finds_is_told_at_once() {
    let mut sim = reading_t_and_u();
    sim.pass(4 * SECOND / 10);
    sim.topics.remove("u");
    sim.pass(SECOND);
    assert_eq!(told(&sim), [vec!["t", "u"], vec!["t"]]);
}
