//! The consumer, as an application sees it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use milena_protocol::{Limits, Str};
use tokio::sync::Notify;

use crate::config::Config;
use crate::core::consumer::Core;
use crate::core::fetch_report::{FetchNotice, Place};
use crate::core::io::{Answer, Command, OffsetAndMetadata, Offsets, SeekTo, Update};
use crate::core::topic_partition::TopicPartition;
use crate::delivery::{Delivery, DeliverySettings};
use crate::driver::{self, Calls};
use crate::error::Error;
use crate::records::Records;

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
    calls: Calls,
    delivery: Delivery,
    assignment: BTreeSet<TopicPartition>,
    notices: VecDeque<Notice>,
    wakeup: Wakeup,
    max_poll_records: usize,
    default_api_timeout: Duration,
}

/// Something that happened in the background.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// These partitions are now the consumer's.
    Assigned(Vec<TopicPartition>),
    /// These are not any more; with `enable.auto.commit` their offsets are committed before another member reads them.
    Revoked(Vec<TopicPartition>),
    /// These are not any more, and others may have had them for a while: nothing could be committed.
    Lost(Vec<TopicPartition>),
    /// A commit that nobody waited for failed.
    CommitFailed(Error),
    /// A connection could not be made, or has broken. The consumer goes on trying by itself.
    Disconnected {
        /// The broker's address, as in `host:9092`.
        address: String,
        /// What happened, for people to read.
        reason: String,
    },
    /// The consumer has changed its position by itself, or found something to tell.
    Fetch(FetchNotice),
}

/// For an operator to read, on one line.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Assigned(partitions) => write!(f, "assigned: {}", list(partitions)),
            Notice::Revoked(partitions) => write!(f, "revoked: {}", list(partitions)),
            Notice::Lost(partitions) => write!(f, "lost: {}", list(partitions)),
            Notice::CommitFailed(error) => write!(f, "a commit failed: {error}"),
            Notice::Disconnected { address, reason } => write!(f, "{address}: {reason}; trying again"),
            Notice::Fetch(notice) => notice.fmt(f),
        }
    }
}

fn list(partitions: &[TopicPartition]) -> String {
    match partitions {
        [] => "nothing".to_owned(),
        _ => partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(", "),
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
        let delivery = DeliverySettings {
            isolation_level: config.isolation_level,
            check_crcs: config.check_crcs,
            ..DeliverySettings::default()
        };
        let (max_poll_records, default_api_timeout) = (config.max_poll_records, config.default_api_timeout);
        let core = Core::new(&config, seed(), Instant::now())?;
        // A broker may go over what was asked for by one batch (KIP-74).
        let fetch_bytes = usize::try_from(config.fetch_max_bytes).unwrap_or_default();
        let mut limits = Limits::default();
        limits.frame_bytes = limits.frame_bytes.max(fetch_bytes + BATCH_BYTES);
        Ok(Consumer {
            calls: driver::start(core, limits),
            delivery: Delivery::new(delivery),
            assignment: BTreeSet::new(),
            notices: VecDeque::new(),
            wakeup: Wakeup::default(),
            max_poll_records,
            default_api_timeout,
        })
    }

    /// Reads these topics from now on, in place of those before. The group is joined at the next [`poll`](Self::poll).
    /// No topic at all leaves the group.
    pub async fn subscribe<T: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let topics = topics.into_iter().map(|topic| Str::from(topic.as_ref())).collect();
        self.call(Command::Subscribe(topics)).await.map(drop)
    }

    /// The next records, `max.poll.records` at most; none when `timeout` passes without one.
    ///
    /// This is also when the consumer joins its group, hands partitions over, and commits what is due. It has to be
    /// called again within `max.poll.interval.ms`, or the consumer leaves its group.
    ///
    /// # Errors
    /// What stands in the way of reading. Records that came before the trouble are returned first; most errors come
    /// again with the next poll until something is done about them.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Records<'_>, Error> {
        let deadline = Instant::now() + timeout;
        loop {
            let command = Command::Poll { deadline, has_records: self.delivery.has_more() };
            let wakeup = self.wakeup.clone();
            tokio::select! {
                biased;
                () = wakeup.0.notified() => return Err(Error::Wakeup),
                answer = self.call(command) => answer?,
            };
            self.delivery.fill(self.max_poll_records)?;
            if !self.delivery.records().is_empty() || Instant::now() >= deadline {
                return Ok(self.delivery.records());
            }
        }
    }

    /// Commits how far the records were returned by [`poll`](Self::poll), and waits until that is done; it is tried
    /// again for up to `default.api.timeout.ms`.
    pub async fn commit_sync(&mut self) -> Result<(), Error> {
        self.commit(None, Some(Instant::now() + self.default_api_timeout)).await
    }

    /// Commits these offsets, each that of the next record to read, and waits until that is done.
    pub async fn commit_sync_offsets(&mut self, offsets: Offsets) -> Result<(), Error> {
        self.commit(Some(offsets), Some(Instant::now() + self.default_api_timeout)).await
    }

    /// Commits how far the records were returned by [`poll`](Self::poll), in the background and without a second try;
    /// a failure is a [`Notice`].
    pub async fn commit_async(&mut self) -> Result<(), Error> {
        self.commit(None, None).await
    }

    /// Commits these offsets in the background and without a second try; a failure is a [`Notice`].
    pub async fn commit_async_offsets(&mut self, offsets: Offsets) -> Result<(), Error> {
        self.commit(Some(offsets), None).await
    }

    async fn commit(&mut self, offsets: Option<Offsets>, deadline: Option<Instant>) -> Result<(), Error> {
        self.call(Command::Commit { offsets, deadline }).await.map(drop)
    }

    /// What the group has committed for these partitions; `None` where it has nothing.
    pub async fn committed(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>, Error> {
        let deadline = Instant::now() + self.default_api_timeout;
        let partitions = partitions.into_iter().collect();
        match self.call(Command::Committed { partitions, deadline }).await? {
            Answer::Committed(offsets) => Ok(offsets),
            answer => unreachable!("committed offsets were asked for, and {answer:?} came"),
        }
    }

    /// The offset of the next record that [`poll`](Self::poll) returns of this partition. Waits until it is known.
    pub async fn position(&mut self, partition: &TopicPartition) -> Result<i64, Error> {
        let deadline = Instant::now() + self.default_api_timeout;
        let partition = partition.clone();
        match self.call(Command::Position { partition, deadline }).await? {
            Answer::Position(offset) => Ok(offset),
            answer => unreachable!("a position was asked for, and {answer:?} came"),
        }
    }

    /// Goes on at `offset` of a partition that is assigned.
    pub async fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), Error> {
        let place = SeekTo::Place(Place { offset, leader_epoch: -1 });
        self.call(Command::Seek(partition.clone(), place)).await.map(drop)
    }

    /// Returns no records of these partitions until they are [resumed](Self::resume). What has been fetched of them
    /// is kept.
    pub async fn pause(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) -> Result<(), Error> {
        self.set_paused(partitions, true).await
    }

    /// Goes on with partitions that were [paused](Self::pause).
    pub async fn resume(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), Error> {
        self.set_paused(partitions, false).await
    }

    async fn set_paused(
        &mut self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        paused: bool,
    ) -> Result<(), Error> {
        let partitions: BTreeSet<_> = partitions.into_iter().collect();
        for partition in &partitions {
            self.delivery.set_paused(partition, paused);
        }
        self.call(Command::Pause(partitions, paused)).await.map(drop)
    }

    /// The partitions that this consumer has, as of the last call.
    pub fn assignment(&self) -> impl ExactSizeIterator<Item = &TopicPartition> {
        self.assignment.iter()
    }

    /// How many offsets lie between what was returned by [`poll`](Self::poll) and the end of each assigned partition;
    /// `None` where the end is not known yet. With `read_committed` the end is the last stable offset.
    pub async fn lags(&mut self) -> Result<BTreeMap<TopicPartition, Option<i64>>, Error> {
        match self.call(Command::Lags).await? {
            Answer::Lags(lags) => Ok(lags),
            answer => unreachable!("lags were asked for, and {answer:?} came"),
        }
    }

    /// The sum of the [`lags`](Self::lags); `None` until all are known, and without an assignment.
    pub async fn lag(&mut self) -> Result<Option<i64>, Error> {
        let lags = self.lags().await?;
        if lags.is_empty() {
            return Ok(None);
        }
        Ok(lags.values().copied().sum())
    }

    /// What has happened in the background since the last time, oldest first. Of those that nobody asks for, the last
    /// 1,000 are kept.
    pub fn notices(&mut self) -> impl Iterator<Item = Notice> + '_ {
        self.notices.drain(..)
    }

    /// Something to interrupt a [`poll`](Self::poll) with, from any task or thread.
    pub fn wakeup(&self) -> Wakeup {
        self.wakeup.clone()
    }

    /// Commits, where `enable.auto.commit` is on, and leaves the group; after `timeout` at the latest.
    ///
    /// # Errors
    /// When the last commit failed or was not through in time. The consumer is closed all the same.
    pub async fn close(mut self, timeout: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + timeout;
        self.call(Command::Close { deadline }).await.map(drop)
    }

    /// Calls the core. The command and how far the records were returned are on their way before the first await.
    async fn call(&mut self, command: Command) -> Result<Answer, Error> {
        self.take_updates();
        let consumed = self.delivery.take_consumed();
        let answer = self.calls.call(consumed, command).await;
        self.take_updates();
        answer
    }

    fn take_updates(&mut self) {
        while let Some(update) = self.calls.next_update() {
            match update {
                Update::Fetched(fetch) => self.delivery.accept(fetch),
                Update::Assigned(partitions) => {
                    self.assignment.extend(partitions.iter().cloned());
                    self.notice(Notice::Assigned(partitions));
                }
                Update::Revoked { partitions, lost, epoch } => {
                    for partition in &partitions {
                        self.assignment.remove(partition);
                        self.delivery.forget(partition, epoch);
                    }
                    let notice = if lost { Notice::Lost } else { Notice::Revoked };
                    self.notice(notice(partitions));
                }
                Update::Sought { partition, epoch } => self.delivery.forget(&partition, epoch),
                Update::Disconnected { address, reason } => {
                    let address = format!("{}:{}", address.host, address.port);
                    self.notice(Notice::Disconnected { address, reason });
                }
                Update::CommitFailed(error) => self.notice(Notice::CommitFailed(error)),
                Update::Notice(notice) => self.notice(Notice::Fetch(notice)),
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        if self.notices.len() == NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }
}

/// Interrupts a [`poll`](Consumer::poll): the one that waits, or else the next one, fails with [`Error::Wakeup`].
#[derive(Clone, Debug, Default)]
pub struct Wakeup(Arc<Notify>);

impl Wakeup {
    /// Wakes the consumer up.
    pub fn wakeup(&self) {
        self.0.notify_one();
    }
}

/// A seed for the jitter of back-offs, another for each consumer.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
