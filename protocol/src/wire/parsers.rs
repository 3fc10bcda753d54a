//! Kafka's primitive types, as parsers: each reads one value from the front of its input.

use std::ops::RangeBounds;

use bytes::Bytes;
use nom::bytes::complete::take;
use nom::number::complete::{be_i8, be_i16, be_i32, be_i64, be_u8};

use super::{Input, Parsed, Str, Uuid};
use crate::ErrorCode;
use crate::error::DecodeErrorKind;

/// How many bytes of memory an array may reserve for each byte of input before its elements were seen.
///
/// A count is a claim by the peer. Elements that do come and need more (a compact empty string is one byte on the
/// wire and 32 in memory) make the array grow.
const RESERVED_PER_BYTE: usize = 16;

/// BOOLEAN: one byte; anything but 0 is true.
pub fn bool(i: Input<'_>) -> Parsed<'_, bool> {
    let (i, byte) = i.take(1, be_u8)?;
    Ok((i, byte != 0))
}

/// INT8
pub fn int8(i: Input<'_>) -> Parsed<'_, i8> {
    i.take(1, be_i8)
}

/// INT16, big-endian
pub fn int16(i: Input<'_>) -> Parsed<'_, i16> {
    i.take(2, be_i16)
}

/// INT32, big-endian
pub fn int32(i: Input<'_>) -> Parsed<'_, i32> {
    i.take(4, be_i32)
}

/// INT64, big-endian
pub fn int64(i: Input<'_>) -> Parsed<'_, i64> {
    i.take(8, be_i64)
}

/// UUID: 16 bytes
pub fn uuid(i: Input<'_>) -> Parsed<'_, Uuid> {
    let (i, bytes) = i.take(16, take(16usize))?;
    let mut uuid = [0; 16];
    uuid.copy_from_slice(bytes);
    Ok((i, Uuid(uuid)))
}

/// An error code, an INT16
pub fn error_code(i: Input<'_>) -> Parsed<'_, ErrorCode> {
    let (i, code) = int16(i)?;
    Ok((i, ErrorCode(code)))
}

/// UNSIGNED_VARINT: seven bits a byte, the low ones first, at most 32 bits.
pub fn uvarint(i: Input<'_>) -> Parsed<'_, u32> {
    let mut value = 0u64;
    for (n, &byte) in i.rest.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return match u32::try_from(value) {
                Ok(value) => Ok((i.at(&i.rest[n + 1..]), value)),
                Err(_) => i.fail(DecodeErrorKind::VarintTooLong),
            };
        }
    }
    if i.rest.len() < 5 {
        return i.fail(DecodeErrorKind::Truncated { needed: i.rest.len() + 1, left: i.rest.len() });
    }
    i.fail(DecodeErrorKind::VarintTooLong)
}

/// STRING or COMPACT_STRING
pub fn string(i: Input<'_>) -> Parsed<'_, Str> {
    not_null(nullable_string)(i)
}

/// NULLABLE_STRING or COMPACT_NULLABLE_STRING
pub fn nullable_string(i: Input<'_>) -> Parsed<'_, Option<Str>> {
    let (text, length) = if i.flexible { compact_length(i)? } else { length16(i)? };
    let Some(length) = length else { return Ok((text, None)) };
    let (rest, bytes) = text.take(length, take(length))?;
    if std::str::from_utf8(bytes).is_err() {
        return text.fail(DecodeErrorKind::InvalidUtf8);
    }
    Ok((rest, Some(Str::checked(i.share(bytes)))))
}

/// A NULLABLE_STRING that is never compact, as the client id in a request header: a broker must be able to read it
/// before it knows the version.
pub fn plain_nullable_string(i: Input<'_>) -> Parsed<'_, Option<Str>> {
    let (rest, value) = nullable_string(Input { flexible: false, ..i })?;
    Ok((i.at(rest.rest), value))
}

/// BYTES or COMPACT_BYTES
pub fn bytes(i: Input<'_>) -> Parsed<'_, Bytes> {
    not_null(nullable_bytes)(i)
}

/// NULLABLE_BYTES, COMPACT_NULLABLE_BYTES, RECORDS or COMPACT_RECORDS
pub fn nullable_bytes(i: Input<'_>) -> Parsed<'_, Option<Bytes>> {
    let (rest, length) = length(i)?;
    let Some(length) = length else { return Ok((rest, None)) };
    let (rest, bytes) = rest.take(length, take(length))?;
    Ok((rest, Some(i.share(bytes))))
}

/// ARRAY or COMPACT_ARRAY of what `element` reads.
pub fn array<'a, T>(
    element: impl Fn(Input<'a>) -> Parsed<'a, T>,
) -> impl Fn(Input<'a>) -> Parsed<'a, Vec<T>> {
    not_null(nullable_array(element))
}

/// An array that may be null.
pub fn nullable_array<'a, T>(
    element: impl Fn(Input<'a>) -> Parsed<'a, T>,
) -> impl Fn(Input<'a>) -> Parsed<'a, Option<Vec<T>>> {
    move |i| {
        let (mut rest, count) = length(i)?;
        let Some(count) = count else { return Ok((rest, None)) };
        let left = rest.rest.len();
        if count > left {
            return i.fail(DecodeErrorKind::TooManyElements { count, left });
        }
        let affordable = left * RESERVED_PER_BYTE / size_of::<T>().max(1);
        let mut elements = Vec::with_capacity(count.min(affordable));
        for _ in 0..count {
            let (after, value) = element(rest)?;
            elements.push(value);
            rest = after;
        }
        Ok((rest, Some(elements)))
    }
}

/// What `parser` reads, where null is refused outside of `versions`.
pub fn null_in<'a, T>(
    versions: impl RangeBounds<i16>,
    parser: impl Fn(Input<'a>) -> Parsed<'a, Option<T>>,
) -> impl Fn(Input<'a>) -> Parsed<'a, Option<T>> {
    move |i| match parser(i)? {
        (_, None) if !versions.contains(&i.version) => i.fail(DecodeErrorKind::UnexpectedNull),
        parsed => Ok(parsed),
    }
}

fn not_null<'a, T>(
    parser: impl Fn(Input<'a>) -> Parsed<'a, Option<T>>,
) -> impl Fn(Input<'a>) -> Parsed<'a, T> {
    move |i| match parser(i)? {
        (rest, Some(value)) => Ok((rest, value)),
        (_, None) => i.fail(DecodeErrorKind::UnexpectedNull),
    }
}

/// The length of bytes or an array; `None` is null.
fn length(i: Input<'_>) -> Parsed<'_, Option<usize>> {
    if i.flexible {
        return compact_length(i);
    }
    let (rest, length) = int32(i)?;
    signed_length(i, rest, length)
}

fn length16(i: Input<'_>) -> Parsed<'_, Option<usize>> {
    let (rest, length) = int16(i)?;
    signed_length(i, rest, length.into())
}

fn signed_length<'a>(i: Input<'a>, rest: Input<'a>, length: i32) -> Parsed<'a, Option<usize>> {
    match length {
        -1 => Ok((rest, None)),
        length if length < 0 => i.fail(DecodeErrorKind::NegativeLength(length)),
        length => Ok((rest, Some(length as usize))),
    }
}

/// One more than the length, as an unsigned varint; 0 is null.
fn compact_length(i: Input<'_>) -> Parsed<'_, Option<usize>> {
    let (rest, length) = uvarint(i)?;
    Ok((rest, length.checked_sub(1).map(|length| length as usize)))
}
