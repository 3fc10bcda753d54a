//! Files of properties, as Java reads and writes them: `name = value` on each line.
//!
//! - `=`, `:` or blanks stand between name and value; blanks around them do not count.
//! - Lines that begin with `#` or `!` are comments.
//! - A line that ends in a backslash goes on in the next, without the blanks that begin it.
//! - `\t`, `\n`, `\r`, `\f`, and `\uXXXX` for any character; a backslash before anything else stands for that.
//! - Bytes are characters of ISO 8859-1, as in Java; others are written `\uXXXX`.

use std::fs;
use std::path::Path;

use super::{Config, ConfigError, ProducerConfig};

macro_rules! from_files {
    ($Config:ident, $example:literal) => {
        impl $Config {
            #[doc = concat!("A configuration from a file of properties, such as Kafka's own tools take it (`", $example, "`).")]
            ///
            /// # Errors
            /// When the file cannot be read, and as [`from_properties`](Self::from_properties). The error tells the file, and the
            /// line where there is one to blame.
            pub fn from_properties_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
                let mut config = Self::with_defaults(Vec::new());
                config.set_from_file(path.as_ref())?;
                config.check().map_err(|error| error.within(&path.as_ref().display()))?;
                Ok(config)
            }

            /// Sets what stands in a file of properties, as if each was [`set`](Self::set) in turn.
            ///
            /// # Errors
            /// When the file cannot be read, and as [`set`](Self::set). The error tells the file, and the line where there is one
            /// to blame.
            pub fn set_from_file(&mut self, path: impl AsRef<Path>) -> Result<(), ConfigError> {
                let file = path.as_ref().display();
                let bytes = fs::read(path.as_ref()).map_err(|error| ConfigError::bad_file(&file, &error))?;
                for (number, property) in lines(&bytes) {
                    let place = format!("{file}:{number}");
                    let property = property.map_err(|error| ConfigError::bad_file(&place, &error))?;
                    self.set(&property.name, &property.value).map_err(|error| error.within(&place))?;
                }
                Ok(())
            }
        }
    };
}

from_files!(Config, "consumer.properties");
from_files!(ProducerConfig, "producer.properties");

/// One property of a file.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    name: String,
    value: String,
}

/// The properties of a file, each with the number of the line where it begins.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, Result<Line, &'static str>)> {
    logical_lines(bytes).into_iter().map(|(number, text)| (number, property(&text)))
}

/// Lines that go on in the next put together; no comments, no empty ones.
fn logical_lines(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut found: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut goes_on = false;
    for (i, line) in natural_lines(bytes).into_iter().enumerate() {
        let line = without_blanks(line);
        let begun = if goes_on { found.pop() } else { None };
        // What has no text yet begins here, even behind a backslash.
        let (number, mut text) = begun.filter(|(_, text)| !text.is_empty()).unwrap_or((i + 1, Vec::new()));
        let is_nothing = text.is_empty() && matches!(line.first(), None | Some(b'#' | b'!'));
        let backslashes = line.iter().rev().take_while(|byte| **byte == b'\\').count();
        goes_on = !is_nothing && backslashes % 2 == 1;
        if !is_nothing {
            text.extend_from_slice(&line[..line.len() - usize::from(goes_on)]);
            found.push((number, text));
        }
    }
    found.retain(|(_, text)| !text.is_empty());
    found
}

fn natural_lines(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        found.push(&bytes[..end]);
        let is_pair = bytes[end..].starts_with(b"\r\n");
        bytes = &bytes[end + 1 + usize::from(is_pair)..];
    }
    found.push(bytes);
    found
}

fn property(text: &[u8]) -> Result<Line, &'static str> {
    let mut escaped = false;
    let ends_name = |byte: &u8| {
        let ends = !escaped && (is_blank(*byte) || is_separator(*byte));
        escaped = *byte == b'\\' && !escaped;
        ends
    };
    let (name, rest) = text.split_at(text.iter().position(ends_name).unwrap_or(text.len()));
    let rest = without_blanks(rest);
    let value = match rest.first() {
        Some(first) if is_separator(*first) => without_blanks(&rest[1..]),
        _ => rest,
    };
    Ok(Line { name: unescaped(name)?, value: unescaped(value)? })
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'=' | b':')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c')
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    &text[blanks..]
}

fn unescaped(text: &[u8]) -> Result<String, &'static str> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        let unit = match (byte, rest.as_slice()) {
            (b'\\', [b'u', digits @ ..]) => {
                let unit = digits.get(..4).and_then(code_unit).ok_or("\\u needs four hexadecimal digits")?;
                rest = digits[4..].iter();
                unit
            }
            (b'\\', _) => match rest.next() {
                None => break,
                Some(b't') => u16::from(b'\t'),
                Some(b'n') => u16::from(b'\n'),
                Some(b'r') => u16::from(b'\r'),
                Some(b'f') => 0x0c,
                Some(byte) => u16::from(*byte),
            },
            _ => u16::from(byte),
        };
        units.push(unit);
    }
    String::from_utf16(&units).map_err(|_| "\\u names half of a character")
}

fn code_unit(digits: &[u8]) -> Option<u16> {
    let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use serde_json::Value;

    use super::*;
    use crate::ConfigErrorKind;

    /// The files and Java's answers lie in `testdata/properties.jsonl`; `testdata/make-consumer-config` writes them.
    #[test]
    fn a_thousand_files_are_read_as_java_reads_them() {
        let answers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/properties.jsonl");
        let answers = fs::read_to_string(answers).unwrap();
        let mut compared = 0;
        for line in answers.lines() {
            let java: Value = serde_json::from_str(line).unwrap();
            let bytes = BASE64_STANDARD.decode(java["bytes"].as_str().unwrap()).unwrap();
            if ends_in_a_lone_backslash(&bytes) {
                continue;
            }
            let read: Result<Vec<Line>, _> = lines(&bytes).map(|(_, property)| property).collect();
            let text = String::from_utf8_lossy(&bytes);
            match read {
                Ok(read) => {
                    let read: BTreeMap<String, Value> =
                        read.into_iter().map(|line| (line.name, line.value.into())).collect();
                    assert_eq!(serde_json::json!(read), java["read"], "{text:?}");
                }
                Err(error) => assert!(java["error"].is_string(), "{text:?}: {error}"),
            }
            compared += 1;
        }
        assert!(compared > 950, "only {compared}");
    }

    /// Java reads it as a property without a name, or not at all.
    fn ends_in_a_lone_backslash(bytes: &[u8]) -> bool {
        let lines = natural_lines(bytes);
        lines.into_iter().rev().map(without_blanks).find(|line| !line.is_empty()) == Some(b"\\")
    }

    #[test]
    fn half_of_a_character_is_an_error() {
        assert_eq!(unescaped(b"\\ud83d"), Err("\\u names half of a character"));
        assert_eq!(unescaped(b"\\u+041"), Err("\\u needs four hexadecimal digits"));
    }

    struct File(PathBuf);

    impl File {
        fn new(name: &str, text: &str) -> Self {
            let path = std::env::temp_dir().join(format!("milena-{}-{name}.properties", std::process::id()));
            fs::write(&path, text).unwrap();
            File(path)
        }

        /// What is wrong with it, without its folder.
        fn error(&self) -> (ConfigErrorKind, String) {
            let error = Config::from_properties_file(&self.0).unwrap_err();
            let text = error.to_string().replace(&self.0.display().to_string(), "FILE");
            (error.kind(), text)
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn the_file_that_kafka_comes_with_is_read() {
        let file = File::new(
            "kafka",
            "# see org.apache.kafka.clients.consumer.ConsumerConfig for more details\n\n\
             bootstrap.servers=localhost:9092,\\\n    localhost:9093\n\n# consumer group id\ngroup.id=test-consumer-group\n\n\
             # What to do when there is no initial offset\n#auto.offset.reset=\n",
        );
        let config = Config::from_properties_file(&file.0).unwrap();
        assert_eq!(config.get("bootstrap.servers").unwrap(), "localhost:9092,localhost:9093");
        assert_eq!(config.get("group.id").unwrap(), "test-consumer-group");
    }

    #[test]
    fn a_mistake_is_told_with_file_and_line() {
        let error = |name, text| File::new(name, text).error();
        assert_eq!(
            error("unknown", "bootstrap.servers=a:1,\\\n b:1\n# mine\ngroup_id=g\n"),
            (
                ConfigErrorKind::UnknownName,
                "FILE:4: unknown property group_id; did you mean group.id?".into()
            )
        );
        assert_eq!(
            error("value", "max.poll.records = many\n"),
            (
                ConfigErrorKind::BadValue,
                "FILE:1: max.poll.records=many: expected a whole number from 1 to 2147483647".into()
            )
        );
        assert_eq!(
            error("escape", "\nclient.id = \\u20\n"),
            (ConfigErrorKind::BadFile, "FILE:2: \\u needs four hexadecimal digits".into())
        );
        assert_eq!(
            error("conflict", "group.id = g\n"),
            (ConfigErrorKind::Conflict, "FILE: bootstrap.servers is missing".into())
        );
        let nowhere = Config::from_properties_file("/no/such/file").unwrap_err();
        assert_eq!(nowhere.kind(), ConfigErrorKind::BadFile);
        assert!(nowhere.to_string().starts_with("/no/such/file: "), "{nowhere}");
    }

    #[test]
    fn a_file_goes_over_what_was_set_before_it() {
        let file = File::new("over", "group.id=of-the-file\n");
        let mut config = Config::new("localhost:9092").unwrap().group_id("of-the-code").client_id("me");
        config.set_from_file(&file.0).unwrap();
        assert_eq!(config.get("group.id").unwrap(), "of-the-file");
        assert_eq!(config.get("client.id").unwrap(), "me");
    }
}
