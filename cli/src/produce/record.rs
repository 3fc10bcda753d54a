//! What a line of standard input means.

use milena_client::ProducerRecord;
use milena_protocol::records::Header;

/// A header's name and value.
pub type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

/// What a line means, with all that it has.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub topic: String,
    pub partition: Option<i32>,
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<OwnedHeader>,
}

impl Record {
    pub fn as_record(&self) -> ProducerRecord<'_> {
        let mut record = ProducerRecord::new(&self.topic);
        (record.partition, record.timestamp) = (self.partition, self.timestamp);
        (record.key, record.value) = (self.key.as_deref(), self.value.as_deref());
        for (key, value) in &self.headers {
            record.headers.push(Header { key, value: value.as_deref() });
        }
        record
    }

    /// The bytes of key and value.
    pub fn bytes(&self) -> u64 {
        [&self.key, &self.value].into_iter().flatten().map(|bytes| bytes.len() as u64).sum()
    }
}
