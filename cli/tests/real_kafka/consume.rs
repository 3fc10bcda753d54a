//! `milena consume` against a real Kafka 4.3.1.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use milena_testdata::{Kafka, Version};
use serde_json::{Value, json};

use crate::common::{PATIENCE, Reader, milena};

fn values(lines: &[String]) -> BTreeSet<String> {
    lines.iter().cloned().collect()
}

fn expected(records: std::ops::Range<u64>) -> BTreeSet<String> {
    records.map(|n| format!("value-{n}")).collect()
}

#[test]
fn reads_100_000_records_each_once_and_commits_the_ends() {
    const RECORDS: u64 = 100_000;
    let kafka = Kafka::start(Version::V4_3_1).unwrap();
    kafka.create_topic("mixed", 6).unwrap();
    kafka.fill("mixed", RECORDS).unwrap();

    let reader = milena(&kafka.bootstrap(), "mixed", "once", &["--from-beginning", "--exit-at-end"]);
    let (status, lines, complaints) = reader.finish();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    assert_eq!(lines.len() as u64, RECORDS);

    let mut next = BTreeMap::new();
    for line in &lines {
        let record: Value = serde_json::from_str(line).unwrap();
        let (partition, offset) = (record["partition"].as_u64().unwrap(), record["offset"].as_u64().unwrap());
        let expected = next.entry(partition).or_insert(0);
        assert_eq!(offset, *expected, "partition {partition}");
        *expected += 1;
        let n = offset * 6 + partition;
        assert_eq!(record["topic"], "mixed");
        assert_eq!(record["key"], format!("key-{n}"));
        assert_eq!(record["value"], format!("value-{n}"));
        assert_eq!(record["timestamp"], 1_700_000_000_000 + n);
        assert_eq!(record["timestampType"], "CreateTime");
        assert_eq!(record["headers"], json!([["n", n.to_string()]]));
    }

    let offsets = kafka.group_offsets("once").unwrap();
    assert_eq!(offsets.len(), 6);
    for offset in offsets {
        assert_eq!(offset.committed, Some(offset.end), "partition {}", offset.partition);
    }
}

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
    let kafka = Kafka::start(Version::V4_3_1).unwrap();
    kafka.create_topic("shared", PARTITIONS as u32).unwrap();
    let options = ["--from-beginning", "-X", "session.timeout.ms=6000"];
    let mut first = milena(&kafka.bootstrap(), "shared", "mixed", &options);
    let mut second = milena(&kafka.bootstrap(), "shared", "mixed", &options);
    let mut java = kafka.java("org.apache.kafka.tools.consumer.ConsoleConsumer");
    java.args(["--bootstrap-server", &kafka.bootstrap(), "--topic", "shared", "--group", "mixed"]);
    for property in ["print.partition=true", "print.offset=true"] {
        java.args(["--formatter-property", property]);
    }
    let mut java = Reader::start(java.arg("--from-beginning"));

    // All three have partitions once each has seen records of the same round.
    let mut written = 0;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = [&first, &second, &java].map(|reader| reader.seen.len());
        kafka.fill("shared", 600).unwrap();
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
    kafka.fill("shared", 6_000).unwrap();
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

#[test]
fn goes_on_where_max_messages_or_ctrl_c_ended_it() {
    let kafka = Kafka::start(Version::V4_3_1).unwrap();
    kafka.create_topic("counted", 3).unwrap();
    kafka.fill("counted", 1_000).unwrap();
    let text = ["--from-beginning", "--format", "text"];

    let limited = milena(&kafka.bootstrap(), "counted", "g", &[&text[..], &["--max-messages", "7"]].concat());
    let (status, mut all, _) = limited.finish();
    assert_eq!((status.code(), all.len()), (Some(0), 7));

    let mut interrupted =
        milena(&kafka.bootstrap(), "counted", "g", &[&text[..], &["-X", "max.poll.records=10"]].concat());
    interrupted.read_until(|lines| lines.len() >= 20);
    interrupted.signal("-INT");
    let (status, lines, complaints) = interrupted.finish();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    all.extend(lines);

    let rest = milena(&kafka.bootstrap(), "counted", "g", &[&text[..], &["--exit-at-end"]].concat());
    let (status, lines, _) = rest.finish();
    assert_eq!(status.code(), Some(0));
    all.extend(lines);
    assert_eq!(values(&all), expected(0..1_000));
    assert_eq!(all.len(), 1_000, "no record was read twice");
}

#[test]
fn a_wrong_port_is_one_line_and_exit_code_1() {
    // Nobody listens on a port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bootstrap = format!("127.0.0.1:{port}");
    let reader = milena(&bootstrap, "t", "g", &["-X", "default.api.timeout.ms=3000"]);
    let (status, lines, complaints) = reader.finish();
    assert_eq!((status.code(), lines.len()), (Some(1), 0));
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    assert!(complaints.starts_with("milena: ") && complaints.contains(&bootstrap), "{complaints}");
}

#[test]
fn bad_usage_ends_with_2_and_says_what_is_right() {
    let (status, _, complaints) = milena("localhost:1", "t", "g", &["-X", "fetch.min.byte=1"]).finish();
    assert_eq!(status.code(), Some(2));
    assert!(complaints.contains("fetch.min.bytes"), "{complaints}");
    assert_eq!(milena("localhost:1", "t", "g", &["-X", "nonsense"]).finish().0.code(), Some(2));
    // Each is a good value, but not together.
    let (status, _, complaints) = milena("localhost:1", "t", "g", &["-X", "session.timeout.ms=100"]).finish();
    assert_eq!(status.code(), Some(2));
    assert!(complaints.contains("heartbeat.interval.ms"), "{complaints}");
    assert_eq!(milena("localhost", "t", "g", &[]).finish().0.code(), Some(2));
}
