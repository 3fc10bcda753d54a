//! The transactions that `testdata/launcher/Transactor.java` and `Transactions.java` write, by requests.

use std::time::{SystemTime, UNIX_EPOCH};

use milena_protocol::messages::add_partitions_to_txn::AddPartitionsToTxnTopic;
use milena_protocol::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, FindCoordinatorRequest, InitProducerIdRequest,
};
use milena_protocol::records::BatchBuilder;
use milena_protocol::{ErrorCode, Str};

use crate::cluster::Cluster;
use crate::wire::{answer, ask};

const TIMEOUT_MS: i32 = 600_000;
const FIND_COORDINATOR: i16 = 3;
/// What has a coordinator: a transactional id, not a group.
const TRANSACTION: i8 = 1;
const INIT_PRODUCER_ID: i16 = 4;
/// The last version that clients send.
const ADD_PARTITIONS: i16 = 3;
/// The last version before KIP-890, which makes an epoch of each transaction.
const END: i16 = 3;

impl Cluster {
    /// Writes records in a transaction to one partition, with values such as `commit-0`; `end` is `commit`, `abort`, or
    /// `open` for a transaction that stays so for ten minutes. A transaction of the same id that is still open is aborted.
    pub fn transaction(&self, id: &str, topic: &str, partition: i32, records: u32, end: &str) {
        let producer = Producer::new(self, id);
        producer.begin(topic, partition);
        for n in 0..records {
            let mut batch = BatchBuilder::new();
            batch.append(now_ms(), None, Some(format!("{end}-{n}").as_bytes()), &[]).unwrap();
            producer.send(topic, partition, n as i32, batch);
        }
        producer.end(end);
    }

    /// Writes transactions to partition 0 of a topic: how each ends (`commit`, `abort`, or `open` for not yet), and how many
    /// records it has. Key and value of a record begin with the end of its transaction. Each marker takes an offset too.
    pub fn transact(&self, topic: &str, transactions: &[(&str, u64)]) {
        for (i, (end, records)) in transactions.iter().enumerate() {
            let id = format!("transactions-{topic}-{i}");
            let producer = Producer::new(self, &id);
            producer.begin(topic, 0);
            let mut batch = BatchBuilder::new();
            for n in 0..*records {
                let value = format!("{end}-{n}");
                batch.append(now_ms(), Some(end.as_bytes()), Some(value.as_bytes()), &[]).unwrap();
            }
            producer.send(topic, 0, 0, batch);
            producer.end(end);
        }
    }
}

struct Producer<'a> {
    cluster: &'a Cluster,
    transactional_id: &'a str,
    coordinator: String,
    producer_id: i64,
    producer_epoch: i16,
}

impl<'a> Producer<'a> {
    fn new(cluster: &'a Cluster, transactional_id: &'a str) -> Self {
        loop {
            let mut request = InitProducerIdRequest::default();
            request.transactional_id = Some(Str::from(transactional_id));
            request.transaction_timeout_ms = TIMEOUT_MS;
            let coordinator = coordinator(cluster, transactional_id);
            let response = answer!(InitProducerId, ask(&coordinator, INIT_PRODUCER_ID, request));
            match response.error_code {
                ErrorCode::NONE => {
                    let (producer_id, producer_epoch) = (response.producer_id, response.producer_epoch);
                    return Producer { cluster, transactional_id, coordinator, producer_id, producer_epoch };
                }
                // Its last transaction is being aborted.
                ErrorCode::CONCURRENT_TRANSACTIONS => std::thread::yield_now(),
                error => panic!("{error}"),
            }
        }
    }

    fn begin(&self, topic: &str, partition: i32) {
        let mut added = AddPartitionsToTxnTopic::default();
        (added.name, added.partitions) = (Str::from(topic), vec![partition]);
        let mut request = AddPartitionsToTxnRequest::default();
        request.v3_and_below_transactional_id = Str::from(self.transactional_id);
        request.v3_and_below_producer_id = self.producer_id;
        request.v3_and_below_producer_epoch = self.producer_epoch;
        request.v3_and_below_topics = vec![added];
        let response = answer!(AddPartitionsToTxn, ask(&self.coordinator, ADD_PARTITIONS, request));
        let outcome = &response.results_by_topic_v3_and_below[0].results_by_partition[0];
        assert_eq!(outcome.partition_error_code, ErrorCode::NONE);
    }

    fn send(&self, topic: &str, partition: i32, sequence: i32, mut batch: BatchBuilder) {
        batch.set_producer(self.producer_id, self.producer_epoch, sequence).set_transactional(true);
        self.cluster.produce(topic, partition, Some(self.transactional_id), batch.build());
    }

    fn end(&self, end: &str) {
        let committed = match end {
            "commit" => true,
            "abort" => false,
            "open" => return,
            other => panic!("a transaction does not end with {other}"),
        };
        let mut request = EndTxnRequest::default();
        request.transactional_id = Str::from(self.transactional_id);
        (request.producer_id, request.producer_epoch) = (self.producer_id, self.producer_epoch);
        request.committed = committed;
        let response = answer!(EndTxn, ask(&self.coordinator, END, request));
        assert_eq!(response.error_code, ErrorCode::NONE);
    }
}

fn coordinator(cluster: &Cluster, transactional_id: &str) -> String {
    let mut request = FindCoordinatorRequest::default();
    (request.key, request.key_type) = (Str::from(transactional_id), TRANSACTION);
    let response = answer!(FindCoordinator, ask(&cluster.address(0), FIND_COORDINATOR, request));
    assert_eq!(response.error_code, ErrorCode::NONE);
    format!("{}:{}", response.host, response.port)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}
