//! A cluster of one broker or several, from its start to its end.

use std::ops::Deref;
use std::thread;

use tempfile::TempDir;

use crate::broker::Broker;
use crate::error::Doing;
use crate::{Error, Tools, Version, jars};

/// A running Kafka cluster, and the [`Tools`] to use on it. Dropping it, or the death of this process, kills its brokers
/// and removes their files.
pub struct Kafka {
    brokers: Vec<Broker>,
    tools: Tools,
    version: Version,
    // Last, so that it goes when no broker writes to it any more.
    _folder: TempDir,
}

/// What a cluster is to be like, before it is started.
#[derive(Debug)]
pub struct Options {
    version: Version,
    brokers: usize,
    advertised: Option<u16>,
    racks: Vec<String>,
    properties: Vec<(String, String)>,
}

impl Options {
    /// How many brokers, each of them a controller too; 1 unless said otherwise.
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers;
        self
    }

    /// The port on 127.0.0.1 that the first broker tells to its clients in place of its own: that of a proxy.
    pub fn advertise(mut self, port: u16) -> Self {
        self.advertised = Some(port);
        self
    }

    /// Where each broker is (`broker.rack`).
    pub fn racks(mut self, racks: &[&str]) -> Self {
        self.racks = racks.iter().map(|rack| (*rack).to_owned()).collect();
        self
    }

    /// A setting of `server.properties` for every broker.
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// Starts the brokers, and waits until each answers and knows the others.
    pub fn start(self) -> Result<Kafka, Error> {
        let jars = jars::folder(self.version)?;
        let folder = tempfile::Builder::new()
            .prefix("milena-kafka-")
            .tempdir()
            .doing("creating a folder for Kafka")?;
        let mut brokers = Vec::new();
        for i in 0..self.brokers {
            let advertised = if i == 0 { self.advertised } else { None };
            brokers.push(Broker::new(i + 1, advertised, folder.path())?);
        }
        let settings = self.shared_settings(&brokers);
        let settings_of = |n: usize| match self.racks.get(n) {
            Some(rack) => format!("{settings}broker.rack={rack}\n"),
            None => settings.clone(),
        };
        let format = |(n, broker): (usize, &Broker)| broker.format(&jars, &settings_of(n));
        thread::scope(|scope| {
            let numbered = brokers.iter().enumerate();
            let formats: Vec<_> = numbered.map(|entry| scope.spawn(move || format(entry))).collect();
            formats.into_iter().try_for_each(|format| format.join().expect("formatting does not panic"))
        })?;
        let addresses: Vec<String> = brokers.iter().map(|broker| address(broker.port())).collect();
        let tools = Tools::with_jars(jars, addresses.join(","));
        let mut kafka = Kafka { brokers, tools, version: self.version, _folder: folder };
        for broker in &mut kafka.brokers {
            broker.start(kafka.tools.jars())?;
        }
        kafka.wait_until_up()?;
        Ok(kafka)
    }

    fn shared_settings(&self, brokers: &[Broker]) -> String {
        let voters: Vec<String> = brokers.iter().map(Broker::voter).collect();
        let copies = self.brokers.min(3);
        let mut settings = format!(
            "controller.quorum.voters={}\n\
             offsets.topic.replication.factor={copies}\n\
             offsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor={copies}\n\
             transaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=2\n\
             group.initial.rebalance.delay.ms=0\n\
             group.min.session.timeout.ms=100\n\
             log.retention.ms=-1\n\
             broker.heartbeat.interval.ms=500\n\
             broker.session.timeout.ms=3000\n",
            voters.join(","),
        );
        if self.version == Version::V4_3_1 {
            settings += &format!(
                "share.coordinator.state.topic.replication.factor={copies}\n\
                 share.coordinator.state.topic.min.isr=1\n\
                 share.coordinator.state.topic.num.partitions=2\n\
                 group.consumer.min.session.timeout.ms=100\n\
                 group.consumer.min.heartbeat.interval.ms=100\n\
                 group.consumer.heartbeat.interval.ms=200\n"
            );
        }
        for (name, value) in &self.properties {
            settings += &format!("{name}={value}\n");
        }
        settings
    }
}

impl Deref for Kafka {
    type Target = Tools;

    fn deref(&self) -> &Tools {
        &self.tools
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

impl Kafka {
    /// Starts one broker, which takes some five seconds.
    pub fn start(version: Version) -> Result<Self, Error> {
        Self::options(version).start()
    }

    /// A cluster that is different from the plain one.
    pub fn options(version: Version) -> Options {
        Options { version, brokers: 1, advertised: None, racks: Vec::new(), properties: Vec::new() }
    }

    /// Which Kafka it is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where the n-th broker listens, from 0; its node id is one more. Not what it advertises.
    pub fn address(&self, n: usize) -> String {
        address(self.brokers[n].port())
    }

    /// The address that clients should begin with where one is advertised that is not the broker's own.
    pub fn advertised(&self) -> String {
        address(self.brokers[0].advertised_port())
    }

    /// Stops the n-th broker in an orderly way, and waits until it is gone: its partitions move first.
    pub fn stop_broker(&mut self, n: usize) -> Result<(), Error> {
        self.brokers[n].stop()
    }

    /// Kills the n-th broker, and waits until it is gone. The others notice after some three seconds.
    pub fn kill_broker(&mut self, n: usize) -> Result<(), Error> {
        self.brokers[n].kill()
    }

    /// Starts the n-th broker again, on the same port with the same data, and waits until it is up.
    pub fn start_broker(&mut self, n: usize) -> Result<(), Error> {
        self.brokers[n].start(self.tools.jars())?;
        self.wait_until_up()
    }

    /// Halts the n-th broker: its connections stay open, and nothing is answered on them.
    pub fn freeze_broker(&mut self, n: usize) -> Result<(), Error> {
        self.brokers[n].signal("STOP")
    }

    /// Lets a frozen broker go on.
    pub fn thaw_broker(&mut self, n: usize) -> Result<(), Error> {
        self.brokers[n].signal("CONT")
    }

    /// Each running broker answers, and knows all that run.
    fn wait_until_up(&mut self) -> Result<(), Error> {
        let running = self.brokers.iter().filter(|broker| broker.is_running()).count();
        self.brokers
            .iter_mut()
            .filter(|broker| broker.is_running())
            .try_for_each(|broker| broker.wait_until_up(running))
    }
}
