//! A Kafka broker in memory, for tests and demos: a pure core under a thin tokio server.
//!
//! Any Kafka client can use it. It starts in less than a millisecond, on a free port, without files and without a JVM:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), milena_broker::StartError> {
//! use milena_broker::Broker;
//!
//! let broker = Broker::builder()
//!     .topic("orders", 6)
//!     .setting("log.retention.ms", 60_000)
//!     .start()
//!     .await?;
//! let bootstrap_servers = broker.bootstrap_servers(); // "127.0.0.1:40123", for any client
//! # assert!(bootstrap_servers.starts_with("127.0.0.1:"));
//! drop(broker); // closes all connections, and returns at once
//! # Ok(()) }
//! ```
//!
//! - [`Broker`] is one broker, or a cluster of several; a [`Builder`] says what it is made of.
//! - [`Control`] is what a test does to it: brokers stop, leaders move, logs lose their ends, requests fail. [`testing`]
//!   shows all of it.
//! - [`Settings`] are Kafka's, by their own names.
//! - [`core`] is the broker without a clock and without sockets, for those who run it on a loop of their own.

pub mod core;

#[doc = include_str!("testing.md")]
pub mod testing {}

mod server;
mod settings;

pub use core::steering::{Fault, FaultId, Matching, Steer, SteerError, Steered, StoredRecord, Whom};
pub use server::{Broker, Builder, Control, FaultHandle, StartError};
pub use settings::{SettingError, Settings};
