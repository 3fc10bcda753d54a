//! The records that `testdata/launcher/Filler.java` and `TypedFiller.java` write, by Produce requests.

use bytes::Bytes;
use milena_protocol::messages::ProduceRequest;
use milena_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use milena_protocol::records::{BatchBuilder, Compression, Header};
use milena_protocol::{ErrorCode, Str};

use crate::cluster::Cluster;
use crate::wire::{answer, ask};

const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;
/// So many records in turn have the same compression.
const AT_A_TIME: u64 = 100;
/// A batch that is as large gets no more records.
const BATCH_BYTES: usize = 1 << 18;
/// The last version that names topics.
const PRODUCE: i16 = 12;

impl Cluster {
    /// Writes records to all partitions of a topic in turn, with every compression in turn.
    ///
    /// Record `i` goes to partition `i % partitions`, so that its offset there is `i / partitions` in a new topic. Its key is
    /// `key-<i>`, its value `value-<i>`, its timestamp 1700000000000 + i, and it has one header, `n`, with i in decimal.
    /// A hundred records at a time have the same compression: none, gzip, snappy, lz4, zstd.
    pub fn fill(&self, topic: &str, records: u64) {
        self.fill_with(topic, records, 0, &["none", "gzip", "snappy", "lz4", "zstd"]);
    }

    /// The same, with values filled up to a size in bytes, and with these compressions only.
    pub fn fill_with(&self, topic: &str, records: u64, value_bytes: usize, compressions: &[&str]) {
        let partitions = self.partitions(topic);
        for (first, compression) in
            (0..records).step_by((AT_A_TIME * partitions) as usize).zip(compressions.iter().cycle())
        {
            let last = records.min(first + AT_A_TIME * partitions);
            let compression = Compression::from_name(compression).unwrap();
            for partition in 0..partitions.min(last - first) {
                let mine = (first + partition..last).step_by(partitions as usize);
                self.write(topic, partition as i32, compression, mine.map(|i| Numbered::new(i, value_bytes)));
            }
        }
    }

    fn write(
        &self,
        topic: &str,
        partition: i32,
        compression: Compression,
        records: impl Iterator<Item = Numbered>,
    ) {
        let mut batch = BatchBuilder::with_compression(compression).unwrap();
        for record in records {
            if batch.estimated_size() + record.value.len() > BATCH_BYTES && !batch.is_empty() {
                self.produce(topic, partition, None, batch.build());
                batch.clear();
            }
            record.append_to(&mut batch);
        }
        self.produce(topic, partition, None, batch.build());
    }

    /// Writes ten records with a long as key and a double as value, the value of the fifth (offset 4) being no double and
    /// that of the sixth null, then one with a list of strings and a UUID, to partition 0.
    pub fn fill_typed(&self, topic: &str) {
        let mut batch = BatchBuilder::new();
        for n in 0..10_i32 {
            let double = (f64::from(n) / 2.0).to_be_bytes();
            let value = match n {
                4 => Some(&[1, 2, 3][..]),
                5 => None,
                _ => Some(&double[..]),
            };
            batch.append(FIRST_TIMESTAMP, Some(&i64::from(n).to_be_bytes()), value, &[]).unwrap();
        }
        // ListSerializer: that entries have sizes of their own, how many there are, then each.
        let mut list = vec![1, 0, 0, 0, 3];
        for entry in ["one", "", "three"] {
            list.extend((entry.len() as i32).to_be_bytes());
            list.extend(entry.as_bytes());
        }
        let uuid = "01234567-89ab-cdef-8123-456789abcdef";
        batch.append(FIRST_TIMESTAMP, Some(&list), Some(uuid.as_bytes()), &[]).unwrap();
        self.produce(topic, 0, None, batch.build());
    }

    /// Sends a batch to the leader of its partition.
    pub fn produce(&self, topic: &str, partition: i32, transactional_id: Option<&str>, batch: Bytes) {
        let mut data = PartitionProduceData::default();
        (data.index, data.records) = (partition, Some(batch));
        let mut topic_data = TopicProduceData::default();
        (topic_data.name, topic_data.partition_data) = (Str::from(topic), vec![data]);
        let mut request = ProduceRequest::default();
        (request.acks, request.timeout_ms, request.topic_data) = (-1, 30_000, vec![topic_data]);
        request.transactional_id = transactional_id.map(Str::from);
        let leader = self.leader(topic, partition);
        let response = answer!(Produce, ask(&leader, PRODUCE, request));
        let outcome = &response.responses[0].partition_responses[0];
        assert_eq!(outcome.error_code, ErrorCode::NONE, "{outcome:?}");
    }
}

struct Numbered {
    timestamp: i64,
    key: String,
    value: String,
    n: String,
}

impl Numbered {
    fn new(i: u64, value_bytes: usize) -> Self {
        let mut value = format!("value-{i}");
        while value.len() < value_bytes {
            value += &format!(" filler {}", i * 31 % 9973);
        }
        Numbered { timestamp: FIRST_TIMESTAMP + i as i64, key: format!("key-{i}"), value, n: i.to_string() }
    }

    fn append_to(&self, batch: &mut BatchBuilder) {
        let headers = [Header { key: b"n", value: Some(self.n.as_bytes()) }];
        let (key, value) = (Some(self.key.as_bytes()), Some(self.value.as_bytes()));
        batch.append(self.timestamp, key, value, &headers).unwrap();
    }
}
