//! Which ways to share out partitions a consumer offers, and which it uses.

use milena_protocol::RequestBody;

use super::sim::{Sim, config, t};
use crate::Strategy;
use crate::core::assignors::{Assignor, ClusterTopics, GroupAssignment, Member};
use crate::core::io::RebalanceKind::Assigned;

/// Gives out the last partition of each topic, and no other.
#[derive(Debug)]
struct LastOnly;

impl Assignor for LastOnly {
    fn name(&self) -> &str {
        "last-only"
    }

    fn assign(&self, cluster: &ClusterTopics, members: &[Member]) -> GroupAssignment {
        let last = |topic: &String| {
            let partition = cluster.get(topic)?.last()?;
            Some((topic.clone(), vec![partition.index]))
        };
        let give =
            |member: &Member| (member.member_id.clone(), member.topics.iter().filter_map(last).collect());
        members.iter().map(give).collect()
    }
}

#[test]
fn an_assignor_of_ones_own_is_offered_in_its_place_and_used_by_the_leader() {
    let mut sim = Sim::new(
        config().partition_assignment_strategy([Strategy::custom(|| LastOnly), Strategy::RoundRobin]),
    );
    sim.subscribe(&["t"]);
    sim.poll(crate::core::test_support::T).unwrap();

    let mut joins = sim.sent.iter().filter_map(|sent| match &sent.body {
        RequestBody::JoinGroup(join) => Some(join),
        _ => None,
    });
    let offered: Vec<&str> =
        joins.next().unwrap().protocols.iter().map(|offered| offered.name.as_str()).collect();
    assert_eq!(offered, ["last-only", "roundrobin"]);
    assert_eq!(sim.rebalances, [(Assigned, vec![t(1)])]);
}
