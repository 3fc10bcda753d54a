//! OffsetFetch.

use super::*;

#[test]
fn t4_a_partition_without_an_offset_has_minus_one_and_no_error() {
    let mut bench = by_name();
    bench.now(commit());
    let response = bench.now(fetch());
    let nothing = &response.groups[0].topics[0].partitions[1];
    assert_eq!((nothing.partition_index, nothing.committed_offset), (1, -1));
    assert_eq!((nothing.error_code, nothing.metadata.as_deref()), (ErrorCode::NONE, Some("")));
    let mut other = fetch();
    other.groups[0].group_id = "none".into();
    let response = bench.now(other);
    assert_eq!(response.groups[0].error_code, ErrorCode::NONE);
    assert_eq!(response.groups[0].topics[0].partitions[0].committed_offset, -1);
}

#[test]
fn all_offsets_are_those_that_are_committed() {
    let mut bench = by_name();
    bench.topic("u", 1);
    bench.now(commit());
    let mut other = commit();
    other.topics[0].name = "u".into();
    bench.now(other);
    let mut all = fetch();
    all.groups[0].topics = None;
    let mut nobody = all.groups[0].clone();
    nobody.group_id = "none".into();
    all.groups.push(nobody);
    let response = bench.now(all);
    let names: Vec<&str> = response.groups[0].topics.iter().map(|topic| &topic.name[..]).collect();
    assert_eq!(names, ["t", "u"]);
    assert_eq!(response.groups[0].topics[0].partitions.len(), 1);
    assert_eq!((&response.groups[1].group_id[..], response.groups[1].topics.len()), ("none", 0));
}

#[test]
fn before_v8_one_group_is_asked_for() {
    let mut bench = by_name();
    bench.now(commit());
    for version in 1..8 {
        bench.version = Some(version);
        let mut request = OffsetFetchRequest::default();
        (request.group_id, request.topics) = ("g".into(), fetch().groups[0].topics.clone());
        let response = bench.now(request.clone());
        assert_eq!(response.topics[0].partitions[0].committed_offset, 5, "v{version}");
        if version >= 2 {
            request.topics = None;
            assert_eq!(bench.now(request).topics[0].partitions.len(), 1, "v{version}");
        }
    }
}

#[test]
fn from_v10_on_topics_are_asked_for_by_id() {
    let mut bench = by_name();
    let id = bench.catalog.topic("t").unwrap().id;
    bench.now(commit());
    bench.version = None;
    let mut request = fetch();
    request.groups[0].topics.as_mut().unwrap()[0].topic_id = id;
    let mut unknown = request.groups[0].topics.as_ref().unwrap()[0].clone();
    unknown.topic_id = Uuid([9; 16]);
    request.groups[0].topics.as_mut().unwrap().push(unknown);
    let topics = bench.now(request.clone()).groups.remove(0).topics;
    assert_eq!((topics[0].topic_id, topics[0].partitions[0].committed_offset), (id, 5));
    assert_eq!(topics[1].partitions[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    request.groups[0].topics = None;
    let topics = bench.now(request).groups.remove(0).topics;
    assert_eq!((topics[0].topic_id, topics[0].partitions.len()), (id, 1));
}
