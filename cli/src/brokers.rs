//! The options that say which brokers to talk to, and how: the same for each command that talks to some.

use std::path::{Path, PathBuf};

use milena_client::{Admin, Config, ConfigError, Error, ProducerConfig};

use crate::failure::Failure;

/// Where the command has defaults other than Kafka's.
const DEFAULTS: [(&str, &str); 3] = [
    ("client.id", "milena"),
    // Whoever sits in front of the command should not wait a minute to hear of a wrong port.
    ("default.api.timeout.ms", "10000"),
    // A name that was mistyped makes no topic.
    ("allow.auto.create.topics", "false"),
];

/// The same, for producers.
const PRODUCER_DEFAULTS: [(&str, &str); 2] = [("client.id", "milena"), ("max.block.ms", "10000")];

/// Stands for no address. It is one that cannot be meant: nobody listens on port 1.
const NOWHERE: &str = "nowhere.invalid:1";

const HEADING: &str = "Brokers";

#[derive(clap::Args)]
pub struct BrokerArgs {
    /// The brokers to begin with
    #[arg(
        long,
        visible_alias = "bootstrap-server",
        value_name = "HOST:PORT[,HOST:PORT]",
        help_heading = HEADING
    )]
    bootstrap: Option<String>,

    /// A file of properties, as Kafka's own tools take it; what is said here goes before what it says
    #[arg(long, visible_alias = "command-config", value_name = "FILE", help_heading = HEADING)]
    config: Option<PathBuf>,

    /// A property by Kafka's own name, as in -X fetch.min.bytes=1000; may be repeated
    #[arg(short = 'X', value_name = "NAME=VALUE", value_parser = property, help_heading = HEADING)]
    properties: Vec<(String, String)>,
}

/// The configuration of a consumer or of a producer.
trait Properties {
    fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError>;
    fn set_from_file(&mut self, file: &Path) -> Result<(), ConfigError>;
    fn get(&self, name: &str) -> Option<String>;
}

macro_rules! properties {
    ($Config:ident) => {
        impl Properties for $Config {
            fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
                $Config::set(self, name, value)
            }

            fn set_from_file(&mut self, file: &Path) -> Result<(), ConfigError> {
                $Config::set_from_file(self, file)
            }

            fn get(&self, name: &str) -> Option<String> {
                $Config::get(self, name)
            }
        }
    };
}

properties!(Config);
properties!(ProducerConfig);

/// `NAME=VALUE`
fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a property is written as name=value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl BrokerArgs {
    /// The configuration: what the file says, then `options` from other options of the command, then `-X`.
    ///
    /// # Errors
    /// What whoever called the command did wrong.
    pub fn config(&self, options: &[(&str, &str)]) -> Result<Config, String> {
        self.fill(Config::new(NOWHERE), &DEFAULTS, options)
    }

    /// The same, for a producer.
    ///
    /// # Errors
    /// What whoever called the command did wrong.
    pub fn producer_config(&self, options: &[(&str, &str)]) -> Result<ProducerConfig, String> {
        self.fill(ProducerConfig::new(NOWHERE), &PRODUCER_DEFAULTS, options)
    }

    fn fill<C: Properties>(
        &self,
        config: Result<C, ConfigError>,
        defaults: &[(&str, &str)],
        options: &[(&str, &str)],
    ) -> Result<C, String> {
        let config = config.and_then(|config| self.try_fill(config, defaults, options));
        config.map_err(|problem| problem.to_string())?.ok_or_else(|| match &self.config {
            None => "--bootstrap is missing: the address of a broker, as in localhost:9092; `milena broker` runs one there"
                .to_owned(),
            Some(file) => {
                format!("--bootstrap is missing, and so is bootstrap.servers in {}", file.display())
            }
        })
    }

    /// `None` without an address.
    fn try_fill<C: Properties>(
        &self,
        mut config: C,
        defaults: &[(&str, &str)],
        options: &[(&str, &str)],
    ) -> Result<Option<C>, ConfigError> {
        for (name, value) in defaults {
            config.set(name, value)?;
        }
        if let Some(file) = &self.config {
            config.set_from_file(file)?;
        }
        if let Some(bootstrap) = &self.bootstrap {
            config.set("bootstrap.servers", bootstrap)?;
        }
        let properties = self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in options.iter().copied().chain(properties) {
            config.set(name, value)?;
        }
        let has_address = config.get("bootstrap.servers").is_some_and(|address| address != NOWHERE);
        Ok(has_address.then_some(config))
    }

    /// An admin of these brokers.
    pub fn admin(&self) -> Result<Admin, Failure> {
        let config = self.config(&[]).unwrap_or_else(|problem| crate::usage(problem));
        match Admin::new(config) {
            Err(Error::Config(problem)) => crate::usage(problem),
            admin => Ok(admin?),
        }
    }
}

/// Runs what waits for brokers.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::of)?;
    runtime.block_on(work)
}
