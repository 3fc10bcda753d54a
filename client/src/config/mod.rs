//! How a consumer is configured: by Kafka's own names, with the defaults of Kafka 4.3.
//!
//! ```
//! use milena_client::{Config, OffsetReset};
//!
//! let mut config = Config::new("localhost:9092")?.group_id("readers").auto_offset_reset(OffsetReset::Earliest);
//! config.set("max.poll.records", "100")?; // the same from properties
//! assert_eq!(
//!     config.set("max.poll.record", "1").unwrap_err().to_string(),
//!     "unknown property max.poll.record; did you mean max.poll.records?"
//! );
//! # Ok::<(), milena_client::ConfigError>(())
//! ```

mod error;
mod names;
mod value;

use std::time::Duration;

pub use error::{ConfigError, ConfigErrorKind};
pub use value::Strategy;
use value::{AtLeastOne, Bootstrap, Limit, Value};

use crate::core::connection::ConnectionSettings;
use crate::core::fetch_settings::{FetchSettings, IsolationLevel, ResetPolicy};
use crate::core::metadata::{Address, MetadataSettings};

macro_rules! properties {
    ($($(#[$doc:meta])* $field:ident $name:literal: $kind:ty as $type:ty = $default:expr;)*) => {
        /// The configuration of a consumer. Each method is a property of Kafka's consumer, with the dots as underscores.
        #[derive(Clone, Debug)]
        pub struct Config {
            pub(crate) bootstrap_servers: Vec<Address>,
            $(pub(crate) $field: $type,)*
        }

        impl Config {
            fn with_defaults(bootstrap_servers: Vec<Address>) -> Self {
                Config { bootstrap_servers, $($field: $default,)* }
            }

            $(
                #[doc = concat!("`", $name, "`: ")]
                $(#[$doc])*
                pub fn $field(mut self, value: impl Into<$type>) -> Self {
                    self.$field = value.into();
                    self
                }
            )*

            /// Sets a property by its name, from the text that a properties file would have.
            ///
            /// # Errors
            /// When the name is not a property of Kafka's consumer, when milena does not honour it yet, or when the
            /// value is not one that it can have.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
                let value = value.trim();
                match name {
                    "bootstrap.servers" => self.bootstrap_servers = parse::<Bootstrap, _>(name, value)?,
                    $($name => self.$field = parse::<$kind, $type>(name, value)?,)*
                    _ => return Err(names::refusal(name, SUPPORTED)),
                }
                Ok(())
            }
        }

        const SUPPORTED: &[&str] = &["bootstrap.servers", $($name),*];
    };
}

properties! {
    /// the consumer group. Needed to subscribe and to commit. Empty: none.
    group_id "group.id": String as String = String::new();
    /// makes this a static member, which keeps its partitions over a restart within `session.timeout.ms` (KIP-345). Empty: it
    /// is a dynamic one.
    group_instance_id "group.instance.id": String as String = String::new();
    /// what the client calls itself in the broker's logs and quotas.
    client_id "client.id": String as String = String::new();
    /// where this client is, so that it may read from a near replica (KIP-392). Empty: not said.
    client_rack "client.rack": String as String = String::new();
    /// where to start when the group has not committed an offset, or when that is out of range. Default `latest`.
    auto_offset_reset "auto.offset.reset": OffsetReset as OffsetReset = OffsetReset::Latest;
    /// whether positions are committed in the background. Default true.
    enable_auto_commit "enable.auto.commit": bool as bool = true;
    /// how often. Default 5 s.
    auto_commit_interval "auto.commit.interval.ms": Duration as Duration = Duration::from_secs(5);
    /// a member from which the coordinator hears nothing for so long is out of the group. Default 45 s.
    session_timeout "session.timeout.ms": Duration as Duration = Duration::from_secs(45);
    /// how often the coordinator hears from this member. Default 3 s.
    heartbeat_interval "heartbeat.interval.ms": Duration as Duration = Duration::from_secs(3);
    /// a consumer that is not polled for so long leaves its group. Default 5 minutes.
    max_poll_interval "max.poll.interval.ms": Duration as Duration = Duration::from_secs(300);
    /// the most records that one poll returns; at least 1. Default 500.
    max_poll_records "max.poll.records": AtLeastOne as usize = 500;
    /// a broker waits for so many bytes of records. Default 1.
    fetch_min_bytes "fetch.min.bytes": Limit as i32 = 1;
    /// but no longer than this. Default 500 ms.
    fetch_max_wait "fetch.max.wait.ms": Duration as Duration = Duration::from_millis(500);
    /// the most bytes of records in one answer; a larger batch comes whole. Default 50 MiB.
    fetch_max_bytes "fetch.max.bytes": Limit as i32 = 50 << 20;
    /// the same for each partition of an answer. Default 1 MiB.
    max_partition_fetch_bytes "max.partition.fetch.bytes": Limit as i32 = 1 << 20;
    /// whether records of open and of aborted transactions are delivered. Default `read_uncommitted`.
    isolation_level "isolation.level": IsolationLevel as IsolationLevel = IsolationLevel::ReadUncommitted;
    /// whether the checksums of record batches are verified. Default true.
    check_crcs "check.crcs": bool as bool = true;
    /// how long a broker may take over an answer before its connection is given up. Default 30 s.
    request_timeout "request.timeout.ms": Duration as Duration = Duration::from_secs(30);
    /// how long calls take that have no timeout of their own. Default 1 minute.
    default_api_timeout "default.api.timeout.ms": Duration as Duration = Duration::from_secs(60);
    /// the wait after a request that failed; it doubles. Default 100 ms.
    retry_backoff "retry.backoff.ms": Duration as Duration = Duration::from_millis(100);
    /// up to this. Default 1 s.
    retry_backoff_max "retry.backoff.max.ms": Duration as Duration = Duration::from_secs(1);
    /// the wait after a connection that failed; it doubles. Default 50 ms.
    reconnect_backoff "reconnect.backoff.ms": Duration as Duration = Duration::from_millis(50);
    /// up to this. Default 1 s.
    reconnect_backoff_max "reconnect.backoff.max.ms": Duration as Duration = Duration::from_secs(1);
    /// metadata is fetched anew after so long, even if nothing seems to have changed. Default 5 minutes.
    metadata_max_age "metadata.max.age.ms": Duration as Duration = Duration::from_secs(300);
    /// how partitions may be shared out, the preferred way first. All members of a group need one in common. Default
    /// `range, cooperative-sticky`. Java's class names are understood.
    partition_assignment_strategy "partition.assignment.strategy": Vec<Strategy> as Vec<Strategy> =
        vec![Strategy::Range, Strategy::CooperativeSticky];
    /// whether a topic that does not exist is created where the broker's settings allow it. Default true.
    allow_auto_create_topics "allow.auto.create.topics": bool as bool = true;
    /// a connection that nobody used for so long is closed. Default 9 minutes.
    connections_max_idle "connections.max.idle.ms": Duration as Duration = Duration::from_secs(540);
    /// how long a first attempt to connect may take; later ones take longer. Default 10 s.
    socket_connection_setup_timeout "socket.connection.setup.timeout.ms": Duration as Duration =
        Duration::from_secs(10);
    /// up to this. Default 30 s.
    socket_connection_setup_timeout_max "socket.connection.setup.timeout.max.ms": Duration as Duration =
        Duration::from_secs(30);
}

/// Where to start without a committed offset (`auto.offset.reset`).
pub type OffsetReset = ResetPolicy;

fn parse<K: Value, T>(name: &str, text: &str) -> Result<T, ConfigError>
where
    T: From<K::Parsed>,
{
    K::parse(text).map(T::from).ok_or_else(|| ConfigError::bad_value(name, text, K::EXPECTED))
}

impl Config {
    /// A configuration that begins with these brokers, as in `one:9092,two:9092` (`bootstrap.servers`), and has
    /// defaults for the rest.
    ///
    /// # Errors
    /// When that is not a list of addresses.
    pub fn new(bootstrap_servers: &str) -> Result<Self, ConfigError> {
        parse::<Bootstrap, _>("bootstrap.servers", bootstrap_servers).map(Self::with_defaults)
    }

    /// A configuration from properties, `bootstrap.servers` among them.
    ///
    /// # Errors
    /// As [`set`](Self::set), and when there is no `bootstrap.servers`.
    pub fn from_properties<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::with_defaults(Vec::new());
        properties.into_iter().try_for_each(|(name, value)| config.set(name, value))?;
        config.check()?;
        Ok(config)
    }

    /// What no single property can tell.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.bootstrap_servers.is_empty() {
            return Err(ConfigError::conflict("bootstrap.servers is missing"));
        }
        if self.heartbeat_interval >= self.session_timeout {
            return Err(ConfigError::conflict("heartbeat.interval.ms must be below session.timeout.ms"));
        }
        if self.fetch_max_wait >= self.request_timeout {
            return Err(ConfigError::conflict("fetch.max.wait.ms must be below request.timeout.ms"));
        }
        if self.group_id.is_empty() && !self.group_instance_id.is_empty() {
            return Err(ConfigError::conflict("group.instance.id needs a group.id"));
        }
        if !Strategy::have_a_protocol_in_common(&self.partition_assignment_strategy) {
            return Err(ConfigError::conflict("partition.assignment.strategy names no strategy"));
        }
        Ok(())
    }

    pub(crate) fn connection_settings(&self) -> ConnectionSettings {
        ConnectionSettings {
            client_id: Some(self.client_id.as_str().into()),
            request_timeout: self.request_timeout,
            reconnect_backoff: self.reconnect_backoff,
            reconnect_backoff_max: self.reconnect_backoff_max,
            setup_timeout: self.socket_connection_setup_timeout,
            setup_timeout_max: self.socket_connection_setup_timeout_max,
            max_idle: self.connections_max_idle,
        }
    }

    pub(crate) fn metadata_settings(&self) -> MetadataSettings {
        MetadataSettings {
            max_age: self.metadata_max_age,
            retry_backoff: self.retry_backoff,
            retry_backoff_max: self.retry_backoff_max,
            allow_auto_create_topics: self.allow_auto_create_topics,
        }
    }

    pub(crate) fn fetch_settings(&self) -> FetchSettings {
        FetchSettings {
            fetch_min_bytes: self.fetch_min_bytes,
            fetch_max_wait: self.fetch_max_wait,
            fetch_max_bytes: self.fetch_max_bytes,
            max_partition_fetch_bytes: self.max_partition_fetch_bytes,
            isolation_level: self.isolation_level,
            client_rack: self.client_rack.as_str().into(),
            auto_offset_reset: self.auto_offset_reset,
            retry_backoff: self.retry_backoff,
            retry_backoff_max: self.retry_backoff_max,
            request_timeout: self.request_timeout,
            ..FetchSettings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("localhost:9092").unwrap()
    }

    fn refusal(name: &str, value: &str) -> String {
        config().set(name, value).unwrap_err().to_string()
    }

    #[test]
    fn every_property_can_be_set_by_its_name() {
        let mut config = config();
        for (name, value) in [
            ("bootstrap.servers", "one:1, [::1]:2"),
            ("group.id", "g"),
            ("auto.offset.reset", "EARLIEST"),
            ("enable.auto.commit", "False"),
            ("session.timeout.ms", "6000"),
            ("isolation.level", "read_committed"),
            (
                "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor, range",
            ),
        ] {
            config.set(name, value).unwrap();
        }
        let addresses: Vec<(String, u16)> =
            config.bootstrap_servers.iter().map(|a| (a.host.to_string(), a.port)).collect();
        assert_eq!(addresses, [("one".to_string(), 1), ("::1".to_string(), 2)]);
        assert_eq!(config.group_id, "g");
        assert_eq!(config.auto_offset_reset, OffsetReset::Earliest);
        assert!(!config.enable_auto_commit);
        assert_eq!(config.session_timeout, Duration::from_secs(6));
        assert_eq!(config.isolation_level, IsolationLevel::ReadCommitted);
        assert_eq!(config.partition_assignment_strategy, [Strategy::CooperativeSticky, Strategy::Range]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_one() {
        assert_eq!(refusal("group_id", "g"), "unknown property group_id; did you mean group.id?");
        assert_eq!(
            refusal("fetch.wait.max.ms", "1"),
            "unknown property fetch.wait.max.ms; did you mean fetch.max.wait.ms?"
        );
        assert_eq!(refusal("zzz", "1"), "unknown property zzz");
    }

    #[test]
    fn a_name_of_kafka_that_is_not_honoured_is_refused_as_such() {
        assert_eq!(refusal("sasl.mechanism", "PLAIN"), "property sasl.mechanism is not supported yet");
    }

    #[test]
    fn a_bad_value_is_answered_with_what_is_expected() {
        assert_eq!(refusal("max.poll.records", "0"), "max.poll.records=0: expected a whole number from 1 on");
        assert_eq!(refusal("session.timeout.ms", "-1"), "session.timeout.ms=-1: expected milliseconds");
        assert_eq!(
            refusal("session.timeout.ms", "99999999999"),
            "session.timeout.ms=99999999999: expected milliseconds"
        );
        assert_eq!(
            refusal("auto.offset.reset", "smallest"),
            "auto.offset.reset=smallest: expected earliest, latest or none"
        );
        assert_eq!(
            refusal("bootstrap.servers", "localhost"),
            "bootstrap.servers=localhost: expected host:port, ..."
        );
    }

    #[test]
    fn properties_that_contradict_each_other_are_refused() {
        let error = config().session_timeout(Duration::from_secs(3)).check().unwrap_err().to_string();
        assert_eq!(error, "heartbeat.interval.ms must be below session.timeout.ms");
        let error = Config::from_properties([("group.id", "g")]).unwrap_err().to_string();
        assert_eq!(error, "bootstrap.servers is missing");
        assert!(Config::from_properties([("bootstrap.servers", "a:1")]).is_ok());
    }
}
