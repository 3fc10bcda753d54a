//! Interrupting a poll.

use std::sync::Arc;

use tokio::sync::Notify;

/// Interrupts a [`poll`](super::Consumer::poll): the one that waits, or else the next one, fails with [`Error::Wakeup`](crate::Error::Wakeup).
#[derive(Clone, Debug, Default)]
pub struct Wakeup(Arc<Notify>);

impl Wakeup {
    /// Wakes the consumer up.
    pub fn wakeup(&self) {
        self.0.notify_one();
    }

    pub(super) async fn woken(&self) {
        self.0.notified().await;
    }
}
