//! The answer to a request that says nothing but an error, in the shape that each API has for it (Kafka's
//! `AbstractRequest.getErrorResponse`).

use milena_protocol::messages::*;
use milena_protocol::{ErrorCode, RequestBody, ResponseBody, Str};

/// The answer to a request that fails as a whole; `None` where its API is not known.
pub(crate) fn refusal(request: &RequestBody, version: i16, code: ErrorCode) -> Option<ResponseBody> {
    Some(match request {
        RequestBody::Produce(request) => produce(request, code).into(),
        RequestBody::Fetch(request) => fetch(request, version, code).into(),
        RequestBody::ListOffsets(request) => list_offsets(request, code).into(),
        RequestBody::Metadata(request) => metadata(request, code).into(),
        RequestBody::OffsetCommit(request) => offset_commit(request, code).into(),
        RequestBody::OffsetFetch(request) => offset_fetch(request, version, code).into(),
        RequestBody::FindCoordinator(request) => find_coordinator(request, version, code).into(),
        RequestBody::JoinGroup(request) => {
            let mut response = JoinGroupResponse::default();
            (response.error_code, response.generation_id) = (code, -1);
            response.member_id = request.member_id.clone();
            // Before version 7 it cannot be null.
            response.protocol_name = (version < 7).then(Str::default);
            response.into()
        }
        RequestBody::Heartbeat(_) => with_code(HeartbeatResponse::default(), |r| &mut r.error_code, code),
        RequestBody::LeaveGroup(_) => with_code(LeaveGroupResponse::default(), |r| &mut r.error_code, code),
        RequestBody::SyncGroup(_) => with_code(SyncGroupResponse::default(), |r| &mut r.error_code, code),
        RequestBody::DescribeGroups(request) => describe_groups(&request.groups, code).into(),
        RequestBody::ListGroups(_) => with_code(ListGroupsResponse::default(), |r| &mut r.error_code, code),
        RequestBody::ApiVersions(_) => with_code(ApiVersionsResponse::default(), |r| &mut r.error_code, code),
        RequestBody::CreateTopics(request) => create_topics(request, code).into(),
        RequestBody::DeleteTopics(request) => delete_topics(request, code).into(),
        RequestBody::DeleteRecords(request) => delete_records(request, code).into(),
        RequestBody::InitProducerId(_) => {
            with_code(InitProducerIdResponse::default(), |r| &mut r.error_code, code)
        }
        RequestBody::OffsetForLeaderEpoch(request) => offset_for_leader_epoch(request, code).into(),
        RequestBody::AddPartitionsToTxn(request) => add_partitions_to_txn(request, version, code).into(),
        RequestBody::AddOffsetsToTxn(_) => {
            with_code(AddOffsetsToTxnResponse::default(), |r| &mut r.error_code, code)
        }
        RequestBody::EndTxn(_) => with_code(EndTxnResponse::default(), |r| &mut r.error_code, code),
        RequestBody::TxnOffsetCommit(request) => txn_offset_commit(request, code).into(),
        RequestBody::DescribeConfigs(request) => describe_configs(request, code).into(),
        RequestBody::AlterConfigs(request) => alter_configs(request, code).into(),
        RequestBody::IncrementalAlterConfigs(request) => incremental_alter_configs(request, code).into(),
        RequestBody::CreatePartitions(request) => create_partitions(request, code).into(),
        RequestBody::DeleteGroups(request) => delete_groups(&request.groups_names, code).into(),
        RequestBody::OffsetDelete(_) => {
            with_code(OffsetDeleteResponse::default(), |r| &mut r.error_code, code)
        }
        RequestBody::DescribeCluster(_) => {
            with_code(DescribeClusterResponse::default(), |r| &mut r.error_code, code)
        }
        RequestBody::ConsumerGroupHeartbeat(_) => {
            with_code(ConsumerGroupHeartbeatResponse::default(), |r| &mut r.error_code, code)
        }
        RequestBody::ConsumerGroupDescribe(request) => {
            consumer_group_describe(&request.group_ids, code).into()
        }
        RequestBody::DescribeTopicPartitions(request) => describe_topic_partitions(request, code).into(),
        _ => return None,
    })
}

fn with_code<M: Into<ResponseBody>>(
    mut response: M,
    place: impl FnOnce(&mut M) -> &mut ErrorCode,
    code: ErrorCode,
) -> ResponseBody {
    *place(&mut response) = code;
    response.into()
}

fn produce(request: &ProduceRequest, code: ErrorCode) -> ProduceResponse {
    let mut response = ProduceResponse::default();
    for asked in &request.topic_data {
        let mut topic = produce::TopicProduceResponse::default();
        (topic.name, topic.topic_id) = (asked.name.clone(), asked.topic_id);
        for asked in &asked.partition_data {
            let mut partition = produce::PartitionProduceResponse::default();
            (partition.index, partition.error_code, partition.base_offset) = (asked.index, code, -1);
            topic.partition_responses.push(partition);
        }
        response.responses.push(topic);
    }
    response
}

fn fetch(request: &FetchRequest, version: i16, code: ErrorCode) -> FetchResponse {
    /// From here on the error for the whole is enough.
    const TOPIC_IDS: i16 = 13;
    let mut response = FetchResponse::default();
    response.error_code = code;
    response.session_id = request.session_id;
    if version >= TOPIC_IDS {
        return response;
    }
    for asked in &request.topics {
        let mut topic = fetch::FetchableTopicResponse::default();
        topic.topic = asked.topic.clone();
        for asked in &asked.partitions {
            let mut partition = fetch::PartitionData::default();
            (partition.partition_index, partition.error_code) = (asked.partition, code);
            (partition.high_watermark, partition.records) = (-1, Some(bytes::Bytes::new()));
            topic.partitions.push(partition);
        }
        response.responses.push(topic);
    }
    response
}

fn list_offsets(request: &ListOffsetsRequest, code: ErrorCode) -> ListOffsetsResponse {
    let mut response = ListOffsetsResponse::default();
    for asked in &request.topics {
        let mut topic = list_offsets::ListOffsetsTopicResponse::default();
        topic.name = asked.name.clone();
        for asked in &asked.partitions {
            let mut partition = list_offsets::ListOffsetsPartitionResponse::default();
            (partition.partition_index, partition.error_code) = (asked.partition_index, code);
            topic.partitions.push(partition);
        }
        response.topics.push(topic);
    }
    response
}

/// Without brokers, and without null names, as in Kafka.
pub(crate) fn metadata(request: &MetadataRequest, code: ErrorCode) -> MetadataResponse {
    let mut response = MetadataResponse::default();
    response.error_code = code;
    for asked in request.topics.iter().flatten() {
        let mut topic = metadata::MetadataResponseTopic::default();
        (topic.error_code, topic.topic_id) = (code, asked.topic_id);
        topic.name = Some(asked.name.clone().unwrap_or_default());
        response.topics.push(topic);
    }
    response
}

fn offset_commit(request: &OffsetCommitRequest, code: ErrorCode) -> OffsetCommitResponse {
    let mut response = OffsetCommitResponse::default();
    for asked in &request.topics {
        let mut topic = offset_commit::OffsetCommitResponseTopic::default();
        (topic.name, topic.topic_id) = (asked.name.clone(), asked.topic_id);
        for asked in &asked.partitions {
            let mut partition = offset_commit::OffsetCommitResponsePartition::default();
            (partition.partition_index, partition.error_code) = (asked.partition_index, code);
            topic.partitions.push(partition);
        }
        response.topics.push(topic);
    }
    response
}

fn offset_fetch(request: &OffsetFetchRequest, version: i16, code: ErrorCode) -> OffsetFetchResponse {
    /// From here on there is an error for the whole group.
    const GROUP_ERROR: i16 = 2;
    /// KIP-709.
    const MANY_GROUPS: i16 = 8;
    let mut response = OffsetFetchResponse::default();
    if version >= MANY_GROUPS {
        response.groups = request.groups.iter().map(|group| offset_fetch_group(group, code)).collect();
        return response;
    }
    response.error_code = code;
    if version >= GROUP_ERROR {
        return response;
    }
    for asked in request.topics.iter().flatten() {
        let mut topic = offset_fetch::OffsetFetchResponseTopic::default();
        topic.name = asked.name.clone();
        for index in &asked.partition_indexes {
            let mut partition = offset_fetch::OffsetFetchResponsePartition::default();
            (partition.partition_index, partition.error_code) = (*index, code);
            (partition.committed_offset, partition.metadata) = (-1, Some(Str::default()));
            topic.partitions.push(partition);
        }
        response.topics.push(topic);
    }
    response
}

/// The answer for one group of several.
pub(crate) fn offset_fetch_group(
    asked: &offset_fetch::OffsetFetchRequestGroup,
    code: ErrorCode,
) -> offset_fetch::OffsetFetchResponseGroup {
    let mut group = offset_fetch::OffsetFetchResponseGroup::default();
    (group.group_id, group.error_code) = (asked.group_id.clone(), code);
    group
}

fn find_coordinator(
    request: &FindCoordinatorRequest,
    version: i16,
    code: ErrorCode,
) -> FindCoordinatorResponse {
    /// KIP-699.
    const MANY: i16 = 4;
    let mut response = FindCoordinatorResponse::default();
    if version < MANY {
        (response.error_code, response.node_id, response.port) = (code, -1, -1);
        return response;
    }
    for key in &request.coordinator_keys {
        let mut coordinator = find_coordinator::Coordinator::default();
        (coordinator.key, coordinator.error_code) = (key.clone(), code);
        (coordinator.node_id, coordinator.port) = (-1, -1);
        response.coordinators.push(coordinator);
    }
    response
}

/// Errors for groups that are described.
pub(crate) fn describe_groups<'a>(
    groups: impl IntoIterator<Item = &'a Str>,
    code: ErrorCode,
) -> DescribeGroupsResponse {
    let mut response = DescribeGroupsResponse::default();
    for id in groups {
        let mut group = describe_groups::DescribedGroup::default();
        (group.group_id, group.error_code) = (id.clone(), code);
        response.groups.push(group);
    }
    response
}

/// Errors for groups that are deleted.
pub(crate) fn delete_groups<'a>(
    groups: impl IntoIterator<Item = &'a Str>,
    code: ErrorCode,
) -> DeleteGroupsResponse {
    let mut response = DeleteGroupsResponse::default();
    for id in groups {
        let mut result = delete_groups::DeletableGroupResult::default();
        (result.group_id, result.error_code) = (id.clone(), code);
        response.results.push(result);
    }
    response
}

/// Errors for groups of the consumer protocol that are described.
pub(crate) fn consumer_group_describe<'a>(
    groups: impl IntoIterator<Item = &'a Str>,
    code: ErrorCode,
) -> ConsumerGroupDescribeResponse {
    let mut response = ConsumerGroupDescribeResponse::default();
    for id in groups {
        let mut group = consumer_group_describe::DescribedGroup::default();
        (group.group_id, group.error_code) = (id.clone(), code);
        response.groups.push(group);
    }
    response
}

fn create_topics(request: &CreateTopicsRequest, code: ErrorCode) -> CreateTopicsResponse {
    let mut response = CreateTopicsResponse::default();
    for asked in &request.topics {
        let mut topic = create_topics::CreatableTopicResult::default();
        (topic.name, topic.error_code) = (asked.name.clone(), code);
        response.topics.push(topic);
    }
    response
}

fn delete_topics(request: &DeleteTopicsRequest, code: ErrorCode) -> DeleteTopicsResponse {
    let mut response = DeleteTopicsResponse::default();
    let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), Default::default()));
    let by_either = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
    for (name, id) in by_name.chain(by_either) {
        let mut result = delete_topics::DeletableTopicResult::default();
        (result.name, result.topic_id, result.error_code) = (name, id, code);
        response.responses.push(result);
    }
    response
}

fn delete_records(request: &DeleteRecordsRequest, code: ErrorCode) -> DeleteRecordsResponse {
    let mut response = DeleteRecordsResponse::default();
    for asked in &request.topics {
        let mut topic = delete_records::DeleteRecordsTopicResult::default();
        topic.name = asked.name.clone();
        for asked in &asked.partitions {
            let mut partition = delete_records::DeleteRecordsPartitionResult::default();
            (partition.partition_index, partition.error_code) = (asked.partition_index, code);
            partition.low_watermark = -1;
            topic.partitions.push(partition);
        }
        response.topics.push(topic);
    }
    response
}

fn offset_for_leader_epoch(
    request: &OffsetForLeaderEpochRequest,
    code: ErrorCode,
) -> OffsetForLeaderEpochResponse {
    let mut response = OffsetForLeaderEpochResponse::default();
    for asked in &request.topics {
        let mut topic = offset_for_leader_epoch::OffsetForLeaderTopicResult::default();
        topic.topic = asked.topic.clone();
        for asked in &asked.partitions {
            let mut partition = offset_for_leader_epoch::EpochEndOffset::default();
            (partition.partition, partition.error_code) = (asked.partition, code);
            topic.partitions.push(partition);
        }
        response.topics.push(topic);
    }
    response
}

fn add_partitions_to_txn(
    request: &AddPartitionsToTxnRequest,
    version: i16,
    code: ErrorCode,
) -> AddPartitionsToTxnResponse {
    /// KIP-890: from here on there is an error for the whole.
    const MANY: i16 = 4;
    let mut response = AddPartitionsToTxnResponse::default();
    if version >= MANY {
        response.error_code = code;
        return response;
    }
    let topics = &request.v3_and_below_topics;
    response.results_by_topic_v3_and_below = topics.iter().map(|topic| txn_topic(topic, code)).collect();
    response
}

/// The answer for one topic of a transaction, the same for all its partitions.
fn txn_topic(
    asked: &add_partitions_to_txn::AddPartitionsToTxnTopic,
    code: ErrorCode,
) -> add_partitions_to_txn::AddPartitionsToTxnTopicResult {
    let mut topic = add_partitions_to_txn::AddPartitionsToTxnTopicResult::default();
    topic.name = asked.name.clone();
    for index in &asked.partitions {
        let mut partition = add_partitions_to_txn::AddPartitionsToTxnPartitionResult::default();
        (partition.partition_index, partition.partition_error_code) = (*index, code);
        topic.results_by_partition.push(partition);
    }
    topic
}

fn txn_offset_commit(request: &TxnOffsetCommitRequest, code: ErrorCode) -> TxnOffsetCommitResponse {
    let mut response = TxnOffsetCommitResponse::default();
    for asked in &request.topics {
        let mut topic = txn_offset_commit::TxnOffsetCommitResponseTopic::default();
        topic.name = asked.name.clone();
        for asked in &asked.partitions {
            let mut partition = txn_offset_commit::TxnOffsetCommitResponsePartition::default();
            (partition.partition_index, partition.error_code) = (asked.partition_index, code);
            topic.partitions.push(partition);
        }
        response.topics.push(topic);
    }
    response
}

fn describe_configs(request: &DescribeConfigsRequest, code: ErrorCode) -> DescribeConfigsResponse {
    let mut response = DescribeConfigsResponse::default();
    for asked in &request.resources {
        let mut result = describe_configs::DescribeConfigsResult::default();
        (result.resource_type, result.error_code) = (asked.resource_type, code);
        result.resource_name = asked.resource_name.clone();
        response.results.push(result);
    }
    response
}

fn alter_configs(request: &AlterConfigsRequest, code: ErrorCode) -> AlterConfigsResponse {
    let mut response = AlterConfigsResponse::default();
    for asked in &request.resources {
        let mut result = alter_configs::AlterConfigsResourceResponse::default();
        (result.resource_type, result.error_code) = (asked.resource_type, code);
        result.resource_name = asked.resource_name.clone();
        response.responses.push(result);
    }
    response
}

fn incremental_alter_configs(
    request: &IncrementalAlterConfigsRequest,
    code: ErrorCode,
) -> IncrementalAlterConfigsResponse {
    let mut response = IncrementalAlterConfigsResponse::default();
    for asked in &request.resources {
        let mut result = incremental_alter_configs::AlterConfigsResourceResponse::default();
        (result.resource_type, result.error_code) = (asked.resource_type, code);
        result.resource_name = asked.resource_name.clone();
        response.responses.push(result);
    }
    response
}

fn create_partitions(request: &CreatePartitionsRequest, code: ErrorCode) -> CreatePartitionsResponse {
    let mut response = CreatePartitionsResponse::default();
    for asked in &request.topics {
        let mut result = create_partitions::CreatePartitionsTopicResult::default();
        (result.name, result.error_code) = (asked.name.clone(), code);
        response.results.push(result);
    }
    response
}

fn describe_topic_partitions(
    request: &DescribeTopicPartitionsRequest,
    code: ErrorCode,
) -> DescribeTopicPartitionsResponse {
    let mut response = DescribeTopicPartitionsResponse::default();
    for asked in &request.topics {
        let mut topic = describe_topic_partitions::DescribeTopicPartitionsResponseTopic::default();
        (topic.name, topic.error_code) = (Some(asked.name.clone()), code);
        response.topics.push(topic);
    }
    response
}
