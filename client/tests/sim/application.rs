//! An application: it polls, works, commits, pauses and seeks, as its history has it. Its side of the consumer is the real
//! one ([`Delivery`]); the calls are those that `milena_client::Consumer` makes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use milena_client::core::completed_fetch::Delivered;
use milena_client::core::consumer::Core;
use milena_client::core::fetch_report::Place;
use milena_client::core::io::{
    Answer, CallId, Command, Event, OffsetAndMetadata, Offsets, Rebalance, RebalanceKind, Update,
};
use milena_client::core::subscription::Interest;
use milena_client::delivery::Delivery;
use milena_client::{Config, Error, FetchNotice, TopicPartition};

use crate::checks::Ledger;
use crate::history::{Commits, History, Kind};
use crate::network::ClientId;
use crate::rng::Rng;
use crate::trace::Trace;

/// How long a poll waits.
const POLL: Duration = Duration::from_millis(1_000);
/// How long a consumer may take to close.
const CLOSE: Duration = Duration::from_millis(5_000);

/// What an application has around it.
pub struct Around<'a> {
    pub now: Instant,
    pub history: &'a History,
    pub ledger: &'a mut Ledger,
    pub rng: &'a mut Rng,
    pub trace: &'a Trace,
    /// From now on nothing goes wrong any more.
    pub is_healed: bool,
}

/// What it is at.
#[derive(Debug)]
enum Doing {
    /// It works on what it has got.
    Working {
        until: Instant,
    },
    /// It waits for the answer to a call.
    Calling(CallId, Call),
    Closed,
}

#[derive(Clone, Debug)]
enum Call {
    Subscribe,
    Poll { deadline: Instant },
    Commit(Commit),
    Seek(TopicPartition, i64),
    Other,
    Close { deadline: Instant },
}

/// What it wants to be committed: where each partition goes on, and how often something was committed for it before.
#[derive(Clone, Debug)]
struct Commit {
    offsets: Vec<(TopicPartition, i64, usize)>,
    /// It has named the offsets; else they are those of what was delivered.
    is_exact: bool,
}

/// What its rebalance listener is at.
#[derive(Debug)]
enum Listening {
    Until(Instant, Rebalance),
    Committing(CallId, Commit, Rebalance),
}

#[derive(Debug)]
pub struct Application {
    pub id: ClientId,
    pub name: String,
    delivery: Delivery,
    doing: Doing,
    told: Option<Rebalance>,
    listening: Option<Listening>,
    updates: VecDeque<Update>,
    answers: BTreeMap<CallId, Result<Answer, Error>>,
    last_call: u64,
    has_subscribed: bool,
    told_decoded_bytes: usize,
    paused: BTreeSet<TopicPartition>,
    /// Where each partition goes on, by what was delivered.
    next: BTreeMap<TopicPartition, OffsetAndMetadata>,
    has_uncommitted: bool,
    /// Commits that nobody waits for.
    in_background: BTreeSet<CallId>,
    /// After the next poll it commits again.
    commit_failed: bool,
    /// It is to close as soon as it can.
    is_leaving: bool,
    /// Another has its `group.instance.id`: it has to be closed.
    pub is_fenced: bool,
    /// How long it does not poll, from its next work on.
    pub sleeps: Option<Duration>,
}

impl Application {
    pub fn new(id: ClientId, name: String, config: &Config, now: Instant) -> Self {
        Application {
            id,
            name,
            delivery: Delivery::of(config),
            doing: Doing::Working { until: now },
            told: None,
            listening: None,
            updates: VecDeque::new(),
            answers: BTreeMap::new(),
            last_call: 0,
            has_subscribed: false,
            told_decoded_bytes: 0,
            paused: BTreeSet::new(),
            next: BTreeMap::new(),
            has_uncommitted: false,
            in_background: BTreeSet::new(),
            commit_failed: false,
            is_leaving: false,
            is_fenced: false,
            sleeps: None,
        }
    }

    /// It polls again.
    pub fn wake(&mut self, now: Instant) {
        self.sleeps = None;
        if let Doing::Working { until } = &mut self.doing {
            *until = now.min(*until);
        }
    }

    pub fn leave(&mut self) {
        self.is_leaving = true;
    }

    pub fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.doing, Doing::Closed)
    }

    /// The core has something to tell.
    pub fn tell(&mut self, update: Update) {
        self.updates.push_back(update);
    }

    /// The core has answered a call.
    pub fn answered(&mut self, call: CallId, answer: Result<Answer, Error>) {
        if self.in_background.remove(&call) {
            self.commit_failed |= answer.is_err();
        } else {
            self.answers.insert(call, answer);
        }
    }

    /// When it will do something by itself.
    pub fn wakes_at(&self) -> Option<Instant> {
        match (&self.doing, &self.listening) {
            (Doing::Working { until }, _) => Some(*until),
            (Doing::Calling(..), Some(Listening::Until(until, _))) => Some(*until),
            _ => None,
        }
    }

    /// Goes on, as far as it can; says whether the core was told of something.
    pub fn go_on(&mut self, core: &mut Core, around: &mut Around<'_>) -> bool {
        match &self.doing {
            Doing::Closed => false,
            Doing::Working { until } if *until > around.now => false,
            Doing::Working { .. } if !std::mem::replace(&mut self.has_subscribed, true) => {
                let topics = (0..around.history.topics.len()).map(|n| format!("t{n}").as_str().into());
                let command = Command::Subscribe(Interest::Topics(topics.collect()));
                self.call(Call::Subscribe, command, core, around);
                true
            }
            Doing::Working { .. } => {
                self.begin(core, around);
                true
            }
            Doing::Calling(call, _) => {
                let call = *call;
                let was_told = self.listen(core, around);
                let waits_for_listener =
                    matches!(self.doing, Doing::Calling(_, Call::Poll { .. })) && self.listening.is_some();
                match self.answers.contains_key(&call) && !(waits_for_listener && self.answers[&call].is_ok())
                {
                    true => self.returned(core, around),
                    false => was_told,
                }
            }
        }
    }

    /// Chooses what to do next.
    fn begin(&mut self, core: &mut Core, around: &mut Around<'_>) {
        let history = around.history;
        if self.is_leaving {
            let deadline = around.now + CLOSE;
            return self.call(Call::Close { deadline }, Command::Close { deadline }, core, around);
        }
        let choices = !around.is_healed;
        if history.seeks && choices && around.rng.percent(3) && self.seek(core, around) {
            return;
        }
        if history.pauses && self.pause(choices, core, around) {
            return;
        }
        if std::mem::take(&mut self.has_uncommitted) {
            let deadline = Some(around.now + Duration::from_millis(10_000));
            match history.commits {
                Commits::Automatic => {}
                Commits::Sync => {
                    let command = Command::Commit { offsets: None, deadline };
                    return self.call(Call::Commit(self.commit(false, around)), command, core, around);
                }
                Commits::Offsets => {
                    let offsets: Offsets = self.next.clone();
                    let command = Command::Commit { offsets: Some(offsets), deadline };
                    return self.call(Call::Commit(self.commit(true, around)), command, core, around);
                }
                Commits::Async => {
                    self.report(core, around);
                    let call = self.next_call();
                    around.trace.note(&self.name, || "commits, and does not wait");
                    self.in_background.insert(call);
                    let command = Command::Commit { offsets: None, deadline: None };
                    core.handle(Event::Called { call, command }, around.now);
                }
            }
        }
        self.poll(around.now + POLL, core, around);
    }

    fn commit(&self, is_exact: bool, around: &Around<'_>) -> Commit {
        let before = |partition| around.ledger.commits_of(partition).len().saturating_sub(1);
        let each =
            self.next.iter().map(|(partition, next)| (partition.clone(), next.offset, before(partition)));
        Commit { offsets: each.collect(), is_exact }
    }

    /// It was told that this is committed, and so the group must have it, or have had it since.
    fn check_commit(&self, commit: &Commit, around: &Around<'_>) {
        for (partition, offset, before) in &commit.offsets {
            let is_theirs = around.ledger.owned(self.id).any(|owned| owned == partition);
            // Where a log has lost an end, the consumer is elsewhere before the application learns of it.
            let is_elsewhere = around.history.has(Kind::Truncate) || around.history.has(Kind::Trim);
            if !commit.is_exact && (!is_theirs || is_elsewhere) {
                continue;
            }
            let commits = &around.ledger.commits_of(partition)[*before..];
            let is_there = commits.iter().any(|known| known == offset || !commit.is_exact && known > offset);
            assert!(
                is_there,
                "client {} was told that {offset} is committed for {partition}, and that was {commits:?}",
                self.id
            );
        }
    }

    fn poll(&mut self, deadline: Instant, core: &mut Core, around: &mut Around<'_>) {
        self.report(core, around);
        let command = Command::Poll { deadline, has_records: self.delivery.has_more() };
        let call = self.next_call();
        around.trace.note(&self.name, || "polls");
        core.handle(Event::Called { call, command }, around.now);
        self.doing = Doing::Calling(call, Call::Poll { deadline });
    }

    fn seek(&mut self, core: &mut Core, around: &mut Around<'_>) -> bool {
        let owned: Vec<TopicPartition> = around.ledger.owned(self.id).cloned().collect();
        if owned.is_empty() {
            return false;
        }
        let partition = around.rng.pick(&owned).clone();
        let Some(next) = self.next.get(&partition).map(|next| next.offset) else { return false };
        let offset = next - around.rng.within(0..=(next.min(20)) as u64) as i64;
        let command = Command::Seek(partition.clone(), Place { offset, leader_epoch: -1 });
        self.call(Call::Seek(partition, offset), command, core, around);
        true
    }

    fn pause(&mut self, choices: bool, core: &mut Core, around: &mut Around<'_>) -> bool {
        if !self.paused.is_empty() && (!choices || around.rng.percent(20)) {
            let partitions = std::mem::take(&mut self.paused);
            self.call(Call::Other, Command::Pause(partitions, false), core, around);
            return true;
        }
        let owned: Vec<TopicPartition> = around.ledger.owned(self.id).cloned().collect();
        if !choices || owned.is_empty() || !around.rng.percent(5) {
            return false;
        }
        let partition = around.rng.pick(&owned).clone();
        self.paused.insert(partition.clone());
        self.call(Call::Other, Command::Pause([partition].into(), true), core, around);
        true
    }

    fn next_call(&mut self) -> CallId {
        self.last_call += 1;
        CallId(self.last_call)
    }

    fn call(&mut self, call: Call, command: Command, core: &mut Core, around: &mut Around<'_>) {
        around.trace.note(&self.name, || format!("calls {command:?}"));
        self.report(core, around);
        let id = self.next_call();
        core.handle(Event::Called { call: id, command }, around.now);
        self.doing = Doing::Calling(id, call);
    }

    /// What every call begins with: what was lent is given back, and so is processed.
    fn report(&mut self, core: &mut Core, around: &mut Around<'_>) {
        self.take_updates(around);
        around.ledger.processed(self.id);
        self.delivery.take_back();
        let delivered: Delivered = self.delivery.take_delivered();
        if !delivered.consumed.is_empty() || delivered.decoded_bytes != self.told_decoded_bytes {
            self.told_decoded_bytes = delivered.decoded_bytes;
            core.handle(Event::Delivered(delivered), around.now);
        }
    }

    fn take_updates(&mut self, around: &mut Around<'_>) {
        while let Some(update) = self.updates.pop_front() {
            self.take(update, around);
        }
    }

    fn take(&mut self, update: Update, around: &mut Around<'_>) {
        self.delivery.take_in(&update);
        around.trace.note(&self.name, || format!("takes {update:?}"));
        match update {
            Update::Rebalance(rebalance) => {
                let Rebalance { kind, partitions, .. } = &rebalance;
                around.trace.note(&self.name, || format!("{kind:?}: {}", list(partitions)));
                match kind {
                    RebalanceKind::Assigned => around.ledger.assigned(self.id, partitions),
                    RebalanceKind::Revoked => around.ledger.going(self.id, partitions, self.is_leaving),
                    RebalanceKind::Lost => {
                        // As in Java, who leaves in the middle of a rebalance loses what it had.
                        let is_peace = around.ledger.is_peace && !self.is_leaving;
                        assert!(!is_peace, "{} has lost {} for no reason", self.name, list(partitions));
                        around.ledger.gone(self.id, partitions);
                        self.forget(partitions);
                    }
                }
                assert!(self.told.is_none(), "{} is told of two rebalances at once", self.name);
                self.told = Some(rebalance);
            }
            Update::Notice(FetchNotice::Reset { partition, to, .. })
            | Update::Notice(FetchNotice::Truncated { partition, to, .. }) => {
                around.trace.note(&self.name, || format!("goes on with {partition} at {to}"));
                // What it committed from here on would be behind what its listener commits.
                self.next.remove(&partition);
            }
            Update::CommitFailed(error) => {
                around.trace.note(&self.name, || format!("a commit failed: {error}"));
            }
            _ => {}
        }
    }

    fn gone(&mut self, partitions: &[TopicPartition], around: &mut Around<'_>) {
        around.ledger.gone(self.id, partitions);
        self.forget(partitions);
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.paused.remove(partition);
            self.next.remove(partition);
        }
    }

    /// Runs the listener, which works only while a call waits; says whether the core was told of something.
    fn listen(&mut self, core: &mut Core, around: &mut Around<'_>) -> bool {
        self.take_updates(around);
        let mut was_told = false;
        loop {
            match self.listening.take() {
                None => {
                    let Some(rebalance) = self.told.take() else { return was_told };
                    let commits = rebalance.kind == RebalanceKind::Revoked
                        && around.history.commits != Commits::Automatic
                        && !rebalance.partitions.is_empty();
                    self.listening = Some(if commits {
                        let call = self.next_call();
                        let deadline = Some(around.now + Duration::from_millis(10_000));
                        around.trace.note(&self.name, || "commits in its listener");
                        let command = Command::Commit { offsets: None, deadline };
                        core.handle(Event::Called { call, command }, around.now);
                        was_told = true;
                        Listening::Committing(call, self.commit(false, around), rebalance)
                    } else {
                        let works = around.rng.millis(0..=around.history.work_ms);
                        Listening::Until(around.now + works, rebalance)
                    });
                }
                Some(Listening::Until(until, rebalance)) if until <= around.now => {
                    self.acknowledge(&rebalance, core, around);
                    was_told = true;
                }
                Some(Listening::Committing(call, commit, rebalance)) if self.answers.contains_key(&call) => {
                    let answer = self.answers.remove(&call);
                    if let Some(Ok(_)) = answer {
                        self.check_commit(&commit, around);
                    }
                    around.trace.note(&self.name, || format!("its listener's commit: {answer:?}"));
                    self.acknowledge(&rebalance, core, around);
                    was_told = true;
                }
                at_something => {
                    self.listening = at_something;
                    return was_told;
                }
            }
        }
    }

    fn acknowledge(&mut self, rebalance: &Rebalance, core: &mut Core, around: &mut Around<'_>) {
        if rebalance.kind == RebalanceKind::Revoked {
            self.gone(&rebalance.partitions, around);
        }
        let call = self.next_call();
        core.handle(Event::Called { call, command: Command::Acknowledge(rebalance.id) }, around.now);
    }

    /// A call has its answer.
    fn returned(&mut self, core: &mut Core, around: &mut Around<'_>) -> bool {
        let Doing::Calling(id, call) = &self.doing else { return false };
        let (id, call) = (*id, call.clone());
        let answer = self.answers.remove(&id).expect("it was looked for");
        // Nobody waits for other answers, but the listener.
        let listeners = match &self.listening {
            Some(Listening::Committing(call, ..)) => Some(*call),
            _ => None,
        };
        self.answers.retain(|call, _| Some(*call) == listeners);
        if let Err(error) = &answer {
            around.trace.note(&self.name, || format!("{call:?} failed: {error}"));
            // A coordinator that moves before a generation is complete knows the members of the one before, and fences
            // static members that have got new ids since.
            let is_fenced = *error == Error::Fenced && around.history.can_fence();
            self.is_fenced |= is_fenced;
            let is_acceptable = is_acceptable(error) || is_fenced;
            assert!(is_acceptable, "client {}: {call:?} failed with {error}", self.id);
        }
        match call {
            Call::Poll { deadline } => return self.polled(answer, deadline, core, around),
            Call::Close { deadline } => {
                assert!(around.now <= deadline, "client {} closes late", self.id);
                self.doing = Doing::Closed;
                return false;
            }
            Call::Seek(partition, offset) if answer.is_ok() => {
                self.next.insert(partition.clone(), OffsetAndMetadata::new(offset));
                around.ledger.sought(self.id, &partition, offset);
            }
            Call::Commit(commit) if answer.is_ok() => self.check_commit(&commit, around),
            Call::Commit(_) => self.commit_failed = true,
            Call::Subscribe | Call::Seek(..) | Call::Other => {}
        }
        self.take_updates(around);
        self.doing = Doing::Working { until: around.now };
        true
    }

    fn polled(
        &mut self,
        answer: Result<Answer, Error>,
        deadline: Instant,
        core: &mut Core,
        around: &mut Around<'_>,
    ) -> bool {
        if let Err(error) = answer {
            // A static member that crashed has not left: its successor has to wait, and then to try again.
            self.has_subscribed = error != Error::InstanceIdInUse;
            let pause = if self.has_subscribed { 100 } else { 1_000 };
            self.doing = Doing::Working { until: around.now + Duration::from_millis(pause) };
            return false;
        }
        let filled = self.delivery.fill(around.history.max_poll_records);
        assert_eq!(
            filled,
            Ok(()),
            "client {} cannot read what is no worse than when it was written",
            self.id
        );
        let records = self.delivery.records();
        assert!(records.len() <= around.history.max_poll_records, "{} records at once", records.len());
        if records.is_empty() && around.now < deadline {
            self.poll(deadline, core, around);
            return true;
        }
        self.has_uncommitted |= std::mem::take(&mut self.commit_failed);
        for record in &records {
            let partition = TopicPartition::new(record.topic(), record.partition());
            let value = record.value().and_then(|value| value.try_into().ok()).map(u64::from_be_bytes);
            let value = value.expect("each record has a number");
            around.trace.note(&self.name, || format!("gets {partition} {} ({value})", record.offset()));
            around.ledger.delivered(self.id, &partition, record.offset(), value);
            // Without the epoch nobody could tell, after a truncation, that the offset is of another log (KIP-320).
            let mut next = OffsetAndMetadata::new(record.offset() + 1);
            next.leader_epoch = record.leader_epoch();
            self.next.insert(partition, next);
            self.has_uncommitted = true;
        }
        let works = around.rng.millis(0..=around.history.work_ms);
        let works = if records.is_empty() { Duration::ZERO } else { works };
        let works = works + self.sleeps.take().unwrap_or_default();
        self.doing = Doing::Working { until: around.now + works };
        works.is_zero()
    }
}

/// Whether an application has to live with it: there are faults.
fn is_acceptable(error: &Error) -> bool {
    match error {
        Error::Misunderstood { .. }
        | Error::Config(_)
        | Error::Records(_)
        | Error::Deserialization(_)
        | Error::Unsupported { .. }
        | Error::NoConsumerProtocol
        | Error::Fenced
        | Error::Misuse(_) => false,
        Error::Fetch(error) => error.is_retriable(),
        _ => true,
    }
}

pub fn list(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(", ")
}
