//! Java's console producer and consumer.

use std::collections::BTreeMap;
use std::process::Command;

use milena_broker::Broker;
use milena_testdata::Tools;

use crate::common::{PATIENCE, file, run, start, tools};

const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

/// The console consumer, which reads so many records from the beginning on.
pub fn consumer(tools: &Tools, topic: &str, records: usize, more: &[&str]) -> Command {
    let mut command = tools.java(CONSUMER);
    command.args(["--bootstrap-server", &tools.bootstrap(), "--topic", topic, "--from-beginning"]);
    // By its time it ends only where something is wrong.
    command.args(["--max-messages", &records.to_string(), "--timeout-ms", &PATIENCE.as_millis().to_string()]);
    command.args(more);
    command
}

/// The lines that were printed, without what the consumer says of itself, and of what else there is.
pub fn records(said: &str) -> Vec<&str> {
    let remarks = ["Processed a total of", "The consumer rebalance protocol"];
    said.lines().filter(|line| !remarks.iter().any(|remark| line.starts_with(remark))).collect()
}

#[test]
fn records_of_every_compression_come_back_as_they_were_sent() {
    let broker = start(Broker::builder().topic("filled", 3));
    let tools = tools(&broker);
    tools.fill("filled", 1000).unwrap();
    for protocol in ["classic", "consumer"] {
        let property = format!("group.protocol={protocol}");
        let shown = ["timestamp", "partition", "offset", "headers", "key"];
        let shown = shown.map(|name| ["--formatter-property".to_owned(), format!("print.{name}=true")]);
        let mut more = vec!["--group", protocol, "--command-property", &property];
        more.extend(shown.iter().flatten().map(String::as_str));
        let said = run(&consumer(&tools, "filled", 1000, &more), &[]);
        for partition in 0..3 {
            let of_partition = format!("\tPartition:{partition}\t");
            let seen: Vec<&str> =
                records(&said).into_iter().filter(|line| line.contains(&of_partition)).collect();
            let sent = (partition..1000).step_by(3).map(|i| {
                let (time, offset) = (1_700_000_000_000_u64 + i, i / 3);
                format!(
                    "CreateTime:{time}\tPartition:{partition}\tOffset:{offset}\tn:{i}\tkey-{i}\tvalue-{i}"
                )
            });
            let sent: Vec<String> = sent.collect();
            assert_eq!(seen, sent, "{protocol}");
        }
        assert_eq!(records(&said).len(), 1000);
        let committed: Vec<_> = tools
            .group_offsets(protocol)
            .unwrap()
            .iter()
            .map(|o| (o.partition, o.committed, o.end))
            .collect();
        assert_eq!(committed, [(0, Some(334), 334), (1, Some(333), 333), (2, Some(333), 333)]);
    }
}

#[test]
fn typed_lines_are_consumed_in_their_order() {
    let broker = start(Broker::builder().topic("lines", 2));
    let tools = tools(&broker);
    for (n, compression) in ["none", "zstd"].into_iter().enumerate() {
        let lines: String =
            (0..50).map(|i| format!("from:{compression}\tkey-{}\t{n} {i:02}\n", i % 5)).collect();
        let lines = file(&format!("console-{compression}.txt"), &lines);
        let java = tools.java(PRODUCER);
        let mut command = Command::new("sh");
        command.args(["-c", "file=$1; shift; exec \"$@\" <\"$file\"", "sh"]).arg(lines);
        command.arg(java.get_program()).args(java.get_args());
        command.args(["--bootstrap-server", &tools.bootstrap(), "--topic", "lines"]);
        command.args(["--compression-codec", compression, "--reader-property", "parse.key=true"]);
        command.args(["--reader-property", "parse.headers=true"]);
        run(&command, &[]);
    }
    let more = ["--formatter-property", "print.key=true", "--formatter-property", "print.headers=true"];
    let said = run(&consumer(&tools, "lines", 100, &more), &[]);
    let mut by_key = BTreeMap::<&str, Vec<(&str, &str)>>::new();
    for line in records(&said) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [header, key, value] = parts[..] else { panic!("{line}") };
        by_key.entry(key).or_default().push((header, value));
    }
    // A key has its partition, and so its order.
    for k in 0..5 {
        let sent = |n: usize, header| {
            (0..50).filter(move |i| i % 5 == k).map(move |i| (header, format!("{n} {i:02}")))
        };
        let sent: Vec<(&str, String)> = sent(0, "from:none").chain(sent(1, "from:zstd")).collect();
        let seen = &by_key[&*format!("key-{k}")];
        assert_eq!(seen.iter().map(|(h, v)| (*h, v.to_string())).collect::<Vec<_>>(), sent);
    }
    assert_eq!(by_key.len(), 5);
}
