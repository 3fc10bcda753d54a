//! The pure core: no clock, no async, no locks, no I/O.

pub mod assignors;
pub mod completed_fetch;
pub mod fetch_report;
pub mod fetch_settings;
pub mod fetching;
pub mod metadata;
pub mod topic_partition;

mod fetch_budget;
mod fetch_session;
mod fetcher;
#[cfg(test)]
mod fetching_tests;
mod offsets;
mod positions;
#[cfg(test)]
pub(crate) mod test_support;
