//! The table of error codes against Kafka's own: `testdata/golden/errors.json`.

use std::collections::BTreeMap;

use milena_protocol::ErrorCode;
use serde_json::Value;

/// What a table says of one code: its name, whether it is retriable, whether it asks for metadata.
type Row = (String, bool, bool);

fn kafkas() -> BTreeMap<i16, Row> {
    let row = |line: &Value| {
        let code = line["code"].as_i64().unwrap().try_into().unwrap();
        let flag = |name: &str| line[name].as_bool().unwrap();
        (code, (line["name"].as_str().unwrap().to_owned(), flag("retriable"), flag("invalidMetadata")))
    };
    let table: Value = serde_json::from_str(include_str!("../../testdata/golden/errors.json")).unwrap();
    table.as_array().unwrap().iter().map(row).collect()
}

fn ours() -> BTreeMap<i16, Row> {
    let row = |code: i16| {
        let error = ErrorCode(code);
        let name = error.name()?.to_owned();
        Some((code, (name, error.is_retriable(), error.asks_for_metadata())))
    };
    (i16::MIN..=i16::MAX).filter_map(row).collect()
}

#[test]
fn the_codes_are_kafkas_none_missing_and_none_extra() {
    let (kafkas, ours) = (kafkas(), ours());
    assert!(kafkas.len() > 130, "Kafka 4.3.1 has more codes than {}", kafkas.len());
    // One by one first: the name of the code that differs says more than two tables do.
    for (code, row) in &kafkas {
        assert_eq!(ours.get(code), Some(row), "code {code}");
    }
    assert_eq!(ours, kafkas);
}

#[test]
fn nothing_is_promised_of_a_code_that_is_not_known() {
    let newer = ErrorCode(i16::MAX);
    assert_eq!((newer.name(), newer.is_retriable(), newer.asks_for_metadata()), (None, false, false));
    assert_eq!(newer.ok(), Err(newer));
    assert_eq!(newer.to_string(), "unknown error code 32767");
}

#[test]
fn only_code_0_is_success() {
    let successes: Vec<i16> = (i16::MIN..=i16::MAX).filter(|&code| ErrorCode(code).ok().is_ok()).collect();
    assert_eq!(successes, [0]);
    assert!(ErrorCode::NONE.is_none());
}
