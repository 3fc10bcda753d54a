//! Taking part in a group under the consumer protocol (KIP-848): heartbeats, and making the coordinator's wishes true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use milena_protocol::messages::ConsumerGroupHeartbeatRequest;
use milena_protocol::{Api, RequestBody, ResponseBody, Str, Uuid};

use super::Answered;
use super::handover::Then;
use crate::Error;
use crate::core::consumer::{Core, Tag};
use crate::core::consumer_membership::ConsumerMembership;
use crate::core::member::Next;
use crate::core::membership::Membership;

/// The first version that can carry a pattern for the broker to evaluate.
const PATTERNS: i16 = 1;

impl Core {
    fn consumer_membership(&self) -> Option<&ConsumerMembership> {
        match &self.group.as_ref()?.membership {
            Membership::Classic(_) => None,
            Membership::Consumer(membership) => Some(membership),
        }
    }

    /// Gives up what is lost, takes over what is new, and joins, as far as a poll is there to do it in.
    pub(super) fn go_on_reconciling(&mut self, now: Instant) {
        if self.polling.is_some() {
            self.go_on_handing_over(now);
            self.release(now);
            self.reconcile(now);
        }
        self.send_group_heartbeat(now);
    }

    /// After the end of a membership: gives up what it brought, then begins another one or says why not.
    fn release(&mut self, now: Instant) {
        let has_lost_all = self.consumer_membership().is_some_and(ConsumerMembership::has_lost_all);
        if !self.is_handing_over() && has_lost_all && !self.owned().is_empty() {
            self.hand_over(Then::Release, now);
        }
        if self.is_handing_over() {
            return;
        }
        let Some(membership) = self.group.as_mut().and_then(|group| group.membership.consumer()) else {
            return;
        };
        membership.join();
        if let Some(error) = membership.failure().cloned() {
            self.fail(error);
        }
    }

    /// Begins to take over what this member is to have.
    fn reconcile(&mut self, now: Instant) {
        let has_target =
            self.consumer_membership().is_some_and(ConsumerMembership::has_something_to_reconcile);
        if self.is_handing_over() || !has_target {
            return;
        }
        let owned = self.owned();
        let names = self.topic_names();
        let Some(membership) = self.group.as_mut().and_then(|group| group.membership.consumer()) else {
            return;
        };
        if let Some(change) = membership.reconcile(|topic_id| names.get(&topic_id).cloned(), &owned) {
            self.hand_over(Then::Reconcile(change), now);
        }
    }

    fn topic_names(&self) -> BTreeMap<Uuid, Str> {
        let topics = self.metadata.topics().filter(|(_, topic)| !topic.id.is_zero());
        topics.map(|(name, topic)| (topic.id, name.clone())).collect()
    }

    /// Whether this member is to have partitions of topics that nothing is known of.
    pub(in super::super) fn has_unknown_topics(&self) -> bool {
        let Some(membership) = self.consumer_membership() else { return false };
        let mut unnamed = membership.unnamed_topics().peekable();
        if unnamed.peek().is_none() {
            return false;
        }
        let known: BTreeSet<Uuid> = self.metadata.topics().map(|(_, topic)| topic.id).collect();
        unnamed.any(|topic_id| !known.contains(&topic_id))
    }

    /// The topics to ask about by id: all that this member has and is to have, where the broker has chosen them and knows
    /// their names alone.
    pub(in super::super) fn topics_known_by_id(&self) -> BTreeSet<Uuid> {
        let membership = self.consumer_membership().filter(|_| self.subscription.broker_pattern().is_some());
        membership.into_iter().flat_map(ConsumerMembership::topic_ids).collect()
    }

    /// Whether what is being taken over is still meant for this member.
    pub(super) fn is_reconciling(&self) -> bool {
        self.consumer_membership().is_some_and(ConsumerMembership::is_reconciling)
    }

    /// T15: what was given up is for others, who wait for it; so the coordinator is told before the listener is.
    pub(super) fn reconciled(&mut self, now: Instant) {
        let membership = self.group.as_mut().and_then(|group| group.membership.consumer());
        membership.into_iter().for_each(ConsumerMembership::reconciled);
        self.send_group_heartbeat(now);
    }

    /// Sends a heartbeat when one is due, or when there is something to tell.
    pub(super) fn send_group_heartbeat(&mut self, now: Instant) {
        let Some(versions) = self.coordinator_versions(now) else { return };
        let Some(group) = &mut self.group else { return };
        let Some(membership) = group.membership.consumer() else { return };
        if !membership.is_member() && !self.subscription.is_resolved() {
            return;
        }
        let has_reason = membership.wants_heartbeat() && group.heartbeat.may_send(now);
        if !membership.needs_heartbeat() || !has_reason && !group.heartbeat.is_due(now) {
            return;
        }
        let Some(version) = versions.newest(Api::ConsumerGroupHeartbeat) else {
            membership.failed(Error::NoConsumerProtocol);
            return;
        };
        let pattern = self.subscription.broker_pattern();
        if pattern.is_some() && version < PATTERNS {
            membership.failed(Error::Unsupported { api: "ConsumerGroupHeartbeat with a pattern" });
            return;
        }
        let (attempt, request) = membership.heartbeat(self.subscription.topics(), pattern);
        group.heartbeat.sent(now);
        let body = RequestBody::ConsumerGroupHeartbeat(request);
        let tag = Tag::GroupHeartbeat(attempt);
        self.send_to_coordinator((Api::ConsumerGroupHeartbeat, version), body, tag, now);
    }

    pub(in super::super) fn group_heartbeat_answered(
        &mut self,
        attempt: u64,
        answer: Answered,
        now: Instant,
    ) {
        let Some(group) = &mut self.group else { return };
        let Some(membership) = group.membership.consumer() else { return };
        if !membership.is_newest(attempt) {
            return;
        }
        let Ok((_, ResponseBody::ConsumerGroupHeartbeat(response))) = answer else {
            membership.tell_all();
            return group.heartbeat.failed(&mut self.rng, now);
        };
        if response.error_code.is_none() && response.member_epoch > 0 {
            let interval = Duration::from_millis(response.heartbeat_interval_ms.max(0) as u64);
            group.heartbeat.succeeded(now);
            // A broker that wants to hear all the time does not mean it.
            group.heartbeat.interval_is(interval.max(self.retry_backoff), now);
            group.coordinator.works();
        } else {
            group.heartbeat.failed(&mut self.rng, now);
        }
        let was_member = membership.is_member();
        let next = membership.heard(response);
        // Finding the coordinator has a back-off of its own, and whoever was a member may join again at once.
        if next == Next::FindCoordinator || was_member && membership.has_lost_all() {
            group.heartbeat.start_anew(now);
        }
        self.follow(next, now);
    }

    /// Leaves, best effort.
    pub(super) fn send_farewell(&mut self, request: Option<ConsumerGroupHeartbeatRequest>, now: Instant) {
        let Some(group) = &mut self.group else { return };
        group.heartbeat.start_anew(now);
        if let Some(request) = request {
            let body = RequestBody::ConsumerGroupHeartbeat(request);
            self.say_farewell(Api::ConsumerGroupHeartbeat, body, now);
        }
    }
}
