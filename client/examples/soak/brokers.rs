//! Restarts brokers, one after another, on a thread of its own: it takes a while.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use milena_testdata::{Error, Kafka};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
/// How long a broker may take to have all records again.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is to be done to a broker.
pub struct Restart {
    /// Which, from 0.
    pub broker: usize,
    /// With kill -9, instead of an orderly shutdown.
    pub kill: bool,
    /// How long it stays away.
    pub down: Duration,
}

/// A cluster whose brokers are restarted.
pub struct Brokers {
    orders: Sender<Restart>,
    done: Receiver<Result<(), Error>>,
    thread: JoinHandle<()>,
    is_busy: bool,
}

impl Brokers {
    /// Takes a cluster over.
    pub fn new(mut kafka: Kafka) -> Self {
        let (orders, to_do) = mpsc::channel::<Restart>();
        let (news, done) = mpsc::channel();
        let thread = thread::spawn(move || {
            for order in to_do {
                if news.send(restart(&mut kafka, &order)).is_err() {
                    return;
                }
            }
        });
        Brokers { orders, done, thread, is_busy: false }
    }

    /// Begins to restart a broker.
    pub fn restart(&mut self, order: Restart) {
        self.is_busy = self.orders.send(order).is_ok();
    }

    /// Whether a broker is down, or has not got all records yet.
    pub fn is_busy(&mut self) -> Result<bool, Error> {
        if let Ok(outcome) = self.done.try_recv() {
            self.is_busy = false;
            outcome?;
        }
        Ok(self.is_busy)
    }

    /// Ends the cluster.
    pub fn end(self) {
        drop(self.orders);
        // It has nothing to say that was not said.
        let _ = self.thread.join();
    }
}

fn restart(kafka: &mut Kafka, order: &Restart) -> Result<(), Error> {
    if order.kill {
        kafka.kill_broker(order.broker)?;
    } else {
        kafka.stop_broker(order.broker)?;
    }
    thread::sleep(order.down);
    kafka.start_broker(order.broker)?;
    // The next one may only go when this one has all records, or two copies would be away at once.
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if kafka.tool(TOPICS, &["--describe", "--under-replicated-partitions"])?.trim().is_empty() {
            return Ok(());
        }
    }
    kafka
        .tool(TOPICS, &["--describe"])
        .map(|table| eprintln!("records are still missing on a broker:\n{table}"))
}
