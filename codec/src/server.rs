//! The server's side of a connection.

use bytes::BytesMut;
use milena_protocol::{Limits, Request, Response};
use tokio_util::codec::{Decoder, Encoder};

use crate::framing::write_frame;
use crate::{CodecError, FrameCodec};

/// Reads requests and writes responses.
///
/// Clients count on the responses of a connection coming in the order of its requests. That is left to the caller, and
/// so is to send none where none is expected (Produce with `acks` 0). `request.pairing().answer(body)` makes the
/// [`Response`] to a request.
///
/// A request of an API or version that milena does not know arrives as
/// [`RequestBody::Unknown`](milena_protocol::RequestBody::Unknown), an ApiVersions request of the future among them: it
/// is answered with error 35 and the versions that there are, whatever it says (KIP-511).
///
/// Bytes after the body of a request are passed over, as Kafka's broker does: librdkafka sends some.
#[derive(Debug)]
pub struct ServerCodec {
    frames: FrameCodec,
    limits: Limits,
}

impl ServerCodec {
    /// A codec for a new connection.
    pub fn new(limits: Limits) -> Self {
        ServerCodec { frames: FrameCodec::new(limits), limits }
    }

    /// Appends the response to `stream`, as [`Encoder::encode`] does, and leaves it to the caller.
    pub fn write(&mut self, response: &Response, stream: &mut BytesMut) -> Result<(), CodecError> {
        write_frame(stream, |stream| Ok(response.encode(stream)?))
    }
}

impl Default for ServerCodec {
    fn default() -> Self {
        ServerCodec::new(Limits::default())
    }
}

impl Decoder for ServerCodec {
    type Item = Request;
    type Error = CodecError;

    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Request>, CodecError> {
        let frame = self.frames.decode(stream)?;
        Ok(frame.map(|frame| Request::parse_front(&frame, &self.limits)).transpose()?)
    }

    fn decode_eof(&mut self, stream: &mut BytesMut) -> Result<Option<Request>, CodecError> {
        let frame = self.frames.decode_eof(stream)?;
        Ok(frame.map(|frame| Request::parse_front(&frame, &self.limits)).transpose()?)
    }
}

impl Encoder<Response> for ServerCodec {
    type Error = CodecError;

    fn encode(&mut self, response: Response, stream: &mut BytesMut) -> Result<(), CodecError> {
        self.write(&response, stream)
    }
}
