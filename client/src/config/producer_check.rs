//! What no single property of a producer can tell, and what its machines are told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use milena_protocol::records::Compression;

use super::{ConfigError, ProducerConfig};
use crate::core::connection::ConnectionSettings;
use crate::core::metadata::MetadataSettings;
use crate::core::producer::settings::{Acks, ProducerSettings};
use crate::driver::SocketSettings;

const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// Brokers remember so many batches of a producer and partition.
const MOST_IN_FLIGHT: usize = 5;

/// Counts the producers of this process that have no name of their own.
static UNNAMED: AtomicU64 = AtomicU64::new(1);

impl ProducerConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.values_fit()?;
        if self.bootstrap_servers.is_empty() {
            return Err(ConfigError::conflict("bootstrap.servers is missing"));
        }
        if self.is_set("enable.idempotence") && self.enable_idempotence {
            self.why_not_idempotent().map_or(Ok(()), |why| Err(ConfigError::conflict(why)))?;
        }
        let least = self.linger.saturating_add(self.request_timeout);
        if self.delivery_timeout < least && self.is_set("delivery.timeout.ms") {
            return Err(ConfigError::conflict(
                "delivery.timeout.ms must be at least linger.ms and request.timeout.ms together",
            ));
        }
        Ok(())
    }

    fn why_not_idempotent(&self) -> Option<&'static str> {
        match () {
            () if self.acks != Acks::All => Some("enable.idempotence=true needs acks=all"),
            () if self.retries == 0 => Some("enable.idempotence=true needs retries"),
            () if self.max_in_flight_requests_per_connection > MOST_IN_FLIGHT => {
                Some("enable.idempotence=true allows a max.in.flight.requests.per.connection of 5 at most")
            }
            () => None,
        }
    }

    /// With the name that Java gives to a client that has none.
    pub(crate) fn with_client_id(mut self) -> Self {
        if self.client_id.is_empty() {
            self.client_id = format!("producer-{}", UNNAMED.fetch_add(1, Ordering::Relaxed));
        }
        self
    }

    /// Checked, and as the machines of the core can use it.
    ///
    /// # Errors
    /// When properties do not go together.
    pub(crate) fn usable(&self) -> Result<ProducerConfig, ConfigError> {
        self.check()?;
        let mut config = self.clone();
        config.enable_idempotence &= self.why_not_idempotent().is_none();
        for wait in [
            &mut config.connections_max_idle,
            &mut config.metadata_max_age,
            &mut config.metadata_recovery_rebootstrap_trigger,
            &mut config.reconnect_backoff,
            &mut config.reconnect_backoff_max,
            &mut config.request_timeout,
            &mut config.retry_backoff,
            &mut config.retry_backoff_max,
            &mut config.socket_connection_setup_timeout,
            &mut config.socket_connection_setup_timeout_max,
        ] {
            *wait = (*wait).max(SHORTEST_WAIT);
        }
        // As in Java, the default gives way to what is set.
        let least = config.linger.saturating_add(config.request_timeout);
        config.delivery_timeout = config.delivery_timeout.max(least);
        Ok(config)
    }

    pub(crate) fn producer_settings(&self) -> ProducerSettings {
        let compression_level = match self.compression_type {
            Compression::Gzip => Some(self.compression_gzip_level).filter(|level| *level != -1),
            Compression::Zstd => Some(self.compression_zstd_level),
            _ => None,
        };
        let bytes = |bytes: i32| usize::try_from(bytes).unwrap_or_default();
        ProducerSettings {
            acks: self.acks,
            batch_size: bytes(self.batch_size),
            linger: self.linger,
            buffer_memory: usize::try_from(self.buffer_memory).unwrap_or_default(),
            compression: self.compression_type,
            compression_level,
            delivery_timeout: self.delivery_timeout,
            enable_idempotence: self.enable_idempotence,
            max_block: self.max_block,
            max_in_flight: self.max_in_flight_requests_per_connection,
            max_request_size: bytes(self.max_request_size),
            metadata_max_idle: self.metadata_max_idle,
            adaptive_partitioning: self.partitioner_adaptive_partitioning_enable,
            availability_timeout: self.partitioner_availability_timeout,
            ignore_keys: self.partitioner_ignore_keys,
            request_timeout: self.request_timeout,
            retries: u32::try_from(self.retries).unwrap_or_default(),
            retry_backoff: self.retry_backoff,
            retry_backoff_max: self.retry_backoff_max,
        }
    }

    pub(crate) fn connection_settings(&self) -> ConnectionSettings {
        let is_alone = self.is_set("reconnect.backoff.ms") && !self.is_set("reconnect.backoff.max.ms");
        ConnectionSettings {
            client_id: Some(self.client_id.as_str().into()),
            request_timeout: self.request_timeout,
            reconnect_backoff: self.reconnect_backoff,
            reconnect_backoff_max: if is_alone { self.reconnect_backoff } else { self.reconnect_backoff_max },
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
            allow_auto_create_topics: true,
            recovery_strategy: self.metadata_recovery_strategy,
            rebootstrap_trigger: self.metadata_recovery_rebootstrap_trigger,
        }
    }

    pub(crate) fn socket_settings(&self) -> SocketSettings {
        // -1 leaves it to the system.
        let size = |bytes: i32| u32::try_from(bytes).ok();
        SocketSettings {
            send_buffer: size(self.send_buffer_bytes),
            receive_buffer: size(self.receive_buffer_bytes),
        }
    }
}
