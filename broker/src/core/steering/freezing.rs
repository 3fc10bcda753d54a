//! Brokers that are halted, as a process by SIGSTOP.

use std::time::Instant;

use super::SteerError;
use crate::core::Core;
use crate::core::io::Action;

impl Core {
    pub(super) fn freeze_broker(&mut self, node_id: i32) -> Result<(), SteerError> {
        if !self.known_broker(node_id)? {
            return Err(SteerError::Stopped { node_id });
        }
        self.requests.freeze(node_id);
        Ok(())
    }

    pub(super) fn thaw_broker(&mut self, node_id: i32, now: Instant) -> Result<(), SteerError> {
        self.known_broker(node_id)?;
        for (connection, held) in self.requests.thaw(node_id) {
            self.actions.extend(held.map(|response| Action::Send { connection, response }));
            self.take_up(connection, now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use milena_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, FetchResponse};

    use crate::core::steering::{Steer, SteerError};
    use crate::core::test_support::*;

    fn steer(sim: &mut Sim, steer: Steer) -> Result<(), SteerError> {
        let steered = sim.core.steer(steer, sim.now).map(drop);
        sim.run();
        steered
    }

    #[test]
    fn a_frozen_broker_takes_requests_and_answers_them_when_it_goes_on() {
        let mut sim = Sim::with_brokers(&[None, None], &[]);
        let (frozen, other) = (sim.connect(1), sim.connect(2));
        steer(&mut sim, Steer::FreezeBroker { node_id: 1 }).unwrap();
        sim.send(frozen, 3, ApiVersionsRequest::default());
        sim.send(frozen, 3, ApiVersionsRequest::default());
        let late = sim.connect(1);
        sim.send(late, 3, ApiVersionsRequest::default());
        let _: ApiVersionsResponse = sim.ask(other, 3, ApiVersionsRequest::default());
        for connection in [frozen, late] {
            assert_eq!(sim.answer::<ApiVersionsResponse>(connection), None);
        }
        assert!(sim.closed.is_empty());

        steer(&mut sim, Steer::ThawBroker { node_id: 1 }).unwrap();
        for connection in [frozen, frozen, late] {
            assert!(sim.answer::<ApiVersionsResponse>(connection).is_some());
        }
    }

    #[test]
    fn an_answer_that_is_due_while_its_broker_is_frozen_comes_afterwards() {
        let mut sim = Sim::new(&[]);
        sim.topic("t", 1, &[]);
        let connection = sim.connect(1);
        sim.send(connection, 12, fetch_request("t", 0, 0));
        steer(&mut sim, Steer::FreezeBroker { node_id: 1 }).unwrap();
        sim.pass(1_000);
        assert_eq!(sim.answer::<FetchResponse>(connection), None);
        steer(&mut sim, Steer::ThawBroker { node_id: 1 }).unwrap();
        assert!(sim.answer::<FetchResponse>(connection).is_some());
    }

    #[test]
    fn a_client_that_was_held_back_is_so_no_longer_when_its_broker_goes_on() {
        let mut sim = Sim::new(&[("producer_byte_rate", "100")]);
        sim.topic("t", 1, &[]);
        let connection = sim.connect(1);
        let produced = sim.ask(connection, 9, produce_request("t", 0, batch(&[&"x".repeat(1_500)]), -1));
        assert!(produced.throttle_time_ms > 0);
        sim.send(connection, 3, ApiVersionsRequest::default());
        steer(&mut sim, Steer::FreezeBroker { node_id: 1 }).unwrap();
        sim.pass(100_000);
        assert_eq!(sim.answer::<ApiVersionsResponse>(connection), None);
        steer(&mut sim, Steer::ThawBroker { node_id: 1 }).unwrap();
        assert!(sim.answer::<ApiVersionsResponse>(connection).is_some());
    }

    #[test]
    fn a_broker_that_is_stopped_is_not_frozen_when_it_comes_back() {
        let mut sim = Sim::new(&[]);
        steer(&mut sim, Steer::FreezeBroker { node_id: 1 }).unwrap();
        steer(&mut sim, Steer::StopBroker { node_id: 1 }).unwrap();
        let stopped = Err(SteerError::Stopped { node_id: 1 });
        assert_eq!(steer(&mut sim, Steer::FreezeBroker { node_id: 1 }), stopped);
        steer(&mut sim, Steer::StartBroker { node_id: 1 }).unwrap();
        let connection = sim.connect(1);
        let _: ApiVersionsResponse = sim.ask(connection, 3, ApiVersionsRequest::default());
    }
}
