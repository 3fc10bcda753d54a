//! Which responses are due on a connection.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::{Api, Limits, Message, Pairing, Request, RequestHeader, Response, ResponseHeader};

/// The requests of one connection that wait for their responses, oldest first: a response does not say what it answers but
/// for a correlation id.
///
/// A broker answers the requests of a connection in their order. A request that gets no response (Produce with `acks` 0) does
/// not wait.
///
/// ```
/// use bytes::Bytes;
/// use milena_protocol::{InFlight, Limits, Response};
///
/// let mut in_flight = InFlight::default();
/// let request = Bytes::from_static(b"\0\x0c\0\0\0\0\0\x07\xff\xff\0\x01g\0\0\0\x01\0\x01m");
/// in_flight.sent_frame(&request)?;
///
/// let frame = Bytes::from_static(b"\0\0\0\x07\0\x1b");
/// let pairing = in_flight.answered(&frame)?;
/// let response = Response::parse(&frame, pairing, &Limits::default())?;
/// # assert_eq!(response.api_key, 12);
/// # Ok::<(), milena_protocol::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InFlight(VecDeque<Pairing>);

impl InFlight {
    /// This request has been sent.
    pub fn sent(&mut self, request: &Request) {
        if request.expects_response() {
            self.0.push_back(request.pairing());
        }
    }

    /// The request in this frame has been sent. Of it only the header is read, which is given back; of a Produce the body
    /// too, as it alone says whether there will be a response.
    pub fn sent_frame(&mut self, frame: &Bytes) -> Result<RequestHeader, DecodeError> {
        let header = Request::peek(frame)?;
        if header.request_api_key == Api::Produce.key() {
            self.sent(&Request::parse_front(frame, &Limits::frames(usize::MAX))?);
        } else {
            self.0.push_back(header.pairing());
        }
        Ok(header)
    }

    /// The response in this frame has come: what it answers, to parse it with, or to look up what became of the request.
    ///
    /// # Errors
    /// When it is not the one whose turn it is: then nothing is taken off the list, and the connection is of no use any more.
    pub fn answered(&mut self, frame: &Bytes) -> Result<Pairing, DecodeError> {
        let found = Response::peek(frame)?;
        let kind = match self.0.front() {
            Some(pairing) if pairing.correlation_id == found => {
                return Ok(self.0.pop_front().expect("it was there"));
            }
            Some(pairing) => DecodeErrorKind::CorrelationMismatch { expected: pairing.correlation_id, found },
            None => DecodeErrorKind::NotAsked { found },
        };
        let field = Some("correlationId");
        Err(DecodeError { message: ResponseHeader::NAME, version: 0, field, offset: 0, kind })
    }

    /// The requests that wait, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Pairing> {
        self.0.iter()
    }

    /// How many requests wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no request waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::messages::{HeartbeatRequest, ProduceRequest};

    fn frame(request: &Request) -> Bytes {
        let mut bytes = BytesMut::new();
        request.encode(&mut bytes).unwrap();
        bytes.freeze()
    }

    fn ids(in_flight: &InFlight) -> Vec<i32> {
        in_flight.iter().map(|pairing| pairing.correlation_id).collect()
    }

    #[test]
    fn t26_a_frame_with_a_produce_without_acks_waits_for_nothing() {
        let mut in_flight = InFlight::default();
        for (id, acks) in [(1, 1), (2, 0), (3, -1)] {
            let produce = ProduceRequest { acks, ..Default::default() };
            in_flight.sent_frame(&frame(&Request::new(produce, 9, id, None))).unwrap();
        }
        in_flight.sent_frame(&frame(&Request::new(HeartbeatRequest::default(), 4, 4, None))).unwrap();
        in_flight.sent_frame(&Bytes::from_static(b"\x7f\xff\0\x03\0\0\0\x05\0\x02mewhatever")).unwrap();
        assert_eq!(ids(&in_flight), [1, 3, 4, 5]);
    }

    #[test]
    fn a_response_out_of_turn_or_that_nobody_asked_for_is_an_error() {
        let mut in_flight = InFlight::default();
        let response = |id: i32| Bytes::copy_from_slice(&id.to_be_bytes());
        let kind = |result: Result<Pairing, DecodeError>| result.unwrap_err().kind;
        assert_eq!(kind(in_flight.answered(&response(7))), DecodeErrorKind::NotAsked { found: 7 });
        in_flight.sent(&Request::new(HeartbeatRequest::default(), 4, 6, None));
        let mismatch = DecodeErrorKind::CorrelationMismatch { expected: 6, found: 7 };
        assert_eq!(kind(in_flight.answered(&response(7))), mismatch);
        let pairing = in_flight.answered(&response(6)).unwrap();
        assert_eq!((pairing.api_key, pairing.api_version), (12, 4));
        assert!(in_flight.is_empty());
        let error = in_flight.answered(&Bytes::from_static(&[0, 0, 7])).unwrap_err();
        assert_eq!(error.to_string(), "response header v0: correlationId: 4 bytes needed, 3 left at byte 0");
    }
}
