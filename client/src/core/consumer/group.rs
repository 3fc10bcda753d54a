//! The group side: finding the coordinator, joining, showing that we live, leaving.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use milena_protocol::messages::SyncGroupRequest;
use milena_protocol::{Api, ErrorCode, RequestBody, ResponseBody};

use super::{Core, Tag};
use crate::core::backoff::Backoff;
use crate::core::commits::{Commit, Commits, Why};
use crate::core::committed::Committed;
use crate::core::connection::Lost;
use crate::core::coordinator::Coordinator;
use crate::core::heartbeat::{Heartbeat, HeartbeatSettings};
use crate::core::io::{Action, Answer, Update};
use crate::core::membership::{Change, Generation, MemberSettings, Membership, Next};
use crate::core::network::Peer;
use crate::core::topic_partition::TopicPartition;
use crate::core::versions::Versions;
use crate::{Config, Error};

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
    /// What comes before a JoinGroup is under way.
    giving_up: Option<GivingUp>,
    /// To be sent as soon as the coordinator takes it.
    sync: Option<SyncGroupRequest>,
    join_timeout: Duration,
    rebalance_timeout: Duration,
    /// Counts the changes of the assignment.
    pub(super) assignment: u64,
}

/// The commit before partitions go.
#[derive(Debug)]
struct GivingUp {
    deadline: Instant,
    /// Whether the application has lost all partitions already.
    told: bool,
}

impl Group {
    pub(super) fn new(config: &Config, now: Instant) -> Option<Self> {
        let group_id = Some(config.group_id.as_str()).filter(|id| !id.is_empty())?;
        let instance_id = Some(config.group_instance_id.as_str()).filter(|id| !id.is_empty());
        let backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max);
        let member = MemberSettings {
            group_id: group_id.into(),
            group_instance_id: instance_id.map(Into::into),
            client_rack: config.client_rack.as_str().into(),
            session_timeout: config.session_timeout,
            rebalance_timeout: config.max_poll_interval,
            retry_backoff: config.retry_backoff,
        };
        let heartbeat = HeartbeatSettings {
            interval: config.heartbeat_interval,
            session_timeout: config.session_timeout,
            max_poll_interval: config.max_poll_interval,
            retry_backoff: config.retry_backoff,
            retry_backoff_max: config.retry_backoff_max,
        };
        let assignors = config.partition_assignment_strategy.iter().map(|strategy| strategy.assignor());
        let auto_commit = config.enable_auto_commit.then_some(config.auto_commit_interval);
        Some(Group {
            coordinator: Coordinator::new(group_id.into(), config.retry_backoff, config.retry_backoff_max),
            membership: Membership::new(member, assignors.collect()),
            commits: Commits::new(auto_commit, backoff.clone(), now),
            committed: Committed::new(group_id.into(), backoff),
            heartbeat: Heartbeat::new(heartbeat, now),
            giving_up: None,
            sync: None,
            join_timeout: config.request_timeout.max(config.max_poll_interval + JOIN_LAPSE),
            rebalance_timeout: config.max_poll_interval,
            assignment: 0,
        })
    }

    /// Whether all partitions are about to go, so that nothing more of them is to be fetched or delivered.
    pub(super) fn is_giving_up(&self) -> bool {
        self.giving_up.as_ref().is_some_and(|giving_up| giving_up.told)
    }

    /// The version to use; `None` where the broker is too old for this API, or for static members.
    pub(super) fn version(&self, versions: &Versions, api: Api, newest: i16) -> Option<i16> {
        let version = versions.newest_up_to(api, newest)?;
        let too_old = |&(named, first): &(Api, i16)| named == api && version < first;
        let unusable = self.membership.is_static() && STATIC_MEMBERS.iter().any(too_old);
        (!unusable).then_some(version)
    }
}

impl Core {
    /// Whether anything is to be said to the coordinator.
    pub(super) fn needs_coordinator(&self) -> bool {
        self.group.as_ref().is_some_and(|group| {
            !self.topics.is_empty() || !group.commits.is_empty() || group.committed.has_queries()
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
            Err(code) => self.refused(Error::Broker { doing: "finding the group's coordinator", code }),
        }
    }

    /// The connection to the coordinator was lost.
    pub(super) fn coordinator_failed(&mut self, now: Instant) {
        let Some(group) = &mut self.group else { return };
        group.coordinator.lose(&mut self.rng, now);
        if group.sync.take().is_some() {
            group.membership.unanswered(now);
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
        let calls = group.committed.take_all();
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

    pub(super) fn polled(&mut self, now: Instant) {
        if let Some(group) = &mut self.group {
            group.heartbeat.polled(now);
        }
    }

    /// Heartbeats, and what follows from their clocks. Does not depend on polls.
    pub(super) fn keep_membership(&mut self, now: Instant) {
        let versions = self.coordinator_versions(now);
        let Some(group) = &mut self.group else { return };
        if self.closing.is_some() || !group.membership.needs_heartbeat() {
            return;
        }
        if self.polling.is_some() {
            group.heartbeat.polled(now);
        }
        if group.heartbeat.is_poll_overdue(now) {
            self.leave("consumer poll timeout has expired.", now);
            return;
        }
        if group.heartbeat.is_session_over(now) && group.coordinator.address().is_some() {
            // It has not answered for a whole session: it may be gone without a word.
            group.heartbeat.coordinator_found(now);
            return self.lose_coordinator(now);
        }
        if !group.heartbeat.is_due(now) {
            return;
        }
        let Some(versions) = versions else { return };
        let Some(version) = group.version(&versions, Api::Heartbeat, i16::MAX) else {
            group.heartbeat.failed(&mut self.rng, now);
            return self.fail(Error::Unsupported { api: Api::Heartbeat.name() });
        };
        group.heartbeat.sent(now);
        let (body, generation) = (group.membership.heartbeat(), group.membership.generation().clone());
        let tag = Tag::Heartbeat(generation);
        self.send_to_coordinator((Api::Heartbeat, version), RequestBody::Heartbeat(body), tag, now);
    }

    pub(super) fn heartbeat_answered(&mut self, sent: &Generation, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let Ok((_, ResponseBody::Heartbeat(response))) = answer else {
            return group.heartbeat.failed(&mut self.rng, now);
        };
        let error = response.error_code;
        // KIP-62: while the group rebalances, heartbeats keep the member in it.
        if error.is_none() || error == ErrorCode::REBALANCE_IN_PROGRESS {
            group.heartbeat.succeeded(now);
            group.coordinator.works();
        } else {
            group.heartbeat.failed(&mut self.rng, now);
        }
        let next = group.membership.heard(sent, error);
        self.follow(next, now);
    }

    /// Takes over an assignment, or joins, as far as a poll is there to do it in; and syncs, whether or not.
    pub(super) fn go_on_joining(&mut self, now: Instant) {
        if self.topics.is_empty() {
            return;
        }
        if self.polling.is_some() {
            self.take_over(now);
            self.join_if_needed(now);
        }
        self.assign_as_leader();
        self.send_sync(now);
    }

    fn take_over(&mut self, now: Instant) {
        if !self.group.as_ref().is_some_and(|group| group.membership.has_assignment()) {
            return;
        }
        let owned = self.owned();
        let Some(group) = &mut self.group else { return };
        match group.membership.take_assignment(&self.topics, &owned) {
            Ok(None) => {}
            Ok(Some(change)) => self.apply(change, now),
            Err(error) => self.fail(error),
        }
    }

    fn apply(&mut self, change: Change, now: Instant) {
        let Change { assigned, added, revoked } = change;
        let mut offsets = self.consumed_offsets();
        offsets.retain(|partition, _| revoked.contains(partition));
        let Some(group) = &mut self.group else { return };
        group.assignment += 1;
        group.commits.auto_restart(now);
        if group.commits.is_automatic() && !offsets.is_empty() {
            // They were read from while the group rebalanced. Nobody else has them before this member joins again.
            let deadline = now + group.rebalance_timeout;
            group.commits.push(Commit { why: Why::Handover, offsets, asked: now, deadline });
        }
        self.take_from_application(revoked, false);
        self.fetching.assign(&assigned);
        self.outbox.push_back(Action::Update(Update::Assigned(added)));
    }

    fn take_from_application(&mut self, partitions: Vec<TopicPartition>, lost: bool) {
        if partitions.is_empty() {
            return;
        }
        let epoch = self.fetching.last_position_epoch();
        let update = Update::Revoked { partitions, lost, epoch };
        self.outbox.push_back(Action::Update(update));
    }

    fn join_if_needed(&mut self, now: Instant) {
        let Some(versions) = self.coordinator_versions(now) else { return };
        let Some(group) = &mut self.group else { return };
        if !group.membership.wants_to_join(&self.topics, now) {
            return;
        }
        let Some(version) = group.version(&versions, Api::JoinGroup, i16::MAX) else {
            return self.fail(Error::Unsupported { api: Api::JoinGroup.name() });
        };
        if !group.membership.prepared && !self.give_up_partitions(now) {
            return;
        }
        let owned = self.owned();
        let Some(group) = &mut self.group else { return };
        let body = RequestBody::JoinGroup(group.membership.join(&self.topics, &owned));
        let timeout = group.join_timeout;
        self.network.send(Peer::Coordinator, (Api::JoinGroup, version), body, Tag::Join, timeout, now);
    }

    /// Commits under the old generation, then gives up what must not be kept over a JoinGroup. `false` while that goes
    /// on.
    fn give_up_partitions(&mut self, now: Instant) -> bool {
        let owned = self.owned();
        let offsets = self.consumed_offsets();
        let Some(group) = &mut self.group else { return true };
        if group.giving_up.is_none() {
            let is_lost = !group.membership.is_stable();
            let deadline = now + group.rebalance_timeout;
            let told = is_lost || group.membership.is_eager();
            group.giving_up = Some(GivingUp { deadline, told });
            if !is_lost && group.commits.is_automatic() && !offsets.is_empty() {
                group.commits.push(Commit { why: Why::Handover, offsets, asked: now, deadline });
            }
            if told {
                // No more of them is delivered, or the commit would not be the last word.
                self.take_from_application(owned.iter().cloned().collect(), is_lost);
            }
        }
        let Some(group) = &mut self.group else { return true };
        let is_over = group.giving_up.as_ref().is_none_or(|giving_up| giving_up.deadline <= now);
        if group.commits.has_handover() && !is_over {
            return false;
        }
        let told = group.giving_up.take().is_some_and(|giving_up| giving_up.told);
        let (gone, lost) = group.membership.prepare(&owned, &self.topics);
        group.assignment += 1;
        let kept: BTreeSet<TopicPartition> = owned.into_iter().filter(|tp| !gone.contains(tp)).collect();
        if !told {
            self.take_from_application(gone, lost);
        }
        self.fetching.assign(&kept);
        true
    }

    pub(super) fn join_answered(&mut self, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let Ok((_, ResponseBody::JoinGroup(response))) = answer else {
            return group.membership.unanswered(now);
        };
        let next = group.membership.joined(response, now);
        if group.membership.needs_heartbeat() {
            group.heartbeat.joined(now);
            group.coordinator.works();
        }
        if group.membership.is_syncing() {
            group.sync = Some(group.membership.sync());
        }
        self.follow(next, now);
    }

    /// The leader shares out the partitions, as soon as it knows all topics of the group.
    fn assign_as_leader(&mut self) {
        let Some((cluster, watched)) = self.topics_to_lead() else { return };
        if let Some(group) = &mut self.group {
            group.sync = Some(group.membership.lead(&cluster, watched));
        }
    }

    fn send_sync(&mut self, now: Instant) {
        let Some(versions) = self.coordinator_versions(now) else { return };
        let Some(group) = &mut self.group else { return };
        let Some(request) = group.sync.take() else { return };
        let Some(version) = group.version(&versions, Api::SyncGroup, i16::MAX) else {
            return self.fail(Error::Unsupported { api: Api::SyncGroup.name() });
        };
        let timeout = group.join_timeout;
        let body = RequestBody::SyncGroup(request);
        self.network.send(Peer::Coordinator, (Api::SyncGroup, version), body, Tag::Sync, timeout, now);
    }

    pub(super) fn sync_answered(&mut self, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let Ok((_, ResponseBody::SyncGroup(response))) = answer else {
            return group.membership.unanswered(now);
        };
        let next = group.membership.synced(response, now);
        self.follow(next, now);
    }

    /// Leaves the group, best effort. The partitions stay until the application polls or closes.
    fn leave(&mut self, reason: &str, now: Instant) {
        let versions = self.coordinator_versions(now);
        let Some(group) = &mut self.group else { return };
        let version = versions.and_then(|versions| versions.newest(Api::LeaveGroup));
        group.sync = None;
        let request = group.membership.leave(reason, version.unwrap_or(i16::MAX));
        if let (Some(version), Some(request)) = (version, request) {
            let body = RequestBody::LeaveGroup(request);
            self.send_to_coordinator((Api::LeaveGroup, version), body, Tag::Leave, now);
        }
    }

    pub(super) fn unsubscribe(&mut self, now: Instant) {
        self.take_from_application(self.fetching.assignment().cloned().collect(), false);
        self.fetching.assign(&BTreeSet::new());
        if let Some(group) = &mut self.group {
            group.giving_up = None;
            group.assignment += 1;
        }
        self.leave("the consumer unsubscribed from all topics", now);
    }

    /// Commits what is to be committed, leaves, and finishes; at the deadline in any case.
    pub(super) fn go_on_closing(&mut self, now: Instant) {
        let Some(closing) = &mut self.closing else { return };
        let (deadline, is_abandoned) = (closing.deadline, closing.call.is_none());
        if deadline <= now || !self.network.ever_ready {
            return self.finish();
        }
        if closing.leaving {
            return;
        }
        let versions = self.coordinator_versions(now);
        let Some(group) = &mut self.group else { return self.finish() };
        if !group.commits.is_empty() && !is_abandoned {
            return;
        }
        let is_joining = group.membership.is_joining();
        let has_id = !group.membership.generation().member_id.is_empty();
        if !has_id && !is_joining || group.membership.is_static() {
            return self.finish();
        }
        if is_joining && !has_id {
            // T9: the coordinator is about to give an id, which would stay behind.
            return;
        }
        if is_joining {
            // A broker answers the requests of a connection in turn, and JoinGroup may wait for others.
            group.membership.unanswered(now);
            self.network.close(Peer::Coordinator);
            return;
        }
        if group.coordinator.address().is_none() {
            // It will find out by itself, after session.timeout.ms.
            return self.finish();
        }
        if versions.is_none() {
            return;
        }
        let network = &self.network;
        let can_send = |node_id| network.usable(Peer::Node(node_id), now).cloned();
        if let Some(outgoing) = self.fetching.next_close(can_send) {
            return self.send_outgoing(outgoing, now);
        }
        if let Some(closing) = &mut self.closing {
            closing.leaving = true;
        }
        self.leave("the consumer is being closed", now);
    }

    pub(super) fn leave_answered(&mut self) {
        if self.closing.as_ref().is_some_and(|closing| closing.leaving) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        let Some(closing) = &mut self.closing else { return };
        if std::mem::replace(&mut closing.finished, true) {
            return;
        }
        let after = closing.deadline - closing.asked;
        let is_uncommitted = self.group.as_ref().is_some_and(|group| !group.commits.is_empty());
        let error = closing
            .error
            .take()
            .or_else(|| is_uncommitted.then_some(Error::Timeout { doing: "committing offsets", after }));
        if let Some(call) = closing.call {
            self.answer(call, error.map_or(Ok(Answer::Done), Err));
        }
    }

    pub(super) fn group_deadline(&self, now: Instant) -> Option<Instant> {
        let group = self.group.as_ref()?;
        let is_polling = self.polling.is_some();
        let heartbeat = (group.membership.needs_heartbeat() && self.closing.is_none())
            .then(|| group.heartbeat.deadlines());
        let deadlines = [
            group.coordinator.deadline(now).filter(|_| self.needs_coordinator()),
            group.membership.deadline(now),
            group.commits.deadline(now),
            group.commits.auto_deadline().filter(|_| is_polling && group.membership.is_stable()),
            group.committed.deadline(now),
            group.giving_up.as_ref().map(|giving_up| giving_up.deadline),
        ];
        let deadlines = deadlines.into_iter().flatten().filter(|deadline| *deadline > now);
        deadlines.chain(heartbeat.into_iter().flatten().filter(|deadline| *deadline > now)).min()
    }
}
