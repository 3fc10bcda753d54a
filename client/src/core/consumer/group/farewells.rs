//! Requests that leave the group: each waits until the coordinator takes it, and is sent again to the next one if that one
//! has moved, or the others in the group would wait for the end of a session.

use std::collections::VecDeque;
use std::time::Instant;

use milena_protocol::{Api, ErrorCode, RequestBody, ResponseBody};

use super::Answered;
use crate::core::classic_membership::leave_request;
use crate::core::consumer::{Core, Tag};

/// A request that leaves the group.
#[derive(Debug)]
pub(in super::super) struct Farewell {
    api: Api,
    /// In the newest form.
    body: RequestBody,
    /// After this the coordinator has found out by itself.
    until: Instant,
}

/// Those that were not answered yet.
#[derive(Debug, Default)]
pub(in super::super) struct Farewells {
    waiting: VecDeque<Farewell>,
    in_flight: usize,
}

impl Farewells {
    /// Whether the coordinator is needed for any.
    pub(super) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether any is still to be sent or answered.
    pub(super) fn are_to_come(&self) -> bool {
        self.are_waiting() || self.in_flight > 0
    }
}

impl Core {
    /// Sends this request as soon as the coordinator takes it.
    pub(super) fn say_farewell(&mut self, api: Api, body: RequestBody, now: Instant) {
        let Some(group) = &mut self.group else { return };
        let until = self.closing.as_ref().map_or(now + group.session_timeout, |closing| closing.deadline);
        group.farewells.waiting.push_back(Farewell { api, body, until });
        self.send_farewells(now);
    }

    pub(in super::super) fn send_farewells(&mut self, now: Instant) {
        let Some(group) = &mut self.group else { return };
        group.farewells.waiting.retain(|farewell| farewell.until > now);
        if !group.farewells.are_waiting() {
            return;
        }
        let Some(versions) = self.coordinator_versions(now) else { return };
        while let Some(group) = &mut self.group
            && let Some(farewell) = group.farewells.waiting.pop_front()
        {
            let api = farewell.api;
            let Some(version) = versions.newest(api) else { continue };
            let body = match farewell.body.clone() {
                RequestBody::LeaveGroup(request) => leave_request(request, version).into(),
                body => body,
            };
            group.farewells.in_flight += 1;
            self.send_to_coordinator((api, version), body, Tag::Leave(Box::new(farewell)), now);
        }
    }

    pub(in super::super) fn leave_answered(&mut self, farewell: Farewell, answer: Answered, now: Instant) {
        let Some(group) = &mut self.group else { return };
        group.farewells.in_flight -= 1;
        let error = match answer {
            Ok((_, ResponseBody::LeaveGroup(response))) => response.error_code,
            Ok((_, ResponseBody::ConsumerGroupHeartbeat(response))) => response.error_code,
            Ok(_) => ErrorCode::NONE,
            Err(_) => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        };
        let has_moved = matches!(
            error,
            ErrorCode::NOT_COORDINATOR
                | ErrorCode::COORDINATOR_NOT_AVAILABLE
                | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        );
        // Under the consumer protocol the id is that of the next membership too, which must not be left by mistake.
        let is_for_good = self.closing.is_some() || farewell.api == Api::LeaveGroup;
        if has_moved && is_for_good {
            group.farewells.waiting.push_front(farewell);
            self.lose_coordinator(now);
        }
    }
}
