//! Sharing when all members want the same topics.
//!
//! Then only the counts matter. With 8 partitions and 3 members, everyone gets 2 (`low`), and 2 members get
//! one more (`high` is 3, `expected_high` is 2). Three steps:
//!
//! 1. Everyone keeps what it had, at most `high` partitions as long as fewer than `expected_high` members
//!    have that many, else at most `low`. Partitions that are far (see `racks`) are not kept.
//! 2. If racks matter, what is free goes to near members that are still below their count, partitions with
//!    the fewest neighbours first.
//! 3. What is left goes around in turn: first to the members below `low`, then one each to those that have
//!    `low`.
//!
//! ```text
//! A had t0 t1 t2 t3, B had t4, C is new; t5 to t7 are free.
//! Step 1: A: t0 t1 t2   B: t4          C: -
//! Step 3: A: t0 t1 t2   B: t4 t3 t7    C: t5 t6     (t3, t5, t6 go to B, C, C; then t7 is B's one more)
//! ```
//!
//! The order in which members come in step 1 decides who keeps `high`: it is that of a Java `HashMap`.

use super::super::group::{Group, Owners};
use super::super::java_order::hash_order;
use super::Sharing;
use super::claims::Ownership;
use super::racks::Racks;

pub(super) fn share(group: &Group<'_>, racks: Option<&Racks>, ownership: Ownership) -> Sharing {
    let members = group.members.len();
    let partitions = group.partitions.len();
    if members == 0 {
        return Sharing { owners: Vec::new(), moving: None };
    }
    let mut sharing = Constrained {
        low: partitions / members,
        high: partitions.div_ceil(members),
        expected_high: partitions % members,
        now_high: 0,
        below_low: Vec::new(),
        at_low: Vec::new(),
        owners: vec![None; partitions],
        counts: vec![0; members],
        contested: ownership.contested,
        taken_from: vec![None; partitions],
        moving: Vec::new(),
    };
    for member in walking_order(group) {
        sharing.keep(group, racks, member, &ownership.owned[member]);
    }
    sharing.below_low.sort_unstable();
    sharing.at_low.sort_unstable();
    let mut free: Vec<usize> =
        (0..partitions).filter(|&partition| sharing.owners[partition].is_none()).collect();
    if let Some(racks) = racks {
        free.sort_by_key(|&partition| racks.neighbours(partition));
        sharing.give_to_near(racks, &mut free);
    }
    sharing.give_in_turn(&free);
    Sharing { owners: sharing.owners, moving: Some(sharing.moving) }
}

/// Java copies its map of subscriptions into another map, and walks that.
fn walking_order(group: &Group<'_>) -> impl Iterator<Item = usize> {
    let ids = group.java_order.iter();
    let copied = hash_order(ids.map(|&member| group.members[member].member_id.as_str()));
    copied.into_iter().map(|at| group.java_order[at])
}

struct Constrained {
    /// What everyone gets at least.
    low: usize,
    /// What anyone gets at most: `low`, or one more.
    high: usize,
    /// How many members are to have more than `low`, and how many have by now.
    expected_high: usize,
    now_high: usize,
    /// Members that lack some to `low`.
    below_low: Vec<usize>,
    /// Members that have `low` and may get one more. Empty once `expected_high` is reached, until the last
    /// step.
    at_low: Vec<usize>,
    owners: Owners,
    counts: Vec<usize>,
    contested: Vec<bool>,
    /// For each partition the member that had it and did not keep it.
    taken_from: Vec<Option<usize>>,
    moving: Vec<usize>,
}

impl Constrained {
    /// Step 1: leaves a member what it had, up to its count.
    fn keep(&mut self, group: &Group<'_>, racks: Option<&Racks>, member: usize, owned: &[usize]) {
        let mut kept = Vec::with_capacity(owned.len());
        for &partition in owned {
            if racks.is_some_and(|racks| racks.far(member, partition)) {
                self.taken_from[partition] = Some(member);
            } else if !self.contested[partition] {
                kept.push(partition);
            }
        }
        // Low indexes of all topics rather than all of one topic.
        kept.sort_by_key(|&partition| {
            let partition = &group.partitions[partition];
            (partition.index, partition.topic)
        });

        let limit = if kept.len() < self.low {
            self.below_low.push(member);
            self.low
        } else if kept.len() >= self.high && self.now_high < self.expected_high {
            self.one_more_high();
            self.high
        } else {
            if self.now_high < self.expected_high {
                self.at_low.push(member);
            }
            self.low
        };
        let (kept, surplus) = kept.split_at(limit.min(kept.len()));
        for &partition in kept {
            self.owners[partition] = Some(member);
        }
        for &partition in surplus {
            self.taken_from[partition] = Some(member);
        }
        self.counts[member] = kept.len();
    }

    /// Step 2: gives free partitions to near members, in turn; those that no near member can take stay in
    /// `free`.
    fn give_to_near(&mut self, racks: &Racks, free: &mut Vec<usize>) {
        let mut next = 0;
        free.retain(|&partition| {
            let member = if let Some(at) = near_from(racks, partition, &self.below_low, next) {
                let member = self.below_low[at];
                next = self.fill_toward_low(at);
                member
            } else if let Some(at) = near_from(racks, partition, &self.at_low, 0) {
                self.at_low_becomes_high(at)
            } else {
                return true;
            };
            self.give(partition, member);
            false
        });
    }

    /// Accounts for one partition more for a member of `below_low`; where to look for the next one.
    fn fill_toward_low(&mut self, at: usize) -> usize {
        let count = self.counts[self.below_low[at]] + 1;
        let mut next = at + 1;
        if count >= self.low {
            let member = self.below_low.remove(at);
            next = at;
            if count < self.high && self.now_high < self.expected_high {
                self.at_low.push(member);
            }
        }
        next.checked_rem(self.below_low.len()).unwrap_or(0)
    }

    fn at_low_becomes_high(&mut self, at: usize) -> usize {
        let member = self.at_low.remove(at);
        self.one_more_high();
        member
    }

    fn one_more_high(&mut self) {
        self.now_high += 1;
        if self.now_high == self.expected_high {
            self.at_low.clear();
        }
    }

    /// Step 3: gives out the rest, in turn.
    fn give_in_turn(&mut self, free: &[usize]) {
        let mut next = 0;
        for &partition in free {
            if self.below_low.is_empty() {
                // The counts add up to the number of partitions, so there is a member left for each.
                let member = self.at_low.remove(0);
                self.give(partition, member);
                continue;
            }
            if next >= self.below_low.len() {
                next = 0;
            }
            let member = self.below_low[next];
            self.give(partition, member);
            if self.counts[member] == self.low {
                self.below_low.remove(next);
                self.at_low.push(member);
            } else {
                next += 1;
            }
        }
    }

    fn give(&mut self, partition: usize, member: usize) {
        self.owners[partition] = Some(member);
        self.counts[member] += 1;
        let from_another = self.taken_from[partition].is_some_and(|from| from != member);
        if from_another || self.contested[partition] {
            self.moving.push(partition);
        }
    }
}

/// The first near member in `members`, searched in a circle from `start`.
fn near_from(racks: &Racks, partition: usize, members: &[usize], start: usize) -> Option<usize> {
    (0..members.len())
        .map(|step| (start + step) % members.len())
        .find(|&at| racks.near(members[at], partition))
}
