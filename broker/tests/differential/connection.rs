//! One connection to a broker: any request in any version, and what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use milena_codec::ClientCodec;
use milena_protocol::{Api, Limits, Request, RequestBody, RequestHeader};
use serde_json::Value;
use tokio_util::codec::{Decoder, Encoder};

use crate::side::Side;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(10);

pub struct Connection<'s> {
    side: &'s Side,
    stream: TcpStream,
    codec: ClientCodec,
    received: BytesMut,
    client_id: &'static str,
    correlation_id: i32,
}

impl<'s> Connection<'s> {
    pub fn new(side: &'s Side, address: &str, client_id: &'static str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let codec = ClientCodec::new(Limits::default());
        Connection { side, stream, codec, received: BytesMut::new(), client_id, correlation_id: 0 }
    }

    /// Sends a request, and does not wait. Fields that the JSON does not have, have their defaults.
    pub fn send(&mut self, api: Api, version: i16, body: Value) {
        let parsed = RequestBody::from_partial_json(api, &body, version);
        let body = parsed.unwrap_or_else(|error| panic!("{error}")).expect("it is a known API");
        self.correlation_id += 1;
        let client_id = Some(self.client_id.into());
        let header = RequestHeader::new(api, version, self.correlation_id, client_id);
        let mut bytes = BytesMut::new();
        let mut request = Request::new(milena_protocol::messages::ApiVersionsRequest::default(), 0, 0, None);
        (request.header, request.body) = (header, body);
        self.codec.encode(request, &mut bytes).unwrap();
        self.send_bytes(&bytes);
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        // A broker that closes the connection is seen when its answer is read.
        let _ = self.stream.write_all(bytes);
    }

    /// The answer to the oldest request that has none yet, written down; null where the connection was closed.
    pub fn receive(&mut self) -> Value {
        let (title, answer) = self.receive_quietly();
        self.side.observe(&title, &answer);
        answer
    }

    /// The same, not written down.
    pub fn receive_quietly(&mut self) -> (String, Value) {
        loop {
            if let Some(response) = self.codec.decode(&mut self.received).unwrap() {
                let version = response.api_version;
                let name = Api::from_key(response.api_key).map_or("?", Api::name);
                let answer = response.body.to_json(version).unwrap().expect("it is a known API");
                return (format!("{name} v{version}"), answer);
            }
            if !self.read() {
                return ("closed".to_owned(), Value::Null);
            }
        }
    }

    /// Bytes as they come, at least as many.
    pub fn receive_bytes(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count && self.read() {}
        self.received.split().to_vec()
    }

    /// Reads some; false when the broker has closed the connection.
    fn read(&mut self) -> bool {
        let mut chunk = [0; 1 << 16];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(count) => {
                self.received.extend_from_slice(&chunk[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Asks, and writes down what is answered.
    pub fn ask(&mut self, api: Api, version: i16, body: Value) -> Value {
        self.send(api, version, body);
        self.receive()
    }

    /// Asks, and writes nothing down.
    pub fn ask_quietly(&mut self, api: Api, version: i16, body: Value) -> Value {
        self.send(api, version, body);
        self.receive_quietly().1
    }

    /// Asks until the answer is as it is to be, and writes nothing down.
    pub fn until(&mut self, api: Api, version: i16, body: Value, done: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask_quietly(api, version, body.clone());
            if done(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{api:?} {body}: the last answer was {answer}");
            thread::sleep(PAUSE);
        }
    }
}
