//! The Fetch responses that are decoded.

use std::io::Write as _;

use bytes::{Bytes, BytesMut};
use milena_protocol::messages::FetchResponse;
use milena_protocol::messages::fetch::{FetchableTopicResponse, PartitionData};
use milena_protocol::records::{BatchBuilder, Compression};
use milena_protocol::{Message, ResponseHeader};

use crate::VERSION;

const RESPONSE_BYTES: usize = 8 << 20;
const PARTITIONS: usize = 8;

pub struct Response {
    pub frame: Bytes,
    pub records: u64,
    pub uncompressed_bytes: usize,
}

impl Response {
    pub fn new(compression: Compression, value_bytes: usize, batch_bytes: usize) -> Self {
        let mut random = Random(1);
        let (mut records, mut uncompressed_bytes) = (0, 0);
        let mut topic = FetchableTopicResponse::default();
        topic.topic = "events".into();
        for partition_index in 0..PARTITIONS {
            let mut blob = Vec::new();
            let mut builder = BatchBuilder::with_compression(compression).unwrap();
            let (mut offset, mut size) = (0, 0);
            while size < RESPONSE_BYTES / PARTITIONS {
                builder.set_base_offset(offset);
                let mut value = Vec::new();
                while builder.estimated_size() + value_bytes <= batch_bytes {
                    json(&mut value, value_bytes, &mut random);
                    let timestamp = 1_700_000_000_000 + offset / 20;
                    let key = (random.next() % 10_000).to_be_bytes();
                    builder.append(timestamp, Some(&key), Some(&value), &[]).unwrap();
                    offset += 1;
                }
                size += builder.estimated_size();
                blob.extend_from_slice(&builder.build());
            }
            records += offset as u64;
            uncompressed_bytes += size;
            let mut partition = PartitionData::default();
            partition.partition_index = partition_index as i32;
            partition.high_watermark = offset;
            partition.records = Some(blob.into());
            topic.partitions.push(partition);
        }
        let mut response = FetchResponse::default();
        response.responses.push(topic);
        let mut frame = BytesMut::new();
        ResponseHeader::new(1).write(1, &mut frame).unwrap();
        response.write(VERSION, &mut frame).unwrap();
        Response { frame: frame.freeze(), records, uncompressed_bytes }
    }
}

/// Events as JSON, one for each 100 bytes or so, cut to exactly `size` bytes.
fn json(out: &mut Vec<u8>, size: usize, random: &mut Random) {
    const ACTIONS: [&str; 8] = ["view", "click", "search", "order", "pay", "cancel", "return", "review"];
    out.clear();
    while out.len() < size {
        let action = ACTIONS[random.next() as usize % ACTIONS.len()];
        let (user, item) = (random.next() % 100_000, random.next() % 1_000);
        let (price, time) = (random.next() % 100_000, 1_700_000_000_000 + random.next() % 60_000);
        writeln!(
            out,
            r#"{{"user":"user-{user}","action":"{action}","item":{item},"price":{price},"time":{time}}}"#
        )
        .unwrap();
        if out.len() < size.min(100) {
            out.extend_from_slice(br#" "source":"web","version":3"#);
        }
    }
    out.truncate(size);
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}
