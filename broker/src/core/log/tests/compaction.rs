//! Compaction, from the outside.

use std::collections::BTreeMap;

use super::*;
use crate::core::rng::Rng;

/// A record: its offset, its key, its value.
type Seen = (i64, String, Option<String>);

/// Small segments, and everything is dirty enough.
const COMPACT: [(&str, &str); 3] =
    [("cleanup.policy", "compact"), ("internal.segment.bytes", "300"), ("min.cleanable.dirty.ratio", "0")];

fn compacted(more: &[(&str, &str)]) -> Fixture {
    let overrides: Vec<_> = COMPACT.iter().chain(more).copied().collect();
    Fixture::new(&overrides)
}

fn batch(records: &[(&str, Option<&str>)]) -> BatchBuilder {
    with(BatchBuilder::new(), records)
}

fn with(mut builder: BatchBuilder, records: &[(&str, Option<&str>)]) -> BatchBuilder {
    for (key, value) in records {
        builder.append(NOW, Some(key.as_bytes()), value.map(str::as_bytes), &[]).unwrap();
    }
    builder
}

impl Fixture {
    fn write(&mut self, records: &[(&str, Option<&str>)]) {
        self.append(&batch(records).build()).unwrap();
    }

    fn write_in_transaction(&mut self, producer: (i64, i16, i32), records: &[(&str, Option<&str>)]) {
        let mut builder = batch(records);
        builder.set_producer(producer.0, producer.1, producer.2).set_transactional(true);
        self.append(&builder.build()).unwrap();
    }

    fn compact_now(&mut self) -> bool {
        self.log.compact_now(&self.settings, self.wall_ms, &mut self.decompressor)
    }

    fn compact(&mut self) -> bool {
        self.log.compact(&self.settings, self.wall_ms, &mut self.decompressor)
    }

    fn is_dirty(&self) -> bool {
        self.log.is_dirty(&self.settings, self.wall_ms)
    }

    fn headers(&self) -> Vec<BatchHeader> {
        self.log.stored().map(|stored| stored.header).collect()
    }

    /// All records but the ends of transactions.
    fn seen(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        for stored in self.log.segments.iter().flat_map(|segment| &segment.batches) {
            let batch = Batches::new(&stored.bytes).next().unwrap().unwrap();
            if batch.is_control {
                continue;
            }
            for record in batch.records(&mut self.decompressor).unwrap() {
                let record = record.unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                seen.push((record.offset, text(record.key.unwrap()), record.value.map(text)));
            }
        }
        seen
    }

    fn offsets(&mut self) -> Vec<i64> {
        self.seen().into_iter().map(|(offset, ..)| offset).collect()
    }
}

#[test]
fn of_each_key_the_last_value_stays_where_it_was() {
    let mut f = compacted(&[]);
    f.write(&[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    f.write(&[("a", Some("2")), ("c", Some("2"))]);
    f.write(&[("d", Some("1"))]);
    assert!(f.compact_now());
    assert_eq!(f.offsets(), [1, 3, 4, 5]);
    let spans: Vec<_> =
        f.headers().iter().map(|h| (h.base_offset, h.last_offset, h.count.unwrap())).collect();
    assert_eq!(spans, [(0, 2, 1), (3, 4, 2), (5, 5, 1)], "batches end where they did");
    assert_eq!((f.log.start_offset(), f.log.end_offset()), (0, 6));
    assert!(!f.compact_now(), "nothing more to remove");
    f.write(&[("b", Some("2"))]);
    assert_eq!(f.headers().last().unwrap().base_offset, 6);
}

#[test]
fn t3_who_reads_at_a_gap_gets_what_follows() {
    let mut f = compacted(&[]);
    for n in 0..4 {
        f.write(&[("a", Some(&n.to_string()))]);
    }
    f.compact_now();
    assert_eq!(f.offsets(), [3]);
    for offset in 0..4 {
        assert_eq!(f.read(offset)[0].base_offset, 3);
    }
    assert_eq!(f.read(4), []);
}

#[test]
fn the_last_batch_stays_if_without_records_so_that_the_end_is_known() {
    let mut f = compacted(&[("delete.retention.ms", "0")]);
    f.write(&[("a", Some("1"))]);
    f.write(&[("a", None)]);
    f.compact_now();
    assert_eq!(f.seen(), [(1, "a".into(), None)]);
    f.compact_now();
    let headers = f.headers();
    assert_eq!((headers.len(), headers[0].count, headers[0].last_offset), (1, Some(0), 1));
    assert_eq!(headers[0].max_timestamp, NOW);
    assert_eq!(f.log.youngest(&mut f.decompressor), None);
}

#[test]
fn compressed_batches_stay_compressed_the_same_way() {
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let Ok(builder) = BatchBuilder::with_compression(compression) else { continue };
        let mut f = compacted(&[]);
        let mut builder = with(builder, &[("a", Some("1")), ("b", Some("1")), ("a", Some("2"))]);
        f.append(&builder.build()).unwrap();
        f.write(&[("c", Some("1"))]);
        f.compact_now();
        assert_eq!(f.offsets(), [1, 2, 3]);
        assert_eq!(f.headers()[0].compression, compression);
    }
}

#[test]
fn timestamps_stay_what_they_are() {
    for kind in ["CreateTime", "LogAppendTime"] {
        let mut f = compacted(&[("message.timestamp.type", kind)]);
        f.write(&[("a", Some("1")), ("b", None)]);
        f.wall_ms += 500;
        f.write(&[("a", Some("2"))]);
        f.compact_now();
        let stored: Vec<Stored> = f.log.stored().cloned().collect();
        let batch = Batches::new(&stored[0].bytes).next().unwrap().unwrap();
        assert!(batch.delete_horizon_ms.is_some());
        let times: Vec<i64> =
            batch.records(&mut f.decompressor).unwrap().map(|record| record.unwrap().timestamp).collect();
        assert_eq!((times, batch.max_timestamp), (vec![NOW], NOW), "{kind}");
    }
}

#[test]
fn a_tombstone_stays_for_a_while_after_it_was_compacted_first() {
    let mut f = compacted(&[("delete.retention.ms", "1000")]);
    f.write(&[("a", Some("1"))]);
    f.write(&[("a", None), ("b", Some("1"))]);
    f.write(&[("c", Some("1"))]);
    f.compact_now();
    assert_eq!(f.offsets(), [1, 2, 3]);
    assert_eq!(f.headers()[0].delete_horizon_ms, Some(NOW + 1000));
    f.wall_ms += 999;
    assert!(!f.compact_now());
    f.wall_ms += 1;
    assert!(f.compact_now());
    assert_eq!(f.offsets(), [2, 3]);
}

#[test]
fn t4_aborted_records_go_and_their_end_later() {
    let mut f = compacted(&[("delete.retention.ms", "1000")]);
    f.write(&[("a", Some("kept"))]);
    f.write_in_transaction((1, 0, 0), &[("a", Some("lost"))]);
    f.marker(1, ControlKind::Abort);
    f.write(&[("b", Some("1"))]);
    assert_eq!(f.log.aborted.len(), 1);
    f.compact_now();
    assert_eq!(f.offsets(), [0, 3], "an aborted record is no last value");
    assert_eq!(f.headers().len(), 3, "the marker tells where its producer stands");
    assert_eq!(f.log.aborted.len(), 1, "there were records a moment ago");
    f.compact_now();
    assert_eq!(f.log.aborted.len(), 0);
    f.log.expire_producers(i64::MAX);
    assert_eq!(f.headers()[1].delete_horizon_ms, Some(NOW + 1000));
    f.wall_ms += 1000;
    f.compact_now();
    assert_eq!(f.headers().len(), 2);
}

#[test]
fn the_end_of_a_transaction_stays_as_long_as_its_records() {
    let mut f = compacted(&[("delete.retention.ms", "0")]);
    f.write_in_transaction((1, 0, 0), &[("a", Some("1"))]);
    f.marker(1, ControlKind::Commit);
    f.write(&[("b", Some("1"))]);
    f.log.expire_producers(i64::MAX);
    f.compact_now();
    f.compact_now();
    assert_eq!((f.headers().len(), f.headers()[1].delete_horizon_ms), (3, None));
    f.write(&[("a", Some("2"))]);
    f.compact_now();
    assert_eq!(f.headers()[0].delete_horizon_ms, None, "there were records a moment ago");
    f.compact_now();
    assert!(f.headers()[0].is_control && f.headers()[0].delete_horizon_ms.is_some());
    f.compact_now();
    assert_eq!(f.offsets(), [2, 3]);
    assert!(!f.headers().iter().any(|header| header.is_control));
}

#[test]
fn nothing_behind_an_open_transaction_is_compacted() {
    let mut f = compacted(&[]);
    f.write(&[("a", Some("1"))]);
    f.write(&[("a", Some("2"))]);
    f.write_in_transaction((1, 0, 0), &[("b", Some("1"))]);
    f.write(&[("a", Some("3"))]);
    f.compact_now();
    assert_eq!(f.offsets(), [1, 2, 3]);
    f.marker(1, ControlKind::Commit);
    f.compact_now();
    assert_eq!(f.offsets(), [2, 3]);
}

#[test]
fn what_says_where_a_producer_stands_stays() {
    let mut f = compacted(&[]);
    let mut first = batch(&[("a", Some("1")), ("b", Some("1"))]);
    let first = first.set_producer(7, 0, 0).build();
    f.append(&first).unwrap();
    f.write(&[("a", Some("2")), ("b", Some("2"))]);
    f.write(&[("c", Some("1"))]);
    f.compact_now();
    assert_eq!(f.headers()[0].count, Some(0));
    f.log.truncate(4, NOW);
    assert!(f.append(&first).unwrap().is_duplicate);
}

#[test]
fn the_segment_that_is_written_to_is_left_alone() {
    let mut f = compacted(&[]);
    f.write(&[("a", Some("1"))]);
    f.write(&[("a", Some("2"))]);
    assert!(!f.is_dirty() && !f.compact());
    while f.log.segments.len() == 1 {
        f.write(&[("b", Some("1"))]);
    }
    assert!(f.is_dirty() && f.compact());
    assert!(!f.is_dirty());
    assert_eq!(f.offsets()[0], 1);
}

#[test]
fn it_is_time_when_enough_is_dirty_or_something_has_waited_for_too_long() {
    let policy = [("min.cleanable.dirty.ratio", "0.9"), ("max.compaction.lag.ms", "5000")];
    let mut f = compacted(&policy);
    while f.log.segments.len() < 3 {
        f.write(&[("a", Some("1"))]);
    }
    assert!(f.is_dirty(), "all of it");
    f.compact();
    while f.log.segments.len() < 3 {
        f.write(&[("a", Some("1"))]);
    }
    assert!(!f.is_dirty(), "half of it");
    let later = f.log.dirty_later_ms(&f.settings, f.wall_ms).unwrap();
    f.wall_ms = later - 1;
    assert!(!f.is_dirty());
    f.wall_ms = later;
    assert!(f.is_dirty());
    assert_eq!(later, NOW + 5001);
}

#[test]
fn what_is_too_young_waits() {
    let mut f = compacted(&[("min.compaction.lag.ms", "5000")]);
    while f.log.segments.len() < 3 {
        f.write(&[("a", Some("1"))]);
    }
    assert!(!f.is_dirty() && !f.compact());
    assert_eq!(f.log.dirty_later_ms(&f.settings, f.wall_ms), Some(NOW + 5000));
    f.wall_ms += 5000;
    assert!(f.is_dirty() && f.compact());
}

/// What a reader makes of a compacted log with read_committed: the last value of each key.
fn table(f: &mut Fixture) -> BTreeMap<String, String> {
    let read = f.log.read(0, usize::MAX, Isolation::Committed, true).unwrap();
    assert!(read.records.len() <= f.log.size_bytes());
    let mut offset = f.log.start_offset();
    let mut table = BTreeMap::new();
    let mut ongoing = std::collections::BTreeSet::new();
    loop {
        let read = f.log.read(offset, usize::MAX, Isolation::Committed, true).unwrap();
        if read.records.is_empty() {
            return table;
        }
        let mut aborted = f.log.aborted(offset, &read);
        for batch in Batches::new(&read.records) {
            let batch = batch.unwrap();
            let begun = aborted.extract_if(.., |aborted| aborted.first_offset <= batch.last_offset);
            ongoing.extend(begun.map(|aborted| aborted.producer_id));
            offset = batch.last_offset + 1;
            if batch.is_control {
                ongoing.remove(&batch.producer_id);
                continue;
            }
            if batch.is_transactional && ongoing.contains(&batch.producer_id) {
                continue;
            }
            for record in batch.records(&mut f.decompressor).unwrap() {
                let record = record.unwrap();
                let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
                match record.value {
                    Some(value) => _ = table.insert(key, String::from_utf8(value.to_vec()).unwrap()),
                    None => _ = table.remove(&key),
                }
            }
        }
    }
}

#[test]
fn who_reads_a_compacted_log_ends_with_the_same_table() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let mut f = compacted(&[("delete.retention.ms", "50")]);
        let mut expected: BTreeMap<String, String> = BTreeMap::new();
        let mut epochs = [0_i16; 3];
        for step in 0..80 {
            f.wall_ms += rng.below(20) as i64;
            let producer = rng.below(3);
            let mut records = Vec::new();
            for n in 0..1 + rng.below(4) {
                let value = (rng.below(4) > 0).then(|| format!("{step}-{n}"));
                records.push((format!("key-{}", rng.below(6)), value));
            }
            let borrowed: Vec<_> = records.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
            let kind = rng.below(4);
            match kind {
                0 | 1 => f.write(&borrowed),
                _ => {
                    let epoch = epochs[producer];
                    f.write_in_transaction((producer as i64, epoch, 0), &borrowed);
                    let end = if kind == 2 { ControlKind::Commit } else { ControlKind::Abort };
                    f.marker(producer as i64, end);
                    epochs[producer] += 1;
                }
            }
            if kind < 3 {
                for (key, value) in records {
                    match value {
                        Some(value) => _ = expected.insert(key, value),
                        None => _ = expected.remove(&key),
                    }
                }
            }
            match rng.below(8) {
                0 => _ = f.compact_now(),
                1 | 2 => _ = f.compact(),
                _ => {}
            }
            if step % 8 == 0 {
                assert_eq!(table(&mut f), expected, "seed {seed}, step {step}");
            }
        }
        f.compact_now();
        assert_eq!(table(&mut f), expected, "seed {seed}");
        let mut keys: Vec<String> = f.seen().into_iter().map(|(_, key, _)| key).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count, "seed {seed}: each key once");
    }
}
