//! What a parser reads from, and how it fails.

use std::ops::RangeBounds;

use bytes::Bytes;
use nom::IResult;

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
    mode: Mode,
}

/// The version, and whether it is flexible in the bit above.
///
/// One word, so that an `Input` is nothing but words: a compiler moves smaller fields, or what lies behind padding, in
/// odd pieces, which costs more than the parsing does.
#[derive(Clone, Copy, Debug)]
struct Mode(u64);

impl Mode {
    const FLEXIBLE: u64 = 1 << 16;
}

/// What a parser gives back: the rest of the input and the value, or a [`Flaw`].
pub type Parsed<'a, T> = IResult<Input<'a>, T, Flaw>;

/// What a parser that is called rather than inlined gives back: of its input only what it did not read.
///
/// The rest of an [`Input`] never changes, and so need not travel through memory.
pub(super) type Split<'a, T> = Result<(&'a [u8], T), nom::Err<Flaw>>;

/// Why a parser gave up and where; [`DecodeError`](crate::DecodeError) adds which message it was.
///
/// It is in a box since every parser's result has room for one: a small one makes the parsers that succeed faster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw(pub(crate) Box<FlawDetails>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlawDetails {
    pub(crate) kind: DecodeErrorKind,
    pub(crate) offset: usize,
    pub(crate) field: Option<&'static str>,
}

impl<'a> Input<'a> {
    /// The whole of `frame`, as a message of `version`.
    pub fn new(frame: &'a Bytes, version: i16, flexible: bool) -> Self {
        let flexible = if flexible { Mode::FLEXIBLE } else { 0 };
        Input { rest: frame, frame, mode: Mode(u64::from(version as u16) | flexible) }
    }

    /// The same bytes, as a message of `version`.
    pub(crate) fn of(self, version: i16, flexible: bool) -> Self {
        Input { rest: self.rest, ..Input::new(self.frame, version, flexible) }
    }

    /// The version of the message that is read.
    #[inline(always)]
    pub fn version(&self) -> i16 {
        self.mode.0 as i16
    }

    /// Whether this version has compact lengths and tagged fields (KIP-482).
    #[inline(always)]
    pub fn is_flexible(&self) -> bool {
        self.mode.0 & Mode::FLEXIBLE != 0
    }

    /// The same input, read with lengths that are not compact.
    pub(crate) fn plain(self) -> Self {
        Input { mode: Mode(self.mode.0 & !Mode::FLEXIBLE), ..self }
    }

    /// How many bytes of the frame lie before the unread ones.
    pub fn offset(&self) -> usize {
        // By address, because the value of a tagged field ends before its frame does.
        self.rest.as_ptr() as usize - self.frame.as_ptr() as usize
    }

    /// `slice`, which a parser took from this input, as a part of the frame that can outlive it.
    #[inline]
    pub fn share(&self, slice: &'a [u8]) -> Bytes {
        self.frame.slice_ref(slice)
    }

    /// The same message at other bytes of the same frame.
    #[inline(always)]
    pub(crate) fn at(self, rest: &'a [u8]) -> Self {
        Input { rest, ..self }
    }

    /// Fails here. There is no way back from a failure: every alternative was decided by the version.
    // Inlined down to the `Err`, so that a compiler sees that no value comes of it.
    #[inline(always)]
    pub(crate) fn fail<T>(self, kind: DecodeErrorKind) -> Parsed<'a, T> {
        Err(self.flaw(kind))
    }

    /// What is wrong here.
    #[inline(always)]
    pub(super) fn flaw(self, kind: DecodeErrorKind) -> nom::Err<Flaw> {
        nom::Err::Failure(Flaw::new(kind, self.offset()))
    }

    /// Takes `N` bytes, as a number has them. (nom's own parsers of numbers put them together byte by byte.)
    #[inline(always)]
    pub(crate) fn array<const N: usize>(self) -> Parsed<'a, [u8; N]> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => Ok((self.at(rest), *bytes)),
            None => self.truncated(N),
        }
    }

    /// Takes `length` bytes.
    #[inline(always)]
    pub(crate) fn take(self, length: usize) -> Parsed<'a, &'a [u8]> {
        match self.rest.split_at_checked(length) {
            Some((bytes, rest)) => Ok((self.at(rest), bytes)),
            None => self.truncated(length),
        }
    }

    #[inline(always)]
    pub(crate) fn truncated<T>(self, needed: usize) -> Parsed<'a, T> {
        self.fail(DecodeErrorKind::Truncated { needed, left: self.rest.len() })
    }
}

impl Flaw {
    // Not given the `Input`, which would have to be in memory for it.
    #[cold]
    fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Flaw(Box::new(FlawDetails { kind, offset, field: None }))
    }
}

/// A field of a message: read by `parser` in `versions`, the type's default in all others.
#[inline]
pub fn field<'a, T: Default>(
    name: &'static str,
    versions: impl RangeBounds<i16>,
    parser: impl FnOnce(Input<'a>) -> Parsed<'a, T>,
) -> impl FnOnce(Input<'a>) -> Parsed<'a, T> {
    field_or(name, versions, T::default(), parser)
}

/// A field whose default is Kafka's and not the type's: -1 for most offsets, epochs and ids.
#[inline]
pub fn field_or<'a, T>(
    name: &'static str,
    versions: impl RangeBounds<i16>,
    default: T,
    parser: impl FnOnce(Input<'a>) -> Parsed<'a, T>,
) -> impl FnOnce(Input<'a>) -> Parsed<'a, T> {
    move |i| {
        if versions.contains(&i.version()) {
            match parser(i) {
                Ok((after, value)) => Ok((i.at(after.rest), value)),
                Err(flaw) => Err(in_field(name, flaw)),
            }
        } else {
            Ok((i, default))
        }
    }
}

/// Names the field in which a parser failed; the innermost field wins.
#[cold]
pub(crate) fn in_field(name: &'static str, flaw: nom::Err<Flaw>) -> nom::Err<Flaw> {
    flaw.map(|mut flaw| {
        flaw.0.field.get_or_insert(name);
        flaw
    })
}
