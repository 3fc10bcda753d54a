//! JoinGroup: a member enters a classic group, or takes part in its next generation.

use milena_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use milena_protocol::{ErrorCode, Str};

use super::member::Member;
use super::protocols::Protocol;
use super::rebalance::null_free;
use super::{ClassicGroup, State};
use crate::core::groups::settings::MAX_MEMBERS;
use crate::core::groups::shared::Shared;
use crate::core::groups::timers::{Timer, millis};
use crate::core::requests::Context;

/// From here on a new member is first told its id, and joins with that (KIP-394).
const MEMBER_ID_REQUIRED: i16 = 4;
/// From here on a static leader that has returned is told not to assign (KIP-814).
const SKIP_ASSIGNMENT: i16 = 9;
/// How long a new member waits for a rebalance: Kafka takes it for gone then, if it does not ask again.
const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 300_000;

impl ClassicGroup {
    pub(in crate::core::groups) fn join(
        &mut self,
        context: &Context<'_>,
        request: &JoinGroupRequest,
        shared: &mut Shared,
    ) {
        let member_id = &request.member_id;
        if !self.has_room_for(member_id, shared.settings.group_max_size) {
            self.remove(member_id);
            return refuse_join(context, shared, "", ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        if !self.supports(&request.protocol_type, &request.protocols) {
            return refuse_join(context, shared, member_id, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if member_id.is_empty() {
            self.join_new(context, request, shared);
        } else if self.pending_members.contains(member_id) {
            if request.group_instance_id.is_some() {
                // Only dynamic members are told to join with an id. Kafka fails here too, as with a broken invariant.
                return refuse_join(context, shared, "", ErrorCode::UNKNOWN_SERVER_ERROR);
            }
            self.add_and_rebalance(member_id.detached(), context, request, shared);
        } else {
            match self.check_member(member_id, request.group_instance_id.as_deref()) {
                Ok(()) => self.join_again(context, request, shared),
                Err(error) => refuse_join(context, shared, member_id, error),
            }
        }
    }

    /// Whether the group is not too large for this member (`group.max.size`, KIP-389).
    fn has_room_for(&self, member_id: &str, max_size: i32) -> bool {
        // Those who never come cost memory too; Kafka has no limit here.
        if member_id.is_empty() && self.pending_members.len() >= MAX_MEMBERS {
            return false;
        }
        let max_size = usize::try_from(max_size).unwrap_or(0).min(MAX_MEMBERS);
        let member = self.members.get(member_id);
        match self.state {
            State::Empty => true,
            // Those who have joined count, not those who may: so the slowest are left out.
            State::PreparingRebalance => {
                member.is_some_and(|member| member.awaiting_join.is_some()) || self.awaiting_join() < max_size
            }
            State::CompletingRebalance | State::Stable => member.is_some() || self.members.len() < max_size,
        }
    }

    fn join_new(&mut self, context: &Context<'_>, request: &JoinGroupRequest, shared: &mut Shared) {
        let instance_id = request.group_instance_id.as_deref();
        let new_id = shared.member_id(instance_id.unwrap_or(context.client_id));
        match instance_id.map(|instance_id| self.static_members.get(instance_id).cloned()) {
            Some(Some(old_id)) => self.replace_static(&old_id, new_id, context, request, shared),
            Some(None) => self.add_and_rebalance(new_id, context, request, shared),
            None if context.version >= MEMBER_ID_REQUIRED => {
                self.pending_members.insert(new_id.clone());
                let end = context.now + millis(request.session_timeout_ms);
                shared.timers.set(&self.id, Timer::Session(new_id.clone()), end);
                refuse_join(context, shared, &new_id, ErrorCode::MEMBER_ID_REQUIRED);
            }
            None => self.add_and_rebalance(new_id, context, request, shared),
        }
    }

    fn add_and_rebalance(
        &mut self,
        id: Str,
        context: &Context<'_>,
        request: &JoinGroupRequest,
        shared: &mut Shared,
    ) {
        if self.state == State::PreparingRebalance && self.previous_state == State::Empty {
            self.new_member_added = true;
        }
        let mut member = Member::new(id.clone(), context, request);
        member.awaiting_join = Some(shared.answers.park(context));
        self.add(member);
        let end = context.now + millis(NEW_MEMBER_JOIN_TIMEOUT_MS);
        shared.timers.set(&self.id, Timer::Session(id), end);
        self.rebalance_or_go_on(shared, context.now);
    }

    /// A member joins with its id.
    fn join_again(&mut self, context: &Context<'_>, request: &JoinGroupRequest, shared: &mut Shared) {
        let Some(member) = self.members.get_mut(&request.member_id) else { return };
        let unchanged = member.protocols == Protocol::kept(&request.protocols);
        let id = member.id.clone();
        let is_leader = self.is_leader(&id);
        // Who asks again with the same words has missed the answer, or is a follower without news. A leader that joins
        // a stable group wants to assign anew: topics have changed.
        let may_stay = match self.state {
            State::CompletingRebalance => unchanged,
            State::Stable => unchanged && !is_leader,
            State::Empty | State::PreparingRebalance => false,
        };
        if may_stay {
            let mut response = self.generation_response(&id);
            if is_leader {
                response.members = self.members_for_leader();
            }
            answer_join_now(context, shared, response);
        } else {
            self.update(&id, context, request, shared);
            self.rebalance_or_go_on(shared, context.now);
        }
    }

    /// Takes over what the request says, and lets it wait. A JoinGroup of the same member that waits already is never
    /// answered, as in Kafka: whoever sent it has gone on to this one.
    fn update(&mut self, id: &Str, context: &Context<'_>, request: &JoinGroupRequest, shared: &mut Shared) {
        if let Some(member) = self.members.get_mut(id) {
            self.supported.remove(&member.protocols);
            member.update(context, request);
            self.supported.add(&member.protocols);
            if let Some(older) = member.awaiting_join.replace(shared.answers.park(context)) {
                shared.answers.forget(older);
            }
        }
    }

    /// A static member has come back, and gets a new id; whoever uses the old one is fenced (KIP-345). A stable group
    /// stays as it is, unless the member's protocols change what is chosen.
    fn replace_static(
        &mut self,
        old_id: &Str,
        new_id: Str,
        context: &Context<'_>,
        request: &JoinGroupRequest,
        shared: &mut Shared,
    ) {
        let old_leader = self.leader.clone();
        self.fence(old_id, context, shared);
        let Some(mut member) = self.members.remove(old_id) else { return };
        shared.timers.stop(&self.id, Timer::Session(old_id.clone()));
        member.id = new_id.clone();
        member.is_new = false;
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), new_id.clone());
        }
        self.members.insert(new_id.clone(), member);
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        self.begin_session(&new_id, shared, context.now);
        self.update(&new_id, context, request, shared);
        match self.state {
            State::Stable if self.select_protocol() == self.protocol_name => {
                self.store();
                let is_leader = self.is_leader(&new_id);
                let mut response = self.generation_response(&new_id);
                if context.version >= SKIP_ASSIGNMENT {
                    response.skip_assignment = is_leader;
                    if is_leader {
                        response.members = self.members_for_leader();
                    }
                } else {
                    // The id of the old leader keeps the member from believing that it is to assign.
                    response.leader = old_leader.unwrap_or_default();
                }
                self.answer_join(&new_id, response, shared);
            }
            // The leader may be assigning to the old id: what it brings would pass the new one by.
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(shared, context.now),
            State::Empty | State::PreparingRebalance => self.complete_join_phase(shared, context.now),
        }
    }

    /// Tells who waits under this id that another one has taken its place.
    fn fence(&mut self, id: &Str, context: &Context<'_>, shared: &mut Shared) {
        let response = refusal(id, ErrorCode::FENCED_INSTANCE_ID);
        self.answer_join(id, response, shared);
        self.answer_sync(id, ErrorCode::FENCED_INSTANCE_ID, shared, context.now);
    }
}

/// Refuses a JoinGroup.
pub(in crate::core::groups) fn refuse_join(
    context: &Context<'_>,
    shared: &mut Shared,
    member_id: &str,
    error: ErrorCode,
) {
    answer_join_now(context, shared, refusal(member_id, error));
}

pub(in crate::core::groups) fn answer_join_now(
    context: &Context<'_>,
    shared: &mut Shared,
    mut response: JoinGroupResponse,
) {
    null_free(context.version, &mut response);
    shared.answers.now(context, response);
}

pub(super) fn refusal(member_id: &str, error: ErrorCode) -> JoinGroupResponse {
    let mut response = JoinGroupResponse::default();
    response.protocol_name = None;
    response.member_id = Str::from(member_id);
    response.error_code = error;
    response
}
