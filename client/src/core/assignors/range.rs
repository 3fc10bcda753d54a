//! `range`: each topic is cut into runs of neighbouring partitions, one for each member.
//!
//! Topic by topic, the members that want it stand in a row (static members first: see
//! `Group::serving_order`), and each takes the next run of partitions. The runs are of equal length, and what
//! is left over makes the first few one longer. With members A, B, and topics t and u of three partitions
//! each:
//!
//! ```text
//! A: t0 t1 | u0 u1        B: t2 | u2
//! ```
//!
//! Partition 0 of t and of u went to the same member, and so did 1 and 2. That is what `range` is for: two
//! topics with equal partition counts and equal members can be joined by key without moving data. The price
//! is that the first members in the row get more of every topic.
//!
//! **Racks** (KIP-881). If a topic's replicas are on some racks only, and members say in which rack they are,
//! a first round gives partitions to members in a rack with a replica, within the same shares; the plain
//! round then gives out the rest. Topics with equal members and equal counts stay together there too:
//! partition 2 of all of them goes to a member for which all of them are near, or waits for the plain round.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::group::{Group, Owners};
use super::{Assignor, ClusterTopics, GroupAssignment, Member};

/// Gives each member a run of neighbouring partitions of each topic (Kafka's `RangeAssignor`).
#[derive(Debug, Clone, Default)]
pub struct RangeAssignor;

impl Assignor for RangeAssignor {
    fn name(&self) -> &str {
        "range"
    }

    fn assign(&self, cluster: &ClusterTopics, members: &[Member]) -> GroupAssignment {
        let group = Group::new(cluster, members);
        group.assignment(&owners(&group))
    }
}

fn owners(group: &Group<'_>) -> Owners {
    let order = group.serving_order();
    let rows: Vec<Vec<usize>> = (0..group.topics.len())
        .map(|topic| {
            let wanting = order.iter().filter(|&&member| group.wants(member, topic));
            wanting.copied().collect()
        })
        .collect();
    let mut topics: Vec<Topic<'_>> =
        rows.iter().enumerate().map(|(topic, row)| Topic::new(group, topic, row)).collect();
    let mut owners = vec![None; group.partitions.len()];

    if topics.iter().any(|topic| topic.racks_matter) {
        for together in co_partitioned(&topics) {
            if let [alone] = together[..] {
                if topics[alone].racks_matter {
                    topics[alone].give_runs(&mut owners, true);
                }
            } else {
                give_together(&mut topics, &together, &mut owners);
            }
        }
    }
    for topic in &mut topics {
        topic.give_runs(&mut owners, false);
    }
    owners
}

/// One topic while it is being given out. A member is known by its place in the row here.
struct Topic<'a> {
    group: &'a Group<'a>,
    partitions: Range<usize>,
    row: &'a [usize],
    /// Some member and some replica share a rack, and not every partition is on all of the topic's racks.
    racks_matter: bool,
    /// Some member of the row has told its rack.
    racks_told: bool,
    /// What each member gets at least.
    share: usize,
    /// How many members may still get one more than that.
    extras: usize,
    /// How many partitions each member of the row has got.
    given: Vec<usize>,
}

impl<'a> Topic<'a> {
    fn new(group: &'a Group<'a>, topic: usize, row: &'a [usize]) -> Self {
        let partitions = group.partitions_of(topic);
        let member_racks: BTreeSet<&str> = row.iter().filter_map(|&member| group.rack_of(member)).collect();
        let racks_told = !member_racks.is_empty();
        Self {
            group,
            racks_matter: racks_told && racks_matter(group, partitions.clone(), &member_racks),
            racks_told,
            share: partitions.len() / row.len(),
            extras: partitions.len() % row.len(),
            given: vec![0; row.len()],
            partitions,
            row,
        }
    }

    /// How many more partitions this member may get.
    fn room(&self, place: usize) -> usize {
        (self.share + usize::from(self.extras > 0)).saturating_sub(self.given[place])
    }

    /// Whether a replica is in the member's rack; always so for a member that has told none.
    fn near(&self, place: usize, partition: usize) -> bool {
        let racks = self.group.partitions[partition].racks;
        match self.group.rack_of(self.row[place]) {
            Some(own) => racks.iter().any(|rack| rack == own),
            None => true,
        }
    }

    fn give(&mut self, owners: &mut Owners, partitions: &[usize], place: usize) {
        for &partition in partitions {
            owners[partition] = Some(self.row[place]);
        }
        self.given[place] += partitions.len();
        if self.given[place] > self.share {
            self.extras -= 1;
        }
    }

    /// Gives each member in turn as much as it may get of what nobody has, or only of what is near to it.
    fn give_runs(&mut self, owners: &mut Owners, near_only: bool) {
        let mut left: Vec<usize> =
            self.partitions.clone().filter(|&partition| owners[partition].is_none()).collect();
        for place in 0..self.row.len() {
            if left.is_empty() {
                break;
            }
            let room = self.room(place);
            let mut run = Vec::new();
            left.retain(|&partition| {
                let take = run.len() < room && (!near_only || self.near(place, partition));
                if take {
                    run.push(partition);
                }
                !take
            });
            if !run.is_empty() {
                self.give(owners, &run, place);
            }
        }
    }
}

fn racks_matter(group: &Group<'_>, partitions: Range<usize>, members: &BTreeSet<&str>) -> bool {
    let racks_of = |partition: usize| -> BTreeSet<&str> {
        let racks = group.partitions[partition].racks.iter();
        racks.map(String::as_str).collect()
    };
    let all: BTreeSet<&str> = partitions.clone().flat_map(racks_of).collect();
    !members.is_disjoint(&all) && partitions.clone().any(|partition| racks_of(partition) != all)
}

/// The topics in groups of equal members and equal partition counts. Topics whose members have told no rack
/// are left out: nothing can be matched there.
fn co_partitioned(topics: &[Topic<'_>]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<(&[usize], usize), Vec<usize>> = BTreeMap::new();
    for (number, topic) in topics.iter().enumerate() {
        if topic.racks_told {
            let alike = (topic.row, topic.partitions.len());
            groups.entry(alike).or_default().push(number);
        }
    }
    groups.into_values().collect()
}

/// Gives partition 0 of all these topics to the first member in the row for which all of them are near and
/// which has room in each, then partition 1, and so on.
fn give_together(topics: &mut [Topic<'_>], together: &[usize], owners: &mut Owners) {
    let first = &topics[together[0]];
    let count = first.partitions.len();
    let mut places: Vec<usize> = (0..first.row.len()).collect();
    for offset in 0..count {
        let fits = |place: usize| {
            together.iter().all(|&topic| {
                let topic = &topics[topic];
                topic.near(place, topic.partitions.start + offset) && topic.room(place) > 0
            })
        };
        let Some(place) = places.iter().copied().find(|&place| fits(place)) else {
            continue;
        };
        for &topic in together {
            let topic = &mut topics[topic];
            let partition = topic.partitions.start + offset;
            topic.give(owners, &[partition], place);
        }
        if together.iter().all(|&topic| topics[topic].room(place) == 0) {
            places.retain(|&other| other != place);
        }
    }
}
