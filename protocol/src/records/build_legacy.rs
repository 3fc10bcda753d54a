//! Writing magic 0 and 1, for clients of old brokers, brokers of old clients, and tests.

use bytes::{BufMut, Bytes, BytesMut};

use super::build::LARGEST;
use super::compression::Compressor;
use super::header::attribute;
use super::{BuildError, Compression};

/// Builds messages of magic 0 or 1: a row of single messages, or one compressed message that holds them all.
///
/// ```
/// use milena_protocol::records::{Batches, Compression, LegacyBuilder};
///
/// let mut builder = LegacyBuilder::new(1, Compression::Gzip)?;
/// builder.append(10, 1_500_000_000_000, None, Some(b"first"))?;
/// builder.append(11, 1_500_000_000_001, None, Some(b"second"))?;
/// let bytes = builder.build();
/// assert_eq!(Batches::new(&bytes).next().unwrap()?.last_offset, 11);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LegacyBuilder {
    magic: i8,
    compressor: Compressor,
    append_time: Option<i64>,
    messages: Vec<u8>,
    first_offset: Option<i64>,
    last_offset: i64,
    max_timestamp: i64,
}

impl LegacyBuilder {
    /// For magic 0 or 1.
    ///
    /// # Errors
    /// When the magic is another one, when the codec is zstd, which these formats do not have, or when its cargo feature
    /// was not built in.
    pub fn new(magic: i8, compression: Compression) -> Result<Self, BuildError> {
        if !(0..=1).contains(&magic) {
            return Err(BuildError::Magic(magic));
        }
        if compression == Compression::Zstd {
            return Err(BuildError::NotAllowed { compression, magic });
        }
        Ok(Self {
            magic,
            compressor: Compressor::new(compression, None)?,
            append_time: None,
            messages: Vec::new(),
            first_offset: None,
            last_offset: 0,
            max_timestamp: -1,
        })
    }

    /// As [`BatchBuilder::set_log_append_time`](super::BatchBuilder::set_log_append_time); magic 0 has no timestamps.
    /// Goes for the messages that follow, and for the compressed message that holds them.
    pub fn set_log_append_time(&mut self, time_ms: Option<i64>) -> &mut Self {
        self.append_time = time_ms;
        self
    }

    /// Appends a message with its absolute offset; offsets only go up.
    ///
    /// # Errors
    /// [`BuildError::TooLarge`] when that would be more than a size field can say (some 1.8 GB here).
    pub fn append(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), BuildError> {
        let size = key.map_or(0, <[u8]>::len).saturating_add(value.map_or(0, <[u8]>::len));
        if size.saturating_add(self.messages.len()) > LARGEST {
            return Err(BuildError::TooLarge);
        }
        let compressed = self.compressor.compression() != Compression::None;
        let first = *self.first_offset.get_or_insert(offset);
        let written = if compressed && self.magic == 1 { offset - first } else { offset };
        let timestamp = match self.append_time {
            Some(time) if !compressed => time,
            _ => timestamp,
        };
        let time_flag = if compressed { 0 } else { self.time_flag() };
        write_message(&mut self.messages, self.magic, written, time_flag, timestamp, key, value);
        self.last_offset = offset;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        Ok(())
    }

    /// The messages so far, as bytes of their own; nothing when there are none.
    pub fn build(&mut self) -> Bytes {
        let mut out = Vec::new();
        if self.compressor.compression() == Compression::None || self.messages.is_empty() {
            out.append(&mut self.messages);
        } else {
            let mut value = Vec::new();
            self.compressor.compress(&self.messages, self.magic == 0, &mut value);
            let attributes = self.compressor.compression().id() | self.time_flag();
            let timestamp = self.append_time.unwrap_or(self.max_timestamp);
            write_message(&mut out, self.magic, self.last_offset, attributes, timestamp, None, Some(&value));
            self.messages.clear();
        }
        self.first_offset = None;
        self.max_timestamp = -1;
        out.into()
    }

    /// As [`build`](Self::build), appended to `out`.
    pub fn build_into(&mut self, out: &mut BytesMut) {
        out.put(self.build());
    }

    fn time_flag(&self) -> u8 {
        match self.append_time {
            Some(_) if self.magic == 1 => attribute::LOG_APPEND_TIME as u8,
            _ => 0,
        }
    }
}

/// One message behind its offset and size.
fn write_message(
    out: &mut Vec<u8>,
    magic: i8,
    offset: i64,
    attributes: u8,
    timestamp: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) {
    out.put_i64(offset);
    let size_at = out.len();
    out.put_i32(0); // The size and the checksum, when the rest is there.
    out.put_u32(0);
    let checked_from = out.len();
    out.put_i8(magic);
    out.put_u8(attributes);
    if magic == 1 {
        out.put_i64(timestamp);
    }
    for field in [key, value] {
        out.put_i32(field.map_or(-1, |field| field.len() as i32));
        out.put_slice(field.unwrap_or_default());
    }
    let size = (out.len() - size_at - 4) as i32;
    let crc = crc32fast::hash(&out[checked_from..]);
    out[size_at..size_at + 4].copy_from_slice(&size.to_be_bytes());
    out[size_at + 4..size_at + 8].copy_from_slice(&crc.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_messages_of_magic_2() {
        assert_eq!(LegacyBuilder::new(2, Compression::None).unwrap_err(), BuildError::Magic(2));
        assert_eq!(LegacyBuilder::new(-1, Compression::None).unwrap_err(), BuildError::Magic(-1));
    }

    #[test]
    fn a_message_beyond_what_its_size_can_say_is_an_error_and_changes_nothing() {
        let mut builder = LegacyBuilder::new(1, Compression::None).unwrap();
        // Never written to, and so no memory.
        let large = vec![0; LARGEST + 1];
        assert_eq!(builder.append(3, 0, None, Some(&large)), Err(BuildError::TooLarge));
        assert!(builder.build().is_empty());
    }
}
