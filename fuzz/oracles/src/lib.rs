//! What the fuzz targets check: a function for each, that panics where milena is wrong.
//!
//! They know nothing of a fuzzer, so that `cargo test` replays the corpora on a stable toolchain. The command
//! `seed-corpora` writes the corpora's first inputs, from golden files, record blobs and captures.

mod framing;
mod memory;
mod messages;
mod records;

pub use framing::framing;
pub use messages::{request, response};
pub use records::{decompress, record_batch};

/// Panics when milena is wrong about an input.
pub type Oracle = fn(&[u8]);

/// The targets by name.
pub const TARGETS: [(&str, Oracle); 5] = [
    ("request", request),
    ("response", response),
    ("record_batch", record_batch),
    ("decompress", decompress),
    ("framing", framing),
];

/// The folder of a target's corpus.
pub fn corpus(target: &str) -> std::path::PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "corpus", target].iter().collect()
}
