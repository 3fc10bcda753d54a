//! The golden files, for every test that starts from bytes of Kafka's own classes.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::Value;

/// One line of a golden file.
pub struct Case {
    pub version: i16,
    pub name: String,
    pub bytes: Bytes,
    pub json: Value,
}

/// The lines of the golden file of `message`.
pub fn cases(message: &str) -> Vec<Case> {
    let file: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "../testdata/golden", &format!("{message}.jsonl")].iter().collect();
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let case = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        Case {
            version: line["version"].as_i64().unwrap().try_into().unwrap(),
            name: line["case"].as_str().unwrap().to_owned(),
            bytes: BASE64.decode(line["bytes"].as_str().unwrap()).unwrap().into(),
            json: line["json"].clone(),
        }
    };
    text.lines().map(case).collect()
}
