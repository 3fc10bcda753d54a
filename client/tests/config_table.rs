//! Every property of Kafka's consumer and producer is honoured, or refused with a reason: checked against Kafka's own
//! `ConsumerConfig` and `ProducerConfig`, which `testdata/make-consumer-config` writes down, and listed in `PROPERTIES.md` and
//! `PRODUCER_PROPERTIES.md`. To write these pages again:
//!
//! ```text
//! MILENA_WRITE_PROPERTIES=1 cargo test -p milena-client --test config_table
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use milena_client::{Config, ConfigError, ConfigErrorKind, ProducerConfig, Property, Support};
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

/// The same for the producer.
const STRICTER_PRODUCER: &[(&str, &str, &str)] = &[
    ("socket.connection.setup.timeout.max.ms", "-1", "a time is not negative"),
    ("socket.connection.setup.timeout.max.ms", "-2", "a time is not negative"),
    ("socket.connection.setup.timeout.max.ms", "-2147483649", "a time is not negative"),
    ("socket.connection.setup.timeout.ms", "-1", "a time is not negative"),
    ("socket.connection.setup.timeout.ms", "-2", "a time is not negative"),
    ("socket.connection.setup.timeout.ms", "-2147483649", "a time is not negative"),
];

/// A client, and what is known of its properties.
struct Client {
    properties: fn() -> Vec<&'static Property>,
    accepts: fn(&str, &str) -> Result<(), ConfigError>,
    /// The value after setting it, or without having set it.
    value: fn(&str, Option<&str>) -> Option<String>,
    file: &'static str,
    stricter: &'static [(&'static str, &'static str, &'static str)],
    page: &'static str,
    title: &'static str,
}

const CONSUMER: Client = Client {
    properties: || Config::properties().collect(),
    accepts: |name, value| consumer().set(name, value),
    value: |name, value| {
        let mut config = consumer();
        value.iter().for_each(|value| config.set(name, value).unwrap());
        config.get(name)
    },
    file: "consumer-config.jsonl",
    stricter: STRICTER,
    page: "PROPERTIES.md",
    title: "\
        # The consumer's properties\n\
        \n\
        All properties of Kafka 4.3.1's consumer, and what milena makes of each. They are set by their names with \
        `Config::set`,\n\
        or with the method of the same name, underscores for dots: `max.poll.records` is \
        `max_poll_records`.\n\
        Times are a `Duration` there, and have no unit in their name: `session.timeout.ms` is `session_timeout`.\n",
};

const PRODUCER: Client = Client {
    properties: || ProducerConfig::properties().collect(),
    accepts: |name, value| producer().set(name, value),
    value: |name, value| {
        let mut config = producer();
        value.iter().for_each(|value| config.set(name, value).unwrap());
        config.get(name)
    },
    file: "producer-config.jsonl",
    stricter: STRICTER_PRODUCER,
    page: "PRODUCER_PROPERTIES.md",
    title: "\
        # The producer's properties\n\
        \n\
        All properties of Kafka 4.3.1's producer, and what milena makes of each. They are set by their names with \
        `ProducerConfig::set`,\n\
        or with the method of the same name, underscores for dots: `batch.size` is `batch_size`.\n\
        Times are a `Duration` there, and have no unit in their name: `delivery.timeout.ms` is `delivery_timeout`.\n",
};

fn consumer() -> Config {
    Config::new("localhost:9092").unwrap()
}

fn producer() -> ProducerConfig {
    ProducerConfig::new("localhost:9092").unwrap()
}

/// A property as Kafka has it.
struct Kafkas {
    name: String,
    /// `None` where it has to be given.
    default: Option<Option<String>>,
    accepts: Vec<String>,
    refuses: Vec<String>,
}

impl Client {
    fn kafkas(&self) -> Vec<Kafkas> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(self.file);
        let lines =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let properties: Vec<Kafkas> = lines.lines().map(property).collect();
        assert!(properties.len() > 100, "only {} properties", properties.len());
        properties
    }

    fn ours(&self) -> BTreeMap<&'static str, &'static Property> {
        (self.properties)().into_iter().map(|property| (property.name(), property)).collect()
    }

    fn accepts(&self, name: &str, value: &str) -> bool {
        (self.accepts)(name, value).is_ok()
    }
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

fn every_property_is_honoured_or_refused(client: &Client) {
    let kafkas: BTreeSet<String> = client.kafkas().into_iter().map(|property| property.name).collect();
    let ours = client.ours();
    let names: BTreeSet<String> = ours.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(names, kafkas);
    assert_eq!((client.properties)().len(), names.len(), "a property is listed twice");
    for (name, property) in ours {
        let why = match property.support() {
            Support::Full => {
                assert!((client.value)(name, None).is_some(), "{name} has no value");
                continue;
            }
            Support::Only { values, why } => {
                assert!(values.iter().all(|value| client.accepts(name, value)), "{name}");
                why
            }
            Support::None { why } => why,
            support => panic!("{name}: {support:?}"),
        };
        let error = (client.accepts)(name, "any text").unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::NotSupported);
        assert!(why.split(' ').count() > 3 && error.to_string().contains(why), "{error}");
    }
}

#[test]
fn every_property_of_kafka_is_honoured_or_refused_with_a_reason() {
    every_property_is_honoured_or_refused(&CONSUMER);
    every_property_is_honoured_or_refused(&PRODUCER);
}

#[test]
fn defaults_are_kafkas() {
    for client in [CONSUMER, PRODUCER] {
        for Kafkas { name, default, .. } in client.kafkas() {
            let (Some(ours), Some(default)) =
                ((client.value)(&name, None).filter(|_| name != "bootstrap.servers"), default)
            else {
                continue;
            };
            // Kafka's null is our empty text.
            let Some(default) = default else {
                assert_eq!(ours, "", "{name}");
                continue;
            };
            let set = (client.value)(&name, Some(&default.replace("class ", "")));
            assert_eq!(Some(ours), set, "{name}");
        }
    }
}

fn values_are_as_by_kafka(client: &Client) {
    let mut stricter: Vec<(&str, &str)> =
        client.stricter.iter().map(|(name, value, _)| (*name, *value)).collect();
    let ours = client.ours();
    for Kafkas { name, accepts: accepted, refuses: refused, .. } in client.kafkas() {
        for value in &refused {
            assert!(!client.accepts(&name, value), "{name}={value:?} is refused by Kafka");
        }
        if ours[name.as_str()].support() != Support::Full {
            continue;
        }
        for value in &accepted {
            let known = stricter.iter().position(|known| *known == (name.as_str(), value.as_str()));
            let is_stricter = known.map(|known| stricter.remove(known)).is_some();
            assert_eq!(client.accepts(&name, value), !is_stricter, "{name}={value:?} is accepted by Kafka");
        }
    }
    assert!(stricter.is_empty(), "nobody tried {stricter:?}");
}

#[test]
fn values_are_accepted_and_refused_as_by_kafka() {
    values_are_as_by_kafka(&CONSUMER);
    values_are_as_by_kafka(&PRODUCER);
}

#[test]
fn the_pages_list_what_the_clients_say() {
    for client in [CONSUMER, PRODUCER] {
        let page = page(&client);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(client.page);
        if std::env::var_os("MILENA_WRITE_PROPERTIES").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            written == page,
            "{} is out of date: run MILENA_WRITE_PROPERTIES=1 cargo test -p milena-client --test config_table",
            client.page
        );
    }
}

/// `PROPERTIES.md`, or `PRODUCER_PROPERTIES.md`.
fn page(client: &Client) -> String {
    let ours = client.ours();
    let rows = client.kafkas().into_iter().map(|kafkas| {
        let property = ours[kafkas.name.as_str()];
        let cells = [code(&kafkas.name), default(&kafkas), support(property), sentence(property.about())];
        assert!(cells.iter().all(|cell| !cell.trim().is_empty() && !cell.contains('|')), "{cells:?}");
        format!("| {} |\n", cells.join(" | "))
    });
    let rows: String = rows.collect();
    let stricter = client.stricter.iter().map(|(name, value, why)| format!("- `{name}={value}`: {why}.\n"));
    let stricter: String = stricter.collect();
    let title = client.title;
    let class = if client.page == CONSUMER.page { "ConsumerConfig" } else { "ProducerConfig" };
    let stricter = match stricter.as_str() {
        "" => String::new(),
        _ => format!("\nValues that Kafka's first check lets through, and milena's does not:\n\n{stricter}"),
    };
    format!(
        "{title}\
         What is honoured has Kafka's default and takes the values that Kafka takes; what is refused is an error that gives \
         the reason.\n\
         A name that Kafka does not have is an error that gives the nearest one. Waits and back-offs of 0 count as 1 ms.\n\
         \n\
         `client/tests/config_table.rs` makes this page from Kafka's own `{class}`, and fails where a property is \
         missing.\n\
         \n\
         | property | default | honoured | what it is for |\n\
         |---|---|---|---|\n\
         {rows}{stricter}"
    )
}

fn default(kafkas: &Kafkas) -> String {
    match &kafkas.default {
        None => "has to be given".to_owned(),
        Some(None) => "none".to_owned(),
        Some(Some(text)) if text.is_empty() => "none".to_owned(),
        Some(Some(text)) => {
            let text = text.replace("class org.apache.kafka.clients.consumer.", "");
            code(&text.replace(',', ", "))
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
