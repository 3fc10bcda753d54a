//! Sharing when members want different topics.
//!
//! There is no share to compute beforehand: a member that wants one small topic can never have as much as the
//! others. So the loads are evened out step by step:
//!
//! 1. Everyone keeps what it owned, unless it no longer wants the topic or the partition is far.
//! 2. Each free partition goes to the member with the least load that wants it (of equal loads, the lower
//!    id); near members first if racks matter. Partitions that few members want are given out first.
//! 3. As long as some partition's owner has at least two more than another member that wants it, it moves to
//!    the one with the least load. A partition that had another owner in an older generation rather goes back
//!    to it.
//! 4. If after all this the loads are not more even than after step 2, the moves are taken back.
//!
//! ```text
//! A had t0 t1 t2 t3 and wants t alone; B is new and wants t and u, which has one partition.
//! Step 1: A: t0 t1 t2 t3   B: -
//! Step 2: A: t0 t1 t2 t3   B: u0
//! Step 3: A: t1 t2 t3      B: u0 t0
//! ```
//!
//! Kafka walks all members, topics and partitions before each move to see if the loads are balanced. We keep
//! the members sorted by load, and look for the one that has least: if it does not need the partition, nobody
//! does.

use std::collections::BTreeSet;

use super::super::group::{Group, Owners};
use super::claims::{Claim, NO_GENERATION, Ownership};
use super::movements::Movements;
use super::racks::Racks;

pub(super) fn share(
    group: &Group<'_>,
    racks: Option<&Racks>,
    claims: &[Claim],
    ownership: Ownership,
) -> Owners {
    let mut general = General::new(group, claims);
    let gave_up = general.keep(racks, &ownership);

    let order = general.order_of_giving();
    let mut free = order.clone();
    free.retain(|&partition| general.owners[partition].is_none());
    let all_new = general.loads.iter().all(|&load| load == 0);
    if racks.is_some() {
        general.give(&free, racks);
    }
    general.give(&free, None);
    general.balance(order, free, gave_up, all_new);
    general.owners
}

struct General<'a> {
    group: &'a Group<'a>,
    owners: Owners,
    /// For each member how many partitions it has.
    loads: Vec<usize>,
    /// For each topic how many members want it.
    demand: Vec<usize>,
    /// For each partition its owner in an older generation.
    previous: Vec<Option<usize>>,
    /// (load, member) of the members that take part in balancing.
    by_load: BTreeSet<(usize, usize)>,
    movements: Movements<'a>,
    /// Some partition went back to an owner that no longer wants it.
    strayed: bool,
}

impl<'a> General<'a> {
    fn new(group: &'a Group<'a>, claims: &[Claim]) -> Self {
        let mut demand = vec![0; group.topics.len()];
        for member in 0..group.members.len() {
            for &topic in group.wanted_by(member) {
                demand[topic] += 1;
            }
        }
        Self {
            group,
            owners: vec![None; group.partitions.len()],
            loads: vec![0; group.members.len()],
            demand,
            previous: previous_owners(group, claims),
            by_load: (0..group.members.len()).map(|member| (0, member)).collect(),
            movements: Movements::new(group),
            strayed: false,
        }
    }

    /// Step 1; whether some member had to give up something.
    fn keep(&mut self, racks: Option<&Racks>, ownership: &Ownership) -> bool {
        let mut gave_up = false;
        for (member, owned) in ownership.owned.iter().enumerate() {
            for &partition in owned {
                if !self.group.wants(member, self.topic(partition))
                    || racks.is_some_and(|racks| racks.far(member, partition))
                {
                    gave_up = true;
                } else {
                    self.put(partition, member);
                }
            }
        }
        gave_up
    }

    /// All partitions, those of the topics with the fewest members first.
    fn order_of_giving(&self) -> Vec<usize> {
        let mut topics: Vec<usize> = (0..self.group.topics.len()).collect();
        topics.sort_by_key(|&topic| self.demand[topic]);
        let partitions = topics.into_iter().map(|topic| self.group.partitions_of(topic));
        partitions.flatten().collect()
    }

    /// Step 2: each partition that is still free to the least loaded member that wants it, and that is not
    /// far if racks are given.
    fn give(&mut self, free: &[usize], racks: Option<&Racks>) {
        for &partition in free {
            if self.owners[partition].is_some() {
                continue;
            }
            let topic = self.topic(partition);
            let found = self.by_load.iter().find(|&&(_, member)| {
                self.group.wants(member, topic) && !racks.is_some_and(|racks| racks.far(member, partition))
            });
            if let Some(&(_, member)) = found {
                self.put(partition, member);
            }
        }
    }

    /// Steps 3 and 4.
    fn balance(&mut self, mut all: Vec<usize>, mut new: Vec<usize>, gave_up: bool, all_new: bool) {
        // What only one member wants stays where it is, and so does a member that has all it can get.
        let contended = |general: &Self, partition: usize| general.demand[general.topic(partition)] >= 2;
        all.retain(|&partition| contended(self, partition));
        new.retain(|&partition| contended(self, partition));
        let mut in_play: Vec<bool> =
            (0..self.loads.len()).map(|member| self.loads[member] < self.most_possible(member)).collect();
        for &partition in &all {
            if let Some(owner) = self.owners[partition] {
                in_play[owner] = true;
            }
        }
        self.by_load.retain(|&(_, member)| in_play[member]);

        let before = (self.owners.clone(), self.spread());
        if !gave_up {
            self.even_out(&new);
        }
        let moved = self.even_out(&all);
        if moved && !all_new && self.spread() >= before.1 {
            self.owners = before.0;
        }
    }

    /// Step 3 for some partitions, over and over until nothing moves; whether something did.
    ///
    /// Java looks for a better owner in the same rack first. If it finds one it goes on as for any better
    /// owner, and gives the partition to the one with the least load, whatever its rack; so that search
    /// changes nothing.
    fn even_out(&mut self, partitions: &[usize]) -> bool {
        let mut moved = false;
        loop {
            let mut moved_now = false;
            for &partition in partitions {
                let Some(owner) = self.owners[partition] else {
                    continue;
                };
                let target = match self.previous[partition] {
                    Some(previous) if self.has_two_less(previous, owner) => {
                        // The only move that is possible in a balanced group: see `is_balanced`.
                        let stray = !self.group.wants(previous, self.topic(partition));
                        if (stray || self.strayed) && self.is_balanced() {
                            break;
                        }
                        self.strayed |= stray;
                        previous
                    }
                    _ => match self.least_loaded(self.topic(partition)) {
                        Some(least) if self.has_two_less(least, owner) => {
                            if self.strayed && self.is_balanced() {
                                break;
                            }
                            least
                        }
                        _ => continue,
                    },
                };
                let partition = self.movements.best_to_move(partition, owner, target);
                self.shift(partition, target);
                moved_now = true;
            }
            moved |= moved_now;
            if !moved_now {
                return moved;
            }
        }
    }

    fn has_two_less(&self, member: usize, owner: usize) -> bool {
        let load = self.loads[member];
        self.by_load.contains(&(load, member)) && self.loads[owner] > load + 1
    }

    fn least_loaded(&self, topic: usize) -> Option<usize> {
        let mut members = self.by_load.iter().map(|&(_, member)| member);
        members.find(|&member| self.group.wants(member, topic))
    }

    /// Java's test whether anything is left to do. It says no exactly if some member could take a partition
    /// from an owner that has two more. That is what `even_out` looks for anyway, so the test only counts for
    /// partitions that go to a previous owner that does not want them (any longer): a quirk of Java's, cured
    /// by the next rebalance.
    fn is_balanced(&self) -> bool {
        let (Some(first), Some(last)) = (self.by_load.first(), self.by_load.last()) else {
            return true;
        };
        if first.0 + 1 >= last.0 {
            return true;
        }
        let mut highest = vec![0; self.group.topics.len()];
        for (partition, owner) in self.owners.iter().enumerate() {
            if let Some(owner) = *owner {
                let topic = self.topic(partition);
                highest[topic] = self.loads[owner].max(highest[topic]);
            }
        }
        self.by_load.iter().all(|&(load, member)| {
            load == self.most_possible(member)
                || self.group.wanted_by(member).iter().all(|&topic| load + 1 >= highest[topic])
        })
    }

    /// How many partitions the topics that a member wants have together.
    fn most_possible(&self, member: usize) -> usize {
        let topics = self.group.wanted_by(member);
        if topics.len() == self.group.topics.len() {
            return self.group.partitions.len();
        }
        topics.iter().map(|&topic| self.group.partitions_of(topic).len()).sum()
    }

    /// How uneven the loads are: the sum of the differences of all pairs of members that take part in
    /// balancing.
    fn spread(&self) -> usize {
        let loads = self.by_load.iter().map(|&(load, _)| load).enumerate();
        let (spread, _) =
            loads.fold((0, 0), |(spread, sum), (lower, load)| (spread + load * lower - sum, sum + load));
        spread
    }

    fn shift(&mut self, partition: usize, to: usize) {
        if let Some(from) = self.owners[partition] {
            self.movements.record(partition, from, to);
            self.change_load(from, self.loads[from] - 1);
        }
        self.put(partition, to);
    }

    fn put(&mut self, partition: usize, member: usize) {
        self.owners[partition] = Some(member);
        self.change_load(member, self.loads[member] + 1);
    }

    fn change_load(&mut self, member: usize, load: usize) {
        self.by_load.remove(&(self.loads[member], member));
        self.loads[member] = load;
        self.by_load.insert((load, member));
    }

    fn topic(&self, partition: usize) -> usize {
        self.group.partitions[partition].topic
    }
}

/// For each partition the newest claim among those that are older than the newest generation.
fn previous_owners(group: &Group<'_>, claims: &[Claim]) -> Vec<Option<usize>> {
    let generations = claims.iter().map(Claim::generation_or_none);
    let newest = generations.fold(NO_GENERATION, i32::max);
    let mut previous: Vec<Option<usize>> = vec![None; group.partitions.len()];
    for &member in &group.java_order {
        let generation = claims[member].generation_or_none();
        if generation >= newest {
            continue;
        }
        for &partition in &claims[member].partitions {
            let newer = |other: usize| generation > claims[other].generation_or_none();
            if previous[partition].is_none_or(newer) {
                previous[partition] = Some(member);
            }
        }
    }
    previous
}
