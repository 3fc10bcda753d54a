//! Record batches: what the `records` field of a Fetch response or a Produce request holds.
//!
//! Reading is lazy and borrows: [`Batches`] cuts a blob into batches, [`Batch::records`] gives the records of one, a
//! [`Record`]'s key, value and headers are slices of the blob, or of the buffer that a [`Decompressor`] filled. No
//! memory is taken per record, and once warm none per batch. All formats are read: magic 0, 1 and 2, which one blob
//! can mix, with every compression. [`BatchCursor`] and [`RecordCursor`] are the same as plain values, for a consumer
//! that stops in the middle and goes on later.
//!
//! Writing is a [`BatchBuilder`] (magic 2), or a [`LegacyBuilder`] (magic 0 and 1).
//!
//! | file | what |
//! |---|---|
//! | `batch.rs` | a blob's batches |
//! | `header.rs` | a batch's header |
//! | `cursor.rs` | a batch's records |
//! | `record.rs` | a record, its headers |
//! | `span.rs` | a record without its data |
//! | `legacy.rs` | messages of magic 0 and 1, alone and in compressed wrappers |
//! | `control.rs` | the ends of transactions |
//! | `compression/` | the codecs, both directions |
//! | `build.rs`, `build_legacy.rs` | writing |
//! | `stamp.rs` | what a leader changes in a batch that it appends |
//! | `parse.rs` | varints and the like, both directions |
//! | `error.rs` | what can be wrong, and where |
//!
//! What is malformed is an error, with its kind and its place ([`RecordError`]); it is never read as "no records".
//! What Kafka itself accepts is accepted.

mod batch;
mod build;
mod build_legacy;
mod compression;
mod control;
mod cursor;
mod error;
mod header;
mod legacy;
mod parse;
mod record;
mod span;
mod stamp;

pub use batch::{Batch, BatchCursor, Batches, Trailing};
pub use build::{BatchBuilder, BuildError};
pub use build_legacy::LegacyBuilder;
pub use compression::{Compression, Decompressor, RecordBuffer};
pub use control::{ControlKind, ControlRecord};
pub use cursor::{RecordCursor, Records};
pub use error::{CodecFault, RecordError, RecordErrorKind};
pub use header::{BatchHeader, TimestampType};
pub use record::{Header, Headers, OwnedRecord, Record};
pub use span::RecordSpan;
pub use stamp::Stamp;
