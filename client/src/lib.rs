//! A Kafka consumer: a pure core under a thin tokio driver.

pub mod core;
#[allow(dead_code, reason = "the consumer's handle, which stands on it, is on its way")]
mod delivery;
mod records;

pub use delivery::CorruptRecords;
pub use records::{Header, Headers, Iter, OwnedRecord, Record, Records, TimestampType};
