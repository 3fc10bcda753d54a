//! What can go wrong with a consumer or a producer.

use std::fmt;
use std::time::Duration;

use milena_protocol::ErrorCode;

use crate::config::ConfigError;
use crate::core::fetch_report::FetchError;
use crate::delivery::CorruptRecords;
use crate::deserialize::RecordDeserializationError;

/// Why a call to a consumer or a producer failed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be used.
    Config(ConfigError),
    /// No broker could be reached since the consumer was made; tells why the last attempt failed.
    Unreachable {
        /// The address that was tried last, as in `host:9092`.
        address: String,
        /// What happened there.
        cause: String,
    },
    /// The connection to a broker could not be made, or broke before the answer came.
    Disconnected {
        /// The broker's address, as in `host:9092`.
        address: String,
        /// What happened there.
        cause: String,
    },
    /// What a broker sends in answer to an API cannot be read, or a request of it cannot be written, time and again. It is
    /// tried on; what went wrong is the mistake of one of the two sides. Where frames are too large, see
    /// [`fetch_max_bytes`](crate::Config::fetch_max_bytes).
    Misunderstood {
        /// The broker's address, as in `host:9092`.
        address: String,
        /// The API's name.
        api: &'static str,
        /// What went wrong the last time.
        cause: String,
    },
    /// The call was not through in time.
    Timeout {
        /// What it was doing, as in "committing offsets".
        doing: &'static str,
        /// How long it had.
        after: Duration,
    },
    /// A broker refused.
    Broker {
        /// What it refused, as in "joining the group".
        doing: &'static str,
        /// Its reason.
        code: ErrorCode,
    },
    /// A broker refused to tell of a topic.
    Topic {
        /// The topic's name.
        topic: String,
        /// The broker's reason.
        code: ErrorCode,
    },
    /// Too many lookups are under way. One that is dropped goes on until it is through, or its time is up.
    TooManyLookups,
    /// A broker refused, and said why.
    Refused {
        /// What it refused, as in "taking part in the group".
        doing: &'static str,
        /// Its reason.
        code: ErrorCode,
        /// The same in its words; empty for none.
        message: String,
    },
    /// A broker does not speak any version of an API that milena knows.
    Unsupported {
        /// The API's name.
        api: &'static str,
    },
    /// The group is changing hands (Kafka's `RebalanceInProgressException`): nothing was committed. Poll, then
    /// commit again what this consumer still has. Without a poll it would fail again, so it is not
    /// [retriable](Self::is_retriable).
    RebalanceInProgress,
    /// This consumer is no longer in its group (Kafka's `CommitFailedException`): others may have its partitions, and
    /// nothing was committed. Poll to join again.
    CommitFailed,
    /// Another consumer has taken over this `group.instance.id` (KIP-345). This one is to be closed: each poll says so
    /// again, and only a new subscription takes the id back.
    Fenced,
    /// Another consumer that has not left the group has this `group.instance.id` (KIP-848). Close the other one, or wait
    /// until its session is over, and subscribe again.
    InstanceIdInUse,
    /// The group's assignor gives a partition to one member while another still has it, although the group rebalances
    /// cooperatively (KIP-429): both would read it. Mend the assignor; the group waits meanwhile.
    UnsafeAssignment {
        /// The assignor's name.
        assignor: String,
        /// The partition's topic.
        topic: String,
        /// Its number.
        partition: i32,
    },
    /// The broker, or this group, does not know the consumer protocol (KIP-848): set `group.protocol=classic`.
    NoConsumerProtocol,
    /// The call cannot be meant as it was made; says why.
    Misuse(&'static str),
    /// That is no regular expression; says where it goes wrong.
    Pattern(String),
    /// The group has members, which would go on by themselves: its offsets can be set, and it can be deleted, only when
    /// all have left.
    GroupNotEmpty {
        /// The group.
        group: String,
    },
    /// The call needs a `group.id`, and the configuration has none.
    NoGroup,
    /// The consumer does not have that partition.
    NotAssigned {
        /// Its topic.
        topic: String,
        /// Its number.
        partition: i32,
    },
    /// A partition cannot be read.
    Fetch(FetchError),
    /// Records cannot be read: they are broken, or their compression is not known.
    Records(CorruptRecords),
    /// The key or the value of a record is not what its deserializer reads. The consumer goes on behind it.
    Deserialization(RecordDeserializationError),
    /// [`Wakeup::wakeup`](crate::Wakeup::wakeup) was called.
    Wakeup,
    /// A record was not delivered, or nobody knows whether it was.
    NotDelivered {
        /// Its topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// The broker's reason; `None` where no broker has refused it: then it may be in the log all the same.
        code: Option<ErrorCode>,
        /// What happened, for people to read; may be empty where there is a code.
        reason: String,
    },
    /// A record is larger than a property allows.
    RecordTooLarge {
        /// Bytes that it takes.
        bytes: usize,
        /// Bytes that it may take.
        limit: usize,
        /// The property's name.
        property: &'static str,
    },
    /// Too many records wait for room in `buffer.memory` or for their topic, so that this one was not taken.
    BufferFull {
        /// `buffer.memory`, in bytes.
        limit: usize,
    },
    /// The consumer or producer is closed, or its runtime is.
    Closed,
}

impl Error {
    /// Whether the same call can succeed later without anything else being done.
    pub fn is_retriable(&self) -> bool {
        match self {
            Error::Unreachable { .. } | Error::Disconnected { .. } | Error::Timeout { .. } => true,
            Error::Wakeup | Error::TooManyLookups | Error::BufferFull { .. } => true,
            Error::NotDelivered { code, .. } => code.is_none_or(ErrorCode::is_retriable),
            Error::Broker { code, .. } | Error::Topic { code, .. } | Error::Refused { code, .. } => {
                code.is_retriable()
            }
            Error::Fetch(error) => error.is_retriable(),
            Error::Records(error) => error.is_retriable(),
            _ => false,
        }
    }

    /// Whether the consumer or producer is at its end and is to be closed: its next calls fail in the same way. After any other
    /// error of a poll the application may go on with the same consumer.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Error::Fenced
                | Error::Unsupported { .. }
                | Error::NoConsumerProtocol
                | Error::Config(_)
                | Error::Closed
        )
    }

    /// The broker's error code, where it is one that the broker gave.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Error::Broker { code, .. } | Error::Topic { code, .. } | Error::Refused { code, .. } => {
                Some(*code)
            }
            Error::NotDelivered { code, .. } => *code,
            Error::RebalanceInProgress => Some(ErrorCode::REBALANCE_IN_PROGRESS),
            Error::Fenced => Some(ErrorCode::FENCED_INSTANCE_ID),
            Error::InstanceIdInUse => Some(ErrorCode::UNRELEASED_INSTANCE_ID),
            Error::NoConsumerProtocol => Some(ErrorCode::UNSUPPORTED_VERSION),
            Error::Fetch(error) => error.code(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(error) => error.fmt(f),
            Error::Unreachable { address, cause } => {
                write!(f, "no broker can be reached; {address}: {cause}")
            }
            Error::Disconnected { address, cause } => write!(f, "{address}: {cause}"),
            Error::Misunderstood { address, api, cause } => {
                write!(f, "{address} and this client do not understand each other in {api}: {cause}")
            }
            Error::Timeout { doing, after } => {
                let after_ms = after.as_secs_f64() * 1000.0;
                write!(f, "{doing} was not done after {:?}", Duration::from_millis(after_ms.round() as u64))
            }
            Error::Broker { doing, code } => write!(f, "{doing}: {code}"),
            Error::Topic { topic, code } => write!(f, "asking about topic {topic}: {code}"),
            Error::TooManyLookups => f.write_str("too many lookups are under way"),
            Error::Refused { doing, code, message } if message.is_empty() => write!(f, "{doing}: {code}"),
            Error::Refused { doing, code, message } => write!(f, "{doing}: {code}: {message}"),
            Error::Unsupported { api } => {
                write!(f, "the broker speaks no version of {api} that milena knows")
            }
            Error::RebalanceInProgress => f.write_str("the group is rebalancing, and nothing was committed"),
            Error::CommitFailed => {
                f.write_str("this consumer is no longer in its group, and nothing was committed")
            }
            Error::Fenced => f.write_str("another consumer has the same group.instance.id"),
            Error::InstanceIdInUse => f.write_str(
                "another consumer that has not left the group has the same group.instance.id; close it, or wait until its \
                 session is over",
            ),
            Error::NoConsumerProtocol => f.write_str(
                "the broker or the group does not know the consumer protocol; set group.protocol=classic",
            ),
            Error::UnsafeAssignment { assignor, topic, partition } => {
                write!(f, "the assignor {assignor} gives {topic}-{partition} away while a member still has it")
            }
            Error::Misuse(why) => f.write_str(why),
            Error::Pattern(problem) => write!(f, "no regular expression: {problem}"),
            Error::GroupNotEmpty { group } => {
                write!(f, "group {group} has members; its offsets stay as they are until all have left")
            }
            Error::NoGroup => f.write_str("group.id is not set"),
            Error::NotAssigned { topic, partition } => {
                write!(f, "{topic}-{partition} is not assigned to this consumer")
            }
            Error::Fetch(error) => error.fmt(f),
            Error::Records(error) => error.fmt(f),
            Error::Deserialization(error) => error.fmt(f),
            Error::Wakeup => f.write_str("woken up"),
            Error::NotDelivered { topic, partition, code, reason } => {
                write!(f, "a record for {topic}-{partition} was not delivered")?;
                code.iter().try_for_each(|code| write!(f, ": {code}"))?;
                if reason.is_empty() { Ok(()) } else { write!(f, ": {reason}") }
            }
            Error::RecordTooLarge { bytes, limit, property } => {
                write!(f, "a record takes {bytes} bytes, and {property} is {limit}")
            }
            Error::BufferFull { limit } => {
                write!(f, "buffer.memory ({limit} bytes) is full, and as much waits already")
            }
            Error::Closed => f.write_str("closed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Their own words are this error's, and what lies behind them is not said yet.
            Error::Deserialization(error) => error.source(),
            _ => None,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Error::Config(error)
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        Error::Fetch(error)
    }
}

impl From<CorruptRecords> for Error {
    fn from(error: CorruptRecords) -> Self {
        Error::Records(error)
    }
}

impl From<RecordDeserializationError> for Error {
    fn from(error: RecordDeserializationError) -> Self {
        Error::Deserialization(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fatal_is_not_retriable() {
        let unsupported = Error::Unsupported { api: "JoinGroup" };
        for error in [Error::Fenced, unsupported, Error::NoConsumerProtocol, Error::Closed] {
            assert!(error.is_fatal() && !error.is_retriable(), "{error}");
        }
        let doing = "looking up topics";
        for error in [Error::Wakeup, Error::CommitFailed, Error::Timeout { doing, after: Duration::ZERO }] {
            assert!(!error.is_fatal(), "{error}");
        }
    }

    #[test]
    fn times_are_told_as_people_say_them() {
        let after = Duration::from_nanos(9_999_854_742);
        let error = Error::Timeout { doing: "looking up topics", after };
        assert_eq!(error.to_string(), "looking up topics was not done after 10s");
    }

    /// Nothing is joined without a poll, and so a loop around a commit would never end (T8).
    #[test]
    fn t8_a_commit_that_met_a_rebalance_is_not_made_again_without_a_poll() {
        assert!(!Error::RebalanceInProgress.is_retriable());
        assert!(!Error::CommitFailed.is_retriable());
    }
}
