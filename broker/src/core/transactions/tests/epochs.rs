//! Who a producer is: ids, epochs, fencing.

use super::super::transaction::{Outcome, ProducerIds, State, Transaction};
use super::*;
use std::time::{Duration, Instant};

#[test]
fn a_producer_without_transactions_gets_a_number_from_any_broker() {
    let mut sim = sim(&[]);
    let connection = sim.connect(1);
    let first = init(&mut sim, connection, init_request(None, (-1, -1))).unwrap();
    let second = init(&mut sim, connection, init_request(None, (-1, -1))).unwrap();
    assert!((first.epoch, second.epoch) == (0, 0) && first.id != second.id);
    let again = init(&mut sim, connection, init_request(None, (first.id, 0))).unwrap();
    assert!(again.id != first.id && again.epoch == 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut sim = sim(&[("transaction.max.timeout.ms", "60000")]);
    let connection = sim.connect(1);
    let mut code = |id, was, timeout| {
        let mut request = init_request(id, was);
        request.transaction_timeout_ms = timeout;
        init(&mut sim, connection, request).unwrap_err()
    };
    assert_eq!(code(Some("a"), (-1, -1), 60_000), ErrorCode::NOT_COORDINATOR);
    assert_eq!(code(Some(""), (-1, -1), 60_000), ErrorCode::INVALID_REQUEST);
    assert_eq!(code(Some("a"), (1, -1), 60_000), ErrorCode::INVALID_REQUEST);
    assert_eq!(code(Some("a"), (-1, 1), 60_000), ErrorCode::INVALID_REQUEST);
    find(&mut sim, connection, "a", 1);
    let mut code = |timeout| {
        let mut request = init_request(Some("a"), (-1, -1));
        request.transaction_timeout_ms = timeout;
        init(&mut sim, connection, request).unwrap_err()
    };
    assert_eq!(code(60_001), ErrorCode::INVALID_TRANSACTION_TIMEOUT);
    assert_eq!(code(0), ErrorCode::INVALID_TRANSACTION_TIMEOUT);
}

#[test]
fn only_the_coordinator_answers() {
    let mut sim = Sim::with_brokers(&[None, None], &[]);
    sim.topic("t", 1, &[]);
    let connections = [sim.connect(1), sim.connect(2)];
    let node = find(&mut sim, connections[0], "a", 1);
    for (connection, asked) in connections.into_iter().zip(1..) {
        let outcome = init(&mut sim, connection, init_request(Some("a"), (-1, -1)));
        match node == asked {
            true => assert_eq!(outcome.unwrap().epoch, 0),
            false => assert_eq!(outcome, Err(ErrorCode::NOT_COORDINATOR)),
        }
    }
}

#[test]
fn who_begins_again_fences_who_was_there() {
    let mut sim = sim(&[]);
    let mut first = Client::new(&mut sim, "a");
    let second = Client::new(&mut sim, "a");
    assert_eq!(second.producer, Producer { epoch: 1, ..first.producer });
    assert_eq!(first.add(&mut sim, 3, &[0]), [ErrorCode::PRODUCER_FENCED]);
    assert_eq!(first.add(&mut sim, 1, &[0]), [ErrorCode::INVALID_PRODUCER_EPOCH]);
    assert_eq!(first.end(&mut sim, 5, false), ErrorCode::PRODUCER_FENCED);
    assert_eq!(first.end(&mut sim, 2, false), ErrorCode::PRODUCER_FENCED);
    assert_eq!(first.end(&mut sim, 1, false), ErrorCode::INVALID_PRODUCER_EPOCH);
    for version in [9, 11, 12] {
        assert_eq!(first.write(&mut sim, version, 0, &["x"]), ErrorCode::INVALID_PRODUCER_EPOCH);
    }
    first.producer.id += 100;
    assert_eq!(first.add(&mut sim, 3, &[0]), [ErrorCode::INVALID_PRODUCER_ID_MAPPING]);
    assert_eq!(first.write(&mut sim, 12, 0, &["x"]), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
}

#[test]
fn an_open_transaction_is_aborted_before_a_producer_begins() {
    let mut sim = sim(&[]);
    let mut first = Client::new(&mut sim, "a");
    assert_eq!(first.write(&mut sim, 12, 0, &["lost"]), ErrorCode::NONE);
    let connection = first.connection;
    let outcome = init(&mut sim, connection, init_request(Some("a"), (-1, -1)));
    assert_eq!(outcome, Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    let producer = init(&mut sim, connection, init_request(Some("a"), (-1, -1))).unwrap();
    assert_eq!(producer, Producer { epoch: 2, ..first.producer });
    assert!(committed_values(&mut sim, 0).is_empty());
    assert_eq!(fetch(&mut sim, 0, 2).last_stable_offset, 2);
}

#[test]
fn a_producer_goes_on_after_an_error_and_may_ask_twice() {
    let mut sim = sim(&[]);
    let client = Client::new(&mut sim, "a");
    let Producer { id, epoch } = client.producer;
    let mut go_on = |was, version| {
        let response = sim.ask(client.connection, version, init_request(Some("a"), was));
        (response.error_code, response.producer_epoch)
    };
    assert_eq!(go_on((id, epoch), 4), (ErrorCode::NONE, 1));
    assert_eq!(go_on((id, epoch), 4), (ErrorCode::NONE, 1), "the same answer again");
    assert_eq!(go_on((id, 1), 4), (ErrorCode::NONE, 2));
    assert_eq!(go_on((id, epoch), 4), (ErrorCode::PRODUCER_FENCED, -1));
    assert_eq!(go_on((id, epoch), 3), (ErrorCode::INVALID_PRODUCER_EPOCH, -1));
    assert_eq!(go_on((id + 7, 2), 4), (ErrorCode::PRODUCER_FENCED, -1));
}

/// A transactional id whose epoch is this, and its producer ids.
fn at_epoch(epoch: i16) -> (Transaction, ProducerIds, Instant) {
    let now = Instant::now();
    let mut ids = ProducerIds::default();
    let mut transaction = Transaction::new(ids.next(), now);
    transaction.producer.epoch = epoch;
    (transaction, ids, now)
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn when_the_epochs_are_used_up_there_is_a_new_id() {
    let (mut transaction, mut ids, now) = at_epoch(i16::MAX - 2);
    let last = transaction.init(MINUTE, None, now, &mut ids).unwrap();
    assert_eq!(last, Producer { id: 0, epoch: i16::MAX - 1 });
    let new = transaction.init(MINUTE, Some(last), now, &mut ids).unwrap();
    assert_eq!(new, Producer { id: 1, epoch: 0 });
    assert_eq!(transaction.init(MINUTE, Some(last), now, &mut ids), Ok(new), "the same answer again");
}

#[test]
fn the_last_epoch_ends_a_transaction_and_the_next_has_a_new_id() {
    let (mut transaction, mut ids, now) = at_epoch(i16::MAX - 1);
    let last = transaction.producer;
    let partitions = [("t".into(), 0)].into();
    transaction.add(last, &partitions, true, now).unwrap();
    let new = transaction.end_and_bump(last, Outcome::Commit, now, &mut ids).unwrap();
    assert_eq!(new, Producer { id: 1, epoch: 0 });
    assert_eq!(transaction.producer, Producer { id: 0, epoch: i16::MAX }, "what the markers say");
    transaction.complete(now);
    assert_eq!(transaction.producer, new);
    assert_eq!(transaction.end_and_bump(last, Outcome::Commit, now, &mut ids), Ok(new), "again");
    assert_eq!(transaction.add(new, &partitions, true, now), Ok(()));
}

#[test]
fn the_end_of_a_transaction_brings_another_epoch_and_may_be_asked_for_twice() {
    use ErrorCode as E;
    let (fenced, invalid) = (Err(E::PRODUCER_FENCED), Err(E::INVALID_TXN_STATE));
    let next = |epoch| Ok(Producer { id: 0, epoch });
    let (abort, commit) = (Outcome::Abort, Outcome::Commit);
    // What it is, what is asked by whom (it is at 5), and what comes of it.
    let cases = [
        (State::Empty, abort, 4, fenced),
        (State::Empty, abort, 5, next(6)),
        (State::Empty, commit, 4, fenced),
        (State::Empty, commit, 5, invalid),
        (State::Ended(abort), abort, 4, next(5)),
        (State::Ended(abort), abort, 5, next(6)),
        (State::Ended(abort), commit, 4, invalid),
        (State::Ended(abort), commit, 5, invalid),
        (State::Ended(commit), abort, 4, invalid),
        (State::Ended(commit), abort, 5, next(6)),
        (State::Ended(commit), commit, 4, next(5)),
        (State::Ended(commit), commit, 5, invalid),
        (State::Ended(commit), commit, 3, fenced),
        (State::Ending(commit), commit, 4, Err(E::CONCURRENT_TRANSACTIONS)),
        (State::Ending(commit), abort, 4, invalid),
        (State::Ending(commit), commit, 5, fenced),
        (State::Ongoing, commit, 5, next(6)),
        (State::Ongoing, abort, 4, fenced),
    ];
    for (state, outcome, epoch, expected) in cases {
        let (mut transaction, mut ids, now) = at_epoch(5);
        transaction.state = state;
        let answer = transaction.end_and_bump(Producer { id: 0, epoch }, outcome, now, &mut ids);
        assert_eq!(answer, expected, "{state:?} {outcome:?} by {epoch}");
    }
}

#[test]
fn before_version_5_an_epoch_serves_many_transactions() {
    use ErrorCode as E;
    let (abort, commit) = (Outcome::Abort, Outcome::Commit);
    let cases = [
        (State::Empty, abort, Err(E::INVALID_TXN_STATE)),
        (State::Ongoing, commit, Ok(())),
        (State::Ended(commit), commit, Ok(())),
        (State::Ended(commit), abort, Err(E::INVALID_TXN_STATE)),
        (State::Ending(abort), abort, Err(E::CONCURRENT_TRANSACTIONS)),
        (State::Ending(abort), commit, Err(E::INVALID_TXN_STATE)),
    ];
    for (state, outcome, expected) in cases {
        let (mut transaction, mut ids, now) = at_epoch(5);
        transaction.state = state;
        let producer = transaction.producer;
        assert_eq!(transaction.end(producer, outcome, now, &mut ids), expected, "{state:?} {outcome:?}");
        assert_eq!(transaction.producer, producer);
    }
}
