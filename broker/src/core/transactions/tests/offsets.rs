//! Offsets of groups that are committed in a transaction.

use milena_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic};
use milena_protocol::messages::txn_offset_commit::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use milena_protocol::messages::{AddOffsetsToTxnRequest, OffsetFetchRequest, TxnOffsetCommitRequest};

use super::*;

fn commit(client: &Client, sim: &mut Sim, version: i16, offset: i64) -> ErrorCode {
    let mut partition = TxnOffsetCommitRequestPartition::default();
    partition.committed_offset = offset;
    let mut topic = TxnOffsetCommitRequestTopic::default();
    (topic.name, topic.partitions) = ("t".into(), vec![partition]);
    let mut request = TxnOffsetCommitRequest::default();
    (request.transactional_id, request.group_id) = (client.id.as_str().into(), "g".into());
    (request.producer_id, request.producer_epoch) = (client.producer.id, client.producer.epoch);
    request.topics = vec![topic];
    sim.ask(client.connection, version, request).topics[0].partitions[0].error_code
}

fn add_offsets(client: &Client, sim: &mut Sim, version: i16) -> ErrorCode {
    let mut request = AddOffsetsToTxnRequest::default();
    (request.transactional_id, request.group_id) = (client.id.as_str().into(), "g".into());
    (request.producer_id, request.producer_epoch) = (client.producer.id, client.producer.epoch);
    sim.ask(client.connection, version, request).error_code
}

fn committed(client: &Client, sim: &mut Sim) -> i64 {
    let mut topic = OffsetFetchRequestTopic::default();
    (topic.name, topic.partition_indexes) = ("t".into(), vec![0]);
    let mut group = OffsetFetchRequestGroup::default();
    (group.group_id, group.topics) = ("g".into(), Some(vec![topic]));
    let mut request = OffsetFetchRequest::default();
    request.groups = vec![group];
    sim.ask(client.connection, 8, request).groups[0].topics[0].partitions[0].committed_offset
}

#[test]
fn offsets_count_when_the_transaction_is_committed() {
    let mut sim = sim(&[]);
    let mut client = Client::new(&mut sim, "a");
    find(&mut sim, client.connection, "g", 0);
    assert_eq!(commit(&client, &mut sim, 3, 5), ErrorCode::INVALID_TXN_STATE);
    assert_eq!(commit(&client, &mut sim, 4, 5), ErrorCode::TRANSACTION_ABORTABLE);
    assert_eq!(add_offsets(&client, &mut sim, 3), ErrorCode::NONE);
    assert_eq!(commit(&client, &mut sim, 3, 5), ErrorCode::NONE);
    assert_eq!(committed(&client, &mut sim), -1);
    assert_eq!(client.end(&mut sim, 4, true), ErrorCode::NONE);
    assert_eq!(committed(&client, &mut sim), 5);
    // Newer clients do not say it beforehand.
    assert_eq!(commit(&client, &mut sim, 5, 7), ErrorCode::NONE);
    assert_eq!(client.end(&mut sim, 5, false), ErrorCode::NONE);
    assert_eq!(committed(&client, &mut sim), 5);
    assert_eq!(commit(&client, &mut sim, 5, 8), ErrorCode::NONE);
    assert_eq!(client.end(&mut sim, 5, true), ErrorCode::NONE);
    assert_eq!(committed(&client, &mut sim), 8);
}

#[test]
fn a_fenced_producer_commits_nothing() {
    let mut sim = sim(&[]);
    let first = Client::new(&mut sim, "a");
    find(&mut sim, first.connection, "g", 0);
    Client::new(&mut sim, "a");
    assert_eq!(add_offsets(&first, &mut sim, 3), ErrorCode::PRODUCER_FENCED);
    assert_eq!(add_offsets(&first, &mut sim, 1), ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(commit(&first, &mut sim, 5, 5), ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(commit(&first, &mut sim, 3, 5), ErrorCode::INVALID_PRODUCER_EPOCH);
}

#[test]
fn adding_the_offsets_of_a_group_finds_its_coordinator() {
    let mut sim = sim(&[]);
    let client = Client::new(&mut sim, "a");
    assert!(sim.core.catalog().topic("__consumer_offsets").is_none());
    assert_eq!(add_offsets(&client, &mut sim, 4), ErrorCode::NONE);
    assert_eq!(commit(&client, &mut sim, 3, 5), ErrorCode::NONE);
}
