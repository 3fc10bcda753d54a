//! The options that say which brokers to talk to, and how: the same for each command that talks to some.

use milena_client::{Admin, Config, Error};

use crate::failure::Failure;

/// Whoever sits in front of the command should not wait a minute to hear of a wrong port.
const API_TIMEOUT_MS: &str = "10000";

#[derive(clap::Args)]
pub struct BrokerArgs {
    /// The brokers to begin with
    #[arg(long, visible_alias = "bootstrap-server", value_name = "HOST:PORT[,HOST:PORT]")]
    bootstrap: String,

    /// A property by Kafka's own name, as in -X fetch.min.bytes=1000; may be repeated
    #[arg(short = 'X', value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
}

/// `NAME=VALUE`
fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a property is written as name=value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl BrokerArgs {
    /// The value that a property is given by `-X`.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The configuration, with `options` from other options of the command. `-X` has the last word.
    ///
    /// # Errors
    /// What whoever called the command did wrong.
    pub fn config(&self, options: &[(&str, &str)]) -> Result<Config, String> {
        let mut config = Config::new(&self.bootstrap).map_err(|e| e.to_string())?;
        let defaults = [("client.id", "milena"), ("default.api.timeout.ms", API_TIMEOUT_MS)];
        let properties = self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in defaults.into_iter().chain(options.iter().copied()).chain(properties) {
            config.set(name, value).map_err(|e| e.to_string())?;
        }
        Ok(config)
    }

    /// An admin of these brokers.
    pub fn admin(&self) -> Result<Admin, Failure> {
        let config = self.config(&[]).unwrap_or_else(|problem| crate::usage(problem));
        match Admin::new(config) {
            Err(Error::Config(problem)) => crate::usage(problem),
            admin => admin.map_err(Failure::of),
        }
    }
}

/// Runs what waits for brokers.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::of)?;
    runtime.block_on(work)
}
