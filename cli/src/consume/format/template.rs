//! Text with placeholders for the parts of a record, as kcat's `-f` has them.

use std::io::{self, Write};

use milena_client::{Headers, Record};

use super::bytes;
use crate::consume::payload::Payload;

/// For who has asked for one that is not among them.
const PLACEHOLDERS: &str = "%t topic, %p partition, %o offset, %T timestamp in milliseconds, %k key, %s value, \
    %h headers (name=value,...), %K and %S length of key and value in bytes (-1 for null), %R length of the value as \
    4 bytes (big endian), %% a percent sign; \\n \\r \\t \\\\ and \\xNN for other bytes";

#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Literal(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Headers,
    Key,
    KeyLength,
    Value,
    ValueLength,
    /// As a big-endian number of four bytes.
    BinaryValueLength,
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Pieces::default();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '%' => match rest.next() {
                    Some('%') => pieces.literal(b"%"),
                    Some(name) => pieces.0.push(placeholder(name)?),
                    None => return Err("a percent sign at the end; %% is a percent sign".to_owned()),
                },
                '\\' => pieces.literal(&[escape(&mut rest)?]),
                _ => pieces.literal(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Ok(Template(pieces.0))
    }

    pub fn write(
        &self,
        record: &Record<'_>,
        key: Option<&Payload<'_>>,
        value: Option<&Payload<'_>>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => out.write_all(text)?,
                Piece::Topic => out.write_all(record.topic().as_bytes())?,
                Piece::Partition => write!(out, "{}", record.partition())?,
                Piece::Offset => write!(out, "{}", record.offset())?,
                Piece::Timestamp => write!(out, "{}", record.timestamp())?,
                Piece::Headers => headers(record.headers(), out)?,
                Piece::Key => out.write_all(bytes(key))?,
                Piece::KeyLength => write!(out, "{}", length(record.key()))?,
                Piece::Value => out.write_all(bytes(value))?,
                Piece::ValueLength => write!(out, "{}", length(record.value()))?,
                Piece::BinaryValueLength => out.write_all(&length(record.value()).to_be_bytes())?,
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn literal(&mut self, text: &[u8]) {
        match self.0.last_mut() {
            Some(Piece::Literal(before)) => before.extend_from_slice(text),
            _ => self.0.push(Piece::Literal(text.to_vec())),
        }
    }
}

fn placeholder(name: char) -> Result<Piece, String> {
    Ok(match name {
        't' => Piece::Topic,
        'p' => Piece::Partition,
        'o' => Piece::Offset,
        'T' => Piece::Timestamp,
        'h' => Piece::Headers,
        'k' => Piece::Key,
        'K' => Piece::KeyLength,
        's' => Piece::Value,
        'S' => Piece::ValueLength,
        'R' => Piece::BinaryValueLength,
        _ => return Err(format!("there is no placeholder %{name}; there are {PLACEHOLDERS}")),
    })
}

/// What comes after a backslash.
fn escape(rest: &mut std::str::Chars<'_>) -> Result<u8, String> {
    match rest.next() {
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('t') => Ok(b'\t'),
        Some('\\') => Ok(b'\\'),
        Some('x') => {
            let digits: String = rest.by_ref().take(2).collect();
            let is_hex = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
            byte.ok_or_else(|| format!("\\x{digits}: \\x needs two hexadecimal digits"))
        }
        Some(other) => Err(format!("there is no \\{other}; there are \\n \\r \\t \\\\ and \\xNN")),
        None => Err("a backslash at the end; \\\\ is a backslash".to_owned()),
    }
}

/// `name=value,name=value`, with NULL for null, as kcat prints them.
fn headers(headers: Headers<'_>, out: &mut impl Write) -> io::Result<()> {
    for (n, header) in headers.enumerate() {
        if n > 0 {
            out.write_all(b",")?;
        }
        out.write_all(header.key)?;
        out.write_all(b"=")?;
        out.write_all(header.value.unwrap_or(b"NULL"))?;
    }
    Ok(())
}

/// In bytes; -1 for null.
fn length(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &[u8]) -> Piece {
        Piece::Literal(text.to_vec())
    }

    #[test]
    fn placeholders_and_escapes_are_those_of_kcat() {
        let template = Template::parse("%t [%p] @%o: 100%%\\t\\x41\\xff\\\\%k=%s\\n").unwrap();
        let pieces = [
            Piece::Topic,
            literal(b" ["),
            Piece::Partition,
            literal(b"] @"),
            Piece::Offset,
            literal(b": 100%\tA\xff\\"),
            Piece::Key,
            literal(b"="),
            Piece::Value,
            literal(b"\n"),
        ];
        assert_eq!(template.0, pieces);
        let lengths = Template::parse("%K%S%R%T%h").unwrap();
        let pieces = [
            Piece::KeyLength,
            Piece::ValueLength,
            Piece::BinaryValueLength,
            Piece::Timestamp,
            Piece::Headers,
        ];
        assert_eq!(lengths.0, pieces);
    }

    #[test]
    fn a_bad_template_is_told_what_there_is() {
        let refusal = |text: &str| Template::parse(text).unwrap_err();
        assert!(refusal("%z").starts_with("there is no placeholder %z; there are %t topic"));
        assert_eq!(refusal("50%"), "a percent sign at the end; %% is a percent sign");
        assert_eq!(refusal("\\q"), "there is no \\q; there are \\n \\r \\t \\\\ and \\xNN");
        assert_eq!(refusal("\\x4"), "\\x4: \\x needs two hexadecimal digits");
        assert_eq!(refusal("\\x+1"), "\\x+1: \\x needs two hexadecimal digits");
        assert_eq!(refusal("\\"), "a backslash at the end; \\\\ is a backslash");
    }
}
