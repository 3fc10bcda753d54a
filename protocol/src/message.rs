//! What all messages have in common.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::wire::{Flaw, FlawDetails, Input, Wire, Writer};

/// A message: a request, a response, a header, or a blob that travels inside one.
///
/// ```
/// use bytes::Bytes;
/// use milena_protocol::Message;
/// use milena_protocol::messages::OffsetFetchResponse;
///
/// let body = Bytes::from_static(&[0, 0, 0, 9, 0, 0, 0, 0, 0, 16]);
/// let response = OffsetFetchResponse::read(&body, 3)?;
/// assert_eq!(response.throttle_time_ms, 9);
/// assert_eq!(response.error_code.to_string(), "NOT_COORDINATOR (16)");
/// assert_eq!(response.to_bytes(3).unwrap(), body);
/// # Ok::<(), milena_protocol::DecodeError>(())
/// ```
pub trait Message: Wire + Clone + Debug + Default + PartialEq {
    /// What errors call it, as in "OffsetFetch response".
    const NAME: &'static str;
    /// The versions that exist.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields; `None` where there is none.
    const FIRST_FLEXIBLE: Option<i16>;

    /// Reads the message from the whole of `body`: bytes left over are an error.
    fn read(body: &Bytes, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(unsupported::<Self>(version));
        }
        read_to_end(Input::new(body, version, is_flexible::<Self>(version)), Left::Refused)
    }

    /// Appends the message to `into`; on an error nothing is appended.
    fn write(&self, version: i16, into: &mut BytesMut) -> Result<(), EncodeError> {
        check_writable::<Self>(version)?;
        let start = into.len();
        let mut writer = Writer::new(into, version, is_flexible::<Self>(version));
        self.encode(&mut writer);
        writer.finish().map_err(|(field, kind)| {
            into.truncate(start);
            EncodeError { message: Self::NAME, version, field, kind }
        })
    }

    /// The message as bytes of its own.
    fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut bytes = BytesMut::new();
        self.write(version, &mut bytes)?;
        Ok(bytes.freeze())
    }
}

/// Whether `version` of a message has compact lengths and tagged fields.
pub(crate) fn is_flexible<M: Message>(version: i16) -> bool {
    M::FIRST_FLEXIBLE.is_some_and(|first| version >= first)
}

/// What becomes of bytes after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// They are an error.
    Refused,
    /// They are passed over, as Kafka's broker does.
    PassedOver,
}

/// Parses a message that fills the rest of its frame.
pub(crate) fn read_to_end<M: Message>(i: Input<'_>, after: Left) -> Result<M, DecodeError> {
    let (rest, message) = read_front(i)?;
    match rest.rest.len() {
        left if left == 0 || after == Left::PassedOver => Ok(message),
        left => {
            rest.fail(DecodeErrorKind::TrailingBytes(left)).map(|(_, m)| m).map_err(named::<M>(i.version()))
        }
    }
}

/// Parses a message from the front of its frame.
pub(crate) fn read_front<M: Message>(i: Input<'_>) -> Result<(Input<'_>, M), DecodeError> {
    M::decode(i).map_err(named::<M>(i.version()))
}

/// Refuses a version that the message does not have.
pub(crate) fn check_writable<M: Message>(version: i16) -> Result<(), EncodeError> {
    if M::VERSIONS.contains(&version) {
        return Ok(());
    }
    let kind =
        EncodeErrorKind::UnsupportedVersion { oldest: *M::VERSIONS.start(), newest: *M::VERSIONS.end() };
    Err(EncodeError { message: M::NAME, version, field: "", kind })
}

fn unsupported<M: Message>(version: i16) -> DecodeError {
    let kind =
        DecodeErrorKind::UnsupportedVersion { oldest: *M::VERSIONS.start(), newest: *M::VERSIONS.end() };
    DecodeError { message: M::NAME, version, field: None, offset: 0, kind }
}

/// Adds to a flaw which message it is in.
fn named<M: Message>(version: i16) -> impl FnOnce(nom::Err<Flaw>) -> DecodeError {
    move |flaw| match flaw {
        nom::Err::Failure(flaw) | nom::Err::Error(flaw) => {
            let FlawDetails { kind, offset, field } = *flaw.0;
            DecodeError { message: M::NAME, version, field, offset, kind }
        }
        nom::Err::Incomplete(_) => unreachable!("parsers of whole frames are complete ones"),
    }
}
