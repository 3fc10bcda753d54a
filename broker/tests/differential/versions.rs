//! ApiVersions, versions that there are not, and bytes that are no request.

use milena_protocol::{Api, ErrorCode};
use serde_json::{Value, json};

use crate::same_on_both;
use crate::side::Side;

/// What the embedded broker is there for: the APIs of clients.
const CLIENTS: &[Api] = &[
    Api::Produce,
    Api::Fetch,
    Api::ListOffsets,
    Api::Metadata,
    Api::OffsetCommit,
    Api::OffsetFetch,
    Api::FindCoordinator,
    Api::JoinGroup,
    Api::Heartbeat,
    Api::LeaveGroup,
    Api::SyncGroup,
    Api::DescribeGroups,
    Api::ListGroups,
    Api::ApiVersions,
    Api::IncrementalAlterConfigs,
    Api::CreateTopics,
    Api::DeleteTopics,
    Api::DeleteRecords,
    Api::InitProducerId,
    Api::OffsetForLeaderEpoch,
    Api::AddPartitionsToTxn,
    Api::AddOffsetsToTxn,
    Api::EndTxn,
    Api::TxnOffsetCommit,
    Api::DescribeConfigs,
    Api::CreatePartitions,
    Api::DeleteGroups,
    Api::OffsetDelete,
    Api::DescribeCluster,
    Api::ConsumerGroupHeartbeat,
    Api::ConsumerGroupDescribe,
    Api::DescribeTopicPartitions,
];
/// The features that change what clients do.
const FEATURES: &[&str] = &["group.version", "metadata.version", "transaction.version"];

/// Leaves out what the embedded broker does not have on purpose.
fn for_clients(mut answer: Value) -> Value {
    let is_for_clients = |api: &Value| CLIENTS.iter().any(|known| api["apiKey"] == known.key());
    if let Some(apis) = answer["apiKeys"].as_array_mut() {
        apis.retain(is_for_clients);
    }
    for field in ["supportedFeatures", "finalizedFeatures"] {
        if let Some(features) = answer.get_mut(field).and_then(Value::as_array_mut) {
            features.retain(|feature| FEATURES.iter().any(|known| feature["name"] == **known));
        }
    }
    answer
}

#[test]
fn the_same_versions_of_the_apis_of_clients_are_offered() {
    same_on_both(|side| {
        for version in 0..=4 {
            let mut asked = json!({});
            if version >= 3 {
                asked = json!({ "clientSoftwareName": "milena", "clientSoftwareVersion": "1.0" });
            }
            let answer = side.connect().ask_quietly(Api::ApiVersions, version, asked);
            side.observe(&format!("ApiVersions v{version}"), &for_clients(answer));
        }
    });
}

#[test]
fn names_of_software_are_checked() {
    same_on_both(|side| {
        let mut connection = side.connect();
        for (name, version) in [
            ("", "1.0"),
            ("a", ""),
            ("-a", "1"),
            ("a.", "1"),
            ("a b", "1"),
            ("a_b", "1"),
            ("a-b.C9", "1.0-x"),
        ] {
            let asked = json!({ "clientSoftwareName": name, "clientSoftwareVersion": version });
            let answer = connection.ask_quietly(Api::ApiVersions, 3, asked);
            side.note(format!("{name:?} {version:?}: {}", answer["errorCode"]));
        }
    });
}

/// A header of version 1, without a client id, and no body.
fn bare_request(api_key: i16, version: i16) -> Vec<u8> {
    let mut frame = vec![0, 0, 0, 10];
    frame.extend(api_key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend([0, 0, 0, 7, 0xff, 0xff]);
    frame
}

/// Sends bytes on a connection of their own, and says what comes back first.
fn sent(side: &Side, what: &str, bytes: &[u8]) {
    let mut connection = side.connect();
    connection.send_bytes(bytes);
    match connection.receive_bytes(10) {
        answer if answer.is_empty() => side.note(format!("{what}: closed")),
        answer => {
            let code = ErrorCode(i16::from_be_bytes([answer[8], answer[9]]));
            side.note(format!("{what}: {} bytes, first {code:?}", answer.len()));
        }
    }
}

#[test]
fn t22_an_unknown_version_of_api_versions_is_answered_in_version_0() {
    same_on_both(|side| {
        for version in [5, 99, i16::MAX, -1] {
            let mut connection = side.connect();
            let mut request = bare_request(18, version);
            if version > 0 {
                // No tagged fields.
                request[3] += 1;
                request.push(0);
            }
            connection.send_bytes(&request);
            side.note(format!("v{version}: {:?}", connection.receive_bytes(20)));
            // The connection goes on.
            let answer = connection.ask_quietly(Api::Metadata, 1, json!({ "topics": [] }));
            side.note(format!("and then: {} brokers", answer["brokers"].as_array().map_or(0, Vec::len)));
        }
    });
}

#[test]
fn versions_and_apis_that_there_are_not_end_the_connection() {
    same_on_both(|side| {
        let unknown: &[(&str, i16, i16)] = &[
            ("Metadata v99", 3, 99),
            ("Metadata v-1", 3, -1),
            ("Fetch v3, which 4.0 has dropped", 1, 3),
            ("Fetch v99", 1, 99),
            ("ListOffsets v0, which 4.0 has dropped", 2, 0),
            ("Produce v99", 0, 99),
            ("JoinGroup v1, which 4.0 has dropped", 11, 1),
            ("OffsetFetch v0", 9, 0),
            ("API 999", 999, 0),
            ("API -1", -1, 0),
            ("LeaderAndIsr", 4, 0),
            ("SaslHandshake without SASL", 17, 1),
        ];
        for (what, api_key, version) in unknown {
            sent(side, what, &bare_request(*api_key, *version));
        }
    });
}

#[test]
fn bytes_that_are_no_request_end_the_connection() {
    same_on_both(|side| {
        sent(side, "a negative size", &[0xff, 0xff, 0xff, 0xff]);
        sent(side, "a size of more than socket.request.max.bytes", &[0x7f, 0xff, 0xff, 0xff]);
        sent(side, "a header that ends too soon", &[0, 0, 0, 4, 0, 18, 0, 0]);
        sent(side, "a body that ends too soon", &bare_request(Api::FindCoordinator.key(), 0));
        sent(side, "HTTP", b"GET / HTTP/1.1\r\n\r\n");
        sent(side, "TLS", &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
    });
}

#[test]
fn a_string_is_no_longer_than_32767_bytes() {
    same_on_both(|side| {
        for length in [32_767, 32_768, 40_000_u32] {
            let varint = [0, 7, 14].map(|shift| ((length + 1) >> shift) as u8);
            // JoinGroup v6, correlation id 7, no client id; what follows the group's id comes to an end too soon where there
            // is no such string.
            let header =
                [0, 11, 0, 6, 0, 0, 0, 7, 0xff, 0xff, 0, varint[0] | 0x80, varint[1] | 0x80, varint[2]];
            // A session of a millisecond, which is too short, and one protocol.
            let rest = b"\0\0\0\x01\0\0\x27\x10\x01\0\x09consumer\x02\x06range\x01\0\0";
            let body = [&header[..], &vec![b'g'; length as usize], rest].concat();
            let size = (body.len() as u32).to_be_bytes();
            sent(side, &format!("a group id of {length} bytes"), &[&size[..], &body].concat());
        }
    });
}

#[test]
fn requests_sent_ahead_are_answered_in_their_order() {
    same_on_both(|side| {
        let mut connection = side.connect();
        let topic = side.topic("a", 1);
        connection.send(Api::Metadata, 1, json!({ "topics": [{ "name": topic }] }));
        connection.send(Api::FindCoordinator, 0, json!({ "key": side.name("g") }));
        connection.send(Api::Metadata, 2, json!({ "topics": [] }));
        for _ in 0..3 {
            connection.receive();
        }
    });
}
