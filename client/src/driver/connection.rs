//! One connection: a socket under the client's codec, in a task of its own.

use futures_util::{SinkExt, StreamExt};
use milena_codec::{ClientCodec, CodecError};
use milena_protocol::{Limits, Request};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::codec::Framed;

use crate::core::connection::ConnectionId;
use crate::core::io::Event;
use crate::core::metadata::Address;

/// Makes the connection, sends what comes from `requests`, and tells what comes back. Its last event is
/// [`Event::Lost`].
pub(super) async fn run(
    connection: ConnectionId,
    address: Address,
    limits: Limits,
    requests: mpsc::UnboundedReceiver<Request>,
    events: mpsc::UnboundedSender<Event>,
) {
    let reason = match converse(connection, &address, limits, requests, &events).await {
        Ok(()) => "closed by the broker".to_owned(),
        Err(error) => error.to_string(),
    };
    // Nobody is there to be told when the consumer is gone.
    let _ = events.send(Event::Lost { connection, reason });
}

async fn converse(
    connection: ConnectionId,
    address: &Address,
    limits: Limits,
    mut requests: mpsc::UnboundedReceiver<Request>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<(), CodecError> {
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
    // Requests are small and waited for.
    stream.set_nodelay(true)?;
    let mut broker = Framed::new(stream, ClientCodec::new(limits));
    let _ = events.send(Event::Connected { connection });
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => broker.send(request).await?,
                None => return Ok(()),
            },
            response = broker.next() => match response {
                Some(response) => {
                    let response = Box::new(response?);
                    let _ = events.send(Event::Received { connection, response });
                }
                None => return Ok(()),
            },
        }
    }
}
