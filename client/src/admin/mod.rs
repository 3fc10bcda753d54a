//! What operators ask of a cluster: which groups there are, who is in them, how far they have read; and to set that.
//!
//! ```no_run
//! use milena_client::{Admin, Config};
//!
//! # async fn example() -> Result<(), milena_client::Error> {
//! let mut admin = Admin::new(Config::new("localhost:9092")?)?;
//! for group in admin.list_groups().await? {
//!     let offsets = admin.group_offsets(&group.group_id).await?;
//!     println!("{} has offsets in {} partitions", group.group_id, offsets.len());
//! }
//! # Ok(())
//! # }
//! ```

mod attempts;
mod cluster;
mod connection;
mod groups;
mod offsets;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::config::Config;
use crate::error::Error;
use attempts::Attempts;
use cluster::Cluster;

pub use groups::{GroupDescription, GroupListing, MemberDescription};
pub use offsets::{ListedOffsets, OffsetSpec};

/// Asks a cluster about consumer groups and offsets, and changes them.
///
/// Each call finds the brokers that have to be asked, and tries again for up to `default.api.timeout.ms` where that can
/// help: while a coordinator moves or loads, a leader changes, a connection breaks. The error that a call ends with is then
/// that of the last attempt. A future that is dropped leaves nothing behind; what it asked for may be done all the same.
///
/// Of the configuration it takes what a client needs to talk to brokers: addresses, time limits, back-offs, `client.id`,
/// and `isolation.level` for what the end of a partition is.
pub struct Admin {
    config: Config,
    cluster: Cluster,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.config.get("bootstrap.servers");
        f.debug_struct("Admin").field("bootstrap.servers", &servers).finish_non_exhaustive()
    }
}

impl Admin {
    /// An admin with this configuration. It connects when it is first asked for something.
    ///
    /// # Errors
    /// When properties do not go together.
    pub fn new(config: Config) -> Result<Self, Error> {
        let config = config.usable()?;
        Ok(Admin { cluster: Cluster::new(&config), config })
    }

    fn attempts(&self) -> Attempts {
        Attempts::new(&self.config)
    }
}
