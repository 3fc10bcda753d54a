//! Whole frames: which header a message has, what travels unread, what an error says.

use bytes::{Bytes, BytesMut};
use milena_protocol::messages::*;
use milena_protocol::*;

const LIMITS: fn() -> Limits = Limits::default;

fn parse(frame: &[u8]) -> Result<Request, DecodeError> {
    Request::parse(&Bytes::copy_from_slice(frame), &LIMITS())
}

fn again(request: &Request) -> Bytes {
    let mut bytes = BytesMut::new();
    request.encode(&mut bytes).unwrap();
    bytes.freeze()
}

#[test]
fn a9_requests_of_unknown_apis_and_versions_leave_as_they_came() {
    // An API from the future; a Fetch from the future with a tagged field in its header; DescribeAcls, which is known
    // by name alone; the one request that has no client id.
    let unknown_api = b"\x7f\xff\x00\x03\0\0\0\x05\0\x02meanything at all";
    let newer_fetch = b"\0\x01\x03\xe7\0\0\0\x05\xff\xff\x01\x81\x00\x02abbody";
    let describe_acls = b"\0\x1d\0\x03\0\0\0\x05\0\x02me\0\x01body";
    let first_shutdown = b"\0\x07\0\0\0\0\0\x05\0\0\0\x01";
    for frame in [&unknown_api[..], newer_fetch, describe_acls, first_shutdown] {
        let request = parse(frame).unwrap();
        assert!(matches!(request.body, RequestBody::Unknown(_)), "{request:?}");
        assert_eq!(request.header.correlation_id, 5);
        assert_eq!(again(&request), frame);
    }
    assert_eq!(parse(unknown_api).unwrap().header.client_id.as_deref(), Some("me"));
}

#[test]
fn a22_the_header_is_read_without_the_body() {
    // The body of this OffsetFetch is broken, and this API is from the future.
    for frame in [&b"\0\x09\0\x01\0\0\0\x05\0\x02me\xff\xff"[..], b"\x7f\xff\0\x03\0\0\0\x05\0\x02me"] {
        let header = Request::peek(&Bytes::copy_from_slice(frame)).unwrap();
        assert_eq!((header.correlation_id, header.client_id.as_deref()), (5, Some("me")));
    }
    let error = Request::peek(&Bytes::from_static(b"\0\x09\0\x01\0\0\0\x05\0\x03me")).unwrap_err();
    assert_eq!(error.to_string(), "request header v1: clientId: 3 bytes needed, 2 left at byte 10");
}

#[test]
fn the_answer_to_a_request_parses_with_its_pairing() {
    let pairing = parse(b"\0\x12\0\0\0\0\0\x05\0\x02me").unwrap().pairing();
    let answer = pairing.answer(ResponseBody::ApiVersions(ApiVersionsResponse::default()));
    let mut frame = BytesMut::new();
    answer.encode(&mut frame).unwrap();
    assert_eq!(Response::parse(&frame.freeze(), pairing, &LIMITS()).unwrap(), answer);
}

#[test]
fn a9_responses_of_unknown_apis_and_versions_leave_as_they_came() {
    for (api_key, api_version) in [(0x7fff, 3), (1, 999), (29, 3)] {
        let frame = Bytes::from_static(b"\0\0\0\x05\x01\x00\x02abwhatever");
        let pairing = Pairing { api_key, api_version, correlation_id: 5 };
        let response = Response::parse(&frame, pairing, &LIMITS()).unwrap();
        assert!(matches!(response.body, ResponseBody::Unknown(_)), "{response:?}");
        let mut bytes = BytesMut::new();
        response.encode(&mut bytes).unwrap();
        assert_eq!(bytes, frame);
    }
}

#[test]
fn t22_api_versions_has_the_old_response_header_in_every_version() {
    for api_version in 0..=4 {
        let body = ApiVersionsResponse::default().to_bytes(api_version).unwrap();
        let frame = Bytes::from([&[0, 0, 0, 9], &body[..]].concat());
        let pairing = Pairing { api_key: 18, api_version, correlation_id: 9 };
        let response = Response::parse(&frame, pairing, &LIMITS()).unwrap();
        assert_eq!(response.body, ResponseBody::ApiVersions(ApiVersionsResponse::default()));
    }
}

#[test]
fn t22_error_35_has_the_body_of_version_0_whatever_was_asked() {
    let mut body = ApiVersionsResponse::default();
    body.error_code = ErrorCode::UNSUPPORTED_VERSION;
    body.api_keys.push(api_versions::ApiVersion::new(18, 0, 4));
    for api_version in [0, 3, 4, 5, 99] {
        let frame = Bytes::from([&[0, 0, 0, 9], &body.to_bytes(0).unwrap()[..]].concat());
        let pairing = Pairing { api_key: 18, api_version, correlation_id: 9 };
        let response = Response::parse(&frame, pairing, &LIMITS()).unwrap();
        assert_eq!(response.body, ResponseBody::ApiVersions(body.clone()), "v{api_version}");
        let mut bytes = BytesMut::new();
        response.encode(&mut bytes).unwrap();
        assert_eq!(bytes, frame, "v{api_version}");
    }
}

#[test]
fn t26_a_produce_without_acks_expects_no_response() {
    let mut produce = ProduceRequest::default();
    for (acks, expected) in [(0, false), (1, true), (-1, true)] {
        produce.acks = acks;
        let header = RequestHeader::new(Api::Produce, 9, 1, None);
        let request = Request { header, body: RequestBody::Produce(produce.clone()) };
        assert_eq!(parse(&again(&request)).unwrap().expects_response(), expected, "acks {acks}");
    }
    // A Produce from the future: its acks, if it has any, cannot be found.
    assert!(parse(b"\0\0\x03\xe7\0\0\0\x05\xff\xff\0\0\0\0").unwrap().expects_response());
}

#[test]
fn the_topics_of_a_metadata_request_may_be_null_from_version_1() {
    let mut request = MetadataRequest::default();
    request.topics = None;
    assert_eq!(request.to_bytes(0).unwrap_err().kind, EncodeErrorKind::UnexpectedNull);
    assert!(request.to_bytes(1).is_ok());
    let all = Bytes::from_static(&[0xff; 4]);
    assert_eq!(MetadataRequest::read(&all, 0).unwrap_err().kind, DecodeErrorKind::UnexpectedNull);
    assert_eq!(MetadataRequest::read(&all, 1).unwrap().topics, None);
}

#[test]
fn an_assignment_is_one_byte_where_there_is_none_and_else_follows_one() {
    // No throttling, no error, no message, no member; epoch 2, a heartbeat every 3 ms.
    let fields = b"\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x03";
    let read =
        |assignment: &[u8]| ConsumerGroupHeartbeatResponse::read(&[fields, assignment].concat().into(), 0);
    let mut response = ConsumerGroupHeartbeatResponse::default();
    (response.member_epoch, response.heartbeat_interval_ms) = (2, 3);

    let (none, empty) = (b"\xff\0", b"\x01\x01\0\0");
    assert_eq!(read(none).unwrap(), response);
    assert_eq!(response.to_bytes(0).unwrap(), [&fields[..], none].concat());
    response.assignment = Some(consumer_group_heartbeat::Assignment::default());
    assert_eq!(read(empty).unwrap(), response);
    assert_eq!(response.to_bytes(0).unwrap(), [&fields[..], empty].concat());

    // As Kafka reads the byte: below zero it is null.
    assert_eq!(read(b"\x80\0").unwrap().assignment, None);
    assert_eq!(read(b"\0\x01\0\0").unwrap(), response);
    let error = read(b"\x01").unwrap_err().to_string();
    assert_eq!(
        error,
        "ConsumerGroupHeartbeat response v0: topicPartitions: 1 bytes needed, 0 left at byte 17"
    );
}

#[test]
fn the_json_of_an_assignment_is_null_or_an_object() {
    let json = |assignment: serde_json::Value| {
        serde_json::json!({
            "throttleTimeMs": 0, "errorCode": 0, "errorMessage": null, "memberId": "m", "memberEpoch": 1,
            "heartbeatIntervalMs": 5, "assignment": assignment,
        })
    };
    let read = |assignment| ConsumerGroupHeartbeatResponse::from_json(&json(assignment), 0);
    let id = "AAAAAAAAAAAAAAAAAAAAAQ";
    for assignment in [
        serde_json::json!(null),
        serde_json::json!({ "topicPartitions": [] }),
        serde_json::json!({ "topicPartitions": [{ "topicId": id, "partitions": [7] }] }),
    ] {
        let response = read(assignment.clone()).unwrap();
        assert_eq!(response.assignment.is_none(), assignment.is_null());
        assert_eq!(response.to_json(0).unwrap(), json(assignment));
    }
    for (assignment, problem) in [
        (serde_json::json!(3), "assignment: expected an object, found 3"),
        (serde_json::json!({}), "assignment.topicPartitions: missing"),
        (
            serde_json::json!({ "topicPartitions": [], "x": 1 }),
            "assignment: there is no field \"x\" in this version",
        ),
    ] {
        let error = read(assignment).unwrap_err().to_string();
        assert_eq!(error, format!("ConsumerGroupHeartbeat response v0: {problem}"));
    }
}

#[test]
fn an_error_names_message_version_field_and_byte() {
    // A group id of -5 bytes, after a header of 10.
    let error = parse(b"\0\x09\0\x03\0\0\0\x07\xff\xff\xff\xfb\0\0\0\0").unwrap_err();
    assert_eq!(error.to_string(), "OffsetFetch request v3: groupId: length -5 at byte 10");
    let error = parse(b"\0\x09\0\x03\0\0\0\x07\xff\xff\0\x01g\0\0\0\x09").unwrap_err();
    assert_eq!(
        error.to_string(),
        "OffsetFetch request v3: topics: 9 elements claimed, 0 bytes left at byte 13"
    );
    let error = parse(b"\0\x09\0\x03\0\0\0").unwrap_err();
    assert_eq!(error.to_string(), "request header v0: correlationId: 4 bytes needed, 3 left at byte 4");
}

#[test]
fn a_null_is_refused_where_the_version_has_none() {
    let error = parse(b"\0\x09\0\x01\0\0\0\x07\xff\xff\0\x01g\xff\xff\xff\xff").unwrap_err();
    assert_eq!(error.to_string(), "OffsetFetch request v1: topics: null where none is allowed at byte 13");
    let mut request = OffsetFetchRequest::default();
    request.topics = None;
    let error = request.to_bytes(1).unwrap_err();
    assert_eq!(error.to_string(), "OffsetFetch request v1: topics: null where none is allowed");
    assert!(request.to_bytes(2).is_ok());
}

#[test]
fn a_field_that_the_version_lacks_is_an_error_unless_it_may_be_ignored() {
    let mut request = OffsetFetchRequest::default();
    request.require_stable = true;
    let error = request.to_bytes(6).unwrap_err();
    assert_eq!(
        error.to_string(),
        "OffsetFetch request v6: requireStable: set, but this version cannot carry it"
    );
    assert_eq!(error.kind, EncodeErrorKind::NotInVersion);

    let mut response = OffsetFetchResponse::default();
    response.throttle_time_ms = 5;
    assert!(response.to_bytes(2).is_ok());
}

#[test]
fn a_value_too_long_for_the_wire_is_an_error_and_leaves_no_bytes() {
    let mut request = OffsetFetchRequest::default();
    request.group_id = "g".repeat(40_000).into();
    let mut bytes = BytesMut::from(&b"before"[..]);
    let error = request.write(7, &mut bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "OffsetFetch request v7: groupId: length 40000 is more than the wire can say"
    );
    assert_eq!(bytes, &b"before"[..]);
}

#[test]
fn a_compact_string_is_no_longer_than_another_one() {
    // ListGroups v4, whose states_filter holds one string.
    let frame = |length: u16| {
        let varint = [0, 7, 14].map(|shift| ((length + 1) >> shift) as u8);
        let length_bytes = [varint[0] | 0x80, varint[1] | 0x80, varint[2]];
        let text = vec![b'x'; usize::from(length)];
        [b"\0\x10\0\x04\0\0\0\x05\xff\xff\0\x02", &length_bytes[..], &text, b"\0"].concat()
    };
    let longest = frame(32_767);
    assert_eq!(again(&parse(&longest).unwrap()), longest);
    let error = parse(&frame(32_768)).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "ListGroups request v4: statesFilter: string of 32768 bytes at byte 12");
}

#[test]
fn a_body_behind_the_header_of_another_api_is_an_error_and_leaves_no_bytes() {
    let pairing = Pairing { api_key: Api::Fetch.key(), api_version: 9, correlation_id: 1 };
    let response = pairing.answer(MetadataResponse::default());
    assert_eq!(response.body.api(), Some(Api::Metadata));
    let mut bytes = BytesMut::from(&b"before"[..]);
    let error = response.encode(&mut bytes).unwrap_err();
    assert_eq!(error.to_string(), "Metadata response v9: behind the header of Fetch");

    let header = RequestHeader::new(Api::Fetch, 9, 1, None);
    let request = Request { header, body: MetadataRequest::default().into() };
    let error = request.encode(&mut bytes).unwrap_err();
    assert_eq!(error.kind, EncodeErrorKind::WrongApi { api_key: 1 });
    assert_eq!(bytes, &b"before"[..]);
}

#[test]
fn a_frame_beyond_the_limit_is_an_error() {
    let mut limits = LIMITS();
    limits.frame_bytes = 8;
    let error = Request::parse(&Bytes::from_static(&[0; 9]), &limits).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::FrameTooLarge { size: 9, limit: 8 });
}

#[test]
fn a_response_to_another_request_is_an_error() {
    let pairing = Pairing { api_key: 9, api_version: 3, correlation_id: 4 };
    let error = Response::parse(&Bytes::from_static(&[0, 0, 0, 5]), pairing, &LIMITS()).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::CorrelationMismatch { expected: 4, found: 5 });
}

#[test]
fn tagged_fields_leave_in_the_order_of_their_numbers() {
    // Fetch v12 knows the tag 0 of a request; 1 (a field since v15) and 300 are unknown to it and come first here.
    let request = FetchRequest::default().to_bytes(12).unwrap();
    let (fields, no_tags) = request.split_at(request.len() - 1);
    assert_eq!(no_tags, [0]);
    let shuffled = [fields, b"\x03\xac\x02\x01z\x01\x02xy\x00\x02\x02c"].concat();
    let sorted = [fields, b"\x03\x00\x02\x02c\x01\x02xy\xac\x02\x01z"].concat();
    let request = FetchRequest::read(&shuffled.into(), 12).unwrap();
    assert_eq!(request.cluster_id.as_deref(), Some("c"));
    assert_eq!(request.unknown_tagged_fields.iter().map(|field| field.tag).collect::<Vec<_>>(), [1, 300]);
    assert_eq!(request.to_bytes(12).unwrap(), sorted);
}

#[test]
fn json_that_people_write_may_leave_out_what_is_as_by_default() {
    let json = serde_json::json!({ "topics": [{ "name": "a" }], "allowAutoTopicCreation": false });
    let request = MetadataRequest::from_partial_json(&json, 12).unwrap();
    let mut expected = MetadataRequest::default();
    expected.topics = Some(vec![metadata::MetadataRequestTopic::new("a")]);
    expected.allow_auto_topic_creation = false;
    assert_eq!(request, expected);
    assert!(MetadataRequest::from_json(&json, 12).is_err());
    let error = MetadataRequest::from_partial_json(&serde_json::json!({ "topic": [] }), 12).unwrap_err();
    assert_eq!(error.problem, "there is no field \"topic\" in this version");
}

#[test]
fn json_that_cannot_be_written_is_named_once_by_its_way() {
    let long = "g".repeat(40_000);
    let error =
        OffsetFetchRequest::from_partial_json(&serde_json::json!({ "groupId": long }), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "OffsetFetch request v1: groupId: length 40000 is more than the wire can say"
    );
    let json = serde_json::json!({ "topics": [{ "name": "t" }, { "name": long }] });
    let error = OffsetFetchRequest::from_partial_json(&json, 1).unwrap_err();
    assert_eq!(error.path, "topics[1].name");
    let error = OffsetFetchRequest::from_json(&json, 99).unwrap_err();
    assert_eq!(error.to_string(), "OffsetFetch request v99: the known versions are 0 to 10");
}

#[test]
fn a_body_becomes_its_message_or_is_given_back() {
    let body = ResponseBody::from(HeartbeatResponse::default());
    assert_eq!(HeartbeatResponse::try_from(body.clone()), Ok(HeartbeatResponse::default()));
    assert_eq!(MetadataResponse::try_from(body.clone()), Err(body));
}

#[test]
fn a_string_is_made_of_bytes_that_are_utf_8() {
    let text = Str::try_from(Bytes::from_static("größe".as_bytes())).unwrap();
    assert_eq!(text, "größe");
    assert_eq!(Bytes::from(text.clone()), "größe".as_bytes());
    assert_eq!(String::from(text), "größe");
    assert!(Str::try_from(Bytes::from_static(b"\xff")).is_err());
}
