//! Kafka's wire protocol: bytes to values and values to bytes.

pub mod records;
