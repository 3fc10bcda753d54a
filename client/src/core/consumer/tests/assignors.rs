//! Which ways to share out partitions a consumer offers, and which it uses.

use milena_protocol::messages::JoinGroupRequest;
use milena_protocol::messages::join_group::JoinGroupResponseMember;
use milena_protocol::{Api, ErrorCode, RequestBody};

use super::sim::{Sim, config, heartbeat, leading, t};
use crate::core::assignors::{Assignor, ClusterTopics, GroupAssignment, Member, RebalanceProtocol};
use crate::core::io::RebalanceKind::Assigned;
use crate::core::test_support::T;
use crate::{Error, Strategy};

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
    sim.poll(T).unwrap();

    let offered: Vec<&str> = joins(&sim)[0].protocols.iter().map(|offered| offered.name.as_str()).collect();
    assert_eq!(offered, ["last-only", "roundrobin"]);
    assert_eq!(sim.rebalances, [(Assigned, vec![t(1)])]);
}

/// Gives the first partition of `t` to the last member at once, whoever has it.
#[derive(Debug)]
struct Hasty;

impl Assignor for Hasty {
    fn name(&self) -> &str {
        "hasty"
    }

    fn supported_protocols(&self) -> &[RebalanceProtocol] {
        &[RebalanceProtocol::Cooperative]
    }

    fn assign(&self, _: &ClusterTopics, members: &[Member]) -> GroupAssignment {
        let last = members.len() - 1;
        let give = |(n, member): (usize, &Member)| {
            let partitions = if n == last { vec![0] } else { vec![] };
            (member.member_id.clone(), vec![("t".to_owned(), partitions)])
        };
        members.iter().enumerate().map(give).collect()
    }
}

fn joins(sim: &Sim) -> Vec<&JoinGroupRequest> {
    let joins = sim.sent.iter().filter_map(|sent| match &sent.body {
        RequestBody::JoinGroup(join) => Some(join),
        _ => None,
    });
    joins.collect()
}

#[test]
fn t14_an_assignor_that_gives_away_what_another_has_is_an_error_and_the_group_is_not_told() {
    let mut sim = Sim::new(config().partition_assignment_strategy([Strategy::custom(|| Hasty)]));
    sim.subscribe(&["t"]);
    sim.poll(T).unwrap();
    assert_eq!(sim.rebalances, [(Assigned, vec![t(0)])]);

    sim.otherwise(Api::Heartbeat, heartbeat(ErrorCode::REBALANCE_IN_PROGRESS));
    sim.pass(4_000 * T);
    sim.no_answer(Api::JoinGroup);
    sim.poll(T).unwrap();
    let mut other = JoinGroupResponseMember::default();
    (other.member_id, other.metadata) = ("n".into(), joins(&sim)[0].protocols[0].metadata.clone());
    let mut both = leading(joins(&sim)[2], 2);
    both.members.push(other);
    let syncs = sim.times(Api::SyncGroup).len();
    sim.answer_now(Api::JoinGroup, both);
    let error = sim.poll(T).unwrap_err();
    assert_eq!(error, Error::UnsafeAssignment { assignor: "hasty".into(), topic: "t".into(), partition: 0 });
    assert_eq!(sim.times(Api::SyncGroup).len(), syncs);
}
