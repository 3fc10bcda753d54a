//! Which broker coordinates the consumer group.
//!
//! ```text
//!               asked               found
//!   Unknown ------------> Asking ----------> Known
//!     ^  ^                  |                  |
//!     |  +-- error, lost ---+                  |
//!     +-- NOT_COORDINATOR, its connection lost +
//! ```
//! A coordinator that has worked and is gone is looked for again at once (A16). One that never worked since it was
//! found is looked for after a back-off: brokers may not agree yet on who it is.

use std::time::{Duration, Instant};

use milena_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use milena_protocol::{ErrorCode, Str};

use super::backoff::Backoff;
use super::metadata::Address;
use super::rng::Rng;

/// The first version that asks about several groups at once (KIP-699).
const BATCH: i16 = 4;

#[derive(Debug)]
pub(super) struct Coordinator {
    group_id: Str,
    state: State,
    backoff: Backoff,
}

#[derive(Debug)]
enum State {
    Unknown { not_before: Option<Instant> },
    Asking,
    Known { address: Address, proven: bool },
}

impl Coordinator {
    pub(super) fn new(group_id: Str, retry_backoff: Duration, retry_backoff_max: Duration) -> Self {
        let state = State::Unknown { not_before: None };
        Coordinator { group_id, state, backoff: Backoff::new(retry_backoff, retry_backoff_max) }
    }

    /// Whose coordinator it is (`group.id`).
    pub(super) fn group_id(&self) -> &Str {
        &self.group_id
    }

    /// Where it is, if that is known.
    pub(super) fn address(&self) -> Option<&Address> {
        match &self.state {
            State::Known { address, .. } => Some(address),
            _ => None,
        }
    }

    /// Whether some broker should be asked now.
    pub(super) fn wants_request(&self, now: Instant) -> bool {
        matches!(&self.state, State::Unknown { not_before } if not_before.is_none_or(|at| at <= now))
    }

    /// When a back-off ends.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Unknown { not_before } => not_before.filter(|at| *at > now),
            _ => None,
        }
    }

    /// The question, which goes out now.
    pub(super) fn request(&mut self, version: i16) -> FindCoordinatorRequest {
        self.state = State::Asking;
        let mut request = FindCoordinatorRequest::default();
        if version >= BATCH {
            request.coordinator_keys = vec![self.group_id.clone()];
        } else {
            request.key = self.group_id.clone();
        }
        request
    }

    /// The answer.
    ///
    /// # Errors
    /// One that asking again will not mend, such as GROUP_AUTHORIZATION_FAILED. It is asked again all the same, after
    /// a back-off.
    pub(super) fn answered(
        &mut self,
        response: &FindCoordinatorResponse,
        version: i16,
        rng: &mut Rng,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        if !matches!(self.state, State::Asking) {
            return Ok(());
        }
        let (error, host, port) = if version >= BATCH {
            let ours = response.coordinators.iter().find(|coordinator| coordinator.key == self.group_id);
            match ours {
                Some(ours) => (ours.error_code, &ours.host, ours.port),
                None => (ErrorCode::COORDINATOR_NOT_AVAILABLE, &response.host, 0),
            }
        } else {
            (response.error_code, &response.host, response.port)
        };
        let port = u16::try_from(port).ok().filter(|port| *port != 0);
        match (error.ok(), port) {
            (Ok(()), Some(port)) => {
                let address = Address { host: host.detached(), port };
                self.state = State::Known { address, proven: false };
                Ok(())
            }
            (error, _) => {
                self.fail(rng, now);
                error.or_else(|error| if error.is_retriable() { Ok(()) } else { Err(error) })
            }
        }
    }

    /// There was no answer.
    pub(super) fn unanswered(&mut self, rng: &mut Rng, now: Instant) {
        if matches!(self.state, State::Asking) {
            self.fail(rng, now);
        }
    }

    fn fail(&mut self, rng: &mut Rng, now: Instant) {
        self.state = State::Unknown { not_before: Some(now + self.backoff.fail(rng)) };
    }

    /// It did what a coordinator does.
    pub(super) fn works(&mut self) {
        if let State::Known { proven, .. } = &mut self.state {
            *proven = true;
            self.backoff.succeed();
        }
    }

    /// It is no longer the coordinator, or cannot be reached.
    pub(super) fn lose(&mut self, rng: &mut Rng, now: Instant) {
        match self.state {
            State::Known { proven: true, .. } => self.state = State::Unknown { not_before: None },
            State::Known { proven: false, .. } => self.fail(rng, now),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use milena_protocol::messages::find_coordinator::Coordinator as Answer;

    use super::*;
    use crate::core::test_support::{T, start};

    fn coordinator() -> (Coordinator, Rng) {
        (Coordinator::new("g".into(), 100 * T, 1_000 * T), Rng::new(1))
    }

    fn batch_answer(key: &str, error: ErrorCode, port: i32) -> FindCoordinatorResponse {
        let mut ours = Answer::default();
        (ours.key, ours.error_code, ours.host, ours.port) = (key.into(), error, "host".into(), port);
        let mut response = FindCoordinatorResponse::default();
        response.coordinators = vec![ours];
        response
    }

    fn single_answer(error: ErrorCode, port: i32) -> FindCoordinatorResponse {
        let mut response = FindCoordinatorResponse::default();
        (response.error_code, response.host, response.port) = (error, "host".into(), port);
        response
    }

    #[test]
    fn old_and_new_versions_name_the_group_and_the_broker_in_their_own_fields() {
        let now = start();
        for (version, answer) in
            [(3, single_answer(ErrorCode::NONE, 9)), (4, batch_answer("g", ErrorCode::NONE, 9))]
        {
            let (mut coordinator, mut rng) = coordinator();
            assert!(coordinator.wants_request(now));
            let request = coordinator.request(version);
            assert_eq!(request.key.is_empty(), version >= 4);
            assert_eq!(request.coordinator_keys.is_empty(), version < 4);
            assert!(!coordinator.wants_request(now));
            coordinator.answered(&answer, version, &mut rng, now).unwrap();
            assert_eq!(coordinator.address().unwrap().port, 9);
        }
    }

    #[test]
    fn a_retriable_error_is_asked_again_after_a_back_off() {
        let now = start();
        let answers = [
            batch_answer("g", ErrorCode::COORDINATOR_NOT_AVAILABLE, -1),
            batch_answer("other", ErrorCode::NONE, 9),
            batch_answer("g", ErrorCode::NONE, 0),
        ];
        for answer in answers {
            let (mut coordinator, mut rng) = coordinator();
            coordinator.request(4);
            coordinator.answered(&answer, 4, &mut rng, now).unwrap();
            assert!(!coordinator.wants_request(now));
            let again = coordinator.deadline(now).unwrap();
            assert!(coordinator.wants_request(again) && again <= now + 120 * T);
        }
    }

    #[test]
    fn a_final_error_is_told() {
        let (mut coordinator, mut rng) = coordinator();
        coordinator.request(4);
        let answer = batch_answer("g", ErrorCode::GROUP_AUTHORIZATION_FAILED, -1);
        let told = coordinator.answered(&answer, 4, &mut rng, start());
        assert_eq!(told, Err(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    }

    #[test]
    fn a16_a_coordinator_that_worked_and_is_gone_is_looked_for_at_once() {
        let now = start();
        let (mut coordinator, mut rng) = coordinator();
        coordinator.request(4);
        coordinator.answered(&batch_answer("g", ErrorCode::NONE, 9), 4, &mut rng, now).unwrap();
        coordinator.works();
        coordinator.lose(&mut rng, now);
        assert!(coordinator.wants_request(now));
        assert_eq!(coordinator.address(), None);

        coordinator.request(4);
        coordinator.answered(&batch_answer("g", ErrorCode::NONE, 9), 4, &mut rng, now).unwrap();
        coordinator.lose(&mut rng, now);
        assert!(!coordinator.wants_request(now), "found and lost without having worked");
    }
}
