//! Who is to have what, where the coordinator assigns (KIP-848).
//!
//! | file | what it gives |
//! |---|---|
//! | `uniform.rs` | everybody as much as everybody else, and as much as possible of what they had |
//! | `range.rs` | everybody a run of neighbouring partitions of each topic |

mod range;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::{Str, Uuid};

/// Partitions, by the id of their topic.
pub(super) type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;

/// What assignors know of a group.
#[derive(Debug, Default)]
pub(super) struct GroupSpec {
    pub(super) members: BTreeMap<Str, MemberSpec>,
    /// How many partitions each topic has that a member subscribes to.
    pub(super) topics: BTreeMap<Uuid, usize>,
}

/// What they know of a member.
#[derive(Debug, Default)]
pub(super) struct MemberSpec {
    pub(super) instance_id: Option<Str>,
    /// The topics that it subscribes to and that exist.
    pub(super) topics: BTreeSet<Uuid>,
    /// What it was to have so far.
    pub(super) target: Partitions,
}

/// What each member is to have from now on; `None` where there is no such assignor.
pub(super) fn assign(assignor: &str, group: &GroupSpec) -> Option<BTreeMap<Str, Partitions>> {
    match assignor {
        "uniform" => Some(uniform::assign(group)),
        "range" => Some(range::assign(group)),
        _ => None,
    }
}

#[cfg(test)]
mod test_support {
    use super::*;

    pub(super) fn topic(n: u8) -> Uuid {
        Uuid([n; 16])
    }

    /// A group of these members, each with the topics that it wants, and topics with their counts of partitions.
    pub(super) fn group(members: &[(&str, &[u8])], topics: &[(u8, usize)]) -> GroupSpec {
        let spec = |wanted: &[u8]| MemberSpec {
            topics: wanted.iter().map(|&n| topic(n)).collect(),
            ..MemberSpec::default()
        };
        GroupSpec {
            members: members.iter().map(|(id, wanted)| (Str::from(*id), spec(wanted))).collect(),
            topics: topics.iter().map(|&(n, count)| (topic(n), count)).collect(),
        }
    }

    /// As in "1: 0 1 2 | 2: 0".
    pub(super) fn text(partitions: &Partitions) -> String {
        let topic = |(id, partitions): (&Uuid, &BTreeSet<i32>)| {
            let list: Vec<String> = partitions.iter().map(i32::to_string).collect();
            format!("{}: {}", id.0[0], list.join(" "))
        };
        partitions.iter().map(topic).collect::<Vec<_>>().join(" | ")
    }

    /// Every partition has exactly one owner among those who want it, if anybody does.
    pub(super) fn check(group: &GroupSpec, assignment: &BTreeMap<Str, Partitions>) {
        let mut owners: BTreeMap<(Uuid, i32), &Str> = BTreeMap::new();
        for (member, partitions) in assignment {
            for (topic, partitions) in partitions {
                assert!(group.members[member].topics.contains(topic), "{member} does not want {topic}");
                assert!(!partitions.is_empty());
                for &partition in partitions {
                    assert!(usize::try_from(partition).unwrap() < group.topics[topic]);
                    assert_eq!(owners.insert((*topic, partition), member), None, "{topic}-{partition}");
                }
            }
        }
        let wanted =
            group.topics.iter().filter(|(id, _)| group.members.values().any(|m| m.topics.contains(*id)));
        assert_eq!(owners.len(), wanted.map(|(_, count)| count).sum::<usize>());
    }
}
