//! JoinGroup, SyncGroup and Heartbeat of members that speak the classic protocol, in a group whose coordinator assigns.
//!
//! Nobody leads: each joins for itself, its generation is its member epoch, and SyncGroup brings what it has now. A
//! heartbeat asks it to join again when there is more to give up or to get. After Kafka's `classicGroup...ToConsumerGroup`.

use std::collections::BTreeSet;
use std::time::Instant;

use milena_protocol::messages::consumer_group_heartbeat::TopicPartitions;
use milena_protocol::messages::{
    ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest,
    SyncGroupResponse,
};
use milena_protocol::{ErrorCode, Str, Uuid};

use super::ConsumerGroup;
use super::member::{ClassicSide, Member, MemberState};
use super::migrate::{Downgrade, assignment_blob, by_id};
use crate::core::catalog::Catalog;
use crate::core::groups::assignors::Partitions;
use crate::core::groups::classic::CONSUMER;
use crate::core::groups::classic::member::rebalance_timeout_ms;
use crate::core::groups::classic::protocols::Protocol;
use crate::core::groups::settings::MigrationPolicy;
use crate::core::groups::shared::Shared;
use crate::core::groups::timers::{Timer, millis};
use crate::core::requests::Context;

/// From here on a new dynamic member is first told its id (KIP-394).
const MEMBER_ID_REQUIRED: i16 = 4;

impl ConsumerGroup {
    /// Answers JoinGroup. On an error nothing has changed.
    pub(in crate::core::groups) fn join_classic(
        &mut self,
        context: &Context<'_>,
        request: &JoinGroupRequest,
        shared: &mut Shared,
        catalog: &Catalog,
    ) -> Result<JoinGroupResponse, ErrorCode> {
        if shared.settings.group_consumer_migration_policy == MigrationPolicy::Disabled {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        let is_unknown = request.member_id.is_empty();
        let id = match is_unknown {
            true => Str::from(shared.uuid().to_string()),
            false => request.member_id.detached(),
        };
        self.check_room(&id, shared.settings.group_consumer_max_size).map_err(|refusal| refusal.error)?;
        let protocols = Protocol::kept(&request.protocols);
        let Some(first) = protocols.first().filter(|_| self.supports(&request.protocol_type, &protocols))
        else {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        };
        let mut response = JoinGroupResponse::default();
        response.member_id = id.clone();
        if is_unknown && request.group_instance_id.is_none() && context.version >= MEMBER_ID_REQUIRED {
            response.error_code = ErrorCode::MEMBER_ID_REQUIRED;
            response.protocol_name = None;
            return Ok(response);
        }
        let (before, replaced) = self.find_classic(&id, request)?;
        // Kafka fails here too, as with a broken invariant.
        let (_, subscription) = ConsumerProtocolSubscription::from_blob(&first.metadata)
            .map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)?;
        response.protocol_type = Some(Str::from_static(CONSUMER));
        response.protocol_name = Some(first.name.clone());

        // A static member may be the last one that spoke the consumer protocol, and has come back without it.
        let old =
            request.group_instance_id.as_deref().and_then(|instance_id| self.static_member(instance_id));
        let turns = old.is_some_and(|old| old.classic.is_none());
        let mut member = before.clone();
        let detached = |text: &Option<Str>| text.as_ref().map(Str::detached);
        member.instance_id = detached(&request.group_instance_id).or(member.instance_id);
        member.rack_id = detached(&subscription.rack_id).or(member.rack_id);
        member.rebalance_timeout_ms = rebalance_timeout_ms(context, request);
        member.topic_names = subscription.topics.iter().map(Str::detached).collect();
        member.topic_regex = Str::default();
        member.client_id = Str::from(context.client_id);
        member.client_host = Str::from(format!("/{}", context.client_host));
        member.classic = Some(ClassicSide { session_timeout_ms: request.session_timeout_ms, protocols });
        let has_changed =
            before.topic_names != member.topic_names || before.topic_regex != member.topic_regex;
        self.put(member.clone());
        if let Some(old) = replaced.filter(|old| *old != id) {
            self.replace(&old, &id, shared);
        }
        if has_changed || self.seen != Some(catalog.version()) {
            self.update_metadata(has_changed, catalog);
        }
        let turns = turns && self.is_classic(&shared.settings);
        if turns {
            self.downgrade = Some(Downgrade { rebalances: self.target_epoch < self.epoch });
        } else {
            self.update_target(&shared.settings, catalog, context.now);
        }
        if !turns || self.target_epoch >= self.epoch {
            let owned = owned(&by_id(&subscription.owned_partitions, catalog));
            self.reconcile(&mut member, has_changed, Some(&owned), catalog);
        }
        response.generation_id = member.epoch;
        shared.timers.stop(&self.id, Timer::MemberJoin(id.clone()));
        shared.timers.stop(&self.id, Timer::Rebalance(id.clone()));
        let end = context.now + millis(member.rebalance_timeout_ms);
        shared.timers.set(&self.id, Timer::MemberSync(id.clone()), end);
        self.begin_classic_session(&member, shared, context.now);
        self.put(member);
        Ok(response)
    }

    /// Whether somebody with these protocols may speak the classic one here: they have one in common with all who do.
    fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        protocol_type == CONSUMER && protocols.iter().any(|protocol| self.supported.by_all(&protocol.name))
    }

    /// The member as it was, and the id of the static member whose place it takes.
    fn find_classic(&self, id: &Str, request: &JoinGroupRequest) -> Result<(Member, Option<Str>), ErrorCode> {
        let known = || self.members.get(id).cloned().unwrap_or_else(|| Member::new(id.clone()));
        let Some(instance_id) = &request.group_instance_id else { return Ok((known(), None)) };
        if !request.member_id.is_empty() {
            let member = self.check_static_member(instance_id, id).map_err(|refusal| refusal.error)?;
            return Ok((member.clone(), None));
        }
        Ok(match self.static_member(instance_id) {
            None => (known(), None),
            Some(old) => {
                let new = Member { id: id.clone(), epoch: 0, previous_epoch: 0, ..old.clone() };
                (new, Some(old.id.clone()))
            }
        })
    }

    /// Answers SyncGroup with what the member has.
    pub(in crate::core::groups) fn sync_classic(
        &mut self,
        request: &SyncGroupRequest,
        shared: &mut Shared,
        catalog: &Catalog,
        now: Instant,
    ) -> Result<SyncGroupResponse, ErrorCode> {
        let instance_id = request.group_instance_id.as_deref();
        let (member, classic) =
            self.classic_member(&request.member_id, instance_id, request.generation_id)?;
        let protocol = classic.protocols.first();
        let says = |said: &Option<Str>, is: &str| said.as_ref().is_none_or(|said| *said == is);
        let name = protocol.map(|protocol| protocol.name.clone()).unwrap_or_default();
        if !says(&request.protocol_type, CONSUMER) || !says(&request.protocol_name, &name) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if self.target_epoch > member.epoch && member.state != MemberState::UnrevokedPartitions {
            self.ask_to_join(member, shared, now);
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        let version = protocol.and_then(|protocol| protocol.metadata.first_chunk());
        let version = version.map_or(0, |bytes| i16::from_be_bytes(*bytes));
        let has: Partitions = member
            .assigned
            .iter()
            .map(|(topic, partitions)| (*topic, partitions.keys().copied().collect()))
            .collect();
        shared.timers.stop(&self.id, Timer::MemberSync(member.id.clone()));
        self.begin_classic_session(member, shared, now);
        let mut response = SyncGroupResponse::default();
        response.protocol_type = request.protocol_type.clone();
        response.protocol_name = request.protocol_name.clone();
        response.assignment = assignment_blob(&has, version, catalog);
        Ok(response)
    }

    /// Answers Heartbeat: a member joins again to give up partitions, to get those that have become free, and to catch up.
    pub(in crate::core::groups) fn heartbeat_classic(
        &mut self,
        request: &HeartbeatRequest,
        shared: &mut Shared,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        let instance_id = request.group_instance_id.as_deref();
        let (member, _) = self.classic_member(&request.member_id, instance_id, request.generation_id)?;
        self.begin_classic_session(member, shared, now);
        let has_news = match member.state {
            MemberState::UnrevokedPartitions => true,
            MemberState::UnreleasedPartitions => !self.waits_for_others(member),
            MemberState::Stable => false,
        };
        if has_news || member.epoch < self.target_epoch {
            self.ask_to_join(member, shared, now);
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }

    /// The member, if it speaks the classic protocol and is in this generation.
    fn classic_member(
        &self,
        id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(&Member, &ClassicSide), ErrorCode> {
        let member = match instance_id {
            None => self.member(id),
            Some(instance_id) => self.check_static_member(instance_id, id),
        };
        let member = member.map_err(|refusal| refusal.error)?;
        let classic = member.classic.as_ref().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if member.epoch == generation { Ok((member, classic)) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    /// Whether others have partitions that the member is to have.
    fn waits_for_others(&self, member: &Member) -> bool {
        let target = self.target.get(&member.id).into_iter().flatten();
        let mut target = target.flat_map(|(topic, partitions)| partitions.iter().map(|p| (*topic, *p)));
        target.any(|partition| self.owners.get(&partition).is_some_and(|owner| *owner != member.id))
    }

    fn ask_to_join(&self, member: &Member, shared: &mut Shared, now: Instant) {
        let end = now + millis(member.rebalance_timeout_ms);
        shared.timers.set_if_none(&self.id, Timer::MemberJoin(member.id.clone()), end);
    }

    fn begin_classic_session(&self, member: &Member, shared: &mut Shared, now: Instant) {
        let timeout_ms = member.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms);
        shared.timers.set(&self.id, Timer::Session(member.id.clone()), now + millis(timeout_ms));
    }
}

fn owned(partitions: &Partitions) -> Vec<TopicPartitions> {
    let topic = |(id, partitions): (&Uuid, &BTreeSet<i32>)| {
        let mut topic = TopicPartitions::default();
        (topic.topic_id, topic.partitions) = (*id, partitions.iter().copied().collect());
        topic
    };
    partitions.iter().map(topic).collect()
}
