//! Kafka's wire protocol: bytes to values and values to bytes, for every version of its messages.
//!
//! - [`Request::parse`] and [`Response::parse`] decode any frame; what milena does not know travels unread.
//! - [`messages`] has the messages; each is a [`Message`], to [`read`](Message::read) and to
//!   [`write`](Message::write).
//! - [`records`] reads and writes the record batches inside Fetch and Produce.
//! - For proxies: [`Request::peek`] and [`InFlight`] say what passes by, [`ResponseBody::addresses_mut`] rewrites addresses,
//!   [`ApiVersionsResponse::clamp`](messages::ApiVersionsResponse::clamp) narrows what is offered, [`Request::refuse`]
//!   answers in a broker's place.
//! - [`ErrorCode`] and [`Api`] are the protocol's tables.
//!
//! No I/O and no runtime: this crate is the layer that clients, proxies, brokers and debuggers stand on. What comes
//! from a peer can be hostile, and is answered with an error that says which message, which field and which byte; its
//! lengths are never believed beyond the bytes that are there.

pub mod messages;
pub mod records;
pub mod wire;

mod addresses;
mod api;
mod body;
mod error;
mod error_code;
mod frame;
mod header;
mod in_flight;
#[cfg(feature = "json")]
mod json;
mod limits;
mod message;
mod refusal;
/// Keeps traits from being implemented elsewhere, so that they can grow.
mod sealed {
    pub trait Sealed {}
}

pub use api::Api;
pub use body::{RequestBody, RequestMessage, ResponseBody};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use error_code::ErrorCode;
pub use frame::{Pairing, Request, Response};
pub use header::{RequestHeader, ResponseHeader};
pub use in_flight::InFlight;
#[cfg(feature = "json")]
pub use json::{JsonError, MessageJson};
pub use limits::Limits;
pub use message::Message;
pub use wire::{Str, TaggedFields, Uuid};

// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
