//! `cooperative-sticky`: the sticky assignment, in two steps so that members keep reading meanwhile
//! (KIP-429).
//!
//! The assignment is that of [`sticky`](super::sticky), with one rule on top: **a partition that must move
//! from one member to another is given to nobody in this round.** Its old owner sees that it is gone from its
//! list, stops reading it, and joins again; in the round that follows nobody owns it, and the new owner gets
//! it.
//!
//! ```text
//! A has t0 t1 t2 t3, and B joins:    A: t0 t1        B: nothing
//! A gives up t2 and t3, rejoins:     A: t0 t1        B: t2 t3
//! ```
//!
//! A member tells what it owns, and since which generation, in fields of its subscription. Before
//! subscription v2 there was no field for the generation, and it travelled as user data of four bytes; we
//! write it there still, as Java does, for leaders that look there.

use bytes::Bytes;

use super::group::Group;
use super::sticky::{Claim, Sharing, share};
use super::{Assignor, ClusterTopics, GroupAssignment, Member, RebalanceProtocol};

/// Keeps partitions where they are as far as balance allows, and moves the others in two steps (Kafka's
/// `CooperativeStickyAssignor`).
#[derive(Debug, Clone)]
pub struct CooperativeStickyAssignor {
    generation_id: i32,
}

impl Default for CooperativeStickyAssignor {
    fn default() -> Self {
        Self { generation_id: -1 }
    }
}

impl Assignor for CooperativeStickyAssignor {
    fn name(&self) -> &str {
        "cooperative-sticky"
    }

    fn supported_protocols(&self) -> &[RebalanceProtocol] {
        &[RebalanceProtocol::Cooperative, RebalanceProtocol::Eager]
    }

    /// The generation of the last assignment as a big-endian int32; -1 before the first one.
    fn subscription_user_data(&self) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(&self.generation_id.to_be_bytes()))
    }

    fn assign(&self, cluster: &ClusterTopics, members: &[Member]) -> GroupAssignment {
        let group = Group::new(cluster, members);
        let claims: Vec<Claim> = group.members.iter().map(|m| claim(&group, m)).collect();
        let Sharing { mut owners, moving } = share(&group, &claims);
        let moving = moving.unwrap_or_else(|| moves(&owners, &claims));
        for partition in moving {
            owners[partition] = None;
        }
        group.assignment(&owners)
    }

    fn on_assignment(&mut self, _assignment: &[(String, Vec<i32>)], generation_id: i32) {
        self.generation_id = generation_id;
    }
}

fn claim(group: &Group<'_>, member: &Member) -> Claim {
    let generation = if member.generation_id >= 0 {
        Some(member.generation_id)
    } else {
        let data = member.user_data.as_deref();
        data.map(|data| data.first_chunk().map_or(-1, |&four| i32::from_be_bytes(four)))
    };
    Claim { partitions: group.existing(&member.owned_partitions), generation }
}

/// The partitions whose new owner does not have them yet while some other member does.
fn moves(owners: &[Option<usize>], claims: &[Claim]) -> Vec<usize> {
    let mut claimed = vec![false; owners.len()];
    let mut kept = vec![false; owners.len()];
    for (member, claim) in claims.iter().enumerate() {
        for &partition in &claim.partitions {
            claimed[partition] = true;
            kept[partition] |= owners[partition] == Some(member);
        }
    }
    (0..owners.len()).filter(|&partition| claimed[partition] && !kept[partition]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::PartitionInfo;
    use super::*;

    fn member(id: &str, generation_id: i32, owned: &[i32]) -> Member {
        Member {
            member_id: id.to_owned(),
            topics: vec!["t".to_owned()],
            owned_partitions: vec![("t".to_owned(), owned.to_vec())],
            generation_id,
            ..Member::default()
        }
    }

    fn four_partitions() -> ClusterTopics {
        let infos = (0..4).map(|index| PartitionInfo { index, racks: Vec::new() });
        [("t".to_owned(), infos.collect())].into()
    }

    fn lists(assignment: GroupAssignment) -> Vec<Vec<i32>> {
        assignment
            .into_iter()
            .map(|(_, topics)| topics.into_iter().flat_map(|(_, indexes)| indexes).collect())
            .collect()
    }

    #[test]
    fn a_moving_partition_is_given_up_first_and_given_out_a_round_later() {
        let assignor = CooperativeStickyAssignor::default();
        let joined = [member("a", 1, &[0, 1, 2, 3]), member("b", -1, &[])];
        let first = lists(assignor.assign(&four_partitions(), &joined));
        assert_eq!(first, [vec![0, 1], vec![]]);
        let rejoined = [member("a", 2, &[0, 1]), member("b", 2, &[])];
        let second = lists(assignor.assign(&four_partitions(), &rejoined));
        assert_eq!(second, [[0, 1], [2, 3]]);
    }

    #[test]
    fn the_claim_of_an_older_generation_loses() {
        let assignor = CooperativeStickyAssignor::default();
        let members = [member("a", 4, &[0, 1]), member("b", 5, &[1, 2])];
        let lists = lists(assignor.assign(&four_partitions(), &members));
        assert_eq!(lists, [[0, 3], [1, 2]]);
    }

    #[test]
    fn claims_on_partitions_that_do_not_exist_are_dropped() {
        let assignor = CooperativeStickyAssignor::default();
        let members = [member("a", 4, &[0, 7, -1]), member("b", 4, &[1, 8, i32::MAX])];
        let lists = lists(assignor.assign(&four_partitions(), &members));
        assert_eq!(lists, [[0, 2], [1, 3]]);
    }

    #[test]
    fn user_data_carries_the_last_generation() {
        let mut assignor = CooperativeStickyAssignor::default();
        assert_eq!(assignor.subscription_user_data().unwrap()[..], [0xff; 4]);
        assignor.on_assignment(&[], 258);
        assert_eq!(assignor.subscription_user_data().unwrap()[..], [0, 0, 1, 2]);
    }
}
