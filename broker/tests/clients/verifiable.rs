//! Kafka's `VerifiableProducer` and `VerifiableConsumer`, which say all that happens to them as lines of JSON.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use milena_broker::Broker;
use milena_testdata::{Process, Tools};
use serde_json::Value;

use crate::common::{PATIENCE, file, quick_groups, tools};

const PRODUCER: &str = "org.apache.kafka.tools.VerifiableProducer";
const CONSUMER: &str = "org.apache.kafka.tools.VerifiableConsumer";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const PARTITIONS: usize = 6;
const EACH: usize = 300;

#[test]
fn members_of_a_classic_group_share_and_take_over() {
    share("classic");
}

#[test]
fn members_of_a_consumer_group_share_and_take_over() {
    share("consumer");
}

/// A group of one, then two, then one; each record is read once, as nothing is written while partitions move.
fn share(protocol: &str) {
    let broker = quick_groups(Broker::builder().topic("verified", PARTITIONS));
    let tools = tools(&broker);
    let (lines, came) = mpsc::channel();
    let mut story = Story { came, events: Vec::new() };
    let written = |story: &mut Story, times: usize| {
        let count = EACH.to_string();
        let arguments = ["--topic", "verified", "--max-messages", &count, "--repeating-keys", "60"];
        let _producer = spawn(&tools, PRODUCER, "producer", &arguments, &lines);
        story.until("all is written", |story| story.of("producer", "shutdown_complete").count() == times);
        story.until("all is read", |story| {
            story.read("first").len() + story.read("second").len() == times * EACH
        });
    };
    let join = |name: &'static str| {
        let quick = file(
            &format!("{protocol}-{name}.properties"),
            match protocol {
                "classic" => "heartbeat.interval.ms=500\n",
                _ => "",
            },
        );
        let quick = quick.display().to_string();
        let arguments = ["--topic", "verified", "--group-id", "g", "--group-protocol", protocol, "--verbose"];
        spawn(&tools, CONSUMER, name, &[&arguments[..], &["--command-config", &quick]].concat(), &lines)
    };

    let mut first = join("first");
    story.until("the first has all", |story| story.owned("first").len() == PARTITIONS);
    written(&mut story, 1);
    let mut second = join("second");
    story.until("they share", |story| {
        let (first, second) = (story.owned("first"), story.owned("second"));
        first.len() == 3 && second.len() == 3 && first.iter().all(|partition| !second.contains(partition))
    });
    described(&tools);
    written(&mut story, 2);
    second.signal("TERM").unwrap();
    story.until("the first takes over", |story| {
        story.of("second", "shutdown_complete").count() == 1 && story.owned("first").len() == PARTITIONS
    });
    written(&mut story, 3);
    first.signal("TERM").unwrap();
    story.until("the first has left", |story| story.of("first", "shutdown_complete").count() == 1);

    assert!(!story.read("second").is_empty());
    assert!(story.of("first", "partitions_revoked").count() > 1, "{:?}", story.events);
    let mut seen = [story.read("first"), story.read("second")].concat();
    for member in ["first", "second"] {
        let mut last = BTreeMap::new();
        for (partition, offset) in story.read(member) {
            assert!(last.insert(partition, offset) < Some(offset), "{member} read {partition}:{offset} late");
        }
    }
    let mut sent: Vec<(i64, i64)> = story.of("producer", "producer_send_success").map(place).collect();
    seen.sort_unstable();
    sent.sort_unstable();
    assert_eq!(seen, sent);
    assert!(story.of("first", "offsets_committed").all(|event| event["success"] == true));
    let offsets = tools.group_offsets("g").unwrap();
    assert!(offsets.iter().all(|offset| offset.committed == Some(offset.end)), "{offsets:?}");
    assert_eq!(offsets.iter().map(|offset| offset.end).sum::<i64>(), 3 * EACH as i64);
}

/// What `kafka-consumer-groups` tells of the two members.
fn described(tools: &Tools) {
    // The coordinator hears of what members have by their next heartbeats.
    let deadline = Instant::now() + PATIENCE;
    let state = || tools.tool(GROUPS, &["--describe", "--group", "g", "--state"]).unwrap();
    while !state().split_whitespace().any(|word| word == "Stable") {
        assert!(Instant::now() < deadline, "{}", state());
    }
    let table = tools.tool(GROUPS, &["--describe", "--group", "g", "--members"]).unwrap();
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let headings = lines.find(|line| line.first() == Some(&"GROUP")).unwrap();
    let column = headings.iter().position(|heading| *heading == "#PARTITIONS").unwrap();
    let members: Vec<Vec<&str>> = lines.filter(|line| line.first() == Some(&"g")).collect();
    assert_eq!(members.iter().map(|member| member[column]).collect::<Vec<_>>(), ["3", "3"], "{table}");
}

fn spawn(
    tools: &Tools,
    class: &str,
    name: &'static str,
    arguments: &[&str],
    lines: &Sender<(&'static str, Value)>,
) -> Process {
    let mut command = tools.java(class);
    command.args(["--bootstrap-server", &tools.bootstrap()]).args(arguments);
    // Warnings of a member that is told to leave are no news.
    let (process, output) = Process::spawn(&command, Stdio::null()).unwrap();
    read(name, output, lines.clone());
    process
}

fn read(name: &'static str, output: ChildStdout, lines: Sender<(&'static str, Value)>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // What is no event is a remark of a client's.
            if let Ok(event) = serde_json::from_str(&line) {
                let _ = lines.send((name, event));
            }
        }
    });
}

fn place(event: &Value) -> (i64, i64) {
    (event["partition"].as_i64().unwrap(), event["offset"].as_i64().unwrap())
}

/// What everybody has said so far.
struct Story {
    came: Receiver<(&'static str, Value)>,
    events: Vec<(&'static str, Value)>,
}

impl Story {
    fn until(&mut self, what: &str, done: impl Fn(&Story) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            match self.came.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => self.events.push(event),
                Err(error) => panic!("{what}: {error}: {:#?}", self.events.iter().rev().take(9)),
            }
            self.events.extend(self.came.try_iter());
        }
    }

    fn of(&self, member: &str, name: &str) -> impl Iterator<Item = &Value> {
        self.events
            .iter()
            .filter(move |(of, event)| *of == member && event["name"] == name)
            .map(|(_, event)| event)
    }

    /// The records that a member read, in its order.
    fn read(&self, member: &str) -> Vec<(i64, i64)> {
        self.of(member, "record_data").map(place).collect()
    }

    /// The partitions that a member has.
    fn owned(&self, member: &str) -> Vec<i64> {
        let mut owned = Vec::new();
        for (_, event) in self.events.iter().filter(|(of, _)| *of == member) {
            let partitions =
                || event["partitions"].as_array().unwrap().iter().map(|p| p["partition"].as_i64().unwrap());
            match event["name"].as_str() {
                Some("partitions_assigned") => owned.extend(partitions()),
                Some("partitions_revoked") => {
                    owned.retain(|partition| !partitions().any(|p| p == *partition))
                }
                _ => {}
            }
        }
        owned
    }
}
