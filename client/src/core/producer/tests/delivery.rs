//! Every record is settled, once, whatever happens.

use std::time::Duration;

use milena_protocol::ErrorCode;

use super::world::World;
use crate::core::producer::io::{Command, Event, ProducerRecord};
use crate::core::rng::Rng;
use crate::core::test_support::T;
use crate::{Error, ProducerConfig};

const NONE: ErrorCode = ErrorCode::NONE;

#[test]
fn delivery_timeout_ends_the_attempts_and_says_what_went_wrong() {
    let mut world = World::new(|config| config);
    let id = world.send_now("a");
    let mut attempts = 0;
    while !world.settled.contains_key(&id) {
        if !world.requests.is_empty() {
            attempts += 1;
            world.reply(ErrorCode::NOT_ENOUGH_REPLICAS, -1);
        }
        world.pass(500 * T);
    }
    assert!((Duration::from_secs(119)..Duration::from_secs(122)).contains(&world.elapsed()));
    assert!(attempts > 50, "{attempts}");
    let error = world.error(id).to_string();
    assert!(error.contains("delivery.timeout.ms") && error.contains("NOT_ENOUGH_REPLICAS"), "{error}");
    assert!(world.error(id).is_retriable());
}

#[test]
fn retries_end_the_attempts_too() {
    let mut world = World::new(|config| config.retries(2));
    let id = world.send_now("a");
    for _ in 0..3 {
        assert!(!world.settled.contains_key(&id));
        world.reply(ErrorCode::NOT_ENOUGH_REPLICAS, -1);
        world.pass(2_000 * T);
    }
    assert_eq!(world.error(id).code(), Some(ErrorCode::NOT_ENOUGH_REPLICAS));
}

#[test]
fn an_answer_that_does_not_come_costs_request_timeout_ms() {
    let mut world = World::new(|config| config.request_timeout(3_000 * T));
    let id = world.send_now("a");
    world.pass(2_900 * T);
    assert_eq!(world.waiting(), ["a"]);
    world.pass(2_000 * T);
    assert_eq!(world.waiting(), ["a"], "it was sent again, on another connection");
    world.reply(NONE, 4);
    assert_eq!(world.offset(id), Some(4));
}

#[test]
fn an_error_for_good_is_told_at_once_and_names_the_record() {
    let mut world = World::new(|config| config);
    let (good, bad) = (world.send("good"), world.send("bad"));
    world.pass(5 * T);
    world.reply_with(|answer| {
        use milena_protocol::messages::produce::BatchIndexAndErrorMessage;
        let mut record = BatchIndexAndErrorMessage::default();
        (record.batch_index, record.batch_index_error_message) = (1, Some("no key".into()));
        (answer.error_code, answer.record_errors) = (ErrorCode::INVALID_RECORD, vec![record]);
    });
    assert_eq!(world.error(bad).code(), Some(ErrorCode::INVALID_RECORD));
    assert!(world.error(bad).to_string().contains("no key"));
    assert!(!world.error(good).to_string().contains("no key"));
}

#[test]
fn closing_delivers_what_is_there_and_takes_no_more() {
    let mut world = World::new(|config| config.linger(50_000 * T));
    let id = world.send("a");
    let close = world.call(Command::Close { deadline: world.now + 1_000 * T });
    assert_eq!(world.core.send(&ProducerRecord::new("t"), world.now), Err(Error::Closed));
    assert!(!world.finished);
    world.reply(NONE, 0);
    assert_eq!((world.offset(id), world.answers.get(&close)), (Some(0), Some(&Ok(()))));
    assert!(world.finished);
}

#[test]
fn a_close_that_runs_out_of_time_fails_what_is_left() {
    let mut world = World::new(|config| config);
    let id = world.send_now("a");
    let close = world.call(Command::Close { deadline: world.now + 1_000 * T });
    world.pass(1_000 * T);
    assert_eq!(*world.error(id), Error::Closed);
    assert!(matches!(world.answers[&close], Err(Error::Timeout { .. })));
    assert!(world.finished);
}

#[test]
fn a_producer_that_was_dropped_delivers_what_it_has_and_ends() {
    let mut world = World::new(|config| config.linger(50_000 * T));
    let id = world.send("a");
    world.core.handle(Event::Abandoned, world.now);
    world.run();
    world.reply(NONE, 0);
    assert_eq!(world.offset(id), Some(0));
    assert!(world.finished);
}

#[test]
fn a_topic_that_nobody_knows_of_fails_after_max_block_ms() {
    let mut world = World::new(|config| config.max_block(7_000 * T));
    let unknown = world.core.send(&ProducerRecord::new("other").value("a"), world.now).unwrap().id;
    let beyond = world.core.send(&ProducerRecord::new("t").partition(3).value("a"), world.now).unwrap().id;
    let fine = world.send("b");
    world.pass(100 * T);
    assert_eq!(world.waiting(), ["b"], "what is known does not wait for what is not");
    world.reply(NONE, 0);
    assert_eq!(world.offset(fine), Some(0));
    world.pass(6_800 * T);
    assert!(!world.settled.contains_key(&unknown) && !world.settled.contains_key(&beyond));
    world.pass(200 * T);
    assert!(world.settled[&unknown].is_err() && world.settled[&beyond].is_err());
}

#[test]
fn a_topic_that_is_refused_is_asked_for_again_with_the_next_record() {
    let mut world = World::new(|config| config);
    world.topic_error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let refused = world.send_now("a");
    assert_eq!(world.error(refused).code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    world.topic_error = NONE;
    let allowed = world.send_now("b");
    world.pass(1_000 * T);
    world.reply(NONE, 0);
    assert_eq!(world.offset(allowed), Some(0));
}

#[test]
fn a_producer_id_that_is_refused_is_asked_for_again_with_the_next_record() {
    let mut world = World::new(|config| config);
    world.id_error = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    let refused = world.send_now("a");
    assert_eq!(world.error(refused).code(), Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    world.pass(10_000 * T);
    assert_eq!(world.ids_asked, 1, "nobody waits for it");
    world.id_error = NONE;
    let allowed = world.send_now("b");
    world.reply(NONE, 0);
    assert_eq!((world.offset(allowed), world.ids_asked), (Some(0), 2));
}

#[test]
fn a_broker_that_became_too_old_fails_records_and_leaves_no_gap() {
    let mut world = World::new(|config| config);
    world.send_now("a");
    world.reply(NONE, 0);
    let unsent = world.send_now("b");
    world.produce_version = 2;
    world.cut();
    world.pass(1_000 * T);
    assert!(matches!(world.error(unsent), Error::Unsupported { .. }), "{}", world.error(unsent));
    world.produce_version = 12;
    world.cut();
    world.send_now("c");
    world.pass(1_000 * T);
    assert_eq!(world.requests[0].batches, [(0, 1, 0, vec!["c".to_owned()])], "b may be in the log or not");
}

/// Whatever the cluster answers, or does not: every record is settled once, and those that are in the log are there in order.
#[test]
fn whatever_happens_records_are_in_order_and_settled_once() {
    for seed in 0..100 {
        let mut rng = Rng::new(seed);
        let retries = [i32::MAX, 2][seed as usize % 2];
        let config = |config: ProducerConfig| config.batch_size(70).delivery_timeout(60_000 * T);
        let mut world = World::new(|empty| config(empty).retries(retries));
        let (mut log, mut acked): (Vec<String>, i32) = (Vec::new(), -1);
        let (mut epoch, mut sent) = (0, Vec::new());
        for step in 0..400 {
            if step < 200 && rng.below(2) == 0 {
                sent.push(world.send(&format!("{:05}", sent.len())));
            }
            world.pass(T * (rng.below(30) as u32 + 1));
            let Some(asked) = world.requests.front() else { continue };
            let (_, its_epoch, sequence, values) = asked.batches[0].clone();
            let is_late = step > 300;
            let fate = if is_late { 0 } else { rng.below(16) };
            // As a broker counts.
            let is_duplicate = its_epoch == epoch && sequence <= acked;
            let is_next = its_epoch == epoch && sequence == acked + 1 || its_epoch > epoch && sequence == 0;
            match fate {
                0..=8 if is_duplicate => world.reply(ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1),
                0..=8 if its_epoch < epoch => world.reply(ErrorCode::INVALID_PRODUCER_EPOCH, -1),
                0..=8 if !is_next => world.reply(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1),
                0..=9 | 14.. => {
                    if is_next {
                        (epoch, acked) = (its_epoch, sequence + values.len() as i32 - 1);
                        log.extend(values);
                    }
                    match fate {
                        // The answer is lost.
                        9 => world.cut(),
                        // Some replica has not got it in time.
                        14.. => world.reply(ErrorCode::REQUEST_TIMED_OUT, -1),
                        _ => {
                            let offset = log.len() as i64;
                            world.reply(NONE, offset);
                        }
                    }
                }
                10 => world.reply(ErrorCode::NOT_ENOUGH_REPLICAS, -1),
                11 => world.reply(ErrorCode::NOT_LEADER_OR_FOLLOWER, -1),
                12 => world.cut(),
                _ => {}
            }
        }
        for _ in 0..400 {
            world.pass(1_000 * T);
            while let Some(asked) = world.requests.front() {
                let (_, its_epoch, sequence, values) = asked.batches[0].clone();
                let is_next =
                    its_epoch == epoch && sequence == acked + 1 || its_epoch > epoch && sequence == 0;
                match () {
                    () if its_epoch == epoch && sequence <= acked => {
                        world.reply(ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1);
                    }
                    () if its_epoch < epoch => world.reply(ErrorCode::INVALID_PRODUCER_EPOCH, -1),
                    () if !is_next => world.reply(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1),
                    () => {
                        (epoch, acked) = (its_epoch, sequence + values.len() as i32 - 1);
                        log.extend(values);
                        world.reply(NONE, 0);
                    }
                }
            }
        }
        assert_eq!(world.settled.len(), sent.len(), "seed {seed}");
        let sorted = log.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(sorted, "seed {seed}: {log:?}");
        let delivered = sent.iter().enumerate().filter(|(_, id)| world.settled[id].is_ok());
        for (i, _) in delivered {
            assert!(log.contains(&format!("{i:05}")), "seed {seed}: {i} was said to be there");
        }
    }
}
