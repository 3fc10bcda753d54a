//! What the command says once its brokers are ready, for those who wait for it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use milena_broker::Broker;

use super::topic::TopicArg;
use crate::failure::Failure;

/// Lines of `NAME=VALUE`.
pub fn lines(broker: &Broker, topics: &[(TopicArg, usize)]) -> String {
    let mut lines = format!("bootstrap.servers={}\n", broker.bootstrap_servers());
    for (topic, partitions) in topics {
        lines += &format!("topic={}:{partitions}\n", topic.name);
    }
    lines
}

/// Prints them at once, whoever reads them.
pub fn print(lines: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(lines.as_bytes())?;
    Ok(out.flush()?)
}

/// Removes what an earlier run has left, if it was killed.
pub fn forget(file: &Path) -> Result<(), Failure> {
    match fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(Failure::Input { file: file.to_owned(), cause })
        }
        _ => Ok(()),
    }
}

/// A file that is there while the brokers are. Whoever finds it finds all of it.
pub struct ReadyFile(PathBuf);

impl ReadyFile {
    pub fn write(file: &Path, lines: &str) -> Result<ReadyFile, Failure> {
        let failed = |cause| Failure::Input { file: file.to_owned(), cause };
        let mut unfinished = file.as_os_str().to_owned();
        unfinished.push(".tmp");
        fs::write(&unfinished, lines).map_err(failed)?;
        fs::rename(&unfinished, file).map_err(failed)?;
        Ok(ReadyFile(file.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        let _ = fs::remove_file(&self.0);
    }
}
