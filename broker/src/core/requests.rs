//! Requests that wait for their answers.
//!
//! Kafka reads the next request of a connection when it has answered the one before (a client may still send as many as it
//! likes ahead). So at most one request of a connection is under way, and answers leave in the order of the requests
//! whatever takes long.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use milena_protocol::{Pairing, Request, Response, ResponseBody, Str};

use super::io::ConnectionId;

/// How many requests of one connection may wait behind the one that is under way. A driver that reads on only when it is
/// told to never has one wait.
const MAX_WAITING: usize = 1000;

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a handler knows of a request beside its body.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// To answer it by.
    pub ticket: Ticket,
    /// The broker that was asked.
    pub node_id: i32,
    /// What the client calls itself (`client.id`); empty where it does not.
    pub client_id: &'a str,
    /// Where the client is: an address without a port.
    pub client_host: &'a str,
    /// The version of the request, and so of its answer.
    pub version: i16,
    /// When.
    pub now: Instant,
    /// The same, in milliseconds since 1970.
    pub wall_ms: i64,
}

/// What a handler makes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// This is the answer.
    Answer(Box<ResponseBody>),
    /// The answer comes later, by the ticket.
    Later,
    /// It has none.
    Silence,
    /// The client has to be cut off.
    Close,
}

impl<B: Into<ResponseBody>> From<B> for Outcome {
    fn from(body: B) -> Self {
        Outcome::Answer(Box::new(body.into()))
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub node_id: i32,
    pub client_host: Str,
    /// What the client called itself in its last request (`client.id`).
    pub client_id: Option<Str>,
    /// The request under way.
    under_way: Option<Ticket>,
    waiting: VecDeque<Box<Request>>,
    /// Until when it is held back, since the client is over its quota.
    muted_until: Option<Instant>,
    /// An answer that its broker has not sent, since it is frozen.
    held: Option<Box<Response>>,
}

/// The connections, and the requests under way on them.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    connections: BTreeMap<ConnectionId, Connection>,
    under_way: BTreeMap<Ticket, (ConnectionId, Pairing)>,
    next_ticket: u64,
    /// The connections that are held back and have no request under way, by how long they are.
    muted: BTreeSet<(Instant, ConnectionId)>,
    /// How many connections each broker has.
    counts: BTreeMap<i32, usize>,
    /// Brokers that do nothing.
    frozen: BTreeSet<i32>,
}

impl Requests {
    /// A client has connected.
    pub fn connected(&mut self, id: ConnectionId, node_id: i32, client_host: &str) {
        let connection = Connection {
            node_id,
            client_host: client_host.into(),
            client_id: None,
            under_way: None,
            waiting: VecDeque::new(),
            muted_until: None,
            held: None,
        };
        self.connections.insert(id, connection);
        *self.counts.entry(node_id).or_default() += 1;
    }

    /// A connection has ended; gives back the request that was under way.
    pub fn lost(&mut self, id: ConnectionId) -> Option<Ticket> {
        let connection = self.connections.remove(&id)?;
        if let Some(count) = self.counts.get_mut(&connection.node_id) {
            *count -= 1;
        }
        if let Some(until) = connection.muted_until {
            self.muted.remove(&(until, id));
        }
        let ticket = connection.under_way?;
        self.under_way.remove(&ticket);
        Some(ticket)
    }

    /// A request came. Gives back false where the connection has sent too many ahead.
    pub fn received(&mut self, id: ConnectionId, request: Box<Request>) -> bool {
        match self.connections.get_mut(&id) {
            Some(connection) if connection.waiting.len() < MAX_WAITING => {
                let client_id = &request.header.client_id;
                if connection.client_id != *client_id {
                    connection.client_id = client_id.as_ref().map(Str::detached);
                }
                connection.waiting.push_back(request);
                true
            }
            Some(_) => false,
            None => true,
        }
    }

    /// The next request of a connection that can be taken up now.
    pub fn next(&mut self, id: ConnectionId, now: Instant) -> Option<(Ticket, Box<Request>, &Connection)> {
        let connection = self.connections.get_mut(&id)?;
        let is_muted = connection.muted_until.is_some_and(|until| now < until);
        if connection.under_way.is_some() || is_muted {
            return None;
        }
        if let Some(until) = connection.muted_until.take() {
            self.muted.remove(&(until, id));
        }
        if self.frozen.contains(&connection.node_id) {
            return None;
        }
        let request = connection.waiting.pop_front()?;
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        connection.under_way = Some(ticket);
        self.under_way.insert(ticket, (id, request.pairing()));
        Some((ticket, request, connection))
    }

    /// A request has been answered, or has no answer; gives back where it came from, unless that is gone.
    pub fn done(&mut self, ticket: Ticket) -> Option<(ConnectionId, Pairing)> {
        let (id, pairing) = self.under_way.remove(&ticket)?;
        let connection = self.connections.get_mut(&id)?;
        connection.under_way = None;
        self.muted.extend(connection.muted_until.map(|until| (until, id)));
        Some((id, pairing))
    }

    /// From now on a broker takes up no requests and sends no answers.
    pub fn freeze(&mut self, node_id: i32) {
        self.frozen.insert(node_id);
    }

    /// It does again: gives back its connections, with the answers that were held back.
    pub fn thaw(&mut self, node_id: i32) -> Vec<(ConnectionId, Option<Box<Response>>)> {
        if !self.frozen.remove(&node_id) {
            return Vec::new();
        }
        let connections = self.connections.iter_mut().filter(|(_, connection)| connection.node_id == node_id);
        connections.map(|(id, connection)| (*id, connection.held.take())).collect()
    }

    /// Gives back an answer that can be sent now. Of a frozen broker it is kept, until it goes on.
    pub fn unless_frozen(&mut self, id: ConnectionId, response: Box<Response>) -> Option<Box<Response>> {
        match self.connections.get_mut(&id) {
            Some(connection) if self.frozen.contains(&connection.node_id) => {
                connection.held = Some(response);
                None
            }
            _ => Some(response),
        }
    }

    /// Where a request that is under way came from.
    pub fn connection_of(&self, ticket: Ticket) -> Option<ConnectionId> {
        self.under_way.get(&ticket).map(|(id, _)| *id)
    }

    /// The next time that a connection is no longer held back.
    pub fn next_unmuted(&self) -> Option<Instant> {
        self.muted.first().map(|(until, _)| *until)
    }

    /// The connections that are no longer held back.
    pub fn unmuted(&self, now: Instant) -> Vec<ConnectionId> {
        self.muted.iter().take_while(|(until, _)| *until <= now).map(|(_, id)| *id).collect()
    }

    /// The connections of which this is true, in order.
    pub fn connections_where(&self, is_meant: impl Fn(&Connection) -> bool) -> Vec<ConnectionId> {
        let meant = self.connections.iter().filter(|(_, connection)| is_meant(connection));
        meant.map(|(id, _)| *id).collect()
    }

    /// Holds back the connection of a request that is under way: it takes up no other before this time.
    pub fn mute(&mut self, ticket: Ticket, until: Instant) {
        let connection = self.under_way.get(&ticket).and_then(|(id, _)| self.connections.get_mut(id));
        if let Some(connection) = connection {
            connection.muted_until = connection.muted_until.max(Some(until));
        }
    }

    /// How many connections a broker has.
    pub fn connections_of(&self, node_id: i32) -> usize {
        self.counts.get(&node_id).copied().unwrap_or(0)
    }
}
