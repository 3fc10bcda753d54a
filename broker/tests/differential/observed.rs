//! Answers as lines, one for each field, that are the same on any broker that does the same.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use milena_protocol::{Api, ErrorCode};
use serde_json::Value;

use crate::records;

/// Fields whose values are drawn by the broker, and what they are called here. Values that stand for nothing stay.
const DRAWN: &[(&str, &str)] = &[
    ("clusterId", "cluster"),
    ("leader", "member"), // where it is a text, in JoinGroup
    ("memberId", "member"),
    ("port", "port"),
    ("producerId", "producer"),
    ("sessionId", "session"),
    ("topicId", "topic-id"),
];
/// Times of day, of which only is told whether there is one.
const TIMES: &[&str] = &["logAppendTimeMs", "timestamp", "transactionStartTimeMs"];
/// What depends on the machine, or on what else the cluster has been through.
const LEFT_OUT: &[&str] = &["finalizedFeaturesEpoch", "throttleTimeMs"];
/// Bytes of the application's.
const BLOBS: &[&str] = &["assignment", "memberAssignment", "memberMetadata", "metadata", "protocolMetadata"];
/// By these the elements of arrays are told apart: where brokers keep them in no order, they are put in one.
const KEYS: &[&str] = &[
    "name",
    "topic",
    "topicName",
    "groupId",
    "key",
    "nodeId",
    "brokerId",
    "apiKey",
    "topicId",
    "partitionIndex",
    "partition",
    "index",
    "groupInstanceId",
    "resourceName",
    "transactionalId",
    "firstOffset",
];
const ZERO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// The lines, and the names given so far.
#[derive(Default)]
pub struct Observed {
    pub lines: Vec<String>,
    names: BTreeMap<(&'static str, String), String>,
}

impl Observed {
    pub fn note(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub fn answer(&mut self, title: &str, answer: &Value) {
        self.note(format!("{title}:"));
        self.value(&mut "  ".to_owned(), "", answer);
    }

    /// The name of a value that was drawn.
    fn named(&mut self, kind: &'static str, value: &Value) -> String {
        let count = self.names.keys().filter(|(known, _)| *known == kind).count();
        let name = self.names.entry((kind, value.to_string()));
        name.or_insert_with(|| format!("{kind}-{}", count + 1)).clone()
    }

    fn value(&mut self, path: &mut String, field: &str, value: &Value) {
        if LEFT_OUT.contains(&field) {
            return;
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.below(path, name, |observed, path| observed.value(path, name, value));
                }
            }
            Value::Array(elements) if elements.is_empty() => self.line(path, "[]"),
            Value::Array(elements) => {
                for (n, element) in self.in_order(elements).into_iter().enumerate() {
                    let step = label(element).map_or(format!("[{n}]"), |label| format!("[{label}]"));
                    self.below(path, &step, |observed, path| observed.value(path, field, element));
                }
            }
            value => {
                let text = self.text(field, value);
                self.line(path, &text);
            }
        }
    }

    fn below(&mut self, path: &mut String, step: &str, then: impl FnOnce(&mut Self, &mut String)) {
        let length = path.len();
        if !step.starts_with('[') && !path.ends_with(' ') {
            path.push('.');
        }
        path.push_str(step);
        then(self, path);
        path.truncate(length);
    }

    fn line(&mut self, path: &str, text: &str) {
        if text.starts_with('\n') {
            self.note(path.to_owned());
            text.lines().skip(1).for_each(|line| self.note(format!("    {line}")));
        } else {
            self.note(format!("{path} = {text}"));
        }
    }

    fn text(&mut self, field: &str, value: &Value) -> String {
        let drawn = DRAWN.iter().find(|(name, _)| *name == field);
        match (field, value) {
            ("errorMessage" | "batchIndexErrorMessage", Value::String(_)) => "said".to_owned(),
            // KRaft names any of the brokers.
            ("controllerId", Value::Number(id)) if id.as_i64() >= Some(0) => "a broker".to_owned(),
            ("errorCode" | "partitionErrorCode", Value::Number(code)) => {
                let code = code.as_i64().and_then(|code| i16::try_from(code).ok()).unwrap_or_default();
                format!("{code} {}", ErrorCode(code).name().unwrap_or("?"))
            }
            ("apiKey", Value::Number(key)) => {
                let key = key.as_i64().and_then(|key| i16::try_from(key).ok()).unwrap_or_default();
                Api::from_key(key).map_or(key.to_string(), |api| api.name().to_owned())
            }
            ("records", Value::String(text)) => {
                records::described(&BASE64.decode(text).unwrap(), |producer| {
                    self.named("producer", &Value::from(producer))
                })
            }
            (_, Value::String(text)) if BLOBS.contains(&field) => match BASE64.decode(text) {
                Ok(bytes) if bytes.is_ascii() => format!("{:?}", String::from_utf8_lossy(&bytes)),
                _ => text.clone(),
            },
            (_, Value::Number(time)) if TIMES.contains(&field) && time.as_i64() > Some(0) => {
                "a time".to_owned()
            }
            (_, Value::String(text)) if drawn.is_some() && !text.is_empty() && text != ZERO_ID => {
                self.named(drawn.unwrap().1, value)
            }
            (_, Value::Number(number))
                if drawn.is_some() && field != "leader" && number.as_i64() > Some(0) =>
            {
                self.named(drawn.unwrap().1, value)
            }
            _ => value.to_string(),
        }
    }

    /// The elements by what tells them apart, or else as they came.
    fn in_order<'v>(&mut self, elements: &'v [Value]) -> Vec<&'v Value> {
        let mut elements: Vec<&Value> = elements.iter().collect();
        if elements.iter().all(|element| element.is_object()) {
            elements.sort_by_cached_key(|element| self.key(element));
        } else if elements.iter().all(|element| element.is_string()) {
            elements.sort_by_key(|element| element.as_str());
        }
        elements
    }

    fn key(&self, element: &Value) -> Vec<String> {
        let mut key = Vec::new();
        for name in KEYS {
            key.push(match &element[*name] {
                Value::Number(number) => format!("{:020}", number.as_i64().unwrap_or_default()),
                other => other.to_string(),
            });
        }
        // Members have a name once they have been seen.
        let member = self.names.get(&("member", element["memberId"].to_string()));
        key.push(member.cloned().unwrap_or_default());
        let mut rest = element.clone();
        if let Some(fields) = rest.as_object_mut() {
            DRAWN.iter().for_each(|(name, _)| drop(fields.remove(*name)));
        }
        key.push(rest.to_string());
        key
    }
}

/// What an element is called in the path to its fields, where it has something of the kind.
fn label(element: &Value) -> Option<String> {
    KEYS.iter().filter(|name| **name != "topicId").find_map(|name| match &element[*name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}
