//! What the bytes of a key or a value mean, as `--key-format` and `--value-format` say.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use milena_client::deserialize::{
    DeserializeError, Deserializer, DoubleDeserializer, FloatDeserializer, IntegerDeserializer,
    LongDeserializer, Origin, ShortDeserializer, StringDeserializer, UUIDDeserializer,
};
use serde_json::value::RawValue;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PayloadType {
    /// As they are; in JSON a string, or {"base64": ...} where they are no UTF-8
    Bytes,
    /// UTF-8
    Text,
    /// Any bytes, printed as hexadecimal digits
    Hex,
    /// Any bytes, printed as base64
    Base64,
    /// A JSON value, printed on one line
    Json,
    /// A whole number of 2 bytes, big endian (Kafka's ShortSerializer)
    I16,
    /// A whole number of 4 bytes, big endian (IntegerSerializer)
    I32,
    /// A whole number of 8 bytes, big endian (LongSerializer)
    I64,
    /// A floating-point number of 4 bytes, big endian (FloatSerializer)
    F32,
    /// A floating-point number of 8 bytes, big endian (DoubleSerializer)
    F64,
    /// A UUID as text (UUIDSerializer)
    Uuid,
}

/// What was read from the bytes; null is no payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload<'a> {
    /// Nothing is known of them.
    Bytes(&'a [u8]),
    /// Text, which JSON has in quotes.
    Text(Cow<'a, str>),
    /// What JSON has as it is: a number, or JSON.
    Literal(String),
}

impl Deserializer for PayloadType {
    type Output<'a> = Payload<'a>;

    fn deserialize<'a>(&self, of: &Origin<'_>, data: &'a [u8]) -> Result<Payload<'a>, DeserializeError> {
        Ok(match self {
            PayloadType::Bytes => Payload::Bytes(data),
            PayloadType::Text => Payload::Text(StringDeserializer.deserialize(of, data)?.into()),
            PayloadType::Hex => Payload::Text(hex(data).into()),
            PayloadType::Base64 => Payload::Text(BASE64.encode(data).into()),
            PayloadType::Json => Payload::Literal(json(data)?),
            PayloadType::I16 => Payload::Literal(ShortDeserializer.deserialize(of, data)?.to_string()),
            PayloadType::I32 => Payload::Literal(IntegerDeserializer.deserialize(of, data)?.to_string()),
            PayloadType::I64 => Payload::Literal(LongDeserializer.deserialize(of, data)?.to_string()),
            PayloadType::F32 => {
                let number = FloatDeserializer.deserialize(of, data)?;
                float(number.is_finite(), number.to_string())
            }
            PayloadType::F64 => {
                let number = DoubleDeserializer.deserialize(of, data)?;
                float(number.is_finite(), number.to_string())
            }
            PayloadType::Uuid => {
                UUIDDeserializer.deserialize(of, data)?;
                Payload::Text(StringDeserializer.deserialize(of, data)?.into())
            }
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Validates JSON and takes the white space out, so that it fits on a line. All else stays as it was written: numbers of
/// any size, repeated names.
fn json(bytes: &[u8]) -> Result<String, DeserializeError> {
    let value: &RawValue = serde_json::from_slice(bytes).map_err(DeserializeError::from_error)?;
    let (mut quoted, mut escaped) = (false, false);
    let keep = |c: &char| {
        let inside = quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        inside || !matches!(c, ' ' | '\t' | '\r' | '\n')
    };
    Ok(value.get().chars().filter(keep).collect())
}

/// JSON has no numbers that are not finite.
fn float<'a>(is_finite: bool, text: String) -> Payload<'a> {
    if is_finite { Payload::Literal(text) } else { Payload::Text(text.into()) }
}

#[cfg(test)]
mod tests {
    use milena_client::deserialize::Part;

    use super::*;

    fn read(payload: PayloadType, bytes: &[u8]) -> Result<Payload<'_>, DeserializeError> {
        payload.deserialize(&Origin::new("t", Part::Value), bytes)
    }

    fn literal(payload: PayloadType, bytes: &[u8]) -> String {
        match read(payload, bytes) {
            Ok(Payload::Literal(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn words(payload: PayloadType, bytes: &[u8]) -> String {
        match read(payload, bytes) {
            Ok(Payload::Text(text)) => text.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_are_big_endian_as_kafkas_serializers_write_them() {
        assert_eq!(literal(PayloadType::I16, &[0xff, 0xfe]), "-2");
        assert_eq!(literal(PayloadType::I32, &[0, 0, 1, 0]), "256");
        assert_eq!(literal(PayloadType::I64, &i64::MIN.to_be_bytes()), i64::MIN.to_string());
        assert_eq!(literal(PayloadType::F32, &1.5f32.to_be_bytes()), "1.5");
        assert_eq!(literal(PayloadType::F64, &(-0.1f64).to_be_bytes()), "-0.1");
        assert_eq!(words(PayloadType::F64, &f64::NAN.to_be_bytes()), "NaN");
    }

    #[test]
    fn json_comes_on_one_line_and_is_otherwise_untouched() {
        let pretty =
            b"{\n  \"a b\": [ 1, 2.50,\t123456789012345678901234567890 ],\r\n  \"a b\": \" \\\" { \\\\\" }\n";
        let expected = r#"{"a b":[1,2.50,123456789012345678901234567890],"a b":" \" { \\"}"#;
        assert_eq!(literal(PayloadType::Json, pretty), expected);
    }

    #[test]
    fn any_bytes_have_hexadecimal_digits_and_base64() {
        assert_eq!(words(PayloadType::Hex, &[0, 0xab]), "00ab");
        assert_eq!(words(PayloadType::Base64, &[0, 0xab]), "AKs=");
    }

    #[test]
    fn bytes_of_another_type_are_refused() {
        let types =
            [PayloadType::I16, PayloadType::I64, PayloadType::F32, PayloadType::Json, PayloadType::Uuid];
        assert!(types.iter().all(|payload| read(*payload, b"a\xffc").is_err()));
        assert!(read(PayloadType::Text, b"a\xff").is_err());
        assert!(read(PayloadType::Json, b"{} {}").is_err());
        let uuid = "123E4567-e89b-12d3-a456-426614174000";
        assert_eq!(words(PayloadType::Uuid, uuid.as_bytes()), uuid);
    }
}
