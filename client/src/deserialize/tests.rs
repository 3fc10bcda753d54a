use bytes::Bytes;
use milena_protocol::Str;
use milena_protocol::records::{BatchBuilder, Header};

use super::*;
use crate::core::completed_fetch::CompletedFetch;
use crate::delivery::{Delivery, DeliverySettings};
use crate::records::OwnedRecord;

/// Says what the origin is.
struct Spy;

impl Deserializer for Spy {
    type Output<'a> = String;

    fn deserialize(&self, origin: &Origin<'_>, data: &[u8]) -> Result<String, DeserializeError> {
        let headers: Vec<_> =
            origin.headers().map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec))).collect();
        Ok(format!("{} {} {data:?} {headers:?}", origin.topic(), origin.part()))
    }
}

type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// A fetch of these keys and values, from offset 7 on, that is ready to be polled.
fn delivery(records: &[KeyAndValue<'_>]) -> Delivery {
    let mut batch = BatchBuilder::new();
    batch.set_base_offset(7);
    let headers = [Header { key: b"type", value: Some(b"a") }, Header { key: b"type", value: None }];
    for (key, value) in records {
        batch.append(0, *key, *value, &headers).unwrap();
    }
    let mut delivery = Delivery::new(DeliverySettings::default());
    delivery.accept(CompletedFetch {
        topic: Str::from("events"),
        partition: 3,
        position_epoch: 1,
        fetch_offset: 7,
        records: batch.build(),
        high_watermark: 100,
        last_stable_offset: 100,
        log_start_offset: 0,
        aborted: Vec::new(),
    });
    delivery.fill(500).unwrap();
    delivery
}

#[test]
fn null_is_none_and_empty_is_not() {
    let delivery = delivery(&[(None, Some(b""))]);
    let record = delivery.records().iter().next().unwrap();
    assert_eq!(record.deserialize_key(&LongDeserializer), Ok(None));
    assert_eq!(record.deserialize_key(&VoidDeserializer), Ok(None));
    assert_eq!(record.deserialize_value(&StringDeserializer), Ok(Some("")));
    assert!(record.deserialize_value(&LongDeserializer).is_err());
    assert!(record.deserialize_value(&VoidDeserializer).is_err());
}

#[test]
fn a_record_that_cannot_be_deserialized_is_named_and_the_others_come() {
    let long = 9_i64.to_be_bytes();
    let records: [KeyAndValue<'_>; 4] = [
        (Some(b"a"), Some(&long)),
        (Some(b"b"), Some(b"xyz")),
        (Some(b"\xff"), Some(b"xyz")),
        (Some(b"c"), None),
    ];
    let delivery = delivery(&records);
    let typed = delivery.records().typed(&StringDeserializer, &LongDeserializer);
    assert_eq!(typed.len(), 4);
    let all: Vec<_> = typed.map(|record| record.map(|r| (r.record.offset(), r.key, r.value))).collect();
    assert_eq!(all[0], Ok((7, Some("a"), Some(9))));
    assert_eq!(all[3], Ok((10, Some("c"), None)));
    let error = all[1].clone().unwrap_err();
    assert_eq!((error.partition().to_string(), error.offset()), ("events-3".to_owned(), 8));
    assert_eq!(
        (error.part(), error.cause().to_string()),
        (Part::Value, "8 bytes expected, 3 came".to_owned())
    );
    let error = all[2].clone().unwrap_err();
    assert_eq!((error.part(), error.offset()), (Part::Key, 9));
    assert_eq!(crate::Error::from(error.clone()).to_string(), error.to_string());
}

#[test]
fn a_deserializer_learns_where_the_bytes_come_from() {
    let delivery = delivery(&[(Some(b"k"), Some(b"v"))]);
    let record = delivery.records().iter().next().unwrap();
    let owned: OwnedRecord = record.to_owned();
    let headers = r#"[([116, 121, 112, 101], Some([97])), ([116, 121, 112, 101], None)]"#;
    let (key, value) = (format!("events key [107] {headers}"), format!("events value [118] {headers}"));
    assert_eq!(record.deserialize_key(&Spy).unwrap().unwrap(), key);
    assert_eq!(record.deserialize_value(&&Spy).unwrap().unwrap(), value);
    assert_eq!(owned.deserialize_key(&Spy).unwrap().unwrap(), key);
    assert_eq!(owned.deserialize_value(&Spy).unwrap().unwrap(), value);
}

#[test]
fn an_owned_record_names_itself_too() {
    let mut owned = delivery(&[(None, None)]).records().iter().next().unwrap().to_owned();
    assert_eq!(owned.deserialize_value(&StringDeserializer), Ok(None));
    owned.value = Some(Bytes::from_static(b"\xff"));
    let error = owned.deserialize_value(&StringDeserializer).unwrap_err();
    assert_eq!((error.partition().to_string(), error.offset()), ("events-3".to_owned(), 7));
}
