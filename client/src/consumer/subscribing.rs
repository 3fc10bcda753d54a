//! Choosing what to read.

use std::collections::BTreeSet;

use milena_protocol::Str;

use super::listener::RebalanceListener;
use super::{Consumer, ConsumerHandle};
use crate::core::io::{Answer, Command};
use crate::core::subscription::{Interest, TopicPattern};
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

impl Consumer {
    /// Reads these topics from now on, in place of those before. The group is joined at the next [`poll`](Self::poll).
    /// No topic at all is the same as to [unsubscribe](Self::unsubscribe). A listener that there was before goes.
    ///
    /// A topic that does not exist is waited for. That it may not be read, or that its name is none, is an error of
    /// [`poll`](Self::poll).
    ///
    /// # Errors
    /// [`Error::NoGroup`] without a `group.id`, [`Error::Misuse`] while partitions are [assigned](Self::assign).
    pub async fn subscribe<T: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        self.subscribe_to(topics, None::<NoListener>).await
    }

    /// As [`subscribe`](Self::subscribe), and calls this listener when the group gives or takes partitions.
    ///
    /// # Errors
    /// As those of [`subscribe`](Self::subscribe).
    pub async fn subscribe_with<T: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
        listener: impl RebalanceListener,
    ) -> Result<(), Error> {
        self.subscribe_to(topics, Some(listener)).await
    }

    async fn subscribe_to<T: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
        listener: Option<impl RebalanceListener>,
    ) -> Result<(), Error> {
        let topics: BTreeSet<Str> = topics.into_iter().map(|topic| Str::from(topic.as_ref())).collect();
        if topics.is_empty() {
            // The listener that goes is told what goes.
            let outcome = self.unsubscribe().await;
            self.listening.set(listener);
            return outcome;
        }
        self.read(Interest::Topics(topics), listener).await
    }

    /// Reads all topics whose whole name matches a regular expression (in the syntax of the `regex` crate), those that come
    /// later too: metadata is looked at every `metadata.max.age.ms`. Kafka's own topics are left out unless
    /// `exclude.internal.topics` is off.
    ///
    /// # Errors
    /// [`Error::Pattern`] when that is no regular expression, [`Error::NoGroup`] without a `group.id`, [`Error::Misuse`] while
    /// partitions are [assigned](Self::assign).
    pub async fn subscribe_pattern(&mut self, pattern: &str) -> Result<(), Error> {
        let pattern = TopicPattern::new(pattern).map_err(Error::Pattern)?;
        self.read(Interest::Pattern(pattern), None::<NoListener>).await
    }

    /// As [`subscribe_pattern`](Self::subscribe_pattern), and calls this listener when the group gives or takes partitions.
    ///
    /// # Errors
    /// As those of [`subscribe_pattern`](Self::subscribe_pattern).
    pub async fn subscribe_pattern_with(
        &mut self,
        pattern: &str,
        listener: impl RebalanceListener,
    ) -> Result<(), Error> {
        let pattern = TopicPattern::new(pattern).map_err(Error::Pattern)?;
        self.read(Interest::Pattern(pattern), Some(listener)).await
    }

    /// Reads all topics whose name matches a regular expression that the broker evaluates (RE2/J's syntax, KIP-848). Needs
    /// `group.protocol=consumer`.
    ///
    /// # Errors
    /// [`Error::NoGroup`] without a `group.id`, [`Error::Misuse`] under `group.protocol=classic` or while partitions are
    /// [assigned](Self::assign). What the broker does not take for a regular expression is an error of [`poll`](Self::poll).
    pub async fn subscribe_broker_pattern(&mut self, pattern: &str) -> Result<(), Error> {
        self.read(Interest::BrokerPattern(pattern.into()), None::<NoListener>).await
    }

    /// As [`subscribe_broker_pattern`](Self::subscribe_broker_pattern), and calls this listener when the group gives or takes
    /// partitions.
    ///
    /// # Errors
    /// As those of [`subscribe_broker_pattern`](Self::subscribe_broker_pattern).
    pub async fn subscribe_broker_pattern_with(
        &mut self,
        pattern: &str,
        listener: impl RebalanceListener,
    ) -> Result<(), Error> {
        self.read(Interest::BrokerPattern(pattern.into()), Some(listener)).await
    }

    async fn read(
        &mut self,
        interest: Interest,
        listener: Option<impl RebalanceListener>,
    ) -> Result<(), Error> {
        // It is set before the call is made, which is on its way even if this is dropped.
        let replaced = self.listening.set(listener);
        let outcome =
            self.call(async |handle| handle.calls.call(Command::Subscribe(interest)).await.map(drop)).await;
        if outcome.is_err() {
            self.listening.put_back(replaced);
        }
        outcome
    }

    /// Reads these partitions from now on, in place of those before, whatever other members of a group do. Those that are
    /// in both go on where they are. No partition at all is the same as to [unsubscribe](Self::unsubscribe).
    ///
    /// Needs no group. With a `group.id`, reading begins where that group has committed, and commits are made to it; then no
    /// other consumer of the group may subscribe.
    ///
    /// # Errors
    /// [`Error::Misuse`] while the consumer is subscribed to topics.
    pub async fn assign(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), Error> {
        let partitions: BTreeSet<TopicPartition> = partitions.into_iter().collect();
        if partitions.is_empty() {
            return self.unsubscribe().await;
        }
        self.call(async |handle| handle.calls.call(Command::Assign(partitions)).await.map(drop)).await
    }

    /// The topics that the consumer has subscribed to; those that match the pattern, as of the last look.
    ///
    /// # Errors
    /// [`Error::Closed`] only.
    pub async fn subscription(&mut self) -> Result<BTreeSet<String>, Error> {
        match self.call(async |handle| handle.calls.call(Command::Subscription).await).await? {
            Answer::Subscription(topics) => Ok(topics.iter().map(Str::to_string).collect()),
            answer => unreachable!("the subscription was asked for, and {answer:?} came"),
        }
    }

    /// Commits, where `enable.auto.commit` is on, gives up all partitions and leaves the group. The
    /// [`RebalanceListener`] is told before.
    ///
    /// It waits for the commit, up to `default.api.timeout.ms` where the coordinator cannot be reached, and for the listener. A
    /// commit that fails is a [`Notice`](super::Notice), and the partitions go all the same.
    ///
    /// # Errors
    /// What the listener fails with, and [`Error::Closed`].
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::RebalanceKind;
    use crate::consumer::fake_core::{FakeCore, t};

    /// Writes down how many partitions came and went.
    #[derive(Clone, Default)]
    struct Diary(Arc<Mutex<Vec<(RebalanceKind, usize)>>>);

    impl RebalanceListener for Diary {
        async fn on_partitions_assigned(
            &mut self,
            _: &ConsumerHandle,
            partitions: &[TopicPartition],
        ) -> Result<(), Error> {
            self.0.lock().unwrap().push((RebalanceKind::Assigned, partitions.len()));
            Ok(())
        }

        async fn on_partitions_revoked(
            &mut self,
            _: &ConsumerHandle,
            partitions: &[TopicPartition],
        ) -> Result<(), Error> {
            self.0.lock().unwrap().push((RebalanceKind::Revoked, partitions.len()));
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn to_subscribe_to_nothing_tells_the_listener_that_has_the_partitions() {
        let nothing: [&str; 0] = [];
        let (mut consumer, core) = FakeCore::consumer();
        let (first, second) = (Diary::default(), Diary::default());
        consumer.subscribe_with(["t"], first.clone()).await.unwrap();
        core.rebalance(RebalanceKind::Revoked, &[t(0)]);
        consumer.subscribe(nothing).await.unwrap();
        consumer.subscribe_with(["t"], first.clone()).await.unwrap();
        core.rebalance(RebalanceKind::Revoked, &[t(0), t(1)]);
        consumer.subscribe_with(nothing, second.clone()).await.unwrap();
        let told = first.0.lock().unwrap().clone();
        assert_eq!(told, [(RebalanceKind::Revoked, 1), (RebalanceKind::Revoked, 2)]);
        assert_eq!(*second.0.lock().unwrap(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscription_that_is_refused_leaves_the_listener() {
        let (mut consumer, core) = FakeCore::consumer();
        let diary = Diary::default();
        consumer.subscribe_with(["t"], diary.clone()).await.unwrap();
        core.refuse_to_subscribe(Some(Error::Misuse("no")));
        let other = Diary::default();
        assert!(consumer.subscribe(["u"]).await.is_err());
        assert!(consumer.subscribe_with(["u"], other.clone()).await.is_err());
        assert!(consumer.subscribe_pattern("u").await.is_err());
        assert!(consumer.subscribe_pattern_with("u", other.clone()).await.is_err());
        assert!(consumer.subscribe_broker_pattern("u").await.is_err());
        assert!(consumer.subscribe_broker_pattern_with("u", other).await.is_err());
        core.rebalance(RebalanceKind::Assigned, &[t(0)]);
        consumer.poll(std::time::Duration::ZERO).await.unwrap();
        assert_eq!(*diary.0.lock().unwrap(), [(RebalanceKind::Assigned, 1)]);
    }
}
