//! Where a group is in each of its partitions, at one time.

use std::collections::{BTreeMap, BTreeSet};

use milena_client::{Admin, Error, GroupDescription, MemberDescription, OffsetSpec, TopicPartition};
use serde_json::{Value, json};

/// A group, its members, and how far they are.
pub struct Sample {
    pub group: GroupDescription,
    pub partitions: Vec<PartitionSample>,
}

/// Where the group is in one partition.
pub struct PartitionSample {
    pub partition: TopicPartition,
    /// None where the group has committed nothing.
    pub committed: Option<i64>,
    /// None where no leader says so.
    pub end: Option<i64>,
    /// Index of the member that has it.
    owner: Option<usize>,
}

impl Sample {
    /// Asks for all of it: every partition that the group has committed, or that a member has.
    pub async fn take(admin: &mut Admin, group: &str) -> Result<Self, Error> {
        let group = admin.describe_group(group).await?;
        let committed = admin.group_offsets(&group.group_id).await?;
        let mut owners = BTreeMap::new();
        for (n, member) in group.members.iter().enumerate() {
            owners.extend(member.assignment.iter().map(|partition| (partition, n)));
        }
        let wanted: BTreeSet<&TopicPartition> = committed.keys().chain(owners.keys().copied()).collect();
        let latest = wanted.iter().map(|partition| ((*partition).clone(), OffsetSpec::Latest));
        let ends = admin.list_offsets(latest).await?;
        let partition = |partition: &TopicPartition| PartitionSample {
            committed: committed.get(partition).map(|committed| committed.offset),
            end: ends.get(partition).copied().and_then(Result::ok).flatten(),
            owner: owners.get(partition).copied(),
            partition: partition.clone(),
        };
        let partitions = wanted.into_iter().map(partition).collect();
        Ok(Sample { group, partitions })
    }

    /// What the group has committed, where it has.
    pub fn committed(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        self.partitions.iter().filter_map(|p| Some((p.partition.clone(), p.committed?)))
    }

    /// The member that has a partition.
    pub fn owner(&self, partition: &PartitionSample) -> Option<&MemberDescription> {
        partition.owner.map(|n| &self.group.members[n])
    }

    /// Members without a partition.
    pub fn idle(&self) -> impl Iterator<Item = &MemberDescription> {
        self.group.members.iter().filter(|member| member.assignment.is_empty())
    }

    /// The sum over all partitions; those that are not known are left out.
    pub fn lag(&self) -> i64 {
        self.partitions.iter().filter_map(PartitionSample::lag).sum()
    }

    /// On one line: who and how many they are, how far behind.
    pub fn summary(&self) -> String {
        let group = &self.group;
        let members = match group.members.len() {
            0 => "no members".to_owned(),
            1 => "1 member".to_owned(),
            members => format!("{members} members"),
        };
        let assignor =
            if group.assignor.is_empty() { String::new() } else { format!(", {}", group.assignor) };
        let (name, protocol, state) = (&group.group_id, group.group_type, &group.state);
        format!("{name}: {state}, {protocol}{assignor}, {members}, lag {}", self.lag())
    }

    /// One object for each partition.
    pub fn json(&self) -> impl Iterator<Item = Value> {
        self.partitions.iter().map(|partition| {
            let owner = self.owner(partition);
            json!({
                "group": self.group.group_id,
                "topic": partition.partition.topic.as_str(),
                "partition": partition.partition.partition,
                "committed": partition.committed,
                "end": partition.end,
                "lag": partition.lag(),
                "member": owner.map(|member| &member.member_id),
                "client": owner.map(|member| &member.client_id),
                "host": owner.map(|member| &member.host),
            })
        })
    }
}

impl PartitionSample {
    /// How many offsets the group is behind. Below 0 when it has committed what is not there: the topic may have been made
    /// anew.
    pub fn lag(&self) -> Option<i64> {
        Some(self.end? - self.committed?)
    }
}
