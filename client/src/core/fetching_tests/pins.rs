//! A first commit, where nothing was committed: the next start begins where this one did.

use super::*;

fn pinned(rig: &mut Rig) -> Vec<(i32, i64)> {
    rig.fetching.take_pinned().into_iter().map(|(tp, place)| (tp.partition, place.offset)).collect()
}

/// A consumer of one partition of which nothing is committed, and its question for the end.
fn starting(reset: ResetPolicy) -> (Rig, Outgoing) {
    let mut rig = Rig::new(1, policy(reset));
    rig.fetching.set_committed(&tp(0), None, rig.now);
    let question = rig.request();
    (rig, question)
}

#[test]
fn a23_the_offset_that_latest_finds_is_told_once() {
    let (mut rig, question) = starting(ResetPolicy::Latest);
    assert_eq!(pinned(&mut rig), []);
    rig.answer(&question, found(0, 33, EPOCH));
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![records(0, batch(33, 40))]));
    rig.consumed(0, 40);
    assert_eq!(pinned(&mut rig), [(0, 33)], "not how far it has been read since");
    assert_eq!(pinned(&mut rig), []);

    rig.fetching.pin(&tp(0), place(33, EPOCH));
    assert_eq!(pinned(&mut rig), [(0, 33)], "the commit failed");
}

#[test]
fn a23_the_offset_that_a_duration_finds_is_told() {
    let (mut rig, question) = starting(ResetPolicy::ByDuration(60_000 * T));
    rig.answer(&question, found(0, 33, EPOCH));
    let question = rig.request();
    rig.answer(&question, found(0, 30, EPOCH));
    assert_eq!(pinned(&mut rig), [(0, 30)]);
}

#[test]
fn the_first_record_stays_the_first_and_what_is_committed_is_committed() {
    let (mut rig, question) = starting(ResetPolicy::Earliest);
    rig.answer(&question, found(0, 3, EPOCH));
    assert_eq!(pinned(&mut rig), []);

    let mut rig = Rig::at(&[50], policy(ResetPolicy::Latest));
    let fetch = rig.request();
    rig.answer(&fetch, fetched(vec![failed(0, ErrorCode::OFFSET_OUT_OF_RANGE)]));
    let question = rig.request();
    rig.answer(&question, found(0, 33, EPOCH));
    assert_eq!(rig.fetching.position(&tp(0)), Some(place(33, EPOCH)));
    assert_eq!(pinned(&mut rig), []);
}

#[test]
fn where_the_application_goes_or_what_it_commits_is_its_own_affair() {
    let (mut rig, question) = starting(ResetPolicy::Latest);
    rig.fetching.seek_to(&tp(0), ResetTo::Latest);
    rig.answer(&question, found(0, 33, EPOCH));
    let question = rig.request();
    rig.answer(&question, found(0, 33, EPOCH));
    assert_eq!(pinned(&mut rig), []);

    let (mut rig, question) = starting(ResetPolicy::Latest);
    rig.answer(&question, found(0, 33, EPOCH));
    rig.fetching.seek(&tp(0), place(3, -1));
    assert_eq!(pinned(&mut rig), []);

    let (mut rig, question) = starting(ResetPolicy::Latest);
    rig.fetching.unpin(&tp(0));
    rig.answer(&question, found(0, 33, EPOCH));
    assert_eq!(pinned(&mut rig), []);
}

#[test]
fn a_partition_that_is_gone_is_others_affair() {
    let (mut rig, question) = starting(ResetPolicy::Latest);
    rig.answer(&question, found(0, 33, EPOCH));
    rig.fetching.assign(&[].into());
    rig.fetching.pin(&tp(0), place(33, EPOCH));
    rig.fetching.assign(&[tp(0)].into());
    assert_eq!(pinned(&mut rig), []);
}
