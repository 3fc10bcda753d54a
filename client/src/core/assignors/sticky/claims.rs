//! Who owned what before this rebalance.
//!
//! Members say so themselves, and may be behind: one that missed a generation still claims what was taken
//! from it. For each partition
//! - the claim of the newest generation counts, and
//! - of two claims of one generation neither does: the partition is *contested*, and goes to whoever comes
//!   next.
//!
//! With three or more claims on one partition the result depends on the order in which they are looked at;
//! that is Java's order here.

use std::collections::HashSet;

use super::super::group::Group;

/// The generation of a member that has told none.
pub(super) const NO_GENERATION: i32 = -1;

/// What one member says that it had.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Claim {
    /// Existing partitions, by number.
    pub(in super::super) partitions: Vec<usize>,
    /// When it had them, if it says so.
    pub(in super::super) generation: Option<i32>,
}

impl Claim {
    pub(super) fn generation_or_none(&self) -> i32 {
        self.generation.unwrap_or(NO_GENERATION)
    }
}

/// The settled claims.
#[derive(Debug)]
pub(super) struct Ownership {
    /// For each member the partitions whose owner it was: no partition is in two lists.
    pub(super) owned: Vec<Vec<usize>>,
    /// For each partition whether members of one generation claimed it.
    pub(super) contested: Vec<bool>,
}

impl Ownership {
    pub(super) fn settle(group: &Group<'_>, claims: &[Claim]) -> Self {
        let mut owned: Vec<Vec<usize>> = vec![Vec::new(); group.members.len()];
        let mut contested = vec![false; group.partitions.len()];
        let mut holder: Vec<Option<usize>> = vec![None; group.partitions.len()];

        for &member in &group.java_order {
            let generation = claims[member].generation_or_none();
            for &partition in &claims[member].partitions {
                let Some(other) = holder[partition] else {
                    owned[member].push(partition);
                    holder[partition] = Some(member);
                    continue;
                };
                // The subscription's own field, not the user data, even where `generation` came from user
                // data.
                let other_generation = group.members[other].generation_id.max(NO_GENERATION);
                if generation < other_generation {
                    continue;
                }
                if generation == other_generation {
                    contested[partition] = true;
                } else {
                    owned[member].push(partition);
                }
                remove_first(&mut owned[other], partition);
                holder[partition] = Some(member);
            }
        }
        Self { owned, contested }
    }
}

fn remove_first(list: &mut Vec<usize>, value: usize) {
    if let Some(at) = list.iter().position(|&other| other == value) {
        list.remove(at);
    }
}

/// Whether all members named the same topics, those included that the cluster does not have.
pub(super) fn all_want_the_same(group: &Group<'_>) -> bool {
    let mut first: HashSet<&str> = HashSet::new();
    let mut looked_at = HashSet::new();
    for &member in &group.java_order {
        let topics = &group.members[member].topics;
        if first.is_empty() {
            // Members without any topic that come before the first one with topics do not count as different.
            first.extend(topics.iter().map(String::as_str));
        } else if looked_at.insert(group.wish_number(member)) {
            let same = topics.len() == first.len() && topics.iter().all(|t| first.contains(t.as_str()));
            if !same {
                return false;
            }
        }
    }
    true
}
