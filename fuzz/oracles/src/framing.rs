//! Streams of frames: however they are cut, the same comes out.

use bytes::{Bytes, BytesMut};
use milena_codec::{ClientCodec, CodecError, FrameCodec, ServerCodec, sniff};
use milena_protocol::{Limits, Pairing, Request, RequestBody, RequestHeader, Response};
use tokio_util::codec::{Decoder, Encoder};

use crate::memory;

/// The largest frame that passes, in bytes.
const LIMIT: usize = 4 << 20;
/// How many bytes at the front of the input say how the rest is cut.
const CUTS: usize = 4;

/// Four sizes of parts, in turn, and a stream that comes in such parts.
pub fn framing(data: &[u8]) {
    let Some((cuts, stream)) = data.split_first_chunk::<CUTS>() else { return };
    let _ = sniff(stream);
    let mut limits = Limits::default();
    limits.frame_bytes = LIMIT;

    // The frames share the buffer that they were cut from; it doubles, and once more while it moves.
    let allowed = 8 * stream.len() + (512 << 10);
    let (frames, end) = memory::within(allowed, || read(FrameCodec::new(limits), cuts, stream));
    let (expected, expected_end) = frames_of(stream);
    assert_eq!(frames, expected);
    assert_eq!(end.is_none(), expected_end, "{end:?}");

    let parsed = while_ok(frames.iter().map(|frame| Request::parse_front(frame, &limits)));
    assert_eq!(read(ServerCodec::new(limits), cuts, stream).0, parsed);

    let (client, pairings) = client_waiting_for(&frames, limits);
    let parse = |(frame, pairing)| Response::parse(frame, pairing, &limits);
    assert_eq!(read(client, cuts, stream).0, while_ok(frames.iter().zip(pairings).map(parse)));
}

/// Reads the stream in parts: what comes out, and the error that ends it, if one does.
fn read<D: Decoder<Error = CodecError>>(
    mut codec: D,
    cuts: &[u8; CUTS],
    mut stream: &[u8],
) -> (Vec<D::Item>, Option<CodecError>) {
    let (mut items, mut buffer) = (Vec::new(), BytesMut::new());
    for cut in cuts.iter().cycle() {
        let (part, rest) = stream.split_at(stream.len().min(1 + usize::from(*cut)));
        buffer.extend_from_slice(part);
        stream = rest;
        let last = stream.is_empty();
        loop {
            match if last { codec.decode_eof(&mut buffer) } else { codec.decode(&mut buffer) } {
                Ok(Some(item)) => items.push(item),
                Ok(None) if last => return (items, None),
                Ok(None) => break,
                Err(error) => return (items, Some(error)),
            }
        }
    }
    unreachable!("a cycle does not end")
}

/// The frames of a stream, up to the first that is too large or not whole; and whether all were good.
fn frames_of(mut stream: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut frames = Vec::new();
    while let Some((&length, rest)) = stream.split_first_chunk() {
        let size = i32::from_be_bytes(length) as usize;
        if size > LIMIT || size > rest.len() {
            break;
        }
        let (frame, rest) = rest.split_at(size);
        frames.push(frame);
        stream = rest;
    }
    (frames, stream.is_empty())
}

/// A client that has asked what these frames would answer: each a Metadata v9, with the id that the frame has.
fn client_waiting_for(frames: &[Bytes], limits: Limits) -> (ClientCodec, Vec<Pairing>) {
    let mut codec = ClientCodec::new(limits).max_in_flight(frames.len());
    let mut ask = |frame: &Bytes| {
        let id = frame.first_chunk().map_or(0, |&id| i32::from_be_bytes(id));
        let header = RequestHeader::new(milena_protocol::Api::Metadata, 9, id, None);
        let request = Request { header, body: RequestBody::Unknown(Bytes::new()) };
        let pairing = request.pairing();
        codec.encode(request, &mut BytesMut::new()).expect("a header can be written");
        pairing
    };
    let pairings = frames.iter().map(&mut ask).collect();
    (codec, pairings)
}

fn while_ok<T, E>(results: impl Iterator<Item = Result<T, E>>) -> Vec<T> {
    results.map_while(Result::ok).collect()
}
