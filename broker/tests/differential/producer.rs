//! A transactional producer, as clients of different ages are: what it asks, and what is read of what it wrote.
//!
//! Kafka writes the ends of transactions a moment after it has answered, so that scenarios wait for that
//! ([`Producer::settle`]) before they go on.

use milena_protocol::Api;
use milena_protocol::records::Compression;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::produce::request;
use crate::records::{base64, builder};
use crate::side::Side;

pub const CONCURRENT_TRANSACTIONS: i64 = 51;

/// A transactional producer.
pub struct Producer<'s> {
    pub side: &'s Side,
    pub connection: Connection<'s>,
    pub id: String,
    pub producer_id: i64,
    pub epoch: i64,
}

pub fn init(id: Option<&str>, was: (i64, i64), timeout_ms: i64, version: i16) -> Value {
    let mut asked = json!({ "transactionalId": id, "transactionTimeoutMs": timeout_ms });
    if version >= 3 {
        (asked["producerId"], asked["producerEpoch"]) = (was.0.into(), was.1.into());
    }
    asked
}

impl<'s> Producer<'s> {
    /// The first of this name.
    pub fn new(side: &'s Side, name: &str) -> Self {
        let mut connection = side.connect();
        let id = side.name(name);
        let key = json!({ "key": id, "keyType": 1 });
        connection.until(Api::FindCoordinator, 1, key, |answer| answer["errorCode"] == 0);
        let mut producer = Producer { side, connection, id, producer_id: -1, epoch: -1 };
        producer.begin();
        producer
    }

    /// A copy of it that knows what this one knows.
    pub fn twin(&self) -> Self {
        let connection = self.side.connect();
        Producer { connection, id: self.id.clone(), ..*self }
    }

    /// InitProducerId, until it is this producer's turn.
    pub fn begin(&mut self) {
        let asked = init(Some(&self.id), (-1, -1), 60_000, 4);
        let done = |answer: &Value| answer["errorCode"] != CONCURRENT_TRANSACTIONS;
        let answer = self.connection.until(Api::InitProducerId, 4, asked, done);
        self.side.observe("begins", &answer);
        self.is_now(&answer);
    }

    pub fn is_now(&mut self, answer: &Value) {
        if let (Some(id @ 0..), Some(epoch)) =
            (answer["producerId"].as_i64(), answer["producerEpoch"].as_i64())
        {
            (self.producer_id, self.epoch) = (id, epoch);
        }
    }

    /// InitProducerId as whom it says it was.
    pub fn goes_on(&mut self, version: i16, was: (i64, i64)) -> Value {
        self.connection.ask(Api::InitProducerId, version, init(Some(&self.id), was, 60_000, version))
    }

    pub fn add(&mut self, version: i16, topic: &str, partitions: &[i32]) -> Value {
        let asked = json!({
            "v3AndBelowTransactionalId": self.id, "v3AndBelowProducerId": self.producer_id,
            "v3AndBelowProducerEpoch": self.epoch,
            "v3AndBelowTopics": [{ "name": topic, "partitions": partitions }],
        });
        self.connection.ask(Api::AddPartitionsToTxn, version, asked)
    }

    /// As brokers ask each other.
    pub fn as_broker(&self, topic: &str, partitions: &[i32], verify_only: bool) -> Value {
        json!({ "transactions": [{
            "transactionalId": self.id, "producerId": self.producer_id, "producerEpoch": self.epoch,
            "verifyOnly": verify_only, "topics": [{ "name": topic, "partitions": partitions }],
        }] })
    }

    /// Waits until the transaction that was ended is over.
    pub fn settle(&mut self, topic: &str) {
        let asked = self.as_broker(topic, &[0], true);
        self.connection.until(Api::AddPartitionsToTxn, 4, asked, |answer| {
            let results = &answer["resultsByTransaction"][0]["topicResults"][0]["resultsByPartition"];
            results[0]["partitionErrorCode"] != CONCURRENT_TRANSACTIONS
        });
    }

    pub fn write(&mut self, version: i16, topic: &str, sequence: i32, values: &[&str]) -> Value {
        let mut builder = builder(values, Compression::None);
        builder.set_producer(self.producer_id, self.epoch as i16, sequence).set_transactional(true);
        let mut asked = request(topic, 0, -1, base64(&builder.build()).into());
        asked["transactionalId"] = self.id.as_str().into();
        self.connection.ask(Api::Produce, version, asked)
    }

    pub fn end(&mut self, version: i16, committed: bool) -> Value {
        let asked = json!({
            "transactionalId": self.id, "producerId": self.producer_id, "producerEpoch": self.epoch,
            "committed": committed,
        });
        let answer = self.connection.ask(Api::EndTxn, version, asked);
        self.is_now(&answer);
        answer
    }

    /// Ends the transaction, and waits until that is done.
    pub fn finish(&mut self, version: i16, committed: bool, topic: &str) {
        self.end(version, committed);
        self.settle(topic);
    }

    pub fn add_offsets(&mut self, version: i16, group: &str) -> Value {
        let asked = json!({
            "transactionalId": self.id, "producerId": self.producer_id, "producerEpoch": self.epoch,
            "groupId": group,
        });
        self.connection.ask(Api::AddOffsetsToTxn, version, asked)
    }

    pub fn commit_offset(&mut self, version: i16, group: &str, topic: &str, offset: i64) -> Value {
        let partition = json!({ "partitionIndex": 0, "committedOffset": offset, "committedMetadata": "m" });
        let asked = json!({
            "transactionalId": self.id, "producerId": self.producer_id, "producerEpoch": self.epoch,
            "groupId": group, "topics": [{ "name": topic, "partitions": [partition] }],
        });
        self.connection.ask(Api::TxnOffsetCommit, version, asked)
    }
}

/// Reads with both isolation levels, and asks for the end of the log with both.
pub fn read(side: &Side, topic: &str, offset: i64) {
    let mut connection = side.connect();
    for isolation in [0, 1] {
        let partition = json!({ "partition": 0, "fetchOffset": offset, "partitionMaxBytes": 1 << 20 });
        let asked = json!({
            "replicaId": -1, "maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 24, "isolationLevel": isolation,
            "topics": [{ "topic": topic, "partitions": [partition] }],
        });
        connection.ask(Api::Fetch, 12, asked);
        let asked = json!({
            "replicaId": -1, "isolationLevel": isolation,
            "topics": [{ "name": topic, "partitions": [{ "partitionIndex": 0, "timestamp": -1 }] }],
        });
        connection.ask(Api::ListOffsets, 7, asked);
    }
}

pub fn offsets(side: &Side, group: &str, topic: &str) {
    for stable in [false, true] {
        let topics = json!([{ "name": topic, "partitionIndexes": [0] }]);
        let asked = json!({ "groups": [{ "groupId": group, "topics": topics }], "requireStable": stable });
        side.connect().ask(Api::OffsetFetch, 8, asked);
    }
}
