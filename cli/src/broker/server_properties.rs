//! A file of settings, as Kafka's `server.properties`.
//!
//! Such files say much about disks, threads and controllers, which a broker in memory does not have: that is passed over,
//! and told on standard error. What is no setting of Kafka's, as far as is known here, is an error.

use std::path::Path;

use milena_broker::Settings;

use crate::failure::{self, Failure};

/// What has no effect here: names, and beginnings of names where they end with a dot.
const NO_EFFECT: &[&str] = &[
    "advertised.listeners",
    "background.threads",
    "broker.id",
    "controller.",
    "group.coordinator.",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "listeners",
    "log.dir",
    "log.dirs",
    "log.flush.",
    "metadata.log.",
    "node.id",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
    "process.roles",
    "queued.max.requests",
    "replica.fetch.",
    "share.coordinator.",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "transaction.state.log.min.isr",
    "zookeeper.",
];

/// Settings that Kafka has in several units: the one that is meant, and how many of it they are.
const OTHER_UNITS: &[(&str, &str, i64)] = &[
    ("log.retention.hours", "log.retention.ms", 3_600_000),
    ("log.retention.minutes", "log.retention.ms", 60_000),
];

/// Takes over what a file says.
pub fn read(file: &Path, settings: &mut Settings) -> Result<(), Failure> {
    let text = String::from_utf8(failure::read(file)?)
        .map_err(|error| Failure::Other(format!("{}: {error}", file.display())))?;
    let noted = |line: usize, text: &str| eprintln!("milena: {}:{line}: {text}", file.display());
    let read = take(&text, settings, noted);
    read.map_err(|(line, problem)| Failure::Other(format!("{}:{line}: {problem}", file.display())))
}

/// What a text says; what has no effect is `noted`, with its line. An error comes with its line, too.
fn take(text: &str, settings: &mut Settings, noted: impl Fn(usize, &str)) -> Result<(), (usize, String)> {
    let mut in_other_units = Vec::new();
    let mut names = Vec::new();
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())) {
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let (name, value) = line.split_once(['=', ':']).ok_or((n, "a line is name=value".to_owned()))?;
        let (name, value) = (name.trim(), value.trim());
        if OTHER_UNITS.iter().any(|(other, ..)| *other == name) {
            in_other_units.push((n, name, value));
            continue;
        }
        if has_no_effect(name) {
            noted(n, &format!("{name} has no effect on a broker in memory"));
            continue;
        }
        settings.set(name, value).map_err(|problem| (n, problem.to_string()))?;
        names.push(name);
    }
    // The finer unit wins, as in Kafka, whichever comes first.
    for (other, meant, factor) in OTHER_UNITS {
        let Some((n, _, value)) = in_other_units.iter().rfind(|(_, name, _)| name == other) else { continue };
        if names.contains(meant) {
            continue;
        }
        let count: i64 =
            value.parse().map_err(|_| (*n, format!("{other} cannot be {value:?}: it is a number")))?;
        let value = if count < 0 { -1 } else { count.saturating_mul(*factor) };
        settings.set(meant, value).map_err(|problem| (*n, problem.to_string()))?;
    }
    Ok(())
}

fn has_no_effect(name: &str) -> bool {
    NO_EFFECT.iter().any(|known| match known.ends_with('.') {
        true => name.starts_with(known),
        false => name == *known,
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    type Noted = Vec<(usize, String)>;

    fn read(text: &str) -> (Result<(), (usize, String)>, Settings, Noted) {
        let (mut settings, notes) = (Settings::default(), RefCell::new(Vec::new()));
        let result = take(text, &mut settings, |n, text| notes.borrow_mut().push((n, text.to_owned())));
        (result, settings, notes.into_inner())
    }

    #[test]
    fn a_file_as_kafka_has_it_is_understood() {
        let (result, settings, notes) = read(
            "# comment\n\nprocess.roles=broker,controller\nnum.partitions = 3\nlog.dirs=/tmp/logs\n\
             log.retention.hours=168\nsocket.request.max.bytes:1000\n",
        );
        assert_eq!(result, Ok(()));
        assert_eq!(settings.value("num.partitions"), Some("3"));
        assert_eq!(settings.value("log.retention.ms"), Some("604800000"));
        assert_eq!(settings.value("socket.request.max.bytes"), Some("1000"));
        let told: Vec<_> = notes.iter().map(|(n, text)| (*n, text.as_str())).collect();
        let text = "process.roles has no effect on a broker in memory";
        assert_eq!(told[0], (3, text));
        assert_eq!((told.len(), told[1].0), (2, 5));
    }

    #[test]
    fn the_finest_unit_wins() {
        let retention = |text: &str| read(text).1.value("log.retention.ms").map(str::to_owned).unwrap();
        assert_eq!(retention("log.retention.minutes=2\nlog.retention.hours=1\n"), "120000");
        assert_eq!(retention("log.retention.ms=5\nlog.retention.minutes=2\n"), "5");
        assert_eq!(retention("log.retention.hours=-1\n"), "-1");
    }

    #[test]
    fn what_is_wrong_comes_with_its_line() {
        let error = |text: &str| read(text).0.unwrap_err();
        let (line, problem) = error("num.partitions=1\nnum.partition=3\n");
        assert_eq!(
            (line, &problem[..]),
            (2, "there is no setting num.partition; did you mean num.partitions?")
        );
        assert_eq!(error("\nwhat\n"), (2, "a line is name=value".to_owned()));
        assert_eq!(error("log.retention.hours=x\n").0, 1);
    }
}
