//! The application's end of the task: calls and their answers, and what the core has to tell.

use tokio::sync::{mpsc, oneshot};

use crate::core::completed_fetch::Consumed;
use crate::core::io::{Answer, Command, Update};
use crate::error::Error;

/// A call on its way to the core.
pub(super) struct Call {
    pub(super) consumed: Vec<Consumed>,
    pub(super) command: Command,
    pub(super) answer: oneshot::Sender<Result<Answer, Error>>,
}

/// Calls the core. Dropping it ends the task.
pub(crate) struct Calls {
    calls: mpsc::UnboundedSender<Call>,
    updates: mpsc::UnboundedReceiver<Update>,
}

impl Calls {
    pub(super) fn new(calls: mpsc::UnboundedSender<Call>, updates: mpsc::UnboundedReceiver<Update>) -> Self {
        Calls { calls, updates }
    }

    /// Calls the core: the command is on its way when this returns. The future waits for the answer only, so that
    /// dropping it undoes nothing.
    pub(crate) fn call(
        &self,
        consumed: Vec<Consumed>,
        command: Command,
    ) -> impl Future<Output = Result<Answer, Error>> + use<> {
        let (answer, receiver) = oneshot::channel();
        let sent = self.calls.send(Call { consumed, command, answer });
        async move {
            sent.map_err(|_| Error::Closed)?;
            receiver.await.unwrap_or(Err(Error::Closed))
        }
    }

    /// What the core has told since the last time. What belongs to an answer is there before the answer is.
    pub(crate) fn next_update(&mut self) -> Option<Update> {
        self.updates.try_recv().ok()
    }
}
