//! `--header`: which records are printed.

use milena_client::Record;

/// A header that a record must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderFilter {
    name: String,
    /// None for any value, null too.
    value: Option<String>,
}

impl HeaderFilter {
    /// `NAME` or `NAME=VALUE`
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        Ok(HeaderFilter { name: name.to_owned(), value })
    }

    /// Whether one of the record's headers is of that name and, where it is said, of that value.
    pub fn matches(&self, record: &Record<'_>) -> bool {
        let value = self.value.as_deref().map(str::as_bytes);
        record.headers().any(|header| {
            header.key == self.name.as_bytes() && value.is_none_or(|value| header.value == Some(value))
        })
    }
}
