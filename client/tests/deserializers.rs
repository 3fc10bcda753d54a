//! The deserializers against Kafka's own: what Kafka's serializers wrote, and what its deserializers made of broken bytes,
//! lies in `testdata/serialized`; `testdata/make-serialized` writes it again.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use milena_client::deserialize::*;
use serde_json::{Value, json};

/// What to compare: a value as the files have it.
trait Shown {
    fn shown(&self) -> Value;
}

macro_rules! shown {
    ($($type:ty: |$value:ident| $json:expr;)*) => {$(
        impl Shown for $type {
            fn shown(&self) -> Value {
                let $value = self;
                json!($json)
            }
        }
    )*};
}

shown! {
    i16: |value| value;
    i32: |value| value;
    i64: |value| value;
    bool: |value| value;
    f32: |value| format!("{:08x}", value.to_bits());
    f64: |value| format!("{:016x}", value.to_bits());
    &str: |value| value;
    std::borrow::Cow<'_, str>: |value| value;
    &[u8]: |value| BASE64_STANDARD.encode(value);
    [u8; 16]: |value| hyphenated(value);
}

impl Shown for std::convert::Infallible {
    fn shown(&self) -> Value {
        match *self {}
    }
}

impl<T: Shown> Shown for Vec<Option<T>> {
    fn shown(&self) -> Value {
        self.iter().map(|entry| entry.as_ref().map_or(Value::Null, Shown::shown)).collect()
    }
}

fn hyphenated(uuid: &[u8; 16]) -> String {
    let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    /// What Kafka's deserializer reads, or what its serializer has written; the error where Kafka reads nothing.
    value: Result<Value, String>,
    is_written: bool,
}

/// The lines of a file, without those of null.
fn lines(name: &str) -> Vec<Line> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/serialized");
    let text = std::fs::read_to_string(folder.join(name).with_extension("jsonl")).unwrap();
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let bytes = BASE64_STANDARD.decode(line["bytes"].as_str()?).unwrap();
        let value = match line["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(line.get("written").unwrap_or_else(|| &line["read"]).clone()),
        };
        Some(Line { bytes, value, is_written: line.get("written").is_some() })
    };
    text.lines().filter_map(line).collect()
}

fn read<'a, D>(deserializer: &D, bytes: &'a [u8]) -> Result<Value, DeserializeError>
where
    D: Deserializer<Output<'a>: Shown>,
{
    let value = deserializer.deserialize(&Origin::new("topic", Part::Value), bytes);
    value.map(|value| value.shown())
}

/// Compares all lines; `is_known` says which differences are meant.
fn compare<D>(name: &str, deserializer: D, is_known: impl Fn(&Line, &Result<Value, DeserializeError>) -> bool)
where
    D: for<'a> Deserializer<Output<'a>: Shown>,
{
    let mut written = 0;
    for line in lines(name) {
        let ours = read(&deserializer, &line.bytes);
        written += usize::from(line.is_written);
        let is_same = match (&ours, &line.value) {
            (Ok(ours), Ok(kafkas)) => ours == kafkas,
            (ours, kafkas) => ours.is_err() && kafkas.is_err(),
        };
        assert!(is_same || is_known(&line, &ours), "{name}: {line:?}, and here {ours:?}");
    }
    assert!(written >= 2 || name == "Void", "{name}: only {written} were written");
}

fn compare_exactly<D>(name: &str, deserializer: D)
where
    D: for<'a> Deserializer<Output<'a>: Shown>,
{
    compare(name, deserializer, |_, _| false);
}

fn compare_lists<D>(entries: &str, deserializer: D)
where
    D: for<'a> Deserializer<Output<'a>: Shown>,
{
    let list = ListDeserializer(deserializer);
    compare(&format!("List-{entries}"), &list, |line, ours| match (ours, &line.value) {
        // What Kafka fills up with zeros is cut off.
        (Err(_), Ok(kafkas)) => {
            let mut filled = line.bytes.clone();
            filled.resize(line.bytes.len() + 64, 0);
            !line.is_written && read(&list, &filled).as_ref() == Ok(kafkas)
        }
        // Kafka itself cannot read an empty entry at the end.
        (Ok(list), Err(error)) => {
            error == "End of the stream was reached prematurely" && has_empty_last_entry(list)
        }
        _ => false,
    });
}

/// In the list, or in a list in it.
fn has_empty_last_entry(list: &Value) -> bool {
    let Some(list) = list.as_array() else { return false };
    list.last() == Some(&json!("")) || list.iter().any(has_empty_last_entry)
}

#[test]
fn numbers_are_what_kafka_reads() {
    compare_exactly("Short", ShortDeserializer);
    compare_exactly("Integer", IntegerDeserializer);
    compare_exactly("Long", LongDeserializer);
    compare_exactly("Float", FloatDeserializer);
    compare_exactly("Double", DoubleDeserializer);
}

#[test]
fn booleans_are_what_kafka_reads() {
    compare_exactly("Boolean", BooleanDeserializer);
}

#[test]
fn byte_arrays_are_what_kafka_reads() {
    compare_exactly("ByteArray", ByteArrayDeserializer);
}

#[test]
fn void_takes_no_bytes_not_even_none() {
    compare_exactly("Void", VoidDeserializer);
    assert_eq!(lines("Void").len(), 2);
}

#[test]
fn lossy_strings_are_what_kafka_reads() {
    compare_exactly("String", LossyStringDeserializer);
}

#[test]
fn strings_are_what_kafka_reads_of_utf8_and_errors_else() {
    compare("String", StringDeserializer, |line, ours| {
        ours.is_err() && line.value.as_ref().is_ok_and(|text| text.as_str().unwrap().contains('\u{fffd}'))
    });
}

#[test]
fn uuids_are_what_kafka_reads_but_for_short_forms() {
    compare("UUID", UUIDDeserializer, |line, ours| {
        let is_canonical = |uuid: &Value| uuid.as_str().unwrap().as_bytes().eq_ignore_ascii_case(&line.bytes);
        ours.is_err() && !line.is_written && line.value.as_ref().is_ok_and(|uuid| !is_canonical(uuid))
    });
}

#[test]
fn lists_are_what_kafka_reads() {
    compare_lists("Short", ShortDeserializer);
    compare_lists("Integer", IntegerDeserializer);
    compare_lists("Long", LongDeserializer);
    compare_lists("Float", FloatDeserializer);
    compare_lists("Double", DoubleDeserializer);
    compare_lists("UUID", UUIDDeserializer);
    compare_lists("Boolean", BooleanDeserializer);
    compare_lists("String", LossyStringDeserializer);
    compare_lists("ByteArray", ByteArrayDeserializer);
}

#[test]
fn lists_of_lists_are_what_kafka_reads() {
    compare_lists("List-Integer", ListDeserializer(IntegerDeserializer));
    compare_lists("List-String", ListDeserializer(LossyStringDeserializer));
}

#[test]
fn an_error_in_a_list_names_the_entry() {
    let bytes = [1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 7, 0, 0, 0, 1, 9];
    let error = read(&ListDeserializer(ShortDeserializer), &bytes).unwrap_err();
    assert_eq!(error.to_string(), "entry 1: 2 bytes expected, 1 came");
}

#[test]
fn a_list_reserves_no_more_memory_than_its_bytes_justify() {
    // 2 GiB entries, and an entry of 2 GiB; 2 GiB nulls, and 2 GiB entries behind no null.
    let claims: [&[u8]; 4] = [
        &[1, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        &[1, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0],
        &[0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    ];
    for bytes in claims {
        let usage = allocation_counter::measure(|| {
            read(&ListDeserializer(IntegerDeserializer), bytes).unwrap_err();
        });
        assert!(usage.bytes_max < 1000, "{usage:?} for {bytes:?}");
    }
}

#[test]
fn nothing_is_copied_of_bytes_and_strings() {
    let usage = allocation_counter::measure(|| {
        let origin = Origin::new("topic", Part::Value);
        assert_eq!(StringDeserializer.deserialize(&origin, b"text"), Ok("text"));
        assert_eq!(LossyStringDeserializer.deserialize(&origin, b"text").unwrap(), "text");
        assert_eq!(ByteArrayDeserializer.deserialize(&origin, b"text"), Ok(&b"text"[..]));
    });
    assert_eq!(usage.count_total, 0);
}
