//! The checks of the example `soak` notice what they are there for.

#[path = "../examples/common/heard.rs"]
mod heard;
#[path = "../examples/soak/ledger.rs"]
mod ledger;

use heard::Heard;
use ledger::{Commit, Ledger};
use serde_json::{Value, json};

/// A group with a member `a` that has partitions 0 and 1, and ten records in each, all acknowledged at 1,000.
struct Sut(Ledger);

impl Sut {
    fn new() -> Self {
        let mut sut = Sut(Ledger::default());
        for (partition, offset) in (0..2).flat_map(|partition| (0..10).map(move |offset| (partition, offset)))
        {
            let value = format!("{partition}.{offset}");
            let event = json!({"partition": partition, "offset": offset, "value": value});
            sut.hear("producer", "producer_send_success", 1_000, event);
        }
        sut.partitions("a", "partitions_assigned", &[0, 1]);
        sut
    }

    fn hear(&mut self, from: &str, name: &str, at: i64, mut event: Value) {
        (event["name"], event["timestamp"]) = (name.into(), at.into());
        self.0.hear(&Heard { from: from.to_owned(), event });
    }

    fn partitions(&mut self, from: &str, name: &str, partitions: &[i64]) {
        let partitions: Vec<Value> =
            partitions.iter().map(|partition| json!({"partition": partition})).collect();
        self.hear(from, name, 1_000, json!({"partitions": partitions}));
    }

    fn read(&mut self, from: &str, partition: i64, offsets: impl IntoIterator<Item = i64>) {
        for offset in offsets {
            let value = format!("{partition}.{offset}");
            let event = json!({"partition": partition, "offset": offset, "value": value});
            self.hear(from, "record_data", 1_100, event);
        }
    }

    fn commit(&mut self, from: &str, partition: i64, offset: i64) {
        let event = json!({"success": true, "offsets": [{"partition": partition, "offset": offset}]});
        self.hear(from, "offsets_committed", 1_100, event);
    }

    fn log_commit(&mut self, offset: i64) {
        self.0.commits(&Commit { partition: 0, offset });
    }

    fn problems(&self) -> (usize, usize) {
        (self.0.problems(), self.0.missing().count())
    }
}

#[test]
fn all_is_well_when_everything_is_read_once_or_again_after_a_rebalance() {
    let mut sut = Sut::new();
    sut.read("a", 0, 0..10);
    sut.read("a", 1, 0..5);
    sut.commit("a", 0, 10);
    sut.commit("a", 1, 3);
    sut.log_commit(10);
    sut.partitions("a", "partitions_revoked", &[1]);
    sut.partitions("b", "partitions_assigned", &[1]);
    sut.read("b", 1, 3..10);
    sut.log_commit(10);
    assert_eq!(sut.problems(), (0, 0));
    assert_eq!((sut.0.counts.duplicates, sut.0.counts.wait), (2, 100));
    assert_eq!((sut.0.acknowledged(), sut.0.read_count()), (20, 20));
    assert_eq!((sut.0.owned("a"), sut.0.owned("b"), sut.0.owned("c")), (Some(1), Some(1), None));
    assert_eq!(*sut.0.committed(), [(0, 10)].into());
}

#[test]
fn a_record_that_nobody_read_is_missing() {
    let mut sut = Sut::new();
    sut.read("a", 0, 0..10);
    sut.read("a", 1, 0..9);
    assert_eq!(sut.problems(), (0, 1));
}

#[test]
fn a_gap_or_a_step_back_within_an_ownership_is_a_problem() {
    for offsets in [[0, 1, 3], [0, 1, 1], [1, 2, 0]] {
        let mut sut = Sut::new();
        sut.read("a", 0, offsets);
        assert_eq!(sut.problems().0, 1, "{offsets:?}");
    }
}

#[test]
fn reading_what_is_not_ones_own_is_a_problem() {
    let mut sut = Sut::new();
    sut.read("b", 0, [0]);
    sut.partitions("a", "partitions_revoked", &[0]);
    sut.read("a", 0, [0]);
    assert_eq!(sut.problems().0, 2);
}

#[test]
fn another_value_than_was_written_is_a_problem() {
    let mut sut = Sut::new();
    sut.hear("a", "record_data", 1_100, json!({"partition": 0, "offset": 0, "value": "1.0"}));
    assert_eq!(sut.problems().0, 1);
}

#[test]
fn a_commit_that_goes_back_or_runs_ahead_is_a_problem() {
    let mut sut = Sut::new();
    sut.read("a", 0, 0..5);
    sut.commit("a", 0, 5);
    sut.commit("a", 0, 4);
    assert_eq!(sut.problems().0, 1);
    sut.commit("a", 0, 6);
    assert_eq!(sut.problems().0, 2);
    sut.log_commit(5);
    sut.log_commit(4);
    assert_eq!(sut.problems().0, 3);
}

#[test]
fn the_longest_wait_is_that_of_the_first_delivery() {
    let mut sut = Sut::new();
    let event = json!({"partition": 0, "offset": 0, "value": "0.0"});
    sut.hear("a", "record_data", 13_000, event.clone());
    sut.partitions("b", "partitions_assigned", &[0]);
    sut.hear("b", "record_data", 99_000, event);
    assert_eq!(sut.0.counts.wait, 12_000);
    assert_eq!(sut.0.counts.silence, 86_000);
}
