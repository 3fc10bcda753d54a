//! `sticky`: balance first, then as few moves as possible.
//!
//! Every member says which partitions it had. The assignor keeps that, except where balance or racks ask for
//! a change:
//!
//! ```text
//! A had t0 t1 t2, B had t3 t4 t5, and C joins:     A: t0 t1     B: t3 t4     C: t2 t5
//! B leaves:                                        A: t0 t1 t3  C: t2 t5 t4
//! ```
//!
//! It works in three steps, one file each:
//!
//! 1. `claims`: who really owned what. Of two claims on one partition that of the newer generation counts.
//! 2. `racks`: which members are near to which partitions, if racks matter at all.
//! 3. The sharing itself. If all members want the same topics (`constrained`), the shares are known
//!    beforehand: everyone gets total/members, rounded down or up. That is fast, and the best balance there
//!    is. If they want different topics (`general`), partitions are given to whoever has least, and then
//!    moved as long as that evens out the loads; `movements` keeps two partitions of one topic from being
//!    swapped for nothing.
//!
//! `StickyAssignor` is the eager form: members give up everything before they join, so what they had travels
//! as user data (`user_data`). The cooperative form, which shares this code, is in
//! [`cooperative_sticky`](super::cooperative_sticky).

mod claims;
mod constrained;
mod general;
mod movements;
mod racks;
mod user_data;

use bytes::Bytes;

use self::claims::{Ownership, all_want_the_same};
use self::racks::Racks;
use super::group::{Group, Owners};
use super::{Assignor, ClusterTopics, GroupAssignment, Member, TopicPartitions};

pub(super) use self::claims::Claim;

/// Keeps partitions where they were as far as balance allows (Kafka's `StickyAssignor`).
#[derive(Debug, Clone, Default)]
pub struct StickyAssignor {
    /// What this member was given last, and in which generation.
    given: Option<(TopicPartitions, i32)>,
}

impl Assignor for StickyAssignor {
    fn name(&self) -> &str {
        "sticky"
    }

    /// What this member was given last, as Kafka's `StickyAssignorUserData` v1; `None` before the first
    /// assignment.
    fn subscription_user_data(&self) -> Option<Bytes> {
        let (partitions, generation) = self.given.as_ref()?;
        Some(user_data::encode(partitions, *generation))
    }

    fn assign(&self, cluster: &ClusterTopics, members: &[Member]) -> GroupAssignment {
        let group = Group::new(cluster, members);
        let claims: Vec<Claim> = group.members.iter().map(|m| claim(&group, m)).collect();
        group.assignment(&share(&group, &claims).owners)
    }

    fn on_assignment(&mut self, assignment: &[(String, Vec<i32>)], generation_id: i32) {
        self.given = Some((assignment.to_vec(), generation_id));
    }
}

fn claim(group: &Group<'_>, member: &Member) -> Claim {
    let data = member.user_data.as_deref().unwrap_or_default();
    let (partitions, generation) = user_data::decode(data);
    Claim { partitions: group.existing(&partitions), generation }
}

/// The outcome of a sharing.
#[derive(Debug)]
pub(super) struct Sharing {
    pub(super) owners: Owners,
    /// The partitions that another member must give up first. `None`: not known, to be found by comparing.
    pub(super) moving: Option<Vec<usize>>,
}

/// Shares out all partitions, given each member's claim (Kafka's `AbstractStickyAssignor`).
pub(super) fn share(group: &Group<'_>, claims: &[Claim]) -> Sharing {
    let ownership = Ownership::settle(group, claims);
    let racks = Racks::new(group);
    if all_want_the_same(group) {
        constrained::share(group, racks.as_ref(), ownership)
    } else {
        Sharing { owners: general::share(group, racks.as_ref(), claims, ownership), moving: None }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PartitionInfo;
    use super::*;

    /// A member that wants some topics, and had some partitions of t.
    fn member(id: &str, topics: &[&str], had: &[i32]) -> Member {
        Member {
            member_id: id.to_owned(),
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
            user_data: Some(user_data::encode(&[("t".to_owned(), had.to_vec())], 1)),
            ..Member::default()
        }
    }

    /// Each member with its partitions, as "A: t0 t1".
    fn assign(topics: &[(&str, i32)], members: &[Member]) -> Vec<String> {
        let infos = |count| (0..count).map(|index| PartitionInfo { index, racks: Vec::new() }).collect();
        let cluster = topics.iter().map(|&(topic, count)| (topic.to_owned(), infos(count))).collect();
        let assignment = StickyAssignor::default().assign(&cluster, members);
        let list = |(topic, indexes): &(String, Vec<i32>)| -> String {
            indexes.iter().map(|index| format!(" {topic}{index}")).collect()
        };
        let line = |(id, topics): &(String, TopicPartitions)| {
            id.clone() + ":" + &topics.iter().map(list).collect::<String>()
        };
        assignment.iter().map(line).collect()
    }

    // These are the examples of the module's pages.

    #[test]
    fn a_new_member_gets_its_share_and_the_others_keep_theirs() {
        let joins =
            [member("A", &["t"], &[0, 1, 2]), member("B", &["t"], &[3, 4, 5]), member("C", &["t"], &[])];
        assert_eq!(assign(&[("t", 6)], &joins), ["A: t0 t1", "B: t3 t4", "C: t2 t5"]);
    }

    #[test]
    fn what_a_leaving_member_had_is_shared_out() {
        let left = [member("A", &["t"], &[0, 1]), member("C", &["t"], &[2, 5])];
        assert_eq!(assign(&[("t", 6)], &left), ["A: t0 t1 t3", "C: t2 t4 t5"]);
    }

    #[test]
    fn shares_differ_by_one_where_they_must() {
        let members =
            [member("A", &["t"], &[0, 1, 2, 3]), member("B", &["t"], &[4]), member("C", &["t"], &[])];
        assert_eq!(assign(&[("t", 8)], &members), ["A: t0 t1 t2", "B: t3 t4 t7", "C: t5 t6"]);
    }

    #[test]
    fn members_that_want_different_topics_get_even_loads() {
        let members = [member("A", &["t"], &[0, 1, 2, 3]), member("B", &["t", "u"], &[])];
        assert_eq!(assign(&[("t", 4), ("u", 1)], &members), ["A: t1 t2 t3", "B: t0 u0"]);
    }

    #[test]
    fn nobody_gets_nothing() {
        assert!(assign(&[("t", 4)], &[]).is_empty());
        assert_eq!(assign(&[], &[member("A", &["t"], &[0])]), ["A:"]);
    }
}
