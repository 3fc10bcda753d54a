//! Telling the group how far its records are processed.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Consumer;
use super::handle::check;
use crate::core::io::{Command, OffsetAndMetadata, Offsets};
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

impl Consumer {
    /// Commits how far the records were returned by [`poll`](Self::poll), and waits until that is done; it is tried
    /// again for up to `default.api.timeout.ms`. A timeout of your own around it ends the waiting only: the commit goes on,
    /// and later ones wait behind it.
    ///
    /// # Errors
    /// - [`Error::RebalanceInProgress`]: poll, then commit again what the consumer still has.
    /// - [`Error::CommitFailed`]: the consumer is out of its group, after `max.poll.interval.ms` without a poll for one. Its
    ///   partitions are lost; poll to join again.
    /// - [`Error::Fenced`]: another consumer has taken over the `group.instance.id`; close this one.
    /// - [`Error::Timeout`], what the broker refuses ([`Error::Broker`]), and [`Error::NoGroup`].
    pub async fn commit_sync(&mut self) -> Result<(), Error> {
        self.call(async |handle| handle.commit_sync().await).await
    }

    /// Commits these offsets, each that of the next record to read, and waits until that is done. They may be of partitions
    /// that the consumer does not have, which its group then takes for what they are: the last word.
    ///
    /// # Errors
    /// As those of [`commit_sync`](Self::commit_sync). Metadata that is longer than the broker's `offset.metadata.max.bytes`
    /// (4096 by default) is refused with `OFFSET_METADATA_TOO_LARGE`.
    pub async fn commit_sync_offsets(&mut self, offsets: Offsets) -> Result<(), Error> {
        self.call(async |handle| handle.commit_sync_offsets(offsets).await).await
    }

    /// Commits how far the records were returned by [`poll`](Self::poll), in the background and without a second try. The
    /// commit is on its way when this returns. What comes of it is what the future gives, which may be awaited later or
    /// elsewhere, or dropped; a failure is a [`Notice`](super::Notice) too.
    ///
    /// Commits reach the group in the order in which they were made: an older one never undoes a newer one. The errors are
    /// those of [`commit_sync`](Self::commit_sync), but for what is refused for a moment only, which is not tried again.
    pub fn commit_async(&mut self) -> PendingCommit {
        self.commit_in_background(None)
    }

    /// As [`commit_async`](Self::commit_async), with these offsets, each that of the next record to read.
    pub fn commit_async_offsets(&mut self, offsets: Offsets) -> PendingCommit {
        self.commit_in_background(Some(offsets))
    }

    fn commit_in_background(&mut self, offsets: Option<Offsets>) -> PendingCommit {
        if let Err(misuse) = offsets.as_ref().map_or(Ok(()), check) {
            return PendingCommit(Box::pin(async { Err(misuse) }));
        }
        self.report();
        let answer = self.handle.calls.call(Command::Commit { offsets, deadline: None });
        PendingCommit(Box::pin(async move { answer.await.map(drop) }))
    }

    /// What the group has committed for these partitions; `None` where it has nothing. They need not be assigned.
    ///
    /// # Errors
    /// [`Error::NoGroup`], what the broker refuses, and [`Error::Timeout`] after `default.api.timeout.ms`.
    pub async fn committed(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>, Error> {
        self.call(async |handle| handle.committed(partitions).await).await
    }
}

/// A commit that is on its way whether or not anybody waits for it; as a future, what comes of it.
pub struct PendingCommit(Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>);

impl Future for PendingCommit {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for PendingCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingCommit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::fake_core::{FakeCore, t};

    /// For a broker, -1 stands for "nothing committed": the group would begin anew.
    #[tokio::test(start_paused = true)]
    async fn a4_an_offset_below_zero_is_not_committed() {
        let (mut consumer, core) = FakeCore::consumer();
        let offsets =
            || Offsets::from([(t(0), OffsetAndMetadata::new(5)), (t(1), OffsetAndMetadata::new(-1))]);
        let outcomes = [
            consumer.commit_sync_offsets(offsets()).await,
            consumer.commit_async_offsets(offsets()).await,
            consumer.handle.commit_sync_offsets(offsets()).await,
        ];
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Error::Misuse(_)))), "{outcomes:?}");
        assert_eq!(core.take_commits(), []);
    }
}
