//! All connections of a client, by what they are for.
//!
//! The coordinator has a connection of its own, so that a long-polling Fetch to the same broker never holds up a
//! heartbeat. What machines of the core send goes through here, and comes back as [`Returned`] with the tag that they
//! gave it: answered, or lost with the connection.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use milena_protocol::{Api, Request, RequestBody, RequestHeader, Response};

use super::connection::{Connection, ConnectionId, ConnectionSettings, Ended, Greeting, Returned};
use super::io::Action;
use super::metadata::Address;
use super::rng::Rng;
use super::versions::Versions;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// The n-th bootstrap server.
    Bootstrap(usize),
    /// The broker with this node id.
    Node(i32),
    /// The coordinator of the consumer group.
    Coordinator,
}

/// The connections of a client.
#[derive(Debug)]
pub(super) struct Network<T> {
    settings: ConnectionSettings,
    rng: Rng,
    connections: BTreeMap<Peer, Connection<T>>,
    /// Whether any connection ever got as far as being ready.
    pub(super) ever_ready: bool,
    last_connection: u64,
    last_correlation_id: i32,
    actions: VecDeque<Action>,
    returned: VecDeque<(Peer, Returned<T>)>,
    failed: VecDeque<Peer>,
}

impl<T> Network<T> {
    pub(super) fn new(settings: ConnectionSettings, rng: Rng) -> Self {
        Network {
            settings,
            rng,
            connections: BTreeMap::new(),
            ever_ready: false,
            last_connection: 0,
            last_correlation_id: 0,
            actions: VecDeque::new(),
            returned: VecDeque::new(),
            failed: VecDeque::new(),
        }
    }

    /// Sees to it that there is, or will be, a connection to `peer` at this address, as far as back-off allows.
    pub(super) fn open(&mut self, peer: Peer, address: &Address, now: Instant) {
        let moved = self.connections.get(&peer).is_some_and(|known| known.address() != address);
        if moved {
            self.forget(peer);
        }
        let connection =
            self.connections.entry(peer).or_insert_with(|| Connection::new(address.clone(), &self.settings));
        if connection.can_open(now) {
            self.last_connection += 1;
            let id = ConnectionId(self.last_connection);
            connection.open(id, &mut self.rng, now);
            self.actions.push_back(Action::Connect { connection: id, address: address.clone() });
        }
    }

    /// Ends the connection to `peer`: what is in flight on it is lost.
    pub(super) fn close(&mut self, peer: Peer) {
        let ended = self.connections.get_mut(&peer).and_then(Connection::close);
        self.ended(peer, ended, true);
    }

    /// Ends the connection to `peer`, and forgets how it went.
    pub(super) fn forget(&mut self, peer: Peer) {
        self.close(peer);
        self.connections.remove(&peer);
    }

    /// The versions of a peer to which a request can be sent now.
    pub(super) fn usable(&self, peer: Peer, now: Instant) -> Option<&Versions> {
        self.connections.get(&peer)?.usable(now)
    }

    /// Whether the last connection to it failed, and the next one has to wait.
    pub(super) fn is_backing_off(&self, peer: Peer, now: Instant) -> bool {
        self.connections.get(&peer).is_some_and(|connection| connection.is_backing_off(now))
    }

    /// Whether its last connection failed, and none has worked since.
    pub(super) fn has_failed(&self, peer: Peer) -> bool {
        self.connections.get(&peer).is_some_and(|connection| connection.last_error().is_some())
    }

    /// Whether a connection to it is on its way or there.
    pub(super) fn is_open(&self, peer: Peer) -> bool {
        self.connections.get(&peer).is_some_and(|connection| connection.id().is_some())
    }

    /// How many requests to it wait for their answers.
    pub(super) fn in_flight(&self, peer: Peer) -> usize {
        self.connections.get(&peer).map_or(0, Connection::in_flight)
    }

    /// The peers to which there has been a connection.
    pub(super) fn peers(&self) -> impl Iterator<Item = Peer> {
        self.connections.keys().copied()
    }

    /// The address that failed last and why, if one did.
    pub(super) fn last_error(&self) -> Option<(&Address, &str)> {
        self.connections
            .values()
            .find_map(|connection| Some((connection.address(), connection.last_error()?)))
    }

    /// Sends a request to a peer that is [`usable`](Self::usable); `timeout` is how long its answer may take.
    pub(super) fn send(
        &mut self,
        peer: Peer,
        (api, version): (Api, i16),
        body: RequestBody,
        tag: T,
        timeout: Duration,
        now: Instant,
    ) {
        let correlation_id = self.next_correlation_id();
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        let Some(id) = connection.id() else { return };
        connection.sent(correlation_id, tag, timeout, now);
        self.push_request(id, api, version, correlation_id, body);
    }

    fn push_request(
        &mut self,
        connection: ConnectionId,
        api: Api,
        version: i16,
        correlation_id: i32,
        body: RequestBody,
    ) {
        let header = RequestHeader::new(api, version, correlation_id, self.settings.client_id.clone());
        let request = Box::new(Request { header, body });
        self.actions.push_back(Action::Send { connection, request });
    }

    fn next_correlation_id(&mut self) -> i32 {
        self.last_correlation_id = self.last_correlation_id.wrapping_add(1) & i32::MAX;
        self.last_correlation_id
    }

    /// The transport of a connection is there.
    pub(super) fn connected(&mut self, id: ConnectionId, now: Instant) {
        let correlation_id = self.next_correlation_id();
        let timeout = self.settings.request_timeout;
        let Some((peer, connection)) = self.find(id) else { return };
        let greeting = connection.connected(correlation_id, timeout, now);
        self.greet(peer, id, greeting, now);
    }

    /// An answer came.
    pub(super) fn received(&mut self, id: ConnectionId, response: Response, now: Instant) {
        let correlation_id = self.next_correlation_id();
        let Some((peer, connection)) = self.find(id) else { return };
        if !connection.is_ready() {
            let greeting = connection.greeted(&response, correlation_id, now);
            return self.greet(peer, id, greeting, now);
        }
        match connection.answered(response, now) {
            Some(returned) => self.returned.push_back((peer, returned)),
            None => self.fail(peer, "the broker gave an answer out of turn".into(), now),
        }
    }

    fn greet(&mut self, peer: Peer, id: ConnectionId, greeting: Option<Greeting>, now: Instant) {
        match greeting {
            Some(Greeting::Ask { correlation_id, version, body }) => {
                self.push_request(id, Api::ApiVersions, version, correlation_id, body);
            }
            Some(Greeting::Done) => self.ever_ready = true,
            Some(Greeting::Failed(reason)) => self.fail(peer, reason, now),
            None => self.fail(peer, "the broker spoke before it was asked".into(), now),
        }
    }

    /// A connection could not be made, or has ended.
    pub(super) fn lost(&mut self, id: ConnectionId, reason: String, now: Instant) {
        let rng = &mut self.rng;
        let found = self.connections.iter_mut().find(|(_, connection)| connection.id() == Some(id));
        let Some((&peer, connection)) = found else { return };
        let ended = connection.fail(reason, rng, now);
        self.failed.push_back(peer);
        self.ended(peer, ended, false);
    }

    fn fail(&mut self, peer: Peer, reason: String, now: Instant) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        let ended = connection.fail(reason, &mut self.rng, now);
        self.failed.push_back(peer);
        self.ended(peer, ended, true);
    }

    fn ended(&mut self, peer: Peer, ended: Option<Ended<T>>, close: bool) {
        let Some(Ended { id, lost }) = ended else { return };
        // What has not left yet must not: its tag is lost already.
        self.actions.retain(|action| action.connection() != Some(id));
        if close {
            self.actions.push_back(Action::Close { connection: id });
        }
        self.returned.extend(lost.into_iter().map(|returned| (peer, returned)));
    }

    fn find(&mut self, id: ConnectionId) -> Option<(Peer, &mut Connection<T>)> {
        let found = self.connections.iter_mut().find(|(_, connection)| connection.id() == Some(id));
        found.map(|(peer, connection)| (*peer, connection))
    }

    /// Gives up what has taken too long, and what nobody has used for long.
    pub(super) fn advance(&mut self, now: Instant) {
        let overdue = |(peer, connection): (&Peer, &Connection<T>)| Some((*peer, connection.overdue(now)?));
        let overdue: Vec<(Peer, String)> = self.connections.iter().filter_map(overdue).collect();
        for (peer, reason) in overdue {
            self.fail(peer, reason, now);
        }
        let max_idle = self.settings.max_idle;
        let is_idle = |connection: &Connection<T>| connection.is_idle(max_idle, now);
        let idle: Vec<Peer> =
            self.connections.iter().filter(|(_, c)| is_idle(c)).map(|(peer, _)| *peer).collect();
        idle.into_iter().for_each(|peer| self.close(peer));
    }

    /// When [`advance`](Self::advance) has something to do, or a back-off ends.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.connections.values().filter_map(|c| c.deadline(self.settings.max_idle, now)).min()
    }

    /// What the driver has to do.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Who was lost, other than by closing.
    pub(super) fn next_failed(&mut self) -> Option<Peer> {
        self.failed.pop_front()
    }

    /// What came back from whom.
    pub(super) fn next_returned(&mut self) -> Option<(Peer, Returned<T>)> {
        self.returned.pop_front()
    }
}
