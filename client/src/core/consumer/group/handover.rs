//! Partitions change hands: what goes is committed, the rebalance listener is told, and only then does it go; what comes is
//! told last.
//!
//! ```text
//!             committed, or         acknowledged, or
//!             the deadline          nothing to tell
//!   Committing -----------> Telling ---------------> gone: what was to follow follows
//! ```
//! Nothing that is about to go is fetched or delivered any more, or the commit would not be the last word. Until it has
//! gone it is the consumer's: the listener can commit it, under the generation in which it was read.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::core::commits::{Commit, Why};
use crate::core::consumer::Core;
use crate::core::io::{Action, Rebalance, RebalanceId, RebalanceKind, Update};
use crate::core::member::Change;
use crate::core::membership::Membership;
use crate::core::topic_partition::TopicPartition;

/// What changes hands, and how far that is.
#[derive(Debug)]
pub(in super::super) struct Handover {
    then: Then,
    stage: Stage,
    deadline: Instant,
}

/// What a handover is for.
#[derive(Debug)]
pub(in super::super) enum Then {
    /// A JoinGroup. Which partitions go before it depends on the protocol.
    Join,
    /// A new assignment, under the classic protocol.
    TakeOver(Change),
    /// The same under the consumer protocol.
    Reconcile(Change),
    /// The membership is over already, and what it brought is lost.
    Release,
    /// Leaving the group, for now or for good.
    Leave,
}

#[derive(Debug)]
enum Stage {
    Committing,
    Telling { gone: Vec<TopicPartition> },
}

impl Handover {
    /// When it goes on whether or not the commit is through.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What is given up too late, because this member has missed a generation: a commit of it could undo another member's.
    pub(in super::super) fn lost(&self) -> Option<&[TopicPartition]> {
        match &self.then {
            Then::TakeOver(change) if change.is_lost => Some(&change.revoked),
            _ => None,
        }
    }
}

impl Core {
    /// Whether partitions change hands, or the listener has not yet acknowledged that some did.
    pub(in super::super) fn is_handing_over(&self) -> bool {
        self.handover.is_some() || self.telling.is_some()
    }

    /// Begins with what has to be done before `then`.
    pub(super) fn hand_over(&mut self, then: Then, now: Instant) {
        let owned = self.owned();
        let mut offsets = self.consumed_offsets();
        let Some(group) = &mut self.group else { return self.let_go(then, owned.into_iter().collect(), now) };
        let is_member = group.membership.is_stable();
        let may_commit = is_member || self.subscription.is_manual();
        let is_eager = group.membership.classic().is_some_and(|membership| membership.is_eager());
        let mut deadline = now + group.membership.rebalance_timeout();
        let goes: Vec<TopicPartition> = match &then {
            Then::Join if is_member && !is_eager => vec![],
            Then::Join | Then::Release => owned.into_iter().collect(),
            Then::TakeOver(change) => {
                // They were read from while the group rebalanced. Nobody else has them before this member joins again,
                // unless it has missed something.
                let revoked: BTreeSet<&TopicPartition> = change.revoked.iter().collect();
                offsets.retain(|partition, _| !change.is_lost && revoked.contains(partition));
                group.commits.auto_restart(now);
                change.revoked.clone()
            }
            Then::Reconcile(change) => {
                group.commits.auto_restart(now);
                change.revoked.clone()
            }
            Then::Leave => {
                let closing = self.closing.as_ref().map(|closing| closing.deadline);
                deadline = closing.unwrap_or(now + self.default_api_timeout);
                owned.into_iter().collect()
            }
        };
        if may_commit && group.commits.is_automatic() && !offsets.is_empty() {
            self.push_commit(Commit::new(Why::Handover, offsets, now, deadline));
        }
        self.withhold(&goes);
        self.handover = Some(Handover { then, stage: Stage::Committing, deadline });
        self.go_on_handing_over(now);
    }

    /// Nothing more of these is fetched, and nothing that has been is delivered.
    fn withhold(&mut self, goes: &[TopicPartition]) {
        let news = self.fetching.withhold(goes);
        if !news.is_empty() {
            self.outbox.push_back(Action::Update(Update::Withheld(news)));
        }
    }

    /// Goes on with what has begun.
    pub(in super::super) fn go_on_handing_over(&mut self, now: Instant) {
        let Some(Handover { then, stage, deadline }) = self.handover.take() else { return };
        let is_committing = self.group.as_ref().is_some_and(|group| group.commits.has_handover());
        match stage {
            Stage::Committing if is_committing && now < deadline => {
                self.handover = Some(Handover { then, stage, deadline });
            }
            Stage::Committing => {
                let gone = self.tell_what_goes(&then, now);
                self.handover = Some(Handover { then, stage: Stage::Telling { gone }, deadline });
                self.go_on_handing_over(now);
            }
            Stage::Telling { .. } if self.telling.is_some() => {
                self.handover = Some(Handover { then, stage, deadline });
            }
            Stage::Telling { gone } => self.let_go(then, gone, now),
        }
    }

    /// Which partitions go, now that the commit is through; the listener is told.
    fn tell_what_goes(&mut self, then: &Then, now: Instant) -> Vec<TopicPartition> {
        let owned = self.owned();
        let Some(group) = &mut self.group else { return Vec::new() };
        let (gone, is_lost, is_told) = match (then, &mut group.membership) {
            (Then::Join, Membership::Classic(membership)) => {
                let (gone, is_lost) = membership.prepare(&owned, self.subscription.topics());
                // As in Java: under the eager protocol also when nothing was owned.
                let is_told = !gone.is_empty() || membership.is_eager() && !is_lost;
                (gone, is_lost, is_told)
            }
            // The membership has ended meanwhile, and with it more than this.
            (Then::Reconcile(_), Membership::Consumer(membership)) if !membership.is_reconciling() => {
                return Vec::new();
            }
            (Then::TakeOver(change) | Then::Reconcile(change), _) => {
                (change.revoked.clone(), change.is_lost, !change.revoked.is_empty())
            }
            (Then::Join | Then::Release | Then::Leave, membership) => {
                let gone: Vec<TopicPartition> = owned.into_iter().collect();
                // Who chose the partitions itself need not be told.
                let is_told = !gone.is_empty() && !self.subscription.is_manual();
                (gone, !membership.is_stable(), is_told)
            }
        };
        // The membership may have ended during the commit: then more goes than was to.
        self.withhold(&gone);
        if is_told {
            let kind = if is_lost { RebalanceKind::Lost } else { RebalanceKind::Revoked };
            self.tell(kind, gone.clone(), now);
        }
        gone
    }

    fn let_go(&mut self, then: Then, gone: Vec<TopicPartition>, now: Instant) {
        match then {
            Then::Reconcile(_) if !self.is_reconciling() => self.give_up(gone),
            Then::TakeOver(change) => {
                self.change_assignment(change.assigned, change.added.clone(), gone);
                self.tell(RebalanceKind::Assigned, change.added, now);
            }
            Then::Reconcile(change) => {
                self.change_assignment(change.assigned, change.added.clone(), gone);
                self.reconciled(now);
                self.tell(RebalanceKind::Assigned, change.added, now);
            }
            Then::Join | Then::Release => self.give_up(gone),
            Then::Leave => {
                self.give_up(gone);
                self.handed_over_all(now);
            }
        }
    }

    fn give_up(&mut self, gone: Vec<TopicPartition>) {
        let mut kept = self.owned();
        for partition in &gone {
            kept.remove(partition);
        }
        self.change_assignment(kept, Vec::new(), gone);
    }

    pub(super) fn change_assignment(
        &mut self,
        assigned: BTreeSet<TopicPartition>,
        added: Vec<TopicPartition>,
        removed: Vec<TopicPartition>,
    ) {
        if let Some(group) = &mut self.group {
            group.assignment += 1;
            group.commits.partitions_go(&removed, group.membership.generation());
        }
        if !added.is_empty() || !removed.is_empty() {
            let epoch = self.fetching.last_position_epoch();
            self.outbox.push_back(Action::Update(Update::Assignment { added, removed, epoch }));
        }
        self.fetching.assign(&assigned);
    }

    fn tell(&mut self, kind: RebalanceKind, partitions: Vec<TopicPartition>, now: Instant) {
        self.last_rebalance.0 += 1;
        let id = self.last_rebalance;
        let deadline = self.rebalance_deadline(now);
        let is_abandoned = self.closing.as_ref().is_some_and(|closing| closing.is_abandoned);
        self.telling = (!is_abandoned).then_some(id);
        let rebalance = Rebalance { id, kind, partitions, deadline };
        self.outbox.push_back(Action::Update(Update::Rebalance(rebalance)));
    }

    /// Until when the listener has to be done.
    fn rebalance_deadline(&self, now: Instant) -> Instant {
        match (&self.closing, &self.group) {
            (Some(closing), _) => closing.deadline,
            (None, Some(group)) => now + group.membership.rebalance_timeout(),
            (None, None) => now,
        }
    }

    /// The listener is done.
    pub(in super::super) fn acknowledged(&mut self, id: RebalanceId) {
        self.telling.take_if(|telling| *telling == id);
    }
}
