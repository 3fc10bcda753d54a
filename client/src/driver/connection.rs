//! One connection: a socket under the client's codec, in a task of its own.

use std::io;

use futures_util::{SinkExt, StreamExt};
use milena_codec::{ClientCodec, CodecError};
use milena_protocol::{Api, Limits, Request};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::codec::Framed;

use crate::core::connection::ConnectionId;
use crate::core::io::{Event, Fault};

/// Waits for the connection, sends what comes from `requests`, and tells what comes back. Its last event is
/// [`Event::Lost`].
pub(super) async fn run(
    connection: ConnectionId,
    connecting: impl Future<Output = io::Result<TcpStream>>,
    limits: Limits,
    requests: mpsc::UnboundedReceiver<Request>,
    events: mpsc::UnboundedSender<Event>,
) {
    let (reason, fault) = match converse(connection, connecting, limits, requests, &events).await {
        Ok(()) => ("closed by the broker".to_owned(), None),
        Err((error, fault)) => (error.to_string(), fault.filter(|_| !error.is_retriable())),
    };
    // Nobody is there to be told when the consumer is gone.
    let _ = events.send(Event::Lost { connection, reason, fault });
}

async fn converse(
    connection: ConnectionId,
    connecting: impl Future<Output = io::Result<TcpStream>>,
    limits: Limits,
    mut requests: mpsc::UnboundedReceiver<Request>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<(), (CodecError, Option<Fault>)> {
    let stream = connecting.await.map_err(|error| (error.into(), None))?;
    let mut broker = Framed::new(stream, ClientCodec::new(limits));
    let _ = events.send(Event::Connected { connection });
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => {
                    let fault = Api::from_key(request.header.request_api_key).map(Fault::Request);
                    let is_answered = request.expects_response();
                    broker.send(request).await.map_err(|error| (error, fault))?;
                    if !is_answered {
                        let _ = events.send(Event::Written { connection });
                    }
                }
                None => return Ok(()),
            },
            response = broker.next() => match response {
                Some(response) => {
                    let response = response.map_err(|error| (error, Some(Fault::Answer)))?;
                    let response = Box::new(response);
                    let _ = events.send(Event::Received { connection, response });
                }
                None => return Ok(()),
            },
        }
    }
}
