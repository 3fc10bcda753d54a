//! The group coordinator: who is in which group, what is whose, and how far each group has come.
//!
//! It knows no clock and no connection. A request comes with a [`Ticket`], and its answer leaves with the same one: at
//! once, or when the group has come further. The errors are those of Kafka's `GroupCoordinatorService`,
//! `GroupMetadataManager` and `OffsetMetadataManager` in the same situation.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | [`Groups`]: all groups of the cluster, and the requests they answer |
//! | `settings.rs` | [`GroupSettings`], by Kafka's names |
//! | `classic/` | groups whose leader assigns |
//! | `offsets/` | how far they have come |
//! | `admin.rs` | ListGroups, DescribeGroups, DeleteGroups |
//! | `shared.rs`, `timers.rs`, `answers.rs` | what all groups have in common |

mod admin;
mod answers;
mod classic;
mod offsets;
mod settings;
mod shared;
#[cfg(test)]
mod test_support;
mod timers;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_protocol::messages::leave_group::{MemberIdentity, MemberResponse};
use milena_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest,
};
use milena_protocol::{ErrorCode, ResponseBody, Str};

use self::classic::ClassicGroup;
use self::offsets::Offsets;
pub use self::settings::GroupSettings;
use self::shared::Shared;
use super::catalog::Catalog;
use super::requests::{Context, Ticket};

/// All groups of the cluster.
#[derive(Debug)]
pub struct Groups {
    groups: BTreeMap<Str, ClassicGroup>,
    offsets: Offsets,
    /// When it is looked next whether offsets have outlived their retention; `None` while there are no groups.
    next_expiry: Option<Instant>,
    shared: Shared,
}

impl Groups {
    /// No groups yet. The ids of members come from `seed`.
    pub fn new(settings: GroupSettings, seed: u64) -> Self {
        Groups {
            groups: BTreeMap::new(),
            offsets: Offsets::default(),
            next_expiry: None,
            shared: Shared::new(settings, seed),
        }
    }

    /// The answers that are ready, and whose requests they answer.
    pub fn take_answers(&mut self) -> Vec<(Ticket, ResponseBody)> {
        self.shared.answers.take()
    }

    /// Nobody waits for this answer any more.
    pub fn given_up(&mut self, ticket: Ticket) {
        self.shared.answers.given_up(ticket);
    }

    /// When [`advance`](Self::advance) has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        self.shared.timers.next().into_iter().chain(self.next_expiry).min()
    }

    /// Takes note of what has become of the topics, and does what is due.
    pub fn advance(&mut self, catalog: &Catalog, now: Instant) {
        self.see(catalog);
        while let Some((_, group_id, timer)) = self.shared.timers.ended(now) {
            if let Some(group) = self.groups.get_mut(&group_id) {
                group.timer_ended(&timer, &mut self.shared, now);
            }
        }
        if self.next_expiry.is_some_and(|due| due <= now) {
            self.expire_offsets(now);
            self.next_expiry = (!self.groups.is_empty()).then(|| now + self.expiry_interval());
        }
    }

    fn expiry_interval(&self) -> Duration {
        // Less than a millisecond would never end.
        Duration::from_millis(
            u64::try_from(self.shared.settings.offsets_retention_check_interval_ms).unwrap_or(0).max(1),
        )
    }

    /// Makes an empty group, if there is none of this name.
    fn create_group(&mut self, id: &Str, now: Instant) {
        let id = id.detached();
        self.groups.entry(id.clone()).or_insert_with(|| ClassicGroup::new(id, now));
        self.next_expiry = self.next_expiry.or_else(|| Some(now + self.expiry_interval()));
    }

    /// Answers JoinGroup, once the group is ready to begin a generation.
    pub fn join_group(&mut self, context: &Context<'_>, request: JoinGroupRequest) {
        let settings = &self.shared.settings;
        let sessions = settings.group_min_session_timeout_ms..=settings.group_max_session_timeout_ms;
        let refusal = if request.group_id.is_empty() {
            Some(ErrorCode::INVALID_GROUP_ID)
        } else if !sessions.contains(&request.session_timeout_ms) {
            Some(ErrorCode::INVALID_SESSION_TIMEOUT)
        } else if !self.groups.contains_key(&request.group_id) && !request.member_id.is_empty() {
            Some(ErrorCode::UNKNOWN_MEMBER_ID)
        } else {
            None
        };
        if let Some(error) = refusal {
            return classic::refuse_join(context, &mut self.shared, &request.member_id, error);
        }
        self.create_group(&request.group_id, context.now);
        if let Some(group) = self.groups.get_mut(&request.group_id) {
            group.join(context, &request, &mut self.shared);
        }
    }

    /// Answers SyncGroup, once the leader has assigned.
    pub fn sync_group(&mut self, context: &Context<'_>, request: SyncGroupRequest) {
        let says_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
        let refusal = if request.group_id.is_empty() {
            ErrorCode::INVALID_GROUP_ID
        } else if context.version >= 5 && !says_protocol {
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL // KIP-559: from v5 on they are mandatory
        } else if let Some(group) = self.groups.get_mut(&request.group_id) {
            return group.sync(context, &request, &mut self.shared);
        } else {
            ErrorCode::UNKNOWN_MEMBER_ID
        };
        classic::refuse_sync(context, &mut self.shared, refusal);
    }

    /// Answers Heartbeat.
    pub fn heartbeat(&mut self, context: &Context<'_>, request: HeartbeatRequest) {
        let outcome = if request.group_id.is_empty() {
            Err(ErrorCode::INVALID_GROUP_ID)
        } else if let Some(group) = self.groups.get_mut(&request.group_id) {
            group.heartbeat(&request, &mut self.shared, context.now)
        } else {
            Err(ErrorCode::UNKNOWN_MEMBER_ID)
        };
        let mut response = HeartbeatResponse::default();
        response.error_code = outcome.err().unwrap_or(ErrorCode::NONE);
        self.shared.answers.now(context, response);
    }

    /// Answers LeaveGroup.
    pub fn leave_group(&mut self, context: &Context<'_>, request: LeaveGroupRequest) {
        let mut response = LeaveGroupResponse::default();
        if request.group_id.is_empty() {
            response.error_code = ErrorCode::INVALID_GROUP_ID;
            return self.shared.answers.now(context, response);
        }
        let leaving = classic::leaving(context.version, &request);
        let outcomes = match self.groups.get_mut(&request.group_id) {
            Some(group) => group.leave(&leaving, &mut self.shared, context.now),
            None => vec![ErrorCode::UNKNOWN_MEMBER_ID; leaving.len()],
        };
        if context.version >= 3 {
            let outcome = |(member, error_code): (MemberIdentity, ErrorCode)| {
                let mut outcome = MemberResponse::default();
                outcome.member_id = member.member_id;
                outcome.group_instance_id = member.group_instance_id;
                outcome.error_code = error_code;
                outcome
            };
            response.members = leaving.into_iter().zip(outcomes).map(outcome).collect();
        } else {
            response.error_code = outcomes.first().copied().unwrap_or(ErrorCode::NONE);
        }
        self.shared.answers.now(context, response);
    }
}
