//! What the demo shows.

use std::collections::VecDeque;
use std::time::Duration;

use super::ledger::Ledger;
use super::news::News;
use crate::rates::Rates;
use crate::screen::bar;
use crate::table::{Table, or_dash};

/// How many of the last events stand below the table.
const EVENTS: usize = 8;
/// A lag of so many records fills the bar.
const LONG_LAG: i64 = 200;

/// The last events, as lines.
#[derive(Default)]
pub struct Events(VecDeque<String>);

impl Events {
    /// Takes in an event; gives back its line.
    pub fn note(&mut self, at: Duration, event: &str) -> String {
        let line = format!("{:5.1} s  {event}", at.as_secs_f64());
        self.0.push_back(line.clone());
        if self.0.len() > EVENTS {
            self.0.pop_front();
        }
        line
    }

    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().cloned()
    }
}

/// What there is to say about a piece of news.
pub fn event(news: &News) -> Option<String> {
    match news {
        News::Joins(reader) => Some(format!("{reader} joins the group")),
        News::Leaves(reader) => Some(format!("{reader} leaves the group")),
        News::Assigned(reader, partitions) => told(reader, "gets", partitions),
        News::Revoked(reader, partitions) => told(reader, "hands over", partitions),
        News::Lost(reader, partitions) => told(reader, "has lost", partitions),
        News::Failed(problem) => Some(format!("problem: {problem}")),
        News::Written(_) | News::Read(..) => None,
    }
}

fn told(reader: &str, verb: &str, partitions: &[i32]) -> Option<String> {
    let noun = if partitions.len() == 1 { "partition" } else { "partitions" };
    let numbers: Vec<String> = partitions.iter().map(i32::to_string).collect();
    (!partitions.is_empty()).then(|| format!("{reader} {verb} {noun} {}", numbers.join(", ")))
}

/// A line for each partition.
pub fn table(ledger: &Ledger, rates: &Rates<usize>, leader: impl Fn(usize) -> Option<i32>) -> Vec<String> {
    let mut table = Table::new(&[
        ">PARTITION",
        ">LEADER",
        "OWNER   ",
        ">OFFSET",
        ">END",
        ">LAG",
        "BEHIND",
        ">PER SECOND",
    ]);
    for (index, partition) in ledger.partitions().iter().enumerate() {
        let lag = partition.lag();
        table.row(vec![
            index.to_string(),
            or_dash(leader(index)),
            or_dash(partition.owner),
            partition.next.to_string(),
            partition.end.to_string(),
            lag.to_string(),
            bar(lag, LONG_LAG.max(lag)),
            or_dash(rates.of(&index).map(|rate| format!("{rate:.0}"))),
        ]);
    }
    table.lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_events_are_kept_and_rebalances_that_change_nothing_are_none() {
        let mut events = Events::default();
        for n in 0..20 {
            events.note(Duration::from_millis(1_500), &format!("event {n}"));
        }
        let lines: Vec<String> = events.lines().collect();
        assert_eq!((lines.len(), lines[7].as_str()), (EVENTS, "  1.5 s  event 19"));
        assert_eq!(event(&News::Assigned("ann", vec![])), None);
        assert_eq!(event(&News::Revoked("ann", vec![2, 4])).unwrap(), "ann hands over partitions 2, 4");
        assert_eq!(event(&News::Lost("ann", vec![2])).unwrap(), "ann has lost partition 2");
    }
}
