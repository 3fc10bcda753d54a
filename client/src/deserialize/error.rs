//! Why bytes are not a value, and of which record.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::Part;
use crate::core::topic_partition::TopicPartition;

/// Why a [`Deserializer`](super::Deserializer) can make no value of some bytes.
///
/// Two of them are equal when they say the same.
#[derive(Clone, Debug)]
pub struct DeserializeError {
    text: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl DeserializeError {
    /// With a reason for people to read, as in "4 bytes are expected, and 3 came".
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        DeserializeError { text: reason.into(), source: None }
    }

    /// With an error as the reason, which is then its [source](Error::source).
    pub fn from_error(error: impl Error + Send + Sync + 'static) -> Self {
        DeserializeError { text: error.to_string().into(), source: Some(Arc::new(error)) }
    }

    /// A value has a size of its own, and these bytes do not.
    #[cold]
    pub(super) fn size(expected: usize, data: &[u8]) -> Self {
        let s = if expected == 1 { "" } else { "s" };
        Self::new(format!("{expected} byte{s} expected, {} came", data.len()))
    }

    /// The same, behind the name of the place.
    #[cold]
    pub(super) fn at(self, place: fmt::Arguments<'_>) -> Self {
        DeserializeError { text: format!("{place}: {}", self.text).into(), source: self.source }
    }
}

impl PartialEq for DeserializeError {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for DeserializeError {}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for DeserializeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The key or the value of a record cannot be deserialized (Kafka's `RecordDeserializationException`).
///
/// The consumer has already gone past the record, and goes on with the next one: nothing has to be done, and nothing
/// else is lost. The record's bytes are still there, in [`Record::key`](crate::Record::key) and
/// [`Record::value`](crate::Record::value). To read it once more later, seek to its [`offset`](Self::offset).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordDeserializationError {
    partition: TopicPartition,
    offset: i64,
    part: Part,
    cause: DeserializeError,
}

impl RecordDeserializationError {
    #[cold]
    pub(super) fn new(topic: &str, partition: i32, offset: i64, part: Part, cause: DeserializeError) -> Self {
        RecordDeserializationError { partition: TopicPartition::new(topic, partition), offset, part, cause }
    }

    /// The record's partition.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The record's offset.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Whether it is the key or the value. Where it is the key, nothing is known about the value.
    pub fn part(&self) -> Part {
        self.part
    }

    /// What is wrong with the bytes.
    pub fn cause(&self) -> &DeserializeError {
        &self.cause
    }
}

impl fmt::Display for RecordDeserializationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecordDeserializationError { partition, offset, part, cause } = self;
        write!(f, "cannot deserialize the {part} of {partition} at offset {offset}: {cause}; ")?;
        f.write_str("reading goes on behind this record")
    }
}

impl Error for RecordDeserializationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The cause is part of the text already.
        self.cause.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_part_of_which_record_and_that_reading_goes_on() {
        let cause = DeserializeError::size(4, b"abc");
        let error = RecordDeserializationError::new("events", 3, 42, Part::Value, cause);
        assert_eq!(
            error.to_string(),
            "cannot deserialize the value of events-3 at offset 42: 4 bytes expected, 3 came; \
             reading goes on behind this record"
        );
        assert!(error.source().is_none());
    }

    #[test]
    fn keeps_the_error_behind_it() {
        let number = "x".parse::<i32>().unwrap_err();
        let error = DeserializeError::from_error(number.clone());
        assert_eq!(error.to_string(), number.to_string());
        assert_eq!(error.source().unwrap().downcast_ref(), Some(&number));
        let error = error.at(format_args!("entry {}", 7));
        assert_eq!(error.to_string(), format!("entry 7: {number}"));
        assert_eq!(error.source().unwrap().downcast_ref(), Some(&number));
    }
}
