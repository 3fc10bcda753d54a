//! Requests about groups: to the coordinator of the group, or refused where another broker is that.

use std::collections::BTreeMap;

use milena_protocol::messages::offset_fetch::OffsetFetchRequestGroup;
use milena_protocol::{ErrorCode, RequestBody, ResponseBody, Str};

use super::Core;
use super::cluster::{CONSUMER_OFFSETS, Cluster};
use super::refusal::{self, refusal};
use super::requests::{Context, Outcome, Ticket};

/// Requests that the coordinator has not answered yet.
#[derive(Debug, Default)]
pub(super) struct Coordination {
    waiting: BTreeMap<Ticket, Asked>,
}

/// What has to be known of a request until it is answered.
#[derive(Debug)]
struct Asked {
    node_id: i32,
    /// The one group that it is about, if it is one.
    group_id: Option<Str>,
    /// Groups that it names, which other brokers coordinate.
    elsewhere: Vec<Str>,
    /// What it is answered with when the coordinator moves.
    moved: Option<ResponseBody>,
}

/// Hands a request over to the groups, if the broker that was asked coordinates them.
pub(super) fn handle(core: &mut Core, context: &Context<'_>, mut request: RequestBody) -> Outcome {
    let cluster = &core.cluster;
    let group_id = group_id(&request).cloned();
    let moved = refusal(&request, context.version, ErrorCode::NOT_COORDINATOR);
    if let Some(group_id) = &group_id
        && !coordinates(cluster, context.node_id, group_id)
    {
        return moved.map_or(Outcome::Close, |body| Outcome::Answer(Box::new(body)));
    }
    let elsewhere = take_elsewhere(cluster, context.node_id, &mut request);
    let group_id = group_id.as_ref().map(Str::detached);
    let asked = Asked { node_id: context.node_id, group_id, elsewhere, moved };
    core.coordination.waiting.insert(context.ticket, asked);

    let (groups, catalog) = (&mut core.groups, &core.cluster.catalog);
    match request {
        RequestBody::JoinGroup(request) => groups.join_group(context, request),
        RequestBody::SyncGroup(request) => groups.sync_group(context, request),
        RequestBody::Heartbeat(request) => groups.heartbeat(context, request),
        RequestBody::LeaveGroup(request) => groups.leave_group(context, request),
        RequestBody::OffsetCommit(request) => groups.offset_commit(context, request, catalog),
        RequestBody::OffsetFetch(request) => groups.offset_fetch(context, request, catalog),
        RequestBody::OffsetDelete(request) => groups.offset_delete(context, request, catalog),
        RequestBody::ListGroups(request) => {
            let cluster = &core.cluster;
            groups.list_groups(context, request, |id| coordinates(cluster, context.node_id, id));
        }
        RequestBody::DescribeGroups(request) => groups.describe_groups(context, request),
        RequestBody::DeleteGroups(request) => groups.delete_groups(context, request),
        RequestBody::TxnOffsetCommit(request) => groups.txn_offset_commit(context, request, catalog),
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
        let Some(asked) = self.waiting.remove(&ticket) else { return body };
        let code = ErrorCode::NOT_COORDINATOR;
        let elsewhere = &asked.elsewhere;
        match &mut body {
            _ if elsewhere.is_empty() => {}
            ResponseBody::DescribeGroups(body) => {
                body.groups.extend(refusal::describe_groups(elsewhere, code).groups);
            }
            ResponseBody::DeleteGroups(body) => {
                body.results.extend(refusal::delete_groups(elsewhere, code).results);
            }
            ResponseBody::ConsumerGroupDescribe(body) => {
                body.groups.extend(refusal::consumer_group_describe(elsewhere, code).groups);
            }
            ResponseBody::OffsetFetch(body) => body.groups.extend(elsewhere.iter().map(|group_id| {
                let mut asked = OffsetFetchRequestGroup::default();
                asked.group_id = group_id.clone();
                refusal::offset_fetch_group(&asked, code)
            })),
            _ => {}
        }
        body
    }

    /// The connection of a request is gone.
    pub fn given_up(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    /// Requests whose group has got another coordinator, and what to answer.
    pub fn take_moved(&mut self, cluster: &Cluster) -> Vec<(Ticket, ResponseBody)> {
        let has_moved = |asked: &Asked| {
            let group_id = asked.group_id.as_deref();
            group_id.is_some_and(|group_id| !coordinates(cluster, asked.node_id, group_id))
        };
        let moved = self.waiting.iter().filter(|(_, asked)| has_moved(asked)).map(|(ticket, _)| *ticket);
        let moved: Vec<Ticket> = moved.collect();
        let answer = |ticket| Some((ticket, self.waiting.remove(&ticket)?.moved?));
        moved.into_iter().filter_map(answer).collect()
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

/// Takes out of a request the groups that other brokers coordinate.
fn take_elsewhere(cluster: &Cluster, node_id: i32, request: &mut RequestBody) -> Vec<Str> {
    let is_elsewhere = |id: &mut Str| !coordinates(cluster, node_id, id);
    match request {
        RequestBody::DescribeGroups(request) => request.groups.extract_if(.., is_elsewhere).collect(),
        RequestBody::DeleteGroups(request) => request.groups_names.extract_if(.., is_elsewhere).collect(),
        RequestBody::ConsumerGroupDescribe(request) => {
            request.group_ids.extract_if(.., is_elsewhere).collect()
        }
        RequestBody::OffsetFetch(request) => {
            let is_elsewhere =
                |group: &mut OffsetFetchRequestGroup| !coordinates(cluster, node_id, &group.group_id);
            let elsewhere = request.groups.extract_if(.., is_elsewhere);
            elsewhere.map(|group| group.group_id).collect()
        }
        _ => Vec::new(),
    }
}
