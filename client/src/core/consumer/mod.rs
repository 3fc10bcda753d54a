//! The consumer as one machine, composed of the machines beside it.
//!
//! ```text
//!                 handle(event, now)                        poll(now)
//!   driver ------------------------------>    Core    ------------------> action: connect, send, close,
//!   (clock, sockets,                           |                          answer a call, wait until
//!    the application's calls)                  |
//!      brokers.rs: metadata, any broker, fetching   <- Network, Metadata, Fetching
//!      topics.rs:  the topics that are wanted       <- Subscription, Membership, Fetching
//!      group.rs:   joining, heartbeats, leaving     <- Coordinator, Membership, Heartbeat
//!      offsets.rs: commits, committed offsets       <- Commits, Committed
//!      lookups.rs: offsets, ends and topics, looked up  <- Lookups
//!      calls.rs:   what the application asks for
//! ```
//! `handle` takes in one thing that happened; `poll` is called until it says to wait. All that goes on by time alone is a
//! deadline in one of the machines, and `poll` looks at all of them whenever it has nothing left to hand out. Heartbeats,
//! metadata and fetching go on whether or not the application polls; giving up partitions and joining the group happen
//! within its polls only.

mod brokers;
mod calls;
mod group;
mod lookups;
mod offsets;
mod reports;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use milena_protocol::Str;

use super::backoff::Backoff;
use super::fetching::{FetchToken, Fetching};
use super::io::{Action, Answer, CallId, Event, RebalanceId};
use super::lookups::{LookupToken, Lookups};
use super::member::{Generation, GroupMembershipOperation};
use super::metadata::{Address, Metadata};
use super::network::{Network, Peer};
use super::report::Report;
use super::rng::Rng;
use super::subscription::Subscription;
use super::topic_partition::TopicPartition;
use super::wall_clock::WallClock;
use crate::{Config, ConfigError, Error};
use group::{Farewell, Group, Handover, Unsubscribing};
use reports::Reported;
use topics::Topics;

/// The consumer, without a clock and without sockets.
#[derive(Debug)]
pub struct Core {
    request_timeout: Duration,
    default_api_timeout: Duration,
    retry_backoff: Duration,
    is_rack_aware: bool,
    rng: Rng,
    network: Network<Tag>,
    metadata: Metadata,
    topics: Topics,
    fetching: Fetching,
    /// `None` without a `group.id`.
    group: Option<Group>,
    subscription: Subscription,
    unsubscribing: Option<Unsubscribing>,
    handover: Option<Handover>,
    /// What the rebalance listener has not acknowledged yet.
    telling: Option<RebalanceId>,
    last_rebalance: RebalanceId,
    polling: Option<Polling>,
    /// And so an error has its turn now, if there is one.
    last_poll_had_records: bool,
    /// The application's side was told to throw records away, and has not been heard of since.
    is_shedding: bool,
    positions_asked: Vec<PositionAsked>,
    lookups: Lookups,
    /// The generation in which a rebalance stood in the way of the first commit.
    pins_refused_in: Option<Generation>,
    /// When the first commit, which has failed, is tried again; `None` once one has succeeded.
    pins_retry_at: Option<Instant>,
    pins_backoff: Backoff,
    /// For the next poll.
    errors: VecDeque<Error>,
    /// Since when no broker could be reached; `None` once one could.
    unreached_since: Option<Instant>,
    closing: Option<Closing>,
    on_close: GroupMembershipOperation,
    reported: Reported,
    outbox: VecDeque<Action>,
}

/// What a request was for.
#[derive(Debug)]
enum Tag {
    Metadata { topics: BTreeSet<Str>, all: bool },
    FindCoordinator,
    Fetch(FetchToken),
    Join,
    Sync,
    Heartbeat(Generation),
    GroupHeartbeat(u64),
    Leave(Box<Farewell>),
    Commit(Generation),
    Committed { asked: BTreeSet<TopicPartition>, assignment: u64 },
    Lookup(LookupToken),
}

impl Tag {
    fn is_about_the_group(&self) -> bool {
        use Tag::{GroupHeartbeat, Heartbeat, Join, Leave, Sync};
        matches!(self, Join | Sync | Heartbeat(_) | GroupHeartbeat(_) | Leave(_))
    }
}

/// A poll that waits for its answer.
#[derive(Debug)]
struct Polling {
    call: CallId,
    deadline: Instant,
    has_records: bool,
}

#[derive(Debug)]
struct PositionAsked {
    call: CallId,
    partition: TopicPartition,
    asked: Instant,
    deadline: Instant,
}

#[derive(Debug)]
struct Closing {
    /// `None` when the application has just gone away.
    call: Option<CallId>,
    asked: Instant,
    deadline: Instant,
    /// The application has gone away.
    is_abandoned: bool,
    /// The partitions have gone.
    handed_over: bool,
    /// The group needs nothing more.
    left: bool,
    /// Why the last commit failed, if it did.
    error: Option<Error>,
    finished: bool,
}

impl Closing {
    fn new(call: Option<CallId>, asked: Instant, deadline: Instant) -> Self {
        Closing {
            call,
            asked,
            deadline,
            is_abandoned: false,
            handed_over: false,
            left: false,
            error: None,
            finished: false,
        }
    }
}

impl Core {
    /// A consumer that does nothing yet. All that is random in it comes from `seed`; `now` is `unix_ms` milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// When properties contradict each other.
    pub fn new(config: &Config, seed: u64, now: Instant, unix_ms: i64) -> Result<Self, ConfigError> {
        let config = &config.usable()?;
        let mut rng = Rng::new(seed);
        let network = Network::new(config.connection_settings(), Rng::new(rng.next_u64()));
        Ok(Core {
            request_timeout: config.request_timeout,
            default_api_timeout: config.default_api_timeout,
            retry_backoff: config.retry_backoff,
            is_rack_aware: !config.client_rack.is_empty(),
            network,
            metadata: Metadata::new(config.bootstrap_servers.clone(), config.metadata_settings()),
            topics: Topics::default(),
            fetching: Fetching::new(config.fetch_settings(), WallClock::new(now, unix_ms)),
            group: Group::new(config, &mut rng, now),
            subscription: Subscription::new(config.exclude_internal_topics),
            unsubscribing: None,
            handover: None,
            telling: None,
            last_rebalance: RebalanceId::default(),
            polling: None,
            last_poll_had_records: false,
            is_shedding: false,
            positions_asked: Vec::new(),
            lookups: Lookups::new(config.lookup_settings()),
            pins_refused_in: None,
            pins_retry_at: None,
            pins_backoff: Backoff::new(config.retry_backoff, config.retry_backoff_max),
            errors: VecDeque::new(),
            unreached_since: None,
            closing: None,
            on_close: GroupMembershipOperation::Default,
            reported: Reported::default(),
            outbox: VecDeque::new(),
            rng,
        })
    }

    /// Takes in what happened.
    pub fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected { connection } => self.network.connected(connection, now),
            Event::Lost { connection, reason, fault } => {
                self.network.lost(connection, reason, fault, now);
            }
            Event::Received { connection, response } => self.network.received(connection, *response, now),
            Event::Written { connection } => drop(self.network.written(connection, now)),
            Event::Called { call, command } => self.called(call, command, now),
            Event::Delivered(delivered) => {
                self.fetching.delivered(&delivered, now);
                self.is_shedding = false;
            }
            Event::Abandoned => self.abandoned(now),
        }
    }

    /// What to do next.
    pub fn poll(&mut self, now: Instant) -> Action {
        if let Some(action) = self.next_action() {
            return action;
        }
        if !self.is_finished() {
            self.advance(now);
        }
        match self.next_action() {
            Some(action) => action,
            None if self.is_finished() => Action::Finish,
            None => Action::Wait(self.deadline(now)),
        }
    }

    fn is_finished(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.finished)
    }

    fn next_action(&mut self) -> Option<Action> {
        let report = self.network.next_report().map(Action::Report);
        report.or_else(|| self.network.next_action()).or_else(|| self.outbox.pop_front())
    }

    /// Does all that is due. What one step brings about is due in a later one, or comes with an action.
    fn advance(&mut self, now: Instant) {
        self.network.advance(now);
        self.take_in(now);
        self.expire_offsets(now);
        self.keep_membership(now);
        self.refresh_metadata(now);
        self.keep_coordinator(now);
        self.send_farewells(now);
        self.look_up(now);
        self.commit_pins(now);
        if self.closing.is_some() {
            self.send_commits(now);
            self.look_up_committed(now);
            self.answer_positions(now);
            return self.go_on_closing(now);
        }
        self.go_on_joining(now);
        self.commit_automatically(now);
        self.send_commits(now);
        self.look_up_committed(now);
        self.fetch(now);
        self.answer_positions(now);
        self.answer_poll(now);
    }

    /// Hands what came back to the machine that asked for it.
    fn take_in(&mut self, now: Instant) {
        while let Some((peer, returned)) = self.network.next_returned() {
            let answer = returned.answer;
            let retry = answer.as_ref().ok().and_then(|(_, answer)| Report::retry(answer));
            retry.into_iter().for_each(|retry| self.report(retry));
            if returned.tag.is_about_the_group() {
                self.topics.may_have_changed();
            }
            match returned.tag {
                Tag::Metadata { topics, all } => self.metadata_answered(topics, all, answer, now),
                Tag::FindCoordinator => self.coordinator_answered(answer, now),
                Tag::Fetch(token) => self.fetch_answered(peer, token, answer, now),
                Tag::Join => self.join_answered(answer, now),
                Tag::Sync => self.sync_answered(answer, now),
                Tag::Heartbeat(generation) => self.heartbeat_answered(&generation, answer, now),
                Tag::GroupHeartbeat(attempt) => self.group_heartbeat_answered(attempt, answer, now),
                Tag::Leave(farewell) => self.leave_answered(*farewell, answer, now),
                Tag::Commit(generation) => self.commit_answered(&generation, answer, now),
                Tag::Committed { asked, assignment } => {
                    self.committed_answered(&asked, assignment, answer, now);
                }
                Tag::Lookup(token) => self.lookup_answered(token, answer, now),
            }
        }
        while let Some(failure) = self.network.next_failed() {
            if let Some(api) = failure.misunderstood {
                let Address { host, port } = &failure.address;
                let (address, cause) = (format!("{host}:{port}"), failure.reason.clone());
                self.fail(Error::Misunderstood { address, api: api.name(), cause });
            }
            if failure.peer == Peer::Coordinator {
                self.coordinator_failed(now);
            }
            self.lookups_lose(failure.peer, now);
            self.report_lost(failure);
        }
        self.report_group();
    }

    /// When something is due. What is due already waits for something else to happen, a connection as a rule.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let deadlines = [
            self.network.deadline(now),
            self.metadata_due(now),
            self.metadata.rebootstrap_due(),
            self.group_deadline(now),
            self.pins_retry_at,
            self.fetching.deadline(now),
            self.polling.as_ref().map(|polling| polling.deadline),
            self.unreachable_at().filter(|_| self.polling.is_some()),
            self.positions_asked.iter().map(|asked| asked.deadline).min(),
            self.lookups.deadline(now),
            self.closing.as_ref().map(|closing| closing.deadline),
        ];
        deadlines.into_iter().flatten().filter(|deadline| *deadline > now).min()
    }

    fn answer(&mut self, call: CallId, answer: Result<Answer, Error>) {
        let answer = answer.map_err(|error| match error {
            // Why it took so long says more than that it did.
            Error::Timeout { .. } => self.never_reached().unwrap_or(error),
            error => error,
        });
        self.outbox.push_back(Action::Answer { call, answer });
    }

    fn owned(&self) -> BTreeSet<TopicPartition> {
        self.fetching.assignment().cloned().collect()
    }
}
