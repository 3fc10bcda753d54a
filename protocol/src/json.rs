//! Messages as Kafka's own JSON, that of its `*JsonConverter` classes.
//!
//! Both ways are the walk that writes bytes, with another [`Output`]. [`JsonWriter`] makes JSON of the fields. To read,
//! [`JsonReader`] walks over a message of defaults: of each field it takes the name and the type from the walk, the
//! value from the JSON, and it writes that value as bytes, which are then parsed like any others. So the names and
//! versions of a message's fields stand in its file only.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::BytesMut;
use serde_json::{Map, Value};

use crate::error::{DecodeError, EncodeError, EncodeErrorKind};
use crate::message::{Message, check_writable, is_flexible};
use crate::sealed::Sealed;
use crate::wire::{Nullable, Output, Str, TagWriter, TaggedFields, Uuid, Wire, Writer};

/// Every message, to and from JSON (feature `json`).
///
/// ```
/// use milena_protocol::MessageJson;
/// use milena_protocol::messages::HeartbeatResponse;
///
/// let response = HeartbeatResponse::from_json(&serde_json::json!({ "throttleTimeMs": 0, "errorCode": 27 }), 1)?;
/// assert_eq!(response.error_code.name(), Some("REBALANCE_IN_PROGRESS"));
/// # Ok::<(), milena_protocol::JsonError>(())
/// ```
pub trait MessageJson: Message {
    /// The message as Kafka's own JSON: the fields of `version`, tagged fields only where they are set.
    ///
    /// Names are Kafka's, bytes are base64, UUIDs their 22 characters. Unknown tagged fields have no JSON.
    fn to_json(&self, version: i16) -> Result<Value, EncodeError> {
        write(self, version)
    }

    /// The message that Kafka's own JSON describes. A field of `version` that is missing is an error, unless it is a
    /// tagged one; so is a field that the version does not have.
    fn from_json(json: &Value, version: i16) -> Result<Self, JsonError> {
        read(json, version, Missing::IsAnError)
    }

    /// As [`from_json`](Self::from_json), but for fields that are missing: they have their defaults, here and in every
    /// element of an array. For requests that people write, as in tests.
    fn from_partial_json(json: &Value, version: i16) -> Result<Self, JsonError> {
        read(json, version, Missing::IsDefault)
    }
}

impl<M: Message> MessageJson for M {}

/// JSON that is no such message.
///
/// Displayed as `Fetch request v12: topics[1].partitions[0].fetchOffset: missing`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonError {
    /// The message, as in "Fetch request".
    pub message: &'static str,
    /// The version it was read as.
    pub version: i16,
    /// The way to the offending value; empty for the message itself.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}: ", self.message, self.version)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for JsonError {}

fn write<M: Message>(message: &M, version: i16) -> Result<Value, EncodeError> {
    check_writable::<M>(version)?;
    let mut out = JsonWriter { version, object: Map::new(), value: None, refused: None };
    let json = out.value_of(message);
    match out.refused {
        None => Ok(json),
        Some((field, kind)) => Err(EncodeError { message: M::NAME, version, field, kind }),
    }
}

/// What it means when a field is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsAnError,
    IsDefault,
}

fn read<M: Message>(json: &Value, version: i16, missing: Missing) -> Result<M, JsonError> {
    let error = |path: String, problem: String| JsonError { message: M::NAME, version, path, problem };
    check_writable::<M>(version).map_err(|e| error(String::new(), e.kind.to_string()))?;
    let mut bytes = BytesMut::new();
    let (problem, finished) = {
        let mut out = JsonReader {
            node: json,
            path: Vec::new(),
            seen: Vec::new(),
            missing,
            writer: Writer::new(&mut bytes, version, is_flexible::<M>(version)),
            problem: None,
        };
        out.transcode(&M::default());
        (out.problem, out.writer.finish())
    };
    if let Some((path, problem)) = problem {
        return Err(error(path, problem));
    }
    finished.map_err(|(field, kind)| error(field.to_owned(), kind.to_string()))?;
    let refused = |e: DecodeError| error(e.field.unwrap_or_default().to_owned(), e.kind.to_string());
    M::read(&bytes.freeze(), version).map_err(refused)
}

/// The [`Output`] that makes JSON.
struct JsonWriter {
    version: i16,
    /// The structure whose fields are being written.
    object: Map<String, Value>,
    /// The value that was written last, unless it was a structure.
    value: Option<Value>,
    refused: Option<(&'static str, EncodeErrorKind)>,
}

impl JsonWriter {
    fn value_of(&mut self, value: &impl Wire) -> Value {
        let outer = std::mem::take(&mut self.object);
        value.encode(self);
        let inner = std::mem::replace(&mut self.object, outer);
        self.value.take().unwrap_or(Value::Object(inner))
    }

    fn set(&mut self, value: impl Into<Value>) {
        self.value = Some(value.into());
    }
}

impl Sealed for JsonWriter {}

impl Output for JsonWriter {
    fn version(&self) -> i16 {
        self.version
    }

    fn refuse(&mut self, field: &'static str, kind: EncodeErrorKind) {
        self.refused.get_or_insert((field, kind));
    }

    fn put(&mut self, name: &'static str, value: &impl Wire) {
        let value = self.value_of(value);
        self.object.insert(name.to_owned(), value);
    }

    fn bool(&mut self, value: bool) {
        self.set(value);
    }

    fn int8(&mut self, value: i8) {
        self.set(value);
    }

    fn int16(&mut self, value: i16) {
        self.set(value);
    }

    fn int32(&mut self, value: i32) {
        self.set(value);
    }

    fn int64(&mut self, value: i64) {
        self.set(value);
    }

    fn uuid(&mut self, value: &Uuid) {
        self.set(value.to_string());
    }

    fn string(&mut self, value: Option<&Str>) {
        self.set(value.map(Str::as_str));
    }

    fn plain_string(&mut self, value: Option<&Str>) {
        self.set(value.map(Str::as_str));
    }

    fn bytes(&mut self, value: Option<&[u8]>) {
        self.set(value.map(|bytes| BASE64.encode(bytes)));
    }

    fn array<T: Wire + Default>(&mut self, elements: Option<&[T]>) {
        let array = elements.map(|elements| elements.iter().map(|e| self.value_of(e)).collect::<Vec<_>>());
        self.set(array);
    }

    fn nullable_struct<T: Nullable>(&mut self, value: Option<&T>) {
        match value {
            Some(value) => value.encode(self),
            None => self.set(Value::Null),
        }
    }

    fn tagged(&mut self, unknown: &TaggedFields, known: impl FnOnce(&mut TagWriter<'_, Self>)) {
        TagWriter::write(self, unknown, known);
    }

    fn put_tag(&mut self, _tag: u32, name: &'static str, value: &impl Wire, is_default: bool) -> bool {
        if !is_default {
            self.put(name, value);
        }
        !is_default
    }

    fn put_unknown_tag(&mut self, _tag: u32, _data: &[u8]) {}
}

/// The [`Output`] that takes the values from JSON and writes them as bytes.
struct JsonReader<'j, 'b> {
    /// The JSON of the value that is being written.
    node: &'j Value,
    /// The way to it.
    path: Vec<Step>,
    /// The fields of the current structure that the walk has named.
    seen: Vec<&'static str>,
    missing: Missing,
    writer: Writer<'b>,
    problem: Option<(String, String)>,
}

enum Step {
    Field(&'static str),
    Element(usize),
}

impl<'j> JsonReader<'j, '_> {
    /// Writes what the JSON says in place of `default`.
    fn transcode(&mut self, default: &impl Wire) {
        let outer = std::mem::take(&mut self.seen);
        default.encode(self);
        let seen = std::mem::replace(&mut self.seen, outer);
        let Value::Object(fields) = self.node else { return };
        if let Some(name) = fields.keys().find(|name| !seen.contains(&name.as_str())) {
            self.fail(format!("there is no field \"{name}\" in this version"));
        }
    }

    fn step(&mut self, step: Step, node: &'j Value, default: &impl Wire) {
        let parent = std::mem::replace(&mut self.node, node);
        self.path.push(step);
        self.transcode(default);
        if let Some(kind) = self.writer.take_refusal() {
            self.fail(kind.to_string());
        }
        self.path.pop();
        self.node = parent;
    }

    /// The field `name` of the current structure, in the JSON.
    fn child(&mut self, name: &'static str) -> Option<&'j Value> {
        self.seen.push(name);
        self.node.get(name)
    }

    fn fail(&mut self, problem: String) {
        if self.problem.is_some() {
            return;
        }
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Element(n) => path += &format!("[{n}]"),
                Step::Field(name) if path.is_empty() => path += name,
                Step::Field(name) => path += &format!(".{name}"),
            }
        }
        self.problem = Some((path, problem));
    }

    fn expected(&mut self, what: &str) {
        self.fail(format!("expected {what}, found {}", kind(self.node)));
    }

    fn integer<T: TryFrom<i64> + Default>(&mut self, what: &str) -> T {
        match self.node.as_i64().and_then(|value| T::try_from(value).ok()) {
            Some(value) => value,
            None => {
                self.expected(what);
                T::default()
            }
        }
    }

    fn text(&mut self) -> Option<&'j str> {
        match self.node {
            Value::Null => None,
            Value::String(text) => Some(text),
            _ => {
                self.expected("a string");
                None
            }
        }
    }
}

impl Sealed for JsonReader<'_, '_> {}

impl Output for JsonReader<'_, '_> {
    fn version(&self) -> i16 {
        self.writer.version()
    }

    fn refuse(&mut self, _field: &'static str, _kind: EncodeErrorKind) {
        unreachable!("every version can carry the defaults");
    }

    fn put(&mut self, name: &'static str, default: &impl Wire) {
        if !self.node.is_object() {
            return self.expected("an object");
        }
        match self.child(name) {
            Some(node) => self.step(Step::Field(name), node, default),
            None if self.missing == Missing::IsDefault => self.writer.put(name, default),
            None => {
                self.path.push(Step::Field(name));
                self.fail("missing".to_owned());
                self.path.pop();
            }
        }
    }

    fn bool(&mut self, _: bool) {
        match self.node {
            Value::Bool(value) => self.writer.bool(*value),
            _ => self.expected("true or false"),
        }
    }

    fn int8(&mut self, _: i8) {
        let value = self.integer("an integer of 8 bits");
        self.writer.int8(value);
    }

    fn int16(&mut self, _: i16) {
        let value = self.integer("an integer of 16 bits");
        self.writer.int16(value);
    }

    fn int32(&mut self, _: i32) {
        let value = self.integer("an integer of 32 bits");
        self.writer.int32(value);
    }

    fn int64(&mut self, _: i64) {
        let value = self.integer("an integer of 64 bits");
        self.writer.int64(value);
    }

    fn uuid(&mut self, _: &Uuid) {
        match self.text().map(str::parse) {
            Some(Ok(uuid)) => self.writer.uuid(&uuid),
            _ => self.expected("a UUID: 22 characters of URL-safe base64"),
        }
    }

    fn string(&mut self, _: Option<&Str>) {
        let text = self.text().map(Str::from);
        self.writer.string(text.as_ref());
    }

    fn plain_string(&mut self, _: Option<&Str>) {
        let text = self.text().map(Str::from);
        self.writer.plain_string(text.as_ref());
    }

    fn bytes(&mut self, _: Option<&[u8]>) {
        match self.text().map(|text| BASE64.decode(text)) {
            None => self.writer.bytes(None),
            Some(Ok(bytes)) => self.writer.bytes(Some(&bytes)),
            Some(Err(_)) => self.expected("standard base64 with padding"),
        }
    }

    fn array<T: Wire + Default>(&mut self, _: Option<&[T]>) {
        match self.node {
            Value::Null => self.writer.length(None),
            Value::Array(elements) => {
                self.writer.length(Some(elements.len()));
                for (n, element) in elements.iter().enumerate() {
                    self.step(Step::Element(n), element, &T::default());
                }
            }
            _ => self.expected("an array"),
        }
    }

    fn nullable_struct<T: Nullable>(&mut self, _: Option<&T>) {
        if self.node.is_null() {
            return self.writer.int8(-1);
        }
        self.writer.int8(1);
        T::default().encode(self);
    }

    fn tagged(&mut self, unknown: &TaggedFields, known: impl FnOnce(&mut TagWriter<'_, Self>)) {
        let position = self.writer.begin_tags();
        let count = TagWriter::write(self, unknown, known);
        self.writer.end_tags(position, count);
    }

    fn put_tag(&mut self, tag: u32, name: &'static str, default: &impl Wire, _is_default: bool) -> bool {
        let Some(node) = self.child(name) else { return false };
        let position = self.writer.begin_tag(tag);
        self.step(Step::Field(name), node, default);
        self.writer.end_tag(position);
        true
    }

    fn put_unknown_tag(&mut self, _tag: u32, _data: &[u8]) {}
}

fn kind(json: &Value) -> String {
    match json {
        Value::Null => "null".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        value => value.to_string(),
    }
}
