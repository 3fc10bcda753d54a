//! Histories of classic groups, under a virtual clock.

mod joining;
mod leaving;
mod static_members;
mod syncing;

use milena_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use milena_protocol::{ErrorCode, Str};

use crate::core::groups::test_support::*;

const RANGE: &[(&str, &[u8])] = &[("range", b"")];

/// Joins, with the id that the coordinator gives; the answer may come later.
fn enter(bench: &mut Bench, mut request: JoinGroupRequest) -> (Str, Asked<JoinGroupResponse>) {
    let told = bench.now(request.clone());
    assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    request.member_id = told.member_id.clone();
    (told.member_id, bench.ask(request))
}

/// A stable group of one generation, with this many members; the first one leads.
fn stable(bench: &mut Bench, members: usize) -> (Vec<Str>, i32) {
    let mut ids = Vec::new();
    let mut generation = 0;
    for _ in 0..members {
        let (id, asked) = enter(bench, join("", RANGE));
        let again: Vec<_> = ids.iter().map(|id: &Str| bench.ask(join(id, RANGE))).collect();
        ids.push(id);
        let joined = bench.answer(asked).expect("joined");
        generation = joined.generation_id;
        again
            .into_iter()
            .for_each(|asked| assert_eq!(bench.answer(asked).unwrap().generation_id, generation));
    }
    assert_eq!(bench.now(assign(&ids[0], generation, &[])).error_code, ErrorCode::NONE);
    for id in &ids[1..] {
        assert_eq!(bench.now(sync(id, generation)).error_code, ErrorCode::NONE);
    }
    (ids, generation)
}
