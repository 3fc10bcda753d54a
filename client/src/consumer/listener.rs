//! The application's part in a rebalance.

use std::pin::Pin;

use super::handle::ConsumerHandle;
use crate::core::io::{Rebalance, RebalanceKind};
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

/// What an application does when its partitions change (Kafka's `ConsumerRebalanceListener`).
///
/// The methods are called within [`poll`](super::Consumer::poll), [`unsubscribe`](super::Consumer::unsubscribe) and
/// [`close`](super::Consumer::close), one at a time, and the group waits for them: for up to `max.poll.interval.ms`, after
/// which the consumer is out of it. When the call is dropped while a method runs, the method stays where it is and goes on
/// with the next such call. An error that a method gives back is what that call fails with; the rebalance goes on.
///
/// ```
/// use milena_client::{ConsumerHandle, Error, RebalanceListener, TopicPartition};
///
/// /// Writes what it has gathered before others read on from there.
/// struct Flush;
///
/// impl RebalanceListener for Flush {
///     async fn on_partitions_assigned(
///         &mut self,
///         consumer: &ConsumerHandle,
///         partitions: &[TopicPartition],
///     ) -> Result<(), Error> {
///         consumer.seek_to_beginning(partitions.iter().cloned()).await
///     }
///
///     async fn on_partitions_revoked(
///         &mut self,
///         consumer: &ConsumerHandle,
///         _partitions: &[TopicPartition],
///     ) -> Result<(), Error> {
///         consumer.commit_sync().await
///     }
/// }
/// ```
pub trait RebalanceListener: Send + 'static {
    /// These partitions are now the consumer's, in addition to those that it kept. Comes at the end of each rebalance, also
    /// with none. Seeks that are made here decide where reading begins.
    fn on_partitions_assigned(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// These partitions are about to go to other members, and are this consumer's until the method is done: it can commit
    /// them. Under the eager protocol they are all that there are, before each rebalance; under the cooperative and the
    /// consumer protocol those that go, and there is no call without any. Comes also with `close` and `unsubscribe`.
    fn on_partitions_revoked(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// These partitions are gone, and others may have had them for a while: a commit would fail, or undo theirs. (Undo: of a
    /// static member that missed a whole generation of its group, where Java calls `onPartitionsRevoked`.) Calls
    /// [`on_partitions_revoked`](Self::on_partitions_revoked) unless it is overridden.
    fn on_partitions_lost(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<(), Error>> + Send {
        self.on_partitions_revoked(consumer, partitions)
    }
}

/// A listener of any type.
pub(crate) trait AnyListener: Send {
    /// Calls the method for this rebalance; the listener comes back with the outcome.
    fn call(self: Box<Self>, consumer: ConsumerHandle, rebalance: Rebalance) -> Running;
}

/// A method that runs. It owns all that it needs, so that it survives a call that is dropped.
pub(crate) type Running = Pin<Box<dyn Future<Output = (Box<dyn AnyListener>, Result<(), Error>)> + Send>>;

impl<L: RebalanceListener> AnyListener for L {
    fn call(mut self: Box<Self>, consumer: ConsumerHandle, rebalance: Rebalance) -> Running {
        Box::pin(async move {
            let Rebalance { kind, partitions, .. } = rebalance;
            let outcome = match kind {
                RebalanceKind::Assigned => self.on_partitions_assigned(&consumer, &partitions).await,
                RebalanceKind::Revoked => self.on_partitions_revoked(&consumer, &partitions).await,
                RebalanceKind::Lost => self.on_partitions_lost(&consumer, &partitions).await,
            };
            (self as Box<dyn AnyListener>, outcome)
        })
    }
}
