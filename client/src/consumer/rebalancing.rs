//! Running the rebalance listener while a call waits for its answer.

use super::listener::{AnyListener, RebalanceListener, Running};
use super::{Consumer, ConsumerHandle};
use crate::core::io::{Command, Rebalance, RebalanceId, RebalanceKind};
use crate::error::Error;

/// The listener, and what it is at.
#[derive(Default)]
pub(super) struct Listening {
    listener: Option<Box<dyn AnyListener>>,
    /// What it has to be told. The core tells one thing at a time.
    next: Option<Rebalance>,
    running: Option<(RebalanceId, RebalanceKind, Running)>,
    /// Another listener, or none, has taken the place of the one that runs.
    is_replaced: bool,
    error: Option<Error>,
}

/// The listener that another has taken the place of.
pub(super) struct Replaced {
    listener: Option<Box<dyn AnyListener>>,
    is_replaced: bool,
}

impl Listening {
    pub(super) fn set(&mut self, listener: Option<impl RebalanceListener>) -> Replaced {
        let listener = listener.map(|listener| Box::new(listener) as Box<dyn AnyListener>);
        Replaced {
            listener: std::mem::replace(&mut self.listener, listener),
            is_replaced: std::mem::replace(&mut self.is_replaced, self.running.is_some()),
        }
    }

    /// Undoes a [`set`](Self::set). Nothing was run in between.
    pub(super) fn put_back(&mut self, replaced: Replaced) {
        Replaced { listener: self.listener, is_replaced: self.is_replaced } = replaced;
    }

    /// Puts a listener around the one that there is, also when that is at something.
    pub(super) fn wrap(
        &mut self,
        wrap: impl FnOnce(Option<Box<dyn AnyListener>>) -> Box<dyn AnyListener> + Send + 'static,
    ) {
        match self.running.take() {
            Some((id, kind, running)) if !self.is_replaced => {
                let wrapped = async move {
                    let (listener, outcome) = running.await;
                    (wrap(Some(listener)), outcome)
                };
                self.running = Some((id, kind, Box::pin(wrapped)));
            }
            running => {
                self.running = running;
                self.listener = Some(wrap(self.listener.take()));
            }
        }
    }

    pub(super) fn told(&mut self, rebalance: Rebalance) {
        self.next = Some(rebalance);
    }

    /// Whether there is something that the listener has not begun with.
    pub(super) fn is_told(&self) -> bool {
        self.next.is_some()
    }

    /// Whether the listener has not yet done what it does about partitions that have come.
    pub(super) fn is_assigning(&self) -> bool {
        let next = self.next.as_ref().map(|rebalance| rebalance.kind);
        let running = self.running.as_ref().map(|(_, kind, _)| *kind);
        [next, running].contains(&Some(RebalanceKind::Assigned))
    }

    /// What the listener has failed with, if it has.
    pub(super) fn take_error(&mut self) -> Result<(), Error> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Begins with what the listener has to be told, if it is free to hear it.
    fn begin(&mut self, handle: &ConsumerHandle) {
        if self.running.is_some() {
            return;
        }
        let Some(rebalance) = self.next.take() else { return };
        let (id, kind) = (rebalance.id, rebalance.kind);
        match self.listener.take() {
            Some(listener) => {
                let handle =
                    ConsumerHandle { rebalance_deadline: Some(rebalance.deadline), ..handle.clone() };
                self.running = Some((id, kind, listener.call(handle, rebalance)));
            }
            None => acknowledge(handle, id),
        }
    }

    /// Runs the listener until it is done with what it is at; for ever when it is at nothing. May be dropped, and goes on
    /// the next time.
    async fn run(&mut self, handle: &ConsumerHandle) {
        let Some((id, _, running)) = &mut self.running else { return std::future::pending().await };
        let (listener, outcome) = running.await;
        acknowledge(handle, *id);
        self.running = None;
        if !std::mem::take(&mut self.is_replaced) {
            self.listener = Some(listener);
        }
        if let Err(error) = outcome {
            self.error.get_or_insert(error);
        }
    }
}

/// Nothing needs to be waited for: it is on its way.
fn acknowledge(handle: &ConsumerHandle, id: RebalanceId) {
    drop(handle.calls.call(Command::Acknowledge(id)));
}

impl Consumer {
    /// Waits for an answer, taking in what the core tells meanwhile and running the listener.
    pub(super) async fn listen_until<T>(
        &mut self,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut answer = std::pin::pin!(answer);
        loop {
            self.listening.begin(&self.handle);
            // What belongs to the answer was told before it.
            tokio::select! {
                biased;
                update = self.updates.next() => self.take(update),
                () = self.listening.run(&self.handle) => {}
                answer = &mut answer => return answer,
            }
        }
    }

    /// Waits until the listener is done with all that it has been told.
    pub(super) async fn listen_to_the_end(&mut self) -> Result<(), Error> {
        loop {
            self.listening.begin(&self.handle);
            if self.listening.running.is_none() {
                return self.listening.take_error();
            }
            self.listening.run(&self.handle).await;
            // Where it has sought or paused, what was fetched before is not to be returned any more.
            self.take_updates();
        }
    }
}
