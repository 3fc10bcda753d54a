//! DescribeCluster (key 60): the brokers (KIP-700, KIP-919).

use milena_protocol::ErrorCode;
use milena_protocol::messages::describe_cluster::DescribeClusterBroker;
use milena_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::authorized;
use crate::core::cluster::Cluster;

/// Those who ask for brokers.
const BROKERS: i8 = 1;
/// Those who ask for controllers, which clients cannot see.
const CONTROLLERS: i8 = 2;

pub(super) fn handle(cluster: &Cluster, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    let mut response = DescribeClusterResponse::default();
    response.error_code = match request.endpoint_type {
        BROKERS => ErrorCode::NONE,
        CONTROLLERS => ErrorCode::MISMATCHED_ENDPOINT_TYPE,
        _ => ErrorCode::UNSUPPORTED_ENDPOINT_TYPE,
    };
    if !response.error_code.is_none() {
        response.error_message = Some("these are brokers".into());
        return response;
    }
    response.cluster_id = cluster.catalog.cluster_id().clone();
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = authorized::CLUSTER;
    }
    for node in cluster.catalog.brokers().filter(|node| node.is_up || request.include_fenced_brokers) {
        let mut broker = DescribeClusterBroker::default();
        broker.broker_id = node.node_id;
        broker.host = node.host.clone();
        broker.port = i32::from(node.port);
        broker.rack = node.rack.clone();
        broker.is_fenced = !node.is_up;
        response.brokers.push(broker);
    }
    let running = cluster.catalog.brokers().find(|node| node.is_up);
    response.controller_id = running.map_or(-1, |node| node.node_id);
    response
}
