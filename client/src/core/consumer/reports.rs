//! What the consumer has for the log.

use super::Core;
use crate::core::io::{Action, Update};
use crate::core::metadata::Address;
use crate::core::network::{Failure, FailureKind};
use crate::core::report::Report;

/// What was reported last, so that only changes are.
#[derive(Debug, Default)]
pub(super) struct Reported {
    coordinator: Option<Address>,
    generation: Option<i32>,
}

impl Core {
    pub(super) fn report(&mut self, report: Report) {
        self.outbox.push_back(Action::Report(report));
    }

    /// A connection was lost. An idle one is nobody's trouble.
    pub(super) fn report_lost(&mut self, Failure { peer, address, reason, kind, .. }: Failure) {
        if kind == FailureKind::Idle {
            return self.report(Report::Idle { peer, address });
        }
        let again = kind == FailureKind::Again;
        self.outbox.push_back(Action::Update(Update::Disconnected { address, reason, again }));
    }

    /// The coordinator and the generation, whenever they have changed.
    pub(super) fn report_group(&mut self) {
        let Some(group) = &self.group else { return };
        let coordinator = group.coordinator.address().cloned();
        if self.reported.coordinator != coordinator {
            self.reported.coordinator.clone_from(&coordinator);
            if let Some(address) = coordinator {
                self.outbox.push_back(Action::Report(Report::CoordinatorFound { address }));
            }
        }
        let generation = group.membership.joined();
        if self.reported.generation != generation.map(|generation| generation.id) {
            self.reported.generation = generation.map(|generation| generation.id);
            if let Some(generation) = generation {
                let (generation, member_id) = (generation.id, generation.member_id.clone());
                self.outbox.push_back(Action::Report(Report::Joined { generation, member_id }));
            }
        }
    }
}
