//! How a record is printed.

mod json;
mod template;

use std::io::{self, Write};

use milena_client::Record;

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
    /// Its key or its value is not of the type it should be; the text says which, and why.
    Mismatch(String),
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
        let value = self.value.read(record.value()).map_err(|cause| mismatch("value", self.value, cause))?;
        match &self.format {
            Format::Json => json::write(record, &self.read_key(record)?, &value, out)?,
            Format::Text => {
                text(&value, out)?;
                out.write_all(b"\n")?;
            }
            Format::Raw => out.write_all(bytes(&value))?,
            Format::Template(template) => template.write(record, &self.read_key(record)?, &value, out)?,
        }
        Ok(())
    }

    fn read_key<'a>(&self, record: &Record<'a>) -> Result<Payload<'a>, NotPrinted> {
        self.key.read(record.key()).map_err(|cause| mismatch("key", self.key, cause))
    }
}

fn mismatch(part: &str, expected: PayloadType, cause: String) -> NotPrinted {
    let expected = clap::ValueEnum::to_possible_value(&expected);
    let expected = expected.as_ref().map_or("", |name| name.get_name());
    NotPrinted::Mismatch(format!("the {part} is no {expected}: {cause}"))
}

impl From<io::Error> for NotPrinted {
    fn from(error: io::Error) -> Self {
        NotPrinted::Output(error)
    }
}

/// What is printed outside of JSON; null is nothing.
fn bytes<'a>(payload: &'a Payload<'_>) -> &'a [u8] {
    match payload {
        Payload::Null => b"",
        Payload::Bytes(bytes) => bytes,
        Payload::Text(text) => text.as_bytes(),
        Payload::Literal(text) => text.as_bytes(),
    }
}

/// The same, with a replacement for what is no UTF-8.
fn text(payload: &Payload<'_>, out: &mut impl Write) -> io::Result<()> {
    out.write_all(String::from_utf8_lossy(bytes(payload)).as_bytes())
}
