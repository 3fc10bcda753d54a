//! The proxy that captures are made with, in front of a listener that is no broker.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use milena_testdata::{Frame, Proxy, Side};

/// A frame of three bytes, its length before it.
const REQUEST: [u8; 7] = [0, 0, 0, 3, b'a', b's', b'k'];
const RESPONSE: [u8; 8] = [0, 0, 0, 4, b't', b'e', b'l', b'l'];

#[test]
fn what_passes_is_unchanged_and_kept_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start().unwrap();
    proxy.forward_to(&listener.local_addr().unwrap().to_string());
    let broker = thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut request = [0; 7];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(request, REQUEST);
            stream.write_all(&RESPONSE).unwrap();
        }
    });

    for _ in 0..2 {
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        // The proxy puts frames together that arrive in pieces.
        client.write_all(&REQUEST[..5]).unwrap();
        client.write_all(&REQUEST[5..]).unwrap();
        let mut response = Vec::new();
        client.read_to_end(&mut response).unwrap();
        assert_eq!(response, RESPONSE);
    }
    broker.join().unwrap();

    let frame = |connection, from, bytes: &[u8]| Frame { connection, from, bytes: bytes.to_vec() };
    assert_eq!(
        proxy.take_frames(),
        [
            frame(1, Side::Client, b"ask"),
            frame(1, Side::Broker, b"tell"),
            frame(2, Side::Client, b"ask"),
            frame(2, Side::Broker, b"tell"),
        ]
    );
    assert_eq!(proxy.take_frames(), []);
}

#[test]
fn a_line_of_a_capture_is_json() {
    let frame = Frame { connection: 7, from: Side::Broker, bytes: vec![0, 0xff, 1] };
    assert_eq!(frame.line(), r#"{"connection":7,"from":"broker","frame":"AP8B"}"#);
}
