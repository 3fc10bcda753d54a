//! The conversations of real clients with a real broker, once more through the codecs.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use common::{bytes, decode_parts, lines, with_length};
use milena_codec::{ClientCodec, ServerCodec, Sniff, sniff};
use milena_protocol::{Api, RequestBody, ResponseBody};
use tokio_util::codec::Encoder;

mod common;

/// Both ends of a recorded connection.
#[derive(Default)]
struct Connection {
    client: ClientCodec,
    server: ServerCodec,
    begun: bool,
}

impl Connection {
    /// A request: the server reads it, and the client that sends the same writes the same bytes.
    fn request(&mut self, frame: &Bytes) {
        if !std::mem::replace(&mut self.begun, true) {
            assert_eq!(sniff(&frame[..14]), Sniff::Likely);
        }
        let request = decode_parts(&mut self.server, frame.chunks(1));
        let unknown = matches!(request.body, RequestBody::Unknown(_));
        let (key, version) = (request.header.request_api_key, request.header.request_api_version);
        assert_eq!(unknown, !is_known(key, version), "key {key} v{version}");
        let mut again = BytesMut::new();
        self.client.encode(request, &mut again).unwrap();
        assert_eq!(again, frame, "key {key} v{version}");
    }

    /// A response: the client that has asked for it reads it, and the server that sends the same writes the same bytes.
    fn response(&mut self, frame: &Bytes) {
        let response = decode_parts(&mut self.client, frame.chunks(1));
        let (key, version) = (response.api_key, response.api_version);
        if is_known(key, version) {
            assert!(!matches!(response.body, ResponseBody::Unknown(_)), "key {key} v{version}");
        }
        let mut again = BytesMut::new();
        self.server.encode(response, &mut again).unwrap();
        assert_eq!(again, frame, "key {key} v{version}");
    }
}

fn is_known(key: i16, version: i16) -> bool {
    Api::from_key(key).is_some_and(|api| api.is_parsed() && api.versions().contains(&version))
}

/// Replays the capture, and gives back how many requests and responses there were.
fn replay(name: &str) -> (usize, usize) {
    let mut connections = BTreeMap::<u64, Connection>::new();
    let (mut requests, mut responses) = (0, 0);
    for line in lines("captures", name) {
        let connection = connections.entry(line["connection"].as_u64().unwrap()).or_default();
        let frame = with_length(&bytes(&line["frame"]));
        match line["from"].as_str().unwrap() {
            "client" => {
                connection.request(&frame);
                requests += 1;
            }
            "broker" => {
                connection.response(&frame);
                responses += 1;
            }
            side => panic!("a frame from {side}"),
        }
    }
    (requests, responses)
}

macro_rules! replays {
    ($($test:ident $name:literal)*) => {
        $(
            #[test]
            fn $test() {
                let (requests, responses) = replay($name);
                assert!(requests >= 20 && responses >= 20, "{requests} requests, {responses} responses");
            }
        )*
    };
}

replays! {
    java_and_its_broker_are_understood "java-classic"
    java_with_the_consumer_protocol_and_its_broker_are_understood "java-consumer"
    librdkafka_and_its_broker_are_understood "confluent"
    franz_go_and_its_broker_are_understood "franz-go"
    kafka_python_and_its_broker_are_understood "kafka-python"
    kafka_python_speaking_as_to_0_10_is_understood "kafka-python-0.10"
    kafka_python_speaking_as_to_0_9_is_understood "kafka-python-0.9"
}
