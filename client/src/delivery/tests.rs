use bytes::{Bytes, BytesMut};
use milena_protocol::Str;
use milena_protocol::records::{BatchBuilder, Compression, LegacyBuilder};

use super::*;
use crate::partition_records::PartitionRecords;
use crate::records::{Header, TimestampType};

const EPOCH: u64 = 7;

fn t0() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// Records with these offsets, each with its offset as its value, in a batch that spans them all.
fn batch_of(compression: Compression, offsets: &[i64]) -> BatchBuilder {
    let mut builder = BatchBuilder::with_compression(compression).unwrap();
    let base = offsets.first().copied().unwrap_or(0);
    builder.set_base_offset(base).set_partition_leader_epoch(3);
    for offset in offsets {
        let value = offset.to_string();
        let delta = (offset - base) as i32;
        builder.append_at(delta, 1000 + offset, Some(b"key"), Some(value.as_bytes()), &[]).unwrap();
    }
    builder
}

fn batch(compression: Compression, offsets: &[i64]) -> Bytes {
    batch_of(compression, offsets).build()
}

fn range(compression: Compression, from: i64, to: i64) -> Bytes {
    batch(compression, &(from..to).collect::<Vec<_>>())
}

fn transactional(producer: i64, offsets: &[i64]) -> Bytes {
    batch_of(Compression::None, offsets).set_producer(producer, 0, 0).set_transactional(true).build()
}

/// The end of a transaction: kind 0 is an abort, 1 a commit.
fn marker(producer: i64, offset: i64, kind: u8) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.set_base_offset(offset).set_partition_leader_epoch(3).set_producer(producer, 0, -1);
    builder.set_transactional(true).set_control(true);
    builder.append(0, Some(&[0, 0, 0, kind]), Some(&[0, 0, 0, 0, 0, 1]), &[]).unwrap();
    builder.build()
}

fn blob(batches: &[Bytes]) -> Bytes {
    let mut all = BytesMut::new();
    batches.iter().for_each(|batch| all.extend_from_slice(batch));
    all.freeze()
}

fn fetch(fetch_offset: i64, batches: &[Bytes]) -> CompletedFetch {
    CompletedFetch {
        topic: Str::from("t"),
        partition: 0,
        position_epoch: EPOCH,
        fetch_offset,
        records: blob(batches),
        high_watermark: 1000,
        last_stable_offset: 1000,
        log_start_offset: 0,
        aborted: Vec::new(),
    }
}

fn delivery_of(fetches: impl IntoIterator<Item = CompletedFetch>) -> Delivery {
    let mut delivery = Delivery::new(DeliverySettings::default());
    fetches.into_iter().for_each(|fetch| delivery.accept(fetch));
    delivery
}

fn committed_only(fetch: CompletedFetch, aborted: &[(i64, i64)]) -> Delivery {
    let settings =
        DeliverySettings { isolation_level: IsolationLevel::ReadCommitted, ..DeliverySettings::default() };
    let mut delivery = Delivery::new(settings);
    delivery.accept(CompletedFetch { aborted: aborted.to_vec(), ..fetch });
    delivery
}

fn offsets(delivery: &Delivery) -> Vec<i64> {
    delivery.records().iter().map(|record| record.offset()).collect()
}

fn poll(delivery: &mut Delivery, max_records: usize) -> Vec<i64> {
    delivery.fill(max_records).unwrap();
    offsets(delivery)
}

/// Offset, leader epoch, whether it has to be fetched again.
fn consumed(delivery: &mut Delivery) -> Option<(i64, i32, bool)> {
    let mut all = delivery.take_consumed();
    assert!(all.len() <= 1);
    all.pop().map(|c| (c.offset, c.leader_epoch, c.refetch != Refetch::No))
}

#[test]
fn every_codec_is_delivered_in_order() {
    let batches: Vec<Bytes> =
        (0..).zip(Compression::ALL).map(|(n, c)| range(c, n * 10, n * 10 + 10)).collect();
    let mut delivery = delivery_of([fetch(0, &batches)]);
    assert_eq!(poll(&mut delivery, 500), (0..50).collect::<Vec<_>>());
    for record in &delivery.records() {
        assert_eq!(record.value().unwrap(), record.offset().to_string().as_bytes());
        assert_eq!((record.key(), record.timestamp()), (Some(&b"key"[..]), 1000 + record.offset()));
        assert_eq!((record.topic(), record.partition(), record.leader_epoch()), ("t", 0, Some(3)));
        assert_eq!(record.timestamp_type(), TimestampType::CreateTime);
    }
    assert_eq!(consumed(&mut delivery), Some((50, 3, false)));
    assert!(!delivery.has_more());
    assert_eq!(poll(&mut delivery, 500), [0; 0]);
    assert_eq!(consumed(&mut delivery), None);
}

#[test]
fn records_can_be_had_by_partition_wherever_they_lie() {
    let of_partition = |partition, fetch| CompletedFetch { partition, ..fetch };
    let mut delivery = delivery_of([
        of_partition(1, fetch(0, &[range(Compression::None, 0, 2), range(Compression::Lz4, 2, 4)])),
        fetch(0, &[range(Compression::Lz4, 0, 3)]),
        of_partition(1, fetch(4, &[range(Compression::None, 4, 6)])),
    ]);
    delivery.fill(9).unwrap();
    let records = delivery.records();
    let offsets = |records: &PartitionRecords<'_>| records.iter().map(|r| r.offset()).collect::<Vec<_>>();
    let by_partition: Vec<_> = records.by_partition().collect();
    assert_eq!(by_partition.iter().map(offsets).collect::<Vec<_>>(), [vec![0, 1, 2], (0..6).collect()]);
    assert!(by_partition[1].iter().all(|record| record.partition() == 1));
    let t1 = TopicPartition::new("t", 1);
    let of_t1 = records.of(&t1);
    assert_eq!((of_t1.topic_partition(), of_t1.len(), offsets(&of_t1)), (&t1, 6, (0..6).collect()));
    assert_eq!(of_t1.iter().next_back().map(|record| record.offset()), Some(5));
    assert!(records.of(&TopicPartition::new("t", 2)).is_empty());
}

#[test]
fn magic_0_and_1_are_delivered() {
    for magic in [0, 1] {
        let mut builder = LegacyBuilder::new(magic, Compression::Gzip).unwrap();
        (20..25).for_each(|offset| builder.append(offset, 5, None, Some(b"value")).unwrap());
        let mut delivery = delivery_of([fetch(22, &[builder.build()])]);
        assert_eq!(poll(&mut delivery, 500), [22, 23, 24]);
        assert_eq!(delivery.records().iter().next().unwrap().leader_epoch(), None);
        assert_eq!(consumed(&mut delivery), Some((25, -1, false)));
    }
}

#[test]
fn a_poll_that_is_cut_short_reads_and_decompresses_nothing_twice() {
    for compression in Compression::ALL {
        let batches = [range(compression, 0, 100), range(compression, 100, 250)];
        let mut delivery = delivery_of([fetch(0, &batches)]);
        let (mut seen, mut polls) = (Vec::new(), 0);
        while delivery.has_more() {
            seen.extend(poll(&mut delivery, 7));
            polls += 1;
        }
        assert_eq!(seen, (0..250).collect::<Vec<_>>(), "{compression}");
        assert!(polls >= 250 / 7);
        let expected = if compression == Compression::None { 0 } else { 2 };
        assert_eq!(delivery.reader.decompressions, expected, "{compression}");
    }
}

#[test]
fn t1_the_position_is_behind_the_last_record_when_a_batch_is_cut_short() {
    let mut delivery = delivery_of([fetch(0, &[batch(Compression::Lz4, &[0, 3, 9])])]);
    assert_eq!(poll(&mut delivery, 2), [0, 3]);
    assert_eq!(consumed(&mut delivery), Some((4, 3, false)));
    assert_eq!(delivery.position(&t0()), Some(4));
    assert_eq!(poll(&mut delivery, 2), [9]);
    assert_eq!(consumed(&mut delivery), Some((10, 3, false)));
}

#[test]
fn t1_a3_the_position_is_behind_a_batch_whose_last_records_compaction_took() {
    let mut compacted = batch_of(Compression::Zstd, &[10, 12]);
    let compacted = compacted.set_last_offset_delta(9).build();
    let mut empty = BatchBuilder::new();
    let empty = empty.set_base_offset(20).set_last_offset_delta(4).set_partition_leader_epoch(3).build();
    let mut delivery = delivery_of([fetch(10, &[compacted, empty, range(Compression::None, 40, 42)])]);
    assert_eq!(poll(&mut delivery, 2), [10, 12]);
    assert_eq!(consumed(&mut delivery), Some((20, 3, false)));
    assert_eq!(poll(&mut delivery, 500), [40, 41]);
    assert_eq!(consumed(&mut delivery), Some((42, 3, false)));
}

#[test]
fn t1_batches_without_records_alone_move_the_position() {
    let mut empty = BatchBuilder::with_compression(Compression::Gzip).unwrap();
    let empty = empty.set_base_offset(5).set_last_offset_delta(2).build();
    let mut delivery = delivery_of([fetch(5, &[empty, marker(1, 8, 1)])]);
    assert_eq!(poll(&mut delivery, 500), [0; 0]);
    assert_eq!(consumed(&mut delivery), Some((9, 3, false)));
}

#[test]
fn t3_drops_records_below_the_asked_offset() {
    for compression in Compression::ALL {
        let batches = [range(compression, 0, 50), range(compression, 50, 100)];
        let mut delivery = delivery_of([fetch(73, &batches)]);
        assert_eq!(poll(&mut delivery, 500), (73..100).collect::<Vec<_>>());
        // The batch that lies before it as a whole is not even decompressed.
        assert!(delivery.reader.decompressions <= 1);
    }
}

#[test]
fn t3_records_below_the_asked_offset_do_not_count_as_polled() {
    let mut delivery = delivery_of([fetch(48, &[range(Compression::Lz4, 0, 50)])]);
    assert_eq!(poll(&mut delivery, 1), [48]);
    assert_eq!(poll(&mut delivery, 1), [49]);
}

#[test]
fn t1_a_batch_from_before_does_not_move_the_position_back() {
    let mut delivery = delivery_of([fetch(100, &[range(Compression::None, 0, 50)])]);
    assert_eq!(poll(&mut delivery, 500), [0; 0]);
    assert_eq!(delivery.position(&t0()), Some(100));
}

#[test]
fn t4_drops_aborted_transactions_and_only_those() {
    let batches = [
        transactional(1, &[0, 1]),
        transactional(2, &[2, 3]),
        range(Compression::None, 4, 6),
        marker(1, 6, 0),
        transactional(1, &[7, 8]),
        marker(2, 9, 1),
        marker(1, 10, 1),
    ];
    let mut delivery = committed_only(fetch(0, &batches), &[(1, 0)]);
    assert_eq!(poll(&mut delivery, 500), [2, 3, 4, 5, 7, 8]);
    assert_eq!(consumed(&mut delivery), Some((11, 3, false)));
}

#[test]
fn t4_a_producer_that_aborts_twice_is_hidden_twice() {
    let batches = [
        transactional(1, &[0]),
        marker(1, 1, 0),
        transactional(1, &[2]),
        marker(1, 3, 1),
        transactional(1, &[4]),
        marker(1, 5, 0),
    ];
    // The broker's list need not be in order.
    let mut delivery = committed_only(fetch(0, &batches), &[(1, 4), (1, 0)]);
    assert_eq!(poll(&mut delivery, 500), [2]);
}

#[test]
fn t4_an_aborted_producer_loses_nothing_that_it_wrote_outside_of_transactions() {
    let mut plain = batch_of(Compression::None, &[1]);
    let plain = plain.set_producer(1, 0, 0).build();
    let batches = [transactional(1, &[0]), plain, marker(1, 2, 0)];
    let mut delivery = committed_only(fetch(0, &batches), &[(1, 0)]);
    assert_eq!(poll(&mut delivery, 500), [1]);
}

#[test]
fn t4_a_transaction_that_began_in_the_middle_of_a_batch_hides_the_batch() {
    let mut delivery = committed_only(fetch(0, &[transactional(1, &[0, 1, 2])]), &[(1, 2)]);
    assert_eq!(poll(&mut delivery, 500), [0; 0]);
    assert_eq!(consumed(&mut delivery), Some((3, 3, false)));
}

#[test]
fn t4_the_state_of_transactions_survives_a_poll_that_is_cut_short() {
    let batches = [
        transactional(1, &[0]),
        range(Compression::None, 1, 4),
        transactional(1, &[4]),
        marker(1, 5, 0),
        transactional(1, &[6]),
    ];
    let mut delivery = committed_only(fetch(0, &batches), &[(1, 0)]);
    assert_eq!(poll(&mut delivery, 2), [1, 2]);
    assert_eq!(poll(&mut delivery, 2), [3, 6]);
}

#[test]
fn t5_control_batches_are_never_delivered_and_always_move_the_position() {
    let batches = [transactional(1, &[0]), marker(1, 1, 0), marker(2, 2, 1), marker(3, 3, 9)];
    let mut delivery = delivery_of([fetch(0, &batches)]);
    assert_eq!(poll(&mut delivery, 500), [0]);
    assert_eq!(consumed(&mut delivery), Some((4, 3, false)));
    let mut delivery = committed_only(fetch(0, &batches), &[(1, 0)]);
    assert_eq!(poll(&mut delivery, 500), [0; 0]);
    assert_eq!(consumed(&mut delivery), Some((4, 3, false)));
}

#[test]
fn t5_a_control_batch_that_makes_no_sense_is_an_error_with_read_committed() {
    let mut broken = BatchBuilder::new();
    broken.set_base_offset(5).set_control(true);
    broken.append(0, Some(&[0]), None, &[]).unwrap();
    let broken = broken.build();
    let mut delivery = committed_only(fetch(5, std::slice::from_ref(&broken)), &[]);
    let error = delivery.fill(500).unwrap_err();
    assert_eq!((error.offset(), error.skip_to(), error.kind()), (5, Some(6), RecordErrorKind::ControlKey));
    let mut delivery = delivery_of([fetch(5, &[broken])]);
    assert_eq!(poll(&mut delivery, 500), [0; 0]);
}

#[test]
fn t21_a_trailing_part_of_a_batch_is_normal() {
    let whole = blob(&[range(Compression::None, 0, 3), range(Compression::Lz4, 3, 9)]);
    let first = range(Compression::None, 0, 3).len();
    for cut in [first + 1, first + 20, whole.len() - 1] {
        let mut delivery = delivery_of([fetch(0, &[whole.slice(..cut)])]);
        assert_eq!(poll(&mut delivery, 500), [0, 1, 2]);
        assert_eq!(consumed(&mut delivery), Some((3, 3, false)));
        assert!(!delivery.has_more());
    }
}

fn with_a_wrong_byte(batch: &Bytes, at: usize) -> Bytes {
    let mut bytes = batch.to_vec();
    bytes[at] ^= 0x55;
    bytes.into()
}

#[test]
fn t21_a19_a_broken_batch_is_one_error_after_the_records_before_it() {
    for compression in Compression::ALL {
        let good = range(compression, 0, 10);
        let broken = with_a_wrong_byte(&range(compression, 10, 20), 70);
        let mut delivery = delivery_of([fetch(0, &[good, broken, range(compression, 20, 30)])]);
        assert_eq!(poll(&mut delivery, 500).len(), 10);
        assert_eq!(consumed(&mut delivery), Some((10, 3, true)));
        let error = delivery.fill(500).unwrap_err();
        assert!(matches!(error.kind(), RecordErrorKind::Crc { .. }));
        assert_eq!((error.partition(), error.offset(), error.skip_to()), (&t0(), 10, Some(20)));
        assert!(error.to_string().starts_with("cannot read t-0 from offset 10 on: "), "{error}");
        assert!(delivery.records().is_empty());
        // Once: nothing is left of it, and what was fetched behind it does not come either.
        delivery.accept(fetch(30, &[range(compression, 30, 40)]));
        assert!(!delivery.has_more());
        assert_eq!(poll(&mut delivery, 500), [0; 0]);
        assert_eq!(consumed(&mut delivery), None);
    }
}

#[test]
fn a19_a_broken_first_batch_is_an_error_at_once_and_can_be_skipped() {
    let broken = with_a_wrong_byte(&range(Compression::None, 10, 20), 70);
    let mut delivery = delivery_of([fetch(12, &[broken])]);
    let error = delivery.fill(500).unwrap_err();
    assert_eq!((error.offset(), error.skip_to(), error.is_retriable()), (12, Some(20), true));
    assert_eq!(consumed(&mut delivery), Some((12, -1, true)));
    // The seek to where the error says, and what is fetched there.
    delivery.forget(&t0(), EPOCH);
    let after =
        CompletedFetch { position_epoch: EPOCH + 1, ..fetch(20, &[range(Compression::None, 20, 22)]) };
    delivery.accept(after);
    assert_eq!(poll(&mut delivery, 500), [20, 21]);
}

#[test]
fn a19_a_record_that_is_broken_in_the_middle_of_a_batch_is_an_error_after_those_before_it() {
    // Three records are declared, and two are there.
    let mut bytes = range(Compression::None, 0, 2).to_vec();
    bytes[60] = 3;
    let mut delivery = Delivery::new(DeliverySettings { check_crcs: false, ..DeliverySettings::default() });
    delivery.accept(fetch(0, &[bytes.into()]));
    assert_eq!(poll(&mut delivery, 500), [0, 1]);
    let error = delivery.fill(500).unwrap_err();
    assert_eq!(error.kind(), RecordErrorKind::MissingRecords { missing: 1 });
    assert_eq!((error.offset(), error.is_retriable()), (2, false));
}

#[test]
fn a19_other_partitions_go_on_beside_a_broken_one() {
    let broken = fetch(0, &[with_a_wrong_byte(&range(Compression::None, 0, 5), 70)]);
    let mut other = fetch(0, &[range(Compression::None, 0, 5)]);
    other.partition = 1;
    let mut delivery = delivery_of([broken, other]);
    assert!(delivery.fill(500).is_err());
    assert_eq!(poll(&mut delivery, 500), [0, 1, 2, 3, 4]);
    assert_eq!(delivery.records().partitions().len(), 1);
}

#[test]
fn a1_a_batch_that_decompresses_beyond_the_budget_is_an_error() {
    let mut builder = BatchBuilder::with_compression(Compression::Zstd).unwrap();
    builder.append(0, None, Some(&vec![0; 1 << 20]), &[]).unwrap();
    let mut delivery =
        Delivery::new(DeliverySettings { batch_bytes: 1 << 16, ..DeliverySettings::default() });
    delivery.accept(fetch(0, &[builder.build()]));
    let error = delivery.fill(500).unwrap_err();
    assert!(matches!(error.kind(), RecordErrorKind::Decompression { .. }));
}

#[test]
fn a12_a_poll_ends_when_enough_was_decompressed_for_it() {
    let batches: Vec<Bytes> = (0..10).map(|n| range(Compression::Zstd, n * 10, n * 10 + 10)).collect();
    let one = {
        let mut delivery = delivery_of([fetch(0, &batches[..1])]);
        poll(&mut delivery, 500);
        delivery.decoded_bytes()
    };
    let settings = DeliverySettings { decoded_bytes: 3 * one, ..DeliverySettings::default() };
    let mut delivery = Delivery::new(settings);
    delivery.accept(fetch(0, &batches));
    let polls: Vec<usize> = (0..4).map(|_| poll(&mut delivery, 500).len()).collect();
    assert_eq!(polls, [30, 30, 30, 10]);
}

#[test]
fn partitions_are_drained_one_after_the_other_and_told_apart() {
    let mut second = fetch(0, &[range(Compression::None, 0, 3)]);
    (second.topic, second.partition) = (Str::from("u"), 4);
    let mut delivery = delivery_of([fetch(0, &[range(Compression::Lz4, 0, 3)]), second]);
    delivery.fill(5).unwrap();
    let places = |delivery: &Delivery| -> Vec<(String, i32, i64)> {
        let records = delivery.records();
        assert_eq!(records.len(), records.iter().len());
        records.iter().map(|r| (r.topic().to_string(), r.partition(), r.offset())).collect()
    };
    let place = |topic: &str, partition, offset| (topic.to_string(), partition, offset);
    assert_eq!(
        places(&delivery),
        [place("t", 0, 0), place("t", 0, 1), place("t", 0, 2), place("u", 4, 0), place("u", 4, 1)]
    );
    assert_eq!(
        delivery.records().partitions().into_iter().collect::<Vec<_>>(),
        [t0(), TopicPartition::new("u", 4)]
    );
    delivery.fill(5).unwrap();
    assert_eq!(places(&delivery), [place("u", 4, 2)]);
    assert_eq!(delivery.take_consumed().len(), 2);
}

#[test]
fn a_paused_partition_keeps_its_place_and_its_records() {
    let mut other = fetch(0, &[range(Compression::Lz4, 0, 3)]);
    other.partition = 1;
    let mut delivery = delivery_of([fetch(0, &[range(Compression::Lz4, 0, 10)]), other]);
    assert_eq!(poll(&mut delivery, 4), [0, 1, 2, 3]);
    delivery.set_paused(&t0(), true);
    assert_eq!(poll(&mut delivery, 500), [0, 1, 2]);
    assert!(!delivery.has_more());
    delivery.set_paused(&t0(), false);
    assert_eq!(poll(&mut delivery, 500), [4, 5, 6, 7, 8, 9]);
    assert_eq!(delivery.reader.decompressions, 2);
}

#[test]
fn t24_what_was_fetched_before_a_seek_is_dropped_now_and_when_it_comes_later() {
    let mut delivery = delivery_of([fetch(0, &[range(Compression::Lz4, 0, 10)])]);
    assert_eq!(poll(&mut delivery, 4), [0, 1, 2, 3]);
    delivery.forget(&t0(), EPOCH);
    delivery.accept(fetch(10, &[range(Compression::Lz4, 10, 20)]));
    assert!(!delivery.has_more());
    assert_eq!(consumed(&mut delivery), None);
    let sought = CompletedFetch { position_epoch: EPOCH + 1, ..fetch(5, &[range(Compression::Lz4, 0, 10)]) };
    delivery.accept(sought);
    assert_eq!(poll(&mut delivery, 500), [5, 6, 7, 8, 9]);
    assert_eq!(delivery.take_consumed()[0].position_epoch, EPOCH + 1);
}

#[test]
fn t24_a_newer_position_makes_older_records_out_of_date() {
    let jumped = CompletedFetch { position_epoch: EPOCH + 5, ..fetch(2, &[range(Compression::None, 2, 4)]) };
    let mut delivery = delivery_of([fetch(0, &[range(Compression::None, 0, 10)]), jumped]);
    delivery.accept(fetch(10, &[range(Compression::None, 10, 20)]));
    assert_eq!(poll(&mut delivery, 500), [2, 3]);
}

#[test]
fn t23_null_and_empty_headers_and_log_append_time_come_through() {
    let mut builder = BatchBuilder::with_compression(Compression::Snappy).unwrap();
    builder.set_log_append_time(Some(99));
    let headers = [Header { key: b"h", value: None }, Header { key: b"h", value: Some(b"") }];
    builder.append(1, None, Some(b""), &headers).unwrap();
    builder.append(2, Some(b""), None, &[]).unwrap();
    let mut delivery = delivery_of([fetch(0, &[builder.build()])]);
    delivery.fill(500).unwrap();
    let records: Vec<_> = delivery.records().iter().collect();
    assert_eq!((records[0].key(), records[0].value()), (None, Some(&b""[..])));
    assert_eq!((records[1].key(), records[1].value()), (Some(&b""[..]), None));
    assert!(records[0].headers().eq(headers));
    assert!(
        records.iter().all(|r| r.timestamp() == 99 && r.timestamp_type() == TimestampType::LogAppendTime)
    );
    let owned = records[0].to_owned();
    assert_eq!((owned.key, owned.value), (None, Some(Bytes::new())));
    assert_eq!(owned.headers, [("h".into(), None), ("h".into(), Some(Bytes::new()))]);
}

#[test]
fn uncompressed_records_are_slices_of_what_came() {
    let fetch = fetch(0, &[range(Compression::None, 0, 3), range(Compression::None, 3, 6)]);
    let blob = fetch.records.as_ptr_range();
    let mut delivery = delivery_of([fetch]);
    delivery.fill(500).unwrap();
    assert!(delivery.records().iter().all(|record| blob.contains(&record.value().unwrap().as_ptr())));
    assert_eq!(delivery.shelf.chunks.len(), 1);
}

#[test]
fn a_warm_delivery_allocates_nothing_for_records() {
    for compression in Compression::ALL {
        let batch = |n: i64| range(compression, 1000 + n * 100, 1100 + n * 100);
        let batches: Vec<Bytes> = (0..20).map(batch).collect();
        let mut delivery = Delivery::new(DeliverySettings::default());
        let mut round = |count: &mut usize| {
            delivery.accept(fetch(1000, &batches));
            allocation_counter::measure(|| {
                for _ in 0..4 {
                    delivery.fill(500).unwrap();
                    *count += delivery.records().iter().filter(|r| r.value().is_some()).count();
                }
            })
        };
        let mut count = 0;
        round(&mut count);
        round(&mut count);
        assert_eq!((round(&mut count).count_total, count), (0, 6000), "{compression}");
    }
}

#[test]
fn any_bytes_at_all_are_records_or_an_error() {
    let good = blob(&Compression::ALL.map(|compression| range(compression, 0, 5)));
    for at in 0..good.len() {
        let settings = DeliverySettings {
            check_crcs: false,
            isolation_level: IsolationLevel::ReadCommitted,
            batch_bytes: 1 << 20,
            ..DeliverySettings::default()
        };
        let mut delivery = Delivery::new(settings);
        delivery.accept(fetch(0, &[with_a_wrong_byte(&good, at)]));
        let mut polls = 0;
        while delivery.has_more() {
            let _ = delivery.fill(3);
            assert!(delivery.position(&t0()).is_none_or(|position| position >= 0));
            delivery.records().iter().for_each(|record| assert!(record.headers().count() < 100));
            polls += 1;
            assert!(polls < 200);
        }
    }
}
