//! Offsets: those that groups have committed, and those that partitions have.

use std::collections::BTreeMap;
use std::time::Instant;

use milena_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use milena_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchResponseTopic};
use milena_protocol::messages::{ListOffsetsRequest, OffsetFetchRequest};
use milena_protocol::{Api, ErrorCode, ResponseBody, Str};

use super::Admin;
use super::cluster::{refused, unpaired};
use crate::core::commits;
use crate::core::io::{OffsetAndMetadata, Offsets};
use crate::core::member::Generation;
use crate::core::topic_partition::TopicPartition;
use crate::core::wire_millis::wire_millis;
use crate::error::Error;

// OffsetFetch: from 2 on a group's offsets can be had without naming partitions; 8 has several groups; 10 has topic ids in
// place of names.
const MANY_GROUPS: i16 = 8;

/// Which offset of a partition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetSpec {
    /// That of the oldest record that is still there.
    Earliest,
    /// That of the next record to come; with `isolation.level=read_committed`, of the first of an open transaction.
    Latest,
    /// That of the first record which is not older, in milliseconds since 1970.
    Timestamp(i64),
}

/// The offset of each partition that was asked for; `None` where no record is that young. Or why its leader, or its
/// absence, has no answer.
pub type ListedOffsets = BTreeMap<TopicPartition, Result<Option<i64>, ErrorCode>>;

impl Admin {
    /// What a group has committed, in all topics (Kafka's `listConsumerGroupOffsets`). Nothing, for a group that there is
    /// not.
    pub async fn group_offsets(&mut self, group: &str) -> Result<Offsets, Error> {
        let (group, mut attempts) = (Str::from(group), self.attempts());
        loop {
            match self.try_group_offsets(&group, attempts.deadline).await {
                Err(error) => attempts.again(error).await?,
                offsets => return offsets,
            }
        }
    }

    async fn try_group_offsets(&mut self, group: &Str, deadline: Instant) -> Result<Offsets, Error> {
        const DOING: &str = "reading the group's offsets";
        let coordinator = self.cluster.coordinator(group, deadline).await?;
        let question = |version| {
            let mut request = OffsetFetchRequest::default();
            if version >= MANY_GROUPS {
                let mut of_group = OffsetFetchRequestGroup::default();
                of_group.group_id = group.clone();
                of_group.topics = None;
                request.groups = vec![of_group];
            } else {
                request.group_id = group.clone();
                request.topics = None;
            }
            request
        };
        let (version, answer) = self.cluster.ask(&coordinator, 2..=9, deadline, question).await?;
        let ResponseBody::OffsetFetch(answer) = answer else { return Err(unpaired(Api::OffsetFetch)) };
        let (error, topics) = if version >= MANY_GROUPS {
            // T4: an answer without the group is no answer.
            let ours = answer.groups.iter().find(|ours| ours.group_id == *group);
            let ours =
                ours.ok_or(Error::Broker { doing: DOING, code: ErrorCode::COORDINATOR_NOT_AVAILABLE })?;
            (ours.error_code, &ours.topics)
        } else {
            (answer.error_code, &answer.topics)
        };
        refused(DOING, error)?;
        committed(topics, DOING)
    }

    /// Sets what a group has committed (Kafka's `alterConsumerGroupOffsets`): its members will go on from there. Partitions
    /// that are not mentioned keep their offsets; a group that there is not is made.
    ///
    /// # Errors
    /// [`Error::GroupNotEmpty`] while the group has members: they would overwrite it. Of several partitions, some may have
    /// been set when another is refused.
    pub async fn alter_group_offsets(&mut self, group: &str, offsets: &Offsets) -> Result<(), Error> {
        let (group, mut attempts) = (Str::from(group), self.attempts());
        loop {
            match self.try_alter_group_offsets(&group, offsets, attempts.deadline).await {
                Err(error) => attempts.again(error).await?,
                done => return done,
            }
        }
    }

    async fn try_alter_group_offsets(
        &mut self,
        group: &Str,
        offsets: &Offsets,
        deadline: Instant,
    ) -> Result<(), Error> {
        let coordinator = self.cluster.coordinator(group, deadline).await?;
        let question = |_| commits::request(group, None, &Generation::default(), offsets);
        let (_, answer) = self.cluster.ask(&coordinator, 0..=9, deadline, question).await?;
        let ResponseBody::OffsetCommit(answer) = answer else { return Err(unpaired(Api::OffsetCommit)) };
        for partition in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            match partition.error_code {
                // What it says depends on the group's protocol, and on what it is doing.
                ErrorCode::UNKNOWN_MEMBER_ID
                | ErrorCode::ILLEGAL_GENERATION
                | ErrorCode::STALE_MEMBER_EPOCH
                | ErrorCode::REBALANCE_IN_PROGRESS => {
                    return Err(Error::GroupNotEmpty { group: group.to_string() });
                }
                code => refused("setting the group's offsets", code)?,
            }
        }
        Ok(())
    }

    /// Offsets of partitions, asked of their leaders. A topic or a partition that there is not is an error at once; other
    /// troubles of a partition are its error only when they last.
    pub async fn list_offsets(
        &mut self,
        partitions: impl IntoIterator<Item = (TopicPartition, OffsetSpec)>,
    ) -> Result<ListedOffsets, Error> {
        let mut wanted: BTreeMap<TopicPartition, OffsetSpec> = partitions.into_iter().collect();
        let (mut listed, mut attempts) = (ListedOffsets::new(), self.attempts());
        while !wanted.is_empty() {
            let answers = match self.try_list_offsets(&wanted, attempts.deadline).await {
                Ok(answers) => answers,
                Err(error) => {
                    attempts.again(error).await?;
                    continue;
                }
            };
            let mut trouble = None;
            for (partition, answer) in answers {
                match answer {
                    Err(code) if may_pass(code) => trouble = Some(code),
                    _ => drop(wanted.remove(&partition)),
                }
                listed.insert(partition, answer);
            }
            let Some(code) = trouble else { break };
            if attempts.again(Error::Broker { doing: "listing offsets", code }).await.is_err() {
                break;
            }
        }
        Ok(listed)
    }

    /// One answer for each partition, a code where it has no offset.
    async fn try_list_offsets(
        &mut self,
        wanted: &BTreeMap<TopicPartition, OffsetSpec>,
        deadline: Instant,
    ) -> Result<ListedOffsets, Error> {
        let mut answers = ListedOffsets::new();
        let mut by_leader = BTreeMap::<_, Vec<(&TopicPartition, OffsetSpec)>>::new();
        for (partition, leader) in self.cluster.leaders(wanted.keys(), deadline).await? {
            match leader {
                Ok(leader) => by_leader.entry(leader).or_default().push((partition, wanted[partition])),
                Err(code) => drop(answers.insert(partition.clone(), Err(code))),
            }
        }
        let question = |partitions: &Vec<(&TopicPartition, OffsetSpec)>| {
            let mut request = ListOffsetsRequest::default();
            request.replica_id = -1;
            request.isolation_level = self.config.isolation_level.code();
            request.timeout_ms = wire_millis(self.config.request_timeout);
            request.topics = listed_topics(partitions);
            request
        };
        let questions = by_leader.iter().map(|(leader, partitions)| {
            let request = question(partitions);
            (leader.clone(), move |_| request)
        });
        let questions = questions.collect();
        for (leader, answer) in self.cluster.ask_each(questions, 1..=i16::MAX, deadline).await {
            let asked = by_leader.get(&leader).into_iter().flatten().map(|(partition, _)| *partition);
            let answer = match answer {
                Ok((_, ResponseBody::ListOffsets(answer))) => answer,
                Ok(_) => return Err(unpaired(Api::ListOffsets)),
                // The other leaders' answers count.
                Err(Error::Disconnected { .. }) => {
                    answers.extend(asked.map(|p| (p.clone(), Err(ErrorCode::NETWORK_EXCEPTION))));
                    continue;
                }
                Err(error) => return Err(error),
            };
            // One that is left out of the answer is asked for again.
            answers.extend(asked.map(|p| (p.clone(), Err(ErrorCode::LEADER_NOT_AVAILABLE))));
            for topic in &answer.topics {
                for partition in &topic.partitions {
                    let place =
                        TopicPartition { topic: topic.name.detached(), partition: partition.partition_index };
                    if let Some(answer) = answers.get_mut(&place) {
                        let offset = (partition.offset >= 0).then_some(partition.offset);
                        *answer = partition.error_code.ok().map(|()| offset);
                    }
                }
            }
        }
        Ok(answers)
    }

    /// The partitions of a topic, by their numbers.
    ///
    /// # Errors
    /// [`Error::Broker`] with UNKNOWN_TOPIC_OR_PARTITION where there is no such topic.
    pub async fn partitions_for(&mut self, topic: &str) -> Result<Vec<i32>, Error> {
        let (topic, mut attempts) = (Str::from(topic), self.attempts());
        loop {
            match self.try_partitions_for(&topic, attempts.deadline).await {
                Err(error @ Error::Broker { code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, .. }) => {
                    return Err(error);
                }
                Err(error) => attempts.again(error).await?,
                partitions => return partitions,
            }
        }
    }

    async fn try_partitions_for(&mut self, topic: &Str, deadline: Instant) -> Result<Vec<i32>, Error> {
        const DOING: &str = "looking up the topic";
        let metadata = self.cluster.metadata(vec![topic.clone()], deadline).await?;
        let found = metadata.topics.iter().find(|found| found.name.as_ref() == Some(topic));
        let found =
            found.ok_or(Error::Broker { doing: DOING, code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION })?;
        refused(DOING, found.error_code)?;
        let mut partitions: Vec<i32> = found.partitions.iter().map(|p| p.partition_index).collect();
        partitions.sort_unstable();
        Ok(partitions)
    }
}

/// Whether another attempt may have another answer.
fn may_pass(code: ErrorCode) -> bool {
    code.is_retriable() && code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
}

/// T4: an error is no "nothing committed".
fn committed(topics: &[OffsetFetchResponseTopic], doing: &'static str) -> Result<Offsets, Error> {
    let mut offsets = Offsets::new();
    for topic in topics {
        for partition in &topic.partitions {
            refused(doing, partition.error_code)?;
            if partition.committed_offset < 0 {
                continue;
            }
            let place = TopicPartition { topic: topic.name.detached(), partition: partition.partition_index };
            let mut offset = OffsetAndMetadata::new(partition.committed_offset);
            offset.leader_epoch =
                (partition.committed_leader_epoch >= 0).then_some(partition.committed_leader_epoch);
            offset.metadata = partition.metadata.as_deref().unwrap_or_default().into();
            offsets.insert(place, offset);
        }
    }
    Ok(offsets)
}

/// The partitions by topic; they come in the order of their topics.
fn listed_topics(partitions: &[(&TopicPartition, OffsetSpec)]) -> Vec<ListOffsetsTopic> {
    let of_topic = |partitions: &[(&TopicPartition, OffsetSpec)]| {
        let mut topic = ListOffsetsTopic::default();
        topic.name = partitions[0].0.topic.clone();
        topic.partitions =
            partitions.iter().map(|(partition, spec)| listed_partition(partition, *spec)).collect();
        topic
    };
    partitions.chunk_by(|(a, _), (b, _)| a.topic == b.topic).map(of_topic).collect()
}

fn listed_partition(partition: &TopicPartition, spec: OffsetSpec) -> ListOffsetsPartition {
    let mut asked = ListOffsetsPartition::default();
    asked.partition_index = partition.partition;
    asked.timestamp = match spec {
        OffsetSpec::Earliest => ListOffsetsPartition::EARLIEST_TIMESTAMP,
        OffsetSpec::Latest => ListOffsetsPartition::LATEST_TIMESTAMP,
        OffsetSpec::Timestamp(ms) => ms,
    };
    asked
}
