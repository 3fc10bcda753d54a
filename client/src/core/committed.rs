//! Where the group left off: looking up committed offsets.
//!
//! Only "no error, offset -1" means that nothing is committed (A4). Any error, and a partition that the answer leaves
//! out, is asked about again: to take it for "nothing committed" would reset the group without a word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use milena_protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use milena_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};
use milena_protocol::{ErrorCode, Str};

use super::backoff::Backoff;
use super::io::{CallId, OffsetAndMetadata};
use super::member::Generation;
use super::rng::Rng;
use super::topic_partition::TopicPartition;

/// The oldest version that reads what the group committed to Kafka itself.
pub(super) const OLDEST: i16 = 1;
/// The newest version that names topics by name.
pub(super) const NEWEST: i16 = 9;
/// The first version with a list of groups (KIP-709).
const MANY_GROUPS: i16 = 8;
/// The first version that says who asks, so that a member which has missed something is told so (KIP-848).
const MEMBER: i16 = 9;
/// The first version that can be told to wait for open transactions (KIP-447).
const REQUIRE_STABLE: i16 = 7;

/// Offsets by partition; `None` where nothing is committed.
pub(super) type Found = BTreeMap<TopicPartition, Option<OffsetAndMetadata>>;

/// The application's own question.
#[derive(Debug)]
struct Query {
    call: CallId,
    missing: BTreeSet<TopicPartition>,
    found: Found,
    asked: Instant,
    deadline: Instant,
}

#[derive(Debug)]
pub(super) struct Committed {
    group_id: Str,
    queries: Vec<Query>,
    in_flight: bool,
    retry_at: Option<Instant>,
    backoff: Backoff,
}

/// What an answer means.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Lookup {
    pub(super) found: Found,
    /// Some partitions, or all, have to be asked about again.
    pub(super) again: bool,
    /// The coordinator is another one.
    pub(super) lose_coordinator: bool,
    /// Asking again will not help.
    pub(super) refused: Option<ErrorCode>,
    /// The same of these partitions; the others have nothing to do with it.
    pub(super) refused_partitions: BTreeMap<TopicPartition, ErrorCode>,
}

impl Committed {
    pub(super) fn new(group_id: Str, backoff: Backoff) -> Self {
        Committed { group_id, queries: Vec::new(), in_flight: false, retry_at: None, backoff }
    }

    /// The application asks.
    pub(super) fn ask(
        &mut self,
        call: CallId,
        partitions: BTreeSet<TopicPartition>,
        asked: Instant,
        deadline: Instant,
    ) {
        self.queries.push(Query { call, missing: partitions, found: Found::new(), asked, deadline });
    }

    pub(super) fn has_queries(&self) -> bool {
        !self.queries.is_empty()
    }

    pub(super) fn may_ask(&self, now: Instant) -> bool {
        !self.in_flight && self.retry_at.is_none_or(|at| at <= now)
    }

    /// The question about these partitions and those that the application asks about; `None` when there are none. It
    /// goes out now; [`answered`](Self::answered) or [`unanswered`](Self::unanswered) must follow.
    pub(super) fn request<'a>(
        &mut self,
        waiting: impl Iterator<Item = &'a TopicPartition>,
        member: Option<&Generation>,
        version: i16,
    ) -> Option<(BTreeSet<TopicPartition>, OffsetFetchRequest)> {
        let mut asked: BTreeSet<TopicPartition> = waiting.cloned().collect();
        asked.extend(self.queries.iter().flat_map(|query| &query.missing).cloned());
        if asked.is_empty() {
            return None;
        }
        self.in_flight = true;
        self.retry_at = None;
        let mut topics: Vec<OffsetFetchRequestTopic> = Vec::new();
        for partition in &asked {
            if topics.last().is_none_or(|topic| topic.name != partition.topic) {
                let mut topic = OffsetFetchRequestTopic::default();
                topic.name = partition.topic.clone();
                topics.push(topic);
            }
            topics.last_mut().into_iter().for_each(|t| t.partition_indexes.push(partition.partition));
        }
        let mut request = OffsetFetchRequest::default();
        request.require_stable = version >= REQUIRE_STABLE;
        if version >= MANY_GROUPS {
            let mut group = OffsetFetchRequestGroup::default();
            (group.group_id, group.topics) = (self.group_id.clone(), Some(topics));
            if let Some(member) = member.filter(|_| version >= MEMBER) {
                (group.member_id, group.member_epoch) = (Some(member.member_id.clone()), member.id);
            }
            request.groups = vec![group];
        } else {
            (request.group_id, request.topics) = (self.group_id.clone(), Some(topics));
        }
        Some((asked, request))
    }

    /// The answer to a question about `asked`. What it found is passed on to the application's questions too.
    pub(super) fn answered(
        &mut self,
        asked: &BTreeSet<TopicPartition>,
        response: &OffsetFetchResponse,
        version: i16,
        rng: &mut Rng,
        now: Instant,
    ) -> Lookup {
        let lookup = self.read(asked, response, version);
        if lookup.again || lookup.refused.is_some() {
            self.unanswered(rng, now);
        } else {
            self.in_flight = false;
            self.backoff.succeed();
        }
        for query in &mut self.queries {
            for (partition, offset) in &lookup.found {
                if query.missing.remove(partition) {
                    query.found.insert(partition.clone(), offset.clone());
                }
            }
        }
        lookup
    }

    /// There was no answer.
    pub(super) fn unanswered(&mut self, rng: &mut Rng, now: Instant) {
        self.in_flight = false;
        self.retry_at = Some(now + self.backoff.fail(rng));
    }

    /// The application's questions that are answered.
    pub(super) fn take_complete(&mut self) -> Vec<(CallId, Found)> {
        let complete = self.queries.extract_if(.., |query| query.missing.is_empty());
        complete.map(|query| (query.call, query.found)).collect()
    }

    /// The application's questions that have waited long enough, and how long that was.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<(CallId, Duration)> {
        let expired = self.queries.extract_if(.., |query| query.deadline <= now);
        expired.map(|query| (query.call, query.deadline - query.asked)).collect()
    }

    /// The application's questions about this partition, among others, which cannot be answered.
    pub(super) fn take_asking(&mut self, partition: &TopicPartition) -> Vec<CallId> {
        let asking = self.queries.extract_if(.., |query| query.missing.contains(partition));
        asking.map(|query| query.call).collect()
    }

    /// All of the application's questions, which cannot be answered.
    pub(super) fn take_all(&mut self) -> Vec<CallId> {
        self.queries.drain(..).map(|query| query.call).collect()
    }

    /// When a back-off ends or a question expires.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let retry_at = self.retry_at.filter(|at| *at > now);
        self.queries.iter().map(|query| query.deadline).chain(retry_at).min()
    }

    fn read(&self, asked: &BTreeSet<TopicPartition>, response: &OffsetFetchResponse, version: i16) -> Lookup {
        let mut lookup = Lookup::default();
        let none = &[][..];
        let (error, topics): (ErrorCode, &[OffsetFetchResponseTopic]) = if version >= MANY_GROUPS {
            match response.groups.iter().find(|group| group.group_id == self.group_id) {
                Some(group) => (group.error_code, &group.topics),
                None => (ErrorCode::NONE, none),
            }
        } else {
            (response.error_code, &response.topics)
        };
        if let Err(error) = error.ok() {
            lookup.fail(error);
            return lookup;
        }
        for topic in topics {
            for partition in &topic.partitions {
                let key = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                let Some(key) = asked.get(&key) else { continue };
                match partition.error_code.ok() {
                    Ok(()) => drop(lookup.found.insert(key.clone(), committed(partition))),
                    Err(
                        error @ (ErrorCode::TOPIC_AUTHORIZATION_FAILED
                        | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                    ) => drop(lookup.refused_partitions.insert(key.clone(), error)),
                    // A version 1 answer has the group's error in its partitions (T6).
                    Err(error) => lookup.fail(error),
                }
            }
        }
        let settled = lookup.found.len() + lookup.refused_partitions.len();
        lookup.again |= lookup.refused.is_none() && settled < asked.len();
        lookup
    }
}

impl Lookup {
    fn fail(&mut self, error: ErrorCode) {
        match error {
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                self.lose_coordinator = true;
                self.again = true;
            }
            // The group has moved on since; whoever is assigned the partitions now will ask.
            ErrorCode::ILLEGAL_GENERATION | ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::STALE_MEMBER_EPOCH => {
                self.again = true;
            }
            error if error.is_retriable() => self.again = true,
            error => self.refused = Some(error),
        }
    }
}

fn committed(partition: &OffsetFetchResponsePartition) -> Option<OffsetAndMetadata> {
    (partition.committed_offset >= 0).then(|| OffsetAndMetadata {
        offset: partition.committed_offset,
        leader_epoch: Some(partition.committed_leader_epoch).filter(|epoch| *epoch >= 0),
        metadata: partition.metadata.as_deref().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use milena_protocol::messages::offset_fetch::OffsetFetchResponseGroup;

    use super::*;
    use crate::core::test_support::{T, start};

    fn partitions(indexes: &[i32]) -> BTreeSet<TopicPartition> {
        indexes.iter().map(|index| TopicPartition::new("t", *index)).collect()
    }

    fn committed() -> (Committed, Rng) {
        (Committed::new("g".into(), Backoff::new(100 * T, 1_000 * T)), Rng::new(1))
    }

    fn answer(group_error: ErrorCode, partitions: &[(i32, i64, ErrorCode)]) -> OffsetFetchResponse {
        let mut topic = OffsetFetchResponseTopic::default();
        topic.name = "t".into();
        for &(index, offset, error) in partitions {
            let mut partition = OffsetFetchResponsePartition::default();
            (partition.partition_index, partition.committed_offset) = (index, offset);
            (partition.committed_leader_epoch, partition.error_code) = (-1, error);
            topic.partitions.push(partition);
        }
        let mut group = OffsetFetchResponseGroup::default();
        (group.group_id, group.error_code, group.topics) = ("g".into(), group_error, vec![topic.clone()]);
        let mut response = OffsetFetchResponse::default();
        (response.groups, response.topics, response.error_code) = (vec![group], vec![topic], group_error);
        response
    }

    fn lookup(group_error: ErrorCode, answered: &[(i32, i64, ErrorCode)]) -> Lookup {
        let (mut committed, mut rng) = committed();
        let asked = partitions(&[0, 1]);
        committed.request(asked.iter(), None, 8).unwrap();
        committed.answered(&asked, &answer(group_error, answered), 8, &mut rng, start())
    }

    #[test]
    fn a4_only_no_error_and_minus_one_means_that_nothing_is_committed() {
        let both = lookup(ErrorCode::NONE, &[(0, 5, ErrorCode::NONE), (1, -1, ErrorCode::NONE)]);
        assert_eq!(both.found[&TopicPartition::new("t", 0)], Some(OffsetAndMetadata::new(5)));
        assert_eq!(both.found[&TopicPartition::new("t", 1)], None);
        assert!(!both.again);

        let failed = lookup(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, &[]);
        assert!(failed.found.is_empty() && failed.again && failed.refused.is_none());
    }

    #[test]
    fn a4_a_partition_that_is_left_out_is_asked_about_again() {
        let half = lookup(ErrorCode::NONE, &[(0, 5, ErrorCode::NONE)]);
        assert_eq!(half.found.len(), 1);
        assert!(half.again);
    }

    #[test]
    fn t6_an_unstable_offset_is_asked_about_again() {
        let half =
            lookup(ErrorCode::NONE, &[(0, 5, ErrorCode::NONE), (1, -1, ErrorCode::UNSTABLE_OFFSET_COMMIT)]);
        assert_eq!(half.found.len(), 1);
        assert!(half.again);
    }

    #[test]
    fn t6_the_broker_is_to_wait_for_open_transactions_where_it_can() {
        for version in OLDEST..=NEWEST {
            let (_, request) = committed().0.request(partitions(&[0]).iter(), None, version).unwrap();
            assert_eq!(request.require_stable, version >= 7, "version {version}");
        }
    }

    #[test]
    fn t6_an_unstable_offset_is_asked_about_again_after_a_back_off() {
        let (now, (mut committed, mut rng)) = (start(), committed());
        let asked = partitions(&[0]);
        committed.request(asked.iter(), None, 8).unwrap();
        let answer = answer(ErrorCode::NONE, &[(0, -1, ErrorCode::UNSTABLE_OFFSET_COMMIT)]);
        committed.answered(&asked, &answer, 8, &mut rng, now);
        assert!(!committed.may_ask(now));
        assert!(committed.may_ask(committed.deadline(now).unwrap()));
    }

    #[test]
    fn t6_an_old_version_has_the_error_of_the_group_in_its_partitions() {
        let (mut committed, mut rng) = committed();
        let asked = partitions(&[0]);
        let (_, request) = committed.request(asked.iter(), None, 1).unwrap();
        assert!(!request.require_stable);
        let answer = answer(ErrorCode::NONE, &[(0, -1, ErrorCode::NOT_COORDINATOR)]);
        let lookup = committed.answered(&asked, &answer, 1, &mut rng, start());
        assert!(lookup.found.is_empty() && lookup.again && lookup.lose_coordinator);
    }

    #[test]
    fn a_refusal_is_told_and_tried_again_only_after_a_back_off() {
        let now = start();
        let (mut committed, mut rng) = committed();
        let asked = partitions(&[0]);
        committed.request(asked.iter(), None, 8).unwrap();
        let answer = answer(ErrorCode::GROUP_AUTHORIZATION_FAILED, &[]);
        let lookup = committed.answered(&asked, &answer, 8, &mut rng, now);
        assert_eq!(lookup.refused, Some(ErrorCode::GROUP_AUTHORIZATION_FAILED));
        assert!(!committed.may_ask(now));
        assert!(committed.may_ask(committed.deadline(now).unwrap()));
    }

    #[test]
    fn the_application_is_answered_when_all_of_its_partitions_are_known() {
        let now = start();
        let (mut committed, mut rng) = committed();
        committed.ask(CallId(3), partitions(&[0, 1]), now, now + 1_000 * T);
        for (index, calls) in [(0, 0), (1, 1)] {
            let (asked, _) = committed.request(std::iter::empty(), None, 8).unwrap();
            let answer = answer(ErrorCode::NONE, &[(index, 5, ErrorCode::NONE)]);
            committed.answered(&asked, &answer, 8, &mut rng, now);
            assert_eq!(committed.take_complete().len(), calls);
        }
        assert!(committed.request(std::iter::empty(), None, 8).is_none());
    }

    #[test]
    fn a_question_of_the_application_expires() {
        let now = start();
        let (mut committed, _) = committed();
        committed.ask(CallId(3), partitions(&[0]), now, now + 1_000 * T);
        assert_eq!(committed.deadline(now), Some(now + 1_000 * T));
        assert_eq!(committed.take_expired(now + 1_000 * T), [(CallId(3), 1_000 * T)]);
    }
}
