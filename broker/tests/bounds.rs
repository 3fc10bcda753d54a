//! Clients that misbehave get an error or are cut off, and the others go on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use milena_broker::Broker;

/// ApiVersions v0 with the correlation id 7 and no client id.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];

fn connect(broker: &Broker) -> TcpStream {
    let stream = TcpStream::connect(broker.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Whether a broker answers on a connection.
fn answers(stream: &mut TcpStream) -> bool {
    let mut size = [0; 4];
    if stream.write_all(&API_VERSIONS).is_err() || stream.read_exact(&mut size).is_err() {
        return false;
    }
    let mut answer = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut answer).is_ok() && answer[..4] == [0, 0, 0, 7]
}

/// Waits until a connection has ended, and gives back what came before.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("it was not cut off"),
        // What was not read when the broker closed it makes it a reset.
        _ => rest,
    }
}

/// What is sent is the last that is heard of the client, and nobody else notices.
fn is_cut_off(broker: &Broker, bytes: &[u8]) {
    let mut other = connect(broker);
    assert!(answers(&mut other));
    let mut stream = connect(broker);
    // The broker may close it before all is written.
    let _ = stream.write_all(bytes);
    assert!(rest(&mut stream).is_empty(), "{bytes:?}");
    assert!(answers(&mut other) && answers(&mut connect(broker)));
}

#[test]
fn what_is_no_request_is_cut_off() {
    let broker = Broker::start_blocking().unwrap();
    is_cut_off(&broker, b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n");
    is_cut_off(&broker, &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
    is_cut_off(&broker, &[0xff; 64]);
    is_cut_off(&broker, &[0; 64]);
    // Too short for a header.
    is_cut_off(&broker, &[0, 0, 0, 3, 0, 18, 0]);
}

#[test]
fn apis_and_versions_that_there_are_not_are_cut_off() {
    let broker = Broker::start_blocking().unwrap();
    // The API 999, and Fetch in version 3.
    is_cut_off(&broker, &[0, 0, 0, 10, 3, 231, 0, 0, 0, 0, 0, 7, 0xff, 0xff]);
    is_cut_off(&broker, &[0, 0, 0, 10, 0, 1, 0, 3, 0, 0, 0, 7, 0xff, 0xff]);
    // Metadata v1 whose list of topics is longer than the request.
    is_cut_off(&broker, &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
}

#[test]
fn a_name_that_no_answer_could_hold_is_cut_off() {
    let broker = Broker::start_blocking().unwrap();
    // JoinGroup v6, whose group id has 40,000 bytes: 0xc1 0xb8 0x02 is one more.
    let header = [0, 11, 0, 6, 0, 0, 0, 7, 0xff, 0xff, 0, 0xc1, 0xb8, 0x02];
    // A session of ten seconds, a rebalance of ten, no member id, no instance id, "consumer", and the protocol "range".
    let rest = b"\0\0\x27\x10\0\0\x27\x10\x01\0\x09consumer\x02\x06range\x01\0\0";
    let join = [&header[..], &[b'g'; 40_000], rest].concat();
    is_cut_off(&broker, &[&(join.len() as u32).to_be_bytes()[..], &join].concat());
    // ListGroups v0: there is no such group.
    let mut stream = connect(&broker);
    stream.write_all(&[0, 0, 0, 10, 0, 16, 0, 0, 0, 0, 0, 7, 0xff, 0xff]).unwrap();
    let mut answer = [0; 14];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0, 0, 0, 10, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_request_that_is_too_large_is_cut_off_before_it_is_read() {
    let broker = Broker::builder().setting("socket.request.max.bytes", 1000).start_blocking().unwrap();
    is_cut_off(&broker, &[0, 0, 3, 233]);
    is_cut_off(&broker, &[0x7f, 0xff, 0xff, 0xff]);
}

#[test]
fn half_a_request_does_not_wait_for_ever() {
    let broker = Broker::builder().setting("connections.max.idle.ms", 1_000).start_blocking().unwrap();
    is_cut_off_alone(&broker, &API_VERSIONS[..9]);
    is_cut_off_alone(&broker, &[]);
}

/// As [`is_cut_off`], where nobody else can be idle for as long.
fn is_cut_off_alone(broker: &Broker, bytes: &[u8]) {
    let mut stream = connect(broker);
    stream.write_all(bytes).unwrap();
    assert!(rest(&mut stream).is_empty());
    assert!(answers(&mut connect(broker)));
}

#[test]
fn a_client_that_reads_no_answers_does_not_keep_them_for_ever() {
    let broker = Broker::builder()
        .topic("a-topic-whose-metadata-is-large", 5_000)
        .setting("connections.max.idle.ms", 1_000)
        .start_blocking()
        .unwrap();
    let mut stream = connect(&broker);
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    // Metadata v1 of all topics: more than the buffers of both sides hold, and the broker reads no further.
    let metadata = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let sent = (0..1_000_000).try_for_each(|_| stream.write_all(&metadata));
    assert!(sent.is_err_and(|e| e.kind() != std::io::ErrorKind::WouldBlock), "it was not cut off");
    assert!(answers(&mut connect(&broker)));
}

#[test]
fn a_broker_that_stops_cuts_off_who_is_in_the_middle_of_a_request() {
    let broker = Broker::builder().brokers(2).start_blocking().unwrap();
    let mut stream = connect(&broker);
    assert!(answers(&mut stream));
    stream.write_all(&API_VERSIONS[..9]).unwrap();
    broker.control().stop_broker(1).unwrap();
    assert!(rest(&mut stream).is_empty());
}

#[test]
fn each_broker_has_so_many_connections_and_no_more() {
    let broker = Broker::builder().brokers(2).setting("max.connections", 2).start_blocking().unwrap();
    let (mut first, mut second) = (connect(&broker), connect(&broker));
    assert!(answers(&mut first) && answers(&mut second));
    let mut third = connect(&broker);
    assert!(!answers(&mut third));
    let mut elsewhere = TcpStream::connect(broker.addresses()[1]).unwrap();
    assert!(answers(&mut elsewhere) && answers(&mut first) && answers(&mut second));
    drop(first);
    // It takes the broker a moment to notice.
    while !answers(&mut connect(&broker)) {
        std::thread::yield_now();
    }
}
