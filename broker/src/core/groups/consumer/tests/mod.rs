//! Histories of consumer groups, under a virtual clock.

mod joining;
mod leaving;
mod migrating;
mod offsets;
mod reconciling;
mod regexes;
mod static_members;

use std::collections::BTreeMap;

use milena_protocol::messages::consumer_group_describe::DescribedGroup;
use milena_protocol::messages::consumer_group_heartbeat::{Assignment, TopicPartitions};
use milena_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use milena_protocol::{ErrorCode, Str, Uuid};

use crate::core::groups::test_support::*;

/// A member that does what a well-behaved consumer does: it gives up at once what it is not to have.
struct Consumer {
    id: &'static str,
    instance_id: Option<&'static str>,
    epoch: i32,
    has: BTreeMap<Uuid, Vec<i32>>,
}

impl Consumer {
    fn new(id: &'static str) -> Self {
        Consumer { id, instance_id: None, epoch: 0, has: BTreeMap::new() }
    }

    fn named(id: &'static str, instance_id: &'static str) -> Self {
        Consumer { instance_id: Some(instance_id), ..Consumer::new(id) }
    }

    /// Joins, and subscribes to the topics.
    fn join(&mut self, bench: &mut Bench, topics: &[&str]) -> ConsumerGroupHeartbeatResponse {
        (self.epoch, self.has) = (0, BTreeMap::new());
        let mut request = join_request(self.id, topics);
        request.instance_id = self.instance_id.map(Str::from);
        self.take(bench.now(request))
    }

    /// Says that it is alive, and what it has.
    fn beat(&mut self, bench: &mut Bench) -> ConsumerGroupHeartbeatResponse {
        let request = self.request();
        self.take(bench.now(request))
    }

    fn request(&self) -> ConsumerGroupHeartbeatRequest {
        let mut request = ConsumerGroupHeartbeatRequest::default();
        (request.group_id, request.member_id, request.member_epoch) =
            ("g".into(), self.id.into(), self.epoch);
        request.instance_id = self.instance_id.map(Str::from);
        request.topic_partitions = Some(owned(&self.has));
        request
    }

    fn take(&mut self, response: ConsumerGroupHeartbeatResponse) -> ConsumerGroupHeartbeatResponse {
        if response.error_code.is_none() {
            self.epoch = response.member_epoch;
            if let Some(assignment) = &response.assignment {
                self.has = partitions(assignment);
            }
        }
        response
    }

    /// How many partitions it has.
    fn count(&self) -> usize {
        self.has.values().map(Vec::len).sum()
    }
}

fn join_request(id: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    let mut request = ConsumerGroupHeartbeatRequest::default();
    (request.group_id, request.member_id, request.member_epoch) = ("g".into(), id.into(), 0);
    request.rebalance_timeout_ms = 60_000;
    request.subscribed_topic_names = Some(topics.iter().map(|&topic| topic.into()).collect());
    request.topic_partitions = Some(Vec::new());
    request
}

fn owned(has: &BTreeMap<Uuid, Vec<i32>>) -> Vec<TopicPartitions> {
    let topic = |(id, partitions): (&Uuid, &Vec<i32>)| {
        let mut topic = TopicPartitions::default();
        (topic.topic_id, topic.partitions) = (*id, partitions.clone());
        topic
    };
    has.iter().map(topic).collect()
}

fn partitions(assignment: &Assignment) -> BTreeMap<Uuid, Vec<i32>> {
    assignment.topic_partitions.iter().map(|topic| (topic.topic_id, topic.partitions.clone())).collect()
}

fn describe(bench: &mut Bench) -> DescribedGroup {
    let mut request = ConsumerGroupDescribeRequest::default();
    request.group_ids = vec!["g".into()];
    bench.now(request).groups.remove(0)
}

fn state(bench: &mut Bench) -> Str {
    describe(bench).group_state
}

/// Lets time pass, in which members send heartbeats as they are told to. No partition ever has two owners.
fn settle(bench: &mut Bench, consumers: &mut [&mut Consumer], rounds: usize) {
    for _ in 0..rounds {
        bench.pass(5_000);
        for n in 0..consumers.len() {
            consumers[n].beat(bench);
            let mut all: Vec<(Uuid, i32)> = consumers
                .iter()
                .flat_map(|c| c.has.iter().flat_map(|(id, list)| list.iter().map(|p| (*id, *p))))
                .collect();
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "a partition has two owners");
        }
    }
}
