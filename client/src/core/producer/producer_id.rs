//! The id under which brokers count what an idempotent producer sends (KIP-98), and its epoch (KIP-360).
//!
//! ```text
//!             due                     answered
//!   Unknown -------> Asking ---------------------> Known --+ bump: the next epoch, without asking
//!      ^               |                             |  ^__|
//!      +--- failed ----+                             |
//!      +--- no epoch left ---------------------------+
//! ```

use std::time::Instant;

use milena_protocol::messages::InitProducerIdRequest;
use milena_protocol::messages::InitProducerIdResponse;

use crate::Error;
use crate::core::backoff::Backoff;
use crate::core::rng::Rng;

/// What sequence numbers count under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerIds {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

#[derive(Debug)]
enum State {
    Unknown { not_before: Option<Instant> },
    Asking,
    Known(ProducerIds),
}

#[derive(Debug)]
pub(super) struct ProducerId {
    state: State,
    backoff: Backoff,
}

impl ProducerId {
    pub(super) fn new(backoff: Backoff) -> Self {
        ProducerId { state: State::Unknown { not_before: None }, backoff }
    }

    pub(super) fn known(&self) -> Option<ProducerIds> {
        if let State::Known(ids) = self.state { Some(ids) } else { None }
    }

    /// When to ask; `None` while that is under way or done.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        if let State::Unknown { not_before } = self.state { Some(not_before.unwrap_or(now)) } else { None }
    }

    pub(super) fn request(&mut self) -> InitProducerIdRequest {
        self.state = State::Asking;
        let mut request = InitProducerIdRequest::default();
        request.transactional_id = None;
        request.transaction_timeout_ms = i32::MAX;
        (request.producer_id, request.producer_epoch) = (-1, -1);
        request
    }

    /// # Errors
    /// When the broker refused it. It may be asked again, after a while.
    pub(super) fn answered(
        &mut self,
        answer: &InitProducerIdResponse,
        rng: &mut Rng,
        now: Instant,
    ) -> Result<(), Error> {
        let code = answer.error_code;
        if code.is_none() {
            self.backoff.succeed();
            self.state = State::Known(ProducerIds { id: answer.producer_id, epoch: answer.producer_epoch });
            return Ok(());
        }
        self.failed(rng, now);
        match code.is_retriable() {
            true => Ok(()),
            false => Err(Error::Broker { doing: "asking for a producer id", code }),
        }
    }

    /// There is none, for now.
    pub(super) fn failed(&mut self, rng: &mut Rng, now: Instant) {
        self.state = State::Unknown { not_before: Some(now + self.backoff.fail(rng)) };
    }

    /// Begins a new epoch, or asks for another id where there is none left. `None` while it is not known.
    pub(super) fn bump(&mut self) -> Option<ProducerIds> {
        let State::Known(ids) = &mut self.state else { return None };
        match ids.epoch.checked_add(1) {
            // The broker takes the last one for itself.
            Some(epoch) if epoch < i16::MAX => {
                ids.epoch = epoch;
                Some(*ids)
            }
            _ => {
                self.state = State::Unknown { not_before: None };
                None
            }
        }
    }
}
