//! The tokio side: a listener for each broker, a task for each connection, and the loop around the core.
//!
//! All of it runs on one thread of its own, so that a broker answers whatever the thread does that started it: a test may
//! block, and an application's runtime may be paused.
//!
//! | file | what |
//! |---|---|
//! | `builder.rs` | what a broker is made of |
//! | `cluster_loop.rs` | the loop around the core |
//! | `connection.rs` | one client |
//! | `input.rs` | what the loop is told |
//! | `listeners.rs` | the ports |
//! | `control.rs` | what tests do to the cluster |

mod builder;
mod cluster_loop;
mod connection;
mod control;
mod input;
mod listeners;

use std::net::SocketAddr;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use builder::{Builder, StartError};
use control::Order;
pub use control::{Control, FaultHandle};

/// A Kafka in memory: one broker, or a cluster of several, each with its port.
///
/// Any client can use it. It lives as long as this value: dropping it closes all connections, and returns at once;
/// [`stop`](Self::stop) returns when that is done.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), milena_broker::StartError> {
/// let broker = milena_broker::Broker::start().await?;
/// let bootstrap_servers = broker.bootstrap_servers(); // for any Kafka client
/// # assert!(bootstrap_servers.starts_with("127.0.0.1:"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Broker {
    addresses: Vec<SocketAddr>,
    /// The host that clients are told of.
    advertised: String,
    control: Control,
    /// Dropped, it ends the loop.
    alive: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Broker {
    /// Starts one broker on a free port of 127.0.0.1, without topics; those that clients use are created
    /// (`auto.create.topics.enable`).
    ///
    /// # Errors
    /// When there is no port or no thread to be had.
    pub async fn start() -> Result<Broker, StartError> {
        Broker::start_blocking()
    }

    /// As [`start`](Self::start), for code that is not async. (Both return at once; no runtime is needed.)
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking() -> Result<Broker, StartError> {
        Builder::new().start_blocking()
    }

    /// Something else than one broker without topics.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// What steers the cluster: stops brokers, moves leaders, and looks at what there is.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// As dropping it, and waits until all connections are closed and the ports are free: less than a millisecond.
    pub fn stop(self) {
        drop(self.alive);
        // It has said itself what went wrong.
        let _ = self.thread.join();
    }

    /// What a client's `bootstrap.servers` has to be: all brokers, as `host:port`, with commas between.
    pub fn bootstrap_servers(&self) -> String {
        let host = match self.advertised.contains(':') {
            true => format!("[{}]", self.advertised),
            false => self.advertised.clone(),
        };
        let addresses = self.addresses.iter().map(|address| format!("{host}:{}", address.port()));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// Where the brokers listen, in the order of their numbers, which begin with 1.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// Whoever has a broker can share it with other threads.
const _: () = {
    const fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Broker>();
    is_shared::<Builder>();
    is_shared::<Control>();
    is_shared::<FaultHandle>();
};
