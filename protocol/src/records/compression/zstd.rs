//! Zstandard: the whole of a batch is decompressed in one pass, by one context, straight into the output buffer.
//!
//! A single pass needs no window buffer, so that memory is the output and nothing else, whatever window a frame asks
//! for. Java writes frames that do not state their size; then the output starts at what it was before, and grows.

use std::fmt;

use ::zstd::zstd_safe::{self, CCtx, CParameter, DCtx};

use super::output::{Decompressed, Output};
use crate::records::CodecFault;

/// `-ZSTD_error_dstSize_tooSmall`, as zstd gives it.
const TOO_SMALL: usize = 70usize.wrapping_neg();
/// `-ZSTD_error_srcSize_wrong`: the data ends early.
const TRUNCATED: usize = 72usize.wrapping_neg();
/// `-ZSTD_error_checksum_wrong`.
const CHECKSUM: usize = 22usize.wrapping_neg();

/// Where a frame of unknown size starts: text shrinks to a fifth or so.
const USUAL_GROWTH: usize = 6;

/// Reads frames, with one context.
#[derive(Default)]
pub(super) struct Decoder {
    context: Option<DCtx<'static>>,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("zstd::Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    /// One frame, or several in a row.
    pub(super) fn decompress(&mut self, i: &[u8], out: &mut Output<'_>) -> Decompressed {
        let context = self.context.get_or_insert_with(DCtx::create);
        if i.is_empty() {
            return Err(CodecFault::Truncated);
        }
        // The size that the first frame states, if any, is believed only as far as data usually grows; from there
        // on, space doubles each time that it turns out to be too small.
        let usual = i.len().saturating_mul(USUAL_GROWTH);
        let mut wanted = match zstd_safe::get_frame_content_size(i) {
            Ok(Some(stated)) if stated > out.allowed() as u64 => return Err(out.over_budget()),
            Ok(Some(stated)) => usual.min(stated as usize),
            Ok(None) | Err(_) => usual,
        };
        loop {
            let space = out.space(wanted);
            let size = space.len();
            match context.decompress(space, i) {
                Ok(written) => {
                    out.advance(written);
                    return Ok(());
                }
                Err(TOO_SMALL) if size >= out.allowed() => return Err(out.over_budget()),
                Err(TOO_SMALL) => wanted = size.saturating_mul(2).max(1024),
                Err(TRUNCATED) => return Err(CodecFault::Truncated),
                Err(CHECKSUM) => return Err(CodecFault::Checksum),
                Err(_) => return Err(CodecFault::Corrupt),
            }
        }
    }
}

/// Writes frames, with one context.
pub(super) struct Encoder {
    context: CCtx<'static>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("zstd::Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// Levels up to 22 (small); zstd's default is 3. Negative levels are faster.
    pub(super) fn new(level: Option<i32>) -> Self {
        let mut context = CCtx::create();
        if let Some(level) = level {
            context
                .set_parameter(CParameter::CompressionLevel(level))
                .expect("the level is within zstd's range");
        }
        Self { context }
    }

    /// Appends one frame, which states its size.
    pub(super) fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + zstd_safe::compress_bound(data.len()), 0);
        let size =
            self.context.compress2(&mut out[start..], data).expect("the space is as large as zstd asks");
        out.truncate(start + size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::RecordBuffer;

    fn decompress(data: &[u8], budget: usize) -> Result<Vec<u8>, CodecFault> {
        let mut buffer = RecordBuffer::new();
        Decoder::default().decompress(data, &mut Output::new(&mut buffer, budget))?;
        assert!(buffer.capacity() <= budget);
        Ok(buffer.to_vec())
    }

    fn compress(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::new(None).compress(data, &mut out);
        out
    }

    /// As Java writes: by streaming, so that the size is not stated.
    fn compress_without_size(data: &[u8]) -> Vec<u8> {
        let mut context = CCtx::create();
        context.set_parameter(CParameter::ContentSizeFlag(false)).unwrap();
        let mut out = vec![0; zstd_safe::compress_bound(data.len())];
        let size = context.compress2(&mut out[..], data).unwrap();
        out.truncate(size);
        assert!(zstd_safe::get_frame_content_size(&out).unwrap().is_none());
        out
    }

    #[test]
    fn what_is_written_is_read_at_every_level() {
        let data: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for level in [None, Some(-131_072), Some(1), Some(22)] {
            let mut out = Vec::new();
            Encoder::new(level).compress(&data, &mut out);
            assert_eq!(decompress(&out, 1 << 20).unwrap(), data);
        }
        assert_eq!(decompress(&compress(&[]), 10), Ok(vec![]));
    }

    #[test]
    fn a_frame_without_a_size_is_read() {
        let data = vec![7; 1 << 20];
        assert_eq!(decompress(&compress_without_size(&data), 1 << 20).unwrap(), data);
    }

    #[test]
    fn several_frames_are_one_stream() {
        let frames = [compress(b"one, "), compress_without_size(&[b'x'; 5000]), compress(b"two")].concat();
        assert_eq!(decompress(&frames, 10_000).unwrap(), [b"one, ", &[b'x'; 5000][..], b"two"].concat());
    }

    #[test]
    fn a_bomb_stops_at_the_budget() {
        for bomb in [compress(&vec![0; 10 << 20]), compress_without_size(&vec![0; 10 << 20])] {
            assert_eq!(decompress(&bomb, 1 << 20), Err(CodecFault::OverBudget { budget: 1 << 20 }));
            assert_eq!(decompress(&bomb, 10 << 20).unwrap().len(), 10 << 20);
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = compress(&b"some data, some data".repeat(20));
        for end in 0..whole.len() {
            assert!(decompress(&whole[..end], 1000).is_err(), "{end}");
        }
    }
}
