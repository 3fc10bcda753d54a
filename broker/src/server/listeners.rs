//! The ports of the brokers. A broker that is stopped keeps its port, and refuses connections.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::input::Input;

/// How long to wait when connections cannot be accepted, as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(20);
/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Takes an address; connections can be made from now on.
pub(super) fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let listener = StdListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The port of one broker.
enum Port {
    Open(JoinHandle<()>),
    /// Bound, so that nobody else gets it, and not listened on, so that the system refuses connections.
    Closed(Option<TcpSocket>),
}

/// The ports of all brokers.
pub(super) struct Listeners {
    ports: BTreeMap<i32, (SocketAddr, Port)>,
    inputs: mpsc::Sender<Input>,
}

impl Listeners {
    /// Accepts connections on these.
    pub fn new(
        bound: Vec<(i32, StdListener, SocketAddr)>,
        inputs: mpsc::Sender<Input>,
    ) -> io::Result<Listeners> {
        let mut ports = BTreeMap::new();
        for (node_id, listener, address) in bound {
            let listener = TcpListener::from_std(listener)?;
            let task = tokio::spawn(accept(node_id, listener, inputs.clone()));
            ports.insert(node_id, (address, Port::Open(task)));
        }
        Ok(Listeners { ports, inputs })
    }

    /// Refuses connections to a broker from now on.
    pub async fn close(&mut self, node_id: i32) {
        let Some((address, port)) = self.ports.get_mut(&node_id) else { return };
        if let Port::Open(task) = port {
            task.abort();
            // When it has ended the listener is gone.
            let _ = task.await;
            *port = Port::Closed(reserve(*address).ok());
        }
    }

    /// Accepts connections to a broker again.
    pub async fn open(&mut self, node_id: i32) {
        let Some((address, port)) = self.ports.get_mut(&node_id) else { return };
        if let Port::Closed(socket) = port {
            let socket = socket.take().map_or_else(|| reserve(*address), Ok);
            match socket.and_then(|socket| socket.listen(BACKLOG)) {
                Ok(listener) => {
                    *port = Port::Open(tokio::spawn(accept(node_id, listener, self.inputs.clone())));
                }
                Err(error) => tracing::error!(%address, %error, "a broker cannot have its port back"),
            }
        }
    }
}

fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections that have ended a moment ago do not keep the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn accept(node_id: i32, listener: TcpListener, inputs: mpsc::Sender<Input>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if inputs.send(Input::Accepted { node_id, stream, peer }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
