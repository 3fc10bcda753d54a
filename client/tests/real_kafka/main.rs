//! The consumer against a real Kafka: what an application sees.
//!
//! Tests that leave their broker alone share one, each with topics and groups of its own.

mod admin;
mod cancelling;
mod common;
mod configuration;
mod consumer_protocol;
mod failures;
mod group_changes;
mod groups;
mod listeners;
mod lookups;
mod offsets;
mod reading;
mod streams;
mod subscribing;
mod tracing;
mod types;
