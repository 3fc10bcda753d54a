//! Requests and responses: what parses can be written, and reads as the same.

use bytes::{Bytes, BytesMut};
use milena_protocol::{Api, ErrorCode, Limits, Pairing, Request, RequestBody, Response, ResponseBody};

use crate::memory;

/// What `Limits` promises: 64 times the frame, and 64 KiB.
fn allowed(frame: &Bytes) -> usize {
    64 * frame.len() + (64 << 10)
}

/// A frame that a client might send.
pub fn request(data: &[u8]) {
    let frame = Bytes::copy_from_slice(data);
    let parse = |frame| Request::parse(frame, &Limits::default());
    let Ok(request) = memory::within(allowed(&frame), || parse(&frame)) else { return };
    assert_eq!(Request::peek(&frame).as_ref(), Ok(&request.header));

    let mut written = BytesMut::new();
    request.encode(&mut written).expect("what was read can be written");
    assert_eq!(parse(&written.freeze()).as_ref(), Ok(&request));

    let version = request.header.request_api_version;
    if let Some(json) = request.body.to_json(version).expect("what was read has JSON") {
        let api = Api::from_key(request.header.request_api_key).expect("a known API");
        let again =
            RequestBody::from_json(api, &json, version).expect("our JSON is read").expect("a known API");
        assert_eq!(again.to_json(version), Ok(Some(json)));
    }
}

/// The key and the version of a request, and a frame that a broker might answer with.
pub fn response(data: &[u8]) {
    let Some((&[k1, k2, v1, v2], frame)) = data.split_first_chunk() else { return };
    let frame = Bytes::copy_from_slice(frame);
    let pairing = Pairing {
        api_key: i16::from_be_bytes([k1, k2]),
        api_version: i16::from_be_bytes([v1, v2]),
        correlation_id: Response::peek(&frame).unwrap_or_default(),
    };
    let parse = |frame| Response::parse(frame, pairing, &Limits::default());
    let Ok(response) = memory::within(allowed(&frame), || parse(&frame)) else { return };

    let mut written = BytesMut::new();
    response.encode(&mut written).expect("what was read can be written");
    assert_eq!(parse(&written.freeze()).as_ref(), Ok(&response));

    // ApiVersions is always answered in a version that the client can read.
    let unsupported = matches!(&response.body, ResponseBody::ApiVersions(body) if body.error_code == ErrorCode::UNSUPPORTED_VERSION);
    let version = if unsupported { 0 } else { response.api_version };
    if let Some(json) = response.body.to_json(version).expect("what was read has JSON") {
        let api = Api::from_key(response.api_key).expect("a known API");
        let again =
            ResponseBody::from_json(api, &json, version).expect("our JSON is read").expect("a known API");
        assert_eq!(again.to_json(version), Ok(Some(json)));
    }
}
