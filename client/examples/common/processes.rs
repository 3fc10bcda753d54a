//! Processes that write JSON events, a line each, as Kafka's verifiable tools do: all that they say comes through one channel.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use milena_testdata::Process;

use crate::heard::Heard;

/// Starts processes.
pub struct Starter {
    to: Sender<Heard>,
    logs: PathBuf,
}

impl Starter {
    /// What the processes say comes out of the receiver. It is also in a folder, with what they complain of: two files for
    /// each.
    pub fn new() -> Result<(Self, Receiver<Heard>), Box<dyn Error>> {
        let logs = std::env::temp_dir().join(format!("milena-logs-{}", std::process::id()));
        fs::create_dir_all(&logs)?;
        let (to, heard) = mpsc::channel();
        Ok((Starter { to, logs }, heard))
    }

    /// Where the files are.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// Starts a command; what it says is sent under this name.
    pub fn start(&self, from: &str, command: &Command) -> Result<Process, Box<dyn Error>> {
        let log = File::create(self.logs.join(format!("{from}.log")))?;
        let mut events = BufWriter::new(File::create(self.logs.join(format!("{from}.events")))?);
        let (process, output) = Process::spawn(command, log)?;
        let (from, to) = (from.to_owned(), self.to.clone());
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Err(error) = writeln!(events, "{line}") {
                    eprintln!("{from}: its events cannot be kept: {error}");
                }
                // A process that is killed does not write its last line to the end.
                let Ok(event) = serde_json::from_str(&line) else { continue };
                if to.send(Heard { from: from.clone(), event }).is_err() {
                    return;
                }
            }
        });
        Ok(process)
    }
}
