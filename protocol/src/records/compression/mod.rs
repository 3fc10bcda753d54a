//! Compression of batches: the codecs, each with both directions in one file, and the [`Decompressor`].
//!
//! | codec | file | read | written |
//! |---|---|---|---|
//! | gzip | `gzip.rs` | RFC 1952, several members | one member |
//! | snappy | `snappy.rs` | xerial blocks (Java), raw (librdkafka) | xerial blocks |
//! | lz4 | `lz4.rs` | frames, also magic 0's with their wrong header checksum | one frame of independent 64 KiB blocks |
//! | zstd | `zstd.rs` | several frames | one frame |
//!
//! Each is a cargo feature of the same name, on by default. Only `zstd` needs a C compiler.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
mod output;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

use std::fmt;

use super::batch::Batch;
use super::error::{Origin, RecordError, RecordErrorKind};
use super::{BuildError, RecordCursor};
use output::Output;
pub use output::RecordBuffer;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy, in xerial blocks or raw.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110). Only in magic 2.
    Zstd,
}

impl Compression {
    /// All of them, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Kafka's number for it: the lowest three bits of a batch's attributes.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// The compression with a number; `None` for numbers that have none.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// Kafka's name for it, as in `compression.type`; also the name of the cargo feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The compression with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }

    /// Whether it was built in.
    pub fn is_enabled(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// The lowest and highest level that can be asked for, the same as Kafka's; `None` when there are no levels.
    /// (Kafka has levels for lz4, too; the encoder used here has one way to compress.)
    pub fn levels(self) -> Option<(i32, i32)> {
        match self {
            Self::Gzip => Some((1, 9)),
            Self::Zstd => Some((-131_072, 22)),
            Self::None | Self::Snappy | Self::Lz4 => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Decompresses batches, within a budget of bytes.
///
/// It owns a context for each codec and one output buffer, all made when first needed and used again for every batch:
/// keep one for as long as you read. Once warm, it allocates nothing. Memory is what the largest batch so far took,
/// and never more than the budget (twice that for the moment when the buffer grows); what data *claims* to decompress
/// to is never believed.
#[derive(Debug)]
pub struct Decompressor {
    budget: usize,
    buffer: RecordBuffer,
    #[cfg(feature = "gzip")]
    gzip: gzip::Decoder,
    #[cfg(feature = "snappy")]
    snappy: snappy::Decoder,
    #[cfg(feature = "zstd")]
    zstd: zstd::Decoder,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Decompressor {
    /// The budget unless another is given: 128 MiB for a batch.
    pub const DEFAULT_BUDGET: usize = 128 << 20;

    /// With the default budget.
    pub fn new() -> Self {
        Self::with_budget(Self::DEFAULT_BUDGET)
    }

    /// Refuses every batch that decompresses to more than `bytes`.
    pub fn with_budget(bytes: usize) -> Self {
        Self {
            budget: bytes,
            buffer: RecordBuffer::new(),
            #[cfg(feature = "gzip")]
            gzip: gzip::Decoder::default(),
            #[cfg(feature = "snappy")]
            snappy: snappy::Decoder::default(),
            #[cfg(feature = "zstd")]
            zstd: zstd::Decoder::default(),
        }
    }

    /// The most bytes that a batch may decompress to.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Decompresses a batch into a buffer of the caller's, and gives the cursor that reads it. For who reads several
    /// blobs in turn and keeps their records between calls; else, [`Batch::records`] is simpler.
    ///
    /// An uncompressed batch is copied into the buffer, so that the cursor reads the buffer either way; to read it in
    /// place, use [`Batch::cursor`].
    ///
    /// # Errors
    /// When the batch cannot be decompressed, or declares an impossible number of records.
    pub fn decompress(
        &mut self,
        batch: &Batch<'_>,
        into: &mut RecordBuffer,
    ) -> Result<RecordCursor, RecordError> {
        into.clear();
        let origin = batch.origin();
        // Compaction leaves empty batches; what else is in them is of no interest, to Kafka neither.
        if batch.count != Some(0) {
            self.expand(batch, &mut Output::new(into, self.budget)).map_err(|kind| batch.error(kind))?;
        }
        let compressed = batch.compression != Compression::None;
        let data_start = (!compressed).then(|| batch.record_data_range().start);
        RecordCursor::over(
            &batch.header(),
            into,
            Origin { data_start, ..origin },
            compressed && batch.verify_crc(),
        )
    }

    /// Decompresses into the buffer of this decompressor.
    pub(super) fn decompressed(&mut self, batch: &Batch<'_>) -> Result<(&[u8], RecordCursor), RecordError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let cursor = self.decompress(batch, &mut buffer);
        self.buffer = buffer;
        Ok((&self.buffer, cursor?))
    }

    fn expand(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<(), RecordErrorKind> {
        let compression = batch.compression;
        if !compression.is_enabled() {
            return Err(RecordErrorKind::FeatureDisabled(compression));
        }
        if compression == Compression::Zstd && batch.magic < 2 {
            return Err(RecordErrorKind::CompressionNotAllowed { compression, magic: batch.magic });
        }
        if !batch.has_data() {
            return Err(RecordErrorKind::NullWrapper);
        }
        let data = batch.record_data();
        let done = match compression {
            #[cfg(feature = "gzip")]
            Compression::Gzip => self.gzip.decompress(data, out),
            #[cfg(feature = "snappy")]
            Compression::Snappy => self.snappy.decompress(data, out),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => lz4::decompress(data, batch.magic == 0, out),
            #[cfg(feature = "zstd")]
            Compression::Zstd => self.zstd.decompress(data, out),
            // All others were refused above.
            _ => out.write(data),
        };
        done.map_err(|fault| RecordErrorKind::Decompression { compression, fault })
    }

    /// Gives back memory: the output buffer keeps at most `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.buffer.shrink_to(bytes);
    }
}

/// Compresses batches. Contexts are made when first needed, and used again.
#[derive(Debug)]
pub(super) struct Compressor {
    compression: Compression,
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    level: Option<i32>,
    #[cfg(feature = "gzip")]
    gzip: Option<gzip::Encoder>,
    #[cfg(feature = "snappy")]
    snappy: Option<snappy::Encoder>,
    #[cfg(feature = "lz4")]
    lz4: Option<lz4::Encoder>,
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::Encoder>,
}

impl Compressor {
    /// Levels out of the codec's range, or of a codec without levels, are an error.
    pub(super) fn new(compression: Compression, level: Option<i32>) -> Result<Self, BuildError> {
        if !compression.is_enabled() {
            return Err(BuildError::FeatureDisabled(compression));
        }
        if let Some(level) = level {
            let Some((min, max)) = compression.levels() else {
                return Err(BuildError::NoLevels(compression));
            };
            if !(min..=max).contains(&level) {
                return Err(BuildError::Level { compression, level, min, max });
            }
        }
        Ok(Self {
            compression,
            #[cfg(any(feature = "gzip", feature = "zstd"))]
            level,
            #[cfg(feature = "gzip")]
            gzip: None,
            #[cfg(feature = "snappy")]
            snappy: None,
            #[cfg(feature = "lz4")]
            lz4: None,
            #[cfg(feature = "zstd")]
            zstd: None,
        })
    }

    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// Appends `data` to `out`, compressed. `odd_lz4_checksum` is for magic 0.
    pub(super) fn compress(&mut self, data: &[u8], odd_lz4_checksum: bool, out: &mut Vec<u8>) {
        let _ = odd_lz4_checksum;
        match self.compression {
            #[cfg(feature = "gzip")]
            Compression::Gzip => {
                self.gzip.get_or_insert_with(|| gzip::Encoder::new(self.level)).compress(data, out)
            }
            #[cfg(feature = "snappy")]
            Compression::Snappy => self.snappy.get_or_insert_default().compress(data, out),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => self.lz4.get_or_insert_default().compress(data, odd_lz4_checksum, out),
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                self.zstd.get_or_insert_with(|| zstd::Encoder::new(self.level)).compress(data, out)
            }
            // All others were refused by `new`.
            _ => out.extend_from_slice(data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_kafkas() {
        for (id, name) in ["none", "gzip", "snappy", "lz4", "zstd"].into_iter().enumerate() {
            let compression = Compression::from_id(id as u8).unwrap();
            assert_eq!((compression.id() as usize, compression.name()), (id, name));
            assert_eq!(Compression::from_name(name), Some(compression));
        }
        assert_eq!((Compression::from_id(5), Compression::from_name("brotli")), (None, None));
    }

    #[test]
    fn a_decompressor_can_move_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Decompressor>();
        is_send::<Compressor>();
    }

    #[test]
    fn a_codec_that_is_not_built_in_is_an_error_that_names_the_feature() {
        for compression in Compression::ALL.into_iter().filter(|compression| !compression.is_enabled()) {
            let error = BuildError::FeatureDisabled(compression);
            assert_eq!(Compressor::new(compression, None).unwrap_err(), error);
            let mut blob = crate::records::BatchBuilder::new().build().to_vec();
            (blob[22], blob[60]) = (compression.id(), 1);
            let batch = crate::records::Batches::new(&blob).verify_crc(false).next().unwrap().unwrap();
            let kind = batch.records(&mut Decompressor::new()).unwrap_err().kind();
            assert_eq!(kind, RecordErrorKind::FeatureDisabled(compression));
            assert!(kind.to_string().ends_with(&format!("the cargo feature `{compression}`")));
        }
    }
}
