//! Commits of offsets: one request at a time, in the order in which they were asked for.
//!
//! A commit takes its offsets when it is called, not when it is sent (T28). So that offsets never go back, a commit that
//! is tried again stays ahead of those that came after it, and of several that nobody waits for only the newest stays. One
//! that is late does not outlive the generation in which a partition of it went: another member may have committed since.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use milena_protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use milena_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use milena_protocol::{ErrorCode, Str};

use super::backoff::Backoff;
use super::io::{CallId, Offsets};
use super::member::Generation;
use super::rng::Rng;
use super::topic_partition::TopicPartition;

/// The newest version that names topics by name.
pub(super) const NEWEST: i16 = 9;

/// Who wants a commit, and so what becomes of it when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A call waits for it.
    Call(CallId),
    /// The application goes on meanwhile.
    Background,
    /// It is time (`auto.commit.interval.ms`). The next one will do as well.
    Auto,
    /// Partitions are about to go, or the consumer is: the next owner should begin there.
    Handover,
    /// The call that waited for it has given up, but nobody knows yet whether it is committed.
    GivenUp,
    /// Nothing was committed, and this is where the reset policy led: the next owner should begin there too.
    Pin,
}

impl Why {
    /// Whether partitions should not go before it is through.
    fn is_for_the_next_owner(self) -> bool {
        matches!(self, Why::Handover | Why::Pin)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) why: Why,
    /// The calls that made it in the background, and until when each waits for it.
    pub(super) background: Vec<(CallId, Instant)>,
    pub(super) offsets: Offsets,
    pub(super) asked: Instant,
    /// Not to be tried after this. Who has made it waits no longer either.
    pub(super) deadline: Instant,
    /// When a partition of it went. In that generation it can still be committed, as nobody else has it yet.
    pub(super) gone_in: Option<Generation>,
}

impl Commit {
    pub(super) fn new(why: Why, offsets: Offsets, asked: Instant, deadline: Instant) -> Self {
        Commit { why, background: Vec::new(), offsets, asked, deadline, gone_in: None }
    }
}

/// When offsets are committed without being asked.
#[derive(Clone, Debug)]
pub(super) struct AutoCommit {
    interval: Duration,
    next: Instant,
}

#[derive(Debug)]
pub(super) struct Commits {
    queue: VecDeque<Commit>,
    in_flight: Option<Commit>,
    retry_at: Option<Instant>,
    backoff: Backoff,
    auto: Option<AutoCommit>,
}

/// What a broker says to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// The same again, later.
    Retry(ErrorCode),
    /// The same again, to the right coordinator.
    LoseCoordinator(ErrorCode),
    /// The group is changing hands: still a member, but nothing was committed.
    Rebalance,
    /// No longer a member of that generation.
    Fenced(ErrorCode),
    /// Another consumer has the same `group.instance.id`.
    InstanceFenced,
    Refused(ErrorCode),
}

impl Commits {
    /// `auto`: `auto.commit.interval.ms`, if commits are automatic.
    pub(super) fn new(auto: Option<Duration>, backoff: Backoff, now: Instant) -> Self {
        Commits {
            queue: VecDeque::new(),
            in_flight: None,
            retry_at: None,
            backoff,
            auto: auto.map(|interval| AutoCommit { interval, next: now + interval }),
        }
    }

    pub(super) fn is_automatic(&self) -> bool {
        self.auto.is_some()
    }

    /// From now on nothing is committed by itself.
    pub(super) fn stop_auto(&mut self) {
        self.auto = None;
    }

    /// Whether it is time for an automatic commit; the next one is an interval later.
    pub(super) fn auto_is_due(&mut self, now: Instant) -> bool {
        let Some(auto) = self.auto.as_mut().filter(|auto| auto.next <= now) else { return false };
        auto.next = now + auto.interval;
        true
    }

    /// When an automatic commit is due.
    pub(super) fn auto_deadline(&self) -> Option<Instant> {
        self.auto.as_ref().map(|auto| auto.next)
    }

    /// The next automatic commit comes in this time.
    pub(super) fn auto_in(&mut self, time: Duration, now: Instant) {
        if let Some(auto) = &mut self.auto {
            auto.next = now + time;
        }
    }

    /// The next automatic commit is an interval away.
    pub(super) fn auto_restart(&mut self, now: Instant) {
        if let Some(interval) = self.auto.as_ref().map(|auto| auto.interval) {
            self.auto_in(interval, now);
        }
    }

    pub(super) fn push(&mut self, commit: Commit) {
        let is_unheard =
            |commit: &Commit| matches!(commit.why, Why::Background | Why::Auto) && commit.gone_in.is_none();
        if let Some(last) = self.queue.back_mut().filter(|last| is_unheard(last) && is_unheard(&commit)) {
            last.asked = commit.asked;
            last.offsets.extend(commit.offsets);
            last.background.extend(commit.background);
            last.deadline = commit.deadline;
            if commit.why == Why::Background {
                last.why = Why::Background;
            }
            return;
        }
        self.queue.push_back(commit);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_none()
    }

    /// Whether partitions should not be given up yet: what the next owner needs is not committed.
    pub(super) fn has_handover(&self) -> bool {
        self.queue.iter().chain(&self.in_flight).any(|commit| commit.why.is_for_the_next_owner())
    }

    /// Whether a commit is to be sent now.
    pub(super) fn wants_request(&self, now: Instant) -> bool {
        self.in_flight.is_none() && !self.queue.is_empty() && self.retry_at.is_none_or(|at| at <= now)
    }

    /// The next commit, which goes out now; [`answered`](Self::answered) must follow.
    pub(super) fn start(&mut self) -> Option<&Offsets> {
        self.in_flight = self.queue.pop_front();
        self.retry_at = None;
        self.in_flight.as_ref().map(|commit| &commit.offsets)
    }

    /// These partitions go, in this generation. Where a reset has led in them is no longer for this member to say.
    pub(super) fn partitions_go(&mut self, gone: &[TopicPartition], generation: &Generation) {
        let gone: BTreeSet<&TopicPartition> = gone.iter().collect();
        for commit in self.queue.iter_mut().chain(&mut self.in_flight) {
            let goes = |partition: &TopicPartition| gone.contains(partition);
            if commit.why == Why::Pin {
                commit.offsets.retain(|partition, _| !goes(partition));
            } else if commit.gone_in.is_none() && commit.offsets.keys().any(goes) {
                commit.gone_in = Some(generation.clone());
            }
        }
    }

    /// Whether the next commit comes too late: in this generation another member may have what has gone.
    pub(super) fn next_is_too_late(&self, generation: &Generation) -> bool {
        let gone_in = self.queue.front().and_then(|commit| commit.gone_in.as_ref());
        gone_in.is_some_and(|gone_in| gone_in != generation)
    }

    /// Whether the next commit has nothing in it: it only waits for those before it, or what was in it has gone.
    pub(super) fn next_is_empty(&self) -> bool {
        self.queue.front().is_some_and(|commit| commit.offsets.is_empty())
    }

    /// The next commit, which is not to be sent at all.
    pub(super) fn refuse(&mut self) -> Option<Commit> {
        self.queue.pop_front()
    }

    /// What came of the commit under way. It is given back unless it is tried again.
    pub(super) fn answered(&mut self, verdict: Verdict, rng: &mut Rng, now: Instant) -> Option<Commit> {
        let commit = self.in_flight.take()?;
        // A topic that was deleted must not hold up a rebalance: what can be committed of the others is.
        let is_deleted = verdict == Verdict::Retry(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        let again = match verdict {
            Verdict::Retry(_) => !(is_deleted && commit.why.is_for_the_next_owner()),
            verdict => matches!(verdict, Verdict::LoseCoordinator(_)),
        };
        let is_lasting = matches!(commit.why, Why::Call(_)) || commit.why.is_for_the_next_owner();
        if again && is_lasting && now < commit.deadline {
            self.retry_at = Some(now + self.backoff.fail(rng));
            self.queue.push_front(commit);
            return None;
        }
        self.backoff.succeed();
        Some(commit)
    }

    /// Commits that were not sent in time.
    pub(super) fn take_expired(&mut self, now: Instant) -> VecDeque<Commit> {
        let (expired, stay) = self.queue.drain(..).partition(|commit| commit.deadline <= now);
        self.queue = stay;
        expired
    }

    /// Calls whose time is up although what they made is not: it is on its way, or a part of something newer. With how long
    /// they had.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<(CallId, Duration)> {
        let mut overdue = Vec::new();
        if let Some(commit) = self.in_flight.as_mut().filter(|commit| commit.deadline <= now)
            && let Why::Call(call) = commit.why
        {
            overdue.push((call, commit.deadline - commit.asked));
            commit.why = Why::GivenUp;
        }
        for commit in self.queue.iter_mut().chain(&mut self.in_flight) {
            let had = commit.deadline - commit.asked;
            let late = commit.background.extract_if(.., |(_, deadline)| *deadline <= now);
            overdue.extend(late.map(|(call, _)| (call, had)));
        }
        overdue
    }

    /// When a back-off ends, a commit expires, or a call has waited long enough.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let retry_at = self.retry_at.filter(|at| *at > now);
        let queued = self.queue.iter().map(|commit| commit.deadline);
        let waited_for = self.in_flight.iter().filter(|commit| matches!(commit.why, Why::Call(_)));
        let waited_for = waited_for.map(|commit| commit.deadline);
        let commits = self.queue.iter().chain(&self.in_flight);
        // They come in the order of their deadlines.
        let calls = commits.filter_map(|commit| commit.background.first().map(|(_, deadline)| *deadline));
        queued.chain(waited_for).chain(calls).chain(retry_at).min()
    }
}

/// The request that commits `offsets` as a member of `generation`.
pub(crate) fn request(
    group_id: &Str,
    group_instance_id: Option<&Str>,
    generation: &Generation,
    offsets: &Offsets,
) -> OffsetCommitRequest {
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (partition, committed) in offsets {
        if topics.last().is_none_or(|topic| topic.name != partition.topic) {
            let mut topic = OffsetCommitRequestTopic::default();
            topic.name = partition.topic.clone();
            topics.push(topic);
        }
        let mut entry = OffsetCommitRequestPartition::default();
        entry.partition_index = partition.partition;
        entry.committed_offset = committed.offset;
        entry.committed_leader_epoch = committed.leader_epoch.unwrap_or(-1);
        entry.committed_metadata = Some(committed.metadata.as_str().into());
        topics.last_mut().into_iter().for_each(|topic| topic.partitions.push(entry.clone()));
    }
    let mut request = OffsetCommitRequest::default();
    request.group_id = group_id.clone();
    request.group_instance_id = group_instance_id.cloned();
    request.generation_id_or_member_epoch = generation.id;
    request.member_id = generation.member_id.clone();
    request.topics = topics;
    request
}

/// What the answer as a whole means. Topics that may not be read, or are gone, are no
/// reason to overlook what is worse.
pub(super) fn verdict(response: &OffsetCommitResponse) -> Verdict {
    let (mut unauthorized, mut unknown) = (None, None);
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    for error in partitions.filter_map(|partition| partition.error_code.ok().err()) {
        return match error {
            ErrorCode::TOPIC_AUTHORIZATION_FAILED => {
                unauthorized = Some(error);
                continue;
            }
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
                unknown = Some(error);
                continue;
            }
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::STALE_MEMBER_EPOCH => Verdict::Retry(error),
            ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::NOT_COORDINATOR
            | ErrorCode::REQUEST_TIMED_OUT => Verdict::LoseCoordinator(error),
            ErrorCode::REBALANCE_IN_PROGRESS => Verdict::Rebalance,
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION | ErrorCode::FENCED_MEMBER_EPOCH => {
                Verdict::Fenced(error)
            }
            ErrorCode::FENCED_INSTANCE_ID => Verdict::InstanceFenced,
            _ => Verdict::Refused(error),
        };
    }
    let unknown = unknown.map_or(Verdict::Done, Verdict::Retry);
    unauthorized.map_or(unknown, Verdict::Refused)
}

#[cfg(test)]
mod tests {
    use milena_protocol::messages::offset_commit::{
        OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    };

    use super::*;
    use crate::core::io::OffsetAndMetadata;
    use crate::core::test_support::{T, start};

    fn commits(now: Instant) -> Commits {
        Commits::new(Some(5_000 * T), Backoff::new(100 * T, 1_000 * T), now)
    }

    fn commit(why: Why, offset: i64, now: Instant) -> Commit {
        let offsets = [(TopicPartition::new("t", 0), OffsetAndMetadata::new(offset))].into();
        Commit::new(why, offsets, now, now + 60_000 * T)
    }

    fn offset(offsets: &Offsets) -> i64 {
        offsets[&TopicPartition::new("t", 0)].offset
    }

    fn response(errors: &[ErrorCode]) -> OffsetCommitResponse {
        let mut topic = OffsetCommitResponseTopic::default();
        for error in errors {
            let mut partition = OffsetCommitResponsePartition::default();
            partition.error_code = *error;
            topic.partitions.push(partition);
        }
        let mut response = OffsetCommitResponse::default();
        response.topics = vec![topic];
        response
    }

    #[test]
    fn t28_one_is_in_flight_and_of_those_that_nobody_waits_for_the_newest_wins() {
        let (now, mut rng) = (start(), Rng::new(1));
        let mut commits = commits(now);
        commits.push(commit(Why::Background, 1, now));
        assert_eq!(offset(commits.start().unwrap()), 1);
        commits.push(commit(Why::Background, 2, now));
        commits.push(commit(Why::Auto, 3, now));
        assert!(!commits.wants_request(now), "one is in flight");
        assert!(commits.answered(Verdict::Done, &mut rng, now).is_some());
        assert_eq!(offset(commits.start().unwrap()), 3);
        let done = commits.answered(Verdict::Done, &mut rng, now).unwrap();
        assert_eq!(done.why, Why::Background);
        assert!(commits.is_empty());
    }

    #[test]
    fn a8_a_commit_that_is_tried_again_stays_ahead_of_later_ones() {
        let (now, mut rng) = (start(), Rng::new(1));
        let mut commits = commits(now);
        commits.push(commit(Why::Call(CallId(7)), 1, now));
        commits.start();
        commits.push(commit(Why::Background, 2, now));
        let retry = Verdict::Retry(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        assert!(commits.answered(retry, &mut rng, now).is_none());
        assert!(!commits.wants_request(now));
        let later = commits.deadline(now).unwrap();
        assert!(commits.wants_request(later));
        assert_eq!(offset(commits.start().unwrap()), 1);
    }

    #[test]
    fn a_commit_in_the_background_is_not_tried_again() {
        let (now, mut rng) = (start(), Rng::new(1));
        let mut commits = commits(now);
        commits.push(commit(Why::Background, 1, now));
        commits.start();
        let lost = Verdict::LoseCoordinator(ErrorCode::NOT_COORDINATOR);
        assert!(commits.answered(lost, &mut rng, now).is_some());
    }

    #[test]
    fn a8_a_topic_that_was_deleted_does_not_hold_up_a_rebalance() {
        let (now, mut rng) = (start(), Rng::new(1));
        let deleted = Verdict::Retry(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        for (why, is_given_back) in [(Why::Handover, true), (Why::Call(CallId(7)), false)] {
            let mut commits = commits(now);
            commits.push(commit(why, 1, now));
            commits.start();
            assert_eq!(commits.answered(deleted, &mut rng, now).is_some(), is_given_back);
        }
    }

    #[test]
    fn t7_what_has_gone_can_be_committed_until_the_generation_ends() {
        let now = start();
        let [old, new] = [1, 2].map(|id| Generation { id, member_id: Str::from("me") });
        let mut commits = commits(now);
        let gone: Vec<TopicPartition> = commit(Why::Background, 1, now).offsets.into_keys().collect();
        commits.push(commit(Why::Background, 1, now));
        commits.partitions_go(&[TopicPartition::new("another", 0)], &old);
        assert!(!commits.next_is_too_late(&new));
        commits.partitions_go(&gone, &old);
        commits.partitions_go(&gone, &new);
        commits.push(commit(Why::Background, 2, now));
        assert!(!commits.next_is_too_late(&old));
        assert!(commits.next_is_too_late(&new), "it is too late from the first time on that it went");
        assert_eq!(offset(&commits.refuse().unwrap().offsets), 1, "what is asked later is not late with it");
        assert!(!commits.next_is_too_late(&new));
    }

    #[test]
    fn where_a_reset_led_is_not_committed_once_the_partition_has_gone() {
        let (now, mut rng) = (start(), Rng::new(1));
        let kept = TopicPartition::new("kept", 0);
        let mut commits = commits(now);
        let mut pins = commit(Why::Pin, 9, now);
        let gone: Vec<TopicPartition> = pins.offsets.keys().cloned().collect();
        pins.offsets.insert(kept.clone(), OffsetAndMetadata::new(7));
        commits.push(pins);
        commits.push(commit(Why::Pin, 9, now));
        commits.start().unwrap();
        commits.partitions_go(&gone, &Generation::default());
        let verdict = Verdict::LoseCoordinator(ErrorCode::NOT_COORDINATOR);
        assert!(commits.answered(verdict, &mut rng, now).is_none(), "it is tried again");
        assert_eq!(commits.start().unwrap().keys().collect::<Vec<_>>(), [&kept]);
        assert!(commits.answered(Verdict::Done, &mut rng, now).is_some());
        assert!(commits.next_is_empty());
    }

    #[test]
    fn commits_expire_at_their_deadline() {
        let now = start();
        let mut commits = commits(now);
        commits.push(commit(Why::Call(CallId(7)), 1, now));
        assert_eq!(commits.deadline(now), Some(now + 60_000 * T));
        assert!(commits.take_expired(now + 59_999 * T).is_empty());
        assert_eq!(commits.take_expired(now + 60_000 * T).len(), 1);
        assert!(commits.is_empty());
    }

    #[test]
    fn a5_a_call_in_the_background_waits_no_longer_than_its_own_deadline() {
        let (now, mut rng) = (start(), Rng::new(1));
        let mut commits = commits(now);
        for seconds in 0..3 {
            let asked = now + seconds * 30_000 * T;
            let background = vec![(CallId(u64::from(seconds)), asked + 60_000 * T)];
            commits.push(Commit { background, ..commit(Why::Background, seconds.into(), asked) });
        }
        assert_eq!(commits.deadline(now), Some(now + 60_000 * T));
        assert!(commits.take_overdue(now + 59_999 * T).is_empty());
        assert_eq!(commits.take_overdue(now + 60_000 * T), [(CallId(0), 60_000 * T)]);
        assert!(commits.take_expired(now + 60_000 * T).is_empty(), "the newest goes on");
        commits.start();
        assert_eq!(commits.take_overdue(now + 90_000 * T), [(CallId(1), 60_000 * T)]);
        let done = commits.answered(Verdict::Done, &mut rng, now + 90_000 * T).unwrap();
        assert_eq!(done.background, [(CallId(2), now + 120_000 * T)]);
    }

    #[test]
    fn a_call_whose_commit_is_on_its_way_ends_at_its_deadline_and_the_next_one_waits_its_turn() {
        let (now, mut rng) = (start(), Rng::new(1));
        let mut commits = commits(now);
        commits.push(commit(Why::Call(CallId(7)), 1, now));
        commits.start();
        commits.push(commit(Why::Call(CallId(8)), 2, now + T));
        let end = now + 60_000 * T;
        assert_eq!(commits.deadline(now), Some(end));
        assert_eq!(commits.take_overdue(end), [(CallId(7), 60_000 * T)]);
        assert!(commits.take_overdue(end).is_empty(), "once");
        assert_eq!(commits.deadline(end), Some(end + T));
        assert!(!commits.wants_request(end), "nobody knows which would be the last");
        let lost = Verdict::Retry(ErrorCode::NETWORK_EXCEPTION);
        assert_eq!(commits.answered(lost, &mut rng, end).unwrap().why, Why::GivenUp);
        assert_eq!(offset(commits.start().unwrap()), 2);
    }

    #[test]
    fn automatic_commits_come_at_their_interval() {
        let now = start();
        let mut commits = commits(now);
        assert!(!commits.auto_is_due(now + 4_999 * T));
        assert!(commits.auto_is_due(now + 6_000 * T));
        assert_eq!(commits.auto_deadline(), Some(now + 11_000 * T));
        commits.auto_in(100 * T, now + 6_000 * T);
        assert!(commits.auto_is_due(now + 6_100 * T));
    }

    #[test]
    fn t7_each_error_has_its_consequence() {
        use ErrorCode as E;
        for (errors, expected) in [
            (&[E::NONE, E::NONE][..], Verdict::Done),
            (&[E::REBALANCE_IN_PROGRESS], Verdict::Rebalance),
            (&[E::ILLEGAL_GENERATION], Verdict::Fenced(E::ILLEGAL_GENERATION)),
            (&[E::UNKNOWN_MEMBER_ID], Verdict::Fenced(E::UNKNOWN_MEMBER_ID)),
            (&[E::FENCED_MEMBER_EPOCH], Verdict::Fenced(E::FENCED_MEMBER_EPOCH)),
            (&[E::NONE, E::STALE_MEMBER_EPOCH], Verdict::Retry(E::STALE_MEMBER_EPOCH)),
            (&[E::FENCED_INSTANCE_ID], Verdict::InstanceFenced),
            (&[E::NOT_COORDINATOR], Verdict::LoseCoordinator(E::NOT_COORDINATOR)),
            (&[E::COORDINATOR_LOAD_IN_PROGRESS], Verdict::Retry(E::COORDINATOR_LOAD_IN_PROGRESS)),
            (&[E::OFFSET_METADATA_TOO_LARGE], Verdict::Refused(E::OFFSET_METADATA_TOO_LARGE)),
            (&[E::TOPIC_AUTHORIZATION_FAILED, E::NONE], Verdict::Refused(E::TOPIC_AUTHORIZATION_FAILED)),
            (&[E::TOPIC_AUTHORIZATION_FAILED, E::REBALANCE_IN_PROGRESS], Verdict::Rebalance),
            (&[E::UNKNOWN_TOPIC_OR_PARTITION, E::NONE], Verdict::Retry(E::UNKNOWN_TOPIC_OR_PARTITION)),
            (&[E::UNKNOWN_TOPIC_OR_PARTITION, E::REBALANCE_IN_PROGRESS], Verdict::Rebalance),
        ] {
            assert_eq!(verdict(&response(errors)), expected, "{errors:?}");
        }
    }

    #[test]
    fn a_request_lists_partitions_by_topic() {
        let offsets = [("a", 0), ("a", 3), ("b", 1)]
            .map(|(topic, partition)| (TopicPartition::new(topic, partition), OffsetAndMetadata::new(5)))
            .into();
        let request = request(&"g".into(), None, &Generation::default(), &offsets);
        let topics: Vec<(&str, usize)> =
            request.topics.iter().map(|topic| (topic.name.as_str(), topic.partitions.len())).collect();
        assert_eq!(topics, [("a", 2), ("b", 1)]);
        assert_eq!(request.topics[0].partitions[1].committed_leader_epoch, -1);
    }
}
