//! What is committed, and what is found again.

mod commit;
mod fetch;
mod forget;
mod transactions;

use milena_protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use milena_protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchResponsePartition,
};
use milena_protocol::messages::txn_offset_commit::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use milena_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, TxnOffsetCommitRequest,
};
use milena_protocol::{ErrorCode, Uuid};

use crate::core::groups::test_support::*;

/// By names: topics have ids from v10 on.
fn by_name() -> Bench {
    let mut bench = Bench::prompt();
    bench.version = Some(9);
    bench.topic("t", 2);
    bench
}

/// Commits offset 5 for partition 0 of topic "t", as nobody's member.
fn commit() -> OffsetCommitRequest {
    let mut partition = OffsetCommitRequestPartition::default();
    (partition.partition_index, partition.committed_offset) = (0, 5);
    (partition.committed_leader_epoch, partition.committed_metadata) = (3, Some("note".into()));
    let mut topic = OffsetCommitRequestTopic::default();
    (topic.name, topic.partitions) = ("t".into(), vec![partition]);
    let mut request = OffsetCommitRequest::default();
    (request.group_id, request.topics) = ("g".into(), vec![topic]);
    (request.generation_id_or_member_epoch, request.retention_time_ms) = (-1, -1);
    request
}

/// The same, as a member of a generation.
fn commit_as(member_id: &str, generation: i32) -> OffsetCommitRequest {
    let mut request = commit();
    (request.member_id, request.generation_id_or_member_epoch) = (member_id.into(), generation);
    request
}

/// The outcome for the first partition.
fn first(response: &OffsetCommitResponse) -> ErrorCode {
    response.topics[0].partitions[0].error_code
}

/// Asks for partitions 0 and 1 of topic "t".
fn fetch() -> OffsetFetchRequest {
    let mut topic = OffsetFetchRequestTopic::default();
    (topic.name, topic.partition_indexes) = ("t".into(), vec![0, 1]);
    let mut group = OffsetFetchRequestGroup::default();
    (group.group_id, group.topics, group.member_epoch) = ("g".into(), Some(vec![topic]), -1);
    let mut request = OffsetFetchRequest::default();
    request.groups = vec![group];
    request
}

/// What is committed for partition 0 of topic "t".
fn committed(bench: &mut Bench) -> OffsetFetchResponsePartition {
    let version = bench.version.replace(9);
    let response = bench.now(fetch());
    bench.version = version;
    response.groups[0].topics[0].partitions[0].clone()
}

/// Commits offset 8 for partition 0 of topic "t" in a transaction.
fn commit_in_transaction() -> TxnOffsetCommitRequest {
    let mut partition = TxnOffsetCommitRequestPartition::default();
    (partition.partition_index, partition.committed_offset) = (0, 8);
    let mut topic = TxnOffsetCommitRequestTopic::default();
    (topic.name, topic.partitions) = ("t".into(), vec![partition]);
    let mut request = TxnOffsetCommitRequest::default();
    (request.group_id, request.topics) = ("g".into(), vec![topic]);
    (request.producer_id, request.generation_id) = (77, -1);
    request
}

/// Sends it, and gives back the outcome for the first partition.
fn in_transaction(bench: &mut Bench, request: TxnOffsetCommitRequest) -> ErrorCode {
    bench.now(request).topics[0].partitions[0].error_code
}
