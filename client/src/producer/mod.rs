//! The producer, as an application sees it.

mod delivery;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

pub use delivery::Delivery;

use crate::config::ProducerConfig;
use crate::consumer::{seed, unix_ms};
use crate::core::producer::Core;
use crate::core::producer::io::{Command, ProducerRecord, RecordMetadata};
use crate::driver::{Interest, Shared, start_producer};
use crate::error::Error;
use crate::trace::Trace;

/// Writes records to topics. Clones are handles to the same producer; it takes `&self`, from any number of tasks and threads.
///
/// [`send`](Self::send) takes a record at once and gives a future of where it is in the log. Records of a partition come into
/// its log in the order in which they were sent, each once (`enable.idempotence`), or their futures say why not.
///
/// Dropping the last handle returns at once; what was sent goes on its way in the background, for as long as the runtime
/// lives. [`close`](Self::close) waits for it.
///
/// ```no_run
/// use std::time::Duration;
///
/// use milena_client::{Producer, ProducerConfig, ProducerRecord};
///
/// # async fn example() -> Result<(), milena_client::Error> {
/// let producer = Producer::new(ProducerConfig::new("localhost:9092")?)?;
/// let sent = producer.send(ProducerRecord::new("events").key("user-7").value("logged in")).await?;
/// println!("{}-{}@{:?}", sent.topic, sent.partition, sent.offset);
///
/// for i in 0..1_000_000 {
///     producer.ready().await?; // waits while `buffer.memory` is full
///     drop(producer.send(ProducerRecord::new("numbers").value(&i.to_string()))); // send and forget
/// }
/// producer.close(Duration::from_secs(30)).await
/// # }
/// ```
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    max_block: Duration,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl Producer {
    /// A producer with this configuration. It connects when it is first asked for something.
    ///
    /// # Errors
    /// When properties do not go together.
    ///
    /// # Panics
    /// Outside of a tokio runtime, where its task could not run.
    pub fn new(config: ProducerConfig) -> Result<Self, Error> {
        let config = config.with_client_id();
        let core = Core::new(&config, seed(), Instant::now(), unix_ms())?;
        let shared = start_producer(core, config.socket_settings(), Trace::of_producer(&config));
        Ok(Producer { handle: Arc::new(Handle { shared, max_block: config.max_block }) })
    }

    /// Takes a record: it is copied, and on its way when this returns. The future says where it is in the log, or why it is
    /// not; dropping it changes nothing about that.
    ///
    /// Where its topic is not known yet, or there is no room in `buffer.memory`, the record waits, in its order, for
    /// `max.block.ms` at most. Once what waits takes as much memory as `buffer.memory` again, the future is
    /// [`Error::BufferFull`] at once. Whoever sends without awaiting the futures waits for [`ready`](Self::ready) before.
    ///
    /// The future is [`Error::NotDelivered`] where the broker has refused the record, or `delivery.timeout.ms` is over.
    pub fn send(&self, record: ProducerRecord<'_>) -> Delivery {
        let shared = &self.handle.shared;
        match shared.send(&record, &mut Some(Interest::Waiting(None))) {
            Ok(id) => Delivery::new(Arc::clone(shared), id),
            Err(error) => Delivery::failed(error),
        }
    }

    /// The same, with a callback in place of the future. It is called by the producer's task, which does nothing else
    /// meanwhile, so that it must not block; where the record is not taken, at once. A panic in it is caught there, and told
    /// as an event for `tracing`.
    pub fn send_with(
        &self,
        record: ProducerRecord<'_>,
        callback: impl FnOnce(Result<RecordMetadata, Error>) + Send + 'static,
    ) {
        let mut interest = Some(Interest::Callback(Box::new(callback)));
        if let Err(error) = self.handle.shared.send(&record, &mut interest)
            && let Some(Interest::Callback(callback)) = interest
        {
            callback(Err(error));
        }
    }

    /// Waits until there is room for records, for `max.block.ms` at most. Records that wait for their topic or their partition
    /// to be known hold up nobody who writes to others, until they take as much memory as `buffer.memory`. Dropping the future
    /// undoes nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] and [`Error::Closed`].
    pub async fn ready(&self) -> Result<(), Error> {
        let Handle { shared, max_block } = &*self.handle;
        let has_room = async {
            loop {
                let room = shared.room.notified();
                let mut room = std::pin::pin!(room);
                // From now on no news is missed.
                room.as_mut().enable();
                if shared.has_room()? {
                    return Ok(());
                }
                room.await;
            }
        };
        if shared.has_room()? {
            return Ok(());
        }
        let late = Error::Timeout { doing: "waiting for room in buffer.memory", after: *max_block };
        timeout(*max_block, has_room).await.unwrap_or(Err(late))
    }

    /// Sends what is there without waiting for more, and waits until all that was sent before is in the log or has failed.
    /// What has failed is told by the futures of `send`. Dropping this future undoes nothing.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn flush(&self) -> Result<(), Error> {
        self.handle.shared.call(Command::Flush).await
    }

    /// Takes no more records, from any handle, and waits until those that were sent are in the log or have failed. What is
    /// neither after `timeout` fails with [`Error::Closed`].
    ///
    /// # Errors
    /// [`Error::Timeout`] when records failed for want of time. [`Error::Closed`] when it was closed before.
    pub async fn close(&self, timeout: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + timeout.min(LONGEST);
        self.handle.shared.call(Command::Close { deadline }).await
    }
}

/// As long as for ever; what is longer could not be added to the time of day.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}
