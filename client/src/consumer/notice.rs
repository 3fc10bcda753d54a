//! What happens in the background, told to those who ask.

use std::fmt;

use crate::core::fetch_report::FetchNotice;
use crate::core::io::{Rebalance, RebalanceKind};
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

/// Something that happened in the background.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// These partitions are now the consumer's.
    Assigned(Vec<TopicPartition>),
    /// These are not any more; with `enable.auto.commit` their offsets are committed before another member reads them.
    Revoked(Vec<TopicPartition>),
    /// These are not any more, and others may have had them for a while: nothing could be committed.
    Lost(Vec<TopicPartition>),
    /// A commit that nobody waited for failed.
    CommitFailed(Error),
    /// A connection could not be made, or has broken. The consumer goes on trying by itself.
    Disconnected {
        /// The broker's address, as in `host:9092`.
        address: String,
        /// What happened, for people to read.
        reason: String,
    },
    /// The consumer has changed its position by itself, or found something to tell.
    Fetch(FetchNotice),
}

impl Notice {
    /// What to tell of a rebalance; nothing when nothing went.
    pub(super) fn of(rebalance: &Rebalance) -> Option<Notice> {
        let partitions = rebalance.partitions.clone();
        match rebalance.kind {
            RebalanceKind::Assigned => Some(Notice::Assigned(partitions)),
            _ if partitions.is_empty() => None,
            RebalanceKind::Revoked => Some(Notice::Revoked(partitions)),
            RebalanceKind::Lost => Some(Notice::Lost(partitions)),
        }
    }
}

/// For an operator to read, on one line.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Assigned(partitions) => write!(f, "assigned: {}", list(partitions)),
            Notice::Revoked(partitions) => write!(f, "revoked: {}", list(partitions)),
            Notice::Lost(partitions) => write!(f, "lost: {}", list(partitions)),
            Notice::CommitFailed(error) => write!(f, "a commit failed: {error}"),
            Notice::Disconnected { address, reason } => write!(f, "{address}: {reason}; trying again"),
            Notice::Fetch(notice) => notice.fmt(f),
        }
    }
}

fn list(partitions: &[TopicPartition]) -> String {
    match partitions {
        [] => "nothing".to_owned(),
        _ => partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(", "),
    }
}
