//! A history from its beginning to its end; and many of them, on all cores.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::checks::Value;
use crate::history::{GROUP, History};
use crate::peace;
use crate::trace::Trace;
use crate::world::World;

/// How long a group may take, once all is well, until everything is as it has to be; and at the most, while it still reads what
/// nobody has read before.
const HEALING: Duration = Duration::from_secs(90);
const READING: Duration = Duration::from_secs(600);
/// How long nothing may change then: longer than any session, and than `max.poll.interval.ms`.
pub const QUIET: Duration = Duration::from_secs(8);
/// Nobody reads of more failures than this.
const FAILURES: usize = 10;
/// How long consumers may take to close.
const CLOSING: Duration = Duration::from_secs(10);

/// What a history came to, for the statistics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    pub virtual_time: Duration,
    pub delivered: usize,
    pub duplicates: usize,
}

/// Lives through the history of a seed. Panics when anything is not as it has to be.
pub fn live(seed: u64, trace: Trace) -> Told {
    let mut world = World::new(History::of(seed), trace);
    world.begin_faults();
    let end = world.clock.now + world.history.lasts;
    while world.clock.now < end {
        world.step(end);
    }
    world.heal();
    end_writing(&mut world);
    settle(&mut world);
    peace::keep(&mut world);
    check_logs(&world);
    close(&mut world);
    Told {
        virtual_time: world.clock.elapsed(),
        delivered: world.ledger.delivered,
        duplicates: world.ledger.duplicates,
    }
}

/// Producers and writers come to their end, with a record more for each partition.
fn end_writing(world: &mut World) {
    let now = world.clock.now;
    let mut partitions = Some(world.partitions.clone());
    for producer in world.producers.values_mut().filter(|producer| producer.is_open()) {
        let last = if producer.is_sure() { partitions.take() } else { None };
        producer.end(last.unwrap_or_default(), now);
    }
    if partitions.is_some() && world.writers.is_empty() {
        world.add_writer();
    }
    world.writers.values_mut().for_each(|writer| writer.end(partitions.take().unwrap_or_default(), now));
}

/// Everything is read and committed, and the group is stable; and so it stays.
pub fn settle(world: &mut World) {
    let now = world.clock.now;
    let mut patience = now + HEALING;
    let mut read = 0;
    // By then all who came back are in the group.
    let mut rebalance = world.history.can_leave_out().then_some(now + QUIET);
    let mut next_look = now;
    let mut before = (now, world.ledger.owners(), 0);
    while world.clock.now < before.0 + QUIET {
        world.step(next_look.max(world.clock.now));
        if world.clock.now < next_look {
            continue;
        }
        next_look = world.clock.now + Duration::from_millis(500);
        let (owners, delivered) = (world.ledger.owners(), world.ledger.delivered);
        let wrong = unfinished(world);
        if delivered - world.ledger.duplicates > read {
            read = delivered - world.ledger.duplicates;
            patience = (world.clock.now + HEALING).min(now + READING);
        }
        if rebalance.is_some_and(|at| world.clock.now >= at) && is_left_out(world) {
            rebalance = None;
            world.join(None);
        }
        if wrong.is_some() || owners != before.1 || delivered != before.2 {
            before = (world.clock.now, owners, delivered);
        }
        if world.clock.now > patience {
            let wrong = wrong.unwrap_or_else(|| "the group goes on changing".to_owned());
            panic!("after {:?} of peace, {wrong}", world.clock.now - now);
        }
    }
}

pub fn unfinished(world: &World) -> Option<String> {
    if let Some(writer) = world.writers.values().find(|writer| !writer.is_done()) {
        return Some(format!("writer {} has not written all", writer.id));
    }
    if let Some(producer) = world.producers.values().find(|producer| !producer.is_done()) {
        return Some(format!("producer {} has not sent all", producer.id));
    }
    let members: Vec<_> = world.members.keys().copied().collect();
    if let Some(leaving) = world.members.values().find(|member| member.application.is_leaving()) {
        return Some(format!("client {} has not left", leaving.application.id));
    }
    let state = world.broker.group_state(GROUP);
    if state.as_deref() != Some("Stable") {
        return Some(format!("the group is {state:?}"));
    }
    let mut known: Vec<_> = world.members.values().map(|member| member.member_id.as_str()).collect();
    known.sort_unstable();
    let counted = world.broker.group_members(GROUP);
    if counted != known {
        return Some(format!("the group has the members {counted:?}, and there are {known:?}"));
    }
    world.ledger.unfinished(&members)
}

/// The group is at rest, and nobody owns a partition.
fn is_left_out(world: &World) -> bool {
    let owners = world.ledger.owners();
    let is_owned = |partition| owners.iter().any(|(_, owned, _)| owned == partition);
    world.broker.group_state(GROUP).as_deref() == Some("Stable") && !world.partitions.iter().all(is_owned)
}

/// The broker holds what was written.
fn check_logs(world: &World) {
    for partition in world.ledger.partitions() {
        let records = world.broker.records(&partition.topic, partition.partition).expect("it is there");
        let value = |bytes: bytes::Bytes| Value::from_be_bytes(bytes[..].try_into().expect("it is a number"));
        let held = records.into_iter().map(|record| (record.offset, record.value.map_or(0, value)));
        assert_eq!(held.collect::<Vec<_>>(), world.ledger.content(partition), "what {partition} holds");
    }
}

/// All close, in time, and without undoing anything.
fn close(world: &mut World) {
    let now = world.clock.now;
    world.members.values_mut().for_each(|member| member.application.leave());
    world.producers.values_mut().for_each(|producer| producer.close(now + CLOSING, now));
    let end = now + CLOSING;
    while world.clock.now < end && !(world.members.is_empty() && world.producers.is_empty()) {
        world.step(end);
    }
    let left: Vec<_> = world.members.keys().chain(world.producers.keys()).collect();
    assert!(left.is_empty(), "clients {left:?} have not closed");
    world.see_committed(None, false);
}

/// One history, with all that happens.
pub fn show(seed: u64) {
    let told = live(seed, Trace::printing());
    println!("seed {seed}: {told:?}");
}

/// Many of them. Panics when some fail: says which and why, and the last that happened in the first of them.
pub fn many(seeds: Range<u64>) {
    let begun = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let failures: Mutex<BTreeMap<u64, String>> = Mutex::default();
    let work = || {
        let mut sum = Told::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let failed = failures.lock().expect("nobody panics with it").len();
            if seed >= seeds.end || failed >= FAILURES {
                return sum;
            }
            match attempt(seed, Trace::off()) {
                Ok(told) => {
                    sum.virtual_time += told.virtual_time;
                    sum.delivered += told.delivered;
                    sum.duplicates += told.duplicates;
                }
                Err(why) => drop(failures.lock().expect("nobody panics with it").insert(seed, why)),
            }
        }
    };
    // Those who fail are told of in the end.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let sums = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("panics are caught")).collect::<Vec<_>>()
    });
    let failures = failures.into_inner().expect("nobody panics with it");
    let first = failures.first_key_value().map(|(seed, _)| tell(*seed));
    std::panic::set_hook(hook);
    let count = seeds.end - seeds.start;
    let sum = |f: fn(&Told) -> f64| sums.iter().map(f).sum::<f64>();
    println!(
        "{count} histories in {:.1?} ({:.0} a minute): {:.1} hours of virtual time, {} records delivered, {} of them again",
        begun.elapsed(),
        count as f64 / begun.elapsed().as_secs_f64() * 60.0,
        sum(|told| told.virtual_time.as_secs_f64()) / 3600.0,
        sum(|told| told.delivered as f64),
        sum(|told| told.duplicates as f64),
    );
    if let Some(first) = first {
        let list: Vec<String> = failures.iter().map(|(seed, why)| format!("seed {seed}: {why}")).collect();
        panic!("{first}\n\n{} of {count} histories failed:\n{}", list.len(), list.join("\n"));
    }
}

/// Lives through a history, and says what was wrong with it if anything was.
fn attempt(seed: u64, trace: Trace) -> Result<Told, String> {
    catch_unwind(AssertUnwindSafe(|| live(seed, trace))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// Lives through a history that failed once more, to tell what happened last.
fn tell(seed: u64) -> String {
    let trace = Trace::keeping();
    let why = match attempt(seed, trace.clone()) {
        Ok(_) => "it went well the second time: something in it is not of the seed".to_owned(),
        Err(why) => why,
    };
    format!("what happened last with seed {seed}:\n{}\n{why}", trace.lines().join("\n"))
}
