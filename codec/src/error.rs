//! What can go wrong on a connection.

use std::{fmt, io};

use milena_protocol::{DecodeError, EncodeError};

use crate::Stranger;

/// Why a frame could not be read or written.
///
/// After an error while reading, the place of the next frame is not known: the connection is to be closed. After an
/// error while writing nothing has been written, and the connection can be used on.
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The connection failed.
    Io(io::Error),
    /// The peer closed the connection in the middle of a frame.
    ClosedInFrame {
        /// How many bytes of the frame had come, its length included.
        received: usize,
    },
    /// A frame that the peer sent is no message.
    Decode(DecodeError),
    /// A message that was to be sent cannot be written in its version.
    Encode(EncodeError),
    /// A frame is larger than the limit. When reading that is
    /// [`Limits::frame_bytes`](milena_protocol::Limits::frame_bytes), when writing what the length can say.
    FrameTooLarge {
        /// The size of the frame, in bytes, without its length.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The peer announced a frame of less than no bytes.
    NegativeLength(i32),
    /// The peer speaks another protocol.
    NotKafka(Stranger),
    /// The peer answered another request than the one whose turn it was.
    UnexpectedCorrelation {
        /// The correlation id of the oldest request without an answer; `None` where no request waits for one.
        expected: Option<i32>,
        /// The correlation id in the response.
        found: i32,
    },
    /// As many requests as allowed wait for their responses; see
    /// [`ClientCodec::max_in_flight`](crate::ClientCodec::max_in_flight).
    TooManyInFlight {
        /// How many are allowed.
        limit: usize,
    },
}

impl CodecError {
    /// Whether the same can succeed later: on a new connection, or here once a response has come
    /// ([`TooManyInFlight`](Self::TooManyInFlight)). All other errors are the mistake of one of the two sides.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Io(_) | Self::ClosedInFrame { .. } | Self::TooManyInFlight { .. })
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::ClosedInFrame { received } => {
                write!(f, "the peer closed the connection after {received} bytes of a frame")
            }
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::FrameTooLarge { size, limit } => {
                write!(f, "frame of {size} bytes, over the limit of {limit}")
            }
            Self::NegativeLength(length) => write!(f, "frame of {length} bytes"),
            Self::NotKafka(stranger) => write!(f, "{stranger}: {}", stranger.advice()),
            Self::UnexpectedCorrelation { expected: Some(expected), found } => {
                write!(f, "response with correlation id {found}, when {expected} was due")
            }
            Self::UnexpectedCorrelation { expected: None, found } => {
                write!(f, "response with correlation id {found}, when no request was waiting for one")
            }
            Self::TooManyInFlight { limit } => {
                write!(f, "{limit} requests wait for their responses, and no more are allowed")
            }
        }
    }
}

impl std::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Their text is this error's text already: the source is what comes below them.
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<DecodeError> for CodecError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for CodecError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}
