//! Writes records at a steady rate, through a producer for each compression.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use milena_client::{Delivery, Error, Producer, ProducerConfig, ProducerRecord};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::TOPIC;
use super::news::{News, Seen};
use crate::failure::Failure;

/// Every compression that this build has.
pub const COMPRESSIONS: &[&str] = &[
    "none",
    #[cfg(feature = "gzip")]
    "gzip",
    #[cfg(feature = "snappy")]
    "snappy",
    #[cfg(feature = "lz4")]
    "lz4",
    #[cfg(feature = "zstd")]
    "zstd",
];
/// How often records are sent.
const TICK: Duration = Duration::from_millis(20);
/// How many acknowledgements are told at once.
const CHUNK: usize = 256;
/// How many records may be without an acknowledgement; the rate is not kept while there are as many.
const IN_FLIGHT: usize = 10_000;
/// How long the last records may take.
const CLOSE: Duration = Duration::from_secs(15);

/// The text of a record, but for its number.
pub const TEXT: &str = "record ";

/// Writes until it is told to stop.
pub struct Writer {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Writer {
    pub fn start(bootstrap: &str, rate: u32, news: mpsc::Sender<News>) -> Result<Self, Failure> {
        let producer = |compression: &&str| {
            let mut config = ProducerConfig::new(bootstrap)?;
            config.set("client.id", &format!("writer-{compression}"))?;
            config.set("compression.type", compression)?;
            Producer::new(config)
        };
        let producers: Vec<Producer> = COMPRESSIONS.iter().map(producer).collect::<Result<_, Error>>()?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            write(&producers, rate, &news, stopped).await;
            for producer in producers {
                if let Err(error) = producer.close(CLOSE).await {
                    // Nobody hears it when the demo is over.
                    let _ = news.send(News::Failed(format!("the writer: {error}"))).await;
                }
            }
        });
        Ok(Writer { stop, task })
    }

    /// The task ends when all records are acknowledged.
    pub fn stop(self) -> JoinHandle<()> {
        // It may have ended before.
        let _ = self.stop.send(());
        self.task
    }
}

async fn write(
    producers: &[Producer],
    rate: u32,
    news: &mpsc::Sender<News>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut in_flight = FuturesUnordered::new();
    let (started, mut numbers) = (Instant::now(), 0..);
    let mut sent = 0;
    let mut ticks = tokio::time::interval(TICK);
    loop {
        let mut acknowledged = (&mut in_flight).ready_chunks(CHUNK);
        tokio::select! {
            _ = &mut stopped => break,
            Some(records) = acknowledged.next(), if !acknowledged.get_ref().is_empty() => tell(records, news).await,
            _ = ticks.tick() => {
                let due = (started.elapsed().as_secs_f64() * f64::from(rate)) as u64;
                drop(acknowledged);
                while sent < due && in_flight.len() < IN_FLIGHT {
                    let number: u64 = numbers.next().unwrap_or_default();
                    in_flight.push(send(&producers[number as usize % producers.len()], number));
                    sent += 1;
                }
                // What was not sent in time is not made up for.
                sent = due;
            }
        }
    }
    let mut acknowledged = in_flight.ready_chunks(CHUNK);
    while let Some(records) = acknowledged.next().await {
        tell(records, news).await;
    }
}

/// Sends the record of this number. The key decides the partition.
fn send(producer: &Producer, number: u64) -> impl Future<Output = Result<Seen, String>> + use<> {
    let (key, value) = (format!("key-{number}"), format!("{TEXT}{number}"));
    let delivery: Delivery = producer.send(ProducerRecord::new(TOPIC).key(&key).value(&value));
    async move {
        let sent = delivery.await.map_err(|error| format!("record {number}: {error}"))?;
        let offset =
            sent.offset.ok_or_else(|| format!("record {number} is somewhere, but nobody knows where"))?;
        Ok(Seen { partition: sent.partition, offset, number })
    }
}

async fn tell(records: Vec<Result<Seen, String>>, news: &mpsc::Sender<News>) {
    let mut written = Vec::with_capacity(records.len());
    for record in records {
        match record {
            Ok(record) => written.push(record),
            // Nobody hears it when the demo is over.
            Err(problem) => drop(news.send(News::Failed(problem)).await),
        }
    }
    if !written.is_empty() {
        let _ = news.send(News::Written(written)).await;
    }
}
