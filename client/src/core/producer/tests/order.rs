//! Records come into a partition in the order in which they were sent, each once.

use milena_protocol::ErrorCode;
use milena_protocol::messages::produce::PartitionProduceResponse;

use super::world::World;
use crate::core::test_support::T;
use crate::{ProducerConfig, ProducerRecord};

const NONE: ErrorCode = ErrorCode::NONE;
const OUT_OF_ORDER: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;

/// The first batch of a partition is in its log, and five of the next six are on their way.
fn five_in_flight() -> World {
    five_in_flight_with(|config| config)
}

fn five_in_flight_with(config: impl FnOnce(ProducerConfig) -> ProducerConfig) -> World {
    let mut world = World::new(config);
    world.send_now("first");
    world.reply(NONE, 0);
    for value in ["a", "b", "c", "d", "e", "f"] {
        world.send_now(value);
    }
    assert_eq!(world.waiting(), ["a", "b", "c", "d", "e"], "five at a time");
    world
}

fn sequences(world: &World) -> Vec<(i16, i32)> {
    world.requests.iter().map(|asked| (asked.batches[0].1, asked.batches[0].2)).collect()
}

#[test]
fn what_is_sent_again_goes_alone_and_in_order() {
    let mut world = five_in_flight();
    world.reply(ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    // The broker refuses those behind it, which were on their way already.
    (0..4).for_each(|_| world.reply(OUT_OF_ORDER, -1));
    assert_eq!(world.waiting(), [""; 0], "nothing is sent before the back-off is over, f neither");
    let mut log = Vec::new();
    for _ in 0..40 {
        world.pass(100 * T);
        while !world.requests.is_empty() {
            log.extend(world.waiting().into_iter().take(1));
            let offset = log.len() as i64;
            world.reply(NONE, offset);
        }
    }
    assert_eq!(log, ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(world.order.len(), 7);
    assert!(world.order.is_sorted());
    assert_eq!(world.ids_asked, 1);
}

#[test]
fn what_is_sent_again_is_not_followed_by_what_is_new() {
    let mut world = five_in_flight();
    // It is in the log, and the broker will know so as long as no more than four follow.
    world.reply(ErrorCode::REQUEST_TIMED_OUT, -1);
    (0..4).for_each(|_| world.reply(NONE, 2));
    world.pass(1_000 * T);
    assert_eq!(world.waiting(), ["a"], "f waits");
    world.reply(NONE, 1);
    assert_eq!(world.waiting(), ["f"]);
}

#[test]
fn sequence_numbers_stay_as_they_are_over_retries() {
    let mut world = five_in_flight();
    assert_eq!(sequences(&world), [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]);
    world.cut();
    world.pass(1_000 * T);
    assert_eq!((world.waiting(), sequences(&world)), (vec!["a".to_owned()], vec![(0, 1)]));
    world.reply(ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1);
    let a = *world.order.last().unwrap();
    assert_eq!(world.settled[&a].as_ref().unwrap().offset, None, "it is there, nobody knows where");
    world.pass(1_000 * T);
    assert_eq!((world.waiting(), sequences(&world)), (vec!["b".to_owned()], vec![(0, 2)]));
}

#[test]
fn the_first_batch_of_a_partition_goes_alone() {
    let mut world = World::new(|config| config);
    world.send_now("a");
    world.send_now("b");
    assert_eq!(world.waiting(), ["a"]);
    // A broker would take whatever it gets now for the first.
    world.reply(ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    world.pass(1_000 * T);
    assert_eq!((world.waiting(), sequences(&world)), (vec!["a".to_owned()], vec![(0, 0)]));
    world.reply(NONE, 0);
    world.send_now("c");
    assert_eq!((world.waiting().len(), sequences(&world)), (2, vec![(0, 1), (0, 2)]));
}

#[test]
fn a_gap_begins_a_new_epoch_when_nothing_is_in_flight() {
    let mut world = five_in_flight();
    // Refused for good: b to e leave a gap behind it.
    world.reply(ErrorCode::INVALID_RECORD, -1);
    (0..3).for_each(|_| world.reply(OUT_OF_ORDER, -1));
    world.pass(10_000 * T);
    assert_eq!(world.waiting(), ["e"], "it waits for the answer to the last");
    world.reply(OUT_OF_ORDER, -1);
    let mut seen = Vec::new();
    for _ in 0..20 {
        world.pass(1_000 * T);
        while !world.requests.is_empty() {
            seen.push((world.waiting()[0].clone(), sequences(&world)[0]));
            world.reply(NONE, 10);
        }
    }
    let wanted = [("b", (1, 0)), ("c", (1, 1)), ("d", (1, 2)), ("e", (1, 3)), ("f", (1, 4))];
    assert_eq!(seen, wanted.map(|(value, sequence)| (value.to_owned(), sequence)));
    assert_eq!(world.settled.values().filter(|sent| sent.is_err()).count(), 1);
}

#[test]
fn what_may_be_in_the_log_is_sent_again_under_its_own_number() {
    let mut world = five_in_flight_with(|config| config.retries(1));
    // A follower hangs: all are in the leader's log.
    (0..5).for_each(|_| world.reply(ErrorCode::REQUEST_TIMED_OUT, -1));
    world.pass(1_000 * T);
    assert_eq!((world.waiting(), sequences(&world)), (vec!["a".to_owned()], vec![(0, 1)]));
    world.reply(ErrorCode::REQUEST_TIMED_OUT, -1);
    let a = *world.order.last().unwrap();
    assert_eq!(world.error(a).code(), Some(ErrorCode::REQUEST_TIMED_OUT), "that was its last attempt");
    let mut seen = Vec::new();
    for _ in 0..10 {
        world.pass(1_000 * T);
        while !world.requests.is_empty() {
            seen.push((world.waiting()[0].clone(), sequences(&world)[0]));
            world.reply(if seen.len() < 5 { ErrorCode::DUPLICATE_SEQUENCE_NUMBER } else { NONE }, 10);
        }
    }
    let wanted = [("b", (0, 2)), ("c", (0, 3)), ("d", (0, 4)), ("e", (0, 5)), ("f", (0, 6))];
    assert_eq!(seen, wanted.map(|(value, sequence)| (value.to_owned(), sequence)));
}

#[test]
fn a_gap_behind_what_may_be_in_the_log_waits_for_that() {
    let mut world = five_in_flight();
    world.reply(NONE, 1);
    // b is in the leader's log; c is refused for good, before its number is looked at; d to f come too early.
    world.reply(ErrorCode::REQUEST_TIMED_OUT, -1);
    world.reply(ErrorCode::INVALID_RECORD, -1);
    (0..3).for_each(|_| world.reply(OUT_OF_ORDER, -1));
    assert!(world.requests.is_empty());
    let mut seen = Vec::new();
    for _ in 0..20 {
        world.pass(1_000 * T);
        while !world.requests.is_empty() {
            seen.push((world.waiting()[0].clone(), sequences(&world)[0]));
            let code = match seen.last().unwrap().1 {
                (0, 2) => ErrorCode::DUPLICATE_SEQUENCE_NUMBER,
                (0, _) => OUT_OF_ORDER,
                _ => NONE,
            };
            world.reply(code, 10);
        }
    }
    let wanted = [("b", (0, 2)), ("d", (0, 4)), ("d", (1, 0)), ("e", (1, 1)), ("f", (1, 2))];
    assert_eq!(seen, wanted.map(|(value, sequence)| (value.to_owned(), sequence)));
}

#[test]
fn of_two_gaps_the_first_begins_a_new_epoch() {
    let mut world = five_in_flight();
    world.reply(ErrorCode::INVALID_RECORD, -1);
    world.reply(ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    world.reply(OUT_OF_ORDER, -1);
    world.reply(ErrorCode::INVALID_RECORD, -1);
    world.reply(OUT_OF_ORDER, -1);
    world.pass(1_000 * T);
    assert_eq!((world.waiting(), sequences(&world)), (vec!["b".to_owned()], vec![(0, 2)]));
    world.reply(OUT_OF_ORDER, -1);
    world.pass(1_000 * T);
    assert_eq!((world.waiting()[0].as_str(), sequences(&world)[0]), ("b", (1, 0)));
}

#[test]
fn a_record_whose_fate_is_unknown_begins_a_new_epoch_too() {
    let mut world = World::new(|config| config.delivery_timeout(40_000 * T));
    let first = world.send_now("a");
    while !world.settled.contains_key(&first) {
        world.cut();
        world.pass(1_000 * T);
    }
    assert!(world.error(first).to_string().contains("delivery.timeout.ms"), "{}", world.error(first));
    world.send("b");
    world.pass(5_000 * T);
    assert_eq!(world.waiting().last().unwrap(), "b");
    assert_eq!(sequences(&world).last(), Some(&(1, 0)));
}

#[test]
fn an_epoch_that_is_refused_costs_no_record() {
    let mut world = World::new(|config| config);
    let first = world.send_now("a");
    world.reply(ErrorCode::INVALID_PRODUCER_EPOCH, -1);
    world.pass(1_000 * T);
    assert_eq!(sequences(&world), [(1, 0)]);
    world.reply(NONE, 3);
    assert_eq!(world.offset(first), Some(3));
}

#[test]
fn without_idempotence_one_in_flight_keeps_order() {
    let mut world =
        World::new(|config| config.enable_idempotence(false).max_in_flight_requests_per_connection(1_usize));
    for value in ["a", "b", "c"] {
        world.send_now(value);
    }
    assert_eq!(world.waiting(), ["a"]);
    assert_eq!(sequences(&world), [(-1, -1)]);
    world.reply(ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    world.pass(200 * T);
    assert_eq!(world.waiting(), ["a"]);
    world.reply(NONE, 0);
    assert_eq!(world.waiting(), ["b c"], "what waited has become one batch");
}

#[test]
fn a_hint_of_the_new_leader_is_followed_at_once() {
    let mut world = World::new(|config| config);
    let first = world.send_now("a");
    world.is_silent = true;
    world.reply_with(|answer| {
        answer.error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
        (answer.current_leader.leader_id, answer.current_leader.leader_epoch) = (2, 2);
    });
    assert_eq!((world.waiting(), world.requests[0].node), (vec!["a".to_owned()], 2));
    world.reply(NONE, 8);
    assert_eq!(world.offset(first), Some(8));
}

#[test]
fn nothing_goes_to_a_new_leader_while_something_is_on_its_way_to_the_old_one() {
    let mut world = five_in_flight();
    world.is_silent = true;
    let moves = |answer: &mut PartitionProduceResponse| {
        answer.error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
        (answer.current_leader.leader_id, answer.current_leader.leader_epoch) = (2, 2);
    };
    for left in [["b", "c", "d", "e"].as_slice(), &["c", "d", "e"], &["d", "e"], &["e"]] {
        world.reply_with(moves);
        world.pass(1_000 * T);
        // A new leader that has lost what was known of the producer takes whatever comes for the first.
        assert_eq!(world.waiting(), left);
    }
    world.reply_with(moves);
    world.pass(1_000 * T);
    assert_eq!((world.waiting(), world.requests[0].node), (vec!["a".to_owned()], 2));
}

#[test]
fn nothing_goes_to_another_node_either_where_leaders_have_no_epochs() {
    let mut world = World::new(|config| config.metadata_max_age(1_000 * T));
    world.leaders = vec![(1, -1), (2, -1)];
    world.send_now("first");
    world.reply(NONE, 0);
    // Node 2 is there to be asked about metadata.
    world.core.send(&ProducerRecord::new("t").partition(1).value("other"), world.now).unwrap();
    world.pass(5 * T);
    world.reply(NONE, 0);
    for value in ["a", "b", "c"] {
        world.send_now(value);
    }
    world.leaders[0] = (2, -1);
    world.pass(1_000 * T);
    for left in [["b", "c"].as_slice(), &["c"]] {
        world.reply(ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
        world.pass(500 * T);
        assert_eq!(world.waiting(), left);
    }
    world.reply(ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    world.pass(500 * T);
    assert_eq!((world.waiting(), world.requests[0].node), (vec!["a".to_owned()], 2));
}

#[test]
fn a_leader_that_moved_without_a_word_is_found_by_metadata() {
    let mut world = World::new(|config| config);
    let first = world.send_now("a");
    world.leaders = vec![(2, 5)];
    world.reply(ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    world.pass(500 * T);
    assert_eq!(world.requests[0].node, 2);
    world.reply(NONE, 8);
    assert_eq!(world.offset(first), Some(8));
}
