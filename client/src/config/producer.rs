//! How a producer is configured: by Kafka's own names, with the defaults of Kafka 4.3.

use std::collections::BTreeSet;
use std::time::Duration;

use milena_protocol::records::Compression;

use super::choice::ClientDnsLookup;
use super::error::ConfigError;
use super::parse;
use super::producer_refused::REFUSED;
use super::property::{self, Property, Support};
use super::value::{
    AtLeastOne, Bootstrap, Buffer, GzipLevel, IdleMillis, Limit, LongLimit, LongMillis, Millis,
    MillisOrForever, Value, ZstdLevel,
};
use crate::core::metadata::Address;
use crate::core::producer::settings::Acks;
use crate::core::recovery::MetadataRecoveryStrategy;

properties! {
    /// The configuration of a producer. Each method is a property of Kafka's producer, with the dots as underscores;
    /// [`ProducerConfig::properties`] lists them all, and those that are refused, with the reason.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use milena_client::{Acks, ProducerConfig};
    ///
    /// let mut config = ProducerConfig::new("localhost:9092")?.linger(Duration::from_millis(20)).acks(Acks::All);
    /// config.set("compression.type", "zstd")?; // the same from properties
    /// assert_eq!(config.get("linger.ms").unwrap(), "20");
    /// # Ok::<(), milena_client::ConfigError>(())
    /// ```
    ProducerConfig of "producer", with

    /// who must have a record before it counts as delivered: `0` nobody, `1` the leader, `all` (or `-1`) all replicas that are
    /// in sync.
    acks "acks": Acks as Acks = "all";
    /// whether brokers number what this producer sends, so that nothing is in the log twice and order is kept when something
    /// is sent again. It needs `acks=all`, `retries` and at most 5 requests in flight: where one of these is set otherwise, and
    /// this is not set, it is off.
    enable_idempotence "enable.idempotence": bool as bool = "true";
    /// the most bytes of records in one batch; a larger record goes alone. 0: each record goes alone.
    batch_size "batch.size": Limit as i32 = "16384";
    /// how long a batch that is not full waits for more records.
    linger "linger.ms": LongMillis as Duration = "5";
    /// how batches are compressed: `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    compression_type "compression.type": Compression as Compression = "none";
    /// the level of gzip, from 1 to 9; -1 for its default.
    compression_gzip_level "compression.gzip.level": GzipLevel as i32 = "-1";
    /// the level of zstd, from -131072 to 22.
    compression_zstd_level "compression.zstd.level": ZstdLevel as i32 = "3";
    /// bytes of records that may be on their way. Where there is no room, records wait for it.
    buffer_memory "buffer.memory": LongLimit as i64 = "33554432";
    /// how long a record waits for room, or for its topic to be known, before it fails.
    max_block "max.block.ms": LongMillis as Duration = "60000";
    /// how long the delivery of a record may take from its batch's first record on, all attempts included; at least
    /// `linger.ms` and `request.timeout.ms` together.
    delivery_timeout "delivery.timeout.ms": Millis as Duration = "120000";
    /// how long a broker may take over an answer before its connection is given up, and the records are sent again.
    request_timeout "request.timeout.ms": Millis as Duration = "30000";
    /// how often a batch is sent again; `delivery.timeout.ms` is the better limit.
    retries "retries": Limit as i32 = "2147483647";
    /// the wait before a batch is sent again; it doubles.
    retry_backoff "retry.backoff.ms": LongMillis as Duration = "100";
    /// the longest wait before a batch is sent again.
    retry_backoff_max "retry.backoff.max.ms": LongMillis as Duration = "1000";
    /// requests to one broker that may wait for their answers. With more than one and without idempotence, records that are
    /// sent again can come behind later ones.
    max_in_flight_requests_per_connection "max.in.flight.requests.per.connection": AtLeastOne as usize = "5";
    /// the most bytes in one request, and of one record.
    max_request_size "max.request.size": Limit as i32 = "1048576";
    /// whether partitions that keep up get more of the records without key (KIP-794).
    partitioner_adaptive_partitioning_enable "partitioner.adaptive.partitioning.enable": bool as bool = "true";
    /// a partition whose records have waited so long to be sent gets no records without key, where there are others. 0: it does.
    partitioner_availability_timeout "partitioner.availability.timeout.ms": LongMillis as Duration = "0";
    /// whether keys have no say in which partition a record goes to.
    partitioner_ignore_keys "partitioner.ignore.keys": bool as bool = "false";
    /// what the client calls itself in the broker's logs and quotas. Empty: `producer-` and a number.
    client_id "client.id": String as String = "";
    /// what a broker's name stands for: all of its addresses, which are tried in turn. Both values come to that.
    client_dns_lookup "client.dns.lookup": ClientDnsLookup as ClientDnsLookup = "use_all_dns_ips";
    /// the wait after a connection that failed; it doubles. Where this is set alone, each wait is as long.
    reconnect_backoff "reconnect.backoff.ms": LongMillis as Duration = "50";
    /// the longest wait after connections that failed.
    reconnect_backoff_max "reconnect.backoff.max.ms": LongMillis as Duration = "1000";
    /// metadata is fetched anew after so long, even if nothing seems to have changed.
    metadata_max_age "metadata.max.age.ms": LongMillis as Duration = "300000";
    /// metadata of a topic that nothing was sent to for so long is not fetched any more.
    metadata_max_idle "metadata.max.idle.ms": IdleMillis as Duration = "300000";
    /// what to do when none of the known brokers can be reached: begin with `bootstrap.servers` again, or not (KIP-899).
    metadata_recovery_strategy "metadata.recovery.strategy":
        MetadataRecoveryStrategy as MetadataRecoveryStrategy = "rebootstrap";
    /// after how long without metadata that is asked for the client begins with `bootstrap.servers` again, where
    /// `metadata.recovery.strategy` is `rebootstrap` (KIP-1102).
    metadata_recovery_rebootstrap_trigger "metadata.recovery.rebootstrap.trigger.ms":
        LongMillis as Duration = "300000";
    /// a connection that nobody used for so long is closed. Negative: never.
    connections_max_idle "connections.max.idle.ms": MillisOrForever as Duration = "540000";
    /// how long a first attempt to connect may take; later ones take longer.
    socket_connection_setup_timeout "socket.connection.setup.timeout.ms": LongMillis as Duration = "10000";
    /// the longest that an attempt to connect may take.
    socket_connection_setup_timeout_max "socket.connection.setup.timeout.max.ms": LongMillis as Duration = "30000";
    /// the size of a socket's receive buffer. -1: what the system chooses.
    receive_buffer_bytes "receive.buffer.bytes": Buffer as i32 = "32768";
    /// the size of a socket's send buffer. -1: what the system chooses, which is faster over long distances.
    send_buffer_bytes "send.buffer.bytes": Buffer as i32 = "131072";
}

impl ProducerConfig {
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

    /// Every property of Kafka's producer (4.3), with what milena makes of it. `client/PRODUCER_PROPERTIES.md` has them as
    /// a table.
    pub fn properties() -> impl Iterator<Item = &'static Property> {
        HONOURED.iter().chain(REFUSED)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.explicit.contains(name)
    }

    pub(super) fn values_fit(&self) -> Result<(), ConfigError> {
        self.check_values()
    }
}
