//! Bytes as they are, and no bytes at all.

use std::convert::Infallible;

use super::{DeserializeError, Deserializer, Origin};

/// The bytes themselves: Kafka's `ByteArrayDeserializer`, and also its `BytesDeserializer` and `ByteBufferDeserializer`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByteArrayDeserializer;

impl Deserializer for ByteArrayDeserializer {
    type Output<'a> = &'a [u8];

    fn deserialize<'a>(&self, _: &Origin<'_>, data: &'a [u8]) -> Result<&'a [u8], DeserializeError> {
        Ok(data)
    }
}

/// For parts that are always null: Kafka's `VoidDeserializer`. Whatever else comes is an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct VoidDeserializer;

impl Deserializer for VoidDeserializer {
    type Output<'a> = Infallible;

    fn deserialize(&self, _: &Origin<'_>, data: &[u8]) -> Result<Infallible, DeserializeError> {
        Err(DeserializeError::new(format!("null is expected, and {} bytes came", data.len())))
    }
}
