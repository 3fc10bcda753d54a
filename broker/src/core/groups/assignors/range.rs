//! `range`: each topic is cut into runs of neighbouring partitions, one for each member that wants it.
//!
//! Members stand in one row for all topics: static members by their names, then the others by their ids. Topics with as
//! many partitions and the same members are cut in the same places (Kafka's `RangeAssignor` of the coordinator).

use std::collections::BTreeMap;

use milena_protocol::Str;

use super::{GroupSpec, MemberSpec, Partitions};

pub(super) fn assign(group: &GroupSpec) -> BTreeMap<Str, Partitions> {
    let mut row: Vec<(&Str, &MemberSpec)> = group.members.iter().collect();
    row.sort_by_key(|(id, member)| match &member.instance_id {
        Some(name) => (0, name.clone()),
        None => (1, (*id).clone()),
    });
    let mut assignment: BTreeMap<Str, Partitions> =
        group.members.keys().map(|id| (id.clone(), Partitions::new())).collect();
    for (topic, &count) in &group.topics {
        let wanting: Vec<&Str> =
            row.iter().filter(|(_, member)| member.topics.contains(topic)).map(|(id, _)| *id).collect();
        let mut next = 0;
        for (place, id) in wanting.iter().enumerate() {
            let length = count / wanting.len() + usize::from(place < count % wanting.len());
            let run = (next..next + length).map(|partition| partition as i32);
            if length > 0 {
                assignment.entry((*id).clone()).or_default().insert(*topic, run.collect());
            }
            next += length;
        }
    }
    assignment
}

#[cfg(test)]
mod tests {
    use super::super::test_support::*;
    use super::*;

    #[test]
    fn topics_are_cut_in_the_same_places() {
        let group = group(&[("a", &[1, 2]), ("b", &[1, 2])], &[(1, 3), (2, 3)]);
        let assignment = assign(&group);
        check(&group, &assignment);
        assert_eq!(text(&assignment["a"]), "1: 0 1 | 2: 0 1");
        assert_eq!(text(&assignment["b"]), "1: 2 | 2: 2");
    }

    #[test]
    fn members_share_what_they_want() {
        let group = group(&[("a", &[1]), ("b", &[1, 2]), ("c", &[2])], &[(1, 3), (2, 1)]);
        let assignment = assign(&group);
        check(&group, &assignment);
        assert_eq!(text(&assignment["a"]), "1: 0 1");
        assert_eq!(text(&assignment["b"]), "1: 2 | 2: 0");
        assert_eq!(text(&assignment["c"]), "");
    }

    #[test]
    fn static_members_come_first_by_their_names() {
        let mut group = group(&[("a", &[1]), ("b", &[1]), ("c", &[1])], &[(1, 2)]);
        group.members.get_mut("c").unwrap().instance_id = Some("1".into());
        group.members.get_mut("b").unwrap().instance_id = Some("2".into());
        let assignment = assign(&group);
        assert_eq!(text(&assignment["c"]), "1: 0");
        assert_eq!(text(&assignment["b"]), "1: 1");
        assert_eq!(text(&assignment["a"]), "");
    }
}
