//! FindCoordinator (key 10): who coordinates a group, or the transactions of a producer.

use milena_protocol::messages::find_coordinator::Coordinator;
use milena_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use milena_protocol::{ErrorCode, Str};

use crate::core::catalog::BrokerNode;
use crate::core::cluster::{CONSUMER_OFFSETS, Cluster, TRANSACTION_STATE};
use crate::core::requests::Context;

/// KIP-699: many at once.
const MANY: i16 = 4;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context<'_>,
    request: &FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let mut response = FindCoordinatorResponse::default();
    if context.version >= MANY {
        for key in &request.coordinator_keys {
            let mut coordinator = Coordinator::default();
            coordinator.key = key.clone();
            match find(cluster, context, request.key_type, key) {
                Ok(node) => {
                    (coordinator.node_id, coordinator.port) = (node.node_id, i32::from(node.port));
                    coordinator.host = node.host;
                }
                Err(code) => {
                    (coordinator.error_code, coordinator.node_id, coordinator.port) = (code, -1, -1);
                }
            }
            response.coordinators.push(coordinator);
        }
        return response;
    }
    match find(cluster, context, request.key_type, &request.key) {
        Ok(node) => {
            (response.node_id, response.port) = (node.node_id, i32::from(node.port));
            response.host = node.host;
            response.error_message = Some(Str::from_static("NONE"));
        }
        Err(code) => {
            (response.error_code, response.node_id, response.port) = (code, -1, -1);
            response.error_message = code.name().map(Str::from_static);
        }
    }
    response
}

fn find(
    cluster: &mut Cluster,
    context: &Context<'_>,
    key_type: i8,
    key: &Str,
) -> Result<BrokerNode, ErrorCode> {
    let topic = match key_type {
        GROUP => CONSUMER_OFFSETS,
        TRANSACTION => TRANSACTION_STATE,
        // Share groups are not here.
        _ => return Err(ErrorCode::INVALID_REQUEST),
    };
    // Kafka creates the topic and lets the client come again. The second answer can as well be the first.
    let node = cluster.coordinator(topic, key, context.wall_ms);
    let broker = node.and_then(|node| cluster.catalog.broker(node)).filter(|broker| broker.is_up);
    broker.cloned().ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)
}
