//! Each field alone, in versions that have it and in those that lack it, against what Kafka's own classes make of it:
//! `testdata/fields`. A field that Kafka marks as ignorable is left out, of any other one the version is refused; and what
//! stands beside it is as by default.

#![allow(non_snake_case, reason = "each test has the name of its message")]

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use milena_protocol::messages::*;
use milena_protocol::{Api, EncodeErrorKind, Message, MessageJson, RequestHeader, ResponseHeader};
use serde_json::Value;

/// The lines of the file of a message.
fn lines(message: &str) -> Vec<Value> {
    let path = format!("{}/../testdata/fields/{message}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether a field, read in one version, is written in each of the others as Kafka does it. `lead` is how many bytes come
/// before the message.
fn check<M: Message>(message: &str, lead: usize) {
    let mut failures = String::new();
    for line in lines(message) {
        let from = line["version"].as_i64().unwrap() as i16;
        let read = M::from_partial_json(&line["json"], from).unwrap_or_else(|e| panic!("{e}: {line}"));
        let versions: BTreeMap<String, Option<String>> =
            serde_json::from_value(line["bytes"].clone()).unwrap();
        for (version, wanted) in versions {
            let wanted = wanted.map(|bytes| Bytes::from(BASE64.decode(bytes).unwrap()).slice(lead..));
            let written = read.to_bytes(version.parse().unwrap());
            let same = match (&written, &wanted) {
                (Ok(written), Some(wanted)) => written == wanted,
                (Err(error), None) => {
                    matches!(error.kind, EncodeErrorKind::NotInVersion | EncodeErrorKind::UnexpectedNull)
                }
                _ => false,
            };
            if !same {
                let wanted = wanted.map_or("refused".to_owned(), |wanted| format!("{wanted:?}"));
                writeln!(failures, "{} of v{from} in v{version}: {written:?}, not {wanted}", line["json"])
                    .unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

macro_rules! fields {
    ($($message:ident $lead:literal)*) => {
        $(
            #[test]
            fn $message() {
                check::<self::$message>(stringify!($message), $lead);
            }
        )*

        const CHECKED: &[&str] = &[$(stringify!($message)),*];
    };
}

fields! {
    RequestHeader 0 ResponseHeader 0
    ProduceRequest 0 ProduceResponse 0
    FetchRequest 0 FetchResponse 0
    ListOffsetsRequest 0 ListOffsetsResponse 0
    MetadataRequest 0 MetadataResponse 0
    OffsetCommitRequest 0 OffsetCommitResponse 0
    OffsetFetchRequest 0 OffsetFetchResponse 0
    FindCoordinatorRequest 0 FindCoordinatorResponse 0
    JoinGroupRequest 0 JoinGroupResponse 0
    HeartbeatRequest 0 HeartbeatResponse 0
    LeaveGroupRequest 0 LeaveGroupResponse 0
    SyncGroupRequest 0 SyncGroupResponse 0
    DescribeGroupsRequest 0 DescribeGroupsResponse 0
    ListGroupsRequest 0 ListGroupsResponse 0
    ApiVersionsRequest 0 ApiVersionsResponse 0
    CreateTopicsRequest 0 CreateTopicsResponse 0
    DeleteTopicsRequest 0 DeleteTopicsResponse 0
    DeleteRecordsRequest 0 DeleteRecordsResponse 0
    InitProducerIdRequest 0 InitProducerIdResponse 0
    OffsetForLeaderEpochRequest 0 OffsetForLeaderEpochResponse 0
    AddPartitionsToTxnRequest 0 AddPartitionsToTxnResponse 0
    AddOffsetsToTxnRequest 0 AddOffsetsToTxnResponse 0
    EndTxnRequest 0 EndTxnResponse 0
    TxnOffsetCommitRequest 0 TxnOffsetCommitResponse 0
    DescribeConfigsRequest 0 DescribeConfigsResponse 0
    AlterConfigsRequest 0 AlterConfigsResponse 0
    CreatePartitionsRequest 0 CreatePartitionsResponse 0
    DeleteGroupsRequest 0 DeleteGroupsResponse 0
    IncrementalAlterConfigsRequest 0 IncrementalAlterConfigsResponse 0
    OffsetDeleteRequest 0 OffsetDeleteResponse 0
    DescribeClusterRequest 0 DescribeClusterResponse 0
    ConsumerGroupHeartbeatRequest 0 ConsumerGroupHeartbeatResponse 0
    ConsumerGroupDescribeRequest 0 ConsumerGroupDescribeResponse 0
    DescribeTopicPartitionsRequest 0 DescribeTopicPartitionsResponse 0
    // Their first two bytes are their version.
    ConsumerProtocolSubscription 2 ConsumerProtocolAssignment 2
}

#[test]
fn every_message_is_checked() {
    for api in Api::ALL.iter().filter(|api| api.is_parsed()) {
        for message in [format!("{api}Request"), format!("{api}Response")] {
            assert!(CHECKED.contains(&message.as_str()), "{message}");
        }
    }
}
