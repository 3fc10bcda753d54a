//! What has to be true, by what the broker's core holds and what the applications saw: the code under test is not asked.
//!
//! | always | |
//! |---|---|
//! | ownership | in one generation, a partition has one owner; records come of partitions that are owned only |
//! | order | within an ownership, each record of the log comes once, in order, and none is left out |
//! | beginning | an ownership begins where the group has committed, or before what nobody has processed |
//! | commits | never go back, never pass a record that no application has processed, and are made in a generation in which the partition was owned |
//! | log | what a producer sends is there as often as its settings promise, in order, and where it was told |
//! | producers | each record is settled once, in time, and fails only with what can go wrong (`producer.rs`, `habits.rs`) |
//!
//! What has to be true in the end is in `run.rs` and `peace.rs`.
//!
//! A record is *processed* when the application that had it comes back with its next call. Whoever seeks back may process
//! and commit again; what a truncation takes away is nobody's any more.

use std::collections::{BTreeMap, BTreeSet};

use milena_client::TopicPartition;

use crate::network::ClientId;
use crate::promises::{Promise, Promises, author};

/// What a record says: a number that no other record has. Its upper half is that of the client that wrote it.
pub type Value = u64;

/// All that is known from outside.
#[derive(Debug, Default)]
pub struct Ledger {
    logs: BTreeMap<TopicPartition, Log>,
    holders: BTreeMap<ClientId, Holder>,
    pub promises: Promises,
    /// Where a group without offsets begins is its own affair (`auto.offset.reset=latest`).
    from_latest: bool,
    /// Nothing goes wrong any more, and everybody has seen it.
    pub is_peace: bool,
    pub delivered: usize,
    pub duplicates: usize,
}

/// A partition.
#[derive(Debug, Default)]
struct Log {
    records: BTreeMap<i64, Entry>,
    /// What was there before a truncation: may still come, and counts for nothing.
    gone: BTreeSet<(i64, Value)>,
    /// Where it begins.
    start: i64,
    /// It has lost its end before.
    was_cut: bool,
    committed: Option<i64>,
    /// The least that may be committed.
    floor: i64,
    /// All that was committed.
    commits: Vec<i64>,
    /// Who may take a commit back: their partition was taken from them in a generation that they have missed.
    belated: BTreeSet<ClientId>,
    cut: Option<Cut>,
    /// Below this a consumer may read on behind a truncation that it has not noticed: what is written there may be left out.
    unnoticed: i64,
}

/// A log has lost its end, and a commit from before may still come: only what lies before the new end is certain, until all who
/// read the partition have come back, and commit what they have read since.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: i64,
    /// What is appended behind it has this leader epoch, or a later one. `None`: it does not tell.
    epoch: Option<i32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    value: Value,
    is_delivered: bool,
    is_processed: bool,
    /// Nobody has to read it.
    is_free: bool,
}

/// A consumer.
#[derive(Debug, Default)]
struct Holder {
    instance: Option<String>,
    generation: Option<i32>,
    owned: BTreeMap<TopicPartition, Reading>,
    /// In which generation each partition was its own for the last time.
    owned_in: BTreeMap<TopicPartition, Option<i32>>,
    /// Delivered, and not yet processed.
    at_hand: Vec<(TopicPartition, i64, Value)>,
}

/// How a consumer reads a partition that it owns.
#[derive(Debug, Default)]
struct Reading {
    /// What comes next; `None` until something came.
    next: Option<i64>,
    /// What was committed when it began.
    begins_at: i64,
    /// The application has gone back in it.
    has_sought: bool,
    /// It may still be at an offset of a log that has lost its end.
    is_astray: bool,
    /// The first of the records that stood in the log before it was cut, and stand there again: whether it has got the old one
    /// or the new one nobody can say, until it gets one that is new.
    again_from: Option<i64>,
    is_going: bool,
    /// It may have another owner already, in the generation that this one has missed.
    was_taken: bool,
}

impl Ledger {
    pub fn new(from_latest: bool) -> Self {
        Ledger { from_latest, ..Ledger::default() }
    }

    pub fn add_partition(&mut self, partition: TopicPartition) {
        self.logs.insert(partition, Log::default());
    }

    fn log(&mut self, partition: &TopicPartition) -> &mut Log {
        self.logs.get_mut(partition).expect("all partitions are known")
    }

    fn holder(&mut self, id: ClientId) -> &mut Holder {
        self.holders.get_mut(&id).expect("a consumer is told of before it does anything")
    }

    // What the broker did.

    /// Records were appended; or were found to be there already, where the producer numbers them.
    pub fn appended(&mut self, partition: &TopicPartition, base_offset: i64, values: &[Value]) {
        let log = self.logs.get_mut(partition).expect("all partitions are known");
        for (offset, &value) in (base_offset..).zip(values) {
            let is_numbered = self.promises.of(author(value)) == Some(Promise::Once);
            let is_free = offset < log.unnoticed;
            let entry = Entry { value, is_delivered: false, is_processed: is_free, is_free };
            match log.records.get(&offset) {
                Some(before) if is_numbered && before.value == value => continue,
                None if is_numbered && offset < log.start && log.gone.contains(&(offset, value)) => continue,
                Some(before) => panic!("{partition} has {} and {value} at offset {offset}", before.value),
                None => drop(log.records.insert(offset, entry)),
            }
            self.promises.appended(partition, value, log.was_cut);
        }
    }

    /// A producer was told that a record is at this offset; or that it is there, and not where.
    pub fn acknowledged(&self, partition: &TopicPartition, offset: Option<i64>, value: Value) {
        let log = &self.logs[partition];
        let Some(offset) = offset else {
            let is_lost = self.promises.of(author(value)) == Some(Promise::AtMostOnce);
            let is_there = is_lost || self.promises.has_seen(partition, value);
            return assert!(is_there, "{value} is said to be in {partition}, and is not");
        };
        let found = log.records.get(&offset).map(|entry| entry.value);
        let is_there = found == Some(value) || log.gone.contains(&(offset, value));
        assert!(is_there, "{value} is said to be at offset {offset} of {partition}, where {found:?} is");
    }

    /// The end of a log was cut off. Readers behind it have to come back; they notice by the leader epoch before they read on,
    /// if there is one.
    pub fn truncated(&mut self, partition: &TopicPartition, end: i64, epoch: Option<i32>) {
        let log = self.log(partition);
        if epoch.is_none() {
            log.unnoticed = log.unnoticed.max(log.end());
        }
        log.was_cut = true;
        let gone = log.records.split_off(&end);
        log.gone.extend(gone.iter().map(|(offset, entry)| (*offset, entry.value)));
        log.floor = log.floor.min(end);
        log.cut = Some(Cut { at: log.certain(end), epoch });
        for holder in self.holders.values_mut() {
            if let Some(reading) = holder.owned.get_mut(partition) {
                reading.next = reading.next.map(|next| next.min(end));
                reading.begins_at = reading.begins_at.min(end);
                reading.is_astray = true;
            }
        }
    }

    /// The beginning of a log was cut off.
    pub fn trimmed(&mut self, partition: &TopicPartition, start: i64) {
        let log = self.log(partition);
        log.start = log.start.max(start);
        let kept = log.records.split_off(&start);
        let gone = std::mem::replace(&mut log.records, kept);
        log.gone.extend(gone.iter().map(|(offset, entry)| (*offset, entry.value)));
    }

    /// Whether a commit of this consumer may go back, as far as it knows.
    pub fn is_belated(&self, id: ClientId, partition: &TopicPartition) -> bool {
        self.logs[partition].belated.contains(&id)
    }

    /// The group has committed this. One that comes late may go back: from a connection that its client has given up, its
    /// successor may have overtaken it.
    pub fn committed(&mut self, partition: &TopicPartition, offset: i64, is_late: bool) {
        let from_latest = self.from_latest;
        let log = self.log(partition);
        let before = log.committed;
        if before == Some(offset) {
            return;
        }
        if is_late {
            log.floor = log.floor.min(offset);
        }
        assert!(
            offset >= log.floor,
            "{partition}: the commit goes back from {before:?} to {offset}, and may not below {}",
            log.floor
        );
        if from_latest && before.is_none() {
            log.records
                .range_mut(..offset)
                .for_each(|(_, entry)| *entry = Entry { is_processed: true, ..*entry });
        }
        let missed = log.records.range(..log.certain(offset)).find(|(_, entry)| !entry.is_processed);
        if let Some((missed, entry)) = missed {
            let what = if entry.is_delivered { "processed" } else { "delivered" };
            panic!("{partition}: {offset} is committed, and offset {missed} has not been {what}");
        }
        log.committed = Some(offset);
        let is_free = |reading: &Reading| reading.has_sought || reading.is_astray;
        let is_free = self.holders.values().any(|h| h.owned.get(partition).is_some_and(is_free));
        if !is_free {
            let log = self.log(partition);
            log.floor = log.certain(offset);
        }
    }

    /// A commit of this was answered; of a record that was read in this leader epoch, and not late as above.
    pub fn commit_done(&mut self, partition: &TopicPartition, offset: i64, epoch: i32, is_late: bool) {
        let is_astray =
            |holder: &Holder| holder.owned.get(partition).is_some_and(|reading| reading.is_astray);
        let is_anyone = self.holders.values().any(is_astray);
        let log = self.log(partition);
        log.commits.push(offset);
        let is_new = |cut: &mut Cut| offset > cut.at && cut.epoch.is_some_and(|cut| cut <= epoch);
        if !is_late && !is_anyone {
            log.cut.take_if(|cut| is_new(cut));
        }
    }

    /// All that was committed for a partition, in order.
    pub fn commits_of(&self, partition: &TopicPartition) -> &[i64] {
        &self.logs[partition].commits
    }

    pub fn last_committed(&self, partition: &TopicPartition) -> Option<i64> {
        self.logs[partition].committed
    }

    // What the applications see.

    pub fn begins(&mut self, id: ClientId, instance: Option<&str>) {
        let holder = Holder { instance: instance.map(str::to_owned), ..Holder::default() };
        self.holders.insert(id, holder);
    }

    /// A consumer is no more: it has crashed, or is closed. What it had at hand was not processed.
    pub fn ends(&mut self, id: ClientId) {
        self.holders.remove(&id);
    }

    /// The coordinator has told a member of a classic group what it has in this generation.
    ///
    /// A static member that does not come to a rebalance in time stays a member, and the leader knows of it what it said when
    /// it last joined: what it has got since can be given to another one. It learns that when it joins the generation after,
    /// and has lost then what was taken from it.
    pub fn synced(
        &mut self,
        id: ClientId,
        generation: i32,
        assigned: &[TopicPartition],
        has_missed_one: bool,
    ) {
        for (partition, reading) in &mut self.holder(id).owned {
            reading.was_taken = !assigned.contains(partition) && (has_missed_one || reading.was_taken);
        }
        self.epoch(id, generation);
    }

    /// The coordinator has told a member its generation, or its epoch.
    pub fn epoch(&mut self, id: ClientId, generation: i32) {
        let holder = self.holder(id);
        holder.generation = Some(generation);
        let owned: Vec<TopicPartition> = holder.owned.keys().cloned().collect();
        holder.owned_in.extend(owned.iter().map(|partition| (partition.clone(), Some(generation))));
        owned.iter().for_each(|partition| self.check_owner(id, partition));
    }

    /// The listener was told: these are its own now.
    pub fn assigned(&mut self, id: ClientId, partitions: &[TopicPartition]) {
        for partition in partitions {
            let log = self.log(partition);
            log.belated.remove(&id);
            log.floor = log.floor.max(log.certain(log.committed.unwrap_or_default()));
            let (begins_at, is_astray) = (log.floor, log.cut.is_some());
            let reading = Reading { begins_at, is_astray, ..Reading::default() };
            let holder = self.holder(id);
            holder.owned_in.insert(partition.clone(), holder.generation);
            let before = holder.owned.insert(partition.clone(), reading);
            assert!(before.is_none(), "client {id} is assigned {partition}, which it has");
            self.check_owner(id, partition);
        }
    }

    /// The listener was told that these are about to go. Only who leaves need not know yet that others have them already.
    pub fn going(&mut self, id: ClientId, partitions: &[TopicPartition], is_leaving: bool) {
        for partition in partitions {
            let reading = self.holder(id).owned.get_mut(partition);
            let reading =
                reading.unwrap_or_else(|| panic!("client {id} is to give up {partition}, which it has not"));
            assert!(
                is_leaving || !reading.was_taken,
                "client {id} is to give up {partition}, which it has lost"
            );
            reading.is_going = true;
        }
    }

    /// These are gone.
    pub fn gone(&mut self, id: ClientId, partitions: &[TopicPartition]) {
        for partition in partitions {
            let had = self.holder(id).owned.remove(partition);
            assert!(had.is_some(), "client {id} has lost {partition}, which it had not");
        }
    }

    /// The application goes back, or on, to this offset.
    pub fn sought(&mut self, id: ClientId, partition: &TopicPartition, offset: i64) {
        if let Some(reading) = self.holder(id).owned.get_mut(partition) {
            reading.next = Some(offset);
            reading.has_sought = true;
            let log = self.log(partition);
            log.floor = log.floor.min(offset);
        }
    }

    /// A consumer sends a commit, as a member of this generation. One that has missed a generation does not know that its
    /// partition had another owner in that, who may have got further.
    pub fn commits(&mut self, id: ClientId, partition: &TopicPartition, generation: i32) {
        if self.holders[&id].owned.get(partition).is_some_and(|reading| reading.was_taken) {
            self.log(partition).belated.insert(id);
        }
        let owned_in = self.holders[&id].owned_in.get(partition).copied().flatten();
        assert!(
            owned_in == Some(generation),
            "client {id} commits {partition} in generation {generation}, and had it in {owned_in:?}"
        );
    }

    /// An application has got a record.
    pub fn delivered(&mut self, id: ClientId, partition: &TopicPartition, offset: i64, value: Value) {
        self.delivered += 1;
        let from_latest = self.from_latest;
        let holder = self.holders.get_mut(&id).expect("a consumer is told of before it does anything");
        let log = self.logs.get_mut(partition).expect("all partitions are known");
        let Some(reading) = holder.owned.get_mut(partition).filter(|reading| !reading.is_going) else {
            panic!("client {id} got offset {offset} of {partition}, which it does not own");
        };
        holder.at_hand.push((partition.clone(), offset, value));
        let Some(entry) = log.records.get_mut(&offset).filter(|entry| entry.value == value) else {
            let was_there = log.gone.contains(&(offset, value));
            assert!(was_there, "{partition} has never had {value} at offset {offset}");
            return;
        };
        let is_unclear = reading.is_astray && log.gone.contains(&(offset, value));
        reading.is_astray &= is_unclear || log.cut.is_some_and(|cut| offset < cut.at);
        let earliest = reading.again_from.take();
        reading.again_from = is_unclear.then(|| earliest.map_or(offset, |earliest| earliest.min(offset)));
        self.duplicates += usize::from(entry.is_delivered);
        entry.is_delivered = true;
        if let Some(next) = reading.next {
            let next = if earliest.is_some_and(|earliest| (earliest..next).contains(&offset)) {
                offset
            } else {
                next
            };
            assert!(offset >= next, "client {id}: offset {offset} of {partition} comes after {}", next - 1);
            let missed = log.records.range(next..offset).find(|(_, entry)| !entry.is_free);
            if let Some((missed, _)) = missed {
                panic!("client {id}: offset {offset} of {partition} comes, and {missed} before it did not");
            }
        } else {
            assert!(
                offset >= reading.begins_at,
                "client {id}: {partition} begins at {offset}, and {} was committed",
                reading.begins_at
            );
            let is_free = from_latest && log.committed.is_none();
            let missed = log.records.range(..log.certain(offset)).find(|(_, entry)| !entry.is_processed);
            if let (Some((missed, _)), false) = (missed, is_free) {
                panic!("client {id}: {partition} begins at {offset}, and nobody has processed {missed}");
            }
        }
        reading.next = Some(offset + 1);
    }

    /// The application comes back: it is done with what it got.
    pub fn processed(&mut self, id: ClientId) {
        for (partition, offset, value) in std::mem::take(&mut self.holder(id).at_hand) {
            let entry = self.log(&partition).records.get_mut(&offset);
            if let Some(entry) = entry.filter(|entry| entry.value == value) {
                entry.is_processed = true;
            }
        }
    }

    /// What an application owns.
    pub fn owned(&self, id: ClientId) -> impl Iterator<Item = &TopicPartition> {
        self.holders[&id].owned.keys()
    }

    fn check_owner(&self, id: ClientId, partition: &TopicPartition) {
        let holder = &self.holders[&id];
        let has = |holder: &Holder| holder.owned.get(partition).is_some_and(|reading| !reading.was_taken);
        if !has(holder) {
            return;
        }
        for (&other_id, other) in &self.holders {
            let is_same = other_id == id || holder.instance.is_some() && other.instance == holder.instance;
            if !is_same && other.generation == holder.generation && has(other) {
                let generation = holder.generation;
                panic!("clients {id} and {other_id} both own {partition} in generation {generation:?}");
            }
        }
    }

    // At the end.

    /// What is not yet as it has to be in the end, if anything is not.
    pub fn unfinished(&self, members: &[ClientId]) -> Option<String> {
        for (partition, log) in &self.logs {
            let owners: Vec<&ClientId> =
                members.iter().filter(|id| self.holders[id].owned.contains_key(partition)).collect();
            if owners.len() != 1 {
                return Some(format!("{partition} is owned by {owners:?}"));
            }
            if let Some((offset, _)) = log.records.iter().find(|(_, entry)| !entry.is_processed) {
                let is_free = self.from_latest && log.committed.is_none();
                if !is_free {
                    return Some(format!("offset {offset} of {partition} has not been processed"));
                }
            }
            if !log.records.is_empty() && log.committed != Some(log.end()) {
                let (committed, end) = (log.committed, log.end());
                return Some(format!("{partition} ends at {end}, and {committed:?} is committed"));
            }
        }
        None
    }

    /// Who owns what.
    pub fn owners(&self) -> Vec<(ClientId, TopicPartition, Option<i32>)> {
        let each = |(id, holder): (&ClientId, &Holder)| {
            let (id, generation) = (*id, holder.generation);
            holder.owned.keys().map(|partition| (id, partition.clone(), generation)).collect::<Vec<_>>()
        };
        self.holders.iter().flat_map(each).collect()
    }

    /// What the broker should hold of a partition.
    pub fn content(&self, partition: &TopicPartition) -> Vec<(i64, Value)> {
        self.logs[partition].records.iter().map(|(offset, entry)| (*offset, entry.value)).collect()
    }

    pub fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.logs.keys()
    }
}

impl Log {
    /// The offset after the last record.
    fn end(&self) -> i64 {
        self.records.last_key_value().map_or(0, |(offset, _)| offset + 1)
    }

    /// As far as this offset, and where the log was cut off, no further than that.
    fn certain(&self, offset: i64) -> i64 {
        self.cut.map_or(offset, |cut| cut.at.min(offset))
    }
}
