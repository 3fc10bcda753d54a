//! A consumer: the core, and the application that has it.

use std::time::Instant;

use milena_client::TopicPartition;
use milena_client::core::consumer::Core;
use milena_client::core::report::Report;
use milena_protocol::messages::ConsumerProtocolAssignment;
use milena_protocol::messages::consumer_protocol::TopicPartitions;
use milena_protocol::{ErrorCode, Response, ResponseBody};

use crate::application::Application;

#[derive(Debug)]
pub struct Member {
    pub core: Core,
    pub application: Application,
    pub instance: Option<String>,
    /// When the core wants to be looked at again.
    pub deadline: Option<Instant>,
    /// There is nothing left to do.
    pub is_finished: bool,
    /// The id by which the group knows it.
    pub member_id: String,
    /// The generation that it has joined last, under the classic protocol. It is its own once SyncGroup is answered.
    pub joined: i32,
    /// The last one whose coordinator has answered SyncGroup. The number of a later one can be given again.
    pub reached: i32,
    /// Since then the group has gone through a generation without it, as far as it can know.
    pub has_missed_one: bool,
}

/// What an answer of the coordinator says of a member.
#[derive(Debug)]
pub enum Told<'a> {
    /// It has joined a generation, and does not know yet what it has in it.
    Joined { generation: i32, member_id: &'a str },
    /// What it has in the generation that it has joined.
    Synced(Vec<TopicPartition>),
    /// The generation that it has joined is over before it knew what it had in it.
    Overtaken,
    /// Its member epoch. What it has to give up, it gives up before it gets a new one.
    Epoch { epoch: i32, member_id: Option<&'a str> },
}

impl Member {
    /// When it will do something by itself.
    pub fn wakes_at(&self) -> Option<Instant> {
        [self.deadline, self.application.wakes_at()].into_iter().flatten().min()
    }
}

/// What an answer of the coordinator says, if it says anything of the member.
pub fn told(response: &Response) -> Option<Told<'_>> {
    match &response.body {
        ResponseBody::JoinGroup(answer) if answer.error_code.is_none() => {
            Some(Told::Joined { generation: answer.generation_id, member_id: &answer.member_id })
        }
        ResponseBody::SyncGroup(answer) if answer.error_code.is_none() => {
            let (_, assignment) =
                ConsumerProtocolAssignment::from_blob(&answer.assignment).expect("a consumer made it");
            let topics = assignment.assigned_partitions.iter();
            let each = |topic: &TopicPartitions| {
                let name = topic.topic.clone();
                topic
                    .partitions
                    .clone()
                    .into_iter()
                    .map(move |partition| TopicPartition::new(&name, partition))
            };
            Some(Told::Synced(topics.flat_map(each).collect()))
        }
        ResponseBody::SyncGroup(answer) if answer.error_code == ErrorCode::REBALANCE_IN_PROGRESS => {
            Some(Told::Overtaken)
        }
        ResponseBody::ConsumerGroupHeartbeat(answer)
            if answer.error_code.is_none() && answer.member_epoch > 0 =>
        {
            Some(Told::Epoch { epoch: answer.member_epoch, member_id: answer.member_id.as_deref() })
        }
        _ => None,
    }
}

/// A line for the trace.
pub fn line(report: &Report) -> String {
    format!("{report:?}")
}
