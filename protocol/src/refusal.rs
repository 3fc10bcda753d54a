//! The answer to a request that says nothing but an error, in the shape that each API has for it (Kafka's
//! `AbstractRequest.getErrorResponse`).

use bytes::Bytes;

use crate::messages::*;
use crate::{Api, ErrorCode, Pairing, Request, RequestBody, Response, Str, Uuid};

/// A request that can be answered with nothing but an error.
pub(crate) trait Refuse<Answer> {
    fn refusal(&self, version: i16, code: ErrorCode) -> Answer;
}

/// Requests whose answer has one place for an error, and no more to say.
macro_rules! with_one_code {
    ($($request:ident, $response:ident;)*) => {
        $(impl Refuse<$response> for $request {
            fn refusal(&self, _: i16, error_code: ErrorCode) -> $response {
                $response { error_code, ..Default::default() }
            }
        })*
    };
}

with_one_code! {
    HeartbeatRequest, HeartbeatResponse;
    LeaveGroupRequest, LeaveGroupResponse;
    SyncGroupRequest, SyncGroupResponse;
    ListGroupsRequest, ListGroupsResponse;
    InitProducerIdRequest, InitProducerIdResponse;
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
    EndTxnRequest, EndTxnResponse;
    OffsetDeleteRequest, OffsetDeleteResponse;
    DescribeClusterRequest, DescribeClusterResponse;
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
}

impl Request {
    /// The response that says nothing but `code`, in the shape that the API has for it: of everything that was asked for,
    /// or of the whole. For whoever may not, or cannot, do what is asked: a proxy that denies it, or whose broker is away.
    ///
    /// `None` where no response is expected (Produce with `acks` 0), and for an API or a version that is not parsed; but
    /// an ApiVersions of any version can be answered with `UNSUPPORTED_VERSION` (KIP-511).
    ///
    /// ```
    /// use milena_protocol::messages::HeartbeatRequest;
    /// use milena_protocol::{ErrorCode, Request, ResponseBody};
    ///
    /// let request = Request::new(HeartbeatRequest::default(), 4, 17, None);
    /// let response = request.refuse(ErrorCode::GROUP_AUTHORIZATION_FAILED).unwrap();
    /// assert_eq!(response.header.correlation_id, 17);
    /// assert!(matches!(response.body, ResponseBody::Heartbeat(body) if body.error_code.0 == 30));
    /// ```
    pub fn refuse(&self, code: ErrorCode) -> Option<Response> {
        let Pairing { api_key, api_version, .. } = self.pairing();
        let body = match &self.body {
            RequestBody::Unknown(_)
                if api_key == Api::ApiVersions.key() && code == ErrorCode::UNSUPPORTED_VERSION =>
            {
                ApiVersionsRequest::default().refusal(api_version, code).into()
            }
            body => body.refuse(api_version, code)?,
        };
        Some(self.pairing().answer(body))
    }
}

impl Refuse<ProduceResponse> for ProduceRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> ProduceResponse {
        let partition = |asked: &produce::PartitionProduceData| produce::PartitionProduceResponse {
            index: asked.index,
            error_code,
            base_offset: -1,
            ..Default::default()
        };
        let topic = |asked: &produce::TopicProduceData| produce::TopicProduceResponse {
            name: asked.name.clone(),
            topic_id: asked.topic_id,
            partition_responses: asked.partition_data.iter().map(partition).collect(),
            ..Default::default()
        };
        ProduceResponse { responses: self.topic_data.iter().map(topic).collect(), ..Default::default() }
    }
}

impl Refuse<FetchResponse> for FetchRequest {
    fn refusal(&self, version: i16, error_code: ErrorCode) -> FetchResponse {
        /// From here on the error for the whole is enough.
        const TOPIC_IDS: i16 = 13;
        let partition = |asked: &fetch::FetchPartition| fetch::PartitionData {
            partition_index: asked.partition,
            error_code,
            high_watermark: -1,
            records: Some(Bytes::new()),
            ..Default::default()
        };
        let topic = |asked: &fetch::FetchTopic| fetch::FetchableTopicResponse {
            topic: asked.topic.clone(),
            partitions: asked.partitions.iter().map(partition).collect(),
            ..Default::default()
        };
        let topics = if version < TOPIC_IDS { &self.topics[..] } else { &[] };
        FetchResponse {
            error_code,
            session_id: self.session_id,
            responses: topics.iter().map(topic).collect(),
            ..Default::default()
        }
    }
}

impl Refuse<ListOffsetsResponse> for ListOffsetsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> ListOffsetsResponse {
        let partition = |asked: &list_offsets::ListOffsetsPartition| {
            let partition_index = asked.partition_index;
            list_offsets::ListOffsetsPartitionResponse { partition_index, error_code, ..Default::default() }
        };
        let topic = |asked: &list_offsets::ListOffsetsTopic| list_offsets::ListOffsetsTopicResponse {
            name: asked.name.clone(),
            partitions: asked.partitions.iter().map(partition).collect(),
            ..Default::default()
        };
        ListOffsetsResponse { topics: self.topics.iter().map(topic).collect(), ..Default::default() }
    }
}

impl Refuse<MetadataResponse> for MetadataRequest {
    /// Without brokers, and without null names, as in Kafka.
    fn refusal(&self, _: i16, error_code: ErrorCode) -> MetadataResponse {
        let topic = |asked: &metadata::MetadataRequestTopic| metadata::MetadataResponseTopic {
            error_code,
            name: Some(asked.name.clone().unwrap_or_default()),
            topic_id: asked.topic_id,
            ..Default::default()
        };
        let topics = self.topics.iter().flatten().map(topic).collect();
        MetadataResponse { error_code, topics, ..Default::default() }
    }
}

impl Refuse<OffsetCommitResponse> for OffsetCommitRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> OffsetCommitResponse {
        let partition = |asked: &offset_commit::OffsetCommitRequestPartition| {
            let partition_index = asked.partition_index;
            offset_commit::OffsetCommitResponsePartition { partition_index, error_code, ..Default::default() }
        };
        let topic =
            |asked: &offset_commit::OffsetCommitRequestTopic| offset_commit::OffsetCommitResponseTopic {
                name: asked.name.clone(),
                topic_id: asked.topic_id,
                partitions: asked.partitions.iter().map(partition).collect(),
                ..Default::default()
            };
        OffsetCommitResponse { topics: self.topics.iter().map(topic).collect(), ..Default::default() }
    }
}

impl Refuse<OffsetFetchResponse> for OffsetFetchRequest {
    fn refusal(&self, version: i16, error_code: ErrorCode) -> OffsetFetchResponse {
        /// From here on there is an error for the whole group.
        const GROUP_ERROR: i16 = 2;
        /// KIP-709.
        const MANY_GROUPS: i16 = 8;
        if version >= MANY_GROUPS {
            let group = |asked: &offset_fetch::OffsetFetchRequestGroup| {
                let group_id = asked.group_id.clone();
                offset_fetch::OffsetFetchResponseGroup { group_id, error_code, ..Default::default() }
            };
            let groups = self.groups.iter().map(group).collect();
            return OffsetFetchResponse { groups, ..Default::default() };
        }
        if version >= GROUP_ERROR {
            return OffsetFetchResponse { error_code, ..Default::default() };
        }
        let partition = |index: &i32| offset_fetch::OffsetFetchResponsePartition {
            partition_index: *index,
            error_code,
            committed_offset: -1,
            metadata: Some(Str::default()),
            ..Default::default()
        };
        let topic = |asked: &offset_fetch::OffsetFetchRequestTopic| offset_fetch::OffsetFetchResponseTopic {
            name: asked.name.clone(),
            partitions: asked.partition_indexes.iter().map(partition).collect(),
            ..Default::default()
        };
        OffsetFetchResponse {
            topics: self.topics.iter().flatten().map(topic).collect(),
            ..Default::default()
        }
    }
}

impl Refuse<FindCoordinatorResponse> for FindCoordinatorRequest {
    fn refusal(&self, version: i16, error_code: ErrorCode) -> FindCoordinatorResponse {
        /// KIP-699.
        const MANY: i16 = 4;
        if version < MANY {
            return FindCoordinatorResponse { error_code, node_id: -1, port: -1, ..Default::default() };
        }
        let coordinator = |key: &Str| find_coordinator::Coordinator {
            key: key.clone(),
            error_code,
            node_id: -1,
            port: -1,
            ..Default::default()
        };
        let coordinators = self.coordinator_keys.iter().map(coordinator).collect();
        FindCoordinatorResponse { coordinators, ..Default::default() }
    }
}

impl Refuse<JoinGroupResponse> for JoinGroupRequest {
    fn refusal(&self, version: i16, error_code: ErrorCode) -> JoinGroupResponse {
        /// From here on it can be null.
        const NULL_PROTOCOL: i16 = 7;
        JoinGroupResponse {
            error_code,
            generation_id: -1,
            member_id: self.member_id.clone(),
            protocol_name: (version < NULL_PROTOCOL).then(Str::default),
            ..Default::default()
        }
    }
}

impl Refuse<DescribeGroupsResponse> for DescribeGroupsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> DescribeGroupsResponse {
        let group = |id: &Str| {
            let group_id = id.clone();
            describe_groups::DescribedGroup { group_id, error_code, ..Default::default() }
        };
        DescribeGroupsResponse { groups: self.groups.iter().map(group).collect(), ..Default::default() }
    }
}

impl Refuse<ApiVersionsResponse> for ApiVersionsRequest {
    /// KIP-511: who asked in a version that does not exist is told which there are.
    fn refusal(&self, _: i16, error_code: ErrorCode) -> ApiVersionsResponse {
        let api = Api::ApiVersions;
        let versions =
            api_versions::ApiVersion::new(api.key(), *api.versions().start(), *api.versions().end());
        let api_keys = if error_code == ErrorCode::UNSUPPORTED_VERSION { vec![versions] } else { Vec::new() };
        ApiVersionsResponse { error_code, api_keys, ..Default::default() }
    }
}

impl Refuse<CreateTopicsResponse> for CreateTopicsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> CreateTopicsResponse {
        let topic = |asked: &create_topics::CreatableTopic| {
            let name = asked.name.clone();
            create_topics::CreatableTopicResult { name, error_code, ..Default::default() }
        };
        CreateTopicsResponse { topics: self.topics.iter().map(topic).collect(), ..Default::default() }
    }
}

impl Refuse<DeleteTopicsResponse> for DeleteTopicsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> DeleteTopicsResponse {
        let by_name = self.topic_names.iter().map(|name| (Some(name.clone()), Uuid::default()));
        let by_either = self.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
        let topic = |(name, topic_id)| delete_topics::DeletableTopicResult {
            name,
            topic_id,
            error_code,
            ..Default::default()
        };
        let responses = by_name.chain(by_either).map(topic).collect();
        DeleteTopicsResponse { responses, ..Default::default() }
    }
}

impl Refuse<DeleteRecordsResponse> for DeleteRecordsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> DeleteRecordsResponse {
        let partition =
            |asked: &delete_records::DeleteRecordsPartition| delete_records::DeleteRecordsPartitionResult {
                partition_index: asked.partition_index,
                low_watermark: -1,
                error_code,
                ..Default::default()
            };
        let topic = |asked: &delete_records::DeleteRecordsTopic| delete_records::DeleteRecordsTopicResult {
            name: asked.name.clone(),
            partitions: asked.partitions.iter().map(partition).collect(),
            ..Default::default()
        };
        DeleteRecordsResponse { topics: self.topics.iter().map(topic).collect(), ..Default::default() }
    }
}

impl Refuse<OffsetForLeaderEpochResponse> for OffsetForLeaderEpochRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> OffsetForLeaderEpochResponse {
        let partition = |asked: &offset_for_leader_epoch::OffsetForLeaderPartition| {
            let partition = asked.partition;
            offset_for_leader_epoch::EpochEndOffset { partition, error_code, ..Default::default() }
        };
        let topic = |asked: &offset_for_leader_epoch::OffsetForLeaderTopic| {
            offset_for_leader_epoch::OffsetForLeaderTopicResult {
                topic: asked.topic.clone(),
                partitions: asked.partitions.iter().map(partition).collect(),
                ..Default::default()
            }
        };
        OffsetForLeaderEpochResponse { topics: self.topics.iter().map(topic).collect(), ..Default::default() }
    }
}

impl Refuse<AddPartitionsToTxnResponse> for AddPartitionsToTxnRequest {
    fn refusal(&self, version: i16, error_code: ErrorCode) -> AddPartitionsToTxnResponse {
        /// KIP-890: from here on there is an error for the whole.
        const MANY: i16 = 4;
        if version >= MANY {
            return AddPartitionsToTxnResponse { error_code, ..Default::default() };
        }
        let partition = |index: &i32| add_partitions_to_txn::AddPartitionsToTxnPartitionResult {
            partition_index: *index,
            partition_error_code: error_code,
            ..Default::default()
        };
        let topic = |asked: &add_partitions_to_txn::AddPartitionsToTxnTopic| {
            add_partitions_to_txn::AddPartitionsToTxnTopicResult {
                name: asked.name.clone(),
                results_by_partition: asked.partitions.iter().map(partition).collect(),
                ..Default::default()
            }
        };
        AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: self.v3_and_below_topics.iter().map(topic).collect(),
            ..Default::default()
        }
    }
}

impl Refuse<TxnOffsetCommitResponse> for TxnOffsetCommitRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> TxnOffsetCommitResponse {
        let partition = |asked: &txn_offset_commit::TxnOffsetCommitRequestPartition| {
            txn_offset_commit::TxnOffsetCommitResponsePartition {
                partition_index: asked.partition_index,
                error_code,
                ..Default::default()
            }
        };
        let topic = |asked: &txn_offset_commit::TxnOffsetCommitRequestTopic| {
            txn_offset_commit::TxnOffsetCommitResponseTopic {
                name: asked.name.clone(),
                partitions: asked.partitions.iter().map(partition).collect(),
                ..Default::default()
            }
        };
        TxnOffsetCommitResponse { topics: self.topics.iter().map(topic).collect(), ..Default::default() }
    }
}

impl Refuse<DescribeConfigsResponse> for DescribeConfigsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> DescribeConfigsResponse {
        let result =
            |asked: &describe_configs::DescribeConfigsResource| describe_configs::DescribeConfigsResult {
                resource_type: asked.resource_type,
                resource_name: asked.resource_name.clone(),
                error_code,
                ..Default::default()
            };
        DescribeConfigsResponse { results: self.resources.iter().map(result).collect(), ..Default::default() }
    }
}

impl Refuse<AlterConfigsResponse> for AlterConfigsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> AlterConfigsResponse {
        let result =
            |asked: &alter_configs::AlterConfigsResource| alter_configs::AlterConfigsResourceResponse {
                resource_type: asked.resource_type,
                resource_name: asked.resource_name.clone(),
                error_code,
                ..Default::default()
            };
        AlterConfigsResponse { responses: self.resources.iter().map(result).collect(), ..Default::default() }
    }
}

impl Refuse<IncrementalAlterConfigsResponse> for IncrementalAlterConfigsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> IncrementalAlterConfigsResponse {
        let result = |asked: &incremental_alter_configs::AlterConfigsResource| {
            incremental_alter_configs::AlterConfigsResourceResponse {
                resource_type: asked.resource_type,
                resource_name: asked.resource_name.clone(),
                error_code,
                ..Default::default()
            }
        };
        let responses = self.resources.iter().map(result).collect();
        IncrementalAlterConfigsResponse { responses, ..Default::default() }
    }
}

impl Refuse<CreatePartitionsResponse> for CreatePartitionsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> CreatePartitionsResponse {
        let result = |asked: &create_partitions::CreatePartitionsTopic| {
            let name = asked.name.clone();
            create_partitions::CreatePartitionsTopicResult { name, error_code, ..Default::default() }
        };
        CreatePartitionsResponse { results: self.topics.iter().map(result).collect(), ..Default::default() }
    }
}

impl Refuse<DeleteGroupsResponse> for DeleteGroupsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> DeleteGroupsResponse {
        let result = |id: &Str| {
            let group_id = id.clone();
            delete_groups::DeletableGroupResult { group_id, error_code, ..Default::default() }
        };
        DeleteGroupsResponse { results: self.groups_names.iter().map(result).collect(), ..Default::default() }
    }
}

impl Refuse<ConsumerGroupDescribeResponse> for ConsumerGroupDescribeRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> ConsumerGroupDescribeResponse {
        let group = |id: &Str| {
            let group_id = id.clone();
            consumer_group_describe::DescribedGroup { group_id, error_code, ..Default::default() }
        };
        let groups = self.group_ids.iter().map(group).collect();
        ConsumerGroupDescribeResponse { groups, ..Default::default() }
    }
}

impl Refuse<DescribeTopicPartitionsResponse> for DescribeTopicPartitionsRequest {
    fn refusal(&self, _: i16, error_code: ErrorCode) -> DescribeTopicPartitionsResponse {
        let topic = |asked: &describe_topic_partitions::TopicRequest| {
            describe_topic_partitions::DescribeTopicPartitionsResponseTopic {
                name: Some(asked.name.clone()),
                error_code,
                ..Default::default()
            }
        };
        let topics = self.topics.iter().map(topic).collect();
        DescribeTopicPartitionsResponse { topics, ..Default::default() }
    }
}
