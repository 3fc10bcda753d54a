//! Records one after the other, as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::{BoxStream, Stream, unfold};

use super::Consumer;
use crate::error::Error;
use crate::records::OwnedRecord;

/// With records at hand, how often the group is looked after all the same.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Without records, how long is waited at a time.
const WAIT: Duration = Duration::from_secs(1);

impl Consumer {
    /// The records one after the other, each with bytes of its own.
    ///
    /// It is a [`poll`](Self::poll) of one record at a time, without its price: what is at hand is taken without asking the
    /// task in the background. All that is said there about rebalances, commits, errors and `max.poll.interval.ms` holds
    /// here too; a record counts as processed when the next one is asked for. An error does not end the stream, but for
    /// [`Error::Closed`].
    ///
    /// The stream may be dropped at any time, and streams and polls may follow each other: each goes on where the one before
    /// it was. A record that a dropped stream was waiting for comes with the next.
    ///
    /// ```no_run
    /// use futures_util::StreamExt;
    ///
    /// # async fn example(consumer: &mut milena_client::Consumer) -> Result<(), milena_client::Error> {
    /// let mut records = consumer.stream();
    /// while let Some(record) = records.next().await {
    ///     let record = record?;
    ///     println!("{}-{}@{}: {:?}", record.topic, record.partition, record.offset, record.value);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&mut self) -> RecordStream<'_> {
        let state = Some((self, Pace::default()));
        RecordStream(Box::pin(unfold(state, async |state| {
            let (consumer, mut pace) = state?;
            let record = consumer.next_record(&mut pace).await;
            let is_over = matches!(record, Err(Error::Closed));
            Some((record, (!is_over).then_some((consumer, pace))))
        })))
    }

    async fn next_record(&mut self, pace: &mut Pace) -> Result<OwnedRecord, Error> {
        if pace.unreported >= self.max_poll_records {
            // What it has left behind makes room for more to be fetched.
            self.report();
            pace.unreported = 0;
        } else {
            self.take_updates();
        }
        let mut is_due = pace.is_due() || self.listening.is_told();
        loop {
            if is_due {
                self.poll_core(Instant::now() + WAIT).await?;
                *pace = Pace { polled: Some(Instant::now()), unreported: 0 };
            }
            self.fill(1)?;
            if let Some(record) = self.delivery.records().iter().next() {
                pace.unreported += 1;
                return Ok(record.to_owned());
            }
            is_due = true;
        }
    }
}

/// When to look after the group.
#[derive(Debug, Default)]
struct Pace {
    polled: Option<Instant>,
    /// How many records were taken since the core has heard of any.
    unreported: usize,
}

impl Pace {
    fn is_due(&self) -> bool {
        self.polled.is_none_or(|polled| polled.elapsed() >= POLL_EVERY)
    }
}

/// A consumer's records, one after the other. See [`Consumer::stream`].
pub struct RecordStream<'a>(BoxStream<'a, Result<OwnedRecord, Error>>);

impl Stream for RecordStream<'_> {
    type Item = Result<OwnedRecord, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for RecordStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordStream")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;
    use crate::consumer::fake_core::{FakeCore, consumed_up_to, records, t};
    use crate::core::io::RebalanceKind;

    async fn offset(stream: &mut RecordStream<'_>) -> i64 {
        stream.next().await.unwrap().unwrap().offset
    }

    #[tokio::test(start_paused = true)]
    async fn records_come_one_after_the_other_without_asking_the_core_for_each() {
        let (mut consumer, core) = FakeCore::consumer();
        core.fetched(records(0, 0..1000));
        let mut stream = consumer.stream();
        for expected in 0..400 {
            assert_eq!(offset(&mut stream).await, expected);
        }
        // Real time decides how many: one each 100 ms.
        assert!(core.polls() < 100, "{} polls", core.polls());
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_counts_as_consumed_when_the_next_one_is_asked_for() {
        let (mut consumer, core) = FakeCore::consumer();
        core.fetched(records(0, 0..2));
        let mut stream = consumer.stream();
        assert_eq!((offset(&mut stream).await, offset(&mut stream).await), (0, 1));
        drop(stream);
        assert_eq!(consumed_up_to(&core, &t(0)), None);
        // This one polls, for there is no record at hand.
        assert!(consumer.stream().next().now_or_never().is_none());
        tokio::task::yield_now().await;
        assert_eq!(consumed_up_to(&core, &t(0)), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn many_records_are_reported_without_a_poll() {
        let (mut consumer, core) = FakeCore::consumer();
        core.fetched(records(0, 0..2000));
        let mut stream = consumer.stream();
        for _ in 0..1001 {
            offset(&mut stream).await;
        }
        drop(stream);
        tokio::task::yield_now().await;
        // max.poll.records is 500.
        assert!(consumed_up_to(&core, &t(0)).is_some_and(|offset| offset >= 500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_dropped_loses_nothing_and_polls_go_on_where_it_was() {
        let (mut consumer, core) = FakeCore::consumer();
        let mut seen = Vec::new();
        for round in 0..20 {
            // Dropped while it waits.
            assert!(consumer.stream().next().now_or_never().is_none());
            core.fetched(records(0, round * 10..round * 10 + 10));
            let mut stream = consumer.stream();
            for _ in 0..3 {
                seen.push(offset(&mut stream).await);
            }
            drop(stream);
            let polled = consumer.poll(Duration::from_secs(1)).await.unwrap();
            seen.extend(polled.iter().map(|record| record.offset()));
        }
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rebalance_is_seen_to_before_more_records_come() {
        let (mut consumer, core) = FakeCore::consumer();
        core.fetched(records(0, 0..10));
        core.fetched(records(1, 0..10));
        let mut stream = consumer.stream();
        assert_eq!(offset(&mut stream).await, 0);
        core.withheld(&[t(0)]);
        let id = core.rebalance(RebalanceKind::Revoked, &[t(0)]);
        let record = stream.next().await.unwrap().unwrap();
        assert_eq!((record.partition, record.offset), (1, 0));
        assert_eq!(core.acknowledged(), [id]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_does_not_end_the_stream_but_a_closed_consumer_does() {
        let (mut consumer, core) = FakeCore::consumer();
        core.fail_poll(Error::CommitFailed);
        core.fetched(records(0, 0..1));
        let mut stream = consumer.stream();
        assert_eq!(stream.next().await, Some(Err(Error::CommitFailed)));
        assert_eq!(offset(&mut stream).await, 0);
        core.end();
        assert_eq!(stream.next().await, Some(Err(Error::Closed)));
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wakeup_interrupts_the_stream_once() {
        let (mut consumer, core) = FakeCore::consumer();
        let wakeup = consumer.wakeup();
        let mut stream = consumer.stream();
        assert!(stream.next().now_or_never().is_none());
        wakeup.wakeup();
        assert_eq!(stream.next().await, Some(Err(Error::Wakeup)));
        core.fetched(records(0, 0..1));
        assert_eq!(offset(&mut stream).await, 0);
    }

    #[test]
    fn a_stream_can_move_to_another_thread() {
        fn is_send<T: Send>(_: impl FnOnce(&'static mut Consumer) -> T) {}
        is_send(Consumer::stream);
    }
}
