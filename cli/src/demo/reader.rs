//! A member of the group.

use std::time::Duration;

use milena_client::{Config, Consumer, ConsumerHandle, Error, RebalanceListener, TopicPartition};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::TOPIC;
use super::news::{FOREIGN, Name, News, Seen};
use super::writer::TEXT;

const POLL: Duration = Duration::from_millis(100);
/// How long the last commit and the goodbye to the group may take.
const CLOSE: Duration = Duration::from_secs(5);

/// A member that reads until it is told to leave.
pub struct Reader {
    leave: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Reader {
    pub fn start(name: Name, config: Config, news: mpsc::Sender<News>) -> Self {
        let (leave, left) = oneshot::channel();
        let task = tokio::spawn(async move {
            if let Err(error) = read(name, config, &news, left).await {
                // Nobody hears it when the demo is over.
                let _ = news.send(News::Failed(format!("{name}: {error}"))).await;
            }
        });
        Reader { leave, task }
    }

    /// Has it commit and leave the group; the task ends when it has.
    pub fn leave(self) -> JoinHandle<()> {
        // It may have failed before.
        let _ = self.leave.send(());
        self.task
    }
}

async fn read(
    name: Name,
    config: Config,
    news: &mpsc::Sender<News>,
    mut leave: oneshot::Receiver<()>,
) -> Result<(), Error> {
    let mut consumer = Consumer::new(config)?;
    consumer.subscribe_with([TOPIC], Listener { name, news: news.clone() }).await?;
    loop {
        let records = tokio::select! {
            _ = &mut leave => break,
            records = consumer.poll(POLL) => records?,
        };
        let seen: Vec<Seen> = (&records)
            .into_iter()
            .map(|record| Seen {
                partition: record.partition(),
                offset: record.offset(),
                number: record.value().and_then(number).unwrap_or(FOREIGN),
            })
            .collect();
        if !seen.is_empty() {
            let _ = news.send(News::Read(name, seen)).await;
        }
    }
    consumer.close(CLOSE).await
}

/// What a record says.
fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.strip_prefix(TEXT)?.parse().ok()
}

/// Tells of each rebalance.
struct Listener {
    name: Name,
    news: mpsc::Sender<News>,
}

impl Listener {
    async fn tell(
        &self,
        news: impl Fn(Name, Vec<i32>) -> News,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        let partitions = partitions.iter().map(|partition| partition.partition).collect();
        let _ = self.news.send(news(self.name, partitions)).await;
        Ok(())
    }
}

impl RebalanceListener for Listener {
    async fn on_partitions_assigned(
        &mut self,
        _: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.tell(News::Assigned, partitions).await
    }

    async fn on_partitions_revoked(
        &mut self,
        _: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.tell(News::Revoked, partitions).await
    }

    async fn on_partitions_lost(
        &mut self,
        _: &ConsumerHandle,
        partitions: &[TopicPartition],
    ) -> Result<(), Error> {
        self.tell(News::Lost, partitions).await
    }
}
