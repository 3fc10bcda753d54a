//! Interrupting a poll.

use std::sync::Arc;

use tokio::sync::Notify;

/// Interrupts a [`poll`](super::Consumer::poll): the one that waits, or else the next one, fails with [`Error::Wakeup`](crate::Error::Wakeup).
/// The same goes for the [stream](super::Consumer::stream) and for
/// [`PartitionStreams::next`](crate::PartitionStreams::next); other calls are not interrupted, but may be dropped.
#[derive(Clone, Debug, Default)]
pub struct Wakeup(Arc<Notify>);

impl Wakeup {
    /// Wakes the consumer up. What has been fetched is kept for the polls to come. Several calls before a poll count as one.
    pub fn wakeup(&self) {
        self.0.notify_one();
    }

    pub(super) async fn woken(&self) {
        self.0.notified().await;
    }
}
