//! `uniform`: everybody gets as much as everybody else, and keeps as much as possible of what it had.
//!
//! Balance comes first. Where all want the same topics no two members differ by more than one partition, and the members
//! that had more are the ones that keep one more. Else each topic is balanced among those who want it, again and again
//! until nothing moves or patience ends (Kafka's `UniformAssignor` and its two builders).

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::{Str, Uuid};

use super::{GroupSpec, Partitions};

/// How often all topics are balanced: subscriptions that overlap without being the same converge slowly.
const MAX_ROUNDS: usize = 16;

pub(super) fn assign(group: &GroupSpec) -> BTreeMap<Str, Partitions> {
    let mut subscriptions = group.members.values().map(|member| &member.topics);
    let first = subscriptions.next();
    if subscriptions.all(|topics| Some(topics) == first) { homogeneous(group) } else { heterogeneous(group) }
}

/// What each member keeps: what it had, as far as it exists and is still wanted. A partition has one owner.
fn kept(group: &GroupSpec) -> BTreeMap<Str, Vec<(Uuid, i32)>> {
    let mut taken = BTreeSet::new();
    let mut keep = |topic: Uuid, partition: i32| {
        let exists = usize::try_from(partition)
            .is_ok_and(|n| group.topics.get(&topic).is_some_and(|count| n < *count));
        exists && taken.insert((topic, partition))
    };
    let kept = |(id, member): (&Str, &super::MemberSpec)| {
        let had = member.target.iter().filter(|(topic, _)| member.topics.contains(topic));
        let had = had.flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)));
        (id.clone(), had.filter(|&(topic, partition)| keep(topic, partition)).collect())
    };
    group.members.iter().map(kept).collect()
}

/// The partitions that nobody has, topic by topic.
fn free<'a>(
    group: &'a GroupSpec,
    owned: impl Iterator<Item = &'a Vec<(Uuid, i32)>>,
) -> impl Iterator<Item = (Uuid, i32)> {
    let owned: BTreeSet<(Uuid, i32)> = owned.flatten().copied().collect();
    let all = group
        .topics
        .iter()
        .flat_map(|(topic, count)| (0..*count as i32).map(|partition| (*topic, partition)));
    all.filter(move |partition| !owned.contains(partition))
}

fn homogeneous(group: &GroupSpec) -> BTreeMap<Str, Partitions> {
    let mut members = kept(group);
    let wanted = group.members.values().next().map(|member| &member.topics);
    let total: usize = wanted.into_iter().flatten().filter_map(|topic| group.topics.get(topic)).sum();
    let count = members.len().max(1);
    let (share, mut extras) = (total / count, total % count);
    let mut unfilled = Vec::new();
    for (place, (id, partitions)) in members.iter_mut().enumerate() {
        // Who has one more already keeps it; who has not takes one only if too few are left to do so.
        let takes_extra = extras > 0 && (partitions.len() > share || count - place <= extras);
        let quota = share + usize::from(takes_extra);
        extras -= usize::from(takes_extra);
        partitions.truncate(quota);
        if partitions.len() < quota {
            unfilled.push((id.clone(), quota - partitions.len()));
        }
    }
    let mut given: Vec<(Uuid, i32)> = free(group, members.values()).collect();
    given.reverse();
    for (id, room) in unfilled {
        if let Some(partitions) = members.get_mut(&id) {
            partitions.extend((0..room).map_while(|_| given.pop()));
        }
    }
    members.into_iter().map(|(id, partitions)| (id, by_topic(partitions))).collect()
}

fn heterogeneous(group: &GroupSpec) -> BTreeMap<Str, Partitions> {
    let ids: Vec<&Str> = group.members.keys().collect();
    let mut members: Vec<Vec<(Uuid, i32)>> = kept(group).into_values().collect();
    let subscribers = |topic: Uuid| -> Vec<usize> {
        let wants = |(n, id): (usize, &&Str)| group.members[*id].topics.contains(&topic).then_some(n);
        ids.iter().enumerate().filter_map(wants).collect()
    };
    let mut topics: Vec<(Uuid, usize, Vec<usize>)> = group
        .topics
        .iter()
        .map(|(topic, count)| (*topic, *count, subscribers(*topic)))
        .filter(|(.., subscribers)| !subscribers.is_empty())
        .collect();
    // Those with most partitions for each subscriber first: they leave the least choice. `a / b > c / d` without dividing.
    topics.sort_by(|(a, count_a, subs_a), (b, count_b, subs_b)| {
        let (left, right) = (count_a * subs_b.len(), count_b * subs_a.len());
        right.cmp(&left).then(subs_a.len().cmp(&subs_b.len())).then(a.cmp(b))
    });

    let free: BTreeSet<(Uuid, i32)> = free(group, members.iter()).collect();
    for (topic, count, subscribers) in &topics {
        let of_topic = (0..*count as i32).map(|partition| (*topic, partition));
        for partition in of_topic.filter(|partition| free.contains(partition)) {
            if let Some(&least) = subscribers.iter().min_by_key(|&&n| (members[n].len(), n)) {
                members[least].push(partition);
            }
        }
    }
    for _ in 0..MAX_ROUNDS {
        let moved: usize =
            topics.iter().map(|(topic, _, subscribers)| balance(*topic, subscribers, &mut members)).sum();
        if moved == 0 {
            break;
        }
    }
    let partitions = members.into_iter().map(by_topic);
    ids.into_iter().cloned().zip(partitions).collect()
}

/// Moves partitions of one topic from those who have most to those who have least, while that makes them more equal.
fn balance(topic: Uuid, subscribers: &[usize], members: &mut [Vec<(Uuid, i32)>]) -> usize {
    let mut moved = 0;
    loop {
        let least = subscribers.iter().copied().min_by_key(|&n| (members[n].len(), n));
        let has_some = |&n: &usize| members[n].iter().any(|(of, _)| *of == topic);
        let most = subscribers.iter().copied().filter(has_some).max_by_key(|&n| (members[n].len(), n));
        let (Some(least), Some(most)) = (least, most) else { return moved };
        if members[most].len() <= members[least].len() + 1 {
            return moved;
        }
        if let Some(last) = members[most].iter().rposition(|(of, _)| *of == topic) {
            let partition = members[most].remove(last);
            members[least].push(partition);
            moved += 1;
        }
    }
}

fn by_topic(partitions: Vec<(Uuid, i32)>) -> Partitions {
    let mut topics = Partitions::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().insert(partition);
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::super::test_support::*;
    use super::*;

    /// Assigns, checks, and makes the outcome what members have had.
    fn step(group: &mut GroupSpec) -> BTreeMap<Str, Partitions> {
        let assignment = assign(group);
        check(group, &assignment);
        for (id, target) in &assignment {
            group.members.get_mut(id).unwrap().target = target.clone();
        }
        assignment
    }

    fn sizes(assignment: &BTreeMap<Str, Partitions>) -> Vec<usize> {
        assignment.values().map(|topics| topics.values().map(BTreeSet::len).sum()).collect()
    }

    fn moved(before: &BTreeMap<Str, Partitions>, after: &BTreeMap<Str, Partitions>) -> usize {
        let lost = |(id, topics): (&Str, &Partitions)| -> usize {
            let has = |topic: &Uuid, partition: &i32| {
                after
                    .get(id)
                    .and_then(|topics| topics.get(topic))
                    .is_some_and(|kept| kept.contains(partition))
            };
            topics
                .iter()
                .flat_map(|(t, ps)| ps.iter().map(move |p| (t, p)))
                .filter(|(t, p)| !has(t, p))
                .count()
        };
        before.iter().map(lost).sum()
    }

    #[test]
    fn all_get_as_much() {
        let mut group = group(&[("a", &[1, 2]), ("b", &[1, 2]), ("c", &[1, 2])], &[(1, 4), (2, 4)]);
        let assignment = step(&mut group);
        let mut sizes = sizes(&assignment);
        sizes.sort_unstable();
        assert_eq!(sizes, [2, 3, 3]);
    }

    #[test]
    fn a_newcomer_takes_only_its_share() {
        let mut group = group(&[("a", &[1]), ("b", &[1])], &[(1, 6)]);
        let before = step(&mut group);
        group.members.insert(
            "c".into(),
            crate::core::groups::assignors::MemberSpec { topics: [topic(1)].into(), ..Default::default() },
        );
        let after = step(&mut group);
        assert_eq!(sizes(&after), [2, 2, 2]);
        assert_eq!(moved(&before, &after), 2);
        assert_eq!(moved(&after, &step(&mut group)), 0, "and then nothing moves");
    }

    #[test]
    fn who_leaves_gives_to_all_and_nothing_else_moves() {
        let mut group = group(&[("a", &[1]), ("b", &[1]), ("c", &[1])], &[(1, 7)]);
        step(&mut group);
        let mut before = assign(&group);
        group.members.remove("b");
        before.remove("b");
        let after = step(&mut group);
        assert_eq!(moved(&before, &after), 0);
        assert_eq!(sizes(&after).iter().sum::<usize>(), 7);
    }

    #[test]
    fn the_one_partition_more_stays_where_it_is() {
        let mut group = group(&[("a", &[1]), ("b", &[1]), ("c", &[1])], &[(1, 4)]);
        group.members.get_mut("a").unwrap().target = [(topic(1), [0, 1].into())].into();
        group.members.get_mut("b").unwrap().target = [(topic(1), [2].into())].into();
        group.members.get_mut("c").unwrap().target = [(topic(1), [3].into())].into();
        assert_eq!(text(&step(&mut group)["a"]), "1: 0 1");
    }

    #[test]
    fn topics_that_are_wanted_no_more_and_partitions_that_are_new_are_seen() {
        let mut group = group(&[("a", &[1, 2]), ("b", &[1, 2])], &[(1, 2), (2, 2)]);
        step(&mut group);
        group.members.values_mut().for_each(|member| member.topics = [topic(1)].into());
        group.topics = [(topic(1), 5)].into();
        let mut sizes = sizes(&step(&mut group));
        sizes.sort_unstable();
        assert_eq!(sizes, [2, 3]);
    }

    #[test]
    fn members_with_other_wishes_are_balanced_topic_by_topic() {
        let mut group = group(&[("a", &[1]), ("b", &[1, 2]), ("c", &[2])], &[(1, 6), (2, 6)]);
        let assignment = step(&mut group);
        assert_eq!(sizes(&assignment), [4, 4, 4]);
        assert_eq!(moved(&assignment, &step(&mut group)), 0);
    }

    #[test]
    fn a_member_that_comes_to_an_unequal_group_gets_from_those_who_have_most() {
        let mut group = group(&[("a", &[1]), ("b", &[1, 2])], &[(1, 6), (2, 2)]);
        let before = step(&mut group);
        group.members.get_mut("a").unwrap().topics = [topic(1), topic(2)].into();
        group.members.insert(
            "c".into(),
            crate::core::groups::assignors::MemberSpec { topics: [topic(1)].into(), ..Default::default() },
        );
        let after = step(&mut group);
        let sizes = sizes(&after);
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        assert!(moved(&before, &after) <= 3);
    }

    #[test]
    fn nobody_and_nothing_are_no_trouble() {
        assert_eq!(assign(&GroupSpec::default()), BTreeMap::new());
        let lonely = group(&[("a", &[])], &[]);
        assert_eq!(text(&assign(&lonely)["a"]), "");
        let mut some = group(&[("a", &[]), ("b", &[1])], &[(1, 1)]);
        assert_eq!(text(&step(&mut some)["b"]), "1: 0");
    }
}
