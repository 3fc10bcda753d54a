//! What a caller allows a peer to make it do.

/// Limits on what is read from a peer.
///
/// Within them the memory that a message takes is bounded by its frame: at most 64 times its size and 64 KiB, whatever
/// the bytes say, since a count or a length is never believed beyond the bytes that are there. For the largest frame of the
/// default that is 6.4 GiB: a server that anybody can reach sets less ([`Limits::frames`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest frame that is parsed, in bytes.
    pub frame_bytes: usize,
}

impl Limits {
    /// Frames of up to this many bytes.
    pub const fn frames(frame_bytes: usize) -> Limits {
        Limits { frame_bytes }
    }
}

impl Default for Limits {
    /// Frames of 100 MiB, as a broker accepts (`socket.request.max.bytes`).
    fn default() -> Self {
        Limits { frame_bytes: 100 << 20 }
    }
}
