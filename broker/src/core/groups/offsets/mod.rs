//! How far groups have come: committed offsets, and those that wait for the end of a transaction.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | the offsets of a group |
//! | `commit.rs` | OffsetCommit, TxnOffsetCommit, the end of a transaction |
//! | `fetch.rs` | OffsetFetch |
//! | `forget.rs` | OffsetDelete, retention, topics that were deleted |
//!
//! After Kafka's `OffsetMetadataManager`.

mod commit;
mod fetch;
mod forget;
#[cfg(test)]
mod tests;

pub(super) use self::commit::Claim;
pub(super) use self::forget::Lasting;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use milena_protocol::{Str, Uuid};

/// A committed offset.
#[derive(Clone, Debug)]
struct Offset {
    committed_offset: i64,
    committed_leader_epoch: i32,
    metadata: Str,
    committed_at: Instant,
    /// Where the committer has said for how long it is to be kept (v2 to v4).
    expires_at: Option<Instant>,
    /// Which topic of that name was meant; zero where a transaction has committed it.
    topic_id: Uuid,
    /// Where it stands among all commits: what was committed later counts, whenever its transaction ends.
    sequence: u64,
}

/// A partition, by the name of its topic.
type PartitionKey = (Str, i32);

/// The offsets of one group.
#[derive(Debug, Default)]
struct GroupOffsets {
    committed: BTreeMap<PartitionKey, Offset>,
    /// Those in open transactions, by the producer's id.
    pending: BTreeMap<i64, BTreeMap<PartitionKey, Offset>>,
}

impl GroupOffsets {
    fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.pending.is_empty()
    }

    /// Whether an open transaction has an offset of the partition.
    fn is_pending(&self, partition: &PartitionKey) -> bool {
        self.pending.values().any(|offsets| offsets.contains_key(partition))
    }

    /// Forgets the partition, in open transactions too.
    fn remove(&mut self, partition: &PartitionKey) {
        self.committed.remove(partition);
        self.pending.retain(|_, offsets| {
            offsets.remove(partition);
            !offsets.is_empty()
        });
    }

    /// The transaction of a producer has ended.
    fn end_transaction(&mut self, producer_id: i64, is_committed: bool) {
        let offsets = self.pending.remove(&producer_id).unwrap_or_default();
        for (partition, offset) in offsets.into_iter().filter(|_| is_committed) {
            let newer =
                self.committed.get(&partition).is_some_and(|current| current.sequence > offset.sequence);
            if !newer {
                self.committed.insert(partition, offset);
            }
        }
    }
}

/// The offsets of all groups.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    groups: BTreeMap<Str, GroupOffsets>,
    sequence: u64,
    /// The topics that have offsets, to see which are deleted, and how many there had been when that was last looked at.
    topics: BTreeMap<Str, Uuid>,
    seen: Option<u64>,
}

impl Offsets {
    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// What a group has committed, in order.
    pub(super) fn committed(&self, group_id: &str) -> impl Iterator<Item = (&Str, i32, i64)> {
        let offsets = self.groups.get(group_id).map(|offsets| &offsets.committed);
        let offsets = offsets.into_iter().flatten();
        offsets.map(|((topic, partition), offset)| (topic, *partition, offset.committed_offset))
    }

    /// Whether a group has offsets, and whether any of them wait for the end of a transaction.
    pub(super) fn has(&self, group_id: &str) -> (bool, bool) {
        let offsets = self.groups.get(group_id);
        offsets.map_or((false, false), |offsets| (!offsets.is_empty(), !offsets.pending.is_empty()))
    }

    /// Forgets everything about a group.
    pub(super) fn forget_group(&mut self, group_id: &str) {
        self.groups.remove(group_id);
    }

    /// The partitions of a group that have an offset, committed or pending.
    fn partitions(&self, group_id: &str) -> BTreeSet<PartitionKey> {
        let Some(offsets) = self.groups.get(group_id) else { return BTreeSet::new() };
        offsets.committed.keys().chain(offsets.pending.values().flat_map(BTreeMap::keys)).cloned().collect()
    }
}
