//! A Kafka consumer: a pure core under a thin tokio driver.

pub mod core;
