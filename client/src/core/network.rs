//! All connections of a client, by what they are for.
//!
//! The coordinator has a connection of its own, so that a long-polling Fetch to the same broker never holds up a
//! heartbeat. What machines of the core send goes through here, and comes back as [`Returned`] with the tag that they
//! gave it: answered, or lost with the connection.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use milena_protocol::{Api, Request, RequestBody, RequestHeader, Response};

use super::connection::{Connection, ConnectionId, ConnectionSettings, Ended, Greeting, Returned};
use super::io::{Action, Fault};
use super::metadata::Address;
use super::report::Report;
use super::rng::Rng;
use super::versions::Versions;

/// So many times in a row is no accident.
const MISUNDERSTOOD: u32 = 3;

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
    /// How often in a row an API has ended a connection, since an answer to it could be read.
    misunderstood: BTreeMap<(Peer, Api), u32>,
    /// Whether a broker of the cluster itself was ever reached. A bootstrap server may name brokers that cannot be.
    pub(super) ever_ready: bool,
    last_error: Option<(Address, String)>,
    last_connection: u64,
    last_correlation_id: i32,
    actions: VecDeque<Action>,
    returned: VecDeque<(Peer, Returned<T>)>,
    failed: VecDeque<Failure>,
    reports: VecDeque<Report>,
}

/// A connection that was lost, other than by closing it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) peer: Peer,
    pub(super) address: Address,
    pub(super) reason: String,
    pub(super) kind: FailureKind,
    /// What the two sides do not agree on, when that has ended connections time and again.
    pub(super) misunderstood: Option<Api>,
}

/// How bad it is that a connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// It worked, and nobody was waiting for anything.
    Idle,
    /// It worked, or was the first attempt.
    First,
    /// The attempt before it has failed as well.
    Again,
}

impl<T> Network<T> {
    pub(super) fn new(settings: ConnectionSettings, rng: Rng) -> Self {
        Network {
            settings,
            rng,
            connections: BTreeMap::new(),
            ever_ready: false,
            misunderstood: BTreeMap::new(),
            last_error: None,
            last_connection: 0,
            last_correlation_id: 0,
            actions: VecDeque::new(),
            returned: VecDeque::new(),
            failed: VecDeque::new(),
            reports: VecDeque::new(),
        }
    }

    /// Sees to it that there is, or will be, a connection to `peer` at this address, as far as back-off allows.
    pub(super) fn open(&mut self, peer: Peer, address: &Address, now: Instant) {
        let moved = self.connections.get(&peer).is_some_and(|known| known.address() != address);
        if moved {
            self.forget(peer);
            self.misunderstood.retain(|(other, _), _| *other != peer);
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
        self.connections.get(&peer).is_some_and(|connection| connection.has_failed())
    }

    /// Whether a connection to it is on its way.
    pub(super) fn is_opening(&self, peer: Peer) -> bool {
        self.connections.get(&peer).is_some_and(|known| known.id().is_some() && !known.is_ready())
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
        self.last_error.as_ref().map(|(address, reason)| (address, reason.as_str()))
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
        self.send_noted(peer, (api, version), body, |connection, correlation_id| {
            connection.sent(api, correlation_id, tag, timeout, now);
        });
    }

    /// The same for a request that the peer does not answer: its tag comes back from [`written`](Self::written).
    pub(super) fn send_unanswered(
        &mut self,
        peer: Peer,
        (api, version): (Api, i16),
        body: RequestBody,
        tag: T,
        timeout: Duration,
        now: Instant,
    ) {
        self.send_noted(peer, (api, version), body, |connection, correlation_id| {
            connection.sent_unanswered(api, correlation_id, tag, timeout, now);
        });
    }

    /// `note` tells the connection, and with which correlation id.
    fn send_noted(
        &mut self,
        peer: Peer,
        (api, version): (Api, i16),
        body: RequestBody,
        note: impl FnOnce(&mut Connection<T>, i32),
    ) {
        let correlation_id = self.next_correlation_id();
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        let Some(id) = connection.id() else { return };
        note(connection, correlation_id);
        self.push_request(id, api, version, correlation_id, body);
    }

    /// The oldest of those on a connection has been written.
    pub(super) fn written(&mut self, id: ConnectionId, now: Instant) -> Option<T> {
        self.find(id).and_then(|(_, connection)| connection.written(now))
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
        let api = connection.oldest();
        match connection.answered(response, now) {
            Some(returned) => {
                api.map(|api| self.misunderstood.remove(&(peer, api)));
                self.returned.push_back((peer, returned));
            }
            None => self.fail(peer, "the broker gave an answer out of turn".into(), now),
        }
    }

    fn greet(&mut self, peer: Peer, id: ConnectionId, greeting: Option<Greeting>, now: Instant) {
        match greeting {
            Some(Greeting::Ask { correlation_id, version, body }) => {
                self.push_request(id, Api::ApiVersions, version, correlation_id, body.into());
            }
            Some(Greeting::Done) => {
                self.ever_ready |= !matches!(peer, Peer::Bootstrap(_));
                self.report(peer, |peer, address| Report::Connected { peer, address });
            }
            Some(Greeting::Failed(reason)) => self.fail(peer, reason, now),
            None => self.fail(peer, "the broker spoke before it was asked".into(), now),
        }
    }

    /// A connection could not be made, or has ended.
    pub(super) fn lost(&mut self, id: ConnectionId, reason: String, fault: Option<Fault>, now: Instant) {
        let Some((peer, connection)) = self.find(id) else { return };
        let oldest = connection.oldest();
        let api = fault.and_then(|fault| match fault {
            Fault::Answer => oldest,
            Fault::Request(api) => Some(api),
        });
        self.give_up(peer, reason, false, now);
        if let (Some(api), Some(failure)) = (api, self.failed.back_mut()) {
            let times = self.misunderstood.entry((peer, api)).or_default();
            *times = times.saturating_add(1);
            failure.misunderstood = (*times >= MISUNDERSTOOD).then_some(api);
        }
    }

    fn fail(&mut self, peer: Peer, reason: String, now: Instant) {
        self.give_up(peer, reason, true, now);
    }

    fn give_up(&mut self, peer: Peer, reason: String, close: bool, now: Instant) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        let kind = match () {
            () if connection.has_failed() => FailureKind::Again,
            () if !close && connection.is_ready() && connection.in_flight() == 0 => FailureKind::Idle,
            () => FailureKind::First,
        };
        let address = connection.address().clone();
        let failure = Failure { peer, address, reason: reason.clone(), kind, misunderstood: None };
        self.last_error = Some((failure.address.clone(), reason.clone()));
        let ended = connection.fail(reason, &mut self.rng, now);
        self.failed.push_back(failure);
        self.ended(peer, ended, close);
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

    fn report(&mut self, peer: Peer, report: impl FnOnce(Peer, Address) -> Report) {
        if let Some(connection) = self.connections.get(&peer) {
            self.reports.push_back(report(peer, connection.address().clone()));
        }
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
        for peer in idle {
            self.report(peer, |peer, address| Report::Idle { peer, address });
            self.close(peer);
        }
    }

    /// When [`advance`](Self::advance) has something to do, or a back-off ends.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.connections.values().filter_map(|c| c.deadline(self.settings.max_idle, now)).min()
    }

    /// What the driver has to do.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Which connection was lost, and how badly.
    pub(super) fn next_failed(&mut self) -> Option<Failure> {
        self.failed.pop_front()
    }

    /// What the log is to have.
    pub(super) fn next_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// What came back from whom.
    pub(super) fn next_returned(&mut self) -> Option<(Peer, Returned<T>)> {
        self.returned.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use milena_protocol::messages::api_versions::ApiVersion;
    use milena_protocol::messages::{ApiVersionsResponse, HeartbeatRequest, HeartbeatResponse};
    use milena_protocol::{ErrorCode, ResponseBody, ResponseHeader, Str};

    use super::*;
    use crate::core::test_support::{T, connection_settings, start};

    const PEER: Peer = Peer::Coordinator;

    struct Sut {
        network: Network<&'static str>,
        now: Instant,
    }

    impl Sut {
        fn new() -> Self {
            Sut { network: Network::new(connection_settings(), Rng::new(1)), now: start() }
        }

        fn ready() -> Self {
            let mut sut = Sut::new();
            let id = sut.open().unwrap();
            sut.network.connected(id, sut.now);
            let (version, asked) = sut.asked();
            sut.answer(id, version, asked, versions(ErrorCode::NONE, 4));
            assert!(sut.network.usable(PEER, sut.now).is_some());
            sut
        }

        /// Connects once more, as soon as that is allowed.
        fn again(&mut self) {
            self.now = self.network.deadline(self.now).unwrap();
            let id = self.open().unwrap();
            self.network.connected(id, self.now);
            let (version, asked) = self.asked();
            self.answer(id, version, asked, versions(ErrorCode::NONE, 4));
        }

        fn open(&mut self) -> Option<ConnectionId> {
            let address = Address { host: Str::from("host"), port: 9092 };
            self.network.open(PEER, &address, self.now);
            match self.network.next_action()? {
                Action::Connect { connection, .. } => Some(connection),
                action => panic!("{action:?}"),
            }
        }

        /// The version and correlation id of the request that goes out.
        fn asked(&mut self) -> (i16, i32) {
            match self.network.next_action() {
                Some(Action::Send { request, .. }) => {
                    (request.header.request_api_version, request.header.correlation_id)
                }
                action => panic!("{action:?}"),
            }
        }

        fn send(&mut self, tag: &'static str, timeout: Duration) -> i32 {
            let body = RequestBody::Heartbeat(HeartbeatRequest::default());
            self.network.send(PEER, (Api::Heartbeat, 4), body, tag, timeout, self.now);
            self.asked().1
        }

        fn answer(&mut self, id: ConnectionId, version: i16, asked: i32, body: impl Into<ResponseBody>) {
            let body = body.into();
            let api_key = if matches!(body, ResponseBody::ApiVersions(_)) { 18 } else { 12 };
            let header = ResponseHeader::new(asked);
            self.network.received(id, Response { api_key, api_version: version, header, body }, self.now);
        }

        fn returned(&mut self) -> Vec<(&'static str, bool)> {
            std::iter::from_fn(|| self.network.next_returned())
                .map(|(_, returned)| (returned.tag, returned.answer.is_ok()))
                .collect()
        }

        fn id(&self) -> ConnectionId {
            ConnectionId(self.network.last_connection)
        }

        fn advance(&mut self, time: Duration) {
            self.now += time;
            self.network.advance(self.now);
        }
    }

    fn versions(error: ErrorCode, newest: i16) -> ApiVersionsResponse {
        let mut response = ApiVersionsResponse::default();
        response.error_code = error;
        response.api_keys = vec![ApiVersion::new(18, 0, newest), ApiVersion::new(12, 0, 4)];
        response
    }

    #[test]
    fn t22_an_old_broker_is_asked_again_in_a_version_that_it_knows() {
        for (told, expected) in [(versions(ErrorCode::UNSUPPORTED_VERSION, 2), 2), {
            let mut nothing = versions(ErrorCode::UNSUPPORTED_VERSION, 0);
            nothing.api_keys.clear();
            (nothing, 0)
        }] {
            let mut sut = Sut::new();
            let id = sut.open().unwrap();
            sut.network.connected(id, sut.now);
            let (version, asked) = sut.asked();
            assert_eq!(version, 4);
            sut.answer(id, 4, asked, told.clone());
            let (version, asked) = sut.asked();
            assert_eq!(version, expected);
            // One that still refuses would be asked for ever.
            if version == 0 {
                sut.answer(id, 0, asked, told);
                assert!(sut.network.has_failed(PEER));
            } else {
                sut.answer(id, 2, asked, versions(ErrorCode::NONE, 2));
                assert!(sut.network.usable(PEER, sut.now).is_some());
            }
        }
    }

    #[test]
    fn a15_what_is_in_flight_on_a_connection_that_ends_is_lost_once() {
        let mut sut = Sut::ready();
        sut.send("a", 30_000 * T);
        sut.send("b", 30_000 * T);
        sut.network.lost(sut.id(), "cut".into(), None, sut.now);
        assert_eq!(sut.returned(), [("a", false), ("b", false)]);
        sut.network.lost(sut.id(), "cut".into(), None, sut.now);
        assert_eq!(sut.returned(), []);
    }

    #[test]
    fn a_request_that_takes_too_long_ends_the_connection() {
        let mut sut = Sut::ready();
        sut.send("join", 300_000 * T);
        sut.send("heartbeat", 30_000 * T);
        sut.advance(29_999 * T);
        assert_eq!(sut.returned(), []);
        assert_eq!(sut.network.deadline(sut.now), Some(sut.now + T));
        sut.advance(T);
        assert_eq!(sut.returned(), [("join", false), ("heartbeat", false)]);
        assert!(matches!(sut.network.next_action(), Some(Action::Close { .. })));
        assert_eq!(sut.network.last_error().unwrap().1, "host:9092 did not answer in time");
    }

    #[test]
    fn a_broken_connection_is_made_again_after_a_back_off_that_grows() {
        let mut sut = Sut::new();
        let mut waits = Vec::new();
        for _ in 0..6 {
            let id = sut.open().unwrap();
            sut.network.lost(id, "refused".into(), None, sut.now);
            assert_eq!(sut.open(), None);
            let until = sut.network.deadline(sut.now).unwrap();
            waits.push((until - sut.now).as_millis());
            sut.now = until;
        }
        for (wait, plain) in waits.into_iter().zip([50, 100, 200, 400, 800, 1_000]) {
            assert!((plain * 4 / 5..=plain * 6 / 5).contains(&wait), "{wait} for {plain}");
        }
    }

    #[test]
    fn connecting_takes_no_longer_than_the_setup_timeout() {
        let mut sut = Sut::new();
        sut.open().unwrap();
        sut.advance(7_999 * T);
        assert!(sut.network.next_action().is_none());
        sut.advance(4_001 * T);
        assert!(matches!(sut.network.next_action(), Some(Action::Close { .. })));
        assert!(sut.network.has_failed(PEER));
    }

    #[test]
    fn t25_a_broker_that_asks_for_rest_gets_it() {
        let mut sut = Sut::ready();
        let asked = [sut.send("a", 30_000 * T), sut.send("b", 30_000 * T)];
        // The shorter time comes later, and ends earlier.
        for (asked, ms) in asked.into_iter().zip([5_000, 10]) {
            let mut tired = HeartbeatResponse::default();
            tired.throttle_time_ms = ms;
            sut.answer(sut.id(), 4, asked, tired);
        }
        assert_eq!(sut.returned(), [("a", true), ("b", true)]);
        assert!(sut.network.usable(PEER, sut.now + 4_999 * T).is_none());
        assert_eq!(sut.network.deadline(sut.now), Some(sut.now + 5_000 * T));
        assert!(sut.network.usable(PEER, sut.now + 5_000 * T).is_some());
    }

    #[test]
    fn a_connection_that_nobody_uses_is_closed_without_a_word() {
        let mut sut = Sut::ready();
        sut.advance(540_000 * T);
        assert!(matches!(sut.network.next_action(), Some(Action::Close { .. })));
        assert!(!sut.network.has_failed(PEER) && sut.network.next_failed().is_none());
        assert!(sut.open().is_some());
    }

    #[test]
    fn an_answer_out_of_turn_ends_the_connection() {
        let mut sut = Sut::ready();
        let asked = sut.send("a", 30_000 * T);
        sut.answer(sut.id(), 4, asked + 1, HeartbeatResponse::default());
        assert_eq!(sut.returned(), [("a", false)]);
        assert!(sut.network.has_failed(PEER));
    }

    #[test]
    fn a_peer_that_has_moved_is_connected_to_anew() {
        let mut sut = Sut::ready();
        sut.send("a", 30_000 * T);
        let elsewhere = Address { host: Str::from("elsewhere"), port: 9092 };
        sut.network.open(PEER, &elsewhere, sut.now);
        assert_eq!(sut.returned(), [("a", false)]);
        assert!(matches!(sut.network.next_action(), Some(Action::Close { .. })));
        assert!(
            matches!(sut.network.next_action(), Some(Action::Connect { address, .. }) if address == elsewhere)
        );
    }

    #[test]
    fn an_api_that_is_misunderstood_time_and_again_is_told_until_it_is_understood() {
        let mut sut = Sut::ready();
        let lose = |sut: &mut Sut, fault: Option<Fault>| {
            sut.send("a", 30_000 * T);
            sut.network.lost(sut.id(), "nonsense".into(), fault, sut.now);
            let told = sut.network.next_failed().unwrap().misunderstood;
            sut.again();
            told
        };
        let answer = Some(Fault::Answer);
        let request = Some(Fault::Request(Api::Heartbeat));
        let told = [answer, None, request, answer, answer].map(|fault| lose(&mut sut, fault));
        let heartbeat = Some(Api::Heartbeat);
        assert_eq!(told, [None, None, None, heartbeat, heartbeat]);

        let asked = sut.send("a", 30_000 * T);
        sut.answer(sut.id(), 4, asked, HeartbeatResponse::default());
        assert_eq!([answer; 3].map(|fault| lose(&mut sut, fault)), [None, None, heartbeat]);
    }

    #[test]
    fn a17_connections_that_end_with_the_first_request_are_made_again_ever_more_slowly() {
        let mut sut = Sut::ready();
        let mut waits = Vec::new();
        for _ in 0..6 {
            sut.send("a", 30_000 * T);
            sut.network.lost(sut.id(), "cut".into(), None, sut.now);
            let before = sut.now;
            sut.again();
            waits.push((sut.now - before).as_millis());
        }
        for (wait, plain) in waits.iter().zip([50, 100, 200, 400, 800, 1000]) {
            assert!((plain * 4 / 5..=plain * 6 / 5).contains(wait), "{waits:?}");
        }
    }
}
