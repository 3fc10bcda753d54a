//! Lag before the first records.

use super::*;

fn at_ten(isolation_level: IsolationLevel) -> Rig {
    Rig::at(&[10], FetchSettings { isolation_level, ..FetchSettings::default() })
}

#[test]
fn the_end_of_the_log_is_asked_for_when_the_lag_is_wanted() {
    for (isolation_level, code) in [(IsolationLevel::ReadUncommitted, 0), (IsolationLevel::ReadCommitted, 1)]
    {
        let mut rig = at_ten(isolation_level);
        assert_eq!(rig.fetching.lag(&tp(0)), None);
        rig.fetching.want_lag(&tp(0));
        rig.fetching.want_lag(&tp(0));
        let requests = rig.requests();
        assert_eq!(requests.len(), 2, "and records meanwhile");
        assert_eq!(list_offsets(&requests[0]), (0, EPOCH, -1));
        let RequestBody::ListOffsets(body) = &requests[0].body else { unreachable!() };
        assert_eq!(body.isolation_level, code);
        rig.fetching.want_lag(&tp(0));
        assert!(rig.requests().is_empty());
        rig.answer(&requests[0], found(0, 25, EPOCH));
        assert_eq!(rig.fetching.lag(&tp(0)), Some(15));
        rig.fetching.want_lag(&tp(0));
        assert!(rig.requests().is_empty(), "it is known");
    }
}

#[test]
fn what_a_fetch_tells_meanwhile_is_newer() {
    let mut rig = at_ten(IsolationLevel::ReadUncommitted);
    rig.fetching.want_lag(&tp(0));
    let requests = rig.requests();
    rig.answer(&requests[1], fetched(vec![nothing(0)]));
    rig.answer(&requests[0], found(0, 25, EPOCH));
    assert_eq!(rig.fetching.lag(&tp(0)), Some(90));
}

#[test]
fn a17_an_end_that_cannot_be_told_is_asked_for_again_after_a_while() {
    let mut rig = at_ten(IsolationLevel::ReadUncommitted);
    rig.fetching.pause(&tp(0));
    rig.fetching.want_lag(&tp(0));
    let answers: [fn() -> Answer; 3] = [
        || ConnectionLost.into(),
        || not_found(0, ErrorCode::NOT_LEADER_OR_FOLLOWER).into(),
        || found(3, 7, -1).into(),
    ];
    for answer in answers {
        let question = rig.request();
        rig.answer(&question, answer());
        assert!(rig.requests().is_empty());
        assert_eq!(rig.fetching.deadline(rig.now), Some(rig.now + 1_000 * T));
        rig.pass(1_000);
    }
    let question = rig.request();
    rig.answer(&question, found(0, 25, EPOCH));
    assert_eq!(rig.fetching.lag(&tp(0)), Some(15));
}

#[test]
fn a_partition_that_came_back_asks_for_itself() {
    let mut rig = at_ten(IsolationLevel::ReadUncommitted);
    rig.fetching.pause(&tp(0));
    rig.fetching.want_lag(&tp(0));
    let question = rig.request();
    rig.fetching.assign(&[].into());
    rig.fetching.assign(&[tp(0)].into());
    rig.fetching.seek(&tp(0), place(20, -1));
    rig.answer(&question, found(0, 25, EPOCH));
    assert_eq!(rig.fetching.lag(&tp(0)), None);
}
