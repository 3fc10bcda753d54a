//! Records on their way: how much is fetched ahead, and what becomes of it.

use super::*;

fn completed(rig: &mut Rig) -> Vec<(i32, i64)> {
    let fetching = &mut rig.fetching;
    std::iter::from_fn(|| fetching.take_completed())
        .map(|fetch| (fetch.partition, fetch.fetch_offset))
        .collect()
}

#[test]
fn a_request_says_what_the_settings_say() {
    let settings = FetchSettings {
        fetch_min_bytes: 3,
        fetch_max_wait: 70 * T,
        fetch_max_bytes: 1 << 20,
        max_partition_fetch_bytes: 5000,
        isolation_level: IsolationLevel::ReadCommitted,
        client_rack: Str::from("here"),
        ..FetchSettings::default()
    };
    let mut rig = Rig::at(&[50], settings);
    let request = rig.request();
    assert_eq!((request.node_id, request.api, request.api_version), (1, Api::Fetch, 18));
    let body = fetch_body(&request);
    assert_eq!((body.min_bytes, body.max_wait_ms, body.max_bytes, body.isolation_level), (3, 70, 1 << 20, 1));
    assert_eq!((body.replica_id, &body.rack_id), (-1, &Str::from("here")));
    let topic = &body.topics[0];
    assert_eq!((topic.topic_id, topic.partitions[0].partition_max_bytes), (ID, 5000));
    assert_eq!(topic.partitions[0].current_leader_epoch, EPOCH);
}

#[test]
fn one_request_at_a_time_goes_to_each_broker() {
    let mut rig = Rig::at(&[50, 60, 70, 80], FetchSettings::default());
    let requests = rig.requests();
    let nodes: Vec<_> = requests.iter().map(|request| (request.node_id, asked(request))).collect();
    assert_eq!(nodes, [(1, vec![(0, 50), (2, 70)]), (2, vec![(1, 60), (3, 80)])]);
    assert!(rig.requests().is_empty());
    rig.answer(&requests[1], fetched(vec![nothing(1), nothing(3)]));
    assert_eq!(rig.request().node_id, 2);
}

#[test]
fn t2_an_empty_answer_moves_nothing() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    for epoch in 0..5 {
        let fetch = rig.request();
        assert_eq!(session(&fetch).1, epoch);
        rig.answer(&fetch, fetched(vec![nothing(0)]));
    }
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(50, -1)));
    assert_eq!(completed(&mut rig), []);
}

/// With an open transaction at the position, there are records that are not for this consumer yet.
#[test]
fn t2_an_empty_answer_moves_nothing_at_the_last_stable_offset() {
    let settings =
        FetchSettings { isolation_level: IsolationLevel::ReadCommitted, ..FetchSettings::default() };
    let mut rig = Rig::at(&[90], settings);
    for _ in 0..5 {
        let fetch = rig.request();
        assert!(asked(&fetch).iter().all(|asked| *asked == (0, 90)));
        rig.answer(&fetch, fetched(vec![nothing(0)]));
    }
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(90, -1)));
    assert_eq!((completed(&mut rig), rig.fetching.lag(&tp(0))), (vec![], Some(0)));
}

#[test]
fn a_partition_that_an_answer_names_twice_is_delivered_once() {
    let mut rig = Rig::at(&[0], FetchSettings::default());
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![records(0, batch(0, 10)), records(0, batch(0, 10))]));
    assert_eq!(rig.fetching.take_completed().map(|fetch| fetch.fetch_offset), Some(0));
    assert_eq!(rig.fetching.take_completed(), None);
    assert_eq!(asked(&rig.request()), [(0, 10)]);
}

#[test]
fn t16_a_partition_that_is_left_out_is_unchanged() {
    let mut rig = Rig::at(&[50, 60, 70], FetchSettings::default());
    let fetch = rig.requests().remove(0);
    rig.answer(&fetch, fetched(vec![nothing(0), nothing(2)]));
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![records(2, batch(70, 75))]));
    let fetch = rig.request();
    assert_eq!((session(&fetch), asked(&fetch)), ((SESSION, 2, vec![]), vec![(2, 75)]));
}

#[test]
fn the_next_records_are_fetched_while_the_application_has_these() {
    let mut rig = Rig::at(&[0], FetchSettings::default());
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![records(0, [batch(0, 10), batch(10, 30)].concat().into())]));
    assert_eq!(asked(&rig.request()), [(0, 30)]);
    assert_eq!(completed(&mut rig), [(0, 0)]);
    // What was fetched is not what was consumed.
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(0, -1)));
    rig.consumed(0, 10);
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(10, EPOCH)));
    assert_eq!(rig.fetching.lag(&tp(0)), Some(90));
}

#[test]
fn a12_a_partition_is_fetched_no_further_than_two_full_answers_ahead() {
    let settings = FetchSettings { max_partition_fetch_bytes: 1000, ..FetchSettings::default() };
    let mut rig = Rig::at(&[0, 0], settings);
    rig.down = vec![2];
    for n in 0..2 {
        let fetch = rig.request();
        rig.answer(&fetch, fetched(vec![records(0, batch_of_bytes(n * 10, n * 10 + 10, 100))]));
    }
    assert!(rig.requests().is_empty());
    rig.consumed(0, 9);
    assert!(rig.requests().is_empty());
    rig.consumed(0, 10);
    assert_eq!(asked(&rig.request()), [(0, 20)]);
}

/// Both on one broker: the one has more records than the application gets through, the other none.
#[test]
fn a_partition_that_was_full_or_paused_does_not_wait_for_the_records_of_others() {
    let settings = FetchSettings { max_partition_fetch_bytes: 1000, ..FetchSettings::default() };
    let mut rig = Rig::at(&[0, 0, 0], settings);
    rig.down = vec![2];
    let wait = |fetch: &Outgoing| fetch_body(fetch).max_wait_ms;
    for n in 0..2 {
        let fetch = rig.request();
        assert_eq!(wait(&fetch), 500);
        rig.answer(&fetch, fetched(vec![records(0, batch_of_bytes(n * 10, n * 10 + 10, 100)), nothing(2)]));
    }
    // Partition 2 alone is asked for: for as long as the other has been full, and no longer than usual.
    for expected in [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 500] {
        let fetch = rig.request();
        assert_eq!(
            (wait(&fetch), asked(&fetch).iter().any(|(partition, _)| *partition == 0)),
            (expected, false)
        );
        rig.pass(expected as u32);
        rig.answer(&fetch, fetched(vec![]));
    }
    rig.consumed(0, 10);
    let fetch = rig.request();
    assert_eq!((wait(&fetch), asked(&fetch)), (500, vec![(0, 20)]));
    rig.answer(&fetch, fetched(vec![nothing(0)]));
    // The same where it is paused for a moment.
    rig.fetching.pause(&tp(0));
    let fetch = rig.request();
    assert_eq!(wait(&fetch), 1);
    rig.pass(1);
    rig.answer(&fetch, fetched(vec![]));
    rig.fetching.resume(&tp(0));
    assert_eq!(wait(&rig.request()), 500);
}

#[test]
fn a12_the_budget_holds_with_many_partitions_and_an_application_that_does_nothing() {
    const BUDGET: usize = 4 << 20;
    let settings = FetchSettings { buffer_bytes: BUDGET, ..FetchSettings::default() };
    let mut rig = Rig::at(&[0; 1000], settings);
    let (mut held, mut rounds) = (0, 0);
    // What the two brokers' sessions know.
    let mut sessions: [BTreeMap<i32, i64>; 2] = Default::default();
    let mut in_flight = rig.requests();
    while !in_flight.is_empty() {
        let promised: usize = in_flight.iter().map(|fetch| fetch_body(fetch).max_bytes as usize).sum();
        assert!(held + promised <= BUDGET, "{held} held, {promised} on their way");
        let fetch = in_flight.remove(0);
        let partitions = &mut sessions[fetch.node_id as usize - 1];
        partitions.extend(asked(&fetch));
        partitions.retain(|partition, _| !session(&fetch).2.contains(partition));
        // The broker fills its answer as far as it may, beginning anywhere.
        let mut room = fetch_body(&fetch).max_bytes as usize;
        let mut answer = Vec::new();
        for (partition, offset) in partitions.iter().cycle().skip(rounds * 37).take(partitions.len()) {
            let batch = batch_of_bytes(*offset, offset + 10, 1000);
            if batch.len() <= room {
                room -= batch.len();
                held += batch.len();
                answer.push(records(*partition, batch));
            }
        }
        rig.answer(&fetch, fetched(answer));
        in_flight.extend(rig.requests());
        rounds += 1;
        assert!(rounds < 1000);
    }
    assert!(held > BUDGET / 2, "{held}");
    // The application wakes up, and fetching goes on.
    let reports: Vec<Consumed> = (0..1000).map(|partition| rig.consumed_report(partition, 1 << 40)).collect();
    rig.fetching.consumed(&reports, rig.now);
    assert_eq!(rig.requests().len(), 2);
}

#[test]
fn a_batch_larger_than_all_limits_is_fetched_when_nothing_else_is_held() {
    let settings =
        FetchSettings { buffer_bytes: 1000, max_partition_fetch_bytes: 100, ..FetchSettings::default() };
    let mut rig = Rig::at(&[0], settings);
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![records(0, batch_of_bytes(0, 1, 100_000))]));
    assert_eq!(completed(&mut rig), [(0, 0)]);
    assert!(rig.requests().is_empty());
    rig.consumed(0, 1);
    assert_eq!(asked(&rig.request()), [(0, 1)]);
}

#[test]
fn every_partition_gets_its_turn_when_an_answer_has_room_for_one() {
    let mut rig = Rig::at(&[0; 8], FetchSettings::default());
    rig.versions.0.insert(Api::Fetch, 6);
    rig.down = vec![2];
    let mut first = Vec::new();
    for _ in 0..8 {
        let fetch = rig.request();
        let (partition, offset) = asked(&fetch)[0];
        first.push(partition);
        let mut response = fetched(vec![records(partition, batch(offset, offset + 1))]);
        response.session_id = 0;
        response.responses[0].topic = Str::from("t");
        response.responses[0].topic_id = Uuid::ZERO;
        rig.answer(&fetch, response);
        rig.consumed(partition, offset + 1);
    }
    assert_eq!(first, [0, 2, 4, 6, 0, 2, 4, 6]);
}

#[test]
fn t24_an_answer_to_a_fetch_from_before_a_seek_is_dropped() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    let fetch = rig.request();
    rig.fetching.seek(&tp(0), place(7, -1));
    rig.answer(&fetch, fetched(vec![records(0, batch(50, 60))]));
    assert_eq!(completed(&mut rig), []);
    assert_eq!(asked(&rig.request()), [(0, 7)]);
}

#[test]
fn t24_a_late_answer_of_the_old_leader_brings_nothing_twice() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    let old = rig.request();
    rig.learn(ID, &[(2, EPOCH + 1)]);
    let new = rig.request();
    assert_eq!((new.node_id, asked(&new)), (2, vec![(0, 50)]));
    rig.answer(&new, fetched(vec![records(0, batch(50, 60))]));
    rig.answer(&old, fetched(vec![records(0, batch(50, 70))]));
    assert_eq!(completed(&mut rig), [(0, 50)]);
    let next = rig.requests();
    assert_eq!(
        next.iter().map(|fetch| (fetch.node_id, asked(fetch))).collect::<Vec<_>>(),
        [(2, vec![(0, 60)])]
    );
}

#[test]
fn t24_a_seek_to_the_same_offset_drops_what_was_fetched_all_the_same() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![records(0, batch(50, 60))]));
    let stale = rig.consumed_report(0, 60);
    rig.fetching.seek(&tp(0), place(50, -1));
    assert_eq!(completed(&mut rig), []);
    rig.fetching.consumed(&[stale], rig.now);
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(50, -1)));
    // In the session the partition moves nowhere, so nothing has to be said.
    let fetch = rig.request();
    assert_eq!(asked(&fetch), []);
    rig.answer(&fetch, fetched(vec![records(0, batch(50, 60))]));
    let fetch = rig.fetching.take_completed().unwrap();
    assert_eq!(Some(fetch.position_epoch), rig.fetching.position_epoch(&tp(0)));
}

#[test]
fn t24_a_partition_that_goes_and_comes_back_is_another() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    let fetch = rig.request();
    let last_epoch = rig.fetching.last_position_epoch();
    rig.fetching.assign(&Default::default());
    assert_eq!(rig.fetching.positions().count(), 0);
    rig.fetching.assign(&[tp(0)].into());
    assert!(rig.fetching.position_epoch(&tp(0)) > Some(last_epoch));
    rig.fetching.set_committed(&tp(0), Some(place(50, -1)), rig.now);
    rig.answer(&fetch, fetched(vec![records(0, batch(50, 60))]));
    assert_eq!(completed(&mut rig), []);
}

#[test]
fn partitions_that_stay_go_on_as_they_were() {
    let mut rig = Rig::at(&[50, 60], FetchSettings::default());
    let fetch = rig.requests().remove(0);
    rig.fetching.assign(&[tp(0), tp(2)].into());
    rig.answer(&fetch, fetched(vec![records(0, batch(50, 60))]));
    assert_eq!(completed(&mut rig), [(0, 50)]);
    assert_eq!(rig.fetching.waiting_for_committed(rig.now).collect::<Vec<_>>(), [&tp(2)]);
}

#[test]
fn a_paused_partition_is_not_fetched_and_leaves_the_session() {
    let mut rig = Rig::at(&[50, 60, 70], FetchSettings::default());
    rig.down = vec![2];
    let fetch = rig.request();
    assert!(rig.fetching.pause(&tp(0)));
    assert!(!rig.fetching.pause(&tp(9)));
    rig.answer(&fetch, fetched(vec![nothing(0), nothing(2)]));
    let fetch = rig.request();
    assert_eq!((session(&fetch), asked(&fetch)), ((SESSION, 1, vec![0]), vec![]));
    rig.fetching.resume(&tp(0));
    rig.answer(&fetch, fetched(vec![]));
    assert_eq!(asked(&rig.request()), [(0, 50)]);
}

#[test]
fn t18_when_the_leader_moves_the_application_first_gets_what_was_read_from_the_old_one() {
    let mut rig = Rig::new(1, FetchSettings::default());
    rig.fetching.set_committed(&tp(0), Some(place(0, EPOCH)), rig.now);
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![records(0, batch(0, 10))]));
    rig.learn(ID, &[(2, EPOCH + 1)]);
    assert!(rig.requests().is_empty());
    assert_eq!(completed(&mut rig), [(0, 0)]);
    rig.consumed(0, 5);
    assert!(rig.requests().is_empty());
    rig.consumed(0, 10);
    assert_eq!(epoch_asked(&rig.request()), (0, EPOCH + 1, EPOCH));
}

#[test]
fn a19_what_cannot_be_read_is_fetched_again_after_a_second() {
    let mut rig = Rig::at(&[0], FetchSettings::default());
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![records(0, batch(0, 10))]));
    let ahead = rig.request();
    let broken = Consumed { refetch: Refetch::Later, ..rig.consumed_report(0, 4) };
    rig.fetching.consumed(&[broken], rig.now);
    rig.answer(&ahead, fetched(vec![records(0, batch(10, 20))]));
    assert_eq!(completed(&mut rig), []);
    assert!(rig.requests().is_empty());
    assert_eq!(rig.fetching.deadline(rig.now), Some(rig.now + 1000 * T));
    rig.pass(1000);
    assert_eq!(asked(&rig.request()), [(0, 4)]);
}

#[test]
fn t21_batches_that_cannot_be_told_apart_are_handed_on_and_nothing_is_fetched_behind_them() {
    let mut rig = Rig::at(&[0], FetchSettings::default());
    let fetch = rig.request();
    let mut blob = [batch(0, 10), batch(10, 20)].concat();
    let second = blob.len() / 2;
    blob[second + 8..second + 12].copy_from_slice(&[0xff; 4]);
    rig.answer(&fetch, fetched(vec![records(0, blob.into())]));
    assert_eq!(completed(&mut rig), [(0, 0)]);
    assert!(rig.requests().is_empty());
    let broken = Consumed { refetch: Refetch::Later, ..rig.consumed_report(0, 10) };
    rig.fetching.consumed(&[broken], rig.now);
    rig.pass(1000);
    assert_eq!(asked(&rig.request()), [(0, 10)]);
}

#[test]
fn t21_a_part_of_a_first_batch_makes_us_ask_for_its_length() {
    let settings = FetchSettings { max_partition_fetch_bytes: 100, ..FetchSettings::default() };
    let mut rig = Rig::at(&[0], settings);
    rig.versions.0.insert(Api::Fetch, 2);
    let whole = batch_of_bytes(0, 1, 5000);
    let by_name = |records: Bytes| {
        let mut response = fetched(vec![super::records(0, records)]);
        response.session_id = 0;
        response.responses[0].topic = Str::from("t");
        response.responses[0].topic_id = Uuid::ZERO;
        response
    };
    let bytes = |fetch: &Outgoing| fetch_body(fetch).topics[0].partitions[0].partition_max_bytes as usize;
    let fetch = rig.request();
    assert_eq!(bytes(&fetch), 100);
    // Not even the size is there; then it is.
    rig.answer(&fetch, by_name(whole.slice(..7)));
    let fetch = rig.request();
    assert_eq!(bytes(&fetch), 200);
    rig.answer(&fetch, by_name(whole.slice(..200)));
    let fetch = rig.request();
    assert_eq!(bytes(&fetch), whole.len());
    // A broker that still sends a part makes an error, and no loop.
    rig.answer(&fetch, by_name(whole.slice(..200)));
    assert!(matches!(rig.fetching.next_error(), Some(FetchError::BatchTooLarge { offset: 0, .. })));
    assert!(rig.requests().is_empty());
    rig.pass(100);
    let fetch = rig.request();
    rig.answer(&fetch, by_name(whole));
    assert_eq!(completed(&mut rig), [(0, 0)]);
    rig.consumed(0, 1);
    assert_eq!(bytes(&rig.request()), 100);
}

#[test]
fn a14_the_lag_of_read_committed_ends_at_the_last_stable_offset() {
    for (isolation_level, lag) in [(IsolationLevel::ReadCommitted, 40), (IsolationLevel::ReadUncommitted, 50)]
    {
        let mut rig = Rig::at(&[50], FetchSettings { isolation_level, ..FetchSettings::default() });
        assert_eq!(rig.fetching.lag(&tp(0)), None);
        let fetch = rig.request();
        rig.answer(&fetch, fetched(vec![nothing(0)]));
        assert_eq!(rig.fetching.lag(&tp(0)), Some(lag));
    }
}

#[test]
fn t4_aborted_transactions_travel_with_their_records() {
    let mut rig = Rig::at(&[0], FetchSettings::default());
    let fetch = rig.request();
    let mut aborted = AbortedTransaction::default();
    (aborted.producer_id, aborted.first_offset) = (8, 3);
    let mut data = records(0, batch(0, 10));
    data.aborted_transactions = Some(vec![aborted]);
    rig.answer(&fetch, fetched(vec![data]));
    assert_eq!(rig.fetching.take_completed().unwrap().aborted, [(8, 3)]);
    let fetch = rig.request();
    let mut data = records(0, batch(10, 20));
    data.aborted_transactions = None;
    rig.answer(&fetch, fetched(vec![data]));
    assert_eq!(rig.fetching.take_completed().unwrap().aborted, []);
}
