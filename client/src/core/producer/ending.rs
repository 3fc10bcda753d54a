//! Flushing, closing, and being dropped.

use std::time::{Duration, Instant};

use milena_protocol::Str;

use super::Core;
use super::io::{Action, CallId, Command, Outcome, SendId};
use crate::Error;

/// A call that waits until all that was sent before it is settled.
#[derive(Debug)]
pub(super) struct Flush {
    call: CallId,
    up_to: SendId,
}

#[derive(Debug)]
pub(super) struct Closing {
    /// `None` when the application has just gone away.
    call: Option<CallId>,
    asked: Instant,
    /// `None`: what is there has its `delivery.timeout.ms`.
    pub(super) deadline: Option<Instant>,
    finished: bool,
}

impl Core {
    pub(super) fn called(&mut self, call: CallId, command: Command, now: Instant) {
        match command {
            Command::Flush => self.flushes.push(Flush { call, up_to: self.last_send }),
            Command::Close { deadline } => {
                if let Some(Closing { call: Some(_), .. }) = self.closing {
                    self.outbox.push_back(Action::Answer { call, answer: Err(Error::Closed) });
                    return;
                }
                self.closing =
                    Some(Closing { call: Some(call), asked: now, deadline: Some(deadline), finished: false });
            }
        }
    }

    /// Nobody is there any more; what was sent goes on its way.
    pub(super) fn abandoned(&mut self) {
        if self.closing.is_none() {
            let asked = self.started;
            self.closing = Some(Closing { call: None, asked, deadline: None, finished: false });
        }
    }

    /// Whether nothing is waited for before batches are sent.
    pub(super) fn is_hurried(&self) -> bool {
        self.closing.is_some() || !self.flushes.is_empty()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.finished)
    }

    pub(super) fn go_on_ending(&mut self, now: Instant) {
        if let Some(Closing { deadline: Some(deadline), .. }) = self.closing
            && deadline <= now
        {
            self.fail_all(&Error::Closed);
        }
        if !self.flushes.is_empty() {
            let oldest = self.accumulator.oldest();
            let is_done = |flush: &Flush| oldest.is_none_or(|oldest| oldest > flush.up_to);
            for done in self.flushes.extract_if(.., |flush| is_done(flush)) {
                self.outbox.push_back(Action::Answer { call: done.call, answer: Ok(()) });
            }
        }
        let Some(closing) = &mut self.closing else { return };
        if closing.finished || !self.accumulator.is_empty() {
            return;
        }
        closing.finished = true;
        if let Some(call) = closing.call {
            let after: Duration = now - closing.asked;
            let answer = match self.has_failed_at_close {
                true => Err(Error::Timeout { doing: "delivering what was sent before the close", after }),
                false => Ok(()),
            };
            self.outbox.push_back(Action::Answer { call, answer });
        }
        for peer in self.network.peers().collect::<Vec<_>>() {
            self.network.close(peer);
        }
    }

    /// Fails every record that is not settled.
    pub(super) fn fail_all(&mut self, error: &Error) {
        self.has_failed_at_close |= self.closing.is_some() && !self.accumulator.is_empty();
        let names: Vec<Str> = self.accumulator.topics.keys().cloned().collect();
        for name in names {
            self.fail_waiting(&name, error);
            let partitions = self.accumulator.topics[&name].queues.len();
            for partition in 0..partitions {
                while let Some(queue) = self.accumulator.queue(&name, partition as i32)
                    && let Some(batch) = queue.batches.pop_front()
                {
                    let outcome = Outcome::Failed { error: error.clone(), own: Vec::new() };
                    self.settle(&name, partition as i32, batch, outcome);
                }
            }
        }
    }
}
