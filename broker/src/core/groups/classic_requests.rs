//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup: what members that assign among themselves ask.

use milena_protocol::ErrorCode;
use milena_protocol::messages::leave_group::{MemberIdentity, MemberResponse};
use milena_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest,
};

use super::group::Group;
use super::{Groups, classic};
use crate::core::catalog::Catalog;
use crate::core::requests::Context;

/// From here on a request names many members that leave (KIP-345).
const MANY_LEAVE: i16 = 3;
/// From here on a member says which protocol it believes in (KIP-559).
const SAYS_PROTOCOL: i16 = 5;

impl Groups {
    /// Answers JoinGroup, once the group is ready to begin a generation.
    pub fn join_group(&mut self, context: &Context<'_>, request: JoinGroupRequest, catalog: &Catalog) {
        self.note_use(&request.group_id, context.now);
        let settings = &self.shared.settings;
        let sessions = settings.group_min_session_timeout_ms..=settings.group_max_session_timeout_ms;
        let refusal = if request.group_id.is_empty() {
            Some(ErrorCode::INVALID_GROUP_ID)
        } else if !sessions.contains(&request.session_timeout_ms) {
            Some(ErrorCode::INVALID_SESSION_TIMEOUT)
        } else {
            match self.groups.get_mut(&request.group_id) {
                Some(Group::Classic(_)) => None,
                Some(Group::Consumer(group)) if !group.is_empty() => {
                    match group.join_classic(context, &request, &mut self.shared, catalog) {
                        Ok(response) => classic::answer_join_now(context, &mut self.shared, response),
                        Err(error) => classic::refuse_join(context, &mut self.shared, "", error),
                    }
                    return self.settle_kind(&request.group_id, catalog, context.now);
                }
                _ if !request.member_id.is_empty() => Some(ErrorCode::UNKNOWN_MEMBER_ID),
                _ => None,
            }
        };
        let refusal = refusal.or_else(|| self.make_room(&request.group_id).err());
        if let Some(error) = refusal {
            return classic::refuse_join(context, &mut self.shared, &request.member_id, error);
        }
        self.make_classic_group(&request.group_id, context.now);
        if let Some(Group::Classic(group)) = self.groups.get_mut(&request.group_id) {
            group.join(context, &request, &mut self.shared);
        }
    }

    /// Answers SyncGroup, once the leader has assigned.
    pub fn sync_group(&mut self, context: &Context<'_>, request: SyncGroupRequest, catalog: &Catalog) {
        let says_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
        let refusal = if context.version >= SAYS_PROTOCOL && !says_protocol {
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL
        } else if request.group_id.is_empty() {
            ErrorCode::INVALID_GROUP_ID
        } else {
            match self.groups.get_mut(&request.group_id) {
                Some(Group::Classic(group)) => return group.sync(context, &request, &mut self.shared),
                Some(Group::Consumer(group)) => {
                    match group.sync_classic(&request, &mut self.shared, catalog, context.now) {
                        Ok(response) => return self.shared.answers.now(context, response),
                        Err(error) => error,
                    }
                }
                None => ErrorCode::UNKNOWN_MEMBER_ID,
            }
        };
        classic::refuse_sync(context, &mut self.shared, refusal);
    }

    /// Answers Heartbeat.
    pub fn heartbeat(&mut self, context: &Context<'_>, request: HeartbeatRequest) {
        self.note_use(&request.group_id, context.now);
        let outcome = if request.group_id.is_empty() {
            Err(ErrorCode::INVALID_GROUP_ID)
        } else {
            match self.groups.get_mut(&request.group_id) {
                Some(Group::Classic(group)) => group.heartbeat(&request, &mut self.shared, context.now),
                Some(Group::Consumer(group)) => {
                    group.heartbeat_classic(&request, &mut self.shared, context.now)
                }
                None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            }
        };
        let mut response = HeartbeatResponse::default();
        response.error_code = outcome.err().unwrap_or(ErrorCode::NONE);
        self.shared.answers.now(context, response);
    }

    /// Answers LeaveGroup.
    pub fn leave_group(&mut self, context: &Context<'_>, request: LeaveGroupRequest, catalog: &Catalog) {
        self.note_use(&request.group_id, context.now);
        let mut response = LeaveGroupResponse::default();
        if request.group_id.is_empty() {
            response.error_code = ErrorCode::INVALID_GROUP_ID;
            return self.shared.answers.now(context, response);
        }
        let leaving = if context.version >= MANY_LEAVE {
            request.members
        } else {
            let mut member = MemberIdentity::default();
            member.member_id = request.member_id;
            vec![member]
        };
        let outcomes = match self.groups.get_mut(&request.group_id) {
            Some(Group::Classic(group)) => group.leave(&leaving, &mut self.shared, context.now),
            Some(Group::Consumer(group)) => group.leave_many(&leaving, &mut self.shared, catalog),
            None => vec![ErrorCode::UNKNOWN_MEMBER_ID; leaving.len()],
        };
        self.settle_kind(&request.group_id, catalog, context.now);
        if context.version >= MANY_LEAVE {
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
