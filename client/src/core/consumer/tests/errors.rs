//! What a poll tells of the trouble that there is.

use std::time::Duration;

use milena_protocol::{Api, ErrorCode, Uuid};

use super::sim::{Sim, committed, config, coordinator, t};
use crate::core::io::{Answer, Command, Fault};
use crate::core::test_support::{metadata_response, topic_answer};
use crate::{Error, FetchError, OffsetAndMetadata, OffsetReset};

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
fn a2_a_topic_that_may_not_be_described_is_named_by_an_error_whoever_chose_it() {
    for code in [ErrorCode::TOPIC_AUTHORIZATION_FAILED, ErrorCode::INVALID_TOPIC_EXCEPTION] {
        for is_assigned in [true, false] {
            let mut sim = Sim::new(config());
            let mut refused = topic_answer("t", Uuid::ZERO, vec![]);
            refused.error_code = code;
            for _ in 0..10 {
                sim.otherwise(Api::Metadata, metadata_response(&[1], vec![refused.clone()]));
            }
            if is_assigned {
                sim.call(Command::Assign([t(0)].into()));
            } else {
                sim.subscribe(&["t"]);
            }
            let error = Error::Topic { topic: "t".into(), code };
            assert_eq!(sim.poll(SECOND), Err(error), "assigned: {is_assigned}");
        }
    }
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

#[test]
fn a2_to_poll_for_nothing_is_an_error_and_not_silence() {
    let nothing = |sim: &mut Sim| matches!(sim.poll(SECOND), Err(Error::Misuse(_)));
    let mut sim = Sim::new(config());
    assert!(nothing(&mut sim));
    sim.call(Command::Assign([t(0)].into()));
    sim.poll(SECOND).unwrap();
    sim.call(Command::Unsubscribe);
    assert!(nothing(&mut sim));
    sim.subscribe(&["t"]);
    sim.poll(SECOND).unwrap();
    // The rebalance listener is told within a poll, which must not fail for that.
    sim.has_quick_listener = false;
    let call = sim.call(Command::Unsubscribe);
    sim.poll(SECOND).unwrap();
    sim.acknowledge();
    sim.run();
    assert_eq!(sim.answers[&call], Ok(Answer::Done));
    assert!(nothing(&mut sim));
}

#[test]
fn what_keeps_a_position_from_being_found_is_told_at_once_and_to_a_poll_too() {
    let mut sim = Sim::new(config().auto_offset_reset(OffsetReset::None));
    sim.call(Command::Assign([t(0)].into()));
    let position = sim.call(Command::Position { partition: t(0), deadline: sim.now + 60 * SECOND });
    sim.pass(SECOND);
    let error = Error::Fetch(FetchError::NoOffset { partition: t(0) });
    assert_eq!(sim.answers.get(&position), Some(&Err(error.clone())));
    assert_eq!(sim.poll(SECOND), Err(error));
}

#[test]
fn a_group_that_may_not_be_asked_is_told_to_whoever_waits_for_it() {
    let mut sim = Sim::new(config());
    let code = ErrorCode::GROUP_AUTHORIZATION_FAILED;
    for _ in 0..10 {
        sim.otherwise(Api::FindCoordinator, coordinator(code));
    }
    sim.call(Command::Assign([t(0)].into()));
    let deadline = sim.now + 60 * SECOND;
    let offsets = Some([(t(0), OffsetAndMetadata::new(5))].into());
    let waiting = [
        sim.call(Command::Position { partition: t(0), deadline }),
        sim.call(Command::Committed { partitions: [t(0)].into(), deadline }),
        sim.call(Command::Commit { offsets: offsets.clone(), deadline: Some(deadline) }),
        sim.call(Command::Commit { offsets, deadline: None }),
    ];
    sim.pass(2 * SECOND);
    let error = Error::Broker { doing: "finding the group's coordinator", code };
    for call in waiting {
        assert_eq!(sim.answers.get(&call), Some(&Err(error.clone())));
    }
}

#[test]
fn a_partition_whose_committed_offset_may_not_be_read_is_told_by_its_name() {
    let mut sim = Sim::new(config());
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    for _ in 0..20 {
        sim.otherwise(Api::OffsetFetch, committed(&[("t", 0, -1, code)]));
    }
    sim.call(Command::Assign([t(0)].into()));
    let position = sim.call(Command::Position { partition: t(0), deadline: sim.now + 60 * SECOND });
    let error = Error::Fetch(FetchError::Broker { partition: t(0), offset: None, error: code });
    assert_eq!(sim.poll(SECOND), Err(error.clone()));
    sim.pass(2 * SECOND);
    assert_eq!(sim.answers.get(&position), Some(&Err(error)));
    let asked = sim.times(Api::OffsetFetch).len();
    assert!((2..15).contains(&asked), "with a back-off, {asked} times");
}
