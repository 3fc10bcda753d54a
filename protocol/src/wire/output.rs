//! What an encoder writes to.
//!
//! An encoder says *which* fields there are, in which versions; an [`Output`] says what becomes of them. [`Writer`]
//! makes bytes of them; with the feature `json`, the same walk makes JSON, and bytes of JSON.

use std::mem;
use std::ops::RangeBounds;

use bytes::{BufMut, BytesMut};

use super::{Nullable, Str, TagWriter, TaggedFields, Uuid, Wire};
use crate::error::EncodeErrorKind;
use crate::sealed::Sealed;

/// Receives the fields of a message, in the order of the wire.
///
/// The first value that cannot be written is remembered and reported at the end, so that encoders need no `?`. It is
/// implemented here only: Kafka may invent another primitive type any day.
pub trait Output: Sized + Sealed {
    /// The version of the message that is written.
    fn version(&self) -> i16;

    /// Remembers why `field` cannot be written.
    fn refuse(&mut self, field: &'static str, kind: EncodeErrorKind);

    /// Writes a field that this version has.
    fn put(&mut self, name: &'static str, value: &impl Wire);

    /// BOOLEAN
    fn bool(&mut self, value: bool);
    /// INT8
    fn int8(&mut self, value: i8);
    /// INT16
    fn int16(&mut self, value: i16);
    /// INT32
    fn int32(&mut self, value: i32);
    /// INT64
    fn int64(&mut self, value: i64);
    /// UUID
    fn uuid(&mut self, value: &Uuid);
    /// STRING, compact or not; `None` is null.
    fn string(&mut self, value: Option<&Str>);
    /// NULLABLE_STRING that is never compact, as the client id of a request header.
    fn plain_string(&mut self, value: Option<&Str>);
    /// BYTES or RECORDS, compact or not; `None` is null.
    fn bytes(&mut self, value: Option<&[u8]>);
    /// ARRAY, compact or not; `None` is null.
    fn array<T: Wire + Default>(&mut self, elements: Option<&[T]>);
    /// A structure that may be null.
    fn nullable_struct<T: Nullable>(&mut self, value: Option<&T>);

    /// The tagged fields at the end of a structure: those that `known` names, and the unknown ones that were kept.
    fn tagged(&mut self, unknown: &TaggedFields, known: impl FnOnce(&mut TagWriter<'_, Self>));

    /// Writes one tagged field, unless it has its default; says whether it did. Called by [`TagWriter`] only.
    fn put_tag(&mut self, tag: u32, name: &'static str, value: &impl Wire, is_default: bool) -> bool;

    /// Writes one unknown tagged field. Called by [`TagWriter`] only.
    fn put_unknown_tag(&mut self, tag: u32, data: &[u8]);

    /// The end of a structure that knows no tagged fields.
    fn tagged_fields(&mut self, unknown: &TaggedFields) {
        self.tagged(unknown, |_| {});
    }

    /// A field of `versions`. In any other version it must have its type's default, since its loss would change what
    /// the message means.
    fn field<T: Wire + Default + PartialEq>(
        &mut self,
        name: &'static str,
        versions: impl RangeBounds<i16>,
        value: &T,
    ) {
        self.field_or(name, versions, T::default(), value);
    }

    /// A field whose default is Kafka's and not the type's.
    fn field_or<T: Wire + PartialEq>(
        &mut self,
        name: &'static str,
        versions: impl RangeBounds<i16>,
        default: T,
        value: &T,
    ) {
        if versions.contains(&self.version()) {
            self.put(name, value);
        } else if *value != default {
            self.refuse(name, EncodeErrorKind::NotInVersion);
        }
    }

    /// A field that Kafka marks as ignorable: versions that lack it go without.
    fn ignorable(&mut self, name: &'static str, versions: impl RangeBounds<i16>, value: &impl Wire) {
        if versions.contains(&self.version()) {
            self.put(name, value);
        }
    }

    /// Refuses null outside of `versions`; stands before the field that it guards.
    fn null_in<T>(&mut self, name: &'static str, versions: impl RangeBounds<i16>, value: &Option<T>) {
        if value.is_none() && !versions.contains(&self.version()) {
            self.refuse(name, EncodeErrorKind::UnexpectedNull);
        }
    }
}

/// The [`Output`] that writes bytes.
pub struct Writer<'b> {
    /// What is in `home` otherwise. As a writer's own its length can stay in a register from one field to the next.
    buffer: BytesMut,
    home: &'b mut BytesMut,
    version: i16,
    flexible: bool,
    refused: Option<(Option<&'static str>, EncodeErrorKind)>,
}

impl<'b> Writer<'b> {
    /// Appends a message of `version` to `buffer`.
    pub fn new(buffer: &'b mut BytesMut, version: i16, flexible: bool) -> Self {
        Writer { buffer: mem::take(buffer), home: buffer, version, flexible, refused: None }
    }

    /// The first thing that could not be written: field and cause.
    pub(crate) fn finish(self) -> Result<(), (&'static str, EncodeErrorKind)> {
        match self.refused {
            None => Ok(()),
            Some((field, kind)) => Err((field.unwrap_or_default(), kind)),
        }
    }

    /// The first thing that could not be written since this was last asked.
    #[cfg(feature = "json")]
    pub(crate) fn take_refusal(&mut self) -> Option<EncodeErrorKind> {
        self.refused.take().map(|(_, kind)| kind)
    }

    /// The length of bytes or an array.
    #[inline]
    pub(crate) fn length(&mut self, length: Option<usize>) {
        if let Some(length) = length
            && length > i32::MAX as usize
        {
            self.refuse_value(EncodeErrorKind::TooLong { length });
        }
        if self.flexible {
            self.uvarint(length.map_or(0, |length| (length as u32).wrapping_add(1)));
        } else {
            self.buffer.put_i32(length.map_or(-1, |length| length as i32));
        }
    }

    /// Refuses the value of a field whose name the caller knows.
    #[cold]
    fn refuse_value(&mut self, kind: EncodeErrorKind) {
        self.refused.get_or_insert((None, kind));
    }

    /// Kafka writes no string longer than an INT16 says, in compact form neither.
    #[inline]
    fn check_string(&mut self, value: Option<&Str>) {
        match value {
            Some(text) if text.len() > i16::MAX as usize => {
                self.refuse_value(EncodeErrorKind::TooLong { length: text.len() });
            }
            _ => {}
        }
    }

    #[inline]
    fn text(&mut self, value: Option<&Str>) {
        // Many a string is empty, and a call that copies nothing is still a call.
        if let Some(text) = value
            && !text.is_empty()
        {
            self.buffer.put_slice(text.as_bytes());
        }
    }

    /// Keeps a byte free for the number of tagged fields, to be given to [`Writer::end_tags`].
    pub(crate) fn begin_tags(&mut self) -> usize {
        let position = self.buffer.len();
        if self.flexible {
            self.buffer.put_u8(0);
        }
        position
    }

    pub(crate) fn end_tags(&mut self, position: usize, count: u32) {
        if self.flexible && count > 0 {
            self.patch_uvarint(position, count);
        }
    }

    /// Writes the number of a tagged field and keeps a byte free for its size, to be given to [`Writer::end_tag`].
    pub(crate) fn begin_tag(&mut self, tag: u32) -> usize {
        self.uvarint(tag);
        let position = self.buffer.len();
        self.buffer.put_u8(0);
        position
    }

    pub(crate) fn end_tag(&mut self, position: usize) {
        let size = self.buffer.len() - position - 1;
        self.patch_uvarint(position, size as u32);
    }

    #[inline]
    fn uvarint(&mut self, value: u32) {
        if value < 0x80 {
            return self.buffer.put_u8(value as u8);
        }
        let (bytes, length) = uvarint(value);
        self.buffer.put_slice(&bytes[..length]);
    }

    /// Puts the unsigned varint `value` where the single byte at `position` was kept free for it.
    fn patch_uvarint(&mut self, position: usize, value: u32) {
        let (bytes, length) = uvarint(value);
        let end = self.buffer.len();
        self.buffer.put_bytes(0, length - 1);
        self.buffer.copy_within(position + 1..end, position + length);
        self.buffer[position..position + length].copy_from_slice(&bytes[..length]);
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        *self.home = mem::take(&mut self.buffer);
    }
}

impl Sealed for Writer<'_> {}

impl Output for Writer<'_> {
    fn version(&self) -> i16 {
        self.version
    }

    fn refuse(&mut self, field: &'static str, kind: EncodeErrorKind) {
        self.refused.get_or_insert((Some(field), kind));
    }

    #[inline]
    fn put(&mut self, name: &'static str, value: &impl Wire) {
        value.encode(self);
        if let Some((field @ None, _)) = &mut self.refused {
            *field = Some(name);
        }
    }

    fn bool(&mut self, value: bool) {
        self.buffer.put_u8(value.into());
    }

    fn int8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    fn int16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    fn int32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    fn int64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    fn uuid(&mut self, value: &Uuid) {
        self.buffer.put_slice(&value.0);
    }

    #[inline]
    fn string(&mut self, value: Option<&Str>) {
        if !self.flexible {
            return self.plain_string(value);
        }
        self.check_string(value);
        self.length(value.map(Str::len));
        self.text(value);
    }

    #[inline]
    fn plain_string(&mut self, value: Option<&Str>) {
        self.check_string(value);
        self.buffer.put_i16(value.map_or(-1, |text| text.len() as i16));
        self.text(value);
    }

    fn bytes(&mut self, value: Option<&[u8]>) {
        self.length(value.map(<[u8]>::len));
        self.buffer.put_slice(value.unwrap_or_default());
    }

    fn array<T: Wire + Default>(&mut self, elements: Option<&[T]>) {
        self.length(elements.map(<[T]>::len));
        for element in elements.unwrap_or_default() {
            element.encode(self);
        }
    }

    fn nullable_struct<T: Nullable>(&mut self, value: Option<&T>) {
        self.int8(if value.is_some() { 1 } else { -1 });
        if let Some(value) = value {
            value.encode(self);
        }
    }

    #[inline]
    fn tagged_fields(&mut self, unknown: &TaggedFields) {
        if !unknown.is_empty() {
            self.tagged(unknown, |_| {});
        } else if self.flexible {
            self.buffer.put_u8(0);
        }
    }

    fn tagged(&mut self, unknown: &TaggedFields, known: impl FnOnce(&mut TagWriter<'_, Self>)) {
        if !self.flexible && !unknown.is_empty() {
            self.refuse("unknownTaggedFields", EncodeErrorKind::NotInVersion);
        }
        let position = self.begin_tags();
        let count = TagWriter::write(self, unknown, known);
        self.end_tags(position, count);
    }

    fn put_tag(&mut self, tag: u32, name: &'static str, value: &impl Wire, is_default: bool) -> bool {
        if is_default || !self.flexible {
            return false;
        }
        let position = self.begin_tag(tag);
        self.put(name, value);
        self.end_tag(position);
        true
    }

    fn put_unknown_tag(&mut self, tag: u32, data: &[u8]) {
        if self.flexible {
            self.uvarint(tag);
            self.uvarint(data.len() as u32);
            self.buffer.put_slice(data);
        }
    }
}

fn uvarint(mut value: u32) -> ([u8; 5], usize) {
    let mut bytes = [0; 5];
    let mut length = 0;
    loop {
        bytes[length] = value as u8 & 0x7f;
        value >>= 7;
        length += 1;
        if value == 0 {
            return (bytes, length);
        }
        bytes[length - 1] |= 0x80;
    }
}
