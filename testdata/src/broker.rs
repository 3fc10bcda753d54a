//! One broker: its settings, its folder and its process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Doing;
use crate::process::Process;
use crate::{Error, ports, ready};

const START_LIMIT: Duration = Duration::from_secs(90);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How many lines of a broker's log an error shows.
const TAIL: usize = 40;
/// The id of every cluster: any 16 bytes in base64url.
const CLUSTER_ID: &str = "bWlsZW5hLXRlc3RkYXRhMQ";

pub(crate) struct Broker {
    id: usize,
    port: u16,
    controller_port: u16,
    advertised_port: u16,
    folder: PathBuf,
    process: Option<Process>,
}

impl Broker {
    /// A broker that does not run yet. Its port is what clients are told, unless another is advertised.
    pub(crate) fn new(id: usize, advertised: Option<u16>, parent: &Path) -> Result<Self, Error> {
        let port = ports::free_port()?;
        let folder = parent.join(format!("broker-{id}"));
        fs::create_dir(&folder).doing("creating a broker's folder")?;
        Ok(Self {
            id,
            port,
            controller_port: ports::free_port()?,
            advertised_port: advertised.unwrap_or(port),
            folder,
            process: None,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn advertised_port(&self) -> u16 {
        self.advertised_port
    }

    /// This broker's part of `controller.quorum.voters`.
    pub(crate) fn voter(&self) -> String {
        format!("{}@127.0.0.1:{}", self.id, self.controller_port)
    }

    /// Writes `server.properties`, and formats the log folder with Kafka's own tool.
    pub(crate) fn format(&self, jars: &Path, shared_settings: &str) -> Result<(), Error> {
        fs::write(self.settings_path(), self.settings() + shared_settings)
            .doing("writing server.properties")?;
        let out = java(jars)
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(self.settings_path())
            .output()
            .doing("running java (is a JDK 17 or newer installed?)")?;
        if out.status.success() {
            return Ok(());
        }
        Err(Error::new(format!(
            "formatting the storage of broker {} failed ({}):\n{}{}",
            self.id,
            out.status,
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr),
        )))
    }

    fn settings_path(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("broker.log")
    }

    fn settings(&self) -> String {
        let Self { id, port, controller_port, advertised_port, folder, .. } = self;
        let logs = folder.join("data");
        let logs = logs.display();
        format!(
            "process.roles=broker,controller\n\
             node.id={id}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{advertised_port}\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAINTEXT\n\
             log.dirs={logs}\n"
        )
    }

    /// Starts the process. It is up when [`Broker::wait_until_up`] says so.
    pub(crate) fn start(&mut self, jars: &Path) -> Result<(), Error> {
        let mut command = java(jars);
        command.arg("kafka.Kafka").arg(self.settings_path());
        self.process = Some(Process::start(&command, &self.folder, &self.log_path())?);
        Ok(())
    }

    /// Waits until the broker answers and knows that many live brokers.
    pub(crate) fn wait_until_up(&mut self, brokers: usize) -> Result<(), Error> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if ready::live_brokers(self.port).is_some_and(|live| live >= brokers) {
                return Ok(());
            }
            let ended = match &mut self.process {
                Some(process) => process.ended()?,
                None => return Err(Error::new(format!("broker {} has not been started", self.id))),
            };
            if let Some(status) = ended {
                return Err(self.failure(&format!("ended while it was starting ({status})")));
            }
            if Instant::now() > deadline {
                return Err(self.failure(&format!("was not up after {} s", START_LIMIT.as_secs())));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn failure(&self, what: &str) -> Error {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        Error::new(format!("broker {} {what}; the end of its log:\n{tail}", self.id))
    }

    /// Whether the process runs, frozen or not.
    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Lets the broker shut down in its own time: it hands over its partitions.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        self.end_with("TERM")
    }

    /// Ends the broker at once, as a power cut would.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        self.end_with("KILL")
    }

    /// Sends a signal that the process survives.
    pub(crate) fn signal(&mut self, name: &str) -> Result<(), Error> {
        match &mut self.process {
            Some(process) => process.signal(name),
            None => Err(Error::new(format!("broker {} does not run", self.id))),
        }
    }

    fn end_with(&mut self, signal: &str) -> Result<(), Error> {
        self.signal(signal)?;
        if self.process.as_mut().is_some_and(|process| !process.wait(STOP_LIMIT).unwrap_or(false)) {
            return Err(self.failure(&format!("did not end within {} s of {signal}", STOP_LIMIT.as_secs())));
        }
        self.process = None;
        Ok(())
    }
}

/// Java, with Kafka's jars and little memory, set to start fast.
pub(crate) fn java(jars: &Path) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
    java.arg(format!("{}/*", jars.display()));
    java
}
