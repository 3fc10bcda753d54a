//! From one generation of a classic group to the next: all members join again, or are left behind.

use std::time::{Duration, Instant};

use bytes::Bytes;
use milena_protocol::messages::{JoinGroupResponse, SyncGroupResponse};
use milena_protocol::{ErrorCode, Str};

use super::{ClassicGroup, State};
use crate::core::groups::shared::Shared;
use crate::core::groups::timers::{Timer, millis};

/// How long a group waits at least for members whose sessions have to end.
const MOMENT: Duration = Duration::from_millis(100);

/// What the end of the join timer means: how much longer it may be set anew while more members come.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialDelay {
    delay_ms: i32,
    remaining_ms: i32,
}

impl ClassicGroup {
    /// A member has joined, left or changed: the group rebalances, or comes nearer to the end of doing so.
    pub(super) fn rebalance_or_go_on(&mut self, shared: &mut Shared, now: Instant) {
        match self.state {
            State::PreparingRebalance => self.complete_join_phase(shared, now),
            State::Empty | State::CompletingRebalance | State::Stable => self.prepare_rebalance(shared, now),
        }
    }

    /// Ends the join phase if nobody is missing. An initial rebalance waits for those whom nobody knows.
    pub(super) fn complete_join_phase(&mut self, shared: &mut Shared, now: Instant) {
        let preparing = self.state == State::PreparingRebalance && self.previous_state != State::Empty;
        if preparing && self.all_have_joined() {
            self.complete_join(shared, now);
        }
    }

    /// Asks all members to join again.
    pub(in crate::core::groups) fn prepare_rebalance(&mut self, shared: &mut Shared, now: Instant) {
        if self.state == State::CompletingRebalance {
            self.members.values_mut().for_each(|member| member.assignment = Bytes::new());
            for id in self.member_ids() {
                self.answer_sync(&id, ErrorCode::REBALANCE_IN_PROGRESS, shared, now);
            }
        }
        self.pending_sync.clear();
        shared.timers.stop(&self.id, Timer::Sync);
        let is_initial = self.state == State::Empty;
        self.enter(State::PreparingRebalance, now);
        if is_initial {
            let delay_ms = shared.settings.group_initial_rebalance_delay_ms;
            let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
            self.initial_delay = Some(InitialDelay { delay_ms, remaining_ms });
            shared.timers.set(&self.id, Timer::Join, now + millis(delay_ms));
        } else if self.all_have_joined() {
            self.complete_join(shared, now);
        } else {
            self.wait_for_joins(shared, now);
        }
    }

    fn wait_for_joins(&mut self, shared: &mut Shared, now: Instant) {
        shared.timers.set(&self.id, Timer::Join, now + millis(self.rebalance_timeout_ms()));
    }

    /// The time to join is over.
    pub(super) fn join_timer_ended(&mut self, shared: &mut Shared, now: Instant) {
        match self.initial_delay.take() {
            Some(InitialDelay { delay_ms, remaining_ms }) if self.new_member_added && remaining_ms > 0 => {
                self.new_member_added = false;
                let next_ms = shared.settings.group_initial_rebalance_delay_ms.min(remaining_ms);
                let remaining_ms = remaining_ms.saturating_sub(delay_ms).max(0);
                self.initial_delay = Some(InitialDelay { delay_ms: next_ms, remaining_ms });
                shared.timers.set(&self.id, Timer::Join, now + millis(next_ms));
            }
            _ => self.complete_join(shared, now),
        }
    }

    /// Begins the next generation with those who have joined, and with the static members who have not.
    pub(super) fn complete_join(&mut self, shared: &mut Shared, now: Instant) {
        shared.timers.stop(&self.id, Timer::Join);
        self.initial_delay = None;
        let is_late = |id: &Str| {
            let member = &self.members[id];
            member.awaiting_join.is_none() && member.instance_id.is_none()
        };
        for id in self.member_ids().into_iter().filter(is_late).collect::<Vec<_>>() {
            self.remove(&id);
            shared.timers.stop(&self.id, Timer::Session(id));
        }
        if self.members.is_empty() {
            self.begin_generation(State::Empty, now);
            self.store();
        } else if self.elect_leader_that_joined() {
            self.begin_generation(State::CompletingRebalance, now);
            for id in self.member_ids() {
                let members = if self.is_leader(&id) { self.members_for_leader() } else { Vec::new() };
                let mut response = self.generation_response(&id);
                response.members = members;
                self.answer_join(&id, response, shared);
                if let Some(member) = self.members.get_mut(&id) {
                    member.is_new = false;
                }
                self.begin_session(&id, shared, now);
                self.pending_sync.insert(id);
            }
            shared.timers.set(&self.id, Timer::Sync, now + millis(self.rebalance_timeout_ms()));
        } else {
            // Only static members are left, and none of them is here: their sessions decide. A member may have said
            // that its rebalance timeout is nothing: so at least a moment passes before the next look.
            let wait = millis(self.rebalance_timeout_ms()).max(MOMENT);
            shared.timers.set(&self.id, Timer::Join, now + wait);
        }
    }

    fn begin_generation(&mut self, state: State, now: Instant) {
        self.generation = self.generation.wrapping_add(1);
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.read_subscriptions();
        self.pending_sync.clear();
        self.enter(state, now);
    }

    /// Makes sure that the leader is here to assign; another member takes its place if need be.
    fn elect_leader_that_joined(&mut self) -> bool {
        let has_joined = |id: &Str| self.members.get(id).is_some_and(|member| member.awaiting_join.is_some());
        if !self.leader.as_ref().is_some_and(has_joined) {
            let Some(id) = self.members.keys().find(|id| has_joined(id)).cloned() else { return false };
            self.leader = Some(id);
        }
        true
    }

    /// Some members have never asked for their assignments: the group goes on without them.
    pub(super) fn sync_timer_ended(&mut self, shared: &mut Shared, now: Instant) {
        if self.pending_sync.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.pending_sync) {
            self.remove(&id);
            shared.timers.stop(&self.id, Timer::Session(id));
        }
        self.prepare_rebalance(shared, now);
    }

    pub(in crate::core::groups) fn member_ids(&self) -> Vec<Str> {
        self.members.keys().cloned().collect()
    }

    pub(super) fn begin_session(&self, member_id: &Str, shared: &mut Shared, now: Instant) {
        if let Some(member) = self.members.get(member_id) {
            let end = now + millis(member.session_timeout_ms);
            shared.timers.set(&self.id, Timer::Session(member.id.clone()), end);
        }
    }

    /// What a member is told of the generation that it is in.
    pub(super) fn generation_response(&self, member_id: &Str) -> JoinGroupResponse {
        let mut response = JoinGroupResponse::default();
        response.member_id = member_id.clone();
        response.generation_id = self.generation;
        response.protocol_type = self.protocol_type.clone();
        response.protocol_name = self.protocol_name.clone();
        response.leader = self.leader.clone().unwrap_or_default();
        response
    }

    /// Answers the JoinGroup of a member that waits.
    pub(super) fn answer_join(
        &mut self,
        member_id: &str,
        mut response: JoinGroupResponse,
        shared: &mut Shared,
    ) {
        let member = self.members.get_mut(member_id);
        if let Some(waiting) = member.and_then(|member| member.awaiting_join.take()) {
            null_free(waiting.version, &mut response);
            shared.answers.later(waiting, response);
        }
    }

    /// Answers the SyncGroup of a member that waits. Its session, which nobody looked at meanwhile, begins anew.
    pub(super) fn answer_sync(
        &mut self,
        member_id: &Str,
        error: ErrorCode,
        shared: &mut Shared,
        now: Instant,
    ) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        let Some(waiting) = member.awaiting_sync.take() else { return };
        let mut response = SyncGroupResponse::default();
        response.error_code = error;
        if error.is_none() {
            response.assignment = member.assignment.clone();
            response.protocol_type = self.protocol_type.clone();
            response.protocol_name = self.protocol_name.clone();
        }
        shared.answers.later(waiting, response);
        self.begin_session(member_id, shared, now);
    }
}

/// A protocol name can be null from v7 on only (KIP-559).
pub(super) fn null_free(version: i16, response: &mut JoinGroupResponse) {
    if version < 7 {
        response.protocol_name.get_or_insert_default();
    }
}
