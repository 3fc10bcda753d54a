//! How a record is printed.

mod json;
mod template;

use std::io::{self, Write};

use milena_client::Record;
use milena_client::deserialize::RecordDeserializationError;

use super::payload::{Payload, PayloadType};
use template::Template;

#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// The value as text, and the end of a line.
    Text,
    /// The value, and nothing between two of them.
    Raw,
    /// Text with placeholders, as kcat's `-f` has them.
    Template(Template),
}

/// What is printed of each record.
pub struct Printer {
    pub format: Format,
    pub key: PayloadType,
    pub value: PayloadType,
}

/// Why a record was not printed.
pub enum NotPrinted {
    /// Its key or its value is not of the type it should be.
    Mismatch(RecordDeserializationError),
    Output(io::Error),
}

impl Format {
    /// The name of a format, or a template.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Format::Json),
            "text" => Ok(Format::Text),
            "raw" => Ok(Format::Raw),
            _ if text.contains(['%', '\\']) => Template::parse(text).map(Format::Template),
            _ => Err("neither json, text, raw nor a template such as '%k: %s\\n'".to_owned()),
        }
    }
}

impl Printer {
    /// Prints the record, or nothing of it when its key or value is not what it should be.
    pub fn print(&self, record: &Record<'_>, out: &mut impl Write) -> Result<(), NotPrinted> {
        let key = || record.deserialize_key(&self.key);
        let value = record.deserialize_value(&self.value)?;
        match &self.format {
            Format::Json => json::write(record, key()?.as_ref(), value.as_ref(), out)?,
            Format::Text => {
                out.write_all(String::from_utf8_lossy(bytes(value.as_ref())).as_bytes())?;
                out.write_all(b"\n")?;
            }
            Format::Raw => out.write_all(bytes(value.as_ref()))?,
            Format::Template(template) => template.write(record, key()?.as_ref(), value.as_ref(), out)?,
        }
        Ok(())
    }
}

impl From<io::Error> for NotPrinted {
    fn from(error: io::Error) -> Self {
        NotPrinted::Output(error)
    }
}

impl From<RecordDeserializationError> for NotPrinted {
    fn from(error: RecordDeserializationError) -> Self {
        NotPrinted::Mismatch(error)
    }
}

/// What is printed outside of JSON; null is nothing.
fn bytes<'a>(payload: Option<&'a Payload<'_>>) -> &'a [u8] {
    match payload {
        None => b"",
        Some(Payload::Bytes(bytes)) => bytes,
        Some(Payload::Text(text)) => text.as_bytes(),
        Some(Payload::Literal(text)) => text.as_bytes(),
    }
}
