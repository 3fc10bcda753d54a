//! Requests about groups: to the coordinator of the group, or refused where another broker is that.

use std::collections::BTreeMap;

use milena_protocol::messages::offset_fetch::OffsetFetchRequestGroup;
use milena_protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, OffsetFetchRequest,
};
use milena_protocol::{ErrorCode, RequestBody, ResponseBody, Str};

use super::Core;
use super::cluster::{CONSUMER_OFFSETS, Cluster};
use super::requests::{Context, Outcome, Ticket};
use super::transactions::{self, Producer};

/// Requests that name groups of several coordinators, until they are answered.
#[derive(Debug, Default)]
pub(super) struct Coordination {
    /// The answers for the groups that are not the asked broker's.
    elsewhere: BTreeMap<Ticket, ResponseBody>,
}

/// Hands a request over to the groups, if the broker that was asked coordinates them.
pub(super) fn handle(core: &mut Core, context: &Context<'_>, mut request: RequestBody) -> Outcome {
    let cluster = &core.cluster;
    if group_id(&request).is_some_and(|group_id| !coordinates(cluster, context.node_id, group_id)) {
        let body = request.refuse(context.version, ErrorCode::NOT_COORDINATOR);
        return body.map_or(Outcome::Close, |body| Outcome::Answer(Box::new(body)));
    }
    if let Some(elsewhere) = take_elsewhere(cluster, context.node_id, &mut request)
        && let Some(refused) = elsewhere.refuse(context.version, ErrorCode::NOT_COORDINATOR)
    {
        core.coordination.elsewhere.insert(context.ticket, refused);
    }

    let (groups, catalog) = (&mut core.groups, &core.cluster.catalog);
    match request {
        RequestBody::JoinGroup(request) => groups.join_group(context, request, catalog),
        RequestBody::SyncGroup(request) => groups.sync_group(context, request, catalog),
        RequestBody::Heartbeat(request) => groups.heartbeat(context, request),
        RequestBody::LeaveGroup(request) => groups.leave_group(context, request, catalog),
        RequestBody::OffsetCommit(request) => groups.offset_commit(context, request, catalog),
        RequestBody::OffsetFetch(request) => groups.offset_fetch(context, request, catalog),
        RequestBody::OffsetDelete(request) => groups.offset_delete(context, request, catalog),
        RequestBody::ListGroups(request) => {
            let cluster = &core.cluster;
            groups.list_groups(context, request, |id| coordinates(cluster, context.node_id, id));
        }
        RequestBody::DescribeGroups(request) => groups.describe_groups(context, request),
        RequestBody::DeleteGroups(request) => groups.delete_groups(context, request),
        RequestBody::ConsumerGroupHeartbeat(request) => {
            groups.consumer_group_heartbeat(context, request, catalog);
        }
        RequestBody::ConsumerGroupDescribe(request) => {
            groups.consumer_group_describe(context, request, catalog);
        }
        RequestBody::TxnOffsetCommit(request) => {
            let (transactions, cluster) = (&mut core.transactions, &core.cluster);
            let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
            let (id, group_id) = (request.transactional_id.clone(), request.group_id.clone());
            groups.txn_offset_commit(context, request, catalog, || {
                transactions::verify_offsets(transactions, cluster, context, &id, producer, &group_id)
            });
        }
        _ => return Outcome::Close,
    }
    Outcome::Later
}

/// Whether this broker coordinates a group. Without a name none does, and the groups say what is wrong.
fn coordinates(cluster: &Cluster, node_id: i32, group_id: &str) -> bool {
    group_id.is_empty() || cluster.known_coordinator(CONSUMER_OFFSETS, group_id) == Some(node_id)
}

impl Coordination {
    /// Completes an answer with what it says of groups that other brokers coordinate.
    pub fn complete(&mut self, ticket: Ticket, mut body: ResponseBody) -> ResponseBody {
        let Some(refused) = self.elsewhere.remove(&ticket) else { return body };
        match (&mut body, refused) {
            (ResponseBody::DescribeGroups(body), ResponseBody::DescribeGroups(refused)) => {
                body.groups.extend(refused.groups);
            }
            (ResponseBody::DeleteGroups(body), ResponseBody::DeleteGroups(refused)) => {
                body.results.extend(refused.results);
            }
            (ResponseBody::ConsumerGroupDescribe(body), ResponseBody::ConsumerGroupDescribe(refused)) => {
                body.groups.extend(refused.groups);
            }
            (ResponseBody::OffsetFetch(body), ResponseBody::OffsetFetch(refused)) => {
                body.groups.extend(refused.groups);
            }
            _ => {}
        }
        body
    }

    /// The connection of a request is gone.
    pub fn given_up(&mut self, ticket: Ticket) {
        self.elsewhere.remove(&ticket);
    }
}

/// The one group that a request is about.
fn group_id(request: &RequestBody) -> Option<&Str> {
    Some(match request {
        RequestBody::JoinGroup(request) => &request.group_id,
        RequestBody::SyncGroup(request) => &request.group_id,
        RequestBody::Heartbeat(request) => &request.group_id,
        RequestBody::LeaveGroup(request) => &request.group_id,
        RequestBody::OffsetCommit(request) => &request.group_id,
        RequestBody::OffsetFetch(request) if request.groups.is_empty() => &request.group_id,
        RequestBody::OffsetDelete(request) => &request.group_id,
        RequestBody::TxnOffsetCommit(request) => &request.group_id,
        RequestBody::ConsumerGroupHeartbeat(request) => &request.group_id,
        _ => return None,
    })
}

/// Takes out of a request the groups that other brokers coordinate: the same request, of these.
fn take_elsewhere(cluster: &Cluster, node_id: i32, request: &mut RequestBody) -> Option<RequestBody> {
    let is_elsewhere = |id: &mut Str| !coordinates(cluster, node_id, id);
    match request {
        RequestBody::DescribeGroups(request) => {
            let mut elsewhere = DescribeGroupsRequest::default();
            elsewhere.groups = request.groups.extract_if(.., is_elsewhere).collect();
            (!elsewhere.groups.is_empty()).then(|| elsewhere.into())
        }
        RequestBody::DeleteGroups(request) => {
            let mut elsewhere = DeleteGroupsRequest::default();
            elsewhere.groups_names = request.groups_names.extract_if(.., is_elsewhere).collect();
            (!elsewhere.groups_names.is_empty()).then(|| elsewhere.into())
        }
        RequestBody::ConsumerGroupDescribe(request) => {
            let mut elsewhere = ConsumerGroupDescribeRequest::default();
            elsewhere.group_ids = request.group_ids.extract_if(.., is_elsewhere).collect();
            (!elsewhere.group_ids.is_empty()).then(|| elsewhere.into())
        }
        RequestBody::OffsetFetch(request) => {
            let is_elsewhere =
                |group: &mut OffsetFetchRequestGroup| !coordinates(cluster, node_id, &group.group_id);
            let mut elsewhere = OffsetFetchRequest::default();
            elsewhere.groups = request.groups.extract_if(.., is_elsewhere).collect();
            (!elsewhere.groups.is_empty()).then(|| elsewhere.into())
        }
        _ => None,
    }
}
