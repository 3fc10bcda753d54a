//! OffsetFetch.

use milena_protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponseTopic,
};
use milena_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};
use milena_protocol::{ErrorCode, Str, Uuid};

use super::{GroupOffsets, PartitionKey};
use crate::core::catalog::Catalog;
use crate::core::groups::Groups;
use crate::core::requests::Context;

/// From here on there is an error for the whole group.
const GROUP_ERROR: i16 = 2;
/// From here on one request asks for many groups (KIP-709).
const MANY_GROUPS: i16 = 8;
/// From here on topics have ids instead of names (KIP-848).
const TOPIC_IDS: i16 = 10;

impl Groups {
    /// Answers OffsetFetch.
    pub fn offset_fetch(&mut self, context: &Context<'_>, request: OffsetFetchRequest, catalog: &Catalog) {
        self.see(catalog);
        let mut response = OffsetFetchResponse::default();
        if context.version >= MANY_GROUPS {
            let answer = |group| self.fetch_group(context.version, group, request.require_stable, catalog);
            response.groups = request.groups.iter().map(answer).collect();
        } else {
            let mut group = OffsetFetchRequestGroup::default();
            (group.group_id, group.topics) = (request.group_id, request.topics);
            let answer = self.fetch_group(context.version, &group, request.require_stable, catalog);
            (response.error_code, response.topics) = (answer.error_code, answer.topics);
        }
        self.shared.answers.now(context, response);
    }

    fn fetch_group(
        &self,
        version: i16,
        request: &OffsetFetchRequestGroup,
        require_stable: bool,
        catalog: &Catalog,
    ) -> OffsetFetchResponseGroup {
        let mut answer = OffsetFetchResponseGroup::default();
        answer.group_id = request.group_id.clone();
        let may_fetch = match self.groups.get(&request.group_id) {
            Some(group) => group.check_fetch(request.member_id.as_deref(), request.member_epoch),
            None => Ok(()), // nobody has committed anything
        };
        if let Err(error) = may_fetch {
            if version >= GROUP_ERROR {
                answer.error_code = error;
            } else {
                let refused = |topic: &OffsetFetchRequestTopic| nothing(topic, error);
                answer.topics = request.topics.iter().flatten().map(refused).collect();
            }
            return answer;
        }
        let offsets = self.offsets.groups.get(&request.group_id);
        answer.topics = match &request.topics {
            Some(topics) => {
                let answer = |topic| fetch_topic(version, topic, offsets, require_stable, catalog);
                topics.iter().map(answer).collect()
            }
            None => offsets
                .map(|offsets| fetch_all(version, offsets, require_stable, catalog))
                .unwrap_or_default(),
        };
        answer
    }
}

/// Every offset of the group; from v10 on without topics whose id is not known any more.
fn fetch_all(
    version: i16,
    offsets: &GroupOffsets,
    require_stable: bool,
    catalog: &Catalog,
) -> Vec<OffsetFetchResponseTopic> {
    let mut topics: Vec<OffsetFetchResponseTopic> = Vec::new();
    for key in offsets.committed.keys() {
        if topics.last().is_none_or(|last| last.name != key.0) {
            let mut topic = OffsetFetchResponseTopic::default();
            topic.name = key.0.clone();
            topic.topic_id = catalog.topic(&key.0).map(|topic| topic.id).unwrap_or_default();
            topics.push(topic);
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(fetch_partition(key, Uuid::ZERO, Some(offsets), require_stable));
        }
    }
    topics.retain(|topic| version < TOPIC_IDS || !topic.topic_id.is_zero());
    topics
}

fn fetch_topic(
    version: i16,
    topic: &OffsetFetchRequestTopic,
    offsets: Option<&GroupOffsets>,
    require_stable: bool,
    catalog: &Catalog,
) -> OffsetFetchResponseTopic {
    let name = if version >= TOPIC_IDS {
        match catalog.topic_by_id(topic.topic_id) {
            Some(found) => found.name.clone(),
            None => return nothing(topic, ErrorCode::UNKNOWN_TOPIC_ID),
        }
    } else {
        topic.name.clone()
    };
    let mut answer = OffsetFetchResponseTopic::default();
    (answer.name, answer.topic_id) = (name.clone(), topic.topic_id);
    let mut key = (name, 0);
    for &index in &topic.partition_indexes {
        key.1 = index;
        answer.partitions.push(fetch_partition(&key, topic.topic_id, offsets, require_stable));
    }
    answer
}

/// The offset of one partition. An offset of another topic that had the same name is none.
fn fetch_partition(
    key: &PartitionKey,
    topic_id: Uuid,
    offsets: Option<&GroupOffsets>,
    require_stable: bool,
) -> OffsetFetchResponsePartition {
    let mut answer = no_offset(key.1, ErrorCode::NONE);
    let Some(offsets) = offsets else { return answer };
    if require_stable && offsets.is_pending(key) {
        answer.error_code = ErrorCode::UNSTABLE_OFFSET_COMMIT;
        return answer;
    }
    let same_topic = |id: Uuid| id.is_zero() || topic_id.is_zero() || id == topic_id;
    if let Some(offset) = offsets.committed.get(key).filter(|offset| same_topic(offset.topic_id)) {
        answer.committed_offset = offset.committed_offset;
        answer.committed_leader_epoch = offset.committed_leader_epoch;
        answer.metadata = Some(offset.metadata.clone());
    }
    answer
}

/// No offset for any partition that the request names.
fn nothing(topic: &OffsetFetchRequestTopic, error: ErrorCode) -> OffsetFetchResponseTopic {
    let mut answer = OffsetFetchResponseTopic::default();
    (answer.name, answer.topic_id) = (topic.name.clone(), topic.topic_id);
    answer.partitions = topic.partition_indexes.iter().map(|&index| no_offset(index, error)).collect();
    answer
}

fn no_offset(index: i32, error: ErrorCode) -> OffsetFetchResponsePartition {
    let mut answer = OffsetFetchResponsePartition::default();
    (answer.partition_index, answer.error_code) = (index, error);
    (answer.committed_offset, answer.committed_leader_epoch) = (-1, -1);
    answer.metadata = Some(Str::default());
    answer
}
