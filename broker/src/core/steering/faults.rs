//! The faults that wait for their requests, and the requests that have met one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use milena_protocol::{Request, ResponseBody};

use super::fault::{Aftermath, Effect, Fault};
use super::{SteerError, Steered};
use crate::core::Core;
use crate::core::io::Action;
use crate::core::requests::{Context, Outcome, Ticket};

/// How many faults there can be at a time, those that have struck for the last time included.
const MOST_FAULTS: usize = 10_000;

/// A fault that was told to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(u64);

#[derive(Debug)]
struct Scripted {
    fault: Fault,
    /// How many requests have counted.
    counted: u64,
    fired: u64,
}

/// All faults.
#[derive(Debug, Default)]
pub(in crate::core) struct Faults {
    scripted: BTreeMap<FaultId, Scripted>,
    next_id: u64,
    /// Requests under way whose answers do not simply leave.
    aftermaths: BTreeMap<Ticket, Aftermath>,
    /// Answers that leave later.
    delayed: BTreeMap<Ticket, (Instant, ResponseBody)>,
    due: BTreeSet<(Instant, Ticket)>,
}

impl Faults {
    /// What happens to a request, if something does.
    fn strike(&mut self, request: &Request, node_id: i32) -> Option<Effect> {
        for scripted in self.scripted.values_mut() {
            let matching = &scripted.fault.matching;
            if scripted.fired >= matching.times || !matching.counts(request, node_id) {
                continue;
            }
            scripted.counted += 1;
            if scripted.counted >= matching.first {
                scripted.fired += 1;
                return Some(scripted.fault.effect.clone());
            }
        }
        None
    }

    /// The answers that leave by now.
    pub fn take_due(&mut self, now: Instant) -> Vec<(Ticket, ResponseBody)> {
        let mut due = Vec::new();
        while let Some((at, ticket)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, ticket));
            due.extend(self.delayed.remove(&ticket).map(|(_, body)| (ticket, body)));
        }
        due
    }

    /// When the next one leaves.
    pub fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The connection of a request is gone.
    pub fn given_up(&mut self, ticket: Ticket) {
        self.aftermaths.remove(&ticket);
        if let Some((at, _)) = self.delayed.remove(&ticket) {
            self.due.remove(&(at, ticket));
        }
    }
}

impl Core {
    /// How often a fault has struck; 0 where there is no such fault any more.
    pub fn fired(&self, fault: FaultId) -> u64 {
        self.faults.scripted.get(&fault).map_or(0, |scripted| scripted.fired)
    }

    pub(super) fn add_fault(&mut self, fault: Fault) -> Result<Steered, SteerError> {
        let faults = &mut self.faults;
        if faults.scripted.len() >= MOST_FAULTS {
            return Err(SteerError::TooMany { count: MOST_FAULTS + 1, most: MOST_FAULTS });
        }
        let id = FaultId(faults.next_id);
        faults.next_id += 1;
        faults.scripted.insert(id, Scripted { fault, counted: 0, fired: 0 });
        Ok(Steered::Fault(id))
    }

    pub(super) fn remove_fault(&mut self, fault: FaultId) -> Steered {
        let removed = self.faults.scripted.remove(&fault);
        Steered::Removed { fired: removed.map_or(0, |scripted| scripted.fired) }
    }

    /// Lets a request meet its fault. Gives back what comes of it, if that is decided already.
    pub(in crate::core) fn strike(&mut self, context: &Context<'_>, request: &Request) -> Option<Outcome> {
        let has_answer = request.expects_response();
        match self.faults.strike(request, context.node_id)? {
            Effect::Answer(_) if !has_answer => Some(Outcome::Silence),
            Effect::Answer(body) => Some(Outcome::Answer(body)),
            // Who waits for no answer learns of an error by being cut off.
            Effect::Fail(_) if !has_answer => Some(Outcome::Close),
            Effect::Fail(code) => Some(match &request.body {
                milena_protocol::RequestBody::Fetch(fetch) => {
                    self.fetching.fail(&self.cluster, context, fetch, code).into()
                }
                body => body
                    .refuse(context.version, code)
                    .map_or(Outcome::Close, |body| Outcome::Answer(Box::new(body))),
            }),
            // It stays under way, and so holds up its connection.
            Effect::DropRequest => Some(Outcome::Later),
            Effect::Disconnect => Some(Outcome::Close),
            Effect::Then(aftermath) => {
                self.faults.aftermaths.insert(context.ticket, aftermath);
                None
            }
        }
    }

    /// Does to an answer what a fault has in mind for it. Gives the answer back if that is nothing.
    pub(in crate::core) fn suffer(
        &mut self,
        ticket: Ticket,
        mut body: ResponseBody,
        now: Instant,
    ) -> Option<ResponseBody> {
        let Some(aftermath) = self.faults.aftermaths.remove(&ticket) else { return Some(body) };
        match aftermath {
            Aftermath::Delay(delay) => match now.checked_add(delay) {
                Some(at) => {
                    self.faults.due.insert((at, ticket));
                    self.faults.delayed.insert(ticket, (at, body));
                }
                // Later than ever.
                None => drop(body),
            },
            Aftermath::Throttle(time_ms) => {
                if let Some(place) = body.throttle_time_ms_mut() {
                    *place = (*place).max(time_ms);
                }
                return Some(body);
            }
            Aftermath::Drop => {}
            Aftermath::Disconnect => {
                if let Some((connection, _)) = self.requests.done(ticket) {
                    self.close(connection);
                }
            }
            Aftermath::Cut(bytes) => {
                if let Some((connection, pairing)) = self.requests.done(ticket) {
                    let response = Box::new(pairing.answer(body));
                    self.lost(connection);
                    self.actions.push_back(Action::SendCut { connection, response, bytes });
                }
            }
        }
        None
    }

    /// A request without an answer has been done: what a fault has in mind for it. Gives back whether that is nothing.
    pub(in crate::core) fn suffer_silence(&mut self, ticket: Ticket, now: Instant) -> bool {
        match self.faults.aftermaths.remove(&ticket) {
            Some(Aftermath::Throttle(time_ms)) => {
                self.mute(ticket, time_ms, now);
                true
            }
            Some(Aftermath::Disconnect | Aftermath::Cut(_)) => {
                if let Some((connection, _)) = self.requests.done(ticket) {
                    self.close(connection);
                }
                false
            }
            _ => true,
        }
    }
}
