//! A connection to one broker, from its making to its end.
//!
//! ```text
//!             open              connected               versions known
//!   Closed ----------> Opening ----------> Greeting ----------------------> Ready
//!     ^                   |                   |   ^ |                         |
//!     |   setup timeout,  |    request.timeout|   +-+ UNSUPPORTED_VERSION:    | request.timeout.ms,
//!     |   refused         |                   |       ask in a version that   | closed by the peer, idle
//!     +-------------------+-------------------+       it knows (KIP-511)      |
//!     +-----------------------------------------------------------------------+
//! ```
//!
//! After a failure it stays closed for a back-off that grows until a connection is ready again. Everything that was in
//! flight comes back as lost, once. Who asked is remembered as a tag of the caller's own type.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use milena_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use milena_protocol::{Api, ErrorCode, Response, ResponseBody, Str};

use super::backoff::Backoff;
use super::metadata::Address;
use super::rng::Rng;
use super::throttle::hold_back;
use super::versions::Versions;

/// One attempt to connect and what becomes of it. Never used twice, so that news of an old one are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// What happened to the connection, for people to read.
    pub reason: String,
}

/// How connections are made and kept, by Kafka's names.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// `client.id`.
    pub client_id: Option<Str>,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: Duration,
    /// `socket.connection.setup.timeout.ms`: the first attempt may take so long.
    pub setup_timeout: Duration,
    /// `socket.connection.setup.timeout.max.ms`: attempts that time out get longer up to this.
    pub setup_timeout_max: Duration,
    /// `connections.max.idle.ms`.
    pub max_idle: Duration,
}

#[derive(Debug)]
pub(super) struct Connection<T> {
    address: Address,
    state: State<T>,
    reconnect: Backoff,
    setup: Backoff,
    /// Not to be opened before.
    closed_until: Option<Instant>,
    failed: bool,
}

#[derive(Debug)]
enum State<T> {
    Closed,
    Opening { id: ConnectionId, deadline: Instant },
    Greeting { id: ConnectionId, correlation_id: i32, deadline: Instant, version: i16 },
    Ready(Ready<T>),
}

#[derive(Debug)]
struct Ready<T> {
    id: ConnectionId,
    versions: Versions,
    in_flight: VecDeque<InFlight<T>>,
    /// Those that expect no answer, until they are written.
    unanswered: VecDeque<InFlight<T>>,
    throttled_until: Option<Instant>,
    last_used: Instant,
}

#[derive(Debug)]
struct InFlight<T> {
    api: Api,
    correlation_id: i32,
    deadline: Instant,
    tag: T,
}

/// What came back for a request.
#[derive(Debug)]
pub(super) struct Returned<T> {
    pub(super) tag: T,
    /// The version of the request and its answer.
    pub(super) answer: Result<(i16, ResponseBody), Lost>,
}

/// The end of a connection: what is to be done about it.
#[derive(Debug)]
pub(super) struct Ended<T> {
    /// To be closed, unless it was the peer who did.
    pub(super) id: ConnectionId,
    pub(super) lost: Vec<Returned<T>>,
}

/// What the handshake wants next.
#[derive(Debug)]
pub(super) enum Greeting {
    /// Send this ApiVersions request.
    Ask { correlation_id: i32, version: i16, body: ApiVersionsRequest },
    /// The connection can be used.
    Done,
    /// This broker does not behave.
    Failed(String),
}

impl<T> Connection<T> {
    pub(super) fn new(address: Address, settings: &ConnectionSettings) -> Self {
        Connection {
            address,
            state: State::Closed,
            reconnect: Backoff::new(settings.reconnect_backoff, settings.reconnect_backoff_max),
            setup: Backoff::new(settings.setup_timeout, settings.setup_timeout_max),
            closed_until: None,
            failed: false,
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn id(&self) -> Option<ConnectionId> {
        match &self.state {
            State::Closed => None,
            State::Opening { id, .. } | State::Greeting { id, .. } => Some(*id),
            State::Ready(ready) => Some(ready.id),
        }
    }

    /// Whether it waits for the end of a back-off.
    pub(super) fn is_backing_off(&self, now: Instant) -> bool {
        matches!(self.state, State::Closed) && self.closed_until.is_some_and(|until| until > now)
    }

    /// Whether it could be opened now.
    pub(super) fn can_open(&self, now: Instant) -> bool {
        matches!(self.state, State::Closed) && !self.is_backing_off(now)
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }

    /// The broker's versions, if a request can be sent now.
    pub(super) fn usable(&self, now: Instant) -> Option<&Versions> {
        let State::Ready(ready) = &self.state else { return None };
        ready.throttled_until.is_none_or(|until| until <= now).then_some(&ready.versions)
    }

    /// How many requests wait for their answers.
    pub(super) fn in_flight(&self) -> usize {
        if let State::Ready(ready) = &self.state { ready.in_flight.len() + ready.unanswered.len() } else { 0 }
    }

    /// Whether it failed last, and has not worked since.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn open(&mut self, id: ConnectionId, rng: &mut Rng, now: Instant) {
        self.closed_until = None;
        self.state = State::Opening { id, deadline: now + self.setup.fail(rng) };
    }

    /// The transport is there.
    pub(super) fn connected(
        &mut self,
        correlation_id: i32,
        request_timeout: Duration,
        now: Instant,
    ) -> Option<Greeting> {
        let State::Opening { id, .. } = self.state else { return None };
        self.setup.succeed();
        let version = *Api::ApiVersions.versions().end();
        self.state = State::Greeting { id, correlation_id, deadline: now + request_timeout, version };
        Some(Greeting::Ask { correlation_id, version, body: api_versions() })
    }

    /// An answer came while the versions were not known yet; `None` when they are.
    pub(super) fn greeted(
        &mut self,
        response: &Response,
        next_correlation_id: i32,
        now: Instant,
    ) -> Option<Greeting> {
        let State::Greeting { id, correlation_id, version, .. } = &mut self.state else { return None };
        let ResponseBody::ApiVersions(answer) = &response.body else {
            return Some(Greeting::Failed("the broker did not answer ApiVersions with ApiVersions".into()));
        };
        if answer.error_code == ErrorCode::UNSUPPORTED_VERSION {
            let known = newest_known(answer);
            if known >= *version {
                return Some(Greeting::Failed("the broker refuses every version of ApiVersions".into()));
            }
            (*correlation_id, *version) = (next_correlation_id, known);
            return Some(Greeting::Ask {
                correlation_id: next_correlation_id,
                version: known,
                body: api_versions(),
            });
        }
        if let Err(error) = answer.error_code.ok() {
            return Some(Greeting::Failed(format!("the broker answered ApiVersions with {error}")));
        }
        let held_back = hold_back(&response.body, *version);
        self.state = State::Ready(Ready {
            id: *id,
            versions: Versions::new(answer),
            in_flight: VecDeque::new(),
            unanswered: VecDeque::new(),
            throttled_until: (!held_back.is_zero()).then(|| now + held_back),
            last_used: now,
        });
        self.failed = false;
        Some(Greeting::Done)
    }

    /// Notes a request that goes out now.
    pub(super) fn sent(&mut self, api: Api, correlation_id: i32, tag: T, timeout: Duration, now: Instant) {
        if let State::Ready(ready) = &mut self.state {
            ready.in_flight.push_back(InFlight { api, correlation_id, deadline: now + timeout, tag });
            ready.last_used = now;
        }
    }

    /// Notes a request that goes out now and that the peer will not answer.
    pub(super) fn sent_unanswered(
        &mut self,
        api: Api,
        correlation_id: i32,
        tag: T,
        timeout: Duration,
        now: Instant,
    ) {
        if let State::Ready(ready) = &mut self.state {
            ready.unanswered.push_back(InFlight { api, correlation_id, deadline: now + timeout, tag });
            ready.last_used = now;
        }
    }

    /// The oldest of those is written.
    pub(super) fn written(&mut self, now: Instant) -> Option<T> {
        let State::Ready(ready) = &mut self.state else { return None };
        ready.last_used = now;
        ready.unanswered.pop_front().map(|written| written.tag)
    }

    /// The API of the oldest request without an answer.
    pub(super) fn oldest(&self) -> Option<Api> {
        let State::Ready(ready) = &self.state else { return None };
        ready.in_flight.front().map(|request| request.api)
    }

    /// The answer to the oldest request; `None` when it is not.
    pub(super) fn answered(&mut self, response: Response, now: Instant) -> Option<Returned<T>> {
        let State::Ready(ready) = &mut self.state else { return None };
        let due = ready.in_flight.pop_front()?;
        if due.correlation_id != response.header.correlation_id {
            ready.in_flight.push_front(due);
            return None;
        }
        ready.last_used = now;
        // Not before: one that ends as soon as something is asked would be made again at full speed.
        self.reconnect.succeed();
        let held_back = hold_back(&response.body, response.api_version);
        if !held_back.is_zero() {
            // A shorter time that is told later does not end a longer one.
            ready.throttled_until = ready.throttled_until.max(Some(now + held_back));
        }
        Some(Returned { tag: due.tag, answer: Ok((response.api_version, response.body)) })
    }

    /// Ends it because of a failure: it stays closed for a while.
    pub(super) fn fail(&mut self, reason: String, rng: &mut Rng, now: Instant) -> Option<Ended<T>> {
        let ended = self.end(&reason)?;
        self.closed_until = Some(now + self.reconnect.fail(rng));
        self.failed = true;
        Some(ended)
    }

    /// Ends it because nobody needs it: it can be opened again at once.
    pub(super) fn close(&mut self) -> Option<Ended<T>> {
        self.end("closed by the client")
    }

    fn end(&mut self, reason: &str) -> Option<Ended<T>> {
        let id = self.id()?;
        let lost = |InFlight { tag, .. }| Returned { tag, answer: Err(Lost { reason: reason.to_owned() }) };
        let (in_flight, unanswered) = match std::mem::replace(&mut self.state, State::Closed) {
            State::Ready(ready) => (ready.in_flight, ready.unanswered),
            _ => Default::default(),
        };
        Some(Ended { id, lost: in_flight.into_iter().chain(unanswered).map(lost).collect() })
    }

    /// Why it has to be given up by now, if so.
    pub(super) fn overdue(&self, now: Instant) -> Option<String> {
        let Address { host, port } = &self.address;
        match &self.state {
            State::Opening { deadline, .. } if *deadline <= now => {
                Some(format!("connecting to {host}:{port} took too long"))
            }
            State::Greeting { deadline, .. } if *deadline <= now => {
                Some(format!("{host}:{port} did not answer ApiVersions in time"))
            }
            State::Ready(ready) if ready.first_deadline().is_some_and(|deadline| deadline <= now) => {
                Some(format!("{host}:{port} did not answer in time"))
            }
            _ => None,
        }
    }

    pub(super) fn is_idle(&self, max_idle: Duration, now: Instant) -> bool {
        match &self.state {
            State::Ready(ready) => ready.is_unused() && ready.last_used + max_idle <= now,
            _ => false,
        }
    }

    /// When something about it changes by time alone.
    pub(super) fn deadline(&self, max_idle: Duration, now: Instant) -> Option<Instant> {
        match &self.state {
            State::Closed => self.closed_until.filter(|until| *until > now),
            State::Opening { deadline, .. } | State::Greeting { deadline, .. } => Some(*deadline),
            State::Ready(ready) => {
                let last = ready.first_deadline().unwrap_or(ready.last_used + max_idle);
                ready.throttled_until.filter(|until| *until > now).into_iter().chain([last]).min()
            }
        }
    }
}

impl<T> Ready<T> {
    /// Not that of the oldest: a JoinGroup may take longer than what was sent after it.
    fn first_deadline(&self) -> Option<Instant> {
        self.in_flight.iter().chain(&self.unanswered).map(|request| request.deadline).min()
    }

    fn is_unused(&self) -> bool {
        self.in_flight.is_empty() && self.unanswered.is_empty()
    }
}

/// The first question on every connection: which versions the broker knows.
pub(crate) fn api_versions() -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    request.client_software_name = Str::from_static("milena");
    request.client_software_version = Str::from_static(env!("CARGO_PKG_VERSION"));
    request
}

/// The newest version of ApiVersions itself that both sides know: 0 where the broker does not tell.
pub(crate) fn newest_known(answer: &ApiVersionsResponse) -> i16 {
    Versions::new(answer).newest(Api::ApiVersions).unwrap_or(0)
}
