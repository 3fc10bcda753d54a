//! milena, as an application would use it.

use bytes::Bytes;
use milena_protocol::messages::FetchResponse;
use milena_protocol::records::{Batches, Decompressor};
use milena_protocol::Message;

use crate::{VERSION, body, touch};

#[derive(Default)]
pub struct Reader {
    decompressor: Decompressor,
}

impl Reader {
    pub fn read(&mut self, frame: &Bytes) -> u64 {
        let response = FetchResponse::read(&body(frame), VERSION).unwrap();
        let mut sum = 0u64;
        for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
            for batch in Batches::new(partition.records.as_deref().unwrap_or_default()) {
                for record in batch.unwrap().records(&mut self.decompressor).unwrap() {
                    let record = record.unwrap();
                    sum = sum.wrapping_add(touch(record.offset, record.timestamp, record.key, record.value));
                }
            }
        }
        sum
    }
}
