//! One client: reads a request, waits for its answer, writes it, reads the next.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use milena_codec::ServerCodec;
use milena_protocol::{Limits, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::codec::Framed;

use super::input::Input;
use crate::core::io::{ConnectionId, Event};

/// How long an answer can take when the client sends no more.
const LAST_ANSWER: Duration = Duration::from_secs(30);

/// What the core says about the request under way.
#[derive(Debug)]
pub(super) enum Reply {
    /// This is the answer.
    Send(Box<Response>),
    /// Of this answer only the first bytes are sent, and then nothing.
    Cut(Box<Response>, usize),
    /// It has none.
    Skip,
}

/// What a connection has to know.
pub(super) struct Connection {
    pub id: ConnectionId,
    pub stream: TcpStream,
    pub limits: Limits,
    /// When it is closed for want of requests; `None` for never.
    pub idle: Option<Duration>,
    /// Closed, it ends the connection.
    pub replies: mpsc::Receiver<Reply>,
    pub inputs: mpsc::Sender<Input>,
}

/// Serves a client until it goes, or the core closes the connection.
pub(super) async fn serve(connection: Connection) {
    let (id, inputs) = (connection.id, connection.inputs.clone());
    talk(connection).await;
    // Where the loop has ended nobody needs to know.
    let _ = inputs.send(Input::Event(Event::Lost { connection: id })).await;
}

async fn talk(connection: Connection) {
    let Connection { id, stream, limits, idle, mut replies, inputs } = connection;
    // Without this an answer can wait for the client to acknowledge the one before.
    let _ = stream.set_nodelay(true);
    let mut frames = Framed::new(stream, ServerCodec::new(limits));
    loop {
        let request = tokio::select! {
            request = frames.next() => request,
            reply = replies.recv() => match reply {
                // No request is under way.
                Some(_) => continue,
                None => return,
            },
            () = idle_for(idle) => return,
        };
        let request = match request {
            Some(Ok(request)) => Box::new(request),
            Some(Err(error)) => {
                tracing::debug!(connection = id.0, %error, "a client is cut off");
                return;
            }
            None => return,
        };
        if inputs.send(Input::Event(Event::Received { connection: id, request })).await.is_err() {
            return;
        }
        let reply = tokio::select! {
            reply = replies.recv() => reply,
            () = left(frames.get_ref()) => return,
        };
        match reply {
            Some(Reply::Send(response)) => {
                let sent = tokio::select! {
                    sent = frames.send(*response) => sent,
                    // The broker has closed the connection.
                    _ = replies.recv() => return,
                    // The client reads nothing.
                    () = idle_for(idle) => return,
                };
                if let Err(error) = sent {
                    tracing::debug!(connection = id.0, %error, "an answer could not be sent");
                    return;
                }
            }
            Some(Reply::Cut(response, size)) => {
                let mut bytes = BytesMut::new();
                if frames.codec_mut().write(&response, &mut bytes).is_ok() {
                    // The connection ends one way or the other.
                    let _ = frames.get_mut().write_all(&bytes[..size.min(bytes.len())]).await;
                }
                return;
            }
            Some(Reply::Skip) => {}
            None => return,
        }
    }
}

/// Ends some time after the client has gone, whose answer nobody wants any more.
async fn left(stream: &TcpStream) {
    // A client that has only said that it will send no more gets its answer.
    match stream.peek(&mut [0]).await {
        Ok(0) | Err(_) => tokio::time::sleep(LAST_ANSWER).await,
        Ok(_) => std::future::pending().await,
    }
}

async fn idle_for(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}
