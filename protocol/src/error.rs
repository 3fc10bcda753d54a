//! What can go wrong between bytes and values.

use std::fmt;

use crate::Api;

/// Bytes that are no such message: which message, which field, which byte.
///
/// Displayed as `OffsetFetch response v7: groupId: length -5 at byte 37`. Bytes are counted from the start of what was
/// parsed: with [`Request::parse`](crate::Request::parse) that is the frame, headers included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeError {
    /// The message, as in "OffsetFetch response".
    pub message: &'static str,
    /// The version it was read as.
    pub version: i16,
    /// The innermost field in which parsing stopped, by Kafka's name; `None` between fields.
    pub field: Option<&'static str>,
    /// How many bytes come before the offending ones.
    pub offset: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// What is wrong with bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The value needs more bytes than are left.
    Truncated {
        /// The size of the value, in bytes.
        needed: usize,
        /// How many bytes there are.
        left: usize,
    },
    /// An array claims more elements than there are bytes left.
    TooManyElements {
        /// How many elements it claims.
        count: usize,
        /// How many bytes there are.
        left: usize,
    },
    /// A length is negative, and not the -1 that means null.
    NegativeLength(i32),
    /// Null, in a field or a version that has no null.
    UnexpectedNull,
    /// A string is not UTF-8.
    InvalidUtf8,
    /// A string of more bytes than Kafka lets one have, 32,767: this many. Nor could it be written.
    StringTooLong(usize),
    /// A variable-length number has more than 32 bits.
    VarintTooLong,
    /// Bytes are left after the end of the message or tagged field: this many.
    TrailingBytes(usize),
    /// milena does not know this version of the message.
    UnsupportedVersion {
        /// The oldest version it knows.
        oldest: i16,
        /// The newest version it knows.
        newest: i16,
    },
    /// The frame is larger than the limit that the caller set.
    FrameTooLarge {
        /// The size of the frame, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The response answers another request.
    CorrelationMismatch {
        /// The id of the request that was to be answered.
        expected: i32,
        /// The id in the response.
        found: i32,
    },
    /// No request waits for a response.
    NotAsked {
        /// The id in the response.
        found: i32,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}: ", self.message, self.version)?;
        if let Some(field) = self.field {
            write!(f, "{field}: ")?;
        }
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, left } => write!(f, "{needed} bytes needed, {left} left"),
            Self::TooManyElements { count, left } => write!(f, "{count} elements claimed, {left} bytes left"),
            Self::NegativeLength(length) => write!(f, "length {length}"),
            Self::UnexpectedNull => f.write_str("null where none is allowed"),
            Self::InvalidUtf8 => f.write_str("string that is not UTF-8"),
            Self::StringTooLong(length) => write!(f, "string of {length} bytes"),
            Self::VarintTooLong => f.write_str("varint of more than 32 bits"),
            Self::TrailingBytes(count) => write!(f, "{count} bytes too many"),
            Self::UnsupportedVersion { oldest, newest } => {
                write!(f, "version not among the known ones, {oldest} to {newest},")
            }
            Self::FrameTooLarge { size, limit } => {
                write!(f, "frame of {size} bytes, over the limit of {limit},")
            }
            Self::CorrelationMismatch { expected, found } => {
                write!(f, "correlation id {found}, not {expected},")
            }
            Self::NotAsked { found } => write!(f, "correlation id {found}, when no response was due,"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A value that the version of the message cannot carry.
///
/// Displayed as `JoinGroup request v3: groupInstanceId: set, but this version cannot carry it`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodeError {
    /// The message, as in "JoinGroup request".
    pub message: &'static str,
    /// The version it was to be written as.
    pub version: i16,
    /// The innermost field that cannot be written, by Kafka's name.
    pub field: &'static str,
    /// Why not.
    pub kind: EncodeErrorKind,
}

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The field is set, and this version lacks it; its loss would change what the message means.
    NotInVersion,
    /// Null, in a field or a version that has no null.
    UnexpectedNull,
    /// Longer than the wire can say.
    TooLong {
        /// The length of the value: bytes or elements.
        length: usize,
    },
    /// milena does not know this version of the message.
    UnsupportedVersion {
        /// The oldest version it knows.
        oldest: i16,
        /// The newest version it knows.
        newest: i16,
    },
    /// The header in front of it is that of another API.
    WrongApi {
        /// The key that the header has.
        api_key: i16,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}: ", self.message, self.version)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        self.kind.fmt(f)
    }
}

impl fmt::Display for EncodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotInVersion => f.write_str("set, but this version cannot carry it"),
            Self::UnexpectedNull => f.write_str("null where none is allowed"),
            Self::TooLong { length } => write!(f, "length {length} is more than the wire can say"),
            Self::UnsupportedVersion { oldest, newest } => {
                write!(f, "the known versions are {oldest} to {newest}")
            }
            Self::WrongApi { api_key } => match Api::from_key(api_key) {
                Some(api) => write!(f, "behind the header of {api}"),
                None => write!(f, "behind the header of the API with key {api_key}"),
            },
        }
    }
}

impl std::error::Error for EncodeError {}
