//! What happens to groups from outside: another broker coordinates them, a session ends before its time.

use std::time::Instant;

use milena_protocol::Str;

use super::Groups;
use super::group::Group;
use super::timers::Timer;
use crate::core::catalog::Catalog;

impl Groups {
    /// Another broker coordinates these groups from now on. Requests that wait are answered with NOT_COORDINATOR. What
    /// was under way is lost, and the sessions of all members begin anew.
    pub fn coordinator_moved(&mut self, is_moved: impl Fn(&str) -> bool, now: Instant) {
        for (_, group) in self.groups.iter_mut().filter(|(id, _)| is_moved(id)) {
            match group {
                Group::Classic(group) => group.coordinator_moved(&mut self.shared, now),
                Group::Consumer(group) => group.coordinator_moved(&mut self.shared, now),
            }
        }
    }

    /// Nobody coordinates these groups for now: their clocks stand still, and begin anew when they have moved.
    pub fn coordinator_lost(&mut self, is_lost: impl Fn(&str) -> bool) {
        for id in self.groups.keys().filter(|id| is_lost(id)) {
            self.shared.timers.stop_all(id);
        }
    }

    /// Ends the session of a member as if nothing had been heard of it for too long. Gives back whether there is such a
    /// member.
    pub fn end_session(&mut self, group_id: &str, member_id: &str, catalog: &Catalog, now: Instant) -> bool {
        let (group_id, timer) = (Str::from(group_id), Timer::Session(Str::from(member_id)));
        let Some(group) = self.groups.get_mut(&group_id).filter(|group| group.knows(member_id)) else {
            return false;
        };
        self.shared.timers.stop(&group_id, timer.clone());
        group.timer_ended(&timer, &mut self.shared, catalog, now);
        self.settle_kind(&group_id, catalog, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use milena_protocol::ErrorCode;
    use milena_protocol::messages::DescribeGroupsRequest;

    use super::*;
    use crate::core::groups::test_support::*;

    const RANGE: &[(&str, &[u8])] = &[("range", b"")];

    fn state(bench: &mut Bench) -> Str {
        let mut request = DescribeGroupsRequest::default();
        request.groups = vec!["g".into()];
        bench.now(request).groups.remove(0).group_state
    }

    #[test]
    fn a_stable_group_goes_on_with_another_coordinator() {
        let mut bench = Bench::prompt();
        let (id, generation) = stable_group(&mut bench, "g", b"mine");
        bench.pass(9_000);
        bench.groups.coordinator_moved(|group| group == "g", bench.now);
        bench.pass(9_000); // the session has begun anew
        assert_eq!(bench.now(heartbeat(&id, generation)).error_code, ErrorCode::NONE);
        assert_eq!(&bench.now(sync(&id, generation)).assignment[..], b"mine");
    }

    #[test]
    fn a_rebalance_under_way_is_forgotten_and_who_waits_is_sent_on() {
        let mut bench = Bench::prompt();
        let (id, generation) = stable_group(&mut bench, "g", b"mine");
        let told = bench.now(join("", RANGE));
        let waiting = bench.ask(join(&told.member_id, RANGE));
        assert_eq!(state(&mut bench), "PreparingRebalance");
        bench.groups.coordinator_moved(|_| true, bench.now);
        bench.pass(0);
        let answer = bench.later(waiting).unwrap();
        assert_eq!((answer.error_code, &answer.member_id), (ErrorCode::NOT_COORDINATOR, &told.member_id));
        assert_eq!(state(&mut bench), "Stable", "as it was last written");
        assert_eq!(bench.now(heartbeat(&id, generation)).error_code, ErrorCode::NONE);
        assert_eq!(bench.now(join(&told.member_id, RANGE)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);

        let joined = bench.now(join(&id, RANGE));
        assert_eq!(state(&mut bench), "CompletingRebalance");
        bench.groups.coordinator_moved(|_| true, bench.now);
        let stale = bench.now(sync(&id, joined.generation_id));
        assert_eq!(stale.error_code, ErrorCode::ILLEGAL_GENERATION, "the generation was never written");
    }

    #[test]
    fn a_group_that_never_had_a_generation_is_found_empty() {
        let mut bench = Bench::new();
        let told = bench.now(join("", RANGE));
        let waiting = bench.ask(join(&told.member_id, RANGE));
        bench.groups.coordinator_moved(|group| group == "h", bench.now);
        assert!(bench.later(waiting).is_none(), "another group has moved");
        bench.groups.coordinator_moved(|group| group == "g", bench.now);
        assert_eq!(bench.later(waiting).unwrap().error_code, ErrorCode::NOT_COORDINATOR);
        assert_eq!(state(&mut bench), "Empty");
        assert_eq!(bench.groups.shared.timers.next(), None);
    }

    #[test]
    fn an_empty_group_stays_empty_and_keeps_its_generation() {
        let mut bench = Bench::prompt();
        let (id, generation) = stable_group(&mut bench, "g", b"");
        bench.now(leave(&[(&id, None)]));
        bench.groups.coordinator_moved(|_| true, bench.now);
        assert_eq!(state(&mut bench), "Empty");
        let (_, next) = stable_group(&mut bench, "g", b"");
        assert_eq!(next, generation + 2);
    }

    #[test]
    fn a_session_ends_before_its_time() {
        let mut bench = Bench::prompt();
        let (id, generation) = stable_group(&mut bench, "g", b"");
        assert!(!bench.groups.end_session("g", "somebody", &bench.catalog, bench.now));
        assert!(!bench.groups.end_session("h", &id, &bench.catalog, bench.now));
        assert!(bench.groups.end_session("g", &id, &bench.catalog, bench.now));
        assert_eq!(bench.now(heartbeat(&id, generation)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(state(&mut bench), "Empty");
    }
}
