//! UUIDs as text.

use super::{DeserializeError, Deserializer, Origin};

/// `8-4-4-4-12` digits.
const TEXT_LENGTH: usize = 36;
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// A UUID's 16 bytes, from its text, as in `123e4567-e89b-12d3-a456-426614174000`: Kafka's `UUIDDeserializer`.
///
/// The bytes are in the order in which they are written, as `uuid::Uuid::from_bytes` takes them. Digits may be of
/// either case. The short forms that Java's `UUID.fromString` also takes, such as `1-1-1-1-1`, are errors: Kafka's
/// serializer writes none. (Kafka's own ids, as of topics, have another text; see
/// [`milena_protocol::Uuid`].)
#[derive(Clone, Copy, Debug, Default)]
pub struct UUIDDeserializer;

impl Deserializer for UUIDDeserializer {
    type Output<'a> = [u8; 16];

    fn deserialize(&self, _: &Origin<'_>, data: &[u8]) -> Result<[u8; 16], DeserializeError> {
        uuid(data).ok_or_else(|| {
            DeserializeError::new("a UUID is expected, as in 123e4567-e89b-12d3-a456-426614174000")
        })
    }

    fn fixed_size(&self) -> Option<usize> {
        Some(TEXT_LENGTH)
    }
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != TEXT_LENGTH {
        return None;
    }
    let mut bits = 0_u128;
    for (at, &character) in text.iter().enumerate() {
        if DASHES.contains(&at) {
            if character != b'-' {
                return None;
            }
        } else {
            bits = bits << 4 | u128::from(char::from(character).to_digit(16)?);
        }
    }
    Some(bits.to_be_bytes())
}
