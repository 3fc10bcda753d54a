//! OffsetCommit and TxnOffsetCommit.

use std::time::Duration;

use milena_protocol::messages::offset_commit::{
    OffsetCommitRequestTopic, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use milena_protocol::messages::txn_offset_commit::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use milena_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use milena_protocol::{ErrorCode, Str, Uuid};

use super::{GroupOffsets, Offset, PartitionKey};
use crate::core::catalog::{Catalog, Topic};
use crate::core::groups::Groups;
use crate::core::requests::Context;

/// From here on topics have ids instead of names (KIP-848).
const TOPIC_IDS: i16 = 10;
/// From here on a group that is not there is GROUP_ID_NOT_FOUND; before, ILLEGAL_GENERATION.
const GROUP_ID_NOT_FOUND: i16 = 9;

/// Who says that it may commit.
#[derive(Clone, Copy, Debug)]
pub(in crate::core::groups) struct Claim<'a> {
    pub(in crate::core::groups) member_id: &'a str,
    pub(in crate::core::groups) instance_id: Option<&'a str>,
    /// The generation, or the member's epoch; -1 from who is no member.
    pub(in crate::core::groups) generation: i32,
    pub(in crate::core::groups) is_transactional: bool,
    pub(in crate::core::groups) version: i16,
}

/// A partition of a commit, and what becomes of it.
struct Wish {
    topic_id: Uuid,
    partition: PartitionKey,
    offset: Offset,
}

impl Groups {
    /// Answers OffsetCommit.
    pub fn offset_commit(&mut self, context: &Context<'_>, request: OffsetCommitRequest, catalog: &Catalog) {
        self.see(catalog);
        let expires_at = u64::try_from(request.retention_time_ms)
            .ok()
            .and_then(|ms| context.now.checked_add(Duration::from_millis(ms)));
        let mut wishes = Vec::new();
        let mut response = OffsetCommitResponse::default();
        for topic in &request.topics {
            let (found, unknown) = find_topic(context.version, topic, catalog);
            let mut outcome = OffsetCommitResponseTopic::default();
            (outcome.name, outcome.topic_id) = (topic.name.clone(), topic.topic_id);
            for partition in &topic.partitions {
                let metadata = partition.committed_metadata.clone().unwrap_or_default();
                let error = match found {
                    Some(found) if has_partition(found, partition.partition_index) => {
                        self.check_metadata(&metadata)
                    }
                    _ => unknown,
                };
                if let Some(found) = found.filter(|_| error.is_none()) {
                    wishes.push(Wish {
                        topic_id: found.id,
                        partition: (found.name.clone(), partition.partition_index),
                        offset: Offset {
                            committed_offset: partition.committed_offset,
                            committed_leader_epoch: partition.committed_leader_epoch,
                            metadata: metadata.detached(),
                            committed_at: context.now,
                            expires_at,
                            topic_id: found.id,
                            sequence: 0,
                        },
                    });
                }
                let mut answer = OffsetCommitResponsePartition::default();
                (answer.partition_index, answer.error_code) = (partition.partition_index, error);
                outcome.partitions.push(answer);
            }
            if !outcome.partitions.is_empty() {
                response.topics.push(outcome);
            }
        }
        let asks_group =
            exists_somewhere(response.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code));
        let claim = Claim {
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_deref(),
            generation: request.generation_id_or_member_epoch,
            is_transactional: false,
            version: context.version,
        };
        if asks_group {
            match self.check_commit(context, &request.group_id, &claim, &wishes) {
                Ok(()) => self.store(&request.group_id, None, wishes),
                Err(error) => {
                    let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                    partitions.for_each(|partition| overrule(&mut partition.error_code, error));
                }
            }
        }
        self.shared.answers.now(context, response);
    }

    /// Answers TxnOffsetCommit. Whether the producer may, in its transaction, says `verify`, which is asked when all else is
    /// well with the request. The offsets count from [`end_transaction`](Self::end_transaction) on.
    pub fn txn_offset_commit(
        &mut self,
        context: &Context<'_>,
        request: TxnOffsetCommitRequest,
        catalog: &Catalog,
        verify: impl FnOnce() -> Result<(), ErrorCode>,
    ) {
        self.see(catalog);
        let mut wishes = Vec::new();
        let mut response = TxnOffsetCommitResponse::default();
        for topic in &request.topics {
            let found = catalog.topic(&topic.name);
            let mut outcome = TxnOffsetCommitResponseTopic::default();
            outcome.name = topic.name.clone();
            for partition in &topic.partitions {
                let metadata = partition.committed_metadata.clone().unwrap_or_default();
                let error = match found {
                    Some(found) if has_partition(found, partition.partition_index) => {
                        self.check_metadata(&metadata)
                    }
                    _ => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                };
                if let Some(found) = found.filter(|_| error.is_none()) {
                    wishes.push(Wish {
                        topic_id: found.id,
                        partition: (found.name.clone(), partition.partition_index),
                        offset: Offset {
                            committed_offset: partition.committed_offset,
                            committed_leader_epoch: partition.committed_leader_epoch,
                            metadata: metadata.detached(),
                            committed_at: context.now,
                            expires_at: None,
                            topic_id: Uuid::ZERO, // Kafka does not keep it here
                            sequence: 0,
                        },
                    });
                }
                let mut answer = TxnOffsetCommitResponsePartition::default();
                (answer.partition_index, answer.error_code) = (partition.partition_index, error);
                outcome.partitions.push(answer);
            }
            if !outcome.partitions.is_empty() {
                response.topics.push(outcome);
            }
        }
        let asks_group =
            exists_somewhere(response.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code));
        let claim = Claim {
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_deref(),
            generation: request.generation_id,
            is_transactional: true,
            version: context.version,
        };
        if asks_group {
            let outcome = match request.group_id.is_empty() {
                true => Err(ErrorCode::INVALID_GROUP_ID),
                false => {
                    verify().and_then(|()| self.check_commit(context, &request.group_id, &claim, &wishes))
                }
            };
            match outcome {
                Ok(()) => self.store(&request.group_id, Some(request.producer_id), wishes),
                Err(error) => {
                    let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                    partitions.for_each(|partition| overrule(&mut partition.error_code, error));
                }
            }
        }
        self.shared.answers.now(context, response);
    }

    /// The transaction of a producer has ended: what it has committed in groups counts now, or never.
    /// Only in the groups that are `meant`: others have their offsets elsewhere.
    pub fn end_transaction(&mut self, producer_id: i64, is_committed: bool, is_meant: impl Fn(&str) -> bool) {
        let has_pending = |offsets: &GroupOffsets| offsets.pending.contains_key(&producer_id);
        for (group_id, offsets) in &mut self.offsets.groups {
            if has_pending(offsets) && is_meant(group_id) {
                offsets.end_transaction(producer_id, is_committed);
            }
        }
    }

    /// `offset.metadata.max.bytes`, which counts characters as Java does.
    fn check_metadata(&self, metadata: &str) -> ErrorCode {
        let max = usize::try_from(self.shared.settings.offset_metadata_max_bytes).unwrap_or(0);
        if metadata.len() > max && metadata.encode_utf16().count() > max {
            ErrorCode::OFFSET_METADATA_TOO_LARGE
        } else {
            ErrorCode::NONE
        }
    }

    /// Whether the group lets the claimant commit. Who is no member makes a group by committing.
    fn check_commit(
        &mut self,
        context: &Context<'_>,
        group_id: &Str,
        claim: &Claim<'_>,
        wishes: &[Wish],
    ) -> Result<(), ErrorCode> {
        if !self.groups.contains_key(group_id) {
            if claim.generation >= 0 {
                let is_new = !claim.is_transactional && claim.version >= GROUP_ID_NOT_FOUND;
                return Err(if is_new {
                    ErrorCode::GROUP_ID_NOT_FOUND
                } else {
                    ErrorCode::ILLEGAL_GENERATION
                });
            }
            self.make_room(group_id)?;
            self.make_classic_group(group_id, context.now);
        }
        self.note_use(group_id, context.now);
        let Some(group) = self.groups.get_mut(group_id) else { return Err(ErrorCode::UNKNOWN_SERVER_ERROR) };
        let partitions: Vec<(Uuid, i32)> =
            wishes.iter().map(|wish| (wish.topic_id, wish.partition.1)).collect();
        let outcome = group.check_commit(claim, &partitions);
        if outcome.is_ok() && !claim.is_transactional {
            group.has_committed(claim.member_id, &mut self.shared, context.now);
        }
        match outcome {
            // A transaction knows generations only.
            Err(ErrorCode::STALE_MEMBER_EPOCH) if claim.is_transactional => {
                Err(ErrorCode::ILLEGAL_GENERATION)
            }
            outcome => outcome,
        }
    }

    fn store(&mut self, group_id: &Str, producer_id: Option<i64>, wishes: Vec<Wish>) {
        for Wish { topic_id, partition, mut offset } in wishes {
            offset.sequence = self.offsets.next_sequence();
            self.offsets.topics.insert(partition.0.clone(), topic_id);
            let group = self.offsets.groups.entry(group_id.detached()).or_default();
            match producer_id {
                Some(producer_id) => group.pending.entry(producer_id).or_default().insert(partition, offset),
                None => group.committed.insert(partition, offset),
            };
        }
    }
}

/// The topic that is meant, and the error where there is none.
fn find_topic<'a>(
    version: i16,
    topic: &OffsetCommitRequestTopic,
    catalog: &'a Catalog,
) -> (Option<&'a Topic>, ErrorCode) {
    if version >= TOPIC_IDS {
        match catalog.topic_by_id(topic.topic_id) {
            None => (None, ErrorCode::UNKNOWN_TOPIC_ID),
            found => (found, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    } else {
        (catalog.topic(&topic.name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }
}

fn has_partition(topic: &Topic, index: i32) -> bool {
    usize::try_from(index).is_ok_and(|index| index < topic.partitions.len())
}

/// Whether any partition exists: Kafka does not ask the group otherwise (`KafkaApis`).
fn exists_somewhere(outcomes: impl IntoIterator<Item = ErrorCode>) -> bool {
    outcomes.into_iter().any(exists)
}

fn exists(outcome: ErrorCode) -> bool {
    !matches!(outcome, ErrorCode::UNKNOWN_TOPIC_ID | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

/// The error of the group is that of every partition which exists.
fn overrule(outcome: &mut ErrorCode, error: ErrorCode) {
    if exists(*outcome) {
        *outcome = error;
    }
}
