//! Which topics are asked about, and when; and what is made of the answers.

use std::time::Duration;

use milena_protocol::ErrorCode;

use super::world::{ID, World};
use crate::core::producer::io::ProducerRecord;
use crate::core::test_support::{T, metadata_response, partition_answer, topic_answer};

#[test]
fn a_topic_that_nobody_writes_to_is_not_asked_about_until_somebody_does() {
    let mut world = World::new(|config| config.metadata_max_idle(300_000 * T));
    world.send_now("a");
    world.reply(ErrorCode::NONE, 0);
    world.pass(299_000 * T);
    assert_eq!(world.asked_about, ["t"]);
    world.pass(2_000 * T);
    assert_eq!(world.asked_about, ["t", ""], "the brokers are asked for all the same");
    let later = world.send_now("b");
    assert_eq!(world.asked_about, ["t", "", "t"]);
    assert_eq!(world.requests[0].batches, [(0, 0, 1, vec!["b".to_owned()])], "numbers go on");
    world.reply(ErrorCode::NONE, 1);
    assert_eq!(world.offset(later), Some(1));
}

#[test]
fn a_topic_that_was_written_to_long_ago_and_is_refused_now_is_asked_for_with_each_record() {
    let mut world = World::new(|config| config);
    world.send_now("a");
    world.reply(ErrorCode::NONE, 0);
    world.pass(301_000 * T);
    world.topic_error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let refused = world.send_now("b");
    assert_eq!(world.error(refused).code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    world.pass(10_000 * T);
    assert_eq!(world.asked_about, ["t", "", "t"], "nobody waits for it");
    world.topic_error = ErrorCode::NONE;
    let allowed = world.send_now("c");
    world.pass(1_000 * T);
    world.reply(ErrorCode::NONE, 1);
    assert_eq!(world.offset(allowed), Some(1));
}

#[test]
fn a_new_topic_is_asked_about_at_once_and_again_only_after_a_back_off() {
    let mut world = World::new(|config| config);
    for topic in ["t", "u", "v"] {
        world.core.send(&ProducerRecord::new(topic).value("a"), world.now).unwrap();
        world.run();
    }
    assert_eq!(
        (world.asked_about.clone(), world.elapsed()),
        (vec!["t".into(), "t u".into(), "t u v".into()], Duration::ZERO)
    );
    world.pass(99 * T);
    assert_eq!(world.asked_about.len(), 3, "nobody knows of u and v");
    world.pass(1_000 * T);
    assert!(world.asked_about.len() > 3);
}

#[test]
fn partitions_that_there_cannot_be_take_neither_memory_nor_records() {
    let mut world = World::new(|config| config);
    world.send_now("a");
    world.reply(ErrorCode::NONE, 0);
    let partitions = [0, -1, 1_000_000].map(|partition| partition_answer(partition, 1, 1));
    let topic = topic_answer("t", ID, partitions.to_vec());
    world.core.metadata.update(&metadata_response(&[1, 2], vec![topic]), 12, world.now).unwrap();
    let (core, now) = (&mut world.core, world.now);
    let measured = allocation_counter::measure(|| {
        core.send(&ProducerRecord::new("t").partition(1_000_000).value("b"), now).unwrap();
        core.poll(now);
        for _ in 0..20 {
            core.send(&ProducerRecord::new("t").value("c"), now).unwrap();
        }
    });
    assert!(measured.bytes_max < 1 << 20, "{} bytes", measured.bytes_max);
    world.pass(5 * T);
    assert_eq!(world.requests[0].batches[0].3.len(), 20);
}
