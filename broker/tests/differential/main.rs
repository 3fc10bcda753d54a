//! The embedded broker next to a real Kafka: the same requests, and the same answers down to each field.
//!
//! A scenario is a function over a [`Side`](side::Side). It runs on both, each writes down every answer line by line
//! (`observed.rs`), and the lines have to be the same. What cannot be the same (ids, ports, times) has names in order of
//! appearance, such as `member-1`; texts of errors count as said or not said. All scenarios share one Kafka 4.3.1 and one
//! embedded broker with the same settings (`side.rs`), each with topics and groups of its own.

mod connection;
mod lines;
mod moving;
mod observed;
mod producer;
mod records;
mod side;

mod admin;
mod altering;
mod cluster;
mod commits;
mod compaction;
mod configs;
mod consumer_groups;
mod fencing;
mod fetch;
mod groups;
mod idempotence;
mod leaving;
mod metadata;
mod migrations;
mod moves;
mod offsets;
mod produce;
mod sessions;
mod topics;
mod transactions;
mod txn_offsets;
mod versions;

use std::panic::resume_unwind;
use std::thread;

use side::{Cluster, Side, embedded, embedded_cluster, kafka, kafka_cluster};

/// Runs a scenario on both sides, and compares what was seen.
fn same_on_both<F: Fn(&Side) + Sync>(scenario: F) {
    same(kafka, embedded, scenario);
}

/// The same with three brokers.
fn same_on_both_clusters<F: Fn(&Side) + Sync>(scenario: F) {
    same(kafka_cluster, embedded_cluster, scenario);
}

type Start = fn() -> &'static Cluster;

fn same<F: Fn(&Side) + Sync>(kafka: Start, embedded: Start, scenario: F) {
    let name = scenario_name::<F>();
    let on = |cluster: &Cluster| {
        let side = Side::new(&name, cluster);
        scenario(&side);
        side.into_lines()
    };
    let (theirs, ours) = thread::scope(|scope| {
        let theirs = scope.spawn(|| on(kafka()));
        let ours = scope.spawn(|| on(embedded()));
        (theirs.join(), ours.join())
    });
    let theirs = theirs.unwrap_or_else(|panic| {
        println!("{name}: on the real Kafka");
        resume_unwind(panic)
    });
    let ours = ours.unwrap_or_else(|panic| {
        println!("{name}: on the embedded broker, after the real Kafka had\n{}", theirs.join("\n"));
        resume_unwind(panic)
    });
    assert!(!theirs.is_empty(), "{name}: nothing was observed");
    let diff = lines::diff(&theirs, &ours);
    println!("{}", diff.text);
    assert!(diff.is_same, "{name}: the lines with - are Kafka's, those with + the embedded broker's");
}

/// The module and the function that the scenario is in.
fn scenario_name<F>() -> String {
    let path = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
    let parts: Vec<&str> = path.split("::").skip(1).collect();
    parts.join(".").replace('_', "-")
}
