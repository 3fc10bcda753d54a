//! `roundrobin`: partitions are dealt like cards.
//!
//! All partitions of all topics lie in one row, and the members sit in a circle. Each partition goes to the
//! next member in the circle that wants its topic. With members A and B, and topics t and u of three
//! partitions each:
//!
//! ```text
//! t0 -> A   t1 -> B   t2 -> A   u0 -> B   u1 -> A   u2 -> B
//! ```
//!
//! Members that want the same topics end up within one partition of each other. Where they do not, a member
//! that is passed over is not made up to later, and the shares may differ widely. Racks are not looked at.

use super::group::{Group, Owners};
use super::{Assignor, ClusterTopics, GroupAssignment, Member};

/// Deals the partitions of all topics to the members in turn (Kafka's `RoundRobinAssignor`).
#[derive(Debug, Clone, Default)]
pub struct RoundRobinAssignor;

impl Assignor for RoundRobinAssignor {
    fn name(&self) -> &str {
        "roundrobin"
    }

    fn assign(&self, cluster: &ClusterTopics, members: &[Member]) -> GroupAssignment {
        let group = Group::new(cluster, members);
        group.assignment(&deal(&group))
    }
}

fn deal(group: &Group<'_>) -> Owners {
    let circle = group.serving_order();
    let mut next = 0;
    let owner = |topic| {
        // Somebody wants every topic of the group, so one turn around the circle finds a member.
        let found = (0..circle.len())
            .map(|step| (next + step) % circle.len())
            .find(|&seat| group.wants(circle[seat], topic))?;
        next = (found + 1) % circle.len();
        Some(circle[found])
    };
    let topics = group.partitions.iter().map(|partition| partition.topic);
    topics.map(owner).collect()
}
