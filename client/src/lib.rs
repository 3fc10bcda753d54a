//! A Kafka consumer: a pure core under a thin tokio driver.

pub mod core;

mod config;
mod consumer;
mod delivery;
mod driver;
mod error;
mod records;

pub use config::{Config, ConfigError, ConfigErrorKind, OffsetReset, Strategy};
pub use consumer::{Consumer, Notice, Wakeup};
pub use core::fetch_report::{FetchError, FetchNotice};
pub use core::fetch_settings::IsolationLevel;
pub use core::io::{OffsetAndMetadata, Offsets};
pub use core::topic_partition::TopicPartition;
pub use delivery::CorruptRecords;
pub use error::Error;
pub use records::{Header, Headers, Iter, OwnedRecord, Record, Records, TimestampType};

// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
