//! SyncGroup: the leader of a classic group brings the assignments, and every member gets its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use milena_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use milena_protocol::{ErrorCode, Str};

use super::{ClassicGroup, State};
use crate::core::groups::shared::Shared;
use crate::core::groups::timers::Timer;
use crate::core::requests::Context;

impl ClassicGroup {
    pub(in crate::core::groups) fn sync(
        &mut self,
        context: &Context<'_>,
        request: &SyncGroupRequest,
        shared: &mut Shared,
    ) {
        if let Err(error) = self.check_sync(request) {
            return refuse_sync(context, shared, error);
        }
        let Some(member) = self.members.get_mut(&request.member_id) else { return };
        match self.state {
            State::Empty => refuse_sync(context, shared, ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => refuse_sync(context, shared, ErrorCode::REBALANCE_IN_PROGRESS),
            State::CompletingRebalance => {
                let id = member.id.clone();
                if let Some(older) = member.awaiting_sync.replace(shared.answers.park(context)) {
                    shared.answers.forget(older); // never answered, as in Kafka
                }
                self.has_asked(&id, shared);
                if self.is_leader(&id) {
                    self.assign(request, context, shared);
                }
            }
            State::Stable => {
                let mut response = SyncGroupResponse::default();
                response.protocol_type = self.protocol_type.clone();
                response.protocol_name = self.protocol_name.clone();
                response.assignment = member.assignment.clone();
                shared.answers.now(context, response);
                self.has_asked(&request.member_id, shared);
            }
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        if self.state == State::Empty {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        // KIP-559; before v5 there is nothing to compare.
        let differs = |said: &Option<Str>, chosen: &Option<Str>| {
            said.as_ref().zip(chosen.as_ref()).is_some_and(|(said, chosen)| said != chosen)
        };
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol_name)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        Ok(())
    }

    /// The member has asked for its assignment; once all have, none is left behind for not asking.
    fn has_asked(&mut self, member_id: &str, shared: &mut Shared) {
        self.pending_sync.remove(member_id);
        if self.pending_sync.is_empty() {
            shared.timers.stop(&self.id, Timer::Sync);
        }
    }

    /// The leader has assigned; whom it left out gets nothing.
    fn assign(&mut self, request: &SyncGroupRequest, context: &Context<'_>, shared: &mut Shared) {
        let brought: BTreeMap<&Str, &Bytes> =
            request.assignments.iter().map(|assigned| (&assigned.member_id, &assigned.assignment)).collect();
        for member in self.members.values_mut() {
            member.assignment =
                brought.get(&member.id).map_or_else(Bytes::new, |b| Bytes::copy_from_slice(b));
        }
        for id in self.member_ids() {
            self.answer_sync(&id, ErrorCode::NONE, shared, context.now);
        }
        self.enter(State::Stable, context.now);
        self.store();
    }
}

/// Refuses a SyncGroup.
pub(in crate::core::groups) fn refuse_sync(context: &Context<'_>, shared: &mut Shared, error: ErrorCode) {
    let mut response = SyncGroupResponse::default();
    response.error_code = error;
    shared.answers.now(context, response);
}
