//! The grammar that every message is written in: one nom parser and one encoder a type.
//!
//! A message file names each field twice, once for each direction, and says from which version to which it exists:
//!
//! ```text
//! let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;   // decode
//! o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);            // encode
//! ```
//!
//! Whether lengths are compact, whether tagged fields follow and which bytes mean null is known here and nowhere else:
//! the version and its flexibility ride in [`Input`] and [`Output`].
//!
//! | file | what it holds |
//! |---|---|
//! | `input.rs` | [`Input`]: the unread bytes; [`field`]; how a parser fails |
//! | `parsers.rs` | the parsers of Kafka's primitive types, arrays, nulls |
//! | `output.rs` | [`Output`]: what an encoder writes to; [`Writer`], which writes bytes |
//! | `tagged.rs` | tagged fields, known and unknown (KIP-482) |
//! | `text.rs`, `uuid.rs` | the types [`Str`] and [`Uuid`] |

mod input;
mod output;
mod parsers;
mod tagged;
mod text;
mod uuid;

pub(crate) use input::FlawDetails;
pub use input::{Flaw, Input, Parsed, field, field_or};
pub use output::{Output, Writer};
pub use parsers::*;
pub use tagged::{TagReader, TagWriter, TaggedField, TaggedFields, tagged_fields, tags};
pub use text::Str;
pub use uuid::Uuid;

use bytes::Bytes;

/// A type that stands on the wire: a primitive, an array, a structure or a whole message.
pub trait Wire: Sized {
    /// Parses the value from the front of `i`.
    fn decode(i: Input<'_>) -> Parsed<'_, Self>;

    /// Writes the value to `o`; a value that the version cannot carry is noted there as an error.
    fn encode(&self, o: &mut impl Output);
}

macro_rules! primitives {
    ($($type:ty: $parser:ident, |$value:ident, $o:ident| $encode:expr;)*) => {$(
        impl Wire for $type {
            fn decode(i: Input<'_>) -> Parsed<'_, Self> {
                $parser(i)
            }

            fn encode(&self, $o: &mut impl Output) {
                let $value = self;
                $encode
            }
        }
    )*};
}

primitives! {
    bool: bool, |v, o| o.bool(*v);
    i8: int8, |v, o| o.int8(*v);
    i16: int16, |v, o| o.int16(*v);
    i32: int32, |v, o| o.int32(*v);
    i64: int64, |v, o| o.int64(*v);
    Uuid: uuid, |v, o| o.uuid(v);
    Str: string, |v, o| o.string(Some(v));
    Option<Str>: nullable_string, |v, o| o.string(v.as_ref());
    Bytes: bytes, |v, o| o.bytes(Some(v));
    Option<Bytes>: nullable_bytes, |v, o| o.bytes(v.as_deref());
    crate::ErrorCode: error_code, |v, o| o.int16(v.0);
}

/// A structure that a message may go without: an `Option` of it is a nullable struct on the wire (KIP-893).
pub trait Nullable: Wire + Default {}

impl<T: Nullable> Wire for Option<T> {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        nullable_struct(T::decode)(i)
    }

    fn encode(&self, o: &mut impl Output) {
        o.nullable_struct(self.as_ref());
    }
}

impl<T: Wire + Default> Wire for Vec<T> {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        array(T::decode)(i)
    }

    fn encode(&self, o: &mut impl Output) {
        o.array(Some(self));
    }
}

impl<T: Wire + Default> Wire for Option<Vec<T>> {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        nullable_array(T::decode)(i)
    }

    fn encode(&self, o: &mut impl Output) {
        o.array(self.as_deref());
    }
}
