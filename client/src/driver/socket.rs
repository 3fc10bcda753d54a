//! Making a TCP connection: every address of a broker's name, and the buffers that were asked for.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use crate::core::metadata::Address;

/// How sockets are set up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketSettings {
    /// `send.buffer.bytes`; `None` leaves it to the system.
    pub(crate) send_buffer: Option<u32>,
    /// `receive.buffer.bytes`; `None` leaves it to the system.
    pub(crate) receive_buffer: Option<u32>,
}

/// Connects to the first address of the name that answers (KIP-602). The `attempt`s begin with one after another: an
/// address that swallows everything would take the time of all.
pub(crate) async fn connect(
    address: Address,
    attempt: usize,
    settings: SocketSettings,
) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = lookup_host((address.host.as_str(), address.port)).await?.collect();
    let stream = connect_to_one(&addresses, attempt, settings).await?;
    // Requests are small and waited for.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn connect_to_one(
    addresses: &[SocketAddr],
    attempt: usize,
    settings: SocketSettings,
) -> io::Result<TcpStream> {
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let first = attempt.checked_rem(addresses.len()).unwrap_or_default();
    for address in addresses[first..].iter().chain(&addresses[..first]) {
        match connect_to(*address, settings).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

async fn connect_to(address: SocketAddr, settings: SocketSettings) -> io::Result<TcpStream> {
    socket(&address, settings)?.connect(address).await
}

fn socket(address: &SocketAddr, settings: SocketSettings) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Before it is connected: the window that TCP announces depends on it.
    settings.send_buffer.map_or(Ok(()), |size| socket.set_send_buffer_size(size))?;
    settings.receive_buffer.map_or(Ok(()), |size| socket.set_recv_buffer_size(size))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// Nobody listens there.
    async fn dead() -> SocketAddr {
        listener().await.1
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_followed_by_the_next() {
        let (_listener, alive) = listener().await;
        let addresses = [dead().await, alive, dead().await];
        for attempt in 0..4 {
            let stream = connect_to_one(&addresses, attempt, SocketSettings::default()).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), alive);
        }
        let none = connect_to_one(&[dead().await, dead().await], 0, SocketSettings::default()).await;
        assert_eq!(none.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(connect_to_one(&[], 3, SocketSettings::default()).await.is_err());
    }

    #[tokio::test]
    async fn each_attempt_begins_with_another_address() {
        let ((_one, first), (_two, second)) = (listener().await, listener().await);
        let mut reached = Vec::new();
        for attempt in 0..3 {
            let stream = connect_to_one(&[first, second], attempt, SocketSettings::default()).await.unwrap();
            reached.push(stream.peer_addr().unwrap());
        }
        assert_eq!(reached, [first, second, first]);
    }

    #[tokio::test]
    async fn buffers_are_as_large_as_asked_for() {
        let (_listener, address) = listener().await;
        let settings = SocketSettings { send_buffer: Some(50_000), receive_buffer: Some(30_000) };
        let asked = socket(&address, settings).unwrap();
        let usual = socket(&address, SocketSettings::default()).unwrap();
        // Linux doubles what it is told.
        assert!((50_000..=100_000).contains(&asked.send_buffer_size().unwrap()));
        assert!((30_000..=60_000).contains(&asked.recv_buffer_size().unwrap()));
        assert_ne!(asked.recv_buffer_size().unwrap(), usual.recv_buffer_size().unwrap());
        let connected = timeout(Duration::from_secs(30), asked.connect(address)).await;
        assert!(connected.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_name_is_looked_up() {
        let (_listener, address) = listener().await;
        let address = Address { host: "localhost".into(), port: address.port() };
        assert!(connect(address, 0, SocketSettings::default()).await.is_ok());
    }
}
