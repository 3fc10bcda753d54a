use milena_protocol::messages::*;
use milena_protocol::{Api, ErrorCode, ResponseBody};

use super::*;
use crate::core::io::ConnectionId;

fn fault(sim: &mut Sim, fault: Fault) -> FaultId {
    match sim.core.steer(Steer::Fault(fault), sim.now).unwrap() {
        Steered::Fault(id) => id,
        other => panic!("{other:?}"),
    }
}

/// The error of the partition in an answer, and of the whole.
fn errors(response: &FetchResponse) -> (ErrorCode, Option<ErrorCode>) {
    let partition = response.responses.first().map(|topic| topic.partitions[0].error_code);
    (response.error_code, partition)
}

fn fetch(sim: &mut Sim, connection: ConnectionId) -> (ErrorCode, Option<ErrorCode>) {
    let mut request = fetch_request("t", 0, 0);
    request.max_wait_ms = 0;
    errors(&sim.ask(connection, 12, request))
}

const MOVED: ErrorCode = ErrorCode::NOT_LEADER_OR_FOLLOWER;
const GOOD: (ErrorCode, Option<ErrorCode>) = (ErrorCode::NONE, Some(ErrorCode::NONE));
const BAD: (ErrorCode, Option<ErrorCode>) = (ErrorCode::NONE, Some(MOVED));

#[test]
fn the_third_and_the_fourth_of_an_api_fail() {
    let mut sim = three();
    let c = sim.connect(1);
    let id = fault(&mut sim, Fault::on(Api::Fetch).nth(3).times(2).fail(MOVED));
    let found: Vec<_> = (0..6)
        .map(|_| {
            // Another API is not counted.
            sim.ask(c, 1, ApiVersionsRequest::default());
            fetch(&mut sim, c)
        })
        .collect();
    assert_eq!(found, [GOOD, GOOD, BAD, BAD, GOOD, GOOD]);
    assert_eq!(sim.core.fired(id), 2);
    let removed = sim.core.steer(Steer::RemoveFault(id), sim.now);
    assert_eq!((removed, sim.core.fired(id)), (Ok(Steered::Removed { fired: 2 }), 0));
}

#[test]
fn each_request_meets_one_fault_the_first_that_strikes() {
    let mut sim = three();
    let c = sim.connect(1);
    let first = fault(&mut sim, Fault::on(Api::Fetch).fail(MOVED));
    let second = fault(&mut sim, Fault::on_any().fail(ErrorCode::OFFSET_OUT_OF_RANGE));
    let last = fault(&mut sim, Fault::on(Api::Fetch).fail(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    assert_eq!(fetch(&mut sim, c), BAD);
    assert_eq!(fetch(&mut sim, c), (ErrorCode::NONE, Some(ErrorCode::OFFSET_OUT_OF_RANGE)));
    assert_eq!(fetch(&mut sim, c), (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, None), "the whole has this one");
    assert_eq!(fetch(&mut sim, c), GOOD);
    assert_eq!([first, second, last].map(|id| sim.core.fired(id)), [1, 1, 1]);
}

#[test]
fn a_fault_looks_at_broker_client_and_request() {
    let mut sim = three();
    let (one, two) = (sim.connect(1), sim.connect(2));
    let id = fault(
        &mut sim,
        Fault::on(Api::Fetch)
            .at(1)
            .from_client("test")
            .when(|r| matches!(&r.body, milena_protocol::RequestBody::Fetch(fetch) if fetch.max_wait_ms == 0))
            .always()
            .fail(MOVED),
    );
    fault(&mut sim, Fault::on(Api::Fetch).from_client("other").always().disconnect());
    sim.send(two, 12, fetch_request("t", 1, 0));
    assert_eq!(errors(&sim.ask(one, 12, fetch_request("t", 0, 0))), GOOD);
    assert_eq!(sim.core.fired(id), 0);
    assert_eq!((fetch(&mut sim, one), fetch(&mut sim, one)), (BAD, BAD));
    sim.core.steer(Steer::RemoveFault(id), sim.now).unwrap();
    assert_eq!(fetch(&mut sim, one), GOOD);
}

#[test]
fn a_session_lives_on_when_its_partitions_fail() {
    let mut sim = three();
    let c = sim.connect(1);
    let mut request = fetch_request("t", 0, 0);
    request.session_epoch = 0;
    let opened = sim.ask(c, 12, request);
    fault(&mut sim, Fault::on(Api::Fetch).fail(MOVED));
    let mut request = FetchRequest::default();
    (request.session_id, request.session_epoch) = (opened.session_id, 1);
    let failed = sim.ask(c, 12, request.clone());
    assert_eq!((failed.session_id, errors(&failed)), (opened.session_id, BAD));
    request.session_epoch = 2;
    assert_eq!(sim.ask(c, 12, request).error_code, ErrorCode::NONE);
}

#[test]
fn an_answer_can_be_made_up() {
    let mut sim = three();
    let c = sim.connect(1);
    let mut answer = MetadataResponse::default();
    answer.controller_id = 77;
    fault(&mut sim, Fault::on(Api::Metadata).answer(answer));
    let asked = || MetadataRequest::default();
    assert_eq!(sim.ask(c, 12, asked()).controller_id, 77);
    assert_ne!(sim.ask(c, 12, asked()).controller_id, 77);
}

#[test]
fn an_answer_is_late_by_the_brokers_time_and_holds_up_what_is_behind() {
    let mut sim = three();
    let c = sim.connect(1);
    fault(&mut sim, Fault::on(Api::Produce).delay(std::time::Duration::from_millis(700)));
    sim.send(c, 9, produce_request("t", 0, batch(&["a"]), -1));
    sim.send(c, 12, MetadataRequest::default());
    assert_eq!(sim.core.log_end_offset("t", 0), Ok(1), "it was done at once");
    sim.pass(699);
    assert!(sim.answer::<ProduceResponse>(c).is_none());
    sim.pass(1);
    assert!(sim.answer::<ProduceResponse>(c).is_some());
    assert!(sim.answer::<MetadataResponse>(c).is_some());
}

#[test]
fn what_is_lost_leaves_its_connection_hanging() {
    for (drop_request, end_offset) in [(true, 0), (false, 1)] {
        let mut sim = three();
        let (c, other) = (sim.connect(1), sim.connect(1));
        let on = Fault::on(Api::Produce);
        let id = fault(&mut sim, if drop_request { on.drop_request() } else { on.drop_answer() });
        sim.send(c, 9, produce_request("t", 0, batch(&["a"]), -1));
        sim.send(c, 12, MetadataRequest::default());
        sim.pass(1_000_000);
        assert!(sim.answer::<ProduceResponse>(c).is_none() && sim.closed.is_empty());
        assert_eq!((sim.core.log_end_offset("t", 0), sim.core.fired(id)), (Ok(end_offset), 1));
        assert_eq!(fetch(&mut sim, other).0, ErrorCode::NONE, "the others go on");
        sim.core.handle(crate::core::io::Event::Lost { connection: c }, sim.now);
    }
}

#[test]
fn a_connection_is_closed_before_or_after_the_request_is_done() {
    for (before, end_offset) in [(true, 0), (false, 1)] {
        for acks in [-1, 0] {
            let mut sim = three();
            let c = sim.connect(1);
            let on = Fault::on(Api::Produce);
            fault(&mut sim, if before { on.disconnect() } else { on.disconnect_after() });
            sim.send(c, 9, produce_request("t", 0, batch(&["a"]), acks));
            assert_eq!((&sim.closed[..], sim.core.log_end_offset("t", 0)), (&[c][..], Ok(end_offset)));
            assert!(sim.answer::<ProduceResponse>(c).is_none());
        }
    }
}

#[test]
fn an_answer_is_cut_short() {
    let mut sim = three();
    let c = sim.connect(1);
    fault(&mut sim, Fault::on(Api::Metadata).truncate(9));
    sim.send(c, 12, MetadataRequest::default());
    assert!(matches!(sim.cut[..], [(ResponseBody::Metadata(_), 9)]));
    assert_eq!(sim.closed, [c]);
}

#[test]
fn who_wants_no_answer_gets_none() {
    let mut sim = three();
    let (failed, answered) = (sim.connect(1), sim.connect(1));
    fault(&mut sim, Fault::on(Api::Produce).fail(MOVED));
    fault(&mut sim, Fault::on(Api::Produce).answer(ProduceResponse::default()));
    sim.send(failed, 9, produce_request("t", 0, batch(&["a"]), 0));
    assert_eq!(sim.closed, [failed], "as Kafka tells of an error");
    sim.send(answered, 9, produce_request("t", 0, batch(&["a"]), 0));
    assert!(sim.skipped(answered));
}

#[test]
fn t25_any_answer_can_tell_its_client_to_hold_back() {
    let mut sim = three();
    let c = sim.connect(1);
    fault(&mut sim, Fault::on_any().times(2).throttle(std::time::Duration::from_secs(3)));
    let response: MetadataResponse = sim.ask(c, 12, MetadataRequest::default());
    assert_eq!(response.throttle_time_ms, 3_000);
    sim.send(c, 9, produce_request("t", 0, batch(&["a"]), 0));
    sim.send(c, 12, MetadataRequest::default());
    sim.pass(2_999);
    assert_eq!(sim.core.log_end_offset("t", 0), Ok(0), "its connection is not read");
    sim.pass(1);
    assert_eq!(sim.core.log_end_offset("t", 0), Ok(1));
    assert!(sim.skipped(c));
    sim.pass(2_999);
    assert!(sim.answer::<MetadataResponse>(c).is_none());
    sim.pass(1);
    assert_eq!(sim.answer::<MetadataResponse>(c).unwrap().throttle_time_ms, 0);
}
