//! Both codecs under a `Framed`, at the two ends of one stream.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use milena_codec::{ClientCodec, CodecError, FrameCodec, ServerCodec, Stranger};
use milena_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use milena_protocol::{
    Api, ErrorCode, Limits, Request, RequestBody, RequestHeader, ResponseBody, ResponseHeader,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_util::codec::Framed;

/// A client and a server on one stream that holds so many bytes at a time.
fn connection(bytes: usize) -> (Framed<DuplexStream, ClientCodec>, Framed<DuplexStream, ServerCodec>) {
    let (near, far) = duplex(bytes);
    (Framed::new(near, ClientCodec::default()), Framed::new(far, ServerCodec::default()))
}

fn api_versions(version: i16, correlation_id: i32) -> Request {
    Request {
        header: RequestHeader::new(Api::ApiVersions, version, correlation_id, Some("test".into())),
        body: RequestBody::ApiVersions(ApiVersionsRequest::default()),
    }
}

/// A request that milena does not know.
fn unknown(api_key: i16, api_version: i16, body: &'static [u8]) -> Request {
    let mut header = RequestHeader::default();
    header.request_api_key = api_key;
    header.request_api_version = api_version;
    header.correlation_id = 5;
    Request { header, body: RequestBody::Unknown(Bytes::from_static(body)) }
}

#[tokio::test]
async fn requests_sent_together_are_answered_in_order() {
    let (mut client, mut server) = connection(1_000);
    let asking = async {
        for id in 0..3 {
            client.feed(api_versions(3, id)).await.unwrap();
        }
        client.flush().await.unwrap();
        for id in 0..3 {
            let response = client.next().await.unwrap().unwrap();
            assert_eq!(response.header.correlation_id, id);
            assert_eq!(response.body, ResponseBody::ApiVersions(ApiVersionsResponse::default()));
        }
        client.close().await.unwrap();
    };
    let answering = async {
        while let Some(request) = server.next().await {
            let body = ResponseBody::ApiVersions(ApiVersionsResponse::default());
            server.send(request.unwrap().pairing().answer(body)).await.unwrap();
        }
    };
    tokio::join!(asking, answering);
}

#[tokio::test]
async fn a9_unknown_apis_and_versions_pass_in_both_directions() {
    for (key, version) in [(0x7fff, 3), (1, 999), (29, 3)] {
        let (mut client, mut server) = connection(7);
        let request = unknown(key, version, b"\x01\x00\x02abbody");
        let asking = async {
            client.send(request.clone()).await.unwrap();
            client.next().await.unwrap().unwrap()
        };
        let answering = async {
            let asked = server.next().await.unwrap().unwrap();
            assert_eq!(asked, request);
            let answer = asked.pairing().answer(ResponseBody::Unknown(Bytes::from_static(b"\x00answer")));
            server.send(answer).await.unwrap();
        };
        let (answer, ()) = tokio::join!(asking, answering);
        assert_eq!((answer.api_key, answer.api_version), (key, version));
        assert_eq!(answer.body, ResponseBody::Unknown(Bytes::from_static(b"\x00answer")));
    }
}

#[tokio::test]
async fn t22_api_versions_of_the_future_is_answered_with_error_35_in_version_0() {
    let (mut client, mut server) = connection(7);
    let asking = async {
        client.send(unknown(Api::ApiVersions.key(), 99, b"whatever")).await.unwrap();
        client.next().await.unwrap().unwrap()
    };
    let mut refusal = ApiVersionsResponse::default();
    refusal.error_code = ErrorCode::UNSUPPORTED_VERSION;
    let answering = async {
        let asked = server.next().await.unwrap().unwrap();
        assert!(matches!(asked.body, RequestBody::Unknown(_)), "{asked:?}");
        server.send(asked.pairing().answer(ResponseBody::ApiVersions(refusal.clone()))).await.unwrap();
    };
    let (answer, ()) = tokio::join!(asking, answering);
    assert_eq!(answer.body, ResponseBody::ApiVersions(refusal.clone()));
}

#[tokio::test]
async fn a15_the_response_to_a_request_that_was_given_up_is_still_in_its_turn() {
    let (mut client, mut server) = connection(1_000);
    client.send(api_versions(3, 1)).await.unwrap();
    {
        // Nothing has come yet: this wait is dropped at its await point.
        let wait = client.next();
        tokio::select! {
            biased;
            _ = wait => panic!("there is no response"),
            () = std::future::ready(()) => {}
        }
    }
    client.send(api_versions(3, 2)).await.unwrap();
    for _ in 0..2 {
        let pairing = server.next().await.unwrap().unwrap().pairing();
        let body = ResponseBody::ApiVersions(ApiVersionsResponse::default());
        server.send(pairing.answer(body)).await.unwrap();
    }
    for id in [1, 2] {
        assert_eq!(client.next().await.unwrap().unwrap().header, ResponseHeader::new(id));
    }
}

#[tokio::test]
async fn a25_a_tls_client_is_named_on_a_plaintext_server() {
    let (mut near, far) = duplex(1_000);
    near.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await.unwrap();
    let mut server = Framed::new(far, ServerCodec::default());
    let error = server.next().await.unwrap().unwrap_err();
    assert!(matches!(error, CodecError::NotKafka(Stranger::Tls)), "{error:?}");
    assert!(
        error.to_string().starts_with("the peer speaks TLS, and this connection is plaintext: "),
        "{error}"
    );
}

#[tokio::test]
async fn a25_an_http_server_is_named_by_a_client() {
    let (near, mut far) = duplex(1_000);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let mut client = Framed::new(near, ClientCodec::default());
    client.send(api_versions(3, 1)).await.unwrap();
    let error = client.next().await.unwrap().unwrap_err();
    assert!(matches!(error, CodecError::NotKafka(Stranger::Http)), "{error:?}");
}

#[tokio::test]
async fn librdkafkas_request_for_all_topics_has_bytes_at_its_end_that_count_for_nothing() {
    let (mut near, far) = duplex(1_000);
    // Metadata v13 of librdkafka 2.16: no list of topics, two booleans, no tagged fields, and three bytes more.
    near.write_all(b"\0\0\0\x19\0\x03\0\x0d\0\0\0\x03\0\x07rdkafka\0\0\0\0\0\x01\0\0").await.unwrap();
    let mut server = Framed::new(far, ServerCodec::default());
    match server.next().await.unwrap().unwrap().body {
        RequestBody::Metadata(request) => assert_eq!(request.topics, None),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_broker_that_goes_away_in_the_middle_of_a_response_is_a_retriable_error() {
    let (near, mut far) = duplex(1_000);
    let mut client = Framed::new(near, ClientCodec::default());
    client.send(api_versions(3, 1)).await.unwrap();
    far.write_all(b"\0\0\0\x10\0\0").await.unwrap();
    drop(far);
    let error = client.next().await.unwrap().unwrap_err();
    assert!(matches!(error, CodecError::ClosedInFrame { received: 6 }), "{error:?}");
    assert!(error.is_retriable());
    assert_eq!(client.codec().in_flight().len(), 1);
}

#[tokio::test]
async fn a_proxy_passes_frames_on_as_they_came() {
    let (mut near, far) = duplex(1_000);
    let mut proxy = Framed::new(far, FrameCodec::new(Limits::default()));
    let wire = b"\0\0\0\x0a\x7f\xff\0\x03\0\0\0\x05\xff\xff";
    near.write_all(wire).await.unwrap();
    let frame = proxy.next().await.unwrap().unwrap();
    assert_eq!(Request::peek(&frame).unwrap().request_api_key, 0x7fff);
    proxy.send(frame).await.unwrap();
    let mut passed = [0; 14];
    near.read_exact(&mut passed).await.unwrap();
    assert_eq!(&passed, wire);
}
