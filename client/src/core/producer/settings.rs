//! What the producer is configured with.

use std::time::Duration;

use milena_protocol::records::Compression;

/// Who must have a record before it counts as delivered (`acks`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acks {
    /// Nobody: a record counts as delivered once it is written to the connection, and may be lost (`0`).
    None,
    /// The leader: a record can be lost with its broker (`1`).
    Leader,
    /// All replicas that are in sync (`all`).
    #[default]
    All,
}

impl Acks {
    /// As requests have it.
    pub(super) fn code(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

/// The producer's own settings, by Kafka's names in snake_case; the defaults are those of Kafka 4.3.
#[derive(Clone, Debug, PartialEq)]
pub struct ProducerSettings {
    /// `acks`.
    pub acks: Acks,
    /// `batch.size`, in bytes.
    pub batch_size: usize,
    /// `linger.ms`.
    pub linger: Duration,
    /// `buffer.memory`, in bytes.
    pub buffer_memory: usize,
    /// `compression.type`.
    pub compression: Compression,
    /// The level of that compression; `None` for the codec's default.
    pub compression_level: Option<i32>,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `enable.idempotence`.
    pub enable_idempotence: bool,
    /// `max.block.ms`.
    pub max_block: Duration,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `max.request.size`, in bytes.
    pub max_request_size: usize,
    /// `metadata.max.idle.ms`.
    pub metadata_max_idle: Duration,
    /// `partitioner.adaptive.partitioning.enable`.
    pub adaptive_partitioning: bool,
    /// `partitioner.availability.timeout.ms`; zero for never.
    pub availability_timeout: Duration,
    /// `partitioner.ignore.keys`.
    pub ignore_keys: bool,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `retries`.
    pub retries: u32,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        ProducerSettings {
            acks: Acks::All,
            batch_size: 16_384,
            linger: Duration::from_millis(5),
            buffer_memory: 32 << 20,
            compression: Compression::None,
            compression_level: None,
            delivery_timeout: Duration::from_secs(120),
            enable_idempotence: true,
            max_block: Duration::from_secs(60),
            max_in_flight: 5,
            max_request_size: 1 << 20,
            metadata_max_idle: Duration::from_secs(300),
            adaptive_partitioning: true,
            availability_timeout: Duration::ZERO,
            ignore_keys: false,
            request_timeout: Duration::from_secs(30),
            retries: i32::MAX as u32,
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
        }
    }
}
