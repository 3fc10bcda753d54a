//! Leaving the group: for now, or for good.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::handover::Then;
use crate::Error;
use crate::core::commits::{Commit, Why};
use crate::core::consumer::Core;
use crate::core::io::{Answer, CallId};
use crate::core::membership::Membership;
use crate::core::network::Peer;
use crate::core::report::Report;
use crate::core::subscription::Interest;
use crate::core::topic_partition::TopicPartition;

/// How long brokers may take to close fetch sessions: they answer in turn, and the fetch before may wait for
/// `fetch.max.wait.ms`.
const SESSIONS: Duration = Duration::from_secs(1);

const EXCLUSIVE: Error = Error::Misuse("to subscribe and to assign exclude each other; unsubscribe first");

/// Why a member leaves whose application has unsubscribed.
pub(super) const UNSUBSCRIBED: &str = "the consumer unsubscribed from all topics";

/// The application wants to read nothing any more.
#[derive(Debug, Default)]
pub(in super::super) struct Unsubscribing {
    calls: Vec<CallId>,
    /// Or, by now, this.
    interest: Interest,
}

impl Core {
    pub(in super::super) fn subscribe(&mut self, interest: Interest) -> Result<(), Error> {
        let Some(group) = &mut self.group else { return Err(Error::NoGroup) };
        if matches!(interest, Interest::BrokerPattern(_)) && group.membership.consumer().is_none() {
            return Err(Error::Misuse("a pattern that the broker evaluates needs group.protocol=consumer"));
        }
        match &mut self.unsubscribing {
            Some(unsubscribing) => unsubscribing.interest = interest,
            None if self.subscription.is_manual() => return Err(EXCLUSIVE),
            None => {
                self.subscription.set(interest);
                group.membership.resubscribed();
            }
        }
        Ok(())
    }

    /// Reads these partitions, in place of those before.
    pub(in super::super) fn assign(
        &mut self,
        partitions: BTreeSet<TopicPartition>,
        now: Instant,
    ) -> Result<(), Error> {
        if self.subscription.uses_group() {
            return Err(EXCLUSIVE);
        }
        // As in Java: those that go are not waited for, but not forgotten either.
        let owned = self.owned();
        let mut offsets = self.consumed_offsets();
        offsets.retain(|partition, _| !partitions.contains(partition));
        if self.group.as_ref().is_some_and(|group| group.commits.is_automatic()) && !offsets.is_empty() {
            let deadline = now + self.default_api_timeout;
            self.push_commit(Commit::new(Why::Background, offsets, now, deadline));
        }
        self.subscription.set(Interest::Partitions);
        let added = partitions.difference(&owned).cloned().collect();
        let removed = owned.difference(&partitions).cloned().collect();
        self.change_assignment(partitions, added, removed);
        Ok(())
    }

    pub(in super::super) fn unsubscribe(&mut self, call: CallId) {
        let unsubscribing = self.unsubscribing.get_or_insert_default();
        unsubscribing.calls.push(call);
        unsubscribing.interest = Interest::Nothing;
    }

    /// Hands over what there is, then leaves.
    pub(in super::super) fn go_on_unsubscribing(&mut self, now: Instant) {
        if self.unsubscribing.is_none() {
            return;
        }
        self.go_on_handing_over(now);
        if !self.is_handing_over() {
            self.hand_over(Then::Leave, now);
        }
    }

    /// Everything is handed over, and the group can be left.
    pub(super) fn handed_over_all(&mut self, now: Instant) {
        if let Some(closing) = &mut self.closing {
            closing.handed_over = true;
            return;
        }
        let Some(Unsubscribing { calls, interest }) = self.unsubscribing.take() else { return };
        self.subscription.set(interest);
        self.leave(UNSUBSCRIBED, now);
        calls.into_iter().for_each(|call| self.answer(call, Ok(Answer::Done)));
    }

    /// Leaves the group, best effort. The partitions stay until the application polls or closes.
    pub(super) fn leave(&mut self, reason: &str, now: Instant) {
        let operation = if self.closing.is_some() { self.on_close } else { Default::default() };
        let Some(group) = &mut self.group else { return };
        match &mut group.membership {
            Membership::Classic(_) => self.send_leave_group(operation, reason, now),
            Membership::Consumer(membership) => {
                let request = membership.leave(operation);
                self.send_farewell(request, now);
            }
        }
    }

    /// The same, because the application has not polled for too long. It learns of it when it does.
    pub(super) fn leave_unpolled(&mut self, now: Instant) {
        self.report(Report::NotPolled);
        let Some(group) = &mut self.group else { return };
        match &mut group.membership {
            Membership::Classic(_) => {
                self.send_leave_group(Default::default(), "consumer poll timeout has expired.", now);
            }
            Membership::Consumer(membership) => {
                let request = membership.leave_unpolled();
                self.send_farewell(request, now);
            }
        }
    }

    /// Commits what is to be committed, leaves, and finishes; at the deadline in any case.
    pub(in super::super) fn go_on_closing(&mut self, now: Instant) {
        let Some(closing) = &mut self.closing else { return };
        let (deadline, is_abandoned) = (closing.deadline, closing.call.is_none());
        if deadline <= now || !self.network.ever_ready {
            return self.finish();
        }
        if closing.left {
            return self.left(now);
        }
        if !closing.handed_over && !is_abandoned {
            self.go_on_handing_over(now);
            if !self.is_handing_over() {
                self.hand_over(Then::Leave, now);
            }
        }
        let is_committing = self.group.as_ref().is_some_and(|group| !group.commits.is_empty());
        if (self.is_handing_over() || is_committing) && !is_abandoned {
            return;
        }
        let network = &self.network;
        let can_send = |node_id| network.usable(Peer::Node(node_id), now).cloned();
        if let Some(outgoing) = self.fetching.next_close(can_send) {
            return self.send_outgoing(outgoing, now);
        }
        let Some(group) = &mut self.group else { return self.left(now) };
        let has_to_leave = group.membership.has_to_leave(self.on_close);
        if !has_to_leave && !group.farewells.are_to_come() {
            return self.left(now);
        }
        if has_to_leave && (group.awaits_id() || self.leave_the_line()) {
            return;
        }
        let is_lost = self.group.as_ref().is_some_and(|group| group.coordinator.address().is_none());
        if is_lost && !self.is_any_broker_usable(now) {
            // It will find out by itself, after session.timeout.ms.
            return self.finish();
        }
        if !has_to_leave || self.coordinator_versions(now).is_none() {
            return;
        }
        self.leave("the consumer is being closed", now);
        if !self.group.as_ref().is_some_and(|group| group.farewells.are_to_come()) {
            self.left(now);
        }
    }

    /// Finishes, once brokers have closed the fetch sessions: each keeps a number of them for all clients, and one that is left
    /// behind takes the place of another's (KIP-227).
    fn left(&mut self, now: Instant) {
        if let Some(closing) = self.closing.as_mut().filter(|closing| !closing.left) {
            closing.left = true;
            closing.deadline = closing.deadline.min(now + SESSIONS);
        }
        if !self.fetching.is_closing_sessions() {
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
}
