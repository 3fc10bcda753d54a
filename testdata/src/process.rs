//! A process that ends when this one does, even when this one is killed.
//!
//! It runs below a few lines of shell, whose standard input is a pipe that only this process holds open. A line on the pipe is
//! the name of a signal to pass on; its end, however it came about, kills the process and removes its folder, if it has one,
//! and the one above it if that is empty then.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;
use crate::error::Doing;

/// Arguments: the folder, which may be empty for none, then the command.
const KEEPER: &str = r#"
folder=$1
shift
# What the shell itself has to say, as of a process that was killed, is no news.
exec 3<&0 4>&2 2>/dev/null
"$@" 3<&- </dev/null 2>&4 4>&- &
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
kill $reader
wait $reader
if [ $? -eq 42 ] && [ -n "$folder" ]; then
    rm -rf "$folder"
    rmdir "$(dirname "$folder")"
fi
exit $status
"#;

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running process, such as a Kafka tool or a member of a group. Dropping it, or the death of this process, kills it.
///
/// ```no_run
/// use std::io::{BufRead, BufReader};
/// use std::process::Stdio;
/// use std::time::Duration;
///
/// use milena_testdata::{Kafka, Process, Version};
///
/// let kafka = Kafka::start(Version::V4_3_1)?;
/// let mut command = kafka.java("org.apache.kafka.tools.VerifiableProducer");
/// command.args(["--bootstrap-server", &kafka.bootstrap(), "--topic", "orders"]);
/// let (mut producer, output) = Process::spawn(&command, Stdio::inherit())?;
/// for line in BufReader::new(output).lines().map_while(Result::ok).take(10) {
///     println!("{line}");
/// }
/// producer.signal("TERM")?;
/// assert!(producer.wait(Duration::from_secs(10))?);
/// # Ok::<(), milena_testdata::Error>(())
/// ```
pub struct Process {
    keeper: Child,
    /// None once it has been closed, to end the process.
    signals: Option<ChildStdin>,
}

impl Process {
    /// Starts a command, and gives what it writes to standard output. Its standard error goes to `complaints`.
    pub fn spawn(command: &Command, complaints: impl Into<Stdio>) -> Result<(Self, ChildStdout), Error> {
        let mut keeper = keeper(command, Path::new(""));
        let mut keeper = keeper.stdout(Stdio::piped()).stderr(complaints).spawn().doing("starting sh")?;
        let output = keeper.stdout.take().ok_or_else(|| Error::new("sh was started without its output"))?;
        let signals = keeper.stdin.take();
        Ok((Self { keeper, signals }, output))
    }

    /// Starts a command whose files are all in `folder`, which goes when the process is dropped; what it says goes to `log`.
    pub(crate) fn start(command: &Command, folder: &Path, log: &Path) -> Result<Self, Error> {
        let log = File::options().create(true).append(true).open(log).doing("opening a log")?;
        let mut keeper = keeper(command, folder);
        keeper.stdout(log.try_clone().doing("opening a log twice")?).stderr(log);
        let mut keeper = keeper.spawn().doing("starting sh")?;
        let signals = keeper.stdin.take();
        Ok(Self { keeper, signals })
    }

    /// Sends a signal: `TERM`, `KILL`, `STOP`, `CONT`.
    pub fn signal(&mut self, name: &str) -> Result<(), Error> {
        match &mut self.signals {
            Some(pipe) => writeln!(pipe, "{name}").doing(format!("sending {name}")),
            None => Ok(()),
        }
    }

    /// How the process ended; None while it runs.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.keeper.try_wait().doing("looking whether a process runs")
    }

    /// Waits for the process to end by itself or after a signal; false when time is up.
    pub fn wait(&mut self, limit: Duration) -> Result<bool, Error> {
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

/// The shell that runs a command. The environment that the command was given is not passed on.
fn keeper(command: &Command, folder: &Path) -> Command {
    let mut keeper = Command::new("sh");
    keeper
        .args(["-c", KEEPER, "keeper"])
        .arg(folder)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::piped())
        // Ctrl-C in a terminal reaches every process of the group: here it is the pipe's end that counts.
        .process_group(0);
    keeper
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signals = None;
        // The keeper ends soon after the pipe; there is nobody to tell if it does not.
        let _ = self.keeper.wait();
    }
}
