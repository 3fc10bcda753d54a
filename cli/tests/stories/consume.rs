//! `milena consume`: what is read, and how it ends.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::common::milena;
use crate::cluster::Cluster;

fn values(lines: &[String]) -> BTreeSet<String> {
    lines.iter().cloned().collect()
}

fn expected(records: std::ops::Range<u64>) -> BTreeSet<String> {
    records.map(|n| format!("value-{n}")).collect()
}

#[test]
fn reads_100_000_records_each_once_and_commits_the_ends() {
    const RECORDS: u64 = 100_000;
    let cluster = Cluster::start();
    cluster.create_topic("mixed", 6);
    cluster.fill("mixed", RECORDS);

    let reader = milena(&cluster.bootstrap(), "mixed", "once", &["--from-beginning", "--exit-at-end"]);
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

    let ends = (0..6).map(|partition| Some(next[&partition] as i64));
    assert!(ends.eq(cluster.committed("once")));
}

#[test]
fn goes_on_where_max_messages_or_ctrl_c_ended_it() {
    let cluster = Cluster::start();
    cluster.create_topic("counted", 3);
    cluster.fill("counted", 1_000);
    let text = ["--from-beginning", "--format", "text"];

    let limited =
        milena(&cluster.bootstrap(), "counted", "g", &[&text[..], &["--max-messages", "7"]].concat());
    let (status, mut all, _) = limited.finish();
    assert_eq!((status.code(), all.len()), (Some(0), 7));

    let mut interrupted =
        milena(&cluster.bootstrap(), "counted", "g", &[&text[..], &["-X", "max.poll.records=10"]].concat());
    interrupted.read_until(|lines| lines.len() >= 20);
    interrupted.signal("-INT");
    let (status, lines, complaints) = interrupted.finish();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    all.extend(lines);

    let rest = milena(&cluster.bootstrap(), "counted", "g", &[&text[..], &["--exit-at-end"]].concat());
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
