//! Kafka's wire protocol as tokio-util codecs, to put under a [`Framed`](tokio_util::codec::Framed).
//!
//! - [`ClientCodec`] writes requests and reads responses.
//! - [`ServerCodec`] reads requests and writes responses.
//! - [`FrameCodec`] cuts a stream into whole frames and reads none of them: for proxies.
//! - [`sniff`] says from the first bytes of a connection whether a Kafka client is speaking.
//!
//! A frame is a length of four bytes and what it announces. A length is checked against the caller's
//! [`Limits`](milena_protocol::Limits) before anything is reserved for it, and memory then grows with the bytes that
//! come, not with those that are announced.

mod client;
mod error;
mod framing;
mod server;
mod sniff;

pub use client::{ClientCodec, DEFAULT_MAX_IN_FLIGHT};
pub use error::CodecError;
pub use framing::FrameCodec;
pub use server::ServerCodec;
pub use sniff::{Sniff, Stranger, Unlikely, sniff};
