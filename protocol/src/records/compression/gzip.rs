//! gzip (RFC 1952): headers and trailers are read and written here, the deflate data between them by `flate2`.

use std::fmt;

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use nom::IResult;
use nom::Parser;
use nom::bytes::complete::{tag, take, take_till};
use nom::combinator::cond;
use nom::multi::length_data;
use nom::number::complete::{le_u16, le_u32, u8};

use super::output::{Decompressed, Output};
use crate::records::CodecFault;

/// Deflate cannot do better: 258 bytes from two bits.
const GREATEST_GROWTH: usize = 1032;

const MAGIC_DEFLATE: [u8; 3] = [0x1f, 0x8b, 8];
/// Flags of the header: what follows it.
const HAS_HEADER_CRC: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// Reads gzip, with one inflate state.
#[derive(Default)]
pub(super) struct Decoder {
    inflate: Option<Decompress>,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("gzip::Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    /// One member, or several in a row.
    pub(super) fn decompress(&mut self, mut i: &[u8], out: &mut Output<'_>) -> Decompressed {
        loop {
            i = self.member(i, out)?;
            // Behind the last member Java ignores what is not a member; so does this.
            if !i.starts_with(&MAGIC_DEFLATE) {
                return Ok(());
            }
        }
    }

    fn member<'a>(&mut self, i: &'a [u8], out: &mut Output<'_>) -> Result<&'a [u8], CodecFault> {
        let (i, ()) = header(i).map_err(fault)?;
        let start = out.written().len();
        let i = self.inflate(i, out)?;
        let (i, (crc, size)) = trailer(i).map_err(fault)?;
        let written = &out.written()[start..];
        if written.len() as u32 != size {
            return Err(CodecFault::Size);
        }
        if crc32fast::hash(written) != crc {
            return Err(CodecFault::Checksum);
        }
        Ok(i)
    }

    fn inflate<'a>(&mut self, i: &'a [u8], out: &mut Output<'_>) -> Result<&'a [u8], CodecFault> {
        let inflate = self.inflate.get_or_insert_with(|| Decompress::new(false));
        inflate.reset(false);
        // Text shrinks to a quarter or so. More is taken when there is more.
        let mut wanted = i.len().saturating_mul(4).min(i.len() * GREATEST_GROWTH);
        let start = out.written().len();
        loop {
            let consumed = inflate.total_in() as usize;
            let space = out.space(wanted);
            let has_space = !space.is_empty();
            let status = inflate.decompress(&i[consumed..], space, FlushDecompress::None);
            let produced = inflate.total_out() as usize - (out.written().len() - start);
            out.advance(produced);
            match status {
                Ok(Status::StreamEnd) => return Ok(&i[inflate.total_in() as usize..]),
                Err(_) => return Err(CodecFault::Corrupt),
                Ok(Status::Ok | Status::BufError) => {}
            }
            if produced == 0 && inflate.total_in() as usize == consumed {
                return Err(if has_space { CodecFault::Truncated } else { out.over_budget() });
            }
            wanted = 1;
        }
    }
}

/// A member's header, checked and passed over.
fn header(i: &[u8]) -> IResult<&[u8], ()> {
    let (i, _) = tag(&MAGIC_DEFLATE[..])(i)?;
    let (i, flags) = u8(i)?;
    if flags & RESERVED != 0 {
        return Err(nom::Err::Failure(nom::error::Error::new(i, nom::error::ErrorKind::Verify)));
    }
    // Time, how hard it tried, on which system.
    let (i, _) = take(6usize)(i)?;
    let zero_ended = || (take_till(|byte| byte == 0), u8);
    let (i, _) = cond(flags & HAS_EXTRA != 0, length_data(le_u16)).parse(i)?;
    let (i, _) = cond(flags & HAS_NAME != 0, zero_ended()).parse(i)?;
    let (i, _) = cond(flags & HAS_COMMENT != 0, zero_ended()).parse(i)?;
    let (i, _) = cond(flags & HAS_HEADER_CRC != 0, le_u16).parse(i)?;
    Ok((i, ()))
}

/// CRC-32 and size (modulo 2^32) of a member's data.
fn trailer(i: &[u8]) -> IResult<&[u8], (u32, u32)> {
    (le_u32, le_u32).parse(i)
}

fn fault(error: nom::Err<nom::error::Error<&[u8]>>) -> CodecFault {
    match error {
        nom::Err::Error(error) | nom::Err::Failure(error) if error.code == nom::error::ErrorKind::Eof => {
            CodecFault::Truncated
        }
        _ => CodecFault::Corrupt,
    }
}

/// Writes gzip, with one deflate state.
pub(super) struct Encoder {
    deflate: Compress,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("gzip::Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// Levels 1 (fast) to 9 (small); zlib's default is 6.
    pub(super) fn new(level: Option<i32>) -> Self {
        let level =
            level.map_or(flate2::Compression::default(), |level| flate2::Compression::new(level as u32));
        Self { deflate: Compress::new(level, false) }
    }

    /// Appends one member.
    pub(super) fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC_DEFLATE);
        // No flags, no time, nothing said about how hard it tried; the system is unknown (255).
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 255]);
        self.deflate.reset();
        loop {
            let consumed = self.deflate.total_in() as usize;
            out.reserve((data.len() - consumed) / 2 + 1024);
            match self.deflate.compress_vec(&data[consumed..], out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => break,
                Ok(Status::Ok | Status::BufError) => {}
                Err(error) => unreachable!("deflate takes any data: {error}"),
            }
        }
        out.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
        out.extend_from_slice(&(data.len() as u32).to_le_bytes());
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

    #[test]
    fn what_is_written_is_read_at_every_level() {
        let data: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let mut sizes = Vec::new();
        for level in [None, Some(1), Some(9)] {
            let mut out = Vec::new();
            Encoder::new(level).compress(&data, &mut out);
            assert_eq!(decompress(&out, 1 << 20).unwrap(), data);
            sizes.push(out.len());
        }
        assert!(sizes[1] > sizes[2]);
        assert_eq!(decompress(&compress(&[]), 10), Ok(vec![]));
    }

    #[test]
    fn several_members_are_one_stream() {
        let two = [compress(b"one, "), compress(b"two")].concat();
        assert_eq!(decompress(&two, 100).unwrap(), b"one, two");
    }

    #[test]
    fn header_fields_that_nobody_needs_are_passed_over() {
        let plain = compress(b"data");
        let mut full = plain[..10].to_vec();
        full[3] = HAS_EXTRA | HAS_NAME | HAS_COMMENT | HAS_HEADER_CRC;
        full.extend_from_slice(&[2, 0, 9, 9]);
        full.extend_from_slice(b"name\0comment\0\x01\x02");
        full.extend_from_slice(&plain[10..]);
        assert_eq!(decompress(&full, 100).unwrap(), b"data");
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = compress(b"some data, some data");
        for end in 0..whole.len() {
            assert!(decompress(&whole[..end], 100).is_err(), "{end}");
        }
    }

    #[test]
    fn wrong_checksums_and_sizes_are_errors() {
        let whole = compress(b"some data");
        let changed = |at: usize| {
            let mut data = whole.clone();
            data[at] ^= 1;
            decompress(&data, 100)
        };
        assert_eq!(changed(whole.len() - 1), Err(CodecFault::Size));
        assert_eq!(changed(whole.len() - 5), Err(CodecFault::Checksum));
        assert_eq!(changed(0), Err(CodecFault::Corrupt));
    }

    #[test]
    fn a_bomb_stops_at_the_budget() {
        let bomb = compress(&vec![0; 10 << 20]);
        assert_eq!(decompress(&bomb, 1 << 20), Err(CodecFault::OverBudget { budget: 1 << 20 }));
        assert_eq!(decompress(&bomb, 10 << 20).unwrap().len(), 10 << 20);
    }
}
