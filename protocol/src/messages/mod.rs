//! The messages: one file for each API, its request and its response on one page.
//!
//! Fields have Kafka's names, in snake_case. A field that some versions lack has Kafka's default there; writing a
//! version that lacks a field which is set is an error, unless Kafka marks the field as ignorable.

pub mod api_versions;
pub mod fetch;
pub mod leader;
pub mod offset_fetch;

pub use api_versions::{ApiVersionsRequest, ApiVersionsResponse};
pub use fetch::{FetchRequest, FetchResponse};
pub use offset_fetch::{OffsetFetchRequest, OffsetFetchResponse};
