//! Histories of a consumer group that no real cluster could be made to live through, each of them a number.
//!
//! Consumers and producers (their cores, and the consumers' application side) and a cluster of three brokers live in one thread under
//! a virtual clock, and talk bytes through the real codecs. A seed decides what kind of a history it is (`history.rs`), and
//! everything that happens in it. What has to be true is checked at each step (`checks.rs`), and when all has healed
//! (`run.rs`).
//!
//! ```sh
//! cargo test -p milena-client --test sim                       # 500 histories
//! MILENA_SEEDS=20000 cargo test --release -p milena-client --test sim -- --nocapture
//! MILENA_SEED=17 cargo test -p milena-client --test sim -- --nocapture    # one of them, with all that happens
//! ```
//!
//! | file | what |
//! |---|---|
//! | `history.rs` | what a seed decides beforehand |
//! | `run.rs` | a history from its beginning to its end; many of them |
//! | `world.rs`, `brokers.rs` | everything there is, and one step after the other; what the brokers do |
//! | `clock.rs`, `rng.rs`, `trace.rs` | time, chance, and what went on |
//! | `network.rs` | connections |
//! | `member.rs`, `application.rs` | a consumer, and the application that has it |
//! | `producer.rs`, `habits.rs`, `writer.rs` | who writes: a producer, what it is like, and somebody who makes duplicates |
//! | `faults.rs`, `spoil.rs` | what goes wrong |
//! | `failover.rs` | how long a broker that shuts down keeps records waiting |
//! | `checks.rs`, `promises.rs` | what has to be true; of what is written in particular |

mod application;
mod brokers;
mod checks;
mod clock;
mod failover;
mod faults;
mod habits;
mod history;
mod member;
mod network;
mod peace;
mod producer;
mod promises;
mod rng;
mod run;
mod spoil;
mod trace;
mod versions;
mod world;
mod writer;

/// How many histories a test run has.
const SEEDS: u64 = 500;

/// Seeds that have found something, and what. When what a seed decides has changed, it is another history: then the bug is planted
/// again, to see which seed finds it now.
#[test]
fn histories_that_found_something_go_well() {
    // A producer's first batch was refused, and the second, on its way already, was taken for the first.
    run::live(48, trace::Trace::off());
    // A commit was sent in an epoch in which another member had committed already what was in it.
    run::live(266, trace::Trace::off());
    // A batch in the log was sent again, and refused, while so much followed it that the broker no longer knew it.
    run::live(140, trace::Trace::off());
    // Two batches failed for good, and the one between them was sent in vain.
    run::live(827, trace::Trace::off());
    // A batch failed for good, and one before it, in the log already, was numbered anew.
    run::live(454, trace::Trace::off());
    // A batch went to a new leader without epochs, and the one before it was still on its way to the old one.
    run::live(7512, trace::Trace::off());
    // A static member gave up partitions, and was out and in again before it could ask for the rebalance that hands them on.
    run::live(12452, trace::Trace::off());
    // A static member that had missed a generation was to give up, and committed, what another member had got in it.
    run::live(2048, trace::Trace::off());
    // The number of a generation that a coordinator had taken with it was given again, and one member took the two for the same.
    run::live(11728, trace::Trace::off());
}

#[test]
fn whatever_happens_records_are_read_and_commits_are_true() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse().expect("a number"));
    match number("MILENA_SEED") {
        Some(seed) => run::show(seed),
        None => run::many(0..number("MILENA_SEEDS").unwrap_or(SEEDS)),
    }
}
