//! What `milena consume` reads, and where it begins.

use std::process::Command;

use super::common::{Reader, consume, milena, run};
use crate::cluster::Cluster;

/// `milena consume` to the end of what is there: each record as `topic-partition@offset`, sorted.
fn places(cluster: &Cluster, options: &[&str]) -> Vec<String> {
    let printing = ["--exit-at-end", "--format", "%t-%p@%o\\n"];
    let (status, mut lines, complaints) =
        consume(&cluster.bootstrap(), &[options, &printing].concat()).finish();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""), "{options:?}");
    lines.sort();
    lines
}

fn expected(topic: &str, partition: u32, offsets: std::ops::Range<u64>) -> Vec<String> {
    offsets.map(|offset| format!("{topic}-{partition}@{offset}")).collect()
}

#[test]
fn partitions_are_assigned_from_places_of_all_kinds() {
    let cluster = Cluster::start();
    // Record i is in partition i % 3, and its time is 1700000000000 + i.
    cluster.create_topic("t", 3);
    cluster.fill("t", 27);
    let all: Vec<String> = (0..3).flat_map(|partition| expected("t", partition, 0..9)).collect();

    assert_eq!(places(&cluster, &["--assign", "t", "--offset", "beginning"]), all);
    assert_eq!(places(&cluster, &["--assign", "t", "--from-beginning"]), all);
    assert_eq!(places(&cluster, &["--assign", "t", "--offset", "-100"]), all);
    assert!(places(&cluster, &["--assign", "t"]).is_empty(), "auto.offset.reset is latest");
    assert!(places(&cluster, &["--assign", "t", "--offset", "@1800000000000"]).is_empty());
    assert_eq!(places(&cluster, &["--assign", "t:1"]), Vec::<String>::new());
    let mixed = ["--assign", "t:0:7", "--assign", "t:1:-1", "--assign", "t:2", "--offset"];
    let time = "@2023-11-14T22:13:20.014Z";
    let from = [expected("t", 0, 7..9), expected("t", 1, 8..9), expected("t", 2, 4..9)].concat();
    assert_eq!(places(&cluster, &[&mixed[..], &[time]].concat()), from);
    assert_eq!(places(&cluster, &["--assign", "t:2:end", "--assign", "t:0:8"]), expected("t", 0, 8..9));

    // With a group, reading goes on where it ended, unless it is said where to.
    let group = ["--assign", "t:1", "--group", "g", "--from-beginning"];
    assert_eq!(places(&cluster, &[&group[..], &["--max-messages", "4"]].concat()), expected("t", 1, 0..4));
    assert_eq!(places(&cluster, &group), expected("t", 1, 4..9));
    let again = ["--assign", "t:1:2", "--group", "g"];
    assert_eq!(places(&cluster, &again), expected("t", 1, 2..9));

    for (assignment, complaint) in
        [("nowhere", "milena: there is no topic nowhere\n"), ("t:3", "milena: topic t has no partition 3\n")]
    {
        let result = run(&cluster.bootstrap(), &["consume", "--assign", assignment]);
        assert_eq!(result, (Some(1), vec![], complaint.to_owned()));
    }
    let past_the_end = ["consume", "--assign", "t:0:100", "--exit-at-end"];
    let complaint = "milena: t-0: offset 100 was out of range; reading goes on at 9\n";
    assert_eq!(run(&cluster.bootstrap(), &past_the_end), (Some(0), vec![], complaint.to_owned()));

    let missing = ["consume", "--topic", "nowhere", "--group", "g2", "--exit-at-end"];
    let complaint = "milena: there is no topic nowhere\n";
    assert_eq!(run(&cluster.bootstrap(), &missing), (Some(1), vec![], complaint.to_owned()));
    let options =
        ["--max-messages", "3", "--from-beginning", "--format", "text", "-X", "metadata.max.age.ms=500"];
    let mut waiting = milena(&cluster.bootstrap(), "nowhere", "g2", &options);
    assert_eq!(waiting.complaint(), "milena: there is no topic nowhere yet; waiting for it\n");
    assert!(!cluster.has_topic("nowhere"), "asking for a topic must not make it");
    cluster.create_topic("nowhere", 1);
    cluster.fill("nowhere", 3);
    let (status, lines, _) = waiting.finish();
    assert_eq!((status.code(), lines.len()), (Some(0), 3));
}

#[test]
fn a_pattern_is_for_whole_names_and_for_topics_that_come_later() {
    let cluster = Cluster::start();
    for topic in ["logs-a", "logs-b", "old-logs-a"] {
        cluster.create_topic(topic, 1);
        cluster.fill(topic, 2);
    }
    let options = ["--pattern", "logs-.*", "--group", "g", "--from-beginning", "--format", "%t@%o\\n"];
    let mut reader =
        consume(&cluster.bootstrap(), &[&options[..], &["-X", "metadata.max.age.ms=500"]].concat());
    reader.read_until(|lines| lines.len() == 4);
    cluster.create_topic("logs-c", 1);
    cluster.fill("logs-c", 1);
    reader.read_until(|lines| lines.len() == 5);
    reader.signal("-INT");
    let (status, mut lines, _) = reader.finish();
    assert_eq!(status.code(), Some(0));
    lines.sort();
    assert_eq!(lines, ["logs-a@0", "logs-a@1", "logs-b@0", "logs-b@1", "logs-c@0"]);
}

#[test]
fn properties_come_from_a_file_and_the_command_line_has_the_last_word() {
    let cluster = Cluster::start();
    cluster.create_topic("t", 1);
    cluster.fill("t", 3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("consumer.properties");
    let write = |text: String| std::fs::write(&file, text).unwrap();
    write(format!(
        "# as for Kafka's own tools\nbootstrap.servers = {}\ngroup.id: filed\nauto.offset.reset=earliest\n",
        cluster.bootstrap()
    ));
    let milena = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_milena"));
        let (status, lines, complaints) =
            Reader::start(command.args(words).arg("--command-config").arg(&file)).finish();
        (status.code(), lines, complaints)
    };
    let read = ["consume", "--topic", "t", "--format", "text", "--exit-at-end"];
    let all = ["value-0", "value-1", "value-2"].map(str::to_owned).to_vec();
    assert_eq!(milena(&read), (Some(0), all.clone(), String::new()));
    assert_eq!(cluster.committed("filed"), [Some(3)]);
    assert_eq!(milena(&[&read[..], &["--group", "named"]].concat()), (Some(0), all, String::new()));
    assert_eq!(cluster.committed("named"), [Some(3)]);
    let (_, lines, _) = milena(&["groups", "list"]);
    assert!(lines.iter().any(|line| line.starts_with("filed ")), "{lines:?}");

    write("group.id=filed\nfetch.min.byte=1\n".to_owned());
    let (code, _, complaint) = milena(&read);
    assert_eq!(code, Some(2));
    assert!(
        complaint.contains("consumer.properties:2") && complaint.contains("fetch.min.bytes"),
        "{complaint}"
    );
    write("group.id=filed\n".to_owned());
    let (code, _, complaint) = milena(&read);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("bootstrap.servers in") && complaint.contains("--bootstrap"), "{complaint}");
}

#[test]
fn bad_usage_ends_with_2_and_says_what_is_right() {
    let refused = |options: &[&str], hint: &str| {
        let (code, _, complaint) = run("127.0.0.1:1", &[&["consume"], options].concat());
        assert_eq!(code, Some(2), "{options:?}");
        assert!(complaint.contains(hint), "{complaint}");
    };
    refused(&["--group", "g"], "--topic");
    refused(&["--topic", "t"], "--assign T in place of --topic T");
    refused(&["--topic", "t", "--pattern", "t", "--group", "g"], "cannot be used with");
    refused(&["--pattern", "[", "--group", "g"], "no regular expression");
    refused(&["--topic", "t", "--group", "g", "--offset", "5"], "--assign");
    refused(&["--assign", "t:x"], "topic:0");
    refused(&["--assign", "t:0:soon"], "-N for N before the end");
    refused(&["--assign", "t", "--offset", "@noon"], "2026-01-31T13:00:00Z");
    refused(&["--assign", "t", "--format", "%z"], "%t topic");
    refused(&["--assign", "t", "--value-format", "i65"], "i64");
}
