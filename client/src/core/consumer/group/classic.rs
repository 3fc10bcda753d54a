//! Joining the group, and taking over what it assigns.

use std::time::Instant;

use milena_protocol::{Api, RequestBody, ResponseBody};

use super::Answered;
use super::handover::Then;
use crate::Error;
use crate::core::consumer::{Core, Tag};
use crate::core::network::Peer;

impl Core {
    /// Takes over an assignment, or joins, as far as a poll is there to do it in; and syncs, whether or not.
    pub(in super::super) fn go_on_joining(&mut self, now: Instant) {
        if self.unsubscribing.is_some() {
            return self.go_on_unsubscribing(now);
        }
        if !self.subscription.uses_group() {
            return;
        }
        if self.polling.is_some() {
            self.go_on_handing_over(now);
            self.take_over(now);
            self.join_if_needed(now);
        }
        self.assign_as_leader();
        self.send_sync(now);
    }

    fn take_over(&mut self, now: Instant) {
        if self.is_handing_over()
            || !self.group.as_ref().is_some_and(|group| group.membership.has_assignment())
        {
            return;
        }
        let owned = self.owned();
        let Some(group) = &mut self.group else { return };
        match group.membership.take_assignment(&mut self.subscription, &owned) {
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
        if !group.membership.wants_to_join(self.subscription.topics(), now) {
            return;
        }
        let Some(version) = group.version(&versions, Api::JoinGroup, i16::MAX) else {
            return self.fail(Error::Unsupported { api: Api::JoinGroup.name() });
        };
        if !group.membership.prepared {
            self.hand_over(Then::Join, now);
            if self.is_handing_over() {
                return;
            }
        }
        let owned = self.owned();
        let Some(group) = &mut self.group else { return };
        let body = RequestBody::JoinGroup(group.membership.join(self.subscription.topics(), &owned));
        let timeout = group.join_timeout;
        self.network.send(Peer::Coordinator, (Api::JoinGroup, version), body, Tag::Join, timeout, now);
    }

    pub(in super::super) fn join_answered(&mut self, answer: Answered, now: Instant) {
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

    pub(in super::super) fn sync_answered(&mut self, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let Ok((_, ResponseBody::SyncGroup(response))) = answer else {
            return group.membership.unanswered(now);
        };
        let next = group.membership.synced(response, now);
        self.follow(next, now);
    }
}
