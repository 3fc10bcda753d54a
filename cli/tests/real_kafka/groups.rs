//! `milena groups` and `milena lag`, beside what Kafka's own `kafka-consumer-groups` says.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::stories::common::{PATIENCE, Reader, consume, run};

const TOOL: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

/// The tables that Kafka's tool prints: a line for each row, by the names of the columns.
fn kafka_says(cluster: &Cluster, options: &[&str]) -> Vec<BTreeMap<String, String>> {
    // Its own limit may be too short on a busy machine.
    let text = cluster.tool(TOOL, &[options, &["--timeout", "60000"]].concat()).unwrap();
    let (mut headings, mut rows) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let cells: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if cells.first().is_some_and(|cell| cell == "GROUP") {
            headings = cells;
        } else if !cells.is_empty() && cells.len() == headings.len() {
            rows.push(headings.iter().cloned().zip(cells).collect());
        }
    }
    rows
}

fn objects(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a JSON value is in a table of Kafka's tool.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What milena's JSON lines say under these names.
fn ours(lines: &[String], names: &[&str]) -> BTreeSet<Vec<String>> {
    let row = |object: &Value| names.iter().map(|name| cell(&object[name])).collect();
    objects(lines).iter().map(row).collect()
}

/// What Kafka's tool says under these headings.
fn theirs(rows: &[BTreeMap<String, String>], headings: &[&str]) -> BTreeSet<Vec<String>> {
    rows.iter().map(|row| headings.iter().map(|heading| row[*heading].clone()).collect()).collect()
}

const NAMES: [&str; 9] =
    ["group", "topic", "partition", "committed", "end", "lag", "member", "host", "client"];
const HEADINGS: [&str; 9] = [
    "GROUP",
    "TOPIC",
    "PARTITION",
    "CURRENT-OFFSET",
    "LOG-END-OFFSET",
    "LAG",
    "CONSUMER-ID",
    "HOST",
    "CLIENT-ID",
];

#[test]
fn list_describe_and_lag_say_what_kafkas_tool_does() {
    let cluster = Cluster::start();
    let bootstrap = cluster.bootstrap();
    for topic in ["one", "two"] {
        cluster.create_topic(topic, 3);
        cluster.fill(topic, 300);
    }
    let read = ["--topic", "one,two", "--from-beginning", "--format", "text"];
    let gone = [&["--group", "gone", "--max-messages", "150"], &read[..]].concat();
    assert_eq!(consume(&bootstrap, &gone).finish().0.code(), Some(0));
    let options = ["--group", "here", "-X", "client.id=reader", "-X", "auto.commit.interval.ms=100"];
    let mut here = consume(&bootstrap, &[&options, &read[..]].concat());
    here.read_until(|lines| lines.len() == 600);
    // A group of the consumer protocol, with a partition fewer than members.
    cluster.create_topic("single", 1);
    let java: Vec<_> = (0..2)
        .map(|_| {
            let mut java = cluster.java("org.apache.kafka.tools.consumer.ConsoleConsumer");
            java.args(["--bootstrap-server", &bootstrap, "--topic", "single", "--group", "new"]);
            java.args(["--command-property", "group.protocol=consumer"]);
            Reader::start(&mut java)
        })
        .collect();

    let deadline = Instant::now() + PATIENCE;
    let describe = |group| run(&bootstrap, &["groups", "describe", "--group", group, "--json"]).1;
    let settled = || {
        let here = ours(&describe("here"), &["lag"]);
        let members = run(&bootstrap, &["groups", "describe", "--group", "new", "--members", "--json"]).1;
        here == BTreeSet::from([vec!["0".to_owned()]]) && members.len() == 2
    };
    while !settled() {
        assert!(Instant::now() < deadline, "the groups never settled");
        sleep(Duration::from_millis(100));
    }

    for group in ["gone", "here"] {
        let kafka_says = kafka_says(&cluster, &["--describe", "--group", group]);
        assert_eq!(kafka_says.len(), 6, "{kafka_says:?}");
        let theirs = theirs(&kafka_says, &HEADINGS);
        assert_eq!(ours(&describe(group), &NAMES), theirs);
        assert_eq!(ours(&run(&bootstrap, &["lag", "--group", group, "--json"]).1, &NAMES), theirs);
        assert_eq!(ours(&run(&bootstrap, &["groups", "lag", "--group", group, "--json"]).1, &NAMES), theirs);
        // For people, the same in columns.
        let (code, lines, _) = run(&bootstrap, &["groups", "describe", "--group", group]);
        assert_eq!((code, lines.len()), (Some(0), 8), "{lines:?}");
        let cells = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let printed: BTreeSet<Vec<String>> = lines[2..].iter().map(cells).collect();
        let columns = [1, 2, 3, 4, 5, 8, 7, 6];
        let expected = theirs.iter().map(|row| columns.map(|n| row[n].clone()).to_vec()).collect();
        assert_eq!(printed, expected);
    }
    assert_eq!(
        run(&bootstrap, &["lag", "--group", "gone"]).1[0],
        "gone: Empty, classic, no members, lag 450"
    );

    let members = kafka_says(&cluster, &["--describe", "--group", "new", "--members"]);
    let (_, lines, _) = run(&bootstrap, &["groups", "describe", "--group", "new", "--members", "--json"]);
    let theirs_have = theirs(&members, &["CONSUMER-ID", "HOST", "CLIENT-ID"]);
    assert_eq!(ours(&lines, &["member", "host", "client"]), theirs_have);
    let mut counts: Vec<_> =
        objects(&lines).iter().map(|member| member["partitions"].as_array().unwrap().len()).collect();
    counts.sort();
    assert_eq!(counts, [0, 1]);

    let listed = kafka_says(&cluster, &["--list", "--state", "--type"]);
    let theirs = theirs(&listed, &["GROUP", "TYPE", "STATE"]);
    let theirs = theirs.into_iter().map(|row| vec![row[0].clone(), row[1].to_lowercase(), row[2].clone()]);
    let theirs: BTreeSet<_> = theirs.collect();
    assert_eq!(theirs.len(), 3);
    let (_, lines, _) = run(&bootstrap, &["groups", "list", "--json"]);
    assert_eq!(ours(&lines, &["group", "type", "state"]), theirs);
    let (_, table, _) = run(&bootstrap, &["groups", "list"]);
    assert_eq!(table.len(), 4, "{table:?}");
    let (code, all, _) = run(&bootstrap, &["groups", "describe", "--all-groups"]);
    assert_eq!(code, Some(0));
    assert!(["gone: ", "here: ", "new: "].iter().all(|start| all.iter().any(|line| line.starts_with(start))));

    drop(java);
}

#[test]
fn reset_sets_what_kafkas_tool_would() {
    let cluster = Cluster::start();
    let bootstrap = cluster.bootstrap();
    cluster.create_topic("t", 2);
    cluster.fill("t", 200);
    let reset = |group: &str, options: &[&str]| {
        run(&bootstrap, &[&["groups", "reset", "--group", group], options].concat())
    };
    let new = |lines: &[String]| -> Vec<Vec<String>> {
        lines[1..].iter().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };

    // A group is made by its first offsets.
    let (code, lines, notes) = reset("g", &["--topic", "t", "--to-offset", "40"]);
    assert_eq!((code, lines.len()), (Some(0), 3));
    assert_eq!(new(&lines)[0], ["t", "0", "-", "40"]);
    assert!(notes.contains("--execute"), "{notes}");
    assert_eq!(cluster.committed("g"), [], "without --execute nothing changes");
    assert_eq!(reset("g", &["--topic", "t:1", "--to-offset", "50", "--execute"]).0, Some(0));
    assert_eq!(reset("g", &["--topic", "t:0", "--to-offset", "40", "--execute"]).0, Some(0));

    // Record i is in partition i % 2, and its time is 1700000000000 + i.
    let choices: [&[&str]; 9] = [
        &["--to-earliest"],
        &["--to-latest"],
        &["--to-current"],
        &["--to-offset", "7"],
        &["--to-offset", "1000"],
        &["--shift-by", "-45"],
        &["--shift-by", "30"],
        &["--to-datetime", "2023-11-14T22:13:20.051"],
        &["--by-duration", "PT1H"],
    ];
    for choice in choices {
        let which = if choice.len() == 1 { vec!["--all-topics"] } else { vec!["--topic", "t:0,1"] };
        let options = [&["--reset-offsets", "--group", "g", "--dry-run"], &which[..], choice].concat();
        let theirs = theirs(&kafka_says(&cluster, &options), &["TOPIC", "PARTITION", "NEW-OFFSET"]);
        assert_eq!(theirs.len(), 2);
        let (code, lines, _) = reset("g", &[&which[..], choice].concat());
        assert_eq!(code, Some(0), "{choice:?}");
        let ours: BTreeSet<Vec<String>> =
            new(&lines).into_iter().map(|row| vec![row[0].clone(), row[1].clone(), row[3].clone()]).collect();
        assert_eq!(ours, theirs, "{choice:?}");
    }

    let (code, lines, notes) = reset("g", &["--topic", "t", "--shift-by", "55", "--execute"]);
    assert_eq!((code, notes.as_str()), (Some(0), "milena: t-1 has the offsets 0 to 100; 105 becomes 100\n"));
    assert_eq!(new(&lines), [["t", "0", "40", "95"], ["t", "1", "50", "100"]]);
    assert_eq!(cluster.committed("g"), [Some(95), Some(100)]);

    let refusals: [(&str, &[&str], &str); 4] = [
        ("g", &["--topic", "nowhere", "--to-earliest"], "milena: there is no topic nowhere\n"),
        ("g", &["--topic", "t:2", "--to-earliest"], "milena: topic t has no partition 2\n"),
        (
            "h",
            &["--all-topics", "--to-earliest"],
            "milena: group h has committed no offsets; name a --topic\n",
        ),
        (
            "h",
            &["--topic", "t", "--shift-by", "1"],
            "milena: t-0 cannot be shifted: the group has committed nothing there\n",
        ),
    ];
    for (group, options, complaint) in refusals {
        assert_eq!(reset(group, options), (Some(1), vec![], complaint.to_owned()));
    }

    // While it has a member, a group keeps its offsets.
    let mut member = consume(&bootstrap, &["--topic", "t", "--group", "g", "--format", "text"]);
    member.read_until(|lines| lines.len() == 5);
    let (code, _, complaint) = reset("g", &["--topic", "t", "--to-earliest", "--execute"]);
    assert_eq!(code, Some(1));
    assert!(complaint.starts_with("milena: group g has members (1)"), "{complaint}");
    let (code, _, complaint) = run(&bootstrap, &["groups", "delete", "--group", "g"]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("has members"), "{complaint}");
    member.signal("-INT");
    assert_eq!(member.finish().0.code(), Some(0));
    assert_eq!(run(&bootstrap, &["groups", "delete", "--group", "g"]), (Some(0), vec![], String::new()));
    let (code, _, complaint) = run(&bootstrap, &["lag", "--group", "g"]);
    assert_eq!(code, Some(1));
    assert_eq!(complaint, "milena: there is no group g; `milena groups list` prints those that there are\n");
}
