//! From the bytes of keys and values to types.
//!
//! A [`Deserializer`] makes a value of bytes. Those here have the names of Kafka's own and read what Kafka's own
//! serializers write:
//!
//! | deserializer | what comes out | bytes |
//! |---|---|---|
//! | [`ByteArrayDeserializer`] | `&[u8]` | any (Kafka's `Bytes` and `ByteBuffer` too) |
//! | [`StringDeserializer`] | `&str` | UTF-8 |
//! | [`LossyStringDeserializer`] | `Cow<str>` | UTF-8; U+FFFD in place of what is not, as Java does it |
//! | [`ShortDeserializer`], [`IntegerDeserializer`], [`LongDeserializer`] | `i16`, `i32`, `i64` | 2, 4, 8; big endian |
//! | [`FloatDeserializer`], [`DoubleDeserializer`] | `f32`, `f64` | 4, 8; IEEE 754, big endian |
//! | [`BooleanDeserializer`] | `bool` | one, 0 or 1 |
//! | [`UUIDDeserializer`] | `[u8; 16]` | 36, as text |
//! | [`VoidDeserializer`] | never anything | none: null alone |
//! | [`ListDeserializer`] | `Vec<Option<T>>` | Kafka's list format (KIP-466) |
//! | `JsonDeserializer` (feature `json`) | any type that implements `serde::Deserialize` | JSON |
//!
//! Records have the methods to use them with: [`Record::deserialize_key`](crate::Record::deserialize_key),
//! [`Record::deserialize_value`](crate::Record::deserialize_value), the same on
//! [`OwnedRecord`](crate::OwnedRecord), and [`Records::typed`](crate::Records::typed) for both parts of all records.
//!
//! # Null
//! Null is `None`, as in [`Record::key`](crate::Record::key) and [`Record::value`](crate::Record::value): these methods
//! give an `Option`, and a deserializer is never asked about null. Empty is not null: it is zero bytes, an empty string,
//! and too few for a number.
//!
//! # Errors
//! A record that cannot be deserialized is a [`RecordDeserializationError`], which names the record. The consumer has
//! already gone past it, and nothing else is lost: skip it, or keep it for later, and go on with the next one. (The
//! Java consumer's `poll` throws, again and again, until the application seeks past the record.)
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use milena_client::deserialize::{LongDeserializer, StringDeserializer};
//! use milena_client::{Consumer, Error};
//!
//! async fn print_prices(consumer: &mut Consumer) -> Result<(), Error> {
//!     let records = consumer.poll(Duration::from_secs(1)).await?;
//!     for record in records.typed(&StringDeserializer, &LongDeserializer) {
//!         match record {
//!             Ok(record) => match (record.key, record.value) {
//!                 (Some(name), Some(price)) => println!("{name} costs {price}"),
//!                 (Some(name), None) => println!("{name} is gone"),
//!                 (None, _) => println!("offset {} has no key", record.record.offset()),
//!             },
//!             Err(error) => eprintln!("{error}"),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # A deserializer of one's own
//! ```
//! use milena_client::deserialize::{DeserializeError, Deserializer, Origin};
//!
//! /// Two numbers with a comma between them.
//! struct PointDeserializer;
//!
//! impl Deserializer for PointDeserializer {
//!     type Output<'a> = (i32, i32);
//!
//!     fn deserialize(&self, _: &Origin<'_>, data: &[u8]) -> Result<(i32, i32), DeserializeError> {
//!         let text = std::str::from_utf8(data).map_err(DeserializeError::from_error)?;
//!         let (x, y) = text.split_once(',').ok_or_else(|| DeserializeError::new("there is no comma"))?;
//!         let number = |text: &str| text.parse().map_err(DeserializeError::from_error);
//!         Ok((number(x)?, number(y)?))
//!     }
//! }
//! ```

mod byte_array;
mod error;
#[cfg(feature = "json")]
mod json;
mod list;
mod numbers;
#[cfg(test)]
mod tests;
mod text;
mod typed;
mod uuid;

use std::fmt;

use bytes::Bytes;

use crate::records::{Header, Headers};

pub use byte_array::{ByteArrayDeserializer, VoidDeserializer};
pub use error::{DeserializeError, RecordDeserializationError};
#[cfg(feature = "json")]
pub use json::JsonDeserializer;
pub use list::ListDeserializer;
pub use numbers::{
    BooleanDeserializer, DoubleDeserializer, FloatDeserializer, IntegerDeserializer, LongDeserializer,
    ShortDeserializer,
};
pub use text::{LossyStringDeserializer, StringDeserializer};
pub use typed::{Typed, TypedRecord};
pub use uuid::UUIDDeserializer;

/// Makes a value of the bytes of a key or of a value.
pub trait Deserializer {
    /// What comes out. It may borrow from the record, as `&'a str` does.
    type Output<'a>;

    /// The value that these bytes stand for. Null never comes here: it is `None` without asking.
    ///
    /// # Errors
    /// When the bytes stand for no value. What the bytes say about their own lengths is not to be trusted.
    fn deserialize<'a>(
        &self,
        origin: &Origin<'_>,
        data: &'a [u8],
    ) -> Result<Self::Output<'a>, DeserializeError>;

    /// How many bytes each value takes, where Kafka's list format counts on that (see [`ListDeserializer`]); `None`
    /// where it states the size of each entry, as it does for all types but Kafka's own numbers and UUIDs.
    fn fixed_size(&self) -> Option<usize> {
        None
    }
}

impl<D: Deserializer + ?Sized> Deserializer for &D {
    type Output<'a> = D::Output<'a>;

    fn deserialize<'a>(
        &self,
        origin: &Origin<'_>,
        data: &'a [u8],
    ) -> Result<Self::Output<'a>, DeserializeError> {
        (**self).deserialize(origin, data)
    }

    fn fixed_size(&self) -> Option<usize> {
        (**self).fixed_size()
    }
}

/// Key or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The record's key.
    Key,
    /// The record's value.
    Value,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Key => "key",
            Part::Value => "value",
        })
    }
}

/// Where bytes come from: for deserializers that look up a schema, or the type in a header.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    topic: &'a str,
    part: Part,
    // Of a record that is lent, and of one that owns its bytes; one of the two is empty.
    headers: Headers<'a>,
    owned_headers: &'a [(Bytes, Option<Bytes>)],
}

impl<'a> Origin<'a> {
    /// A record of this topic that has no headers, for bytes that come from elsewhere.
    pub fn new(topic: &'a str, part: Part) -> Self {
        Origin { topic, part, headers: Headers::default(), owned_headers: &[] }
    }

    /// The topic's name.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Which part of the record the bytes are.
    pub fn part(&self) -> Part {
        self.part
    }

    /// The record's headers in their order, duplicate keys included.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let owned = self.owned_headers.iter();
        self.headers.chain(owned.map(|(key, value)| Header { key, value: value.as_deref() }))
    }
}
