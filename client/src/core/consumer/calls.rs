//! What the application asks for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::group::Handover;
use super::offsets::at;
use super::{Closing, Core, Group, Polling, PositionAsked};
use crate::Error;
use crate::core::commits::{Commit, Why};
use crate::core::fetching::{Place, ResetTo};
use crate::core::io::{Action, Answer, CallId, Command, Offsets, Update};
use crate::core::topic_partition::TopicPartition;

const NOTHING: Error =
    Error::Misuse("nothing is subscribed to and nothing assigned, so there is nothing to poll for");

/// How long a consumer that was dropped may take to leave its group.
const ABANDONED: Duration = Duration::from_secs(3);

impl Core {
    pub(super) fn called(&mut self, call: CallId, command: Command, now: Instant) {
        // The rebalance listener, called for the last time, can still do what it needs to.
        let is_over = self.closing.as_ref().is_some_and(|closing| closing.handed_over);
        if is_over
            || self.closing.is_some() && matches!(command, Command::Poll { .. } | Command::Close { .. })
        {
            return self.answer(call, Err(Error::Closed));
        }
        match command {
            Command::Subscribe(interest) => {
                let answer = self.subscribe(interest);
                self.answer(call, answer.map(|()| Answer::Done));
            }
            Command::Assign(partitions) => {
                let answer = self.assign(partitions, now);
                self.answer(call, answer.map(|()| Answer::Done));
            }
            Command::Unsubscribe => self.unsubscribe(call),
            Command::Acknowledge(id) => {
                self.acknowledged(id);
                self.answer(call, Ok(Answer::Done));
            }
            Command::Poll { deadline, has_records } => {
                self.end_poll(Ok(Answer::Done));
                self.polling = Some(Polling { call, deadline, has_records });
                self.polled(now);
            }
            Command::StopPolling => {
                self.end_poll(Ok(Answer::Done));
                self.answer(call, Ok(Answer::Done));
            }
            Command::Commit { offsets, deadline } => self.commit(call, offsets, deadline, now),
            Command::CommitByHand => {
                if let Some(group) = &mut self.group {
                    group.commits.stop_auto();
                }
                self.answer(call, Ok(Answer::Done));
            }
            Command::Committed { partitions, deadline } => {
                self.ask_committed(call, partitions, deadline, now)
            }
            Command::Position { partition, deadline } => {
                self.positions_asked.push(PositionAsked { call, partition, asked: now, deadline });
            }
            Command::Seek(partition, place) => {
                let answer = self.seek(partition, place);
                self.answer(call, answer.map(|()| Answer::Done));
            }
            Command::SeekToEnd(partitions, end) => {
                let answer = self.seek_to_end(partitions, end);
                self.answer(call, answer.map(|()| Answer::Done));
            }
            Command::Pause(partitions, paused) => {
                let answer = self.pause(partitions, paused);
                self.answer(call, answer.map(|()| Answer::Done));
            }
            Command::Subscription => {
                let topics = Answer::Subscription(self.subscription.topics().clone());
                self.answer(call, Ok(topics));
            }
            Command::Assignment => {
                let assignment = Answer::Assignment(self.owned());
                self.answer(call, Ok(assignment));
            }
            Command::LookUp { question, deadline } => {
                self.lookups.ask(call, question, &self.metadata, now, deadline);
            }
            Command::CurrentLag(partition) => {
                let answer = self.current_lag(&partition);
                self.answer(call, answer);
            }
            Command::Lags => {
                let lags = self.fetching.assignment().map(|tp| (tp.clone(), self.fetching.lag(tp)));
                let lags = Answer::Lags(lags.collect());
                self.answer(call, Ok(lags));
            }
            Command::EnforceRebalance(reason) => {
                let answer = self.enforce_rebalance(&reason);
                self.answer(call, answer.map(|()| Answer::Done));
            }
            Command::GroupMetadata => {
                let metadata = self.group.as_ref().map(Group::metadata).ok_or(Error::NoGroup);
                self.answer(call, metadata.map(Answer::GroupMetadata));
            }
            Command::OnClose(operation) => {
                self.on_close = operation;
                self.answer(call, Ok(Answer::Done));
            }
            Command::Close { deadline } => self.close(call, deadline, now),
        }
    }

    fn enforce_rebalance(&mut self, reason: &str) -> Result<(), Error> {
        let Some(group) = &mut self.group else { return Err(Error::NoGroup) };
        if group.membership.consumer().is_some() {
            return Err(Error::Misuse("under group.protocol=consumer the coordinator rebalances by itself"));
        }
        let reason = if reason.is_empty() { "rebalance enforced by user" } else { reason };
        group.membership.rebalance_in_progress(reason);
        Ok(())
    }

    /// What can be committed: how far the application has its records, of what others cannot have had meanwhile.
    pub(super) fn consumed_offsets(&self) -> Offsets {
        let lost = self.handover.as_ref().and_then(Handover::lost).unwrap_or_default();
        let positions = self.fetching.positions().filter(|(partition, _)| !lost.contains(partition));
        positions.map(|(partition, place)| (partition.clone(), at(place))).collect()
    }

    fn commit(&mut self, call: CallId, offsets: Option<Offsets>, deadline: Option<Instant>, now: Instant) {
        let offsets = offsets.unwrap_or_else(|| self.consumed_offsets());
        let Some(group) = &self.group else { return self.answer(call, Err(Error::NoGroup)) };
        // A commit of nothing waits for those before it, and then it is done.
        if offsets.is_empty() && group.commits.is_empty() {
            return self.answer(call, Ok(Answer::Done));
        }
        let commit = match deadline {
            Some(deadline) => Commit::new(Why::Call(call), offsets, now, deadline),
            None => {
                let deadline = now + self.default_api_timeout;
                Commit {
                    background: vec![(call, deadline)],
                    ..Commit::new(Why::Background, offsets, now, deadline)
                }
            }
        };
        self.push_commit(commit);
    }

    fn ask_committed(
        &mut self,
        call: CallId,
        partitions: BTreeSet<TopicPartition>,
        deadline: Instant,
        now: Instant,
    ) {
        match &mut self.group {
            None => self.answer(call, Err(Error::NoGroup)),
            Some(_) if partitions.is_empty() => self.answer(call, Ok(Answer::Committed(Default::default()))),
            Some(group) => group.committed.ask(call, partitions, now, deadline),
        }
    }

    fn seek(&mut self, partition: TopicPartition, place: Place) -> Result<(), Error> {
        if !self.fetching.seek(&partition, place) {
            return Err(not_assigned(&partition));
        }
        self.sought(partition);
        Ok(())
    }

    fn seek_to_end(&mut self, mut partitions: BTreeSet<TopicPartition>, end: ResetTo) -> Result<(), Error> {
        let assigned = self.owned();
        if let Some(stranger) = partitions.difference(&assigned).next() {
            return Err(not_assigned(stranger));
        }
        if partitions.is_empty() {
            partitions = assigned;
        }
        for partition in partitions {
            self.fetching.seek_to(&partition, end);
            self.sought(partition);
        }
        Ok(())
    }

    /// What was fetched before the newest jump is not to be delivered.
    fn sought(&mut self, partition: TopicPartition) {
        let epoch = self.fetching.last_position_epoch() - 1;
        self.outbox.push_back(Action::Update(Update::Sought { partition, epoch }));
    }

    fn pause(&mut self, partitions: BTreeSet<TopicPartition>, paused: bool) -> Result<(), Error> {
        if let Some(stranger) = partitions.iter().find(|partition| !self.fetching.is_assigned(partition)) {
            return Err(not_assigned(stranger));
        }
        for partition in &partitions {
            if paused {
                self.fetching.pause(partition)
            } else {
                self.fetching.resume(partition)
            };
        }
        self.outbox.push_back(Action::Update(Update::Paused { partitions, paused }));
        Ok(())
    }

    fn current_lag(&mut self, partition: &TopicPartition) -> Result<Answer, Error> {
        if !self.fetching.is_assigned(partition) {
            return Err(not_assigned(partition));
        }
        self.fetching.want_lag(partition);
        Ok(Answer::Lag(self.fetching.lag(partition)))
    }

    pub(super) fn answer_positions(&mut self, now: Instant) {
        let mut answers = Vec::new();
        self.positions_asked.retain(|PositionAsked { call, partition, asked, deadline }| {
            let fetching = &self.fetching;
            let answer = match (fetching.position(partition), fetching.error_of(partition)) {
                (Some(place), _) => Ok(Answer::Position(place.offset)),
                (None, _) if !fetching.is_assigned(partition) => Err(not_assigned(partition)),
                // The next poll tells it, too.
                (None, Some(error)) => Err(error.clone().into()),
                (None, None) if *deadline > now => return true,
                (None, None) => {
                    Err(Error::Timeout { doing: "finding a position", after: *deadline - *asked })
                }
            };
            answers.push((*call, answer));
            false
        });
        answers.into_iter().for_each(|(call, answer)| self.answer(call, answer));
    }

    /// Hands over the records that there are, and answers the poll if it need not wait any longer.
    pub(super) fn answer_poll(&mut self, now: Instant) {
        let Some(polling) = &self.polling else { return };
        let (deadline, mut has_news) = (polling.deadline, polling.has_records);
        while let Some(fetch) = self.fetching.take_completed() {
            self.outbox.push_back(Action::Update(Update::Fetched(fetch)));
            has_news = true;
        }
        let to_shed = if self.is_shedding { Vec::new() } else { self.fetching.to_shed() };
        if !to_shed.is_empty() {
            // The answer comes with the next poll, so this one must not wait.
            self.is_shedding = true;
            has_news = true;
            self.outbox.push_back(Action::Update(Update::Shed(to_shed)));
        }
        while let Some(notice) = self.fetching.next_notice() {
            self.outbox.push_back(Action::Update(Update::Notice(notice)));
        }
        // What came before the trouble comes first; but records without end must not hide it for ever.
        let has_error = !self.errors.is_empty() || self.fetching.has_error();
        let is_errors_turn = has_error && self.last_poll_had_records;
        self.last_poll_had_records = has_news && !is_errors_turn;
        if self.last_poll_had_records {
            return self.end_poll(Ok(Answer::Done));
        }
        let error = self.errors.pop_front();
        let error = error.or_else(|| self.fetching.next_error().map(Error::from));
        let error = error.or_else(|| self.unreachable(now));
        // Giving up what there was takes a poll.
        let is_for_nothing = self.subscription.is_nothing() && self.unsubscribing.is_none();
        match error.or_else(|| is_for_nothing.then_some(NOTHING)) {
            Some(error) => self.end_poll(Err(error)),
            None if deadline <= now => self.end_poll(Ok(Answer::Done)),
            None => {}
        }
    }

    pub(super) fn end_poll(&mut self, answer: Result<Answer, Error>) {
        if let Some(polling) = self.polling.take() {
            self.answer(polling.call, answer);
        }
    }

    fn close(&mut self, call: CallId, deadline: Instant, now: Instant) {
        self.end_poll(Err(Error::Closed));
        self.closing = Some(Closing::new(Some(call), now, deadline));
    }

    /// What was delivered last may not have been processed, so nothing is committed.
    pub(super) fn abandoned(&mut self, now: Instant) {
        self.polling = None;
        // A close that was given up goes on, but nobody is there who could be told of anything.
        self.telling = None;
        let deadline = now + ABANDONED;
        let closing = self.closing.get_or_insert(Closing::new(None, now, deadline));
        closing.is_abandoned = true;
        closing.deadline = closing.deadline.min(deadline);
    }
}

fn not_assigned(partition: &TopicPartition) -> Error {
    Error::NotAssigned { topic: partition.topic.to_string(), partition: partition.partition }
}
