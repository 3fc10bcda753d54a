//! Whether a broker answers, asked in Kafka's protocol: a Metadata request of version 1 without topics.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// Length, api key 3, version 1, correlation id 7, client id "r", an empty array of topics.
const METADATA_REQUEST: [u8; 19] = [0, 0, 0, 15, 0, 3, 0, 1, 0, 0, 0, 7, 0, 1, b'r', 0, 0, 0, 0];
/// Length and correlation id come before the array of brokers.
const BROKERS_AT: usize = 8;

/// How many brokers of its cluster the broker on a port knows to be alive; None when it does not answer.
pub(crate) fn live_brokers(port: u16) -> Option<usize> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(&METADATA_REQUEST).ok()?;
    let mut head = [0; BROKERS_AT + 4];
    stream.read_exact(&mut head).ok()?;
    let count = i32::from_be_bytes(head[BROKERS_AT..].try_into().ok()?);
    usize::try_from(count).ok()
}
