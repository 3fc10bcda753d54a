//! A core that does what a test says, for the tests of what is built on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use milena_protocol::Str;
use milena_protocol::records::BatchBuilder;
use tokio::sync::{mpsc, oneshot};

use super::Consumer;
use crate::Config;
use crate::core::completed_fetch::CompletedFetch;
use crate::core::io::{Answer, Command, Rebalance, RebalanceId, RebalanceKind, Update};
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
    poll_error: Option<Error>,
    consumed: BTreeMap<TopicPartition, i64>,
    acknowledged: Vec<RebalanceId>,
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
        let task = tokio::spawn(run(received, script.clone()));
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

    /// The next poll fails.
    pub(crate) fn fail_poll(&self, error: Error) {
        let mut script = self.script();
        script.poll_error = Some(error);
        script.wake();
    }

    pub(crate) fn polls(&self) -> usize {
        self.script().polls
    }

    pub(crate) fn acknowledged(&self) -> Vec<RebalanceId> {
        self.script().acknowledged.clone()
    }

    /// The task ends, as with its runtime.
    pub(crate) fn end(&self) {
        self.task.abort();
        self.script().waiting = None;
    }
}

async fn run(mut messages: mpsc::UnboundedReceiver<Message>, script: Arc<Mutex<Script>>) {
    while let Some(message) = messages.recv().await {
        let mut script = script.lock().unwrap();
        match message {
            Message::Consumed(consumed) => {
                script.consumed.extend(consumed.into_iter().map(|c| (c.partition, c.offset)));
            }
            Message::Abandoned => return,
            Message::Call { command, answer } => called(&mut script, command, answer),
        }
    }
}

fn called(script: &mut Script, command: Command, answer: Answering) {
    match command {
        Command::Poll { deadline, has_records } => {
            script.polls += 1;
            script.wake();
            script.waiting = Some(answer);
            if has_records || script.poll_error.is_some() || deadline <= Instant::now() {
                script.wake();
            }
            return;
        }
        Command::Acknowledge(id) => script.acknowledged.push(id),
        _ => {}
    }
    let _ = answer.send(Ok(Answer::Done));
}
