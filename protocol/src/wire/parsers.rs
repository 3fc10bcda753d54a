//! Kafka's primitive types, as parsers: each reads one value from the front of its input.

use std::ops::RangeBounds;

use bytes::Bytes;

use super::input::Split;
use super::{Flaw, Input, Parsed, Str, Uuid};
use crate::ErrorCode;
use crate::error::DecodeErrorKind;

/// How many bytes of memory an array may reserve for each byte of input before its elements were seen.
///
/// A count is a claim by the peer. What it claims beyond that (a compact empty string is one byte on the wire and 32 in
/// memory) is read twice: once to see that it is there, and again to keep it.
const RESERVED_PER_BYTE: usize = 8;

/// BOOLEAN: one byte; anything but 0 is true.
#[inline(always)]
pub fn bool(i: Input<'_>) -> Parsed<'_, bool> {
    let (i, [byte]) = i.array()?;
    Ok((i, byte != 0))
}

/// INT8
#[inline(always)]
pub fn int8(i: Input<'_>) -> Parsed<'_, i8> {
    let (i, bytes) = i.array()?;
    Ok((i, i8::from_be_bytes(bytes)))
}

/// INT16, big-endian
#[inline(always)]
pub fn int16(i: Input<'_>) -> Parsed<'_, i16> {
    let (i, bytes) = i.array()?;
    Ok((i, i16::from_be_bytes(bytes)))
}

/// INT32, big-endian
#[inline(always)]
pub fn int32(i: Input<'_>) -> Parsed<'_, i32> {
    let (i, bytes) = i.array()?;
    Ok((i, i32::from_be_bytes(bytes)))
}

/// INT64, big-endian
#[inline(always)]
pub fn int64(i: Input<'_>) -> Parsed<'_, i64> {
    let (i, bytes) = i.array()?;
    Ok((i, i64::from_be_bytes(bytes)))
}

/// UUID: 16 bytes
#[inline(always)]
pub fn uuid(i: Input<'_>) -> Parsed<'_, Uuid> {
    let (i, bytes) = i.array()?;
    Ok((i, Uuid(bytes)))
}

/// An error code, an INT16
#[inline(always)]
pub fn error_code(i: Input<'_>) -> Parsed<'_, ErrorCode> {
    let (i, code) = int16(i)?;
    Ok((i, ErrorCode(code)))
}

/// UNSIGNED_VARINT: seven bits a byte, the low ones first, at most 32 bits.
#[inline(always)]
pub fn uvarint(i: Input<'_>) -> Parsed<'_, u32> {
    match i.rest {
        [byte, rest @ ..] if byte & 0x80 == 0 => Ok((i.at(rest), u32::from(*byte))),
        _ => long_uvarint(i),
    }
}

fn long_uvarint(i: Input<'_>) -> Parsed<'_, u32> {
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
    match i.rest.len() {
        left @ ..5 => i.truncated(left + 1),
        _ => i.fail(DecodeErrorKind::VarintTooLong),
    }
}

/// STRING or COMPACT_STRING
#[inline]
pub fn string(i: Input<'_>) -> Parsed<'_, Str> {
    not_null(nullable_string)(i)
}

/// NULLABLE_STRING or COMPACT_NULLABLE_STRING
#[inline(always)]
pub fn nullable_string(i: Input<'_>) -> Parsed<'_, Option<Str>> {
    let (text, length) = if i.is_flexible() { compact_length(i)? } else { length16(i)? };
    let Some(length) = length else { return Ok((text, None)) };
    if length > i16::MAX as usize {
        // A compact length could say it, but Kafka takes no such string, nor could it be written.
        return i.fail(DecodeErrorKind::StringTooLong(length));
    }
    let (rest, bytes) = text.take(length)?;
    if bytes.is_empty() {
        return Ok((rest, Some(Str::default())));
    }
    match Str::part_of(i.frame, bytes) {
        Some(value) => Ok((rest, Some(value))),
        None => text.fail(DecodeErrorKind::InvalidUtf8),
    }
}

/// A NULLABLE_STRING that is never compact, as the client id in a request header: a broker must be able to read it
/// before it knows the version.
#[inline]
pub fn plain_nullable_string(i: Input<'_>) -> Parsed<'_, Option<Str>> {
    let (rest, value) = nullable_string(i.plain())?;
    Ok((i.at(rest.rest), value))
}

/// BYTES or COMPACT_BYTES
#[inline]
pub fn bytes(i: Input<'_>) -> Parsed<'_, Bytes> {
    not_null(nullable_bytes)(i)
}

/// NULLABLE_BYTES, COMPACT_NULLABLE_BYTES, RECORDS or COMPACT_RECORDS
#[inline(always)]
pub fn nullable_bytes(i: Input<'_>) -> Parsed<'_, Option<Bytes>> {
    let (rest, length) = length(i)?;
    let Some(length) = length else { return Ok((rest, None)) };
    let (rest, bytes) = rest.take(length)?;
    Ok((rest, Some(i.share(bytes))))
}

/// ARRAY or COMPACT_ARRAY of what `element` reads.
#[inline]
pub fn array<'a, T>(
    element: impl Fn(Input<'a>) -> Parsed<'a, T>,
) -> impl Fn(Input<'a>) -> Parsed<'a, Vec<T>> {
    not_null(nullable_array(element))
}

/// An array that may be null.
#[inline]
pub fn nullable_array<'a, T>(
    element: impl Fn(Input<'a>) -> Parsed<'a, T>,
) -> impl Fn(Input<'a>) -> Parsed<'a, Option<Vec<T>>> {
    move |i| {
        let (rest, elements) = elements(i, &element)?;
        Ok((i.at(rest), elements))
    }
}

/// A structure that may be null: one byte, below zero for null, and else the structure behind it (KIP-893).
#[inline]
pub fn nullable_struct<'a, T>(
    fields: impl Fn(Input<'a>) -> Parsed<'a, T>,
) -> impl Fn(Input<'a>) -> Parsed<'a, Option<T>> {
    move |i| {
        let (i, presence) = int8(i)?;
        if presence < 0 {
            return Ok((i, None));
        }
        let (i, value) = fields(i)?;
        Ok((i, Some(value)))
    }
}

/// The elements of an array, and what follows them.
#[inline(never)]
fn elements<'a, T>(i: Input<'a>, element: impl Fn(Input<'a>) -> Parsed<'a, T>) -> Split<'a, Option<Vec<T>>> {
    let (mut rest, count) = length(i)?;
    let Some(count) = count else { return Ok((rest.rest, None)) };
    let left = rest.rest.len();
    if count > left {
        return Err(i.flaw(DecodeErrorKind::TooManyElements { count, left }));
    }
    let reserved = match size_of::<T>() {
        // As every number: the check above will do, and no code is made for the rest.
        ..=RESERVED_PER_BYTE => count,
        size => count.min(left * RESERVED_PER_BYTE / size),
    };
    let mut elements = Vec::with_capacity(reserved);
    for _ in 0..reserved {
        let (after, value) = element(rest)?;
        elements.push(value);
        rest = rest.at(after.rest);
    }
    if reserved < count {
        rest = read_twice(rest, count - reserved, &element, &mut elements)?;
    }
    Ok((rest.rest, Some(elements)))
}

/// Reads `count` elements to see that they are there, and only then makes room for them. (A vector that grew by and
/// by would have to hold its old elements and its new ones at once, with room for as many again.)
#[cold]
fn read_twice<'a, T>(
    i: Input<'a>,
    count: usize,
    element: &dyn Fn(Input<'a>) -> Parsed<'a, T>,
    elements: &mut Vec<T>,
) -> Result<Input<'a>, nom::Err<Flaw>> {
    let mut rest = i;
    for _ in 0..count {
        let (after, _) = element(rest)?;
        rest = after;
    }
    elements.reserve_exact(count);
    let mut rest = i;
    for _ in 0..count {
        let (after, value) = element(rest)?;
        elements.push(value);
        rest = after;
    }
    Ok(rest)
}

/// What `parser` reads, where null is refused outside of `versions`.
#[inline]
pub fn null_in<'a, T>(
    versions: impl RangeBounds<i16>,
    parser: impl Fn(Input<'a>) -> Parsed<'a, Option<T>>,
) -> impl Fn(Input<'a>) -> Parsed<'a, Option<T>> {
    move |i| match parser(i)? {
        (_, None) if !versions.contains(&i.version()) => i.fail(DecodeErrorKind::UnexpectedNull),
        parsed => Ok(parsed),
    }
}

#[inline(always)]
fn not_null<'a, T>(
    parser: impl Fn(Input<'a>) -> Parsed<'a, Option<T>>,
) -> impl Fn(Input<'a>) -> Parsed<'a, T> {
    move |i| match parser(i)? {
        (rest, Some(value)) => Ok((rest, value)),
        (_, None) => i.fail(DecodeErrorKind::UnexpectedNull),
    }
}

/// The length of bytes or an array; `None` is null.
#[inline(always)]
fn length(i: Input<'_>) -> Parsed<'_, Option<usize>> {
    if i.is_flexible() {
        return compact_length(i);
    }
    let (rest, length) = int32(i)?;
    signed_length(i, rest, length)
}

#[inline(always)]
fn length16(i: Input<'_>) -> Parsed<'_, Option<usize>> {
    let (rest, length) = int16(i)?;
    signed_length(i, rest, length.into())
}

#[inline(always)]
fn signed_length<'a>(i: Input<'a>, rest: Input<'a>, length: i32) -> Parsed<'a, Option<usize>> {
    match length {
        -1 => Ok((rest, None)),
        length if length < 0 => i.fail(DecodeErrorKind::NegativeLength(length)),
        length => Ok((rest, Some(length as usize))),
    }
}

/// One more than the length, as an unsigned varint; 0 is null.
#[inline(always)]
fn compact_length(i: Input<'_>) -> Parsed<'_, Option<usize>> {
    let (rest, length) = uvarint(i)?;
    Ok((rest, length.checked_sub(1).map(|length| length as usize)))
}
