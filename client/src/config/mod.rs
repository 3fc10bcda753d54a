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
//!
//! The files that Kafka's own tools take are read by [`Config::from_properties_file`].

mod check;
mod choice;
mod error;
mod iso_duration;
#[macro_use]
mod macros;
mod names;
mod producer;
mod producer_check;
mod producer_refused;
mod properties;
mod property;
mod refused;
mod settings;
mod strategy;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;
use std::time::Duration;

pub use choice::{ClientDnsLookup, GroupProtocol};
pub use error::{ConfigError, ConfigErrorKind};
pub use producer::ProducerConfig;
pub use property::{Property, Support};
pub use strategy::{CustomStrategy, Strategy};

use crate::core::fetch_settings::{BUFFER_BYTES, IsolationLevel, ResetPolicy};
use crate::core::metadata::Address;
use crate::core::recovery::MetadataRecoveryStrategy;
use refused::REFUSED;
use strategy::Strategies;
use value::{
    AtLeastOne, Bootstrap, Buffer, Limit, LongMillis, Millis, MillisOrForever, Name, PositiveMillis, Value,
};

/// Where to start without a committed offset (`auto.offset.reset`).
pub type OffsetReset = ResetPolicy;

properties! {
    /// The configuration of a consumer. Each method is a property of Kafka's consumer, with the dots as underscores;
    /// [`Config::properties`] lists them all, and those that are refused, with the reason.
    Config of "consumer", with buffer_bytes: usize = BUFFER_BYTES;

    /// the consumer group. Needed to subscribe and to commit. Empty: none.
    group_id "group.id": String as String = "";
    /// makes this a static member, which keeps its partitions over a restart within `session.timeout.ms` (KIP-345). Empty: it
    /// is a dynamic one.
    group_instance_id "group.instance.id": Name as String = "";
    /// how the members of the group agree on who reads what: among themselves, or by the broker (KIP-848).
    group_protocol "group.protocol": GroupProtocol as GroupProtocol = "classic";
    /// how the broker shares out partitions, where `group.protocol` is `consumer`; one of its `group.consumer.assignors`. Empty:
    /// the first of them.
    group_remote_assignor "group.remote.assignor": String as String = "";
    /// what the client calls itself in the broker's logs and quotas. Empty: `consumer-`, the group and a number, or its
    /// `group.instance.id`.
    client_id "client.id": String as String = "";
    /// where this client is, so that it may read from a near replica (KIP-392). Empty: not said.
    client_rack "client.rack": String as String = "";
    /// what a broker's name stands for: all of its addresses, which are tried in turn. Both values come to that.
    client_dns_lookup "client.dns.lookup": ClientDnsLookup as ClientDnsLookup = "use_all_dns_ips";
    /// where to start when the group has not committed an offset, or when that is out of range; in a properties file
    /// `earliest`, `latest`, `none`, or as in `by_duration:P7D` (KIP-1106). Where a member of a group starts by `latest` or
    /// `by_duration` is committed at once, so that records that come between two starts are not skipped.
    auto_offset_reset "auto.offset.reset": OffsetReset as OffsetReset = "latest";
    /// whether positions are committed in the background. (Where a member starts by `auto.offset.reset` is committed in any
    /// case: see there.)
    enable_auto_commit "enable.auto.commit": bool as bool = "true";
    /// how often positions are committed in the background.
    auto_commit_interval "auto.commit.interval.ms": Millis as Duration = "5000";
    /// a member from which the coordinator hears nothing for so long is out of the group. Of the classic protocol only.
    session_timeout "session.timeout.ms": Millis as Duration = "45000";
    /// how often the coordinator hears from this member; less than `session.timeout.ms`. Of the classic protocol only.
    heartbeat_interval "heartbeat.interval.ms": Millis as Duration = "3000";
    /// a consumer that is not polled for so long leaves its group.
    max_poll_interval "max.poll.interval.ms": PositiveMillis as Duration = "300000";
    /// the most records that one poll returns; at least 1.
    max_poll_records "max.poll.records": AtLeastOne as usize = "500";
    /// a broker that has fewer bytes of records than this waits for more before it answers.
    fetch_min_bytes "fetch.min.bytes": Limit as i32 = "1";
    /// how long a broker waits for `fetch.min.bytes`; less than `request.timeout.ms`.
    fetch_max_wait "fetch.max.wait.ms": Millis as Duration = "500";
    /// the most bytes of records in one answer; a larger batch comes whole.
    fetch_max_bytes "fetch.max.bytes": Limit as i32 = "52428800";
    /// the most bytes of records of one partition in an answer; a larger batch comes whole.
    max_partition_fetch_bytes "max.partition.fetch.bytes": Limit as i32 = "1048576";
    /// whether records of open and of aborted transactions are delivered.
    isolation_level "isolation.level": IsolationLevel as IsolationLevel = "read_uncommitted";
    /// whether the checksums of record batches are verified.
    check_crcs "check.crcs": bool as bool = "true";
    /// how long a broker may take over an answer before its connection is given up.
    request_timeout "request.timeout.ms": Millis as Duration = "30000";
    /// how long calls take that have no timeout of their own.
    default_api_timeout "default.api.timeout.ms": Millis as Duration = "60000";
    /// the wait after a request that failed; it doubles.
    retry_backoff "retry.backoff.ms": LongMillis as Duration = "100";
    /// the longest wait after requests that failed.
    retry_backoff_max "retry.backoff.max.ms": LongMillis as Duration = "1000";
    /// the wait after a connection that failed; it doubles. Where this is set alone, each wait is as long.
    reconnect_backoff "reconnect.backoff.ms": LongMillis as Duration = "50";
    /// the longest wait after connections that failed.
    reconnect_backoff_max "reconnect.backoff.max.ms": LongMillis as Duration = "1000";
    /// metadata is fetched anew after so long, even if nothing seems to have changed.
    metadata_max_age "metadata.max.age.ms": LongMillis as Duration = "300000";
    /// what to do when none of the known brokers can be reached: begin with `bootstrap.servers` again, or not (KIP-899).
    metadata_recovery_strategy "metadata.recovery.strategy":
        MetadataRecoveryStrategy as MetadataRecoveryStrategy = "rebootstrap";
    /// after how long without metadata that is asked for the client begins with `bootstrap.servers` again, where
    /// `metadata.recovery.strategy` is `rebootstrap` (KIP-1102).
    metadata_recovery_rebootstrap_trigger "metadata.recovery.rebootstrap.trigger.ms":
        LongMillis as Duration = "300000";
    /// how partitions may be shared out, the preferred way first. All members of a group need one in common. Java's class
    /// names of its four are understood; an application's own are given in code. Of the classic protocol only.
    partition_assignment_strategy "partition.assignment.strategy":
        Strategies as Vec<Strategy> = "range,cooperative-sticky";
    /// whether a topic that does not exist is created where the broker's settings allow it.
    allow_auto_create_topics "allow.auto.create.topics": bool as bool = "true";
    /// whether a pattern leaves out the topics that Kafka keeps for itself, such as `__consumer_offsets`.
    exclude_internal_topics "exclude.internal.topics": bool as bool = "true";
    /// a connection that nobody used for so long is closed. Negative: never.
    connections_max_idle "connections.max.idle.ms": MillisOrForever as Duration = "540000";
    /// how long a first attempt to connect may take; later ones take longer.
    socket_connection_setup_timeout "socket.connection.setup.timeout.ms": LongMillis as Duration = "10000";
    /// the longest that an attempt to connect may take.
    socket_connection_setup_timeout_max "socket.connection.setup.timeout.max.ms": LongMillis as Duration = "30000";
    /// the size of a socket's receive buffer. -1: what the system chooses, which is faster over long distances.
    receive_buffer_bytes "receive.buffer.bytes": Buffer as i32 = "65536";
    /// the size of a socket's send buffer. -1: what the system chooses.
    send_buffer_bytes "send.buffer.bytes": Buffer as i32 = "131072";
}

fn parse<K: Value>(name: &str, text: &str) -> Result<K::Parsed, ConfigError> {
    K::parse(text).ok_or_else(|| ConfigError::bad_value(name, text, K::EXPECTED))
}

impl Config {
    /// A configuration that begins with these brokers, as in `one:9092,two:9092` (`bootstrap.servers`), and has
    /// defaults for the rest.
    ///
    /// # Errors
    /// When that is not a list of addresses.
    pub fn new(bootstrap_servers: &str) -> Result<Self, ConfigError> {
        parse::<Bootstrap>("bootstrap.servers", bootstrap_servers).map(Self::with_defaults)
    }

    /// A configuration from properties, `bootstrap.servers` among them.
    ///
    /// # Errors
    /// As [`set`](Self::set), when there is no `bootstrap.servers`, and when properties do not go together.
    pub fn from_properties<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::with_defaults(Vec::new());
        properties.into_iter().try_for_each(|(name, value)| config.set(name, value))?;
        config.check()?;
        Ok(config)
    }

    /// Every property of Kafka's consumer (4.3), with what milena makes of it. `client/PROPERTIES.md` has them as a table.
    pub fn properties() -> impl Iterator<Item = &'static Property> {
        HONOURED.iter().chain(REFUSED)
    }

    /// How many bytes of records the consumer holds at most, those included that brokers were asked for and those that
    /// records were decompressed to, of which a quarter is left for the latter. Default 64 MiB. (milena's own: Kafka's consumer
    /// has no such limit.)
    ///
    /// It holds for all partitions and brokers together, however slow the application is. What cannot be split may go
    /// beyond it: the batch that is being decompressed, and where a single batch is larger than what a broker was asked for,
    /// that batch. Less than some megabytes for each broker makes reading slower.
    ///
    /// A single batch may decompress to 128 MiB, or to as much as this where it is more. One that goes beyond it is a
    /// [`CorruptRecords`](crate::CorruptRecords) error, as one that was made to fill memory would be.
    ///
    /// Partitions that are paused keep what has come for them, as long as that leaves room for others. Where it is more than a
    /// quarter and others lack room, those that were paused first let go of theirs; it is fetched again when they are resumed.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    fn is_set(&self, name: &str) -> bool {
        self.explicit.contains(name)
    }
}
