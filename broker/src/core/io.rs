//! What goes into the core and what comes out of it.

use std::time::Instant;

use milena_protocol::{Request, Response};

/// A connection of a client to one of the brokers. Whoever accepts it chooses the number, a new one each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// One thing that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client has connected.
    Connected {
        /// What to call it.
        connection: ConnectionId,
        /// The broker that it connected to.
        node_id: i32,
        /// Where it comes from: an address without a port, as `DescribeGroups` shows it.
        client_host: String,
    },
    /// A request came.
    Received {
        /// On this connection.
        connection: ConnectionId,
        /// The request.
        request: Box<Request>,
    },
    /// The time of day has changed otherwise than by time passing: the clock was set, or the machine has slept. As long as
    /// the broker's time is frozen it stands still all the same.
    ClockStepped {
        /// How many milliseconds later it is all at once.
        by_ms: i64,
    },
    /// A connection has ended, by whomever.
    Lost {
        /// Which.
        connection: ConnectionId,
    },
}

/// One thing to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Send an answer. The next request of the connection can be read now.
    Send {
        /// On this connection.
        connection: ConnectionId,
        /// The answer.
        response: Box<Response>,
    },
    /// Send only the first bytes of an answer, then close the connection. Nothing needs to be told about it any more.
    SendCut {
        /// On this connection.
        connection: ConnectionId,
        /// The answer.
        response: Box<Response>,
        /// How many, those that say how long it is included.
        bytes: usize,
    },
    /// A request has no answer (Produce with `acks` 0). The next request of the connection can be read now.
    Skip {
        /// Its connection.
        connection: ConnectionId,
    },
    /// Close a connection. Nothing needs to be told about it any more.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Accept connections to this broker again.
    Listen {
        /// Which.
        node_id: i32,
    },
    /// Refuse connections to this broker from now on.
    Unlisten {
        /// Which.
        node_id: i32,
    },
    /// Nothing, until something happens or this time has come.
    Wait(Option<Instant>),
}
