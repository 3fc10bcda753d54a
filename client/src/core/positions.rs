//! Where the consumer is in each of its partitions, and whether it may fetch there.
//!
//! ```text
//!   assigned ──> NeedsCommitted ──────────────┐ nothing committed
//!                      │ committed            v
//!                      │                  NeedsReset <───────────┐
//!                      v                      │ offset found     │ log cut, nobody knows where
//!                   Fetching <────────────────┘                  │
//!                      │  ^ log unchanged, or cut: go back there │
//!     the leader moved v  │                                      │
//!                   NeedsValidation ─────────────────────────────┘
//! ```
//! A seek leads to `Fetching` from anywhere; an offset out of range leads to `NeedsReset`, through `NeedsValidation`
//! where epochs are known (KIP-320).
//!
//! There are two places in each partition: the *position*, up to which the application has its records, and how far
//! has been *fetched* ahead of it. Only the position is committed, checked, or reset, and the latter two only once
//! nothing is held between the two. Every jump of the position has a number, the position epoch; what was fetched
//! under another one is out of date.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use milena_protocol::ErrorCode;

use super::assigned::{Assigned, EndQuestion, NOWHERE, Phase, ResetTo};
use super::completed_fetch::{Consumed, Refetch};
use super::fetch_report::{FetchError, FetchNotice, Place, Reports};
use super::fetch_settings::{FetchSettings, IsolationLevel, ResetPolicy};
use super::metadata::{Leader, Metadata};
use super::partitions::Partitions;
use super::topic_partition::TopicPartition;
use super::wall_clock::WallClock;

/// The consumer's partitions.
#[derive(Debug)]
pub(super) struct Positions {
    settings: FetchSettings,
    clock: WallClock,
    partitions: Partitions,
    /// Counts how often other partitions were assigned.
    assignments: u64,
    /// Offsets that a reset has found where nothing was committed.
    pinned: BTreeMap<TopicPartition, Place>,
    last_epoch: u64,
    /// Counts how often partitions were paused.
    pauses: u64,
    /// Frames that are no longer held by a partition.
    released: Vec<u64>,
    /// The revision of the metadata whose leaders are followed.
    followed: Option<u64>,
    /// The first time at which a replica may no longer be preferred to its leader.
    preferred_until: Option<Instant>,
    pub(super) reports: Reports,
}

impl Positions {
    pub(super) fn new(settings: FetchSettings, clock: WallClock) -> Self {
        Positions {
            settings,
            clock,
            partitions: Partitions::default(),
            assignments: 0,
            pinned: BTreeMap::new(),
            last_epoch: 0,
            pauses: 0,
            released: Vec::new(),
            followed: None,
            preferred_until: None,
            reports: Reports::default(),
        }
    }

    pub(super) fn settings(&self) -> &FetchSettings {
        &self.settings
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&Assigned> {
        self.partitions.get(partition)
    }

    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Assigned> {
        self.partitions.get_mut(partition)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Assigned)> {
        self.partitions.iter()
    }

    /// The partitions that may want something else than records that are asked for already.
    pub(super) fn restless(&self) -> impl Iterator<Item = (&TopicPartition, &Assigned)> {
        self.partitions.restless()
    }

    /// The brokers from which any partition is to be read, as far as [`look`](Self::look) has seen.
    pub(super) fn nodes(&self) -> impl Iterator<Item = i32> {
        self.partitions.nodes()
    }

    /// The partitions that are to be read from a broker, in their order.
    pub(super) fn of_node(&self, node: i32) -> impl Iterator<Item = (&TopicPartition, &Assigned)> {
        self.partitions.of_node(node)
    }

    /// The frames that were let go since the last call.
    pub(super) fn take_released(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.released)
    }

    /// The number of the newest jump of any position. What will come is above it.
    pub(super) fn last_epoch(&self) -> u64 {
        self.last_epoch
    }

    /// The consumer has these partitions from now on. Those it had before stay as they are.
    pub(super) fn assign(&mut self, assigned: &BTreeSet<TopicPartition>) {
        self.partitions.retain(|partition, state| {
            let stays = assigned.contains(partition);
            if !stays {
                self.released.extend(state.held.iter().map(|held| held.frame));
                self.reports.forget_error(partition);
                self.pinned.remove(partition);
            }
            stays
        });
        for partition in assigned {
            if !self.partitions.contains(partition) {
                self.last_epoch += 1;
                self.partitions.insert(partition.detached(), Assigned::new(self.last_epoch));
            }
        }
        self.assignments += 1;
    }

    /// Another number whenever other partitions may have been assigned.
    pub(super) fn assignments(&self) -> u64 {
        self.assignments
    }

    /// The answer to "where did the group leave off": `None` when it never committed.
    pub(super) fn set_committed(&mut self, partition: &TopicPartition, place: Option<Place>, now: Instant) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        if assigned.phase != Phase::NeedsCommitted {
            return;
        }
        match (place, reset_to(&self.settings, &self.clock, now)) {
            (Some(place), _) => self.jump(partition, place),
            (None, Some(end)) => {
                assigned.phase = Phase::NeedsReset(end);
                // The same policy would lead elsewhere the next time; the first record stays the first.
                assigned.pin = end != ResetTo::Earliest;
            }
            (None, None) => {
                assigned.fail(&self.settings, now);
                self.reports.error(FetchError::NoOffset { partition: partition.clone() });
            }
        }
    }

    /// The application's own choice. `false` when the partition is not assigned.
    pub(super) fn seek(&mut self, partition: &TopicPartition, place: Place) -> bool {
        let is_assigned = self.partitions.contains(partition);
        self.jump(partition, place);
        is_assigned
    }

    /// As [`seek`](Self::seek), to an end of the log.
    pub(super) fn seek_to(&mut self, partition: &TopicPartition, end: ResetTo) -> bool {
        let is_assigned = self.partitions.contains(partition);
        self.jump(partition, NOWHERE);
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.phase = Phase::NeedsReset(end);
        }
        is_assigned
    }

    /// A jump of the position: what was fetched before is out of date.
    fn jump(&mut self, partition: &TopicPartition, place: Place) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        self.last_epoch += 1;
        self.released.extend(assigned.held.drain(..).map(|held| held.frame));
        assigned.held_bytes = 0;
        assigned.position_epoch = self.last_epoch;
        assigned.phase = Phase::Fetching;
        assigned.position = place;
        assigned.fetched = place;
        assigned.leader = None;
        assigned.newer_leader_by = None;
        assigned.blocked = false;
        assigned.batch_bytes = None;
        assigned.out_of_range = None;
        assigned.or_else = None;
        assigned.pin = false;
        self.pinned.remove(partition);
        assigned.asking = false;
        assigned.succeed();
        self.reports.forget_error(partition);
    }

    /// Fetches nothing more of a partition, or goes on. `false` when it is not assigned.
    pub(super) fn set_paused(&mut self, partition: &TopicPartition, paused: bool) -> bool {
        let Some(assigned) = self.partitions.get_mut(partition) else { return false };
        self.pauses += 1;
        assigned.paused = if paused { assigned.paused.or(Some(self.pauses)) } else { None };
        true
    }

    /// The application has its records up to there.
    pub(super) fn consumed(&mut self, consumed: &Consumed, now: Instant) {
        let Some(assigned) = self.partitions.get_mut(&consumed.partition) else { return };
        if assigned.position_epoch != consumed.position_epoch || !assigned.has_position() {
            return;
        }
        if consumed.offset > assigned.position.offset {
            assigned.position = Place { offset: consumed.offset, leader_epoch: consumed.leader_epoch };
        }
        while assigned.held.front().is_some_and(|held| held.end <= consumed.offset) {
            let Some(held) = assigned.held.pop_front() else { break };
            assigned.held_bytes -= held.bytes;
            self.released.push(held.frame);
        }
        if consumed.refetch != Refetch::No {
            let (position, leader) = (assigned.position, assigned.leader);
            let retry_at = now + self.settings.retry_backoff_max;
            self.jump(&consumed.partition, position);
            if let Some(assigned) = self.partitions.get_mut(&consumed.partition) {
                assigned.leader = leader;
                assigned.retry_at = (consumed.refetch == Refetch::Later).then_some(retry_at);
            }
        }
    }

    /// How many records are left to deliver; `None` while the end of the log is not known.
    pub(super) fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        let assigned = self.partitions.get(partition).filter(|assigned| assigned.has_position())?;
        Some(self.end(partition)?.saturating_sub(assigned.position.offset).max(0))
    }

    /// Where the log ends for this consumer, as far as that is known.
    fn end(&self, partition: &TopicPartition) -> Option<i64> {
        let assigned = self.partitions.get(partition)?;
        match self.settings.isolation_level {
            IsolationLevel::ReadCommitted => assigned.last_stable_offset.or(assigned.high_watermark),
            IsolationLevel::ReadUncommitted => assigned.high_watermark,
        }
    }

    /// Looks at the partitions that have changed, and at all of them when the cluster has: who leads them, and from which
    /// broker they are to be read. A position may have to be checked, or be worthless.
    pub(super) fn look(&mut self, metadata: &mut Metadata, now: Instant) {
        let revision = Some(metadata.revision());
        if self.followed != revision || self.preferred_until.is_some_and(|until| until < now) {
            (self.followed, self.preferred_until) = (revision, None);
            self.partitions.wake_all();
        }
        let restless: Vec<TopicPartition> = self.restless().map(|(partition, _)| partition.clone()).collect();
        for partition in restless {
            self.follow_leader(&partition, metadata, now);
            self.find_source(&partition, metadata, now);
        }
    }

    /// Compares a position with who leads its partition now.
    fn follow_leader(&mut self, partition: &TopicPartition, metadata: &mut Metadata, now: Instant) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        let id = metadata.topic_id(&partition.topic);
        if !id.is_zero() && id != assigned.topic_id {
            let is_new = !assigned.topic_id.is_zero();
            assigned.topic_id = id;
            if is_new && assigned.has_position() {
                return self.start_anew(partition.clone());
            }
        }
        if assigned.has_position()
            && let Some(leader) = metadata.leader(partition)
        {
            if assigned.waits_for_newer(leader, now + metadata.max_age(), now) {
                metadata.request_refresh();
            } else {
                assigned.follow(leader);
            }
        }
    }

    /// Finds out from which broker a partition is to be read, if it is to be read, and whether that can change by itself.
    fn find_source(&mut self, partition: &TopicPartition, metadata: &mut Metadata, now: Instant) {
        let Some(assigned) = self.partitions.get(partition) else { return };
        let wants_records = assigned.wants_records(&self.settings);
        let mut source = None;
        if wants_records && assigned.may_try(now) {
            match metadata.leader(partition) {
                None => metadata.request_refresh(),
                // Another leader than the position was checked with: the application gets first what was read from the old one.
                Some(leader) if assigned.leader != Some(leader) => {}
                Some(leader) => source = Some(leader.node_id),
            }
        }
        if let (Some(leader), Some((node, until))) = (source, assigned.preferred(now)) {
            self.preferred_until = Some(self.preferred_until.map_or(until, |first| first.min(until)));
            if node == leader || metadata.is_online(partition, node) {
                source = Some(node);
            } else {
                metadata.request_refresh();
            }
        }
        let rests = !assigned.is_waiting(now) && (!wants_records || source.is_some());
        self.partitions.read_from(partition, source);
        if rests {
            self.partitions.rest(partition);
        }
    }

    /// Another topic has taken the name: the position says nothing about it.
    fn start_anew(&mut self, partition: TopicPartition) {
        let offset = self.partitions.get(&partition).map_or(-1, |assigned| assigned.position.offset);
        self.jump(&partition, NOWHERE);
        if let Some(assigned) = self.partitions.get_mut(&partition) {
            (assigned.high_watermark, assigned.last_stable_offset) = (None, None);
            assigned.log_start_offset = None;
            // Everything in the new topic is newer than what was read, so nothing of it may be skipped.
            assigned.phase = Phase::NeedsReset(ResetTo::Earliest);
            if self.settings.auto_offset_reset == ResetPolicy::None {
                self.reports.error(FetchError::OffsetOutOfRange { partition: partition.clone(), offset });
                assigned.phase = Phase::NeedsCommitted;
            }
        }
        self.reports.notice(FetchNotice::TopicRecreated { partition });
    }

    /// The broker does not have the offset that was asked for.
    pub(super) fn out_of_range(&mut self, partition: &TopicPartition, now: Instant) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        // A follower may be behind: ask the leader.
        if assigned.forget_preferred() {
            return;
        }
        // The application gets what is there first; then it is asked again.
        if !assigned.held.is_empty() {
            return assigned.fail(&self.settings, now);
        }
        let is_below = assigned.log_start_offset.is_some_and(|start| assigned.position.offset < start);
        let epochs_are_known =
            assigned.position.leader_epoch >= 0 && assigned.leader.is_some_and(|leader| leader.epoch >= 0);
        if epochs_are_known && !is_below {
            assigned.phase = Phase::NeedsValidation { then_reset: true };
        } else {
            self.reset_by_policy(partition, now);
        }
    }

    fn reset_by_policy(&mut self, partition: &TopicPartition, now: Instant) {
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        let offset = assigned.position.offset;
        let Some(end) = reset_to(&self.settings, &self.clock, now) else {
            assigned.phase = Phase::Fetching;
            assigned.fail(&self.settings, now);
            let partition = partition.clone();
            return self.reports.error(FetchError::OffsetOutOfRange { partition, offset });
        };
        assigned.phase = Phase::NeedsReset(end);
        assigned.out_of_range = Some(offset);
        assigned.succeed();
    }

    /// The end of the log was asked for under this position epoch.
    pub(super) fn end_found(&mut self, partition: &TopicPartition, position_epoch: u64, place: Place) {
        let isolation_level = self.settings.isolation_level;
        let Some(assigned) = self.current(partition, position_epoch) else { return };
        assigned.learn_end(place.offset, isolation_level);
        if let Phase::NeedsReset(ResetTo::Timestamp(_)) = assigned.phase {
            assigned.or_else = Some(place);
            assigned.asking = false;
        }
    }

    /// The answer to a reset, asked under this position epoch.
    pub(super) fn found(&mut self, partition: &TopicPartition, position_epoch: u64, place: Place) {
        let Some(assigned) = self.current(partition, position_epoch) else { return };
        assigned.asking = false;
        if !matches!(assigned.phase, Phase::NeedsReset(_)) {
            return;
        }
        let (from, to, pin) = (assigned.out_of_range, place.offset, assigned.pin);
        self.jump(partition, place);
        if pin {
            self.with(partition, |assigned, _| assigned.pin = true);
            self.pin(partition, place);
        }
        if let Some(from) = from {
            self.reports.notice(FetchNotice::Reset { partition: partition.clone(), from, to });
        }
    }

    /// That offset of a partition is to be committed, unless the application goes elsewhere before.
    pub(super) fn pin(&mut self, partition: &TopicPartition, place: Place) {
        if let Some((partition, assigned)) = self.partitions.get_key_value(partition)
            && assigned.pin
        {
            self.pinned.insert(partition.clone(), place);
        }
    }

    /// The application has committed something else.
    pub(super) fn unpin(&mut self, partition: &TopicPartition) {
        self.pinned.remove(partition);
        if let Some(assigned) = self.partitions.get_mut(partition) {
            assigned.pin = false;
        }
    }

    pub(super) fn take_pinned(&mut self) -> BTreeMap<TopicPartition, Place> {
        std::mem::take(&mut self.pinned)
    }

    /// The lag of a partition is wanted. Where the end of its log is not known it is asked for.
    pub(super) fn want_lag(&mut self, partition: &TopicPartition) {
        let knows_end = self.end(partition).is_some();
        if let Some(assigned) = self.partitions.get_mut(partition)
            && assigned.end == EndQuestion::No
            && !knows_end
        {
            assigned.end = EndQuestion::Due(None);
        }
    }

    /// The end of the log, if the question for it was answered.
    pub(super) fn lag_answered(&mut self, partition: &TopicPartition, end: Option<i64>, now: Instant) {
        let knows_end = self.end(partition).is_some();
        let (isolation_level, wait) = (self.settings.isolation_level, self.settings.retry_backoff_max);
        let Some(assigned) = self.partitions.get_mut(partition) else { return };
        if assigned.end != EndQuestion::Asked {
            return;
        }
        assigned.end = EndQuestion::No;
        match end {
            // What a Fetch has told meanwhile is newer.
            _ if knows_end => {}
            Some(end) => assigned.learn_end(end, isolation_level),
            None => assigned.end = EndQuestion::Due(Some(now + wait)),
        }
    }

    /// The answer to a validation, asked under this position epoch and for this leader: where the position's leader
    /// epoch ends in the log; `None` when the broker cannot tell.
    pub(super) fn validated(
        &mut self,
        partition: &TopicPartition,
        position_epoch: u64,
        leader: Leader,
        end: Option<Place>,
        now: Instant,
    ) {
        let Some(assigned) = self.current(partition, position_epoch) else { return };
        assigned.asking = false;
        let Phase::NeedsValidation { then_reset } = assigned.phase else { return };
        if assigned.leader != Some(leader) {
            return;
        }
        assigned.succeed();
        let from = assigned.position.offset;
        match end {
            Some(end) if end.offset >= from && then_reset => self.reset_by_policy(partition, now),
            Some(end) if end.offset >= from => assigned.phase = Phase::Fetching,
            diverged if self.settings.auto_offset_reset == ResetPolicy::None => {
                self.with(partition, |assigned, settings| assigned.fail(settings, now));
                let partition = partition.clone();
                self.reports.error(FetchError::LogTruncated { partition, offset: from, diverged });
            }
            None => self.reset_by_policy(partition, now),
            Some(end) => {
                self.jump(partition, end);
                self.with(partition, |assigned, _| assigned.leader = Some(leader));
                let partition = partition.clone();
                self.reports.notice(FetchNotice::Truncated { partition, from, to: end.offset });
            }
        }
    }

    /// The leader is too old to say whether its log is what was read.
    pub(super) fn validation_is_impossible(&mut self, partition: &TopicPartition, now: Instant) {
        match self.partitions.get_mut(partition) {
            Some(Assigned { phase: Phase::NeedsValidation { then_reset: true }, .. }) => {
                self.reset_by_policy(partition, now);
            }
            Some(assigned) => assigned.phase = Phase::Fetching,
            None => {}
        }
    }

    /// A question for an offset got no answer, or an error; it is asked again after the back-off.
    pub(super) fn offset_request_failed(
        &mut self,
        partition: &TopicPartition,
        position_epoch: u64,
        error: Option<ErrorCode>,
        now: Instant,
    ) {
        if self.current(partition, position_epoch).is_none() {
            return;
        }
        self.with(partition, |assigned, settings| {
            assigned.asking = false;
            assigned.fail(settings, now);
        });
        if let Some(error) = error {
            let partition = partition.clone();
            self.reports.error(FetchError::Broker { partition, offset: None, error });
        }
    }

    pub(super) fn fail(&mut self, partition: &TopicPartition, now: Instant) {
        self.with(partition, |assigned, settings| assigned.fail(settings, now));
    }

    fn current(&mut self, partition: &TopicPartition, position_epoch: u64) -> Option<&mut Assigned> {
        self.partitions.get_mut(partition).filter(|assigned| assigned.position_epoch == position_epoch)
    }

    fn with(&mut self, partition: &TopicPartition, change: impl FnOnce(&mut Assigned, &FetchSettings)) {
        if let Some(assigned) = self.partitions.get_mut(partition) {
            change(assigned, &self.settings);
        }
    }
}

/// Where the reset policy leads; `None` where it leads nowhere.
fn reset_to(settings: &FetchSettings, clock: &WallClock, now: Instant) -> Option<ResetTo> {
    match settings.auto_offset_reset {
        ResetPolicy::Earliest => Some(ResetTo::Earliest),
        ResetPolicy::Latest => Some(ResetTo::Latest),
        ResetPolicy::ByDuration(duration) => {
            let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            // Negative timestamps mean something else on the wire.
            Some(ResetTo::Timestamp(clock.unix_ms(now).saturating_sub(ms).max(0)))
        }
        ResetPolicy::None => None,
    }
}
