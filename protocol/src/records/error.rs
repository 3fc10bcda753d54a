//! What can be wrong with a records blob, and where.
//!
//! Errors are plain values: no string is built until someone prints one.

use std::fmt;

use super::Compression;

/// A batch or a record that cannot be read: what is wrong with it, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordError {
    kind: RecordErrorKind,
    origin: Origin,
    /// Bytes into the record data, when the error is about a record.
    data_position: Option<usize>,
}

/// Which batch an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Origin {
    /// Where the batch starts in the blob.
    pub(super) batch_position: usize,
    pub(super) base_offset: Option<i64>,
    /// Where its record data starts in the blob; `None` when the data had to be decompressed.
    pub(super) data_start: Option<usize>,
}

impl RecordError {
    pub(super) fn in_batch(kind: RecordErrorKind, origin: Origin) -> Self {
        Self { kind, origin, data_position: None }
    }

    pub(super) fn in_data(kind: RecordErrorKind, origin: Origin, position: usize) -> Self {
        Self { kind, origin, data_position: Some(position) }
    }

    /// What is wrong.
    pub fn kind(&self) -> RecordErrorKind {
        self.kind
    }

    /// Bytes from the start of the blob to the trouble: to the broken record where the batch is uncompressed, and
    /// to the start of the batch otherwise.
    pub fn position(&self) -> usize {
        match (self.data_position, self.origin.data_start) {
            (Some(position), Some(start)) => start + position,
            _ => self.origin.batch_position,
        }
    }

    /// Bytes from the start of the blob to the batch that is, or holds, the trouble.
    pub fn batch_position(&self) -> usize {
        self.origin.batch_position
    }

    /// The batch's base offset as its header states it; `None` when the header was not read that far. (A compressed
    /// batch of magic 0 or 1 states its last offset instead.)
    pub fn base_offset(&self) -> Option<i64> {
        self.origin.base_offset
    }

    /// Bytes into the decompressed records, when the trouble lies there.
    pub fn decompressed_position(&self) -> Option<usize> {
        match self.origin.data_start {
            None => self.data_position,
            Some(_) => None,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch at byte {}", self.origin.batch_position)?;
        if let Some(offset) = self.origin.base_offset {
            write!(f, " (base offset {offset})")?;
        }
        match (self.data_position, self.origin.data_start) {
            (Some(position), Some(start)) => write!(f, ", byte {}", start + position)?,
            (Some(position), None) => write!(f, ", byte {position} of its decompressed records")?,
            (None, _) => {}
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for RecordError {}

/// What is wrong with a batch or a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// The declared size of a batch is smaller than any batch of its magic can be.
    BatchSize {
        /// The size as declared: bytes after the size field.
        declared: i32,
        /// The least that it can be.
        least: i32,
    },
    /// A batch's format is none of 0, 1 and 2.
    Magic(i8),
    /// The checksum of a batch, or of a message inside a compressed batch of magic 0 or 1, does not fit its bytes.
    Crc {
        /// The checksum that the batch carries.
        stored: u32,
        /// The checksum of the bytes that came.
        computed: u32,
    },
    /// The attributes name a compression that does not exist (5, 6 or 7).
    UnknownCompression(u8),
    /// The batch is compressed with a codec whose cargo feature was not built in.
    FeatureDisabled(Compression),
    /// A cursor was asked of a compressed batch, without decompressing it. The caller's mistake.
    StillCompressed(Compression),
    /// zstd in a batch of magic 0 or 1, where it is not defined.
    CompressionNotAllowed {
        /// The codec.
        compression: Compression,
        /// The batch's magic.
        magic: i8,
    },
    /// The compressed data cannot be read.
    Decompression {
        /// The codec.
        compression: Compression,
        /// What is wrong with the data.
        fault: CodecFault,
    },
    /// A batch declares a negative number of records.
    RecordCount(i32),
    /// The data ends before the declared number of records was read.
    MissingRecords {
        /// How many records are missing.
        missing: u32,
    },
    /// Data is left over after the declared number of records was read.
    ExcessData {
        /// How many bytes are left over.
        bytes: usize,
    },
    /// A record, or a field of one, is longer than the bytes that are there.
    Truncated,
    /// The length of a record is negative.
    RecordLength(i32),
    /// A record's fields end before its declared length.
    RecordUnderfilled {
        /// How many bytes the fields leave over.
        bytes: usize,
    },
    /// A variable-length integer does not end within 5 bytes (10 for a timestamp).
    Varint,
    /// The number of a record's headers is negative, or more than its bytes could hold.
    HeaderCount(i32),
    /// The length of a header's key is negative.
    HeaderKeyLength(i32),
    /// A compressed batch of magic 0 or 1 has no value, so no messages.
    NullWrapper,
    /// A compressed batch of magic 0 or 1 decompresses to no messages.
    EmptyWrapper,
    /// A message inside a compressed batch of magic 0 or 1 is itself compressed.
    NestedCompression,
    /// A compressed batch of magic 1 has a smaller offset than the last message in it.
    WrapperOffset {
        /// The offset of the last message inside, relative to the first.
        last_inner: i64,
    },
    /// The key of a control record is null or under 4 bytes long.
    ControlKey,
    /// The version of a control record's key or value is negative.
    ControlVersion(i16),
}

impl fmt::Display for RecordErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BatchSize { declared, least } => {
                write!(f, "declared size {declared} is under {least} bytes")
            }
            Self::Magic(magic) => write!(f, "unknown magic {magic}"),
            Self::Crc { stored, computed } => {
                write!(f, "crc {stored:#x} does not match computed {computed:#x}")
            }
            Self::UnknownCompression(id) => write!(f, "unknown compression {id}"),
            Self::FeatureDisabled(compression) => {
                write!(
                    f,
                    "compressed with {compression}, but built without the cargo feature `{compression}`"
                )
            }
            Self::StillCompressed(compression) => write!(f, "{compression} has to be decompressed first"),
            Self::CompressionNotAllowed { compression, magic } => {
                write!(f, "{compression} is not defined for magic {magic}")
            }
            Self::Decompression { compression, fault } => write!(f, "{compression}: {fault}"),
            Self::RecordCount(count) => write!(f, "record count {count}"),
            Self::MissingRecords { missing } => {
                write!(f, "{missing} more records declared than there are")
            }
            Self::ExcessData { bytes } => write!(f, "{bytes} bytes left after the last record"),
            Self::Truncated => f.write_str("record ends early"),
            Self::RecordLength(length) => write!(f, "record length {length}"),
            Self::RecordUnderfilled { bytes } => {
                write!(f, "record is {bytes} bytes longer than its fields")
            }
            Self::Varint => f.write_str("variable-length integer does not end"),
            Self::HeaderCount(count) => write!(f, "header count {count}"),
            Self::HeaderKeyLength(length) => write!(f, "header key length {length}"),
            Self::NullWrapper => f.write_str("compressed message without a value"),
            Self::EmptyWrapper => f.write_str("compressed message without messages inside"),
            Self::NestedCompression => f.write_str("compressed message inside a compressed message"),
            Self::WrapperOffset { last_inner } => {
                write!(f, "offset of compressed message is below its last relative offset {last_inner}")
            }
            Self::ControlKey => f.write_str("control record with a key under 4 bytes"),
            Self::ControlVersion(version) => write!(f, "control record version {version}"),
        }
    }
}

/// What is wrong with compressed data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecFault {
    /// The data ends in the middle.
    Truncated,
    /// The data is not what the codec writes.
    Corrupt,
    /// A checksum inside the compressed data does not fit.
    Checksum,
    /// The decompressed size differs from the one that the data states.
    Size,
    /// The data states a size that its length cannot reach with this codec: it is not reserved, and not tried.
    ImpossibleSize(u64),
    /// The data decompresses to more than the budget of the [`Decompressor`](super::Decompressor).
    OverBudget {
        /// That budget, in bytes.
        budget: usize,
    },
}

impl fmt::Display for CodecFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("data ends early"),
            Self::Corrupt => f.write_str("data is corrupt"),
            Self::Checksum => f.write_str("checksum does not match"),
            Self::Size => f.write_str("decompressed size differs from the stated one"),
            Self::ImpossibleSize(size) => {
                write!(f, "states {size} bytes, more than its data can hold")
            }
            Self::OverBudget { budget } => {
                write!(f, "decompresses to more than the budget of {budget} bytes")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_where_and_what() {
        let origin = Origin { batch_position: 4120, base_offset: Some(77), data_start: Some(4181) };
        let crc = RecordErrorKind::Crc { stored: 0x1234, computed: 0x5678 };
        assert_eq!(
            RecordError::in_batch(crc, origin).to_string(),
            "batch at byte 4120 (base offset 77): crc 0x1234 does not match computed 0x5678"
        );
        let error = RecordError::in_data(RecordErrorKind::HeaderCount(-4), origin, 9);
        assert_eq!(error.to_string(), "batch at byte 4120 (base offset 77), byte 4190: header count -4");
        assert_eq!(error.position(), 4190);
        let origin = Origin { data_start: None, ..origin };
        let error = RecordError::in_data(RecordErrorKind::Truncated, origin, 9);
        assert_eq!(
            error.to_string(),
            "batch at byte 4120 (base offset 77), byte 9 of its decompressed records: record ends early"
        );
        assert_eq!((error.position(), error.decompressed_position()), (4120, Some(9)));
    }
}
