//! What no single property can tell: which do not go together.

use super::strategy::have_a_protocol_in_common;
use super::{Config, ConfigError, GroupProtocol};

/// What the broker decides under the consumer protocol (KIP-848).
const CLASSIC_ONLY: [&str; 3] =
    ["heartbeat.interval.ms", "partition.assignment.strategy", "session.timeout.ms"];

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_values()?;
        if self.bootstrap_servers.is_empty() {
            return Err(ConfigError::conflict("bootstrap.servers is missing"));
        }
        if self.fetch_max_wait >= self.request_timeout {
            return Err(ConfigError::conflict("fetch.max.wait.ms must be below request.timeout.ms"));
        }
        self.check_group()?;
        match self.group_protocol {
            GroupProtocol::Classic => self.check_classic(),
            GroupProtocol::Consumer => self.check_consumer(),
        }
    }

    fn check_group(&self) -> Result<(), ConfigError> {
        if !self.group_id.is_empty() {
            return Ok(());
        }
        if !self.group_instance_id.is_empty() {
            return Err(ConfigError::conflict("group.instance.id needs a group.id"));
        }
        if self.enable_auto_commit && self.is_set("enable.auto.commit") {
            return Err(ConfigError::conflict("enable.auto.commit=true needs a group.id"));
        }
        Ok(())
    }

    fn check_classic(&self) -> Result<(), ConfigError> {
        if self.heartbeat_interval >= self.session_timeout {
            return Err(ConfigError::conflict("heartbeat.interval.ms must be below session.timeout.ms"));
        }
        if !self.group_remote_assignor.is_empty() {
            return Err(ConfigError::conflict(
                "group.remote.assignor needs group.protocol=consumer; in the classic protocol partition.assignment.strategy \
                 says how partitions are shared out",
            ));
        }
        if !have_a_protocol_in_common(&self.partition_assignment_strategy) {
            return Err(ConfigError::conflict(
                "the strategies of partition.assignment.strategy have no way to rebalance in common",
            ));
        }
        Ok(())
    }

    fn check_consumer(&self) -> Result<(), ConfigError> {
        let too_many: Vec<&str> = CLASSIC_ONLY.into_iter().filter(|name| self.is_set(name)).collect();
        if !too_many.is_empty() {
            let text = format!(
                "{} cannot be set with group.protocol=consumer, where the broker decides it",
                too_many.join(", ")
            );
            return Err(ConfigError::conflict(&text));
        }
        Ok(())
    }
}
