//! Heartbeat, LeaveGroup, and what happens to members who send neither.

use std::time::Instant;

use milena_protocol::messages::HeartbeatRequest;
use milena_protocol::messages::leave_group::MemberIdentity;
use milena_protocol::{ErrorCode, Str};

use super::join::refusal;
use super::{ClassicGroup, State};
use crate::core::groups::shared::Shared;
use crate::core::groups::timers::Timer;

impl ClassicGroup {
    pub(in crate::core::groups) fn heartbeat(
        &mut self,
        request: &HeartbeatRequest,
        shared: &mut Shared,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        self.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        // A member may send heartbeats as soon as it has joined, before it has its assignment.
        self.begin_session(&request.member_id.detached(), shared, now);
        match self.state {
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    /// Takes members out of the group, and says what became of each.
    pub(in crate::core::groups) fn leave(
        &mut self,
        members: &[MemberIdentity],
        shared: &mut Shared,
        now: Instant,
    ) -> Vec<ErrorCode> {
        let outcomes: Vec<ErrorCode> = members
            .iter()
            .map(|member| self.leave_one(member, shared, now).err().unwrap_or(ErrorCode::NONE))
            .collect();
        if outcomes.iter().any(|outcome| outcome.is_none()) {
            match self.state {
                State::Stable | State::CompletingRebalance => self.prepare_rebalance(shared, now),
                State::PreparingRebalance => self.complete_join_phase(shared, now),
                State::Empty => {}
            }
        }
        outcomes
    }

    fn leave_one(
        &mut self,
        member: &MemberIdentity,
        shared: &mut Shared,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        let (id, instance_id) = (&member.member_id, member.group_instance_id.as_deref());
        if id.is_empty() {
            // An operator knows the name of a static member, but not its id (KIP-345).
            let id = instance_id.and_then(|instance_id| self.static_members.get(instance_id)).cloned();
            self.dismiss(&id.ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?, shared, now);
        } else if self.pending_members.contains(id) {
            self.remove(id);
            shared.timers.stop(&self.id, Timer::Session(id.detached()));
        } else {
            self.check_member(id, instance_id)?;
            self.dismiss(&id.detached(), shared, now);
        }
        Ok(())
    }

    /// Takes a member out of the group. One that waits joins again, if it is still there.
    fn dismiss(&mut self, id: &Str, shared: &mut Shared, now: Instant) {
        self.answer_join(id, refusal("", ErrorCode::UNKNOWN_MEMBER_ID), shared);
        // Kafka leaves this one without an answer.
        self.answer_sync(id, ErrorCode::UNKNOWN_MEMBER_ID, shared, now);
        self.remove(id);
        shared.timers.stop(&self.id, Timer::Session(id.clone()));
    }

    /// Nothing was heard of a member for too long.
    pub(in crate::core::groups) fn session_ended(&mut self, id: &Str, shared: &mut Shared, now: Instant) {
        if self.pending_members.contains(id) {
            self.remove(id);
        } else {
            match self.members.get(id) {
                Some(member) if !member.waits_for_the_group() => self.dismiss(id, shared, now),
                _ => return,
            }
            if matches!(self.state, State::Stable | State::CompletingRebalance) {
                return self.prepare_rebalance(shared, now);
            }
        }
        // Also an initial rebalance ends here if all are there: so it is in Kafka.
        if self.state == State::PreparingRebalance && self.all_have_joined() {
            self.complete_join(shared, now);
        }
    }

    pub(in crate::core::groups) fn timer_ended(&mut self, timer: &Timer, shared: &mut Shared, now: Instant) {
        match timer {
            Timer::Join => self.join_timer_ended(shared, now),
            Timer::Sync => self.sync_timer_ended(shared, now),
            Timer::Session(id) => self.session_ended(id, shared, now),
            Timer::Rebalance(_) | Timer::MemberJoin(_) | Timer::MemberSync(_) => {}
        }
    }
}
