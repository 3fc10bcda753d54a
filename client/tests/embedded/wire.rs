//! Requests by hand, so that nothing of the client under test prepares what its stories are about.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::BytesMut;
use milena_codec::ClientCodec;
use milena_protocol::{Limits, Request, RequestMessage, ResponseBody};
use tokio_util::codec::Decoder;

/// Sends a request on a connection of its own, and waits for the answer.
pub fn ask<M: RequestMessage>(address: &str, version: i16, message: M) -> ResponseBody {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut codec = ClientCodec::new(Limits::default());
    let mut bytes = BytesMut::new();
    codec.write(&Request::new(message, version, 1, Some("stories".into())), &mut bytes).unwrap();
    stream.write_all(&bytes).unwrap();
    bytes.clear();
    loop {
        if let Some(response) = codec.decode(&mut bytes).unwrap() {
            return response.body;
        }
        let mut part = [0; 4096];
        let length = stream.read(&mut part).unwrap();
        assert_ne!(length, 0, "the broker has closed the connection");
        bytes.extend_from_slice(&part[..length]);
    }
}

/// What the answer is, or a panic that shows it.
macro_rules! answer {
    ($api:ident, $asked:expr) => {
        match $asked {
            milena_protocol::ResponseBody::$api(response) => response,
            other => panic!("{other:?}"),
        }
    };
}
pub(crate) use answer;
