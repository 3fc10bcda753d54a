//! Transactions, from the outside.

mod epochs;
mod offsets;
mod records;
mod soak;
mod time;

use bytes::Bytes;
use milena_protocol::ErrorCode;
use milena_protocol::messages::add_partitions_to_txn::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use milena_protocol::messages::fetch::PartitionData;
use milena_protocol::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, FetchRequest, FetchResponse, FindCoordinatorRequest,
    InitProducerIdRequest,
};
use milena_protocol::records::{BatchBuilder, Batches};

use super::Producer;
use crate::core::io::ConnectionId;
use crate::core::test_support::{NOON, Sim, fetch_request, produce_request};

/// A transactional producer, that speaks these versions of AddPartitionsToTxn, Produce and EndTxn.
#[derive(Clone)]
struct Client {
    id: String,
    connection: ConnectionId,
    producer: Producer,
    sequences: Vec<i32>,
}

/// A cluster of one broker with a topic `t` of three partitions.
fn sim(settings: &[(&str, &str)]) -> Sim {
    let mut sim = Sim::new(settings);
    sim.topic("t", 3, &[]);
    sim
}

fn init_request(id: Option<&str>, was: (i64, i16)) -> InitProducerIdRequest {
    let mut request = InitProducerIdRequest::default();
    (request.transactional_id, request.transaction_timeout_ms) = (id.map(Into::into), 60_000);
    (request.producer_id, request.producer_epoch) = was;
    request
}

fn init(
    sim: &mut Sim,
    connection: ConnectionId,
    request: InitProducerIdRequest,
) -> Result<Producer, ErrorCode> {
    let response = sim.ask(connection, 4, request);
    match response.error_code {
        ErrorCode::NONE => Ok(Producer { id: response.producer_id, epoch: response.producer_epoch }),
        code => {
            assert_eq!((response.producer_id, response.producer_epoch), (-1, -1));
            Err(code)
        }
    }
}

/// The first time, this makes the topic that says who coordinates.
fn find(sim: &mut Sim, connection: ConnectionId, id: &str, key_type: i8) -> i32 {
    let mut request = FindCoordinatorRequest::default();
    (request.key, request.key_type) = (id.into(), key_type);
    sim.ask(connection, 3, request).node_id
}

impl Client {
    fn new(sim: &mut Sim, id: &str) -> Self {
        let anywhere = sim.connect(1);
        let node_id = find(sim, anywhere, id, 1);
        let connection = sim.connect(node_id);
        let producer = Producer { id: -1, epoch: -1 };
        let mut client = Client { id: id.into(), connection, producer, sequences: vec![0; 3] };
        client.begin(sim);
        client
    }

    /// InitProducerId, until it works.
    fn begin(&mut self, sim: &mut Sim) {
        loop {
            match init(sim, self.connection, init_request(Some(&self.id), (-1, -1))) {
                Ok(producer) => break self.is_now(producer),
                Err(code) => assert_eq!(code, ErrorCode::CONCURRENT_TRANSACTIONS),
            }
        }
    }

    fn is_now(&mut self, producer: Producer) {
        if producer != self.producer {
            self.sequences = vec![0; 3];
        }
        self.producer = producer;
    }

    fn add(&self, sim: &mut Sim, version: i16, partitions: &[i32]) -> Vec<ErrorCode> {
        let mut topic = AddPartitionsToTxnTopic::default();
        (topic.name, topic.partitions) = ("t".into(), partitions.to_vec());
        let mut request = AddPartitionsToTxnRequest::default();
        request.v3_and_below_transactional_id = self.id.as_str().into();
        request.v3_and_below_producer_id = self.producer.id;
        request.v3_and_below_producer_epoch = self.producer.epoch;
        request.v3_and_below_topics = vec![topic];
        let response = sim.ask(self.connection, version, request);
        let results = &response.results_by_topic_v3_and_below[0].results_by_partition;
        results.iter().map(|result| result.partition_error_code).collect()
    }

    /// As other brokers ask (v4).
    fn ask_as_broker(&self, sim: &mut Sim, verify_only: bool, partition: i32) -> ErrorCode {
        let mut topic = AddPartitionsToTxnTopic::default();
        (topic.name, topic.partitions) = ("t".into(), vec![partition]);
        let mut asked = AddPartitionsToTxnTransaction::default();
        (asked.transactional_id, asked.verify_only) = (self.id.as_str().into(), verify_only);
        (asked.producer_id, asked.producer_epoch) = (self.producer.id, self.producer.epoch);
        asked.topics = vec![topic];
        let mut request = AddPartitionsToTxnRequest::default();
        request.transactions = vec![asked];
        let response = sim.ask(self.connection, 4, request);
        response.results_by_transaction[0].topic_results[0].results_by_partition[0].partition_error_code
    }

    fn batch(&self, partition: i32, values: &[&str]) -> Bytes {
        let mut builder = BatchBuilder::new();
        let sequence = self.sequences[partition as usize];
        builder.set_producer(self.producer.id, self.producer.epoch, sequence).set_transactional(true);
        for value in values {
            builder.append(NOON, Some(b"key"), Some(value.as_bytes()), &[]).unwrap();
        }
        builder.build()
    }

    fn write(&mut self, sim: &mut Sim, version: i16, partition: i32, values: &[&str]) -> ErrorCode {
        let mut request = produce_request("t", partition, self.batch(partition, values), -1);
        request.transactional_id = Some(self.id.as_str().into());
        let response = sim.ask(self.connection, version, request);
        let code = response.responses[0].partition_responses[0].error_code;
        if code.is_none() {
            self.sequences[partition as usize] += values.len() as i32;
        }
        code
    }

    fn end(&mut self, sim: &mut Sim, version: i16, committed: bool) -> ErrorCode {
        let mut request = EndTxnRequest::default();
        (request.transactional_id, request.committed) = (self.id.as_str().into(), committed);
        (request.producer_id, request.producer_epoch) = (self.producer.id, self.producer.epoch);
        let response = sim.ask(self.connection, version, request);
        let next = Producer { id: response.producer_id, epoch: response.producer_epoch };
        if next.id >= 0 {
            self.is_now(next);
        }
        response.error_code
    }
}

fn committed_request(partition: i32, offset: i64) -> FetchRequest {
    let mut request = fetch_request("t", partition, offset);
    (request.isolation_level, request.max_wait_ms) = (1, 0);
    request
}

/// Fetches with read_committed.
fn fetch(sim: &mut Sim, partition: i32, offset: i64) -> PartitionData {
    let (leader, _) = sim.core.leader("t", partition).unwrap();
    let connection = sim.connect(leader.unwrap());
    let response: FetchResponse = sim.ask(connection, 12, committed_request(partition, offset));
    let data = response.responses[0].partitions[0].clone();
    assert_eq!(data.error_code, ErrorCode::NONE);
    data
}

/// What a consumer makes of a partition with read_committed: the values of all committed records.
fn committed_values(sim: &mut Sim, partition: i32) -> Vec<String> {
    let (mut offset, mut values) = (0, Vec::new());
    let mut decompressor = milena_protocol::records::Decompressor::new();
    loop {
        let data = fetch(sim, partition, offset);
        let mut aborted = data.aborted_transactions.clone().expect("a list, if an empty one");
        aborted.sort_by_key(|aborted| aborted.first_offset);
        let mut active = std::collections::BTreeSet::new();
        let records = data.records.unwrap();
        if records.is_empty() {
            assert_eq!(offset, data.last_stable_offset);
            return values;
        }
        for batch in Batches::new(&records) {
            let batch = batch.unwrap();
            let begun = aborted.extract_if(.., |aborted| aborted.first_offset <= batch.last_offset);
            active.extend(begun.map(|aborted| aborted.producer_id));
            offset = batch.header().next_offset();
            if batch.is_control {
                active.remove(&batch.producer_id);
            } else if !(batch.is_transactional && active.contains(&batch.producer_id)) {
                for record in batch.records(&mut decompressor).unwrap() {
                    values.push(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
                }
            }
        }
    }
}
