//! Which members are near to which partitions (KIP-881).
//!
//! A member is near to a partition if a replica is in its rack. Racks matter only if some member and some
//! replica share one, and if not every partition has replicas in all racks: otherwise everyone is near to
//! everything, or nobody to anything.

use std::collections::{BTreeMap, BTreeSet};

use super::super::group::Group;

#[derive(Debug)]
pub(super) struct Racks {
    /// Each member's rack, by number; `None` for a member that has told none.
    of_member: Vec<Option<usize>>,
    /// For each partition the racks of its replicas.
    of_partition: Vec<Vec<usize>>,
    /// For each rack how many members are in it.
    population: Vec<usize>,
}

impl Racks {
    /// `None` if racks do not matter for this group.
    pub(super) fn new(group: &Group<'_>) -> Option<Self> {
        let members: Vec<Option<&str>> =
            (0..group.members.len()).map(|member| group.rack_of(member)).collect();
        let member_racks: BTreeSet<&str> = members.iter().flatten().copied().collect();
        if member_racks.is_empty() {
            return None;
        }
        let replica_racks: BTreeSet<&str> =
            group.partitions.iter().flat_map(|partition| partition.racks).map(String::as_str).collect();
        if member_racks.is_disjoint(&replica_racks) {
            return None;
        }

        let names: BTreeMap<&str, usize> = member_racks.union(&replica_racks).copied().zip(0..).collect();
        let of_partition: Vec<Vec<usize>> = group
            .partitions
            .iter()
            .map(|partition| {
                let mut racks: Vec<usize> = partition.racks.iter().map(|rack| names[rack.as_str()]).collect();
                racks.sort_unstable();
                racks.dedup();
                racks
            })
            .collect();
        if of_partition.iter().all(|racks| racks.len() == replica_racks.len()) {
            return None;
        }

        let of_member: Vec<Option<usize>> = members.into_iter().map(|rack| Some(names[rack?])).collect();
        let mut population = vec![0; names.len()];
        for &rack in of_member.iter().flatten() {
            population[rack] += 1;
        }
        Some(Self { of_member, of_partition, population })
    }

    /// The member has told its rack, and the partition has a replica there.
    pub(super) fn near(&self, member: usize, partition: usize) -> bool {
        self.of_member[member].is_some_and(|rack| self.of_partition[partition].contains(&rack))
    }

    /// The member has told its rack, and the partition has no replica there.
    pub(super) fn far(&self, member: usize, partition: usize) -> bool {
        self.of_member[member].is_some_and(|rack| !self.of_partition[partition].contains(&rack))
    }

    /// How many members are near to this partition.
    pub(super) fn neighbours(&self, partition: usize) -> usize {
        let racks = self.of_partition[partition].iter();
        racks.map(|&rack| self.population[rack]).sum()
    }
}
