//! Where to start, and whether the log still is what was read.

use super::*;

/// A consumer at offset 50, whose last record was of `EPOCH`, when a new leader comes; and the question that follows.
fn moved(settings: FetchSettings) -> (Rig, Outgoing) {
    let mut rig = Rig::new(1, settings);
    rig.fetching.set_committed(&tp(0), Some(place(50, EPOCH)), rig.now);
    let fetch = rig.request();
    assert_eq!(asked(&fetch), [(0, 50)]);
    rig.learn(ID, &[(2, EPOCH + 1)]);
    rig.answer(&fetch, fetched(vec![nothing(0)]));
    let question = rig.request();
    assert_eq!((question.node_id, epoch_asked(&question)), (2, (0, EPOCH + 1, EPOCH)));
    (rig, question)
}

#[test]
fn a_partition_waits_for_its_committed_offset() {
    let mut rig = Rig::new(2, FetchSettings::default());
    assert!(rig.requests().is_empty());
    assert_eq!(rig.fetching.waiting_for_committed(rig.now).count(), 2);
    rig.fetching.set_committed(&tp(0), Some(place(7, -1)), rig.now);
    assert_eq!(rig.fetching.waiting_for_committed(rig.now).collect::<Vec<_>>(), [&tp(1)]);
    assert_eq!(asked(&rig.request()), [(0, 7)]);
    assert_eq!(rig.fetching.positions().collect::<Vec<_>>(), [(&tp(0), place(7, -1))]);
}

#[test]
fn t5_without_a_committed_offset_the_policy_decides() {
    for (reset, timestamp) in [(ResetPolicy::Earliest, -2), (ResetPolicy::Latest, -1)] {
        let isolation_level = IsolationLevel::ReadCommitted;
        let mut rig = Rig::new(1, FetchSettings { isolation_level, ..policy(reset) });
        rig.fetching.set_committed(&tp(0), None, rig.now);
        let question = rig.request();
        assert_eq!((question.node_id, list_offsets(&question)), (1, (0, EPOCH, timestamp)));
        let RequestBody::ListOffsets(body) = &question.body else { unreachable!() };
        assert_eq!((body.replica_id, body.isolation_level), (-1, 1));
        assert!(rig.requests().is_empty());
        rig.answer(&question, found(0, 33, EPOCH));
        assert_eq!(asked(&rig.request()), [(0, 33)]);
        assert_eq!(rig.fetching.next_notice(), None);
    }
}

/// A consumer that starts with what is at most an hour old, and its two questions for the offset: they are answered with
/// the end of the log, and with what is found by time.
fn by_duration(isolation_level: IsolationLevel, end: i64, found_at: i64) -> Rig {
    let hour = std::time::Duration::from_secs(3_600);
    let settings = FetchSettings { isolation_level, ..policy(ResetPolicy::ByDuration(hour)) };
    let mut rig = Rig::new(1, settings);
    rig.pass(5_000);
    rig.fetching.set_committed(&tp(0), None, rig.now);
    let question = rig.request();
    assert_eq!(list_offsets(&question), (0, EPOCH, -1), "the end first");
    rig.pass(700);
    rig.answer(&question, found(0, end, EPOCH));
    let question = rig.request();
    // From when the reset began, however long it takes.
    assert_eq!(list_offsets(&question), (0, EPOCH, UNIX_MS + 5_000 - 3_600_000));
    rig.answer(&question, found(0, found_at, EPOCH));
    rig
}

#[test]
fn by_duration_the_first_record_that_is_young_enough_is_read_first() {
    let mut rig = by_duration(IsolationLevel::ReadUncommitted, 100, 33);
    assert_eq!(asked(&rig.request()), [(0, 33)]);
    assert_eq!(rig.fetching.lag(&tp(0)), Some(67));
    let mut rig = by_duration(IsolationLevel::ReadCommitted, 90, 33);
    assert_eq!(asked(&rig.request()), [(0, 33)]);
    assert_eq!(rig.fetching.lag(&tp(0)), Some(57));
}

#[test]
fn a23_by_duration_with_old_records_only_what_comes_meanwhile_is_read() {
    // The end is from before the search, so that a record in between is not skipped.
    let mut rig = by_duration(IsolationLevel::ReadUncommitted, 100, -1);
    assert_eq!(asked(&rig.request()), [(0, 100)]);
    assert_eq!(rig.fetching.lag(&tp(0)), Some(0));
}

#[test]
fn by_duration_no_time_before_1970_is_asked_for() {
    let mut rig = Rig::new(1, policy(ResetPolicy::ByDuration(std::time::Duration::MAX)));
    rig.fetching.set_committed(&tp(0), None, rig.now);
    let question = rig.request();
    rig.answer(&question, found(0, 7, EPOCH));
    assert_eq!(list_offsets(&rig.request()), (0, EPOCH, 0));
}

#[test]
fn by_duration_a_question_that_failed_is_asked_again_and_one_without_answer_has_no_position() {
    let mut rig = Rig::new(1, policy(ResetPolicy::ByDuration(std::time::Duration::ZERO)));
    rig.fetching.set_committed(&tp(0), None, rig.now);
    let asked_at = UNIX_MS;
    for (expected, answer) in [
        (-1, not_found(0, ErrorCode::NOT_LEADER_OR_FOLLOWER)),
        (-1, found(0, 100, EPOCH)),
        (asked_at, not_found(0, ErrorCode::OFFSET_NOT_AVAILABLE)),
        (asked_at, found(0, 50, EPOCH)),
    ] {
        assert_eq!(rig.fetching.position(&tp(0)), None);
        let question = rig.request();
        assert_eq!(list_offsets(&question), (0, EPOCH, expected));
        rig.answer(&question, answer);
        rig.pass(1_000);
    }
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(50, EPOCH)));
}

#[test]
fn by_duration_a_log_without_timestamps_is_an_error() {
    let mut rig = Rig::new(1, policy(ResetPolicy::ByDuration(std::time::Duration::ZERO)));
    rig.fetching.set_committed(&tp(0), None, rig.now);
    let question = rig.request();
    rig.answer(&question, found(0, 100, EPOCH));
    let question = rig.request();
    rig.answer(&question, not_found(0, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT));
    let error = rig.fetching.next_error().unwrap();
    assert_eq!(error.to_string(), "looking up an offset of t-0: UNSUPPORTED_FOR_MESSAGE_FORMAT (43)");
}

#[test]
fn a_reset_to_the_end_knows_the_lag() {
    let mut rig = Rig::new(1, policy(ResetPolicy::Latest));
    rig.fetching.set_committed(&tp(0), None, rig.now);
    let question = rig.request();
    assert_eq!(rig.fetching.lag(&tp(0)), None);
    rig.answer(&question, found(0, 33, EPOCH));
    assert_eq!(rig.fetching.lag(&tp(0)), Some(0));
}

#[test]
fn a4_an_offset_of_minus_1_is_nothing_committed() {
    let mut rig = Rig::new(1, policy(ResetPolicy::Earliest));
    rig.fetching.set_committed(&tp(0), Some(place(-1, -1)), rig.now);
    assert_eq!(list_offsets(&rig.request()), (0, EPOCH, -2));
}

#[test]
fn t17_with_policy_none_no_committed_offset_is_an_error_once_a_backoff() {
    let mut rig = Rig::new(1, policy(ResetPolicy::None));
    rig.fetching.set_committed(&tp(0), None, rig.now);
    assert_eq!(rig.fetching.next_error(), Some(FetchError::NoOffset { partition: tp(0) }));
    assert_eq!(rig.fetching.next_error(), None);
    assert!(rig.requests().is_empty());
    assert_eq!(rig.fetching.waiting_for_committed(rig.now).count(), 0);
    assert_eq!(rig.fetching.deadline(rig.now), Some(rig.now + 100 * T));
    rig.pass(100);
    assert_eq!(rig.fetching.waiting_for_committed(rig.now).count(), 1);
    assert!(rig.fetching.seek(&tp(0), place(5, -1)));
    assert_eq!(asked(&rig.request()), [(0, 5)]);
}

#[test]
fn a17_one_question_per_backoff_whatever_goes_wrong() {
    let mut rig = Rig::new(1, policy(ResetPolicy::Earliest));
    rig.fetching.set_committed(&tp(0), None, rig.now);
    let answers: [fn() -> Answer; 4] = [
        || ConnectionLost.into(),
        || not_found(0, ErrorCode::NOT_LEADER_OR_FOLLOWER).into(),
        || not_found(3, ErrorCode::NONE).into(),
        || not_found(0, ErrorCode::UNKNOWN_LEADER_EPOCH).into(),
    ];
    for (answer, wait) in answers.iter().zip([100, 200, 400, 800]) {
        let question = rig.request();
        rig.answer(&question, answer());
        assert!(rig.requests().is_empty());
        rig.pass(wait - 1);
        assert!(rig.requests().is_empty());
        rig.pass(1);
    }
    let question = rig.request();
    rig.answer(&question, found(0, 3, -1));
    assert_eq!(asked(&rig.request()), [(0, 3)]);
    assert_eq!(rig.fetching.next_error(), None);
}

#[test]
fn a_missing_authorization_is_told() {
    let mut rig = Rig::new(1, policy(ResetPolicy::Earliest));
    rig.fetching.set_committed(&tp(0), None, rig.now);
    let question = rig.request();
    rig.answer(&question, not_found(0, ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    let error = rig.fetching.next_error().unwrap();
    assert_eq!((error.partition(), error.code()), (&tp(0), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED)));
}

#[test]
fn t24_a_seek_beats_a_reset_that_is_under_way() {
    let mut rig = Rig::new(1, policy(ResetPolicy::Earliest));
    rig.fetching.set_committed(&tp(0), None, rig.now);
    let question = rig.request();
    rig.fetching.seek(&tp(0), place(42, -1));
    rig.answer(&question, found(0, 3, EPOCH));
    assert_eq!(asked(&rig.request()), [(0, 42)]);
    rig.fetching.seek_to(&tp(0), ResetTo::Earliest);
    let earliest = rig.request();
    rig.fetching.seek_to(&tp(0), ResetTo::Latest);
    let latest = rig.request();
    assert_eq!(list_offsets(&latest).2, -1);
    rig.answer(&earliest, found(0, 3, EPOCH));
    assert_eq!(rig.fetching.position(&tp(0)), None);
    rig.answer(&latest, found(0, 99, EPOCH));
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(99, EPOCH)));
}

#[test]
fn t18_under_a_new_leader_the_position_is_checked_first() {
    let (mut rig, question) = moved(FetchSettings::default());
    rig.answer(&question, epoch_end(0, EPOCH, 50));
    let fetch = rig.request();
    assert_eq!((fetch.node_id, asked(&fetch)), (2, vec![(0, 50)]));
    assert_eq!(fetch_body(&fetch).topics[0].partitions[0].current_leader_epoch, EPOCH + 1);
    assert_eq!(rig.fetching.next_notice(), None);
}

#[test]
fn t18_an_epoch_that_ends_below_the_position_is_a_truncation() {
    let (mut rig, question) = moved(FetchSettings::default());
    rig.answer(&question, epoch_end(0, EPOCH - 1, 40));
    assert_eq!(asked(&rig.request()), [(0, 40)]);
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(40, EPOCH - 1)));
    let notice = FetchNotice::Truncated { partition: tp(0), from: 50, to: 40 };
    assert_eq!(rig.fetching.next_notice(), Some(notice));
}

#[test]
fn t18_without_a_policy_a_truncation_is_an_error() {
    let (mut rig, question) = moved(policy(ResetPolicy::None));
    rig.answer(&question, epoch_end(0, EPOCH - 1, 40));
    let diverged = Some(place(40, EPOCH - 1));
    let error = FetchError::LogTruncated { partition: tp(0), offset: 50, diverged };
    assert_eq!(rig.fetching.next_error(), Some(error));
    assert!(rig.requests().is_empty());
    rig.pass(100);
    assert_eq!(epoch_asked(&rig.request()), (0, EPOCH + 1, EPOCH));
}

#[test]
fn t18_an_epoch_that_nobody_knows_is_for_the_reset_policy() {
    let (mut rig, question) = moved(policy(ResetPolicy::Earliest));
    rig.answer(&question, epoch_end(0, -1, -1));
    assert_eq!(list_offsets(&rig.request()), (0, EPOCH + 1, -2));
}

#[test]
fn t18_a_retry_asks_with_the_epoch_that_is_known_then() {
    let (mut rig, question) = moved(FetchSettings::default());
    let mut fenced = epoch_end(0, -1, -1);
    fenced.error_code = ErrorCode::FENCED_LEADER_EPOCH;
    rig.answer(&question, fenced);
    assert!(rig.wants_metadata());
    rig.learn(ID, &[(1, EPOCH + 2)]);
    rig.pass(100);
    let again = rig.request();
    assert_eq!((again.node_id, epoch_asked(&again)), (1, (0, EPOCH + 2, EPOCH)));
}

#[test]
fn t18_an_answer_about_a_leader_of_the_past_is_not_trusted() {
    let (mut rig, question) = moved(FetchSettings::default());
    rig.learn(ID, &[(1, EPOCH + 2)]);
    assert!(rig.requests().is_empty());
    rig.answer(&question, epoch_end(0, EPOCH, 10));
    assert_eq!(epoch_asked(&rig.request()), (0, EPOCH + 2, EPOCH));
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(50, EPOCH)));
}

#[test]
fn t18_an_unknown_epoch_blocks_nothing() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    let fetch = rig.request();
    rig.learn(ID, &[(2, EPOCH + 1)]);
    rig.answer(&fetch, fetched(vec![nothing(0)]));
    let fetch = rig.request();
    assert_eq!((fetch.node_id, asked(&fetch)), (2, vec![(0, 50)]));
}

#[test]
fn t18_a_leader_that_is_too_old_to_be_asked_is_trusted() {
    let mut rig = Rig::new(1, FetchSettings::default());
    rig.versions.0.insert(Api::OffsetForLeaderEpoch, 2);
    rig.fetching.set_committed(&tp(0), Some(place(50, EPOCH - 1)), rig.now);
    assert_eq!(asked(&rig.request()), [(0, 50)]);
}

#[test]
fn t18_a_committed_offset_of_an_older_epoch_is_checked() {
    let mut rig = Rig::new(1, FetchSettings::default());
    rig.fetching.set_committed(&tp(0), Some(place(50, EPOCH - 2)), rig.now);
    assert_eq!(epoch_asked(&rig.request()), (0, EPOCH, EPOCH - 2));
}

/// A consumer whose position is of the epoch after the one that metadata has.
fn ahead_of_metadata() -> Rig {
    let mut rig = Rig::new(1, policy(ResetPolicy::Earliest));
    rig.metadata.sent(rig.now);
    rig.learn(ID, &[(1, EPOCH)]);
    rig.fetching.set_committed(&tp(0), Some(place(50, EPOCH + 1)), rig.now);
    rig
}

#[test]
fn t18_a_position_of_a_newer_epoch_is_not_checked_with_an_older_leader() {
    let mut rig = ahead_of_metadata();
    for _ in 0..3 {
        assert!(rig.requests().is_empty());
        assert!(rig.wants_metadata());
        rig.metadata.sent(rig.now);
        rig.learn(ID, &[(1, EPOCH)]);
    }
    rig.learn(ID, &[(2, EPOCH + 1)]);
    let fetch = rig.request();
    assert_eq!((fetch.node_id, asked(&fetch)), (2, vec![(0, 50)]));
}

#[test]
fn a2_a_newer_epoch_that_nobody_confirms_is_given_up_after_a_while() {
    let mut rig = ahead_of_metadata();
    assert!(rig.requests().is_empty());
    rig.pass(299_999);
    rig.learn(ID, &[(1, EPOCH)]);
    assert!(rig.requests().is_empty());
    rig.pass(1);
    let question = rig.request();
    assert_eq!((question.node_id, epoch_asked(&question)), (1, (0, EPOCH, EPOCH + 1)));
    rig.answer(&question, epoch_end(0, -1, -1));
    assert_eq!(list_offsets(&rig.request()), (0, EPOCH, -2));
}

#[test]
fn t17_below_the_start_of_the_log_the_policy_decides_and_it_is_told() {
    let mut rig = Rig::new(1, policy(ResetPolicy::Earliest));
    rig.fetching.set_committed(&tp(0), Some(place(10, EPOCH)), rig.now);
    let fetch = rig.request();
    let mut data = nothing(0);
    data.log_start_offset = 20;
    rig.answer(&fetch, fetched(vec![data]));
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::OFFSET_OUT_OF_RANGE)]));
    let question = rig.request();
    assert_eq!(list_offsets(&question), (0, EPOCH, -2));
    rig.answer(&question, found(0, 20, EPOCH));
    let notice = FetchNotice::Reset { partition: tp(0), from: 10, to: 20 };
    assert_eq!(rig.fetching.next_notice(), Some(notice));
    assert_eq!(asked(&rig.request()), [(0, 20)]);
}

#[test]
fn t17_past_the_end_of_the_log_the_epoch_is_checked_first() {
    for (end, expected) in [(40, None), (60, Some(-1))] {
        let mut rig = Rig::new(1, FetchSettings::default());
        rig.fetching.set_committed(&tp(0), Some(place(50, EPOCH)), rig.now);
        let fetch = rig.request();
        rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::OFFSET_OUT_OF_RANGE)]));
        let question = rig.request();
        assert_eq!(epoch_asked(&question), (0, EPOCH, EPOCH));
        rig.answer(&question, epoch_end(0, EPOCH, end));
        let next = rig.request();
        match expected {
            None => assert_eq!(asked(&next), [(0, 40)]),
            Some(timestamp) => assert_eq!(list_offsets(&next), (0, EPOCH, timestamp)),
        }
    }
}

#[test]
fn t17_with_policy_none_out_of_range_is_an_error_once_a_backoff() {
    let mut rig = Rig::at(&[50], policy(ResetPolicy::None));
    for wait in [100, 200, 400] {
        let fetch = rig.request();
        rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::OFFSET_OUT_OF_RANGE)]));
        let error = FetchError::OffsetOutOfRange { partition: tp(0), offset: 50 };
        assert_eq!(rig.fetching.next_error(), Some(error));
        assert!(rig.requests().is_empty());
        rig.pass(wait);
    }
}

#[test]
fn t17_out_of_range_is_ignored_when_the_position_has_moved_on() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    let fetch = rig.request();
    rig.fetching.seek(&tp(0), place(7, -1));
    rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::OFFSET_OUT_OF_RANGE)]));
    assert_eq!(asked(&rig.request()), [(0, 7)]);
}

#[test]
fn t17_out_of_range_waits_until_the_application_has_what_was_read() {
    let mut rig = Rig::at(&[0], FetchSettings::default());
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![records(0, batch(0, 10))]));
    let fetch = rig.request();
    assert_eq!(asked(&fetch), [(0, 10)]);
    rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::OFFSET_OUT_OF_RANGE)]));
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(0, -1)));
    rig.consumed(0, 10);
    rig.pass(100);
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::OFFSET_OUT_OF_RANGE)]));
    assert_eq!(epoch_asked(&rig.request()), (0, EPOCH, EPOCH));
}

#[test]
fn a21_a_topic_that_was_created_again_is_read_from_its_start() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    let fetch = rig.request();
    rig.learn(Uuid([2; 16]), &[(2, 0)]);
    rig.answer(&fetch, fetched(vec![records(0, batch(50, 60))]));
    let question = rig.request();
    assert_eq!((question.node_id, list_offsets(&question)), (2, (0, 0, -2)));
    assert_eq!(rig.fetching.next_notice(), Some(FetchNotice::TopicRecreated { partition: tp(0) }));
    assert_eq!(rig.fetching.take_completed(), None);
    assert_eq!(rig.fetching.position(&tp(0)), None);
}

#[test]
fn a21_without_a_policy_a_topic_that_was_created_again_is_an_error() {
    let mut rig = Rig::at(&[50], policy(ResetPolicy::None));
    rig.request();
    rig.learn(Uuid([2; 16]), &[(2, 0)]);
    assert!(rig.requests().is_empty());
    let error = FetchError::OffsetOutOfRange { partition: tp(0), offset: 50 };
    assert_eq!(rig.fetching.next_error(), Some(error));
}
