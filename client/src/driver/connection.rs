//! One connection: a socket under the client's codec, in a task of its own.

use std::io;

use futures_util::{SinkExt, StreamExt};
use milena_codec::{ClientCodec, CodecError};
use milena_protocol::{Limits, Request};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::codec::Framed;

use crate::core::connection::ConnectionId;
use crate::core::io::Event;

/// Waits for the connection, sends what comes from `requests`, and tells what comes back. Its last event is
/// [`Event::Lost`].
pub(super) async fn run(
    connection: ConnectionId,
    connecting: impl Future<Output = io::Result<TcpStream>>,
    limits: Limits,
    requests: mpsc::UnboundedReceiver<Request>,
    events: mpsc::UnboundedSender<Event>,
) {
    let reason = match converse(connection, connecting, limits, requests, &events).await {
        Ok(()) => "closed by the broker".to_owned(),
        Err(error) => error.to_string(),
    };
    // Nobody is there to be told when the consumer is gone.
    let _ = events.send(Event::Lost { connection, reason });
}

async fn converse(
    connection: ConnectionId,
    connecting: impl Future<Output = io::Result<TcpStream>>,
    limits: Limits,
    mut requests: mpsc::UnboundedReceiver<Request>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<(), CodecError> {
    let mut broker = Framed::new(connecting.await?, ClientCodec::new(limits));
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
