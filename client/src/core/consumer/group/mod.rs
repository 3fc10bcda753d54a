//! The group side: finding the coordinator, joining, showing that the member lives, leaving.
//!
//! What is particular to one of the group's protocols is in [`classic`] and in [`consumer_protocol`]; here they part.

mod classic;
mod consumer_protocol;
mod farewells;
mod handover;
mod leaving;

pub(super) use farewells::Farewell;
pub(super) use handover::Handover;
pub(super) use leaving::Unsubscribing;

use std::time::{Duration, Instant};

use milena_protocol::messages::SyncGroupRequest;
use milena_protocol::{Api, ErrorCode, RequestBody, ResponseBody, Str};

use super::{Core, PositionAsked, Tag};
use crate::core::backoff::Backoff;
use crate::core::classic_membership::ClassicMembership;
use crate::core::commits::Commits;
use crate::core::committed::Committed;
use crate::core::connection::Lost;
use crate::core::consumer_membership::ConsumerMembership;
use crate::core::coordinator::Coordinator;
use crate::core::heartbeat::{Heartbeat, HeartbeatSettings};
use crate::core::member::{ConsumerGroupMetadata, Generation, MemberSettings, Next};
use crate::core::membership::Membership;
use crate::core::network::Peer;
use crate::core::rng::Rng;
use crate::core::versions::Versions;
use crate::{Config, Error, GroupProtocol};
use farewells::Farewells;

/// A JoinGroup may take this much longer than the group waits for its members (T10).
const JOIN_LAPSE: Duration = Duration::from_secs(5);
/// The first version of the group's APIs that knows static members (KIP-345), for each API.
const STATIC_MEMBERS: [(Api, i16); 4] =
    [(Api::JoinGroup, 5), (Api::SyncGroup, 3), (Api::Heartbeat, 3), (Api::OffsetCommit, 7)];

type Answered = Result<(i16, ResponseBody), Lost>;

/// What a consumer with a `group.id` has.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) coordinator: Coordinator,
    pub(super) membership: Membership,
    pub(super) commits: Commits,
    pub(super) committed: Committed,
    heartbeat: Heartbeat,
    /// To be sent as soon as the coordinator takes it.
    sync: Option<SyncGroupRequest>,
    join_timeout: Duration,
    session_timeout: Duration,
    farewells: Farewells,
    /// Counts the changes of the assignment.
    pub(super) assignment: u64,
}

impl Group {
    pub(super) fn new(config: &Config, rng: &mut Rng, now: Instant) -> Option<Self> {
        let group_id = Some(config.group_id.as_str()).filter(|id| !id.is_empty())?;
        let instance_id = Some(config.group_instance_id.as_str()).filter(|id| !id.is_empty());
        let backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max);
        let member = MemberSettings {
            group_id: group_id.into(),
            group_instance_id: instance_id.map(Into::into),
            client_rack: config.client_rack.as_str().into(),
            rebalance_timeout: config.max_poll_interval,
        };
        let heartbeat = HeartbeatSettings {
            interval: config.heartbeat_interval,
            session_timeout: config.session_timeout,
            max_poll_interval: config.max_poll_interval,
            retry_backoff: config.retry_backoff,
            retry_backoff_max: config.retry_backoff_max,
        };
        let auto_commit = config.enable_auto_commit.then_some(config.auto_commit_interval);
        Some(Group {
            coordinator: Coordinator::new(group_id.into(), config.retry_backoff, config.retry_backoff_max),
            membership: membership(config, member, rng),
            commits: Commits::new(auto_commit, backoff.clone(), now),
            committed: Committed::new(group_id.into(), backoff),
            heartbeat: Heartbeat::new(heartbeat, now),
            sync: None,
            join_timeout: config.request_timeout.max(config.max_poll_interval + JOIN_LAPSE),
            session_timeout: config.session_timeout,
            farewells: Farewells::default(),
            assignment: 0,
        })
    }

    /// The version to use; `None` where the broker is too old for this API, or for static members.
    pub(super) fn version(&self, versions: &Versions, api: Api, newest: i16) -> Option<i16> {
        let version = versions.newest_up_to(api, newest)?;
        let too_old = |&(named, first): &(Api, i16)| named == api && version < first;
        let unusable = self.membership.is_static() && STATIC_MEMBERS.iter().any(too_old);
        (!unusable).then_some(version)
    }

    /// As whom the coordinator knows this consumer.
    pub(super) fn metadata(&self) -> ConsumerGroupMetadata {
        let Generation { id, member_id } = self.membership.joined().cloned().unwrap_or_default();
        ConsumerGroupMetadata {
            group_id: self.coordinator.group_id().to_string(),
            generation_id: id,
            member_id: member_id.to_string(),
            group_instance_id: self.membership.instance_id().map(Str::to_string),
        }
    }

    /// Whether the coordinator is about to give this member its id.
    fn awaits_id(&mut self) -> bool {
        self.membership.classic().is_some_and(|membership| membership.awaits_id())
    }

    /// A commit as this generation was refused. Says whether that is news.
    pub(super) fn fenced(&mut self, sent: &Generation, code: ErrorCode, now: Instant) -> bool {
        let is_news = self.membership.fenced(sent, code);
        if is_news && self.membership.consumer().is_some() {
            // The answer to a heartbeat in flight is of a membership that is over: nobody waits for it.
            self.heartbeat.start_anew(now);
        }
        is_news
    }
}

fn membership(config: &Config, member: MemberSettings, rng: &mut Rng) -> Membership {
    match config.group_protocol {
        GroupProtocol::Classic => {
            let strategies = config.partition_assignment_strategy.iter();
            let assignors = strategies.map(|strategy| strategy.assignor()).collect();
            let (session_timeout, retry_backoff) = (config.session_timeout, config.retry_backoff);
            Membership::Classic(ClassicMembership::new(member, assignors, session_timeout, retry_backoff))
        }
        GroupProtocol::Consumer => {
            let assignor = Some(config.group_remote_assignor.as_str()).filter(|name| !name.is_empty());
            Membership::Consumer(ConsumerMembership::new(member, assignor.map(Into::into), rng))
        }
    }
}

impl Core {
    /// Whether anything is to be said to the coordinator.
    pub(super) fn needs_coordinator(&self) -> bool {
        self.group.as_ref().is_some_and(|group| {
            self.subscription.uses_group()
                || self.subscription.is_manual() && self.fetching.waits_for_committed()
                || !group.commits.is_empty()
                || group.committed.has_queries()
                || group.farewells.are_waiting()
        })
    }

    /// Looks for the coordinator, and keeps a connection to it.
    pub(super) fn keep_coordinator(&mut self, now: Instant) {
        if !self.needs_coordinator() {
            return;
        }
        let Some(group) = &mut self.group else { return };
        if let Some(address) = group.coordinator.address() {
            return self.network.open(Peer::Coordinator, address, now);
        }
        if !group.coordinator.wants_request(now) {
            return;
        }
        let Some((peer, versions)) = self.any_broker(now) else { return };
        let Some(version) = versions.newest(Api::FindCoordinator) else {
            return self.fail(Error::Unsupported { api: Api::FindCoordinator.name() });
        };
        let Some(group) = &mut self.group else { return };
        let body = RequestBody::FindCoordinator(group.coordinator.request(version));
        self.send(peer, Api::FindCoordinator, version, body, Tag::FindCoordinator, now);
    }

    pub(super) fn coordinator_answered(&mut self, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let Ok((version, ResponseBody::FindCoordinator(response))) = answer else {
            return group.coordinator.unanswered(&mut self.rng, now);
        };
        match group.coordinator.answered(&response, version, &mut self.rng, now) {
            Ok(()) if group.coordinator.address().is_some() => group.heartbeat.coordinator_found(now),
            Ok(()) => {}
            Err(code) => {
                let error = Error::Broker { doing: "finding the group's coordinator", code };
                self.refuse_commits(&error, now);
                self.refused(error);
            }
        }
    }

    /// The connection to the coordinator was lost.
    pub(super) fn coordinator_failed(&mut self, now: Instant) {
        let Some(group) = &mut self.group else { return };
        group.coordinator.lose(&mut self.rng, now);
        match &mut group.membership {
            Membership::Classic(classic) if group.sync.take().is_some() => classic.unanswered(now),
            Membership::Classic(_) => {}
            Membership::Consumer(consumer) => consumer.tell_all(),
        }
    }

    /// The coordinator is another broker, or does not work.
    pub(super) fn lose_coordinator(&mut self, now: Instant) {
        self.coordinator_failed(now);
        self.network.close(Peer::Coordinator);
    }

    /// The coordinator's versions, if it can take a request now.
    pub(super) fn coordinator_versions(&self, now: Instant) -> Option<Versions> {
        self.group.as_ref()?.coordinator.address()?;
        self.network.usable(Peer::Coordinator, now).cloned()
    }

    pub(super) fn send_to_coordinator(
        &mut self,
        (api, version): (Api, i16),
        body: RequestBody,
        tag: Tag,
        now: Instant,
    ) {
        self.send(Peer::Coordinator, api, version, body, tag, now);
    }

    /// The coordinator will not have this group: whoever waits for it should know.
    pub(super) fn refused(&mut self, error: Error) {
        let Some(group) = &mut self.group else { return };
        let mut calls = group.committed.take_all();
        let waits = |asked: &mut PositionAsked| self.fetching.needs_committed(&asked.partition);
        calls.extend(self.positions_asked.extract_if(.., waits).map(|asked| asked.call));
        calls.into_iter().for_each(|call| self.answer(call, Err(error.clone())));
        self.fail(error);
    }

    fn follow(&mut self, next: Next, now: Instant) {
        match next {
            Next::GoOn => {}
            Next::FindCoordinator => self.lose_coordinator(now),
            Next::Fail(error) => self.fail(error),
        }
    }

    /// The application polls; unless it is stuck in its rebalance listener, which a poll that is given up does not end.
    pub(super) fn polled(&mut self, now: Instant) {
        if let Some(group) = self.group.as_mut().filter(|_| self.telling.is_none()) {
            group.heartbeat.polled(now);
        }
    }

    /// Whether heartbeats go on: while the consumer is being closed too, until all is handed over.
    fn has_heartbeats(&self) -> bool {
        let needs_heartbeat = self.group.as_ref().is_some_and(|group| group.membership.needs_heartbeat());
        let is_leaving =
            self.closing.as_ref().is_some_and(|closing| closing.handed_over || closing.call.is_none());
        needs_heartbeat && !is_leaving
    }

    /// Heartbeats, and what follows from their clocks. Does not depend on polls.
    pub(super) fn keep_membership(&mut self, now: Instant) {
        if !self.has_heartbeats() {
            return;
        }
        let Some(group) = &mut self.group else { return };
        let is_at_it = self.polling.is_some() && self.telling.is_none();
        if is_at_it || self.closing.is_some() {
            group.heartbeat.polled(now);
        }
        if group.heartbeat.is_poll_overdue(now) {
            return self.leave_unpolled(now);
        }
        match group.membership {
            Membership::Classic(_) => self.keep_classic_membership(now),
            Membership::Consumer(_) => self.send_group_heartbeat(now),
        }
    }

    /// Joins, and takes over what the group assigns, as far as a poll is there to do it in.
    pub(super) fn go_on_joining(&mut self, now: Instant) {
        if self.unsubscribing.is_some() {
            return self.go_on_unsubscribing(now);
        }
        if !self.subscription.uses_group() {
            return;
        }
        match self.group.as_ref().map(|group| &group.membership) {
            Some(Membership::Classic(_)) => self.go_on_joining_together(now),
            Some(Membership::Consumer(_)) => self.go_on_reconciling(now),
            None => {}
        }
    }

    pub(super) fn group_deadline(&self, now: Instant) -> Option<Instant> {
        let group = self.group.as_ref()?;
        let is_polling = self.polling.is_some();
        let heartbeat = self.has_heartbeats().then(|| group.heartbeat.deadlines());
        let deadlines = [
            group.coordinator.deadline(now).filter(|_| self.needs_coordinator()),
            group.membership.deadline(now),
            group.commits.deadline(now),
            group.commits.auto_deadline().filter(|_| is_polling && group.membership.is_stable()),
            group.committed.deadline(now),
            self.handover.as_ref().map(Handover::deadline),
        ];
        let deadlines = deadlines.into_iter().flatten().filter(|deadline| *deadline > now);
        deadlines.chain(heartbeat.into_iter().flatten().filter(|deadline| *deadline > now)).min()
    }
}
