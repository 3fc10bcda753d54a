//! A process that ends when this one does, even when this one is killed.
//!
//! It runs below a few lines of shell, whose standard input is a pipe that only this process holds open. A line on the pipe is
//! the name of a signal to pass on; its end, however it came about, kills the process and removes its folder, and the one above it if that is empty then.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;
use crate::error::Doing;

/// Arguments: the folder, then the command.
const KEEPER: &str = r#"
folder=$1
shift
exec 3<&0
"$@" 3<&- </dev/null &
process=$!
(
    while read -r signal; do kill -s "$signal" $process; done
    trap '' TERM
    kill -s KILL $process
    exit 42
) <&3 &
reader=$!
exec 3<&-
wait $process
status=$?
kill $reader 2>/dev/null
wait $reader
if [ $? -eq 42 ]; then
    rm -rf "$folder"
    rmdir "$(dirname "$folder")" 2>/dev/null
fi
exit $status
"#;

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running process. Dropping it kills it.
pub(crate) struct Process {
    keeper: Child,
    /// None once it has been closed, to end the process.
    signals: Option<ChildStdin>,
}

impl Process {
    /// Starts a command whose files are all in `folder`, which goes when the process is dropped; what it says goes to `log`.
    pub(crate) fn start(command: &Command, folder: &Path, log: &Path) -> Result<Self, Error> {
        let log = File::options().create(true).append(true).open(log).doing("opening a log")?;
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(folder)
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().doing("opening a log twice")?)
            .stderr(log)
            // Ctrl-C in a terminal reaches every process of the group: here it is the pipe's end that counts.
            .process_group(0)
            .spawn()
            .doing("starting sh")?;
        let signals = keeper.stdin.take();
        Ok(Self { keeper, signals })
    }

    /// Sends a signal: `TERM`, `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&mut self, name: &str) -> Result<(), Error> {
        match &mut self.signals {
            Some(pipe) => writeln!(pipe, "{name}").doing(format!("sending {name}")),
            None => Ok(()),
        }
    }

    /// How the process ended; None while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.keeper.try_wait().doing("looking whether a process runs")
    }

    /// Waits for the process to end by itself or after a signal; false when time is up.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<bool, Error> {
        let deadline = Instant::now() + limit;
        while self.ended()?.is_none() {
            if Instant::now() > deadline {
                return Ok(false);
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(true)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signals = None;
        // The keeper ends soon after the pipe; there is nobody to tell if it does not.
        let _ = self.keeper.wait();
    }
}
