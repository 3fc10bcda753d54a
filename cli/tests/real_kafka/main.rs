//! The command against a real Kafka 4.3.1.

mod common;
mod consume;
mod formats;
mod groups;
mod reading;
