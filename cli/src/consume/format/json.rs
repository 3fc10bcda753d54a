//! A record as a JSON object on one line.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use milena_client::Record;

use crate::consume::payload::Payload;

pub fn write(
    record: &Record<'_>,
    key: Option<&Payload<'_>>,
    value: Option<&Payload<'_>>,
    out: &mut impl Write,
) -> io::Result<()> {
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
    payload(key, out)?;
    out.write_all(b",\"value\":")?;
    payload(value, out)?;
    // Keys can be repeated and their order counts, so this is no object.
    out.write_all(b",\"headers\":[")?;
    for (n, header) in record.headers().enumerate() {
        out.write_all(if n == 0 { b"[" } else { b",[" })?;
        bytes(header.key, out)?;
        out.write_all(b",")?;
        payload(header.value.map(Payload::Bytes).as_ref(), out)?;
        out.write_all(b"]")?;
    }
    out.write_all(b"]}\n")
}

fn payload(payload: Option<&Payload<'_>>, out: &mut impl Write) -> io::Result<()> {
    match payload {
        None => out.write_all(b"null"),
        Some(Payload::Bytes(unknown)) => bytes(unknown, out),
        Some(Payload::Text(text)) => string(text, out),
        Some(Payload::Literal(json)) => out.write_all(json.as_bytes()),
    }
}

fn bytes(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    match std::str::from_utf8(bytes) {
        Ok(text) => string(text, out),
        Err(_) => write!(out, "{{\"base64\":\"{}\"}}", BASE64.encode(bytes)),
    }
}

fn string(text: &str, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}
