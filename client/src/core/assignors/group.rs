//! The question that an assignor is asked, with names replaced by numbers.
//!
//! Members are numbered in the order of their ids, topics in the order of their names, and partitions through
//! all topics in the order of topic and index. So comparing two numbers compares what they stand for, a list
//! indexed by partition says who owns it, and walking that list gives a sorted assignment.

use std::collections::HashMap;
use std::ops::Range;

use super::java_order::{compare, hash_order};
use super::{ClusterTopics, GroupAssignment, Member, TopicPartitions};

/// For each partition its new owner's number, if any member wants the topic.
pub(super) type Owners = Vec<Option<usize>>;

#[derive(Debug)]
pub(super) struct Partition<'a> {
    pub(super) topic: usize,
    pub(super) index: i32,
    pub(super) racks: &'a [String],
}

#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) members: Vec<&'a Member>,
    /// The members in the order in which Java walks its map of subscriptions.
    pub(super) java_order: Vec<usize>,
    /// The topics that somebody wants and that have partitions.
    pub(super) topics: Vec<&'a str>,
    pub(super) partitions: Vec<Partition<'a>>,
    /// For each topic, where its partitions start in `partitions`; one more entry ends the last.
    topic_starts: Vec<usize>,
    topic_numbers: HashMap<&'a str, usize>,
    /// The different lists of topics in this group: far fewer than members, as a rule.
    wishes: Vec<Wish>,
    /// For each member its list's place in `wishes`.
    wish_of: Vec<usize>,
}

/// One list of topics that members want.
#[derive(Debug)]
struct Wish {
    /// Those that the cluster does not have are left out; a topic named twice is here twice.
    topics: Vec<usize>,
    /// For each topic of the group whether it is in the list.
    flags: Vec<bool>,
}

impl<'a> Group<'a> {
    pub(super) fn new(cluster: &'a ClusterTopics, members: &'a [Member]) -> Self {
        let arrival = unique(members);
        let mut sorted: Vec<usize> = (0..arrival.len()).collect();
        sorted.sort_by(|&a, &b| compare(&arrival[a].member_id, &arrival[b].member_id));
        let mut number = vec![0; arrival.len()];
        for (place, &arrived) in sorted.iter().enumerate() {
            number[arrived] = place;
        }
        let java_order = hash_order(arrival.iter().map(|member| member.member_id.as_str()))
            .into_iter()
            .map(|arrived| number[arrived])
            .collect();
        let members: Vec<&Member> = sorted.iter().map(|&arrived| arrival[arrived]).collect();

        let (lists, wish_of) = different_lists(&members);
        let topics = wanted_topics(cluster, &lists);
        let topic_numbers = topics.iter().copied().zip(0..).collect();
        let wishes = lists.into_iter().map(|list| Wish::new(list, &topic_numbers)).collect();
        let (partitions, topic_starts) = number_partitions(cluster, &topics);
        Self { members, java_order, topics, partitions, topic_starts, topic_numbers, wishes, wish_of }
    }

    pub(super) fn wants(&self, member: usize, topic: usize) -> bool {
        self.wishes[self.wish_of[member]].flags[topic]
    }

    /// The topics that a member wants and that exist; one that it named twice is here twice.
    pub(super) fn wanted_by(&self, member: usize) -> &[usize] {
        &self.wishes[self.wish_of[member]].topics
    }

    /// Members with equal numbers have named the same topics in the same order.
    pub(super) fn wish_number(&self, member: usize) -> usize {
        self.wish_of[member]
    }

    /// The numbers of a topic's partitions.
    pub(super) fn partitions_of(&self, topic: usize) -> Range<usize> {
        self.topic_starts[topic]..self.topic_starts[topic + 1]
    }

    /// The numbers of the partitions that exist among `named`, in that order.
    pub(super) fn existing(&self, named: &[(String, Vec<i32>)]) -> Vec<usize> {
        let mut found = Vec::new();
        for (name, indexes) in named {
            let Some(&topic) = self.topic_numbers.get(name.as_str()) else {
                continue;
            };
            let range = self.partitions_of(topic);
            let partitions = &self.partitions[range.clone()];
            found.extend(indexes.iter().filter_map(|index| {
                let within = partitions.binary_search_by_key(index, |partition| partition.index);
                Some(range.start + within.ok()?)
            }));
        }
        found
    }

    /// Each member's rack, if it told one.
    pub(super) fn rack_of(&self, member: usize) -> Option<&'a str> {
        let rack = self.members[member].rack_id.as_deref();
        rack.filter(|rack| !rack.is_empty())
    }

    /// The members in the order in which `range` and `roundrobin` serve them: static members by their
    /// instance id, then dynamic members by member id.
    pub(super) fn serving_order(&self) -> Vec<usize> {
        let mut order = self.java_order.clone();
        order.sort_by(|&a, &b| {
            let (a, b) = (self.members[a], self.members[b]);
            match (&a.group_instance_id, &b.group_instance_id) {
                (Some(a), Some(b)) => compare(a, b),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => compare(&a.member_id, &b.member_id),
            }
        });
        order
    }

    /// Puts the names back.
    pub(super) fn assignment(&self, owners: &[Option<usize>]) -> GroupAssignment {
        let mut lists: Vec<TopicPartitions> = vec![Vec::new(); self.members.len()];
        let mut last_topic = vec![usize::MAX; self.members.len()];
        for (partition, owner) in self.partitions.iter().zip(owners) {
            let Some(owner) = *owner else { continue };
            if last_topic[owner] != partition.topic {
                last_topic[owner] = partition.topic;
                lists[owner].push((self.topics[partition.topic].to_owned(), Vec::new()));
            }
            if let Some((_, indexes)) = lists[owner].last_mut() {
                indexes.push(partition.index);
            }
        }
        let ids = self.members.iter().map(|member| member.member_id.clone());
        ids.zip(lists).collect()
    }
}

/// The members, one for each id: the last one counts, in the place of the first, as in a map.
fn unique(members: &[Member]) -> Vec<&Member> {
    let mut places = HashMap::new();
    let mut unique: Vec<&Member> = Vec::with_capacity(members.len());
    for member in members {
        let place = *places.entry(member.member_id.as_str()).or_insert(unique.len());
        if place == unique.len() {
            unique.push(member);
        } else {
            unique[place] = member;
        }
    }
    unique
}

impl Wish {
    fn new(list: &[String], topic_numbers: &HashMap<&str, usize>) -> Self {
        let known = list.iter().filter_map(|topic| topic_numbers.get(topic.as_str()));
        let topics: Vec<usize> = known.copied().collect();
        let mut flags = vec![false; topic_numbers.len()];
        for &topic in &topics {
            flags[topic] = true;
        }
        Self { topics, flags }
    }
}

/// The different lists of topics, and for each member the number of its list.
fn different_lists<'a>(members: &[&'a Member]) -> (Vec<&'a [String]>, Vec<usize>) {
    let mut lists: Vec<&[String]> = Vec::new();
    let mut numbers = HashMap::new();
    let list_of = members
        .iter()
        .map(|member| {
            *numbers.entry(member.topics.as_slice()).or_insert_with_key(|list| {
                lists.push(list);
                lists.len() - 1
            })
        })
        .collect();
    (lists, list_of)
}

fn wanted_topics<'a>(cluster: &'a ClusterTopics, lists: &[&'a [String]]) -> Vec<&'a str> {
    let mut topics: Vec<&str> = lists.iter().copied().flatten().map(String::as_str).collect();
    topics.sort_unstable();
    topics.dedup();
    topics.retain(|&topic| cluster.get(topic).is_some_and(|partitions| !partitions.is_empty()));
    topics.sort_by(|a, b| compare(a, b));
    topics
}

fn number_partitions<'a>(cluster: &'a ClusterTopics, topics: &[&str]) -> (Vec<Partition<'a>>, Vec<usize>) {
    let mut partitions = Vec::new();
    let mut starts = vec![0];
    for (topic, &name) in topics.iter().enumerate() {
        let mut infos: Vec<_> = cluster.get(name).into_iter().flatten().collect();
        infos.sort_by_key(|info| info.index);
        infos.dedup_by_key(|info| info.index);
        partitions.extend(infos.into_iter().map(|info| Partition {
            topic,
            index: info.index,
            racks: &info.racks,
        }));
        starts.push(partitions.len());
    }
    (partitions, starts)
}

#[cfg(test)]
mod tests {
    use super::super::PartitionInfo;
    use super::*;

    fn topic(name: &str, partitions: i32) -> (String, Vec<PartitionInfo>) {
        let infos = (0..partitions).map(|index| PartitionInfo { index, racks: Vec::new() });
        (name.to_owned(), infos.collect())
    }

    fn member(id: &str, instance: Option<&str>, topics: &[&str]) -> Member {
        Member {
            member_id: id.to_owned(),
            group_instance_id: instance.map(str::to_owned),
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
            ..Member::default()
        }
    }

    #[test]
    fn only_topics_that_exist_and_are_wanted_count() {
        let cluster = [topic("b", 2), topic("a", 1), topic("alone", 3), topic("empty", 0)].into();
        let members = [member("x", None, &["b", "gone", "a", "empty"])];
        let group = Group::new(&cluster, &members);
        assert_eq!(group.topics, ["a", "b"]);
        assert_eq!(group.partitions_of(1), 1..3);
        let claimed = [("b".to_owned(), vec![1, 7]), ("alone".to_owned(), vec![0])];
        assert_eq!(group.existing(&claimed), [2]);
    }

    #[test]
    fn static_members_are_served_first() {
        let cluster = ClusterTopics::new();
        let members = [
            member("d", None, &[]),
            member("c", Some("2"), &[]),
            member("b", None, &[]),
            member("e", Some("1"), &[]),
        ];
        let group = Group::new(&cluster, &members);
        let ids = group.serving_order().into_iter();
        let ids: Vec<&str> = ids.map(|member| group.members[member].member_id.as_str()).collect();
        assert_eq!(ids, ["e", "c", "b", "d"]);
    }
}
