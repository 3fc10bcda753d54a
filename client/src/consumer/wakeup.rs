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

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use futures_util::FutureExt;

    use crate::Error;
    use crate::consumer::fake_core::{FakeCore, records, t};

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_thread_wakes_a_poll_that_waits() {
        let (mut consumer, core) = FakeCore::consumer();
        let wakeup = consumer.wakeup();
        let thread = thread::spawn(move || {
            while core.polls() == 0 {
                thread::yield_now();
            }
            wakeup.wakeup();
            core
        });
        let since = Instant::now();
        assert_eq!(consumer.poll(MINUTE).await.err(), Some(Error::Wakeup));
        assert!(since.elapsed() < MINUTE / 2);
        let core = thread.join().unwrap();
        core.assignment(&[t(0)], &[]);
        core.fetched(records(0, 0..3));
        assert_eq!(consumer.poll(MINUTE).await.unwrap().len(), 3, "it was woken once");
    }

    #[tokio::test]
    async fn a_thread_that_comes_early_wakes_the_next_poll_once() {
        let (mut consumer, _core) = FakeCore::consumer();
        let wakeup = consumer.wakeup();
        thread::spawn(move || [(); 2].map(|()| wakeup.wakeup())).join().unwrap();
        assert_eq!(consumer.poll(MINUTE).await.err(), Some(Error::Wakeup));
        assert!(consumer.poll(Duration::ZERO).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_poll_that_is_dropped_when_it_was_woken_leaves_that_to_the_next() {
        let (mut consumer, _core) = FakeCore::consumer();
        let wakeup = consumer.wakeup();
        let mut poll = Box::pin(consumer.poll(MINUTE));
        assert!(poll.as_mut().now_or_never().is_none());
        thread::spawn(move || wakeup.wakeup()).join().unwrap();
        drop(poll);
        assert_eq!(consumer.poll(MINUTE).await.err(), Some(Error::Wakeup));
        assert!(consumer.poll(Duration::ZERO).await.unwrap().is_empty());
    }
}
