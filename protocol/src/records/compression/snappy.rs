//! Snappy, in the two forms that Kafka's clients write: Java's xerial blocks, and raw (librdkafka, others).
//!
//! A xerial stream is a header of 16 bytes, then blocks of raw snappy, each behind its length. Streams can follow one
//! another, header included.

use std::fmt;

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::multi::length_data;
use nom::number::complete::be_u32;
use snap::raw;

use super::output::{Decompressed, Output};
use crate::records::CodecFault;

/// 64 bytes from three bytes is the best that snappy can do.
const GREATEST_GROWTH: u64 = 22;

const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
/// Version 1, compatible with version 1.
const XERIAL_VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// How much Java puts into a block.
const XERIAL_BLOCK: usize = 32 * 1024;

/// Reads either form.
#[derive(Default)]
pub(super) struct Decoder {
    raw: raw::Decoder,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("snappy::Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    pub(super) fn decompress(&mut self, i: &[u8], out: &mut Output<'_>) -> Decompressed {
        let Ok((mut i, ())) = xerial_header(i) else {
            return self.block(i, out);
        };
        while !i.is_empty() {
            if let Ok((rest, ())) = xerial_header(i) {
                i = rest;
                continue;
            }
            let (rest, block) = xerial_block(i).map_err(|_| CodecFault::Truncated)?;
            self.block(block, out)?;
            i = rest;
        }
        Ok(())
    }

    /// Raw snappy: it states its size, which is checked before anything is reserved.
    fn block(&mut self, i: &[u8], out: &mut Output<'_>) -> Decompressed {
        if i.is_empty() {
            return Err(CodecFault::Truncated);
        }
        let stated = raw::decompress_len(i).map_err(|_| CodecFault::Corrupt)?;
        if stated as u64 > i.len() as u64 * GREATEST_GROWTH {
            return Err(CodecFault::ImpossibleSize(stated as u64));
        }
        if stated > out.allowed() {
            return Err(out.over_budget());
        }
        let (_, space) = out.split(stated);
        let written = self.raw.decompress(i, space).map_err(|_| CodecFault::Corrupt)?;
        out.advance(written);
        Ok(())
    }
}

/// The versions are not looked at: all that were ever written read the same.
fn xerial_header(i: &[u8]) -> IResult<&[u8], ()> {
    let (i, _) = tag(XERIAL_MAGIC)(i)?;
    let (i, _) = take(XERIAL_VERSIONS.len())(i)?;
    Ok((i, ()))
}

fn xerial_block(i: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(be_u32).parse(i)
}

/// Writes xerial blocks.
pub(super) struct Encoder {
    raw: raw::Encoder,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { raw: raw::Encoder::new() }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("snappy::Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// Appends one stream.
    pub(super) fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(XERIAL_MAGIC);
        out.extend_from_slice(&XERIAL_VERSIONS);
        for block in data.chunks(XERIAL_BLOCK) {
            let start = out.len() + 4;
            out.resize(start + raw::max_compress_len(block.len()), 0);
            let size = self
                .raw
                .compress(block, &mut out[start..])
                .expect("the space is as large as the encoder asks");
            out[start - 4..start].copy_from_slice(&(size as u32).to_be_bytes());
            out.truncate(start + size);
        }
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
        Encoder::default().compress(data, &mut out);
        out
    }

    #[test]
    fn what_is_written_is_read() {
        let data: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        assert_eq!(decompress(&compress(&data), 1 << 20).unwrap(), data);
        assert_eq!(decompress(&compress(&[]), 10), Ok(vec![]));
    }

    #[test]
    fn raw_snappy_is_read() {
        let raw = raw::Encoder::new().compress_vec(b"no blocks, no blocks, no blocks").unwrap();
        assert_eq!(decompress(&raw, 100).unwrap(), b"no blocks, no blocks, no blocks");
    }

    #[test]
    fn streams_that_follow_one_another_are_one() {
        let two = [compress(b"one, "), compress(b"two")].concat();
        assert_eq!(decompress(&two, 100).unwrap(), b"one, two");
    }

    #[test]
    fn a_stated_size_that_cannot_be_is_refused_before_it_is_reserved() {
        let mut buffer = RecordBuffer::new();
        let mut out = Output::new(&mut buffer, usize::MAX);
        let result = Decoder::default().decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0], &mut out);
        assert_eq!(result, Err(CodecFault::ImpossibleSize(u32::MAX.into())));
        assert_eq!(buffer.capacity(), 0);
    }

    #[test]
    fn a_size_over_the_budget_is_refused() {
        let data = compress(&[7; 30_000]);
        assert_eq!(decompress(&data, 29_999), Err(CodecFault::OverBudget { budget: 29_999 }));
        assert!(decompress(&data, 30_000).is_ok());
    }

    #[test]
    fn every_truncation_within_a_block_is_an_error() {
        let whole = compress(b"some data, some data");
        for end in (0..whole.len()).filter(|&end| end != 16) {
            assert!(decompress(&whole[..end], 100).is_err(), "{end}");
        }
    }
}
