//! What the fetch side has to tell: errors for the application, and notices of what it did on its own.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use milena_protocol::ErrorCode;

use super::topic_partition::TopicPartition;

/// Notices beyond this many push out the oldest.
const NOTICES: usize = 1000;

/// A place in the log of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The offset of the next record.
    pub offset: i64,
    /// The leader epoch of the record before it; -1 where it is not known.
    pub leader_epoch: i32,
}

/// Why a partition cannot be read. Unless the application does something about it, the same error comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError {
    /// There is no committed offset, and `auto.offset.reset` is `none`.
    NoOffset {
        /// The partition.
        partition: TopicPartition,
    },
    /// The log does not have this offset, and `auto.offset.reset` is `none`.
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The offset.
        offset: i64,
    },
    /// Records that were read are no longer part of the log, and `auto.offset.reset` is `none` (KIP-320).
    LogTruncated {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the next record, in the log as it was.
        offset: i64,
        /// Where the logs part, if the broker could tell.
        diverged: Option<Place>,
    },
    /// A batch is larger than what can be asked for.
    BatchTooLarge {
        /// The partition.
        partition: TopicPartition,
        /// The offset.
        offset: i64,
        /// Bytes that were asked for.
        asked_bytes: i32,
    },
    /// The broker refused: authorization, a corrupt log, a compression that its answer could not carry, ...
    Broker {
        /// The partition.
        partition: TopicPartition,
        /// The offset that was asked for; `None` when the question was for an offset.
        offset: Option<i64>,
        /// Its error.
        error: ErrorCode,
    },
    /// The broker lacks an API that is needed.
    Unsupported {
        /// The partition.
        partition: TopicPartition,
        /// The API.
        api: &'static str,
    },
}

impl FetchError {
    /// The partition that it is about.
    pub fn partition(&self) -> &TopicPartition {
        match self {
            FetchError::NoOffset { partition }
            | FetchError::OffsetOutOfRange { partition, .. }
            | FetchError::LogTruncated { partition, .. }
            | FetchError::BatchTooLarge { partition, .. }
            | FetchError::Broker { partition, .. }
            | FetchError::Unsupported { partition, .. } => partition,
        }
    }

    /// The broker's error code, if it is one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            FetchError::OffsetOutOfRange { .. } => Some(ErrorCode::OFFSET_OUT_OF_RANGE),
            FetchError::Broker { error, .. } => Some(*error),
            _ => None,
        }
    }

    /// Whether it can go away without the application doing anything.
    pub fn is_retriable(&self) -> bool {
        match self {
            FetchError::Broker { error, .. } => error.is_retriable(),
            _ => false,
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::NoOffset { partition } => {
                write!(f, "{partition} has no committed offset, and auto.offset.reset is none")
            }
            FetchError::OffsetOutOfRange { partition, offset } => {
                write!(f, "offset {offset} of {partition} is out of range, and auto.offset.reset is none")
            }
            FetchError::LogTruncated { partition, offset, diverged } => {
                write!(f, "the log of {partition} was truncated before offset {offset}")?;
                match diverged {
                    Some(place) => write!(f, ", at offset {}", place.offset)?,
                    None => f.write_str(", nobody knows where")?,
                }
                f.write_str("; auto.offset.reset is none")
            }
            FetchError::BatchTooLarge { partition, offset, asked_bytes } => {
                write!(f, "the batch at offset {offset} of {partition} does not fit into {asked_bytes} bytes")
            }
            FetchError::Broker { partition, offset: Some(offset), error } => {
                write!(f, "fetching {partition} from offset {offset}: {error}")
            }
            FetchError::Broker { partition, offset: None, error } => {
                write!(f, "looking up an offset of {partition}: {error}")
            }
            FetchError::Unsupported { partition, api } => {
                write!(f, "the leader of {partition} does not know {api}")
            }
        }
    }
}

impl std::error::Error for FetchError {}

/// Something that the consumer did on its own and that an operator may want to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchNotice {
    /// The position was out of range and was reset; what lay between was skipped, or is read again.
    Reset {
        /// The partition.
        partition: TopicPartition,
        /// The offset that was out of range.
        from: i64,
        /// Where reading goes on.
        to: i64,
    },
    /// The log was truncated (KIP-320), and reading goes on where it was cut.
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the next record, in the log as it was.
        from: i64,
        /// Where reading goes on.
        to: i64,
    },
    /// The topic was deleted and created again under the same name: the position says nothing any more, and is reset.
    TopicRecreated {
        /// The partition.
        partition: TopicPartition,
    },
}

impl fmt::Display for FetchNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchNotice::Reset { partition, from, to } => {
                write!(f, "{partition}: offset {from} was out of range; reading goes on at {to}")
            }
            FetchNotice::Truncated { partition, from, to } => {
                write!(f, "{partition}: the log was truncated before offset {from}; reading goes on at {to}")
            }
            FetchNotice::TopicRecreated { partition } => {
                write!(f, "{partition}: the topic was created again, and is read from its start")
            }
        }
    }
}

/// What was not told yet.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// One for each partition, the newest.
    errors: BTreeMap<TopicPartition, FetchError>,
    notices: VecDeque<FetchNotice>,
}

impl Reports {
    pub(super) fn error(&mut self, error: FetchError) {
        self.errors.insert(error.partition().clone(), error);
    }

    pub(super) fn notice(&mut self, notice: FetchNotice) {
        if self.notices.len() == NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    pub(super) fn next_error(&mut self) -> Option<FetchError> {
        self.errors.pop_first().map(|(_, error)| error)
    }

    /// What stands in the way of a partition, as long as it was not told.
    pub(super) fn error_of(&self, partition: &TopicPartition) -> Option<&FetchError> {
        self.errors.get(partition)
    }

    pub(super) fn has_error(&self) -> bool {
        !self.errors.is_empty()
    }

    pub(super) fn next_notice(&mut self) -> Option<FetchNotice> {
        self.notices.pop_front()
    }

    /// An error about a position that is no more.
    pub(super) fn forget_error(&mut self, partition: &TopicPartition) {
        self.errors.remove(partition);
    }
}
