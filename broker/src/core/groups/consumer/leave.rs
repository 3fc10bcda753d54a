//! Members that leave, and what happens to those who are silent or do not give up what they should.

use milena_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use std::time::Instant;

use milena_protocol::messages::leave_group::MemberIdentity;
use milena_protocol::{ErrorCode, Str};

use super::member::{Epochs, LEFT_FOR_NOW, MemberState};
use super::migrate::Downgrade;
use super::{ConsumerGroup, Refusal};
use crate::core::catalog::Catalog;
use crate::core::groups::shared::Shared;
use crate::core::groups::timers::{Timer, millis};

impl ConsumerGroup {
    /// A member leaves, for good or, a static one, for now.
    pub(in crate::core::groups) fn leave(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        shared: &mut Shared,
        catalog: &Catalog,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let id = match &request.instance_id {
            None => self.member(&request.member_id)?.id.clone(),
            Some(instance_id) => self.check_static_member(instance_id, &request.member_id)?.id.clone(),
        };
        if request.instance_id.is_some() && request.member_epoch == LEFT_FOR_NOW {
            self.leave_for_now(&id, shared);
        } else {
            self.fence(&[id], shared, catalog);
        }
        let mut response = ConsumerGroupHeartbeatResponse::default();
        response.member_id = Some(request.member_id.clone());
        response.member_epoch = request.member_epoch;
        Ok(response)
    }

    /// Members leave as those of classic groups do: an operator may take out any. Says what became of each.
    pub(in crate::core::groups) fn leave_many(
        &mut self,
        members: &[MemberIdentity],
        shared: &mut Shared,
        catalog: &Catalog,
    ) -> Vec<ErrorCode> {
        let find = |leaving: &MemberIdentity| match &leaving.group_instance_id {
            None => self.member(&leaving.member_id),
            Some(name) if leaving.member_id.is_empty() => {
                let id = self.static_members.get(name).cloned().unwrap_or_default();
                self.member(&id)
            }
            Some(name) => self.check_static_member(name, &leaving.member_id),
        };
        let found: Vec<Result<Str, ErrorCode>> = members
            .iter()
            .map(|leaving| find(leaving).map(|member| member.id.clone()).map_err(|refusal| refusal.error))
            .collect();
        let ids: Vec<Str> = found.iter().flatten().cloned().collect();
        self.fence(&ids, shared, catalog);
        found.into_iter().map(|outcome| outcome.err().unwrap_or(ErrorCode::NONE)).collect()
    }

    /// A static member keeps its partitions until it is back or its session ends.
    fn leave_for_now(&mut self, id: &str, shared: &mut Shared) {
        let Some(mut member) = self.members.get(id).cloned() else { return };
        member.epoch = LEFT_FOR_NOW;
        member.pending_revocation = Epochs::new();
        // So that what comes back may commit for them from its first epoch on.
        member
            .assigned
            .values_mut()
            .flat_map(|partitions| partitions.values_mut())
            .for_each(|epoch| *epoch = 0);
        shared.timers.stop(&self.id, Timer::Rebalance(member.id.clone()));
        self.put(member);
    }

    /// Takes members out; what was theirs is free at once.
    pub(in crate::core::groups) fn fence(&mut self, ids: &[Str], shared: &mut Shared, catalog: &Catalog) {
        let mut is_less = false;
        for id in ids {
            is_less |= self.take(id).is_some();
            self.stop_timers(id, shared);
        }
        if is_less && self.is_classic(&shared.settings) {
            self.downgrade = Some(Downgrade { rebalances: true });
        } else if is_less {
            self.update_metadata(true, catalog);
        }
    }

    pub(super) fn stop_timers(&self, id: &Str, shared: &mut Shared) {
        for timer in [Timer::Session, Timer::Rebalance, Timer::MemberJoin, Timer::MemberSync] {
            shared.timers.stop(&self.id, timer(id.clone()));
        }
    }

    pub(in crate::core::groups) fn knows(&self, member_id: &str) -> bool {
        self.members.contains_key(member_id)
    }

    /// Another broker coordinates the group from now on. It finds everything in the log; only timers begin anew
    /// (`GroupMetadataManager.onLoaded`).
    pub(in crate::core::groups) fn coordinator_moved(&mut self, shared: &mut Shared, now: Instant) {
        self.seen = None;
        let session = now + millis(shared.settings.group_consumer_session_timeout_ms);
        for member in self.members.values() {
            self.stop_timers(&member.id, shared);
            shared.timers.set(&self.id, Timer::Session(member.id.clone()), session);
            if member.state == MemberState::UnrevokedPartitions {
                let end = now + millis(member.rebalance_timeout_ms);
                shared.timers.set(&self.id, Timer::Rebalance(member.id.clone()), end);
            }
        }
    }

    /// A session has ended, or a member has not done in time what it should.
    pub(in crate::core::groups) fn timer_ended(
        &mut self,
        timer: &Timer,
        shared: &mut Shared,
        catalog: &Catalog,
    ) {
        match timer {
            Timer::Session(id) | Timer::Rebalance(id) | Timer::MemberJoin(id) | Timer::MemberSync(id) => {
                self.fence(std::slice::from_ref(id), shared, catalog);
            }
            Timer::Join | Timer::Sync => {}
        }
    }
}
