//! Tagged fields (KIP-482): optional fields at the end of each structure of a flexible version.
//!
//! Those that a message knows are fields like others. Those that it does not know are kept, in their order, and
//! written again: a proxy must not drop what was meant for somebody newer than itself.

use std::fmt;
use std::ops::RangeBounds;

use bytes::Bytes;

use super::input::in_field;
use super::parsers::uvarint;
use super::{Flaw, Input, Output, Parsed, Wire};
use crate::error::{DecodeErrorKind, EncodeErrorKind};

/// The tagged fields of a structure that this version of milena does not know.
///
/// Every structure has room for them and hardly any has one, so that they take no more room than a pointer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TaggedFields(Option<Box<Several>>);

/// One tagged field or more.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Several(Vec<TaggedField>);

/// A tagged field that is not known: only its number and its size are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedField {
    /// Which field of the structure it is.
    pub tag: u32,
    /// Its value, as it stands on the wire.
    pub data: Bytes,
}

impl TaggedFields {
    /// The fields, in the order they were read.
    pub fn iter(&self) -> std::slice::Iter<'_, TaggedField> {
        self.as_slice().iter()
    }

    /// Whether there are none, as in every version that is not flexible.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn as_slice(&self) -> &[TaggedField] {
        match &self.0 {
            Some(several) => &several.0,
            None => &[],
        }
    }
}

impl fmt::Debug for TaggedFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<TaggedField> for TaggedFields {
    /// Keeps the fields in the order of their numbers, which is the order of the wire.
    fn from_iter<I: IntoIterator<Item = TaggedField>>(fields: I) -> Self {
        let mut fields: Vec<_> = fields.into_iter().collect();
        if !fields.is_sorted_by_key(|field| field.tag) {
            fields.sort_by_key(|field| field.tag);
        }
        TaggedFields((!fields.is_empty()).then(|| Box::new(Several(fields))))
    }
}

/// The end of a structure that knows no tagged fields.
#[inline]
pub fn tagged_fields(i: Input<'_>) -> Parsed<'_, TaggedFields> {
    let (i, tags) = tags(i)?;
    Ok((i, tags.unknown()))
}

/// The end of a structure that knows some tagged fields: [`TagReader::take`] them one by one.
#[inline]
pub fn tags(i: Input<'_>) -> Parsed<'_, TagReader<'_>> {
    match i.rest {
        _ if !i.is_flexible() => Ok((i, TagReader(None))),
        // As nearly always: the number of fields is 0.
        [0, rest @ ..] => Ok((i.at(rest), TagReader(None))),
        _ => some_tags(i),
    }
}

#[cold]
fn some_tags(i: Input<'_>) -> Parsed<'_, TagReader<'_>> {
    let (mut rest, count) = uvarint(i)?;
    // A tagged field takes two bytes or more.
    let mut fields = Vec::with_capacity((count as usize).min(rest.rest.len() / 2));
    for _ in 0..count {
        let (value, tag) = uvarint(rest)?;
        let (value, size) = uvarint(value)?;
        let (after, data) = value.take(size as usize)?;
        fields.push((tag, data));
        rest = after;
    }
    Ok((rest, TagReader(Some(Box::new(Tags { structure: i, fields })))))
}

/// The tagged fields of a structure that is being parsed.
pub struct TagReader<'a>(Option<Box<Tags<'a>>>);

struct Tags<'a> {
    structure: Input<'a>,
    fields: Vec<(u32, &'a [u8])>,
}

impl<'a> TagReader<'a> {
    /// The known field `tag` of `versions`, or its type's default where it is absent.
    #[inline]
    pub fn take<T: Default>(
        &mut self,
        tag: u32,
        name: &'static str,
        versions: impl RangeBounds<i16>,
        parser: impl Fn(Input<'a>) -> Parsed<'a, T>,
    ) -> Result<T, nom::Err<Flaw>> {
        self.take_or(tag, name, versions, T::default(), parser)
    }

    /// The known field `tag` of `versions`, or `default` where it is absent.
    #[inline]
    pub fn take_or<T>(
        &mut self,
        tag: u32,
        name: &'static str,
        versions: impl RangeBounds<i16>,
        default: T,
        parser: impl Fn(Input<'a>) -> Parsed<'a, T>,
    ) -> Result<T, nom::Err<Flaw>> {
        match &mut self.0 {
            Some(tags) if versions.contains(&tags.structure.version()) => {
                tags.take(tag, name, default, parser)
            }
            _ => Ok(default),
        }
    }

    /// What is left when all known fields were taken.
    #[inline]
    pub fn unknown(self) -> TaggedFields {
        match self.0 {
            Some(tags) => tags.unknown(),
            None => TaggedFields::default(),
        }
    }
}

impl<'a> Tags<'a> {
    #[cold]
    fn take<T>(
        &mut self,
        tag: u32,
        name: &'static str,
        default: T,
        parser: impl Fn(Input<'a>) -> Parsed<'a, T>,
    ) -> Result<T, nom::Err<Flaw>> {
        // The last of a repeated field counts, as in Kafka.
        let Some(&(_, data)) = self.fields.iter().rfind(|(known, _)| *known == tag) else {
            return Ok(default);
        };
        self.fields.retain(|(other, _)| *other != tag);
        let (i, value) = parser(self.structure.at(data)).map_err(|flaw| in_field(name, flaw))?;
        if i.rest.is_empty() {
            Ok(value)
        } else {
            i.fail(DecodeErrorKind::TrailingBytes(i.rest.len())).map(|(_, value)| value)
        }
    }

    #[cold]
    fn unknown(self) -> TaggedFields {
        let Tags { structure, fields } = self;
        fields.into_iter().map(|(tag, data)| TaggedField { tag, data: structure.share(data) }).collect()
    }
}

/// Writes the tagged fields of a structure in the order of their numbers, known and unknown ones mixed.
pub struct TagWriter<'o, O> {
    out: &'o mut O,
    unknown: &'o [TaggedField],
    count: u32,
}

impl<'o, O: Output> TagWriter<'o, O> {
    /// Writes the fields to `out`; gives back how many there were.
    pub(crate) fn write(
        out: &'o mut O,
        unknown: &'o TaggedFields,
        known: impl FnOnce(&mut TagWriter<'o, O>),
    ) -> u32 {
        let mut tags = TagWriter { out, unknown: unknown.as_slice(), count: 0 };
        known(&mut tags);
        tags.unknown_below(None);
        tags.count
    }

    /// The known field `tag` of `versions`, left out where it has its type's default.
    pub fn field<T: Wire + Default + PartialEq>(
        &mut self,
        tag: u32,
        name: &'static str,
        versions: impl RangeBounds<i16>,
        value: &T,
    ) {
        self.field_or(tag, name, versions, T::default(), value);
    }

    /// The known field `tag` of `versions`, left out where it has `default`.
    pub fn field_or<T: Wire + PartialEq>(
        &mut self,
        tag: u32,
        name: &'static str,
        versions: impl RangeBounds<i16>,
        default: T,
        value: &T,
    ) {
        let is_default = *value == default;
        if versions.contains(&self.out.version()) {
            self.put(tag, name, value, is_default);
        } else if !is_default {
            self.out.refuse(name, EncodeErrorKind::NotInVersion);
        }
    }

    /// A known field that Kafka marks as ignorable, left out where it has `default`.
    pub fn ignorable<T: Wire + PartialEq>(
        &mut self,
        tag: u32,
        name: &'static str,
        versions: impl RangeBounds<i16>,
        default: T,
        value: &T,
    ) {
        if versions.contains(&self.out.version()) {
            self.put(tag, name, value, *value == default);
        }
    }

    fn put(&mut self, tag: u32, name: &'static str, value: &impl Wire, is_default: bool) {
        self.unknown_below(Some(tag));
        self.count += u32::from(self.out.put_tag(tag, name, value, is_default));
    }

    /// Writes the unknown fields whose numbers come before `tag`; without one, all that are left.
    fn unknown_below(&mut self, tag: Option<u32>) {
        while let Some((first, rest)) = self.unknown.split_first() {
            if tag.is_some_and(|tag| first.tag >= tag) {
                break;
            }
            self.out.put_unknown_tag(first.tag, &first.data);
            self.count += 1;
            self.unknown = rest;
        }
    }
}
