//! A Kafka broker in memory, for tests and demos: a pure core under a thin tokio server.
//!
//! - [`core`] is the broker without a clock and without sockets, for those who run it on a loop of their own.

pub mod core;
