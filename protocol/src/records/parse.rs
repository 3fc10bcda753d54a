//! The few nom parsers that batches and records are made of.
//!
//! They take and give plain `&[u8]`, and every one is inlined: a record is read in some 10 ns, so that a call that
//! is not inlined shows. Kafka's integers here come in two forms: fixed, most significant byte first, and
//! variable-length with the sign in the lowest bit ("zigzag", as in Protocol Buffers).

use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult};

use super::error::RecordErrorKind;

/// What a parser gives: the rest of the input, and a value.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, Fault>;

/// Why a parser failed, and how many bytes were left at that point. (What was consumed follows from that: whoever
/// knows the whole input can tell where it happened.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: RecordErrorKind,
    pub(super) left: usize,
}

impl ParseError<&[u8]> for Fault {
    fn from_error_kind(input: &[u8], _: ErrorKind) -> Self {
        Self { kind: RecordErrorKind::Truncated, left: input.len() }
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Ends parsing: nothing else is worth trying.
#[cold]
pub(super) fn fail<T>(input: &[u8], kind: RecordErrorKind) -> Parsed<'_, T> {
    Err(Err::Failure(Fault { kind, left: input.len() }))
}

/// An error of a parser that was given only the front of an input, as one of the whole: `rest` lies behind it.
#[cold]
pub(super) fn within(error: Err<Fault>, rest: &[u8]) -> Err<Fault> {
    error.map(|fault: Fault| Fault { left: fault.left + rest.len(), ..fault })
}

/// Why a parser failed, without where.
#[cold]
pub(super) fn kind(error: Err<Fault>) -> RecordErrorKind {
    match error {
        Err::Error(fault) | Err::Failure(fault) => fault.kind,
        Err::Incomplete(_) => RecordErrorKind::Truncated,
    }
}

/// Exactly `N` bytes.
#[inline(always)]
pub(super) fn array<const N: usize>(i: &[u8]) -> Parsed<'_, [u8; N]> {
    match i.split_first_chunk() {
        Some((bytes, rest)) => Ok((rest, *bytes)),
        None => fail(i, RecordErrorKind::Truncated),
    }
}

/// Exactly `length` bytes, borrowed.
#[inline(always)]
pub(super) fn take(i: &[u8], length: usize) -> Parsed<'_, &[u8]> {
    match i.split_at_checked(length) {
        Some((taken, rest)) => Ok((rest, taken)),
        None => fail(i, RecordErrorKind::Truncated),
    }
}

#[inline(always)]
pub(super) fn int8(i: &[u8]) -> Parsed<'_, i8> {
    array(i).map(|(i, bytes)| (i, i8::from_be_bytes(bytes)))
}

#[inline(always)]
pub(super) fn int16(i: &[u8]) -> Parsed<'_, i16> {
    array(i).map(|(i, bytes)| (i, i16::from_be_bytes(bytes)))
}

#[inline(always)]
pub(super) fn int32(i: &[u8]) -> Parsed<'_, i32> {
    array(i).map(|(i, bytes)| (i, i32::from_be_bytes(bytes)))
}

#[inline(always)]
pub(super) fn int64(i: &[u8]) -> Parsed<'_, i64> {
    array(i).map(|(i, bytes)| (i, i64::from_be_bytes(bytes)))
}

#[inline(always)]
pub(super) fn uint32(i: &[u8]) -> Parsed<'_, u32> {
    array(i).map(|(i, bytes)| (i, u32::from_be_bytes(bytes)))
}

/// Bytes after a fixed length; any negative length is null, as Kafka reads it.
#[inline(always)]
pub(super) fn nullable_bytes(i: &[u8]) -> Parsed<'_, Option<&[u8]>> {
    let (i, length) = int32(i)?;
    nullable(i, length)
}

/// Bytes after a variable-length length; any negative length is null, as Kafka reads it.
#[inline(always)]
pub(super) fn nullable_varbytes(i: &[u8]) -> Parsed<'_, Option<&[u8]>> {
    let (i, length) = varint(i)?;
    nullable(i, length)
}

#[inline(always)]
fn nullable(i: &[u8], length: i32) -> Parsed<'_, Option<&[u8]>> {
    match usize::try_from(length) {
        Ok(length) => take(i, length).map(|(i, bytes)| (i, Some(bytes))),
        Err(_) => Ok((i, None)),
    }
}

/// A variable-length int32. Lengths and small deltas take one or two bytes, which is the fast path.
#[inline(always)]
pub(super) fn varint(i: &[u8]) -> Parsed<'_, i32> {
    let (i, raw) = match *i {
        [a, ref rest @ ..] if a < 0x80 => (rest, u32::from(a)),
        [a, b, ref rest @ ..] if b < 0x80 => (rest, u32::from(a & 0x7f) | u32::from(b) << 7),
        _ => long_varint(i)?,
    };
    Ok((i, (raw >> 1) as i32 ^ -((raw & 1) as i32)))
}

/// A variable-length int64, for timestamp deltas.
#[inline(always)]
pub(super) fn varlong(i: &[u8]) -> Parsed<'_, i64> {
    let (i, raw) = match *i {
        [a, ref rest @ ..] if a < 0x80 => (rest, u64::from(a)),
        [a, b, ref rest @ ..] if b < 0x80 => (rest, u64::from(a & 0x7f) | u64::from(b) << 7),
        _ => long_varlong(i)?,
    };
    Ok((i, (raw >> 1) as i64 ^ -((raw & 1) as i64)))
}

/// At most 5 bytes, of the last of which only the bits that fit are kept, as Kafka does.
#[inline(never)]
fn long_varint(i: &[u8]) -> Parsed<'_, u32> {
    let mut value = 0;
    for (index, &byte) in i.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((&i[index + 1..], value));
        }
    }
    fail(i, if i.len() < 5 { RecordErrorKind::Truncated } else { RecordErrorKind::Varint })
}

/// At most 10 bytes.
#[inline(never)]
fn long_varlong(i: &[u8]) -> Parsed<'_, u64> {
    let mut value = 0;
    for (index, &byte) in i.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((&i[index + 1..], value));
        }
    }
    fail(i, if i.len() < 10 { RecordErrorKind::Truncated } else { RecordErrorKind::Varint })
}

/// Appends a variable-length int32.
pub(super) fn write_varint(out: &mut Vec<u8>, value: i32) {
    write_varlong(out, i64::from(value));
}

/// Appends a variable-length int64. (An int32 has the same bytes in both forms: its zigzag form is the same number.)
pub(super) fn write_varlong(out: &mut Vec<u8>, value: i64) {
    let mut raw = zigzag(value);
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// How many bytes [`write_varlong`] takes for a value.
pub(super) fn varlong_size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_as_they_were_written() {
        for value in [0, -1, 1, 63, -64, 64, -65, 8191, 8192, 1 << 20, -(1 << 27), i32::MAX, i32::MIN] {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            assert_eq!(varint(&out), Ok((&[][..], value)));
            assert_eq!(varlong(&out), Ok((&[][..], i64::from(value))));
            assert_eq!(varlong_size(i64::from(value)), out.len());
            for end in 0..out.len() {
                let fault = Fault { kind: RecordErrorKind::Truncated, left: end };
                assert_eq!(varint(&out[..end]), Err(Err::Failure(fault)));
            }
        }
        for value in [i64::MAX, i64::MIN, 1 << 40, -(1 << 62)] {
            let mut out = Vec::new();
            write_varlong(&mut out, value);
            assert_eq!(varlong(&out), Ok((&[][..], value)));
            assert_eq!(varlong_size(value), out.len());
        }
    }

    #[test]
    fn a_varint_without_an_end_is_an_error() {
        let bytes = [0x80; 12];
        assert_eq!(varint(&bytes), Err(Err::Failure(Fault { kind: RecordErrorKind::Varint, left: 12 })));
        assert_eq!(varlong(&bytes), Err(Err::Failure(Fault { kind: RecordErrorKind::Varint, left: 12 })));
    }

    #[test]
    fn any_negative_length_is_null() {
        assert_eq!(nullable_bytes(&[0xff, 0xff, 0xff, 0xfe, 9]), Ok((&[9][..], None)));
        assert_eq!(nullable_varbytes(&[3, 9]), Ok((&[9][..], None)));
        assert_eq!(nullable_varbytes(&[0, 9]), Ok((&[9][..], Some(&[][..]))));
    }
}
