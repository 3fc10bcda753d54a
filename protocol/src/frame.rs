//! Whole frames: a header and what follows it.
//!
//! A frame here is what the four bytes of length on the wire announce, without those four bytes.

use bytes::{Bytes, BytesMut};

use crate::body::{RequestBody, RequestMessage, ResponseBody, known};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::message::{Left, is_flexible, read_front};
use crate::wire::{Input, Str};
use crate::{Api, ErrorCode, Limits, Message, RequestHeader, ResponseHeader};

/// A request: what a client sends to a broker.
///
/// ```
/// use bytes::Bytes;
/// use milena_protocol::{Limits, Request, RequestBody};
///
/// let frame = Bytes::from_static(b"\0\x09\0\x01\0\0\0\x07\0\x03cli\0\x05group\0\0\0\0");
/// let request = Request::parse(&frame, &Limits::default())?;
/// assert_eq!(request.header.correlation_id, 7);
/// match request.body {
///     RequestBody::OffsetFetch(body) => assert_eq!(body.group_id, "group"),
///     body => panic!("not an OffsetFetch: {body:?}"),
/// }
/// # Ok::<(), milena_protocol::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Which API, which version, from whom.
    pub header: RequestHeader,
    /// What is asked.
    pub body: RequestBody,
}

impl Request {
    /// A request of `version` that says `message`.
    ///
    /// ```
    /// use milena_protocol::messages::MetadataRequest;
    /// use milena_protocol::{Api, Request};
    ///
    /// let request = Request::new(MetadataRequest::default(), 9, 1, Some("my-client".into()));
    /// assert_eq!(request.header.request_api_key, Api::Metadata.key());
    /// ```
    pub fn new<M: RequestMessage>(
        message: M,
        version: i16,
        correlation_id: i32,
        client_id: Option<Str>,
    ) -> Request {
        let header = RequestHeader::new(M::API, version, correlation_id, client_id);
        Request { header, body: message.into() }
    }

    /// Parses a frame that a client sent.
    ///
    /// An API or a version that milena does not know is no error: its body is [`RequestBody::Unknown`].
    pub fn parse(frame: &Bytes, limits: &Limits) -> Result<Request, DecodeError> {
        parse_request(frame, limits, Left::Refused)
    }

    /// Parses a frame as Kafka's broker does, which passes over what comes after the body: librdkafka's request for the
    /// metadata of all topics has a few bytes there. Such a request is written again without them.
    pub fn parse_front(frame: &Bytes, limits: &Limits) -> Result<Request, DecodeError> {
        parse_request(frame, limits, Left::PassedOver)
    }

    /// Reads the header alone, of any API and version: for those who pass most frames on unread.
    pub fn peek(frame: &Bytes) -> Result<RequestHeader, DecodeError> {
        request_header(frame).map(|(_, header)| header)
    }

    /// Appends the frame to `into`, without a length; on an error nothing is appended.
    pub fn encode(&self, into: &mut BytesMut) -> Result<(), EncodeError> {
        let (key, version) = (self.header.request_api_key, self.header.request_api_version);
        self.body.check_api(key, version)?;
        let start = into.len();
        self.header.write(request_header_version(key, version), into)?;
        self.body.write(version, into).inspect_err(|_| into.truncate(start))
    }

    /// Whether a response will come: a Produce request with `acks` 0 has none.
    ///
    /// In a version of Produce that milena does not know the acks cannot be found, and one is expected.
    pub fn expects_response(&self) -> bool {
        !matches!(&self.body, RequestBody::Produce(produce) if produce.acks == 0)
    }

    /// What its response must be parsed with.
    pub fn pairing(&self) -> Pairing {
        self.header.pairing()
    }
}

fn parse_request(frame: &Bytes, limits: &Limits, after: Left) -> Result<Request, DecodeError> {
    within(limits, RequestHeader::NAME, frame)?;
    let (body, header) = request_header(frame)?;
    let (key, version) = (header.request_api_key, header.request_api_version);
    let body = RequestBody::parse(body, key, version, after)?;
    Ok(Request { header, body })
}

/// The request that a response answers: a response does not say what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairing {
    /// The API key of the request.
    pub api_key: i16,
    /// The version of the request.
    pub api_version: i16,
    /// The correlation id of the request; another one in the response is an error.
    pub correlation_id: i32,
}

impl Pairing {
    /// The response that says `body`. A body of another API than the request's is an error when it is encoded.
    pub fn answer(self, body: impl Into<ResponseBody>) -> Response {
        let Pairing { api_key, api_version, correlation_id } = self;
        let header = ResponseHeader::new(correlation_id);
        Response { api_key, api_version, header, body: body.into() }
    }
}

/// A response: what a broker answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The API that was asked.
    pub api_key: i16,
    /// The version that was asked.
    pub api_version: i16,
    /// The header.
    pub header: ResponseHeader,
    /// The answer.
    pub body: ResponseBody,
}

impl Response {
    /// Reads the correlation id alone: what the response answers, where that is looked up by it, and for a
    /// [`Pairing`] where it is known in another way.
    pub fn peek(frame: &Bytes) -> Result<i32, DecodeError> {
        let (_, header) = read_front::<ResponseHeader>(Input::new(frame, 0, false))?;
        Ok(header.correlation_id)
    }

    /// Parses a frame that a broker sent in answer to the request that `pairing` describes.
    ///
    /// An API or a version that milena does not know is no error: its body is [`ResponseBody::Unknown`].
    pub fn parse(frame: &Bytes, pairing: Pairing, limits: &Limits) -> Result<Response, DecodeError> {
        let Pairing { api_key, api_version, correlation_id } = pairing;
        within(limits, ResponseHeader::NAME, frame)?;
        let header_version = response_header_version(api_key, api_version);
        let (body, header) =
            read_front::<ResponseHeader>(header_input::<ResponseHeader>(frame, header_version))?;
        if header.correlation_id != correlation_id {
            return Err(DecodeError {
                message: ResponseHeader::NAME,
                version: header_version,
                field: Some("correlationId"),
                offset: 0,
                kind: DecodeErrorKind::CorrelationMismatch {
                    expected: correlation_id,
                    found: header.correlation_id,
                },
            });
        }
        let body_version = body_version(api_key, api_version, body.rest);
        let body = ResponseBody::parse(body, api_key, body_version, Left::Refused)?;
        Ok(Response { api_key, api_version, header, body })
    }

    /// Appends the frame to `into`, without a length; on an error nothing is appended.
    pub fn encode(&self, into: &mut BytesMut) -> Result<(), EncodeError> {
        self.body.check_api(self.api_key, self.api_version)?;
        let start = into.len();
        self.header.write(response_header_version(self.api_key, self.api_version), into)?;
        let version = match &self.body {
            ResponseBody::ApiVersions(body) if body.error_code == ErrorCode::UNSUPPORTED_VERSION => 0,
            _ => self.api_version,
        };
        self.body.write(version, into).inspect_err(|_| into.truncate(start))
    }
}

/// The version in which a body is really written: an ApiVersions request of a version that the broker does not know is
/// answered in version 0 with error 35 (KIP-511).
fn body_version(key: i16, version: i16, body: &[u8]) -> i16 {
    let unsupported = ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes();
    if key == Api::ApiVersions.key() && body.starts_with(&unsupported) { 0 } else { version }
}

/// The header of a request, and where its body begins.
fn request_header(frame: &Bytes) -> Result<(Input<'_>, RequestHeader), DecodeError> {
    let (_, preamble) = read_front::<RequestHeader>(Input::new(frame, 0, false))?;
    let version = request_header_version(preamble.request_api_key, preamble.request_api_version);
    read_front(header_input::<RequestHeader>(frame, version))
}

/// The header of a request that is not known is read as far as the client id, as it is in every version but the first.
/// What comes after travels with the body, so that it leaves as it came.
fn request_header_version(key: i16, version: i16) -> i16 {
    match known(key, version) {
        Some(api) if api.is_parsed() => api.request_header_version(version),
        Some(Api::ControlledShutdown) if version == 0 => 0,
        _ => 1,
    }
}

/// The header of a response that is not known is its correlation id.
fn response_header_version(key: i16, version: i16) -> i16 {
    match known(key, version) {
        Some(api) if api.is_parsed() => api.response_header_version(version),
        _ => 0,
    }
}

fn within(limits: &Limits, message: &'static str, frame: &Bytes) -> Result<(), DecodeError> {
    let (size, limit) = (frame.len(), limits.frame_bytes);
    if size <= limit {
        return Ok(());
    }
    let kind = DecodeErrorKind::FrameTooLarge { size, limit };
    Err(DecodeError { message, version: 0, field: None, offset: 0, kind })
}

fn header_input<H: Message>(frame: &Bytes, version: i16) -> Input<'_> {
    Input::new(frame, version, is_flexible::<H>(version))
}
