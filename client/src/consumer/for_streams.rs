//! What [partition streams](crate::streams) need of a consumer beyond what an application does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use super::Consumer;
use super::listener::AnyListener;
use crate::core::io::{Answer, Command};
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;
use crate::records::OwnedRecord;

/// The answer to a poll. Until it has come it may be left and waited for again.
pub(crate) type Polling = BoxFuture<'static, Result<Answer, Error>>;

/// What was taken: records of one partition after the other, and how far each partition was read, gaps included.
pub(crate) type Taken = (Vec<(TopicPartition, Vec<OwnedRecord>)>, Vec<(TopicPartition, i64)>);

impl Consumer {
    /// Nothing is committed any more without being asked, whatever `enable.auto.commit` says.
    pub(crate) fn commit_by_hand(&mut self) {
        self.report();
        // It is on its way; there is nothing to wait for.
        drop(self.handle.calls.call(Command::CommitByHand));
    }

    /// `auto.commit.interval.ms`; `None` without a group.
    pub(crate) fn commit_interval(&self) -> Option<Duration> {
        self.commit_interval
    }

    /// Puts a listener around the one that there is.
    pub(crate) fn wrap_listener(
        &mut self,
        wrap: impl FnOnce(Option<Box<dyn AnyListener>>) -> Box<dyn AnyListener> + Send + 'static,
    ) {
        self.listening.wrap(wrap);
    }

    /// Begins a poll that is answered at the deadline, or when there is something.
    pub(crate) fn start_poll(&mut self, deadline: Instant) -> Polling {
        Box::pin(self.begin_poll(deadline))
    }

    /// Waits for the answer to a poll, and runs the listener meanwhile. May be dropped, and goes on the next time.
    ///
    /// # Errors
    /// What the poll fails with, and [`Error::Wakeup`]; the poll goes on behind the latter.
    pub(crate) async fn go_on_polling(&mut self, polling: &mut Option<Polling>) -> Result<(), Error> {
        let Some(answer) = polling else { return Ok(()) };
        let wakeup = self.wakeup.clone();
        let answer = tokio::select! {
            biased;
            () = wakeup.woken() => return Err(Error::Wakeup),
            answer = self.listen_until(answer) => answer,
        };
        *polling = None;
        answer.map(drop)
    }

    /// Learns what the core has to tell.
    ///
    /// # Errors
    /// What the listener has failed with.
    pub(crate) fn take_news(&mut self) -> Result<(), Error> {
        self.take_updates();
        self.listening.take_error()
    }

    /// Whether there is something for the listener that it has not begun with. It does so while a poll is waited for.
    pub(crate) fn is_told(&self) -> bool {
        self.listening.is_told()
    }

    /// Whether the listener is at partitions that have come. It decides where reading begins, and so there is nothing to be
    /// taken before it is done.
    pub(crate) fn is_assigning(&self) -> bool {
        self.listening.is_assigning()
    }

    /// How often the [assignment](Self::assignment) has changed.
    pub(crate) fn assignment_changes(&self) -> u64 {
        self.assignment_changes
    }

    /// Takes up to `max_records`, and never more than `max.poll.records`, of what is at hand.
    pub(crate) fn take_records(&mut self, max_records: usize) -> Result<Taken, Error> {
        self.delivery.fill(max_records.min(self.max_poll_records))?;
        let mut runs: Vec<(TopicPartition, Vec<OwnedRecord>)> = Vec::new();
        for record in &self.delivery.records() {
            let record = record.to_owned();
            match runs.last_mut() {
                Some((run, records)) if run.partition == record.partition && run.topic == record.topic => {
                    records.push(record);
                }
                _ => {
                    let partition =
                        TopicPartition { topic: record.topic.clone(), partition: record.partition };
                    runs.push((partition, vec![record]));
                }
            }
        }
        self.delivery.take_back();
        let delivered = self.delivery.take_delivered();
        let reached = delivered.consumed.iter().map(|consumed| (consumed.partition.clone(), consumed.offset));
        let reached = reached.collect();
        self.tell(delivered);
        Ok((runs, reached))
    }

    /// Pauses or resumes partitions without waiting for it. It holds for what is at hand as soon as this returns.
    pub(crate) fn set_paused(&mut self, partitions: BTreeSet<TopicPartition>, paused: bool) {
        if !partitions.is_empty() {
            partitions.iter().for_each(|partition| self.delivery.set_paused(partition, paused));
            drop(self.handle.calls.call(Command::Pause(partitions, paused)));
        }
    }
}
