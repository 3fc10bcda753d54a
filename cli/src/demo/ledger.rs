//! What was written and read, and whether it is as it has to be.

use std::collections::BTreeMap;

use super::news::{FOREIGN, Name, News, Seen};

/// How many problems are told; all are counted.
const TOLD: usize = 10;

/// All that was heard. Only what is not settled yet is kept, so that it can go on forever.
pub struct Ledger {
    partitions: Vec<Partition>,
    /// How many producers take turns with the numbers.
    producers: u64,
    written: u64,
    /// Records that were read again.
    repeated: u64,
    /// Records that were read, and that the writer does not know of.
    extra: u64,
    /// Assignments that brought a reader something.
    assignments: u64,
    problems: Vec<String>,
    problem_count: u64,
}

/// What is known of one partition.
#[derive(Default)]
pub struct Partition {
    /// Who has it.
    pub owner: Option<Name>,
    /// The offset behind the last record that was acknowledged.
    pub end: i64,
    /// The first offset that nobody has read.
    pub next: i64,
    /// What the owner has to read next; unknown until it has read something.
    expected: Option<i64>,
    /// Acknowledged, and not read.
    unread: BTreeMap<i64, u64>,
    /// Read, and not acknowledged: the reader may be faster than the answer to the writer.
    unacknowledged: BTreeMap<i64, u64>,
    /// The last number of each producer that was read.
    last: BTreeMap<u64, u64>,
}

impl Ledger {
    pub fn new(partitions: usize, producers: usize) -> Self {
        Ledger {
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
            producers: producers as u64,
            written: 0,
            repeated: 0,
            extra: 0,
            assignments: 0,
            problems: Vec::new(),
            problem_count: 0,
        }
    }

    /// Takes in what was told.
    pub fn hear(&mut self, news: &News) {
        match news {
            News::Written(records) => records.iter().for_each(|record| self.written(record)),
            News::Assigned(reader, partitions) => self.assigned(reader, partitions),
            News::Revoked(reader, partitions) | News::Lost(reader, partitions) => {
                self.taken(reader, partitions);
            }
            News::Read(reader, records) => records.iter().for_each(|record| self.read(reader, record)),
            News::Failed(problem) => self.problem(problem.clone()),
            News::Joins(_) | News::Leaves(_) => {}
        }
    }

    fn written(&mut self, record: &Seen) {
        self.written += 1;
        let partition = &mut self.partitions[record.partition as usize];
        partition.end = partition.end.max(record.offset + 1);
        match partition.unacknowledged.remove(&record.offset) {
            Some(read) => self.compare(record, read),
            None => drop(partition.unread.insert(record.offset, record.number)),
        }
    }

    fn assigned(&mut self, reader: Name, partitions: &[i32]) {
        self.assignments += u64::from(!partitions.is_empty());
        for &index in partitions {
            let partition = &mut self.partitions[index as usize];
            partition.expected = None;
            if let Some(other) = partition.owner.replace(reader) {
                self.problem(format!("{reader} got partition {index}, which {other} still had"));
            }
        }
    }

    fn taken(&mut self, reader: Name, partitions: &[i32]) {
        for &index in partitions {
            let partition = &mut self.partitions[index as usize];
            // What was lost may be another's by now.
            if partition.owner == Some(reader) {
                partition.owner = None;
            }
        }
    }

    fn read(&mut self, reader: Name, record: &Seen) {
        let Seen { partition: index, offset, number } = *record;
        let partition = &mut self.partitions[index as usize];
        let (owner, expected) = (partition.owner, partition.expected.replace(offset + 1));
        let is_again = offset < partition.next;
        // An owner goes on where the last one has committed: there or before, but never behind.
        let most = expected.unwrap_or(partition.next);
        let is_in_order = expected.map_or(offset <= most, |expected| offset == expected);
        partition.next = partition.next.max(offset + 1);
        // The numbers of a producer rise within a partition. One that comes again is there twice.
        let is_ours = !is_again && number != FOREIGN;
        let before = is_ours.then(|| partition.last.insert(number % self.producers, number)).flatten();
        let acknowledged = partition.unread.remove(&offset);
        if acknowledged.is_none() && !is_again {
            partition.unacknowledged.insert(offset, number);
        }
        self.repeated += u64::from(is_again);
        if owner != Some(reader) {
            self.problem(format!("{reader} read partition {index}, which it does not have"));
        }
        if !is_in_order {
            self.problem(format!("{reader} read offset {offset} of partition {index}, not {most}"));
        }
        if let Some(before) = before.filter(|before| *before >= number) {
            self.problem(format!("partition {index}, offset {offset}: {number} comes behind {before}"));
        }
        if let Some(written) = acknowledged {
            self.compare(record, written);
        }
    }

    /// The writer has heard of all of its records: whatever else was read is there twice.
    pub fn all_are_acknowledged(&mut self) {
        for index in 0..self.partitions.len() {
            for (offset, number) in std::mem::take(&mut self.partitions[index].unacknowledged) {
                if number != FOREIGN {
                    let place = format!("partition {index}, offset {offset}");
                    self.problem(format!("{place}: nobody was told that {number} is there"));
                }
                self.extra += 1;
            }
        }
    }

    fn compare(&mut self, record: &Seen, other: u64) {
        let Seen { partition, offset, number } = *record;
        if number != other {
            self.problem(format!("partition {partition}, offset {offset}: {number} is not {other}"));
        }
    }

    fn problem(&mut self, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        }
    }

    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Records that were acknowledged and that nobody has read.
    pub fn missing(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.unread.len() as u64).sum()
    }

    /// Whether all is as it has to be, as far as it has come.
    pub fn is_right(&self) -> bool {
        self.problem_count == 0
    }

    /// What came of it, in lines.
    pub fn summary(&self) -> Vec<String> {
        let (written, missing) = (self.written, self.missing());
        // A record that was read and never acknowledged is in the log all the same.
        let unacknowledged: usize = self.partitions.iter().map(|p| p.unacknowledged.len()).sum();
        let read = written - missing + unacknowledged as u64 + self.extra;
        let mut lines = vec![format!(
            "{written} records written, {read} read, {missing} missing, {} read again, {} assignments",
            self.repeated, self.assignments
        )];
        lines.extend(self.problems.iter().map(|problem| format!("problem: {problem}")));
        let untold = self.problem_count - self.problems.len() as u64;
        if untold > 0 {
            lines.push(format!("and {untold} more problems"));
        }
        lines
    }
}

impl Partition {
    /// How many records are there that nobody has read.
    pub fn lag(&self) -> i64 {
        (self.end - self.next).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(partition: i32, offsets: impl IntoIterator<Item = i64>) -> Vec<Seen> {
        let seen = |offset| Seen { partition, offset, number: 100 + offset as u64 };
        offsets.into_iter().map(seen).collect()
    }

    fn after(story: impl IntoIterator<Item = News>) -> Ledger {
        let mut ledger = Ledger::new(2, 2);
        story.into_iter().for_each(|news| ledger.hear(&news));
        ledger
    }

    #[test]
    fn a_handover_that_reads_a_little_again_is_as_it_has_to_be() {
        let ledger = after([
            News::Assigned("ann", vec![0, 1]),
            News::Written(records(0, 0..10)),
            News::Read("ann", records(0, 0..6)),
            News::Revoked("ann", vec![0]),
            News::Assigned("bob", vec![0]),
            News::Read("bob", records(0, 4..12)),
            News::Written(records(0, 10..13)),
        ]);
        assert!(ledger.is_right());
        assert_eq!(ledger.missing(), 1);
        assert_eq!(ledger.summary(), ["13 records written, 12 read, 1 missing, 2 read again, 2 assignments"]);
        let partition = &ledger.partitions()[0];
        assert_eq!((partition.owner, partition.lag()), (Some("bob"), 1));
    }

    #[test]
    fn every_kind_of_disorder_is_found() {
        let has_read = |upto| [News::Assigned("ann", vec![0]), News::Read("ann", records(0, 0..upto))];
        let stories: [(&str, Vec<News>); 6] = [
            ("ann read offset 5 of partition 0, not 3", vec![News::Read("ann", records(0, [5]))]),
            ("ann read offset 1 of partition 0, not 3", vec![News::Read("ann", records(0, [1]))]),
            ("bob read partition 0, which it does not have", vec![News::Read("bob", records(0, [3]))]),
            ("bob got partition 0, which ann still had", vec![News::Assigned("bob", vec![0])]),
            (
                "bob read offset 4 of partition 0, not 3",
                vec![
                    News::Lost("ann", vec![0]),
                    News::Assigned("bob", vec![0]),
                    News::Read("bob", records(0, [4])),
                ],
            ),
            (
                "partition 0, offset 2: 7 is not 102",
                vec![News::Written(vec![Seen { partition: 0, offset: 2, number: 7 }])],
            ),
        ];
        for (problem, story) in stories {
            let ledger = after(has_read(3).into_iter().chain(story));
            assert!(!ledger.is_right(), "{problem}");
            assert_eq!(ledger.summary()[1..], [format!("problem: {problem}")]);
        }
    }

    #[test]
    fn a_record_that_is_in_the_log_twice_is_found() {
        let read = |numbers: &[u64]| {
            let seen = |(offset, number): (usize, &u64)| Seen {
                partition: 0,
                offset: offset as i64,
                number: *number,
            };
            News::Read("ann", numbers.iter().enumerate().map(seen).collect())
        };
        let acknowledged = |offset, number| Seen { partition: 0, offset, number };
        let written = |all: Vec<Seen>| [News::Assigned("ann", vec![0]), News::Written(all)];
        let both = [acknowledged(0, 10), acknowledged(2, 12)].to_vec();
        let behind = "problem: partition 0, offset 2: 10 comes behind 12";
        let unknown = "problem: partition 0, offset 1: nobody was told that 12 is there";
        for (numbers, all, problem) in [
            (&[10, 12, 10], [acknowledged(0, 10), acknowledged(1, 12), acknowledged(2, 10)].to_vec(), behind),
            (&[10, 12, 14], [acknowledged(0, 10), acknowledged(2, 14)].to_vec(), unknown),
        ] {
            let mut ledger = after(written(all).into_iter().chain([read(numbers)]));
            ledger.all_are_acknowledged();
            assert!(!ledger.is_right());
            assert_eq!(ledger.summary()[1..], [problem]);
        }
        let others = after(written(both).into_iter().chain([read(&[10, FOREIGN, 12, 11])]));
        assert!(others.is_right(), "the producers are two, and what others write is theirs");
    }

    #[test]
    fn what_goes_on_forever_is_not_kept_forever() {
        let mut ledger = after([News::Assigned("ann", vec![0])]);
        for round in 0..1_000 {
            let records = records(0, round * 100..(round + 1) * 100);
            ledger.hear(&News::Written(records.clone()));
            ledger.hear(&News::Read("ann", records));
        }
        let partition = &ledger.partitions()[0];
        assert!(ledger.is_right() && partition.unread.is_empty() && partition.unacknowledged.is_empty());
    }
}
