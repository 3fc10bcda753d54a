//! The assignors against Kafka's own: the questions and Java's answers lie in `testdata/assignors`, and
//! `testdata/make-assignors` writes them again. With MILENA_ASSIGNORS the files of another folder are
//! compared.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use milena_client::core::assignors::{
    Assignor, ClusterTopics, CooperativeStickyAssignor, GroupAssignment, Member, PartitionInfo,
    RangeAssignor, RoundRobinAssignor, StickyAssignor, TopicPartitions,
};
use serde_json::Value;

#[test]
fn range_gives_what_java_gives() {
    compare_all(&RangeAssignor);
}

#[test]
fn roundrobin_gives_what_java_gives() {
    compare_all(&RoundRobinAssignor);
}

#[test]
fn sticky_gives_what_java_gives() {
    compare_all(&StickyAssignor::default());
}

#[test]
fn cooperative_sticky_gives_what_java_gives() {
    compare_all(&CooperativeStickyAssignor::default());
}

#[test]
fn sticky_user_data_has_the_bytes_that_java_writes() {
    let mut compared = 0;
    for question in questions("sticky") {
        for member in question["members"].as_array().unwrap() {
            if member["had"].is_null() {
                continue;
            }
            let generation = member["generation"].as_i64().unwrap_or(-1);
            let data = user_data(member).unwrap();
            let mut assignor = StickyAssignor::default();
            assert_eq!(assignor.subscription_user_data(), None);
            assignor.on_assignment(&topic_partitions(&member["had"]), generation as i32);
            assert_eq!(assignor.subscription_user_data().unwrap(), data, "{member}");
            compared += 1;
        }
    }
    assert!(compared >= 100, "only {compared} compared");
}

fn compare_all(assignor: &dyn Assignor) {
    let mut answered = 0;
    for (at, question) in questions(assignor.name()).iter().enumerate() {
        let cluster = cluster(&question["topics"]);
        let members: Vec<Member> = list(&question["members"]).iter().map(member).collect();
        let assignment = assignor.assign(&cluster, &members);
        let line = at + 1;
        match &question["expected"] {
            Value::Null => assert_sound(&assignment, &cluster, line),
            expected => {
                assert_eq!(assignment, group_assignment(expected), "line {line}");
                answered += 1;
            }
        }
    }
    assert!(answered >= 900, "only {answered} answers compared");
}

/// Where Java threw: partitions that exist, none of them twice.
fn assert_sound(given: &GroupAssignment, cluster: &ClusterTopics, line: usize) {
    let mut seen = BTreeSet::new();
    for (topic, indexes) in given.iter().flat_map(|(_, topics)| topics) {
        for &index in indexes {
            assert!((index as usize) < cluster[topic].len(), "line {line}");
            assert!(seen.insert((topic, index)), "line {line}: {topic}-{index}");
        }
    }
}

fn questions(name: &str) -> Vec<Value> {
    let folder = match std::env::var_os("MILENA_ASSIGNORS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/assignors"),
    };
    let path = folder.join(name).with_extension("jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = text.lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn cluster(topics: &Value) -> ClusterTopics {
    let info = |index: usize, racks: Vec<String>| PartitionInfo { index: index as i32, racks };
    entries(topics)
        .map(|(topic, partitions)| {
            let infos = match partitions.as_u64() {
                Some(count) => (0..count as usize).map(|index| info(index, Vec::new())).collect(),
                None => {
                    let racks = list(partitions).iter().map(strings).enumerate();
                    racks.map(|(index, racks)| info(index, racks)).collect()
                }
            };
            (topic.clone(), infos)
        })
        .collect()
}

fn member(member: &Value) -> Member {
    Member {
        member_id: string(&member["id"]).unwrap(),
        group_instance_id: string(&member["instance"]),
        topics: strings(&member["topics"]),
        owned_partitions: topic_partitions(&member["owned"]),
        generation_id: member["generation"].as_i64().unwrap_or(-1) as i32,
        rack_id: string(&member["rack"]),
        user_data: user_data(member).map(Into::into),
    }
}

fn user_data(member: &Value) -> Option<Vec<u8>> {
    let text = member["userData"].as_str()?;
    Some(BASE64_STANDARD.decode(text).unwrap())
}

fn group_assignment(members: &Value) -> GroupAssignment {
    let mut assignment: GroupAssignment =
        entries(members).map(|(id, topics)| (id.clone(), topic_partitions(topics))).collect();
    assignment.sort();
    assignment
}

fn topic_partitions(topics: &Value) -> TopicPartitions {
    let indexes = |list: &Vec<Value>| list.iter().map(|i| i.as_i64().unwrap() as i32).collect();
    topics
        .as_object()
        .into_iter()
        .flatten()
        .map(|(topic, list)| (topic.clone(), indexes(list.as_array().unwrap())))
        .collect()
}

fn entries(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().unwrap().iter()
}

fn list(array: &Value) -> &Vec<Value> {
    array.as_array().unwrap()
}

fn strings(array: &Value) -> Vec<String> {
    list(array).iter().filter_map(string).collect()
}

fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
