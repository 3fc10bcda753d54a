//! Text in UTF-8.

use std::borrow::Cow;

use super::{DeserializeError, Deserializer, Origin};

/// A string, which has to be UTF-8.
///
/// Kafka's `StringDeserializer` puts U+FFFD in the place of what is not UTF-8, and says nothing; here it is an error.
/// [`LossyStringDeserializer`] does as Kafka's. There are no other encodings (Kafka's `deserializer.encoding`).
#[derive(Clone, Copy, Debug, Default)]
pub struct StringDeserializer;

impl Deserializer for StringDeserializer {
    type Output<'a> = &'a str;

    #[inline]
    fn deserialize<'a>(&self, _: &Origin<'_>, data: &'a [u8]) -> Result<&'a str, DeserializeError> {
        std::str::from_utf8(data).map_err(DeserializeError::from_error)
    }
}

/// A string that comes of any bytes, exactly as Kafka's `StringDeserializer` reads them: with U+FFFD in the place of
/// what is not UTF-8. Copied only where there is such a place.
#[derive(Clone, Copy, Debug, Default)]
pub struct LossyStringDeserializer;

impl Deserializer for LossyStringDeserializer {
    type Output<'a> = Cow<'a, str>;

    #[inline]
    fn deserialize<'a>(&self, _: &Origin<'_>, data: &'a [u8]) -> Result<Cow<'a, str>, DeserializeError> {
        match std::str::from_utf8(data) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(_) => Ok(Cow::Owned(with_replacements(data))),
        }
    }
}

/// As Rust does it, but that the bytes of a surrogate get one U+FFFD together, as in Java, and not one each.
fn with_replacements(mut data: &[u8]) -> String {
    let mut text = String::with_capacity(data.len());
    while let Some(chunk) = data.utf8_chunks().next() {
        text.push_str(chunk.valid());
        data = &data[chunk.valid().len()..];
        let broken = match data {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
            [0xed, 0xa0..=0xbf, ..] => 2,
            _ => chunk.invalid().len(),
        };
        if broken > 0 {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        data = &data[broken..];
    }
    text
}
