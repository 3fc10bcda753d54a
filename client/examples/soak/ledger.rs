//! What was written, read and committed, and whether it is as it has to be.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::heard::Heard;

/// How many problems are kept to be told; all are counted.
const TOLD: usize = 20;

/// Partition and offset.
type Place = (i64, i64);

/// A partition, and the offset that the group has committed for it.
pub struct Commit {
    pub partition: i32,
    pub offset: i64,
}

/// All that was heard. Times are in milliseconds since 1970.
#[derive(Default)]
pub struct Ledger {
    /// When each record was acknowledged, and its value.
    acknowledged: HashMap<Place, (i64, Value)>,
    /// When each record was read for the first time, and its value.
    read: HashMap<Place, (i64, Value)>,
    /// Where each member is in the partitions that it has.
    owned: HashMap<String, BTreeMap<i64, Where>>,
    /// What the group has committed, by partition, as its log says.
    committed: BTreeMap<i32, i64>,
    last_delivery: Option<i64>,
    /// What is counted.
    pub counts: Counts,
    problems: Vec<String>,
    problem_count: usize,
}

/// How far a member is in a partition; what is not known has not happened in this ownership.
#[derive(Default)]
struct Where {
    next: Option<i64>,
    committed: Option<i64>,
}

/// What is counted.
#[derive(Default)]
pub struct Counts {
    /// Records that came again.
    pub duplicates: u64,
    /// Times that partitions were given to a member, none at all included.
    pub assignments: u64,
    /// Times that partitions were taken from a member.
    pub revocations: u64,
    /// Commits that went through, of the members that make them after each poll.
    pub commits: u64,
    /// Commits that failed: the group was rebalancing, or the member was out of it.
    pub failed_commits: u64,
    /// Commits in the group's log, of one partition each.
    pub logged_commits: u64,
    /// The longest time without any delivery.
    pub silence: i64,
    /// The longest time from the acknowledgement of a record until it was read.
    pub wait: i64,
}

impl Ledger {
    /// Takes in what a member or the producer said.
    pub fn hear(&mut self, heard: &Heard) {
        let Heard { from, event } = heard;
        match heard.name() {
            "producer_send_success" => {
                let acknowledged = (heard.at(), event["value"].clone());
                self.acknowledged.insert(place(event), acknowledged);
                self.compare(place(event));
            }
            "partitions_assigned" => {
                self.counts.assignments += 1;
                let owned = self.owned.entry(from.clone()).or_default();
                owned.extend(partitions(event).map(|partition| (partition, Where::default())));
            }
            "partitions_revoked" => {
                self.counts.revocations += 1;
                let gone: BTreeSet<i64> = partitions(event).collect();
                if let Some(owned) = self.owned.get_mut(from) {
                    owned.retain(|partition, _| !gone.contains(partition));
                }
            }
            "record_data" => self.read(from, event, heard.at()),
            "offsets_committed" if event["success"] == true => self.commit(from, event),
            "offsets_committed" => self.counts.failed_commits += 1,
            _ => {}
        }
    }

    fn read(&mut self, from: &str, event: &Value, at: i64) {
        let (partition, offset) = place(event);
        match self.owned.get_mut(from).and_then(|owned| owned.get_mut(&partition)) {
            None => self.problem(format!("{from} reads partition {partition}, which it does not have")),
            Some(place) => {
                let expected = place.next.replace(offset + 1).unwrap_or(offset);
                if expected != offset {
                    self.problem(format!(
                        "{from} reads offset {offset} of partition {partition} in place of {expected}"
                    ));
                }
            }
        }
        let last = self.last_delivery.replace(at).unwrap_or(at);
        self.counts.silence = self.counts.silence.max(at - last);
        match self.read.entry((partition, offset)) {
            Entry::Occupied(_) => self.counts.duplicates += 1,
            Entry::Vacant(first) => {
                first.insert((at, event["value"].clone()));
                self.compare((partition, offset));
            }
        }
    }

    /// The record was read and acknowledged: is it the same, and how long did it take?
    fn compare(&mut self, place: Place) {
        let (Some((acknowledged, written)), Some((at, read))) =
            (self.acknowledged.get(&place), self.read.get(&place))
        else {
            return;
        };
        self.counts.wait = self.counts.wait.max(at - acknowledged);
        if written != read {
            let problem = format!("{written} was written to {place:?}, and {read} was read there");
            self.problem(problem);
        }
    }

    fn commit(&mut self, from: &str, event: &Value) {
        self.counts.commits += 1;
        for offset in event["offsets"].as_array().into_iter().flatten() {
            let (partition, offset) = place(offset);
            let owned = self.owned.get_mut(from).and_then(|owned| owned.get_mut(&partition));
            // A commit that was sent before a rebalance may be answered when the partition is gone.
            let Some(place) = owned else { continue };
            let (before, next) = (place.committed.replace(offset), place.next);
            if before.is_some_and(|before| before > offset) {
                self.problem(format!("{from} commits {offset} of partition {partition} after {before:?}"));
            }
            if next.is_some_and(|next| offset > next) {
                self.problem(format!(
                    "{from} commits {offset} of partition {partition} and has read to {next:?}"
                ));
            }
        }
    }

    /// Takes in the next commit in the group's log.
    pub fn commits(&mut self, commit: &Commit) {
        self.counts.logged_commits += 1;
        let Commit { partition, offset } = *commit;
        let before = self.committed.insert(partition, offset).unwrap_or(offset);
        if before > offset {
            self.problem(format!("the commit of partition {partition} went back from {before} to {offset}"));
        }
    }

    /// Something is not as it has to be.
    pub fn problem(&mut self, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < TOLD {
            eprintln!("PROBLEM: {problem}");
            self.problems.push(problem);
        }
    }

    /// How many things were not as they have to be.
    pub fn problems(&self) -> usize {
        self.problem_count
    }

    /// How many partitions this member has; `None` before it was given any, or none at all.
    pub fn owned(&self, member: &str) -> Option<usize> {
        self.owned.get(member).map(BTreeMap::len)
    }

    /// How many records were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// How many different records were read.
    pub fn read_count(&self) -> usize {
        self.read.len()
    }

    /// Acknowledged records that nobody has read.
    pub fn missing(&self) -> impl Iterator<Item = &Place> {
        self.acknowledged.keys().filter(|place| !self.read.contains_key(place))
    }

    /// What the group has committed, by partition, as far as its log was read.
    pub fn committed(&self) -> &BTreeMap<i32, i64> {
        &self.committed
    }
}

fn place(event: &Value) -> Place {
    (event["partition"].as_i64().unwrap_or(-1), event["offset"].as_i64().unwrap_or(-1))
}

fn partitions(event: &Value) -> impl Iterator<Item = i64> {
    event["partitions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|partition| partition["partition"].as_i64())
}
