//! What is wrong with a batch, and where it is.

use milena_protocol::records::{RecordError, RecordErrorKind};

/// A flaw, before it is known where the partition stands.
pub(super) struct Fault {
    pub(super) kind: RecordErrorKind,
    /// Where the broken batch begins in the blob.
    pub(super) batch_position: usize,
}

impl From<RecordError> for Fault {
    fn from(error: RecordError) -> Self {
        Fault { kind: error.kind(), batch_position: error.batch_position() }
    }
}
