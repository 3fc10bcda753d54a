//! What the loop is told by listeners and connections.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::core::io::Event;

/// Something that the loop has to know.
#[derive(Debug)]
pub(super) enum Input {
    /// A client has connected.
    Accepted { node_id: i32, stream: TcpStream, peer: SocketAddr },
    /// Something for the core.
    Event(Event),
}
