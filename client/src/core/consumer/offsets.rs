//! Commits, and committed offsets.

use std::collections::BTreeSet;
use std::time::Instant;

use milena_protocol::{Api, ErrorCode, RequestBody, ResponseBody};

use super::{Core, Tag};
use crate::Error;
use crate::core::commits::{self, Commit, Verdict, Why};
use crate::core::committed;
use crate::core::connection::Lost;
use crate::core::fetching::{FetchError, Place};
use crate::core::io::{Action, Answer, OffsetAndMetadata, Offsets, Update};
use crate::core::member::Generation;
use crate::core::topic_partition::TopicPartition;

type Answered = Result<(i16, ResponseBody), Lost>;

impl Core {
    /// Commits in the background when it is time to, while the application polls.
    pub(super) fn commit_automatically(&mut self, now: Instant) {
        let may = self.polling.is_some() && self.handover.is_none();
        let Some(group) = self.group.as_mut().filter(|_| may) else { return };
        let may_commit = self.subscription.is_manual() || group.membership.is_stable();
        if !may_commit || !group.commits.auto_is_due(now) {
            return;
        }
        let offsets = self.consumed_offsets();
        let deadline = now + self.default_api_timeout;
        if !offsets.is_empty() {
            self.push_commit(Commit::new(Why::Auto, offsets, now, deadline));
        }
    }

    /// Queues a commit of how far the application is. It outdates what the reset policy has found.
    pub(super) fn push_commit(&mut self, commit: Commit) {
        let Some(group) = &mut self.group else { return };
        commit.offsets.keys().for_each(|partition| self.fetching.unpin(partition));
        group.commits.push(commit);
    }

    /// Commits where the reset policy has led to in partitions of which nothing was committed: `latest` would lead elsewhere
    /// the next time, past records that nobody has read. Who assigns partitions to itself keeps its own books.
    pub(super) fn commit_pins(&mut self, now: Instant) {
        let Some(group) = &mut self.group else { return };
        if !self.subscription.uses_group() {
            return drop(self.fetching.take_pinned());
        }
        if !group.membership.is_stable()
            || self.pins_refused_in.as_ref() == Some(group.membership.generation())
            || self.pins_retry_at.is_some_and(|at| at > now)
        {
            return;
        }
        let pinned = self.fetching.take_pinned();
        if !pinned.is_empty() {
            let offsets = pinned.into_iter().map(|(partition, place)| (partition, at(place))).collect();
            group.commits.push(Commit::new(Why::Pin, offsets, now, now + self.default_api_timeout));
        }
    }

    /// Sends the next commit, if it is its turn.
    pub(super) fn send_commits(&mut self, now: Instant) {
        while let Some(group) = self.group.as_mut().filter(|group| group.commits.wants_request(now)) {
            let current = group.membership.generation();
            let is_too_late = group.membership.is_stable() && group.commits.next_is_too_late(current);
            let generation = if !self.subscription.uses_group() {
                Generation::default()
            } else if group.membership.is_stable() && !is_too_late {
                current.clone()
            } else {
                let is_rebalancing = is_too_late || group.membership.is_rebalancing();
                let error = if is_rebalancing { Error::RebalanceInProgress } else { Error::CommitFailed };
                let refused = group.commits.refuse();
                refused.into_iter().for_each(|commit| self.committed(commit, Err(error.clone()), now));
                continue;
            };
            if group.commits.next_is_empty() {
                let empty = group.commits.refuse();
                empty.into_iter().for_each(|commit| self.committed(commit, Ok(()), now));
                continue;
            }
            let Some(versions) = self.coordinator_versions(now) else { return };
            let Some(group) = &mut self.group else { return };
            let Some(version) = group.version(&versions, Api::OffsetCommit, commits::NEWEST) else {
                let refused = group.commits.refuse();
                let error = Error::Unsupported { api: Api::OffsetCommit.name() };
                refused.into_iter().for_each(|commit| self.committed(commit, Err(error.clone()), now));
                continue;
            };
            let instance_id =
                group.membership.instance_id().filter(|_| self.subscription.uses_group()).cloned();
            let group_id = group.coordinator.group_id().clone();
            let Some(offsets) = group.commits.start() else { return };
            let request = commits::request(&group_id, instance_id.as_ref(), &generation, offsets);
            let body = RequestBody::OffsetCommit(request);
            self.send_to_coordinator((Api::OffsetCommit, version), body, Tag::Commit(generation), now);
        }
    }

    pub(super) fn commit_answered(&mut self, sent: &Generation, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let verdict = match answer {
            Ok((_, ResponseBody::OffsetCommit(response))) => commits::verdict(&response),
            _ => Verdict::Retry(ErrorCode::NETWORK_EXCEPTION),
        };
        let error = match verdict {
            Verdict::Done => {
                group.coordinator.works();
                None
            }
            // T7: in the next attempt the epoch is another one, if there is a next attempt.
            Verdict::Retry(ErrorCode::STALE_MEMBER_EPOCH) => Some(Error::RebalanceInProgress),
            Verdict::Retry(code) | Verdict::LoseCoordinator(code) | Verdict::Refused(code) => {
                Some(Error::Broker { doing: "committing offsets", code })
            }
            Verdict::Rebalance => {
                group
                    .membership
                    .rebalance_in_progress("offset commit failed since group is already rebalancing");
                Some(Error::RebalanceInProgress)
            }
            Verdict::Fenced(code) => {
                let is_news = group.fenced(sent, code, now);
                let is_rebalancing = !is_news && group.membership.is_rebalancing();
                Some(if is_rebalancing { Error::RebalanceInProgress } else { Error::CommitFailed })
            }
            Verdict::InstanceFenced if *sent == *group.membership.generation() => {
                group.membership.instance_fenced(sent);
                Some(Error::Fenced)
            }
            Verdict::InstanceFenced => Some(Error::RebalanceInProgress),
        };
        let finished = group.commits.answered(verdict, &mut self.rng, now);
        if matches!(verdict, Verdict::LoseCoordinator(_)) {
            self.lose_coordinator(now);
        }
        if let Some(commit) = finished {
            self.committed(commit, error.map_or(Ok(()), Err), now);
        }
    }

    /// Nobody takes the commits that wait to be sent.
    pub(super) fn refuse_commits(&mut self, error: &Error, now: Instant) {
        while let Some(commit) = self.group.as_mut().and_then(|group| group.commits.refuse()) {
            self.committed(commit, Err(error.clone()), now);
        }
    }

    /// A commit is through.
    fn committed(&mut self, commit: Commit, result: Result<(), Error>, now: Instant) {
        for (call, _) in commit.background {
            self.answer(call, result.clone().map(|()| Answer::Done));
        }
        match (commit.why, result) {
            (Why::Call(call), result) => self.answer(call, result.map(|()| Answer::Done)),
            (Why::Pin, Ok(())) => {
                self.pins_backoff.succeed();
                self.pins_retry_at = None;
            }
            (_, Ok(())) | (Why::GivenUp, _) | (Why::Handover, Err(Error::RebalanceInProgress)) => {}
            (Why::Pin, Err(error)) => self.pin_failed(commit.offsets, error, now),
            (Why::Auto, Err(error)) if error == Error::RebalanceInProgress || error.is_retriable() => {
                let soon = self.retry_backoff;
                self.group.iter_mut().for_each(|group| group.commits.auto_in(soon, now));
            }
            (Why::Background, Err(Error::Fenced)) => self.fail(Error::Fenced),
            (Why::Background | Why::Auto | Why::Handover, Err(error)) => {
                if let Some(closing) = &mut self.closing {
                    closing.error = Some(error.clone());
                }
                self.outbox.push_back(Action::Update(Update::CommitFailed(error)));
            }
        }
    }

    /// What stays assigned is to be committed all the same, unless there is no hope.
    fn pin_failed(&mut self, offsets: Offsets, error: Error, now: Instant) {
        let is_rebalance = matches!(error, Error::RebalanceInProgress | Error::CommitFailed);
        if is_rebalance || error.is_retriable() {
            for (partition, offset) in &offsets {
                let leader_epoch = offset.leader_epoch.unwrap_or(-1);
                self.fetching.pin(partition, Place { offset: offset.offset, leader_epoch });
            }
        }
        if is_rebalance {
            // Not again before the group has changed hands (T8).
            self.pins_refused_in = self.group.as_ref().map(|group| group.membership.generation().clone());
        } else if error == Error::Fenced {
            self.fail(error);
        } else {
            // Of a topic that was just made the coordinator may not know yet, of one that was deleted not any more.
            let retry_at = error.is_retriable().then(|| now + self.pins_backoff.fail(&mut self.rng));
            let is_known = self.pins_retry_at.is_some() && retry_at.is_some();
            self.pins_retry_at = retry_at.or(self.pins_retry_at);
            if !is_known {
                self.outbox.push_back(Action::Update(Update::CommitFailed(error)));
            }
        }
    }

    /// Gives up what was not done in time.
    pub(super) fn expire_offsets(&mut self, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let overdue = group.commits.take_overdue(now);
        let commits = group.commits.take_expired(now);
        let calls = group.committed.take_expired(now);
        for (call, after) in overdue {
            self.answer(call, Err(Error::Timeout { doing: "committing offsets", after }));
        }
        for commit in commits {
            let error = Error::Timeout { doing: "committing offsets", after: commit.deadline - commit.asked };
            self.committed(commit, Err(error), now);
        }
        for (call, after) in calls {
            self.answer(call, Err(Error::Timeout { doing: "looking up committed offsets", after }));
        }
    }

    /// Asks where the group left off: in partitions that have just been assigned, and in those that the application
    /// asks about.
    pub(super) fn look_up_committed(&mut self, now: Instant) {
        if self.group.is_none() {
            return self.start_without_group(now);
        }
        let Some(versions) = self.coordinator_versions(now) else { return };
        let Some(group) = &mut self.group else { return };
        if !group.committed.may_ask(now) {
            return;
        }
        let is_ours = self.subscription.is_manual() || group.membership.is_stable();
        let waiting = self.fetching.waiting_for_committed(now).filter(|_| is_ours);
        let version = versions.newest_up_to(Api::OffsetFetch, committed::NEWEST);
        let Some(version) = version.filter(|version| *version >= committed::OLDEST) else {
            if waiting.count() > 0 || group.committed.has_queries() {
                self.refused(Error::Unsupported { api: Api::OffsetFetch.name() });
            }
            return;
        };
        let member = group.membership.who_asks();
        let Some((asked, request)) = group.committed.request(waiting, member, version) else { return };
        let tag = Tag::Committed { asked, assignment: group.assignment };
        let body = RequestBody::OffsetFetch(request);
        self.send_to_coordinator((Api::OffsetFetch, version), body, tag, now);
    }

    /// Nothing is committed where there is no group to remember it.
    fn start_without_group(&mut self, now: Instant) {
        let waiting: Vec<TopicPartition> = self.fetching.waiting_for_committed(now).cloned().collect();
        waiting.iter().for_each(|partition| self.fetching.set_committed(partition, None, now));
    }

    pub(super) fn committed_answered(
        &mut self,
        asked: &BTreeSet<TopicPartition>,
        assignment: u64,
        answer: Answered,
        now: Instant,
    ) {
        let Some(group) = &mut self.group else { return };
        let Ok((version, ResponseBody::OffsetFetch(response))) = answer else {
            return group.committed.unanswered(&mut self.rng, now);
        };
        let lookup = group.committed.answered(asked, &response, version, &mut self.rng, now);
        // A partition that went and came back may have been read from by another in between.
        if assignment == group.assignment {
            for (partition, committed) in &lookup.found {
                let place = committed.as_ref().map(|committed| Place {
                    offset: committed.offset,
                    leader_epoch: committed.leader_epoch.unwrap_or(-1),
                });
                self.fetching.set_committed(partition, place, now);
            }
            for (partition, error) in &lookup.refused_partitions {
                self.fetching.committed_refused(partition, *error, now);
            }
        }
        if !lookup.again && lookup.refused.is_none() {
            group.coordinator.works();
        }
        let complete = group.committed.take_complete();
        let mut refused = Vec::new();
        for (partition, &error) in &lookup.refused_partitions {
            let error = FetchError::Broker { partition: partition.clone(), offset: None, error };
            let calls = group.committed.take_asking(partition).into_iter();
            refused.extend(calls.map(|call| (call, Error::Fetch(error.clone()))));
        }
        if lookup.lose_coordinator {
            self.lose_coordinator(now);
        }
        complete.into_iter().for_each(|(call, found)| self.answer(call, Ok(Answer::Committed(found))));
        refused.into_iter().for_each(|(call, error)| self.answer(call, Err(error)));
        if let Some(code) = lookup.refused {
            self.refused(Error::Broker { doing: "looking up committed offsets", code });
        }
    }
}

/// A place as it is committed.
pub(super) fn at(place: Place) -> OffsetAndMetadata {
    let leader_epoch = Some(place.leader_epoch).filter(|epoch| *epoch >= 0);
    OffsetAndMetadata { offset: place.offset, leader_epoch, metadata: String::new() }
}
