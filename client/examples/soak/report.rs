//! How it goes, and how it went.

use crate::Soak;
use crate::ledger::Ledger;

impl Soak {
    /// A line on how it goes.
    pub fn tell(&self) {
        let Ledger { counts, .. } = &self.ledger;
        println!(
            "{:4} s: {} records acknowledged, {} read, {} again; {} members, {} started, {} closed, {} killed; {} brokers \
             restarted, {} killed; longest wait {} ms; {} problems",
            self.started.elapsed().as_secs(),
            self.ledger.acknowledged(),
            self.ledger.read_count(),
            counts.duplicates,
            self.members.len(),
            self.members.started,
            self.members.closed,
            self.members.killed,
            self.restarted,
            self.killed,
            counts.wait,
            self.ledger.problems(),
        );
    }

    /// The counts.
    pub fn table(&self, missing: usize) {
        let (ledger, members) = (&self.ledger, &self.members);
        let counts = &ledger.counts;
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let lines = [
            ("seconds", count(self.started.elapsed().as_secs())),
            ("records acknowledged", number(ledger.acknowledged())),
            ("records read", number(ledger.read_count())),
            ("records read again", count(counts.duplicates)),
            ("records acknowledged and never read", number(missing)),
            ("members started", number(members.started)),
            ("members closed", number(members.closed)),
            ("members killed", number(members.killed)),
            ("brokers restarted in an orderly way", number(self.restarted)),
            ("brokers killed and started", number(self.killed)),
            ("assignments that members got", count(counts.assignments)),
            ("revocations and losses that members had", count(counts.revocations)),
            ("commits after polls", count(counts.commits)),
            ("commits that failed", count(counts.failed_commits)),
            ("commits in the group's log, by partition", count(counts.logged_commits)),
            ("longest time without any delivery, in ms", counts.silence),
            ("longest wait of an acknowledged record, in ms", counts.wait),
            ("problems", number(ledger.problems())),
        ];
        for (what, count) in lines {
            println!("{what:48} {count:>9}");
        }
    }
}
