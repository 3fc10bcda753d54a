//! What can be wrong with a configuration.

use std::fmt;

/// A configuration that cannot be used: the mistake of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    text: String,
}

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// Kafka's consumer has no such property.
    UnknownName,
    /// Kafka's consumer has it, and milena refuses it; the text says why.
    NotSupported,
    /// The property cannot have that value.
    BadValue,
    /// A file of properties cannot be read.
    BadFile,
    /// Properties are missing, or contradict each other.
    Conflict,
}

impl ConfigError {
    pub(super) fn unknown(name: &str, nearest: Option<&str>) -> Self {
        let mut text = format!("unknown property {name}");
        if let Some(nearest) = nearest {
            text += &format!("; did you mean {nearest}?");
        }
        ConfigError { kind: ConfigErrorKind::UnknownName, text }
    }

    pub(super) fn not_supported(name: &str, why: &str) -> Self {
        let text = format!("property {name} is refused: {why}");
        ConfigError { kind: ConfigErrorKind::NotSupported, text }
    }

    pub(super) fn only(name: &str, value: &str, values: &[&str], why: &str) -> Self {
        let text = format!("{name}={value}: only {} is possible: {why}", values.join(" or "));
        ConfigError { kind: ConfigErrorKind::NotSupported, text }
    }

    pub(super) fn bad_value(name: &str, value: &str, expected: &str) -> Self {
        let text = format!("{name}={value}: expected {expected}");
        ConfigError { kind: ConfigErrorKind::BadValue, text }
    }

    pub(crate) fn conflict(text: &str) -> Self {
        ConfigError { kind: ConfigErrorKind::Conflict, text: text.to_owned() }
    }

    pub(super) fn bad_file(place: &dyn fmt::Display, cause: &dyn fmt::Display) -> Self {
        ConfigError { kind: ConfigErrorKind::BadFile, text: format!("{place}: {cause}") }
    }

    /// The same, found in a file.
    pub(super) fn within(self, place: &dyn fmt::Display) -> Self {
        ConfigError { kind: self.kind, text: format!("{place}: {}", self.text) }
    }

    /// What kind of mistake it is.
    pub fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConfigError {}
