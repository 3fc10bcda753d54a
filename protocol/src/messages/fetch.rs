//! Fetch (key 1): the records of partitions, from an offset on.

use bytes::Bytes;

use super::leader::{LeaderIdAndEpoch, NodeEndpoint};
use crate::ErrorCode;
use crate::wire::*;

// What each version brought.
const THROTTLE: i16 = 1;
const MAX_BYTES: i16 = 3; // KIP-74
const ISOLATION: i16 = 4; // KIP-98: transactions
const LOG_START: i16 = 5;
const SESSIONS: i16 = 7; // KIP-227
const LEADER_EPOCH: i16 = 9; // KIP-320
const RACK: i16 = 11; // KIP-392: reading from followers
const DIVERGENCE: i16 = 12; // KIP-595; the first flexible version
const TOPIC_IDS: i16 = 13; // KIP-516: ids replace names
const REPLICA_STATE: i16 = 15; // KIP-903: replaces `replica_id`
const NODE_ENDPOINTS: i16 = 16; // KIP-951
const DIRECTORY_ID: i16 = 17; // KIP-853
const HIGH_WATERMARK: i16 = 18; // KIP-1166

/// Asks a broker for records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The cluster that the sender believes to be in, or null; only replicas of the metadata log say it (v12+).
    pub cluster_id: Option<Str>,
    /// The node id of a follower, or -1 for a consumer (v0-v14).
    pub replica_id: i32,
    /// The follower that asks; the default for a consumer (v15+).
    pub replica_state: ReplicaState,
    /// How long the broker may wait for `min_bytes`, in milliseconds.
    pub max_wait_ms: i32,
    /// How many bytes of records the broker waits for.
    pub min_bytes: i32,
    /// How many bytes of records the response should have at most; the first batch comes whole in any case (v3+).
    pub max_bytes: i32,
    /// 0 reads all records, 1 only those of committed transactions and of none (v4+).
    pub isolation_level: i8,
    /// The fetch session, or 0 for none (v7+).
    pub session_id: i32,
    /// 0 opens a session, -1 closes it or goes without; 1, 2, ... count the requests within one (v7+).
    pub session_epoch: i32,
    /// What to read; in a session, only what has changed.
    pub topics: Vec<FetchTopic>,
    /// The partitions that leave the session (v7+).
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// The rack of the consumer (`client.rack`), or empty (v11+).
    pub rack_id: Str,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for FetchRequest {
    fn default() -> Self {
        FetchRequest {
            cluster_id: None,
            replica_id: -1,
            replica_state: ReplicaState::default(),
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: i32::MAX,
            isolation_level: 0,
            session_id: 0,
            session_epoch: -1,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
            rack_id: Str::default(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for FetchRequest {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, replica_id) = field_or("replicaId", ..REPLICA_STATE, -1, int32)(i)?;
        let (i, max_wait_ms) = field("maxWaitMs", .., int32)(i)?;
        let (i, min_bytes) = field("minBytes", .., int32)(i)?;
        let (i, max_bytes) = field_or("maxBytes", MAX_BYTES.., i32::MAX, int32)(i)?;
        let (i, isolation_level) = field("isolationLevel", ISOLATION.., int8)(i)?;
        let (i, session_id) = field("sessionId", SESSIONS.., int32)(i)?;
        let (i, session_epoch) = field_or("sessionEpoch", SESSIONS.., -1, int32)(i)?;
        let (i, topics) = field("topics", .., array(FetchTopic::decode))(i)?;
        let (i, forgotten_topics_data) =
            field("forgottenTopicsData", SESSIONS.., array(ForgottenTopic::decode))(i)?;
        let (i, rack_id) = field("rackId", RACK.., string)(i)?;
        let (i, mut tags) = tags(i)?;
        let request = FetchRequest {
            cluster_id: tags.take(0, "clusterId", DIVERGENCE.., nullable_string)?,
            replica_id,
            replica_state: tags.take(1, "replicaState", REPLICA_STATE.., ReplicaState::decode)?,
            max_wait_ms,
            min_bytes,
            max_bytes,
            isolation_level,
            session_id,
            session_epoch,
            topics,
            forgotten_topics_data,
            rack_id,
            unknown_tagged_fields: tags.unknown(),
        };
        Ok((i, request))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field_or("replicaId", ..REPLICA_STATE, -1, &self.replica_id);
        o.field("maxWaitMs", .., &self.max_wait_ms);
        o.field("minBytes", .., &self.min_bytes);
        o.ignorable("maxBytes", MAX_BYTES.., &self.max_bytes);
        o.ignorable("isolationLevel", ISOLATION.., &self.isolation_level);
        o.ignorable("sessionId", SESSIONS.., &self.session_id);
        o.ignorable("sessionEpoch", SESSIONS.., &self.session_epoch);
        o.field("topics", .., &self.topics);
        o.field("forgottenTopicsData", SESSIONS.., &self.forgotten_topics_data);
        o.ignorable("rackId", RACK.., &self.rack_id);
        o.tagged(&self.unknown_tagged_fields, |tags| {
            tags.ignorable(0, "clusterId", DIVERGENCE.., None, &self.cluster_id);
            tags.field(1, "replicaState", REPLICA_STATE.., &self.replica_state);
        });
    }
}

/// The follower that fetches (v15+).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaState {
    /// The follower's node id, or -1 for a consumer.
    pub replica_id: i32,
    /// The broker epoch of the follower, or -1.
    pub replica_epoch: i64,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ReplicaState {
    fn default() -> Self {
        ReplicaState { replica_id: -1, replica_epoch: -1, unknown_tagged_fields: TaggedFields::default() }
    }
}

impl Wire for ReplicaState {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, replica_id) = field("replicaId", .., int32)(i)?;
        let (i, replica_epoch) = field("replicaEpoch", .., int64)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ReplicaState { replica_id, replica_epoch, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("replicaId", .., &self.replica_id);
        o.field("replicaEpoch", .., &self.replica_epoch);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The partitions of one topic to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchTopic {
    /// The topic's name (v0-v12).
    pub topic: Str,
    /// The topic's id (v13+).
    pub topic_id: Uuid,
    /// The partitions, in the order in which the broker fills the response.
    pub partitions: Vec<FetchPartition>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for FetchTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic) = field("topic", ..TOPIC_IDS, string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, partitions) = field("partitions", .., array(FetchPartition::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, FetchTopic { topic, topic_id, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("topic", ..TOPIC_IDS, &self.topic);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// One partition to read, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchPartition {
    /// The partition.
    pub partition: i32,
    /// The leader epoch that the client knows, or -1; a broker that knows another says so (v9+).
    pub current_leader_epoch: i32,
    /// The offset of the first record that is wanted.
    pub fetch_offset: i64,
    /// The leader epoch of the record before it, or -1; a broker whose log differs there says so (v12+).
    pub last_fetched_epoch: i32,
    /// The first offset of the follower's log; -1 from a consumer (v5+).
    pub log_start_offset: i64,
    /// How many bytes of records to send at most; the first batch of the response comes whole in any case.
    pub partition_max_bytes: i32,
    /// The log directory of the follower that fetches; zero from a consumer (v17+).
    pub replica_directory_id: Uuid,
    /// The high watermark that the follower knows: -1 for none, `i64::MAX` where it does not take part (v18+).
    pub high_watermark: i64,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for FetchPartition {
    fn default() -> Self {
        FetchPartition {
            partition: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 0,
            replica_directory_id: Uuid::ZERO,
            high_watermark: i64::MAX,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for FetchPartition {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, partition) = field("partition", .., int32)(i)?;
        let (i, current_leader_epoch) = field_or("currentLeaderEpoch", LEADER_EPOCH.., -1, int32)(i)?;
        let (i, fetch_offset) = field("fetchOffset", .., int64)(i)?;
        let (i, last_fetched_epoch) = field_or("lastFetchedEpoch", DIVERGENCE.., -1, int32)(i)?;
        let (i, log_start_offset) = field_or("logStartOffset", LOG_START.., -1, int64)(i)?;
        let (i, partition_max_bytes) = field("partitionMaxBytes", .., int32)(i)?;
        let (i, mut tags) = tags(i)?;
        let partition = FetchPartition {
            partition,
            current_leader_epoch,
            fetch_offset,
            last_fetched_epoch,
            log_start_offset,
            partition_max_bytes,
            replica_directory_id: tags.take(0, "replicaDirectoryId", DIRECTORY_ID.., uuid)?,
            high_watermark: tags.take_or(1, "highWatermark", HIGH_WATERMARK.., i64::MAX, int64)?,
            unknown_tagged_fields: tags.unknown(),
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partition", .., &self.partition);
        o.ignorable("currentLeaderEpoch", LEADER_EPOCH.., &self.current_leader_epoch);
        o.field("fetchOffset", .., &self.fetch_offset);
        o.field_or("lastFetchedEpoch", DIVERGENCE.., -1, &self.last_fetched_epoch);
        o.ignorable("logStartOffset", LOG_START.., &self.log_start_offset);
        o.field("partitionMaxBytes", .., &self.partition_max_bytes);
        o.tagged(&self.unknown_tagged_fields, |tags| {
            tags.ignorable(0, "replicaDirectoryId", DIRECTORY_ID.., Uuid::ZERO, &self.replica_directory_id);
            tags.ignorable(1, "highWatermark", HIGH_WATERMARK.., i64::MAX, &self.high_watermark);
        });
    }
}

/// The partitions of one topic that leave the fetch session (v7+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForgottenTopic {
    /// The topic's name (v7-v12).
    pub topic: Str,
    /// The topic's id (v13+).
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for ForgottenTopic {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic) = field("topic", ..TOPIC_IDS, string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, partitions) = field("partitions", .., array(int32))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, ForgottenTopic { topic, topic_id, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("topic", ..TOPIC_IDS, &self.topic);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// The records of partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchResponse {
    /// How long the client must hold back because of a quota, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// What went wrong with the request as a whole, the fetch session above all (v7+).
    pub error_code: ErrorCode,
    /// The fetch session, or 0 for none (v7+).
    pub session_id: i32,
    /// The partitions; in a session, a partition that has nothing to say is left out.
    pub responses: Vec<FetchableTopicResponse>,
    /// Where the leaders are that `current_leader` names (v16+).
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for FetchResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, throttle_time_ms) = field("throttleTimeMs", THROTTLE.., int32)(i)?;
        let (i, error_code) = field("errorCode", SESSIONS.., error_code)(i)?;
        let (i, session_id) = field("sessionId", SESSIONS.., int32)(i)?;
        let (i, responses) = field("responses", .., array(FetchableTopicResponse::decode))(i)?;
        let (i, mut tags) = tags(i)?;
        let response = FetchResponse {
            throttle_time_ms,
            error_code,
            session_id,
            responses,
            node_endpoints: tags.take(0, "nodeEndpoints", NODE_ENDPOINTS.., array(NodeEndpoint::decode))?,
            unknown_tagged_fields: tags.unknown(),
        };
        Ok((i, response))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("throttleTimeMs", THROTTLE.., &self.throttle_time_ms);
        o.ignorable("errorCode", SESSIONS.., &self.error_code);
        o.field("sessionId", SESSIONS.., &self.session_id);
        o.field("responses", .., &self.responses);
        o.tagged(&self.unknown_tagged_fields, |tags| {
            tags.field(0, "nodeEndpoints", NODE_ENDPOINTS.., &self.node_endpoints);
        });
    }
}

/// The partitions of one topic that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchableTopicResponse {
    /// The topic's name (v0-v12).
    pub topic: Str,
    /// The topic's id (v13+).
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for FetchableTopicResponse {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, topic) = field("topic", ..TOPIC_IDS, string)(i)?;
        let (i, topic_id) = field("topicId", TOPIC_IDS.., uuid)(i)?;
        let (i, partitions) = field("partitions", .., array(PartitionData::decode))(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, FetchableTopicResponse { topic, topic_id, partitions, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.ignorable("topic", ..TOPIC_IDS, &self.topic);
        o.ignorable("topicId", TOPIC_IDS.., &self.topic_id);
        o.field("partitions", .., &self.partitions);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// What was read of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionData {
    /// The partition.
    pub partition_index: i32,
    /// What went wrong for this partition.
    pub error_code: ErrorCode,
    /// The offset after the last record that all in-sync replicas have.
    pub high_watermark: i64,
    /// The offset before which all transactions are decided; -1 where it is not known (v4+).
    pub last_stable_offset: i64,
    /// The first offset of the log; -1 where it is not known (v5+).
    pub log_start_offset: i64,
    /// Where the log parts from what the client has read; the default where it does not (v12+).
    pub diverging_epoch: EpochEndOffset,
    /// The leader, in answer to a request that went to another broker (v12+).
    pub current_leader: LeaderIdAndEpoch,
    /// The snapshot that a follower must fetch first, since the log begins after its offset (v12+).
    pub snapshot_id: SnapshotId,
    /// The aborted transactions among the records, or null (v4+).
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// The replica that the consumer should read from; -1 for "go on with this one" (v11+).
    pub preferred_read_replica: i32,
    /// Record batches, for [`records`](crate::records) to read; a slice of the frame.
    pub records: Option<Bytes>,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PartitionData {
    fn default() -> Self {
        PartitionData {
            partition_index: 0,
            error_code: ErrorCode::NONE,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Wire for PartitionData {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let aborted_transactions = nullable_array(AbortedTransaction::decode);

        let (i, partition_index) = field("partitionIndex", .., int32)(i)?;
        let (i, error_code) = field("errorCode", .., error_code)(i)?;
        let (i, high_watermark) = field("highWatermark", .., int64)(i)?;
        let (i, last_stable_offset) = field_or("lastStableOffset", ISOLATION.., -1, int64)(i)?;
        let (i, log_start_offset) = field_or("logStartOffset", LOG_START.., -1, int64)(i)?;
        let (i, aborted_transactions) =
            field_or("abortedTransactions", ISOLATION.., Some(Vec::new()), aborted_transactions)(i)?;
        let (i, preferred_read_replica) = field_or("preferredReadReplica", RACK.., -1, int32)(i)?;
        let (i, records) = field("records", .., nullable_bytes)(i)?;
        let (i, mut tags) = tags(i)?;
        let partition = PartitionData {
            partition_index,
            error_code,
            high_watermark,
            last_stable_offset,
            log_start_offset,
            diverging_epoch: tags.take(0, "divergingEpoch", DIVERGENCE.., EpochEndOffset::decode)?,
            current_leader: tags.take(1, "currentLeader", DIVERGENCE.., LeaderIdAndEpoch::decode)?,
            snapshot_id: tags.take(2, "snapshotId", DIVERGENCE.., SnapshotId::decode)?,
            aborted_transactions,
            preferred_read_replica,
            records,
            unknown_tagged_fields: tags.unknown(),
        };
        Ok((i, partition))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("partitionIndex", .., &self.partition_index);
        o.field("errorCode", .., &self.error_code);
        o.field("highWatermark", .., &self.high_watermark);
        o.ignorable("lastStableOffset", ISOLATION.., &self.last_stable_offset);
        o.ignorable("logStartOffset", LOG_START.., &self.log_start_offset);
        o.ignorable("abortedTransactions", ISOLATION.., &self.aborted_transactions);
        o.field_or("preferredReadReplica", RACK.., -1, &self.preferred_read_replica);
        o.field("records", .., &self.records);
        o.tagged(&self.unknown_tagged_fields, |tags| {
            tags.field(0, "divergingEpoch", DIVERGENCE.., &self.diverging_epoch);
            tags.field(1, "currentLeader", DIVERGENCE.., &self.current_leader);
            tags.field(2, "snapshotId", DIVERGENCE.., &self.snapshot_id);
        });
    }
}

/// The largest leader epoch that the log and the client share, and where it ends in the log (v12+).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EpochEndOffset {
    /// The epoch; -1 where the logs do not part.
    pub epoch: i32,
    /// The offset after its last record, or -1.
    pub end_offset: i64,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        EpochEndOffset { epoch: -1, end_offset: -1, unknown_tagged_fields: TaggedFields::default() }
    }
}

impl Wire for EpochEndOffset {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, epoch) = field("epoch", .., int32)(i)?;
        let (i, end_offset) = field("endOffset", .., int64)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, EpochEndOffset { epoch, end_offset, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("epoch", .., &self.epoch);
        o.field("endOffset", .., &self.end_offset);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A snapshot of the metadata log (v12+).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotId {
    /// The offset after its last record, or -1 for no snapshot.
    pub end_offset: i64,
    /// The leader epoch of its last record, or -1.
    pub epoch: i32,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for SnapshotId {
    fn default() -> Self {
        SnapshotId { end_offset: -1, epoch: -1, unknown_tagged_fields: TaggedFields::default() }
    }
}

impl Wire for SnapshotId {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, end_offset) = field("endOffset", .., int64)(i)?;
        let (i, epoch) = field("epoch", .., int32)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, SnapshotId { end_offset, epoch, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("endOffset", .., &self.end_offset);
        o.field("epoch", .., &self.epoch);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}

/// A transaction whose records a `read_committed` consumer must skip (v4+).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AbortedTransaction {
    /// The producer that aborted it.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: i64,
    /// Tagged fields that milena does not know.
    pub unknown_tagged_fields: TaggedFields,
}

impl Wire for AbortedTransaction {
    fn decode(i: Input<'_>) -> Parsed<'_, Self> {
        let (i, producer_id) = field("producerId", .., int64)(i)?;
        let (i, first_offset) = field("firstOffset", .., int64)(i)?;
        let (i, unknown_tagged_fields) = tagged_fields(i)?;
        Ok((i, AbortedTransaction { producer_id, first_offset, unknown_tagged_fields }))
    }

    fn encode(&self, o: &mut impl Output) {
        o.field("producerId", .., &self.producer_id);
        o.field("firstOffset", .., &self.first_offset);
        o.tagged_fields(&self.unknown_tagged_fields);
    }
}
