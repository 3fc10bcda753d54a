//! The broker as a machine without a clock, sockets or locks.
//!
//! One core holds a whole cluster: its logical brokers share the topics and the groups, so that nothing has to be copied
//! from one to the other, and a leader moves by changing a number. Put in what happened with [`Core::handle`], then do
//! what [`Core::poll`] says until it says [`Action::Wait`].
//!
//! | file | what |
//! |---|---|
//! | `io.rs` | what goes in and comes out |
//! | `requests.rs` | connections, and requests that wait for their answers |
//! | `versions.rs` | which APIs there are |
//! | `handlers/` | what is done about each API |
//! | `catalog.rs` | brokers, topics, partitions: who leads what |
//! | `cluster.rs` | the catalog, the logs and the settings |
//! | `log/` | the log of a partition |
//! | `fetching/` | Fetch: sessions, long polls |
//! | `groups/`, `coordination.rs` | the group coordinator; what it is asked |
//! | `transactions/` | the transaction coordinator |
//! | `steering/` | what tests do to the cluster |
//! | `quota.rs`, `throttling.rs` | how many bytes a client may write and read; how it is held back |
//! | `upkeep.rs`, `ticks.rs` | retention and compaction, from time to time; how much memory a topic takes |
//! | `wall_clock.rs`, `rng.rs` | time and chance, as values |

pub mod catalog;
pub mod groups;
pub mod io;
pub mod requests;
pub mod rng;
pub mod steering;

mod cluster;
mod coordination;
mod fetching;
mod handlers;
mod log;
mod quota;
mod throttling;
mod ticks;
mod transactions;
mod upkeep;
mod versions;
mod wall_clock;

#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Instant;

use milena_protocol::{RequestBody, ResponseBody, Str};

use crate::settings::{SettingError, Settings};
use catalog::{BrokerNode, Catalog};
use cluster::Cluster;
pub(crate) use cluster::bad_topic_name;
use coordination::Coordination;
use fetching::Fetching;
use groups::{GroupSettings, Groups};
use io::{Action, ConnectionId, Event};
use quota::Quota;
use requests::{Context, Outcome, Requests, Ticket};
use steering::{Faults, Time};
use transactions::Transactions;
use upkeep::Upkeep;
use versions::Versions;
pub(crate) use wall_clock::WallClock;

/// A cluster of brokers.
#[derive(Debug)]
pub struct Core {
    cluster: Cluster,
    versions: Versions,
    requests: Requests,
    fetching: Fetching,
    groups: Groups,
    coordination: Coordination,
    producer_quota: Option<Quota>,
    faults: Faults,
    time: Time,
    transactions: Transactions,
    upkeep: Upkeep,
    clock: WallClock,
    max_connections: usize,
    actions: VecDeque<Action>,
}

impl Core {
    /// A cluster of these brokers, without topics. All that is random in it comes from `seed`; `wall_ms` is the time of day
    /// at `now`, in milliseconds since 1970. A broker without a rack stands where `broker.rack` says.
    pub fn new(
        settings: Settings,
        cluster_id: &str,
        brokers: impl IntoIterator<Item = BrokerNode>,
        seed: u64,
        now: Instant,
        wall_ms: i64,
    ) -> Self {
        let max_connections = settings.int("max.connections") as usize;
        let rack = settings.explicit("broker.rack").filter(|rack| !rack.is_empty()).map(Str::from);
        let brokers = brokers.into_iter().map(|mut broker| {
            broker.rack = broker.rack.or_else(|| rack.clone());
            broker
        });
        let brokers: Vec<BrokerNode> = brokers.collect();
        let cluster = Cluster::new(settings, Catalog::new(cluster_id, brokers), seed);
        Core {
            fetching: Fetching::new(&cluster, seed),
            groups: Groups::new(GroupSettings::from(&cluster.settings), seed),
            coordination: Coordination::default(),
            transactions: Transactions::new(&cluster.settings, now),
            upkeep: Upkeep::new(&cluster.settings, now),
            producer_quota: Quota::new(&cluster.settings, "producer_byte_rate"),
            cluster,
            versions: Versions::default(),
            requests: Requests::default(),
            faults: Faults::default(),
            time: Time::new(now),
            clock: WallClock::new(now, wall_ms),
            max_connections,
            actions: VecDeque::new(),
        }
    }

    /// Brokers and topics.
    pub fn catalog(&self) -> &Catalog {
        &self.cluster.catalog
    }

    /// Creates a topic; `None` is the default number of partitions, and of replicas.
    ///
    /// # Errors
    /// When a setting of the topic is unknown, or cannot have its value.
    ///
    /// # Panics
    /// When there is a topic of this name.
    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: Option<usize>,
        replication_factor: Option<usize>,
        settings: &[(&str, &str)],
        now: Instant,
    ) -> Result<(), SettingError> {
        let now = self.time.inside(now);
        let default = |name: &str| self.cluster.settings.int(name) as usize;
        let count = partitions.unwrap_or_else(|| default("num.partitions"));
        let factor = replication_factor.unwrap_or_else(|| default("default.replication.factor"));
        let replicas = self.cluster.catalog.placement(0, count, factor);
        let overrides = settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.cluster.create_topic(name, replicas, overrides, self.clock.unix_ms(now)).map(drop)
    }

    /// Something has happened.
    pub fn handle(&mut self, event: Event, now: Instant) {
        let now = self.time.inside(now);
        match event {
            Event::Connected { connection, node_id, client_host } => {
                let runs = self.cluster.catalog.broker(node_id).is_some_and(|broker| broker.is_up);
                if runs && self.requests.connections_of(node_id) < self.max_connections {
                    self.requests.connected(connection, node_id, &client_host);
                } else {
                    self.actions.push_back(Action::Close { connection });
                }
            }
            Event::Received { connection, request } => match self.requests.received(connection, request) {
                true => self.take_up(connection, now),
                false => self.close(connection),
            },
            Event::ClockStepped { by_ms } if !self.time.is_frozen() => {
                self.clock.step(by_ms);
                self.upkeep.wake(now);
            }
            Event::ClockStepped { .. } => {}
            Event::Lost { connection } => self.lost(connection),
        }
        self.settle(now);
    }

    /// What to do next.
    pub fn poll(&mut self, now: Instant) -> Action {
        let now = self.time.inside(now);
        if self.actions.is_empty() {
            for connection in self.requests.unmuted(now) {
                self.take_up(connection, now);
            }
            self.settle(now);
        }
        self.actions.pop_front().unwrap_or_else(|| Action::Wait(self.deadline()))
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.fetching.deadline(),
            self.groups.deadline(),
            self.transactions.deadline(),
            self.upkeep.deadline(),
            self.requests.next_unmuted(),
            self.faults.deadline(),
        ];
        deadlines.into_iter().flatten().min().and_then(|deadline| self.time.outside(deadline))
    }

    /// Takes up the requests of a connection, one after the other, until one has to wait.
    fn take_up(&mut self, connection: ConnectionId, now: Instant) {
        while let Some((ticket, request, asker)) = self.requests.next(connection, now) {
            let (node_id, client_host) = (asker.node_id, asker.client_host.clone());
            let header = &request.header;
            let client_id = header.client_id.clone();
            let context = Context {
                ticket,
                node_id,
                client_id: client_id.as_deref().unwrap_or_default(),
                client_host: &client_host,
                version: header.request_api_version,
                now,
                wall_ms: self.clock.unix_ms(now),
            };
            let api_key = header.request_api_key;
            let held_back_ms = self.produced(&context, &request.body);
            let outcome = match self.strike(&context, &request) {
                Some(outcome) => outcome,
                None => handlers::handle(self, &context, api_key, request.body),
            };
            let outcome = throttled(outcome, held_back_ms);
            self.mute(ticket, held_back_ms, now);
            self.conclude(ticket, outcome, now);
        }
    }

    fn conclude(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Later => {}
            Outcome::Answer(body) => self.answer(ticket, *body, now),
            Outcome::Silence => {
                if self.suffer_silence(ticket, now)
                    && let Some((connection, _)) = self.requests.done(ticket)
                {
                    self.actions.push_back(Action::Skip { connection });
                }
            }
            Outcome::Close => {
                self.faults.given_up(ticket);
                if let Some((connection, _)) = self.requests.done(ticket) {
                    self.close(connection);
                }
            }
        }
    }

    fn answer(&mut self, ticket: Ticket, body: ResponseBody, now: Instant) {
        let Some(body) = self.suffer(ticket, body, now) else { return };
        if let Some(throttle_time_ms) = body.throttle_time_ms() {
            self.mute(ticket, throttle_time_ms, now);
        }
        if let Some((connection, pairing)) = self.requests.done(ticket) {
            let response = self.requests.unless_frozen(connection, Box::new(pairing.answer(body)));
            self.actions.extend(response.map(|response| Action::Send { connection, response }));
        }
    }

    /// Counts what a client writes, and gives back for how many milliseconds it is to be held back.
    fn produced(&mut self, context: &Context<'_>, request: &RequestBody) -> i32 {
        let (Some(quota), RequestBody::Produce(request)) = (&mut self.producer_quota, request) else {
            return 0;
        };
        let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
        let bytes =
            partitions.map(|partition| partition.records.as_ref().map_or(0, |records| records.len())).sum();
        quota.record(context.node_id, context.client_id, bytes, context.now)
    }

    fn close(&mut self, connection: ConnectionId) {
        self.lost(connection);
        self.actions.push_back(Action::Close { connection });
    }

    fn lost(&mut self, connection: ConnectionId) {
        if let Some(ticket) = self.requests.lost(connection) {
            self.fetching.given_up(ticket);
            self.groups.given_up(ticket);
            self.coordination.given_up(ticket);
            self.faults.given_up(ticket);
        }
    }

    /// Answers what can be answered by now. An answer frees its connection for the next request, which may change what others
    /// wait for.
    fn settle(&mut self, now: Instant) {
        loop {
            let mut answers = self.faults.take_due(now);
            self.transactions.advance(now);
            let wall_ms = self.clock.unix_ms(now);
            let (transactions, groups) = (&mut self.transactions, &mut self.groups);
            transactions::write_markers(transactions, &mut self.cluster, groups, now, wall_ms);
            self.upkeep.advance(&mut self.cluster, now, wall_ms);
            self.groups.advance(&self.cluster.catalog, now);
            for (ticket, body) in self.groups.take_answers() {
                answers.push((ticket, self.coordination.complete(ticket, body)));
            }
            let fetched = self.fetching.take_answers(&mut self.cluster, now);
            answers.extend(fetched.into_iter().map(|(ticket, response)| (ticket, response.into())));
            if answers.is_empty() {
                break;
            }
            for (ticket, body) in answers {
                let connection = self.requests.connection_of(ticket);
                self.answer(ticket, body, now);
                if let Some(connection) = connection {
                    self.take_up(connection, now);
                }
            }
        }
    }
}

/// Tells a producer that it is held back.
fn throttled(mut outcome: Outcome, throttle_time_ms: i32) -> Outcome {
    if let Outcome::Answer(body) = &mut outcome
        && let ResponseBody::Produce(response) = &mut **body
    {
        response.throttle_time_ms = response.throttle_time_ms.max(throttle_time_ms);
    }
    outcome
}
