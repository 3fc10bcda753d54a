use std::time::Duration;

use milena_protocol::ErrorCode;
use milena_protocol::messages::*;

use super::*;
use crate::core::io::Event;

#[test]
fn nothing_times_out_while_time_is_frozen() {
    let mut sim = three();
    let c = sim.connect(1);
    sim.core.steer(Steer::FreezeTime, sim.now).unwrap();
    sim.send(c, 12, fetch_request("t", 0, 0));
    sim.pass(60_000);
    assert!(sim.answer::<FetchResponse>(c).is_none());
    sim.core.steer(Steer::AdvanceTime(Duration::from_millis(499)), sim.now).unwrap();
    sim.run();
    assert!(sim.answer::<FetchResponse>(c).is_none());
    sim.core.steer(Steer::AdvanceTime(Duration::from_millis(1)), sim.now).unwrap();
    sim.run();
    assert!(sim.answer::<FetchResponse>(c).is_some(), "its half second is over");

    sim.send(c, 12, fetch_request("t", 0, 0));
    sim.core.steer(Steer::ThawTime, sim.now).unwrap();
    sim.pass(499);
    assert!(sim.answer::<FetchResponse>(c).is_none());
    sim.pass(1);
    assert!(sim.answer::<FetchResponse>(c).is_some());
}

#[test]
fn the_time_of_day_advances_too() {
    let mut sim = Sim::new(&[("log.message.timestamp.type", "LogAppendTime")]);
    sim.topic("t", 1, &[]);
    let c = sim.connect(1);
    sim.core.steer(Steer::AdvanceTime(Duration::from_secs(3600)), sim.now).unwrap();
    assert_eq!(sim.produce(c, "t", 0, batch(&["a"])).log_append_time_ms, NOON + 3_600_000);
}

#[test]
fn records_of_a_clock_that_was_set_forward_are_taken_once_the_broker_has_heard_of_it() {
    const HOURS: i64 = 2 * 3_600_000;
    let mut sim = Sim::new(&[]);
    sim.topic("t", 1, &[("retention.ms", "3600000")]);
    let c = sim.connect(1);
    let write = |sim: &mut Sim, timestamp| {
        let mut builder = milena_protocol::records::BatchBuilder::new();
        builder.append(timestamp, None, Some(b"x"), &[]).unwrap();
        sim.produce(c, "t", 0, builder.build()).error_code
    };
    assert_eq!(write(&mut sim, NOON), ErrorCode::NONE);
    assert_eq!(write(&mut sim, NOON + HOURS), ErrorCode::INVALID_TIMESTAMP);
    sim.core.handle(Event::ClockStepped { by_ms: HOURS }, sim.now);
    assert_eq!(write(&mut sim, NOON + HOURS), ErrorCode::NONE);
    assert_eq!(sim.core.unix_ms(sim.now), NOON + HOURS);

    sim.core.steer(Steer::FreezeTime, sim.now).unwrap();
    sim.core.handle(Event::ClockStepped { by_ms: HOURS }, sim.now);
    assert_eq!(sim.core.unix_ms(sim.now), NOON + HOURS, "frozen time stands still");
}

#[test]
fn what_has_become_old_while_the_machine_slept_goes() {
    let mut sim = Sim::new(&[]);
    sim.topic("t", 1, &[("retention.ms", "3600000")]);
    let c = sim.connect(1);
    assert_eq!(sim.produce(c, "t", 0, batch(&["a"])).error_code, ErrorCode::NONE);
    sim.pass(5_000);
    sim.core.handle(Event::ClockStepped { by_ms: 2 * 3_600_000 }, sim.now);
    sim.pass(1_000);
    assert_eq!(sim.core.cluster.log("t", 0).unwrap().start_offset(), 1);
}
