use std::time::Duration;

use milena_protocol::messages::*;

use super::*;

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
