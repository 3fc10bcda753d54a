//! What goes into a batch, and when it is sent.

use milena_protocol::ErrorCode;

use super::world::World;
use crate::Error;
use crate::core::producer::io::{Command, ProducerRecord};
use crate::core::test_support::T;

const NONE: ErrorCode = ErrorCode::NONE;

#[test]
fn a_batch_waits_for_linger_ms_and_no_longer() {
    let mut world = World::new(|config| config.linger(50 * T));
    world.send("a");
    world.pass(30 * T);
    world.send("b");
    world.pass(19 * T);
    assert!(world.waiting().is_empty());
    world.pass(T);
    assert_eq!(world.waiting(), ["a b"]);
    assert_eq!(world.elapsed(), 50 * T);
}

#[test]
fn a_full_batch_waits_for_nobody() {
    let mut world = World::new(|config| config.linger(50 * T).batch_size(100));
    world.send("zeroth");
    world.pass(50 * T);
    world.reply(NONE, 0);
    for value in ["first", "second", "third", "fourth", "fifth", "sixth"] {
        world.send(value);
    }
    world.run();
    assert_eq!(world.waiting(), ["first second third"]);
    world.pass(50 * T);
    assert_eq!(world.waiting(), ["first second third", "fourth fifth sixth"]);
}

#[test]
fn flushing_sends_at_once_and_waits_for_what_was_sent_before() {
    let mut world = World::new(|config| config.linger(50_000 * T));
    world.send("a");
    let flush = world.call(Command::Flush);
    assert_eq!(world.waiting(), ["a"]);
    world.send("b");
    world.run();
    assert_eq!(world.answers.get(&flush), None);
    world.reply(NONE, 0);
    assert_eq!(world.answers.get(&flush), Some(&Ok(())), "b was sent after it");
}

#[test]
fn a_batch_that_is_too_large_is_halved_until_it_fits() {
    let mut world = World::new(|config| config);
    let ids: Vec<_> = ["a", "b", "c", "d"].into_iter().map(|value| world.send(&value.repeat(100))).collect();
    world.pass(5 * T);
    assert_eq!(world.requests[0].batches[0].3.len(), 4);
    world.reply(ErrorCode::MESSAGE_TOO_LARGE, -1);
    let mut offset = 0;
    while !world.requests.is_empty() {
        let asked = &world.requests[0].batches[0];
        assert_eq!((asked.1, asked.2), (0, offset as i32), "numbers stay those of the records");
        let count = asked.3.len() as i64;
        assert!(count <= 2);
        world.reply(NONE, offset);
        offset += count;
        world.pass(T);
    }
    assert_eq!(
        ids.iter().map(|id| world.offset(*id)).collect::<Vec<_>>(),
        [Some(0), Some(1), Some(2), Some(3)]
    );
}

#[test]
fn records_wait_for_room_in_their_order_and_fail_after_max_block_ms() {
    let mut world = World::new(|config| config.buffer_memory(2_000).max_block(2_000 * T).batch_size(100));
    world.send_now(&"a".repeat(900));
    let second = world.send_now(&"b".repeat(900));
    let third = world.send_now("c");
    assert!(!world.core.has_room());
    assert_eq!(world.waiting(), ["a".repeat(900)]);
    let fourth = world.send_now(&"d".repeat(900));
    let fifth = world.core.send(&ProducerRecord::new("t").partition(0).value("e"), world.now);
    assert_eq!(fifth, Err(Error::BufferFull { limit: 2_000 }), "what waits is bounded too");
    world.reply(NONE, 0);
    world.pass(10 * T);
    assert_eq!(world.waiting().len(), 2);
    (1..4).for_each(|offset| world.reply(NONE, offset));
    assert_eq!([second, third, fourth].map(|id| world.offset(id)), [Some(1), Some(2), Some(3)]);
    assert!(world.core.has_room());

    world.send_now(&"a".repeat(900));
    let late = world.send_now(&"b".repeat(900));
    world.pass(2_000 * T);
    assert!(matches!(world.error(late), Error::Timeout { .. }), "{}", world.error(late));
}

#[test]
fn a_record_has_the_time_of_the_wall_clock_when_it_is_sent() {
    const HOUR: i64 = 3_600_000;
    let mut world = World::new(|config| config);
    world.pass(1_000 * T);
    let mut sent = vec![(world.send("as the core was told at its start"), 1_001_000)];
    for unix_ms in [2_000_000 + HOUR, 2_000_000 - HOUR] {
        world.core.tell_time(unix_ms, world.now);
        sent.push((world.send("the clock was set"), unix_ms));
    }
    world.pass(5 * T);
    sent.push((world.send("and goes on"), 2_000_005 - HOUR));
    world.reply(NONE, 0);
    world.pass(5 * T);
    world.reply(NONE, 3);
    for (id, unix_ms) in sent {
        assert_eq!(world.settled[&id].as_ref().unwrap().timestamp, unix_ms);
    }
}

#[test]
fn a_record_allocates_nothing_of_its_own() {
    let mut world = World::new(|config| config.batch_size(1 << 20));
    let value = "v".repeat(100);
    let record = ProducerRecord::new("t").key("key").value(&value);
    world.core.send(&record, world.now).unwrap();
    world.pass(5 * T);
    world.reply(NONE, 0);
    let (core, now) = (&mut world.core, world.now);
    let measured = allocation_counter::measure(|| {
        for _ in 0..5_000 {
            core.send(&record, now).unwrap();
        }
    });
    // The buffers of the batch double a few times.
    assert!(measured.count_total < 60, "{} allocations", measured.count_total);
}

/// What it allocates when the core does all that is due.
fn allocated(world: &mut World) -> u64 {
    allocation_counter::measure(|| _ = world.run()).bytes_total
}

#[test]
fn what_waits_costs_nothing_but_the_room_it_takes() {
    let mut world = World::new(|config| config.buffer_memory(4 << 20));
    let value = "v".repeat(100);
    let record = ProducerRecord::new("t").partition(0).value(&value);
    world.is_silent = true;
    world.core.send(&record, world.now).unwrap();
    world.run();
    let mut count = 1;
    while world.core.send(&record, world.now).is_ok() {
        count += 1;
    }
    assert!(count > 20_000);
    assert!(allocated(&mut world) < 1_000, "the topic is not known yet");
    world.is_silent = false;
    world.cut();
    world.pass(1_000 * T);
    while world.core.send(&record, world.now).is_ok() {
        count += 1;
    }
    assert!(count > 50_000);
    let mut most = 0;
    for offset in 0..20 {
        world.reply(NONE, offset);
        // Room for one batch more.
        world.core.send(&record, world.now).unwrap();
        most = most.max(allocated(&mut world));
    }
    assert!(most < 100_000, "{most} bytes");
}

#[test]
fn small_batches_take_no_more_memory_than_they_count() {
    let mut world = World::new(|config| config.buffer_memory(1 << 20).batch_size(0));
    world.send_now("known");
    let (core, now) = (&mut world.core, world.now);
    let measured = allocation_counter::measure(|| {
        while core.has_room() {
            core.send(&ProducerRecord::new("t").partition(0).value("ten bytes!"), now).unwrap();
        }
    });
    assert!(measured.bytes_current < 3 << 20, "{} bytes", measured.bytes_current);
}
