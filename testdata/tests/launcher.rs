//! The launcher against real brokers: what other tests build on.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use milena_testdata::{Kafka, Process, Version};

const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";

#[test]
fn a_filled_topic_is_consumed_to_its_ends() {
    for version in [Version::V4_3_1, Version::V3_9_2] {
        let kafka = Kafka::start(version).unwrap();
        kafka.create_topic("numbers", 3).unwrap();
        kafka.fill("numbers", 1000).unwrap();
        assert_eq!(
            kafka.tool(OFFSETS, &["--topic", "numbers"]).unwrap(),
            "numbers:0:334\nnumbers:1:333\nnumbers:2:333\n"
        );

        let arguments = ["--topic", "numbers", "--group", "g", "--from-beginning", "--max-messages", "1000"];
        let said = kafka.tool(CONSUMER, &arguments).unwrap();
        let mut values: Vec<&str> = said.lines().collect();
        values.sort_by_key(|value| value.trim_start_matches("value-").parse::<u64>().unwrap());
        let expected: Vec<String> = (0..1000).map(|i| format!("value-{i}")).collect();
        assert_eq!(values, expected);

        let offsets = kafka.group_offsets("g").unwrap();
        let committed: Vec<_> = offsets.iter().map(|o| (o.partition, o.committed, o.end)).collect();
        assert_eq!(committed, [(0, Some(334), 334), (1, Some(333), 333), (2, Some(333), 333)]);
    }
}

#[test]
fn a_tool_that_fails_says_why_and_others_at_the_same_time_have_nothing_to_do_with_it() {
    let kafka = Kafka::start(Version::V4_3_1).unwrap();
    std::thread::scope(|scope| {
        for topic in ["one", "two", "three"] {
            let kafka = &kafka;
            scope.spawn(move || {
                kafka.create_topic(topic, 1).unwrap();
                kafka.fill(topic, 10).unwrap();
                let ends = kafka.tool(OFFSETS, &["--topic", topic]).unwrap();
                assert_eq!(ends, format!("{topic}:0:10\n"));
            });
        }
        for missing in ["four", "five", "six"] {
            let error = kafka.tool(TOPICS, &["--describe", "--topic", missing]).unwrap_err().to_string();
            assert!(error.contains("exit code 1") && error.contains(missing), "{error}");
        }
    });
    assert!(kafka.tool("org.apache.kafka.NoSuchTool", &[]).unwrap_err().to_string().contains("NoSuchTool"));
}

#[test]
fn a_broker_of_three_comes_back_on_the_same_port_with_its_data() {
    let mut kafka = Kafka::options(Version::V4_3_1).brokers(3).start().unwrap();
    kafka.create_topic("numbers", 3).unwrap();
    kafka.fill("numbers", 300).unwrap();
    let address = kafka.address(1);

    kafka.kill_broker(1).unwrap();
    assert!(TcpStream::connect(&address).is_err());
    kafka.start_broker(1).unwrap();
    assert!(TcpStream::connect(&address).is_ok());
    kafka.freeze_broker(2).unwrap();
    kafka.thaw_broker(2).unwrap();
    kafka.stop_broker(0).unwrap();
    assert!(TcpStream::connect(kafka.address(0)).is_err());

    let ends = kafka.tool(OFFSETS, &["--topic", "numbers"]).unwrap();
    assert_eq!(ends, "numbers:0:100\nnumbers:1:100\nnumbers:2:100\n");
}

#[test]
fn a_broker_that_cannot_start_shows_its_log() {
    let started = Kafka::options(Version::V4_3_1).property("num.io.threads", "0").start();
    let error = started.err().unwrap().to_string();
    assert!(error.contains("num.io.threads"), "{error}");
}

#[test]
fn a_broker_dies_with_the_process_that_started_it() {
    let mut parent = Command::new(env!("CARGO_BIN_EXE_kafka"))
        .arg("start")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let mut connection = TcpStream::connect(address.trim()).unwrap();

    parent.kill().unwrap();
    parent.wait().unwrap();

    // The connection ends when the broker does: with an end of file or with a reset.
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let end = connection.read(&mut [0]).map_err(|e| e.kind());
    assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
    // A dying process closes its sockets one after the other, and the one that listens may be the last.
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address.trim()).is_ok() {
        assert!(Instant::now() < deadline, "somebody still listens there");
    }
}

#[test]
fn a_process_can_be_listened_to_and_ended_and_is_killed_when_it_is_dropped() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo here; exec sleep 600"]);
    let mut heard = String::new();

    let (mut process, output) = Process::spawn(&command, Stdio::inherit()).unwrap();
    let mut output = BufReader::new(output);
    output.read_line(&mut heard).unwrap();
    assert_eq!((heard.as_str(), process.ended().unwrap()), ("here\n", None));
    process.signal("TERM").unwrap();
    assert!(process.wait(Duration::from_secs(30)).unwrap());

    let (process, mut output) = Process::spawn(&command, Stdio::inherit()).unwrap();
    drop(process);
    // Its output ends when nobody is left who could write to it.
    output.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "here\n".repeat(heard.len() / 5));
}
