//! Kafka's own command line tools for topics, offsets, groups and settings.

use milena_testdata::Tools;

use crate::common::{broker, file, outcome, tools};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
const DELETE_RECORDS: &str = "org.apache.kafka.tools.DeleteRecordsCommand";

/// The lines that a tool prints, their words parted by single spaces.
fn lines(tools: &Tools, tool: &str, arguments: &[&str]) -> Vec<String> {
    let said = tools.tool(tool, arguments).unwrap();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    said.lines().map(words).filter(|line| !line.is_empty()).collect()
}

/// All that a tool says, also on its standard error; some end well when they are refused.
fn complaint(tools: &Tools, tool: &str, arguments: &[&str]) -> String {
    let mut command = tools.java(tool);
    command.args(["--bootstrap-server", &tools.bootstrap()]).args(arguments);
    outcome(&command, &[]).0
}

#[test]
fn kafka_topics_creates_describes_grows_and_deletes() {
    let broker = broker();
    let tools = tools(&broker);
    let create = ["--create", "--topic", "orders", "--partitions", "2", "--config", "flush.ms=1000000"];
    assert_eq!(lines(&tools, TOPICS, &create), ["Created topic orders."]);
    let said = complaint(&tools, TOPICS, &create);
    assert!(said.contains("TopicExistsException"), "{said}");
    tools.tool(TOPICS, &["--alter", "--topic", "orders", "--partitions", "3"]).unwrap();
    assert_eq!(lines(&tools, TOPICS, &["--list"]), ["orders"]);
    let described = lines(&tools, TOPICS, &["--describe", "--topic", "orders"]);
    assert!(described[0].contains("PartitionCount: 3 ReplicationFactor: 1"), "{described:?}");
    assert!(described[0].contains("flush.ms=1000000"), "{described:?}");
    for (n, partition) in described[1..].iter().enumerate() {
        let expected = format!("Topic: orders Partition: {n} Leader: 1 Replicas: 1 Isr: 1");
        assert!(partition.starts_with(&expected), "{partition}");
    }
    assert_eq!(described.len(), 4);
    let configs =
        lines(&tools, CONFIGS, &["--describe", "--entity-type", "topics", "--entity-name", "orders"]);
    assert!(configs.iter().any(|line| line.starts_with("flush.ms=1000000 ")), "{configs:?}");
    let change = ["--alter", "--entity-type", "topics", "--entity-name", "orders"];
    let changed = [&change[..], &["--add-config", "cleanup.policy=[compact,delete]"]].concat();
    assert_eq!(lines(&tools, CONFIGS, &changed), ["Completed updating config for topic orders."]);
    let configs =
        lines(&tools, CONFIGS, &["--describe", "--entity-type", "topics", "--entity-name", "orders"]);
    assert!(configs.iter().any(|line| line.starts_with("cleanup.policy=compact,delete ")), "{configs:?}");

    tools.fill("orders", 90).unwrap();
    assert_eq!(lines(&tools, OFFSETS, &["--topic", "orders"]), ["orders:0:30", "orders:1:30", "orders:2:30"]);
    let youngest = lines(&tools, OFFSETS, &["--topic", "orders", "--time", "max-timestamp"]);
    assert_eq!(youngest, ["orders:0:29", "orders:1:29", "orders:2:29"]);
    let cut = r#"{"version":1,"partitions":[{"topic":"orders","partition":1,"offset":12}]}"#;
    let cut = file("delete-records.json", cut);
    tools.tool(DELETE_RECORDS, &["--offset-json-file", &cut.display().to_string()]).unwrap();
    let earliest = lines(&tools, OFFSETS, &["--topic", "orders", "--time", "earliest"]);
    assert_eq!(earliest, ["orders:0:0", "orders:1:12", "orders:2:0"]);

    tools.tool(TOPICS, &["--delete", "--topic", "orders"]).unwrap();
    assert_eq!(lines(&tools, TOPICS, &["--list"]), [""; 0]);
}

#[test]
fn kafka_consumer_groups_moves_and_deletes_what_is_committed() {
    let broker = broker();
    let tools = tools(&broker);
    tools.create_topic("orders", 2).unwrap();
    tools.fill("orders", 40).unwrap();
    let committed = || -> Vec<Option<i64>> {
        let offsets = tools.group_offsets("g").unwrap();
        assert!(offsets.iter().all(|offset| offset.end == 20), "{offsets:?}");
        offsets.iter().map(|offset| offset.committed).collect()
    };
    let reset = |how: &[&str]| {
        let mut arguments = vec!["--group", "g", "--reset-offsets", "--execute"];
        arguments.extend(how);
        lines(&tools, GROUPS, &arguments).len()
    };
    // A line of headings, and one for each partition.
    assert_eq!(reset(&["--to-latest", "--topic", "orders"]), 3);
    assert_eq!(reset(&["--shift-by", "-5", "--topic", "orders:0"]), 2);
    assert_eq!(committed(), [Some(15), Some(20)]);
    // Of record 11 on (the sixth of partition 1): all have a millisecond of their own.
    assert_eq!(reset(&["--to-datetime", "2023-11-14T22:13:20.011", "--topic", "orders:1"]), 2);
    assert_eq!(committed(), [Some(15), Some(5)]);

    let listed = lines(&tools, GROUPS, &["--list", "--state"]);
    assert_eq!(listed, ["GROUP STATE", "g Empty"]);
    let described = lines(&tools, GROUPS, &["--describe", "--group", "g", "--state"]);
    assert!(described.last().unwrap().ends_with("Empty 0"), "{described:?}");
    let deleted = lines(&tools, GROUPS, &["--group", "g", "--delete-offsets", "--topic", "orders:0"]);
    assert!(deleted.contains(&"orders 0 Successful".to_owned()), "{deleted:?}");
    assert_eq!(committed(), [Some(5)]);
    let deleted = lines(&tools, GROUPS, &["--group", "g", "--delete"]);
    assert_eq!(deleted, ["Deletion of requested consumer groups ('g') was successful."]);
    let said = complaint(&tools, GROUPS, &["--group", "g", "--delete"]);
    assert!(said.contains("GroupIdNotFoundException"), "{said}");
}
