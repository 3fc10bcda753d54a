//! What a broker is made of.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use super::cluster_loop::{self, Setup};
use super::{Broker, Control, listeners};
use crate::core::catalog::BrokerNode;
use crate::core::{Core, WallClock};
use crate::settings::{SettingError, Settings};

/// How many brokers a cluster can have.
const MOST_BROKERS: usize = 100;
/// How long to wait for a port that is in use.
const PATIENCE: Duration = Duration::from_millis(100);

/// Builds a [`Broker`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), milena_broker::StartError> {
/// let cluster = milena_broker::Broker::builder()
///     .brokers(3)
///     .racks(["a", "b", "c"])
///     .topic("orders", 6)
///     .setting("min.insync.replicas", 2)
///     .start()
///     .await?;
/// # assert_eq!(cluster.addresses().len(), 3);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    host: IpAddr,
    advertised_host: Option<String>,
    ports: Vec<u16>,
    brokers: usize,
    racks: Vec<String>,
    topics: Vec<Topic>,
    settings: Settings,
    cluster_id: String,
    seed: Option<u64>,
    /// The first thing that was wrong.
    error: Option<StartError>,
}

#[derive(Clone, Debug)]
struct Topic {
    name: String,
    partitions: usize,
    replication_factor: Option<usize>,
    settings: Vec<(String, String)>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

impl Builder {
    /// One broker on a free port of 127.0.0.1, without topics.
    pub fn new() -> Self {
        Builder {
            host: Ipv4Addr::LOCALHOST.into(),
            advertised_host: None,
            ports: Vec::new(),
            brokers: 1,
            racks: Vec::new(),
            topics: Vec::new(),
            settings: Settings::default(),
            cluster_id: "milena-broker-cluster0".to_owned(),
            seed: None,
            error: None,
        }
    }

    /// As many brokers, numbered from 1 on: at least 1, and 100 at most.
    pub fn brokers(mut self, count: usize) -> Self {
        self.brokers = count;
        self
    }

    /// Where each broker stands (`broker.rack`), in the order of their numbers. With more brokers than racks they are used
    /// again from the first on. As a [`setting`](Self::setting), `broker.rack` is where all stand of whom this does not say it.
    pub fn racks<R: Into<String>>(mut self, racks: impl IntoIterator<Item = R>) -> Self {
        self.racks = racks.into_iter().map(Into::into).collect();
        self
    }

    /// The address to listen on, and to tell clients of. 127.0.0.1 unless it is set. Of one that stands for all of a machine's
    /// (0.0.0.0) clients are told the loopback address.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.host = host;
        self
    }

    /// What to tell clients to connect to (`advertised.listeners`), where that is not [`host`](Self::host): a name or an
    /// address without a port.
    pub fn advertised_host(mut self, host: impl Into<String>) -> Self {
        self.advertised_host = Some(host.into());
        self
    }

    /// The ports of the brokers, in the order of their numbers; 0 is a free one, and so is one that is not given. For one that is
    /// in use [`start`](Self::start) waits for a tenth of a second: a broker that was dropped a moment ago may still have it.
    pub fn ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = ports.into_iter().collect();
        self
    }

    /// A topic, with as many replicas as there are brokers, 3 at most.
    pub fn topic(self, name: impl Into<String>, partitions: usize) -> Self {
        self.topic_with(name, partitions, None, Vec::<(String, String)>::new())
    }

    /// A topic, with as many replicas (`None`: as there are brokers, 3 at most) and settings of its own, by Kafka's names
    /// for those of topics (`retention.ms`).
    pub fn topic_with<K: Into<String>, V: ToString>(
        mut self,
        name: impl Into<String>,
        partitions: usize,
        replication_factor: Option<usize>,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let settings = settings.into_iter().map(|(name, value)| (name.into(), value.to_string())).collect();
        self.topics.push(Topic { name: name.into(), partitions, replication_factor, settings });
        self
    }

    /// A setting of the brokers, by Kafka's name. What is wrong with it is told by [`start`](Self::start).
    pub fn setting(mut self, name: &str, value: impl ToString) -> Self {
        if let Err(error) = self.settings.set(name, value) {
            self.error.get_or_insert(StartError::Setting(error));
        }
        self
    }

    /// All settings at once.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The cluster's id.
    pub fn cluster_id(mut self, id: impl Into<String>) -> Self {
        self.cluster_id = id.into();
        self
    }

    /// Where all that is random comes from: topic ids, session ids, member ids. Without one they differ each time.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the brokers.
    ///
    /// # Errors
    /// When a setting or a topic is not possible, or there is no port or no thread to be had.
    pub async fn start(self) -> Result<Broker, StartError> {
        self.start_blocking()
    }

    /// As [`start`](Self::start), for code that is not async. (Both return at once; no runtime is needed.)
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> Result<Broker, StartError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !(1..=MOST_BROKERS).contains(&self.brokers) {
            return Err(StartError::Brokers(self.brokers));
        }
        let advertised = self.advertised_host.clone().unwrap_or_else(|| reachable(self.host).to_string());
        let (mut bound, mut nodes) = (Vec::new(), Vec::new());
        for n in 0..self.brokers {
            let port = self.ports.get(n).copied().unwrap_or(0);
            let address = SocketAddr::new(self.host, port);
            let listener = bind(address).map_err(|e| StartError::Listen(address, e.into()))?;
            let address = listener.local_addr().map_err(|e| StartError::Listen(address, e.into()))?;
            let rack = (!self.racks.is_empty()).then(|| self.racks[n % self.racks.len()].as_str());
            let node_id = n as i32 + 1;
            nodes.push(BrokerNode::new(node_id, &advertised, address.port(), rack));
            bound.push((node_id, listener, address));
        }
        let addresses = bound.iter().map(|(_, _, address)| *address).collect();

        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = self.seed.unwrap_or(since_1970.as_nanos() as u64);
        let (now, wall_ms) = (Instant::now(), since_1970.as_millis() as i64);
        let clock = WallClock::new(now, wall_ms);
        let limits = cluster_loop::limits(&self.settings);
        let mut core = Core::new(self.settings, &self.cluster_id, nodes, seed, now, wall_ms);
        for topic in &self.topics {
            add_topic(&mut core, topic, self.brokers, now)?;
        }
        let (alive, dropped) = oneshot::channel();
        let (control, orders) = Control::new();
        let setup = Setup { core, clock, bound, limits, orders, dropped };
        let thread = std::thread::Builder::new().name(super::control::THREAD.to_owned());
        let thread = thread.spawn(move || cluster_loop::run(setup));
        let thread = thread.map_err(|e| StartError::Thread(e.into()))?;
        Ok(Broker { addresses, advertised, control, alive, thread })
    }
}

/// Takes an address, if need be as soon as it is free.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match listeners::bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < give_up => {
                std::thread::sleep(Duration::from_millis(1));
            }
            outcome => return outcome,
        }
    }
}

/// An address by which clients of this machine reach the one that is listened on.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}

fn add_topic(core: &mut Core, topic: &Topic, brokers: usize, now: Instant) -> Result<(), StartError> {
    let impossible = |why: &str| StartError::Topic(topic.name.clone(), why.to_owned());
    if let Some(why) = crate::core::bad_topic_name(&topic.name) {
        return Err(impossible(why));
    }
    if core.catalog().topic(&topic.name).is_some() {
        return Err(impossible("it is named twice"));
    }
    if topic.partitions == 0 {
        return Err(impossible("it has no partitions"));
    }
    let factor = topic.replication_factor.unwrap_or(brokers.min(3));
    if factor == 0 || factor > brokers {
        return Err(impossible("it can have from one replica up to one on each broker"));
    }
    let settings: Vec<(&str, &str)> = topic.settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    core.create_topic(&topic.name, Some(topic.partitions), Some(factor), &settings, now)
        .map_err(StartError::Setting)
}

/// Why a broker could not be started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is not known, or cannot have its value.
    Setting(SettingError),
    /// A topic is not possible: its name, and why.
    Topic(String, String),
    /// A cluster cannot have as many brokers.
    Brokers(usize),
    /// An address cannot be listened on.
    Listen(SocketAddr, std::sync::Arc<io::Error>),
    /// The system gave no thread.
    Thread(std::sync::Arc<io::Error>),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Setting(error) => error.fmt(f),
            StartError::Topic(name, why) => write!(f, "topic {name:?} is not possible: {why}"),
            StartError::Brokers(count) => {
                write!(f, "a cluster has from 1 to {MOST_BROKERS} brokers, not {count}")
            }
            StartError::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            StartError::Thread(error) => write!(f, "no thread for the broker: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Setting(error) => Some(error),
            StartError::Listen(_, error) | StartError::Thread(error) => Some(error.as_ref()),
            StartError::Topic(..) | StartError::Brokers(_) => None,
        }
    }
}
