//! What a proxy leans on, against every response that Kafka's own classes wrote and Kafka's table of APIs: `testdata/golden`.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use milena_protocol::messages::api_versions::ApiVersion;
use milena_protocol::messages::*;
use milena_protocol::*;
use serde_json::Value;

use common::cases;

mod common;

/// Every host that stands beside a port, with that port, unless there is none.
fn addresses(json: &Value, found: &mut Vec<(String, i64)>) {
    match json {
        Value::Object(fields) => {
            if let (Some(Value::String(host)), Some(port)) = (fields.get("host"), fields.get("port"))
                && !host.is_empty()
            {
                found.push((host.clone(), port.as_i64().unwrap()));
            }
            fields.values().for_each(|value| addresses(value, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| addresses(element, found)),
        _ => {}
    }
}

#[test]
fn a10_every_address_in_every_response_is_visited_and_can_be_changed() {
    let mut seen = 0;
    for &api in Api::ALL.iter().filter(|api| api.is_parsed()) {
        for case in cases(&format!("{api}Response")) {
            let about = format!("{api} v{} {}", case.version, case.name);
            let mut body = ResponseBody::read(api.key(), case.version, &case.bytes).unwrap();
            let (mut expected, mut visited) = (Vec::new(), Vec::new());
            addresses(&case.json, &mut expected);
            body.addresses_mut(|_, host, port| {
                visited.push((host.to_string(), i64::from(*port)));
                (*host, *port) = ("proxy".into(), 1);
            });
            expected.sort();
            visited.sort();
            assert_eq!(visited, expected, "{about}");
            assert!(visited.is_empty() || api.tells_addresses(), "{about}");
            seen += visited.len();

            let json = body.to_json(case.version).unwrap_or_else(|e| panic!("{about}: {e}")).unwrap();
            let mut left = Vec::new();
            addresses(&json, &mut left);
            assert!(left.iter().all(|address| *address == ("proxy".to_owned(), 1)), "{about}: {left:?}");
        }
    }
    assert!(seen > 1000, "only {seen} addresses");
}

#[test]
fn a10_the_apis_that_tell_addresses_are_those_of_both_releases() {
    let releases: Value = serde_json::from_str(include_str!("../../testdata/golden/apis.json")).unwrap();
    let mut wanted = BTreeSet::new();
    for api in releases.as_object().unwrap().values().flat_map(|release| release.as_array().unwrap()) {
        // Those of streams are of applications, which have told them the broker.
        let name = api["name"].as_str().unwrap();
        if api.get("addresses").is_some() && !name.starts_with("StreamsGroup") {
            wanted.insert(name.to_owned());
        }
    }
    let told = Api::ALL.iter().filter(|api| api.tells_addresses());
    assert_eq!(told.map(|api| api.name().to_owned()).collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn an_error_in_place_of_a_coordinator_has_no_address() {
    let mut response = FindCoordinatorResponse::default();
    (response.node_id, response.port) = (-1, -1);
    let mut body = ResponseBody::from(response);
    body.addresses_mut(|_, host, _| panic!("{host}"));
    // Nor is one put where version 4 has no place for it.
    assert!(body.write(3, &mut BytesMut::new()).is_ok());
}

fn clamped(api_keys: &[(i16, i16, i16)]) -> Vec<(i16, i16, i16)> {
    let mut response = ApiVersionsResponse::default();
    response.api_keys = api_keys.iter().map(|&(key, min, max)| ApiVersion::new(key, min, max)).collect();
    response.clamp_to_parsed();
    response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect()
}

#[test]
fn a9_what_milena_does_not_parse_can_be_kept_from_being_offered() {
    assert_eq!(clamped(&[(1, 4, 18), (1, 4, 99), (29, 1, 3), (0x7fff, 0, 1)]), [(1, 4, 18), (1, 4, 18)]);
    assert_eq!(clamped(&[(0, 0, 99)]), [(0, 0, 13)], "from 0, though no broker speaks it (KAFKA-18659)");
    assert_eq!(clamped(&[(1, 19, 99)]), [], "no version that both know");
}

#[test]
fn a9_the_answer_to_an_api_versions_of_the_future_is_clamped_too() {
    let body = b"\0\0\0\x05\0\x23\0\0\0\x01\0\x12\0\0\0\x63";
    let pairing = Pairing { api_key: 18, api_version: 99, correlation_id: 5 };
    let mut response = Response::parse(&Bytes::from_static(body), pairing, &Limits::default()).unwrap();
    let ResponseBody::ApiVersions(versions) = &mut response.body else { panic!("{response:?}") };
    versions.clamp_to_parsed();
    let mut frame = BytesMut::new();
    response.encode(&mut frame).unwrap();
    assert_eq!(frame, b"\0\0\0\x05\0\x23\0\0\0\x01\0\x12\0\0\0\x04"[..]);
}

#[test]
fn the_correlation_id_is_read_without_the_body() {
    assert_eq!(Response::peek(&Bytes::from_static(b"\0\0\x01\0whatever")), Ok(256));
    assert!(Response::peek(&Bytes::from_static(b"\0\0\x01")).is_err());
}
