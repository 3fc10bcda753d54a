//! Every golden message as a frame, cut at every byte.

use bytes::{Bytes, BytesMut};
use common::{bytes, decode_parts, lines, with_length};
use milena_codec::{ClientCodec, FrameCodec, ServerCodec};
use milena_protocol::{
    Api, Limits, Message, Pairing, Request, RequestBody, RequestHeader, Response, ResponseHeader,
};
use tokio_util::codec::{Decoder, Encoder};

mod common;

const CORRELATION_ID: i32 = 0x0102_0304;

/// The APIs whose messages are parsed.
fn apis() -> impl Iterator<Item = Api> {
    Api::ALL.iter().copied().filter(|api| api.is_parsed())
}

/// Whether what comes of a cut there is decoded. In large frames that is done for the first and the last hundred cuts
/// and for some between; the others are only put together again, which is all that a cut can disturb.
fn is_decoded(cut: usize, length: usize) -> bool {
    length <= 1_000 || cut <= 100 || length - cut <= 100 || cut.is_multiple_of(101)
}

/// Puts a frame together that was cut in two.
fn put_together(front: &[u8], back: &[u8]) -> Bytes {
    decode_parts(&mut FrameCodec::new(Limits::default()), [front, back])
}

/// The golden requests of an API as frames, with the request that each is.
fn requests(api: Api) -> Vec<(Bytes, Request)> {
    let request = |case: serde_json::Value| {
        let version = case["version"].as_i64().unwrap() as i16;
        let mut frame = BytesMut::new();
        let header = RequestHeader::new(api, version, CORRELATION_ID, Some("golden".into()));
        header.write(api.request_header_version(version), &mut frame).unwrap();
        frame.extend_from_slice(&bytes(&case["bytes"]));
        let request = Request::parse(&frame.clone().freeze(), &Limits::default()).unwrap();
        (with_length(&frame), request)
    };
    lines("golden", &format!("{api}Request")).into_iter().map(request).collect()
}

/// The golden responses of an API as frames, with the response that each is.
fn responses(api: Api) -> Vec<(Bytes, Response)> {
    let response = |case: serde_json::Value| {
        let version = case["version"].as_i64().unwrap() as i16;
        let mut frame = BytesMut::new();
        let header = ResponseHeader::new(CORRELATION_ID);
        header.write(api.response_header_version(version), &mut frame).unwrap();
        frame.extend_from_slice(&bytes(&case["bytes"]));
        let pairing = Pairing { api_key: api.key(), api_version: version, correlation_id: CORRELATION_ID };
        let response = Response::parse(&frame.clone().freeze(), pairing, &Limits::default()).unwrap();
        (with_length(&frame), response)
    };
    lines("golden", &format!("{api}Response")).into_iter().map(response).collect()
}

/// A codec that waits for this response.
fn client_waiting_for(response: &Response) -> ClientCodec {
    let mut codec = ClientCodec::default();
    ask_for(response, &mut codec);
    codec
}

/// Has the codec send a request of the API and version; its body does not matter.
fn ask_for(response: &Response, codec: &mut ClientCodec) {
    let mut header = RequestHeader::default();
    header.request_api_key = response.api_key;
    header.request_api_version = response.api_version;
    header.correlation_id = response.header.correlation_id;
    let request = Request { header, body: RequestBody::Unknown(Bytes::new()) };
    codec.encode(request, &mut BytesMut::new()).unwrap();
}

#[test]
fn every_request_cut_at_every_byte_is_the_same_request() {
    for api in apis() {
        for (frame, request) in requests(api) {
            let mut codec = ServerCodec::default();
            assert_eq!(decode_parts(&mut codec, frame.chunks(1)), request);
            for cut in 1..frame.len() {
                let (front, back) = frame.split_at(cut);
                assert_eq!(put_together(front, back), frame[4..], "{api}, cut at {cut}");
                if is_decoded(cut, frame.len()) {
                    assert_eq!(decode_parts(&mut codec, [front, back]), request, "{api}, cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn every_response_cut_at_every_byte_is_the_same_response() {
    for api in apis() {
        for (frame, response) in responses(api) {
            let mut codec = client_waiting_for(&response);
            assert_eq!(decode_parts(&mut codec, frame.chunks(1)), response);
            for cut in 1..frame.len() {
                let (front, back) = frame.split_at(cut);
                assert_eq!(put_together(front, back), frame[4..], "{api}, cut at {cut}");
                if is_decoded(cut, frame.len()) {
                    ask_for(&response, &mut codec);
                    assert_eq!(decode_parts(&mut codec, [front, back]), response, "{api}, cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn all_requests_of_an_api_in_one_read_come_out_in_order() {
    for api in apis() {
        let mut codec = ServerCodec::default();
        let mut stream = BytesMut::new();
        let requests = requests(api);
        for (frame, _) in &requests {
            stream.extend_from_slice(frame);
        }
        for (_, request) in requests {
            assert_eq!(codec.decode(&mut stream).unwrap().unwrap(), request);
        }
        assert!(codec.decode_eof(&mut stream).unwrap().is_none());
    }
}

#[test]
fn all_responses_of_an_api_in_one_read_come_out_in_order() {
    for api in apis() {
        let mut codec = ClientCodec::default();
        let mut stream = BytesMut::new();
        let responses = responses(api);
        for (frame, response) in &responses {
            ask_for(response, &mut codec);
            stream.extend_from_slice(frame);
        }
        for (_, response) in responses {
            assert_eq!(codec.decode(&mut stream).unwrap().unwrap(), response);
        }
        assert!(codec.decode_eof(&mut stream).unwrap().is_none());
        assert_eq!(codec.in_flight().len(), 0);
    }
}

#[test]
fn every_message_leaves_as_it_came() {
    for api in apis() {
        for (frame, request) in requests(api) {
            let mut stream = BytesMut::new();
            ClientCodec::default().encode(request, &mut stream).unwrap();
            assert_eq!(stream, frame);
        }
        for (frame, response) in responses(api) {
            let mut stream = BytesMut::new();
            ServerCodec::default().encode(response, &mut stream).unwrap();
            assert_eq!(stream, frame);
        }
    }
}
