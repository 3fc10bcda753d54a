//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Error;

/// Below the ports that Linux and macOS give to outgoing connections: one of those could take a broker's port while the broker is down.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A free port on 127.0.0.1. Two calls in one process never give the same; two processes begin at different ones.
pub(crate) fn free_port() -> Result<u16, Error> {
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port =
            u16::try_from(FIRST + start.wrapping_add(step) % COUNT).expect("the range ends below 65536");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::new("no port is free between 20000 and 32000"))
}
