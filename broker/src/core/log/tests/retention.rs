//! Retention, from the outside.

use super::*;

impl Fixture {
    fn retain(&mut self) -> bool {
        self.log.retain(&self.settings, self.wall_ms)
    }
}

#[test]
fn more_than_there_may_be_goes_by_whole_segments() {
    let size = values(2).build().len();
    let (segment, most) = ((size * 2).to_string(), (size * 3).to_string());
    let mut f = Fixture::new(&[("internal.segment.bytes", &segment), ("retention.bytes", &most)]);
    f.fill(4, 2);
    assert!(!f.retain(), "one segment less is less than it may keep");
    f.fill(1, 2);
    assert!(f.retain());
    assert_eq!((f.log.start_offset(), f.log.size_bytes()), (4, size * 3));
    assert!(!f.retain());
}

#[test]
fn old_segments_go_and_the_last_one_with_them() {
    let mut f = Fixture::new(&[("internal.segment.bytes", "300"), ("retention.ms", "1000")]);
    for n in 0..3 {
        f.wall_ms = NOW + n * 600;
        f.append(&values_at(2, f.wall_ms).build()).unwrap();
    }
    f.wall_ms = NOW + 1001;
    assert_eq!(f.log.over_ms(&f.settings), Some(NOW + 1 + 1000 + 1));
    assert!(!f.retain(), "the youngest record of a segment counts");
    f.wall_ms += 1;
    assert!(f.retain());
    let left = f.log.start_offset();
    assert!((1..6).contains(&left), "{left}");
    f.wall_ms = NOW + 10_000;
    assert!(f.retain());
    assert_eq!((f.log.start_offset(), f.log.end_offset(), f.log.size_bytes()), (6, 6, 0));
    assert_eq!(f.log.over_ms(&f.settings), None);
    f.append(&values_at(1, f.wall_ms).build()).unwrap();
    assert_eq!(f.read(6)[0].base_offset, 6);
}

#[test]
fn a_log_that_is_only_compacted_keeps_what_is_old() {
    let mut f =
        Fixture::new(&[("cleanup.policy", "compact"), ("retention.ms", "1"), ("retention.bytes", "1")]);
    f.fill(3, 2);
    f.wall_ms += 1_000_000;
    assert!(!f.retain());
}

#[test]
fn the_oldest_batches_can_be_dropped_one_by_one() {
    let mut f = Fixture::new(&[]);
    let size = values(2).build().len();
    f.fill(5, 2);
    let held = f.log.held_bytes() / 5;
    assert!(held > size + std::mem::size_of::<Stored>(), "{held}");
    f.log.drop_oldest(held + 1);
    assert_eq!((f.log.start_offset(), f.log.size_bytes()), (4, size * 3));
    f.log.drop_oldest(held * 9);
    assert_eq!((f.log.start_offset(), f.log.end_offset(), f.log.size_bytes()), (10, 10, 0));
    f.fill(1, 2);
    assert_eq!(f.read(10)[0].base_offset, 10);
}

#[test]
fn an_open_transaction_whose_records_are_gone_holds_nobody_up() {
    let mut f = Fixture::new(&[("retention.ms", "1000"), ("internal.segment.bytes", "300")]);
    f.append(&produced((1, 0, 0), true)).unwrap();
    f.wall_ms += 5000;
    f.retain();
    f.append(&values_at(2, f.wall_ms).build()).unwrap();
    assert_eq!((f.log.start_offset(), f.log.last_stable_offset()), (2, 2));
    f.marker(1, ControlKind::Abort);
    assert_eq!(f.log.last_stable_offset(), 5);
}

#[test]
fn a_segment_counts_its_time_from_its_first_batch_though_that_is_gone() {
    let mut f = Fixture::new(&[("segment.ms", "1000")]);
    for first_ms in [NOW, NOW - 5000] {
        f.append(&values_at(1, first_ms).build()).unwrap();
    }
    f.log.trim(1);
    f.append(&values_at(1, NOW).build()).unwrap();
    assert_eq!(f.log.segments.len(), 1);
    f.append(&values_at(1, NOW + 1001).build()).unwrap();
    assert_eq!(f.log.segments.len(), 2);
}
