//! Requests that wait for their answers.
//!
//! Kafka reads the next request of a connection when it has answered the one before (a client may still send as many as it
//! likes ahead). So at most one request of a connection is under way, and answers leave in the order of the requests
//! whatever takes long.

use std::time::Instant;

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
