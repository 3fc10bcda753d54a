//! A log, from the outside.

mod compaction;
mod retention;

use super::*;
use crate::settings::Settings;
use milena_protocol::Str;
use milena_protocol::records::{BatchHeader, Compression};

const NOW: i64 = 1_700_000_000_000;

struct Fixture {
    log: Log,
    settings: TopicSettings,
    decompressor: Decompressor,
    wall_ms: i64,
}

impl Fixture {
    fn new(overrides: &[(&str, &str)]) -> Self {
        let overrides = overrides.iter().map(|(name, value)| (Str::from(*name), Str::from(*value))).collect();
        let settings = TopicSettings::new(&Settings::default(), &overrides).unwrap();
        Fixture { log: Log::new(0, NOW), settings, decompressor: Decompressor::new(), wall_ms: NOW }
    }

    fn append(&mut self, batch: &Bytes) -> Result<AppendInfo, AppendError> {
        let batch = only_batch(Some(batch), 13)?;
        let mut to = Append {
            settings: &self.settings,
            leader_epoch: self.log.epochs.latest().unwrap(),
            wall_ms: self.wall_ms,
            decompressor: &mut self.decompressor,
        };
        self.log.append(&batch, &mut to)
    }

    /// Appends as many batches of as many records.
    fn fill(&mut self, batches: usize, records: i64) {
        for _ in 0..batches {
            self.append(&values(records).build()).unwrap();
        }
    }

    fn code(&mut self, batch: &Bytes) -> ErrorCode {
        self.append(batch).unwrap_err().code
    }

    fn marker(&mut self, producer_id: i64, kind: ControlKind) {
        let producer_epoch = self.log.producers.epoch(producer_id).unwrap() + 1;
        let marker = Marker { producer_id, producer_epoch, kind, coordinator_epoch: 0, bumped: true };
        let to = Append {
            settings: &self.settings,
            leader_epoch: 0,
            wall_ms: self.wall_ms,
            decompressor: &mut self.decompressor,
        };
        self.log.append_marker(marker, &to).unwrap();
    }

    fn read(&self, offset: i64) -> Vec<BatchHeader> {
        let read = self.log.read(offset, 1 << 20, Isolation::Uncommitted, true).unwrap();
        Batches::new(&read.records).map(|batch| batch.unwrap().header()).collect()
    }
}

fn values(count: i64) -> BatchBuilder {
    values_at(count, NOW)
}

fn values_at(count: i64, first_ms: i64) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for n in 0..count {
        builder.append(first_ms + n, Some(b"key"), Some(&[b'x'; 40]), &[]).unwrap();
    }
    builder
}

fn produced(producer: (i64, i16, i32), transactional: bool) -> Bytes {
    let mut builder = values(2);
    builder.set_producer(producer.0, producer.1, producer.2).set_transactional(transactional);
    builder.build()
}

#[test]
fn batches_get_their_offsets_and_the_leaders_epoch() {
    let mut f = Fixture::new(&[]);
    f.append(&values(3).build()).unwrap();
    f.log.led(4);
    let info = f.append(&values(2).build()).unwrap();
    assert_eq!((info.base_offset, info.last_offset, info.log_append_time_ms), (3, 4, -1));
    let batches = f.read(0);
    let seen: Vec<_> =
        batches.iter().map(|b| (b.base_offset, b.last_offset, b.partition_leader_epoch)).collect();
    assert_eq!(seen, [(0, 2, 0), (3, 4, 4)]);
    assert_eq!(f.log.epochs().end_offset(0, 5), Some((0, 3)));
}

#[test]
fn a_read_begins_with_the_batch_that_has_the_offset() {
    let mut f = Fixture::new(&[]);
    f.fill(3, 4);
    assert_eq!(f.read(5)[0].base_offset, 4);
    assert_eq!(f.read(12), []);
    assert_eq!(f.log.read(13, 100, Isolation::Uncommitted, true), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(f.log.read(-1, 100, Isolation::Uncommitted, true), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
}

#[test]
fn t21_a_read_is_cut_at_the_limit_but_has_one_whole_batch() {
    let mut f = Fixture::new(&[]);
    let size = values(4).build().len();
    f.fill(3, 4);
    let read = |bytes, one| f.log.read(0, bytes, Isolation::Uncommitted, one).unwrap().records.len();
    assert_eq!(read(1, true), size);
    assert_eq!(read(1, false), 0);
    assert_eq!(read(size + 10, true), size + 10, "the last batch is cut off");
    assert_eq!(read(size * 9, true), size * 3);
}

#[test]
fn what_is_malformed_is_refused_as_kafka_does() {
    let mut f = Fixture::new(&[("max.message.bytes", "400")]);
    let good = values(2).build();
    assert_eq!(only_batch(None, 13).unwrap_err(), ErrorCode::INVALID_RECORD);
    assert_eq!(f.code(&Bytes::new()), ErrorCode::INVALID_RECORD);
    let two: Bytes = [&good[..], &good[..]].concat().into();
    assert_eq!(f.code(&two), ErrorCode::INVALID_RECORD);
    let mut bad_crc = good.to_vec();
    *bad_crc.last_mut().unwrap() ^= 1;
    assert_eq!(f.code(&bad_crc.into()), ErrorCode::CORRUPT_MESSAGE);
    let mut shifted = values(2);
    shifted.set_base_offset(1);
    assert_eq!(f.code(&shifted.build()), ErrorCode::INVALID_RECORD);
    let mut control = values(1);
    control.set_control(true);
    assert_eq!(f.code(&control.build()), ErrorCode::INVALID_RECORD);
    assert_eq!(f.code(&values(10).build()), ErrorCode::MESSAGE_TOO_LARGE);
    let mut gap = BatchBuilder::new();
    gap.append_at(0, NOW, None, None, &[]).unwrap();
    gap.append_at(5, NOW, None, None, &[]).unwrap();
    assert_eq!(f.code(&gap.build()), ErrorCode::INVALID_RECORD);
    let mut no_sequence = values(1);
    no_sequence.set_producer(1, 0, -1);
    assert_eq!(f.code(&no_sequence.build()), ErrorCode::INVALID_RECORD);
    assert_eq!(f.log.end_offset(), 0);
    f.append(&good).unwrap();
}

#[test]
fn the_old_formats_are_refused() {
    let mut legacy = milena_protocol::records::LegacyBuilder::new(1, Compression::None).unwrap();
    legacy.append(0, NOW, None, Some(b"v")).unwrap();
    assert_eq!(only_batch(Some(&legacy.build()), 13).unwrap_err(), ErrorCode::INVALID_RECORD);
}

#[test]
#[cfg(feature = "zstd")]
fn zstd_needs_produce_version_7() {
    let mut builder = BatchBuilder::with_compression(Compression::Zstd).unwrap();
    builder.append(NOW, None, None, &[]).unwrap();
    let batch = builder.build();
    assert_eq!(only_batch(Some(&batch), 6).unwrap_err(), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    assert!(only_batch(Some(&batch), 7).is_ok());
}

#[test]
fn timestamps_have_bounds_and_the_bad_records_are_named() {
    let bounds = [("message.timestamp.before.max.ms", "1000"), ("message.timestamp.after.max.ms", "1000")];
    let mut f = Fixture::new(&bounds);
    let mut builder = BatchBuilder::new();
    for offset in [0, -1001, 1000, 1001] {
        builder.append(NOW + offset, None, None, &[]).unwrap();
    }
    let error = f.append(&builder.build()).unwrap_err();
    assert_eq!(error.code, ErrorCode::INVALID_TIMESTAMP);
    assert_eq!(error.records.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 3]);
    let mut appended = values(1);
    appended.set_log_append_time(Some(NOW));
    assert_eq!(f.append(&appended.build()), Ok(AppendInfo { base_offset: 0, ..info(0) }));
}

fn info(offset: i64) -> AppendInfo {
    AppendInfo { base_offset: offset, last_offset: offset, log_append_time_ms: -1, is_duplicate: false }
}

#[test]
#[cfg(feature = "gzip")]
fn a_batch_that_is_too_large_when_it_is_decompressed_is_one_to_split() {
    let mut f = Fixture::new(&[]);
    f.decompressor = Decompressor::with_budget(1000);
    let mut builder = BatchBuilder::with_compression(Compression::Gzip).unwrap();
    builder.append(NOW, None, Some(&[0; 2000]), &[]).unwrap();
    let error = f.append(&builder.build()).unwrap_err();
    assert_eq!(error.code, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(error.message.as_deref(), Some("decompressed, the batch is larger than 1000 bytes"));
}

#[test]
fn compacted_topics_need_keys() {
    let mut f = Fixture::new(&[("cleanup.policy", "compact")]);
    let mut builder = BatchBuilder::new();
    builder.append(NOW, None, Some(b"v"), &[]).unwrap();
    let error = f.append(&builder.build()).unwrap_err();
    assert_eq!((error.code, error.records.len()), (ErrorCode::INVALID_RECORD, 1));
}

#[test]
fn with_log_append_time_every_record_has_the_brokers_time() {
    let mut f = Fixture::new(&[("message.timestamp.type", "LogAppendTime")]);
    f.wall_ms = NOW + 77;
    let info = f.append(&values(2).build()).unwrap();
    assert_eq!(info.log_append_time_ms, NOW + 77);
    let batch = f.read(0)[0];
    assert_eq!((batch.timestamp_type, batch.max_timestamp), (TimestampType::LogAppendTime, NOW + 77));
    let found = f.log.at_time(NOW + 77, &mut f.decompressor).unwrap();
    assert_eq!((found.offset, found.timestamp), (0, NOW + 77));
    let mut by_producer = values(1);
    by_producer.set_log_append_time(Some(NOW));
    assert_eq!(f.code(&by_producer.build()), ErrorCode::INVALID_TIMESTAMP);
}

#[test]
#[cfg(all(feature = "gzip", feature = "lz4"))]
fn a_topic_can_compress_anew() {
    let mut f = Fixture::new(&[("compression.type", "lz4")]);
    let mut builder = BatchBuilder::with_compression(Compression::Gzip).unwrap();
    for n in 0..3 {
        builder.append(NOW + n, Some(b"k"), Some(b"v"), &[]).unwrap();
    }
    builder.set_producer(3, 1, 7);
    f.append(&builder.build()).unwrap();
    let batch = f.read(0)[0];
    assert_eq!((batch.compression, batch.count, batch.max_timestamp), (Compression::Lz4, Some(3), NOW + 2));
    assert_eq!((batch.producer_id, batch.base_sequence), (3, 7));
    assert_eq!(f.log.at_time(NOW + 1, &mut f.decompressor).unwrap().offset, 1);
}

#[test]
fn a_duplicate_is_answered_with_where_it_was() {
    let mut f = Fixture::new(&[]);
    f.append(&produced((1, 0, 0), false)).unwrap();
    f.append(&produced((1, 0, 2), false)).unwrap();
    let info = f.append(&produced((1, 0, 0), false)).unwrap();
    assert_eq!((info.base_offset, info.last_offset, info.is_duplicate), (0, 1, true));
    assert_eq!(f.log.end_offset(), 4);
    assert_eq!(f.code(&produced((1, 0, 6), false)), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
}

#[test]
fn committed_readers_stop_at_the_first_open_transaction() {
    let mut f = Fixture::new(&[]);
    f.append(&values(1).build()).unwrap();
    f.append(&produced((1, 0, 0), true)).unwrap();
    f.append(&produced((2, 0, 0), true)).unwrap();
    assert_eq!((f.log.last_stable_offset(), f.log.end_offset()), (1, 5));
    let committed = |f: &Fixture, offset| f.log.read(offset, 1 << 20, Isolation::Committed, true).unwrap();
    assert_eq!(Batches::new(&committed(&f, 0).records).count(), 1);
    assert_eq!(committed(&f, 1).records.len(), 0);
    f.marker(2, ControlKind::Abort);
    assert_eq!(f.log.last_stable_offset(), 1);
    f.marker(1, ControlKind::Commit);
    assert_eq!(f.log.last_stable_offset(), 7);
    let read = committed(&f, 0);
    assert_eq!(Batches::new(&read.records).count(), 5);
    let aborted = f.log.aborted(0, &read);
    assert_eq!((aborted.len(), aborted[0].producer_id, aborted[0].first_offset), (1, 2, 3));
    assert_eq!(f.log.aborted(6, &committed(&f, 6)), [], "nothing of it is left");
}

#[test]
fn offsets_are_found_by_time() {
    let mut f = Fixture::new(&[]);
    f.append(&values_at(3, 1000).build()).unwrap();
    f.append(&values_at(3, 5000).build()).unwrap();
    f.append(&values_at(3, 2000).build()).unwrap();
    let at = |f: &mut Fixture, time| f.log.at_time(time, &mut f.decompressor).map(|found| found.offset);
    assert_eq!(at(&mut f, 0), Some(0));
    assert_eq!(at(&mut f, 1001), Some(1));
    assert_eq!(at(&mut f, 1003), Some(3));
    assert_eq!(at(&mut f, 5003), None);
    let youngest = f.log.youngest(&mut f.decompressor).unwrap();
    assert_eq!((youngest.offset, youngest.timestamp, youngest.leader_epoch), (5, 5002, 0));
    assert_eq!(Log::new(0, NOW).youngest(&mut f.decompressor), None);
}

#[test]
fn a_trimmed_log_begins_later_even_within_a_batch() {
    let mut f = Fixture::new(&[("internal.segment.bytes", "300")]);
    f.fill(6, 3);
    assert!(f.log.segments.len() > 2);
    assert!(f.log.trim(7));
    assert!(!f.log.trim(6));
    assert_eq!(f.log.read(6, 100, Isolation::Uncommitted, true), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(f.read(7)[0].base_offset, 6);
    assert_eq!(f.log.at_time(0, &mut f.decompressor).unwrap().offset, 7);
    assert!(f.log.trim(18));
    assert_eq!(f.read(18), []);
    assert_eq!(f.append(&values(1).build()).unwrap().base_offset, 18);
}

#[test]
fn a_truncated_log_forgets_epochs_producers_and_transactions() {
    let mut f = Fixture::new(&[("internal.segment.bytes", "300")]);
    f.append(&produced((1, 0, 0), true)).unwrap();
    f.log.led(1);
    f.append(&produced((1, 0, 2), true)).unwrap();
    f.marker(1, ControlKind::Abort);
    f.log.truncate(3, NOW);
    assert_eq!((f.log.end_offset(), f.log.last_stable_offset()), (3, 0));
    assert_eq!(f.read(0).len(), 1);
    f.log.led(2);
    assert_eq!(f.log.epochs().end_offset(1, 3), Some((1, 3)));
    let info = f.append(&produced((1, 0, 2), true)).unwrap();
    assert_eq!((info.base_offset, info.is_duplicate), (3, false));
}

#[test]
fn reads_stay_within_a_segment() {
    let mut f = Fixture::new(&[("internal.segment.bytes", "300")]);
    f.fill(4, 3);
    assert_eq!(f.log.available(0, Isolation::Uncommitted, 1), None);
    assert_eq!(f.read(0).len(), 1);
    let last = f.log.segments.back().unwrap();
    assert_eq!(f.log.available(9, Isolation::Uncommitted, usize::MAX), Some(last.size_bytes));
    assert_eq!(f.log.available(12, Isolation::Uncommitted, 1), Some(0));
}
