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
//! drop(broker); // closes all connections, and returns at once; broker.stop() waits until that is done
//! # Ok(()) }
//! ```
//!
//! - [`Broker`] is one broker, or a cluster of several; a [`Builder`] says what it is made of.
//! - [`Control`] is what a test does to it: brokers stop, leaders move, logs lose their ends, requests fail. [`testing`]
//!   shows all of it.
//! - [`Settings`] are Kafka's, by their own names.
//! - [`core`] is the broker without a clock and without sockets, for those who run it on a loop of their own.
//!
//! # Where it differs from Kafka
//!
//! The same requests go to it and to a real Kafka 4.3.1 (`tests/differential/`), and the answers are the same field by field, but
//! for ids, times and the words of errors. On purpose it differs in this:
//!
//! - It has the APIs of clients, and those of its features that change what clients do (`group.version`, `metadata.version`,
//!   `transaction.version`). What is for controllers, replicas, permissions, share groups and streams groups is not offered, nor
//!   are these that operators use: AlterConfigs (IncrementalAlterConfigs is there), the settings of groups and of clients,
//!   ListConfigResources, DescribeLogDirs, DescribeProducers, DescribeTransactions, ListTransactions, ElectLeaders and
//!   partition reassignments.
//! - Nothing is replicated. Replicas are names: all that run are in sync at once, and `acks=all` waits for nobody.
//! - What a request changes is in force on all brokers when it is answered; Kafka's brokers hear of it a little later.
//! - Nothing is written to the topics behind groups and transactions: `__consumer_offsets` and `__transaction_state` are empty.
//! - Settings cannot be altered while it runs, so DescribeConfigs has them as read-only for brokers; it also knows fewer
//!   synonyms. Some [defaults](Settings) are others.
//! - Produce with null records is answered (INVALID_RECORD), and so is an unknown version of ApiVersions whatever its header looks
//!   like. Kafka never answers the one, and closes the connection when it cannot read the other.
//! - All topics together have 100,000 partitions at most: more are refused (POLICY_VIOLATION), and not created by themselves.
//!   Groups and transactional ids have [bounds](Settings) too.
//! - A batch that is larger than 128 MiB when it is decompressed is refused (MESSAGE_TOO_LARGE).
//! - Who names the same topic or group more than ten times over in DescribeConfigs, DescribeGroups, ConsumerGroupDescribe or
//!   OffsetFetch is cut off: Kafka's answer would be as large as the client wants.
//! - Regular expressions of subscriptions are evaluated by the crate `regex`, with what RE2/J has beyond it (`\Q...\E`): some are
//!   taken that Kafka refuses, such as `(?x)` and `a{1001}`.
//! - The `uniform` assignor takes topics in the order of their ids, where Kafka has no order.

pub mod core;

#[doc = include_str!("testing.md")]
pub mod testing {}

mod server;
mod settings;

pub use core::steering::{Fault, FaultId, Matching, Steer, SteerError, Steered, StoredRecord, Whom};
pub use server::{Broker, Builder, Control, FaultHandle, StartError};
pub use settings::{SettingError, Settings};

// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
