//! Topics by name and by pattern, and partitions by the application's own choice.

use std::time::Duration;

use milena_protocol::{Api, RequestBody};

use super::sim::{Sim, config, t};
use crate::core::io::RebalanceKind::{Assigned, Revoked};
use crate::core::io::{Answer, Command, Update};
use crate::core::subscription::{Interest, TopicPattern};
use crate::core::test_support::T;
use crate::core::topic_partition::TopicPartition;
use crate::{Config, Error};

const SECOND: Duration = Duration::from_secs(1);

fn with_pattern(config: Config, pattern: &str) -> Sim {
    let mut sim = Sim::new(config);
    let pattern = TopicPattern::new(pattern).unwrap();
    sim.call(Command::Subscribe(Interest::Pattern(pattern)));
    sim
}

fn joined_topics(sim: &Sim) -> Vec<Vec<String>> {
    let of = |metadata: &bytes::Bytes| {
        let (_, said) = milena_protocol::messages::ConsumerProtocolSubscription::from_blob(metadata).unwrap();
        said.topics.iter().map(|topic| topic.to_string()).collect()
    };
    let joins = sim.sent.iter().filter_map(|sent| match &sent.body {
        RequestBody::JoinGroup(join) => Some(of(&join.protocols[0].metadata)),
        _ => None,
    });
    joins.collect()
}

#[test]
fn a_pattern_is_joined_with_the_topics_that_match() {
    let mut sim = Sim::new(config());
    sim.topics = [("t", 1), ("tea", 1), ("coffee", 1)].map(|(name, n)| (name.to_owned(), n)).into();
    let pattern = TopicPattern::new("t.*").unwrap();
    sim.call(Command::Subscribe(Interest::Pattern(pattern)));
    sim.poll(SECOND).unwrap();
    assert_eq!(joined_topics(&sim).last().unwrap(), &["t", "tea"]);
    assert_eq!(sim.rebalances, [(Assigned, vec![t(0), TopicPartition::new("tea", 0)])]);
}

#[test]
fn a_topic_that_is_new_is_asked_about_at_once_whatever_was_asked_in_vain() {
    let mut sim = Sim::new(config());
    sim.subscribe(&["nowhere"]);
    sim.poll(10 * SECOND).unwrap();
    let asked = sim.times(Api::Metadata).len();
    sim.subscribe(&["t"]);
    sim.run();
    assert_eq!(sim.times(Api::Metadata).len(), asked + 1);
}

#[test]
fn a_topic_that_comes_or_goes_is_noticed_within_metadata_max_age() {
    let mut sim = with_pattern(config(), "t.*");
    sim.poll(SECOND).unwrap();
    sim.topics.insert("tea".into(), 1);
    for _ in 0..301 {
        sim.poll(SECOND).unwrap();
    }
    let both = vec![t(0), t(1), TopicPartition::new("tea", 0)];
    assert_eq!(sim.rebalances[1..], [(Revoked, vec![t(0), t(1)]), (Assigned, both.clone())]);
    sim.topics.remove("t");
    for _ in 0..301 {
        sim.poll(SECOND).unwrap();
    }
    assert_eq!(sim.rebalances[3..], [(Revoked, both), (Assigned, vec![TopicPartition::new("tea", 0)])]);
}

#[test]
fn a_pattern_that_matches_nothing_yet_is_a_member_without_partitions() {
    let mut sim = with_pattern(config().metadata_max_age(10 * SECOND), "x.*");
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![])]);
    sim.topics.insert("x1".into(), 1);
    for _ in 0..12 {
        sim.poll(SECOND).unwrap();
    }
    assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![TopicPartition::new("x1", 0)])));
}

#[test]
fn partitions_can_be_read_without_a_group() {
    let mut sim = Sim::new(Config::new("seed:9092").unwrap());
    sim.call(Command::Assign([t(1)].into()));
    assert_eq!(sim.updates, [Update::Assignment { added: vec![t(1)], removed: vec![], epoch: 0 }]);
    sim.poll(SECOND).unwrap();
    assert!(!sim.times(Api::Fetch).is_empty());
    assert!(sim.times(Api::FindCoordinator).is_empty());
    let position = sim.call(Command::Position { partition: t(1), deadline: sim.now + SECOND });
    assert_eq!(sim.answers[&position], Ok(Answer::Position(0)));
    let commit = sim.commit(SECOND);
    assert_eq!(sim.answers[&commit], Err(Error::NoGroup));
    sim.close(SECOND);
    assert!(sim.is_finished);
}

#[test]
fn partitions_of_ones_own_choice_are_read_from_and_committed_to_a_group_without_joining_it() {
    let mut sim = Sim::new(config());
    sim.call(Command::Assign([t(0), t(1)].into()));
    sim.poll(6 * SECOND).unwrap();
    assert_eq!(sim.times(Api::OffsetFetch).len(), 1);
    assert_eq!(sim.commits(), [(-1, vec![0, 0])], "after auto.commit.interval.ms");
    sim.call(Command::Assign([t(1)].into()));
    sim.poll(T).unwrap();
    assert_eq!(sim.commits()[1..], [(-1, vec![0])], "what goes is committed");
    let close = sim.close(SECOND);
    assert_eq!(sim.answers[&close], Ok(Answer::Done));
    assert_eq!(sim.commits()[2..], [(-1, vec![0])]);
    assert_eq!(sim.rebalances, []);
    assert!(sim.times(Api::JoinGroup).is_empty() && sim.times(Api::LeaveGroup).is_empty());
}

#[test]
fn to_subscribe_and_to_assign_exclude_each_other_until_unsubscribed() {
    let mut sim = Sim::joined(config());
    let assign = sim.call(Command::Assign([t(0)].into()));
    assert!(matches!(sim.answers[&assign], Err(Error::Misuse(_))));
    sim.call(Command::Unsubscribe);
    let assign = sim.call(Command::Assign([t(0)].into()));
    assert_eq!(sim.answers[&assign], Ok(Answer::Done));
    let subscribe = sim.call(Command::Subscribe(Interest::Topics(["t".into()].into())));
    assert!(matches!(sim.answers[&subscribe], Err(Error::Misuse(_))));
    sim.call(Command::Unsubscribe);
    sim.subscribe(&["t"]);
    sim.poll(SECOND).unwrap();
    assert_eq!(sim.rebalances.last(), Some(&(Assigned, vec![t(0), t(1)])));
}
