//! Why a command failed, in one line.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use milena_client::Error;
use milena_protocol::ErrorCode;

/// What is printed, after `milena: `, before the command ends with exit code 1.
pub enum Failure {
    /// A file that cannot be read.
    Input { file: PathBuf, cause: io::Error },
    /// Nobody reads the output any more.
    OutputClosed,
    /// The output cannot be written.
    Output(io::Error),
    /// Anything else.
    Other(String),
}

impl Failure {
    /// A failure that its cause describes.
    pub fn of(cause: impl fmt::Display) -> Self {
        Failure::Other(cause.to_string())
    }

    /// What a cluster says about a group, with what can be done.
    pub fn of_group(group: &str, error: Error) -> Self {
        match error {
            Error::Broker { code: ErrorCode::GROUP_ID_NOT_FOUND, .. } => Failure::Other(format!(
                "there is no group {group}; `milena groups list` prints those that there are"
            )),
            error => error.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Input { file, cause } => write!(f, "{}: {cause}", name(file)),
            Failure::OutputClosed => f.write_str("output closed"),
            Failure::Output(cause) => write!(f, "standard output: {cause}"),
            Failure::Other(cause) => f.write_str(cause),
        }
    }
}

impl From<Error> for Failure {
    /// What went wrong between the client and its brokers.
    fn from(error: Error) -> Self {
        match error {
            Error::Unreachable { .. } => {
                Failure::Other(format!("{error}; is --bootstrap the address of a broker?"))
            }
            error => Failure::of(error),
        }
    }
}

impl From<io::Error> for Failure {
    /// An error of standard output; those of files have a name to tell.
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::Output(cause),
        }
    }
}

/// The bytes of `file`, or of standard input where it is `-`.
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = if is_stdin(file) {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::stdin(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    bytes.map_err(|cause| Failure::Input { file: file.to_owned(), cause })
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn name(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
}
