//! Records what a client and a real Kafka say to each other, into a file of `captures/`.

use std::fs;
use std::process::{Command, ExitCode};

use milena_testdata::{Error, Kafka, Proxy, Version, folder};

const USAGE: &str = "\
usage: record NAME VERSION TOPIC:PARTITIONS -- COMMAND...
Starts a Kafka of that version with that topic, runs COMMAND with the address of a proxy in $BOOTSTRAP, and writes all frames
that passed to captures/NAME.jsonl. $KAFKA_CLASSPATH has Kafka's jars.
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, version, topic, dashes, command @ ..] = words.as_slice() else { return usage() };
    let Some((topic, partitions)) = topic.split_once(':') else { return usage() };
    let (Ok(version), Ok(partitions)) = (version.parse(), partitions.parse()) else { return usage() };
    if dashes != "--" || command.is_empty() {
        return usage();
    }
    match record(name, version, topic, partitions, command) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{name}: {e}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(2)
}

fn record(
    name: &str,
    version: Version,
    topic: &str,
    partitions: u32,
    command: &[String],
) -> Result<String, Error> {
    let proxy = Proxy::start()?;
    let kafka = Kafka::options(version)
        .advertise(proxy.port())
        // Short captures: members of the new kind of group are told how often to beat by the broker.
        .property("group.consumer.min.heartbeat.interval.ms", "100")
        .property("group.consumer.heartbeat.interval.ms", "500")
        .start()?;
    proxy.forward_to(&kafka.address(0));
    kafka.create_topic(topic, partitions)?;
    // Kafka's own tool came through the proxy too, where the broker had sent it.
    proxy.take_frames();

    let status = Command::new(&command[0])
        .args(&command[1..])
        .env("BOOTSTRAP", kafka.advertised())
        .env("KAFKA_CLASSPATH", kafka.class_path())
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(Error::new(format!("the command failed ({status})"))),
        Err(e) => return Err(Error::new(format!("the command did not run: {e}"))),
    }
    let frames = proxy.take_frames();
    let lines: String = frames.iter().map(|frame| frame.line() + "\n").collect();
    let path = folder().join("captures").join(format!("{name}.jsonl"));
    fs::write(&path, &lines).map_err(|e| Error::new(format!("{}: {e}", path.display())))?;
    Ok(format!("{name}: {} frames, {} bytes", frames.len(), lines.len()))
}
