//! Metadata (key 3): the brokers of a cluster, its topics, and who leads their partitions.

use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const NULL_IS_ALL: i16 = 1; // KIP-4: null stands for all topics, and an empty list for none
const CONTROLLER: i16 = 1; // KIP-4
const INTERNAL: i16 = 1; // KIP-4
const RACK: i16 = 1; // KIP-36
const CLUSTER_ID: i16 = 2; // KIP-78
const THROTTLE: i16 = 3; // KIP-124
const AUTO_CREATION: i16 = 4;
const OFFLINE_REPLICAS: i16 = 5; // KIP-112
const LEADER_EPOCH: i16 = 7; // KIP-320
const AUTHORIZED_OPERATIONS: i16 = 8; // KIP-430
const TOPIC_IDS: i16 = 10; // KIP-516
const NO_CLUSTER_OPERATIONS: i16 = 11; // KIP-700: they moved to DescribeCluster
const BY_ID: i16 = 12; // KIP-516: topics may be asked for by id
const ERROR_CODE: i16 = 13; // KIP-1102: a client may be told to bootstrap again

/// Asks any broker about topics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetadataRequest {
    /// The topics. Null, from v1, asks for all of them; an empty list for all in v0, for none from v1.
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// Whether the broker may create topics that do not exist, if it is set up to (v4+; before, it may).
    pub allow_auto_topic_creation: bool,
    /// Whether to say what the client may do with the cluster (v8-v10).
    pub include_cluster_authorized_operations: bool,
    /// Whether to say what the client may do with each topic (v8+).
    pub include_topic_authorized_operations: bool,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MetadataRequest {
    fn default() -> Self {
        MetadataRequest {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for MetadataRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topics) =
            field("topics", .., null_in(NULL_IS_ALL.., nullable_array(MetadataRequestTopic::decode)))(i)?;
        let (i, allow_auto_topic_creation) =
            field_or("allowAutoTopicCreation", AUTO_CREATION.., true, bool)(i)?;
        let (i, include_cluster_authorized_operations) =
            field("includeClusterAuthorizedOperations", AUTHORIZED_OPERATIONS..NO_CLUSTER_OPERATIONS, bool)(
                i,
            )?;
        let (i, include_topic_authorized_operations) =
            field("includeTopicAuthorizedOperations", AUTHORIZED_OPERATIONS.., bool)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let request = MetadataRequest {
            topics,
            allow_auto_topic_creation,
            include_cluster_authorized_operations,
            include_topic_authorized_operations,
            unknown_tagged_fields,
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.null_in("topics", NULL_IS_ALL.., &self.topics);
        o.field("topics", .., &self.topics);
        o.field_or("allowAutoTopicCreation", AUTO_CREATION.., true, &self.allow_auto_topic_creation);
        o.field(
            "includeClusterAuthorizedOperations",
            AUTHORIZED_OPERATIONS..NO_CLUSTER_OPERATIONS,
            &self.include_cluster_authorized_operations,
        );
        o.field(
            "includeTopicAuthorizedOperations",
            AUTHORIZED_OPERATIONS..,
            &self.include_topic_authorized_operations,
        );
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// One topic that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetadataRequestTopic {
    /// The topic's id, or zero to ask by name. Brokers look at it from v12 on (v10+).
    pub topic_id: Uuid,
    /// The topic's name; null, from v10, to ask by id.
    pub name: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl MetadataRequestTopic {
    /// Asks for a topic by its name.
    pub fn new(name: impl Into<Str>) -> Self {
        MetadataRequestTopic { name: Some(name.into()), ..MetadataRequestTopic::default() }
    }
}

impl Default for MetadataRequestTopic {
    fn default() -> Self {
        MetadataRequestTopic {
            topic_id: Uuid::ZERO,
            name: Some(Str::default()),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for MetadataRequestTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, name) = field("name", .., null_in(TOPIC_IDS.., nullable_string))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, MetadataRequestTopic { topic_id, name, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.null_in("name", TOPIC_IDS.., &self.name);
        o.field("name", .., &self.name);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The brokers and the topics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetadataResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v3+).
    pub throttle_time_ms: i32,
    /// The brokers that are alive.
    pub brokers: Vec<MetadataResponseBroker>,
    /// The id of the cluster, or null (v2+).
    pub cluster_id: Option<Str>,
    /// The node id of the controller, or -1; KRaft names some broker that is alive instead (v1+).
    pub controller_id: i32,
    /// The topics that were asked for.
    pub topics: Vec<MetadataResponseTopic>,
    /// What the client may do with the cluster, a bit for each operation; `i32::MIN` where it was not asked for
    /// (v8-v10).
    pub cluster_authorized_operations: i32,
    /// What went wrong with the request as a whole, as REBOOTSTRAP_REQUIRED (v13+).
    pub error_code: ErrorCode,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MetadataResponse {
    fn default() -> Self {
        MetadataResponse {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: -1,
            topics: Vec::new(),
            cluster_authorized_operations: i32::MIN,
            error_code: ErrorCode::NONE,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for MetadataResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, brokers) = field("brokers", .., array(MetadataResponseBroker::decode))(i)?;
        let (i, cluster_id) = field("clusterId", CLUSTER_ID.., nullable_string)(i)?;
        let (i, controller_id) = field_or("controllerId", CONTROLLER.., -1, int32)(i)?;
        let (i, topics) = field("topics", .., array(MetadataResponseTopic::decode))(i)?;
        let (i, cluster_authorized_operations) = field_or(
            "clusterAuthorizedOperations",
            AUTHORIZED_OPERATIONS..NO_CLUSTER_OPERATIONS,
            i32::MIN,
            int32,
        )(i)?;
        let (i, error_code) = field("errorCode", ERROR_CODE.., error_code)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let response = MetadataResponse {
            throttle_time_ms,
            brokers,
            cluster_id,
            controller_id,
            topics,
            cluster_authorized_operations,
            error_code,
            unknown_tagged_fields,
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.field("brokers", .., &self.brokers);
        o.ignorable("clusterId", CLUSTER_ID.., &self.cluster_id);
        o.ignorable("controllerId", CONTROLLER.., &self.controller_id);
        o.field("topics", .., &self.topics);
        o.field_or(
            "clusterAuthorizedOperations",
            AUTHORIZED_OPERATIONS..NO_CLUSTER_OPERATIONS,
            i32::MIN,
            &self.cluster_authorized_operations,
        );
        o.ignorable("errorCode", ERROR_CODE.., &self.error_code);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetadataResponseBroker {
    /// Its node id.
    pub node_id: i32,
    /// Its host name or address.
    pub host: Str,
    /// Its port.
    pub port: i32,
    /// Its rack (`broker.rack`), or null (v1+).
    pub rack: Option<Str>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for MetadataResponseBroker {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, node_id) = field("nodeId", .., int32)(i)?;
        let (i, host) = field("host", .., string)(i)?;
        let (i, port) = field("port", .., int32)(i)?;
        let (i, rack) = field("rack", RACK.., nullable_string)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, MetadataResponseBroker { node_id, host, port, rack, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("nodeId", .., &self.node_id);
        o.field("host", .., &self.host);
        o.field("port", .., &self.port);
        o.ignorable("rack", RACK.., &self.rack);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetadataResponseTopic {
    /// What went wrong for this topic.
    pub error_code: ErrorCode,
    /// Its name; null, from v12, where it was asked for by an id that does not exist.
    pub name: Option<Str>,
    /// Its id; zero where it was asked for by a name that does not exist (v10+).
    pub topic_id: Uuid,
    /// Whether it is one of Kafka's own (v1+).
    pub is_internal: bool,
    /// Its partitions; none while it is being created.
    pub partitions: Vec<MetadataResponsePartition>,
    /// What the client may do with it, a bit for each operation; `i32::MIN` where it was not asked for (v8+).
    pub topic_authorized_operations: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MetadataResponseTopic {
    fn default() -> Self {
        MetadataResponseTopic {
            error_code: ErrorCode::NONE,
            name: Some(Str::default()),
            topic_id: Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: i32::MIN,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for MetadataResponseTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, name) = field("name", .., null_in(BY_ID.., nullable_string))(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, is_internal) = field("isInternal", INTERNAL.., bool)(i)?;
        let (i, partitions) = field("partitions", .., array(MetadataResponsePartition::decode))(i)?;
        let (i, topic_authorized_operations) =
            field_or("topicAuthorizedOperations", AUTHORIZED_OPERATIONS.., i32::MIN, int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let topic = MetadataResponseTopic {
            error_code,
            name,
            topic_id,
            is_internal,
            partitions,
            topic_authorized_operations,
            unknown_tagged_fields,
        };
        Ok((i, topic))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.null_in("name", BY_ID.., &self.name);
        o.field("name", .., &self.name);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.ignorable("isInternal", INTERNAL.., &self.is_internal);
        o.field("partitions", .., &self.partitions);
        o.field_or(
            "topicAuthorizedOperations",
            AUTHORIZED_OPERATIONS..,
            i32::MIN,
            &self.topic_authorized_operations,
        );
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetadataResponsePartition {
    /// What went wrong for this partition.
    pub error_code: ErrorCode,
    /// Its number.
    pub partition_index: i32,
    /// The node id of its leader, or -1. The leader may be missing from the brokers.
    pub leader_id: i32,
    /// Counts its leaders, so that older metadata can be told from newer; -1 where it is not known (v7+).
    pub leader_epoch: i32,
    /// The nodes that have a replica.
    pub replica_nodes: Vec<i32>,
    /// Those whose replica is in sync with the leader.
    pub isr_nodes: Vec<i32>,
    /// Those whose replica is offline (v5+).
    pub offline_replicas: Vec<i32>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MetadataResponsePartition {
    fn default() -> Self {
        MetadataResponsePartition {
            error_code: ErrorCode::NONE,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            offline_replicas: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for MetadataResponsePartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, leader_id) = field("leaderId", .., int32)(i)?;
        let (i, leader_epoch) = field_or("leaderEpoch", LEADER_EPOCH.., -1, int32)(i)?;
        let (i, replica_nodes) = field("replicaNodes", .., array(int32))(i)?;
        let (i, isr_nodes) = field("isrNodes", .., array(int32))(i)?;
        let (i, offline_replicas) = field("offlineReplicas", OFFLINE_REPLICAS.., array(int32))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        let partition = MetadataResponsePartition {
            error_code,
            partition_index,
            leader_id,
            leader_epoch,
            replica_nodes,
            isr_nodes,
            offline_replicas,
            unknown_tagged_fields,
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("errorCode", .., &self.error_code);
        o.field("partitionIndex", .., &self.partition_index);
        o.field("leaderId", .., &self.leader_id);
        o.ignorable("leaderEpoch", LEADER_EPOCH.., &self.leader_epoch);
        o.field("replicaNodes", .., &self.replica_nodes);
        o.field("isrNodes", .., &self.isr_nodes);
        o.ignorable("offlineReplicas", OFFLINE_REPLICAS.., &self.offline_replicas);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
