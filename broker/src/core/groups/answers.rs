//! Answers on their way to those who asked: at once, or when a group has come further.

use std::collections::BTreeSet;

use milena_protocol::ResponseBody;

use crate::core::requests::{Context, Ticket};

/// A request that waits for the group: whom to answer, and in which version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    ticket: Ticket,
    pub(super) version: i16,
}

/// What the core has not yet taken, and who still waits.
#[derive(Debug, Default)]
pub(super) struct Answers {
    ready: Vec<(Ticket, ResponseBody)>,
    parked: BTreeSet<Ticket>,
}

impl Answers {
    /// Answers the request that is being handled.
    pub(super) fn now(&mut self, context: &Context<'_>, body: impl Into<ResponseBody>) {
        self.ready.push((context.ticket, body.into()));
    }

    /// Lets the request that is being handled wait.
    pub(super) fn park(&mut self, context: &Context<'_>) -> Waiting {
        self.parked.insert(context.ticket);
        Waiting { ticket: context.ticket, version: context.version }
    }

    /// Answers a request that has waited, unless its connection is gone.
    pub(super) fn later(&mut self, waiting: Waiting, body: impl Into<ResponseBody>) {
        if self.parked.remove(&waiting.ticket) {
            self.ready.push((waiting.ticket, body.into()));
        }
    }

    /// Never answers a request that has waited.
    pub(super) fn forget(&mut self, waiting: Waiting) {
        self.parked.remove(&waiting.ticket);
    }

    /// Nobody waits for this answer any more. The group goes on as if somebody did: Kafka does not see that a
    /// connection is closed while a request of it waits.
    pub(super) fn given_up(&mut self, ticket: Ticket) {
        self.parked.remove(&ticket);
        self.ready.retain(|(ready, _)| *ready != ticket);
    }

    pub(super) fn take(&mut self) -> Vec<(Ticket, ResponseBody)> {
        std::mem::take(&mut self.ready)
    }
}
