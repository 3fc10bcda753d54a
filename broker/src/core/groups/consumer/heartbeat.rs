//! ConsumerGroupHeartbeat of a member that joins or stays.

use std::collections::BTreeMap;
use std::time::Instant;

use milena_protocol::messages::consumer_group_heartbeat::{Assignment, TopicPartitions};
use milena_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use milena_protocol::{ErrorCode, Str, Uuid};

use super::expressions::compile;
use super::member::{Epochs, LEFT_FOR_NOW, Member, MemberState, has};
use super::reconcile::Target;
use super::{ConsumerGroup, Refusal};
use crate::core::catalog::Catalog;
use crate::core::groups::assignors;
use crate::core::groups::settings::MAX_MEMBERS;
use crate::core::groups::shared::Shared;
use crate::core::groups::timers::{Timer, millis};
use crate::core::requests::Context;

/// From here on a member makes its own id (KIP-1082).
const OWN_ID: i16 = 1;
/// The epoch of one that joins.
const JOIN: i32 = 0;
/// The epoch of one that leaves.
pub(super) const LEAVE: i32 = -1;

/// What is wrong with a request by itself.
pub(in crate::core::groups) fn check_request(
    version: i16,
    request: &ConsumerGroupHeartbeatRequest,
    assignors: &[Str],
) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
    let is_empty = |text: &Option<Str>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    let epoch = request.member_epoch;
    let needs_id = version >= OWN_ID || epoch > JOIN || epoch == LEAVE;
    if needs_id && request.member_id.trim().is_empty() {
        return invalid("the member id is empty");
    }
    if request.group_id.trim().is_empty() {
        return invalid("the group id is empty");
    }
    if is_empty(&request.instance_id) {
        return invalid("the instance id is empty");
    }
    if is_empty(&request.rack_id) {
        return invalid("the rack id is empty");
    }
    if epoch == JOIN {
        if request.rebalance_timeout_ms == -1 {
            return invalid("who joins says its rebalance timeout");
        }
        if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return invalid("who joins has no partitions");
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return invalid("who joins says which topics it subscribes to");
        }
    } else if epoch == LEFT_FOR_NOW && request.instance_id.is_none() {
        return invalid("who leaves for now has an instance id");
    } else if epoch < LEFT_FOR_NOW {
        return invalid("there is no such member epoch");
    }
    match &request.server_assignor {
        Some(name) if !assignors.contains(name) => Err(Refusal::new(
            ErrorCode::UNSUPPORTED_ASSIGNOR,
            format!("there is no assignor {name}, but {}", assignors.join(", ")),
        )),
        _ => Ok(()),
    }
}

impl ConsumerGroup {
    /// Takes a member in, or one step further. On an error nothing has changed.
    pub(in crate::core::groups) fn heartbeat(
        &mut self,
        context: &Context<'_>,
        request: &ConsumerGroupHeartbeatRequest,
        shared: &mut Shared,
        catalog: &Catalog,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let id = match request.member_id.is_empty() {
            true => Str::from(shared.uuid().to_string()),
            false => request.member_id.detached(),
        };
        self.check_room(&id, shared.settings.group_consumer_max_size)?;
        let (before, replaced) = self.find(&id, request)?;
        let mut member = updated(&before, context, request);
        let regex_changed = before.topic_regex != member.topic_regex;
        if regex_changed
            && !member.topic_regex.is_empty()
            && !self.subscriptions.has_regex(&member.topic_regex)
        {
            compile(&member.topic_regex)?;
        }

        let names_changed = before.topic_names != member.topic_names;
        self.put(member.clone());
        if let Some(old) = replaced.filter(|old| *old != id) {
            self.replace(&old, &id, shared);
        }
        // A new expression that nobody has evaluated yet changes nothing for now.
        let is_known = member.topic_regex.is_empty() || self.subscriptions.is_resolved(&member.topic_regex);
        let has_changed = names_changed || (regex_changed && is_known);
        if has_changed || self.seen != Some(catalog.version()) {
            self.update_metadata(has_changed, catalog);
        }
        self.update_target(&shared.settings, catalog, context.now);

        let owned = request.topic_partitions.as_deref();
        self.reconcile(&mut member, names_changed || regex_changed, owned, catalog);
        self.mind_rebalance(&member, shared, context.now);
        shared.timers.stop(&self.id, Timer::MemberJoin(id.clone()));
        shared.timers.stop(&self.id, Timer::MemberSync(id.clone()));
        let end = context.now + millis(shared.settings.group_consumer_session_timeout_ms);
        shared.timers.set(&self.id, Timer::Session(id.clone()), end);

        let is_full = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some();
        let mut response = ConsumerGroupHeartbeatResponse::default();
        response.member_id = Some(id);
        response.member_epoch = member.epoch;
        response.heartbeat_interval_ms = shared.settings.group_consumer_heartbeat_interval_ms;
        if request.member_epoch == JOIN || is_full || before.assigned != member.assigned {
            response.assignment = Some(assignment(&member.assigned));
        }
        self.put(member);
        Ok(response)
    }

    /// `group.consumer.max.size`.
    pub(super) fn check_room(&self, id: &str, max_size: i32) -> Result<(), Refusal> {
        if self.members.contains_key(id)
            || self.members.len() < usize::try_from(max_size).unwrap_or(0).min(MAX_MEMBERS)
        {
            return Ok(());
        }
        let message = format!("group {} has {max_size} members, and takes no more", self.id);
        Err(Refusal::new(ErrorCode::GROUP_MAX_SIZE_REACHED, message))
    }

    /// The member as it was, and the id of the one whose place it takes: a static member that was away.
    fn find(
        &self,
        id: &Str,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<(Member, Option<Str>), Refusal> {
        let owned = request.topic_partitions.as_deref();
        match &request.instance_id {
            None if request.member_epoch == JOIN => {
                let known = self.members.get(id).cloned();
                Ok((known.unwrap_or_else(|| Member::new(id.clone())), None))
            }
            None => {
                let member = self.member(id)?;
                check_epoch(member, request.member_epoch, owned)?;
                Ok((member.clone(), None))
            }
            Some(instance_id) if request.member_epoch == JOIN => match self.static_member(instance_id) {
                None => {
                    let known = self.members.get(id).cloned();
                    Ok((known.unwrap_or_else(|| Member::new(id.clone())), None))
                }
                // Who has spoken the classic protocol so far changes sides, and does not leave before.
                Some(old) if old.epoch != LEFT_FOR_NOW && old.classic.is_none() => Err(Refusal::new(
                    ErrorCode::UNRELEASED_INSTANCE_ID,
                    format!("static member {instance_id} is still {}", old.id),
                )),
                Some(old) => {
                    let new = Member { id: id.clone(), epoch: 0, previous_epoch: 0, ..old.clone() };
                    Ok((new, Some(old.id.clone())))
                }
            },
            Some(instance_id) => {
                let member = self.check_static_member(instance_id, id)?;
                check_epoch(member, request.member_epoch, owned)?;
                Ok((member.clone(), None))
            }
        }
    }

    /// The static member `new`, which is there already with all that `old` has, takes its place.
    pub(super) fn replace(&mut self, old: &Str, new: &Str, shared: &mut Shared) {
        let Some((_, target)) = self.take(old) else { return };
        self.target.insert(new.clone(), target);
        self.stop_timers(old, shared);
    }

    /// Takes the member one step towards its target.
    pub(super) fn reconcile(
        &self,
        member: &mut Member,
        has_subscription_changed: bool,
        owned: Option<&[TopicPartitions]>,
        catalog: &Catalog,
    ) {
        if !has_subscription_changed && member.is_reconciled_to(self.target_epoch) {
            return;
        }
        let none = assignors::Partitions::new();
        let target = Target {
            epoch: self.target_epoch,
            partitions: self.target.get(&member.id).unwrap_or(&none),
            topics: &self.subscriptions.topics_of(member, catalog),
            has_subscription_changed,
            owned,
        };
        target.reconcile(member, |topic, partition| !self.owners.contains_key(&(topic, partition)));
    }

    /// Gives a member that has to give up partitions its rebalance timeout for it, from when it was last told more.
    fn mind_rebalance(&self, member: &Member, shared: &mut Shared, now: Instant) {
        let timer = Timer::Rebalance(member.id.clone());
        if member.state != MemberState::UnrevokedPartitions {
            return shared.timers.stop(&self.id, timer);
        }
        let before = self.members.get(&member.id);
        let is_same = |before: &Member| {
            before.state == member.state
                && before.epoch == member.epoch
                && before.pending_revocation == member.pending_revocation
                && before.assigned == member.assigned
        };
        if !before.is_some_and(is_same) {
            shared.timers.set(&self.id, timer, now + millis(member.rebalance_timeout_ms));
        }
    }
}

/// The member with what the request says of it; what it leaves out stays.
fn updated(before: &Member, context: &Context<'_>, request: &ConsumerGroupHeartbeatRequest) -> Member {
    let mut member = before.clone();
    let detached = |text: &Option<Str>| text.as_ref().map(Str::detached);
    member.instance_id = detached(&request.instance_id).or(member.instance_id);
    member.rack_id = detached(&request.rack_id).or(member.rack_id);
    member.server_assignor = detached(&request.server_assignor).or(member.server_assignor);
    if request.rebalance_timeout_ms != -1 {
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(names) = &request.subscribed_topic_names {
        member.topic_names = names.iter().map(Str::detached).collect();
    }
    if let Some(regex) = &request.subscribed_topic_regex {
        member.topic_regex = regex.detached();
    }
    member.classic = None;
    member.client_id = Str::from(context.client_id);
    member.client_host = Str::from(format!("/{}", context.client_host)); // as Java prints an address
    member
}

/// A member is in its epoch, or in the one before with nothing that it has not: then it has missed the answer.
fn check_epoch(member: &Member, epoch: i32, owned: Option<&[TopicPartitions]>) -> Result<(), Refusal> {
    let has_no_more = owned.is_some_and(|owned| {
        let mut owned = owned.iter().flat_map(|topic| topic.partitions.iter().map(|p| (topic.topic_id, *p)));
        owned.all(|(topic, partition)| has(&member.assigned, topic, partition))
    });
    if epoch == member.epoch || (epoch < member.epoch && epoch == member.previous_epoch && has_no_more) {
        return Ok(());
    }
    let message =
        format!("member {} is in epoch {}, not {epoch}: it has lost its partitions", member.id, member.epoch);
    Err(Refusal::new(ErrorCode::FENCED_MEMBER_EPOCH, message))
}

fn assignment(assigned: &Epochs) -> Assignment {
    let topic = |(topic, partitions): (&Uuid, &BTreeMap<i32, i32>)| {
        let mut answer = TopicPartitions::default();
        (answer.topic_id, answer.partitions) = (*topic, partitions.keys().copied().collect());
        answer
    };
    let mut answer = Assignment::default();
    answer.topic_partitions = assigned.iter().map(topic).collect();
    answer
}
