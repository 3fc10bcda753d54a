//! A record from the JSON that `milena consume` prints.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use serde_json::value::RawValue;

use super::record::{OwnedHeader, Record};

/// # Errors
/// Why the line is no record.
pub fn record(line: &[u8]) -> Result<Record, String> {
    let members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(line).map_err(|error| format!("no JSON object: {error}"))?;
    let mut record = Record::default();
    for (name, json) in &members {
        let json = json.get();
        let wrong = |error| format!("{name}: {error}");
        match name.as_str() {
            "topic" => record.topic = serde_json::from_str(json).map_err(wrong)?,
            "partition" => {
                let partition: Option<u32> = serde_json::from_str(json).map_err(wrong)?;
                let partition = partition.map(i32::try_from).transpose();
                record.partition = partition.map_err(|_| "partition is no int".to_owned())?;
            }
            "timestamp" => {
                // -1 is how a record without one is printed.
                let timestamp: Option<i64> = serde_json::from_str(json).map_err(wrong)?;
                record.timestamp = timestamp.filter(|timestamp| *timestamp != -1);
            }
            "key" => record.key = payload(json)?,
            "value" => record.value = payload(json)?,
            "headers" => record.headers = headers(json)?,
            "offset" | "timestampType" => {}
            _ => return Err(format!("a record has no {name:?}")),
        }
    }
    Ok(record)
}

/// A string, null, bytes in base64, or what else stands there.
fn payload(json: &str) -> Result<Option<Vec<u8>>, String> {
    let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(match &value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Object(members) if members.len() == 1 && members.contains_key("base64") => {
            let text = members["base64"].as_str().ok_or("base64 is no string")?;
            Some(BASE64.decode(text).map_err(|error| format!("base64: {error}"))?)
        }
        _ => Some(json.as_bytes().to_vec()),
    })
}

/// `[["name","value"],...]`, or an object.
fn headers(json: &str) -> Result<Vec<OwnedHeader>, String> {
    if let Ok(pairs) = serde_json::from_str::<Vec<(Box<RawValue>, Box<RawValue>)>>(json) {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = payload(name.get())?.ok_or("a header needs a name")?;
            Ok((name, payload(value.get())?))
        });
        return pairs.collect();
    }
    let Ok(members) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(json) else {
        return Err("headers are written as [[\"name\",\"value\"],...]".to_owned());
    };
    members.into_iter().map(|(name, value)| Ok((name.into_bytes(), payload(value.get())?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_consume_prints_is_the_record_again() {
        let line = r#"{"topic":"t","partition":3,"offset":7,"timestamp":1700000000000,"timestampType":"CreateTime",
            "key":{"base64":"/w=="},"value":"v\n","headers":[["h","1"],["h",null],[{"base64":"/g=="},""]]}"#;
        let headers =
            vec![(b"h".to_vec(), Some(b"1".to_vec())), (b"h".to_vec(), None), (vec![0xfe], Some(vec![]))];
        let wanted = Record {
            topic: "t".to_owned(),
            partition: Some(3),
            timestamp: Some(1_700_000_000_000),
            key: Some(vec![0xff]),
            value: Some(b"v\n".to_vec()),
            headers,
        };
        assert_eq!(record(line.as_bytes()), Ok(wanted));
    }

    #[test]
    fn other_json_is_written_as_it_stands() {
        let value = |line: &str| String::from_utf8(record(line.as_bytes()).unwrap().value.unwrap()).unwrap();
        assert_eq!(value(r#"{"value":{"b":1.10,"a":[1, 2]}}"#), r#"{"b":1.10,"a":[1, 2]}"#);
        assert_eq!(value(r#"{"value":12345678901234567890}"#), "12345678901234567890");
        assert_eq!(record(br#"{"key":"k"}"#).unwrap().value, None);
    }

    #[test]
    fn what_is_no_record_says_why() {
        let problem = |line: &str| record(line.as_bytes()).unwrap_err();
        assert!(problem("x").contains("no JSON object"));
        assert!(problem(r#"{"vaule":1}"#).contains("vaule"));
        assert!(problem(r#"{"partition":-1}"#).contains("partition"));
        assert!(problem(r#"{"value":{"base64":"!"}}"#).contains("base64"));
        assert!(problem(r#"{"headers":[["a"]]}"#).contains("headers"));
    }
}
