//! The client's side of a connection.

use bytes::{Bytes, BytesMut};
use milena_protocol::{DecodeErrorKind, InFlight, Limits, Pairing, Request, Response};
use tokio_util::codec::{Decoder, Encoder};

use crate::framing::write_frame;
use crate::{CodecError, FrameCodec};

/// How many requests may wait for their responses, unless [`ClientCodec::max_in_flight`] says otherwise.
pub const DEFAULT_MAX_IN_FLIGHT: usize = 1_000;

/// Writes requests and reads responses.
///
/// A response does not say what it answers but for a correlation id, so the codec remembers every request that it has
/// written until its response comes. A broker answers the requests of a connection in their order; a response that is
/// out of turn is an error. A request that gets no response (Produce with `acks` 0) is not remembered.
///
/// The response to a request whose sender has lost interest still has to be read, or the next one is out of turn:
/// keep reading from the connection, or close it.
#[derive(Debug)]
pub struct ClientCodec {
    frames: FrameCodec,
    limits: Limits,
    in_flight: InFlight,
    max_in_flight: usize,
}

impl ClientCodec {
    /// A codec for a new connection.
    pub fn new(limits: Limits) -> Self {
        ClientCodec {
            frames: FrameCodec::new(limits),
            limits,
            in_flight: InFlight::default(),
            max_in_flight: DEFAULT_MAX_IN_FLIGHT,
        }
    }

    /// Lets this many requests wait for their responses; one more is [`CodecError::TooManyInFlight`].
    pub fn max_in_flight(self, requests: usize) -> Self {
        ClientCodec { max_in_flight: requests, ..self }
    }

    /// The requests that wait for their responses, oldest first.
    pub fn in_flight(&self) -> impl ExactSizeIterator<Item = &Pairing> {
        self.in_flight.iter()
    }

    /// Appends the request to `stream`, as [`Encoder::encode`] does, and leaves it to the caller.
    ///
    /// (A second `Encoder`, for `&Request`, would make every `framed.flush()` ambiguous.)
    pub fn write(&mut self, request: &Request, stream: &mut BytesMut) -> Result<(), CodecError> {
        if request.expects_response() && self.in_flight.len() >= self.max_in_flight {
            return Err(CodecError::TooManyInFlight { limit: self.max_in_flight });
        }
        write_frame(stream, |stream| Ok(request.encode(stream)?))?;
        self.in_flight.sent(request);
        Ok(())
    }

    fn answer(&mut self, frame: &Bytes) -> Result<Response, CodecError> {
        let pairing = self.in_flight.answered(frame).map_err(|error| match error.kind {
            DecodeErrorKind::CorrelationMismatch { expected, found } => {
                CodecError::UnexpectedCorrelation { expected: Some(expected), found }
            }
            DecodeErrorKind::NotAsked { found } => {
                CodecError::UnexpectedCorrelation { expected: None, found }
            }
            _ => CodecError::Decode(error),
        })?;
        Ok(Response::parse(frame, pairing, &self.limits)?)
    }
}

impl Default for ClientCodec {
    fn default() -> Self {
        ClientCodec::new(Limits::default())
    }
}

impl Encoder<Request> for ClientCodec {
    type Error = CodecError;

    fn encode(&mut self, request: Request, stream: &mut BytesMut) -> Result<(), CodecError> {
        self.write(&request, stream)
    }
}

impl Decoder for ClientCodec {
    type Item = Response;
    type Error = CodecError;

    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Response>, CodecError> {
        self.frames.decode(stream)?.map(|frame| self.answer(&frame)).transpose()
    }

    fn decode_eof(&mut self, stream: &mut BytesMut) -> Result<Option<Response>, CodecError> {
        self.frames.decode_eof(stream)?.map(|frame| self.answer(&frame)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use milena_protocol::messages::{FetchRequest, OffsetFetchRequest, ProduceRequest};
    use milena_protocol::{Api, RequestBody, RequestHeader, ResponseBody};

    use super::*;

    fn request(correlation_id: i32) -> Request {
        Request {
            header: RequestHeader::new(Api::OffsetFetch, 1, correlation_id, None),
            body: RequestBody::OffsetFetch(OffsetFetchRequest::default()),
        }
    }

    /// An OffsetFetch response v1 without topics.
    fn response(correlation_id: i32) -> BytesMut {
        let mut stream = BytesMut::from(&[0, 0, 0, 8][..]);
        stream.extend_from_slice(&correlation_id.to_be_bytes());
        stream.extend_from_slice(&[0; 4]);
        stream
    }

    fn codec_after(correlation_ids: impl IntoIterator<Item = i32>) -> ClientCodec {
        let mut codec = ClientCodec::default();
        for id in correlation_ids {
            codec.encode(request(id), &mut BytesMut::new()).unwrap();
        }
        codec
    }

    fn ids(codec: &ClientCodec) -> Vec<i32> {
        codec.in_flight().map(|pairing| pairing.correlation_id).collect()
    }

    #[test]
    fn a_response_takes_its_request_off_the_list() {
        let mut codec = codec_after([7, 8]);
        let answer = codec.decode(&mut response(7)).unwrap().unwrap();
        assert_eq!((answer.api_key, answer.api_version), (Api::OffsetFetch.key(), 1));
        assert!(matches!(answer.body, ResponseBody::OffsetFetch(_)), "{answer:?}");
        assert_eq!(ids(&codec), [8]);
    }

    #[test]
    fn a_response_out_of_turn_is_an_error_with_both_ids() {
        let error = codec_after([7, 8]).decode(&mut response(8)).unwrap_err();
        assert!(matches!(error, CodecError::UnexpectedCorrelation { expected: Some(7), found: 8 }));
        assert_eq!(error.to_string(), "response with correlation id 8, when 7 was due");
    }

    #[test]
    fn a_response_that_nobody_asked_for_is_an_error() {
        let error = ClientCodec::default().decode(&mut response(8)).unwrap_err();
        assert!(matches!(error, CodecError::UnexpectedCorrelation { expected: None, found: 8 }));
        let error = ClientCodec::default().decode(&mut BytesMut::from(&[0, 0, 0, 1, 9][..])).unwrap_err();
        assert!(matches!(error, CodecError::Decode(_)), "{error:?}");
    }

    #[test]
    fn two_requests_may_have_the_same_id() {
        let mut codec = codec_after([7, 7]);
        for _ in 0..2 {
            assert_eq!(codec.decode(&mut response(7)).unwrap().unwrap().header.correlation_id, 7);
        }
        assert!(ids(&codec).is_empty());
    }

    #[test]
    fn t26_a_produce_request_without_acks_waits_for_no_response() {
        let mut codec = codec_after([7]);
        for (acks, waiting) in [(0, vec![7]), (1, vec![7, 8])] {
            let mut body = ProduceRequest::default();
            body.acks = acks;
            let header = RequestHeader::new(Api::Produce, 9, 8, None);
            let produce = Request { header, body: RequestBody::Produce(body) };
            codec.encode(produce, &mut BytesMut::new()).unwrap();
            assert_eq!(ids(&codec), waiting, "acks {acks}");
        }
    }

    #[test]
    fn a_request_too_many_is_refused_until_a_response_has_come() {
        let (mut codec, mut stream) = (codec_after([7, 8]).max_in_flight(2), BytesMut::new());
        let error = codec.encode(request(9), &mut stream).unwrap_err();
        assert!(matches!(error, CodecError::TooManyInFlight { limit: 2 }), "{error:?}");
        assert!(error.is_retriable());
        assert!(stream.is_empty());

        codec.decode(&mut response(7)).unwrap().unwrap();
        codec.encode(request(9), &mut stream).unwrap();
        assert_eq!(ids(&codec), [8, 9]);
    }

    #[test]
    fn a_request_that_cannot_be_written_leaves_nothing_and_is_forgotten() {
        let mut unwritable = request(7);
        unwritable.header.request_api_key = Api::Fetch.key();
        unwritable.header.request_api_version = 99;
        unwritable.body = RequestBody::Fetch(FetchRequest::default());
        let (mut codec, mut stream) = (codec_after([]), BytesMut::from("before"));
        let error = codec.encode(unwritable, &mut stream).unwrap_err();
        assert!(matches!(error, CodecError::Encode(_)), "{error:?}");
        assert_eq!(stream, "before");
        assert!(ids(&codec).is_empty());
    }
}
