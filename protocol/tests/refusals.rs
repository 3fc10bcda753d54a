//! Answers that say nothing but an error, to every request that Kafka's own classes wrote: `testdata/golden`.

use bytes::BytesMut;
use milena_protocol::messages::*;
use milena_protocol::*;
use serde_json::Value;

use common::cases;

#[allow(dead_code, reason = "not every test needs all of a case")]
mod common;

/// Every golden request: its case, and the request in its frame.
fn requests() -> impl Iterator<Item = (String, Request)> {
    let parsed = Api::ALL.iter().copied().filter(|api| api.is_parsed());
    parsed.flat_map(|api| {
        cases(&format!("{api}Request")).into_iter().map(move |case| {
            let body = RequestBody::read(api.key(), case.version, &case.bytes).unwrap();
            let header = RequestHeader::new(api, case.version, 7, None);
            (case.name, Request { header, body })
        })
    })
}

/// The error codes in the JSON of a response.
fn codes(json: &Value, into: &mut Vec<i64>) {
    match json {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value.as_i64() {
            Some(code) if name.to_lowercase().ends_with("errorcode") => into.push(code),
            _ => codes(value, into),
        }),
        Value::Array(elements) => elements.iter().for_each(|element| codes(element, into)),
        _ => {}
    }
}

#[test]
fn every_request_can_be_refused_in_its_own_shape() {
    let code = ErrorCode::NOT_COORDINATOR;
    for (case, request) in requests() {
        let pairing = request.pairing();
        let about = format!("{} v{} {case}", Api::from_key(pairing.api_key).unwrap(), pairing.api_version);
        let Some(response) = request.refuse(code) else {
            assert!(!request.expects_response(), "{about} cannot be refused");
            continue;
        };
        assert!(request.expects_response(), "{about} has no answer");
        let mut frame = BytesMut::new();
        response.encode(&mut frame).unwrap_or_else(|e| panic!("{about}: {e}"));
        let response = Response::parse(&frame.freeze(), pairing, &Limits::default()).unwrap();
        let json = response.body.to_json(pairing.api_version).unwrap().unwrap();
        let mut found = Vec::new();
        codes(&json, &mut found);
        assert!(found.iter().all(|found| *found == i64::from(code.0)), "{about}: {json}");
        // Where nothing is asked for there may be no place for a code.
        assert!(case != "full" || !found.is_empty(), "{about}: {json}");
    }
}

#[test]
fn every_response_can_tell_its_client_to_hold_back() {
    for (case, request) in requests() {
        let (version, api) = (request.header.request_api_version, request.body.api().unwrap());
        let Some(mut response) = request.body.refuse(version, ErrorCode::NONE) else { continue };
        *response.throttle_time_ms_mut().unwrap() = 5;
        let mut bytes = BytesMut::new();
        response.write(version, &mut bytes).unwrap_or_else(|e| panic!("{api} v{version} {case}: {e}"));
        let read = ResponseBody::read(api.key(), version, &bytes.freeze()).unwrap();
        // A version in which the client waits has room to say so.
        if api.first_throttled_by_client().is_some_and(|since| version >= since) {
            assert_eq!(read.throttle_time_ms(), Some(5), "{api} v{version} {case}");
        }
    }
}

#[test]
fn t26_what_has_no_answer_cannot_be_refused() {
    let mut produce = ProduceRequest::default();
    produce.acks = 0;
    assert_eq!(Request::new(produce.clone(), 9, 1, None).refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER), None);
    produce.acks = 1;
    assert!(Request::new(produce, 9, 1, None).refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER).is_some());
}

#[test]
fn t22_an_api_versions_of_the_future_is_told_which_versions_there_are() {
    let frame = b"\0\x12\0\x63\0\0\0\x05\0\x02mewhatever".as_slice().into();
    let request = Request::parse(&frame, &Limits::default()).unwrap();
    assert_eq!(request.refuse(ErrorCode::NOT_CONTROLLER), None);
    let response = request.refuse(ErrorCode::UNSUPPORTED_VERSION).unwrap();
    let mut bytes = BytesMut::new();
    response.encode(&mut bytes).unwrap();
    // Correlation id, error 35, one API: key 18, versions 0 to 4.
    assert_eq!(bytes, b"\0\0\0\x05\0\x23\0\0\0\x01\0\x12\0\0\0\x04"[..]);
}

#[test]
fn what_is_not_parsed_cannot_be_refused() {
    let frame = b"\x7f\xff\0\x03\0\0\0\x05\0\x02mewhatever".as_slice().into();
    let request = Request::parse(&frame, &Limits::default()).unwrap();
    assert_eq!(request.refuse(ErrorCode::UNSUPPORTED_VERSION), None);
}
