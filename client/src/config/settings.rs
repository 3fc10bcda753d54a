//! What the machines of the core are told of the configuration.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use milena_protocol::records::Decompressor;

use super::{Config, ConfigError};
use crate::core::connection::ConnectionSettings;
use crate::core::fetch_budget::DECODED_PART;
use crate::core::fetch_settings::FetchSettings;
use crate::core::lookups::LookupSettings;
use crate::core::metadata::MetadataSettings;
use crate::delivery::DeliverySettings;
use crate::driver::SocketSettings;

const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Counts the consumers of this process that have no name of their own.
static UNNAMED: AtomicU64 = AtomicU64::new(1);

impl Config {
    /// With the name that Java gives to a client that has none, so that its members can be told apart.
    pub(crate) fn with_client_id(mut self) -> Self {
        if self.client_id.is_empty() {
            let number = || UNNAMED.fetch_add(1, Ordering::Relaxed).to_string();
            let parts = match (self.group_id.as_str(), self.group_instance_id.as_str()) {
                ("", _) => vec!["consumer".to_owned(), number()],
                (group, "") => vec!["consumer".to_owned(), group.to_owned(), number()],
                (group, instance) => vec!["consumer".to_owned(), group.to_owned(), instance.to_owned()],
            };
            self.client_id = parts.join("-");
        }
        self
    }

    /// Checked, and as the machines of the core can use it: what is done again after no time at all would be done for ever,
    /// so a wait takes a millisecond at least; and no bytes at all cannot be asked for.
    ///
    /// # Errors
    /// When properties do not go together.
    pub(crate) fn usable(&self) -> Result<Config, ConfigError> {
        self.check()?;
        let mut config = self.clone();
        for wait in [
            &mut config.auto_commit_interval,
            &mut config.connections_max_idle,
            &mut config.heartbeat_interval,
            &mut config.metadata_max_age,
            &mut config.metadata_recovery_rebootstrap_trigger,
            &mut config.reconnect_backoff,
            &mut config.reconnect_backoff_max,
            &mut config.retry_backoff,
            &mut config.retry_backoff_max,
            &mut config.socket_connection_setup_timeout,
            &mut config.socket_connection_setup_timeout_max,
        ] {
            *wait = (*wait).max(SHORTEST_WAIT);
        }
        config.fetch_max_bytes = config.fetch_max_bytes.max(1);
        config.max_partition_fetch_bytes = config.max_partition_fetch_bytes.max(1);
        Ok(config)
    }

    pub(crate) fn connection_settings(&self) -> ConnectionSettings {
        ConnectionSettings {
            client_id: Some(self.client_id.as_str().into()),
            request_timeout: self.request_timeout,
            reconnect_backoff: self.reconnect_backoff,
            reconnect_backoff_max: self.longest_reconnect_backoff(),
            setup_timeout: self.socket_connection_setup_timeout,
            setup_timeout_max: self.socket_connection_setup_timeout_max,
            max_idle: self.connections_max_idle,
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

    pub(crate) fn metadata_settings(&self) -> MetadataSettings {
        MetadataSettings {
            max_age: self.metadata_max_age,
            retry_backoff: self.retry_backoff,
            retry_backoff_max: self.retry_backoff_max,
            allow_auto_create_topics: self.allow_auto_create_topics,
            recovery_strategy: self.metadata_recovery_strategy,
            rebootstrap_trigger: self.metadata_recovery_rebootstrap_trigger,
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
            buffer_bytes: self.buffer_bytes,
        }
    }

    pub(crate) fn delivery_settings(&self) -> DeliverySettings {
        DeliverySettings {
            isolation_level: self.isolation_level,
            check_crcs: self.check_crcs,
            decoded_bytes: self.buffer_bytes / DECODED_PART,
            batch_bytes: Decompressor::DEFAULT_BUDGET.max(self.buffer_bytes),
        }
    }

    pub(crate) fn lookup_settings(&self) -> LookupSettings {
        LookupSettings {
            isolation_level: self.isolation_level,
            request_timeout: self.request_timeout,
            retry_backoff: self.retry_backoff,
            retry_backoff_max: self.retry_backoff_max,
            allow_auto_create_topics: self.allow_auto_create_topics,
        }
    }

    /// As in Java, a first wait that is set alone is every wait.
    fn longest_reconnect_backoff(&self) -> Duration {
        let is_alone = self.is_set("reconnect.backoff.ms") && !self.is_set("reconnect.backoff.max.ms");
        if is_alone { self.reconnect_backoff } else { self.reconnect_backoff_max }
    }
}
