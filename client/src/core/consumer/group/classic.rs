//! Taking part in a group under the classic protocol: joining together, heartbeats, LeaveGroup.

use std::time::Instant;

use milena_protocol::{Api, ErrorCode, RequestBody, ResponseBody};

use super::Answered;
use super::handover::Then;
use super::leaving::UNSUBSCRIBED;
use crate::Error;
use crate::core::classic_membership::ClassicMembership;
use crate::core::consumer::{Core, Tag};
use crate::core::member::{Generation, GroupMembershipOperation};
use crate::core::membership::Membership;
use crate::core::network::Peer;

impl Core {
    pub(in super::super) fn classic_membership(&self) -> Option<&ClassicMembership> {
        match &self.group.as_ref()?.membership {
            Membership::Classic(membership) => Some(membership),
            Membership::Consumer(_) => None,
        }
    }

    /// Takes over an assignment, or joins, as far as a poll is there to do it in; and syncs, whether or not.
    pub(super) fn go_on_joining_together(&mut self, now: Instant) {
        if self.polling.is_some() {
            self.go_on_handing_over(now);
            self.stay_out_if_fenced(now);
            self.take_over(now);
            self.join_if_needed(now);
        }
        self.assign_as_leader(now);
        self.send_sync(now);
    }

    /// Gives up what there was, and says at every poll why there is nothing to read.
    fn stay_out_if_fenced(&mut self, now: Instant) {
        if !self.classic_membership().is_some_and(ClassicMembership::is_fenced) {
            return;
        }
        if !self.is_handing_over() && !self.owned().is_empty() {
            self.hand_over(Then::Release, now);
        }
        if !self.is_handing_over() {
            self.fail(Error::Fenced);
        }
    }

    fn take_over(&mut self, now: Instant) {
        if self.is_handing_over()
            || !self.classic_membership().is_some_and(|membership| membership.has_assignment())
        {
            return;
        }
        let owned = self.owned();
        let Some(membership) = self.group.as_mut().and_then(|group| group.membership.classic()) else {
            return;
        };
        let taken = membership.take_assignment(&mut self.subscription, &owned);
        // What has changed since the leader shared out the partitions could not be seen to while the group synced.
        self.watch_topics();
        match taken {
            Ok(None) => {}
            Ok(Some(change)) => self.hand_over(Then::TakeOver(change), now),
            Err(error) => self.fail(error),
        }
    }

    fn join_if_needed(&mut self, now: Instant) {
        if self.is_handing_over() || !self.subscription.is_resolved() {
            return;
        }
        let Some(versions) = self.coordinator_versions(now) else { return };
        let Some(group) = &mut self.group else { return };
        let version = group.version(&versions, Api::JoinGroup, i16::MAX);
        let Some(membership) = group.membership.classic() else { return };
        if !membership.wants_to_join(self.subscription.topics(), now) {
            return;
        }
        let Some(version) = version else {
            return self.fail(Error::Unsupported { api: Api::JoinGroup.name() });
        };
        if !membership.prepared {
            self.hand_over(Then::Join, now);
            if self.is_handing_over() {
                return;
            }
        }
        let owned = self.owned();
        let Some(group) = &mut self.group else { return };
        let timeout = group.join_timeout;
        let Some(membership) = group.membership.classic() else { return };
        let body = RequestBody::JoinGroup(membership.join(self.subscription.topics(), &owned));
        self.network.send(Peer::Coordinator, (Api::JoinGroup, version), body, Tag::Join, timeout, now);
    }

    pub(in super::super) fn join_answered(&mut self, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let Some(membership) = group.membership.classic() else { return };
        let Ok((_, ResponseBody::JoinGroup(response))) = answer else {
            return membership.join_unanswered(now);
        };
        let next = membership.joined(response, now);
        if membership.is_syncing() {
            group.sync = Some(membership.sync());
        }
        if membership.needs_heartbeat() {
            group.heartbeat.joined(now);
            group.coordinator.works();
        }
        // T9: an id that comes after the application has unsubscribed is given back.
        let is_late = self.closing.is_none() && !self.subscription.uses_group();
        if is_late && membership.has_to_leave(GroupMembershipOperation::Default) {
            self.leave(UNSUBSCRIBED, now);
        }
        self.follow(next, now);
    }

    /// The leader shares out the partitions, as soon as it knows all topics of the group.
    fn assign_as_leader(&mut self, now: Instant) {
        let Some((cluster, watched)) = self.topics_to_lead() else { return };
        let Some(group) = &mut self.group else { return };
        let Some(membership) = group.membership.classic() else { return };
        match membership.lead(&cluster, watched, now) {
            Ok(sync) => group.sync = Some(sync),
            Err(error) => self.fail(error),
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

    pub(in super::super) fn sync_answered(&mut self, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let Some(membership) = group.membership.classic() else { return };
        let Ok((_, ResponseBody::SyncGroup(response))) = answer else {
            return membership.unanswered(now);
        };
        let next = membership.synced(response, now);
        self.follow(next, now);
    }

    /// Sends a heartbeat when one is due.
    pub(super) fn keep_classic_membership(&mut self, now: Instant) {
        let versions = self.coordinator_versions(now);
        let Some(group) = &mut self.group else { return };
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
        let Some(membership) = group.membership.classic() else { return };
        let (body, generation) = (membership.heartbeat(), membership.generation().clone());
        group.heartbeat.sent(now);
        let tag = Tag::Heartbeat(generation);
        self.send_to_coordinator((Api::Heartbeat, version), RequestBody::Heartbeat(body), tag, now);
    }

    pub(in super::super) fn heartbeat_answered(&mut self, sent: &Generation, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let Some(membership) = group.membership.classic() else { return };
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
        let next = membership.heard(sent, error);
        self.follow(next, now);
    }

    /// Leaves, best effort.
    pub(super) fn send_leave_group(
        &mut self,
        operation: GroupMembershipOperation,
        reason: &str,
        now: Instant,
    ) {
        self.leave_the_line();
        let Some(group) = &mut self.group else { return };
        let Some(membership) = group.membership.classic() else { return };
        let request = membership.leave(operation, reason);
        group.sync = None;
        if let Some(request) = request {
            self.say_farewell(Api::LeaveGroup, RequestBody::LeaveGroup(request), now);
        }
    }

    /// A broker answers the requests of a connection in turn, and those to join or sync a group when all its members are
    /// there: what need not wait for them must not be behind such a request. Says whether there was one.
    pub(super) fn leave_the_line(&mut self) -> bool {
        let Some(group) = &mut self.group else { return false };
        let is_unsent = group.sync.is_some();
        let membership = group.membership.classic();
        let waits = !is_unsent && membership.is_some_and(|membership| membership.awaits_others());
        if waits {
            self.network.close(Peer::Coordinator);
        }
        waits
    }
}
