//! Every message against what Kafka's own classes wrote: `testdata/golden`, one line for each version and case.

#![allow(non_snake_case, reason = "each test has the name of its message")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::RangeInclusive;

use bytes::Bytes;
use milena_protocol::messages::*;
use milena_protocol::{DecodeError, EncodeError, Message, MessageJson, RequestHeader, ResponseHeader};

use common::{Case, cases};

mod common;

/// How many prefixes of a message are tried, about; below this size all of them.
const CUTS: usize = 5_000;

macro_rules! golden {
    ($($message:ident)*) => {
        $(
            #[test]
            fn $message() {
                check::<self::$message>(stringify!($message));
            }
        )*
    };
}

golden! {
    RequestHeader ResponseHeader
    ProduceRequest ProduceResponse
    FetchRequest FetchResponse
    ListOffsetsRequest ListOffsetsResponse
    MetadataRequest MetadataResponse
    OffsetCommitRequest OffsetCommitResponse
    OffsetFetchRequest OffsetFetchResponse
    FindCoordinatorRequest FindCoordinatorResponse
    JoinGroupRequest JoinGroupResponse
    HeartbeatRequest HeartbeatResponse
    LeaveGroupRequest LeaveGroupResponse
    SyncGroupRequest SyncGroupResponse
    DescribeGroupsRequest DescribeGroupsResponse
    ListGroupsRequest ListGroupsResponse
    ApiVersionsRequest ApiVersionsResponse
    CreateTopicsRequest CreateTopicsResponse
    DeleteTopicsRequest DeleteTopicsResponse
    DeleteRecordsRequest DeleteRecordsResponse
    InitProducerIdRequest InitProducerIdResponse
    OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse
    AddPartitionsToTxnRequest AddPartitionsToTxnResponse
    AddOffsetsToTxnRequest AddOffsetsToTxnResponse
    EndTxnRequest EndTxnResponse
    TxnOffsetCommitRequest TxnOffsetCommitResponse
    DescribeConfigsRequest DescribeConfigsResponse
    AlterConfigsRequest AlterConfigsResponse
    CreatePartitionsRequest CreatePartitionsResponse
    DeleteGroupsRequest DeleteGroupsResponse
    IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse
    OffsetDeleteRequest OffsetDeleteResponse
    DescribeClusterRequest DescribeClusterResponse
    ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse
    ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse
    DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse
}

#[test]
fn ConsumerProtocolSubscription() {
    check_with("ConsumerProtocolSubscription", ConsumerProtocolSubscription::VERSIONS, |case| {
        check_blob(case, ConsumerProtocolSubscription::from_blob, ConsumerProtocolSubscription::to_blob)
    });
}

#[test]
fn ConsumerProtocolAssignment() {
    check_with("ConsumerProtocolAssignment", ConsumerProtocolAssignment::VERSIONS, |case| {
        check_blob(case, ConsumerProtocolAssignment::from_blob, ConsumerProtocolAssignment::to_blob)
    });
}

fn check<M: Message>(message: &str) {
    check_with(message, M::VERSIONS, check_case::<M>);
}

fn check_with(
    message: &str,
    versions: RangeInclusive<i16>,
    check_case: impl Fn(&Case) -> Result<(), String>,
) {
    let cases = cases(message);
    let found: BTreeSet<i16> = cases.iter().map(|case| case.version).collect();
    let wanted: BTreeSet<i16> = versions.collect();
    assert_eq!(
        found, wanted,
        "{message}: the versions that have golden lines are not the versions that exist"
    );

    let mut failures = String::new();
    for case in &cases {
        if let Err(problem) = check_case(case) {
            writeln!(failures, "{message} v{} {}: {problem}", case.version, case.name).unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn check_case<M: Message>(case: &Case) -> Result<(), String> {
    let Case { version, ref name, ref bytes, ref json } = *case;
    let decoded = M::read(bytes, version).map_err(|e| e.to_string())?;

    let written = decoded.to_bytes(version).map_err(|e| e.to_string())?;
    same("bytes written again", &written, bytes)?;
    let as_json = decoded.to_json(version).map_err(|e| e.to_string())?;
    if as_json != *json {
        return Err(format!("JSON\n  {as_json}\nshould be\n  {json}"));
    }
    // Unknown tagged fields have no JSON, so those bytes come from the value alone.
    let parsed = M::from_json(json, version).map_err(|e| e.to_string())?;
    if name.starts_with("tagged") {
        same("JSON of the JSON", &parsed.to_json(version).unwrap(), json)?;
    } else {
        same("value of the JSON", &parsed, &decoded)?;
        same("bytes of the JSON", &parsed.to_bytes(version).map_err(|e| e.to_string())?, bytes)?;
    }
    if name == "default" {
        same("default", &M::default().to_bytes(version).map_err(|e| e.to_string())?, bytes)?;
    }

    for end in (0..bytes.len()).step_by(1 + bytes.len() / CUTS) {
        match M::read(&bytes.slice(..end), version) {
            Ok(_) => return Err(format!("the first {end} bytes alone were accepted")),
            Err(e) if e.offset > end => return Err(format!("an error beyond the end: {e}")),
            Err(_) => {}
        }
    }
    let longer = Bytes::from([bytes.as_ref(), &[0]].concat());
    match M::read(&longer, version) {
        Ok(_) => Err("one byte more was accepted".to_owned()),
        Err(_) => Ok(()),
    }
}

fn check_blob<M: Message>(
    case: &Case,
    from_blob: impl Fn(&Bytes) -> Result<(i16, M), DecodeError>,
    to_blob: impl Fn(&M, i16) -> Result<Bytes, EncodeError>,
) -> Result<(), String> {
    let Case { version, ref name, ref bytes, ref json } = *case;
    let (found, decoded) = from_blob(bytes).map_err(|e| e.to_string())?;
    same("version", &found, &version)?;
    same("bytes written again", &to_blob(&decoded, version).map_err(|e| e.to_string())?, bytes)?;
    same("JSON", &decoded.to_json(version).map_err(|e| e.to_string())?, json)?;
    same("value of the JSON", &M::from_json(json, version).map_err(|e| e.to_string())?, &decoded)?;
    if name == "default" {
        same("default", &to_blob(&M::default(), version).map_err(|e| e.to_string())?, bytes)?;
    }
    // What follows the fields is a newer version's, so only a blob that is too short is an error.
    for end in 1..bytes.len() {
        if from_blob(&bytes.slice(..end)).is_ok() {
            return Err(format!("the first {end} bytes alone were accepted"));
        }
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}\n  {found:?}\nshould be\n  {wanted:?}")) }
}
