//! The `kafka-protocol` crate, as its documentation shows it.

use bytes::Bytes;
use kafka_protocol::messages::FetchResponse;
use kafka_protocol::protocol::Decodable;
use kafka_protocol::records::RecordBatchDecoder;

use crate::{VERSION, body, touch};

pub fn read(frame: &Bytes) -> u64 {
    let response = FetchResponse::decode(&mut body(frame), VERSION).unwrap();
    let mut sum = 0u64;
    for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
        let mut records = partition.records.clone().unwrap_or_default();
        for batch in RecordBatchDecoder::decode_all(&mut records).unwrap() {
            for record in &batch.records {
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                sum = sum.wrapping_add(touch(record.offset, record.timestamp, key, value));
            }
        }
    }
    sum
}
