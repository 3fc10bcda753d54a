//! What the writer and the readers of the demo tell.

/// Something happened.
pub enum News {
    /// Records were acknowledged.
    Written(Vec<Seen>),
    /// A reader joined or left the group, by its own decision.
    Joins(Name),
    Leaves(Name),
    /// Partitions came to a reader, in addition to those that it kept.
    Assigned(Name, Vec<i32>),
    /// Partitions went from a reader: handed over, or lost.
    Revoked(Name, Vec<i32>),
    Lost(Name, Vec<i32>),
    /// A poll gave a reader these records.
    Read(Name, Vec<Seen>),
    /// Something did not work.
    Failed(String),
}

/// What a reader is called.
pub type Name = &'static str;

/// A record, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub partition: i32,
    pub offset: i64,
    /// What the record says: each says another number.
    pub number: u64,
}

/// What a record says that somebody else has written.
pub const FOREIGN: u64 = u64::MAX;
