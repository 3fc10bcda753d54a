//! Lines of standard input, and the records that they mean.

use std::io::{self, BufRead, Read};
use std::path::Path;

use tokio::sync::mpsc;

use super::json;
use super::record::Record;
use crate::failure::Failure;

/// Longer than any record that a broker would take.
const LONGEST_LINE: u64 = 1 << 28;
/// Lines that are read ahead.
const AHEAD: usize = 100;

pub struct Line {
    /// From 1.
    pub number: u64,
    text: Vec<u8>,
}

/// How lines are read.
pub struct Parser {
    pub is_json: bool,
    pub topic: Option<String>,
    pub partition: Option<i32>,
    pub headers: Vec<(String, String)>,
    pub separator: Option<Vec<u8>>,
    pub null_marker: Option<Vec<u8>>,
}

impl Parser {
    /// # Errors
    /// Why the line means nothing.
    pub fn parse(&self, line: &Line) -> Result<Record, String> {
        let mut record = if self.is_json { json::record(&line.text)? } else { self.text(&line.text)? };
        if let Some(topic) = &self.topic {
            record.topic.clone_from(topic);
        }
        if record.topic.is_empty() {
            return Err("no topic: neither the line names one nor --topic".to_owned());
        }
        record.partition = self.partition.or(record.partition);
        let own =
            |(name, value): &(String, String)| (name.clone().into_bytes(), Some(value.clone().into_bytes()));
        record.headers.extend(self.headers.iter().map(own));
        Ok(record)
    }

    fn text(&self, line: &[u8]) -> Result<Record, String> {
        let (key, value) = match &self.separator {
            None => (None, line),
            Some(separator) => {
                let at = line.windows(separator.len()).position(|bytes| bytes == separator);
                let at = at.ok_or("the line has no --key-separator")?;
                (Some(&line[..at]), &line[at + separator.len()..])
            }
        };
        let meant = |bytes: &[u8]| (self.null_marker.as_deref() != Some(bytes)).then(|| bytes.to_vec());
        Ok(Record { key: key.and_then(meant), value: meant(value), ..Record::default() })
    }
}

/// The lines of standard input, read by a thread of their own: reading blocks.
pub fn lines() -> mpsc::Receiver<Result<Line, Failure>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        for number in 1.. {
            let line = match read_line(&mut input) {
                Ok(None) => return,
                Ok(Some(text)) => Ok(Line { number, text }),
                Err(cause) => Err(Failure::Input { file: Path::new("-").to_owned(), cause }),
            };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Without its end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() as u64 == LONGEST_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 256 MiB"));
    }
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parser() -> Parser {
        Parser {
            is_json: false,
            topic: Some("t".to_owned()),
            partition: None,
            headers: Vec::new(),
            separator: Some(b"::".to_vec()),
            null_marker: Some(b"NULL".to_vec()),
        }
    }

    fn parsed(parser: &Parser, text: &str) -> Result<Record, String> {
        parser.parse(&Line { number: 1, text: text.as_bytes().to_vec() })
    }

    #[test]
    fn a_line_is_cut_at_its_first_separator() {
        let record = parsed(&parser(), "a::b::c").unwrap();
        assert_eq!((record.key.unwrap(), record.value.unwrap()), (b"a".to_vec(), b"b::c".to_vec()));
        assert!(parsed(&parser(), "a:b").is_err());
        let plain = Parser { separator: None, ..parser() };
        let record = parsed(&plain, "a::b").unwrap();
        assert_eq!((record.key, record.value.unwrap()), (None, b"a::b".to_vec()));
    }

    #[test]
    fn a_marker_is_null_and_nothing_is_empty() {
        let record = parsed(&parser(), "k::NULL").unwrap();
        assert_eq!((record.key.unwrap(), record.value), (b"k".to_vec(), None));
        let record = parsed(&parser(), "::").unwrap();
        assert_eq!((record.key.unwrap(), record.value.unwrap()), (vec![], vec![]));
    }

    #[test]
    fn lines_end_with_either_end() {
        let mut input = &b"a\r\n\nb\n\rc"[..];
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input).unwrap() {
            lines.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(lines, ["a", "", "b", "\rc"]);
    }
}
