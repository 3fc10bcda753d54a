//! One budget of bytes for all partitions: it holds, and nobody starves within it.

use milena_protocol::records::Compression;

use super::*;
use crate::core::fetch_budget::DECODED_PART;
use crate::delivery::{Delivery, DeliverySettings};

/// A consumer, and brokers that answer whenever they are asked: each batch of a partition is like the one before.
struct Story {
    rig: Rig,
    delivery: Delivery,
    /// The batch of a partition that begins at this offset.
    batch: Box<dyn Fn(i32, i64) -> Bytes>,
    records_a_batch: i64,
    /// How many batches there are in each partition.
    batches: i64,
    /// The offset of the next record, of each partition.
    next: Vec<i64>,
}

impl Story {
    fn new(partitions: i32, budget: usize, batch: Box<dyn Fn(i32, i64) -> Bytes>) -> Self {
        let settings = FetchSettings { buffer_bytes: budget, ..FetchSettings::default() };
        let next = vec![0; partitions as usize];
        let mut rig = Rig::at(&next, settings);
        // Without sessions: each request says all.
        rig.versions.0.insert(Api::Fetch, 6);
        let settings =
            DeliverySettings { decoded_bytes: budget / DECODED_PART, ..DeliverySettings::default() };
        Story { rig, delivery: Delivery::new(settings), batch, records_a_batch: 1, batches: i64::MAX, next }
    }

    /// With so many batches of zeroes in each partition: each record has 16 KiB, and the 16 of a batch compress to next to
    /// nothing.
    fn of_zeroes(partitions: i32, budget: usize, batches: i64) -> Self {
        let mut builder = BatchBuilder::with_compression(Compression::Zstd).unwrap();
        for _ in 0..16 {
            builder.append(0, None, Some(&[0; 1 << 14]), &[]).unwrap();
        }
        let at_zero = builder.build();
        assert!(at_zero.len() * 1_000 < 16 << 14);
        let batch = move |_, offset: i64| {
            let mut batch = at_zero.to_vec();
            // The base offset is not part of what the checksum covers.
            batch[..8].copy_from_slice(&offset.to_be_bytes());
            batch.into()
        };
        Story { records_a_batch: 16, batches, ..Story::new(partitions, budget, Box::new(batch)) }
    }

    /// Answers everything that is asked, as far as there is room in the answers.
    fn fetch(&mut self) {
        let mut requests = self.rig.requests();
        while let Some(request) = requests.pop() {
            let mut room = fetch_body(&request).max_bytes as usize;
            let mut answer = Vec::new();
            for (partition, offset) in asked(&request) {
                if offset / self.records_a_batch >= self.batches {
                    continue;
                }
                let batch = (self.batch)(partition, offset);
                if answer.is_empty() || batch.len() <= room {
                    room = room.saturating_sub(batch.len());
                    answer.push(records(partition, batch));
                }
            }
            let is_empty = answer.is_empty();
            let mut response = fetched(answer);
            response.session_id = 0;
            for topic in &mut response.responses {
                (topic.topic, topic.topic_id) = (Str::from("t"), Uuid::ZERO);
            }
            self.rig.answer(&request, response);
            if !is_empty {
                requests.extend(self.rig.requests());
            }
        }
    }

    /// Polls as the consumer does; gives the partition of each record.
    fn poll(&mut self, max_records: usize) -> Vec<i32> {
        self.delivery.take_back();
        self.rig.fetching.delivered(&self.delivery.take_delivered(), self.rig.now);
        self.fetch();
        while let Some(fetch) = self.rig.fetching.take_completed() {
            self.delivery.accept(fetch);
        }
        let to_shed = self.rig.fetching.to_shed();
        self.delivery.shed(&to_shed);
        self.delivery.fill(max_records).unwrap();
        let mut partitions = Vec::new();
        for record in &self.delivery.records() {
            let next = &mut self.next[record.partition() as usize];
            assert_eq!(record.offset(), *next, "each once, and in order");
            *next += 1;
            partitions.push(record.partition());
        }
        partitions
    }

    fn set_paused(&mut self, partition: i32, paused: bool) {
        match paused {
            true => self.rig.fetching.pause(&tp(partition)),
            false => self.rig.fetching.resume(&tp(partition)),
        };
        self.delivery.set_paused(&tp(partition), paused);
    }

    fn batches_read(&self, partition: i32) -> i64 {
        self.next[partition as usize] / self.records_a_batch
    }
}

fn incompressible(bytes: usize) -> Box<dyn Fn(i32, i64) -> Bytes> {
    Box::new(move |_, offset| batch_of_bytes(offset, offset + 1, bytes))
}

#[test]
fn a12_memory_holds_with_a_thousand_partitions_that_decompress_to_a_thousand_times_their_size() {
    const PARTITIONS: i32 = 1_000;
    const BUDGET: usize = 4 << 20;
    const BATCH: usize = 16 << 14;
    // For what keeps the books, and for a buffer that grows while a batch is decompressed.
    const SLACK: u64 = 2 << 20;
    let mut story = Story::of_zeroes(PARTITIONS, BUDGET, 2);

    // The application does nothing.
    let stalled = allocation_counter::measure(|| story.fetch());
    assert!(story.rig.fetching.used_bytes() <= BUDGET);
    assert!(stalled.bytes_max < BUDGET as u64, "{stalled:?}");

    // It leaves each partition in the middle of a batch.
    let paused = allocation_counter::measure(|| {
        for _ in 0..PARTITIONS {
            let records = story.poll(8);
            assert_eq!(records, [records[0]; 8]);
            story.set_paused(records[0], true);
            assert!(story.rig.fetching.used_bytes() + story.delivery.decoded_bytes() <= BUDGET + BATCH);
        }
    });
    assert!(paused.bytes_max < (BUDGET + BATCH) as u64 + SLACK, "{paused:?}");
    assert!((0..PARTITIONS).all(|partition| story.next[partition as usize] == 8));

    // It goes on with all of them.
    let resumed = allocation_counter::measure(|| {
        (0..PARTITIONS).for_each(|partition| story.set_paused(partition, false));
        while (0..PARTITIONS).any(|partition| story.batches_read(partition) < 2) {
            story.poll(500);
            assert!(story.rig.fetching.used_bytes() + story.delivery.decoded_bytes() <= BUDGET + BATCH);
        }
    });
    assert!(resumed.bytes_max < (BUDGET + BATCH) as u64 + SLACK, "{resumed:?}");
}

#[test]
fn a_partition_whose_batch_was_let_go_of_goes_on_where_it_was() {
    // Room for half a batch beside the one that is read.
    let mut story = Story::of_zeroes(4, 1 << 20, 5);
    for _ in 0..4 {
        let records = story.poll(5);
        assert_eq!(records, [records[0]; 5]);
        story.set_paused(records[0], true);
    }
    (0..4).for_each(|partition| story.set_paused(partition, false));
    while (0..4).any(|partition| story.batches_read(partition) < 5) {
        assert!(!story.poll(7).is_empty());
    }
}

#[test]
fn a12_paused_partitions_with_full_buffers_starve_nobody() {
    // All but one are paused once all have what they may.
    let mut story = Story::new(8, 4 << 20, incompressible(100 << 10));
    story.fetch();
    assert!(story.rig.fetching.used_bytes() > 2 << 20);
    (0..7).for_each(|partition| story.set_paused(partition, true));
    for _ in 0..300 {
        story.poll(10);
    }
    assert!(story.batches_read(7) > 250, "{:?}", story.next);
    assert_eq!(story.next[..7], [0; 7]);

    // What had to make room comes again.
    (0..7).for_each(|partition| story.set_paused(partition, false));
    for _ in 0..300 {
        story.poll(10);
    }
    assert!((0..7).all(|partition| story.batches_read(partition) > 20), "{:?}", story.next);
}

#[test]
fn a12_a_paused_partition_does_not_keep_the_answers_of_all_others_in_memory() {
    // Its own records are few and small, but each lies in an answer with those of others.
    let batch = |partition, offset| {
        let bytes = if partition == 0 { 100 } else { 100 << 10 };
        batch_of_bytes(offset, offset + 1, bytes)
    };
    let mut story = Story::new(8, 4 << 20, Box::new(batch));
    story.set_paused(0, true);
    for round in 0..300 {
        // It was resumed for a moment, and something of it was on its way when it was paused again.
        if round % 10 == 0 {
            story.rig.fetching.resume(&tp(0));
        }
        story.poll(10);
        story.rig.fetching.pause(&tp(0));
    }
    assert!((1..8).all(|partition| story.batches_read(partition) > 300), "{:?}", story.next);
    assert_eq!(story.next[0], 0);
}

#[test]
fn of_paused_partitions_those_make_room_that_were_paused_first() {
    let mut story = Story::new(8, 4 << 20, incompressible(100 << 10));
    story.fetch();
    [3, 5, 1, 0, 2, 4, 6].into_iter().for_each(|partition| story.set_paused(partition, true));
    let shed: Vec<i32> = story.rig.fetching.to_shed().into_iter().map(|tp| tp.partition).collect();
    assert!(shed.len() > 2 && shed.len() < 7, "{shed:?}");
    assert!([3, 5].iter().all(|first| shed.contains(first)) && !shed.contains(&6), "{shed:?}");
}

#[test]
fn paused_partitions_keep_what_they_have_while_there_is_room() {
    let mut story = Story::new(2, 64 << 20, incompressible(100 << 10));
    story.fetch();
    story.set_paused(0, true);
    for _ in 0..100 {
        story.poll(10);
    }
    story.set_paused(0, false);
    story.rig.down = vec![1, 2];
    let records = std::iter::from_fn(|| Some(story.poll(100)).filter(|records| !records.is_empty()));
    let kept = records.flatten().filter(|partition| *partition == 0).count();
    assert!(kept >= 10, "{kept}");
}

#[test]
fn brokers_take_turns_where_there_is_room_for_one() {
    let mut rig = Rig::at(&[0; 4], FetchSettings { buffer_bytes: 1_000, ..FetchSettings::default() });
    let mut turns = Vec::new();
    for _ in 0..6 {
        let fetch = rig.request();
        turns.push(fetch.node_id);
        rig.answer(
            &fetch,
            fetched(asked(&fetch).into_iter().map(|(partition, _)| nothing(partition)).collect()),
        );
    }
    assert_eq!(turns, [1, 2, 1, 2, 1, 2]);
}

#[test]
fn small_answers_are_asked_for_from_all_brokers_at_once() {
    let settings = FetchSettings { fetch_max_bytes: 50_000, ..FetchSettings::default() };
    let mut rig = Rig::at(&[0, 0], settings);
    let requests = rig.requests();
    assert_eq!(requests.iter().map(|request| request.node_id).collect::<Vec<_>>(), [1, 2]);
    rig.answer(&requests[0], fetched(vec![records(0, batch(0, 10))]));
    assert_eq!(asked(&rig.request()), [(0, 10)], "while the application has records");
    assert!(rig.fetching.pause(&tp(0)));
    assert!(rig.fetching.to_shed().is_empty());
}

#[test]
fn a12_small_answers_that_pile_up_count_with_what_keeps_their_books() {
    const BUDGET: usize = 2 << 20;
    let mut story = Story::new(100, BUDGET, incompressible(1));
    let info = allocation_counter::measure(|| story.fetch());
    assert!(story.rig.fetching.used_bytes() > BUDGET / 2);
    assert!(info.bytes_max < 2 * BUDGET as u64, "{info:?}");
}

#[test]
fn what_is_out_of_date_is_not_kept_for_an_application_that_only_seeks() {
    let mut story = Story::new(1, 4 << 20, incompressible(100 << 10));
    let info = allocation_counter::measure(|| {
        for _ in 0..200 {
            story.fetch();
            story.rig.fetching.seek(&tp(0), place(0, -1));
        }
    });
    assert!(info.bytes_max < 8 << 20, "{info:?}");
}
