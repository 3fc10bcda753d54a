//! A member of a classic group.

use bytes::Bytes;
use milena_protocol::Str;
use milena_protocol::messages::JoinGroupRequest;

use super::protocols::Protocol;
use crate::core::groups::answers::Waiting;
use crate::core::requests::Context;

/// A member.
#[derive(Clone, Debug)]
pub(in crate::core::groups) struct Member {
    pub(in crate::core::groups) id: Str,
    /// `group.instance.id` (KIP-345).
    pub(in crate::core::groups) instance_id: Option<Str>,
    pub(in crate::core::groups) client_id: Str,
    pub(in crate::core::groups) client_host: Str,
    pub(in crate::core::groups) rebalance_timeout_ms: i32,
    pub(in crate::core::groups) session_timeout_ms: i32,
    pub(in crate::core::groups) protocol_type: Str,
    /// What it supports, the preferred one first.
    pub(in crate::core::groups) protocols: Vec<Protocol>,
    pub(in crate::core::groups) assignment: Bytes,
    pub(in crate::core::groups) awaiting_join: Option<Waiting>,
    pub(in crate::core::groups) awaiting_sync: Option<Waiting>,
    /// It has never been in a generation: it does not know its id, so that its session is one of its request.
    pub(in crate::core::groups) is_new: bool,
}

impl Member {
    pub(in crate::core::groups) fn new(id: Str, context: &Context<'_>, request: &JoinGroupRequest) -> Self {
        Member {
            id,
            instance_id: request.group_instance_id.as_ref().map(Str::detached),
            client_id: Str::from(context.client_id),
            client_host: Str::from(format!("/{}", context.client_host)), // as Java prints an address
            rebalance_timeout_ms: rebalance_timeout_ms(context, request),
            session_timeout_ms: request.session_timeout_ms,
            protocol_type: request.protocol_type.detached(),
            protocols: Protocol::kept(&request.protocols),
            assignment: Bytes::new(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: true,
        }
    }

    /// Takes over what a new JoinGroup says.
    pub(in crate::core::groups) fn update(&mut self, context: &Context<'_>, request: &JoinGroupRequest) {
        self.protocols = Protocol::kept(&request.protocols);
        self.rebalance_timeout_ms = rebalance_timeout_ms(context, request);
        self.session_timeout_ms = request.session_timeout_ms;
    }

    /// What it has sent for this assignor.
    pub(in crate::core::groups) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|supported| supported.name == protocol);
        found.map(|supported| supported.metadata.clone()).unwrap_or_default()
    }

    /// Whether the group has to act, not the member: no heartbeat is expected of it.
    pub(in crate::core::groups) fn waits_for_the_group(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }
}

/// In v0 the session timeout serves as the rebalance timeout too (KIP-62).
pub(in crate::core::groups) fn rebalance_timeout_ms(
    context: &Context<'_>,
    request: &JoinGroupRequest,
) -> i32 {
    if context.version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms }
}
