//! The pure core: no clock, no async, no locks, no I/O.

pub mod assignors;
pub mod completed_fetch;
pub mod connection;
pub mod consumer;
pub mod fetch_report;
pub mod fetch_settings;
pub mod fetching;
pub mod io;
pub mod lookups;
pub mod member;
pub mod metadata;
pub mod partition_info;
pub mod producer;
pub mod subscription;
pub mod topic_partition;
pub mod versions;
pub mod wall_clock;
pub(crate) mod wire_millis;

mod any_broker;
mod assigned;
pub(crate) mod backoff;
mod call_id;
mod classic_membership;
pub(crate) mod commits;
mod committed;
mod consumer_membership;
mod coordinator;
pub(crate) mod fetch_budget;
mod fetch_session;
mod fetcher;
#[cfg(test)]
mod fetching_tests;
mod heartbeat;
mod member_data;
mod membership;
mod network;
mod offsets;
mod partitions;
mod positions;
pub mod recovery;
pub mod report;
pub(crate) mod rng;
#[cfg(test)]
pub(crate) mod test_support;
pub(crate) mod throttle;
