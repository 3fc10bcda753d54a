//! A fault: which requests it strikes, and what happens to them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use milena_protocol::{Api, ErrorCode, Request, ResponseBody};

/// Something that goes wrong with a request, as a test has written it down.
///
/// It says of which API, the how manieth, and what happens:
///
/// ```
/// use std::time::Duration;
///
/// use milena_broker::Fault;
/// use milena_protocol::{Api, ErrorCode, RequestBody};
///
/// // The third Fetch finds another leader.
/// Fault::on(Api::Fetch).nth(3).fail(ErrorCode::NOT_LEADER_OR_FOLLOWER);
/// // Five heartbeats, from the next one on, are answered late.
/// Fault::on(Api::Heartbeat).times(5).delay(Duration::from_secs(2));
/// // Whoever commits for the group "orders" is cut off, and the commit is not made.
/// let is_ours = |body: &RequestBody| matches!(body, RequestBody::OffsetCommit(r) if r.group_id == "orders");
/// Fault::on(Api::OffsetCommit).when(move |request| is_ours(&request.body)).always().disconnect();
/// ```
///
/// Faults are asked in the order in which they came, and the first that strikes is the only one: two faults for the next Fetch
/// strike the next two.
#[derive(Clone)]
pub struct Fault {
    pub(super) matching: Matching,
    pub(super) effect: Effect,
}

/// What a fault does.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Answer(Box<ResponseBody>),
    Fail(ErrorCode),
    DropRequest,
    Disconnect,
    /// The request is done all the same.
    Then(Aftermath),
}

/// What happens to the answer of a request that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aftermath {
    Delay(Duration),
    /// For so many milliseconds.
    Throttle(i32),
    Drop,
    Cut(usize),
    Disconnect,
}

impl Fault {
    /// A fault of the next request of this API.
    pub fn on(api: Api) -> Matching {
        Matching { api: Some(api), node_id: None, first: 1, times: 1, predicate: None }
    }

    /// A fault of the next request, of whatever API.
    pub fn on_any() -> Matching {
        Matching { api: None, ..Fault::on(Api::ApiVersions) }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault").field("matching", &self.matching).field("effect", &self.effect).finish()
    }
}

type Predicate = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

/// Which requests a [`Fault`] strikes: unless more is said, the next one.
#[derive(Clone)]
#[must_use = "it is no fault yet: say what is to happen, as with `fail`"]
pub struct Matching {
    pub(super) api: Option<Api>,
    pub(super) node_id: Option<i32>,
    /// From which of those that match on, counted from 1.
    pub(super) first: u64,
    pub(super) times: u64,
    predicate: Option<Predicate>,
}

impl Matching {
    /// Only the nth of the requests, counted from 1, from when the fault is told to the broker. With [`times`](Self::times)
    /// the first of several.
    pub fn nth(mut self, nth: u64) -> Self {
        self.first = nth.max(1);
        self
    }

    /// As many requests.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// All requests, until the fault is removed.
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }

    /// Only requests to one broker.
    pub fn at(mut self, node_id: i32) -> Self {
        self.node_id = Some(node_id);
        self
    }

    /// Only requests of which this is true; others are not counted. With another `when` before it, both have to be true. It
    /// cannot steer a broker ([`SteerError::InPredicate`](crate::SteerError::InPredicate)).
    pub fn when(mut self, predicate: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.predicate = Some(match self.predicate.take() {
            None => Arc::new(predicate),
            Some(first) => Arc::new(move |request| first(request) && predicate(request)),
        });
        self
    }

    /// Only requests of clients that call themselves so (`client.id`).
    pub fn from_client(self, client_id: impl Into<String>) -> Self {
        let client_id = client_id.into();
        self.when(move |request| request.header.client_id.as_deref() == Some(&client_id))
    }

    /// This is the answer, and the request is not done. It has to be of the API and the version that are asked for, or the
    /// client is cut off.
    pub fn answer(self, body: impl Into<ResponseBody>) -> Fault {
        self.with(Effect::Answer(Box::new(body.into())))
    }

    /// The answer says nothing but this error, in the shape that Kafka's answer has for it, and the request is not done. An
    /// error of partitions stands at each partition that is asked for.
    pub fn fail(self, code: ErrorCode) -> Fault {
        self.with(Effect::Fail(code))
    }

    /// The request is done, and its answer leaves so much later, by the broker's time.
    pub fn delay(self, delay: Duration) -> Fault {
        self.with(Effect::Then(Aftermath::Delay(delay)))
    }

    /// The request is done, and its answer tells the client to hold back for so long (`throttle_time_ms`). As with a quota its
    /// connection is not read meanwhile.
    pub fn throttle(self, time: Duration) -> Fault {
        let time_ms = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
        self.with(Effect::Then(Aftermath::Throttle(time_ms)))
    }

    /// The request is lost: it is not done, and the connection hangs until the client gives it up.
    pub fn drop_request(self) -> Fault {
        self.with(Effect::DropRequest)
    }

    /// The answer is lost: the request is done, and the connection hangs until the client gives it up.
    pub fn drop_answer(self) -> Fault {
        self.with(Effect::Then(Aftermath::Drop))
    }

    /// The request is done; only the first bytes of its answer are sent, its length of 4 bytes among them, then the
    /// connection is closed.
    pub fn truncate(self, bytes: usize) -> Fault {
        self.with(Effect::Then(Aftermath::Cut(bytes)))
    }

    /// The connection is closed, and the request is not done.
    pub fn disconnect(self) -> Fault {
        self.with(Effect::Disconnect)
    }

    /// The request is done, and the connection is closed in place of an answer.
    pub fn disconnect_after(self) -> Fault {
        self.with(Effect::Then(Aftermath::Disconnect))
    }

    fn with(self, effect: Effect) -> Fault {
        Fault { matching: self, effect }
    }

    /// Whether this is one of the requests that count.
    pub(super) fn counts(&self, request: &Request, node_id: i32) -> bool {
        self.api.is_none_or(|api| api.key() == request.header.request_api_key)
            && self.node_id.is_none_or(|id| id == node_id)
            && self.predicate.as_ref().is_none_or(|is_meant| is_meant(request))
    }
}

impl fmt::Debug for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matching")
            .field("api", &self.api)
            .field("node_id", &self.node_id)
            .field("first", &self.first)
            .field("times", &self.times)
            .field("has_predicate", &self.predicate.is_some())
            .finish()
    }
}
