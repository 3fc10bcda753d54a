//! Every property of Kafka's consumer is honoured, or refused with a reason: checked against Kafka's own `ConsumerConfig`,
//! which `testdata/make-consumer-config` writes down, and listed in `PROPERTIES.md`. To write that page again:
//!
//! ```text
//! MILENA_WRITE_PROPERTIES=1 cargo test -p milena-client --test config_table
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use milena_client::{Config, ConfigErrorKind, Property, Support};
use serde_json::Value;

/// Values that Kafka's check lets through and ours does not, each with the reason.
const STRICTER: &[(&str, &str, &str)] = &[
    ("heartbeat.interval.ms", "-1", "a time is not negative"),
    ("heartbeat.interval.ms", "-2", "a time is not negative"),
    ("session.timeout.ms", "-1", "a time is not negative"),
    ("session.timeout.ms", "-2", "a time is not negative"),
    ("socket.connection.setup.timeout.max.ms", "-1", "a time is not negative"),
    ("socket.connection.setup.timeout.max.ms", "-2", "a time is not negative"),
    ("socket.connection.setup.timeout.max.ms", "-2147483649", "a time is not negative"),
    ("socket.connection.setup.timeout.ms", "-1", "a time is not negative"),
    ("socket.connection.setup.timeout.ms", "-2", "a time is not negative"),
    ("socket.connection.setup.timeout.ms", "-2147483649", "a time is not negative"),
];

/// A property as Kafka has it.
struct Kafkas {
    name: String,
    /// `None` where it has to be given.
    default: Option<Option<String>>,
    accepts: Vec<String>,
    refuses: Vec<String>,
}

fn kafkas() -> Vec<Kafkas> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/consumer-config.jsonl");
    let lines = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let properties: Vec<Kafkas> = lines.lines().map(property).collect();
    assert!(properties.len() > 100, "only {} properties", properties.len());
    properties
}

fn property(line: &str) -> Kafkas {
    let line: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = |value: &Value| value.as_array().unwrap().iter().filter_map(text).collect();
    Kafkas {
        name: text(&line["name"]).unwrap(),
        default: line.get("default").map(text),
        accepts: texts(&line["accepts"]),
        refuses: texts(&line["refuses"]),
    }
}

fn ours() -> BTreeMap<&'static str, &'static Property> {
    Config::properties().map(|property| (property.name(), property)).collect()
}

fn config() -> Config {
    Config::new("localhost:9092").unwrap()
}

fn accepts(name: &str, value: &str) -> bool {
    config().set(name, value).is_ok()
}

#[test]
fn every_property_of_kafka_is_honoured_or_refused_with_a_reason() {
    let kafkas: BTreeSet<String> = kafkas().into_iter().map(|property| property.name).collect();
    let ours = ours();
    let names: BTreeSet<String> = ours.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(names, kafkas);
    assert_eq!(Config::properties().count(), names.len(), "a property is listed twice");
    for (name, property) in ours {
        let why = match property.support() {
            Support::Full => {
                assert!(config().get(name).is_some(), "{name} has no value");
                continue;
            }
            Support::Only { values, why } => {
                assert!(values.iter().all(|value| accepts(name, value)), "{name}");
                why
            }
            Support::None { why } => why,
            support => panic!("{name}: {support:?}"),
        };
        let error = config().set(name, "any text").unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::NotSupported);
        assert!(why.split(' ').count() > 3 && error.to_string().contains(why), "{error}");
    }
}

#[test]
fn defaults_are_kafkas() {
    for Kafkas { name, default, .. } in kafkas() {
        let (Some(ours), Some(default)) =
            (config().get(&name).filter(|_| name != "bootstrap.servers"), default)
        else {
            continue;
        };
        // Kafka's null is our empty text.
        let Some(default) = default else {
            assert_eq!(ours, "", "{name}");
            continue;
        };
        let mut config = config();
        config.set(&name, &default.replace("class ", "")).unwrap();
        assert_eq!(Some(ours), config.get(&name), "{name}");
    }
}

#[test]
fn values_are_accepted_and_refused_as_by_kafka() {
    let mut stricter: Vec<(&str, &str)> = STRICTER.iter().map(|(name, value, _)| (*name, *value)).collect();
    let ours = ours();
    for Kafkas { name, accepts: accepted, refuses: refused, .. } in kafkas() {
        for value in &refused {
            assert!(!accepts(&name, value), "{name}={value:?} is refused by Kafka");
        }
        if ours[name.as_str()].support() != Support::Full {
            continue;
        }
        for value in &accepted {
            let known = stricter.iter().position(|known| *known == (name.as_str(), value.as_str()));
            let is_stricter = known.map(|known| stricter.remove(known)).is_some();
            assert_eq!(accepts(&name, value), !is_stricter, "{name}={value:?} is accepted by Kafka");
        }
    }
    assert!(stricter.is_empty(), "nobody tried {stricter:?}");
}

#[test]
fn the_page_lists_what_the_client_says() {
    let page = page();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("PROPERTIES.md");
    if std::env::var_os("MILENA_WRITE_PROPERTIES").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "PROPERTIES.md is out of date: run MILENA_WRITE_PROPERTIES=1 cargo test -p milena-client --test config_table"
    );
}

/// `PROPERTIES.md`.
fn page() -> String {
    let ours = ours();
    let rows = kafkas().into_iter().map(|kafkas| {
        let property = ours[kafkas.name.as_str()];
        let cells = [code(&kafkas.name), default(&kafkas), support(property), sentence(property.about())];
        assert!(cells.iter().all(|cell| !cell.trim().is_empty() && !cell.contains('|')), "{cells:?}");
        format!("| {} |\n", cells.join(" | "))
    });
    let rows: String = rows.collect();
    let stricter = STRICTER.iter().map(|(name, value, why)| format!("- `{name}={value}`: {why}.\n"));
    let stricter: String = stricter.collect();
    format!(
        "# The consumer's properties\n\
         \n\
         All properties of Kafka 4.3.1's consumer, and what milena makes of each. They are set by their names with \
         `Config::set`,\n\
         or with the method of the same name, underscores for dots: `max.poll.records` is \
         `max_poll_records`.\n\
         Times are a `Duration` there, and have no unit in their name: `session.timeout.ms` is `session_timeout`.\n\
         What is honoured has Kafka's default and takes the values that Kafka takes; what is refused is an error that gives \
         the reason.\n\
         A name that Kafka does not have is an error that gives the nearest one. Waits and back-offs of 0 count as 1 ms.\n\
         \n\
         `client/tests/config_table.rs` makes this page from Kafka's own `ConsumerConfig`, and fails where a property is \
         missing.\n\
         \n\
         | property | default | honoured | what it is for |\n\
         |---|---|---|---|\n\
         {rows}\n\
         Values that Kafka's first check lets through, and milena's does not:\n\
         \n\
         {stricter}"
    )
}

fn default(kafkas: &Kafkas) -> String {
    match &kafkas.default {
        None => "has to be given".to_owned(),
        Some(None) => "none".to_owned(),
        Some(Some(text)) if text.is_empty() => "none".to_owned(),
        Some(Some(text)) => {
            code(&text.replace("class org.apache.kafka.clients.consumer.", "").replace(',', ", "))
        }
    }
}

fn support(property: &Property) -> String {
    match property.support() {
        Support::Full => "yes".to_owned(),
        Support::Only { values, why } => {
            let values =
                values.iter().map(|value| if value.is_empty() { "nothing".into() } else { code(value) });
            format!("{} only: {why}", values.collect::<Vec<_>>().join(", "))
        }
        Support::None { why } => format!("no: {why}"),
        support => panic!("{support:?}"),
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
