//! `milena decode` and `milena encode`: one message, between bytes and Kafka's own JSON.

use std::io::Write;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use clap::ArgGroup;
use milena_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use milena_protocol::{
    Api, DecodeError, DecodeErrorKind, EncodeError, Limits, Message, MessageJson, Pairing, Request,
    RequestBody, RequestHeader, Response, ResponseBody, ResponseHeader,
};
use serde_json::{Value, json};

use crate::failure::{Failure, read};
use crate::usage;

/// Which message it is.
#[derive(clap::Args)]
#[command(group = ArgGroup::new("kind").required(true))]
struct MessageArgs {
    /// The API: its key or its name, as in 1 or Fetch; `milena apis` lists them
    #[arg(long, value_name = "K", value_parser = api_key)]
    api_key: Option<i16>,

    /// The version of the message
    #[arg(long, value_name = "V")]
    api_version: Option<i16>,

    /// A request
    #[arg(long, group = "kind", requires = "api_key", requires = "api_version")]
    request: bool,

    /// A response
    #[arg(long, group = "kind", requires = "api_key", requires = "api_version")]
    response: bool,

    /// A consumer's subscription: the metadata of a member in JoinGroup
    #[arg(long, group = "kind", conflicts_with_all = ["api_key", "header"])]
    subscription: bool,

    /// A consumer's assignment: what SyncGroup hands to a member
    #[arg(long, group = "kind", conflicts_with_all = ["api_key", "header"])]
    assignment: bool,

    /// The message has its header; as JSON: {"header": ..., "body": ...}
    #[arg(long)]
    header: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "The file holds the message without the four bytes of length that come before it on a connection.\n\
    Tagged fields that milena does not know have no JSON and are not printed."
)]
pub struct DecodeArgs {
    #[command(flatten)]
    message: MessageArgs,

    /// The bytes; - for standard input
    file: PathBuf,
}

#[derive(clap::Args)]
#[command(
    after_help = "The JSON is what `milena decode` prints: every field of the version, tagged ones only where they are set.\n\
    A subscription or an assignment is written in version 3, unless --api-version says another."
)]
pub struct EncodeArgs {
    #[command(flatten)]
    message: MessageArgs,

    /// The JSON; - for standard input
    file: PathBuf,
}

pub fn decode(args: DecodeArgs) -> Result<(), Failure> {
    let bytes = Bytes::from(read(&args.file)?);
    let json = args.message.decode(&bytes)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{json:#}")?;
    Ok(out.flush()?)
}

pub fn encode(args: EncodeArgs) -> Result<(), Failure> {
    let text = read(&args.file)?;
    let json = serde_json::from_slice(&text).map_err(|e| Failure::Other(format!("no JSON: {e}")))?;
    let bytes = args.message.encode(&json)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&bytes)?;
    Ok(out.flush()?)
}

impl MessageArgs {
    fn decode(&self, bytes: &Bytes) -> Result<Value, Failure> {
        if self.subscription {
            return decode_blob::<ConsumerProtocolSubscription>(bytes);
        }
        if self.assignment {
            return decode_blob::<ConsumerProtocolAssignment>(bytes);
        }
        let (api, version) = self.api();
        match (self.request, self.header) {
            (true, false) => {
                let body = front(
                    || RequestBody::read(api.key(), version, bytes),
                    || RequestBody::read_front(api.key(), version, bytes),
                )?;
                known(api, version, body.to_json(version).map_err(Failure::of)?)
            }
            (false, false) => {
                let body = ResponseBody::read(api.key(), version, bytes).map_err(Failure::of)?;
                known(api, version, body.to_json(version).map_err(Failure::of)?)
            }
            (true, true) => self.decode_request(api, version, bytes),
            (false, true) => self.decode_response(api, version, bytes),
        }
    }

    fn decode_request(&self, api: Api, version: i16, bytes: &Bytes) -> Result<Value, Failure> {
        let limits = Limits::default();
        let request = front(|| Request::parse(bytes, &limits), || Request::parse_front(bytes, &limits))?;
        let (key, found) = (request.header.request_api_key, request.header.request_api_version);
        if (key, found) != (api.key(), version) {
            let cause =
                format!("the header says API key {key}, version {found}, not {}, {version}", api.key());
            return Err(Failure::Other(cause));
        }
        let header = request.header.to_json(api.request_header_version(version)).map_err(Failure::of)?;
        let body = known(api, version, request.body.to_json(version).map_err(Failure::of)?)?;
        Ok(json!({ "header": header, "body": body }))
    }

    fn decode_response(&self, api: Api, version: i16, bytes: &Bytes) -> Result<Value, Failure> {
        let correlation_id = Response::peek(bytes).map_err(Failure::of)?;
        let pairing = Pairing { api_key: api.key(), api_version: version, correlation_id };
        let response = Response::parse(bytes, pairing, &Limits::default()).map_err(Failure::of)?;
        let header = response.header.to_json(api.response_header_version(version)).map_err(Failure::of)?;
        let body = known(api, version, response.body.to_json(version).map_err(Failure::of)?)?;
        Ok(json!({ "header": header, "body": body }))
    }

    fn encode(&self, json: &Value) -> Result<Bytes, Failure> {
        if self.subscription {
            return encode_blob::<ConsumerProtocolSubscription>(json, self.api_version);
        }
        if self.assignment {
            return encode_blob::<ConsumerProtocolAssignment>(json, self.api_version);
        }
        let (api, version) = self.api();
        let mut bytes = BytesMut::new();
        let body = if self.header {
            self.encode_header(api, version, part(json, "header")?, &mut bytes)?;
            part(json, "body")?
        } else {
            json
        };
        if self.request {
            let body = known(api, version, RequestBody::from_json(api, body, version).map_err(Failure::of)?)?;
            body.write(version, &mut bytes).map_err(Failure::of)?;
        } else {
            let body =
                known(api, version, ResponseBody::from_json(api, body, version).map_err(Failure::of)?)?;
            body.write(version, &mut bytes).map_err(Failure::of)?;
        }
        Ok(bytes.freeze())
    }

    fn encode_header(
        &self,
        api: Api,
        version: i16,
        json: &Value,
        into: &mut BytesMut,
    ) -> Result<(), Failure> {
        if self.request {
            let header_version = api.request_header_version(version);
            let header = RequestHeader::from_json(json, header_version).map_err(Failure::of)?;
            header.write(header_version, into).map_err(Failure::of)
        } else {
            let header_version = api.response_header_version(version);
            let header = ResponseHeader::from_json(json, header_version).map_err(Failure::of)?;
            header.write(header_version, into).map_err(Failure::of)
        }
    }

    /// The API and its version, which clap has made sure are there.
    fn api(&self) -> (Api, i16) {
        let (key, version) = (self.api_key.unwrap_or_default(), self.api_version.unwrap_or_default());
        let api = Api::from_key(key).unwrap_or_else(|| usage(format!("there is no API with the key {key}")));
        if !api.versions().contains(&version) {
            let (oldest, newest) = (api.versions().start().to_owned(), api.versions().end().to_owned());
            usage(format!("{api} has the versions {oldest} to {newest}, not {version}"));
        }
        (api, version)
    }
}

/// A request, whatever comes after it: librdkafka sends some bytes more, and Kafka's broker passes over them.
fn front<T>(
    whole: impl FnOnce() -> Result<T, DecodeError>,
    front: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, Failure> {
    let error = match whole() {
        Ok(request) => return Ok(request),
        Err(error) => error,
    };
    let DecodeErrorKind::TrailingBytes(left) = error.kind else { return Err(Failure::of(error)) };
    let request = front().map_err(Failure::of)?;
    eprintln!("milena: passed over {left} bytes after the request, as Kafka's broker does");
    Ok(request)
}

/// A message that travels inside another, behind a version of its own.
trait Blob: MessageJson {
    fn from_blob(blob: &Bytes) -> Result<(i16, Self), DecodeError>;
    fn to_blob(&self, version: i16) -> Result<Bytes, EncodeError>;
}

macro_rules! blobs {
    ($($message:ty),*) => {
        $(impl Blob for $message {
            fn from_blob(blob: &Bytes) -> Result<(i16, Self), DecodeError> {
                <$message>::from_blob(blob)
            }

            fn to_blob(&self, version: i16) -> Result<Bytes, EncodeError> {
                self.to_blob(version)
            }
        })*
    };
}

blobs!(ConsumerProtocolSubscription, ConsumerProtocolAssignment);

fn decode_blob<B: Blob>(bytes: &Bytes) -> Result<Value, Failure> {
    let (version, message) = B::from_blob(bytes).map_err(Failure::of)?;
    // What a newer version adds behind its known fields was not read.
    message.to_json(version.min(*B::VERSIONS.end())).map_err(Failure::of)
}

fn encode_blob<B: Blob>(json: &Value, version: Option<i16>) -> Result<Bytes, Failure> {
    let version = version.unwrap_or(*B::VERSIONS.end());
    B::from_json(json, version).map_err(Failure::of)?.to_blob(version).map_err(Failure::of)
}

/// A member of the JSON of a message with its header.
fn part<'j>(json: &'j Value, name: &str) -> Result<&'j Value, Failure> {
    json.get(name)
        .ok_or_else(|| Failure::Other(format!("with --header the JSON needs the member \"{name}\"")))
}

fn known<T>(api: Api, version: i16, message: Option<T>) -> Result<T, Failure> {
    message
        .ok_or_else(|| Failure::Other(format!("milena does not parse the messages of {api} v{version} yet")))
}

/// A key, or a name in any case.
fn api_key(text: &str) -> Result<i16, String> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    Api::from_name(text)
        .map(|api| api.key())
        .ok_or_else(|| "neither a number nor the name of an API; see `milena apis`".to_owned())
}
