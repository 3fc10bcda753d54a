//! How a classic group with members becomes a consumer group, and how one becomes it (KIP-848).

use std::time::Instant;

use bytes::Bytes;
use milena_protocol::{ErrorCode, Str};

use super::join::refusal;
use super::member::Member;
use super::{CONSUMER, ClassicGroup, State};
use crate::core::groups::shared::Shared;
use crate::core::groups::timers::Timer;

impl ClassicGroup {
    pub(in crate::core::groups) fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    pub(in crate::core::groups) fn generation(&self) -> i32 {
        self.generation
    }

    pub(in crate::core::groups) fn protocol_name(&self) -> Option<&Str> {
        self.protocol_name.as_ref()
    }

    /// The group is another one now: who waits joins again, and its timers stop.
    pub(in crate::core::groups) fn dissolve(&mut self, shared: &mut Shared, now: Instant) {
        for id in self.member_ids() {
            self.answer_join(&id, refusal(&id, ErrorCode::REBALANCE_IN_PROGRESS), shared);
            self.answer_sync(&id, ErrorCode::REBALANCE_IN_PROGRESS, shared, now);
        }
        shared.timers.stop(&self.id, Timer::Join);
        shared.timers.stop(&self.id, Timer::Sync);
        for id in std::mem::take(&mut self.pending_members) {
            shared.timers.stop(&self.id, Timer::Session(id));
        }
    }

    /// The stable group of these members. `assignment` says what a member has, in a blob of the version that it reads.
    pub(in crate::core::groups) fn of_members(
        id: Str,
        generation: i32,
        members: Vec<Member>,
        assignment: impl Fn(&Member, i16) -> Bytes,
        shared: &mut Shared,
        now: Instant,
    ) -> Self {
        let mut group = ClassicGroup::new(id, now);
        group.generation = generation;
        group.protocol_type = Some(Str::from_static(CONSUMER));
        members.into_iter().for_each(|member| group.add(member));
        group.enter(State::Stable, now);
        group.protocol_name = group.select_protocol();
        group.subscribed_topics = group.read_subscriptions();
        let name = group.protocol_name.clone().unwrap_or_default();
        for member in group.members.values_mut() {
            let version = member.metadata(&name).first_chunk().map_or(0, |bytes| i16::from_be_bytes(*bytes));
            member.assignment = assignment(member, version);
        }
        for id in group.member_ids() {
            group.begin_session(&id, shared, now);
        }
        group.store();
        group
    }
}
