//! What brokers refuse, and connections that end.

use milena_protocol::messages::leader::NodeEndpoint;

use super::*;

/// A consumer at offset 50 whose session is open, and the Fetch under way.
fn in_session() -> (Rig, Outgoing) {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![nothing(0)]));
    let fetch = rig.request();
    assert_eq!((session(&fetch), asked(&fetch)), ((SESSION, 1, vec![]), vec![]));
    rig.metadata.update(&metadata_response(&[1, 2], vec![]), 12, rig.now).unwrap();
    assert!(!rig.wants_metadata());
    (rig, fetch)
}

/// An error for a partition that is tried again later; whether metadata is asked for.
#[track_caller]
fn assert_backs_off(error: ErrorCode, metadata: bool) {
    let (mut rig, fetch) = in_session();
    rig.answer(&fetch, fetched(vec![failed(0, error)]));
    assert_eq!(rig.wants_metadata(), metadata, "{error}");
    assert!(rig.requests().is_empty(), "{error}");
    assert_eq!(rig.fetching.deadline(rig.now), Some(rig.now + 100 * T));
    rig.pass(100);
    let fetch = rig.request();
    assert_eq!(fetch.node_id, 1);
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(50, -1)));
}

#[test]
fn t17_t18_what_new_metadata_may_help_with_waits_for_it() {
    let errors = [
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::REPLICA_NOT_AVAILABLE,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::OFFSET_NOT_AVAILABLE,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::UNKNOWN_TOPIC_ID,
        ErrorCode::INCONSISTENT_TOPIC_ID,
        ErrorCode::LEADER_NOT_AVAILABLE,
    ];
    errors.iter().for_each(|error| assert_backs_off(*error, true));
}

#[test]
fn t18_a_leader_that_is_behind_us_gets_a_moment() {
    assert_backs_off(ErrorCode::UNKNOWN_LEADER_EPOCH, false);
    assert_backs_off(ErrorCode::UNKNOWN_SERVER_ERROR, false);
}

#[test]
fn a17_errors_for_the_application_come_once_a_backoff() {
    let (mut rig, mut fetch) = in_session();
    let mut requests = 0;
    for _ in 0..100 {
        rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::TOPIC_AUTHORIZATION_FAILED)]));
        let error = rig.fetching.next_error().unwrap();
        assert_eq!(error.code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
        assert_eq!(error.to_string(), "fetching t-0 from offset 50: TOPIC_AUTHORIZATION_FAILED (29)");
        assert_eq!(rig.fetching.next_error(), None);
        let mut waited = 0;
        fetch = loop {
            match rig.requests().pop() {
                Some(fetch) => break fetch,
                None => rig.pass(50),
            }
            waited += 50;
            assert!(waited <= 1000);
        };
        requests += usize::from(waited >= 100);
    }
    assert_eq!(requests, 100);
}

#[test]
fn the_backoff_ends_with_the_first_success() {
    let (mut rig, mut fetch) = in_session();
    for wait in [100, 200, 400] {
        rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::UNKNOWN_LEADER_EPOCH)]));
        rig.pass(wait - 1);
        assert!(rig.requests().is_empty());
        rig.pass(1);
        fetch = rig.request();
    }
    rig.answer(&fetch, fetched(vec![nothing(0)]));
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::UNKNOWN_LEADER_EPOCH)]));
    assert_eq!(rig.fetching.deadline(rig.now), Some(rig.now + 100 * T));
}

#[test]
fn t16_a_session_that_the_broker_forgot_is_opened_anew_at_once_but_not_in_a_loop() {
    let (mut rig, fetch) = in_session();
    rig.answer(&fetch, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    let fetch = rig.request();
    assert_eq!((session(&fetch), asked(&fetch)), ((0, 0, vec![]), vec![(0, 50)]));
    rig.answer(&fetch, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert!(rig.requests().is_empty());
    assert!(rig.fetching.deadline(rig.now).is_some());
    rig.pass(200);
    assert_eq!(rig.requests().len(), 1);
}

#[test]
fn t16_other_session_errors_and_a_lost_connection_send_all_again() {
    let answers: [fn() -> Answer; 3] = [
        || ErrorCode::INVALID_FETCH_SESSION_EPOCH.into(),
        || ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR.into(),
        || ConnectionLost.into(),
    ];
    for answer in answers {
        let (mut rig, fetch) = in_session();
        rig.answer(&fetch, answer());
        rig.pass(100);
        let fetch = rig.request();
        assert_eq!((session(&fetch), asked(&fetch)), ((SESSION, 0, vec![]), vec![(0, 50)]));
    }
}

#[test]
fn t16_inconsistent_topic_ids_take_a_new_session() {
    let (mut rig, fetch) = in_session();
    rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::INCONSISTENT_TOPIC_ID)]));
    rig.pass(100);
    assert_eq!(session(&rig.request()), (SESSION, 0, vec![]));
}

#[test]
fn an_answer_of_another_kind_counts_as_none() {
    let (mut rig, fetch) = in_session();
    rig.answer(&fetch, found(0, 3, EPOCH));
    assert_eq!(session(&rig.request()), (SESSION, 0, vec![]));
}

#[test]
fn t20_a_topic_id_that_nobody_asked_for_is_dropped() {
    let (mut rig, fetch) = in_session();
    let mut response = fetched(vec![records(0, batch(50, 60))]);
    response.responses[0].topic_id = Uuid([9; 16]);
    rig.answer(&fetch, response);
    assert_eq!(rig.fetching.take_completed(), None);
    assert!(rig.wants_metadata());
    assert_eq!(asked(&rig.request()), [(0, 50)]);
}

#[test]
fn t20_a_topic_without_an_id_is_asked_for_by_name() {
    let mut rig = Rig::new(0, FetchSettings::default());
    rig.metadata = Metadata::new(Vec::new(), MetadataSettings::default());
    rig.learn(Uuid::ZERO, &[(1, EPOCH)]);
    rig.fetching.assign(&[tp(0)].into());
    rig.fetching.set_committed(&tp(0), Some(place(50, -1)), rig.now);
    let fetch = rig.request();
    assert_eq!((fetch.api_version, &fetch_body(&fetch).topics[0].topic), (12, &Str::from("t")));
    let mut response = fetched(vec![records(0, batch(50, 60))]);
    response.responses[0].topic_id = Uuid::ZERO;
    response.responses[0].topic = Str::from("t");
    rig.answer(&fetch, response);
    assert_eq!(rig.fetching.take_completed().map(|fetch| fetch.fetch_offset), Some(50));
}

#[test]
fn a_hint_where_the_leader_went_is_followed_at_once() {
    let mut rig = Rig::new(1, FetchSettings::default());
    rig.fetching.set_committed(&tp(0), Some(place(50, EPOCH)), rig.now);
    let fetch = rig.request();
    let mut data = failed(0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    (data.current_leader.leader_id, data.current_leader.leader_epoch) = (9, EPOCH + 1);
    let mut endpoint = NodeEndpoint::default();
    (endpoint.node_id, endpoint.host, endpoint.port) = (9, Str::from("nine"), 9092);
    let mut response = fetched(vec![data]);
    response.node_endpoints = vec![endpoint];
    rig.answer(&fetch, response);
    let question = rig.request();
    assert_eq!((question.node_id, epoch_asked(&question)), (9, (0, EPOCH + 1, EPOCH)));
}

#[test]
fn t17_a_follower_is_read_when_told_and_left_when_it_cannot_serve() {
    let (mut rig, fetch) = in_session();
    let mut data = nothing(0);
    data.preferred_read_replica = 2;
    rig.answer(&fetch, fetched(vec![data]));
    let fetch = rig.request();
    assert_eq!((fetch.node_id, asked(&fetch)), (2, vec![(0, 50)]));
    rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::OFFSET_OUT_OF_RANGE)]));
    // The leader's session still has the partition, at the same offset.
    let fetch = rig.request();
    assert_eq!((fetch.node_id, session(&fetch), asked(&fetch)), (1, (SESSION, 2, vec![]), vec![]));
    assert_eq!(rig.fetching.next_notice(), None);
}

#[test]
fn a_follower_is_left_when_its_connection_ends_or_after_a_while() {
    for lost in [true, false] {
        let (mut rig, fetch) = in_session();
        let mut data = nothing(0);
        data.preferred_read_replica = 2;
        rig.answer(&fetch, fetched(vec![data]));
        let fetch = rig.request();
        assert_eq!(fetch.node_id, 2);
        if lost {
            rig.answer(&fetch, ConnectionLost);
        } else {
            rig.answer(&fetch, fetched(vec![nothing(0)]));
            rig.pass(300_001);
        }
        assert_eq!(rig.request().node_id, 1);
    }
}

#[test]
fn a_follower_is_read_again_when_the_leader_names_it_again() {
    let (mut rig, mut fetch) = in_session();
    let mut data = nothing(0);
    data.preferred_read_replica = 2;
    for _ in 0..3 {
        rig.answer(&fetch, fetched(vec![data.clone()]));
        let fetch_from_follower = rig.request();
        assert_eq!(fetch_from_follower.node_id, 2);
        rig.pass(300_001);
        rig.answer(&fetch_from_follower, fetched(vec![nothing(0)]));
        fetch = rig.request();
        assert_eq!(fetch.node_id, 1);
    }
}

#[test]
fn nothing_is_asked_of_a_broker_that_cannot_be_reached() {
    let mut rig = Rig::at(&[50, 60], FetchSettings::default());
    rig.down = vec![1];
    assert_eq!(asked(&rig.request()), [(1, 60)]);
    rig.down.clear();
    assert_eq!(asked(&rig.request()), [(0, 50)]);
}

#[test]
fn a_partition_without_a_leader_asks_for_metadata() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    rig.learn(ID, &[(-1, EPOCH + 1)]);
    assert!(rig.requests().is_empty());
    assert!(rig.wants_metadata());
}

#[test]
fn a_broker_without_the_apis_is_an_error() {
    let mut rig = Rig::at(&[50], FetchSettings::default());
    rig.versions.0.clear();
    assert!(rig.requests().is_empty());
    assert!(matches!(rig.fetching.next_error(), Some(FetchError::Unsupported { api: "Fetch", .. })));
    rig.fetching.seek_to(&tp(0), ResetTo::Latest);
    assert!(rig.requests().is_empty());
    assert!(matches!(rig.fetching.next_error(), Some(FetchError::Unsupported { api: "ListOffsets", .. })));
}

#[test]
fn closing_closes_the_sessions_that_are_idle() {
    let mut rig = Rig::at(&[50, 60], FetchSettings::default());
    for fetch in rig.requests() {
        let partition = asked(&fetch)[0].0;
        rig.answer(&fetch, fetched(vec![nothing(partition)]));
    }
    let versions = rig.versions.versions();
    let close = rig.fetching.next_close(|_| Some(versions.clone())).unwrap();
    assert_eq!((close.node_id, session(&close), asked(&close)), (1, (SESSION, -1, vec![]), vec![]));
    rig.answer(&close, fetched(vec![]));
    assert!(rig.fetching.next_close(|_| Some(versions.clone())).is_some());
    assert!(rig.fetching.next_close(|_| Some(versions.clone())).is_none());
}
