//! The application's end of the task: calls and their answers, and what the core has to tell.

use tokio::sync::{mpsc, oneshot};

use crate::core::completed_fetch::Delivered;
use crate::core::io::{Answer, Command, Update};
use crate::error::Error;

/// What goes to the core.
pub(crate) enum Message {
    Call { command: Command, answer: oneshot::Sender<Result<Answer, Error>> },
    Delivered(Delivered),
    Abandoned,
}

/// Calls the core. Clones do not keep the task alive: it is [`Updates`] that does.
#[derive(Clone, Debug)]
pub(crate) struct Calls(mpsc::UnboundedSender<Message>);

/// What the core tells. Dropping it ends the task.
pub(crate) struct Updates {
    calls: Calls,
    updates: mpsc::UnboundedReceiver<Update>,
}

/// The application's ends of channels to and from a core.
pub(crate) fn ends(
    messages: mpsc::UnboundedSender<Message>,
    updates: mpsc::UnboundedReceiver<Update>,
) -> (Calls, Updates) {
    let calls = Calls(messages);
    (calls.clone(), Updates { calls, updates })
}

impl Calls {
    /// Calls the core: the command is on its way when this returns. The future waits for the answer only, so that
    /// dropping it undoes nothing.
    pub(crate) fn call(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Answer, Error>> + Send + use<> {
        let (answer, receiver) = oneshot::channel();
        let sent = self.0.send(Message::Call { command, answer });
        async move {
            sent.map_err(|_| Error::Closed)?;
            receiver.await.unwrap_or(Err(Error::Closed))
        }
    }

    /// Tells how far the application has its records. Counts for the calls that come after it.
    pub(crate) fn delivered(&self, delivered: Delivered) {
        // A task that has ended has no use for it.
        let _ = self.0.send(Message::Delivered(delivered));
    }
}

impl Updates {
    /// What the core has told since the last time. What belongs to an answer is there before the answer is.
    pub(crate) fn next_now(&mut self) -> Option<Update> {
        self.updates.try_recv().ok()
    }

    /// Waits until the core tells something; for ever once the task has ended. May be dropped: nothing is lost.
    pub(crate) async fn next(&mut self) -> Update {
        match self.updates.recv().await {
            Some(update) => update,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Updates {
    fn drop(&mut self) {
        let _ = self.calls.0.send(Message::Abandoned);
    }
}
