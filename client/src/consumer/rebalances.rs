//! Rebalances as values, for those who would rather receive them than be called.

use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::handle::ConsumerHandle;
use super::listener::RebalanceListener;
use crate::core::io::RebalanceKind;
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

/// The rebalances of a consumer, one after the other, as an alternative to a [`RebalanceListener`].
///
/// The consumer has to be polled meanwhile: by another task, or in the same `select!`. The group waits until each is
/// [acknowledged](PendingRebalance::acknowledge) or dropped, up to its [deadline](PendingRebalance::deadline).
///
/// ```no_run
/// # async fn example(mut consumer: milena_client::Consumer) -> Result<(), milena_client::Error> {
/// use std::time::Duration;
///
/// use milena_client::{RebalanceKind, Rebalances};
///
/// let (listener, mut rebalances) = Rebalances::channel();
/// consumer.subscribe_with(["events"], listener).await?;
/// loop {
///     tokio::select! {
///         records = consumer.poll(Duration::from_secs(1)) => {
///             for record in &records? { /* ... */ }
///         }
///         Some(rebalance) = rebalances.next() => {
///             if rebalance.kind() == RebalanceKind::Revoked {
///                 rebalance.consumer().commit_sync().await?;
///             }
///             rebalance.acknowledge();
///         }
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Rebalances(mpsc::UnboundedReceiver<PendingRebalance>);

/// The listener that passes rebalances on to a [`Rebalances`].
#[derive(Debug)]
pub struct RebalanceForwarder(mpsc::UnboundedSender<PendingRebalance>);

/// A rebalance that waits for its acknowledgement. Dropping it acknowledges it.
#[derive(Debug)]
pub struct PendingRebalance {
    kind: RebalanceKind,
    partitions: Vec<TopicPartition>,
    consumer: ConsumerHandle,
    deadline: Instant,
    acknowledgement: oneshot::Sender<()>,
}

impl Rebalances {
    /// The listener to subscribe with, and what comes of it.
    pub fn channel() -> (RebalanceForwarder, Rebalances) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (RebalanceForwarder(sender), Rebalances(receiver))
    }

    /// The next rebalance; `None` when the consumer is gone, or has another listener. May be dropped: nothing is lost.
    pub async fn next(&mut self) -> Option<PendingRebalance> {
        self.0.recv().await
    }
}

impl PendingRebalance {
    /// What happens.
    pub fn kind(&self) -> RebalanceKind {
        self.kind
    }

    /// To these partitions.
    pub fn partitions(&self) -> &[TopicPartition] {
        &self.partitions
    }

    /// To commit, seek and pause with.
    pub fn consumer(&self) -> &ConsumerHandle {
        &self.consumer
    }

    /// After this nobody waits any more: the group goes on without this consumer, whose partitions others may have.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The rebalance can go on. Says whether that was in time.
    pub fn acknowledge(self) -> bool {
        self.acknowledgement.send(()).is_ok()
    }
}

impl RebalanceForwarder {
    async fn forward(
        &self,
        kind: RebalanceKind,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        let deadline = consumer.rebalance_deadline().unwrap_or_else(Instant::now);
        let (acknowledgement, acknowledged) = oneshot::channel();
        let (consumer, partitions) = (consumer.clone(), partitions.to_vec());
        let rebalance = PendingRebalance { kind, partitions, consumer, deadline, acknowledgement };
        if self.0.send(rebalance).is_ok() {
            // Acknowledged, dropped or too late: it goes on all the same.
            let _ = tokio::time::timeout_at(deadline.into(), acknowledged).await;
        }
        Ok(())
    }
}

impl RebalanceListener for RebalanceForwarder {
    async fn on_partitions_assigned(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.forward(RebalanceKind::Assigned, consumer, partitions).await
    }

    async fn on_partitions_revoked(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.forward(RebalanceKind::Revoked, consumer, partitions).await
    }

    async fn on_partitions_lost(
        &mut self,
        consumer: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.forward(RebalanceKind::Lost, consumer, partitions).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::consumer::deadline_in;
    use crate::consumer::fake_core::{FakeCore, t};

    #[tokio::test(start_paused = true)]
    async fn a_rebalance_that_nobody_acknowledges_goes_on_at_its_deadline() {
        let (mut consumer, core) = FakeCore::consumer();
        let (listener, mut rebalances) = Rebalances::channel();
        consumer.subscribe_with(["t"], listener).await.unwrap();
        let late = core.rebalance(RebalanceKind::Revoked, &[t(0)]);
        let since = tokio::time::Instant::now();
        consumer.poll_core(deadline_in(Duration::ZERO)).await.unwrap();
        let rebalance = rebalances.next().await.unwrap();
        assert!(since.elapsed() >= Duration::from_secs(60));
        assert!(!rebalance.acknowledge(), "too late");
        tokio::task::yield_now().await;
        assert_eq!(core.acknowledged(), [late]);

        let next = core.rebalance(RebalanceKind::Assigned, &[t(0)]);
        let since = tokio::time::Instant::now();
        let poll = consumer.poll_core(deadline_in(Duration::ZERO));
        let (polled, in_time) = tokio::join!(poll, async { rebalances.next().await.unwrap().acknowledge() });
        assert!(polled.is_ok() && in_time);
        tokio::task::yield_now().await;
        assert_eq!(core.acknowledged(), [late, next]);
        assert!(since.elapsed() < Duration::from_secs(1));
    }
}
