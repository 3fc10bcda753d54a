//! What an application sees of the consumer, told against `crate::cluster::Cluster`.
//!
//! Whoever includes this has such a cluster: `real_kafka` a Kafka that a JVM runs, `embedded` the broker of this
//! repository. Its operations have Kafka's names, and mean the same in both.

pub mod admin;
mod cancelling;
pub mod common;
pub mod consumer_protocol;
mod failures;
mod group_changes;
mod groups;
mod listeners;
mod lookups;
mod membership;
mod offsets;
pub mod producing;
mod reading;
mod streams;
mod subscribing;
mod tracing;
mod types;
