//! Numbers, big endian, and what is true.

use super::{DeserializeError, Deserializer, Origin};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $number:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Deserializer for $name {
            type Output<'a> = $number;

            #[inline]
            fn deserialize(&self, _: &Origin<'_>, data: &[u8]) -> Result<$number, DeserializeError> {
                match data.try_into() {
                    Ok(data) => Ok(<$number>::from_be_bytes(data)),
                    Err(_) => Err(DeserializeError::size(size_of::<$number>(), data)),
                }
            }

            fn fixed_size(&self) -> Option<usize> {
                Some(size_of::<$number>())
            }
        }
    )*};
}

numbers! {
    /// Two bytes: Kafka's `ShortDeserializer`. Any other length is an error.
    ShortDeserializer: i16;
    /// Four bytes: Kafka's `IntegerDeserializer`. Any other length is an error.
    IntegerDeserializer: i32;
    /// Eight bytes: Kafka's `LongDeserializer`. Any other length is an error.
    LongDeserializer: i64;
    /// Four bytes: Kafka's `FloatDeserializer`. Any other length is an error.
    FloatDeserializer: f32;
    /// Eight bytes: Kafka's `DoubleDeserializer`. Any other length is an error.
    DoubleDeserializer: f64;
}

/// One byte, 0 or 1: Kafka's `BooleanDeserializer`. Anything else is an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct BooleanDeserializer;

impl Deserializer for BooleanDeserializer {
    type Output<'a> = bool;

    fn deserialize(&self, _: &Origin<'_>, data: &[u8]) -> Result<bool, DeserializeError> {
        match data {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => Err(DeserializeError::new(format!("a boolean is 0 or 1, and {byte} came"))),
            _ => Err(DeserializeError::size(1, data)),
        }
    }
}
