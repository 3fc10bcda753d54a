//! One partition between the consumer and a worker: records on their way, and which of them are acknowledged.
//!
//! ```text
//!   Open ---------------------> Ended ---------------------------> Over
//!     records go to the worker    the worker gets no more, and       nothing counts any more
//!                                 acknowledges what it has
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use crate::commit_tracker::{CommitTracker, Done};
use crate::core::io::OffsetAndMetadata;
use crate::core::topic_partition::TopicPartition;
use crate::records::OwnedRecord;

/// What the two ends share.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) partition: TopicPartition,
    state: Mutex<State>,
    /// Something has happened that the consumer waits for.
    news: Arc<Notify>,
    drained: Notify,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    queue: VecDeque<OwnedRecord>,
    tracker: CommitTracker,
    /// The offsets of records from which on the leader epoch is another, with that epoch; from the first that matters on.
    epochs: VecDeque<(i64, Option<i32>)>,
    /// What was in the queue when it ended: where it began, and how many records it had.
    untaken: Option<(i64, usize)>,
    /// How many on the worker's side can still acknowledge.
    holders: usize,
    /// The worker waits for a record.
    waiting: Option<Waker>,
    is_paused: bool,
    /// The consumer waits until so few are outstanding.
    resumes_at: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Ended,
    Over,
}

/// The consumer's side.
impl Lane {
    pub(super) fn new(partition: TopicPartition, news: Arc<Notify>) -> Self {
        Lane { partition, state: Mutex::default(), news, drained: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self) -> bool {
        self.state().phase == Phase::Open
    }

    /// How many more records may be outstanding; 0 when it takes none.
    pub(super) fn room(&self, max_outstanding: usize) -> usize {
        let state = self.state();
        match state.phase {
            Phase::Open if !state.is_paused => max_outstanding.saturating_sub(state.tracker.outstanding()),
            _ => 0,
        }
    }

    /// Whether the partition is to be paused now, or resumed; `None` for neither.
    pub(super) fn pressure(&self, max_outstanding: usize) -> Option<bool> {
        let mut state = self.state();
        let (outstanding, resumes_at) = (state.tracker.outstanding(), max_outstanding / 2);
        if state.phase != Phase::Open {
            return None;
        }
        let is_paused = match state.is_paused {
            // Short of full: the lane with the least room decides how many records are taken at a time.
            false => outstanding + (max_outstanding / 8).max(1) > max_outstanding,
            true => outstanding > resumes_at,
        };
        if is_paused {
            state.resumes_at = Some(resumes_at);
        }
        let is_changed = std::mem::replace(&mut state.is_paused, is_paused) != is_paused;
        is_changed.then_some(is_paused)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.state().is_paused
    }

    /// Whether a record of this offset comes behind all that there were.
    pub(super) fn continues_at(&self, offset: i64) -> bool {
        self.state().tracker.end().is_none_or(|end| offset >= end)
    }

    /// The partition's next records, which [continue](Self::continues_at) it.
    pub(super) fn push(&self, records: impl IntoIterator<Item = OwnedRecord>) {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return;
        }
        for record in records {
            state.tracker.delivered(record.offset);
            if state.epochs.back().is_none_or(|(_, epoch)| *epoch != record.leader_epoch) {
                state.epochs.push_back((record.offset, record.leader_epoch));
            }
            state.queue.push_back(record);
        }
        let waiting = state.waiting.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// There are no more records before this offset.
    pub(super) fn reached(&self, offset: i64) {
        self.state().tracker.reached(offset);
    }

    /// What can be committed.
    pub(super) fn committable(&self) -> Option<OffsetAndMetadata> {
        self.state().committable()
    }

    /// Gives the worker no more records. What it has not taken yet goes.
    pub(super) fn end(&self) {
        let mut state = self.state();
        if state.phase == Phase::Open {
            state.phase = Phase::Ended;
            let queue = std::mem::take(&mut state.queue);
            state.untaken = queue.front().map(|record| (record.offset, queue.len()));
        }
        let waiting = state.waiting.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Waits until all that the worker has taken is acknowledged, or nobody is left to do it.
    pub(super) async fn drained(&self) {
        while !self.state().is_drained() {
            self.drained.notified().await;
        }
    }

    /// Ends it for good. What can be committed for the last time; `None` when it was over before, too.
    pub(super) fn finish(&self) -> Option<OffsetAndMetadata> {
        self.end();
        let mut state = self.state();
        let is_first = std::mem::replace(&mut state.phase, Phase::Over) != Phase::Over;
        if is_first { state.committable() } else { None }
    }

    /// Whether nobody takes its records, and nobody is left to acknowledge what was taken.
    pub(super) fn is_abandoned(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Open && state.holders == 0
    }
}

/// The worker's side.
impl Lane {
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<OwnedRecord>> {
        let mut state = self.state();
        if let Some(record) = state.queue.pop_front() {
            return Poll::Ready(Some(record));
        }
        if state.phase != Phase::Open {
            return Poll::Ready(None);
        }
        state.waiting = Some(context.waker().clone());
        Poll::Pending
    }

    pub(super) fn acknowledge(&self, offset: i64) -> bool {
        let mut state = self.state();
        let is_taken = state.first_untaken().is_none_or(|first| offset < first);
        let counts = state.phase != Phase::Over && is_taken && state.tracker.done(offset) == Done::Counted;
        if counts {
            let outstanding = state.tracker.outstanding();
            if state.resumes_at.take_if(|at| outstanding <= *at).is_some() {
                self.news.notify_one();
            }
            self.tell_if_drained(&state);
        }
        counts
    }

    pub(super) fn add_holder(&self) {
        self.state().holders += 1;
    }

    pub(super) fn remove_holder(&self) {
        let mut state = self.state();
        state.holders -= 1;
        if state.holders == 0 {
            self.news.notify_one();
            self.tell_if_drained(&state);
        }
    }

    fn tell_if_drained(&self, state: &State) {
        if state.phase == Phase::Ended && state.is_drained() {
            self.drained.notify_one();
        }
    }
}

impl State {
    fn first_untaken(&self) -> Option<i64> {
        self.queue.front().map(|record| record.offset).or(self.untaken.map(|(first, _)| first))
    }

    fn is_drained(&self) -> bool {
        let untaken = self.untaken.map_or(0, |(_, count)| count);
        self.holders == 0 || self.tracker.outstanding() <= untaken
    }

    fn committable(&mut self) -> Option<OffsetAndMetadata> {
        let offset = self.tracker.committable()?;
        // The epoch of the record before it: the newest that begins below it.
        while self.epochs.get(1).is_some_and(|(first, _)| *first < offset) {
            self.epochs.pop_front();
        }
        let epoch = self.epochs.front().filter(|(first, _)| *first < offset);
        let mut committable = OffsetAndMetadata::new(offset);
        committable.leader_epoch = epoch.and_then(|(_, epoch)| *epoch);
        Some(committable)
    }
}
