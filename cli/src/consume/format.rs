//! How a record is printed.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use milena_client::Record;

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// One JSON object a line; bytes that are not UTF-8 as {"base64": ...}
    Json,
    /// The value as text, and the end of a line
    Text,
    /// The bytes of the value, and nothing between two of them
    Raw,
}

impl Format {
    pub fn write(self, record: &Record<'_>, out: &mut impl Write) -> io::Result<()> {
        match self {
            Format::Json => json(record, out),
            Format::Text => {
                out.write_all(String::from_utf8_lossy(record.value().unwrap_or_default()).as_bytes())?;
                out.write_all(b"\n")
            }
            Format::Raw => out.write_all(record.value().unwrap_or_default()),
        }
    }
}

fn json(record: &Record<'_>, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"topic\":")?;
    string(record.topic(), out)?;
    write!(out, ",\"partition\":{},\"offset\":{}", record.partition(), record.offset())?;
    write!(
        out,
        ",\"timestamp\":{},\"timestampType\":\"{}\"",
        record.timestamp(),
        record.timestamp_type().name()
    )?;
    out.write_all(b",\"key\":")?;
    bytes(record.key(), out)?;
    out.write_all(b",\"value\":")?;
    bytes(record.value(), out)?;
    // Keys can be repeated and their order counts, so this is no object.
    out.write_all(b",\"headers\":[")?;
    for (n, header) in record.headers().enumerate() {
        out.write_all(if n == 0 { b"[" } else { b",[" })?;
        bytes(Some(header.key), out)?;
        out.write_all(b",")?;
        bytes(header.value, out)?;
        out.write_all(b"]")?;
    }
    out.write_all(b"]}\n")
}

fn bytes(bytes: Option<&[u8]>, out: &mut impl Write) -> io::Result<()> {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => out.write_all(b"null"),
        Some((_, Ok(text))) => string(text, out),
        Some((bytes, Err(_))) => write!(out, "{{\"base64\":\"{}\"}}", BASE64.encode(bytes)),
    }
}

fn string(text: &str, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}
