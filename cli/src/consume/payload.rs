//! What the bytes of a key or a value mean, as `--key-format` and `--value-format` say.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
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

/// What was read from the bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload<'a> {
    Null,
    /// Nothing is known of them.
    Bytes(&'a [u8]),
    /// Text, which JSON has in quotes.
    Text(Cow<'a, str>),
    /// What JSON has as it is: a number, or JSON.
    Literal(String),
}

impl PayloadType {
    /// Reads a key or a value. Null is null in every type.
    ///
    /// # Errors
    /// What the bytes are, where they are nothing of this type.
    pub fn read(self, bytes: Option<&[u8]>) -> Result<Payload<'_>, String> {
        let Some(bytes) = bytes else { return Ok(Payload::Null) };
        Ok(match self {
            PayloadType::Bytes => Payload::Bytes(bytes),
            PayloadType::Text => Payload::Text(text(bytes)?.into()),
            PayloadType::Hex => Payload::Text(hex(bytes).into()),
            PayloadType::Base64 => Payload::Text(BASE64.encode(bytes).into()),
            PayloadType::Json => Payload::Literal(json(bytes)?),
            PayloadType::I16 => Payload::Literal(i16::from_be_bytes(fixed(bytes)?).to_string()),
            PayloadType::I32 => Payload::Literal(i32::from_be_bytes(fixed(bytes)?).to_string()),
            PayloadType::I64 => Payload::Literal(i64::from_be_bytes(fixed(bytes)?).to_string()),
            PayloadType::F32 => {
                let number = f32::from_be_bytes(fixed(bytes)?);
                float(number.is_finite(), number.to_string())
            }
            PayloadType::F64 => {
                let number = f64::from_be_bytes(fixed(bytes)?);
                float(number.is_finite(), number.to_string())
            }
            PayloadType::Uuid => Payload::Text(uuid(bytes)?.into()),
        })
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 from byte {} on", error.valid_up_to()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Validates JSON and takes the white space out, so that it fits on a line. All else stays as it was written: numbers of
/// any size, repeated names.
fn json(bytes: &[u8]) -> Result<String, String> {
    let value: &RawValue = serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))?;
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

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("{} bytes, where the number has {N}", bytes.len()))
}

/// JSON has no numbers that are not finite.
fn float<'a>(is_finite: bool, text: String) -> Payload<'a> {
    if is_finite { Payload::Literal(text) } else { Payload::Text(text.into()) }
}

fn uuid(bytes: &[u8]) -> Result<&str, String> {
    let is_uuid = bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid { text(bytes) } else { Err("not the 36 characters of a UUID".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(payload: PayloadType, bytes: &[u8]) -> String {
        match payload.read(Some(bytes)) {
            Ok(Payload::Literal(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn words(payload: PayloadType, bytes: &[u8]) -> String {
        match payload.read(Some(bytes)) {
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
        let refusal = |payload: PayloadType, bytes: &[u8]| payload.read(Some(bytes)).unwrap_err();
        assert_eq!(refusal(PayloadType::I64, b"123"), "3 bytes, where the number has 8");
        assert_eq!(refusal(PayloadType::Text, b"a\xff"), "not UTF-8 from byte 1 on");
        assert!(refusal(PayloadType::Json, b"{} {}").starts_with("not JSON: "));
        assert_eq!(refusal(PayloadType::Uuid, b"0-0-0-0-0"), "not the 36 characters of a UUID");
        let uuid = "123e4567-e89b-12d3-a456-426614174000";
        assert_eq!(words(PayloadType::Uuid, uuid.as_bytes()), uuid);
    }

    #[test]
    fn null_is_null_in_every_type() {
        for &payload in PayloadType::value_variants() {
            assert_eq!(payload.read(None), Ok(Payload::Null));
        }
    }
}
