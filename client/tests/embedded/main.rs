//! The consumer against the embedded broker: what an application sees, without a JVM and in seconds.
//!
//! The stories are in `../stories/`; `../real_kafka/` tells the same ones against a real Kafka. Each has a cluster of its
//! own, which takes a millisecond to start.

mod cluster;
mod producing;
mod steering;
#[path = "../stories/mod.rs"]
mod stories;
mod transactions;
mod wire;
mod writing;
