//! What the members of a group tell each other: the blobs inside JoinGroup and SyncGroup, which brokers pass on unread.

use std::collections::BTreeSet;

use bytes::Bytes;
use milena_protocol::messages::consumer_protocol::TopicPartitions;
use milena_protocol::messages::join_group::{JoinGroupRequestProtocol, JoinGroupResponseMember};
use milena_protocol::messages::sync_group::SyncGroupRequestAssignment;
use milena_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use milena_protocol::{DecodeError, Str};

use super::assignors::{Assignor, GroupAssignment, Member};
use super::topic_partition::TopicPartition;

/// The newest version of both blobs. Older members read as much of it as they know.
const VERSION: i16 = 3;

/// What a member says of itself, once for each way in which it would have partitions shared out.
pub(super) fn protocols(
    assignors: &[Box<dyn Assignor>],
    topics: &BTreeSet<Str>,
    owned: &BTreeSet<TopicPartition>,
    generation_id: i32,
    rack: Option<&Str>,
) -> Vec<JoinGroupRequestProtocol> {
    let protocol = |assignor: &dyn Assignor| {
        let mut subscription = ConsumerProtocolSubscription::default();
        subscription.topics = topics.iter().cloned().collect();
        subscription.user_data = assignor.subscription_user_data();
        subscription.owned_partitions = by_topic(owned);
        subscription.generation_id = generation_id;
        subscription.rack_id = rack.cloned();
        let mut protocol = JoinGroupRequestProtocol::default();
        protocol.name = assignor.name().into();
        protocol.metadata = subscription.to_blob(VERSION).expect("all fields exist in this version");
        protocol
    };
    assignors.iter().map(|assignor| protocol(&**assignor)).collect()
}

/// What JoinGroup's answer tells the leader of a member.
pub(super) fn member(member: &JoinGroupResponseMember) -> Result<Member, DecodeError> {
    let (_, subscription) = ConsumerProtocolSubscription::from_blob(&member.metadata)?;
    let owned = subscription.owned_partitions.into_iter();
    Ok(Member {
        member_id: member.member_id.to_string(),
        group_instance_id: member.group_instance_id.as_ref().map(Str::to_string),
        topics: subscription.topics.iter().map(Str::to_string).collect(),
        owned_partitions: owned.map(|owned| (owned.topic.to_string(), owned.partitions)).collect(),
        generation_id: subscription.generation_id,
        rack_id: subscription.rack_id.map(|rack| rack.to_string()),
        user_data: subscription.user_data,
    })
}

/// The leader's decision, as SyncGroup carries it.
pub(super) fn assignments(decision: GroupAssignment) -> Vec<SyncGroupRequestAssignment> {
    let assignment = |(member_id, topics): (String, Vec<(String, Vec<i32>)>)| {
        let mut blob = ConsumerProtocolAssignment::default();
        let topics = topics.into_iter();
        blob.assigned_partitions =
            topics.map(|(topic, partitions)| TopicPartitions::new(topic.into(), partitions)).collect();
        let mut assignment = SyncGroupRequestAssignment::default();
        assignment.member_id = member_id.into();
        assignment.assignment = blob.to_blob(VERSION).expect("all fields exist in this version");
        assignment
    };
    decision.into_iter().map(assignment).collect()
}

/// What a member is to read. No bytes at all are no partitions (T13).
pub(super) fn assigned(blob: &Bytes) -> Result<Vec<(String, Vec<i32>)>, DecodeError> {
    let (_, assignment) = ConsumerProtocolAssignment::from_blob(blob)?;
    let topics = assignment.assigned_partitions.into_iter();
    Ok(topics.map(|topic| (topic.topic.to_string(), topic.partitions)).collect())
}

fn by_topic(partitions: &BTreeSet<TopicPartition>) -> Vec<TopicPartitions> {
    let mut topics: Vec<TopicPartitions> = Vec::new();
    for TopicPartition { topic, partition } in partitions {
        match topics.last_mut().filter(|last| last.topic == *topic) {
            Some(last) => last.partitions.push(*partition),
            None => topics.push(TopicPartitions::new(topic.clone(), vec![*partition])),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::assignors::{CooperativeStickyAssignor, RangeAssignor};

    #[test]
    fn the_leader_reads_what_a_member_has_said() {
        let assignors: [Box<dyn Assignor>; 2] =
            [Box::new(RangeAssignor), Box::<CooperativeStickyAssignor>::default()];
        let owned = [("a", 0), ("a", 2), ("b", 1)].map(|(topic, n)| TopicPartition::new(topic, n)).into();
        let rack = Str::from("r1");
        let said = protocols(&assignors, &["a".into(), "b".into()].into(), &owned, 7, Some(&rack));
        let names: Vec<&str> = said.iter().map(|protocol| protocol.name.as_str()).collect();
        assert_eq!(names, ["range", "cooperative-sticky"]);

        let mut heard = JoinGroupResponseMember::default();
        (heard.member_id, heard.metadata) = ("m".into(), said[0].metadata.clone());
        let expected = Member {
            member_id: "m".into(),
            topics: vec!["a".into(), "b".into()],
            owned_partitions: vec![("a".into(), vec![0, 2]), ("b".into(), vec![1])],
            generation_id: 7,
            rack_id: Some("r1".into()),
            ..Member::default()
        };
        assert_eq!(member(&heard).unwrap(), expected);
    }

    #[test]
    fn a_member_reads_what_the_leader_has_decided() {
        let decision = vec![("m".to_owned(), vec![("a".to_owned(), vec![0, 2])]), ("n".to_owned(), vec![])];
        let told = assignments(decision.clone());
        let heard: GroupAssignment = told
            .iter()
            .map(|told| (told.member_id.to_string(), assigned(&told.assignment).unwrap()))
            .collect();
        assert_eq!(heard, decision);
    }

    #[test]
    fn t13_no_bytes_are_no_partitions() {
        assert_eq!(assigned(&Bytes::new()).unwrap(), []);
    }
}
