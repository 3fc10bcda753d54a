//! LZ4 frames, read and written here around the block codec of `lz4_flex`.
//!
//! A frame is a header, then blocks behind their sizes, then an end mark. The header's checksum covers the descriptor
//! (what follows the magic number). Kafka's clients once computed it from the magic number on; batches of magic 0 are
//! still written that way, so that there it is not checked.
//!
//! Kafka writes independent blocks and checks no content checksum. Here linked blocks, sizes, checksums, several
//! frames and skippable ones are read as the frame format defines them.

use std::hash::Hasher;

use lz4_flex::block::{self, CompressTable, DecompressError};
use nom::IResult;
use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::cond;
use nom::error::{Error, ErrorKind};
use nom::multi::length_data;
use nom::number::complete::{le_u32, le_u64, u8};
use twox_hash::XxHash32;

use super::output::{Decompressed, Output};
use crate::records::CodecFault;

/// A byte of a match's length stands for 255 bytes.
const GREATEST_GROWTH: usize = 255;
/// How far back a linked block can refer.
const WINDOW: usize = 64 * 1024;

const MAGIC: u32 = 0x184d_2204;
/// 16 magic numbers start a frame of something else, behind its length.
const SKIPPABLE: u32 = 0x184d_2a50;

/// Flags of the descriptor.
const VERSION: u8 = 0b0100_0000;
const VERSION_MASK: u8 = 0b1100_0000;
const INDEPENDENT: u8 = 0b0010_0000;
const BLOCK_CHECKSUM: u8 = 0b0001_0000;
const CONTENT_SIZE: u8 = 0b0000_1000;
const CONTENT_CHECKSUM: u8 = 0b0000_0100;
/// A reserved bit, and "needs a dictionary", which nobody could give.
const UNSUPPORTED: u8 = 0b0000_0011;

/// In a block's size: the block is stored as it is.
const STORED: u32 = 1 << 31;

/// What a frame's header says.
#[derive(Debug, Clone, Copy)]
struct Descriptor {
    flags: u8,
    largest_block: usize,
    content_size: Option<u64>,
}

impl Descriptor {
    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// One frame, or several in a row.
pub(super) fn decompress(mut i: &[u8], odd_checksum: bool, out: &mut Output<'_>) -> Decompressed {
    let mut frames = 0;
    loop {
        let (rest, magic) = magic(i).map_err(fault)?;
        i = match magic {
            MAGIC => frame(rest, odd_checksum, out)?,
            _ if magic & !0xf == SKIPPABLE => skippable(rest).map_err(fault)?.0,
            // Kafka reads one frame, and does not look at what is behind it.
            _ if frames > 0 => return Ok(()),
            _ => return Err(CodecFault::Corrupt),
        };
        frames += 1;
        if i.len() < 4 {
            return Ok(());
        }
    }
}

/// The rest of a frame behind its magic number.
fn frame<'a>(i: &'a [u8], odd_checksum: bool, out: &mut Output<'_>) -> Result<&'a [u8], CodecFault> {
    let (rest, (descriptor, checksum)) = header(i).map_err(fault)?;
    let described = &i[..i.len() - rest.len() - 1];
    if !odd_checksum && checksum != header_checksum(described) {
        return Err(CodecFault::Checksum);
    }
    let start = out.written().len();
    let mut i = rest;
    if let Some(size) = descriptor.content_size {
        if size > i.len() as u64 * GREATEST_GROWTH as u64 {
            return Err(CodecFault::ImpossibleSize(size));
        }
        if size > out.allowed() as u64 {
            return Err(out.over_budget());
        }
    }
    loop {
        let (rest, size) = le_u32(i).map_err(fault)?;
        i = rest;
        if size == 0 {
            break;
        }
        i = self::block(i, size, &descriptor, start, out)?;
    }
    if descriptor.content_size.is_some_and(|size| size != (out.written().len() - start) as u64) {
        return Err(CodecFault::Size);
    }
    let (i, checksum) = cond(descriptor.has(CONTENT_CHECKSUM), le_u32).parse(i).map_err(fault)?;
    if checksum.is_some_and(|checksum| checksum != XxHash32::oneshot(0, &out.written()[start..])) {
        return Err(CodecFault::Checksum);
    }
    Ok(i)
}

/// One block behind its size; gives what follows it. `start` is where the frame's content begins in the output.
fn block<'a>(
    i: &'a [u8],
    size: u32,
    descriptor: &Descriptor,
    start: usize,
    out: &mut Output<'_>,
) -> Result<&'a [u8], CodecFault> {
    let length = (size & !STORED) as usize;
    if length > descriptor.largest_block {
        return Err(CodecFault::Corrupt);
    }
    let (i, data) = take::<_, _, Error<&[u8]>>(length)(i).map_err(fault)?;
    let (i, checksum) = cond(descriptor.has(BLOCK_CHECKSUM), le_u32).parse(i).map_err(fault)?;
    if checksum.is_some_and(|checksum| checksum != XxHash32::oneshot(0, data)) {
        return Err(CodecFault::Checksum);
    }
    if size & STORED != 0 {
        out.write(data)?;
        return Ok(i);
    }
    let most = descriptor.largest_block.min(length * GREATEST_GROWTH);
    let (written, space) = out.split(most);
    let within_budget = space.len() == most;
    let done = if descriptor.has(INDEPENDENT) {
        block::decompress_into(data, space)
    } else {
        let window = written.len().saturating_sub(WINDOW).max(start);
        block::decompress_into_with_dict(data, space, &written[window..])
    };
    match done {
        Ok(size) => out.advance(size),
        Err(DecompressError::OutputTooSmall { .. }) if !within_budget => {
            return Err(out.over_budget());
        }
        Err(_) => return Err(CodecFault::Corrupt),
    }
    Ok(i)
}

fn magic(i: &[u8]) -> IResult<&[u8], u32> {
    le_u32(i)
}

fn skippable(i: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(le_u32).parse(i)
}

/// The descriptor, and its checksum.
fn header(i: &[u8]) -> IResult<&[u8], (Descriptor, u8)> {
    let (i, flags) = u8(i)?;
    let (i, block_size) = u8(i)?;
    let (i, content_size) = cond(flags & CONTENT_SIZE != 0, le_u64).parse(i)?;
    let (i, checksum) = u8(i)?;
    let known = flags & VERSION_MASK == VERSION && flags & UNSUPPORTED == 0 && block_size & 0b1000_1111 == 0;
    // 4 to 7 stand for 64 KiB, 256 KiB, 1 MiB and 4 MiB.
    let largest_block = match block_size >> 4 {
        code @ 4..=7 if known => 1 << (2 * code + 8),
        _ => return Err(nom::Err::Failure(Error::new(i, ErrorKind::Verify))),
    };
    Ok((i, (Descriptor { flags, largest_block, content_size }, checksum)))
}

/// The second byte of xxHash-32.
fn header_checksum(described: &[u8]) -> u8 {
    (XxHash32::oneshot(0, described) >> 8) as u8
}

fn fault(error: nom::Err<Error<&[u8]>>) -> CodecFault {
    match error {
        nom::Err::Error(error) | nom::Err::Failure(error) if error.code == ErrorKind::Eof => {
            CodecFault::Truncated
        }
        _ => CodecFault::Corrupt,
    }
}

/// Writes frames as Kafka's Java client does: independent blocks of 64 KiB, no further checksums.
pub(super) struct Encoder {
    table: CompressTable,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { table: CompressTable::large() }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("lz4::Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// The descriptor's code for blocks of 64 KiB.
    const BLOCK_CODE: u8 = 4 << 4;
    const BLOCK: usize = 64 * 1024;

    /// Appends one frame. With `odd_checksum` its header's checksum is what magic 0 has.
    pub(super) fn compress(&mut self, data: &[u8], odd_checksum: bool, out: &mut Vec<u8>) {
        let magic = MAGIC.to_le_bytes();
        let descriptor = [VERSION | INDEPENDENT, Self::BLOCK_CODE];
        let checksum = if odd_checksum {
            let mut hash = XxHash32::with_seed(0);
            hash.write(&magic);
            hash.write(&descriptor);
            (hash.finish_32() >> 8) as u8
        } else {
            header_checksum(&descriptor)
        };
        out.extend_from_slice(&magic);
        out.extend_from_slice(&descriptor);
        out.push(checksum);
        for block in data.chunks(Self::BLOCK) {
            self.block(block, out);
        }
        out.extend_from_slice(&0u32.to_le_bytes());
    }

    fn block(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let start = out.len() + 4;
        out.resize(start + block::get_maximum_output_size(data.len()), 0);
        let length = block::compress_into_with_table(data, &mut out[start..], &mut self.table)
            .expect("the space is as large as the encoder asks");
        let size = if length < data.len() {
            out.truncate(start + length);
            length as u32
        } else {
            out.truncate(start);
            out.extend_from_slice(data);
            data.len() as u32 | STORED
        };
        out[start - 4..start].copy_from_slice(&size.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::RecordBuffer;

    fn decompress_with(data: &[u8], odd: bool, budget: usize) -> Result<Vec<u8>, CodecFault> {
        let mut buffer = RecordBuffer::new();
        decompress(data, odd, &mut Output::new(&mut buffer, budget))?;
        assert!(buffer.capacity() <= budget);
        Ok(buffer.to_vec())
    }

    fn compress(data: &[u8], odd: bool) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::default().compress(data, odd, &mut out);
        out
    }

    /// A frame with everything a header can ask for: linked blocks, sizes and all checksums.
    fn full_frame(blocks: &[&[u8]]) -> Vec<u8> {
        let content = blocks.concat();
        let mut out = MAGIC.to_le_bytes().to_vec();
        out.extend_from_slice(&[VERSION | BLOCK_CHECKSUM | CONTENT_SIZE | CONTENT_CHECKSUM, 5 << 4]);
        out.extend_from_slice(&(content.len() as u64).to_le_bytes());
        out.push(header_checksum(&out[4..]));
        let mut before = 0;
        for data in blocks {
            let mut space = vec![0; block::get_maximum_output_size(data.len())];
            let size = block::compress_into_with_dict(data, &mut space, &content[..before]).unwrap();
            out.extend_from_slice(&(size as u32).to_le_bytes());
            out.extend_from_slice(&space[..size]);
            out.extend_from_slice(&XxHash32::oneshot(0, &space[..size]).to_le_bytes());
            before += data.len();
        }
        out.extend_from_slice(&0u32.to_le_bytes());
        out.extend_from_slice(&XxHash32::oneshot(0, &content).to_le_bytes());
        out
    }

    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1u32;
        let step = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..size).map(step).collect()
    }

    #[test]
    fn what_is_written_is_read_compressible_or_not() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for data in [&text[..], &noise(200_000), &[]] {
            assert_eq!(decompress_with(&compress(data, false), false, 1 << 20).unwrap(), data);
        }
    }

    #[test]
    fn the_odd_header_checksum_of_magic_0_is_accepted_there_and_nowhere_else() {
        let odd = compress(b"data", true);
        assert_eq!(decompress_with(&odd, true, 1 << 20).unwrap(), b"data");
        assert_eq!(decompress_with(&odd, false, 1 << 20), Err(CodecFault::Checksum));
        assert_eq!(decompress_with(&compress(b"data", false), true, 1 << 20).unwrap(), b"data");
    }

    #[test]
    fn linked_blocks_sizes_and_checksums_are_read_and_checked() {
        let text = b"the same words again, the same words again".repeat(9);
        let frame = full_frame(&[&text, &text, b"end"]);
        assert_eq!(decompress_with(&frame, false, 1 << 20).unwrap(), [&text[..], &text[..], b"end"].concat());
        assert!(frame.len() < text.len());
        for at in [6, 14, 40, frame.len() - 1] {
            let mut broken = frame.clone();
            broken[at] ^= 1;
            assert!(decompress_with(&broken, false, 1 << 20).is_err(), "{at}");
        }
        for end in 0..frame.len() {
            assert!(decompress_with(&frame[..end], false, 1 << 20).is_err(), "{end}");
        }
    }

    #[test]
    fn frames_that_follow_one_another_are_one_and_skippable_ones_are_skipped() {
        let skipped = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let frames = [skipped.clone(), compress(b"one, ", false), skipped, compress(b"two", false)].concat();
        assert_eq!(decompress_with(&frames, false, 1 << 20).unwrap(), b"one, two");
    }

    #[test]
    fn a_stated_size_that_cannot_be_is_refused_before_it_is_reserved() {
        let mut frame = MAGIC.to_le_bytes().to_vec();
        frame.extend_from_slice(&[VERSION | INDEPENDENT | CONTENT_SIZE, 7 << 4]);
        frame.extend_from_slice(&u64::MAX.to_le_bytes());
        frame.push(header_checksum(&frame[4..]));
        frame.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut buffer = RecordBuffer::new();
        let result = decompress(&frame, false, &mut Output::new(&mut buffer, usize::MAX));
        assert_eq!(result, Err(CodecFault::ImpossibleSize(u64::MAX)));
        assert_eq!(buffer.capacity(), 0);
    }

    #[test]
    fn a_bomb_stops_at_the_budget() {
        let bomb = compress(&vec![0; 10 << 20], false);
        assert_eq!(decompress_with(&bomb, false, 1 << 20), Err(CodecFault::OverBudget { budget: 1 << 20 }));
        assert_eq!(decompress_with(&bomb, false, 10 << 20).unwrap().len(), 10 << 20);
    }
}
