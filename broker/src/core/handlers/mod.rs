//! What the broker does about each API: one file for each.
//!
//! | file | API |
//! |---|---|
//! | `api_versions.rs` | ApiVersions |
//! | `metadata.rs`, `describe_cluster.rs`, `describe_topic_partitions.rs` | what there is |
//! | `create_topics.rs`, `delete_topics.rs`, `create_partitions.rs`, `delete_records.rs` | what there is to be |
//! | `describe_configs.rs`, `incremental_alter_configs.rs` | settings |
//! | `find_coordinator.rs` | who coordinates a group, or transactions |
//! | `produce.rs` | Produce |
//! | `list_offsets.rs`, `offset_for_leader_epoch.rs` | where logs begin, end, and were led by whom |
//! | `repeated.rs` | requests that name the same over and over |
//!
//! Fetch, groups and transactions have folders of their own.

mod api_versions;
mod authorized;
mod configs;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_topic_partitions;
mod find_coordinator;
mod incremental_alter_configs;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;
mod repeated;

use milena_protocol::messages::leader::NodeEndpoint;
use milena_protocol::{Api, RequestBody};

use super::Core;
use super::cluster::Cluster;
use super::coordination;
use super::requests::{Context, Outcome};
use super::transactions;

/// Does what a request asks for.
pub(super) fn handle(core: &mut Core, context: &Context<'_>, api_key: i16, request: RequestBody) -> Outcome {
    let served = Api::from_key(api_key).filter(|api| core.versions.serves(*api, context.version));
    let Some(api) = served else {
        // As in Kafka the rest is cut off.
        return match api_key == Api::ApiVersions.key() {
            true => api_versions::unsupported(&core.versions).into(),
            false => Outcome::Close,
        };
    };
    if repeated::is_excessive(&request) {
        return Outcome::Close;
    }
    let cluster = &mut core.cluster;
    match request {
        request @ (RequestBody::JoinGroup(_)
        | RequestBody::SyncGroup(_)
        | RequestBody::Heartbeat(_)
        | RequestBody::LeaveGroup(_)
        | RequestBody::OffsetCommit(_)
        | RequestBody::OffsetFetch(_)
        | RequestBody::OffsetDelete(_)
        | RequestBody::ListGroups(_)
        | RequestBody::DescribeGroups(_)
        | RequestBody::DeleteGroups(_)
        | RequestBody::ConsumerGroupHeartbeat(_)
        | RequestBody::TxnOffsetCommit(_)
        | RequestBody::ConsumerGroupDescribe(_)) => coordination::handle(core, context, request),
        request @ (RequestBody::InitProducerId(_)
        | RequestBody::AddPartitionsToTxn(_)
        | RequestBody::AddOffsetsToTxn(_)
        | RequestBody::EndTxn(_)) => transactions::handle(core, context, request),
        RequestBody::ApiVersions(request) => api_versions::handle(&core.versions, context, &request).into(),
        RequestBody::Produce(request) => produce::handle(cluster, &mut core.transactions, context, &request),
        RequestBody::Fetch(request) => core.fetching.fetch(cluster, context, request),
        RequestBody::ListOffsets(request) => list_offsets::handle(cluster, context, &request).into(),
        RequestBody::Metadata(request) => metadata::handle(cluster, context, &request).into(),
        RequestBody::FindCoordinator(request) => find_coordinator::handle(cluster, context, &request).into(),
        RequestBody::CreateTopics(request) => create_topics::handle(cluster, context, &request),
        RequestBody::DeleteTopics(request) => delete_topics::handle(cluster, context, &request).into(),
        RequestBody::CreatePartitions(request) => {
            create_partitions::handle(cluster, context, &request).into()
        }
        RequestBody::DeleteRecords(request) => delete_records::handle(cluster, context, &request).into(),
        RequestBody::OffsetForLeaderEpoch(request) => {
            offset_for_leader_epoch::handle(cluster, context, &request).into()
        }
        RequestBody::DescribeConfigs(request) => describe_configs::handle(cluster, &request).into(),
        RequestBody::IncrementalAlterConfigs(request) => {
            incremental_alter_configs::handle(cluster, &request).into()
        }
        RequestBody::DescribeCluster(request) => describe_cluster::handle(cluster, &request).into(),
        RequestBody::DescribeTopicPartitions(request) => describe_topic_partitions::handle(cluster, &request),
        _ => unreachable!("{api} is offered, and there is no handler for it"),
    }
}

/// Where these brokers are (KIP-951).
pub(super) fn endpoints(cluster: &Cluster, nodes: impl IntoIterator<Item = i32>) -> Vec<NodeEndpoint> {
    let brokers = nodes.into_iter().filter_map(|id| cluster.catalog.broker(id));
    let endpoint = |broker: &super::catalog::BrokerNode| {
        let mut endpoint = NodeEndpoint::default();
        (endpoint.node_id, endpoint.port) = (broker.node_id, i32::from(broker.port));
        (endpoint.host, endpoint.rack) = (broker.host.clone(), broker.rack.clone());
        endpoint
    };
    brokers.map(endpoint).collect()
}
