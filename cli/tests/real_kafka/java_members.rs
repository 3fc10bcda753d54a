//! A group of processes: milena's, and Kafka's console consumer.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::stories::common::{PATIENCE, Reader, milena};

/// Where a record is: partition and offset.
type Place = (u64, u64);

/// Of a line of ours: the JSON of a record.
fn our_place(line: &str) -> Place {
    let record: Value = serde_json::from_str(line).unwrap();
    (record["partition"].as_u64().unwrap(), record["offset"].as_u64().unwrap())
}

/// Of a line of Kafka's console consumer: `Partition:1<TAB>Offset:2<TAB>...`.
fn java_place(line: &str) -> Place {
    let mut numbers = line.split('\t').take(2).map(|field| field.split(':').nth(1).unwrap().parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn places(ours: [&Reader; 2], java: &Reader) -> BTreeSet<Place> {
    let ours = ours.into_iter().flat_map(|reader| &reader.seen).map(|line| our_place(line));
    ours.chain(java.seen.iter().map(|line| java_place(line))).collect()
}

#[test]
fn shares_a_group_with_javas_consumer_and_a_kill_loses_nothing() {
    const PARTITIONS: u64 = 6;
    let cluster = Cluster::start();
    cluster.create_topic("shared", PARTITIONS as u32);
    let options = ["--from-beginning", "-X", "session.timeout.ms=6000"];
    let mut first = milena(&cluster.bootstrap(), "shared", "mixed", &options);
    let mut second = milena(&cluster.bootstrap(), "shared", "mixed", &options);
    let mut java = cluster.java("org.apache.kafka.tools.consumer.ConsoleConsumer");
    java.args(["--bootstrap-server", &cluster.bootstrap(), "--topic", "shared", "--group", "mixed"]);
    for property in ["print.partition=true", "print.offset=true"] {
        java.args(["--formatter-property", property]);
    }
    let mut java = Reader::start(java.arg("--from-beginning"));

    // All three have partitions once each has seen records of the same round.
    let mut written = 0;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = [&first, &second, &java].map(|reader| reader.seen.len());
        cluster.fill("shared", 600);
        written += 600;
        [&mut first, &mut second, &mut java].into_iter().for_each(Reader::glance);
        let after = [&first, &second, &java].map(|reader| reader.seen.len());
        if before.iter().zip(after).all(|(before, after)| *before < after) {
            break;
        }
        assert!(Instant::now() < deadline, "the partitions were never shared by all three");
    }

    first.signal("-KILL");
    first.read_until(|_| false);
    cluster.fill("shared", 6_000);
    written += 6_000;
    let wanted: BTreeSet<Place> =
        (0..PARTITIONS).flat_map(|p| (0..written / PARTITIONS).map(move |offset| (p, offset))).collect();
    let deadline = Instant::now() + PATIENCE;
    while places([&first, &second], &java) != wanted {
        assert!(Instant::now() < deadline, "records of the killed consumer never came");
        second.seen.extend(second.lines.recv_timeout(Duration::from_millis(500)));
        [&mut second, &mut java].into_iter().for_each(Reader::glance);
    }

    second.signal("-INT");
    let (status, _, complaints) = second.finish();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
}
