//! Starts a real Kafka, by hand or around a command.

use std::process::{Command, ExitCode};
use std::thread;

use milena_testdata::{Error, Kafka, Version};

const USAGE: &str = "\
usage: kafka start [options]               runs until Ctrl-C
       kafka run [options] -- COMMAND...   runs until COMMAND ends, with the brokers' addresses in $BOOTSTRAP
options:
  --version 4.3.1|3.9.2             4.3.1 unless said otherwise
  --brokers N                       1 unless said otherwise
  --topic NAME:PARTITIONS:RECORDS   creates a topic and fills it; may be repeated
";

#[derive(Debug)]
struct Arguments {
    version: Version,
    brokers: usize,
    topics: Vec<(String, u32, u64)>,
    command: Option<Vec<String>>,
}

fn main() -> ExitCode {
    let Some(arguments) = parse(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&arguments) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let wants_command = match words.next()?.as_str() {
        "start" => false,
        "run" => true,
        _ => return None,
    };
    let mut arguments = Arguments { version: Version::V4_3_1, brokers: 1, topics: Vec::new(), command: None };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--version" => arguments.version = words.next()?.parse().ok()?,
            "--brokers" => arguments.brokers = words.next()?.parse().ok().filter(|n| *n > 0)?,
            "--topic" => arguments.topics.push(topic(&words.next()?)?),
            "--" => arguments.command = Some(words.by_ref().collect()),
            _ => return None,
        }
    }
    let command_fits = match &arguments.command {
        Some(command) => wants_command && !command.is_empty(),
        None => !wants_command,
    };
    command_fits.then_some(arguments)
}

/// NAME:PARTITIONS:RECORDS
fn topic(text: &str) -> Option<(String, u32, u64)> {
    let mut parts = text.split(':');
    let topic = (parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(topic)
}

fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let kafka = Kafka::options(arguments.version).brokers(arguments.brokers).start()?;
    for (name, partitions, records) in &arguments.topics {
        kafka.create_topic(name, *partitions)?;
        if *records > 0 {
            kafka.fill(name, *records)?;
        }
    }
    let Some([program, rest @ ..]) = arguments.command.as_deref() else {
        println!("{}", kafka.bootstrap());
        loop {
            // Ctrl-C ends this process, and the brokers end with it.
            thread::park();
        }
    };
    match Command::new(program).args(rest).env("BOOTSTRAP", kafka.bootstrap()).status() {
        Ok(status) => Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
        Err(e) => {
            eprintln!("{program}: {e}");
            Ok(ExitCode::from(127))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Arguments> {
        parse(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn options_come_before_the_command() {
        let arguments =
            parsed("run --version 3.9.2 --brokers 3 --topic t:6:100 -- echo --brokers 5").unwrap();
        assert_eq!(arguments.version, Version::V3_9_2);
        assert_eq!(arguments.brokers, 3);
        assert_eq!(arguments.topics, [("t".to_owned(), 6, 100)]);
        assert_eq!(arguments.command.unwrap(), ["echo", "--brokers", "5"]);
    }

    #[test]
    fn a_mistake_in_the_options_is_noticed() {
        for line in [
            "",
            "stop",
            "start --brokers 0",
            "start --topic t:6",
            "start --topic t:6:1:2",
            "run",
            "run --",
            "start -- ls",
        ] {
            assert!(parsed(line).is_none(), "{line}");
        }
    }
}
