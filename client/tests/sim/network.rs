//! Connections: bytes that are cut anywhere, come late, or not at all.
//!
//! Each direction of a connection keeps its order, as TCP does. Both ends work through the real codecs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use milena_broker::core::io::ConnectionId as BrokerEnd;
use milena_client::core::connection::ConnectionId as ClientEnd;
use milena_codec::{ClientCodec, ServerCodec};
use milena_protocol::{Request, Response};
use tokio_util::codec::Decoder;

use crate::clock::Clock;
use crate::rng::Rng;
use crate::world::Happening;

/// The most requests that a client may have on their way on one connection.
const IN_FLIGHT: usize = 50;

/// How many requests a client may send in so much time. One that asks again without a back-off sends more.
const REQUESTS: (usize, Duration) = (10_000, Duration::from_secs(10));

/// Names a connection; the broker's core calls it so too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u64);

impl From<LinkId> for BrokerEnd {
    fn from(link: LinkId) -> Self {
        BrokerEnd(link.0)
    }
}

/// Names a client.
pub type ClientId = usize;

/// How bad the network is just now; the chances are in per mille of what is written.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// The longest that a byte is on its way, as a rule.
    pub latency_ms: u64,
    /// It is cut into pieces, which come one after the other.
    pub cuts: u64,
    /// It comes seconds later, and all that is behind it.
    pub stalls: u64,
    /// The connection breaks before all of it has arrived.
    pub breaks_before: u64,
    /// It arrives, and the connection breaks before anything comes back.
    pub breaks_after: u64,
    /// An attempt to connect is refused.
    pub refusals: u64,
}

#[derive(Debug)]
pub struct Link {
    pub client: ClientId,
    pub client_end: ClientEnd,
    pub node: i32,
    /// Whether the client still has its end.
    is_clients: bool,
    /// Whether the broker still has its end.
    is_brokers: bool,
    codecs: (ClientCodec, ServerCodec),
    /// What has come at the client, and at the broker, and is no whole frame yet.
    come: (BytesMut, BytesMut),
    /// When the last byte arrives at the client, and at the broker.
    last: (Instant, Instant),
    /// What the broker is asked for just now. It reads no further until that is answered.
    asked: Option<Box<Request>>,
    breaks_after: bool,
}

#[derive(Debug)]
pub struct Network {
    pub weather: Weather,
    rng: Rng,
    links: BTreeMap<LinkId, Link>,
    by_client: BTreeMap<(ClientId, ClientEnd), LinkId>,
    /// Since when, and how often, each client has sent something.
    sent: BTreeMap<ClientId, (Instant, usize)>,
    last: u64,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Towards {
    Client,
    Broker,
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Network {
            weather: Weather::default(),
            rng: Rng::new(seed),
            links: BTreeMap::new(),
            by_client: BTreeMap::new(),
            sent: BTreeMap::new(),
            last: 0,
        }
    }

    fn latency(&mut self) -> Duration {
        let most = self.weather.latency_ms * 1000;
        Duration::from_micros(100 + self.rng.within(0..=most))
    }

    /// A client wants a connection to a broker; `None` is an address where nobody is.
    pub fn connect(
        &mut self,
        client: ClientId,
        client_end: ClientEnd,
        node: Option<i32>,
        clock: &mut Clock<Happening>,
    ) {
        self.last += 1;
        let id = LinkId(self.last);
        let at = clock.now + self.latency();
        let link = Link {
            client,
            client_end,
            node: node.unwrap_or(-1),
            is_clients: true,
            is_brokers: false,
            codecs: (ClientCodec::default(), ServerCodec::default()),
            come: (BytesMut::new(), BytesMut::new()),
            last: (at, at),
            asked: None,
            breaks_after: false,
        };
        self.links.insert(id, link);
        self.by_client.insert((client, client_end), id);
        if node.is_none() || self.rng.per_mille(self.weather.refusals) {
            clock.put(at, Happening::ClientLoses(id, "refused"));
        } else {
            clock.put(at, Happening::Knocks(id));
        }
    }

    /// A broker that runs is there: the connection is made.
    pub fn accept(&mut self, id: LinkId, clock: &mut Clock<Happening>) {
        let later = clock.now + self.latency();
        let Some(link) = self.links.get_mut(&id) else { return };
        link.is_brokers = true;
        link.last.0 = later;
        clock.put(later, Happening::Established(id));
    }

    /// The client's end, where the client still has it.
    pub fn clients(&self, id: LinkId) -> Option<(ClientId, ClientEnd)> {
        let link = self.links.get(&id).filter(|link| link.is_clients)?;
        Some((link.client, link.client_end))
    }

    pub fn node(&self, id: LinkId) -> Option<i32> {
        self.links.get(&id).map(|link| link.node)
    }

    pub fn client_of(&self, id: LinkId) -> Option<ClientId> {
        self.links.get(&id).map(|link| link.client)
    }

    /// How many connections a client has, or is making.
    pub fn count(&self, client: ClientId) -> usize {
        self.by_client.range((client, ClientEnd(0))..=(client, ClientEnd(u64::MAX))).count()
    }

    /// All connections of a client.
    pub fn of_client(&self, client: ClientId) -> Vec<LinkId> {
        let range = self.by_client.range((client, ClientEnd(0))..=(client, ClientEnd(u64::MAX)));
        range.map(|(_, id)| *id).collect()
    }

    /// A client writes.
    pub fn ask(&mut self, client: ClientId, end: ClientEnd, request: &Request, clock: &mut Clock<Happening>) {
        let Some(&id) = self.by_client.get(&(client, end)) else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        let mut bytes = BytesMut::new();
        link.codecs.0.write(request, &mut bytes).expect("a client writes what can be written");
        let in_flight = link.codecs.0.in_flight().len();
        assert!(in_flight <= IN_FLIGHT, "client {client} has {in_flight} requests on one connection");
        let (since, sent) = self.sent.entry(client).or_insert((clock.now, 0));
        if clock.now > *since + REQUESTS.1 {
            (*since, *sent) = (clock.now, 0);
        }
        *sent += 1;
        assert!(*sent <= REQUESTS.0, "client {client} sends {sent} requests in {:?}", clock.now - *since);
        if !request.expects_response() {
            clock.put(clock.now, Happening::Written(id));
        }
        if self.rng.per_mille(self.weather.breaks_before) {
            return self.break_midway(id, bytes.freeze(), Towards::Broker, clock);
        }
        if self.rng.per_mille(self.weather.breaks_after) {
            link_of(&mut self.links, id).breaks_after = true;
        }
        self.write(id, bytes.freeze(), Towards::Broker, clock);
    }

    /// The broker answers what it was asked; gives back the question.
    pub fn answer(
        &mut self,
        id: LinkId,
        response: &Response,
        clock: &mut Clock<Happening>,
    ) -> Option<Box<Request>> {
        let link = self.links.get_mut(&id)?;
        let asked = link.asked.take();
        let mut bytes = BytesMut::new();
        link.codecs.1.write(response, &mut bytes).expect("a broker writes what can be written");
        if link.breaks_after || self.rng.per_mille(self.weather.breaks_before) {
            self.break_midway(id, bytes.freeze(), Towards::Client, clock);
        } else {
            self.write(id, bytes.freeze(), Towards::Client, clock);
        }
        asked
    }

    /// A request that has no answer has been seen to.
    pub fn skip(&mut self, id: LinkId) -> Option<Box<Request>> {
        self.links.get_mut(&id)?.asked.take()
    }

    /// Bytes have come at the broker.
    pub fn come_to_broker(&mut self, id: LinkId, bytes: &Bytes) {
        if let Some(link) = self.links.get_mut(&id) {
            link.come.1.extend_from_slice(bytes);
        }
    }

    /// The next request that the broker reads; `None` until it is whole, and while another one is under way.
    pub fn next_request(&mut self, id: LinkId) -> Option<Box<Request>> {
        let link = self.links.get_mut(&id).filter(|link| link.is_brokers && link.asked.is_none())?;
        let request = link.codecs.1.decode(&mut link.come.1).expect("what a client wrote can be read")?;
        let request = Box::new(request);
        link.asked = Some(request.clone());
        Some(request)
    }

    /// Bytes have come at the client; gives back the answers that are whole by now.
    pub fn come_to_client(&mut self, id: LinkId, bytes: &Bytes) -> Vec<Response> {
        // What comes behind a break is of no use to anybody.
        let Some(link) = self.links.get_mut(&id).filter(|link| link.is_clients) else { return Vec::new() };
        link.come.0.extend_from_slice(bytes);
        let decode = || link.codecs.0.decode(&mut link.come.0).expect("what a broker wrote can be read");
        std::iter::from_fn(decode).collect()
    }

    /// The client closes its end. What it has written still arrives, but for what is held up, unless `comes_late`: were that to
    /// arrive after what the client sends on its next connection, an old commit would take the place of a newer one, and there
    /// is nothing in Kafka's protocol that could keep it from doing so.
    pub fn close_at_client(
        &mut self,
        client: ClientId,
        end: ClientEnd,
        comes_late: bool,
        clock: &mut Clock<Happening>,
    ) {
        let Some(id) = self.by_client.remove(&(client, end)) else { return };
        let later = clock.now + self.latency();
        let soon = clock.now + Duration::from_millis(self.weather.latency_ms + 1);
        let link = link_of(&mut self.links, id);
        link.is_clients = false;
        let lost = if comes_late || link.last.1 <= soon { later.max(link.last.1) } else { later };
        clock.put(lost, Happening::BrokerLoses(id));
    }

    /// The broker closes its end. What it has written still arrives.
    pub fn close_at_broker(&mut self, id: LinkId, clock: &mut Clock<Happening>) {
        let later = clock.now + self.latency();
        let Some(link) = self.links.get_mut(&id) else { return };
        link.is_brokers = false;
        clock.put(later.max(link.last.0), Happening::ClientLoses(id, "closed by the broker"));
    }

    /// The client has learnt that its end is no more. Gives back whether it had it.
    pub fn lost_at_client(&mut self, id: LinkId) -> Option<(ClientId, ClientEnd)> {
        let link = self.links.get_mut(&id)?;
        let had = std::mem::take(&mut link.is_clients);
        let (client, end) = (link.client, link.client_end);
        if had {
            self.by_client.remove(&(client, end));
        }
        self.forget_if_gone(id);
        had.then_some((client, end))
    }

    /// The broker has learnt that its end is no more. Gives back whether it had it.
    pub fn lost_at_broker(&mut self, id: LinkId) -> bool {
        let had = self.links.get_mut(&id).is_some_and(|link| std::mem::take(&mut link.is_brokers));
        self.forget_if_gone(id);
        had
    }

    /// A connection breaks: whatever has not arrived never will.
    pub fn break_off(&mut self, id: LinkId, clock: &mut Clock<Happening>) {
        let (one, other) = (self.latency(), self.latency());
        clock.put(clock.now + one, Happening::ClientLoses(id, "reset"));
        clock.put(clock.now + other, Happening::BrokerLoses(id));
    }

    /// The connections that their clients have given up, and whose last bytes may still be on their way.
    pub fn given_up(&self) -> Vec<LinkId> {
        self.links.iter().filter(|(_, link)| !link.is_clients).map(|(id, _)| *id).collect()
    }

    /// Whether what a client has sent may still arrive on a connection that it has given up.
    pub fn may_come_late(&self, client: ClientId) -> bool {
        self.links.values().any(|link| link.client == client && !link.is_clients && link.is_brokers)
    }

    /// All connections there are.
    pub fn all(&self) -> Vec<LinkId> {
        self.links.keys().copied().collect()
    }

    fn forget_if_gone(&mut self, id: LinkId) {
        if self.links.get(&id).is_some_and(|link| !link.is_clients && !link.is_brokers) {
            self.links.remove(&id);
        }
    }

    /// Only the first part arrives.
    fn break_midway(&mut self, id: LinkId, bytes: Bytes, to: Towards, clock: &mut Clock<Happening>) {
        let part = self.rng.below(bytes.len());
        self.write(id, bytes.slice(..part), to, clock);
        let link = link_of(&mut self.links, id);
        let (at_client, at_broker) = link.last;
        // No later than what was written last, so that nothing comes behind it.
        clock.put(at_client, Happening::ClientLoses(id, "reset"));
        clock.put(at_broker, Happening::BrokerLoses(id));
    }

    fn write(&mut self, id: LinkId, mut bytes: Bytes, to: Towards, clock: &mut Clock<Happening>) {
        let stall = self.rng.per_mille(self.weather.stalls).then(|| self.rng.millis(500..=12_000));
        while !bytes.is_empty() {
            let is_cut = self.rng.per_mille(self.weather.cuts);
            let piece =
                if is_cut { bytes.split_to(1 + self.rng.below(bytes.len())) } else { bytes.split_off(0) };
            let arrives = clock.now + self.latency() + stall.unwrap_or_default();
            let link = link_of(&mut self.links, id);
            let (last, happening) = match to {
                Towards::Client => (&mut link.last.0, Happening::ToClient(id, piece)),
                Towards::Broker => (&mut link.last.1, Happening::ToBroker(id, piece)),
            };
            *last = arrives.max(*last);
            clock.put(*last, happening);
        }
    }
}

fn link_of(links: &mut BTreeMap<LinkId, Link>, id: LinkId) -> &mut Link {
    links.get_mut(&id).expect("a connection is there as long as one side has it")
}
