//! How `milena consume` prints records, and which.

use milena_protocol::records::{BatchBuilder, Header};
use serde_json::{Value, json};

use super::common::{consume, milena, produce};
use crate::cluster::Cluster;

#[test]
fn bytes_that_are_no_text_are_base64_and_null_is_not_empty() {
    let cluster = Cluster::start();
    cluster.create_topic("bytes", 1);
    let mut batch = BatchBuilder::new();
    let header = |key: &'static [u8], value| Header { key, value };
    batch.append(7, Some(&[0xff, 0]), None, &[header(b"h", None), header(b"h", Some(&[0x80]))]).unwrap();
    batch.append(8, None, Some(b""), &[]).unwrap();
    batch.append(9, Some(b""), Some("größe \"1\"\n".as_bytes()), &[]).unwrap();
    produce(&cluster.bootstrap(), "bytes", batch.build());

    let read = |format: &str| {
        let group = format!("reads-{format}");
        let options = ["--from-beginning", "--max-messages", "3", "--format", format];
        milena(&cluster.bootstrap(), "bytes", &group, &options).finish().1
    };
    let of_record = |line: &String| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let mut field = |name: &str| record[name].take();
        (field("key"), field("value"), field("headers"))
    };
    let records: Vec<_> = read("json").iter().map(of_record).collect();
    let expected = [
        (json!({ "base64": "/wA=" }), json!(null), json!([["h", null], ["h", { "base64": "gA==" }]])),
        (json!(null), json!(""), json!([])),
        (json!(""), json!("größe \"1\"\n"), json!([])),
    ];
    assert_eq!(records, expected);
    assert_eq!(read("text"), ["", "", "größe \"1\"", ""]);
    assert_eq!(read("raw"), ["größe \"1\""]);
}

/// The same records, read again by another group.
fn read(cluster: &Cluster, topic: &str, group: &str, options: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let options = [&["--from-beginning", "--exit-at-end"], options].concat();
    let (status, lines, complaints) = milena(&cluster.bootstrap(), topic, group, &options).finish();
    (status.code(), lines, complaints)
}

#[test]
fn templates_have_the_placeholders_of_kcat() {
    let cluster = Cluster::start();
    cluster.create_topic("templates", 1);
    let mut batch = BatchBuilder::new();
    let header = |key: &'static [u8], value| Header { key, value };
    let headers = [header(b"a", Some(b"1")), header(b"b", None), header(b"a", Some(b""))];
    batch.append(1_700_000_000_000, Some(b"k\xff"), Some("gr\u{f6}\u{df}e".as_bytes()), &headers).unwrap();
    batch.append(1_700_000_000_001, None, None, &[]).unwrap();
    produce(&cluster.bootstrap(), "templates", batch.build());

    let everything = "%t|%p|%o|%T|%K|%s|%S|%h|100%%|\\x41\\t\\\\\\n";
    let (code, lines, complaints) = read(&cluster, "templates", "all", &["--format", everything]);
    assert_eq!((code, complaints.as_str()), (Some(0), ""));
    let expected = [
        "templates|0|0|1700000000000|2|gr\u{f6}\u{df}e|7|a=1,b=NULL,a=|100%|A\t\\",
        "templates|0|1|1700000000001|-1||-1||100%|A\t\\",
    ];
    assert_eq!(lines, expected);

    // The key of the first is no text; a length of four bytes is ...
    let binary = ["--key-format", "hex", "--format", "%k %R\\n", "--max-messages", "1"];
    assert_eq!(read(&cluster, "templates", "binary", &binary).1, ["6bff \0\0\0\x07"]);
}

#[test]
fn keys_and_values_are_printed_as_the_types_they_are() {
    let cluster = Cluster::start();
    cluster.create_topic("types", 1);
    let mut batch = BatchBuilder::new();
    batch.append(0, Some(&7i32.to_be_bytes()), Some(b"{ \"n\": [1, 2.0] }"), &[]).unwrap();
    batch.append(0, Some(b"abc"), Some(b"{}"), &[]).unwrap();
    batch.append(0, None, Some(b"no json"), &[]).unwrap();
    batch.append(0, None, None, &[]).unwrap();
    produce(&cluster.bootstrap(), "types", batch.build());

    let types = ["--key-format", "i32", "--value-format", "json"];
    let (code, lines, complaints) = read(&cluster, "types", "json", &types);
    let parts: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let parts: Vec<_> =
        parts.iter().map(|record| (&record["offset"], &record["key"], &record["value"])).collect();
    let (zero, three) = (json!(0), json!(3));
    assert_eq!(parts, [(&zero, &json!(7), &json!({"n": [1, 2.0]})), (&three, &json!(null), &json!(null))]);
    // What is of another type is told, and the rest goes on.
    assert_eq!(code, Some(1));
    let complaints: Vec<&str> = complaints.lines().collect();
    let told = ["the key of types-0 at offset 1", "the value of types-0 at offset 2"];
    for (complaint, place) in complaints.iter().zip(told) {
        assert!(complaint.starts_with("milena: ") && complaint.contains(place), "{complaint}");
    }
    assert_eq!(complaints[2..], ["milena: 2 records were not printed"]);

    assert_eq!(cluster.committed("json"), [Some(4)], "what could not be printed counts as read");
}

#[test]
fn only_records_with_all_headers_are_printed_and_all_are_read() {
    let cluster = Cluster::start();
    cluster.create_topic("headers", 1);
    let mut batch = BatchBuilder::new();
    let header = |key: &'static [u8], value| Header { key, value };
    let (red, blue) = (header(b"color", Some(b"red")), header(b"color", Some(b"blue")));
    batch.append(0, None, Some(b"none"), &[]).unwrap();
    batch.append(0, None, Some(b"blue"), &[blue]).unwrap();
    batch.append(0, None, Some(b"both"), &[blue, red]).unwrap();
    batch.append(0, None, Some(b"trace"), &[red, header(b"trace", None)]).unwrap();
    batch.append(0, None, Some(b"empty"), &[header(b"trace", Some(b""))]).unwrap();
    produce(&cluster.bootstrap(), "headers", batch.build());

    let printed = |group: &str, options: &[&str]| {
        let (code, lines, complaints) =
            read(&cluster, "headers", group, &[&["--format", "text"], options].concat());
        assert_eq!((code, complaints.as_str()), (Some(0), ""));
        lines
    };
    assert_eq!(printed("red", &["--header", "color=red"]), ["both", "trace"]);
    assert_eq!(printed("trace", &["--header", "trace"]), ["trace", "empty"]);
    assert_eq!(printed("empty", &["--header", "trace="]), ["empty"]);
    assert_eq!(printed("two", &["--header", "color=red", "--header", "trace"]), ["trace"]);
    assert_eq!(cluster.committed("red"), [Some(5)]);
}

#[test]
fn topics_are_listed_and_their_ends_told_once() {
    let cluster = Cluster::start();
    for topic in ["one", "two", "three"] {
        cluster.create_topic(topic, 2);
        cluster.fill(topic, 4);
    }
    let options = ["--topic", "one,two", "--topic", "three", "--group", "g", "--from-beginning"];
    let printing = ["--format", "%t-%p@%o\\n", "--partition-eof", "--exit-at-end"];
    let reader = consume(&cluster.bootstrap(), &[&options[..], &printing[..]].concat());
    let (status, mut lines, ends) = reader.finish();
    assert_eq!(status.code(), Some(0), "{ends}");
    lines.sort();
    let mut expected = Vec::new();
    let mut reached = Vec::new();
    for topic in ["one", "three", "two"] {
        for partition in 0..2 {
            expected.extend((0..2).map(|offset| format!("{topic}-{partition}@{offset}")));
            reached.push(format!("reached end of {topic} [{partition}] at offset 2"));
        }
    }
    assert_eq!(lines, expected);
    let mut ends: Vec<&str> = ends.lines().collect();
    ends.sort();
    assert_eq!(ends, reached);
}
