//! A process that ends when this one does, even when this one is killed.
//!
//! It runs below a few lines of shell, whose standard input is a socket of which only this process has the other end. A line on
//! it is the name of a signal to pass on, and is answered by one when that is done; its end, however it came about, kills the
//! process and removes its folder, if it has one, and the one above it if that is empty then.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
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
    while read -r signal; do
        kill -s "$signal" $process
        echo >&3
    done <&3
    trap '' TERM
    kill -s KILL $process
    exit 42
) &
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

/// What writing to a shell that has ended with its process comes to, and reading from it.
const GONE: [ErrorKind; 2] = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];

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
    signals: Option<UnixStream>,
}

impl Process {
    /// Starts a command, and gives what it writes to standard output. Its standard error goes to `complaints`.
    pub fn spawn(command: &Command, complaints: impl Into<Stdio>) -> Result<(Self, ChildStdout), Error> {
        let (mut keeper, signals) = keeper(command, Path::new(""))?;
        let mut keeper = keeper.stdout(Stdio::piped()).stderr(complaints).spawn().doing("starting sh")?;
        let output = keeper.stdout.take().ok_or_else(|| Error::new("sh was started without its output"))?;
        Ok((Self { keeper, signals: Some(signals) }, output))
    }

    /// Starts a command whose files are all in `folder`, which goes when the process is dropped; what it says goes to `log`.
    pub(crate) fn start(command: &Command, folder: &Path, log: &Path) -> Result<Self, Error> {
        let log = File::options().create(true).append(true).open(log).doing("opening a log")?;
        let (mut keeper, signals) = keeper(command, folder)?;
        keeper.stdout(log.try_clone().doing("opening a log twice")?).stderr(log);
        let keeper = keeper.spawn().doing("starting sh")?;
        Ok(Self { keeper, signals: Some(signals) })
    }

    /// Sends a signal, and waits until it is sent: `TERM`, `KILL`, `STOP`, `CONT`. A process that has ended gets none.
    pub fn signal(&mut self, name: &str) -> Result<(), Error> {
        let Some(signals) = &mut self.signals else { return Ok(()) };
        let outcome = writeln!(signals, "{name}").and_then(|()| signals.read(&mut [0]).map(drop));
        match outcome {
            Err(error) if GONE.contains(&error.kind()) => Ok(()),
            outcome => outcome.doing(format!("sending {name}")),
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

/// The shell that runs a command, and what tells it of signals. The environment that the command was given is not passed on.
fn keeper(command: &Command, folder: &Path) -> Result<(Command, UnixStream), Error> {
    let (signals, theirs) = UnixStream::pair().doing("making a socket")?;
    let mut keeper = Command::new("sh");
    keeper
        .args(["-c", KEEPER, "keeper"])
        .arg(folder)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(OwnedFd::from(theirs))
        // Ctrl-C in a terminal reaches every process of the group: here it is the socket's end that counts.
        .process_group(0);
    Ok((keeper, signals))
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signals = None;
        // The keeper ends soon after the socket; there is nobody to tell if it does not.
        let _ = self.keeper.wait();
    }
}
