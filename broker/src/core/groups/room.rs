//! How many groups there may be, and which one goes where there are too many.

use std::time::Instant;

use milena_protocol::ErrorCode;

use super::Groups;

impl Groups {
    /// Somebody uses the group.
    pub(super) fn note_use(&mut self, id: &str, now: Instant) {
        if let Some(used) = self.used.get_mut(id) {
            *used = now;
        }
    }

    /// Sees to it that there is room for this group: where there are too many, one without members goes, first those
    /// without offsets, then the one that nobody has used for longest, as it would have gone by itself.
    ///
    /// # Errors
    /// [`ErrorCode::COORDINATOR_NOT_AVAILABLE`] when all have members, or offsets in open transactions.
    pub(super) fn make_room(&mut self, id: &str) -> Result<(), ErrorCode> {
        if self.groups.contains_key(id) || self.groups.len() < self.shared.settings.max_groups {
            return Ok(());
        }
        let unused = self.groups.iter().filter(|(_, group)| group.is_empty()).filter_map(|(id, _)| {
            let (has_offsets, has_pending) = self.offsets.has(id);
            (!has_pending).then(|| (has_offsets, self.used.get(id), id))
        });
        let first = unused.min().map(|(_, _, id)| id.clone()).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        self.forget_group(&first);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use milena_protocol::messages::{ConsumerGroupHeartbeatRequest, ListGroupsRequest, OffsetCommitRequest};

    use super::*;
    use crate::core::groups::settings::GroupSettings;
    use crate::core::groups::test_support::*;

    const RANGE: &[(&str, &[u8])] = &[("range", b"")];

    fn bench(max_groups: usize) -> Bench {
        let settings =
            GroupSettings { max_groups, group_initial_rebalance_delay_ms: 0, ..GroupSettings::default() };
        let mut bench = Bench::with(settings);
        bench.topic("t", 1);
        bench
    }

    fn join_as(bench: &mut Bench, group_id: &str) -> ErrorCode {
        let mut request = join("", RANGE);
        request.group_id = group_id.into();
        bench.now(request).error_code
    }

    fn commit(bench: &mut Bench, group_id: &str) {
        bench.version = Some(9); // topics have names
        let mut request = OffsetCommitRequest::default();
        request.group_id = group_id.into();
        let mut topic = milena_protocol::messages::offset_commit::OffsetCommitRequestTopic::default();
        topic.name = "t".into();
        topic.partitions = vec![Default::default()];
        request.topics = vec![topic];
        let answer = bench.now(request).topics.remove(0).partitions.remove(0);
        assert_eq!(answer.error_code, ErrorCode::NONE);
        bench.version = None;
    }

    fn ids(bench: &mut Bench) -> Vec<String> {
        let listed = bench.now(ListGroupsRequest::default()).groups;
        listed.iter().map(|group| group.group_id.to_string()).collect()
    }

    #[test]
    fn there_is_an_end_to_the_number_of_groups_that_have_members() {
        let mut bench = bench(1);
        stable_group(&mut bench, "g", b"");
        assert_eq!(join_as(&mut bench, "h"), ErrorCode::COORDINATOR_NOT_AVAILABLE);
        assert_eq!(join_as(&mut bench, "g"), ErrorCode::MEMBER_ID_REQUIRED, "the first one has room");
    }

    #[test]
    fn the_group_that_nobody_has_used_for_longest_makes_room() {
        let mut bench = bench(3);
        for group_id in ["a", "b", "c"] {
            commit(&mut bench, group_id);
            bench.pass(1_000);
        }
        commit(&mut bench, "a");
        commit(&mut bench, "d");
        assert_eq!(ids(&mut bench), ["a", "c", "d"]);
        assert_eq!(join_as(&mut bench, "e"), ErrorCode::MEMBER_ID_REQUIRED);
        assert_eq!(ids(&mut bench), ["a", "d", "e"]);
        commit(&mut bench, "f");
        assert_eq!(ids(&mut bench), ["a", "d", "f"], "the one that has no offsets");
    }

    #[test]
    fn a_group_whose_member_was_here_a_moment_ago_is_not_the_first_to_go() {
        let mut bench = bench(2);
        commit(&mut bench, "g");
        let (id, generation) = stable_group(&mut bench, "g", b"");
        bench.pass(5_000);
        commit(&mut bench, "h");
        bench.pass(1_000);
        bench.now(heartbeat(&id, generation));
        assert!(bench.groups.end_session("g", &id, &bench.catalog, bench.now));
        assert_eq!(join_as(&mut bench, "i"), ErrorCode::MEMBER_ID_REQUIRED);
        assert_eq!(ids(&mut bench), ["g", "i"]);
    }

    #[test]
    fn a_consumer_group_without_members_makes_room_too() {
        let mut bench = bench(1);
        let mut request = ConsumerGroupHeartbeatRequest::default();
        (request.group_id, request.member_id) = ("g".into(), "m".into());
        request.rebalance_timeout_ms = 1_000;
        (request.subscribed_topic_names, request.topic_partitions) = (Some(vec!["t".into()]), Some(vec![]));
        assert_eq!(bench.now(request.clone()).error_code, ErrorCode::NONE);
        let mut other = request.clone();
        other.group_id = "h".into();
        assert_eq!(bench.now(other.clone()).error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        request.member_epoch = -1;
        bench.now(request);
        assert_eq!(bench.now(other).error_code, ErrorCode::NONE);
        assert_eq!(ids(&mut bench), ["h"]);
    }
}
