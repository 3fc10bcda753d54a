//! What time brings.

use super::*;

#[test]
fn a_transaction_that_stays_open_is_aborted_and_its_producer_fenced() {
    let mut sim = sim(&[]);
    let mut client = Client::new(&mut sim, "a");
    assert_eq!(client.write(&mut sim, 12, 0, &["x"]), ErrorCode::NONE);
    sim.pass(60_000);
    assert_eq!(fetch(&mut sim, 0, 0).last_stable_offset, 0, "looked at every ten seconds");
    sim.pass(10_000);
    assert_eq!(fetch(&mut sim, 0, 0).last_stable_offset, 2);
    assert!(committed_values(&mut sim, 0).is_empty());
    assert_eq!(client.write(&mut sim, 12, 0, &["x"]), ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(client.end(&mut sim, 5, true), ErrorCode::INVALID_TXN_STATE, "it is aborted already");
    assert_eq!(client.clone().end(&mut sim, 5, false), ErrorCode::NONE, "so it is");
    client.begin(&mut sim);
    assert_eq!(client.write(&mut sim, 12, 0, &["y"]), ErrorCode::NONE);
    assert_eq!(client.end(&mut sim, 5, true), ErrorCode::NONE);
    assert_eq!(committed_values(&mut sim, 0), ["y"]);
}

#[test]
fn an_id_that_is_not_used_is_forgotten() {
    let week = ("transactional.id.expiration.ms", "604800000");
    let mut sim = sim(&[week, ("transaction.max.timeout.ms", "2147483647")]);
    let mut idle = Client::new(&mut sim, "idle");
    assert_eq!(idle.write(&mut sim, 12, 0, &["x"]), ErrorCode::NONE);
    assert_eq!(idle.end(&mut sim, 5, true), ErrorCode::NONE);
    let mut request = init_request(Some("open"), (-1, -1));
    request.transaction_timeout_ms = i32::MAX;
    let producer = init(&mut sim, idle.connection, request).unwrap();
    let mut open = Client { id: "open".into(), producer, ..idle.clone() };
    open.sequences = vec![0; 3];
    assert_eq!(open.write(&mut sim, 12, 1, &["x"]), ErrorCode::NONE);
    sim.pass(604_799_000);
    assert_eq!(idle.ask_as_broker(&mut sim, true, 0), ErrorCode::TRANSACTION_ABORTABLE);
    sim.pass(2_000 + 3_600_000);
    assert_eq!(idle.add(&mut sim, 3, &[0]), [ErrorCode::INVALID_PRODUCER_ID_MAPPING]);
    assert_eq!(open.write(&mut sim, 12, 1, &["y"]), ErrorCode::NONE, "it has not ended");
}

#[test]
fn of_too_many_ids_the_one_goes_that_was_idle_for_longest() {
    let mut sim = sim(&[("milena.max.transactional.ids", "2")]);
    let mut first = Client::new(&mut sim, "a");
    sim.pass(1);
    let mut second = Client::new(&mut sim, "b");
    sim.pass(1);
    assert_eq!(first.write(&mut sim, 12, 0, &["x"]), ErrorCode::NONE);
    let mut third = Client::new(&mut sim, "c");
    assert_eq!(second.write(&mut sim, 12, 0, &["x"]), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(third.write(&mut sim, 12, 0, &["x"]), ErrorCode::NONE);
    let outcome = init(&mut sim, first.connection, init_request(Some("d"), (-1, -1)));
    assert_eq!(outcome, Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    assert_eq!(first.end(&mut sim, 5, true), ErrorCode::NONE);
    assert!(init(&mut sim, first.connection, init_request(Some("d"), (-1, -1))).is_ok());
}
