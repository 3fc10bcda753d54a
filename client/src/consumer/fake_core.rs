//! A core that does what a test says, for the tests of what is built on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use milena_protocol::Str;
use milena_protocol::records::BatchBuilder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::Consumer;
use crate::Config;
use crate::core::completed_fetch::CompletedFetch;
use crate::core::io::{Answer, Command, Offsets, Rebalance, RebalanceId, RebalanceKind, Update};
use crate::core::topic_partition::TopicPartition;
use crate::driver::{Message, ends};
use crate::error::Error;

/// A partition of the topic that all tests read.
pub(crate) fn t(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// What a broker sent: records with these offsets, each with its offset as its value, under the first position.
pub(crate) fn records(partition: i32, offsets: Range<i64>) -> CompletedFetch {
    records_at(1, partition, offsets)
}

/// The same under another position.
pub(crate) fn records_at(position_epoch: u64, partition: i32, offsets: Range<i64>) -> CompletedFetch {
    let mut batch = BatchBuilder::new();
    batch.set_base_offset(offsets.start).set_partition_leader_epoch(3);
    for offset in offsets.clone() {
        batch.append(0, None, Some(offset.to_string().as_bytes()), &[]).unwrap();
    }
    fetch(position_epoch, partition, offsets.start, batch.build())
}

pub(crate) fn fetch(
    position_epoch: u64,
    partition: i32,
    fetch_offset: i64,
    records: Bytes,
) -> CompletedFetch {
    CompletedFetch {
        topic: Str::from("t"),
        partition,
        position_epoch,
        fetch_offset,
        records,
        high_watermark: 1_000_000,
        last_stable_offset: 1_000_000,
        log_start_offset: 0,
        aborted: Vec::new(),
    }
}

/// How far the core has heard that a partition was consumed.
pub(crate) fn consumed_up_to(core: &FakeCore, partition: &TopicPartition) -> Option<i64> {
    core.script().consumed.get(partition).copied()
}

/// The test's end.
pub(crate) struct FakeCore {
    updates: mpsc::UnboundedSender<Update>,
    script: Arc<Mutex<Script>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Script {
    /// A poll that waits for something to happen.
    waiting: Option<Answering>,
    polls: usize,
    stopped_polls: usize,
    poll_error: Option<Error>,
    commit_error: Option<Error>,
    subscribe_error: Option<Error>,
    consumed: BTreeMap<TopicPartition, i64>,
    commits: Vec<Offsets>,
    acknowledged: Vec<RebalanceId>,
    paused: Vec<(TopicPartition, bool)>,
    sought: Vec<(TopicPartition, i64)>,
    is_closed: bool,
    /// How often positions have gone out of date.
    epoch: u64,
    last_rebalance: u64,
}

type Answering = oneshot::Sender<Result<Answer, Error>>;

impl Script {
    fn wake(&mut self) {
        if let Some(answer) = self.waiting.take() {
            let _ = answer.send(self.poll_error.take().map_or(Ok(Answer::Done), Err));
        }
    }
}

impl FakeCore {
    /// A consumer on such a core.
    pub(crate) fn consumer() -> (Consumer, FakeCore) {
        Self::consumer_with(Config::new("host:1").unwrap().group_id("group"))
    }

    pub(crate) fn consumer_with(config: Config) -> (Consumer, FakeCore) {
        let (messages, received) = mpsc::unbounded_channel();
        let (updates, update_receiver) = mpsc::unbounded_channel();
        let (calls, update_end) = ends(messages, update_receiver);
        let script = Arc::new(Mutex::new(Script::default()));
        let task = tokio::spawn(run(received, updates.clone(), script.clone()));
        (Consumer::over(calls, update_end, &config), FakeCore { updates, script, task })
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    fn tell(&self, update: Update) {
        let _ = self.updates.send(update);
        self.script().wake();
    }

    pub(crate) fn fetched(&self, fetch: CompletedFetch) {
        self.tell(Update::Fetched(fetch));
    }

    pub(crate) fn withheld(&self, partitions: &[TopicPartition]) {
        self.tell(Update::Withheld(partitions.to_vec()));
    }

    /// Tells the listener; says how it has to be acknowledged. There is a minute for it.
    pub(crate) fn rebalance(&self, kind: RebalanceKind, partitions: &[TopicPartition]) -> RebalanceId {
        let id = {
            let mut script = self.script();
            script.last_rebalance += 1;
            RebalanceId(script.last_rebalance)
        };
        let deadline = tokio::time::Instant::now().into_std() + Duration::from_secs(60);
        self.tell(Update::Rebalance(Rebalance { id, kind, partitions: partitions.to_vec(), deadline }));
        id
    }

    /// Partitions come and go. What was fetched of the latter is out of date.
    pub(crate) fn assignment(&self, added: &[TopicPartition], removed: &[TopicPartition]) {
        let epoch = {
            let mut script = self.script();
            script.epoch += u64::from(!removed.is_empty());
            script.epoch
        };
        self.tell(Update::Assignment { added: added.to_vec(), removed: removed.to_vec(), epoch });
    }

    /// The position epoch of what is fetched of a partition that has just come, or whose position was just set.
    pub(crate) fn epoch(&self) -> u64 {
        self.script().epoch + 1
    }

    /// The next poll fails.
    pub(crate) fn fail_poll(&self, error: Error) {
        let mut script = self.script();
        script.poll_error = Some(error);
        script.wake();
    }

    /// Commits fail from now on, or not any more.
    pub(crate) fn fail_commits(&self, error: Option<Error>) {
        self.script().commit_error = error;
    }

    /// To subscribe, or to assign, fails from now on, or not any more.
    pub(crate) fn refuse_to_subscribe(&self, error: Option<Error>) {
        self.script().subscribe_error = error;
    }

    pub(crate) fn polls(&self) -> usize {
        self.script().polls
    }

    /// How many polls were given up.
    pub(crate) fn stopped_polls(&self) -> usize {
        self.script().stopped_polls
    }

    pub(crate) fn acknowledged(&self) -> Vec<RebalanceId> {
        self.script().acknowledged.clone()
    }

    /// The offsets of each commit, in order, since the last time.
    pub(crate) fn take_commits(&self) -> Vec<BTreeMap<TopicPartition, i64>> {
        let commits = std::mem::take(&mut self.script().commits);
        let offsets = |commit: Offsets| commit.into_iter().map(|(tp, offset)| (tp, offset.offset)).collect();
        commits.into_iter().map(offsets).collect()
    }

    /// The partitions that were paused or resumed, since the last time.
    pub(crate) fn take_paused(&self) -> Vec<(TopicPartition, bool)> {
        std::mem::take(&mut self.script().paused)
    }

    /// Where positions were set, since the last time.
    pub(crate) fn take_sought(&self) -> Vec<(TopicPartition, i64)> {
        std::mem::take(&mut self.script().sought)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.script().is_closed
    }

    /// The task ends, as with its runtime.
    pub(crate) fn end(&self) {
        self.task.abort();
        self.script().waiting = None;
    }
}

async fn run(
    mut messages: mpsc::UnboundedReceiver<Message>,
    updates: mpsc::UnboundedSender<Update>,
    shared: Arc<Mutex<Script>>,
) {
    while let Some(message) = messages.recv().await {
        match message {
            Message::Delivered(delivered) => {
                let consumed = delivered.consumed.into_iter().map(|c| (c.partition, c.offset));
                shared.lock().unwrap().consumed.extend(consumed);
            }
            Message::Abandoned => return,
            Message::Call { command, answer } => called(&shared, &updates, command, answer),
        }
    }
}

fn called(
    shared: &Arc<Mutex<Script>>,
    updates: &mpsc::UnboundedSender<Update>,
    command: Command,
    answer: Answering,
) {
    let mut guard = shared.lock().unwrap();
    let script = &mut *guard;
    let mut outcome = Ok(Answer::Done);
    match command {
        Command::Poll { deadline, has_records } => {
            script.polls += 1;
            script.wake();
            script.waiting = Some(answer);
            if has_records || script.poll_error.is_some() {
                return script.wake();
            }
            let (poll, shared) = (script.polls, shared.clone());
            tokio::spawn(async move {
                sleep_until(deadline.into()).await;
                let mut script = shared.lock().unwrap();
                if script.polls == poll {
                    script.wake();
                }
            });
            return;
        }
        Command::Commit { offsets, .. } => match &script.commit_error {
            Some(error) => outcome = Err(error.clone()),
            None => script.commits.push(offsets.unwrap_or_default()),
        },
        Command::StopPolling => {
            script.stopped_polls += 1;
            script.wake();
        }
        Command::Acknowledge(id) => script.acknowledged.push(id),
        Command::Pause(partitions, paused) => {
            script.paused.extend(partitions.iter().map(|partition| (partition.clone(), paused)));
            let _ = updates.send(Update::Paused { partitions, paused });
        }
        Command::Seek(partition, place) => {
            script.sought.push((partition.clone(), place.offset));
            // What was fetched before is out of date.
            script.epoch += 1;
            let _ = updates.send(Update::Sought { partition, epoch: script.epoch });
        }
        Command::Subscribe(_) | Command::Assign(_) => {
            outcome = script.subscribe_error.clone().map_or(Ok(Answer::Done), Err);
        }
        Command::Close { .. } => script.is_closed = true,
        _ => {}
    }
    let _ = answer.send(outcome);
}
