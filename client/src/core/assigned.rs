//! One partition that the consumer has: where it is read, what it needs next, and what of it the application does not
//! have yet. The diagram of its phases is in [`positions`](super::positions).

use std::collections::VecDeque;
use std::time::Instant;

use milena_protocol::Uuid;

use super::fetch_report::Place;
use super::fetch_settings::{FetchSettings, IsolationLevel};
use super::metadata::Leader;

/// How many full answers of a partition are held: one that the application is at, and one to follow.
const FULL_ANSWERS: usize = 2;

/// What a partition needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// To know the group's committed offset.
    NeedsCommitted,
    /// An offset, looked up by the reset policy.
    NeedsReset(ResetTo),
    /// To know whether its log still is what was read (KIP-320). `then_reset`: the offset is out of range, so if the
    /// log is the same it has to be reset.
    NeedsValidation { then_reset: bool },
    /// Records.
    Fetching,
}

/// A place in the log that has to be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetTo {
    /// The first record.
    Earliest,
    /// Behind the last record.
    Latest,
    /// The first record that is not older than this, in milliseconds since 1970; behind the last one where all are.
    Timestamp(i64),
}

/// A partition that the consumer has.
#[derive(Debug)]
pub(super) struct Assigned {
    pub(super) position_epoch: u64,
    pub(super) phase: Phase,
    /// Up to here the application has its records. Means something from `NeedsValidation` on.
    pub(super) position: Place,
    /// Up to here records have been fetched.
    pub(super) fetched: Place,
    /// The leader under which the position is known to be good.
    pub(super) leader: Option<Leader>,
    /// The position is of a newer epoch than the leader that is known; a newer leader is waited for until then.
    pub(super) newer_leader_by: Option<Instant>,
    pub(super) topic_id: Uuid,
    /// Since when, as a number that grows; `None` when it is not paused.
    pub(super) paused: Option<u64>,
    /// It is about to go: nothing more of it is fetched.
    pub(super) withheld: bool,
    /// What was fetched last cannot be read to its end: nothing is fetched behind it.
    pub(super) blocked: bool,
    /// A replica that the leader told us to read from, and until when (KIP-392).
    preferred: Option<(i32, Instant)>,
    pub(super) retry_at: Option<Instant>,
    failures: u32,
    /// The broker that it is to be read from, by node id.
    pub(super) source: Option<i32>,
    /// Whether a request for an offset of it is under way.
    pub(super) asking: bool,
    /// The bytes that its next batch is known to take, where that is more than is usually asked for.
    pub(super) batch_bytes: Option<i32>,
    pub(super) high_watermark: Option<i64>,
    pub(super) last_stable_offset: Option<i64>,
    pub(super) log_start_offset: Option<i64>,
    /// What lies between `position` and `fetched`, in order.
    pub(super) held: VecDeque<Held>,
    /// The sum of their bytes: what was fetched and the application does not have yet.
    pub(super) held_bytes: usize,
    /// The offset that is being reset because it is out of range.
    pub(super) out_of_range: Option<i64>,
    /// The end of the log, for a reset by time that finds no record. It is asked for first: records that come between
    /// the two questions are young enough.
    pub(super) or_else: Option<Place>,
    /// Nothing was committed, and the offset that the reset finds is to be, unless the application says otherwise.
    pub(super) pin: bool,
    /// The question for the end of the log that the application asks about.
    pub(super) end: EndQuestion,
}

/// Whether the end of the log is asked for, to know the lag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndQuestion {
    No,
    /// To be asked; not before this time, if there is one.
    Due(Option<Instant>),
    Asked,
}

/// Records that the application does not have yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The offset behind them.
    pub(super) end: i64,
    /// The frame that they lie in.
    pub(super) frame: u64,
    pub(super) bytes: usize,
}

pub(super) const NOWHERE: Place = Place { offset: -1, leader_epoch: -1 };

impl Assigned {
    pub(super) fn new(position_epoch: u64) -> Self {
        Assigned {
            position_epoch,
            phase: Phase::NeedsCommitted,
            position: NOWHERE,
            fetched: NOWHERE,
            leader: None,
            newer_leader_by: None,
            topic_id: Uuid::ZERO,
            paused: None,
            withheld: false,
            blocked: false,
            preferred: None,
            retry_at: None,
            failures: 0,
            source: None,
            asking: false,
            batch_bytes: None,
            high_watermark: None,
            last_stable_offset: None,
            log_start_offset: None,
            held: VecDeque::new(),
            held_bytes: 0,
            out_of_range: None,
            or_else: None,
            pin: false,
            end: EndQuestion::No,
        }
    }

    /// Whether the position means something.
    pub(super) fn has_position(&self) -> bool {
        matches!(self.phase, Phase::Fetching | Phase::NeedsValidation { .. })
    }

    /// Whether more of it is to be fetched, as far as the application and what it has decide that.
    pub(super) fn wants_records(&self, settings: &FetchSettings) -> bool {
        let most_held = usize::try_from(settings.max_partition_fetch_bytes).unwrap_or(0);
        self.phase == Phase::Fetching
            && !self.is_paused()
            && !self.withheld
            && !self.blocked
            && self.held_bytes < most_held.saturating_mul(FULL_ANSWERS)
    }

    /// Whether it wants something else than records, or has to wait before it wants any.
    pub(super) fn is_waiting(&self, now: Instant) -> bool {
        self.phase != Phase::Fetching || !self.may_try(now) || matches!(self.end, EndQuestion::Due(_))
    }

    /// Whether a back-off is over.
    pub(super) fn may_try(&self, now: Instant) -> bool {
        self.retry_at.is_none_or(|at| at <= now)
    }

    /// The end of a back-off that is still on.
    pub(super) fn retry_at(&self, now: Instant) -> Option<Instant> {
        let end = match self.end {
            EndQuestion::Due(at) => at,
            EndQuestion::No | EndQuestion::Asked => None,
        };
        self.retry_at.into_iter().chain(end).filter(|at| *at > now).min()
    }

    /// Whether the end of the log is to be asked for now.
    pub(super) fn wants_end(&self, now: Instant) -> bool {
        matches!(self.end, EndQuestion::Due(at) if at.is_none_or(|at| at <= now))
    }

    /// What ListOffsets calls the latest offset.
    pub(super) fn learn_end(&mut self, end: i64, isolation_level: IsolationLevel) {
        match isolation_level {
            IsolationLevel::ReadUncommitted => self.high_watermark = Some(end),
            IsolationLevel::ReadCommitted => self.last_stable_offset = Some(end),
        }
    }

    /// The replica to read from instead of the leader, if there is one, and until when.
    pub(super) fn preferred(&self, now: Instant) -> Option<(i32, Instant)> {
        self.preferred.filter(|(_, until)| now <= *until)
    }

    /// The leader says to read from this replica. It can say so again only when that time has passed.
    pub(super) fn prefer(&mut self, node: i32, until: Instant, now: Instant) {
        if self.preferred(now).is_none_or(|(known, _)| known != node) {
            self.preferred = Some((node, until));
        }
    }

    /// Back to the leader; says whether it was to be another.
    pub(super) fn forget_preferred(&mut self) -> bool {
        self.preferred.take().is_some()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Whether it takes room although nothing of it is delivered.
    pub(super) fn holds_while_paused(&self) -> bool {
        self.is_paused() && !self.held.is_empty()
    }

    /// The frames that they lie in.
    pub(super) fn held_frames(&self) -> impl Iterator<Item = u64> {
        self.held.iter().map(|held| held.frame)
    }

    pub(super) fn hold(&mut self, held: Held) {
        self.held_bytes += held.bytes;
        self.held.push_back(held);
    }

    /// One more failure in a row: wait before trying again.
    pub(super) fn fail(&mut self, settings: &FetchSettings, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + settings.backoff(self.failures));
    }

    /// The end of all failures.
    pub(super) fn succeed(&mut self) {
        self.failures = 0;
        self.retry_at = None;
    }

    /// Whether this leader is one of the past, by the epoch of the position: it cannot know that epoch, and would have the
    /// position reset. So a newer leader is waited for, but no longer than until `by`. Where a topic was created again, or
    /// the application sought an epoch that never was, there will be none.
    pub(super) fn waits_for_newer(&mut self, leader: Leader, by: Instant, now: Instant) -> bool {
        let is_past = leader.epoch >= 0 && self.fetched.leader_epoch > leader.epoch;
        is_past && self.leader != Some(leader) && now < *self.newer_leader_by.get_or_insert(by)
    }

    /// Another leader, or another epoch of the same: whether the log there is what was read has to be asked, unless
    /// nobody can tell, or the newest record that was read is of this very epoch.
    pub(super) fn follow(&mut self, leader: Leader) {
        if self.leader == Some(leader) {
            return;
        }
        let epoch_is_unknown = leader.epoch < 0 || self.fetched.leader_epoch < 0;
        if self.phase == Phase::Fetching && !epoch_is_unknown && self.fetched.leader_epoch != leader.epoch {
            if !self.held.is_empty() {
                // Later, when the application has what was read.
                return;
            }
            self.phase = Phase::NeedsValidation { then_reset: false };
        }
        self.leader = Some(leader);
        self.newer_leader_by = None;
        self.preferred = None;
    }
}
