//! Real Apache Kafka brokers for tests and for trying things out, and the folders of golden files and captures.
//!
//! ```no_run
//! use milena_testdata::{Kafka, Version};
//!
//! let kafka = Kafka::start(Version::V4_3_1)?;
//! kafka.create_topic("orders", 6)?;
//! kafka.fill("orders", 100_000)?;
//! println!("{}", kafka.bootstrap());
//! # Ok::<(), milena_testdata::Error>(())
//! ```
//!
//! Needs a JDK 17 or newer and Maven, which brings Kafka's jars once, into `target/kafka`. Where one of them is missing or a
//! broker does not come up, that is an [`Error`] that says so: a test fails, it is never skipped. However the process ends,
//! its brokers end with it. Unix only.

mod broker;
mod error;
pub mod foreign;
mod jars;
mod kafka;
mod ports;
mod process;
mod proxy;
mod ready;
mod tools;
mod workbench;

pub use error::Error;
pub use jars::Version;
pub use kafka::{Kafka, Options};
pub use process::Process;
pub use proxy::{Frame, Proxy, Side};
pub use tools::{GroupOffset, Tools};

use std::path::PathBuf;

/// The folder of this crate, with `golden/`, `records/` and `captures/` in it.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
