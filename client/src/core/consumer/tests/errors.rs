//! What a poll tells of the trouble that there is.

use std::time::Duration;

use milena_protocol::Api;

use super::sim::{Sim, config, t};
use crate::core::io::{Answer, Command, Fault};
use crate::{Error, FetchError, OffsetReset};

const SECOND: Duration = Duration::from_secs(1);

/// Polls with records on the application's side already.
fn poll_with_records(sim: &mut Sim) -> Result<Answer, Error> {
    let call = sim.call(Command::Poll { deadline: sim.now + SECOND, has_records: true });
    sim.answers.remove(&call).unwrap()
}

#[test]
fn a2_records_without_end_do_not_hide_an_error() {
    let mut sim = Sim::new(config().auto_offset_reset(OffsetReset::None));
    sim.call(Command::Assign([t(0)].into()));
    sim.pass(SECOND);
    let error = Error::Fetch(FetchError::NoOffset { partition: t(0) });
    assert_eq!(poll_with_records(&mut sim), Ok(Answer::Done));
    assert_eq!(poll_with_records(&mut sim), Err(error));
    assert_eq!(poll_with_records(&mut sim), Ok(Answer::Done));
}

#[test]
fn a_fetch_that_cannot_be_read_time_and_again_is_an_error_and_tried_on() {
    let mut sim = Sim::joined(config());
    let mut told = Vec::new();
    for times in 1..=3 {
        while sim.times(Api::Fetch).len() < times {
            sim.pass(SECOND / 100);
        }
        sim.end(Api::Fetch, Some(Fault::Answer));
        told.push(poll_with_records(&mut sim).is_err() || poll_with_records(&mut sim).is_err());
    }
    assert_eq!(told, [false, false, true]);
    sim.pass(SECOND);
    assert!(sim.times(Api::Fetch).len() > 3);
}

#[test]
fn errors_that_nobody_polls_for_do_not_pile_up() {
    let mut sim = Sim::joined(config());
    for n in 0..1_000 {
        sim.core.fail(Error::Misunderstood { address: n.to_string(), api: "Fetch", cause: "cut".into() });
    }
    let told: Vec<Error> = std::iter::from_fn(|| sim.poll(Duration::ZERO).err()).collect();
    assert_eq!(told.len(), 100);
    let Error::Misunderstood { address, .. } = &told[0] else { panic!() };
    assert_eq!(address, "900", "the newest are kept");
}
