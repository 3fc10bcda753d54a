//! The whole core against every request that Kafka's own classes wrote: `testdata/golden`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use milena_protocol::messages::create_partitions::CreatePartitionsTopic;
use milena_protocol::messages::create_topics::CreatableTopic;
use milena_protocol::messages::describe_configs::DescribeConfigsResource;
use milena_protocol::messages::metadata::MetadataRequestTopic;
use milena_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, MetadataRequest,
};
use milena_protocol::{Api, ErrorCode, Pairing, Request, RequestBody, RequestHeader};

use super::io::{Action, Event};
use super::test_support::Sim;
use super::versions::Versions;

/// The golden requests of an API: their versions, and their bodies.
fn golden(api: Api) -> Vec<(i16, RequestBody)> {
    let path = milena_testdata::folder().join(format!("golden/{api}Request.jsonl"));
    let lines = std::fs::read_to_string(&path).unwrap();
    let parse = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let version = line["version"].as_i64().unwrap() as i16;
        let bytes = Bytes::from(BASE64_STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap());
        (version, RequestBody::read(api.key(), version, &bytes).unwrap())
    };
    lines.lines().map(parse).collect()
}

#[test]
fn every_request_is_answered_in_its_own_shape() {
    for (api, _) in Versions::default().offered() {
        for (version, body) in golden(api) {
            let mut sim = Sim::new(&[]);
            let connection = sim.connect(1);
            let header = RequestHeader::new(api, version, 7, None);
            let request = Request { header, body };
            let pairing = request.pairing();
            let has_answer = request.expects_response();
            sim.core.handle(Event::Received { connection, request: Box::new(request) }, sim.now);
            expect_an_answer(&mut sim, pairing, has_answer);
        }
    }
}

/// Waits for what comes of a request, and sees that it can be written.
fn expect_an_answer(sim: &mut Sim, pairing: Pairing, has_answer: bool) {
    let api = Api::from_key(pairing.api_key).unwrap();
    let version = pairing.api_version;
    for _ in 0..1000 {
        match sim.core.poll(sim.now) {
            Action::Send { response, .. } => {
                assert!(has_answer, "{api} v{version}");
                let written = response.encode(&mut BytesMut::new());
                assert!(written.is_ok(), "{api} v{version}: {written:?} of {response:?}");
                return;
            }
            Action::Skip { .. } => return assert!(!has_answer, "{api} v{version}"),
            Action::Close { .. } => {
                let serves = Versions::default().serves(api, version);
                return assert!(!serves || !has_answer, "{api} v{version} is cut off");
            }
            Action::Wait(Some(deadline)) => sim.now = sim.now.max(deadline),
            other => panic!("{api} v{version}: {other:?}"),
        }
    }
    panic!("{api} v{version} is never answered");
}

#[test]
fn nobody_can_create_partitions_without_end() {
    let mut sim = Sim::new(&[("num.partitions", "30000")]);
    let client = sim.connect(1);
    for name in ["a", "b", "c", "d"] {
        let mut topic = MetadataRequestTopic::default();
        topic.name = Some(name.into());
        let mut request = MetadataRequest::default();
        (request.topics, request.allow_auto_topic_creation) = (Some(vec![topic]), true);
        let answer = sim.ask(client, 9, request);
        assert_eq!(answer.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "as if it came later");
    }
    let names =
        |sim: &Sim| sim.core.catalog().topics().map(|topic| topic.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&sim), ["a", "b", "c"]);

    let create = |sim: &mut Sim, partitions| {
        let mut topic = CreatableTopic::default();
        (topic.name, topic.num_partitions, topic.replication_factor) = ("e".into(), partitions, 1);
        let mut request = CreateTopicsRequest::default();
        request.topics = vec![topic];
        sim.ask(client, 7, request).topics.remove(0)
    };
    let created = create(&mut sim, 10_000);
    assert!(created.error_code.is_none(), "there is room for as many");
    let refused = create(&mut sim, 1);
    assert_eq!(refused.error_code, ErrorCode::TOPIC_ALREADY_EXISTS);
    let mut more = CreatePartitionsTopic::default();
    (more.name, more.count) = ("e".into(), 10_001);
    let mut request = CreatePartitionsRequest::default();
    request.topics = vec![more];
    let answer = sim.ask(client, 3, request);
    assert_eq!(answer.results[0].error_code, ErrorCode::POLICY_VIOLATION);
    assert!(answer.results[0].error_message.as_ref().is_some_and(|why| why.contains("delete topics")));

    let mut request = DeleteTopicsRequest::default();
    request.topic_names = vec!["e".into()];
    assert!(sim.ask(client, 5, request).responses[0].error_code.is_none());
    assert!(create(&mut sim, 1).error_code.is_none(), "what was deleted makes room");
}

#[test]
fn who_names_the_same_over_and_over_is_cut_off() {
    let mut sim = Sim::new(&[]);
    sim.topic("t", 1, &[]);
    let mut resource = DescribeConfigsResource::default();
    (resource.resource_type, resource.resource_name) = (2, "t".into());
    let mut configs = DescribeConfigsRequest::default();
    let mut groups = DescribeGroupsRequest::default();
    for (times, is_cut) in [(1, false), (11, false), (12, true), (100_000, true)] {
        let client = sim.connect(1);
        configs.resources = vec![resource.clone(); times];
        sim.send(client, 4, configs.clone());
        assert_eq!(sim.closed.contains(&client), is_cut, "a topic {times} times");
        let client = sim.connect(1);
        groups.groups = vec!["g".into(); times];
        sim.send(client, 5, groups.clone());
        assert_eq!(sim.closed.contains(&client), is_cut, "a group {times} times");
    }
    let client = sim.connect(1);
    groups.groups = (0..10_000).map(|n| format!("g{n}").into()).collect();
    sim.send(client, 5, groups);
    assert!(!sim.closed.contains(&client), "different names can be many");
}

#[test]
fn names_with_dots_are_created_as_fast_as_others() {
    let began = std::time::Instant::now();
    let mut sim = Sim::new(&[]);
    let client = sim.connect(1);
    let create = |sim: &mut Sim, names: Vec<String>| {
        let named = |name: String| {
            let mut topic = MetadataRequestTopic::default();
            topic.name = Some(name.into());
            topic
        };
        let mut request = MetadataRequest::default();
        request.topics = Some(names.into_iter().map(named).collect());
        request.allow_auto_topic_creation = true;
        sim.ask(client, 9, request);
        sim.core.catalog().topics().count()
    };
    assert_eq!(create(&mut sim, (0..10_000).map(|n| format!("orders.eu_{n}")).collect()), 10_000);
    assert_eq!(create(&mut sim, vec!["orders_eu_7".into(), "orders.eu.7".into()]), 10_000, "they collide");
    let mut request = DeleteTopicsRequest::default();
    request.topic_names = vec!["orders.eu_7".into()];
    assert!(sim.ask(client, 5, request).responses[0].error_code.is_none());
    assert_eq!(create(&mut sim, vec!["orders_eu_7".into(), "orders.eu.7".into()]), 10_000, "one is free");
    // Compared with one another they would take a minute.
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
}
