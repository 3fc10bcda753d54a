//! Connections that are not read for as long as an answer tells its client to hold back (`throttle_time_ms`, KIP-219).

use std::time::{Duration, Instant};

use super::Core;
use super::requests::Ticket;

impl Core {
    /// Holds back the connection of a request: its answer leaves, and the next request is not taken up before this time is
    /// over.
    pub(super) fn mute(&mut self, ticket: Ticket, throttle_time_ms: i32, now: Instant) {
        if throttle_time_ms > 0 {
            let until = now.checked_add(Duration::from_millis(throttle_time_ms.unsigned_abs().into()));
            self.requests.mute(ticket, until.unwrap_or(now));
        }
    }
}
