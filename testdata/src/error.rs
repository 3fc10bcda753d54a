//! What went wrong, in words for the person who runs the tests.

use std::fmt;

/// A broker or a tool of Kafka that did not do what it should. There is nothing to match on: it is to be read.
///
/// Its `Debug` form is its `Display` form, so that `unwrap` in a test shows the lines of a log as lines.
pub struct Error(String);

impl Error {
    /// An error that says this.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Says what was being done when an I/O error came.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Error>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Error> {
        self.map_err(|e| Error(format!("{what}: {e}")))
    }
}
