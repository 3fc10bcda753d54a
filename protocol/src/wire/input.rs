//! What a parser reads from, and how it fails.

use std::ops::RangeBounds;

use bytes::Bytes;
use nom::{IResult, Parser};

use crate::error::DecodeErrorKind;

/// The unread rest of a frame, with what a parser must know to read it.
///
/// It is `Copy`, so that every parser is a plain nom parser `fn(Input) -> Parsed<T>`.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The bytes that no parser took yet.
    pub rest: &'a [u8],
    /// The whole frame: strings and blobs are slices of it, not copies.
    pub(super) frame: &'a Bytes,
    /// The version of the message that is read.
    pub version: i16,
    /// Whether this version has compact lengths and tagged fields (KIP-482).
    pub flexible: bool,
}

/// What a parser gives back: the rest of the input and the value, or a [`Flaw`].
pub type Parsed<'a, T> = IResult<Input<'a>, T, Flaw>;

/// Why a parser gave up and where; [`DecodeError`](crate::DecodeError) adds which message it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub(crate) kind: DecodeErrorKind,
    pub(crate) offset: usize,
    pub(crate) field: Option<&'static str>,
}

impl<'a> Input<'a> {
    /// The whole of `frame`, as a message of `version`.
    pub fn new(frame: &'a Bytes, version: i16, flexible: bool) -> Self {
        Input { rest: frame, frame, version, flexible }
    }

    /// How many bytes of the frame lie before the unread ones.
    pub fn offset(&self) -> usize {
        // By address, because the value of a tagged field ends before its frame does.
        self.rest.as_ptr() as usize - self.frame.as_ptr() as usize
    }

    /// `slice`, which a parser took from this input, as a part of the frame that can outlive it.
    pub fn share(&self, slice: &'a [u8]) -> Bytes {
        self.frame.slice_ref(slice)
    }

    /// The same message at other bytes of the same frame.
    pub(crate) fn at(self, rest: &'a [u8]) -> Self {
        Input { rest, ..self }
    }

    /// Fails here. There is no way back from a failure: every alternative was decided by the version.
    pub(crate) fn fail<T>(self, kind: DecodeErrorKind) -> Parsed<'a, T> {
        Err(nom::Err::Failure(Flaw { kind, offset: self.offset(), field: None }))
    }

    /// Runs a parser of plain bytes that reads `needed` of them.
    pub(crate) fn take<T>(
        self,
        needed: usize,
        mut parser: impl Parser<&'a [u8], Output = T, Error = ()>,
    ) -> Parsed<'a, T> {
        match parser.parse(self.rest) {
            Ok((rest, value)) => Ok((self.at(rest), value)),
            Err(_) => self.fail(DecodeErrorKind::Truncated { needed, left: self.rest.len() }),
        }
    }
}

/// A field of a message: read by `parser` in `versions`, the type's default in all others.
pub fn field<'a, T: Default>(
    name: &'static str,
    versions: impl RangeBounds<i16>,
    parser: impl FnOnce(Input<'a>) -> Parsed<'a, T>,
) -> impl FnOnce(Input<'a>) -> Parsed<'a, T> {
    field_or(name, versions, T::default(), parser)
}

/// A field whose default is Kafka's and not the type's: -1 for most offsets, epochs and ids.
pub fn field_or<'a, T>(
    name: &'static str,
    versions: impl RangeBounds<i16>,
    default: T,
    parser: impl FnOnce(Input<'a>) -> Parsed<'a, T>,
) -> impl FnOnce(Input<'a>) -> Parsed<'a, T> {
    move |i| {
        if versions.contains(&i.version) {
            parser(i).map_err(|flaw| in_field(name, flaw))
        } else {
            Ok((i, default))
        }
    }
}

/// Names the field in which a parser failed; the innermost field wins.
#[cold]
pub(crate) fn in_field(name: &'static str, flaw: nom::Err<Flaw>) -> nom::Err<Flaw> {
    flaw.map(|flaw| Flaw { field: flaw.field.or(Some(name)), ..flaw })
}
