//! Groups: which there are, who is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;
use milena_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerProtocolAssignment, DeleteGroupsRequest, DescribeGroupsRequest,
    ListGroupsRequest, consumer_group_describe, describe_groups,
};
use milena_protocol::{Api, ErrorCode, ResponseBody, Str};

use super::Admin;
use super::cluster::{ANY, refused, unpaired};
use crate::core::topic_partition::TopicPartition;
use crate::error::Error;

/// The protocol type of groups of consumers.
const CONSUMER: &str = "consumer";

/// A group, as [`Admin::list_groups`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupListing {
    /// Its id (`group.id`).
    pub group_id: String,
    /// What it is for: `consumer` for consumers, `connect` for workers of Kafka Connect, and so on. Empty for a group whose
    /// offsets are committed by who is no member.
    pub protocol_type: String,
    /// Its state by Kafka's name, as in `Stable`; `None` from brokers before Kafka 2.6.
    pub state: Option<String>,
    /// The protocol that it runs: `classic`, `consumer` (KIP-848), `share` (KIP-932) or `streams` (KIP-1071); `None` from
    /// brokers before Kafka 3.8.
    pub group_type: Option<String>,
}

/// A group and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupDescription {
    /// Its id (`group.id`).
    pub group_id: String,
    /// The protocol that it runs: `classic` or `consumer` (KIP-848).
    pub group_type: &'static str,
    /// Its state by Kafka's name. `Empty`: without members; `Stable`: every member has what it is to have;
    /// `PreparingRebalance`, `CompletingRebalance`, `Assigning`, `Reconciling`: on the way there.
    pub state: String,
    /// The assignor in use, as in `range`; empty where there is none.
    pub assignor: String,
    /// The address of its coordinator, as in `host:9092`.
    pub coordinator: String,
    /// Its members, by their ids.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberDescription {
    /// Its id, given by the coordinator or, in the consumer protocol, by itself.
    pub member_id: String,
    /// The name of a static member (`group.instance.id`, KIP-345).
    pub instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// The address that it is connected from, as the broker shows it: `/127.0.0.1`.
    pub host: String,
    /// The partitions that it has. None of them where it is no consumer or has sent what cannot be read, and while a
    /// classic group rebalances.
    pub assignment: BTreeSet<TopicPartition>,
}

impl Admin {
    /// All groups of the cluster, of whatever type, by their ids.
    pub async fn list_groups(&mut self) -> Result<Vec<GroupListing>, Error> {
        let mut attempts = self.attempts();
        loop {
            match self.try_list_groups(attempts.deadline).await {
                Err(error) => attempts.again(error).await?,
                groups => return groups,
            }
        }
    }

    /// Each broker knows of the groups that it coordinates.
    async fn try_list_groups(&mut self, deadline: Instant) -> Result<Vec<GroupListing>, Error> {
        let brokers = self.cluster.brokers(deadline).await?;
        let questions =
            brokers.into_iter().map(|broker| (broker, |_| ListGroupsRequest::default())).collect();
        let mut groups = BTreeMap::new();
        for (_, answer) in self.cluster.ask_each(questions, ANY, deadline).await {
            let (_, ResponseBody::ListGroups(answer)) = answer? else {
                return Err(unpaired(Api::ListGroups));
            };
            refused("listing groups", answer.error_code)?;
            for group in answer.groups {
                let told = |text: &Str| (!text.is_empty()).then(|| text.to_string());
                let listing = GroupListing {
                    group_id: group.group_id.to_string(),
                    protocol_type: group.protocol_type.to_string(),
                    state: told(&group.group_state),
                    group_type: told(&group.group_type),
                };
                // While a group moves, two brokers may tell of it.
                groups.insert(listing.group_id.clone(), listing);
            }
        }
        Ok(groups.into_values().collect())
    }

    /// A group of consumers and its members.
    ///
    /// # Errors
    /// [`Error::Broker`] with GROUP_ID_NOT_FOUND where there is no such group.
    pub async fn describe_group(&mut self, group: &str) -> Result<GroupDescription, Error> {
        let (group, mut attempts) = (Str::from(group), self.attempts());
        loop {
            match self.try_describe_group(&group, attempts.deadline).await {
                Err(error) => attempts.again(error).await?,
                description => return description,
            }
        }
    }

    /// Which of the two APIs has it depends on the group's protocol, and the first says when it is the other one's.
    async fn try_describe_group(
        &mut self,
        group: &Str,
        deadline: Instant,
    ) -> Result<GroupDescription, Error> {
        const DOING: &str = "describing the group";
        let coordinator = self.cluster.coordinator(group, deadline).await?;
        let at = format!("{}:{}", coordinator.host, coordinator.port);
        let question = |_| {
            let mut request = ConsumerGroupDescribeRequest::default();
            request.group_ids = vec![group.clone()];
            request
        };
        match self.cluster.ask(&coordinator, ANY, deadline, question).await {
            Ok((_, ResponseBody::ConsumerGroupDescribe(answer))) => {
                let ours = answer.groups.iter().find(|ours| ours.group_id == *group);
                match ours.map(|ours| (ours, ours.error_code)) {
                    None | Some((_, ErrorCode::GROUP_ID_NOT_FOUND | ErrorCode::UNSUPPORTED_VERSION)) => {}
                    Some((ours, error)) => {
                        refused(DOING, error)?;
                        return Ok(of_consumer_protocol(ours, at));
                    }
                }
            }
            Ok(_) => return Err(unpaired(Api::ConsumerGroupDescribe)),
            Err(Error::Unsupported { .. }) => {}
            Err(error) => return Err(error),
        }

        let question = |_| {
            let mut request = DescribeGroupsRequest::default();
            request.groups = vec![group.clone()];
            request
        };
        let (_, answer) = self.cluster.ask(&coordinator, ANY, deadline, question).await?;
        let ResponseBody::DescribeGroups(answer) = answer else { return Err(unpaired(Api::DescribeGroups)) };
        let ours = answer.groups.iter().find(|ours| ours.group_id == *group);
        let ours = ours.ok_or(Error::Broker { doing: DOING, code: ErrorCode::COORDINATOR_NOT_AVAILABLE })?;
        refused(DOING, ours.error_code)?;
        // Before v6, this is how a broker says that there is no such group.
        if ours.group_state == "Dead" {
            return Err(Error::Broker { doing: DOING, code: ErrorCode::GROUP_ID_NOT_FOUND });
        }
        Ok(classic(ours, at))
    }

    /// Deletes a group and the offsets that it has committed (Kafka's `deleteConsumerGroups`).
    ///
    /// # Errors
    /// [`Error::GroupNotEmpty`] while the group has members; [`Error::Broker`] with GROUP_ID_NOT_FOUND where there is no
    /// such group.
    pub async fn delete_group(&mut self, group: &str) -> Result<(), Error> {
        let (group, mut attempts) = (Str::from(group), self.attempts());
        loop {
            match self.try_delete_group(&group, attempts.deadline).await {
                Err(error) => attempts.again(error).await?,
                done => return done,
            }
        }
    }

    async fn try_delete_group(&mut self, group: &Str, deadline: Instant) -> Result<(), Error> {
        const DOING: &str = "deleting the group";
        let coordinator = self.cluster.coordinator(group, deadline).await?;
        let question = |_| {
            let mut request = DeleteGroupsRequest::default();
            request.groups_names = vec![group.clone()];
            request
        };
        let (_, answer) = self.cluster.ask(&coordinator, ANY, deadline, question).await?;
        let ResponseBody::DeleteGroups(answer) = answer else { return Err(unpaired(Api::DeleteGroups)) };
        let ours = answer.results.iter().find(|ours| ours.group_id == *group);
        let error = ours.map_or(ErrorCode::COORDINATOR_NOT_AVAILABLE, |ours| ours.error_code);
        if error == ErrorCode::NON_EMPTY_GROUP {
            return Err(Error::GroupNotEmpty { group: group.to_string() });
        }
        refused(DOING, error)
    }
}

fn of_consumer_protocol(
    group: &consumer_group_describe::DescribedGroup,
    coordinator: String,
) -> GroupDescription {
    let member = |member: &consumer_group_describe::Member| MemberDescription {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_ref().map(Str::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: named(
            member.assignment.topic_partitions.iter().map(|topic| (&topic.topic_name, &topic.partitions)),
        ),
    };
    GroupDescription {
        group_id: group.group_id.to_string(),
        group_type: "consumer",
        state: group.group_state.to_string(),
        assignor: group.assignor_name.to_string(),
        coordinator,
        members: sorted(group.members.iter().map(member)),
    }
}

fn classic(group: &describe_groups::DescribedGroup, coordinator: String) -> GroupDescription {
    let is_of_consumers = group.protocol_type == CONSUMER;
    let member = |member: &describe_groups::DescribedGroupMember| MemberDescription {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(Str::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: if is_of_consumers { assigned(&member.member_assignment) } else { BTreeSet::new() },
    };
    GroupDescription {
        group_id: group.group_id.to_string(),
        group_type: "classic",
        state: group.group_state.to_string(),
        assignor: group.protocol_data.to_string(),
        coordinator,
        members: sorted(group.members.iter().map(member)),
    }
}

/// What a member of a classic group was assigned. The leader of the group wrote it, who may be anybody.
fn assigned(assignment: &Bytes) -> BTreeSet<TopicPartition> {
    let Ok((_, assignment)) = ConsumerProtocolAssignment::from_blob(assignment) else {
        return BTreeSet::new();
    };
    named(assignment.assigned_partitions.iter().map(|topic| (&topic.topic, &topic.partitions)))
}

fn named<'t>(topics: impl Iterator<Item = (&'t Str, &'t Vec<i32>)>) -> BTreeSet<TopicPartition> {
    topics
        .flat_map(|(name, partitions)| {
            let topic = name.detached();
            partitions
                .iter()
                .map(move |partition| TopicPartition { topic: topic.clone(), partition: *partition })
        })
        .collect()
}

fn sorted(members: impl Iterator<Item = MemberDescription>) -> Vec<MemberDescription> {
    let mut members: Vec<_> = members.collect();
    members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
    members
}
