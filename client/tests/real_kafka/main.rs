//! The consumer against a real Kafka: what an application sees.
//!
//! Most stories are in `../stories/` and run against the embedded broker too, by `../embedded/`. Those that are here need
//! Java for their own sake: other clients in the same group, or an older Kafka.
//!
//! Stories that leave their broker alone share one, each with topics and groups of its own.

mod cluster;
#[path = "../stories/mod.rs"]
mod stories;

mod configuration;
mod java_members;
mod older;
mod producing;
