//! The connections of one client: a task for each.

use std::collections::HashMap;

use milena_protocol::{Limits, Request};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::{SocketSettings, connect, connection};
use crate::core::connection::ConnectionId;
use crate::core::io::Event;
use crate::core::metadata::Address;

pub(super) struct Connections {
    limits: Limits,
    sockets: SocketSettings,
    /// How often it was tried to connect to an address since that went well.
    attempts: HashMap<Address, usize>,
    connections: HashMap<ConnectionId, Connection>,
    event_sender: mpsc::UnboundedSender<Event>,
}

/// The task of a connection. It ends when this is dropped.
struct Connection {
    address: Address,
    requests: mpsc::UnboundedSender<Request>,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connections {
    /// None yet, and what they will tell.
    pub(super) fn new(limits: Limits, sockets: SocketSettings) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (event_sender, events) = mpsc::unbounded_channel();
        let (attempts, connections) = (HashMap::new(), HashMap::new());
        (Connections { limits, sockets, attempts, connections, event_sender }, events)
    }

    pub(super) fn open(&mut self, connection: ConnectionId, address: Address) {
        let attempts = self.attempts.entry(address.clone()).or_default();
        let connecting = connect(address.clone(), *attempts, self.sockets);
        *attempts = attempts.wrapping_add(1);
        let (requests, request_receiver) = mpsc::unbounded_channel();
        let events = self.event_sender.clone();
        let task = connection::run(connection, connecting, self.limits, request_receiver, events);
        let task = tokio::spawn(task).abort_handle();
        self.connections.insert(connection, Connection { address, requests, task });
    }

    pub(super) fn send(&self, connection: ConnectionId, request: Request) {
        // Where the task has ended, its last event says so and is on its way.
        if let Some(connection) = self.connections.get(&connection) {
            let _ = connection.requests.send(request);
        }
    }

    pub(super) fn close(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
    }

    /// Whether the event is about a connection that is still wanted.
    pub(super) fn is_news(&mut self, event: &Event) -> bool {
        match event {
            Event::Lost { connection, .. } => self.connections.remove(connection).is_some(),
            Event::Connected { connection } => {
                let connected = self.connections.get(connection);
                connected.map(|connected| self.attempts.remove(&connected.address)).is_some()
            }
            Event::Received { connection, .. } | Event::Written { connection } => {
                self.connections.contains_key(connection)
            }
            Event::Called { .. } | Event::Delivered(_) | Event::Abandoned => true,
        }
    }
}
