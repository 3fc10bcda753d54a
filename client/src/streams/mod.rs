//! Reading partitions with many workers.
//!
//! A [`Consumer`] is used by one task or thread at a time. There are two ways to read with several.
//!
//! # One consumer per thread
//! Each thread has a consumer of the same group, which shares out the partitions. Nothing is shared in the process, and `poll`
//! commits what the poll before it returned. As many threads can be busy as there are partitions.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use milena_client::{Config, Consumer, Error};
//!
//! async fn read() -> Result<(), Error> {
//!     let mut consumer = Consumer::new(Config::new("localhost:9092")?.group_id("readers"))?;
//!     consumer.subscribe(["events"]).await?;
//!     loop {
//!         for record in &consumer.poll(Duration::from_secs(1)).await? {
//!             println!("{record:?}");
//!         }
//!     }
//! }
//!
//! fn main() {
//!     let threads: Vec<_> = (0..4)
//!         .map(|_| {
//!             std::thread::spawn(|| {
//!                 let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//!                 runtime.block_on(read())
//!             })
//!         })
//!         .collect();
//!     for thread in threads {
//!         if let Err(error) = thread.join().unwrap() {
//!             eprintln!("{error}");
//!         }
//!     }
//! }
//! ```
//!
//! # One consumer with a pool of workers
//! [`PartitionStreams`] hands out a [`PartitionStream`] for each partition, and commits what its worker acknowledges. Where the
//! order within a partition matters, each stream has one worker, as [below](PartitionStreams). Where it does not, the records
//! of all partitions can go to a pool: they are acknowledged in the order in which they are done, and no commit gets ahead of a
//! record that is not.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use futures_util::StreamExt;
//! use milena_client::{Consumer, Error, OwnedRecord};
//! use tokio::sync::Semaphore;
//!
//! async fn process(record: OwnedRecord) -> Result<(), Error> {
//!     println!("{}-{}@{}", record.topic, record.partition, record.offset);
//!     Ok(())
//! }
//!
//! async fn read(consumer: Consumer) -> Result<(), Error> {
//!     let workers = Arc::new(Semaphore::new(16));
//!     let mut streams = consumer.into_partition_streams();
//!     loop {
//!         let mut stream = streams.next().await?;
//!         let workers = workers.clone();
//!         tokio::spawn(async move {
//!             while let Some(record) = stream.next().await {
//!                 let Ok(place) = workers.clone().acquire_owned().await else { return };
//!                 let acker = stream.acker();
//!                 tokio::spawn(async move {
//!                     let offset = record.offset;
//!                     // What fails is not acknowledged here; a retry, or a queue for what cannot be processed, goes here.
//!                     if process(record).await.is_ok() {
//!                         acker.ack(offset);
//!                     }
//!                     drop(place);
//!                 });
//!             }
//!         });
//!     }
//! }
//! ```

mod committing;
mod hand_over;
mod lane;
mod partition_stream;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::consumer::{Consumer, Notice, Polling, Wakeup, deadline_in};
use crate::core::io::Offsets;
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;
use committing::Committing;
use hand_over::{HandOver, Lanes, SharedLanes, drain, locked};
use lane::Lane;

pub use partition_stream::{Acker, PartitionStream};

/// How often the group is looked after.
const POLL_EVERY: Duration = Duration::from_millis(100);

const MAX_OUTSTANDING: usize = 1_000;
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(5);

/// A consumer that hands out its partitions to workers, as streams. Made by
/// [`Consumer::into_partition_streams`].
///
/// [`next`](Self::next) gives a [`PartitionStream`] for each partition that is assigned, and it is also what keeps all of them
/// going: it has to be called all the time, as a rule by a task that does nothing else. A partition whose worker is slow is
/// paused, and holds up no other. (`max.poll.interval.ms` watches over these calls alone: a worker that hangs keeps its
/// partition.)
///
/// Committed is what the workers have acknowledged, never more: every `auto.commit.interval.ms`, before a partition goes to
/// another consumer, and on [`close`](Self::close). `enable.auto.commit` means nothing here. Before a partition goes, its stream
/// ends, and its worker has [`hand_over_timeout`](Self::hand_over_timeout) to finish what it has taken; what it does not
/// acknowledge by then is read again by the next owner. A [`RebalanceListener`](crate::RebalanceListener) that the consumer has
/// is called behind that.
///
/// ```no_run
/// use futures_util::StreamExt;
/// use milena_client::{Config, Consumer};
///
/// # async fn example() -> Result<(), milena_client::Error> {
/// let mut consumer = Consumer::new(Config::new("localhost:9092")?.group_id("readers"))?;
/// consumer.subscribe(["events"]).await?;
/// let mut streams = consumer.into_partition_streams();
/// loop {
///     let mut stream = streams.next().await?;
///     tokio::spawn(async move {
///         while let Some(record) = stream.next().await {
///             println!("{}-{}@{}", record.topic, record.partition, record.offset);
///             stream.ack(record.offset);
///         }
///     });
/// }
/// # }
/// ```
pub struct PartitionStreams {
    consumer: Consumer,
    lanes: SharedLanes,
    /// As of the consumer's last change of its assignment.
    assignment_changes: Option<u64>,
    ready: VecDeque<PartitionStream>,
    max_outstanding: usize,
    /// Something has happened on a worker's side that is waited for.
    news: Arc<Notify>,
    /// `None` without a group.
    committing: Option<Committing>,
    polling: Option<Polling>,
    /// When the last poll began.
    polled: Instant,
}

impl Consumer {
    /// Hands out the partitions to workers from now on. What [`poll`](Self::poll) has returned before counts as processed.
    ///
    /// Choose what to read before: what is subscribed to, or assigned, stays.
    pub fn into_partition_streams(mut self) -> PartitionStreams {
        self.commit_by_hand();
        let committing = self.commit_interval().map(Committing::new);
        let lanes = Lanes { hand_over_timeout: HAND_OVER_TIMEOUT, ..Lanes::default() };
        let lanes: SharedLanes = Arc::new(Mutex::new(lanes));
        let (shared, commits) = (lanes.clone(), committing.is_some());
        self.wrap_listener(move |inner| Box::new(HandOver { lanes: shared, commits, inner }));
        PartitionStreams {
            consumer: self,
            lanes,
            assignment_changes: None,
            ready: VecDeque::new(),
            max_outstanding: MAX_OUTSTANDING,
            news: Arc::new(Notify::new()),
            committing,
            polling: None,
            polled: Instant::now(),
        }
    }
}

impl PartitionStreams {
    /// How many records of a partition may be on their way to its worker or in its hands, 1 at least; 1,000 unless set. Close to
    /// that the partition is paused, until the worker has acknowledged about half of them.
    pub fn max_outstanding(mut self, records: usize) -> Self {
        self.max_outstanding = records.max(1);
        self
    }

    /// How long the group waits for work that has begun on partitions that are about to go; 5 s unless set. The other members
    /// wait as long for these partitions.
    pub fn hand_over_timeout(self, timeout: Duration) -> Self {
        locked(&self.lanes).hand_over_timeout = timeout;
        self
    }

    /// Waits for the next partition, and keeps those before going meanwhile.
    ///
    /// It may be dropped and called again: nothing is lost. But while it is not called, nothing is read, and after
    /// `max.poll.interval.ms` the consumer leaves its group.
    ///
    /// # Errors
    /// As those of [`Consumer::poll`]; the streams go on when it is called again. A batch that cannot be read can be left out
    /// with [`seek`](Self::seek). What could not be committed before a partition went is an error here too; commits in
    /// between that fail are [notices](Self::notices), and are tried again.
    pub async fn next(&mut self) -> Result<PartitionStream, Error> {
        loop {
            self.consumer.take_news()?;
            let mut is_due = self.consumer.is_told() || self.polled.elapsed() >= POLL_EVERY;
            if self.consumer.is_assigning() {
                is_due = true;
            } else {
                self.keep_lanes().await;
                if let Some(stream) = self.ready.pop_front() {
                    return Ok(stream);
                }
            }
            if let Some(committing) = &mut self.committing {
                committing.commit_when_due(&mut self.consumer, &locked(&self.lanes));
            }
            if !is_due && self.deliver()? {
                // The workers may be of the same thread.
                tokio::task::yield_now().await;
            } else {
                self.wait().await?;
            }
        }
    }

    /// Goes on at `offset` of a partition that is assigned.
    ///
    /// Going back ends the partition's stream, and [`next`](Self::next) gives another one. Going ahead leaves it as it is: what is
    /// already on its way comes first, and has to be acknowledged.
    ///
    /// # Errors
    /// As those of [`Consumer::seek`].
    pub async fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), Error> {
        self.consumer.seek(partition, offset).await?;
        let lane = locked(&self.lanes).by_partition.get(partition).cloned();
        if let Some(lane) = lane.filter(|lane| !lane.continues_at(offset)) {
            self.renew(&lane);
        }
        Ok(())
    }

    /// Commits what is acknowledged by now, and waits until that is done.
    ///
    /// # Errors
    /// As those of [`Consumer::commit_sync`].
    pub async fn commit_sync(&mut self) -> Result<(), Error> {
        let offsets = self.committable();
        self.consumer.commit_sync_offsets(offsets).await
    }

    /// What can be committed: of each partition, the offset up to which all records are acknowledged.
    pub fn committable(&self) -> Offsets {
        let lanes = locked(&self.lanes);
        let open = lanes.by_partition.iter().filter(|(_, lane)| lane.is_open());
        open.filter_map(|(partition, lane)| Some((partition.clone(), lane.committable()?))).collect()
    }

    /// The partitions that are read, as of the last call.
    pub fn assignment(&self) -> impl ExactSizeIterator<Item = &TopicPartition> {
        self.consumer.assignment()
    }

    /// How many offsets lie between what was given to the streams and the end of each partition. See [`Consumer::lags`].
    ///
    /// # Errors
    /// [`Error::Closed`] only.
    pub async fn lags(&mut self) -> Result<BTreeMap<TopicPartition, Option<i64>>, Error> {
        self.consumer.lags().await
    }

    /// What has happened in the background. See [`Consumer::notices`].
    pub fn notices(&mut self) -> impl Iterator<Item = Notice> + '_ {
        self.consumer.notices()
    }

    /// Something to interrupt [`next`](Self::next) with, from any task or thread.
    pub fn wakeup(&self) -> Wakeup {
        self.consumer.wakeup()
    }

    /// Ends all streams, waits for what the workers have taken, as long as
    /// [`hand_over_timeout`](Self::hand_over_timeout) says, commits what they have acknowledged, and leaves the group; after
    /// `timeout` at the latest.
    ///
    /// # Errors
    /// When the last commit failed or was not through in time. The consumer is closed all the same.
    pub async fn close(mut self, timeout: Duration) -> Result<(), Error> {
        let deadline = deadline_in(timeout);
        let (lanes, hand_over_timeout) = {
            let lanes = locked(&self.lanes);
            (lanes.by_partition.values().cloned().collect::<Vec<_>>(), lanes.hand_over_timeout)
        };
        let offsets = drain(&lanes, deadline.min(deadline_in(hand_over_timeout))).await;
        let committed = match self.committing.is_some() && !offsets.is_empty() {
            false => Ok(()),
            true => match timeout_at(deadline.into(), self.consumer.commit_sync_offsets(offsets)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Error::Timeout { doing: "committing offsets", after: timeout }),
            },
        };
        let closed = self.consumer.close_by(deadline).await;
        committed.and(closed)
    }

    /// Waits until something has happened. The consumer polls meanwhile.
    async fn wait(&mut self) -> Result<(), Error> {
        if self.polling.is_none() {
            self.polled = Instant::now();
            self.polling = Some(self.consumer.start_poll((self.polled + POLL_EVERY).into_std()));
        }
        let committing = async {
            match &mut self.committing {
                Some(committing) => committing.news().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            polled = self.consumer.go_on_polling(&mut self.polling) => return polled,
            () = self.news.notified() => {}
            () = committing => {}
        }
        Ok(())
    }

    /// Makes the lanes be those of the assignment, pauses and resumes them, and gives out again what was dropped.
    async fn keep_lanes(&mut self) {
        let changes = Some(self.consumer.assignment_changes());
        let is_changed = std::mem::replace(&mut self.assignment_changes, changes) != changes;
        if is_changed || std::mem::take(&mut locked(&self.lanes).is_missing_some) {
            self.follow_assignment();
        }
        let mut abandoned = Vec::new();
        let (mut paused, mut resumed) = (BTreeSet::new(), BTreeSet::new());
        for (partition, lane) in &locked(&self.lanes).by_partition {
            match lane.pressure(self.max_outstanding) {
                Some(true) => drop(paused.insert(partition.clone())),
                Some(false) => drop(resumed.insert(partition.clone())),
                None if lane.is_abandoned() => abandoned.push(lane.clone()),
                None => {}
            }
        }
        self.consumer.set_paused(paused, true);
        self.consumer.set_paused(resumed, false);
        for lane in abandoned {
            if let Some(committable) = lane.committable() {
                // It fails when the partition has just gone; then there is nothing to give out.
                let _ = self.consumer.seek_to(&lane.partition, &committable).await;
            }
            self.renew(&lane);
        }
    }

    fn follow_assignment(&mut self) {
        let mut missing: BTreeSet<TopicPartition> = self.consumer.assignment().cloned().collect();
        locked(&self.lanes).by_partition.retain(|partition, lane| {
            let is_assigned = missing.remove(partition);
            if !is_assigned {
                lane.finish();
            }
            is_assigned
        });
        missing.into_iter().for_each(|partition| self.open(partition));
    }

    fn open(&mut self, partition: TopicPartition) {
        let partition = partition.detached();
        let lane = Arc::new(Lane::new(partition.clone(), self.news.clone()));
        self.ready.push_back(PartitionStream::new(lane.clone()));
        locked(&self.lanes).by_partition.insert(partition, lane);
    }

    /// Ends a lane, and gives out another one for its partition.
    fn renew(&mut self, lane: &Lane) {
        lane.finish();
        if lane.is_paused() {
            self.consumer.set_paused([lane.partition.clone()].into(), false);
        }
        self.open(lane.partition.clone());
    }

    /// Gives records to the workers, as far as they have room. Whether there were any.
    fn deliver(&mut self) -> Result<bool, Error> {
        // Whatever was called since this round began may have learned of partitions that have no lane yet, or of some that the
        // listener comes first with.
        if self.consumer.is_assigning() || self.assignment_changes != Some(self.consumer.assignment_changes())
        {
            return Ok(true);
        }
        let room = {
            let lanes = locked(&self.lanes);
            let rooms = lanes.by_partition.values().map(|lane| lane.room(self.max_outstanding));
            rooms.filter(|room| *room > 0).min()
        };
        // So small that whichever partition the records are of has room for them.
        let Some(room) = room else { return Ok(false) };
        let (runs, reached) = self.consumer.take_records(room)?;
        let is_any = !runs.is_empty();
        for (partition, records) in runs {
            let lane = locked(&self.lanes).by_partition.get(&partition).cloned();
            let Some(mut lane) = lane else { continue };
            let first = records.first().map_or(i64::MAX, |record| record.offset);
            if !lane.continues_at(first) {
                self.renew(&lane);
                let Some(renewed) = locked(&self.lanes).by_partition.get(&partition).cloned() else {
                    continue;
                };
                lane = renewed;
            }
            lane.push(records);
        }
        let lanes = locked(&self.lanes);
        for (partition, offset) in reached {
            if let Some(lane) = lanes.by_partition.get(&partition) {
                lane.reached(offset);
            }
        }
        Ok(is_any)
    }
}

impl Drop for PartitionStreams {
    fn drop(&mut self) {
        locked(&self.lanes).by_partition.values().for_each(|lane| drop(lane.finish()));
    }
}

impl fmt::Debug for PartitionStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionStreams")
            .field("assignment", &self.assignment().collect::<Vec<_>>())
            .field("max_outstanding", &self.max_outstanding)
            .finish_non_exhaustive()
    }
}
