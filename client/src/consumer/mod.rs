//! The consumer, as an application sees it.

mod committing;
#[cfg(test)]
pub(crate) mod fake_core;
mod for_streams;
mod handle;
mod listener;
mod lookups;
mod membership;
mod notice;
mod positions;
mod rebalances;
mod rebalancing;
mod record_stream;
mod subscribing;
mod wakeup;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use milena_protocol::Limits;

use crate::config::Config;
use crate::core::completed_fetch::Delivered;
use crate::core::consumer::Core;
use crate::core::io::{Answer, Command, Update};
use crate::core::topic_partition::TopicPartition;
use crate::delivery::{CorruptRecords, Delivery};
use crate::driver::{self, Calls, Updates};
use crate::error::Error;
use crate::records::Records;
use crate::trace::Trace;

pub use committing::PendingCommit;
pub(crate) use for_streams::Polling;
pub use handle::ConsumerHandle;
pub use listener::RebalanceListener;
pub(crate) use listener::{AnyListener, Running};
pub use membership::CloseOptions;
pub use notice::Notice;
pub use rebalances::{PendingRebalance, RebalanceForwarder, Rebalances};
pub use record_stream::RecordStream;
pub use wakeup::Wakeup;

use rebalancing::Listening;

/// How many [`Notice`]s are kept for an application that does not ask for them.
const NOTICES: usize = 1000;

/// How large a batch may be that comes in addition to `fetch.max.bytes`.
const BATCH_BYTES: usize = 50 << 20;

/// Reads topics, as a member of a consumer group.
///
/// A task in the background keeps up the connections, the membership and the prefetching; records are decompressed
/// where they are polled. What [`poll`](Self::poll) has returned counts as processed at the next `poll`: with
/// `enable.auto.commit` it is then that its offsets become due for a commit. So process the records of one poll before
/// the next.
///
/// All futures may be dropped at any point, as `select!` and timeouts do: nothing is lost, and the next call works.
/// Dropping the consumer returns at once; its group is told goodbye in the background, and nothing is committed.
/// [`close`](Self::close) does both and waits.
///
/// ```no_run
/// use std::time::Duration;
///
/// use milena_client::{Config, Consumer, OffsetReset};
///
/// # async fn example() -> Result<(), milena_client::Error> {
/// let config = Config::new("localhost:9092")?.group_id("readers").auto_offset_reset(OffsetReset::Earliest);
/// let mut consumer = Consumer::new(config)?;
/// consumer.subscribe(["events"]).await?;
/// for _ in 0..10 {
///     for record in &consumer.poll(Duration::from_secs(1)).await? {
///         println!("{}-{}@{}: {:?}", record.topic(), record.partition(), record.offset(), record.value());
///     }
/// }
/// consumer.close(Duration::from_secs(5)).await
/// # }
/// ```
pub struct Consumer {
    handle: ConsumerHandle,
    updates: Updates,
    listening: Listening,
    delivery: Delivery,
    trace: Trace,
    told_decoded_bytes: usize,
    /// What was last said to be unreadable, of each partition.
    told_corrupt: BTreeMap<TopicPartition, CorruptRecords>,
    assignment: BTreeSet<TopicPartition>,
    assignment_changes: u64,
    paused: BTreeSet<TopicPartition>,
    notices: VecDeque<Notice>,
    wakeup: Wakeup,
    max_poll_records: usize,
    /// `None` without a group.
    commit_interval: Option<Duration>,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("assignment", &self.assignment).finish_non_exhaustive()
    }
}

impl Consumer {
    /// A consumer with this configuration. It connects when it is first asked for something.
    ///
    /// # Errors
    /// When properties do not go together.
    ///
    /// # Panics
    /// Outside of a tokio runtime, where its task could not run.
    pub fn new(config: Config) -> Result<Self, Error> {
        let config = config.with_client_id();
        let core = Core::new(&config, seed(), Instant::now(), unix_ms())?;
        // A broker may go over what was asked for by one batch (KIP-74).
        let fetch_bytes = usize::try_from(config.fetch_max_bytes).unwrap_or_default();
        let mut limits = Limits::default();
        limits.frame_bytes = limits.frame_bytes.max(fetch_bytes + BATCH_BYTES);
        let (calls, updates) = driver::start(core, limits, config.socket_settings(), Trace::new(&config));
        Ok(Self::over(calls, updates, &config))
    }

    /// On a core that runs already.
    fn over(calls: Calls, updates: Updates, config: &Config) -> Self {
        Consumer {
            handle: ConsumerHandle {
                calls,
                default_api_timeout: config.default_api_timeout,
                rebalance_deadline: None,
            },
            updates,
            listening: Listening::default(),
            delivery: Delivery::new(config.delivery_settings()),
            trace: Trace::new(config),
            told_decoded_bytes: 0,
            told_corrupt: BTreeMap::new(),
            assignment: BTreeSet::new(),
            assignment_changes: 0,
            paused: BTreeSet::new(),
            notices: VecDeque::new(),
            wakeup: Wakeup::default(),
            max_poll_records: config.max_poll_records,
            commit_interval: (!config.group_id.is_empty()).then_some(config.auto_commit_interval),
        }
    }

    /// The next records, `max.poll.records` at most; none when `timeout` passes without one.
    ///
    /// This is also when the consumer joins its group, hands partitions over, calls its [`RebalanceListener`], and commits
    /// what is due. It has to be called again within `max.poll.interval.ms`, or the consumer leaves its group.
    ///
    /// # Errors
    /// What stands in the way of reading. Records that came before the trouble are returned first.
    ///
    /// These are the consumer's end, which is to be closed ([`Error::is_fatal`]): [`Error::Fenced`], [`Error::Unsupported`],
    /// [`Error::NoConsumerProtocol`], [`Error::Closed`]. With all others polling may go on, and they come again until
    /// something is done about them, unless it says otherwise here:
    /// - [`Error::Wakeup`]: somebody has called [`Wakeup::wakeup`].
    /// - [`Error::Unreachable`]: no broker could be reached for `default.api.timeout.ms`; it is tried on.
    /// - [`Error::Records`]: a batch is broken. Told once; [`seek`](Self::seek) behind it to go on.
    /// - [`Error::Fetch`]: a partition cannot be read, or has no offset to begin at where `auto.offset.reset` is `none`: seek, or
    ///   change what is read.
    /// - [`Error::Broker`], [`Error::Topic`], [`Error::Refused`]: a broker refuses, for want of a right as a rule.
    /// - [`Error::InstanceIdInUse`]: another member has the `group.instance.id`.
    /// - What the [`RebalanceListener`] has failed with. Told once.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Records<'_>, Error> {
        let deadline = deadline_in(timeout);
        loop {
            self.poll_core(deadline).await?;
            self.fill(self.max_poll_records)?;
            if !self.delivery.records().is_empty() || Instant::now() >= deadline {
                return Ok(self.delivery.records());
            }
        }
    }

    /// Everything about a poll but its records: waits until there may be some, for anything that is an error, or for the
    /// deadline.
    async fn poll_core(&mut self, deadline: Instant) -> Result<(), Error> {
        let answer = self.begin_poll(deadline);
        let wakeup = self.wakeup.clone();
        tokio::select! {
            biased;
            () = wakeup.woken() => return Err(Error::Wakeup),
            answer = self.listen_until(answer) => answer?,
        };
        self.listen_to_the_end().await
    }

    /// Asks the core for what a poll waits for.
    fn begin_poll(
        &mut self,
        deadline: Instant,
    ) -> impl Future<Output = Result<Answer, Error>> + Send + use<> {
        self.report();
        let calls = &self.handle.calls;
        let answer = calls.call(Command::Poll { deadline, has_records: self.delivery.has_more() });
        let dropped = DroppedPoll(Some(calls.clone()));
        async move {
            let mut dropped = dropped;
            let answer = answer.await;
            dropped.0 = None;
            answer
        }
    }

    /// What has happened in the background since the last time, oldest first. Of those that nobody asks for, the last
    /// 1,000 are kept.
    pub fn notices(&mut self) -> impl Iterator<Item = Notice> + '_ {
        self.notices.drain(..)
    }

    /// Something to interrupt a [`poll`](Self::poll) with, from any task or thread.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(mut consumer: milena_client::Consumer) -> Result<(), milena_client::Error> {
    /// let wakeup = consumer.wakeup();
    /// std::thread::spawn(move || wakeup.wakeup());
    /// assert_eq!(consumer.poll(Duration::MAX).await.err(), Some(milena_client::Error::Wakeup));
    /// # Ok(())
    /// # }
    /// ```
    pub fn wakeup(&self) -> Wakeup {
        self.wakeup.clone()
    }

    /// Commits, where `enable.auto.commit` is on, tells the [`RebalanceListener`], and leaves the group, unless it is a static
    /// member; after `timeout` at the latest. [`close_with`](Self::close_with) has a choice about the group.
    ///
    /// # Errors
    /// When the last commit failed or was not through in time. The consumer is closed all the same.
    pub async fn close(mut self, timeout: Duration) -> Result<(), Error> {
        self.close_by(deadline_in(timeout)).await
    }

    pub(crate) async fn close_by(&mut self, deadline: Instant) -> Result<(), Error> {
        self.report();
        let answer = self.handle.calls.call(Command::Close { deadline });
        self.listen_until(answer).await?;
        self.listening.take_error()
    }

    /// Tells the core how far the records were returned, and learns what it has to tell. Calls that are made after it
    /// build on both.
    fn report(&mut self) {
        self.take_updates();
        // Nobody can have them any more, so they need not take memory.
        self.delivery.take_back();
        let delivered = self.delivery.take_delivered();
        self.tell(delivered);
    }

    fn tell(&mut self, delivered: Delivered) {
        if !delivered.consumed.is_empty() || delivered.decoded_bytes != self.told_decoded_bytes {
            self.told_decoded_bytes = delivered.decoded_bytes;
            self.handle.calls.delivered(delivered);
        }
    }

    /// Makes a call that may change what the core has to tell.
    async fn call<T>(
        &mut self,
        call: impl AsyncFnOnce(&ConsumerHandle) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.report();
        let answer = call(&self.handle).await;
        self.take_updates();
        answer
    }

    /// Makes so many records ready. That some cannot be read is said once, however often they are tried.
    fn fill(&mut self, records: usize) -> Result<(), CorruptRecords> {
        let result = self.delivery.fill(records);
        if let Err(corrupt) = &result
            && self.told_corrupt.insert(corrupt.partition().clone(), corrupt.clone()).as_ref()
                != Some(corrupt)
        {
            self.trace.corrupt(corrupt);
        }
        result
    }

    fn take_updates(&mut self) {
        while let Some(update) = self.updates.next_now() {
            self.take(update);
        }
    }

    fn take(&mut self, update: Update) {
        self.delivery.take_in(&update);
        match update {
            Update::Rebalance(rebalance) => {
                if let Some(notice) = Notice::of(&rebalance) {
                    self.notice(notice);
                }
                self.listening.told(rebalance);
            }
            Update::Assignment { added, removed, .. } => {
                for partition in &removed {
                    self.assignment.remove(partition);
                    self.paused.remove(partition);
                }
                self.assignment.extend(added);
                self.assignment_changes += 1;
            }
            Update::Paused { partitions, paused: true } => self.paused.extend(partitions),
            Update::Paused { partitions, paused: false } => {
                self.paused.retain(|partition| !partitions.contains(partition));
            }
            Update::Disconnected { address, reason, .. } => {
                let address = format!("{}:{}", address.host, address.port);
                self.notice(Notice::Disconnected { address, reason });
            }
            Update::CommitFailed(error) => self.notice(Notice::CommitFailed(error)),
            Update::Notice(notice) => self.notice(Notice::Fetch(notice)),
            Update::Fetched(_) | Update::Withheld(_) | Update::Shed(_) | Update::Sought { .. } => {}
        }
    }

    fn notice(&mut self, notice: Notice) {
        if self.notices.len() == NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }
}

/// Tells the core when a poll is dropped before it is answered: nobody polls any more, and after `max.poll.interval.ms` the
/// group must not count on this consumer.
struct DroppedPoll(Option<Calls>);

impl Drop for DroppedPoll {
    fn drop(&mut self) {
        if let Some(calls) = &self.0 {
            drop(calls.call(Command::StopPolling));
        }
    }
}

/// When this time has passed. As long as a year is as good as for ever, and does not overflow.
pub(crate) fn deadline_in(timeout: Duration) -> Instant {
    // Tests stop tokio's clock.
    tokio::time::Instant::now().into_std() + timeout.min(Duration::from_secs(365 * 24 * 60 * 60))
}

/// A seed for the jitter of back-offs, another for each consumer.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// The time of day.
pub(crate) fn unix_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fake_core::FakeCore;

    const WAIT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn as_long_as_it_takes_is_a_timeout_too() {
        let (mut consumer, core) = fake_core::FakeCore::consumer();
        core.fetched(fake_core::records(0, 0..1));
        assert_eq!(consumer.poll(Duration::MAX).await.unwrap().len(), 1);
        consumer.close(Duration::MAX).await.unwrap();
        let streams = fake_core::FakeCore::consumer().0.into_partition_streams();
        streams.hand_over_timeout(Duration::MAX).close(Duration::MAX).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_that_is_dropped_is_over_for_the_core_too() {
        let (mut consumer, core) = FakeCore::consumer();
        assert!(tokio::time::timeout(WAIT, consumer.poll(Duration::MAX)).await.is_err());
        tokio::task::yield_now().await;
        assert_eq!((core.polls(), core.stopped_polls()), (1, 1));
        drop(consumer.begin_poll(deadline_in(WAIT)));
        tokio::task::yield_now().await;
        assert_eq!((core.polls(), core.stopped_polls()), (2, 2));
        consumer.begin_poll(deadline_in(WAIT)).await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!((core.polls(), core.stopped_polls()), (3, 2), "one that ends by itself needs no more");
    }

    /// Another task or thread can take it over, also in the midst of a call.
    #[test]
    fn a_consumer_and_its_futures_can_move_to_another_thread() {
        fn is_send<T: Send>(_: impl FnOnce(&'static mut Consumer) -> T) {}
        is_send(|consumer| consumer.poll(Duration::ZERO));
        is_send(|consumer| consumer.subscribe(["t"]));
        is_send(Consumer::unsubscribe);
        is_send(Consumer::commit_sync);
        is_send(Consumer::commit_async);
        is_send(|consumer| consumer.seek_to_beginning([]));
        is_send(|consumer| consumer.committed([]));
        is_send(Consumer::lags);
        is_send(|consumer| consumer);
    }
}
