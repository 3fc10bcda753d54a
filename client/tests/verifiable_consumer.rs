//! The example `verifiable_consumer` beside Kafka's own: in one group, with the same events, and together they read it all.

#[path = "../examples/common/verifiable_consumer.rs"]
mod verifiable_consumer;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use milena_testdata::{Kafka, Process, Version};
use serde_json::Value;
use tokio::sync::Notify;
use verifiable_consumer::Options;

const PATIENCE: Duration = Duration::from_secs(90);
const RECORDS: usize = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Producer,
    Ours,
    Java,
}

type Line = (Source, Value);

#[test]
fn ours_and_javas_share_a_group_and_tell_the_same_events() {
    let kafka = Kafka::start(Version::V4_3_1).unwrap();
    kafka.create_topic("verified", 6).unwrap();
    let bootstrap = kafka.bootstrap();
    let consumer = ["--bootstrap-server", &bootstrap, "--topic", "verified", "--group-id", "g", "--verbose"];
    let (lines, came) = mpsc::channel();
    let mut story = Story::default();

    let mut java = kafka.java("org.apache.kafka.tools.VerifiableConsumer");
    java.args(consumer).args(["--session-timeout", "6000"]);
    let (mut java, output) = Process::spawn(&java, Stdio::inherit()).unwrap();
    read(Source::Java, output, &lines);
    story.read_until(&came, "Java's has all", |story| story.assigned(Source::Java) == 6);

    // Both leave the range assignor, the default of Kafka's tool, in place.
    let options = Options::parse_from(["verifiable_consumer"].iter().chain(&consumer));
    let stop = Arc::new(Notify::new());
    let (stopped, out) =
        (stop.clone(), Lines { source: Source::Ours, lines: lines.clone(), part: Vec::new() });
    let ours = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let stop = async move { stopped.notified().await };
        let outcome = runtime.unwrap().block_on(verifiable_consumer::run(&options, out, stop));
        outcome.map_err(|error| error.to_string())
    });
    story.read_until(&came, "they share", |story| {
        story.assigned(Source::Ours) == 3 && story.assigned(Source::Java) == 3
    });

    let mut producer = kafka.java("org.apache.kafka.tools.VerifiableProducer");
    producer.args(["--bootstrap-server", &bootstrap, "--topic", "verified", "--repeating-keys", "60"]);
    producer.args(["--throughput", "1000", "--max-messages", &RECORDS.to_string()]);
    let (_producer, output) = Process::spawn(&producer, Stdio::inherit()).unwrap();
    read(Source::Producer, output, &lines);
    story.read_until(&came, "all is read", |story| {
        story.of(Source::Producer, "producer_send_success").count() == RECORDS
            && story.read().len() == RECORDS
    });

    java.signal("TERM").unwrap();
    story.read_until(&came, "ours takes over", |story| story.assigned(Source::Ours) == 6);
    stop.notify_one();
    let is_over = |story: &Story, source| story.of(source, "shutdown_complete").count() == 1;
    story.read_until(&came, "both have ended", |story| {
        is_over(story, Source::Java) && is_over(story, Source::Ours)
    });
    assert_eq!(ours.join().unwrap(), Ok(()));

    // Nothing else was read than what was written, and each record by its own value.
    let written: BTreeSet<String> = story.of(Source::Producer, "producer_send_success").map(place).collect();
    assert_eq!(story.read(), written);
    let (ours, java) = (story.keys(Source::Ours), story.keys(Source::Java));
    assert_eq!(ours, java);
    let names: Vec<&str> = ours.keys().map(String::as_str).collect();
    let expected = [
        "offsets_committed",
        "partitions_assigned",
        "partitions_revoked",
        "record_data",
        "records_consumed",
        "shutdown_complete",
        "shutdown_requested",
        "startup_complete",
    ];
    assert_eq!(names, expected);
    let offsets = kafka.group_offsets("g").unwrap();
    assert!(offsets.iter().all(|offset| offset.committed == Some(offset.end)), "{offsets:?}");
}

/// What everybody has said so far.
#[derive(Default)]
struct Story(Vec<Line>);

impl Story {
    fn read_until(&mut self, lines: &Receiver<Line>, what: &str, done: impl Fn(&Story) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.0.push(line),
                Err(error) => panic!("{what}: {error}; the last lines: {:#?}", self.0.iter().rev().take(9)),
            }
            self.0.extend(lines.try_iter());
        }
    }

    fn of(&self, source: Source, name: &str) -> impl Iterator<Item = &Value> {
        self.0
            .iter()
            .filter(move |(from, event)| *from == source && event["name"] == name)
            .map(|(_, event)| event)
    }

    /// How many partitions the last assignment had; under the eager protocol that is all there are.
    fn assigned(&self, source: Source) -> usize {
        self.of(source, "partitions_assigned").last().map_or(0, |e| e["partitions"].as_array().unwrap().len())
    }

    /// The records that were read by either.
    fn read(&self) -> BTreeSet<String> {
        let read = |source| self.of(source, "record_data").map(place);
        read(Source::Ours).chain(read(Source::Java)).collect()
    }

    /// The keys of each event in their order, and of the objects in their lists.
    fn keys(&self, source: Source) -> BTreeMap<String, Vec<String>> {
        let events = self.0.iter().filter(|(from, _)| *from == source).map(|(_, event)| event);
        let mut keys = BTreeMap::new();
        for event in events {
            let found = keys_of(event);
            let known: &mut Vec<String> = keys.entry(event["name"].as_str().unwrap().to_owned()).or_default();
            // A list may have been empty.
            if found.len() > known.len() {
                *known = found;
            }
        }
        keys
    }
}

/// Where a record is, and what it is.
fn place(event: &Value) -> String {
    format!(
        "{}-{}@{}: {}={}",
        event["topic"], event["partition"], event["offset"], event["key"], event["value"]
    )
}

fn keys_of(value: &Value) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        keys.push(key.clone());
        let inner = value.as_array().and_then(|list| list.first()).map(keys_of).unwrap_or_default();
        keys.extend(inner.iter().map(|inner| format!("{key}.{inner}")));
    }
    keys
}

fn read(source: Source, output: impl Read + Send + 'static, lines: &Sender<Line>) {
    let mut lines = Lines { source, lines: lines.clone(), part: Vec::new() };
    thread::spawn(move || std::io::copy(&mut BufReader::new(output), &mut lines));
}

/// Cuts what is written into lines.
struct Lines {
    source: Source,
    lines: Sender<Line>,
    part: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for &byte in bytes {
            if byte == b'\n' {
                let event = serde_json::from_slice(&std::mem::take(&mut self.part))?;
                // Nobody listens any more when a test has failed.
                let _ = self.lines.send((self.source, event));
            } else {
                self.part.push(byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
