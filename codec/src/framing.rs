//! Frames on a byte stream: four bytes of length, and what they announce.

use bytes::{BufMut, Bytes, BytesMut};
use milena_protocol::Limits;
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use crate::{CodecError, Stranger};

const LENGTH_BYTES: usize = 4;

/// Room that is made for a frame however little of it has come.
const FIRST_RESERVATION: usize = 64 << 10;

/// Cuts a stream into whole frames, without their lengths, and reads none of them: for proxies and recorders.
///
/// [`RequestHeader`](milena_protocol::RequestHeader) and [`Request::parse`](milena_protocol::Request::parse) read
/// what it yields. The frames share their memory with what was read together with them.
#[derive(Debug)]
pub struct FrameCodec {
    frames: LengthDelimitedCodec,
    limit: usize,
    /// Whether no frame has come yet: a stranger shows in the first bytes.
    untouched: bool,
}

impl FrameCodec {
    /// Frames up to [`Limits::frame_bytes`].
    pub fn new(limits: Limits) -> Self {
        let limit = limits.frame_bytes.min(i32::MAX as usize);
        let frames = LengthDelimitedCodec::builder()
            .length_field_length(LENGTH_BYTES)
            .max_frame_length(limit)
            .new_codec();
        FrameCodec { frames, limit, untouched: true }
    }

    /// The length of the frame that `stream` begins with, once its four bytes have come.
    fn announced(&self, stream: &[u8]) -> Result<Option<usize>, CodecError> {
        let Some(&first) = stream.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = i32::from_be_bytes(first);
        let size = usize::try_from(length).map_err(|_| CodecError::NegativeLength(length))?;
        let too_large = size > self.limit;
        if (too_large || self.untouched)
            && let Some(stranger) = Stranger::recognise(first)
        {
            return Err(CodecError::NotKafka(stranger));
        }
        if too_large {
            return Err(CodecError::FrameTooLarge { size, limit: self.limit });
        }
        Ok(Some(size))
    }
}

impl Default for FrameCodec {
    fn default() -> Self {
        FrameCodec::new(Limits::default())
    }
}

impl Decoder for FrameCodec {
    type Item = Bytes;
    type Error = CodecError;

    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Bytes>, CodecError> {
        let Some(size) = self.announced(stream)? else { return Ok(None) };
        let missing = (LENGTH_BYTES + size).saturating_sub(stream.len());
        if missing > 0 {
            // tokio-util would reserve all that is announced, before it comes. So it gets to see whole frames only,
            // and the buffer no more than doubles for what has come.
            stream.reserve(missing.min(stream.len().max(FIRST_RESERVATION)));
            return Ok(None);
        }
        self.untouched = false;
        Ok(self.frames.decode(stream)?.map(BytesMut::freeze))
    }

    fn decode_eof(&mut self, stream: &mut BytesMut) -> Result<Option<Bytes>, CodecError> {
        match self.decode(stream)? {
            None if !stream.is_empty() => Err(CodecError::ClosedInFrame { received: stream.len() }),
            frame => Ok(frame),
        }
    }
}

impl Encoder<Bytes> for FrameCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: Bytes, stream: &mut BytesMut) -> Result<(), CodecError> {
        write_frame(stream, |stream| {
            stream.put_slice(&frame);
            Ok(())
        })
    }
}

/// Appends a frame of what `write` appends; on an error nothing is appended.
///
/// (tokio-util's encoder takes a finished frame, which would be copied once more.)
pub(crate) fn write_frame(
    stream: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let start = stream.len();
    stream.put_i32(0);
    let written = write(stream).and_then(|()| {
        let size = stream.len() - start - LENGTH_BYTES;
        let too_large = |_| CodecError::FrameTooLarge { size, limit: i32::MAX as usize };
        let length = i32::try_from(size).map_err(too_large)?;
        stream[start..start + LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(())
    });
    written.inspect_err(|_| stream.truncate(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(frame_bytes: usize) -> FrameCodec {
        let mut limits = Limits::default();
        limits.frame_bytes = frame_bytes;
        FrameCodec::new(limits)
    }

    fn stream(bytes: &[u8]) -> BytesMut {
        BytesMut::from(bytes)
    }

    #[test]
    fn several_frames_in_one_read_come_out_one_by_one() {
        let (mut codec, mut stream) = (codec(10), stream(b"\0\0\0\x03one\0\0\0\0\0\0\0\x03two\0\0"));
        assert_eq!(codec.decode(&mut stream).unwrap().unwrap(), "one");
        assert_eq!(codec.decode(&mut stream).unwrap().unwrap(), "");
        assert_eq!(codec.decode(&mut stream).unwrap().unwrap(), "two");
        assert!(codec.decode(&mut stream).unwrap().is_none());
        assert_eq!(stream, b"\0\0"[..]);
    }

    #[test]
    fn frames_leave_as_they_came() {
        let (mut codec, mut written) = (codec(10), BytesMut::new());
        codec.encode(Bytes::from_static(b"one"), &mut written).unwrap();
        codec.encode(Bytes::new(), &mut written).unwrap();
        assert_eq!(written, b"\0\0\0\x03one\0\0\0\0"[..]);
    }

    #[test]
    fn a_frame_at_the_limit_passes_and_one_byte_more_is_refused_at_its_length() {
        let mut at_limit = stream(b"\0\0\0\x03one");
        assert_eq!(codec(3).decode(&mut at_limit).unwrap().unwrap(), "one");
        let error = codec(2).decode(&mut stream(b"\0\0\0\x03")).unwrap_err();
        assert!(matches!(error, CodecError::FrameTooLarge { size: 3, limit: 2 }), "{error:?}");
    }

    #[test]
    fn a_frame_that_is_announced_reserves_nothing_beyond_what_comes() {
        let mut codec = codec(100 << 20);
        let mut stream = stream(&(100_i32 << 20).to_be_bytes());
        assert!(codec.decode(&mut stream).unwrap().is_none());
        assert!(stream.capacity() <= 2 * FIRST_RESERVATION, "{}", stream.capacity());

        stream.put_bytes(0, 1 << 20);
        assert!(codec.decode(&mut stream).unwrap().is_none());
        assert!(stream.capacity() <= 4 << 20, "{}", stream.capacity());
    }

    #[test]
    fn a_length_over_the_limit_reserves_nothing() {
        let mut stream = stream(b"\x03\0\0\x03\x3c\x0c\0\xb6");
        let capacity = stream.capacity();
        let error = codec(1 << 20).decode(&mut stream).unwrap_err();
        assert!(matches!(error, CodecError::FrameTooLarge { size: 0x0300_0003, .. }), "{error:?}");
        assert_eq!(stream.capacity(), capacity);
    }

    #[test]
    fn a_negative_length_is_an_error() {
        for length in [-1, i32::MIN] {
            let error = codec(usize::MAX).decode(&mut stream(&length.to_be_bytes())).unwrap_err();
            assert!(matches!(error, CodecError::NegativeLength(found) if found == length), "{error:?}");
        }
    }

    #[test]
    fn the_end_of_the_stream_within_a_frame_is_an_error_that_a_new_connection_can_mend() {
        assert!(codec(10).decode_eof(&mut stream(b"")).unwrap().is_none());
        for part in [&b"\0"[..], b"\0\0\0\x03", b"\0\0\0\x03on"] {
            let error = codec(10).decode_eof(&mut stream(part)).unwrap_err();
            assert!(matches!(error, CodecError::ClosedInFrame { received } if received == part.len()));
            assert!(error.is_retriable());
        }
    }

    #[test]
    fn strangers_are_named_by_their_first_four_bytes_whatever_the_limit() {
        let texts = [
            (
                &b"\x16\x03\x01\x02"[..],
                "the peer speaks TLS, and this connection is plaintext: use TLS on both",
            ),
            (b"\x15\x03\x03\0", "the peer speaks TLS"),
            (b"HTTP", "the peer speaks HTTP, not Kafka's protocol: check host and port"),
            (b"SSH-", "the peer speaks SSH"),
        ];
        for (bytes, text) in texts {
            for limit in [10, usize::MAX] {
                let error = codec(limit).decode(&mut stream(bytes)).unwrap_err();
                assert!(error.to_string().starts_with(text), "{error}");
                assert!(!error.is_retriable());
            }
        }
    }

    #[test]
    fn a_stranger_that_takes_over_an_open_connection_is_named() {
        let (mut codec, mut stream) = (codec(10), stream(b"\0\0\0\x03oneHTTP/1.1 502"));
        assert_eq!(codec.decode(&mut stream).unwrap().unwrap(), "one");
        let error = codec.decode(&mut stream).unwrap_err();
        assert!(matches!(error, CodecError::NotKafka(Stranger::Http)), "{error:?}");
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let mut stream = stream(b"before");
        let too_large = || CodecError::FrameTooLarge { size: 1, limit: 0 };
        let written = write_frame(&mut stream, |stream| {
            stream.put_slice(b"half of it");
            Err(too_large())
        });
        assert!(written.is_err());
        assert_eq!(stream, b"before"[..]);
    }
}
