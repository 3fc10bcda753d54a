//! Choosing what to read.

use std::collections::BTreeSet;

use milena_protocol::Str;

use super::listener::RebalanceListener;
use super::{Consumer, ConsumerHandle};
use crate::core::io::Command;
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

impl Consumer {
    /// Reads these topics from now on, in place of those before. The group is joined at the next [`poll`](Self::poll).
    /// No topic at all is the same as to [unsubscribe](Self::unsubscribe). A listener that there was before goes.
    ///
    /// # Errors
    /// [`Error::NoGroup`] without a `group.id`.
    pub async fn subscribe<T: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        self.listening.set(None::<NoListener>);
        self.subscribe_to(topics).await
    }

    /// As [`subscribe`](Self::subscribe), and calls this listener when the group gives or takes partitions.
    pub async fn subscribe_with<T: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
        listener: impl RebalanceListener,
    ) -> Result<(), Error> {
        self.listening.set(Some(listener));
        self.subscribe_to(topics).await
    }

    async fn subscribe_to<T: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let topics: BTreeSet<Str> = topics.into_iter().map(|topic| Str::from(topic.as_ref())).collect();
        if topics.is_empty() {
            return self.unsubscribe().await;
        }
        self.call(async |handle| handle.calls.call(Command::Subscribe(topics)).await.map(drop)).await
    }

    /// Commits, where `enable.auto.commit` is on, gives up all partitions and leaves the group. The
    /// [`RebalanceListener`] is told before.
    pub async fn unsubscribe(&mut self) -> Result<(), Error> {
        self.report();
        let answer = self.handle.calls.call(Command::Unsubscribe);
        self.listen_until(answer).await?;
        self.listening.take_error()
    }

    /// The partitions that this consumer has, as of the last call.
    pub fn assignment(&self) -> impl ExactSizeIterator<Item = &TopicPartition> {
        self.assignment.iter()
    }
}

/// For a consumer without a listener.
struct NoListener;

impl RebalanceListener for NoListener {
    async fn on_partitions_assigned(
        &mut self,
        _: &ConsumerHandle,
        _: &[TopicPartition],
    ) -> Result<(), Error> {
        Ok(())
    }

    async fn on_partitions_revoked(&mut self, _: &ConsumerHandle, _: &[TopicPartition]) -> Result<(), Error> {
        Ok(())
    }
}
